//! Trying two rule sets on all cases of a book as of a day.

use rayon::prelude::*;

use crate::model::{Arm, Day, DebtorKind, Route, Stage};

use super::super::RuleSet;
use super::course::Instant;
use super::plan::Plan;
use super::tally::{BLOCK, SCORES, Tally};
use super::told::{Mover, Simulated, add_slice};
use super::trial::Trial;
use super::{Book, Rows};

/// What is tried.
#[derive(Clone, Debug)]
pub struct SimulationRequest<'a> {
    /// What ranks now, and what would. The settings of their portfolio are the same. An
    /// experiment of either is that by which the book keeps its cases.
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
    /// With these routes, as the rules give them beside the second scorecard; empty = all.
    pub routes: Vec<Route>,
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
    /// The population by whose points the second rule set ranks them; that of the main card
    /// has no name.
    Population,
    /// The route that the rules give it beside the second scorecard.
    Route,
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
        let wanted = &request.filter.debtor_kinds;
        for kind in DebtorKind::ALL {
            if wanted.is_empty() || wanted.contains(&kind) {
                self.try_on(kind, (request.rule_sets, at), |trial, rows| {
                    movers.extend(trial.run(rows, request, &mut told));
                });
            }
        }
        movers.sort_by_key(|mover: &Mover| (std::cmp::Reverse(mover.how_far()), mover.case_no));
        movers.truncate(request.movers);
        told.movers = movers;
        Some(told)
    }

    /// Tries two rule sets on the cases of a kind of debtor, those of each arm that has any.
    pub(super) fn try_on(
        &mut self,
        kind: DebtorKind,
        (rule_sets, at): ([&RuleSet; 2], Instant),
        mut run: impl FnMut(&Trial<'_>, &mut Rows),
    ) {
        for arm in Arm::ALL {
            let place = |book: &mut Book, rows: Rows| {
                std::mem::replace(&mut book.by_kind[kind as usize - 1][arm as usize - 1], rows)
            };
            // Out of the book while it is tried: its sums change, all else is read.
            let mut rows = place(self, Rows::default());
            if !rows.case_nos.is_empty() {
                let scorecards = rule_sets.map(|rules| rules.scorecard_in(kind, arm));
                let arms = rule_sets.map(|rules| rules.experiment().map(|_| arm));
                let rule_set_ids = rule_sets.map(RuleSet::id);
                let book = &*self;
                run(&Trial { book, scorecards, rule_set_ids, arm, arms, kind, at }, &mut rows);
            }
            place(self, rows);
        }
    }
}

impl<'a> SimulationRequest<'a> {
    /// All cases, and nothing told apart.
    pub fn of_all(rule_sets: [&'a RuleSet; 2], day: Day) -> SimulationRequest<'a> {
        SimulationRequest {
            rule_sets,
            day,
            filter: Filter::default(),
            slices: Vec::new(),
            movers: 0,
        }
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
        let mut plan = Plan::new(self, rows, request);
        let slices: Vec<usize> = plan.slicings.iter().map(|one| one.labels.len()).collect();
        let Rows { case_nos, overdue_amounts_minor, lots, columns, sums } = rows;
        let count = case_nos.len();
        let (columns, amounts, lots) = (&*columns, &*overdue_amounts_minor, &*lots);
        let sums = plan.add_up(columns, count, sums);
        let nothing = || Tally::new(&slices, request.movers);
        let blocks = (0..count.div_ceil(BLOCK)).into_par_iter();
        let counted = blocks.fold(nothing, |mut tally, block| {
            let first = block * BLOCK;
            let cases = first..count.min(first + BLOCK);
            let (block, pre_due) = plan.block((columns, amounts, lots), sums, cases);
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
                let case = (case_nos.values()[row], amounts[row], lots.get(row).copied());
                self.mover(&plan, case, (columns, row, sums))
            })
            .collect()
    }
}
