//! A debtor over all portfolios.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{
    CaseId, CaseNo, CaseState, Currency, DebtorId, Hold, Micros, PortfolioId, PortfolioNo,
};
use crate::store::cases::{self, CaseHead};
use crate::store::debtors::{self, Debtor};
use crate::store::{Damage, Tx};

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
    let after = PageToken::read_number(page_token, request)?;
    let part = engine.parts(caller).await?.of_debtor(&debtor_id);
    let mut tx = engine.store.read().await?;
    let mut set = WorkingSet::of_part(engine, part, &caller.subject, engine.now_of(&tx));
    let found = debtors::numbers_of(&mut tx, part, [debtor_id.as_str()]).await?;
    let debtor_no = found
        .into_values()
        .next()
        .ok_or_else(|| Error::NotFound { resource: Resource::Debtor, id: debtor_id.to_string() })?;
    set.load_debtors(&mut tx, [debtor_no]).await?;
    set.check_debtor(debtor_no)?;
    let shown = set.cases_of(debtor_no).map(|entry| &entry.head);
    let shown = shown.filter(|head| head.case_no.0 > after).take(page_size + 1);
    let mut page: Vec<CaseHead> = shown.cloned().collect();
    let next = PageToken::cut(&mut page, page_size, request, |last| last.case_no.to_string());
    let mut view = summary(&set, debtor_id, set.debtor(debtor_no));
    if let Some((case_no, until)) = set.debtor(debtor_no).lease {
        view.lease = Some(leased(&set, &mut tx, case_no, until).await?);
    }
    Ok((view, views(&set, &mut tx, page).await?, next))
}

/// The case of a running lease, by the callers' ids, and the end.
async fn leased(
    set: &WorkingSet,
    tx: &mut Tx,
    case_no: CaseNo,
    until: Micros,
) -> Result<(PortfolioId, CaseId, Micros), Error> {
    let (portfolio_no, case_id) = cases::load_ids(tx, set.part, [case_no])
        .await?
        .remove(&case_no)
        .ok_or_else(|| Damage::missing("loan_case", set.part, case_no.0))?;
    let case_id = CaseId::new(case_id)
        .map_err(|error| Damage::of("loan_case", set.part, case_no.0, error))?;
    Ok((set.portfolio(portfolio_no).portfolio_id.clone(), case_id, until))
}

/// Continues after a case of a debtor, when an answer ends early because it is
/// large.
pub fn page_after(caller: &Caller, debtor_id: &DebtorId, last: &CaseView) -> String {
    PageToken::write(&last.case_no.to_string(), request_of(caller, debtor_id))
}

fn request_of(caller: &Caller, debtor_id: &DebtorId) -> i64 {
    PageToken::request("debtor", &[&caller.tenant, debtor_id.as_str()])
}

/// The debtor in hand, its lease aside.
fn summary(set: &WorkingSet, debtor_id: DebtorId, debtor: &Debtor) -> DebtorView {
    let heads = set.cases_of(debtor.debtor_no).map(|entry| &entry.head);
    let heads: Vec<&CaseHead> = heads.collect();
    let open = || heads.iter().copied().filter(|head| head.state == CaseState::Open);
    let record = &debtor.record;
    let kept = i64::try_from(record.attempts.len()).unwrap_or(i64::MAX);
    DebtorView {
        debtor_id,
        holds: record.holds.iter().filter(|hold| hold.in_force(set.now)).cloned().collect(),
        cooling_until: debtor.cool_until.filter(|until| *until > set.now),
        lease: None,
        attempts: record.attempts.iter().rev().copied().collect(),
        attempt_count: record.earlier_attempt_count.saturating_add(kept),
        case_count: heads.len(),
        open_case_count: open().count(),
        totals: set.totals(open()),
    }
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
