//! The age of a ledger, promised days.

use proptest::prelude::*;

use super::{UNUSUAL, clock, instant, zone};
use crate::model::{Day, Micros, Promise, PromiseState};
use crate::policy::{business_age, ledger_expires, ledger_warns, promise_parks_until};

#[test]
fn weekends_do_not_age_a_ledger() {
    let madrid = zone("Europe/Madrid");
    let expected = [
        // Within a week.
        ("2026-11-16T22:00[Europe/Madrid]", 36, "2026-11-18T10:00[Europe/Madrid]"),
        // Friday night to Tuesday morning.
        ("2026-11-20T22:00[Europe/Madrid]", 36, "2026-11-24T10:00[Europe/Madrid]"),
        // A Saturday's document ages from Monday on.
        ("2026-11-21T12:00[Europe/Madrid]", 36, "2026-11-24T12:00[Europe/Madrid]"),
        ("2026-11-22T23:59[Europe/Madrid]", 1, "2026-11-23T01:00[Europe/Madrid]"),
        // It ends with the business day itself, not with the next one's start.
        ("2026-11-20T12:00[Europe/Madrid]", 12, "2026-11-21T00:00[Europe/Madrid]"),
        // A year of business days: 365 of them are 73 weeks.
        ("2026-11-16T00:00[Europe/Madrid]", 8_760, "2028-04-08T00:00[Europe/Madrid]"),
    ];
    for (as_of, hours, expires) in expected {
        assert_eq!(
            ledger_expires(&madrid, instant(as_of), hours),
            Some(instant(expires)),
            "{as_of}"
        );
    }
}

#[test]
fn a_ledger_warns_at_three_quarters() {
    let as_of = instant("2026-11-16T22:00[Europe/Madrid]");
    let warns = ledger_warns(&zone("Europe/Madrid"), as_of, 36);
    assert_eq!(warns, Some(instant("2026-11-18T01:00[Europe/Madrid]")));
}

#[test]
fn a_bound_of_zero_hours_never_expires() {
    assert_eq!(ledger_expires(&zone("UTC"), Micros(0), 0), None);
    assert_eq!(ledger_warns(&zone("UTC"), Micros(0), 0), None);
}

#[test]
fn ages_far_out_end() {
    let utc = zone("UTC");
    assert_eq!(ledger_expires(&utc, Micros::NEVER, 36), Some(Micros::NEVER));
    assert_eq!(business_age(&utc, Micros::NEVER, Micros::NEVER), 0);
    assert_eq!(business_age(&utc, Micros(5), Micros(4)), 0);
    assert!(business_age(&utc, Micros(0), Micros::NEVER) > 200 * 260 * Micros::DAY);
}

#[test]
fn a_promise_parks_to_the_end_of_its_day_and_grace() {
    let santiago = zone("America/Santiago");
    let until = |day| {
        let promised_date = Day::from_ymd(2026, 9, day).expect("a day");
        let promise = Promise {
            lease_seq: 1,
            event_time: Micros(0),
            promised_amount_minor: 0,
            promised_date,
            state: PromiseState::Open,
        };
        promise_parks_until(&santiago, &promise)
    };
    assert_eq!(until(3), instant("2026-09-05T00:00[America/Santiago]"));
    // The day after the grace day has no midnight.
    assert_eq!(until(4), instant("2026-09-06T01:00[America/Santiago]"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn an_age_equals_counted_minutes(
        (name, date) in proptest::sample::select(UNUSUAL),
        minute in -7 * 1_440..7_i64 * 1_440,
        length in 0..12_i64 * 1_440,
    ) {
        let from = instant(&format!("{date}T12:00Z")).plus(minute * Micros::MINUTE);
        let to = from.plus(length * Micros::MINUTE);
        let business = clock(name, from.0, length).iter().filter(|shown| shown.1 <= 5).count();
        let age = business_age(&zone(name), from, to);
        prop_assert_eq!(age, business as i64 * Micros::MINUTE);
    }

    #[test]
    fn a_ledger_expires_when_its_age_is_reached(
        (name, date) in proptest::sample::select(UNUSUAL),
        minute in -7 * 1_440..7_i64 * 1_440,
        hours in 1..400,
    ) {
        let zone = zone(name);
        let as_of = instant(&format!("{date}T12:00Z")).plus(minute * Micros::MINUTE);
        let expires = ledger_expires(&zone, as_of, hours).expect("a bound is set");
        let bound = i64::from(hours) * Micros::HOUR;
        prop_assert_eq!(business_age(&zone, as_of, expires), bound);
        prop_assert_eq!(business_age(&zone, as_of, expires.plus(-1)), bound - 1);
    }
}
