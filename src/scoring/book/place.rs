//! Where single cases of a book stand by two rule sets.

use crate::model::{Arm, CaseNo, Day, DebtorKind, RecoveryGroup, Route, Stage};

use super::super::RuleSet;
use super::course::Instant;
use super::plan::Plan;
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
    /// Its route.
    pub routes: [Route; 2],
}

/// The tables by which cases of a book are asked where they stand by two rule sets as of a
/// day. They are made once for any number of cases, and hold until the book changes or other
/// rule sets are tried on it.
pub struct Standings {
    /// By kind of debtor, then by arm; nothing where there are no cases.
    plans: [[Option<Plan>; 3]; 2],
}

impl Book {
    /// The tables to ask by where cases stand. Nothing where the day lies before the month
    /// in which the book was begun, or a year and more behind it.
    ///
    /// # Panics
    /// If the book does not serve the rule sets.
    pub fn standings(&mut self, rule_sets: [&RuleSet; 2], day: Day) -> Option<Standings> {
        let at = Instant::new(day, self.began, rule_sets[1].ranking().stage_bounds)?;
        let request = SimulationRequest::of_all(rule_sets, day);
        let mut plans: [[Option<Plan>; 3]; 2] = Default::default();
        for (kind, plans) in DebtorKind::ALL.into_iter().zip(&mut plans) {
            self.try_on(kind, (rule_sets, at), |trial, rows| {
                let mut plan = Plan::new(trial, rows, &request);
                plan.add_up(&rows.columns, rows.case_nos.len(), &mut rows.sums);
                plans[trial.arm as usize - 1] = Some(plan);
            });
        }
        Some(Standings { plans })
    }

    /// Where some cases stand, in no certain order. Those that are not in the book, and those
    /// not due on the day, are left out.
    ///
    /// # Panics
    /// If cases came or went since the tables were made.
    pub fn stand(&self, standings: &Standings, case_nos: &[CaseNo]) -> Vec<Standing> {
        let mut found = Vec::with_capacity(case_nos.len());
        let plans = standings.plans.as_flattened();
        for (rows, plan) in self.by_kind.as_flattened().iter().zip(plans) {
            if let Some(plan) = plan {
                plan.stand(rows, case_nos, &mut found);
            }
        }
        found
    }
}

impl Plan {
    fn stand(&self, rows: &Rows, case_nos: &[CaseNo], found: &mut Vec<Standing>) {
        let sums = rows.sums.each_ref().map(|sums| sums.known(rows.case_nos.len()));
        for (at, case_no) in case_nos.iter().enumerate() {
            let Some(row) = rows.case_nos.find(&case_no.0) else { continue };
            let stage = self.stage(&rows.columns, row);
            if stage >= LEFT_OUT {
                continue;
            }
            let lot = rows.lots.get(row).copied();
            let ranks = self.ranks((&rows.columns, row, sums.map(|sums| sums[row])), lot);
            let number = |number: i32| i16::try_from(number).expect("it is at most 1,000");
            found.push(Standing {
                at,
                stage: Stage::ALL[usize::from(stage)],
                groups: ranks.map(|rank| rank.group),
                scores: ranks.map(|rank| number(rank.score)),
                priorities: ranks.map(|rank| number(rank.priority)),
                arms: ranks.map(|rank| rank.arm),
                routes: ranks.map(|rank| rank.route),
            });
        }
    }
}
