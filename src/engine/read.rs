//! Reading cases.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{
    Arm, CaseId, CaseNo, CaseState, CloseReason, Currency, Day, DebtorId, Facts, Hold, InvalidId,
    LocalDays, Micros, Part, Payment, PortfolioId, Rank, RecoveryGroup, Route, Stage,
};
use crate::store::cases::{self, CaseContent, CaseHead, HeadFilter, KnownCase};
use crate::store::debtors::{self, Debtor};
use crate::store::{Damage, Lock, Readable, Tx};

use super::context::PortfolioContext;
use super::page::PageToken;
use super::stays::FoundCase;
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

/// A case of a page: as it stands, or why it cannot be read.
#[derive(Clone, Debug)]
pub struct ListedCase {
    /// The part it lives in.
    pub part: Part,
    /// The service's number.
    pub case_no: CaseNo,
    /// The caller's id, empty where it cannot be read.
    pub case_id: String,
    /// The case, or the row that is damaged.
    pub read: Result<CaseView, Damage>,
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
    /// Any of these arms of an experiment; empty = all.
    pub arms: Vec<Arm>,
    /// Any of these routes, [`Route::NONE`] for the cases without a label; empty = all.
    pub routes: Vec<Route>,
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
    let found = engine.find_case(caller, (&portfolio_id, &case_id)).await?;
    let FoundCase { mut tx, context, known } = found;
    view_of(engine, &mut tx, &context, known.head, true).await
}

/// A page of the cases that fit all filters, and the token of the next one. Cases
/// that cannot be read are listed as such and logged: whoever reads a whole portfolio
/// shall have the others, and shall know that some are missing.
///
/// # Errors
/// `NotFound` for the portfolio; `PageTokenMalformed`, `PageTokenMismatch`.
pub async fn list_cases(
    engine: &Arc<Engine>,
    caller: &Caller,
    query: ListCasesQuery,
) -> Result<(Vec<ListedCase>, String), Error> {
    let request = request_of(caller, &query);
    let parts = engine.parts(caller).await?;
    let of_debtor = query.debtor_id.as_ref().map(|debtor_id| [parts.of_debtor(debtor_id)]);
    let parts = of_debtor.as_ref().map_or(parts.all(), |part| part.as_slice());
    let cursor = PageToken::read(&query.page_token, request)?;
    let mut place = match cursor.as_str() {
        "" => (parts[0], CaseNo(0)),
        cursor => place_of(cursor).ok_or(Error::PageTokenMalformed)?,
    };
    let begins = parts.iter().position(|part| *part == place.0);
    let mut listed: Vec<ListedCase> = Vec::new();
    for part in &parts[begins.ok_or(Error::PageTokenMalformed)?..] {
        if *part != place.0 {
            place = (*part, CaseNo(0));
        }
        let room = query.page_size + 1 - listed.len();
        listed.extend(list_in(engine, place, room, &query).await?);
        if listed.len() > query.page_size {
            break;
        }
    }
    let next = PageToken::cut(&mut listed, query.page_size, request, cursor_of);
    for damage in listed.iter().filter_map(|listed| listed.read.as_ref().err()) {
        let Damage { table, key, why } = damage;
        tracing::error!(table, key, why, "stored data cannot be read back: a case is not listed");
    }
    Ok((listed, next))
}

/// The next cases of one part behind a case, at most `room`.
async fn list_in(
    engine: &Engine,
    (part, after): (Part, CaseNo),
    room: usize,
    query: &ListCasesQuery,
) -> Result<Vec<ListedCase>, Error> {
    let mut tx = engine.store.read().await?;
    let context = engine.context_by_id(&mut tx, part, &query.portfolio_id).await?;
    let debtor_no = match &query.debtor_id {
        Some(id) => {
            let found = debtors::numbers_of(&mut tx, part, [id.as_str()]).await?;
            let Some(debtor_no) = found.into_values().next() else { return Ok(Vec::new()) };
            Some(debtor_no)
        }
        None => None,
    };
    let filter = HeadFilter {
        after: after.0,
        states: query.states.iter().map(|state| *state as i64).collect(),
        groups: query.groups.iter().map(|group| *group as i64).collect(),
        stages: query.stages.iter().map(|stage| *stage as i64).collect(),
        arms: query.arms.iter().map(|arm| *arm as i64).collect(),
        routes: query.routes.clone(),
        debtor_no,
        limit: room,
    };
    let number = context.portfolio.number;
    let all = filter.fits_all();
    let mut heads = cases::list_heads(&mut tx, part, number, filter).await?;
    if all {
        // What has no head has nothing that a filter could be compared with.
        let last = heads.last().filter(|_| heads.len() == room);
        let to = last.map_or(i64::MAX, |(case_no, _)| case_no.0);
        let headless = cases::headless(&mut tx, part, number, (after.0, to)).await?;
        heads.extend(headless.into_iter().map(|(case_no, damage)| (case_no, Err(damage))));
        heads.sort_by_key(|(case_no, _)| *case_no);
        heads.truncate(room);
    }
    views(engine, &mut tx, &context, heads, query.full).await
}

fn cursor_of(last: &ListedCase) -> String {
    format!("{} {}", last.part, last.case_no)
}

fn place_of(cursor: &str) -> Option<(Part, CaseNo)> {
    let (part, case_no) = cursor.split_once(' ')?;
    Some((Part(part.parse().ok()?), CaseNo(case_no.parse().ok()?)))
}

/// Continues a listing after a case of it, when an answer ends early because it
/// is large.
pub fn page_after(caller: &Caller, query: &ListCasesQuery, last: &ListedCase) -> String {
    PageToken::write(&cursor_of(last), request_of(caller, query))
}

/// The listing that a page token belongs to: all its filters.
fn request_of(caller: &Caller, query: &ListCasesQuery) -> i64 {
    let filters = format!(
        "{:?} {:?} {:?} {:?} {:?}",
        query.portfolio_id, query.states, query.groups, query.stages, query.debtor_id
    );
    let mut all = vec![caller.tenant.as_str(), &filters];
    // Tokens of before there were these filters go on.
    let arms = format!("{:?}", query.arms);
    all.extend((!query.arms.is_empty()).then_some(&*arms));
    let routes = format!("{:?}", query.routes);
    all.extend((!query.routes.is_empty()).then_some(&*routes));
    PageToken::request("cases", &all)
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
    let missing = || Error::NotFound { resource: Resource::Case, id: case_id.to_string() };
    Ok(found.remove(case_id.as_str()).ok_or_else(missing)??)
}

/// Cases of one portfolio as callers see them, in the order of the heads.
pub(super) async fn views(
    engine: &Engine,
    tx: &mut Tx,
    context: &PortfolioContext,
    heads: Vec<(CaseNo, Readable<CaseHead>)>,
    full: bool,
) -> Result<Vec<ListedCase>, Error> {
    let (part, now) = (context.part, engine.now_of(tx));
    let today = context.zone.day_of(now);
    let ids = cases::load_ids(tx, part, heads.iter().map(|(case_no, _)| *case_no)).await?;
    let readable = || heads.iter().filter_map(|(_, head)| head.as_ref().ok());
    let loaded = debtors::load(tx, part, readable().map(|head| head.debtor_no), Lock::None).await?;
    let debtors: HashMap<_, _> =
        loaded.into_iter().map(|debtor| (debtor.debtor_no, debtor.read)).collect();
    let held = readable().filter(|head| full || head.hold_until.is_some());
    let mut contents = cases::load_content(tx, part, held.map(|head| head.case_no)).await?;
    let mut view_of = |case_no: CaseNo, head: Readable<CaseHead>| {
        let missing = |table, number| Damage::missing(table, part, number);
        let head = head?;
        let (_, id) = ids.get(&case_no).ok_or_else(|| missing("loan_case", case_no.0))?;
        let debtor = debtors.get(&head.debtor_no).cloned();
        let debtor = debtor.unwrap_or_else(|| Err(missing("debtor", head.debtor_no.0)))?;
        let content = contents.remove(&case_no).transpose()?.map(|(_, content)| content);
        view(context, (id, &head, &debtor), content.as_ref(), (now, today, full))
    };
    let listed = heads.into_iter().map(|(case_no, head)| ListedCase {
        part,
        case_no,
        case_id: ids.get(&case_no).map(|(_, id)| id.clone()).unwrap_or_default(),
        read: view_of(case_no, head),
    });
    Ok(listed.collect())
}

/// One case as callers see it.
///
/// # Errors
/// `Corrupt` if any row of it cannot be read.
pub(super) async fn view_of(
    engine: &Engine,
    tx: &mut Tx,
    context: &PortfolioContext,
    head: CaseHead,
    full: bool,
) -> Result<CaseView, Error> {
    let missing = Damage::missing("case_head", context.part, head.case_no.0);
    let view = views_of(engine, tx, context, vec![head], full).await?.pop();
    Ok(view.ok_or(missing)?)
}

/// Cases of one portfolio as callers see them, in the order of the heads.
///
/// # Errors
/// `Corrupt` if any row of any of them cannot be read.
pub(super) async fn views_of(
    engine: &Engine,
    tx: &mut Tx,
    context: &PortfolioContext,
    heads: Vec<CaseHead>,
    full: bool,
) -> Result<Vec<CaseView>, Error> {
    let heads = heads.into_iter().map(|head| (head.case_no, Ok(head))).collect();
    let listed = views(engine, tx, context, heads, full).await?;
    Ok(listed.into_iter().map(|listed| listed.read).collect::<Result<_, Damage>>()?)
}

fn view(
    context: &PortfolioContext,
    stored: (&str, &CaseHead, &Debtor),
    content: Option<&CaseContent>,
    as_seen: (Micros, Day, bool),
) -> Result<CaseView, Damage> {
    let (id, head, debtor) = stored;
    let (now, today, full) = as_seen;
    let corrupt =
        |table, number| move |error: InvalidId| Damage::of(table, context.part, number, error);
    let in_force =
        |holds: &[Hold]| holds.iter().filter(|hold| hold.in_force(now)).cloned().collect();
    let shown = content.filter(|_| full);
    let open = head.state != CaseState::Closed;
    Ok(CaseView {
        case_no: head.case_no,
        portfolio_id: context.portfolio_id.clone(),
        case_id: CaseId::new(id).map_err(corrupt("loan_case", head.case_no.0))?,
        debtor_id: DebtorId::new(debtor.debtor_id.as_str())
            .map_err(corrupt("debtor", debtor.debtor_no.0))?,
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
