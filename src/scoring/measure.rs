//! How features are measured, and when their bins may change by themselves.

use crate::model::{CustomValue, Day, Input, StageBounds};

use super::amount::log_tenths;
use super::bins::{Bins, Value};
use super::book::Course;
use super::feature::{FeatureKind, input_kind};
use super::month::Month;
use super::shape::{AHEAD, Shape};
use super::subject::{Promises, Subject};

/// A feature as measured on a case as of a day. No method has a default: whoever
/// adds a feature has to say how time moves it.
pub(super) trait Measure {
    /// The value as of the subject's day.
    fn value<'a>(&self, subject: &Subject<'a>) -> Value<'a>;

    /// The first later day on which the value may fall into another bin with no
    /// new event; nothing if it never will. An earlier day than necessary costs
    /// a needless review, a later one would be wrong.
    fn next_boundary(&self, subject: &Subject<'_>, bins: &Bins) -> Option<Day>;

    /// The value on the subject's day and on every later one for a year, with no new
    /// event.
    fn course(&self, subject: &Subject<'_>) -> Course;
}

/// The largest share told, in thousandths: tenfold.
pub(super) const PERMILLE_MAX: i64 = 10_000;
/// Days to the next stage where there is none.
const NO_STAGE_AHEAD: i64 = 100_000;

/// As the document gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given {
    Input(Input),
    DebtorKind,
    Custom {
        feature_id: Box<str>,
        kind: FeatureKind,
    },
    /// Whether a custom feature was told, of whatever kind.
    Told(Box<str>),
}

impl Given {
    /// The value of a custom feature.
    pub fn custom<'a>(subject: &Subject<'a>, feature_id: &str) -> Option<&'a CustomValue> {
        let features = &subject.facts.custom_features;
        let found = features.binary_search_by(|one| one.feature_id.as_str().cmp(feature_id));
        found.ok().map(|at| &features[at].value)
    }
}

impl Measure for Given {
    fn value<'a>(&self, subject: &Subject<'a>) -> Value<'a> {
        match self {
            Given::Input(input) => {
                let Some(number) = subject.input(*input) else { return Value::Missing };
                match input_kind(*input) {
                    (FeatureKind::Category(_), true) if number == 1 => Value::Unknown,
                    (FeatureKind::Category(_), _) => Value::Category(number),
                    _ => Value::Number(number),
                }
            }
            Given::DebtorKind => Value::Category(subject.debtor_kind as i64),
            Given::Custom { feature_id, kind } => {
                match (Given::custom(subject, feature_id), kind) {
                    (Some(CustomValue::Number(number)), FeatureKind::Number { .. }) => {
                        Value::Number(*number)
                    }
                    (Some(CustomValue::Text(text)), FeatureKind::Text) => Value::Text(text),
                    (Some(CustomValue::Flag(flag)), FeatureKind::Category(_)) => {
                        Value::Category(i64::from(*flag))
                    }
                    _ => Value::Missing,
                }
            }
            Given::Told(feature_id) => {
                Given::custom(subject, feature_id).map_or(Value::Missing, |_| Value::Category(1))
            }
        }
    }

    fn next_boundary(&self, _: &Subject<'_>, _: &Bins) -> Option<Day> {
        None
    }

    fn course(&self, subject: &Subject<'_>) -> Course {
        Course::fixed(&self.value(subject))
    }
}

/// How long it has been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    DaysPastDue,
    DaysToNextStage,
    PenaltyAccruedPermille,
}

impl Age {
    fn number(self, subject: &Subject<'_>) -> Option<i64> {
        let days = subject.days_past_due?;
        match self {
            Age::DaysPastDue => Some(i64::from(days)),
            Age::DaysToNextStage => Some(stage_ahead(subject.stage_bounds, days)),
            Age::PenaltyAccruedPermille => {
                Some(penalty_permille(subject.input(Input::PenaltyRateBps)?, i64::from(days)))
            }
        }
    }
}

/// How many days it is until a case so many days past due is in the next stage.
pub(super) fn stage_ahead(stage_bounds: StageBounds, days: i32) -> i64 {
    stage_bounds.next_change(days).map_or(NO_STAGE_AHEAD, |next| i64::from(next - days))
}

/// The penalty interest of so many days, in thousandths of the amount it runs
/// on: rate / 10,000 x days / 365 x 1,000, rounded down.
pub(super) fn penalty_permille(rate_bps: i64, days: i64) -> i64 {
    rate_bps * days.max(0) / 3_650
}

impl Measure for Age {
    fn value<'a>(&self, subject: &Subject<'a>) -> Value<'a> {
        self.number(subject).map_or(Value::Missing, Value::Number)
    }

    fn next_boundary(&self, subject: &Subject<'_>, bins: &Bins) -> Option<Day> {
        let number = self.number(subject)?;
        match self {
            Age::DaysPastDue => Some(subject.day_when_past_due(bins.next_start(number)?)),
            Age::DaysToNextStage if number == NO_STAGE_AHEAD => None,
            Age::DaysToNextStage => {
                // The number falls day by day until the stage changes, then it
                // rises. It leaves its bin the day it is below the bin's start.
                let left = bins.own_start(number).map_or(i64::MAX, |start| number - start + 1);
                Some(subject.today.plus(i32::try_from(left.min(number)).unwrap_or(i32::MAX)))
            }
            Age::PenaltyAccruedPermille => {
                let rate = subject.input(Input::PenaltyRateBps).filter(|rate| *rate > 0)?;
                let start = bins.next_start(number)?;
                // The fewest days for which rate x days / 3,650 reaches the start.
                let days = start.checked_mul(3_650)?.checked_add(rate - 1)? / rate;
                Some(subject.day_when_past_due(days))
            }
        }
    }

    fn course(&self, subject: &Subject<'_>) -> Course {
        let Some(due) = subject.served.oldest_due_date else { return Course::Missing };
        match self {
            Age::DaysPastDue | Age::DaysToNextStage => Course::Due(due.0),
            Age::PenaltyAccruedPermille => match subject.input(Input::PenaltyRateBps) {
                Some(rate_bps) => Course::Penalty(rate_bps, due.0),
                None => Course::Missing,
            },
        }
    }
}

/// How the debtor has paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paying {
    LateMonths6,
    LateMonths12,
    DeepLateMonths12,
    WorstMonths6,
    WorstMonths12,
    OnTimePermille12,
    PaidSharePermille12,
    MonthsSincePayment,
    NeverPaid,
    CuredBefore,
    ArrearsTrend,
}

impl Paying {
    /// The value `shift` months from now, if nothing happens; of those that a change is
    /// computed of also up to six months before.
    pub fn at<'a>(self, subject: &Subject<'a>, shape: &Shape, shift: i32) -> Value<'a> {
        let number = match self {
            Paying::LateMonths6 => late(shape, (6, shift), 1),
            Paying::LateMonths12 => late(shape, (12, shift), 1),
            Paying::DeepLateMonths12 => late(shape, (12, shift), 2),
            Paying::WorstMonths6 => shape.behind(6, shift).max(),
            Paying::WorstMonths12 => shape.behind(12, shift).max(),
            Paying::OnTimePermille12 => late(shape, (12, shift), 1).map(|late| {
                let known = shape.behind(12, shift).count() as i64;
                (known - late) * 1_000 / known
            }),
            Paying::PaidSharePermille12 => {
                shape.paid_and_billed(shift).map(|(paid, billed)| permille(paid, billed).min(1_000))
            }
            Paying::MonthsSincePayment => shape
                .last_payment()
                .map(|last| i64::from(shape.current().plus(shift).since(last).max(0))),
            Paying::NeverPaid => {
                return shape
                    .never_paid()
                    .map_or(Value::Missing, |never| Value::Category(i64::from(never)));
            }
            Paying::CuredBefore => cured(shape, subject, shift),
            Paying::ArrearsTrend => shape
                .behind_at(1, shift)
                .zip(shape.behind_at(4, shift))
                .map(|(newest, earlier)| newest - earlier),
        };
        number.map_or(Value::Missing, Value::Number)
    }
}

/// The months of a window (its length and shift) at whose ends the account was
/// at least `from` months behind; nothing where no month of it is known.
fn late(shape: &Shape, (months, shift): (usize, i32), from: i64) -> Option<i64> {
    let (known, late) = shape
        .behind(months, shift)
        .fold((0, 0), |(known, late), behind| (known + 1, late + i64::from(behind >= from)));
    (known > 0).then_some(late)
}

/// Times the account came back to nothing past due in the last twelve months,
/// or the episodes the service saw cured, whichever are more.
fn cured(shape: &Shape, subject: &Subject<'_>, shift: i32) -> Option<i64> {
    let (mut count, mut last) = (0, None);
    for behind in shape.behind(12, shift) {
        count += i64::from(behind == 0 && last.is_some_and(|last| last > 0));
        last = Some(behind);
    }
    let seen = subject.history.cured_count;
    (last.is_some() || seen > 0).then_some(count.max(seen))
}

/// `part` of `whole` in thousandths, rounded down.
fn permille(part: i64, whole: i64) -> i64 {
    let share = i128::from(part) * 1_000 / i128::from(whole.max(1));
    i64::try_from(share).unwrap_or(i64::MAX)
}

impl Measure for Paying {
    fn value<'a>(&self, subject: &Subject<'a>) -> Value<'a> {
        match (&subject.shape, self) {
            (Some(shape), _) => self.at(subject, shape, 0),
            (None, Paying::CuredBefore) if subject.history.cured_count > 0 => {
                Value::Number(subject.history.cured_count)
            }
            _ => Value::Missing,
        }
    }

    fn next_boundary(&self, subject: &Subject<'_>, bins: &Bins) -> Option<Day> {
        let shape = subject.shape.as_ref()?;
        if *self == Paying::NeverPaid {
            return None;
        }
        if *self == Paying::MonthsSincePayment {
            let last = shape.last_payment()?;
            let Value::Number(months) = self.value(subject) else { return None };
            let start = i32::try_from(bins.next_start(months)?).ok()?;
            return last.plus(start).first_day();
        }
        let now = bins.code(&self.at(subject, shape, 0));
        // What lies further ahead than the shape is looked at again then.
        let shift = (1..AHEAD as i32)
            .find(|shift| bins.code(&self.at(subject, shape, *shift)) != now)
            .unwrap_or(AHEAD as i32);
        shape.current().plus(shift).first_day()
    }

    fn course(&self, subject: &Subject<'_>) -> Course {
        let Some(shape) = subject.shape.as_ref().filter(|_| *self != Paying::NeverPaid) else {
            return Course::fixed(&self.value(subject));
        };
        if *self == Paying::MonthsSincePayment {
            return shape.last_payment().map_or(Course::Missing, |last| Course::Since(last.0));
        }
        Course::months(|shift| match self.at(subject, shape, shift) {
            Value::Number(number) => Some(number),
            _ => None,
        })
    }
}

/// Promises, attempts and contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dealing {
    PromisesKept,
    PromisesBroken,
    PromisesKeptPermille,
    AttemptCount,
    AttemptsWithoutContact,
    RightPartyContacts,
    ContactPointsUsable,
}

impl Dealing {
    /// The number of a feature that speaks of promises.
    fn of_promises(self, promises: &Promises) -> Option<i64> {
        match (self, promises.kept, promises.broken) {
            (Dealing::PromisesKept, kept, _) => kept,
            (Dealing::PromisesBroken, _, broken) => broken,
            (_, Some(kept), Some(broken)) if kept + broken > 0 => {
                Some(permille(kept, kept + broken))
            }
            _ => None,
        }
    }
}

impl Measure for Dealing {
    fn value<'a>(&self, subject: &Subject<'a>) -> Value<'a> {
        let history = subject.history;
        let attempts = history.attempts.len() as i64 + history.earlier_attempt_count;
        let number = match self {
            Dealing::PromisesKept | Dealing::PromisesBroken | Dealing::PromisesKeptPermille => {
                self.of_promises(&subject.promises)
            }
            Dealing::AttemptCount => Some(attempts),
            Dealing::AttemptsWithoutContact => {
                let fruitless = history.attempts.iter().rev().take_while(|one| !one.right_party);
                let listed = fruitless.count();
                let all =
                    listed == history.attempts.len() && history.right_party_contact_count == 0;
                (attempts > 0).then_some(if all { attempts } else { listed as i64 })
            }
            Dealing::RightPartyContacts => {
                (attempts > 0).then_some(history.right_party_contact_count)
            }
            Dealing::ContactPointsUsable => {
                let points = &subject.facts.contact_points;
                let usable = points.iter().filter(|point| point.usable()).count();
                (!points.is_empty()).then_some(usable as i64)
            }
        };
        number.map_or(Value::Missing, Value::Number)
    }

    fn next_boundary(&self, subject: &Subject<'_>, _: &Bins) -> Option<Day> {
        match self {
            Dealing::PromisesKept | Dealing::PromisesBroken | Dealing::PromisesKeptPermille => {
                subject.promises.next_judged
            }
            Dealing::AttemptCount
            | Dealing::AttemptsWithoutContact
            | Dealing::RightPartyContacts
            | Dealing::ContactPointsUsable => None,
        }
    }

    fn course(&self, subject: &Subject<'_>) -> Course {
        match self {
            Dealing::PromisesKept | Dealing::PromisesBroken | Dealing::PromisesKeptPermille => {
                let mut steps = vec![(subject.today, self.of_promises(&subject.promises))];
                while let Some(day) = subject.promises_on(steps[steps.len() - 1].0).next_judged {
                    steps.push((day, self.of_promises(&subject.promises_on(day))));
                }
                Course::steps(steps)
            }
            Dealing::AttemptCount
            | Dealing::AttemptsWithoutContact
            | Dealing::RightPartyContacts
            | Dealing::ContactPointsUsable => Course::fixed(&self.value(subject)),
        }
    }
}

/// Shares and sums of amounts, and how long the debtor is a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    TenureMonths,
    LimitUsedPermille,
    OverdueLimitPermille,
    ObligationsPermille,
    OverdueAmountLog,
}

impl Measure for Means {
    fn value<'a>(&self, subject: &Subject<'a>) -> Value<'a> {
        let share = |part: i64, whole: i64| permille(part, whole).min(PERMILLE_MAX);
        let overdue = subject.served.overdue_amount_minor;
        let limit = subject.input(Input::LimitAmount);
        let number = match self {
            Means::TenureMonths => subject
                .facts
                .inputs
                .date(Input::CustomerSinceDate)
                .map(|day| i64::from(Month::of(subject.today).since(Month::of(day)).max(0))),
            Means::LimitUsedPermille => subject
                .input(Input::LimitUsedPermille)
                .or_else(|| Some(share(subject.facts.outstanding_amount_minor?, limit?))),
            Means::OverdueLimitPermille => limit.map(|limit| share(overdue, limit)),
            Means::ObligationsPermille => subject
                .input(Input::MonthlyObligationsAmount)
                .zip(subject.input(Input::MonthlyIncomeAmount))
                .map(|(obligations, income)| share(obligations, income)),
            Means::OverdueAmountLog => Some(log_tenths(overdue)),
        };
        number.map_or(Value::Missing, Value::Number)
    }

    fn next_boundary(&self, subject: &Subject<'_>, bins: &Bins) -> Option<Day> {
        match self {
            Means::TenureMonths => {
                let since = Month::of(subject.facts.inputs.date(Input::CustomerSinceDate)?);
                let Value::Number(months) = self.value(subject) else { return None };
                since.plus(i32::try_from(bins.next_start(months)?).ok()?).first_day()
            }
            Means::LimitUsedPermille
            | Means::OverdueLimitPermille
            | Means::ObligationsPermille
            | Means::OverdueAmountLog => None,
        }
    }
    fn course(&self, subject: &Subject<'_>) -> Course {
        match self {
            Means::TenureMonths => match subject.facts.inputs.date(Input::CustomerSinceDate) {
                Some(since) => Course::Since(Month::of(since).0),
                None => Course::Missing,
            },
            Means::LimitUsedPermille
            | Means::OverdueLimitPermille
            | Means::ObligationsPermille
            | Means::OverdueAmountLog => Course::fixed(&self.value(subject)),
        }
    }
}
