//! Where a case stands in the queue: everything that can be turned into a time
//! is, so that a claim looks at ready rows only.

use crate::model::{CaseState, Day, Gate, LocalDays, Micros, PortfolioSettings, QueueState};

use super::gate::{denied_from, fails};
use super::{Calendar, GateInput, Zone};

/// Where a case stands in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The state of the queue's row.
    pub state: QueueState,
    /// The first failing gate, or [`Gate::Ready`]. Of a leased case it is the first
    /// that fails, which may stand before the lease.
    pub withheld_by: Gate,
    /// When to place it anew: the end of that gate while waiting, the end of the
    /// lease while leased; nothing in the other states.
    pub wake_at: Option<Micros>,
    /// When a case that is now within the ledger's age will be placed anew because
    /// the ledger has become too old; nothing if it never will.
    pub ledger_expires_at: Option<Micros>,
}

/// Places a case. Gates that belong to a lane (POLICY_MISSING, ZONE_UNKNOWN,
/// WINDOW) are not looked at: a claim asks the lane's calendar. A lease stays
/// a lease whatever else fails, because its token must find it.
pub fn place(
    input: &GateInput<'_>,
    settings: &PortfolioSettings,
    calendar: &Calendar,
    now: Micros,
) -> Placement {
    let first = Gate::ALL
        .into_iter()
        .filter(|gate| *gate <= Gate::Limit)
        .find_map(|gate| Some((gate, fails(gate, input, settings, calendar, now)?)));
    let (withheld_by, until) = first.unwrap_or((Gate::Ready, Micros::NEVER));
    let leased = fails(Gate::Leased, input, settings, calendar, now);
    let (state, wake_at) = match (withheld_by, leased) {
        (_, Some(lease_end)) => (QueueState::Leased, Some(lease_end)),
        (Gate::Ready, None) => (QueueState::Ready, None),
        (Gate::Closed | Gate::Missing | Gate::PreDue, None) => (QueueState::Absent, None),
        (_, None) if until == Micros::NEVER => (QueueState::Withheld, None),
        (_, None) => (QueueState::Waiting, Some(until)),
    };
    let ledger_expires_at = match input.state {
        CaseState::Open => denied_from(input, settings, calendar.home()).filter(|at| *at > now),
        CaseState::PreDue | CaseState::Closed => None,
    };
    Placement { state, withheld_by, wake_at, ledger_expires_at }
}

/// The instant until which a promise for a day parks a case: the end of that day
/// in the portfolio's zone and of `grace_days` calendar days after it.
pub fn promise_parks_until(zone: &Zone, promised: Day, grace_days: i32) -> Micros {
    zone.start_of(promised.plus(1).plus(grace_days))
}
