//! The kernel: from bin codes to scores, for one case or for columns of many.

use super::Codes;
use super::compile::Compiled;

/// The tables of a scorecard: the contribution of each code of each
/// characteristic.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    base_points: i32,
    tables: Vec<[i32; 256]>,
}

impl Kernel {
    /// The tables of a card. What is off adds nothing, whatever its code.
    pub fn new(card: &Compiled) -> Kernel {
        let tables = card.characteristics.iter().map(|characteristic| {
            let mut table = [0; 256];
            if characteristic.active {
                for (slot, bin) in table.iter_mut().zip(&characteristic.by_code) {
                    *slot = bin.contribution;
                }
            }
            table
        });
        Kernel { base_points: card.base_points, tables: tables.collect() }
    }

    /// The sum of base points and contributions, before it is held within 0 to
    /// 1,000.
    pub fn sum(&self, codes: &Codes) -> i32 {
        let contributions = self.tables.iter().zip(codes);
        contributions.fold(self.base_points, |sum, (table, code)| sum + table[usize::from(*code)])
    }

    /// The score of one case.
    pub fn score(&self, codes: &Codes) -> i32 {
        self.sum(codes).clamp(0, 1_000)
    }
}
