//! Caps on counted attempts.

use crate::model::{ContactPolicy, LocalDays, Micros, PlainPolicy};

use super::{Calendar, Zone};

/// Days of the rolling week.
const WEEK_DAYS: i32 = 7;

/// An attempt can touch a cap for so long: seven local days are at most eight
/// times 24 hours, and one more covers every change of clocks or of the date line.
const REACH: i64 = 9 * Micros::DAY;

impl Calendar {
    /// The first instant from `now` on at which one more counted attempt stays
    /// within the caps; nothing = now. `attempts` are the debtor's counted
    /// attempts, in any order.
    ///
    /// In each zone an attempt counts for its local calendar day, and for the week
    /// while it lies within the last seven local days or the last 168 hours,
    /// whichever lasts longer. The caps hold in every zone: the debtor is in one
    /// of them. An attempt told of ahead of time counts as made.
    pub fn next_allowed(&self, attempts: &[Micros], now: Micros) -> Option<Micros> {
        let ContactPolicy::Plain(plain) = self.policy() else {
            return None;
        };
        let near: Vec<Micros> =
            attempts.iter().copied().filter(|at| at.plus(REACH) > now).collect();
        if self.allows(plain, &near, now) {
            return None;
        }
        let mut changes: Vec<Micros> = near.iter().map(|at| at.plus(7 * Micros::DAY)).collect();
        for zone in self.zones() {
            for day in near.iter().map(|at| zone.day_of(*at)) {
                changes.push(zone.start_of(day.plus(1)));
                changes.push(zone.start_of(day.plus(WEEK_DAYS)));
            }
        }
        changes.sort_unstable();
        let next = changes.into_iter().find(|at| *at > now && self.allows(plain, &near, *at));
        // Caps of 0 never allow; the contract refuses them.
        Some(next.unwrap_or(Micros::NEVER))
    }

    fn allows(&self, plain: &PlainPolicy, attempts: &[Micros], at: Micros) -> bool {
        self.zones().iter().all(|zone| {
            let (of_day, of_week) = counts(zone, attempts, at);
            of_day < plain.attempts_per_day && of_week < plain.attempts_per_week
        })
    }
}

/// How many attempts count at an instant for the day and for the week.
fn counts(zone: &Zone, attempts: &[Micros], at: Micros) -> (i32, i32) {
    let today = zone.day_of(at);
    let (mut of_day, mut of_week) = (0, 0);
    for attempt in attempts {
        let days = today.since(zone.day_of(*attempt));
        of_day += i32::from(days == 0);
        of_week += i32::from(days < WEEK_DAYS || attempt.plus(7 * Micros::DAY) > at);
    }
    (of_day, of_week)
}
