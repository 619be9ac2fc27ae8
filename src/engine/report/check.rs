//! The fields of a report against its lease, the outcome table and the clock.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::{CaseNo, Currency, LocalDays, Micros, Reason, Violations};
use crate::policy::{Effect, OutcomeRow};
use crate::store::case_stays::Stay;
use crate::store::queue::lease::LeaseRow;
use crate::store::{Tx, cases};

use super::super::context::PortfolioContext;
use super::super::lease::{Outcome, Promised};
use super::super::{Error, ItemError};
use super::hands::Hands;
use super::known_codes;

/// How far ahead of the server's clock a contact may be dated.
const AHEAD_MAX: i64 = Micros::DAY;
/// How far ahead a promise may be.
const PROMISE_DAYS_MAX: i32 = 90;

/// A report whose fields are right.
pub(super) struct Checked {
    pub(super) row: OutcomeRow,
    /// When contact was tried; not before the lease and not after now.
    pub(super) contact_time: Micros,
    /// The cases spoken of; the lead case if none is named.
    pub(super) case_nos: Vec<CaseNo>,
    pub(super) promise: Option<Promised>,
}

/// The callers' ids of cases in hand, by portfolio and case.
pub(super) type Ids = HashMap<(String, String), CaseNo>;

/// Finds the callers' ids of cases whose content was loaded.
pub(super) async fn ids(
    hands: &mut Hands<'_>,
    tx: &mut Tx,
    mut case_nos: BTreeSet<CaseNo>,
) -> Result<Ids, Error> {
    let gone = hands.gone().iter().filter(|(case_no, _)| case_nos.remove(*case_no));
    let named = |stay: &Stay| (stay.portfolio_no, stay.case_id.clone());
    let mut found: HashMap<_, _> =
        gone.map(|(case_no, gone)| (*case_no, named(&gone.stay))).collect();
    let mut missing = Vec::new();
    let set = hands.home();
    for case_no in case_nos {
        match set
            .case(case_no)
            .and_then(|entry| Some((entry.head.portfolio_no, entry.case_id.clone()?)))
        {
            Some(named) => {
                found.insert(case_no, named);
            }
            None => missing.push(case_no),
        }
    }
    // What cannot be read can be named all the same.
    if !missing.is_empty() {
        found.extend(cases::load_ids(tx, set.part, missing).await?);
    }
    let id = |(case_no, (portfolio_no, case_id))| {
        let portfolio_id = set.known_portfolio(portfolio_no)?.portfolio.id.clone();
        Some(((portfolio_id, case_id), case_no))
    };
    Ok(found.into_iter().filter_map(id).collect())
}

/// Checks one outcome; all broken rules are found at once.
pub(super) fn check(
    hands: &mut Hands<'_>,
    at: usize,
    outcome: &Outcome,
    (lease, ids): (&LeaseRow, &Ids),
) -> Result<Checked, ItemError> {
    let mut violations = Violations::new();
    let set = hands.home();
    let (engine, now) = (Arc::clone(&set.engine), set.now);
    let row = engine.outcomes.get(&outcome.outcome_code);
    if row.is_none() {
        let field = format!("outcomes[{at}].outcome_code");
        let bound = known_codes(engine.outcomes.rows());
        violations.add(field, Reason::FieldOutOfRange, &outcome.outcome_code, bound);
    }
    let latest = now.plus(AHEAD_MAX);
    if let Some(time) = outcome.contact_time.filter(|time| *time > latest || time.0 < 0) {
        let bound = format!("it must lie between 1970 and {latest}");
        let field = format!("outcomes[{at}].contact_time");
        violations.add(field, Reason::FieldOutOfRange, time, bound);
    }
    let case_nos = spoken_of(at, outcome, (lease, ids), &mut violations);
    if let Some(row) = row {
        check_promise(hands, at, (outcome, row), (lease, &case_nos), &mut violations);
    }
    let checked = violations.or(row).map_err(ItemError::Invalid)?;
    let row = checked.expect("an unknown code is a violation").clone();
    let contact_time = outcome.contact_time.unwrap_or(now);
    Ok(Checked {
        row,
        contact_time: contact_time.max(lease.grant_time).min(now),
        case_nos,
        promise: outcome.promise.clone(),
    })
}

/// The cases an outcome speaks of: each one of the work item, each once.
fn spoken_of(
    at: usize,
    outcome: &Outcome,
    (lease, ids): (&LeaseRow, &Ids),
    violations: &mut Violations,
) -> Vec<CaseNo> {
    if outcome.cases.is_empty() {
        return vec![lease.case_no];
    }
    let mut case_nos = Vec::with_capacity(outcome.cases.len());
    for (place, (portfolio_id, case_id)) in outcome.cases.iter().enumerate() {
        let key = (portfolio_id.to_string(), case_id.to_string());
        let field = format!("outcomes[{at}].cases[{place}]");
        let value = format!("{portfolio_id} {case_id}");
        match ids.get(&key).filter(|case_no| lease.case_nos.contains(case_no)) {
            Some(case_no) if case_nos.contains(case_no) => {
                violations.add(field, Reason::FieldConflict, value, "each case may stand once");
            }
            Some(case_no) => case_nos.push(*case_no),
            None => {
                let bound = "it must be a case of the work item";
                violations.add(field, Reason::FieldOutOfRange, value, bound);
            }
        }
    }
    case_nos
}

fn check_promise(
    hands: &mut Hands<'_>,
    at: usize,
    (outcome, row): (&Outcome, &OutcomeRow),
    (lease, case_nos): (&LeaseRow, &[CaseNo]),
    violations: &mut Violations,
) {
    let field = format!("outcomes[{at}].promise");
    let promise = match (&outcome.promise, row.effect == Effect::Promise) {
        (Some(promise), true) => promise,
        (None, true) => return violations.required(field),
        (Some(_), false) => {
            let bound = format!("the outcome {} takes none", row.code);
            return violations.add(field, Reason::FieldConflict, "given", bound);
        }
        (None, false) => return,
    };
    let Some((context, now)) = portfolio_of(hands, lease.case_no) else { return };
    let today = context.zone.day_of(now);
    let last = today.plus(PROMISE_DAYS_MAX);
    if !(today..=last).contains(&promise.date) {
        let bound = format!("it must lie between {today} and {last}");
        violations.add(
            format!("{field}.promised_date"),
            Reason::FieldOutOfRange,
            promise.date,
            bound,
        );
    }
    let Some((currency, amount)) = promise.amount else { return };
    let field = format!("{field}.promised_amount");
    if amount <= 0 {
        violations.add(field.clone(), Reason::FieldOutOfRange, amount, "it must be above 0");
    }
    let others = case_nos.iter().filter_map(|case_no| portfolio_of(hands, *case_no));
    let currencies: Vec<Currency> = others.map(|(context, _)| context.currency()).collect();
    for base in currencies.into_iter().chain([context.currency()]) {
        if base != currency {
            let bound = format!("the amounts of the cases are in {base}");
            violations.add(field, Reason::CurrencyMismatch, currency, bound);
            return;
        }
    }
}

/// The portfolio of a case in hand, and the instant.
fn portfolio_of(hands: &mut Hands<'_>, case_no: CaseNo) -> Option<(Arc<PortfolioContext>, Micros)> {
    let (set, case_no) = hands.of(case_no);
    let portfolio_no = set.case(case_no)?.head.portfolio_no;
    Some((Arc::clone(set.portfolio(portfolio_no)), set.now))
}
