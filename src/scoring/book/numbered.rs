//! Different values by number, and the number of each: the cases of a book by row, the
//! courses of a column. The table keeps numbers only and looks the values up: a value stands
//! in one place.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::room;

/// Values, each once.
#[derive(Clone, Debug)]
pub(super) struct Numbered<T> {
    values: Vec<T>,
    numbers: HashTable<u32>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Numbered<T> {
        Numbered { values: Vec::new(), numbers: HashTable::new() }
    }
}

fn hash(value: &impl Hash) -> u64 {
    FixedState::default().hash_one(value)
}

impl<T: Hash + Eq> Numbered<T> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All values, by number.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The number of a value.
    pub fn find(&self, value: &T) -> Option<usize> {
        let is = |number: &u32| self.values[*number as usize] == *value;
        self.numbers.find(hash(value), is).map(|number| *number as usize)
    }

    /// The number of a value, a new one at the end if it has none yet; and whether it is new.
    pub fn put(&mut self, value: T) -> (usize, bool) {
        let Numbered { values, numbers } = self;
        let is = |number: &u32| values[*number as usize] == value;
        match numbers.entry(hash(&value), is, |number| hash(&values[*number as usize])) {
            Entry::Occupied(known) => (*known.get() as usize, false),
            Entry::Vacant(vacant) => {
                let number = values.len();
                vacant.insert(u32::try_from(number).expect("a book has fewer cases than that"));
                room::push(values, value);
                (number, true)
            }
        }
    }

    /// Removes a value; the last one takes its number. The number, if it had one.
    pub fn swap_remove(&mut self, value: &T) -> Option<usize> {
        let Numbered { values, numbers } = self;
        let is = |number: &u32| values[*number as usize] == *value;
        let (number, _) = numbers.find_entry(hash(value), is).ok()?.remove();
        let last = u32::try_from(values.len() - 1).expect("a book has fewer cases than that");
        if number != last {
            let moved = numbers.find_mut(hash(&values[last as usize]), |known| *known == last);
            *moved.expect("every value has a number") = number;
        }
        values.swap_remove(number as usize);
        Some(number as usize)
    }

    /// Gives back the memory that is kept for further values.
    pub fn shrink(&mut self) {
        let Numbered { values, numbers } = self;
        values.shrink_to_fit();
        numbers.shrink_to_fit(|number| hash(&values[*number as usize]));
    }

    /// How much memory it takes, without what values keep beside themselves.
    pub fn bytes(&self) -> usize {
        room::bytes(&self.values) + self.numbers.allocation_size()
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
        fn every_value_is_found_by_its_number(steps in proptest::collection::vec((0..40_i64, any::<bool>()), 0..200)) {
            let mut numbered = Numbered::default();
            let mut rows: Vec<i64> = Vec::new();
            for (number, put) in steps {
                let known = rows.iter().position(|one| *one == number);
                if put {
                    prop_assert_eq!(numbered.put(number), (known.unwrap_or(rows.len()), known.is_none()));
                    if known.is_none() {
                        rows.push(number);
                    }
                } else {
                    prop_assert_eq!(numbered.swap_remove(&number), known);
                    known.map(|row| rows.swap_remove(row));
                }
                numbered.shrink();
                let found: BTreeMap<i64, usize> =
                    (0..40).filter_map(|number| Some((number, numbered.find(&number)?))).collect();
                let expected = rows.iter().enumerate().map(|(row, number)| (*number, row)).collect();
                prop_assert_eq!(found, expected);
            }
            prop_assert_eq!(numbered.values(), rows);
        }
    }
}
