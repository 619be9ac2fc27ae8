//! The book: the open cases of a portfolio in columns, each case as what its features
//! will be from day to day if nothing happens. From it any rule set that looks at these
//! features can be tried on all cases at once, as of any day up to a year ahead.

mod column;
mod course;
mod furthest;
mod movers;
mod numbered;
mod parts;
mod place;
mod plan;
mod ranking;
mod room;
mod routes;
mod simulate;
mod sums;
mod tally;
mod told;
mod trial;

use crate::model::{Arm, CaseNo, CaseState, Day, DebtorKind, Experiment, Lot, RankingSettings};

use super::feature::Feature;
use super::measure::Age;
use super::month::Month;
use super::subject::Subject;
use super::{CaseInput, RuleSet};
use column::Column;
use numbered::Numbered;
use sums::Sums;

pub(super) use course::{Course, Instant};
pub use place::{Standing, Standings};
pub use simulate::{Filter, SimulationRequest, SliceBy};
pub use told::{Count, HISTOGRAM_BUCKETS, Mover, MoverLine, Simulated, Slice};

/// The open cases of a portfolio in columns.
#[derive(Clone, Debug)]
pub struct Book {
    /// What the columns are of. The first is what days past due are counted from.
    features: Vec<Feature>,
    /// The month of the day as of which the first case was read.
    began: Month,
    /// Whose arms the cases are kept by.
    experiment: Option<Experiment>,
    /// By kind of debtor, then by arm; all are champion's without an experiment.
    by_kind: [[Rows; 3]; 2],
}

/// A case as a book keeps it.
#[derive(Clone, Debug)]
pub struct BookRow {
    kind: DebtorKind,
    arm: Arm,
    lot: Option<Lot>,
    overdue_amount_minor: i64,
    courses: Vec<Course>,
}

/// The cases of one kind of debtor in one arm.
#[derive(Clone, Debug, Default)]
struct Rows {
    /// Their numbers, by row.
    case_nos: Numbered<i64>,
    overdue_amounts_minor: Vec<i64>,
    /// Of cases in a control share alone.
    lots: Vec<Lot>,
    columns: Vec<Column>,
    /// What the last run has added up: to the scores, and to the priorities.
    sums: [Sums; 2],
}

/// An empty book of nothing but the age of debts.
impl Default for Book {
    fn default() -> Book {
        Book::new([], Day(0))
    }
}

impl Book {
    /// An empty book of what some rule sets look at, begun on a day. At most one of them
    /// has an experiment.
    pub fn new<'a>(rules: impl IntoIterator<Item = &'a RuleSet>, today: Day) -> Book {
        let mut features = vec![Feature::Age(Age::DaysPastDue)];
        let mut experiment = None;
        for rules in rules {
            experiment = experiment.or_else(|| rules.experiment().cloned());
            for feature in features_of(rules) {
                if !features.contains(&feature) {
                    features.push(feature);
                }
            }
        }
        let empty = || Rows { columns: vec![Column::default(); features.len()], ..Rows::default() };
        let by_kind = std::array::from_fn(|_| std::array::from_fn(|_| empty()));
        Book { by_kind, features, began: Month::of(today), experiment }
    }

    /// Whether it has everything that a rule set looks at, its cases are kept by the arms of
    /// that, and a case read as of a day may be put into it.
    pub fn serves(&self, rules: &RuleSet, today: Day) -> bool {
        self.began == Month::of(today)
            && rules.experiment().is_none_or(|one| self.experiment.as_ref() == Some(one))
            && features_of(rules).all(|feature| self.features.contains(&feature))
    }

    /// Whether it keeps its cases by the arms of an experiment.
    pub fn has_arms(&self) -> bool {
        self.experiment.is_some()
    }

    /// A case as this book keeps it; nothing for a closed one. The day of the case lies
    /// in the month in which the book was begun.
    pub fn row(&self, ranking: &RankingSettings, case: &CaseInput<'_>) -> Option<BookRow> {
        let subject = Subject::new(case, ranking);
        if subject.state().0 == CaseState::Closed {
            return None;
        }
        let course = |feature: &Feature| match feature.measure() {
            Some(measure) => measure.course(&subject),
            None => Course::Missing,
        };
        let drawn = self.experiment.as_ref().map(|one| one.draw(case.debtor_id));
        let (arm, lot) = drawn.unzip();
        let arm = arm.unwrap_or(Arm::Champion);
        Some(BookRow {
            kind: subject.debtor_kind,
            arm,
            lot: lot.filter(|_| arm == Arm::Control),
            overdue_amount_minor: subject.served.overdue_amount_minor,
            courses: self.features.iter().map(course).collect(),
        })
    }

    /// Adds a case, or replaces or removes what is known of it.
    pub fn put(&mut self, case_no: CaseNo, row: Option<BookRow>) {
        let place = row.as_ref().map(|row| (row.kind as usize - 1, row.arm as usize - 1));
        for (kind, by_arm) in self.by_kind.iter_mut().enumerate() {
            for (arm, rows) in by_arm.iter_mut().enumerate() {
                if place != Some((kind, arm)) {
                    rows.remove(case_no);
                }
            }
        }
        if let (Some(row), Some((kind, arm))) = (row, place) {
            self.by_kind[kind][arm].put(case_no, row);
        }
    }

    /// How many cases there are.
    pub fn len(&self) -> usize {
        self.by_kind.iter().flatten().map(|rows| rows.case_nos.len()).sum()
    }

    /// Whether there are no cases.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much memory it takes, in bytes; what a run adds up is counted before there is one,
    /// so that a book does not outgrow its room by being used.
    pub fn bytes(&self) -> usize {
        self.by_kind.iter().flatten().map(Rows::bytes).sum()
    }

    /// Keeps those cases only that `kept` says.
    pub fn retain(&mut self, kept: impl Fn(CaseNo) -> bool) {
        for rows in self.by_kind.iter_mut().flatten() {
            for row in (0..rows.case_nos.len()).rev() {
                let case_no = CaseNo(rows.case_nos.values()[row]);
                if !kept(case_no) {
                    rows.remove(case_no);
                }
            }
        }
    }

    /// Gives back the memory that is kept for further cases, and of what no case is like
    /// any longer.
    pub fn shrink(&mut self) {
        for rows in self.by_kind.iter_mut().flatten() {
            rows.case_nos.shrink();
            rows.lots.shrink_to_fit();
            rows.overdue_amounts_minor.shrink_to_fit();
            rows.columns.iter_mut().for_each(Column::shrink);
            // They go by the numbers of courses.
            rows.sums = Default::default();
        }
    }

    /// The column that a feature is read from.
    fn column(&self, feature: &Feature) -> usize {
        let source = feature.source();
        let at = self.features.iter().position(|one| *one == source);
        at.expect("the book serves the rule set")
    }
}

/// What a rule set reads, apart from the score itself.
fn features_of(rules: &RuleSet) -> impl Iterator<Item = Feature> {
    let binned = rules.scorecards().flat_map(|(_, scorecard)| scorecard.binned());
    binned.map(|(feature, _)| feature.source())
}

impl Rows {
    fn put(&mut self, case_no: CaseNo, row: BookRow) {
        let (at, new) = self.case_nos.put(case_no.0);
        if new {
            room::push(&mut self.overdue_amounts_minor, row.overdue_amount_minor);
        } else {
            self.overdue_amounts_minor[at] = row.overdue_amount_minor;
        }
        if let Some(lot) = row.lot {
            match new {
                true => self.lots.push(lot),
                false => self.lots[at] = lot,
            }
        }
        for (column, course) in self.columns.iter_mut().zip(row.courses) {
            if new {
                column.push(course);
            } else {
                column.set(at, course);
            }
        }
        for sums in &mut self.sums {
            sums.changed(at);
        }
    }

    fn remove(&mut self, case_no: CaseNo) {
        let Some(at) = self.case_nos.swap_remove(&case_no.0) else { return };
        self.overdue_amounts_minor.swap_remove(at);
        if !self.lots.is_empty() {
            self.lots.swap_remove(at);
        }
        for column in &mut self.columns {
            column.swap_remove(at);
        }
        for sums in &mut self.sums {
            sums.swap_remove(at, self.case_nos.len());
        }
    }

    fn bytes(&self) -> usize {
        let columns: usize = self.columns.iter().map(Column::bytes).sum();
        let sums: usize = self.sums.iter().map(Sums::bytes).sum();
        let tables = self.columns.iter().map(|column| column.courses().len());
        let sums = sums.max(Sums::bytes_of(self.case_nos.len(), tables.sum()));
        self.case_nos.bytes()
            + room::bytes(&self.overdue_amounts_minor)
            + room::bytes(&self.lots)
            + columns
            + sums
    }
}
