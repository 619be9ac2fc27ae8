//! Counting: from the sums of every case to what is told of all of them. A block of cases
//! goes through one short loop after the other, each simple enough to be fast.

use std::borrow::Cow;

use super::column::Column;
use super::furthest::Furthest;
use super::ranking::Ranking;
use super::told::{Count, GROUP_COUNTS, HISTOGRAM_BUCKETS, Migration, Simulated, add_migration};

/// Cases counted at a time: what belongs to them stays in the nearest cache.
pub(super) const BLOCK: usize = 2_048;
/// How many different scores and priorities there are.
pub(super) const SCORES: usize = 1_001;
/// The highest of them.
pub(super) const TOP: u16 = SCORES as u16 - 1;
/// The stage of a case that is left out, and that of one that is not due.
pub(super) const LEFT_OUT: u8 = 5;
pub(super) const NOT_DUE: u8 = 6;
/// How many groups there are.
pub(super) const GROUPS: usize = 3;
/// Cells of one rule set: groups of ranges, rounded up to a power of two.
const CELLS: usize = (GROUPS * HISTOGRAM_BUCKETS).next_power_of_two();
/// Ranges of a priority, rounded up to a power of two.
const RANGES: usize = HISTOGRAM_BUCKETS.next_power_of_two();
/// Counts kept side by side, so that equal neighbours do not wait for each other.
const LANES: usize = 2;

/// The range of a score or a priority in a histogram; the highest one holds the highest
/// number as well.
pub(super) fn range(number: u16) -> u16 {
    const WIDTH: u16 = TOP / HISTOGRAM_BUCKETS as u16;
    (number / WIDTH).min(HISTOGRAM_BUCKETS as u16 - 1)
}

/// The group of a cell, counted from 0.
pub(super) fn groups(cell: u8) -> u8 {
    const RANGES: u8 = HISTOGRAM_BUCKETS as u8;
    u8::from(cell >= RANGES) + u8::from(cell >= 2 * RANGES)
}

/// How far a case moves by going so many groups on.
pub(super) fn far_by_groups(groups: u8) -> u32 {
    GROUP_COUNTS.unsigned_abs() * u32::from(groups)
}

/// A block of cases that are counted.
pub(super) struct Block<'a> {
    pub which: Which,
    /// The sums of both scores, packed, and those of both priorities.
    pub sums: [Cow<'a, [u32]>; 2],
    /// The stages, from 0 on; empty where they do not matter.
    pub stages: Vec<u8>,
    pub overdue_amounts_minor: Cow<'a, [i64]>,
    /// By slicing asked for: the slice of each case.
    pub slices: Vec<Vec<u8>>,
    /// By rule set: the score that a knock-out rule sets; empty where there are no rules.
    pub decided: [Vec<Option<u16>>; 2],
    /// By rule set: the priority that is drawn by lot; empty where none is.
    pub drawn: [Vec<u16>; 2],
}

/// Which cases a block is of.
pub(super) enum Which {
    /// All from this one on.
    From(usize),
    /// These.
    These(Vec<usize>),
}

impl Which {
    pub fn row(&self, at: usize) -> usize {
        match self {
            Which::From(first) => first + at,
            Which::These(rows) => rows[at],
        }
    }
}

/// What is known of the cases of a block by both rule sets.
struct Ranked {
    scores: [[u16; BLOCK]; 2],
    cells: [[u8; BLOCK]; 2],
    priorities: [[u16; BLOCK]; 2],
    /// What both say, as one number.
    pairs: [u16; BLOCK],
}

/// How often each number occurs.
struct Counts<const N: usize>(Box<[[u32; N]; LANES]>);

impl<const N: usize> Counts<N> {
    fn new() -> Counts<N> {
        Counts(Box::new([[0; N]; LANES]))
    }

    fn add(&mut self, numbers: &[u16]) {
        let (beside, rest) = numbers.as_chunks::<LANES>();
        for numbers in beside {
            for (lane, number) in self.0.iter_mut().zip(numbers) {
                lane[usize::from(*number) % N] += 1;
            }
        }
        for number in rest {
            self.0[0][usize::from(*number) % N] += 1;
        }
    }

    fn and(&mut self, other: &Counts<N>) {
        let counts = self.0.as_flattened_mut().iter_mut().zip(other.0.as_flattened());
        counts.for_each(|(to, from)| *to += from);
    }

    /// Every number with its count.
    fn all(&self) -> impl Iterator<Item = (usize, u64)> {
        (0..N).map(|at| (at, self.0.iter().map(|lane| u64::from(lane[at])).sum()))
    }
}

/// By the cells of both rule sets: cases, and what they have overdue.
struct Cells {
    lanes: Box<[[Cell; CELLS * CELLS]; LANES]>,
    /// By the groups of both: what was overdue and no longer stands in the lanes.
    overdue_amounts_minor: [[i128; GROUPS]; GROUPS],
    /// How much the lanes have room for, whatever the signs.
    room: u64,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    cases: u64,
    overdue_amount_minor: i64,
}

impl Cells {
    fn new() -> Cells {
        Cells {
            lanes: Box::new([[Cell::default(); CELLS * CELLS]; LANES]),
            overdue_amounts_minor: [[0; GROUPS]; GROUPS],
            room: i64::MAX.unsigned_abs(),
        }
    }

    fn add(&mut self, cells: &[u16], amounts: &[i64]) {
        // All bits of all amounts together are at least the greatest of them.
        let greatest = amounts.iter().fold(0, |bits, amount| bits | amount.unsigned_abs());
        let most = greatest.saturating_mul(cells.len() as u64);
        if most > self.room {
            self.make_room();
        }
        self.room = self.room.saturating_sub(most);
        let (beside, rest) = cells.as_chunks::<LANES>();
        let (amounts_beside, amounts_of_rest) = amounts.as_chunks::<LANES>();
        for (cells, amounts) in beside.iter().zip(amounts_beside) {
            for ((lane, cell), amount) in self.lanes.iter_mut().zip(cells).zip(amounts) {
                lane[usize::from(*cell) % (CELLS * CELLS)].add(*amount);
            }
        }
        for (cell, amount) in rest.iter().zip(amounts_of_rest) {
            self.lanes[0][usize::from(*cell) % (CELLS * CELLS)].add(*amount);
        }
    }

    fn make_room(&mut self) {
        for lane in self.lanes.iter_mut() {
            for (at, cell) in lane.iter_mut().enumerate().filter(|(_, cell)| cell.cases > 0) {
                let [before, after] = both(at).map(|cell| cell / HISTOGRAM_BUCKETS);
                let amount = std::mem::take(&mut cell.overdue_amount_minor);
                self.overdue_amounts_minor[before][after] += i128::from(amount);
            }
        }
        self.room = i64::MAX.unsigned_abs();
    }

    fn and(&mut self, mut other: Cells) {
        self.make_room();
        other.make_room();
        let cells = self.lanes.as_flattened_mut().iter_mut().zip(other.lanes.as_flattened());
        cells.for_each(|(to, from)| to.cases += from.cases);
        let to = self.overdue_amounts_minor.as_flattened_mut().iter_mut();
        let amounts = to.zip(other.overdue_amounts_minor.as_flattened());
        amounts.for_each(|(to, from)| *to += from);
    }

    /// Every pair of cells with its cases.
    fn all(&self) -> impl Iterator<Item = ([usize; 2], u64)> {
        let cases = |at: usize| self.lanes.iter().map(|lane| lane[at].cases).sum();
        (0..CELLS * CELLS).map(move |at| (both(at), cases(at)))
    }
}

impl Cell {
    fn add(&mut self, amount: i64) {
        self.cases += 1;
        self.overdue_amount_minor += amount;
    }
}

/// The two cells of a pair.
fn both(pair: usize) -> [usize; 2] {
    [pair / CELLS, pair % CELLS]
}

/// What has been counted.
pub(super) struct Tally {
    cells: Cells,
    /// By the ranges of both priorities.
    priorities: Counts<{ RANGES * RANGES }>,
    scores: Counts<{ SCORES.next_power_of_two() }>,
    slices: Vec<Vec<Migration>>,
    score_changed: u64,
    priority_changed: u64,
    pre_due: u64,
    furthest: Furthest,
    ranked: Box<Ranked>,
}

impl Tally {
    /// Nothing yet; so many slices of each slicing.
    pub fn new(slices: &[usize], movers: usize) -> Tally {
        let empty = [[Count::default(); GROUPS]; GROUPS];
        Tally {
            cells: Cells::new(),
            priorities: Counts::new(),
            scores: Counts::new(),
            slices: slices.iter().map(|count| vec![empty; *count]).collect(),
            score_changed: 0,
            priority_changed: 0,
            pre_due: 0,
            furthest: Furthest::new(movers),
            ranked: Box::new(Ranked {
                scores: [[0; BLOCK]; 2],
                cells: [[0; BLOCK]; 2],
                priorities: [[0; BLOCK]; 2],
                pairs: [0; BLOCK],
            }),
        }
    }

    /// Counts cases that are not due.
    pub fn add_pre_due(&mut self, cases: u64) {
        self.pre_due += cases;
    }

    /// Counts the cases of a block.
    pub fn count(&mut self, block: &Block<'_>, rankings: &[Ranking; 2], due: &Column) {
        let count = block.sums[0].len();
        let Ranked { scores, cells, priorities, .. } = &mut *self.ranked;
        for (at, ranking) in rankings.iter().enumerate() {
            let scores = &mut scores[at][..count];
            ranking.scores(block, at, scores);
            ranking.cells(block, scores, &mut cells[at][..count]);
            ranking.priorities((block, at), scores, due, &mut priorities[at][..count]);
        }
        self.count_ranked(block, count);
        self.slice(block);
    }

    fn count_ranked(&mut self, block: &Block<'_>, count: usize) {
        let Ranked { scores, cells, priorities, pairs } = &mut *self.ranked;
        let [scores, priorities] =
            [scores, priorities].map(|both| both.each_ref().map(|one| &one[..count]));
        let cells = cells.each_ref().map(|one| &one[..count]);
        let pairs = &mut pairs[..count];
        self.score_changed += changed(scores);
        self.priority_changed += changed(priorities);
        self.scores.add(scores[1]);
        for (pair, (before, after)) in pairs.iter_mut().zip(cells[0].iter().zip(cells[1])) {
            *pair = u16::from(*before) * CELLS as u16 + u16::from(*after);
        }
        self.cells.add(pairs, &block.overdue_amounts_minor);
        let both = priorities[0].iter().zip(priorities[1]);
        for (pair, (before, after)) in pairs.iter_mut().zip(both) {
            *pair = range(*before) * RANGES as u16 + range(*after);
        }
        self.priorities.add(pairs);
        self.furthest.look(&block.which, scores, cells);
    }

    fn slice(&mut self, block: &Block<'_>) {
        let Ranked { cells: [before, after], .. } = &*self.ranked;
        for (slices, slots) in self.slices.iter_mut().zip(&block.slices) {
            let cases = slots.iter().zip(before).zip(after).zip(&*block.overdue_amounts_minor);
            for (((slot, before), after), amount) in cases {
                let [before, after] = [*before, *after].map(|cell| usize::from(groups(cell)));
                let count = &mut slices[usize::from(*slot)][before][after];
                count.cases += 1;
                count.overdue_amount_minor += i128::from(*amount);
            }
        }
    }

    /// Both together.
    pub fn and(mut self, other: Tally) -> Tally {
        self.cells.and(other.cells);
        self.priorities.and(&other.priorities);
        self.scores.and(&other.scores);
        for (to, from) in self.slices.iter_mut().flatten().zip(other.slices.iter().flatten()) {
            add_migration(to, from);
        }
        self.score_changed += other.score_changed;
        self.priority_changed += other.priority_changed;
        self.pre_due += other.pre_due;
        self.furthest.and(other.furthest);
        self
    }

    /// The cases that move most, the one that moves most first.
    pub fn movers(&mut self) -> Vec<usize> {
        self.furthest.take()
    }

    /// By slicing and slice: the cases by group under either rule set.
    pub fn slices(&self) -> &[Vec<Migration>] {
        &self.slices
    }

    /// Adds what was counted to what is told.
    pub fn tell(mut self, told: &mut Simulated) {
        for (cells, count) in self.cells.all().filter(|(_, count)| *count > 0) {
            for (histogram, cell) in told.score_histograms.iter_mut().zip(cells) {
                histogram[cell % HISTOGRAM_BUCKETS] += count;
            }
            let [before, after] = cells.map(|cell| cell / HISTOGRAM_BUCKETS);
            told.migration[before][after].cases += count;
        }
        self.cells.make_room();
        let amounts = self.cells.overdue_amounts_minor.as_flattened();
        let to = told.migration.as_flattened_mut().iter_mut();
        to.zip(amounts).for_each(|(to, amount)| to.overdue_amount_minor += amount);
        for (at, count) in self.priorities.all().filter(|(_, count)| *count > 0) {
            told.priority_histograms[0][at / RANGES] += count;
            told.priority_histograms[1][at % RANGES] += count;
        }
        told.scores.iter_mut().zip(self.scores.all()).for_each(|(to, (_, from))| *to += from);
        told.score_changed += self.score_changed;
        told.priority_changed += self.priority_changed;
        told.pre_due += self.pre_due;
    }
}

/// How many numbers differ.
fn changed([before, after]: [&[u16]; 2]) -> u64 {
    // There are at most as many as a block has cases, which 16 bits hold.
    let differ = before.iter().zip(after).map(|(before, after)| u16::from(before != after));
    u64::from(differ.sum::<u16>())
}
