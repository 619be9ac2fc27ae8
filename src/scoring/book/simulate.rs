//! Trying two rule sets on all cases of a book as of a day.

use rayon::prelude::*;

use crate::model::{Day, DebtorKind, Stage};

use super::super::RuleSet;
use super::course::Instant;
use super::plan::{Plan, Trial};
use super::tally::{BLOCK, SCORES, Tally};
use super::told::{Mover, Simulated, add_slice};
use super::{Book, Rows};

/// What is tried.
#[derive(Clone, Debug)]
pub struct SimulationRequest<'a> {
    /// What ranks now, and what would. The settings of their portfolio are the same.
    pub rule_sets: [&'a RuleSet; 2],
    /// The day as of which cases are ranked.
    pub day: Day,
    /// Which cases are looked at.
    pub filter: Filter,
    /// What to count apart.
    pub slices: Vec<SliceBy>,
    /// How many of the cases that move most to tell.
    pub movers: usize,
}

/// Which cases are looked at: those for which all holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of these stages; empty = all.
    pub stages: Vec<Stage>,
    /// Of these kinds of debtor; empty = all.
    pub debtor_kinds: Vec<DebtorKind>,
    /// With at least so much overdue, in smallest units.
    pub overdue_amount_minor_min: Option<i64>,
    /// With at most so much overdue.
    pub overdue_amount_minor_max: Option<i64>,
    /// In one of these bins, by label, of each of these characteristics.
    pub bins: Vec<(String, Vec<String>)>,
}

/// What cases are counted apart by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SliceBy {
    /// Their stage.
    Stage,
    /// The kind of debtor.
    DebtorKind,
    /// The bin of a characteristic of the second rule set, or else of the first.
    Characteristic(String),
}

impl Book {
    /// Ranks all cases by both rule sets. Nothing where the day lies before the month in
    /// which the book was begun, or a year and more behind it.
    ///
    /// # Panics
    /// If the book does not serve the rule sets.
    pub fn simulate(&mut self, request: &SimulationRequest<'_>) -> Option<Simulated> {
        let stage_bounds = request.rule_sets[1].ranking().stage_bounds;
        let at = Instant::new(request.day, self.began, stage_bounds)?;
        let mut told = Simulated {
            slices: request.slices.iter().map(|_| Vec::new()).collect(),
            scores: vec![0; SCORES],
            ..Simulated::default()
        };
        let mut movers = Vec::new();
        for kind in DebtorKind::ALL {
            let wanted = &request.filter.debtor_kinds;
            // Out of the book while it is tried: its sums change, all else is read.
            let mut rows = std::mem::take(&mut self.by_kind[kind as usize - 1]);
            if !rows.case_nos.is_empty() && (wanted.is_empty() || wanted.contains(&kind)) {
                let scorecards = request.rule_sets.map(|rules| rules.scorecard(kind));
                let rule_set_ids = request.rule_sets.map(RuleSet::id);
                let trial = Trial { book: self, scorecards, rule_set_ids, kind, at };
                movers.extend(trial.run(&mut rows, request, &mut told));
            }
            self.by_kind[kind as usize - 1] = rows;
        }
        movers.sort_by_key(|mover: &Mover| (std::cmp::Reverse(mover.how_far()), mover.case_no));
        movers.truncate(request.movers);
        told.movers = movers;
        Some(told)
    }
}

impl Trial<'_> {
    /// Counts the cases, and returns those that move most.
    fn run(
        &self,
        rows: &mut Rows,
        request: &SimulationRequest<'_>,
        told: &mut Simulated,
    ) -> Vec<Mover> {
        let plan = Plan::new(self, rows, request);
        let slices: Vec<usize> = plan.slicings.iter().map(|one| one.labels.len()).collect();
        let Rows { case_nos, overdue_amounts_minor, columns, sums: [scores, priorities] } = rows;
        let count = case_nos.len();
        let (columns, amounts) = (&*columns, &*overdue_amounts_minor);
        let sums = [
            match &plan.parts {
                None => scores.of(plan.scores.clone(), columns, count),
                Some(parts) => scores.of_parts(parts, columns, count),
            },
            priorities.of(plan.priorities.clone(), columns, count),
        ];
        let nothing = || Tally::new(&slices, request.movers);
        let blocks = (0..count.div_ceil(BLOCK)).into_par_iter();
        let counted = blocks.fold(nothing, |mut tally, block| {
            let first = block * BLOCK;
            let cases = first..count.min(first + BLOCK);
            let (block, pre_due) = plan.block((columns, amounts), sums, cases);
            tally.add_pre_due(pre_due);
            tally.count(&block, &plan.rankings, &columns[0]);
            tally
        });
        let mut counted = counted.reduce(nothing, Tally::and);
        let movers = counted.movers();
        for (slicing, (labels, counts)) in told
            .slices
            .iter_mut()
            .zip(plan.slicings.iter().map(|one| &one.labels).zip(counted.slices()))
        {
            for (label, migration) in labels.iter().zip(counts) {
                add_slice(slicing, label, migration);
            }
        }
        counted.tell(told);
        movers
            .into_iter()
            .map(|row| {
                let sums = sums.map(|sums| sums[row]);
                self.mover(&plan, (case_nos[row], amounts[row]), (columns, row, sums))
            })
            .collect()
    }
}
