//! The numbers of the cases of a book, row by row, and the row of each number. The table
//! keeps rows only and looks their numbers up: a number stands in one place.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::room;

/// The numbers of cases, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct CaseNumbers {
    numbers: Vec<i64>,
    rows: HashTable<u32>,
}

fn hash(number: i64) -> u64 {
    FixedState::default().hash_one(number)
}

impl CaseNumbers {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The number of a row.
    pub fn at(&self, row: usize) -> i64 {
        self.numbers[row]
    }

    /// The row of a number.
    pub fn row(&self, number: i64) -> Option<usize> {
        let is = |row: &u32| self.numbers[*row as usize] == number;
        self.rows.find(hash(number), is).map(|row| *row as usize)
    }

    /// The row of a number, a new one at the end if it has none yet; and whether it is new.
    pub fn put(&mut self, number: i64) -> (usize, bool) {
        let CaseNumbers { numbers, rows } = self;
        let is = |row: &u32| numbers[*row as usize] == number;
        match rows.entry(hash(number), is, |row| hash(numbers[*row as usize])) {
            Entry::Occupied(known) => (*known.get() as usize, false),
            Entry::Vacant(vacant) => {
                let row = numbers.len();
                vacant.insert(u32::try_from(row).expect("a book has fewer cases than that"));
                room::push(numbers, number);
                (row, true)
            }
        }
    }

    /// Removes a number; the last one takes its row. The row, if it had one.
    pub fn swap_remove(&mut self, number: i64) -> Option<usize> {
        let CaseNumbers { numbers, rows } = self;
        let is = |row: &u32| numbers[*row as usize] == number;
        let (row, _) = rows.find_entry(hash(number), is).ok()?.remove();
        let last = u32::try_from(numbers.len() - 1).expect("a book has fewer cases than that");
        if row != last {
            let moved = rows.find_mut(hash(numbers[last as usize]), |known| *known == last);
            *moved.expect("every number has a row") = row;
        }
        numbers.swap_remove(row as usize);
        Some(row as usize)
    }

    /// Gives back the memory that is kept for further cases.
    pub fn shrink(&mut self) {
        let CaseNumbers { numbers, rows } = self;
        numbers.shrink_to_fit();
        rows.shrink_to_fit(|row| hash(numbers[*row as usize]));
    }

    /// How much memory it takes.
    pub fn bytes(&self) -> usize {
        room::bytes(&self.numbers) + self.rows.allocation_size()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn every_number_is_found_in_its_row(steps in proptest::collection::vec((0..40_i64, any::<bool>()), 0..200)) {
            let mut numbers = CaseNumbers::default();
            let mut rows: Vec<i64> = Vec::new();
            for (number, put) in steps {
                let known = rows.iter().position(|one| *one == number);
                if put {
                    prop_assert_eq!(numbers.put(number), (known.unwrap_or(rows.len()), known.is_none()));
                    if known.is_none() {
                        rows.push(number);
                    }
                } else {
                    prop_assert_eq!(numbers.swap_remove(number), known);
                    known.map(|row| rows.swap_remove(row));
                }
                numbers.shrink();
                let found: BTreeMap<i64, usize> =
                    (0..40).filter_map(|number| Some((number, numbers.row(number)?))).collect();
                let expected = rows.iter().enumerate().map(|(row, number)| (*number, row)).collect();
                prop_assert_eq!(found, expected);
            }
            prop_assert_eq!(numbers.len(), rows.len());
            prop_assert!((0..rows.len()).all(|row| numbers.at(row) == rows[row]));
        }
    }
}
