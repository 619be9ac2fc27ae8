//! A column of a book: for each case one of the courses that its feature takes, by
//! number. Cases are alike far more often than not, so a number is mostly one byte; where
//! they all are alike, as in what nobody tells, there is none.

use std::ops::Range;

use super::super::bins::Bins;
use super::super::feature::Feature;
use super::course::{Course, Instant};
use super::numbered::Numbered;
use super::room;

/// The courses of a feature, and which of them each case has.
#[derive(Clone, Debug, Default)]
pub(super) struct Column {
    courses: Numbered<Course>,
    rows: Numbers,
    /// What the courses keep beside themselves.
    heap_bytes: usize,
    /// The codes that the last run asked for.
    coded: Vec<Coded>,
}

/// The bin that each course falls into on a day. Whoever drags a weight moves points, and
/// asks for the same codes again and again.
#[derive(Clone, Debug)]
struct Coded {
    feature: Feature,
    bins: Bins,
    at: Instant,
    /// By the number of the course.
    codes: Vec<u8>,
    /// Whether this run asks for them.
    wanted: bool,
}

impl Coded {
    fn is_of(&self, feature: &Feature, bins: &Bins, at: &Instant) -> bool {
        self.at == *at && self.feature == *feature && self.bins == *bins
    }
}

/// Numbers of courses, as narrow as there are few of them.
#[derive(Clone, Debug)]
pub(super) enum Numbers {
    /// So many cases of the first course.
    Alike(usize),
    Byte(Vec<u8>),
    Word(Vec<u16>),
    Long(Vec<u32>),
}

impl Default for Numbers {
    fn default() -> Numbers {
        Numbers::Alike(0)
    }
}

/// Runs the same code over whichever width there is, and other code where all are alike.
macro_rules! each_width {
    ($numbers:expr, $count:ident => $alike:expr, $rows:ident => $body:expr) => {
        match $numbers {
            Numbers::Alike($count) => $alike,
            Numbers::Byte($rows) => $body,
            Numbers::Word($rows) => $body,
            Numbers::Long($rows) => $body,
        }
    };
}

impl Column {
    /// All courses, by number.
    pub fn courses(&self) -> &[Course] {
        self.courses.values()
    }

    /// Which course each case has.
    pub fn rows(&self) -> &Numbers {
        &self.rows
    }

    /// The number of the course of one case.
    pub fn at(&self, row: usize) -> usize {
        each_width!(&self.rows, _count => 0, rows => rows[row] as usize)
    }

    /// The course of one case.
    pub fn course(&self, row: usize) -> &Course {
        &self.courses()[self.at(row)]
    }

    /// Goes over the numbers of some cases.
    pub fn each(&self, cases: Range<usize>, mut see: impl FnMut(usize)) {
        each_width!(&self.rows, _count => cases.for_each(|_| see(0)), rows => {
            rows[cases].iter().for_each(|number| see(*number as usize));
        });
    }

    /// Finds the codes of all courses in some bins on a day, as far as they are not known.
    pub fn code(&mut self, feature: &Feature, bins: &Bins, at: &Instant) {
        let known = self.coded.iter().position(|one| one.is_of(feature, bins, at));
        let known = known.unwrap_or_else(|| {
            let (feature, bins, codes) = (feature.clone(), bins.clone(), Vec::new());
            self.coded.push(Coded { feature, bins, at: *at, codes, wanted: true });
            self.coded.len() - 1
        });
        let coded = &mut self.coded[known];
        coded.wanted = true;
        let new = &self.courses.values()[coded.codes.len()..];
        coded.codes.reserve_exact(new.len());
        coded.codes.extend(new.iter().map(|course| bins.code(&course.value(feature, at))));
    }

    /// Forgets the codes that nobody has asked for since the last time.
    pub fn forget_codes(&mut self) {
        self.coded.retain_mut(|coded| std::mem::take(&mut coded.wanted));
    }

    /// The codes of all courses, by number.
    ///
    /// # Panics
    /// If nobody asked for them to be found.
    pub fn codes(&self, feature: &Feature, bins: &Bins, at: &Instant) -> &[u8] {
        let known = self.coded.iter().find(|one| one.is_of(feature, bins, at));
        &known.expect("they were found before").codes
    }

    /// Adds a case at the end. Its number fits, since the rows were widened for it.
    pub fn push(&mut self, course: Course) {
        let number = self.number(course);
        each_width!(&mut self.rows, count => *count += 1, rows => room::push(rows, number as _));
    }

    /// Replaces the course of a case.
    pub fn set(&mut self, row: usize, course: Course) {
        let number = self.number(course);
        each_width!(&mut self.rows, _count => (), rows => rows[row] = number as _);
    }

    /// Removes a case; the last one takes its place.
    pub fn swap_remove(&mut self, row: usize) {
        each_width!(&mut self.rows, count => *count -= 1, rows => {
            rows.swap_remove(row);
        });
    }

    /// The number of a course, for which the rows are wide enough from here on.
    fn number(&mut self, course: Course) -> u32 {
        let heap_bytes = course.heap_bytes();
        let (number, new) = self.courses.put(course);
        if new {
            self.heap_bytes += heap_bytes;
        }
        if number > 0
            && let Numbers::Alike(count) = self.rows
        {
            self.rows = Numbers::Byte(vec![0; count]);
        }
        if number > u8::MAX.into()
            && let Numbers::Byte(rows) = &self.rows
        {
            self.rows = Numbers::Word(rows.iter().map(|number| u16::from(*number)).collect());
        }
        if number > u16::MAX.into()
            && let Numbers::Word(rows) = &self.rows
        {
            self.rows = Numbers::Long(rows.iter().map(|number| u32::from(*number)).collect());
        }
        u32::try_from(number).expect("a book has fewer cases than that")
    }

    /// Gives back the memory of courses that no case has any longer, and of further cases.
    pub fn shrink(&mut self) {
        let mut tight = Column::default();
        for row in 0..self.len() {
            tight.push(self.course(row).clone());
        }
        each_width!(&mut tight.rows, _count => (), rows => rows.shrink_to_fit());
        tight.courses.shrink();
        *self = tight;
    }

    fn len(&self) -> usize {
        each_width!(&self.rows, count => *count, rows => rows.len())
    }

    /// How much memory it takes.
    pub fn bytes(&self) -> usize {
        let rows = each_width!(&self.rows, _count => 0, rows => room::bytes(rows));
        let codes: usize = self.coded.iter().map(|coded| coded.codes.capacity()).sum();
        // Those of two scorecards are counted before there are any: a book that fits must
        // not outgrow its place by being asked.
        let codes = codes.max(2 * self.courses().len());
        rows + self.courses.bytes() + self.heap_bytes + codes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_that_are_all_alike_take_nothing() {
        let mut column = Column::default();
        for _ in 0..1_000 {
            column.push(Course::Missing);
        }
        let one_course = column.bytes();
        column.set(999, Course::Missing);
        column.push(Course::Missing);
        column.swap_remove(0);
        assert_eq!((column.len(), column.at(999), column.bytes()), (1_000, 0, one_course));
        let mut seen = 0;
        column.each(3..1_000, |number| seen += usize::from(number == 0));
        assert_eq!(seen, 997);

        column.set(7, Course::Unknown);
        assert_eq!((column.at(6), column.at(7), column.at(8)), (0, 1, 0));
        assert!(column.bytes() >= one_course + 1_000);
        column.swap_remove(7);
        column.shrink();
        assert_eq!((column.len(), column.bytes() <= one_course), (999, true));
    }

    #[test]
    fn rows_widen_with_the_number_of_courses() {
        let mut column = Column::default();
        for number in 0..70_000 {
            column.push(Course::Number(number));
            column.push(Course::Number(0));
        }
        assert!(matches!(column.rows(), Numbers::Long(_)));
        let number = |column: &Column, row| match &column.courses()[column.at(row)] {
            Course::Number(number) => *number,
            other => panic!("{other:?} was never put there"),
        };
        for row in 0..70_000_usize {
            assert_eq!((number(&column, 2 * row), number(&column, 2 * row + 1)), (row as i64, 0));
        }
        column.set(1, Course::Number(5));
        column.swap_remove(0);
        assert_eq!((number(&column, 0), number(&column, 1)), (0, 5));
        while column.len() > 2 {
            column.swap_remove(2);
        }
        column.shrink();
        assert_eq!((column.courses().len(), column.len()), (2, 2));
        assert_eq!((number(&column, 0), number(&column, 1)), (0, 5));
        assert!(matches!(column.rows(), Numbers::Byte(_)));
    }
}
