//! How the value of a feature moves with time if nothing happens: what a book keeps in
//! place of a case, and from which it says what the value is on any day up to a year
//! ahead.

use crate::model::{Day, StageBounds};

use super::super::bins::Value;
use super::super::feature::Feature;
use super::super::measure::{Age, penalty_permille, stage_ahead};
use super::super::month::Month;
use super::super::shape::AHEAD;

/// The value of a feature over time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in super::super) enum Course {
    /// Not told, or it cannot be computed.
    Missing,
    /// Asked, and not known.
    Unknown,
    /// A number that stays.
    Number(i64),
    /// A category that stays.
    Category(i64),
    /// A text that stays.
    Text(Box<str>),
    /// Something is overdue since this day.
    Due(i32),
    /// The whole months since this one, counted as [`Month`] does; 0 before it.
    Since(i32),
    /// The penalty interest at so many basis points since a day.
    Penalty(i64, i32),
    /// A number by month, from the month the book was begun in; [`NONE`] where missing.
    Months([i16; AHEAD]),
    /// The same for larger numbers; [`WIDE_NONE`] where missing.
    WideMonths(Box<[i64; AHEAD]>),
    /// A number from each of these days on, ascending, the first of which lies in the
    /// past; [`WIDE_NONE`] where missing.
    Steps(Box<[(i32, i64)]>),
    /// What a derived feature looks at, in its order.
    Of(Box<[Course]>),
}

/// No number in a month.
const NONE: i16 = i16::MIN;
/// No number in a month or from a day on.
const WIDE_NONE: i64 = i64::MIN;

impl Course {
    /// A value that time does not move.
    pub fn fixed(value: &Value<'_>) -> Course {
        match value {
            Value::Missing => Course::Missing,
            Value::Unknown => Course::Unknown,
            Value::Number(number) => Course::Number(*number),
            Value::Category(number) => Course::Category(*number),
            Value::Text(text) => Course::Text(Box::from(*text)),
        }
    }

    /// A number that changes with the months only: what it is so many months from this one.
    pub fn months(number: impl Fn(i32) -> Option<i64>) -> Course {
        let numbers: [Option<i64>; AHEAD] = std::array::from_fn(|shift| number(shift as i32));
        if numbers.iter().all(|number| *number == numbers[0]) {
            return numbers[0].map_or(Course::Missing, Course::Number);
        }
        let fits = |number: &Option<i64>| match number {
            None => Some(NONE),
            Some(number) => i16::try_from(*number).ok().filter(|number| *number != NONE),
        };
        match numbers.iter().map(fits).collect::<Option<Vec<i16>>>() {
            Some(narrow) => Course::Months(narrow.try_into().expect("there are as many as before")),
            None => Course::WideMonths(Box::new(numbers.map(|number| number.unwrap_or(WIDE_NONE)))),
        }
    }

    /// A number that changes on known days, of which the first is today.
    pub fn steps(mut steps: Vec<(Day, Option<i64>)>) -> Course {
        steps.dedup_by_key(|step| step.1);
        match steps.as_slice() {
            [] | [(_, None)] => Course::Missing,
            [(_, Some(number))] => Course::Number(*number),
            _ => {
                let number =
                    |(day, number): &(Day, Option<i64>)| (day.0, number.unwrap_or(WIDE_NONE));
                Course::Steps(steps.iter().map(number).collect())
            }
        }
    }

    /// What is kept beside the course itself, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Course::Text(text) => text.len(),
            Course::WideMonths(_) => size_of::<[i64; AHEAD]>(),
            Course::Steps(steps) => steps.len() * size_of::<(i32, i64)>(),
            Course::Of(courses) => {
                let beside: usize = courses.iter().map(Course::heap_bytes).sum();
                size_of_val(&**courses) + beside
            }
            _ => 0,
        }
    }

    /// The first day after a day on which the value may be another one; nothing where it
    /// stays.
    pub fn next_change(&self, day: Day) -> Option<Day> {
        let next = match self {
            Course::Missing
            | Course::Unknown
            | Course::Number(_)
            | Course::Category(_)
            | Course::Text(_) => None,
            Course::Due(_) | Course::Penalty(..) => Some(day.plus(1)),
            Course::Since(_) | Course::Months(_) | Course::WideMonths(_) => {
                Month::of(day).plus(1).first_day()
            }
            Course::Steps(steps) => {
                steps.get(steps.partition_point(|step| step.0 <= day.0)).map(|step| Day(step.0))
            }
            Course::Of(courses) => {
                courses.iter().filter_map(|course| course.next_change(day)).min()
            }
        };
        next.filter(|next| *next > day)
    }

    /// The value on a day.
    pub fn value(&self, feature: &Feature, at: &Instant) -> Value<'_> {
        let number = |number: i64| match number {
            WIDE_NONE => Value::Missing,
            number => Value::Number(number),
        };
        match self {
            Course::Missing => Value::Missing,
            Course::Unknown => Value::Unknown,
            Course::Number(number) => Value::Number(*number),
            Course::Category(number) => Value::Category(*number),
            Course::Text(text) => Value::Text(text),
            Course::Due(due) => {
                let days = at.day.since(Day(*due));
                match feature {
                    Feature::Age(Age::DaysToNextStage) => {
                        Value::Number(stage_ahead(at.stage_bounds, days))
                    }
                    _ => Value::Number(i64::from(days)),
                }
            }
            Course::Since(month) => Value::Number(i64::from(at.month.since(Month(*month)).max(0))),
            Course::Penalty(rate_bps, due) => {
                let days = at.day.since(Day(*due));
                Value::Number(penalty_permille(*rate_bps, i64::from(days)))
            }
            Course::Months(numbers) => match numbers[at.months_ahead] {
                NONE => Value::Missing,
                number => Value::Number(i64::from(number)),
            },
            Course::WideMonths(numbers) => number(numbers[at.months_ahead]),
            Course::Steps(steps) => {
                let behind = steps.partition_point(|(day, _)| *day <= at.day.0);
                number(steps[behind.saturating_sub(1)].1)
            }
            Course::Of(courses) => match feature {
                Feature::Derived(derived) => {
                    let looked_at = courses.iter().zip(&derived.operands);
                    derived.of(looked_at.map(|(course, feature)| course.value(feature, at)))
                }
                _ => Value::Missing,
            },
        }
    }
}

/// A day as courses are read on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Instant {
    pub day: Day,
    pub month: Month,
    /// Months since the book was begun.
    pub months_ahead: usize,
    pub stage_bounds: StageBounds,
}

impl Instant {
    /// A day of a book begun in a month; nothing where the book does not reach it.
    pub fn new(day: Day, began: Month, stage_bounds: StageBounds) -> Option<Instant> {
        let month = Month::of(day);
        let months_ahead = usize::try_from(month.since(began)).ok().filter(|at| *at < AHEAD)?;
        Some(Instant { day, month, months_ahead, stage_bounds })
    }
}
