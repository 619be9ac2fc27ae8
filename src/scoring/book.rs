//! The book: the open cases of a portfolio in columns, each case as what its features
//! will be from day to day if nothing happens. From it any rule set that looks at these
//! features can be tried on all cases at once, as of any day up to a year ahead.

mod column;
mod course;
mod parts;
mod plan;
mod simulate;
mod sums;
mod tally;
mod told;

use foldhash::fast::FixedState;
use indexmap::IndexSet;

use crate::model::{CaseNo, CaseState, Day, DebtorKind, RankingSettings};

use super::feature::Feature;
use super::measure::Age;
use super::month::Month;
use super::subject::Subject;
use super::{CaseInput, RuleSet};
use column::Column;
use sums::Sums;

pub(super) use course::{Course, Instant};
pub use simulate::{Filter, SimulationRequest, SliceBy};
pub use told::{Count, HISTOGRAM_BUCKETS, Mover, MoverLine, Simulated, Slice};

/// The open cases of a portfolio in columns.
#[derive(Clone, Debug)]
pub struct Book {
    /// What the columns are of. The first is what days past due are counted from.
    features: Vec<Feature>,
    /// The month of the day as of which the first case was read.
    began: Month,
    by_kind: [Rows; 2],
}

/// A case as a book keeps it.
#[derive(Clone, Debug)]
pub struct BookRow {
    kind: DebtorKind,
    overdue_amount_minor: i64,
    courses: Vec<Course>,
}

/// The cases of one kind of debtor.
#[derive(Clone, Debug, Default)]
struct Rows {
    case_nos: IndexSet<i64, FixedState>,
    overdue_amounts_minor: Vec<i64>,
    columns: Vec<Column>,
    /// What the last run has added up: to the scores, and to the priorities.
    sums: [Sums; 2],
}

impl Book {
    /// An empty book of what some rule sets look at, begun on a day.
    pub fn new<'a>(rules: impl IntoIterator<Item = &'a RuleSet>, today: Day) -> Book {
        let mut features = vec![Feature::Age(Age::DaysPastDue)];
        for rules in rules {
            for feature in features_of(rules) {
                if !features.contains(&feature) {
                    features.push(feature);
                }
            }
        }
        let empty = || Rows { columns: vec![Column::default(); features.len()], ..Rows::default() };
        Book { by_kind: [empty(), empty()], features, began: Month::of(today) }
    }

    /// Whether it has everything that a rule set looks at, and a case read as of a day
    /// may be put into it.
    pub fn serves(&self, rules: &RuleSet, today: Day) -> bool {
        self.began == Month::of(today)
            && features_of(rules).all(|feature| self.features.contains(&feature))
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
        Some(BookRow {
            kind: subject.debtor_kind,
            overdue_amount_minor: subject.served.overdue_amount_minor,
            courses: self.features.iter().map(course).collect(),
        })
    }

    /// Adds a case, or replaces or removes what is known of it.
    pub fn put(&mut self, case_no: CaseNo, row: Option<BookRow>) {
        let kind = row.as_ref().map(|row| row.kind);
        for (other, rows) in DebtorKind::ALL.into_iter().zip(&mut self.by_kind) {
            if kind != Some(other) {
                rows.remove(case_no);
            }
        }
        if let Some(row) = row {
            self.by_kind[row.kind as usize - 1].put(case_no, row);
        }
    }

    /// How many cases there are.
    pub fn len(&self) -> usize {
        self.by_kind.iter().map(|rows| rows.case_nos.len()).sum()
    }

    /// Whether there are no cases.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        self.by_kind.iter().map(Rows::bytes).sum()
    }

    /// Keeps those cases only that `kept` says.
    pub fn retain(&mut self, kept: impl Fn(CaseNo) -> bool) {
        for rows in &mut self.by_kind {
            for row in (0..rows.case_nos.len()).rev() {
                let case_no = CaseNo(rows.case_nos[row]);
                if !kept(case_no) {
                    rows.remove(case_no);
                }
            }
        }
    }

    /// Gives back the memory that is kept for further cases, and of what no case is like
    /// any longer.
    pub fn shrink(&mut self) {
        for rows in &mut self.by_kind {
            rows.case_nos.shrink_to_fit();
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
    let scorecards = DebtorKind::ALL.map(|kind| rules.scorecard(kind));
    scorecards.into_iter().flat_map(|scorecard| {
        let characteristics = scorecard.parts().flat_map(|(_, part)| part.characteristics);
        let characteristics = characteristics.filter(|one| one.active).map(|one| &one.feature);
        let terms = scorecard.card.terms.iter().filter(|one| one.active).map(|one| &one.feature);
        let rules = scorecard.card.knock_outs.iter().filter(|rule| rule.active);
        let populations = scorecard.parts().flat_map(|(conditions, _)| conditions);
        let conditions = rules.flat_map(|rule| &rule.conditions).chain(populations);
        let all = characteristics.chain(terms).chain(conditions.map(|one| &one.feature));
        all.filter(|feature| feature.measure().is_some()).map(Feature::source)
    })
}

impl Rows {
    fn put(&mut self, case_no: CaseNo, row: BookRow) {
        let (at, new) = self.case_nos.insert_full(case_no.0);
        if new {
            self.overdue_amounts_minor.push(row.overdue_amount_minor);
        } else {
            self.overdue_amounts_minor[at] = row.overdue_amount_minor;
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
        let Some((at, _)) = self.case_nos.swap_remove_full(&case_no.0) else { return };
        self.overdue_amounts_minor.swap_remove(at);
        for column in &mut self.columns {
            column.swap_remove(at);
        }
        for sums in &mut self.sums {
            sums.swap_remove(at, self.case_nos.len());
        }
    }

    fn bytes(&self) -> usize {
        // A set keeps each entry with its hash, and a table of their numbers.
        let case = size_of::<i64>() + 2 * size_of::<usize>();
        let columns: usize = self.columns.iter().map(Column::bytes).sum();
        let sums: usize = self.sums.iter().map(Sums::bytes).sum();
        self.case_nos.capacity() * case
            + self.overdue_amounts_minor.capacity() * size_of::<i64>()
            + columns
            + sums
    }
}
