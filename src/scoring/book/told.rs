//! What is told of a simulation.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use crate::model::{CaseNo, DebtorKind, Rank};

/// How many points a change of group counts for among cases that move: more than there are.
pub(super) const GROUP_COUNTS: i32 = 1_001;

/// How many equal ranges of scores or priorities a histogram has.
pub const HISTOGRAM_BUCKETS: usize = 20;

/// So many cases and what is overdue of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many cases.
    pub cases: u64,
    /// What is overdue, in smallest units of the portfolio's currency.
    pub overdue_amount_minor: i128,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Count) {
        *self = *self + other;
    }
}

impl Add for Count {
    type Output = Count;

    fn add(self, other: Count) -> Count {
        Count {
            cases: self.cases + other.cases,
            overdue_amount_minor: self.overdue_amount_minor + other.overdue_amount_minor,
        }
    }
}

/// From group to group: by the first rule set, then by the second.
pub(super) type Migration = [[Count; 3]; 3];

/// Adds the cases of every pair of groups.
pub(super) fn add_migration(to: &mut Migration, from: &Migration) {
    let counts = to.as_flattened_mut().iter_mut().zip(from.as_flattened());
    counts.for_each(|(to, from)| *to += *from);
}

impl Sum for Count {
    fn sum<I: Iterator<Item = Count>>(counts: I) -> Count {
        counts.fold(Count::default(), Add::add)
    }
}

/// What two rule sets make of the open cases of a book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulated {
    /// By group under the first rule set, then under the second.
    pub migration: [[Count; 3]; 3],
    /// By rule set and range of scores, 0 to 49 first, 950 to 1,000 last.
    pub score_histograms: [[u64; HISTOGRAM_BUCKETS]; 2],
    /// By rule set and range of priorities, in the same ranges.
    pub priority_histograms: [[u64; HISTOGRAM_BUCKETS]; 2],
    /// How many cases have each score, 0 to 1,000, under the second rule set.
    pub scores: Vec<u64>,
    /// How many cases have another score under the second rule set.
    pub score_changed: u64,
    /// How many have another priority.
    pub priority_changed: u64,
    /// How many are not due on the day, and counted nowhere else.
    pub pre_due: u64,
    /// The cases asked for by slice, in the order asked for.
    pub slices: Vec<Vec<Slice>>,
    /// Those that move most, the one that moves most first.
    pub movers: Vec<Mover>,
}

impl Simulated {
    /// The cases of each group under one of the two rule sets.
    pub fn groups(&self, rule_set: usize) -> [Count; 3] {
        std::array::from_fn(|group| match rule_set {
            0 => self.migration[group].into_iter().sum(),
            _ => self.migration.iter().map(|to| to[group]).sum(),
        })
    }

    /// Adds what was told of other cases, asked for in the same way; not their movers.
    pub fn add(&mut self, other: Simulated) {
        add_migration(&mut self.migration, &other.migration);
        for (to, from) in [
            (self.score_histograms.as_flattened_mut(), other.score_histograms.as_flattened()),
            (self.priority_histograms.as_flattened_mut(), other.priority_histograms.as_flattened()),
        ] {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
        self.scores.resize(self.scores.len().max(other.scores.len()), 0);
        self.scores.iter_mut().zip(&other.scores).for_each(|(to, from)| *to += from);
        self.score_changed += other.score_changed;
        self.priority_changed += other.priority_changed;
        self.pre_due += other.pre_due;
        self.slices.resize(self.slices.len().max(other.slices.len()), Vec::new());
        for (to, from) in self.slices.iter_mut().zip(other.slices) {
            for slice in from {
                add_slice(to, &slice.label, &slice.migration);
            }
        }
    }

    /// All cases counted.
    pub fn total(&self) -> Count {
        self.migration.iter().flatten().copied().sum()
    }
}

/// The cases that are alike in something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// What they are alike in: the name of a stage or of a population, or the label of a bin.
    pub label: String,
    /// By group under the first rule set, then under the second.
    pub migration: [[Count; 3]; 3],
}

/// Adds to the slice of a label; those without cases are not told.
pub(super) fn add_slice(slices: &mut Vec<Slice>, label: &str, migration: &Migration) {
    if migration.iter().flatten().all(|count| count.cases == 0) {
        return;
    }
    match slices.iter_mut().find(|slice| slice.label == label) {
        Some(slice) => add_migration(&mut slice.migration, migration),
        None => slices.push(Slice { label: label.to_owned(), migration: *migration }),
    }
}

/// A case that moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mover {
    /// The case.
    pub case_no: CaseNo,
    /// Whose scorecard ranks it.
    pub debtor_kind: DebtorKind,
    /// Its rank under either rule set, as of the day; no event is named.
    pub ranks: [Rank; 2],
    /// What is overdue.
    pub overdue_amount_minor: i64,
    /// What moved it, that which moved it most first. They add up to what the score
    /// moves by.
    pub lines: Vec<MoverLine>,
}

impl Mover {
    /// How far it moves: by how many points, each group counting for more than any number
    /// of points.
    pub fn how_far(&self) -> i32 {
        let [one, two] = self.ranks.map(|rank| (rank.group as i32, rank.score));
        GROUP_COUNTS * (one.0 - two.0).abs() + (one.1 - two.1).abs()
    }
}

/// What a characteristic contributes under either rule set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoverLine {
    /// The characteristic; `base_points`, `clamp` and `knock_out` as well.
    pub characteristic: String,
    /// What it contributes; 0 where a scorecard has none of the name.
    pub contributions: [i32; 2],
}
