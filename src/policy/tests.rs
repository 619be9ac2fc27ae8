//! Tests of the contact rules. The second implementations here are as plain and
//! as slow as can be; they read clocks through the zone library, minute by
//! minute, and share no code with what they check.

mod caps;
mod cases;
mod days;
mod gates;
mod hours;
mod ledger;
mod outcomes;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::{ContactPolicy, DayHours, Micros, PlainPolicy};

use super::{Calendar, Zone, ZoneSet};

/// Zones with the day around which something unusual happens to their clocks.
const UNUSUAL: &[(&str, &str)] = &[
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("America/Santiago", "2026-04-05"),
    ("America/Santiago", "2026-09-06"),
    ("Asia/Kathmandu", "2026-06-01"),
    ("Pacific/Chatham", "2026-04-05"),
    ("Pacific/Chatham", "2026-09-27"),
    ("Pacific/Apia", "2011-12-30"),
    ("America/Havana", "2026-03-08"),
    ("America/Havana", "2026-11-01"),
    ("Africa/Cairo", "2026-04-24"),
    ("Africa/Cairo", "2026-10-29"),
    ("Asia/Beirut", "2026-03-29"),
    ("America/Nuuk", "2026-03-28"),
    ("America/Nuuk", "2026-10-24"),
    ("Antarctica/Troll", "2026-03-29"),
    ("America/St_Johns", "2026-03-08"),
];

/// An instant as `2026-03-08T07:59[America/New_York]` or `2026-03-08T12:00Z`.
fn instant(text: &str) -> Micros {
    let zoned = text.parse::<jiff::Zoned>().map(|zoned| zoned.timestamp());
    let timestamp = zoned.or_else(|_| text.parse::<Timestamp>());
    Micros(timestamp.expect(text).as_microsecond())
}

fn zone(name: &str) -> Zone {
    Zone::new(name).expect("a zone of the database")
}

fn zones(names: &[&str]) -> ZoneSet {
    ZoneSet::new(names.iter().copied()).expect("zones of the database")
}

fn plain(hours: Vec<DayHours>, attempts_per_day: i32, attempts_per_week: i32) -> ContactPolicy {
    ContactPolicy::Plain(PlainPolicy { hours, attempts_per_day, attempts_per_week })
}

fn calendar(policy: &ContactPolicy, names: &[&str]) -> Calendar {
    Calendar::new(policy, &zone("UTC"), &zones(names))
}

/// What a clock shows at each of `count` minutes from `start` on: the days since
/// 1970, the weekday (1 Monday) and the minute of the day.
fn clock(name: &str, start: i64, count: i64) -> Vec<(i32, i32, i32)> {
    let tz = TimeZone::get(name).expect("a zone of the database");
    let epoch = jiff::civil::date(1970, 1, 1);
    (0..count)
        .map(|minute| {
            let at = start + minute * Micros::MINUTE;
            let shown = tz.to_datetime(Timestamp::from_microsecond(at).expect("in range"));
            let days = shown.date().since(epoch).expect("in range").get_days();
            let weekday = i32::from(shown.date().weekday().to_monday_one_offset());
            (days, weekday, i32::from(shown.hour()) * 60 + i32::from(shown.minute()))
        })
        .collect()
}
