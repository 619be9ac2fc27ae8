//! Contact rules: when a debtor may be contacted, how often, and which gates
//! keep a case from being served. Pure functions of settings, history and an
//! instant; the only layer that knows time zones. An answer names its reason
//! and the instant at which it changes, never just yes or no.

mod calendar;
mod gate;
mod ledger_age;
mod limit;
mod outcome;
mod place;
mod take;
#[cfg(test)]
mod tests;
mod zone;
mod zone_set;

pub use calendar::{Calendar, SEARCH_DAYS, Window};
pub use gate::{FailedGate, GateInput, failing_gates};
pub use ledger_age::{business_age, ledger_expires, ledger_warns, oldest_served};
pub use outcome::{
    Cooling, Effect, HoldScope, OUTCOMES_YAML, OutcomeRow, OutcomeTable, OutcomeTableError,
};
pub use place::{Placement, place, promise_parks_until};
pub use take::{is_attempt, passes};
pub use zone::{UnknownZone, ZONE_DATA_MAX_AGE_DAYS, Zone, ZoneData, zone_data, zone_names};
pub use zone_set::{ZONE_SET_MAX, ZoneSet, ZoneSetError};
