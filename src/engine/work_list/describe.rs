//! How a work list stands, and why one given case is not served.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{CaseId, Gate, Micros, PortfolioId, WorkListId};
use crate::policy::{GateInput, Window, failing_gates};
use crate::store::Tx;
use crate::store::queue::count;

use super::super::lease::lanes::{self, Selection};
use super::super::working_set::{WorkingSet, gate_input};
use super::super::{Caller, Engine, Error, lease, read};
use super::counts::Counted;
use super::{FailingGate, WorkListDescription};

/// Counts the cases of a list by gate, and says which gates one given case fails.
/// The counts are at most 15 seconds old and add up by themselves.
///
/// # Errors
/// `NotFound` for the list, the portfolio or the case.
pub async fn describe_work_list(
    engine: &Arc<Engine>,
    caller: &Caller,
    work_list_id: WorkListId,
    case: Option<(PortfolioId, CaseId)>,
) -> Result<WorkListDescription, Error> {
    let counted = engine.counts.of(engine, caller.part).await?;
    let mut tx = engine.store.read().await?;
    let mut set = WorkingSet::new(engine, caller, engine.now_of(&tx));
    let list = lease::work_list(&mut tx, caller.part, &work_list_id).await?;
    // Hours of contact are those of the instant of the counts.
    let now = std::mem::replace(&mut set.now, counted.as_of);
    let selection = lanes::select(&mut set, &mut tx, &list.settings).await?;
    let gates = gate_counts(&mut set, &counted, &selection)?;
    set.now = now;
    let hour = now.plus(-Micros::HOUR);
    let (leases, taken) = count::leases_since(&mut tx, caller.part, list.number, hour).await?;
    let failing = match case {
        Some((portfolio_id, case_id)) => {
            failing_of(&mut set, &mut tx, &portfolio_id, &case_id).await?
        }
        None => Vec::new(),
    };
    let since = |lane_id: &i64| counted.waiting_since.get(lane_id).copied();
    let waiting = selection.open.keys().chain(selection.closed.keys()).filter_map(since).min();
    let ready = |gate: &Gate| gates.get(gate).copied().unwrap_or(0);
    let ready = ready(&Gate::Ready) + ready(&Gate::Window);
    let share = i64::from(list.settings.reserved_share_permille);
    Ok(WorkListDescription {
        case_count: gates.values().sum(),
        gate_counts: gates.into_iter().collect(),
        as_of: counted.as_of,
        leases_last_hour: leases,
        longest_wait: waiting.map(|since| (counted.as_of.0 - since.0).max(0)),
        wait_bound: wait_bound(ready, leases - taken, share),
        next_window: selection.next_opening().filter(|_| selection.open.is_empty()),
        failing_gates: failing,
        warnings: selection.warnings(),
    })
}

/// How long the ready cases take at the pace at which the reserved share of the
/// last hour's leases went, those aside that were taken: nothing while there is no such pace.
fn wait_bound(ready: i64, leases: i64, permille: i64) -> Option<i64> {
    let pace = i128::from(leases) * i128::from(permille);
    if pace == 0 {
        return None;
    }
    let micros = i128::from(ready) * i128::from(Micros::HOUR) * 1_000 / pace;
    Some(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// The counts of a list's lanes by gate. A ready case outside hours of contact
/// stands at their gate.
fn gate_counts(
    set: &mut WorkingSet,
    counted: &Counted,
    selection: &Selection,
) -> Result<BTreeMap<Gate, i64>, Error> {
    let lanes: BTreeSet<i64> =
        selection.open.keys().chain(selection.closed.keys()).copied().collect();
    let mut gates: BTreeMap<Gate, i64> = BTreeMap::new();
    for ((lane_id, gate), count) in &counted.gates {
        if !lanes.contains(lane_id) {
            continue;
        }
        let gate = match gate {
            Gate::Ready => lane_gate(set, *lane_id)?,
            other => *other,
        };
        *gates.entry(gate).or_default() += count;
    }
    Ok(gates)
}

/// The first gate of the calendar that a lane fails.
fn lane_gate(set: &mut WorkingSet, lane_id: i64) -> Result<Gate, Error> {
    let Some(lane) = set.lane(lane_id) else { return Ok(Gate::Ready) };
    let calendar = set.calendar(lane.portfolio_no, lane.zone_set_id)?;
    Ok(match calendar.window(set.now) {
        Window::Open { .. } => Gate::Ready,
        Window::Closed { .. } if calendar.unknown_zones().is_empty() => Gate::Window,
        Window::Closed { .. } => Gate::ZoneUnknown,
    })
}

/// Every gate a case fails now, `Ready` alone if none.
async fn failing_of(
    set: &mut WorkingSet,
    tx: &mut Tx,
    portfolio_id: &PortfolioId,
    case_id: &CaseId,
) -> Result<Vec<FailingGate>, Error> {
    let context = set.engine.context_by_id(tx, set.part, portfolio_id).await?;
    let known = read::find(tx, set.part, &context, case_id).await?;
    // Taking the debtor in hand ends a lease that is over but not swept yet.
    set.load_debtors(tx, [known.head.debtor_no]).await?;
    set.check_debtor(known.head.debtor_no)?;
    let debtor = set.debtor(known.head.debtor_no).clone();
    let calendar = set.calendar(known.head.portfolio_no, debtor.zone_set_id)?;
    // Whether its content can be read was found by whoever placed it last.
    let row = set.case(known.head.case_no).and_then(|entry| entry.queue.as_ref());
    let unreadable = row.filter(|row| row.withheld_by == Gate::Unreadable);
    let unreadable_until = unreadable.and_then(|row| row.wake_at);
    let input = GateInput { unreadable_until, ..gate_input(&known.head, &debtor) };
    let failing = failing_gates(&input, &context.portfolio.settings, &calendar, set.now);
    if failing.is_empty() {
        let text = "Nothing withholds the case.".to_owned();
        return Ok(vec![FailingGate { gate: Gate::Ready, until: None, text }]);
    }
    Ok(failing
        .into_iter()
        .map(|failed| FailingGate { gate: failed.gate, until: failed.until, text: failed.text })
        .collect())
}
