//! Where a case stands in the queue: everything that can be turned into a time
//! is, so that a claim looks at ready rows only.

use crate::model::{Gate, LocalDays, Micros, PortfolioSettings, Promise, QueueState};

use super::gate::fails;
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
        .filter(|gate| !of_lane(*gate))
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
    Placement { state, withheld_by, wake_at }
}

/// Whether a gate belongs to many cases alike and is asked for all of them at once.
fn of_lane(gate: Gate) -> bool {
    matches!(gate, Gate::PolicyMissing | Gate::ZoneUnknown | Gate::Window)
}

/// The instant until which a promise parks a case: the start of the day on which
/// it is judged, in the portfolio's zone.
pub fn promise_parks_until(zone: &Zone, promise: &Promise) -> Micros {
    zone.start_of(promise.judged_on())
}
