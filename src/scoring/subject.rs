//! A case as of a day, with everything derived once that more than one feature
//! reads.

use crate::model::{
    CaseState, CloseReason, Day, DebtorKind, Facts, History, Input, PromiseInput, PromiseState,
    RankingSettings, Served, Stage, StageBounds, serve,
};

use super::CaseInput;
use super::shape::{Shape, ShapeInput};

/// A case as of a day.
pub(super) struct Subject<'a> {
    pub facts: &'a Facts,
    pub history: &'a History,
    pub today: Day,
    pub served: Served,
    pub days_past_due: Option<i32>,
    pub stage: Stage,
    pub stage_bounds: StageBounds,
    pub debtor_kind: DebtorKind,
    pub shape: Option<Shape>,
    pub promises: Promises,
    pub disagreement: Option<String>,
    /// The score, once it is known: the priority reads it.
    pub score: i32,
    tolerance: i64,
    case: CaseInput<'a>,
}

/// How many promises were kept and broken, as of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Promises {
    pub kept: Option<i64>,
    pub broken: Option<i64>,
    /// The first later day on which an open promise is due to be judged.
    pub next_judged: Option<Day>,
}

impl<'a> Subject<'a> {
    pub fn new(case: &CaseInput<'a>, settings: &RankingSettings) -> Subject<'a> {
        let served = serve(case.facts, case.as_of, case.history);
        let days_past_due = served.oldest_due_date.map(|due| case.today.since(due));
        let shape = Shape::read(&ShapeInput {
            facts: case.facts,
            history: case.history,
            as_of: case.as_of,
            served: &served,
            today: case.today,
            days: case.days,
        });
        let (shape, disagreement) = match shape {
            Some((shape, disagreement)) => (Some(shape), disagreement),
            None => (None, None),
        };
        Subject {
            facts: case.facts,
            history: case.history,
            today: case.today,
            promises: promises(case, settings.tolerance_amount_minor),
            served,
            days_past_due,
            stage: settings.stage_bounds.stage(days_past_due.unwrap_or(0)),
            stage_bounds: settings.stage_bounds,
            debtor_kind: case.facts.debtor_kind.unwrap_or(settings.default_debtor_kind),
            shape,
            disagreement,
            score: 0,
            tolerance: settings.tolerance_amount_minor,
            case: *case,
        }
    }

    /// The promises as they will be on a later day if nothing happens.
    pub fn promises_on(&self, today: Day) -> Promises {
        promises(&CaseInput { today, ..self.case }, self.tolerance)
    }

    /// A typed input of the document.
    pub fn input(&self, input: Input) -> Option<i64> {
        self.facts.inputs.get(input)
    }

    /// The state of the case and, if it is closed, why.
    pub fn state(&self) -> (CaseState, Option<CloseReason>) {
        if let Some(reason) = self.facts.closing(self.tolerance) {
            return (CaseState::Closed, Some(reason));
        }
        match self.days_past_due {
            Some(days) if days < 0 => (CaseState::PreDue, None),
            _ => (CaseState::Open, None),
        }
    }

    /// Whether payments the ledger does not know of settle the case.
    pub fn cured_provisional(&self) -> bool {
        self.served.overdue_amount_minor <= self.tolerance
            && self.facts.overdue_amount_minor > self.tolerance
    }

    /// The first later day on which the state or the stage changes by itself.
    pub fn next_change(&self) -> Option<Day> {
        let days = self.days_past_due?;
        let next = if days < 0 { 0 } else { self.stage_bounds.next_change(days)? };
        Some(self.day_when_past_due(i64::from(next)))
    }

    /// The first later day on which what is odd about the case may change.
    pub fn next_finding(&self) -> Option<Day> {
        let shape = self.shape.as_ref().filter(|shape| shape.told_twice())?;
        shape.current().plus(1).first_day()
    }

    /// The day on which the case will be `days` days past due, given that it is
    /// fewer today.
    pub fn day_when_past_due(&self, days: i64) -> Day {
        let ahead = days - i64::from(self.days_past_due.unwrap_or(0));
        self.today.plus(i32::try_from(ahead).unwrap_or(i32::MAX))
    }
}

fn promises(case: &CaseInput<'_>, tolerance: i64) -> Promises {
    let history = case.history;
    let (mut kept, mut broken) = (history.promises_kept_count, history.promises_broken_count);
    let by = PromiseInput {
        facts: case.facts,
        as_of: case.as_of,
        payments: &history.payments,
        tolerance_minor: tolerance,
        days: case.days,
    };
    let mut next_judged: Option<Day> = None;
    for promise in history.promises.iter().filter(|promise| promise.state == PromiseState::Open) {
        let judged = promise.judged_on();
        if judged > case.today {
            next_judged = Some(next_judged.map_or(judged, |day| day.min(judged)));
        } else if promise.performed(&by) {
            kept += 1;
        } else {
            broken += 1;
        }
    }
    let told = kept + broken > 0;
    let inputs = &case.facts.inputs;
    let total = |input, counted| match inputs.get(input) {
        Some(given) => Some(given + counted),
        None => told.then_some(counted),
    };
    Promises {
        kept: total(Input::PromisesKept, kept),
        broken: total(Input::PromisesBroken, broken),
        next_judged,
    }
}
