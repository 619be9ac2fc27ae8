//! Which portfolios have cases to be placed anew, and how far that has come: it goes
//! on behind a restart where it stood.

use crate::model::{CaseNo, CloseReason, Gate, Micros, Part, PortfolioNo, QueueState, RuleSetId};

use super::db::{Lock, Tx, params, statements};
use super::postgres::TRANSACTION_MAX;
use super::{StoreError, cases};

statements! {
    BEGIN = "INSERT INTO portfolio_placing (part, portfolio_no, after_case_no, again_at) \
        VALUES ($1, $2, 0, $3) ON CONFLICT (part, portfolio_no) DO UPDATE SET \
        after_case_no = excluded.after_case_no, again_at = excluded.again_at";
    // A named cross-part scan: rows are only there while there is something to do.
    PENDING = "SELECT part, portfolio_no, after_case_no FROM portfolio_placing \
        WHERE after_case_no >= 0 OR again_at <= $1 ORDER BY part, portfolio_no LIMIT 100";
    CLAIM = "SELECT after_case_no FROM portfolio_placing \
        WHERE part = $1 AND portfolio_no = $2 AND after_case_no = $3 {lock:portfolio_placing}";
    // Keys first, from an index that has no more than keys.
    PLACED_SLICE = "SELECT s.case_no, COALESCE(h.close_reason, 0), h.rule_set_id, COALESCE(q.state, 0), \
        COALESCE(q.withheld_by, 0) FROM (SELECT k.case_no FROM case_head k \
            WHERE k.part = $1 AND k.portfolio_no = $2 AND k.case_no > $3 \
            ORDER BY k.case_no LIMIT 2000) AS s \
        CROSS JOIN case_head h LEFT JOIN case_q q ON q.part = $1 AND q.case_no = s.case_no \
        WHERE h.part = $1 AND h.case_no = s.case_no ORDER BY s.case_no";
    ADVANCE = "UPDATE portfolio_placing SET after_case_no = $4 \
        WHERE part = $1 AND portfolio_no = $2 AND after_case_no = $3";
    // Once more: the instant is used up.
    AGAIN = "UPDATE portfolio_placing SET after_case_no = 0, again_at = NULL \
        WHERE part = $1 AND portfolio_no = $2 AND after_case_no = $3";
    WAIT = "UPDATE portfolio_placing SET after_case_no = -1 \
        WHERE part = $1 AND portfolio_no = $2 AND after_case_no = $3 AND again_at IS NOT NULL";
    STANDS = "SELECT after_case_no, again_at FROM portfolio_placing \
        WHERE part = $1 AND portfolio_no = $2";
    END = "DELETE FROM portfolio_placing WHERE part = $1 AND portfolio_no = $2 AND after_case_no = $3";
}

/// A portfolio whose cases are being placed anew, and the last case that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) part: Part,
    pub(crate) portfolio_no: PortfolioNo,
    pub(crate) after: CaseNo,
}

/// Cases to be placed anew, and where to go on behind them; nothing at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) case_nos: Vec<CaseNo>,
    pub(crate) next: Option<CaseNo>,
}

/// The longest that a transaction may go on with settings it has read, counted from the
/// beginning of the one that changes them, which may last as long itself; and some time to
/// spare: that bound is kept by another machine's clock.
const SETTINGS_KEPT: i64 = 2 * TRANSACTION_MAX.as_secs() as i64 * Micros::SECOND + SPARE;
const SPARE: i64 = 5 * Micros::SECOND;

/// Has all cases of a portfolio placed anew, from the first one on; where others write
/// too, once more when all of them have seen the settings.
pub(crate) async fn begin(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
    now: Micros,
) -> Result<(), StoreError> {
    let again_at = tx.is_shared().then(|| now.plus(SETTINGS_KEPT).0);
    tx.execute(BEGIN, params![part.0, portfolio_no.0, again_at]).await?;
    Ok(())
}

/// The portfolios with cases to be placed anew, at most 100, of all parts.
pub(crate) async fn pending(tx: &mut Tx, now: Micros) -> Result<Vec<Pending>, StoreError> {
    let rows: Vec<(i64, i64, i64)> = tx.fetch_all(PENDING, params![now.0]).await?;
    let pending = |(part, portfolio_no, after)| Pending {
        part: Part(part),
        portfolio_no: PortfolioNo(portfolio_no),
        after: CaseNo(after),
    };
    Ok(rows.into_iter().map(pending).collect())
}

/// Takes the next slice of a portfolio in hand; says whether it is still the next one
/// and nobody else has it.
pub(crate) async fn claim(tx: &mut Tx, from: Pending) -> Result<bool, StoreError> {
    let params = params![from.part.0, from.portfolio_no.0, from.after.0];
    let rows: Vec<(i64,)> = tx.fetch_locked(CLAIM, params.clone(), Lock::Skip).await?;
    if from.after.0 < 0 && !rows.is_empty() {
        tx.execute(AGAIN, params).await?;
        return Ok(false);
    }
    Ok(!rows.is_empty())
}

/// The next cases, at most `most`, whose rank is of another rule set than `active`, or
/// whose place settings have a say in: those that are ready, and those withheld by the age
/// of their ledger or by a cap. Holds, leases, promises and cooling stand whatever the
/// settings say. A case that was closed for another reason than being settled keeps its
/// rank; whether one is settled, the rule set says.
pub(crate) async fn next_slice(
    tx: &mut Tx,
    from: Pending,
    active: RuleSetId,
    most: usize,
) -> Result<Slice, StoreError> {
    let params = params![from.part.0, from.portfolio_no.0, from.after.0];
    let rows: Vec<(i64, i64, i64, i64, i64)> = tx.fetch_all(PLACED_SLICE, params).await?;
    let last = rows.last().map(|(case_no, ..)| CaseNo(*case_no));
    let by_rule = |reason: i64| reason == 0 || reason == CloseReason::Cured as i64;
    let concerned = |(_, reason, rule_set_id, place, gate): &&(i64, i64, i64, i64, i64)| {
        (by_rule(*reason) && *rule_set_id != active.0)
            || *place == QueueState::Ready as i64
            || [Gate::LedgerOld as i64, Gate::Limit as i64].contains(gate)
    };
    let case_nos: Vec<CaseNo> =
        rows.iter().filter(concerned).map(|(case_no, ..)| CaseNo(*case_no)).take(most).collect();
    let next = if case_nos.len() == most { case_nos.last().copied() } else { last };
    Ok(Slice { case_nos, next })
}

/// Notes that the cases up to one were placed; `None` = all. Does nothing where they
/// have to be placed anew from the first one on since.
pub(crate) async fn advance(
    tx: &mut Tx,
    from: Pending,
    next: Option<CaseNo>,
) -> Result<(), StoreError> {
    let mut params = params![from.part.0, from.portfolio_no.0, from.after.0];
    match next {
        Some(next) => {
            params.extend(params![next.0]);
            tx.execute(ADVANCE, params).await?;
        }
        None if tx.execute(WAIT, params.clone()).await? > 0 => {}
        None => {
            tx.execute(END, params).await?;
        }
    }
    Ok(())
}

/// How far the first pass over the cases of a portfolio has come, in thousandths by their
/// number.
pub(crate) async fn permille_done(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
) -> Result<i64, StoreError> {
    let params = params![part.0, portfolio_no.0];
    let row: Option<(i64, Option<i64>)> = tx.fetch_optional(STANDS, params).await?;
    // Where others write too, what is to be done again is done once.
    let first_pass =
        row.filter(|(after, again_at)| *after >= 0 && (again_at.is_some() || !tx.is_shared()));
    let Some((after, _)) = first_pass else { return Ok(1_000) };
    let last = cases::last_case(tx, part, portfolio_no).await?.0;
    Ok(if after >= last { 1_000 } else { after * 1_000 / last })
}
