//! Sums over the columns of a book: every column adds to each case what the case's course
//! is worth, to two sums at a time, packed into one word. What was added up is kept; where
//! only a column or two are worth something else the next time, only these are gone over.

use rayon::prelude::*;

use super::column::{Column, Numbers};
use super::parts::Parts;
use super::room;
use super::tally::BLOCK;

/// What one column adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Addend {
    pub column: usize,
    /// By the number of the course.
    pub worth: Vec<u32>,
    /// Where it counts for some cases only.
    pub only: Option<Only>,
}

/// For which cases an addend counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Only {
    /// By the number of the course of the first column.
    pub counts: Vec<bool>,
    /// What it is worth for the others.
    pub otherwise: u32,
}

/// The sums of all cases.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    addends: Vec<Addend>,
    values: Vec<u32>,
    /// Cases that have changed since.
    changed: Vec<usize>,
}

impl Addend {
    /// What it adds to a case.
    pub fn of(&self, columns: &[Column], row: usize) -> u32 {
        match &self.only {
            Some(only) if !only.counts[columns[0].at(row)] => only.otherwise,
            _ => self.worth[columns[self.column].at(row)],
        }
    }

    /// Adds to the cases of a block what `worth` says.
    fn add(&self, columns: &[Column], first: usize, sums: &mut [u32]) {
        if let Some(only) = &self.only {
            for (at, sum) in sums.iter_mut().enumerate() {
                let counts = only.counts[columns[0].at(first + at)];
                let worth = if counts {
                    self.worth[columns[self.column].at(first + at)]
                } else {
                    only.otherwise
                };
                *sum = sum.wrapping_add(worth);
            }
            return;
        }
        match columns[self.column].rows() {
            Numbers::Alike(_) => {
                if let Some(worth) = self.worth.first().filter(|worth| **worth != 0) {
                    sums.iter_mut().for_each(|sum| *sum = sum.wrapping_add(*worth));
                }
            }
            Numbers::Byte(rows) => {
                for (sum, number) in sums.iter_mut().zip(&rows[first..]) {
                    *sum = sum.wrapping_add(self.worth[usize::from(*number)]);
                }
            }
            Numbers::Word(rows) => {
                for (sum, number) in sums.iter_mut().zip(&rows[first..]) {
                    *sum = sum.wrapping_add(self.worth[usize::from(*number)]);
                }
            }
            Numbers::Long(rows) => {
                for (sum, number) in sums.iter_mut().zip(&rows[first..]) {
                    *sum = sum.wrapping_add(self.worth[*number as usize]);
                }
            }
        }
    }

    /// What must be added where `before` was.
    fn in_place_of(&self, before: &Addend) -> Addend {
        let less = |now: u32, before: Option<&u32>| now.wrapping_sub(before.copied().unwrap_or(0));
        let worth = self.worth.iter().enumerate();
        Addend {
            column: self.column,
            worth: worth.map(|(at, now)| less(*now, before.worth.get(at))).collect(),
            only: self.only.clone().zip(before.only.as_ref()).map(|(now, before)| Only {
                otherwise: now.otherwise.wrapping_sub(before.otherwise),
                counts: now.counts,
            }),
        }
    }

    /// Whether the two differ in what they are worth only.
    pub fn is_like(&self, other: &Addend) -> bool {
        let counts = |one: &Addend| one.only.as_ref().map(|only| only.counts.clone());
        self.column == other.column && counts(self) == counts(other)
    }

    /// Whether it is worth the same, as far as both go: courses that came since are of
    /// cases that have changed.
    fn is_worth(&self, other: &Addend) -> bool {
        let known = self.worth.len().min(other.worth.len());
        let otherwise = |one: &Addend| one.only.as_ref().map(|only| only.otherwise);
        self.worth[..known] == other.worth[..known] && otherwise(self) == otherwise(other)
    }
}

/// What a column adds whose numbers are bytes: as a table it needs no look at how many there
/// are.
struct Table<'a> {
    worth: [u32; 256],
    rows: &'a [u8],
}

/// The addends that can be tables, and the others.
fn tables<'a>(addends: &'a [Addend], columns: &'a [Column]) -> (Vec<Table<'a>>, Vec<&'a Addend>) {
    let (mut tables, mut others) = (Vec::new(), Vec::new());
    for addend in addends {
        match columns[addend.column].rows() {
            Numbers::Byte(rows) if addend.only.is_none() => {
                let mut worth = [0; 256];
                worth[..addend.worth.len()].copy_from_slice(&addend.worth);
                tables.push(Table { worth, rows });
            }
            _ => others.push(addend),
        }
    }
    (tables, others)
}

/// Adds what tables say to the sums of a block; of several tables to each sum at once, which
/// is read and written less often then.
fn add_tables(tables: &[Table<'_>], first: usize, sums: &mut [u32]) {
    let (by_four, rest) = tables.as_chunks::<4>();
    for [a, b, c, d] in by_four {
        let rows = [a, b, c, d].map(|table| &table.rows[first..first + sums.len()]);
        let numbers = rows[0].iter().zip(rows[1]).zip(rows[2]).zip(rows[3]);
        for (sum, (((of_a, of_b), of_c), of_d)) in sums.iter_mut().zip(numbers) {
            let of_a_b = a.of(*of_a).wrapping_add(b.of(*of_b));
            let of_c_d = c.of(*of_c).wrapping_add(d.of(*of_d));
            *sum = sum.wrapping_add(of_a_b.wrapping_add(of_c_d));
        }
    }
    for table in rest {
        for (sum, number) in sums.iter_mut().zip(&table.rows[first..]) {
            *sum = sum.wrapping_add(table.of(*number));
        }
    }
}

impl Table<'_> {
    fn of(&self, number: u8) -> u32 {
        self.worth[usize::from(number)]
    }
}

impl Sums {
    /// Notes that a case was added at the end or has changed.
    pub fn changed(&mut self, row: usize) {
        if self.addends.is_empty() {
            return;
        }
        self.changed.push(row);
        // Sums that nobody asks for must not remember changes for ever.
        if self.changed.len() > self.values.len() {
            *self = Sums::default();
        }
    }

    /// Removes a case; that in row `last` takes its place, which may have come since.
    pub fn swap_remove(&mut self, row: usize, last: usize) {
        if last < self.values.len() {
            self.values.swap_remove(row);
        }
        self.changed(row);
    }

    /// The sums of these addends over these columns, which are of so many cases.
    pub fn of(&mut self, addends: Vec<Addend>, columns: &[Column], rows: usize) -> &[u32] {
        let changes = self.changes(&addends);
        self.values.reserve_exact(rows.saturating_sub(self.values.len()));
        self.values.resize(rows, 0);
        let added = match &changes {
            Some(changes) => changes,
            None => {
                self.values.fill(0);
                &addends
            }
        };
        if !added.is_empty() {
            let (tables, others) = tables(added, columns);
            self.values.par_chunks_mut(BLOCK).enumerate().for_each(|(block, sums)| {
                add_tables(&tables, block * BLOCK, sums);
                for addend in &others {
                    addend.add(columns, block * BLOCK, sums);
                }
            });
        }
        self.addends = addends;
        if changes.is_some() {
            for row in std::mem::take(&mut self.changed).into_iter().filter(|row| *row < rows) {
                let worth = self.addends.iter().map(|addend| addend.of(columns, row));
                self.values[row] = worth.fold(0, u32::wrapping_add);
            }
        }
        self.changed.clear();
        &self.values
    }

    /// What was added up last.
    ///
    /// # Panics
    /// If that was of more or fewer cases.
    pub fn known(&self, rows: usize) -> &[u32] {
        assert_eq!(self.values.len(), rows, "the book has changed since it was added up");
        &self.values
    }

    /// The sums of these parts, of which each case has one; all are added up anew.
    pub fn of_parts(&mut self, parts: &Parts, columns: &[Column], rows: usize) -> &[u32] {
        *self = Sums { values: std::mem::take(&mut self.values), ..Sums::default() };
        self.values.clear();
        self.values.resize(rows, 0);
        self.values
            .par_chunks_mut(BLOCK)
            .enumerate()
            .for_each(|(block, sums)| parts.add(columns, block * BLOCK, sums));
        &self.values
    }

    /// What must be added to what is known to have the sums of these addends; nothing if
    /// it is quicker to begin anew.
    fn changes(&self, addends: &[Addend]) -> Option<Vec<Addend>> {
        let alike = self.addends.len() == addends.len()
            && self.addends.iter().zip(addends).all(|(known, new)| known.is_like(new));
        if !alike || addends.is_empty() || 2 * self.changed.len() > self.values.len() {
            return None;
        }
        let pairs = self.addends.iter().zip(addends);
        let moved = pairs.filter(|(known, new)| !known.is_worth(new));
        let moved: Vec<Addend> = moved.map(|(known, new)| new.in_place_of(known)).collect();
        (3 * moved.len() <= addends.len()).then_some(moved)
    }

    /// How much memory both sums of so many cases take, about, by tables of so many courses.
    pub fn bytes_of(rows: usize, courses: usize) -> usize {
        (2 * rows + courses) * size_of::<u32>()
    }

    /// How much memory it takes.
    pub fn bytes(&self) -> usize {
        let worth: usize = self.addends.iter().map(|addend| room::bytes(&addend.worth)).sum();
        worth + room::bytes(&self.values) + room::bytes(&self.changed)
    }
}
