//! What a rule set makes of the sums of a block of cases: scores, groups, priorities. Each
//! step is a loop so short that the compiler does several cases at a time.

use super::super::scorecard::Scorecard;
use super::column::Column;
use super::tally::{Block, GROUPS, SCORES, TOP, range};
use super::told::HISTOGRAM_BUCKETS;

/// Numbers up to the highest score, rounded up to a power of two.
const NUMBERS: usize = SCORES.next_power_of_two();

/// What one rule set makes of a sum.
pub(super) struct Ranking {
    /// What the sum of a case starts from.
    start: Start,
    /// By stage, of one only where they are the same for all: the lowest scores of the groups
    /// A and B.
    cutoffs: Vec<[u16; 2]>,
    /// What the sum of a priority starts from.
    priority_start: i32,
    /// What the score adds to the priority.
    gains: Vec<Gain>,
    /// What a priority starts from by score, where nothing else has a say in that.
    starts_by_score: Option<Box<[i32; NUMBERS]>>,
}

/// What a score adds to the priority.
pub(super) struct Gain {
    /// By score.
    pub points: Vec<i32>,
    /// By the number of the course of the first column: whether it counts; always, if
    /// there is nothing.
    pub counts: Option<Vec<bool>>,
}

/// The start of a sum that is held within 0 and the highest score, as what is added to and
/// then taken from it without leaving the range of 16 bits.
#[derive(Clone, Copy)]
struct Start {
    more: u16,
    less: u16,
}

impl Start {
    fn new(start: i32) -> Start {
        // What is beyond the range holds any sum at one end of it.
        let held = |number: i32| u16::try_from(number.max(0)).unwrap_or(u16::MAX);
        Start { more: held(start), less: held(start.saturating_neg()) }
    }

    fn plus(self, sum: u16) -> u16 {
        sum.saturating_add(self.more).saturating_sub(self.less).min(TOP)
    }
}

/// Of two packed sums that of the first or the second rule set.
fn half(sum: u32, at: usize) -> u16 {
    (sum >> (16 * at)) as u16
}

impl Gain {
    /// From what each score adds.
    pub fn new(points: impl Fn(i64) -> i32, counts: Option<Vec<bool>>) -> Gain {
        Gain { points: (0..=i64::from(TOP)).map(points).collect(), counts }
    }
}

impl Ranking {
    pub fn new(scorecard: &Scorecard, priority_start: i32, gains: Vec<Gain>) -> Ranking {
        let all = &scorecard.card.cutoffs;
        let stages = if all.iter().all(|one| *one == all[0]) { 1 } else { all.len() };
        let lowest = |cutoff: i32| cutoff.clamp(0, SCORES as i32) as u16;
        let starts_by_score = match gains.as_slice() {
            [Gain { points, counts: None }] => {
                let start = |at: usize| priority_start + points.get(at).copied().unwrap_or(0);
                Some(Box::new(std::array::from_fn(start)))
            }
            _ => None,
        };
        Ranking {
            start: Start::new(scorecard.start()),
            cutoffs: all[..stages].iter().map(|one| [one.a, one.b].map(lowest)).collect(),
            priority_start,
            gains,
            starts_by_score,
        }
    }

    /// Whether the stage of a case has a say.
    pub fn by_stage(&self) -> bool {
        self.cutoffs.len() > 1
    }

    /// The score of a sum, the first or the second of two.
    pub fn score(&self, sum: u32, at: usize) -> u16 {
        self.start.plus(half(sum, at))
    }

    /// The priority of a sum of a case with a score, the first or the second of two.
    pub fn priority(&self, (sum, at): (u32, usize), score: u16, due: usize) -> u16 {
        let counts = |gain: &&Gain| gain.counts.as_ref().is_none_or(|counts| counts[due]);
        let gains = self.gains.iter().filter(counts);
        let gains = gains.map(|gain| gain.points[usize::from(score)]);
        held(self.priority_start + gains.sum::<i32>(), half(sum, at))
    }

    /// The group of a score in a stage, counted from 0.
    pub fn group(&self, score: u16, stage: u8) -> usize {
        let cutoffs = self.cutoffs[usize::from(stage).min(self.cutoffs.len() - 1)];
        usize::from(group(score, cutoffs))
    }

    /// The scores of a block by the first or the second rule set.
    pub fn scores(&self, block: &Block<'_>, at: usize, scores: &mut [u16]) {
        for (score, sum) in scores.iter_mut().zip(&*block.sums[0]) {
            *score = self.score(*sum, at);
        }
        for (score, decided) in scores.iter_mut().zip(&block.decided[at]) {
            *score = decided.unwrap_or(*score);
        }
    }

    /// The cells of scores: the group times the ranges, plus the range.
    pub fn cells(&self, block: &Block<'_>, scores: &[u16], cells: &mut [u8]) {
        if let [cutoffs] = *self.cutoffs {
            for (cell, score) in cells.iter_mut().zip(scores) {
                *cell = cell_of(*score, cutoffs);
            }
        } else {
            for ((cell, score), stage) in cells.iter_mut().zip(scores).zip(&block.stages) {
                *cell = cell_of(*score, self.cutoffs[usize::from(*stage)]);
            }
        }
    }

    /// The priorities of a block of cases with these scores.
    pub fn priorities(
        &self,
        (block, at): (&Block<'_>, usize),
        scores: &[u16],
        due: &Column,
        priorities: &mut [u16],
    ) {
        let sums = block.sums[1].iter().zip(scores);
        let cases = priorities.iter_mut().zip(sums);
        if self.gains.is_empty() {
            let start = Start::new(self.priority_start);
            cases.for_each(|(priority, (sum, _))| *priority = start.plus(half(*sum, at)));
        } else if let Some(starts) = &self.starts_by_score {
            for (priority, (sum, score)) in cases {
                *priority = held(starts[usize::from(*score) % NUMBERS], half(*sum, at));
            }
        } else {
            for (place, (priority, (sum, score))) in cases.enumerate() {
                let due = due.at(block.which.row(place));
                *priority = self.priority((*sum, at), *score, due);
            }
        }
        for (priority, drawn) in priorities.iter_mut().zip(&block.drawn[at]) {
            *priority = *drawn;
        }
    }
}

fn held(start: i32, sum: u16) -> u16 {
    (start + i32::from(sum)).clamp(0, i32::from(TOP)) as u16
}

fn group(score: u16, [a, b]: [u16; 2]) -> u16 {
    u16::from(score < a) + u16::from(score < a.min(b))
}

fn cell_of(score: u16, cutoffs: [u16; 2]) -> u8 {
    (group(score, cutoffs) * HISTOGRAM_BUCKETS as u16 + range(score)) as u8
}

const _: () = assert!(GROUPS * HISTOGRAM_BUCKETS <= 256, "a cell fits a byte");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_holds_sums_as_wide_numbers_do() {
        for start in [-70_000, -65_536, -1_001, -1, 0, 1, 999, 1_000, 65_535, 70_000] {
            for sum in [0, 1, 999, 1_000, 1_001, 64_999, u16::MAX] {
                assert_eq!(Start::new(start).plus(sum), held(start, sum), "{start} {sum}");
            }
        }
    }

    #[test]
    fn groups_go_by_the_first_cutoff_that_is_reached() {
        for (a, b) in [(600, 400), (1_001, 0), (0, 0), (1_001, 1_001), (400, 400), (300, 400)] {
            for score in 0..=TOP {
                let by_steps = if score >= a {
                    0
                } else if score >= b {
                    1
                } else {
                    2
                };
                assert_eq!(group(score, [a, b]), by_steps, "{score} by {a} and {b}");
            }
        }
    }
}
