//! From two scorecards to tables: what each course of a book is worth on the day, by the
//! number of the course.

use crate::model::{Arm, Day, DebtorKind, Route, RuleSetId, Stage};

use super::super::bins::{Bins, Value};
use super::super::compile::{CompiledCharacteristic, CompiledTerm, Condition};
use super::super::feature::Feature;
use super::super::scorecard::{Part, Scorecard};
use super::column::Column;
use super::course::{Course, Instant};
use super::parts::{PartSums, Parts};
use super::plan::{Mask, Rule, Slicing, Slots};
use super::ranking::Gain;
use super::routes::Routes;
use super::simulate::{Filter, SliceBy};
use super::sums::{Addend, Only};
use super::tally::{LEFT_OUT, NOT_DUE};
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

impl Trial<'_> {
    pub fn rules(&self, rows: &Rows, scorecard: &Scorecard) -> Vec<Rule> {
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
    pub fn code(&self, rows: &mut Rows) {
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
        rows.columns[0].courses().iter().map(days).collect()
    }

    pub fn stages(&self, rows: &Rows, filter: &Filter) -> Vec<u8> {
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

    pub fn scores(&self, rows: &Rows) -> Vec<Addend> {
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
    pub fn parts(&self, rows: &Rows) -> Option<Parts> {
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
    pub fn holds(&self, rows: &Rows, one: &Condition) -> (usize, Vec<bool>) {
        self.by_course(rows, (&one.feature, &one.bins), |code| code == one.code)
    }

    /// What adds to the priorities, and from what each of them starts. The least that a
    /// term can add is part of the start, so that no entry is negative.
    pub fn priorities(&self, rows: &Rows) -> (Vec<Addend>, [i32; 2]) {
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

    pub fn gains(&self, scorecard: &Scorecard, rows: &Rows) -> Vec<Gain> {
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

    pub fn mask(&self, rows: &Rows, name: &str, labels: &[String]) -> Mask {
        let Some(one) = self.named(name) else { return Mask { column: None, kept: Vec::new() } };
        let kept = |code| labels.contains(&one.by_code[usize::from(code)].label);
        let (column, kept) = self.by_course(rows, (&one.feature, &one.bins), kept);
        Mask { column: Some(column), kept }
    }

    pub fn slicing(&self, rows: &Rows, by: &SliceBy, routes: &Routes) -> Slicing {
        let all = |label: &str| Slicing {
            slots: Slots::Course(0, vec![0; rows.columns[0].courses().len()]),
            labels: vec![label.to_owned()],
        };
        match by {
            SliceBy::Stage => Slicing {
                slots: Slots::Course(0, self.stages(rows, &Filter::default())),
                // Those left out or not due have no slot, and are never asked for.
                labels: Stage::ALL.iter().map(|stage| stage.name().to_owned()).collect(),
            },
            SliceBy::DebtorKind => all(match self.kind {
                DebtorKind::Person => "PERSON",
                DebtorKind::Business => "BUSINESS",
            }),
            SliceBy::Population => Slicing {
                slots: Slots::Part,
                labels: self.scorecards[1].parts().map(|(_, part)| part.name.to_owned()).collect(),
            },
            SliceBy::Route => Slicing {
                slots: Slots::Route,
                labels: routes.given().iter().map(Route::to_string).collect(),
            },
            SliceBy::Characteristic(name) => match self.named(name) {
                Some(one) => {
                    let (column, slots) =
                        self.by_course(rows, (&one.feature, &one.bins), |code| code);
                    let labels = one.by_code.iter().map(|bin| bin.label.clone()).collect();
                    Slicing { slots: Slots::Course(column, slots), labels }
                }
                None => all("off"),
            },
        }
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
