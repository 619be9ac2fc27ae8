//! What single cases of a book would stand at by two rule sets.

use crate::model::{Arm, CaseNo, Day, DebtorKind, RecoveryGroup, Stage};

use super::super::RuleSet;
use super::course::Instant;
use super::plan::{Plan, Trial};
use super::simulate::SimulationRequest;
use super::tally::LEFT_OUT;
use super::{Book, Rows};

/// What a case of a book would stand at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which of the cases asked for it is.
    pub at: usize,
    /// Its stage on the day.
    pub stage: Stage,
    /// Its group under either rule set.
    pub groups: [RecoveryGroup; 2],
    /// Its score, 0 to 1,000.
    pub scores: [i16; 2],
    /// Its priority, 0 to 1,000.
    pub priorities: [i16; 2],
    /// Its arm, where a rule set has an experiment.
    pub arms: [Option<Arm>; 2],
}

impl Book {
    /// What some cases would stand at by both rule sets as of a day, in no certain order.
    /// Those that are not in the book, and those not due on the day, are left out. Nothing
    /// where the day lies before the month in which the book was begun, or a year and more
    /// behind it.
    ///
    /// # Panics
    /// If the book does not serve the rule sets.
    pub fn stand(
        &mut self,
        rule_sets: [&RuleSet; 2],
        day: Day,
        case_nos: &[CaseNo],
    ) -> Option<Vec<Standing>> {
        let at = Instant::new(day, self.began, rule_sets[1].ranking().stage_bounds)?;
        let mut found = Vec::with_capacity(case_nos.len());
        for kind in DebtorKind::ALL {
            self.try_on(kind, (rule_sets, at), |trial, rows| {
                trial.stand((rule_sets, rows), case_nos, &mut found);
            });
        }
        Some(found)
    }
}

impl Trial<'_> {
    fn stand(
        &self,
        (rule_sets, rows): ([&RuleSet; 2], &mut Rows),
        case_nos: &[CaseNo],
        found: &mut Vec<Standing>,
    ) {
        let mut plan = Plan::new(self, rows, &SimulationRequest::of_all(rule_sets, self.at.day));
        let Rows { case_nos: known, columns, lots, sums: [scores, priorities], .. } = rows;
        let (columns, count) = (&*columns, known.len());
        let [scores, priorities] = plan.add_up([scores, priorities], columns, count);
        for (at, case_no) in case_nos.iter().enumerate() {
            let Some(row) = known.row(case_no.0) else { continue };
            let stage = plan.stage(columns, row);
            if stage >= LEFT_OUT {
                continue;
            }
            let lot = lots.get(row).copied();
            let ranks = self.ranks(&plan, (columns, row, [scores[row], priorities[row]]), lot);
            let number = |number: i32| i16::try_from(number).expect("it is at most 1,000");
            found.push(Standing {
                at,
                stage: Stage::ALL[usize::from(stage)],
                groups: ranks.map(|rank| rank.group),
                scores: ranks.map(|rank| number(rank.score)),
                priorities: ranks.map(|rank| number(rank.priority)),
                arms: ranks.map(|rank| rank.arm),
            });
        }
    }
}
