//! What the service said as things happened, and that it says the same of them later.

use arrears::engine::explain::{ExplainCommand, ExplainedCase, Moved, Point, explain_case};
use arrears::engine::lease::WorkItem;
use arrears::engine::replay::replay_leases;
use arrears::engine::{Caller, Engine, Error};
use arrears::model::*;
use arrears::scoring::{Audience, Explanation, MovedLine, Split};
use proptest::prelude::*;
use std::sync::Arc;

use super::{CASES, case_id, portfolio_id};

/// What was said of cases.
#[derive(Default)]
pub(super) struct Proof {
    explained: Vec<Told>,
    served: Vec<Served>,
}

/// A work item as a dialer was shown it, in the language that it asked for.
struct Served {
    case: usize,
    item: WorkItem,
    language: Option<&'static str>,
}

/// An explanation as it was given of a case at an instant.
struct Told {
    case: usize,
    at: Micros,
    as_of_date: Option<Day>,
    explanation: Explanation,
    debtor_id: DebtorId,
}

/// How many explanations of a world are asked for again: each reads all that happened.
const ASKED_AGAIN: usize = 8;

async fn explain(
    engine: &Arc<Engine>,
    case: usize,
    (point, compare_with): (Point, Option<Point>),
    language: Option<&str>,
) -> Result<ExplainedCase, Error> {
    let (portfolio_id, case_id) = (portfolio_id(), case_id(case));
    let language = language.map(str::to_owned);
    let command = ExplainCommand { portfolio_id, case_id, point, compare_with, language };
    explain_case(engine, &Caller::local(), command).await
}

impl Proof {
    /// Remembers what a dialer was shown.
    pub(super) fn serve(&mut self, items: &[WorkItem], language: Option<&'static str>) {
        for item in items {
            let case = (0..CASES).find(|case| case_id(*case) == item.lead_case.case_id);
            self.served.push(Served { case: case.unwrap(), item: item.clone(), language });
        }
    }

    /// Remembers what is said of a case now, as of today and as of a day ahead.
    pub(super) async fn listen(&mut self, engine: &Arc<Engine>, case: usize) {
        for days in [None, Some(40)] {
            let as_of_date = days.map(|days| Day((engine.now().0 / Micros::DAY) as i32 + days));
            let said =
                explain(engine, case, (Point::Now { as_of_date }, None), None).await.unwrap();
            self.explained.push(Told {
                case,
                at: engine.now(),
                as_of_date,
                explanation: said.explanation,
                debtor_id: said.view.debtor_id,
            });
        }
    }

    /// Everything that was said is said again.
    pub(super) async fn check(&self, engine: &Arc<Engine>) -> Result<(), TestCaseError> {
        let every = self.explained.len() / ASKED_AGAIN + 1;
        let mut before: [Option<&Told>; CASES] = [None; CASES];
        for told in self.explained.iter().step_by(every) {
            let point = point_of(told);
            let from = before[told.case].replace(told);
            let said = explain(engine, told.case, (point, from.map(point_of)), None).await.unwrap();
            prop_assert_eq!(&said.explanation, &told.explanation, "at {}", told.at);
            prop_assert_eq!(&said.view.debtor_id, &told.debtor_id);
            if let (Some(from), Some(moved)) = (from, &said.moved) {
                prop_assert_eq!(moved.movement.ranks[0], from.explanation.rank);
                prop_assert_eq!(moved.movement.ranks[3], told.explanation.rank);
                check_movement(moved)?;
            }
        }
        for served in &self.served {
            check_served(engine, served).await?;
        }
        self.check_replay(engine).await
    }

    async fn check_replay(&self, engine: &Arc<Engine>) -> Result<(), TestCaseError> {
        for case in 0..CASES {
            let of_case = self.served.iter().filter(|served| served.case == case);
            let leases: Vec<i64> = of_case.map(|served| served.item.token.lease_seq).collect();
            if leases.is_empty() {
                continue;
            }
            let key = (portfolio_id(), case_id(case));
            let replayed = replay_leases(engine, &Caller::local(), key, (1_000, "")).await;
            let replayed = replayed.unwrap();
            prop_assert_eq!(replayed.next_page_token, "");
            let replayed = replayed.leases;
            let found: Vec<i64> = replayed.iter().map(|one| one.lease.lease_seq).collect();
            prop_assert_eq!(found, leases);
            for one in replayed {
                prop_assert_eq!(one.equal(), Some(true), "{:?}", one);
            }
        }
        Ok(())
    }
}

fn point_of(told: &Told) -> Point {
    Point::Known { at: told.at, as_of_date: told.as_of_date }
}

/// The explanation of a lease is of what was served.
async fn check_served(
    engine: &Arc<Engine>,
    Served { case, item, language }: &Served,
) -> Result<(), TestCaseError> {
    let point = Point::Lease(item.token.lease_seq);
    let said = explain(engine, *case, (point, None), *language).await.unwrap();
    let served = &item.lead_case;
    prop_assert_eq!(said.explanation.rank, served.rank);
    let lease = said.lease.unwrap();
    prop_assert_eq!(lease.rank(), Some(served.rank));
    let experiment = lease.arm.map(|arm| arm.experiment_id.to_string());
    prop_assert_eq!(said.explanation.experiment_id, experiment);
    let reasons = said.explanation.reasons.into_iter();
    let shown: Vec<_> = reasons
        .filter(|reason| reason.audience == Audience::Agent)
        .map(|reason| (reason.reason_code, reason.text, reason.points_lost))
        .collect();
    let were = served.reasons.iter();
    let were: Vec<_> =
        were.map(|one| (one.reason_code.clone(), one.text.clone(), one.points_lost)).collect();
    prop_assert_eq!(shown, were);
    let view = said.view;
    prop_assert_eq!(view.stage, Some(served.stage));
    prop_assert_eq!(view.oldest_due_date, served.oldest_due_date);
    prop_assert_eq!(view.provisional, served.provisional);
    if let Some(amount) = served.overdue_amount_minor {
        prop_assert_eq!(view.overdue_amount_minor, amount);
    }
    Ok(())
}

/// The parts of a movement add up, each for itself and to the whole.
fn check_movement(moved: &Moved) -> Result<(), TestCaseError> {
    let movement = &moved.movement;
    let [from, after_data, after_day, to] = movement.ranks;
    let steps = |number: fn(&Rank) -> i32| Split {
        data: number(&after_data) - number(&from),
        day: number(&after_day) - number(&after_data),
        rule_set: number(&to) - number(&after_day),
    };
    let sum = |lines: &[MovedLine], also: &[Split]| {
        let parts = lines.iter().map(|line| line.moved).chain(also.iter().copied());
        parts.fold(Split::default(), |sum, part| Split {
            data: sum.data + part.data,
            day: sum.day + part.day,
            rule_set: sum.rule_set + part.rule_set,
        })
    };
    // Each step changes one thing.
    let rests_on = |rank: &Rank| (rank.case_seq, rank.rank_date, rank.rule_set_id);
    let data = (to.case_seq, from.rank_date, from.rule_set_id);
    prop_assert_eq!(rests_on(&after_data), data);
    prop_assert_eq!(rests_on(&after_day), (to.case_seq, to.rank_date, from.rule_set_id));
    let beside = [movement.base, movement.clamp, movement.knock_out];
    prop_assert_eq!(movement.score, steps(|rank| rank.score));
    prop_assert_eq!(movement.priority, steps(|rank| rank.priority));
    prop_assert_eq!(sum(&movement.lines, &beside), movement.score);
    prop_assert_eq!(sum(&movement.terms, &[]), movement.priority);
    prop_assert_eq!(movement.score.total(), to.score - from.score);
    let ends = |line: &MovedLine| {
        let points = |end: &Option<arrears::scoring::LineEnd>| {
            end.as_ref().map_or(0, |end| end.contribution)
        };
        points(&line.to) - points(&line.from)
    };
    for line in movement.lines.iter().chain(&movement.terms) {
        prop_assert_eq!(line.moved.total(), ends(line), "{:?}", line);
    }
    if from.case_seq == to.case_seq {
        prop_assert_eq!((movement.score.data, moved.event_count), (0, 0));
    }
    prop_assert_eq!(moved.event_count, (to.case_seq - from.case_seq).abs());
    prop_assert_eq!(moved.events.len() as i64, moved.event_count.min(256));
    Ok(())
}
