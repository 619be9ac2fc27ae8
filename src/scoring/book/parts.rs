//! Sums where a scorecard has populations: of several tables each case has one, found by
//! its columns. Every table starts from the lowest of them, so that no entry is negative.

use super::column::Column;
use super::sums::Addend;

/// What adds up to either of the two sums, by population.
pub(super) struct Parts(pub [Vec<PartSums>; 2]);

/// What one population adds; the last one of a scorecard has no conditions.
pub(super) struct PartSums {
    /// Of some columns, by the number of the course, whether a condition holds.
    pub conditions: Vec<(usize, Vec<bool>)>,
    /// What every case of it starts with.
    pub start: u32,
    pub addends: Vec<Addend>,
}

impl Parts {
    /// Which part of either scorecard a case belongs to.
    pub fn of(&self, columns: &[Column], row: usize) -> [usize; 2] {
        self.0.each_ref().map(|parts| part_of(parts, columns, row))
    }

    /// Adds to the cases of a block.
    pub fn add(&self, columns: &[Column], first: usize, sums: &mut [u32]) {
        for parts in &self.0 {
            let mut cases: Vec<Vec<usize>> = vec![Vec::new(); parts.len()];
            for at in 0..sums.len() {
                cases[part_of(parts, columns, first + at)].push(at);
            }
            for (part, cases) in parts.iter().zip(cases) {
                for at in &cases {
                    sums[*at] = sums[*at].wrapping_add(part.start);
                }
                for addend in &part.addends {
                    for at in &cases {
                        sums[*at] = sums[*at].wrapping_add(addend.of(columns, first + at));
                    }
                }
            }
        }
    }
}

fn part_of(parts: &[PartSums], columns: &[Column], row: usize) -> usize {
    let holds = |(column, holds): &(usize, Vec<bool>)| holds[columns[*column].at(row)];
    let found = parts.iter().position(|part| part.conditions.iter().all(holds));
    found.expect("the last one has no conditions")
}
