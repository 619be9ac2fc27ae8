//! From two scorecards and the courses of a book to what is looked at, added up and counted.

use std::borrow::Cow;
use std::ops::Range;

use crate::model::{Arm, Day, Lot, Rank, RecoveryGroup, RuleSetId};

use super::Rows;
use super::column::Column;
use super::parts::Parts;
use super::ranking::Ranking;
use super::routes::Routes;
use super::simulate::SimulationRequest;
use super::sums::{Addend, Sums};
use super::tally::{Block, LEFT_OUT, NOT_DUE, Which};
use super::trial::Trial;

/// The tables.
pub(super) struct Plan {
    pub rankings: [Ranking; 2],
    /// Of each scorecard: the rules that decide scores, in their order.
    pub rules: [Vec<Rule>; 2],
    /// What adds to the two scores, where neither scorecard has populations, and to the two
    /// priorities, the score apart; until it is added up.
    addends: [Vec<Addend>; 2],
    /// What adds to the two scores where a scorecard has populations.
    pub parts: Option<Parts>,
    /// By the number of the course of the first column.
    stages: Vec<u8>,
    masks: Vec<Mask>,
    amounts: (i64, i64),
    /// Whether every case is counted, whatever its stage.
    all_count: bool,
    pub slicings: Vec<Slicing>,
    /// By either rule set.
    routes: [Routes; 2],
    /// By the number of the route by the second rule set, whether cases of it are looked at;
    /// nothing where all are.
    kept_routes: Option<Vec<bool>>,
    rule_set_ids: [RuleSetId; 2],
    arms: [Option<Arm>; 2],
    day: Day,
}

/// A knock-out rule: of some columns, by the number of the course, whether it holds; and the
/// score that it sets.
pub(super) struct Rule {
    pub conditions: Vec<(usize, Vec<bool>)>,
    pub score: u16,
}

/// Which cases are looked at, by the number of the course of a column; none without one.
pub(super) struct Mask {
    pub column: Option<usize>,
    pub kept: Vec<bool>,
}

/// How cases are counted apart.
pub(super) struct Slicing {
    pub slots: Slots,
    pub labels: Vec<String>,
}

/// What a case's slice goes by.
pub(super) enum Slots {
    /// By the number of the course of a column.
    Course(usize, Vec<u8>),
    /// By the part of the second scorecard that ranks it.
    Part,
    /// By the route that the rules give it beside the second scorecard.
    Route,
}

impl Plan {
    pub fn new(trial: &Trial<'_>, rows: &mut Rows, request: &SimulationRequest<'_>) -> Plan {
        trial.code(rows);
        let (rows, filter) = (&*rows, &request.filter);
        let (priorities, starts) = trial.priorities(rows);
        let ranking = |at: usize| {
            let scorecard = trial.scorecards[at];
            Ranking::new(scorecard, starts[at], trial.gains(scorecard, rows))
        };
        let mask = |(name, labels): &(String, Vec<String>)| trial.mask(rows, name, labels);
        let masks: Vec<Mask> = filter.bins.iter().map(mask).collect();
        let stages = trial.stages(rows, filter);
        let amounts = (
            filter.overdue_amount_minor_min.unwrap_or(i64::MIN),
            filter.overdue_amount_minor_max.unwrap_or(i64::MAX),
        );
        let routes = trial.scorecards.map(|scorecard| Routes::new(trial, rows, scorecard));
        let kept_routes = (!filter.routes.is_empty())
            .then(|| routes[1].given().iter().map(|one| filter.routes.contains(one)).collect());
        Plan {
            all_count: masks.is_empty()
                && kept_routes.is_none()
                && amounts == (i64::MIN, i64::MAX)
                && stages.iter().all(|stage| *stage < LEFT_OUT),
            rankings: [ranking(0), ranking(1)],
            rules: trial.scorecards.map(|scorecard| trial.rules(rows, scorecard)),
            addends: [trial.scores(rows), priorities],
            parts: trial.parts(rows),
            stages,
            masks,
            amounts,
            slicings: request.slices.iter().map(|by| trial.slicing(rows, by, &routes[1])).collect(),
            routes,
            kept_routes,
            rule_set_ids: trial.rule_set_ids,
            arms: trial.arms,
            day: trial.at.day,
        }
    }

    /// The sums of both scores, packed, and those of both priorities, of so many cases.
    pub fn add_up<'a>(
        &mut self,
        columns: &[Column],
        count: usize,
        [scores, priorities]: &'a mut [Sums; 2],
    ) -> [&'a [u32]; 2] {
        let [to_scores, to_priorities] = std::mem::take(&mut self.addends);
        let scores = match &self.parts {
            None => scores.of(to_scores, columns, count),
            Some(parts) => scores.of_parts(parts, columns, count),
        };
        [scores, priorities.of(to_priorities, columns, count)]
    }

    /// Those of some cases that are counted, with all that a tally reads of them; and how
    /// many of them are not due.
    pub fn block<'a>(
        &self,
        (columns, amounts, lots): (&[Column], &'a [i64], &[Lot]),
        sums: [&'a [u32]; 2],
        cases: Range<usize>,
    ) -> (Block<'a>, u64) {
        let stages = match self.all_count && !self.rankings.iter().any(Ranking::by_stage) {
            true => Vec::new(),
            false => self.stages_of(columns, amounts, cases.clone()),
        };
        if stages.iter().all(|stage| *stage < LEFT_OUT) {
            let block = Block {
                sums: sums.map(|sums| Cow::Borrowed(&sums[cases.clone()])),
                overdue_amounts_minor: Cow::Borrowed(&amounts[cases.clone()]),
                stages,
                slices: self.slices_of(columns, cases.clone()),
                decided: self.decided(columns, cases.clone()),
                drawn: self.drawn(lots, cases.clone()),
                which: Which::From(cases.start),
            };
            return (block, 0);
        }
        let pre_due = stages.iter().filter(|stage| **stage == NOT_DUE).count() as u64;
        let kept = |(row, stage): (usize, &u8)| (*stage < LEFT_OUT).then_some(row);
        let rows: Vec<usize> = cases.clone().zip(&stages).filter_map(kept).collect();
        let each = || rows.iter().copied();
        let block = Block {
            sums: sums.map(|sums| each().map(|row| sums[row]).collect()),
            overdue_amounts_minor: each().map(|row| amounts[row]).collect(),
            stages: each().map(|row| stages[row - cases.start]).collect(),
            slices: self.slices_of(columns, each()),
            decided: self.decided(columns, each()),
            drawn: self.drawn(lots, each()),
            which: Which::These(rows),
        };
        (block, pre_due)
    }

    /// The stage of a case, counted from 0; `NOT_DUE` where it is not due.
    pub fn stage(&self, columns: &[Column], row: usize) -> u8 {
        self.stages[columns[0].at(row)]
    }

    fn slices_of(
        &self,
        columns: &[Column],
        rows: impl Iterator<Item = usize> + Clone,
    ) -> Vec<Vec<u8>> {
        let part = |row| self.parts.as_ref().map_or(0, |parts| parts.of(columns, row)[1]);
        let slices = self.slicings.iter().map(|one| match &one.slots {
            Slots::Course(column, slots) => {
                rows.clone().map(|row| slots[columns[*column].at(row)]).collect()
            }
            Slots::Part => rows.clone().map(|row| part(row) as u8).collect(),
            Slots::Route => rows.clone().map(|row| self.routes[1].number(columns, row)).collect(),
        });
        slices.collect()
    }

    fn decided(
        &self,
        columns: &[Column],
        rows: impl Iterator<Item = usize> + Clone,
    ) -> [Vec<Option<u16>>; 2] {
        self.rules.each_ref().map(|rules| match rules.as_slice() {
            [] => Vec::new(),
            _ => rows.clone().map(|row| decided(rules, columns, row)).collect(),
        })
    }

    fn drawn(&self, lots: &[Lot], rows: impl Iterator<Item = usize> + Clone) -> [Vec<u16>; 2] {
        self.arms.map(|arm| match arm {
            Some(Arm::Control) => rows.clone().map(|row| self.drawn_by(lots[row])).collect(),
            _ => Vec::new(),
        })
    }

    /// The priority that a lot draws.
    fn drawn_by(&self, lot: Lot) -> u16 {
        u16::try_from(lot.priority(self.day)).expect("it is 0 to 1,000")
    }

    /// The rank of a case by either rule set; no event is named.
    pub fn ranks(
        &self,
        (columns, row, sums): (&[Column], usize, [u32; 2]),
        lot: Option<Lot>,
    ) -> [Rank; 2] {
        let stage = self.stage(columns, row);
        let rank = |at: usize| {
            let ranking = &self.rankings[at];
            let decided = decided(&self.rules[at], columns, row);
            let score = decided.unwrap_or_else(|| ranking.score(sums[0], at));
            let lot = lot.filter(|_| self.arms[at] == Some(Arm::Control));
            let by_points = || ranking.priority((sums[1], at), score, columns[0].at(row));
            let priority = lot.map_or_else(by_points, |lot| self.drawn_by(lot));
            Rank {
                group: RecoveryGroup::ALL[ranking.group(score, stage)],
                score: i32::from(score),
                priority: i32::from(priority),
                rule_set_id: self.rule_set_ids[at],
                rank_date: self.day,
                case_seq: 0,
                arm: self.arms[at],
                route: self.routes[at].of(columns, row),
            }
        };
        [rank(0), rank(1)]
    }

    /// The stages of some cases.
    fn stages_of(&self, columns: &[Column], amounts: &[i64], cases: Range<usize>) -> Vec<u8> {
        let mut stages: Vec<u8> = Vec::with_capacity(cases.len());
        columns[0].each(cases.clone(), |number| stages.push(self.stages[number]));
        let (low, high) = self.amounts;
        if (low, high) != (i64::MIN, i64::MAX) {
            for (stage, amount) in stages.iter_mut().zip(&amounts[cases.clone()]) {
                if !(low..=high).contains(amount) {
                    *stage = LEFT_OUT;
                }
            }
        }
        if let Some(kept) = &self.kept_routes {
            for (stage, row) in stages.iter_mut().zip(cases.clone()) {
                if !kept[usize::from(self.routes[1].number(columns, row))] {
                    *stage = LEFT_OUT;
                }
            }
        }
        for mask in &self.masks {
            for (stage, row) in stages.iter_mut().zip(cases.clone()) {
                if !mask.column.is_some_and(|column| mask.kept[columns[column].at(row)]) {
                    *stage = LEFT_OUT;
                }
            }
        }
        stages
    }
}

/// The score that a knock-out rule sets for a case, if one does.
pub(super) fn decided(rules: &[Rule], columns: &[Column], row: usize) -> Option<u16> {
    let holds = |(column, holds): &(usize, Vec<bool>)| holds[columns[*column].at(row)];
    let rule = rules.iter().find(|rule| rule.conditions.iter().all(holds));
    rule.map(|rule| rule.score)
}
