//! Numbers in a query, compared with the bounds of bins as the service compares them.

use super::Dialect;
use crate::scoring::feature::{Feature, decimal};

/// Beyond this a floating number has no halves.
const HALVES_WITHIN: u64 = 1 << 52;

/// A column of numbers.
pub(super) struct Number {
    /// What is compared.
    value: String,
    scale: i64,
    /// Whether it is compared in parts of 1/scale, to the nearest of which the service
    /// rounds it, halves away from zero: numbers of the caller's own. All others are whole,
    /// or were rounded by a step of the query.
    in_parts: bool,
}

impl Number {
    pub fn of(column: &str, feature: &Feature, scale: i64, dialect: Dialect) -> Number {
        let in_parts = scale != 1 && !matches!(feature, Feature::Derived(_));
        // Reckoned as the service does, so that what lies between two parts goes the same way.
        let value = match (in_parts, dialect) {
            (false, _) => column.to_owned(),
            (true, Dialect::Sqlite) => format!("{column} * {scale}.0"),
            (true, Dialect::Postgres) => format!("CAST({column} AS DOUBLE PRECISION) * {scale}"),
        };
        Number { value, scale, in_parts }
    }

    /// Whether it is below a bound.
    pub fn below(&self, bound: i64) -> String {
        self.compared(["<", "<="], bound)
    }

    /// Whether it is not.
    pub fn reaches(&self, bound: i64) -> String {
        self.compared([">=", ">"], bound)
    }

    /// Whether it is this number.
    pub fn is(&self, number: i64) -> String {
        match self.in_parts {
            true => format!("{} AND {}", self.reaches(number), self.below(number + 1)),
            false => format!("{} = {}", self.value, self.literal(number)),
        }
    }

    /// What is rounded to a bound begins half a part below it, and with that half only where
    /// the bound is above zero.
    fn compared(&self, [above_zero, other]: [&str; 2], bound: i64) -> String {
        let value = &self.value;
        match (self.in_parts, bound) {
            (false, _) => format!("{value} {above_zero} {}", self.literal(bound)),
            (true, _) if bound.unsigned_abs() > HALVES_WITHIN => {
                format!("{value} {above_zero} {bound}")
            }
            (true, 1..) => format!("{value} {above_zero} {}.5", bound - 1),
            (true, _) => format!("{value} {other} -{}.5", bound.unsigned_abs()),
        }
    }

    /// A number of the card.
    fn literal(&self, number: i64) -> String {
        if self.scale == 1 { number.to_string() } else { decimal(number, self.scale) }
    }
}
