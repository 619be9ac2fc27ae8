//! The shape of a payment history: how many months behind the account was at
//! each month's end, whichever of the three forms the history came in.

use std::collections::VecDeque;

use crate::model::{Day, Facts, History, LocalDays, Micros, Served};

use super::month::Month;

/// How many completed months the features look back.
pub(super) const WINDOW: usize = 12;
/// How many months ahead of today the shape is laid out, so that the first day
/// on which a feature changes can be found without ranking again.
pub(super) const AHEAD: usize = 13;
const MONTHS: usize = WINDOW + AHEAD;
const NOT_KNOWN: i16 = -1;

/// The form a payment history came in, the most trusted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Instalments,
    ArrearsProfile,
    PaymentEvents,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Instalments => "instalments",
            Self::ArrearsProfile => "arrears profile",
            Self::PaymentEvents => "payment events",
        }
    }
}

/// What a shape is made from.
pub(super) struct ShapeInput<'a> {
    pub facts: &'a Facts,
    pub history: &'a History,
    pub as_of: Micros,
    pub served: &'a Served,
    pub today: Day,
    pub days: &'a dyn LocalDays,
}

/// A payment history by month. Index 0 is twelve months before the month of
/// today; the months from `WINDOW` on are what will be known when they end, if
/// nothing happens.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    current: Month,
    behind: [i16; MONTHS],
    billed: [i64; MONTHS],
    paid: [i64; MONTHS],
    /// What is owed beside the months: payment events do not say what was
    /// billed, so it is what was paid plus what is overdue.
    owed: Option<i64>,
    last_payment: Option<Month>,
    amounts_known: bool,
    told_twice: bool,
}

impl Shape {
    /// Reads the history of a case, in the most trusted form given, and says
    /// where a second form disagrees by more than one month. Nothing if no form
    /// was given.
    pub fn read(input: &ShapeInput<'_>) -> Option<(Shape, Option<String>)> {
        let forms = [
            (Form::Instalments, Shape::from_instalments(input)),
            (Form::ArrearsProfile, Shape::from_profile(input)),
            (Form::PaymentEvents, Shape::from_events(input)),
        ];
        let mut given = forms.into_iter().filter_map(|(form, shape)| Some((form, shape?)));
        let (form, mut shape) = given.next()?;
        let mut given = given.peekable();
        shape.told_twice = given.peek().is_some();
        let finding = given.find_map(|(other_form, other)| {
            let (month, one, two) = shape.disagreement(&other)?;
            let day = month.first_day()?;
            Some(format!(
                "{form} say {one} and {} say {two} months past due at the end of the month from \
                 {day}; counted by the {form}",
                other_form.name(),
                form = form.name(),
            ))
        });
        if let Some(month) = last_event(input) {
            shape.last_payment = Some(shape.last_payment.map_or(month, |last| last.max(month)));
        }
        Some((shape, finding))
    }

    fn empty(today: Day) -> Shape {
        Shape {
            current: Month::of(today),
            behind: [NOT_KNOWN; MONTHS],
            billed: [0; MONTHS],
            paid: [0; MONTHS],
            owed: None,
            last_payment: None,
            amounts_known: false,
            told_twice: false,
        }
    }

    fn from_instalments(input: &ShapeInput<'_>) -> Option<Shape> {
        let first = input.facts.instalments.first()?;
        let mut shape = Shape::empty(input.today);
        shape.amounts_known = true;
        let mut money = paid_since(input);
        for at in shape.index(Month::of(first.due_date)).max(0)..MONTHS as i32 {
            shape.behind[at as usize] = 0;
        }
        for instalment in &input.facts.instalments {
            let told = instalment.paid_date.unwrap_or(instalment.due_date);
            if instalment.paid_amount_minor > 0 {
                shape.receive(Month::of(told), instalment.paid_amount_minor);
            }
            let mut open = (instalment.due_amount_minor - instalment.paid_amount_minor).max(0);
            let mut settled = (open == 0).then_some(told);
            while open > 0
                && let Some((day, left)) = money.front_mut()
            {
                let taken = open.min(*left);
                (open, *left) = (open - taken, *left - taken);
                settled = (open == 0).then_some(*day);
                shape.receive(Month::of(*day), taken);
                if *left == 0 {
                    money.pop_front();
                }
            }
            shape.bill(Month::of(instalment.due_date), instalment.due_amount_minor);
            shape.late(Month::first_late_end(instalment.due_date), settled.map(Month::of));
        }
        Some(shape)
    }

    /// Marks the months at whose ends something was unpaid. What fell due
    /// earlier was marked before and counts.
    fn late(&mut self, first_late: Month, settled: Option<Month>) {
        let end = settled.map_or(MONTHS as i32, |month| self.index(month)).min(MONTHS as i32);
        for at in self.index(first_late).max(0)..end {
            let slot = &mut self.behind[at as usize];
            if *slot <= 0 {
                let behind = self.current.0 - WINDOW as i32 + at - first_late.0 + 1;
                *slot = i16::try_from(behind).unwrap_or(i16::MAX);
            }
        }
    }

    fn from_profile(input: &ShapeInput<'_>) -> Option<Shape> {
        let newest = Month::of(input.facts.arrears_profile.last()?.month);
        let mut shape = Shape::empty(input.today);
        for entry in &input.facts.arrears_profile {
            let month = Month::of(entry.month);
            if let Some(at) = shape.slot(month) {
                shape.behind[at] = i16::try_from(entry.months_past_due).unwrap_or(i16::MAX);
            }
            shape.bill(month, entry.billed_amount_minor.unwrap_or(0));
            shape.amounts_known |= entry.paid_amount_minor.is_some();
            if let Some(paid) = entry.paid_amount_minor.filter(|paid| *paid > 0) {
                shape.pay(month, paid);
                shape.last_payment = Some(month);
            }
        }
        for (day, amount) in paid_since(input) {
            shape.pay(Month::of(day), amount);
        }
        shape.go_on_with_the_spell(newest.plus(1), input.served.oldest_due_date);
        Some(shape)
    }

    /// Payments tell months only where they begin before the arrears do. Those made
    /// within the arrears alone say nothing of the time before, and whoever makes a
    /// first payment must not look worse than who makes none.
    fn from_events(input: &ShapeInput<'_>) -> Option<Shape> {
        let mut shape = Shape::empty(input.today);
        let window = shape.current.plus(-(WINDOW as i32));
        let (mut first_day, mut last) = (None, None);
        let mut paid_in = [false; MONTHS];
        for payment in input.history.payments.iter().filter(|paid| paid.reversed_time.is_none()) {
            let day = input.days.day_of(payment.event_time);
            let month = Month::of(day);
            first_day = first_day.or(Some(day));
            shape.pay(month, payment.amount_minor);
            match shape.slot(month) {
                Some(at) => paid_in[at] = true,
                None => last = Some(month),
            }
            shape.last_payment = Some(month);
        }
        let first_day = first_day?;
        let oldest_due = input.served.oldest_due_date;
        if oldest_due.is_some_and(|due| first_day >= due) {
            return Some(shape);
        }
        for (at, paid) in paid_in.into_iter().enumerate() {
            let month = window.plus(at as i32);
            if paid {
                last = Some(month);
            }
            if let Some(last) = last {
                shape.behind[at] = i16::try_from(month.since(last)).unwrap_or(i16::MAX);
            }
        }
        shape.amounts_known = true;
        shape.owed = Some(input.served.overdue_amount_minor);
        shape.go_on_with_the_spell(window.max(Month::of(first_day)), oldest_due);
        Some(shape)
    }

    /// From `first` on the ledger itself says how far behind the account is: by
    /// as many months as have ended since the oldest due date.
    fn go_on_with_the_spell(&mut self, first: Month, oldest_due: Option<Day>) {
        let Some(oldest_due) = oldest_due else { return };
        let first_late = Month::first_late_end(oldest_due);
        for at in self.index(first.max(first_late)).max(0)..MONTHS as i32 {
            let behind = self.current.0 - WINDOW as i32 + at - first_late.0 + 1;
            let slot = &mut self.behind[at as usize];
            *slot = (*slot).max(i16::try_from(behind).unwrap_or(i16::MAX));
        }
    }

    fn index(&self, month: Month) -> i32 {
        month.since(self.current) + WINDOW as i32
    }

    fn slot(&self, month: Month) -> Option<usize> {
        usize::try_from(self.index(month)).ok().filter(|at| *at < MONTHS)
    }

    fn bill(&mut self, month: Month, amount: i64) {
        if let Some(at) = self.slot(month) {
            self.billed[at] = self.billed[at].saturating_add(amount);
        }
    }

    fn pay(&mut self, month: Month, amount: i64) {
        if let Some(at) = self.slot(month) {
            self.paid[at] = self.paid[at].saturating_add(amount);
        }
    }

    /// A payment of the ruling form, which may be the last one known.
    fn receive(&mut self, month: Month, amount: i64) {
        self.pay(month, amount);
        self.last_payment = Some(self.last_payment.map_or(month, |last| last.max(month)));
    }

    fn disagreement(&self, other: &Shape) -> Option<(Month, i16, i16)> {
        (0..WINDOW).rev().find_map(|at| {
            let (one, two) = (self.behind[at], other.behind[at]);
            let known = one != NOT_KNOWN && two != NOT_KNOWN;
            let month = self.current.plus(at as i32 - WINDOW as i32);
            (known && (one - two).abs() > 1).then_some((month, one, two))
        })
    }

    /// The month of today.
    pub fn current(&self) -> Month {
        self.current
    }

    /// Whether the history came in more than one form.
    pub fn told_twice(&self) -> bool {
        self.told_twice
    }

    /// The month of the newest payment known.
    pub fn last_payment(&self) -> Option<Month> {
        self.last_payment
    }

    /// Whether amounts paid are known and none was ever paid.
    pub fn never_paid(&self) -> Option<bool> {
        match self.last_payment {
            Some(_) => Some(false),
            None => self.amounts_known.then_some(true),
        }
    }

    /// The months behind at the ends of the last `months` completed months,
    /// the oldest first, `shift` months from now (negative: before); only those known.
    pub fn behind(&self, months: usize, shift: i32) -> impl Iterator<Item = i64> + '_ {
        let end = window_end(shift);
        let window = &self.behind[end - months..end];
        window.iter().filter(|behind| **behind != NOT_KNOWN).map(|behind| i64::from(*behind))
    }

    /// The months behind at the end of the month `back` months before, 1 being
    /// the last completed month, `shift` months from now.
    pub fn behind_at(&self, back: usize, shift: i32) -> Option<i64> {
        let behind = self.behind[window_end(shift) - back];
        (behind != NOT_KNOWN).then_some(i64::from(behind))
    }

    /// What was paid and what was billed in the last twelve completed months,
    /// `shift` months from now; nothing where nothing was billed. Where what is owed
    /// now stands for what was billed, what was paid in the running month counts, and a
    /// completed month must be known: a first payment is no small share.
    pub fn paid_and_billed(&self, shift: i32) -> Option<(i64, i64)> {
        let end = window_end(shift);
        let sum =
            |months: &[i64]| months.iter().fold(0_i64, |sum, month| sum.saturating_add(*month));
        let months = end - WINDOW..end;
        let paid = match self.owed {
            None => sum(&self.paid[months.clone()]),
            Some(_) => sum(&self.paid[end - WINDOW..=end]),
        };
        let billed = match self.owed {
            None => sum(&self.billed[months]),
            Some(owed) => paid.saturating_add(owed),
        };
        let known = self.owed.is_none() || self.behind(WINDOW, shift).next().is_some();
        (self.amounts_known && known && billed > 0).then_some((paid, billed))
    }
}

/// The index behind the last completed month, `shift` months from now.
fn window_end(shift: i32) -> usize {
    usize::try_from(WINDOW as i32 + shift).expect("nobody looks back so far")
}

/// What was paid since the ledger's instant, the oldest payment first. What was taken
/// back since of what the ledger knows is missing from the oldest.
fn paid_since(input: &ShapeInput<'_>) -> VecDeque<(Day, i64)> {
    let mut taken_back = 0_i64;
    let mut paid = VecDeque::new();
    for payment in &input.history.payments {
        let after = payment.event_time > input.as_of;
        match payment.reversed_time {
            None if after => {
                paid.push_back((input.days.day_of(payment.event_time), payment.amount_minor));
            }
            Some(reversed) if !after && reversed > input.as_of => {
                taken_back = taken_back.saturating_add(payment.amount_minor);
            }
            _ => {}
        }
    }
    for (_, amount) in &mut paid {
        let missing = taken_back.min(*amount);
        (taken_back, *amount) = (taken_back - missing, *amount - missing);
    }
    paid.retain(|(_, amount)| *amount > 0);
    paid
}

fn last_event(input: &ShapeInput<'_>) -> Option<Month> {
    let newest = input.history.payments.iter().rev().find(|paid| paid.reversed_time.is_none())?;
    Some(Month::of(input.days.day_of(newest.event_time)))
}
