//! Which cases move most.

use super::tally::{Which, far_by_groups, groups};

/// The cases that move most so far.
pub(super) struct Furthest {
    most: usize,
    /// How far, and which; not in order until it is cut.
    found: Vec<(u32, usize)>,
    /// A case must move further than this to be among them.
    above: u32,
}

impl Furthest {
    /// None yet, of at most so many.
    pub fn new(most: usize) -> Furthest {
        Furthest { most, found: Vec::new(), above: if most == 0 { u32::MAX } else { 0 } }
    }

    /// Looks which cases of a block are among those that move most, by their scores and
    /// cells under either rule set.
    pub fn look(
        &mut self,
        which: &Which,
        [before, after]: [&[u16]; 2],
        [cells_before, cells_after]: [&[u8]; 2],
    ) {
        let far = |(before, after): (&u16, &u16)| before.abs_diff(*after);
        let furthest = before.iter().zip(after).map(far).max().unwrap_or(0);
        let groups_between = |(before, after): (&u8, &u8)| groups(*before).abs_diff(groups(*after));
        let cells = cells_before.iter().zip(cells_after);
        let by_groups = cells.clone().map(groups_between).max().unwrap_or(0);
        if u32::from(furthest) + far_by_groups(by_groups) <= self.above {
            return;
        }
        for (at, (scores, cells)) in before.iter().zip(after).zip(cells).enumerate() {
            let far = u32::from(far(scores)) + far_by_groups(groups_between(cells));
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

    /// Takes in what was found elsewhere.
    pub fn and(&mut self, other: Furthest) {
        self.found.extend(other.found);
        self.cut();
    }

    /// The cases, the one that moves most first.
    pub fn take(&mut self) -> Vec<usize> {
        self.cut();
        std::mem::take(&mut self.found).into_iter().map(|(_, row)| row).collect()
    }
}
