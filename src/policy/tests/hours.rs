//! Windows against minutes counted one by one.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{UNUSUAL, calendar, clock, instant, plain, zone};
use crate::model::{ContactPolicy, DayHours, Micros};
use crate::policy::{Calendar, SEARCH_DAYS, Window, ZoneSet};

/// Minutes on both sides of what is looked at, so that hours that begin or end
/// within a repeated hour are seen whole.
const MARGIN: i64 = 2 * 1_440;

/// For every minute from `start` on: whether a clock in the zone shows a time
/// within hours. A start shown twice counts the second time, an end the first.
fn minutes_of_zone(name: &str, hours: &[DayHours], start: i64, count: i64) -> Vec<bool> {
    let shown = clock(name, start - MARGIN * Micros::MINUTE, count + 2 * MARGIN);
    let mut seen: HashMap<(i32, i32), (usize, usize)> = HashMap::new();
    for (index, (day, _, minute)) in shown.iter().enumerate() {
        seen.entry((*day, *minute)).or_insert((index, index)).1 = index;
    }
    let allowed = |index: usize| {
        let (day, weekday, minute) = shown[index];
        hours.iter().any(|range| {
            let within = (range.start_minute..range.end_minute).contains(&minute);
            let early = range.start_minute != 0
                && seen.get(&(day, range.start_minute)).is_some_and(|(_, last)| index < *last);
            let late = range.end_minute != 1_440
                && seen.get(&(day, range.end_minute)).is_some_and(|(first, _)| index >= *first);
            range.weekday == weekday && within && !early && !late
        })
    };
    let margin = usize::try_from(MARGIN).expect("positive");
    (margin..shown.len() - margin).map(allowed).collect()
}

/// The naive answer at `now`, which lies within the first minute; the search
/// ends where that of the calendar ends.
fn naive(names: &[&str], hours: &[DayHours], now: Micros, minimal_minutes: usize) -> Window {
    let start = now.0 - now.0.rem_euclid(Micros::MINUTE);
    let count = SEARCH_DAYS * 1_440 + 1;
    let mut open = vec![true; usize::try_from(count).expect("positive")];
    for name in names {
        let of_zone = minutes_of_zone(name, hours, start, count);
        open.iter_mut().zip(of_zone).for_each(|(all, one)| *all &= one);
    }
    let at = |index: usize| Micros(start + index as i64 * Micros::MINUTE);
    let horizon = now.plus(SEARCH_DAYS * Micros::DAY);
    let mut from = 0;
    while from < open.len() {
        let length = open[from..].iter().take_while(|open| **open).count();
        let until = at(from + length).min(horizon);
        let begin = at(from).max(now);
        if length > 0 && until.0 - begin.0 >= (minimal_minutes as i64 * Micros::MINUTE).max(1) {
            return if from == 0 {
                Window::Open { until }
            } else {
                Window::Closed { next: Some(begin) }
            };
        }
        from += length.max(1);
    }
    Window::Closed { next: None }
}

/// Minutes at which hours like to begin and end, those of changing clocks first.
fn minute() -> impl Strategy<Value = i32> {
    prop_oneof![
        (0..18).prop_map(|quarter| quarter * 15),
        (88..=96).prop_map(|quarter| quarter * 15),
        0..=1_440,
    ]
}

/// Up to two ranges for some weekdays, as the contract allows them.
fn some_hours() -> impl Strategy<Value = Vec<DayHours>> {
    let range = (1..=7, minute(), minute());
    proptest::collection::vec(range, 0..10).prop_map(|ranges| {
        let mut hours: Vec<DayHours> = Vec::new();
        for (weekday, one, other) in ranges {
            let (start_minute, end_minute) = (one.min(other), one.max(other));
            let next = DayHours { weekday, start_minute, end_minute };
            let apart = |had: &DayHours| {
                had.weekday != weekday
                    || had.end_minute <= start_minute
                    || had.start_minute >= end_minute
            };
            if start_minute < end_minute && start_minute < 1_440 && hours.iter().all(apart) {
                hours.push(next);
            }
        }
        hours.sort();
        hours
    })
}

fn check(
    names: &[&str],
    hours: Vec<DayHours>,
    now: Micros,
    talk: usize,
) -> Result<(), TestCaseError> {
    let expected = naive(names, &hours, now, talk);
    let answer = calendar(&plain(hours, 1, 3), names).open_for(now, talk as i64 * Micros::MINUTE);
    prop_assert_eq!(answer, expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn hours_in_one_zone_equal_counted_minutes(
        (name, date) in proptest::sample::select(UNUSUAL),
        hours in some_hours(),
        second in -4 * 86_400..3_i64 * 86_400,
    ) {
        let now = instant(&format!("{date}T12:00Z")).plus(second * Micros::SECOND);
        check(&[name], hours, now, 0)?;
    }

    #[test]
    fn hours_in_several_zones_equal_counted_minutes(
        (name, date) in proptest::sample::select(UNUSUAL),
        others in proptest::sample::subsequence(UNUSUAL, 1..3),
        hours in some_hours(),
        second in -4 * 86_400..3_i64 * 86_400,
        talk in 0..90_usize,
    ) {
        let now = instant(&format!("{date}T12:00Z")).plus(second * Micros::SECOND);
        let mut names = vec![name];
        names.extend(others.iter().map(|(name, _)| *name));
        check(&names, hours, now, talk)?;
    }

    #[test]
    fn an_answer_changes_exactly_when_it_says(
        (name, date) in proptest::sample::select(UNUSUAL),
        hours in some_hours(),
        second in -4 * 86_400..3_i64 * 86_400,
    ) {
        let now = instant(&format!("{date}T12:00Z")).plus(second * Micros::SECOND);
        let calendar = calendar(&plain(hours, 1, 3), &[name]);
        match calendar.window(now) {
            Window::Open { until } if until < now.plus(SEARCH_DAYS * Micros::DAY) => {
                prop_assert_eq!(calendar.window(until.plus(-1)), Window::Open { until });
                let closed = matches!(calendar.window(until), Window::Closed { .. });
                prop_assert!(closed);
            }
            Window::Closed { next: Some(next) } => {
                let closed = Window::Closed { next: Some(next) };
                prop_assert_eq!(calendar.window(next.plus(-1)), closed);
                let open = matches!(calendar.window(next), Window::Open { .. });
                prop_assert!(open);
            }
            Window::Open { .. } | Window::Closed { next: None } => {}
        }
    }
}

#[test]
fn always_is_open_even_where_no_zone_is_known() {
    let zones = ZoneSet::stored(["Nowhere/Town"]);
    let calendar = Calendar::new(&ContactPolicy::Always, &zone("UTC"), &zones);
    assert_eq!(calendar.window(Micros(0)), Window::Open { until: Micros::NEVER });
}

#[test]
fn an_unknown_zone_denies_whatever_the_others_say() {
    let hours: Vec<DayHours> =
        (1..=7).map(|weekday| DayHours { weekday, start_minute: 0, end_minute: 1_440 }).collect();
    let policy = plain(hours, 1, 3);
    let now = instant("2026-11-21T12:00Z");
    let known = Calendar::new(&policy, &zone("UTC"), &ZoneSet::stored(["Europe/Paris"]));
    let until = now.plus(SEARCH_DAYS * Micros::DAY);
    assert_eq!(known.window(now), Window::Open { until });
    let set = ZoneSet::stored(["Europe/Paris", "Nowhere/Town"]);
    let unknown = Calendar::new(&policy, &zone("UTC"), &set);
    assert_eq!(unknown.window(now), Window::Closed { next: None });
}

#[test]
fn no_hours_are_never_open() {
    let calendar = calendar(&plain(Vec::new(), 1, 3), &[]);
    assert_eq!(calendar.window(Micros(0)), Window::Closed { next: None });
}

#[test]
fn the_portfolios_zone_counts_only_where_the_debtor_brings_none() {
    let policy = ContactPolicy::Plain(Default::default());
    let now = instant("2026-11-20T09:00Z");
    let at = |names: &[&str]| {
        Calendar::new(&policy, &zone("Europe/Madrid"), &super::zones(names)).window(now)
    };
    assert_eq!(at(&[]), Window::Open { until: instant("2026-11-20T19:00Z") });
    let next = Some(instant("2026-11-20T13:00Z"));
    assert_eq!(at(&["America/New_York"]), Window::Closed { next });
}

/// A telephone in New York and one that does not say where: both hours hold.
#[test]
fn a_place_that_does_not_say_its_zone_is_in_the_portfolios() {
    let policy = ContactPolicy::Plain(Default::default());
    let home = zone("Europe/Madrid");
    let set = ZoneSet::stored(["America/New_York", ""]);
    assert_eq!(set, ZoneSet::stored(set.names()), "what is stored comes back");
    assert_ne!(set.id(), ZoneSet::stored(["America/New_York"]).id());
    let calendar = Calendar::new(&policy, &home, &set);
    // 19:30 in New York, 01:30 in Madrid.
    let evening = instant("2026-03-04T19:30[America/New_York]");
    assert!(matches!(calendar.window(evening), Window::Closed { .. }));
    let afternoon = instant("2026-03-04T13:30[America/New_York]");
    assert!(matches!(calendar.window(afternoon), Window::Open { .. }));
    assert!(ZoneSet::stored(["", ""]).is_empty());
}
