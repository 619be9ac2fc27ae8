//! The age of a ledger document in hours of business days: Saturdays and
//! Sundays of the portfolio's zone do not age it.

use crate::model::{Day, LocalDays, Micros};

use super::Zone;
use super::calendar::weekday;

/// The instant at which a document that speaks of `as_of` is older than
/// `max_hours` of business days; nothing if `max_hours` is 0 (never).
pub fn ledger_expires(zone: &Zone, as_of: Micros, max_hours: i32) -> Option<Micros> {
    reaches(zone, as_of, max_hours, 100)
}

/// The instant at which three quarters of that age are reached.
pub fn ledger_warns(zone: &Zone, as_of: Micros, max_hours: i32) -> Option<Micros> {
    reaches(zone, as_of, max_hours, 75)
}

/// Microseconds of business days from one instant to a later one; 0 if `to` is
/// not after `from`. Instants after 2199 count as its last day.
pub fn business_age(zone: &Zone, from: Micros, to: Micros) -> i64 {
    let to = to.min(zone.start_of(Day::MAX));
    let mut age = 0;
    let mut monday = monday_of(zone, from);
    loop {
        let (start, end) = business_week(zone, monday);
        if start >= to {
            return age;
        }
        age += (end.0.min(to.0) - start.0.max(from.0)).max(0);
        monday = monday.plus(7);
    }
}

fn reaches(zone: &Zone, as_of: Micros, max_hours: i32, percent: i64) -> Option<Micros> {
    if max_hours <= 0 {
        return None;
    }
    let mut left = i64::from(max_hours) * Micros::HOUR / 100 * percent;
    let mut monday = monday_of(zone, as_of);
    // A business week has at least 119 hours; a few more rounds cover an early
    // start and days that a zone leaves out.
    for _ in 0..max_hours / 100 + 4 {
        let (start, end) = business_week(zone, monday);
        let start = start.max(as_of);
        if start < end {
            if end.0 - start.0 >= left {
                return Some(start.plus(left));
            }
            left -= end.0 - start.0;
        }
        monday = monday.plus(7);
    }
    Some(Micros::NEVER)
}

/// From the start of a Monday to the start of the Saturday after it.
fn business_week(zone: &Zone, monday: Day) -> (Micros, Micros) {
    (zone.start_of(monday), zone.start_of(monday.plus(5)))
}

fn monday_of(zone: &Zone, instant: Micros) -> Day {
    let day = zone.day_of(instant);
    day.plus(1 - weekday(day))
}
