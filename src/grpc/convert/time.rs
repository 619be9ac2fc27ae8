//! Instants, days and durations.

use crate::model::{Day, Micros, Reason, Violations};
use crate::proto;

use super::path::Path;

/// How far ahead of the server's time an instant may lie.
const AHEAD_MAX: i64 = 24 * Micros::HOUR;

const NANOS_PER_SECOND: i32 = 1_000_000_000;

/// An instant from 1970 to 24 hours ahead of `now`. What is finer than a
/// microsecond is dropped.
pub(super) fn past_instant(
    time: &prost_types::Timestamp,
    now: Micros,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<Micros> {
    let instant = instant(time, at, broken)?;
    let latest = now.plus(AHEAD_MAX);
    if instant > latest {
        let bound = format!("at most 24 hours ahead of the server's time, {latest}");
        broken.add(at.to_string(), Reason::FieldOutOfRange, instant, bound);
        return None;
    }
    Some(instant)
}

/// An instant from 1970 to the end of 2199.
pub(super) fn instant(
    time: &prost_types::Timestamp,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<Micros> {
    if !(0..NANOS_PER_SECOND).contains(&time.nanos) {
        let field = at.field("nanos").to_string();
        broken.add(field, Reason::FieldMalformed, time.nanos, "0 to 999,999,999 are allowed");
        return None;
    }
    let end = i64::from(Day::MAX.0 + 1) * 86_400;
    if !(0..end).contains(&time.seconds) {
        let value = format!("{} s", time.seconds);
        broken.add(at.to_string(), Reason::FieldOutOfRange, value, "from 1970 to 2199");
        return None;
    }
    Some(Micros(time.seconds * Micros::SECOND + i64::from(time.nanos / 1_000)))
}

/// An instant as the contract writes it.
pub(super) fn timestamp(instant: Micros) -> prost_types::Timestamp {
    let micros = instant.0.rem_euclid(Micros::SECOND);
    prost_types::Timestamp {
        seconds: instant.0.div_euclid(Micros::SECOND),
        nanos: i32::try_from(micros * 1_000).unwrap_or(0),
    }
}

/// A day from 1970 to 2199.
pub(super) fn day(date: &proto::Date, at: &Path<'_>, broken: &mut Violations) -> Option<Day> {
    let part = |number: i32| u32::try_from(number).ok();
    let (month, number) = part(date.month).zip(part(date.day)).unwrap_or_default();
    let day = Day::from_ymd(date.year, month, number);
    if day.is_none() {
        let value = format!("{:04}-{:02}-{:02}", date.year, date.month, date.day);
        let (reason, bound) = match (1970..=2199).contains(&date.year) {
            true => (Reason::FieldMalformed, "there is no such day"),
            false => (Reason::FieldOutOfRange, "years 1970 to 2199 are allowed"),
        };
        broken.add(at.to_string(), reason, value, bound);
    }
    day
}

/// A day as the contract writes it.
pub(super) fn date(day: Day) -> proto::Date {
    let (year, month, day) = day.ymd();
    let part = |number: u32| i32::try_from(number).unwrap_or(0);
    proto::Date { year, month: part(month), day: part(day) }
}

/// A duration in microseconds, within bounds given in seconds.
pub(super) fn duration(
    duration: &prost_types::Duration,
    (min, max): (i64, i64),
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<i64> {
    let fine = i64::from(duration.nanos / 1_000);
    let micros = duration.seconds.checked_mul(Micros::SECOND).and_then(|s| s.checked_add(fine));
    let well_formed = duration.nanos.unsigned_abs() < NANOS_PER_SECOND.unsigned_abs()
        && (duration.seconds == 0
            || duration.nanos == 0
            || (duration.seconds > 0) == (duration.nanos > 0));
    let range = min * Micros::SECOND..=max * Micros::SECOND;
    match micros {
        Some(micros) if well_formed && range.contains(&micros) => Some(micros),
        _ => {
            let value = format!("{} s {} ns", duration.seconds, duration.nanos);
            let bound = format!("{min} to {max} seconds are allowed");
            broken.add(at.to_string(), Reason::FieldOutOfRange, value, bound);
            None
        }
    }
}

/// A duration as the contract writes it.
pub(super) fn duration_to(micros: i64) -> prost_types::Duration {
    prost_types::Duration {
        seconds: micros / Micros::SECOND,
        nanos: i32::try_from(micros % Micros::SECOND * 1_000).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::convert::path::ROOT;

    fn broken_by(read: impl FnOnce(&Path<'_>, &mut Violations)) -> Vec<Reason> {
        let mut broken = Violations::new();
        read(&ROOT.field("x"), &mut broken);
        broken.0.iter().map(|violation| violation.reason).collect()
    }

    #[test]
    fn instants_reach_from_1970_to_a_day_ahead() {
        let now = Micros(1_000_000 * Micros::SECOND);
        let read = |seconds, nanos| {
            broken_by(|at, broken| {
                past_instant(&prost_types::Timestamp { seconds, nanos }, now, at, broken);
            })
        };
        for (seconds, nanos) in [(0, 0), (1_000_000, 999_999_999), (1_086_400, 0)] {
            assert_eq!(read(seconds, nanos), [], "{seconds} {nanos}");
        }
        for (seconds, nanos) in
            [(-1, 0), (-1, 999_999_999), (1_086_400, 1_000), (i64::MAX, 0), (i64::MIN, 0)]
        {
            assert_eq!(read(seconds, nanos), [Reason::FieldOutOfRange], "{seconds} {nanos}");
        }
        for nanos in [-1, NANOS_PER_SECOND, i32::MIN] {
            assert_eq!(read(0, nanos), [Reason::FieldMalformed]);
        }
    }

    #[test]
    fn instants_come_back_as_they_were() {
        let mut broken = Violations::new();
        for micros in [0, 1, 999_999, 1_700_000_000_123_456] {
            let back = instant(&timestamp(Micros(micros)), &ROOT, &mut broken);
            assert_eq!(back, Some(Micros(micros)));
        }
        assert_eq!(timestamp(Micros(-1)).nanos, 999_999_000);
    }

    #[test]
    fn only_days_that_exist_are_read() {
        let read = |year, month, day_of| {
            broken_by(|at, broken| {
                day(&proto::Date { year, month, day: day_of }, at, broken);
            })
        };
        for (y, m, d) in [(1970, 1, 1), (2024, 2, 29), (2199, 12, 31)] {
            assert_eq!(read(y, m, d), []);
        }
        for (y, m, d) in [(2023, 2, 29), (2024, 0, 1), (2024, 13, 1), (2024, 1, 0), (2024, 1, -1)] {
            assert_eq!(read(y, m, d), [Reason::FieldMalformed], "{y}-{m}-{d}");
        }
        for (y, m, d) in [(1969, 12, 31), (2200, 1, 1), (0, 0, 0), (i32::MIN, 1, 1)] {
            assert_eq!(read(y, m, d), [Reason::FieldOutOfRange], "{y}-{m}-{d}");
        }
    }

    #[test]
    fn durations_hold_their_bounds_to_the_microsecond() {
        let read = |seconds, nanos| {
            broken_by(|at, broken| {
                duration(&prost_types::Duration { seconds, nanos }, (10, 3_600), at, broken);
            })
        };
        for (seconds, nanos) in [(10, 0), (3_600, 0), (10, 1), (3_599, 999_999_999)] {
            assert_eq!(read(seconds, nanos), [], "{seconds} {nanos}");
        }
        for (seconds, nanos) in [
            (9, 999_999_999),
            (3_600, 1_000),
            (0, 0),
            (-10, 0),
            (11, -1),
            (11, NANOS_PER_SECOND),
            (i64::MAX, 0),
            (i64::MIN, i32::MIN),
        ] {
            assert_eq!(read(seconds, nanos), [Reason::FieldOutOfRange], "{seconds} {nanos}");
        }
        assert_eq!(
            duration_to(1_500_000),
            prost_types::Duration { seconds: 1, nanos: 500_000_000 }
        );
    }
}
