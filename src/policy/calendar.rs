//! When contact is allowed: the hours of a policy in every zone of a debtor.

use crate::model::{ContactPolicy, Day, DayHours, LocalDays, Micros};

use super::{Zone, ZoneSet};

/// How many days ahead hours of contact are looked for. Hours lost to a change
/// of clocks come back a week later, so two weeks and a little are enough.
pub const SEARCH_DAYS: i64 = 16;

/// A contact policy applied to the zones of a debtor, or to the portfolio's own
/// zone where the debtor brings none.
#[derive(Clone, Debug)]
pub struct Calendar {
    policy: ContactPolicy,
    home: Zone,
    zones: Vec<Zone>,
    unknown: Vec<String>,
}

/// Whether contact is allowed at an instant, and until when that answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Allowed.
    Open {
        /// The first instant at which it is not: the end of hours in the first
        /// zone to close. At most [`SEARCH_DAYS`] ahead, or [`Micros::NEVER`]
        /// under the policy `always`.
        until: Micros,
    },
    /// Not allowed.
    Closed {
        /// The first instant at which it is allowed in all zones at once; nothing
        /// if there is none within [`SEARCH_DAYS`].
        next: Option<Micros>,
    },
}

/// From an instant to another one, the second excluded.
type Span = (i64, i64);

impl Calendar {
    /// A policy in the zones of a debtor; `home` is the portfolio's own zone, which
    /// counts where a debtor brings none or a place does not say its zone.
    pub fn new(policy: &ContactPolicy, home: &Zone, zones: &ZoneSet) -> Calendar {
        let mut known = zones.zones().to_vec();
        if known.is_empty() || (zones.with_home() && !known.contains(home)) {
            known.push(home.clone());
        }
        Calendar {
            policy: policy.clone(),
            home: home.clone(),
            zones: known,
            unknown: zones.unknown().to_vec(),
        }
    }

    /// The policy.
    pub fn policy(&self) -> &ContactPolicy {
        &self.policy
    }

    /// The portfolio's own zone: ledger ages and promised days are counted there.
    pub fn home(&self) -> &Zone {
        &self.home
    }

    /// The zones in which hours and caps hold; at least one.
    pub fn zones(&self) -> &[Zone] {
        &self.zones
    }

    /// Names of the debtor's zones that are not known. While there are any, every
    /// policy but `always` denies contact.
    pub fn unknown_zones(&self) -> &[String] {
        &self.unknown
    }

    /// Whether contact is allowed at `now`.
    pub fn window(&self, now: Micros) -> Window {
        self.open_for(now, 0)
    }

    /// Whether contact may begin at `now` and last `minimal` microseconds within
    /// hours. Hours are instants, so a clock set forward shortens them and one set
    /// back lengthens them. A start that the clock shows twice is the second one,
    /// an end the first one; either that it skips is the first instant after.
    pub fn open_for(&self, now: Micros, minimal: i64) -> Window {
        let ContactPolicy::Plain(plain) = &self.policy else {
            return Window::Open { until: Micros::NEVER };
        };
        if !self.unknown.is_empty() {
            return Window::Closed { next: None };
        }
        // Most answers lie within two days; the wider searches are rare.
        for days in [2, 9, SEARCH_DAYS] {
            let horizon = now.plus(days * Micros::DAY);
            let spans = self.common_spans(&plain.hours, now, horizon);
            let fits = |span: &&Span| span.1 - span.0.max(now.0) >= minimal.max(1);
            match spans.iter().find(fits) {
                Some(span) if span.1 >= horizon.0 && days < SEARCH_DAYS => {}
                Some(span) if span.0 <= now.0 => return Window::Open { until: Micros(span.1) },
                Some(span) => return Window::Closed { next: Some(Micros(span.0)) },
                None => {}
            }
        }
        Window::Closed { next: None }
    }

    /// The first instant of the `days`-th day after that of `at`, in the zone
    /// where it comes last.
    pub fn day_after(&self, at: Micros, days: i32) -> Micros {
        let start = |zone: &Zone| zone.start_of(zone.day_of(at).plus(days));
        self.zones.iter().map(start).max().unwrap_or(at)
    }

    /// Every span within hours of all zones that ends after `from` and begins
    /// before `to`, cut off at `to`; ascending, apart from one another.
    fn common_spans(&self, hours: &[DayHours], from: Micros, to: Micros) -> Vec<Span> {
        let spans = |zone: &Zone| zone_spans(zone, hours, from, to);
        self.zones
            .iter()
            .map(spans)
            .reduce(|one, other| intersect(&one, &other))
            .unwrap_or_default()
    }
}

/// The spans of hours of one zone. The day before and the day after are looked
/// at too, because hours that meet at midnight are one span.
fn zone_spans(zone: &Zone, hours: &[DayHours], from: Micros, to: Micros) -> Vec<Span> {
    let (first, last) = (zone.day_of(from).plus(-1), zone.day_of(to).plus(1));
    let mut spans: Vec<Span> = Vec::new();
    for day in (first.0..=last.0).map(Day) {
        let today = hours.iter().filter(|hours| hours.weekday == weekday(day));
        let mut of_day: Vec<Span> = today.map(|hours| span_of(zone, day, hours)).collect();
        of_day.sort_unstable();
        for (start, end) in of_day {
            let end = end.min(to.0);
            match spans.last_mut() {
                _ if start >= end || end <= from.0 => {}
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => spans.push((start, end)),
            }
        }
    }
    spans
}

/// The hours of one day as instants. Minute 0 and minute 1,440 are the edges of
/// the day itself, not times that a clock shows: hours that meet at midnight stay
/// together whatever clocks do there.
fn span_of(zone: &Zone, day: Day, hours: &DayHours) -> Span {
    let start = match hours.start_minute {
        0 => zone.start_of(day),
        minute => zone.instants_of(day, minute).1,
    };
    let end = match hours.end_minute {
        1_440 => zone.start_of(day.plus(1)),
        minute => zone.instants_of(day, minute).0,
    };
    (start.0, end.0)
}

fn intersect(one: &[Span], other: &[Span]) -> Vec<Span> {
    let (mut i, mut j) = (0, 0);
    let mut common = Vec::new();
    while let (Some(a), Some(b)) = (one.get(i), other.get(j)) {
        let (start, end) = (a.0.max(b.0), a.1.min(b.1));
        if start < end {
            common.push((start, end));
        }
        if a.1 < b.1 { i += 1 } else { j += 1 }
    }
    common
}

/// The weekday of a day, 1 Monday to 7 Sunday; 1970-01-01 was a Thursday.
pub(super) fn weekday(day: Day) -> i32 {
    (day.0 + 3).rem_euclid(7) + 1
}
