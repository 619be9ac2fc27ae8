//! The kernel: from bin codes to scores, for one case or for columns of many.
//!
//! A table entry is what a bin contributes above the worst bin of its
//! characteristic, so that it is never negative and fits 16 bits; the worst bins
//! are part of the start. Two scorecards then share one 32-bit entry, and a
//! batch ranks by both in one pass over the codes.

use super::Codes;
use super::compile::Compiled;

/// One entry per code.
pub(super) type Table<T> = [T; 256];

/// The tables of a scorecard.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    start: i32,
    tables: Vec<Table<u16>>,
}

impl Kernel {
    /// The tables of a card. What is off adds nothing, whatever its code.
    pub fn new(card: &Compiled) -> Kernel {
        let mut start = card.base_points;
        let tables = card.characteristics.iter().map(|characteristic| {
            let mut table = [0; 256];
            if characteristic.active {
                start += characteristic.worst_contribution;
                for (slot, bin) in table.iter_mut().zip(&characteristic.by_code) {
                    let above = bin.contribution - characteristic.worst_contribution;
                    *slot = u16::try_from(above).expect("a card's sums are bounded");
                }
            }
            table
        });
        let tables = tables.collect();
        Kernel { start, tables }
    }

    /// The sum of base points and contributions, before it is held within 0 to
    /// 1,000.
    pub fn sum(&self, codes: &Codes) -> i32 {
        let above = self.tables.iter().zip(codes);
        above.fold(self.start, |sum, (table, code)| sum + i32::from(table[usize::from(*code)]))
    }

    /// The score of one case.
    pub fn score(&self, codes: &Codes) -> i32 {
        self.sum(codes).clamp(0, 1_000)
    }

    /// What every sum starts from.
    pub fn start(&self) -> i32 {
        self.start
    }

    /// The largest sum the tables can give above the start.
    pub fn above_max(&self) -> i32 {
        let highest = |table: &Table<u16>| i32::from(table.iter().copied().max().unwrap_or(0));
        self.tables.iter().map(highest).sum()
    }

    /// The tables of two cards in one: this one's entries in the lower half of
    /// each word, the other's in the upper.
    pub fn paired(&self, other: &Kernel) -> Vec<Table<u32>> {
        let pairs = self.tables.iter().zip(&other.tables);
        let pair = |(one, two): (&Table<u16>, &Table<u16>)| {
            std::array::from_fn(|code| u32::from(one[code]) | u32::from(two[code]) << 16)
        };
        pairs.map(pair).collect()
    }
}
