//! The age of a ledger document in hours of business days: Saturdays and
//! Sundays of the portfolio's zone do not age it.

use crate::model::{Day, LocalDays, Micros, OldLedgerRule, PortfolioSettings};

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

/// The newest instant of a document that is too old to be served from at `now`:
/// documents that speak of it or of anything earlier are. Nothing if age never
/// withholds a case of these settings. The inverse of [`ledger_expires`].
pub fn oldest_served(settings: &PortfolioSettings, zone: &Zone, now: Micros) -> Option<Micros> {
    if settings.old_ledger_rule != OldLedgerRule::Deny || settings.max_ledger_age_hours <= 0 {
        return None;
    }
    let hours = settings.max_ledger_age_hours;
    let old = |as_of: i64| ledger_expires(zone, Micros(as_of), hours).is_some_and(|at| at <= now);
    // Five of seven days are business days; two weeks more cover the edges.
    let reach = i64::from(hours) * Micros::HOUR / 5 * 7 + 14 * Micros::DAY;
    let (mut low, mut high) = (now.plus(-reach).0, now.0);
    debug_assert!(old(low) && !old(high));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if old(middle) { low = middle } else { high = middle }
    }
    Some(Micros(low))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ActivationApproval, ContactPolicy, Currency, PlainPolicy, RankingSettings};

    fn settings(hours: i32, rule: OldLedgerRule) -> PortfolioSettings {
        PortfolioSettings {
            display_name: String::new(),
            time_zone: "Europe/Berlin".to_owned(),
            base_currency: Currency::from_code("EUR").expect("EUR is a currency"),
            ranking: RankingSettings::default(),
            contact_policy: ContactPolicy::Plain(PlainPolicy::default()),
            max_ledger_age_hours: hours,
            old_ledger_rule: rule,
            activation_approval: ActivationApproval::default(),
        }
    }

    #[test]
    fn the_oldest_served_instant_is_the_edge_of_expiry() {
        let zone = Zone::new("Europe/Berlin").expect("a zone of the database");
        let deny = |hours| settings(hours, OldLedgerRule::Deny);
        for hours in [1, 36, 120, 1_000] {
            // Each hour of three weeks around the change of clocks in spring.
            for hour in 0..504 {
                let now = Micros(1_774_000_000 * Micros::SECOND + hour * Micros::HOUR);
                let old = oldest_served(&deny(hours), &zone, now).expect("an age is set");
                let expires = |as_of| ledger_expires(&zone, as_of, hours);
                assert!(expires(old) <= Some(now), "{hours} hours at {now}");
                assert!(expires(old.plus(1)) > Some(now), "{hours} hours at {now}");
            }
        }
        let serve = settings(36, OldLedgerRule::ServeWithoutAmounts);
        assert_eq!(oldest_served(&serve, &zone, Micros(0)), None);
        assert_eq!(oldest_served(&deny(0), &zone, Micros(0)), None);
    }
}
