//! A debtor over all portfolios.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{CaseId, CaseState, Currency, DebtorId, Hold, Micros, PortfolioId, PortfolioNo};
use crate::store::cases::CaseHead;
use crate::store::{Tx, debtors};

use super::page::PageToken;
use super::read::{self, CaseView};
use super::working_set::WorkingSet;
use super::{Caller, Engine, Error, Resource};

/// A debtor as read.
#[derive(Clone, Debug)]
pub struct DebtorView {
    /// The debtor.
    pub debtor_id: DebtorId,
    /// Holds in force on the whole debtor.
    pub holds: Vec<Hold>,
    /// Until when the debtor is left alone.
    pub cooling_until: Option<Micros>,
    /// The lease that runs: the case, and the end.
    pub lease: Option<(PortfolioId, CaseId, Micros)>,
    /// Counted attempts, the newest first, at most 100.
    pub attempts: Vec<Micros>,
    /// Counted attempts over all time.
    pub attempt_count: i64,
    /// All cases, closed ones included.
    pub case_count: usize,
    /// Those that are overdue.
    pub open_case_count: usize,
    /// What is overdue over those, by currency, in smallest units.
    pub totals: Vec<(Currency, i128)>,
}

/// A debtor, a page of its cases, and the token of the next one.
///
/// # Errors
/// `NotFound` for the debtor; `PageTokenMalformed`, `PageTokenMismatch`.
pub async fn get_debtor(
    engine: &Arc<Engine>,
    caller: &Caller,
    debtor_id: DebtorId,
    (page_size, page_token): (usize, &str),
) -> Result<(DebtorView, Vec<CaseView>, String), Error> {
    let request = request_of(caller, &debtor_id);
    let after = match PageToken::read(page_token, request)?.as_str() {
        "" => 0,
        text => text.parse().map_err(|_| Error::PageTokenMalformed)?,
    };
    let mut tx = engine.store.read().await?;
    let mut set = WorkingSet::new(engine, caller);
    let found = debtors::find_by_id(&mut tx, caller.part, [debtor_id.as_str()]).await?;
    let debtor_no = found
        .first()
        .map(|debtor| debtor.debtor_no)
        .ok_or_else(|| Error::NotFound { resource: Resource::Debtor, id: debtor_id.to_string() })?;
    set.take_debtors(&mut tx, found).await?;
    set.check_debtor(debtor_no)?;
    let mut heads: Vec<CaseHead> =
        set.cases_of(debtor_no).map(|entry| entry.head.clone()).collect();
    let mut view = summary(&set, &debtor_id, &heads);
    let leased = set.debtor(debtor_no).lease;
    let shown = heads.iter().filter(|head| head.case_no.0 > after).take(page_size + 1);
    let mut page: Vec<CaseHead> = shown.cloned().collect();
    let next = PageToken::cut(&mut page, page_size, request, |last| last.case_no.to_string());
    heads.retain(|head| leased.is_some_and(|(case_no, _)| head.case_no == case_no));
    if let (Some((_, until)), Some(case)) = (leased, views(&set, &mut tx, heads).await?.pop()) {
        view.lease = Some((case.portfolio_id, case.case_id, until));
    }
    Ok((view, views(&set, &mut tx, page).await?, next))
}

/// Continues after a case of a debtor, when an answer ends early because it is
/// large.
pub fn page_after(caller: &Caller, debtor_id: &DebtorId, last: &CaseView) -> String {
    PageToken::write(&last.case_no.to_string(), request_of(caller, debtor_id))
}

fn request_of(caller: &Caller, debtor_id: &DebtorId) -> i64 {
    PageToken::request("debtor", &[&caller.part.0.to_string(), debtor_id.as_str()])
}

/// The debtor in hand, its lease aside.
fn summary(set: &WorkingSet, debtor_id: &DebtorId, heads: &[CaseHead]) -> DebtorView {
    let now = set.now;
    let mut totals: Vec<(Currency, i128)> = Vec::new();
    let open = heads.iter().filter(|head| head.state == CaseState::Open);
    for head in open.clone() {
        let currency = set.portfolio(head.portfolio_no).currency();
        let amount = i128::from(head.overdue_amount_minor);
        match totals.iter_mut().find(|(known, _)| *known == currency) {
            Some((_, total)) => *total += amount,
            None => totals.push((currency, amount)),
        }
    }
    let mut view = DebtorView {
        debtor_id: debtor_id.clone(),
        holds: Vec::new(),
        cooling_until: None,
        lease: None,
        attempts: Vec::new(),
        attempt_count: 0,
        case_count: heads.len(),
        open_case_count: open.count(),
        totals,
    };
    let Some(head) = heads.first() else { return view };
    let debtor = set.debtor(head.debtor_no);
    let in_force = |hold: &&Hold| hold.until.is_none_or(|until| until > now);
    view.holds = debtor.record.holds.iter().filter(in_force).cloned().collect();
    view.cooling_until = debtor.cool_until.filter(|until| *until > now);
    view.attempts = debtor.record.attempts.iter().rev().copied().collect();
    let kept = i64::try_from(view.attempts.len()).unwrap_or(i64::MAX);
    view.attempt_count = debtor.record.earlier_attempt_count.saturating_add(kept);
    view
}

/// Cases of several portfolios as callers see them, by number.
async fn views(
    set: &WorkingSet,
    tx: &mut Tx,
    heads: Vec<CaseHead>,
) -> Result<Vec<CaseView>, Error> {
    let mut by_portfolio: BTreeMap<PortfolioNo, Vec<CaseHead>> = BTreeMap::new();
    for head in heads {
        by_portfolio.entry(head.portfolio_no).or_default().push(head);
    }
    let mut all = Vec::new();
    for (portfolio_no, heads) in by_portfolio {
        let context = Arc::clone(set.portfolio(portfolio_no));
        all.extend(read::views_of(&set.engine, tx, &context, heads, false).await?);
    }
    all.sort_by_key(|view| view.case_no);
    Ok(all)
}
