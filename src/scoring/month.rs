//! Calendar months as integers.

use crate::model::Day;

/// A calendar month: twelve times the year plus the month, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Month(pub i32);

impl Month {
    /// The month a day lies in.
    pub fn of(day: Day) -> Month {
        let (year, month, _) = day.ymd();
        Month(year * 12 + i32::try_from(month).expect("a month is 1 to 12") - 1)
    }

    /// The month `months` later.
    pub fn plus(self, months: i32) -> Month {
        Month(self.0.saturating_add(months))
    }

    /// How many months this one lies after `earlier`; negative when before.
    pub fn since(self, earlier: Month) -> i32 {
        self.0.saturating_sub(earlier.0)
    }

    /// The first day, or nothing outside 1970 to 2199.
    pub fn first_day(self) -> Option<Day> {
        let month = u32::try_from(self.0.rem_euclid(12) + 1).ok()?;
        Day::from_ymd(self.0.div_euclid(12), month, 1)
    }

    /// The first month at whose end something due on `due` is past due. The due
    /// date itself is day 0, so what is due on the last day of a month is past
    /// due at the end of the next.
    pub fn first_late_end(due: Day) -> Month {
        Month::of(due.plus(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> Day {
        Day::from_ymd(year, month, day).expect("a date of the test")
    }

    #[test]
    fn months_count_over_years() {
        assert_eq!(Month::of(day(2025, 1, 31)).since(Month::of(day(2024, 11, 1))), 2);
        assert_eq!(Month::of(day(2024, 12, 31)).plus(1).first_day(), Some(day(2025, 1, 1)));
        assert_eq!(Month::of(Day::MAX).plus(1).first_day(), None);
    }

    #[test]
    fn what_is_due_on_the_last_day_is_late_a_month_later() {
        assert_eq!(Month::first_late_end(day(2025, 4, 29)), Month::of(day(2025, 4, 1)));
        assert_eq!(Month::first_late_end(day(2025, 4, 30)), Month::of(day(2025, 5, 1)));
    }
}
