//! Caps on attempts against brute force.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{UNUSUAL, calendar, instant, plain};
use crate::model::{ContactPolicy, Micros};

const WEEK: i64 = 7 * Micros::DAY;

/// The local date of an instant as a day number, by the zone library.
fn date(tz: &TimeZone, at: Micros) -> i64 {
    let shown = tz.to_datetime(Timestamp::from_microsecond(at.0).expect("in range"));
    let epoch = jiff::civil::date(1970, 1, 1);
    i64::from(shown.date().since(epoch).expect("in range").get_days())
}

fn allowed(names: &[&str], caps: (i32, i32), attempts: &[Micros], at: Micros) -> bool {
    names.iter().all(|name| {
        let tz = TimeZone::get(name).expect("a zone of the database");
        let today = date(&tz, at);
        let of_day = attempts.iter().filter(|a| date(&tz, **a) == today).count();
        let recent = |a: &Micros| date(&tz, *a) > today - 7 || a.0 > at.0 - WEEK;
        let of_week = attempts.iter().copied().filter(recent).count();
        of_day < caps.0 as usize && of_week < caps.1 as usize
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_next_attempt_is_the_first_minute_that_brute_force_allows(
        (name, day) in proptest::sample::select(UNUSUAL),
        others in proptest::sample::subsequence(UNUSUAL, 0..2),
        ago in proptest::collection::vec(-600..12_i64 * 1_440, 0..7),
        caps in (1..4, 1..6),
        minute in -3 * 1_440..3_i64 * 1_440,
    ) {
        let now = instant(&format!("{day}T12:00Z")).plus(minute * Micros::MINUTE);
        let attempts: Vec<Micros> =
            ago.iter().map(|ago| now.plus(-ago * Micros::MINUTE)).collect();
        let mut names = vec![name];
        names.extend(others.iter().map(|(name, _)| *name));
        let answer = calendar(&plain(Vec::new(), caps.0, caps.1), &names)
            .next_allowed(&attempts, now);
        let first = (0..10 * 1_440)
            .map(|minute| now.plus(minute * Micros::MINUTE))
            .find(|at| allowed(&names, caps, &attempts, *at));
        prop_assert_eq!(answer.unwrap_or(now), first.expect("ten days free every attempt"));
        prop_assert_eq!(answer.is_none(), allowed(&names, caps, &attempts, now));
    }

    #[test]
    fn attempts_made_as_soon_as_allowed_never_pass_a_cap(
        (name, day) in proptest::sample::select(UNUSUAL),
        caps in (1..4, 1..8),
        pauses in proptest::collection::vec(0..1_500_i64, 40),
    ) {
        let calendar = calendar(&plain(Vec::new(), caps.0, caps.1), &[name]);
        let mut now = instant(&format!("{day}T12:00Z")).plus(-20 * Micros::DAY);
        let mut attempts: Vec<Micros> = Vec::new();
        for pause in pauses {
            now = now.plus(pause * Micros::MINUTE);
            now = calendar.next_allowed(&attempts, now).unwrap_or(now);
            attempts.push(now);
        }
        let tz = TimeZone::get(name).expect("a zone of the database");
        for last in &attempts {
            let today = date(&tz, *last);
            let of_day = attempts.iter().filter(|a| date(&tz, **a) == today).count();
            let hours = attempts.iter().filter(|a| **a <= *last && a.0 > last.0 - WEEK).count();
            let in_dates = |a: &&Micros| (today - 6..=today).contains(&date(&tz, **a));
            let dates = attempts.iter().filter(in_dates).count();
            prop_assert!(of_day <= caps.0 as usize);
            prop_assert!(hours.max(dates) <= caps.1 as usize);
        }
    }
}

#[test]
fn always_has_no_caps() {
    let attempts = vec![Micros(0); 64];
    assert_eq!(calendar(&ContactPolicy::Always, &[]).next_allowed(&attempts, Micros(0)), None);
}

#[test]
fn an_attempt_told_ahead_of_time_counts_already() {
    let calendar = calendar(&plain(Vec::new(), 5, 1), &["UTC"]);
    let now = instant("2026-11-21T12:00Z");
    let ahead = now.plus(20 * Micros::HOUR);
    assert_eq!(calendar.next_allowed(&[ahead], now), Some(ahead.plus(WEEK)));
}
