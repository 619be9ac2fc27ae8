//! How a work list stands, and why one given case is not served.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{CaseId, Gate, Micros, Part, PortfolioId, WorkListId};
use crate::policy::{GateInput, Window, failing_gates};
use crate::store::queue::count;

use super::super::lease::add_warnings;
use super::super::lease::lanes::{self, Selection};
use super::super::stays::FoundCase;
use super::super::working_set::{WorkingSet, gate_input};
use super::super::{Caller, Engine, Error, lease};
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
    let parts = engine.parts(caller).await?;
    let mut standing = Standing::default();
    for part in parts.all() {
        standing.add(stands(engine, (caller, *part), &work_list_id).await?);
    }
    let failing_gates = match &case {
        Some((portfolio_id, case_id)) => {
            failing_of(engine, caller, (portfolio_id, case_id)).await?
        }
        None => Vec::new(),
    };
    let Standing { gates, as_of, leases, taken, waiting, open, next_opening, .. } = &standing;
    let of_gate = |gate: &Gate| gates.get(gate).copied().unwrap_or(0);
    let ready = of_gate(&Gate::Ready) + of_gate(&Gate::Window);
    Ok(WorkListDescription {
        case_count: gates.values().sum(),
        as_of: *as_of,
        leases_last_hour: *leases,
        longest_wait: *waiting,
        wait_bound: wait_bound(ready, leases - taken, standing.reserved_permille),
        next_window: next_opening.filter(|_| !open),
        failing_gates,
        gate_counts: standing.gates.into_iter().collect(),
        warnings: standing.warnings,
    })
}

/// How a list stands, over the parts that were looked at.
#[derive(Default)]
struct Standing {
    gates: BTreeMap<Gate, i64>,
    /// The oldest of the counts.
    as_of: Micros,
    leases: i64,
    taken: i64,
    waiting: Option<i64>,
    /// Whether hours of contact are open anywhere, and when others begin next.
    open: bool,
    next_opening: Option<Micros>,
    reserved_permille: i64,
    warnings: Vec<(&'static str, String)>,
}

impl Standing {
    fn add(&mut self, other: Standing) {
        for (gate, count) in other.gates {
            *self.gates.entry(gate).or_default() += count;
        }
        self.as_of = match self.as_of {
            Micros(0) => other.as_of,
            known => known.min(other.as_of),
        };
        self.leases += other.leases;
        self.taken += other.taken;
        self.waiting = self.waiting.max(other.waiting);
        self.open |= other.open;
        self.next_opening = earlier(self.next_opening, other.next_opening);
        self.reserved_permille = other.reserved_permille;
        add_warnings(&mut self.warnings, other.warnings);
    }
}

/// The earlier of two instants, where there are two.
fn earlier(a: Option<Micros>, b: Option<Micros>) -> Option<Micros> {
    a.into_iter().chain(b).min()
}

/// How a list stands in one part.
async fn stands(
    engine: &Arc<Engine>,
    (caller, part): (&Caller, Part),
    work_list_id: &WorkListId,
) -> Result<Standing, Error> {
    let counted = engine.counts.of(engine, part).await?;
    let mut tx = engine.store.read().await?;
    let mut set = WorkingSet::of_part(engine, part, &caller.subject, engine.now_of(&tx));
    let list = lease::work_list(&mut tx, part, work_list_id).await?;
    // Hours of contact are those of the instant of the counts.
    let now = std::mem::replace(&mut set.now, counted.as_of);
    let selection = lanes::select(&mut set, &mut tx, &list.settings).await?;
    let gates = gate_counts(&mut set, &counted, &selection)?;
    let hour = now.plus(-Micros::HOUR);
    let (leases, taken) = count::leases_since(&mut tx, part, list.number, hour).await?;
    let since = |lane_id: &i64| counted.waiting_since.get(lane_id).copied();
    let waiting = selection.open.keys().chain(selection.closed.keys()).filter_map(since).min();
    Ok(Standing {
        gates,
        as_of: counted.as_of,
        leases,
        taken,
        waiting: waiting.map(|since| (counted.as_of.0 - since.0).max(0)),
        open: !selection.open.is_empty(),
        next_opening: selection.next_opening(),
        reserved_permille: i64::from(list.settings.reserved_share_permille),
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
    engine: &Arc<Engine>,
    caller: &Caller,
    (portfolio_id, case_id): (&PortfolioId, &CaseId),
) -> Result<Vec<FailingGate>, Error> {
    let found = engine.find_case(caller, (portfolio_id, case_id)).await?;
    let FoundCase { mut tx, context, known } = found;
    let now = engine.now_of(&tx);
    let mut set = WorkingSet::of_part(engine, context.part, &caller.subject, now);
    let (set, tx) = (&mut set, &mut tx);
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
