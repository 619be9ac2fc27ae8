//! Reports: what came of leased work.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::{CaseNo, Micros, Part, Violations};
use crate::policy::{OutcomeRow, Window, failing_gates};
use crate::store::queue::lease::{LeaseEnd, LeaseRow};
use crate::store::queue::report::{self, ReportRow};
use crate::store::{Class, Tx};

use super::lease::token;
use super::lease::{LeaseToken, Outcome, ReportCommand, ReportDisposition, ReportResult};
use super::spread::{Items, by_part, over_parts, values};
use super::working_set::{WorkingSet, WorkingSets, gate_input};
use super::{Caller, Engine, Error, ItemError};

mod apply;
mod check;
mod hands;

use check::Checked;
use hands::Hands;

/// How long a report is remembered.
pub(super) const REPORT_KEPT: i64 = 7 * Micros::DAY;

/// Takes reports. Each ends its lease; one whose lease is over is kept as late:
/// the call happened and counts. The same report again answers the same. Results
/// stand in the order of the outcomes.
///
/// # Errors
/// What the store says. Of single outcomes: `Invalid`, `LeaseTokenMalformed`,
/// `ReportAlreadyExists`.
pub async fn report_outcomes(
    engine: &Arc<Engine>,
    caller: &Caller,
    command: ReportCommand,
) -> Result<Vec<ReportResult>, Error> {
    let parts = engine.parts(caller).await?;
    let part_of = |outcome: &Result<Outcome, _>| {
        token::part_of(&parts, outcome.as_ref().ok().map(|outcome| &outcome.token))
    };
    let spread = parts.only().is_none();
    let reported = over_parts(by_part(command.outcomes, part_of), |part, outcomes| {
        let home = (part, spread);
        engine.transact_over(vec![part], &caller.subject, Class::Interactive, move |sets, tx| {
            Box::pin(report_into(sets, tx, home, outcomes))
        })
    });
    Ok(values(reported.await?))
}

/// Reports taken before and by this call.
struct Reports {
    known: HashMap<(CaseNo, i64), ReportRow>,
    new: Vec<ReportRow>,
}

async fn report_into(
    sets: &mut WorkingSets,
    tx: &mut Tx,
    home: (Part, bool),
    outcomes: Items<Result<Outcome, Violations>>,
) -> Result<Items<ReportResult>, Error> {
    let tokens: Vec<LeaseToken> =
        outcomes.iter().filter_map(|(_, one)| Some(one.as_ref().ok()?.token)).collect();
    let (mut hands, leases) = Hands::take(sets, tx, home, &tokens).await?;
    let set = hands.home();
    let keys: Vec<(CaseNo, i64)> =
        tokens.iter().map(|token| (CaseNo(token.case_no), token.lease_seq)).collect();
    let known = report::find(tx, set.part, &keys).await?;
    let spoken_of: BTreeSet<CaseNo> = tokens
        .iter()
        .filter_map(|token| leases.get(set, token).ok())
        .flat_map(|lease| lease.case_nos.iter().copied())
        .collect();
    set.load_content(tx, spoken_of.iter().copied()).await?;
    let ids = check::ids(&mut hands, tx, spoken_of).await?;
    let mut reports = Reports { known, new: Vec::new() };
    let mut holds = apply::NewHolds::default();
    let mut results = Vec::with_capacity(outcomes.len());
    for (at, outcome) in outcomes {
        let taken = match outcome {
            Err(violations) => Err(ItemError::Invalid(violations)),
            Ok(outcome) => {
                let lease = leases.get(hands.home(), &outcome.token);
                lease.and_then(|lease| {
                    check::check(&mut hands, at, &outcome, (lease, &ids)).and_then(|checked| {
                        take(&mut hands, &mut reports, &mut holds, (lease, &outcome, checked))
                    })
                })
            }
        };
        let result = match taken {
            Ok((disposition, next_eligible)) => {
                ReportResult { disposition: Ok(disposition), next_eligible }
            }
            Err(error) => ReportResult { disposition: Err(error), next_eligible: None },
        };
        results.push((at, result));
    }
    let (part, now) = (hands.home().part, hands.home().now);
    holds.save(tx, now).await?;
    report::insert(tx, part, &reports.new, now).await?;
    Ok(results)
}

type Taken = (ReportDisposition, Option<Micros>);

/// Takes one report whose fields are right.
fn take(
    hands: &mut Hands<'_>,
    reports: &mut Reports,
    holds: &mut apply::NewHolds,
    (lease, outcome, checked): (&LeaseRow, &Outcome, Checked),
) -> Result<Taken, ItemError> {
    let request_hash = request_hash(outcome);
    let key = (lease.case_no, lease.lease_seq);
    if let Some(known) = reports.known.get(&key) {
        if known.request_hash == request_hash {
            return Ok((ReportDisposition::Duplicate, known.next_at));
        }
        return Err(ItemError::ReportAlreadyExists);
    }
    if lease.end.is_some_and(|(end, _)| end == LeaseEnd::Reported) {
        // The report is older than reports are remembered.
        return Err(ItemError::ReportAlreadyExists);
    }
    let (set, lead) = hands.of(lease.case_no);
    set.in_hand(lead)?;
    for case_no in &checked.case_nos {
        let (set, case_no) = hands.of(*case_no);
        set.check_readable(case_no)?;
    }
    let late = !token::runs(hands.home(), lease);
    apply::apply(hands, lease, &checked, late)?;
    holds.place(hands, lease, &checked)?;
    for case_no in &checked.case_nos {
        let (set, case_no) = hands.of(*case_no);
        set.rank(case_no)?;
    }
    let (set, case_no) = hands.of(lease.case_no);
    let next_at = next_eligible(set, case_no);
    let row = ReportRow {
        case_no: lease.case_no,
        lease_seq: lease.lease_seq,
        request_hash,
        outcome_code: checked.row.code.clone(),
        late,
        next_at,
    };
    reports.known.insert(key, row.clone());
    reports.new.push(row);
    let disposition = if late { ReportDisposition::Late } else { ReportDisposition::Accepted };
    Ok((disposition, next_at))
}

/// The hash of all that an outcome says. The text form is stable because it is
/// spelled out here, field by field.
fn request_hash(outcome: &Outcome) -> Vec<u8> {
    let time = outcome.contact_time.map_or("now".to_owned(), |time| time.0.to_string());
    let promise = match &outcome.promise {
        Some(promise) => {
            let amount = promise.amount.map_or("all".to_owned(), |(currency, minor)| {
                format!("{minor} {}", currency.code())
            });
            format!("{amount} {}", promise.date.0)
        }
        None => "none".to_owned(),
    };
    let cases: Vec<String> = outcome
        .cases
        .iter()
        .map(|(portfolio_id, case_id)| format!("{portfolio_id} {case_id}"))
        .collect();
    let text = format!("{} {time} {promise} {}", outcome.outcome_code, cases.join(" "));
    blake3::hash(text.as_bytes()).as_bytes().to_vec()
}

/// When a case may be served again at the earliest, as far as that is known: once
/// all gates that fail now have opened, within hours of contact.
fn next_eligible(set: &mut WorkingSet, case_no: CaseNo) -> Option<Micros> {
    let entry = set.case(case_no)?;
    let (portfolio_no, debtor_no) = (entry.head.portfolio_no, entry.head.debtor_no);
    let zone_set_id = set.debtor(debtor_no).zone_set_id;
    let calendar = set.calendar(portfolio_no, zone_set_id).ok()?;
    let settings = &set.portfolio(portfolio_no).portfolio.settings;
    let entry = set.case(case_no)?;
    let input = gate_input(&entry.head, set.debtor(debtor_no));
    let mut next = set.now;
    // A gate may close behind another; a few rounds find the end of all.
    for _ in 0..4 {
        let failing = failing_gates(&input, settings, &calendar, next);
        if failing.is_empty() {
            return Some(next);
        }
        for gate in failing {
            next = next.max(gate.until?);
        }
        if let Window::Closed { next: opening } = calendar.window(next) {
            next = next.max(opening?);
        }
    }
    Some(next)
}

/// The table's row of an outcome, and what was promised.
pub(super) fn known_codes(rows: &[OutcomeRow]) -> String {
    let codes: Vec<&str> = rows.iter().map(|row| row.code.as_str()).collect();
    format!("it must be one of {}", codes.join(", "))
}
