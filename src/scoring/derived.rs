//! Features that a scorecard defines itself, of others, by one formula each.
//! docs/FEATURES.md defines the formulas.

use std::sync::Arc;

use crate::model::{CustomValue, Day, Input};

use super::bins::{Bins, Value};
use super::book::{Course, Instant};
use super::feature::{Feature, FeatureKind};
use super::measure::{Given, Measure, Paying};
use super::month::Month;
use super::shape::AHEAD;
use super::subject::Subject;

/// Every derived number is held within this, in the parts that it is kept in: no bin has
/// a bound beyond it.
pub(super) const HELD_WITHIN: i64 = 1_000_000_000_000_000_000;

/// A feature that a scorecard defines itself. Two of them are equal where they look at
/// the same and make the same of it, whatever they are called.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Derived {
    pub formula: Formula,
    /// What it looks at, in its order; nothing for months between dates and for changes.
    pub operands: Vec<Feature>,
    /// The names of all inputs it looks at, through any depth.
    pub inputs: Vec<Box<str>>,
}

/// What is made of the operands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Formula {
    /// The first in thousandths of the second.
    Ratio,
    /// The first less the second.
    Difference,
    /// The least of those known.
    Min,
    /// The greatest of those known.
    Max,
    /// How many are known.
    Known,
    /// Whole calendar months from one date to another.
    MonthsBetween(Date, Date),
    /// A value less what it was so many months before.
    Change(Paying, i32),
}

/// A date that a formula looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Date {
    /// The day as of which a case is ranked.
    Today,
    /// The served oldest due date.
    OldestDue,
    /// A date of the document.
    Given(Input),
    /// A custom text such as `2026-03-20`.
    Custom(Box<str>),
}

impl Date {
    /// The date of a case, if it was told.
    pub fn day(&self, subject: &Subject<'_>) -> Option<Day> {
        match self {
            Date::Today => Some(subject.today),
            Date::OldestDue => subject.served.oldest_due_date,
            Date::Given(input) => subject.facts.inputs.date(*input),
            Date::Custom(feature_id) => match Given::custom(subject, feature_id)? {
                CustomValue::Text(text) => Day::from_text(text),
                CustomValue::Number(_) | CustomValue::Flag(_) => None,
            },
        }
    }

    /// Its month as of so many months from today.
    fn month(&self, subject: &Subject<'_>, shift: i32) -> Option<Month> {
        let month = self.day(subject).map(Month::of)?;
        Some(if *self == Date::Today { month.plus(shift) } else { month })
    }
}

impl Derived {
    /// In parts of what its number is counted: those of its operands, where it keeps their
    /// unit.
    pub fn scale(&self) -> i64 {
        match self.formula {
            Formula::Difference | Formula::Min | Formula::Max => {
                self.operands.iter().map(scale_of).max().unwrap_or(1)
            }
            Formula::Ratio | Formula::Known | Formula::MonthsBetween(..) | Formula::Change(..) => 1,
        }
    }

    /// The least and the most that it can be.
    pub fn range(&self) -> (i64, i64) {
        let least = |at: usize| self.operands[at].range().0;
        match &self.formula {
            Formula::Known => (0, self.operands.len() as i64),
            Formula::Ratio if least(0) >= 0 => (0, i64::MAX),
            Formula::Change(Paying::LateMonths6, _) => (-6, 6),
            _ => (i64::MIN, i64::MAX),
        }
    }

    /// Whether time alone may move it.
    pub fn moves(&self) -> bool {
        match &self.formula {
            Formula::MonthsBetween(from, to) => [from, to].contains(&&Date::Today),
            Formula::Change(..) => true,
            _ => self.operands.iter().any(Feature::moves),
        }
    }

    /// How many values are computed to know it on another day: its own, and those that it
    /// looks at. What nothing moves is computed once.
    pub fn weight_of_a_day(&self) -> usize {
        let weight = |operand: &Feature| match operand {
            Feature::Derived(derived) if operand.moves() => derived.weight_of_a_day(),
            _ => 1,
        };
        1 + self.operands.iter().map(weight).sum::<usize>()
    }

    /// Whether it looks, through any depth, at what is laid out for some months ahead only.
    fn reads_months(&self) -> bool {
        let reads = |operand: &Feature| match operand {
            Feature::Paying(Paying::NeverPaid | Paying::MonthsSincePayment) => false,
            Feature::Paying(_) => true,
            Feature::Derived(derived) => derived.reads_months(),
            _ => false,
        };
        matches!(self.formula, Formula::Change(..)) || self.operands.iter().any(reads)
    }

    /// The value from those of its operands, in their order.
    pub fn of<'a>(&self, values: impl Iterator<Item = Value<'a>>) -> Value<'static> {
        let scale = i128::from(self.scale());
        let mut pairs = values.zip(&self.operands).map(|(value, feature)| match value {
            Value::Number(number) => Some((i128::from(number), i128::from(scale_of(feature)))),
            Value::Category(_) | Value::Text(_) => Some((0, 1)),
            Value::Missing | Value::Unknown => None,
        });
        let in_parts = |(number, own): (i128, i128)| number * (scale / own);
        let number = match self.formula {
            Formula::Ratio => ratio(pairs.next().flatten(), pairs.next().flatten()),
            Formula::Difference => {
                let (of, less) = (pairs.next().flatten(), pairs.next().flatten());
                of.zip(less).map(|(of, less)| in_parts(of) - in_parts(less))
            }
            Formula::Min => pairs.flatten().map(in_parts).min(),
            Formula::Max => pairs.flatten().map(in_parts).max(),
            Formula::Known => Some(pairs.flatten().count() as i128),
            // They have no operands.
            Formula::MonthsBetween(..) | Formula::Change(..) => None,
        };
        number.map_or(Value::Missing, held)
    }

    /// The value of those without operands so many months from today.
    fn month(&self, subject: &Subject<'_>, shift: i32) -> Option<i64> {
        match &self.formula {
            Formula::MonthsBetween(from, to) => {
                let (from, to) = from.month(subject, shift).zip(to.month(subject, shift))?;
                Some(i64::from(to.since(from)))
            }
            Formula::Change(of, months) => {
                let shape = subject.shape.as_ref()?;
                let [now, before] =
                    [shift, shift - months].map(|shift| match of.at(subject, shape, shift) {
                        Value::Number(number) => Some(number),
                        _ => None,
                    });
                Some(now? - before?)
            }
            _ => None,
        }
    }
}

fn scale_of(feature: &Feature) -> i64 {
    match feature.kind().0 {
        FeatureKind::Number { scale } => scale,
        FeatureKind::Category(_) | FeatureKind::Text => 1,
    }
}

/// Thousandths, rounded down; nothing where one of the numbers, each with its scale, is
/// missing, or the divisor is not above 0.
fn ratio(of: Option<(i128, i128)>, to: Option<(i128, i128)>) -> Option<i128> {
    let ((of, of_scale), (to, to_scale)) = of.zip(to)?;
    (to > 0).then(|| (of * to_scale * 1_000).div_euclid(to * of_scale))
}

fn held(number: i128) -> Value<'static> {
    let most = i128::from(HELD_WITHIN);
    let held = number.clamp(-most, most);
    Value::Number(i64::try_from(held).expect("it is held within 64 bits"))
}

fn measured(feature: &Feature) -> &dyn Measure {
    feature.measure().expect("no formula looks at the score")
}

impl Measure for Arc<Derived> {
    fn value<'a>(&self, subject: &Subject<'a>) -> Value<'a> {
        match self.operands.as_slice() {
            [] => self.month(subject, 0).map_or(Value::Missing, Value::Number),
            operands => self.of(operands.iter().map(|one| measured(one).value(subject))),
        }
    }

    /// Goes from one change of what it looks at to the next, until the bin is another one.
    /// What lies further ahead than courses reach is looked at again then.
    fn next_boundary(&self, subject: &Subject<'_>, bins: &Bins) -> Option<Day> {
        let course = self.course(subject);
        let feature = Feature::Derived(Arc::clone(self));
        let began = Month::of(subject.today);
        let now = bins.code(&self.value(subject));
        let mut day = subject.today;
        loop {
            let Some(next) = course.next_change(day) else {
                let end = began.plus(AHEAD as i32).first_day();
                return end.filter(|_| subject.shape.is_some() && self.reads_months());
            };
            day = next;
            let Some(at) = Instant::new(day, began, subject.stage_bounds) else { return Some(day) };
            if bins.code(&course.value(&feature, &at)) != now {
                return Some(day);
            }
        }
    }

    fn course(&self, subject: &Subject<'_>) -> Course {
        if self.operands.is_empty() {
            return Course::months(|shift| self.month(subject, shift));
        }
        let courses = self.operands.iter().map(|one| measured(one).course(subject));
        let courses: Box<[Course]> = courses.collect();
        if courses.iter().all(|course| course.next_change(subject.today).is_none()) {
            return Course::fixed(&self.value(subject));
        }
        Course::Of(courses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: i64 = 1_000_000;

    fn own(feature_id: &str) -> Feature {
        let kind = FeatureKind::Number { scale: OWN };
        Feature::Given(Given::Custom { feature_id: feature_id.into(), kind })
    }

    fn whole() -> Feature {
        Feature::Given(Given::Input(Input::LimitAmount))
    }

    fn made(formula: Formula, operands: Vec<Feature>, values: &[Option<i64>]) -> Option<i64> {
        let derived = Derived { formula, operands, inputs: Vec::new() };
        let values = values.iter().map(|value| value.map_or(Value::Missing, Value::Number));
        match derived.of(values) {
            Value::Number(number) => Some(number),
            other => {
                assert_eq!(other, Value::Missing);
                None
            }
        }
    }

    #[test]
    fn ratios_are_rounded_down_and_know_no_divisor_that_is_not_above_nothing() {
        let ratio = |of, to| made(Formula::Ratio, vec![whole(), whole()], &[of, to]);
        assert_eq!(ratio(Some(2), Some(3)), Some(666));
        assert_eq!(ratio(Some(-2), Some(3)), Some(-667));
        assert_eq!(ratio(Some(0), Some(3)), Some(0));
        for (of, to) in [(Some(1), Some(0)), (Some(1), Some(-1)), (None, Some(1)), (Some(1), None)]
        {
            assert_eq!(ratio(of, to), None);
        }
        let mixed = |operands, of, to| made(Formula::Ratio, operands, &[Some(of), Some(to)]);
        assert_eq!(mixed(vec![whole(), own("a")], 3, 2 * OWN), Some(1_500));
        assert_eq!(mixed(vec![own("a"), whole()], 3 * OWN, 2), Some(1_500));
        assert_eq!(mixed(vec![own("a"), own("b")], 1, 3), Some(333));
    }

    #[test]
    fn numbers_are_held_where_they_would_be_too_large() {
        let most = 1_000_000_000_000_000_000;
        for operands in [vec![whole(), whole()], vec![whole(), own("a")], vec![own("a"), whole()]] {
            let of = |formula, of, to| made(formula, operands.clone(), &[Some(of), Some(to)]);
            assert_eq!(of(Formula::Difference, i64::MAX, i64::MIN), Some(most));
            assert_eq!(of(Formula::Difference, i64::MIN, i64::MAX), Some(-most));
            assert_eq!(of(Formula::Max, i64::MIN, i64::MAX), Some(most));
            assert_eq!(of(Formula::Min, i64::MIN, i64::MAX), Some(-most));
        }
        let ratio = |of| made(Formula::Ratio, vec![whole(), own("a")], &[Some(of), Some(1)]);
        assert_eq!((ratio(i64::MAX), ratio(i64::MIN)), (Some(most), Some(-most)));
    }

    #[test]
    fn units_meet_in_the_finer_one_and_what_is_known_counts() {
        let two = |formula, values: &[Option<i64>]| made(formula, vec![whole(), own("a")], values);
        assert_eq!(two(Formula::Difference, &[Some(3), Some(500_000)]), Some(2_500_000));
        assert_eq!(two(Formula::Difference, &[Some(3), None]), None);
        assert_eq!(two(Formula::Min, &[Some(3), Some(500_000)]), Some(500_000));
        assert_eq!(two(Formula::Max, &[Some(3), None]), Some(3 * OWN));
        assert_eq!(two(Formula::Max, &[None, None]), None);
        assert_eq!(two(Formula::Known, &[None, Some(0)]), Some(1));
        assert_eq!(two(Formula::Known, &[None, None]), Some(0));
    }
}
