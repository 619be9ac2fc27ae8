//! From two scorecards and the courses of a book to tables: what each course is worth on
//! the day, which cases are looked at, and how they are counted apart.

use std::borrow::Cow;
use std::ops::Range;

use crate::model::{Arm, CaseNo, Day, DebtorKind, Lot, Rank, RecoveryGroup, RuleSetId, Stage};

use super::super::bins::{Bins, Value};
use super::super::compile::{CompiledCharacteristic, CompiledTerm, Condition};
use super::super::feature::Feature;
use super::super::scorecard::{Part, Scorecard};
use super::column::Column;
use super::course::{Course, Instant};
use super::parts::{PartSums, Parts};
use super::simulate::{Filter, SimulationRequest, SliceBy};
use super::sums::{Addend, Only, Sums};
use super::tally::{Block, Gain, LEFT_OUT, NOT_DUE, Ranking, Which};
use super::told::{Mover, MoverLine};
use super::{Book, Rows};

/// Two scorecards that are tried on the cases of one kind of debtor in one arm.
pub(super) struct Trial<'a> {
    pub book: &'a Book,
    pub scorecards: [&'a Scorecard; 2],
    pub rule_set_ids: [RuleSetId; 2],
    /// The arm that the cases are kept in.
    pub arm: Arm,
    /// The same, for the rule sets that have an experiment.
    pub arms: [Option<Arm>; 2],
    pub kind: DebtorKind,
    pub at: Instant,
}

/// The tables.
pub(super) struct Plan {
    pub rankings: [Ranking; 2],
    /// Of each scorecard: the rules that decide scores, in their order.
    rules: [Vec<Rule>; 2],
    /// What adds to the two scores, where neither scorecard has populations, and to the two
    /// priorities, the score apart; until it is added up.
    addends: [Vec<Addend>; 2],
    /// What adds to the two scores where a scorecard has populations.
    parts: Option<Parts>,
    /// By the number of the course of the first column.
    stages: Vec<u8>,
    masks: Vec<Mask>,
    amounts: (i64, i64),
    /// Whether every case is counted, whatever its stage.
    all_count: bool,
    pub slicings: Vec<Slicing>,
    rule_set_ids: [RuleSetId; 2],
    arms: [Option<Arm>; 2],
    day: Day,
}

/// A knock-out rule: of some columns, by the number of the course, whether it holds; and the
/// score that it sets.
struct Rule {
    conditions: Vec<(usize, Vec<bool>)>,
    score: u16,
}

/// Which cases are looked at, by the number of the course of a column; none without one.
struct Mask {
    column: Option<usize>,
    kept: Vec<bool>,
}

/// How cases are counted apart.
pub(super) struct Slicing {
    slots: Slots,
    pub labels: Vec<String>,
}

/// Which slice a case is in.
enum Slots {
    /// By the number of the course of a column.
    OfCourse(usize, Vec<u8>),
    /// By the part of the second scorecard that ranks it.
    OfPart,
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
        Plan {
            all_count: masks.is_empty()
                && amounts == (i64::MIN, i64::MAX)
                && stages.iter().all(|stage| *stage < LEFT_OUT),
            rankings: [ranking(0), ranking(1)],
            rules: trial.scorecards.map(|scorecard| trial.rules(rows, scorecard)),
            addends: [trial.scores(rows), priorities],
            parts: trial.parts(rows),
            stages,
            masks,
            amounts,
            slicings: request.slices.iter().map(|by| trial.slicing(rows, by)).collect(),
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
            Slots::OfCourse(column, slots) => {
                rows.clone().map(|row| slots[columns[*column].at(row)]).collect()
            }
            Slots::OfPart => rows.clone().map(|row| part(row) as u8).collect(),
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
            let score = decided.unwrap_or_else(|| ranking.score(sums[0] >> (16 * at)));
            let lot = lot.filter(|_| self.arms[at] == Some(Arm::Control));
            let by_points = || ranking.priority(sums[1] >> (16 * at), score, columns[0].at(row));
            let priority = lot.map_or_else(by_points, |lot| self.drawn_by(lot));
            Rank {
                group: RecoveryGroup::ALL[ranking.group(score, stage)],
                score: i32::from(score),
                priority: i32::from(priority),
                rule_set_id: self.rule_set_ids[at],
                rank_date: self.day,
                case_seq: 0,
                arm: self.arms[at],
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
fn decided(rules: &[Rule], columns: &[Column], row: usize) -> Option<u16> {
    let holds = |(column, holds): &(usize, Vec<bool>)| holds[columns[*column].at(row)];
    let rule = rules.iter().find(|rule| rule.conditions.iter().all(holds));
    rule.map(|rule| rule.score)
}

impl Trial<'_> {
    fn rules(&self, rows: &Rows, scorecard: &Scorecard) -> Vec<Rule> {
        let rules = scorecard.card.knock_outs.iter().filter(|rule| rule.active);
        let rules = rules.map(|rule| Rule {
            conditions: rule.conditions.iter().map(|one| self.holds(rows, one)).collect(),
            score: u16::try_from(rule.score).expect("it is at most 1,000"),
        });
        rules.collect()
    }

    /// What every course of a column gives, by the code of the bin it falls into.
    fn by_course<T>(
        &self,
        rows: &Rows,
        (feature, bins): (&Feature, &Bins),
        of: impl Fn(u8) -> T,
    ) -> (usize, Vec<T>) {
        let column = self.book.column(feature);
        let codes = rows.columns[column].codes(feature, bins, &self.at);
        (column, codes.iter().map(|code| of(*code)).collect())
    }

    /// Finds the bins of all courses that the tables are made of.
    fn code(&self, rows: &mut Rows) {
        for (feature, bins) in self.scorecards.into_iter().flat_map(Scorecard::binned) {
            rows.columns[self.book.column(feature)].code(feature, bins, &self.at);
        }
        rows.columns.iter_mut().for_each(Column::forget_codes);
    }

    /// The days past due of each course of the first column; nothing where no due date is
    /// told, which a rank takes for 0.
    fn days_past_due(&self, rows: &Rows) -> Vec<Option<i32>> {
        let days = |course: &Course| match course {
            Course::Due(due) => Some(self.at.day.since(Day(*due))),
            _ => None,
        };
        rows.columns[0].courses().map(days).collect()
    }

    fn stages(&self, rows: &Rows, filter: &Filter) -> Vec<u8> {
        let stage = |days: Option<i32>| match days {
            Some(days) if days < 0 => NOT_DUE,
            _ => {
                let stage = self.at.stage_bounds.stage(days.unwrap_or(0));
                let wanted = filter.stages.is_empty() || filter.stages.contains(&stage);
                if wanted { stage as u8 - 1 } else { LEFT_OUT }
            }
        };
        self.days_past_due(rows).into_iter().map(stage).collect()
    }

    fn scores(&self, rows: &Rows) -> Vec<Addend> {
        let mut addends = Addends::default();
        if self.has_populations() {
            return addends.0;
        }
        for (at, scorecard) in self.scorecards.into_iter().enumerate() {
            for (_, part) in scorecard.parts() {
                self.add_part(rows, (&part, at), &mut addends);
            }
        }
        addends.0
    }

    fn has_populations(&self) -> bool {
        self.scorecards.iter().any(|scorecard| scorecard.parts().count() > 1)
    }

    fn add_part(&self, rows: &Rows, (part, at): (&Part<'_>, usize), addends: &mut Addends) {
        let characteristics = part.characteristics.iter().enumerate();
        for (number, one) in characteristics.filter(|(_, one)| one.active) {
            let above = |code| u32::from(part.kernel.above(number, code)) << (16 * at);
            let (column, worth) = self.by_course(rows, (&one.feature, &one.bins), above);
            addends.add(Addend { column, worth, only: None });
        }
    }

    /// What adds to the scores by population.
    fn parts(&self, rows: &Rows) -> Option<Parts> {
        let sums = |at: usize| {
            let scorecard = self.scorecards[at];
            let parts = scorecard.parts().map(|(conditions, part)| {
                let mut addends = Addends::default();
                self.add_part(rows, (&part, at), &mut addends);
                let above = u32::try_from(part.kernel.start() - scorecard.start());
                PartSums {
                    conditions: conditions.iter().map(|one| self.holds(rows, one)).collect(),
                    start: above.expect("nothing starts below the lowest") << (16 * at),
                    addends: addends.0,
                }
            });
            parts.collect()
        };
        self.has_populations().then(|| Parts([sums(0), sums(1)]))
    }

    /// Of the column of a condition, by the number of the course, whether it holds.
    fn holds(&self, rows: &Rows, one: &Condition) -> (usize, Vec<bool>) {
        self.by_course(rows, (&one.feature, &one.bins), |code| code == one.code)
    }

    /// What adds to the priorities, and from what each of them starts. The least that a
    /// term can add is part of the start, so that no entry is negative.
    fn priorities(&self, rows: &Rows) -> (Vec<Addend>, [i32; 2]) {
        let mut addends = Addends::default();
        let starts = std::array::from_fn(|at| {
            let card = &self.scorecards[at].card;
            let mut start = card.priority_base;
            let terms = card.terms.iter().filter(|term| term.active);
            for term in terms.filter(|term| term.feature != Feature::Score) {
                let only = term.only_below_days_past_due;
                let least = term.points.iter().copied().chain(only.map(|_| 0)).min().unwrap_or(0);
                start += least;
                let packed = |points: i32| {
                    u32::try_from(points - least).expect("nothing is below the least") << (16 * at)
                };
                let above = |code| packed(term.points[usize::from(code)]);
                let (column, worth) = self.by_course(rows, (&term.feature, &term.bins), above);
                let only = self.counts(rows, term);
                let only = only.map(|counts| Only { counts, otherwise: packed(0) });
                addends.add(Addend { column, worth, only });
            }
            start
        });
        (addends.0, starts)
    }

    /// Whether a term counts, by the course of the first column, where it does not always.
    fn counts(&self, rows: &Rows, term: &CompiledTerm) -> Option<Vec<bool>> {
        let limit = term.only_below_days_past_due?;
        let days = self.days_past_due(rows).into_iter();
        Some(days.map(|days| days.unwrap_or(0) < limit).collect())
    }

    fn gains(&self, scorecard: &Scorecard, rows: &Rows) -> Vec<Gain> {
        let terms = scorecard.card.terms.iter().filter(|term| term.active);
        let terms = terms.filter(|term| term.feature == Feature::Score);
        terms
            .map(|term| {
                let code = |score| term.bins.code(&Value::Number(score));
                let points = |score| term.points[usize::from(code(score))];
                Gain::new(points, self.counts(rows, term))
            })
            .collect()
    }

    /// The characteristic of a name, of the second scorecard or else of the first.
    fn named(&self, name: &str) -> Option<&CompiledCharacteristic> {
        let [one, two] = self.scorecards.map(|scorecard| scorecard.card.named(name));
        two.or(one).filter(|one| one.active)
    }

    fn mask(&self, rows: &Rows, name: &str, labels: &[String]) -> Mask {
        let Some(one) = self.named(name) else { return Mask { column: None, kept: Vec::new() } };
        let kept = |code| labels.contains(&one.by_code[usize::from(code)].label);
        let (column, kept) = self.by_course(rows, (&one.feature, &one.bins), kept);
        Mask { column: Some(column), kept }
    }

    fn slicing(&self, rows: &Rows, by: &SliceBy) -> Slicing {
        let all = |label: &str| Slicing {
            slots: Slots::OfCourse(0, vec![0; rows.columns[0].courses().len()]),
            labels: vec![label.to_owned()],
        };
        match by {
            SliceBy::Stage => Slicing {
                slots: Slots::OfCourse(0, self.stages(rows, &Filter::default())),
                // Those left out or not due have no slot, and are never asked for.
                labels: Stage::ALL.iter().map(|stage| stage.name().to_owned()).collect(),
            },
            SliceBy::DebtorKind => all(match self.kind {
                DebtorKind::Person => "PERSON",
                DebtorKind::Business => "BUSINESS",
            }),
            SliceBy::Population => Slicing {
                slots: Slots::OfPart,
                labels: self.scorecards[1].parts().map(|(_, part)| part.name.to_owned()).collect(),
            },
            SliceBy::Characteristic(name) => match self.named(name) {
                Some(one) => {
                    let (column, slots) =
                        self.by_course(rows, (&one.feature, &one.bins), |code| code);
                    let labels = one.by_code.iter().map(|bin| bin.label.clone()).collect();
                    Slicing { slots: Slots::OfCourse(column, slots), labels }
                }
                None => all("off"),
            },
        }
    }

    /// A case that moves, and what moves it.
    pub fn mover(
        &self,
        plan: &Plan,
        (case_no, overdue_amount_minor, lot): (i64, i64, Option<Lot>),
        (columns, row, sums): (&[Column], usize, [u32; 2]),
    ) -> Mover {
        let ranks = plan.ranks((columns, row, sums), lot);
        let by_rule = [0, 1].map(|at| decided(&plan.rules[at], columns, row).is_some());
        let parts = plan.parts.as_ref().map_or([0, 0], |parts| parts.of(columns, row));
        let lines = self.lines((columns, row, parts), (ranks.map(|rank| rank.score), by_rule));
        let case_no = CaseNo(case_no);
        Mover { case_no, debtor_kind: self.kind, ranks, overdue_amount_minor, lines }
    }

    /// What moves the score of a case, that which moves it most first.
    fn lines(
        &self,
        (columns, row, parts): (&[Column], usize, [usize; 2]),
        (scores, by_rule): ([i32; 2], [bool; 2]),
    ) -> Vec<MoverLine> {
        let part = |at: usize| {
            let part = self.scorecards[at].parts().nth(parts[at]);
            part.expect("a case is of one of them").1
        };
        let parts = [part(0), part(1)];
        let mut lines = vec![("base_points", parts.map(|part| part.base_points))];
        for (at, part) in parts.iter().enumerate() {
            for one in part.characteristics.iter().filter(|one| one.active) {
                let column = &columns[self.book.column(&one.feature)];
                let course = column.course(row);
                let code = one.bins.code(&course.value(&one.feature, &self.at));
                let contribution = one.by_code[usize::from(code)].contribution;
                match lines.iter_mut().find(|line| line.0 == one.name) {
                    Some(line) => line.1[at] = contribution,
                    None => {
                        let mut contributions = [0; 2];
                        contributions[at] = contribution;
                        lines.push((&one.name, contributions));
                    }
                }
            }
        }
        let sum = |at: usize| lines.iter().map(|line| line.1[at]).sum::<i32>();
        let rest = [scores[0] - sum(0), scores[1] - sum(1)];
        let of = |decided: bool| [0, 1].map(|at| if by_rule[at] == decided { rest[at] } else { 0 });
        lines.extend([("clamp", of(false)), ("knock_out", of(true))]);
        lines.retain(|(_, [before, after])| before != after);
        lines.sort_by_key(|(_, [before, after])| -(after - before).abs());
        let line = |(name, contributions): (&str, [i32; 2])| MoverLine {
            characteristic: name.to_owned(),
            contributions,
        };
        lines.into_iter().map(line).collect()
    }
}

/// Addends, those of one column and condition in one.
#[derive(Default)]
struct Addends(Vec<Addend>);

impl Addends {
    fn add(&mut self, addend: Addend) {
        match self.0.iter_mut().find(|known| known.is_like(&addend)) {
            Some(known) => {
                known.worth.iter_mut().zip(addend.worth).for_each(|(to, from)| *to += from);
                if let (Some(to), Some(from)) = (&mut known.only, addend.only) {
                    to.otherwise += from.otherwise;
                }
            }
            None => self.0.push(addend),
        }
    }
}
