//! Days of a zone, names of zones, sets of zones.

use proptest::prelude::*;

use super::{UNUSUAL, instant, zone, zones};
use crate::model::{Day, LocalDays, Micros};
use crate::policy::{UnknownZone, Zone, ZoneSet, ZoneSetError, zone_data, zone_names};

fn day(year: i32, month: u32, of_month: u32) -> Day {
    Day::from_ymd(year, month, of_month).expect("a day")
}

#[test]
fn a_day_that_skips_midnight_begins_when_clocks_do() {
    let begins = [
        ("America/Santiago", (2026, 9, 6), "2026-09-06T04:00Z"),
        ("Africa/Cairo", (2026, 4, 24), "2026-04-23T22:00Z"),
        ("Asia/Beirut", (2026, 3, 29), "2026-03-28T22:00Z"),
        ("America/Havana", (2026, 3, 8), "2026-03-08T05:00Z"),
    ];
    for (name, (year, month, of_month), start) in begins {
        let (zone, day) = (zone(name), day(year, month, of_month));
        assert_eq!(zone.start_of(day), instant(start), "{name}");
        assert_eq!(zone.day_of(instant(start)), day, "{name}");
        assert_eq!(zone.day_of(instant(start).plus(-1)), day.plus(-1), "{name}");
    }
}

#[test]
fn a_day_that_does_not_exist_begins_with_the_next_one() {
    let apia = zone("Pacific/Apia");
    let (before, missing, after) = (day(2011, 12, 29), day(2011, 12, 30), day(2011, 12, 31));
    assert_eq!(apia.start_of(missing), apia.start_of(after));
    assert_eq!(apia.day_of(apia.start_of(missing)), after);
    assert_eq!(apia.day_of(apia.start_of(after).plus(-1)), before);
}

#[test]
fn a_midnight_shown_twice_begins_the_day_once() {
    let havana = zone("America/Havana");
    let start = havana.start_of(day(2026, 11, 1));
    assert_eq!(start, instant("2026-11-01T04:00Z"));
    assert_eq!(havana.start_of(day(2026, 11, 2)), start.plus(25 * Micros::HOUR));
}

#[test]
fn two_zones_a_day_apart_agree_on_the_instant() {
    let (kiritimati, honolulu) = (zone("Pacific/Kiritimati"), zone("Pacific/Honolulu"));
    let now = instant("2026-11-21T10:00Z");
    assert_eq!(kiritimati.day_of(now), day(2026, 11, 22));
    assert_eq!(honolulu.day_of(now), day(2026, 11, 21));
    let midnight = day(2026, 11, 22);
    assert_eq!(honolulu.start_of(midnight).0 - kiritimati.start_of(midnight).0, Micros::DAY);
}

#[test]
fn instants_and_days_far_out_do_not_panic() {
    for name in ["UTC", "Pacific/Kiritimati", "America/Santiago"] {
        let zone = zone(name);
        assert!(zone.day_of(Micros::NEVER) > Day::MAX);
        assert!(zone.day_of(Micros(i64::MIN)) < Day::MIN);
        assert!(zone.start_of(Day(i32::MAX)) > zone.start_of(Day::MAX));
        assert!(zone.start_of(Day(i32::MIN)) < zone.start_of(Day::MIN));
    }
}

#[test]
fn names_are_spelled_as_published() {
    assert_eq!(zone("america/new_york").name(), "America/New_York");
    assert_eq!(zone("UTC").name(), "UTC");
    assert!(zone_names().all(|name| Zone::new(name).is_ok_and(|zone| zone.name() == name)));
    assert!(zone_names().count() > 500);
}

#[test]
fn names_that_are_no_zones_are_refused() {
    let names = ["", "Factory", "+02:00", "EST5EDT4,M3.2.0,M11.1.0", "Mars/Olympus", "Etc/Unknown"];
    for name in names {
        let error = Zone::new(name).expect_err(name);
        assert_eq!(error, UnknownZone { name: name.to_owned(), near: None });
        assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
    }
    let near = Zone::new("Asia/Santiago").expect_err("Santiago lies elsewhere");
    assert_eq!(near.near, Some("America/Santiago"));
    assert!(near.to_string().ends_with("2026e; America/Santiago is"), "{near}");
    assert_eq!(Zone::new("New York").expect_err("a city").near, Some("America/New_York"));
}

#[test]
fn links_are_one_zone_in_a_set() {
    let set = zones(&["Asia/Calcutta", "us/eastern", "Asia/Kolkata", "America/New_York"]);
    assert_eq!(set.names().collect::<Vec<_>>(), ["America/New_York", "Asia/Kolkata"]);
    assert_eq!(set, zones(&["Asia/Kolkata", "US/Eastern"]));
    assert_eq!(set.id(), zones(&["Asia/Kolkata", "US/Eastern"]).id());
    assert_eq!(set, ZoneSet::stored(set.names()));
    assert_ne!(set.id(), zones(&["Asia/Kolkata"]).id());
    assert_eq!((zones(&[]).id(), zones(&[""]).is_empty()), (0, true));
}

#[test]
fn a_set_takes_eight_zones_and_no_ninth() {
    let names: Vec<&str> =
        zone_names().filter(|name| name.starts_with("Etc/GMT+")).take(9).collect();
    assert_eq!(zones(&names[..8]).zones().len(), 8);
    let error = ZoneSet::new(names.iter().copied()).expect_err("nine zones");
    assert_eq!(error, ZoneSetError::TooMany { count: 9 });
    assert_eq!(error.to_string(), "9 different time zones; at most 8 are allowed");
    assert!(matches!(ZoneSet::new(["Nowhere/Town"]), Err(ZoneSetError::Unknown(_))));
}

#[test]
fn a_stored_name_no_longer_known_stays_in_its_set() {
    let set = ZoneSet::stored(["Nowhere/Town", "Europe/Paris", "Nowhere/Town"]);
    assert_eq!(set.names().collect::<Vec<_>>(), ["Europe/Paris", "Nowhere/Town"]);
    assert_eq!(set.unknown(), ["Nowhere/Town"]);
    assert_ne!(set.id(), zones(&["Europe/Paris"]).id());
    assert!(!ZoneSet::stored(["Nowhere/Town"]).is_empty());
}

#[test]
fn zone_data_grows_old() {
    let fresh = zone_data(instant("2026-10-01T00:00Z"));
    assert_eq!((fresh.version, fresh.age_days, fresh.old), ("2026e", 1, false));
    assert!(!zone_data(instant("2027-01-28T23:59Z")).old);
    let old = zone_data(instant("2027-01-29T00:00Z"));
    assert_eq!((old.age_days, old.old), (121, true));
    assert_eq!(zone_data(Micros(0)).age_days, 0);
    assert!(zone_data(Micros::NEVER).old);
}

proptest! {
    #[test]
    fn the_start_of_a_day_is_its_first_instant(
        name in proptest::sample::select(zone_names().collect::<Vec<_>>()),
        day in 0..30_000,
    ) {
        check_start(&zone(name), Day(day))?;
    }

    #[test]
    fn an_instant_lies_within_its_day(
        name in proptest::sample::select(zone_names().collect::<Vec<_>>()),
        at in 0..90_i64 * 365 * Micros::DAY,
    ) {
        let zone = zone(name);
        let day = zone.day_of(Micros(at));
        prop_assert!(zone.start_of(day).0 <= at);
    }

    #[test]
    fn days_around_unusual_ones_begin_at_their_first_instant(
        (name, date) in proptest::sample::select(UNUSUAL),
        away in -3..4,
    ) {
        let noon = instant(&format!("{date}T12:00Z"));
        let zone = zone(name);
        let day = zone.day_of(noon).plus(away);
        check_start(&zone, day)?;
    }
}

fn check_start(zone: &Zone, day: Day) -> Result<(), TestCaseError> {
    let start = zone.start_of(day);
    let shown = zone.day_of(start);
    prop_assert!(zone.day_of(start.plus(-1)) < day);
    // Only a day that the zone leaves out begins on another one.
    prop_assert!(shown == day || zone.start_of(shown) == start && shown > day);
    Ok(())
}
