//! Reading cases.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{
    CaseId, CaseNo, CaseState, CloseReason, Currency, Day, DebtorId, Facts, Hold, InvalidId,
    LocalDays, Micros, Part, Payment, PortfolioId, Rank, RecoveryGroup, Stage,
};
use crate::store::cases::{self, CaseContent, CaseHead, HeadFilter, KnownCase};
use crate::store::debtors::{self, Debtor};
use crate::store::{StoreError, Tx};

use super::context::PortfolioContext;
use super::page::PageToken;
use super::{Caller, Engine, Error, Resource};

/// A case as read.
#[derive(Clone, Debug)]
pub struct CaseView {
    /// The service's number.
    pub case_no: CaseNo,
    /// The portfolio.
    pub portfolio_id: PortfolioId,
    /// The case.
    pub case_id: CaseId,
    /// The debtor.
    pub debtor_id: DebtorId,
    /// The currency of every amount.
    pub currency: Currency,
    /// The state.
    pub state: CaseState,
    /// Why it ended.
    pub close_reason: Option<CloseReason>,
    /// 1 for the first time it fell overdue.
    pub episode: i64,
    /// What is overdue now, in smallest units.
    pub overdue_amount_minor: i64,
    /// Whether payments unknown to the ledger were taken off.
    pub provisional: bool,
    /// The oldest day on which something due is not paid.
    pub oldest_due_date: Option<Day>,
    /// Calendar days since then, today; nothing without such a day.
    pub days_past_due: Option<i32>,
    /// The stage.
    pub stage: Option<Stage>,
    /// The rank; nothing when closed.
    pub rank: Option<Rank>,
    /// The instant the ledger speaks of.
    pub as_of: Micros,
    /// Holds in force on the case.
    pub case_holds: Vec<Hold>,
    /// Holds in force on the debtor.
    pub debtor_holds: Vec<Hold>,
    /// The newest document, and its sequence; in full views only.
    pub document: Option<(Facts, Option<i64>)>,
    /// Payments, newest first, at most 64; in full views only.
    pub payments: Vec<Payment>,
}

/// Which cases to list: all filters given must hold.
#[derive(Clone, Debug)]
pub struct ListCasesQuery {
    /// The portfolio.
    pub portfolio_id: PortfolioId,
    /// The most cases to return, 1 to 1,000.
    pub page_size: usize,
    /// Continues an earlier answer.
    pub page_token: String,
    /// Any of these; empty = all.
    pub states: Vec<CaseState>,
    /// Any of these; empty = all.
    pub groups: Vec<RecoveryGroup>,
    /// Any of these; empty = all.
    pub stages: Vec<Stage>,
    /// Only this debtor's.
    pub debtor_id: Option<DebtorId>,
    /// Whether documents and payments are wanted.
    pub full: bool,
}

/// The most payments a view shows.
const PAYMENTS_SHOWN: usize = 64;

/// One case in full.
///
/// # Errors
/// `NotFound` for the portfolio or the case.
pub async fn get_case(
    engine: &Arc<Engine>,
    caller: &Caller,
    portfolio_id: PortfolioId,
    case_id: CaseId,
) -> Result<CaseView, Error> {
    let mut tx = engine.store.read().await?;
    let context = engine.context_by_id(&mut tx, caller.part, &portfolio_id).await?;
    let known = find(&mut tx, caller.part, &context, &case_id).await?;
    let mut views = views(engine, &mut tx, &context, vec![known.head], true).await?;
    views.pop().ok_or_else(|| Error::Internal("a case has no view".to_owned()))
}

/// A page of the cases that fit all filters, and the token of the next one.
///
/// # Errors
/// `NotFound` for the portfolio; `PageTokenMalformed`, `PageTokenMismatch`.
pub async fn list_cases(
    engine: &Arc<Engine>,
    caller: &Caller,
    query: ListCasesQuery,
) -> Result<(Vec<CaseView>, String), Error> {
    let request = request_of(caller, &query);
    let after = PageToken::read(&query.page_token, request)?;
    let after = match after.as_str() {
        "" => 0,
        text => text.parse().map_err(|_| Error::PageTokenMalformed)?,
    };
    let mut tx = engine.store.read().await?;
    let context = engine.context_by_id(&mut tx, caller.part, &query.portfolio_id).await?;
    let debtor_no = match &query.debtor_id {
        Some(id) => {
            let found = debtors::find_by_id(&mut tx, caller.part, [id.as_str()]).await?;
            let Some(debtor) = found.first() else { return Ok((Vec::new(), String::new())) };
            Some(debtor.debtor_no)
        }
        None => None,
    };
    let filter = HeadFilter {
        after,
        states: query.states.iter().map(|state| *state as i64).collect(),
        groups: query.groups.iter().map(|group| *group as i64).collect(),
        stages: query.stages.iter().map(|stage| *stage as i64).collect(),
        debtor_no,
        limit: query.page_size + 1,
    };
    let number = context.portfolio.number;
    let mut heads = cases::list_heads(&mut tx, caller.part, number, filter).await?;
    let next =
        PageToken::cut(&mut heads, query.page_size, request, |last| last.case_no.to_string());
    Ok((views(engine, &mut tx, &context, heads, query.full).await?, next))
}

/// Continues a listing after a case of it, when an answer ends early because it
/// is large.
pub fn page_after(caller: &Caller, query: &ListCasesQuery, last: &CaseView) -> String {
    PageToken::write(&last.case_no.to_string(), request_of(caller, query))
}

/// The listing that a page token belongs to: all its filters.
fn request_of(caller: &Caller, query: &ListCasesQuery) -> i64 {
    let filters = format!(
        "{:?} {:?} {:?} {:?} {:?}",
        query.portfolio_id, query.states, query.groups, query.stages, query.debtor_id
    );
    PageToken::request("cases", &[&caller.part.0.to_string(), &filters])
}

/// A case of a portfolio by the caller's id.
pub(super) async fn find(
    tx: &mut Tx,
    part: Part,
    context: &PortfolioContext,
    case_id: &CaseId,
) -> Result<KnownCase, Error> {
    let number = context.portfolio.number;
    let mut found = cases::find_by_id(tx, part, number, [case_id.as_str()]).await?;
    found
        .remove(case_id.as_str())
        .ok_or_else(|| Error::NotFound { resource: Resource::Case, id: case_id.to_string() })
}

/// Cases of one portfolio as callers see them, in the order of the heads.
pub(super) async fn views(
    engine: &Engine,
    tx: &mut Tx,
    context: &PortfolioContext,
    heads: Vec<CaseHead>,
    full: bool,
) -> Result<Vec<CaseView>, Error> {
    let (part, now) = (context.part, engine.now());
    let case_nos: Vec<_> = heads.iter().map(|head| head.case_no).collect();
    let ids = cases::load_ids(tx, part, case_nos.iter().copied()).await?;
    let debtor_nos = heads.iter().map(|head| head.debtor_no);
    let loaded = debtors::load(tx, part, debtor_nos).await?;
    let debtors: HashMap<_, _> =
        loaded.into_iter().map(|debtor| (debtor.debtor_no, debtor)).collect();
    let held = heads.iter().filter(|head| full || head.hold_until.is_some());
    let contents = cases::load_content(tx, part, held.map(|head| head.case_no)).await?;
    let today = context.zone.day_of(now);
    let missing = |what: &str, number: i64| {
        Error::Store(StoreError::Corrupt {
            table: "case_head",
            key: format!("({part}, {number})"),
            why: format!("its {what} is missing"),
        })
    };
    heads
        .into_iter()
        .map(|head| {
            let number = head.case_no.0;
            let (_, id) = ids.get(&head.case_no).ok_or_else(|| missing("id", number))?;
            let debtor = debtors.get(&head.debtor_no).ok_or_else(|| missing("debtor", number))?;
            let content = contents.get(&head.case_no).map(|(_, content)| content);
            view(context, (id, &head, debtor), content, (now, today, full))
        })
        .collect()
}

fn view(
    context: &PortfolioContext,
    stored: (&str, &CaseHead, &Debtor),
    content: Option<&CaseContent>,
    as_seen: (Micros, Day, bool),
) -> Result<CaseView, Error> {
    let (id, head, debtor) = stored;
    let (now, today, full) = as_seen;
    let corrupt = |error: InvalidId| Error::Internal(format!("a stored id {error}"));
    let in_force = |holds: &[Hold]| {
        holds.iter().filter(|hold| hold.until.is_none_or(|until| until > now)).cloned().collect()
    };
    let shown = content.filter(|_| full);
    let open = head.state != CaseState::Closed;
    Ok(CaseView {
        case_no: head.case_no,
        portfolio_id: context.portfolio_id.clone(),
        case_id: CaseId::new(id).map_err(corrupt)?,
        debtor_id: DebtorId::new(debtor.debtor_id.as_str()).map_err(corrupt)?,
        currency: context.currency(),
        state: head.state,
        close_reason: head.close_reason,
        episode: head.episode,
        overdue_amount_minor: head.overdue_amount_minor,
        provisional: head.absorb_at.is_some(),
        oldest_due_date: head.oldest_due_date,
        days_past_due: head.oldest_due_date.map(|due| today.since(due)),
        stage: (head.state == CaseState::Open).then_some(head.stage),
        rank: open.then_some(head.rank),
        as_of: head.as_of,
        case_holds: content.map(|content| in_force(&content.history.holds)).unwrap_or_default(),
        debtor_holds: in_force(&debtor.record.holds),
        document: shown.map(|content| (content.facts.clone(), head.ledger_sequence)),
        payments: shown
            .map(|content| {
                content.history.payments.iter().rev().take(PAYMENTS_SHOWN).cloned().collect()
            })
            .unwrap_or_default(),
    })
}
