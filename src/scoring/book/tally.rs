//! Counting: from the sums of every case to what is told of all of them. A block of cases
//! goes through one short loop after the other, each simple enough to be fast.

use std::borrow::Cow;

use crate::model::{RecoveryGroup, Stage};

use super::super::scorecard::Scorecard;
use super::column::Column;
use super::told::{Count, GROUP_COUNTS, HISTOGRAM_BUCKETS, Migration, Simulated, add_migration};

/// Cases counted at a time: what belongs to them stays in the nearest cache.
pub(super) const BLOCK: usize = 2_048;
/// How many different scores and priorities there are.
pub(super) const SCORES: usize = 1_001;
/// The highest of them.
const TOP: usize = SCORES - 1;
/// Numbers up to the highest, rounded up to a power of two.
const NUMBERS: usize = 1_024;
/// The stage of a case that is left out, and that of one that is not due.
pub(super) const LEFT_OUT: u8 = 5;
pub(super) const NOT_DUE: u8 = 6;
/// Cells of one rule set: 3 groups of 20 ranges, rounded up to a power of two.
const CELLS: usize = 64;
/// Counts kept side by side, so that equal neighbours do not wait for each other.
const LANES: usize = 2;

/// Ranges of a priority, rounded up to a power of two.
const RANGES: usize = 32;
/// Pairs of groups, rounded up to a power of two.
const PAIRS: usize = 16;

/// Something by score or priority.
type ByNumber<T> = [T; NUMBERS];

/// The range of each priority.
static BUCKETS: ByNumber<u8> = {
    let mut buckets = [0; NUMBERS];
    let mut number = 0;
    while number <= TOP {
        buckets[number] = bucket(number) as u8;
        number += 1;
    }
    buckets
};

/// The group of each cell.
static GROUPS: [u8; CELLS] = {
    let mut groups = [0; CELLS];
    let mut cell = 0;
    while cell < CELLS {
        groups[cell] = (cell / HISTOGRAM_BUCKETS) as u8;
        cell += 1;
    }
    groups
};

/// What one rule set makes of a sum.
pub(super) struct Ranking {
    /// What the sum of a case starts from.
    start: i32,
    /// By stage, of one only where cutoffs are the same for all, and score: the group
    /// times the ranges, plus the range.
    cells: Vec<ByNumber<u8>>,
    /// What the sum of a priority starts from.
    priority_start: i32,
    /// What the score adds to the priority.
    gains: Vec<Gain>,
}

/// What a score adds to the priority.
pub(super) struct Gain {
    /// By score.
    pub points: Box<ByNumber<i32>>,
    /// By the number of the course of the first column: whether it counts; always, if
    /// there is nothing.
    pub counts: Option<Vec<bool>>,
}

impl Gain {
    /// From what each score adds.
    pub fn new(points: impl Fn(i64) -> i32, counts: Option<Vec<bool>>) -> Gain {
        Gain { points: Box::new(by_number(|score| points(score as i64))), counts }
    }
}

fn by_number<T: Default + Copy>(of: impl Fn(usize) -> T) -> ByNumber<T> {
    std::array::from_fn(|number| if number <= TOP { of(number) } else { T::default() })
}

impl Ranking {
    pub fn new(scorecard: &Scorecard, priority_start: i32, gains: Vec<Gain>) -> Ranking {
        let cells = |stage: &Stage| {
            by_number(|score| {
                let group = scorecard.group(score as i32, *stage);
                (group_at(group) * HISTOGRAM_BUCKETS + bucket(score)) as u8
            })
        };
        let cutoffs = &scorecard.card.cutoffs;
        let stages = if cutoffs.iter().all(|at| *at == cutoffs[0]) { 1 } else { cutoffs.len() };
        Ranking {
            start: scorecard.start(),
            cells: Stage::ALL[..stages].iter().map(cells).collect(),
            priority_start,
            gains,
        }
    }

    /// Whether the stage of a case has a say.
    pub fn by_stage(&self) -> bool {
        self.cells.len() > 1
    }

    /// The score of a sum.
    pub fn score(&self, sum: u32) -> u16 {
        (self.start + (sum & 0xFFFF) as i32).clamp(0, TOP as i32) as u16
    }

    /// The priority of a sum of a case with a score.
    pub fn priority(&self, sum: u32, score: u16, due: usize) -> u16 {
        let counts = |gain: &&Gain| gain.counts.as_ref().is_none_or(|counts| counts[due]);
        let gains = self.gains.iter().filter(counts);
        let gains = gains.map(|gain| gain.points[usize::from(score) % NUMBERS]);
        let sum = self.priority_start + (sum & 0xFFFF) as i32 + gains.sum::<i32>();
        sum.clamp(0, TOP as i32) as u16
    }

    /// The group of a score in a stage, counted from 0.
    pub fn group(&self, score: u16, stage: u8) -> usize {
        let cells = &self.cells[usize::from(stage).min(self.cells.len() - 1)];
        usize::from(cells[usize::from(score) % NUMBERS]) / HISTOGRAM_BUCKETS
    }
}

fn group_at(group: RecoveryGroup) -> usize {
    group as usize - 1
}

const fn bucket(number: usize) -> usize {
    let range = number * HISTOGRAM_BUCKETS / TOP;
    if range < HISTOGRAM_BUCKETS { range } else { HISTOGRAM_BUCKETS - 1 }
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
    fn row(&self, at: usize) -> usize {
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
}

/// What has been counted.
pub(super) struct Tally {
    /// By the cells of both rule sets.
    cells: Box<[[u32; CELLS * CELLS]; LANES]>,
    /// By the ranges of both priorities.
    priorities: Box<[u64; RANGES * RANGES]>,
    scores: Box<ByNumber<u64>>,
    /// What is overdue, by the groups of both.
    overdue_amounts_minor: [i128; PAIRS],
    slices: Vec<Vec<Migration>>,
    score_changed: u64,
    priority_changed: u64,
    pre_due: u64,
    movers: Movers,
    ranked: Box<Ranked>,
}

/// The cases that move most so far.
struct Movers {
    most: usize,
    /// How far, and which; not in order until it is cut.
    found: Vec<(u32, usize)>,
    /// A case must move further than this to be among them.
    above: u32,
}

impl Tally {
    /// Nothing yet; so many slices of each slicing.
    pub fn new(slices: &[usize], movers: usize) -> Tally {
        let empty = [[Count::default(); 3]; 3];
        Tally {
            cells: Box::new([[0; CELLS * CELLS]; LANES]),
            priorities: Box::new([0; RANGES * RANGES]),
            scores: Box::new([0; NUMBERS]),
            overdue_amounts_minor: [0; PAIRS],
            slices: slices.iter().map(|count| vec![empty; *count]).collect(),
            score_changed: 0,
            priority_changed: 0,
            pre_due: 0,
            movers: Movers {
                most: movers,
                found: Vec::new(),
                above: if movers == 0 { u32::MAX } else { 0 },
            },
            ranked: Box::new(Ranked {
                scores: [[0; BLOCK]; 2],
                cells: [[0; BLOCK]; 2],
                priorities: [[0; BLOCK]; 2],
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
        for (at, ranking) in rankings.iter().enumerate() {
            let scores = &mut self.ranked.scores[at][..count];
            for (score, sum) in scores.iter_mut().zip(&*block.sums[0]) {
                *score = ranking.score(sum >> (16 * at));
            }
            for (score, decided) in scores.iter_mut().zip(&block.decided[at]) {
                *score = decided.unwrap_or(*score);
            }
            let cells = self.ranked.cells[at][..count].iter_mut().zip(&*scores);
            if let [table] = ranking.cells.as_slice() {
                for (cell, score) in cells {
                    *cell = table[usize::from(*score) % NUMBERS];
                }
            } else {
                for ((cell, score), stage) in cells.zip(&block.stages) {
                    *cell = ranking.cells[usize::from(*stage)][usize::from(*score) % NUMBERS];
                }
            }
            let priorities = self.ranked.priorities[at][..count].iter_mut();
            let sums = block.sums[1].iter().zip(&*scores);
            let held = |sum: i32| sum.clamp(0, TOP as i32) as u16;
            let above = |sum: &u32| ((sum >> (16 * at)) & 0xFFFF) as i32;
            match ranking.gains.as_slice() {
                [] => {
                    for (priority, (sum, _)) in priorities.zip(sums) {
                        *priority = held(ranking.priority_start + above(sum));
                    }
                }
                [Gain { points, counts: None }] => {
                    for (priority, (sum, score)) in priorities.zip(sums) {
                        let gain = points[usize::from(*score) % NUMBERS];
                        *priority = held(ranking.priority_start + above(sum) + gain);
                    }
                }
                _ => {
                    for (place, (priority, (sum, score))) in priorities.zip(sums).enumerate() {
                        let due = due.at(block.which.row(place));
                        *priority = ranking.priority(sum >> (16 * at), *score, due);
                    }
                }
            }
            let priorities = self.ranked.priorities[at].iter_mut();
            priorities.zip(&block.drawn[at]).for_each(|(priority, drawn)| *priority = *drawn);
        }
        self.count_ranked(block, count);
        self.slice(block);
    }

    fn count_ranked(&mut self, block: &Block<'_>, count: usize) {
        let Ranked { scores, cells, priorities } = &*self.ranked;
        let [scores, priorities] = [scores, priorities].map(|both| {
            let [before, after] = both.each_ref().map(|one| &one[..count]);
            (before, after)
        });
        let cells = cells.each_ref().map(|one| &one[..count]);
        self.score_changed += changed(scores);
        self.priority_changed += changed(priorities);
        for score in scores.1 {
            self.scores[usize::from(*score) % NUMBERS] += 1;
        }
        for (lane, (before, after)) in (0..LANES).cycle().zip(cells[0].iter().zip(cells[1])) {
            let cell = usize::from(*before) * CELLS + usize::from(*after);
            self.cells[lane][cell % (CELLS * CELLS)] += 1;
        }
        for (before, after) in priorities.0.iter().zip(priorities.1) {
            let range = |priority: &u16| BUCKETS[usize::from(*priority) % NUMBERS];
            self.priorities[usize::from(range(before)) * RANGES + usize::from(range(after))] += 1;
        }
        // What a block has overdue fits 64 bits: 2,048 times 10^15.
        let mut amounts = [[0_i64; PAIRS]; LANES];
        let mut seen = 0_u32;
        let pairs = cells[0].iter().zip(cells[1]).zip(&*block.overdue_amounts_minor);
        for (lane, ((before, after), amount)) in (0..LANES).cycle().zip(pairs) {
            let pair = pair(*before, *after);
            amounts[lane][pair] += amount;
            seen |= 1 << pair;
        }
        for (at, sum) in self.overdue_amounts_minor.iter_mut().enumerate() {
            *sum += amounts.iter().map(|lane| i128::from(lane[at])).sum::<i128>();
        }
        let by_groups = (0..PAIRS).filter(|pair| seen & (1 << pair) != 0).map(far_by_groups);
        self.movers.look(&block.which, scores, (cells, by_groups.max().unwrap_or(0)));
    }

    fn slice(&mut self, block: &Block<'_>) {
        let Ranked { cells: [before, after], .. } = &*self.ranked;
        for (slices, slots) in self.slices.iter_mut().zip(&block.slices) {
            let cases = slots.iter().zip(before).zip(after).zip(&*block.overdue_amounts_minor);
            for (((slot, before), after), amount) in cases {
                let pair = pair(*before, *after);
                let count = &mut slices[usize::from(*slot)][pair / 4][pair % 4];
                count.cases += 1;
                count.overdue_amount_minor += i128::from(*amount);
            }
        }
    }

    /// Both together.
    pub fn and(mut self, other: Tally) -> Tally {
        let cells = self.cells.as_flattened_mut().iter_mut().zip(other.cells.as_flattened());
        cells.for_each(|(to, from)| *to += from);
        self.priorities.iter_mut().zip(other.priorities.iter()).for_each(|(to, from)| *to += from);
        self.scores.iter_mut().zip(other.scores.iter()).for_each(|(to, from)| *to += from);
        let amounts = self.overdue_amounts_minor.iter_mut().zip(&other.overdue_amounts_minor);
        amounts.for_each(|(to, from)| *to += from);
        for (to, from) in self.slices.iter_mut().flatten().zip(other.slices.iter().flatten()) {
            add_migration(to, from);
        }
        self.score_changed += other.score_changed;
        self.priority_changed += other.priority_changed;
        self.pre_due += other.pre_due;
        self.movers.found.extend(other.movers.found);
        self.movers.cut();
        self
    }

    /// The cases that move most, the one that moves most first.
    pub fn movers(&mut self) -> Vec<usize> {
        self.movers.cut();
        std::mem::take(&mut self.movers.found).into_iter().map(|(_, row)| row).collect()
    }

    /// By slicing and slice: the cases by group under either rule set.
    pub fn slices(&self) -> &[Vec<Migration>] {
        &self.slices
    }

    /// Adds what was counted to what is told.
    pub fn tell(self, told: &mut Simulated) {
        for at in 0..CELLS * CELLS {
            let count: u64 = self.cells.iter().map(|lane| u64::from(lane[at])).sum();
            if count == 0 {
                continue;
            }
            let cells = [at / CELLS, at % CELLS];
            for (histogram, cell) in told.score_histograms.iter_mut().zip(cells) {
                histogram[cell % HISTOGRAM_BUCKETS] += count;
            }
            let [before, after] = cells.map(|cell| cell / HISTOGRAM_BUCKETS);
            told.migration[before][after].cases += count;
        }
        for (before, told) in told.migration.iter_mut().enumerate() {
            for (after, told) in told.iter_mut().enumerate() {
                told.overdue_amount_minor += self.overdue_amounts_minor[before * 4 + after];
            }
        }
        for (at, count) in self.priorities.iter().enumerate().filter(|(_, count)| **count > 0) {
            told.priority_histograms[0][at / RANGES] += count;
            told.priority_histograms[1][at % RANGES] += count;
        }
        told.scores.iter_mut().zip(self.scores.iter()).for_each(|(to, from)| *to += from);
        told.score_changed += self.score_changed;
        told.priority_changed += self.priority_changed;
        told.pre_due += self.pre_due;
    }
}

/// How many numbers differ.
fn changed((before, after): (&[u16], &[u16])) -> u64 {
    before.iter().zip(after).map(|(before, after)| u64::from(before != after)).sum()
}

/// The groups of two cells, as one number.
fn pair(before: u8, after: u8) -> usize {
    let group = |cell: u8| usize::from(GROUPS[usize::from(cell) % CELLS]);
    (group(before) * 4 + group(after)) % PAIRS
}

/// How far a case moves by going from one group of a pair to the other.
fn far_by_groups(pair: usize) -> u32 {
    GROUP_COUNTS.unsigned_abs() * (pair / 4).abs_diff(pair % 4) as u32
}

impl Movers {
    /// Looks which cases of a block are among those that move most. `by_groups`: how far any
    /// of them moves by changing its group.
    fn look(
        &mut self,
        which: &Which,
        (before, after): (&[u16], &[u16]),
        ([cells_before, cells_after], by_groups): ([&[u8]; 2], u32),
    ) {
        let far = |(before, after): (&u16, &u16)| u32::from(before.abs_diff(*after));
        let furthest = before.iter().zip(after).map(far).max().unwrap_or(0);
        if furthest + by_groups <= self.above {
            return;
        }
        let cells = cells_before.iter().zip(cells_after);
        for (at, (scores, cells)) in before.iter().zip(after).zip(cells).enumerate() {
            let far = far(scores) + far_by_groups(pair(*cells.0, *cells.1));
            if far > self.above {
                self.add(far, which.row(at));
            }
        }
    }

    fn add(&mut self, further: u32, row: usize) {
        self.found.push((further, row));
        if self.found.len() >= 64 + 4 * self.most {
            self.cut();
        }
    }

    /// Keeps those that move most; of equal ones those that stand first.
    fn cut(&mut self) {
        self.found.sort_unstable_by_key(|(further, row)| (std::cmp::Reverse(*further), *row));
        self.found.truncate(self.most);
        if self.found.len() == self.most {
            self.above = self.found.last().map_or(u32::MAX, |last| last.0);
        }
    }
}
