//! The kernel: from bin codes to scores.
//!
//! A table entry is what a bin contributes above the worst bin of its
//! characteristic, so that it is never negative and fits 16 bits; the worst bins
//! are part of the start. A book packs the entries of two scorecards into one word,
//! and ranks by both in one pass over its columns.

use super::Codes;
use super::compile::CompiledCharacteristic;

/// One entry per code.
type Table = [u16; 256];

/// The tables of a scorecard.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    start: i32,
    tables: Vec<Table>,
}

impl Kernel {
    /// The tables of base points and characteristics. What is off adds nothing, whatever
    /// its code.
    pub fn new(base_points: i32, characteristics: &[CompiledCharacteristic]) -> Kernel {
        let mut start = base_points;
        let tables = characteristics.iter().map(|characteristic| {
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

    /// What a bin contributes above the worst one of its characteristic.
    pub fn above(&self, characteristic: usize, code: u8) -> u16 {
        self.tables[characteristic][usize::from(code)]
    }
}
