//! Money in smallest units. Nothing is ever rounded: what cannot be kept
//! exactly is refused.

use std::fmt;

/// The largest amount, in smallest units of its currency.
pub const AMOUNT_MINOR_MAX: i64 = 1_000_000_000_000_000;

const NANOS_PER_UNIT: i128 = 1_000_000_000;

/// A currency of ISO 4217 with its exponent: how many decimal places its
/// smallest unit has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

/// An amount that cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMoney {
    /// The signs of units and nanos differ, or nanos has ten digits.
    #[error("units and nanos must have the same sign and nanos at most nine digits")]
    Malformed,
    /// Finer than the smallest unit.
    #[error("must be a multiple of the smallest unit, {0} decimal places")]
    TooFine(u16),
    /// Larger than 10^15 smallest units.
    #[error("must lie within ±10^15 smallest units")]
    TooLarge,
}

/// Whole units and billionths, as in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoneyParts {
    /// Whole units.
    pub units: i64,
    /// Billionths of a unit, of the same sign.
    pub nanos: i32,
}

impl Currency {
    /// The currency of a code of three capital letters, if ISO 4217 has it and
    /// gives it a smallest unit (gold and the like have none).
    pub fn from_code(code: &str) -> Option<Currency> {
        let currency = iso_currency::Currency::from_code(code)?;
        currency.exponent().filter(|exponent| *exponent <= 4)?;
        Some(Currency(currency))
    }

    /// The code.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// The decimal places of the smallest unit: 0, 2, 3 or 4.
    pub fn exponent(self) -> u16 {
        self.0.exponent().unwrap_or(0)
    }

    fn nanos_per_minor(self) -> i128 {
        NANOS_PER_UNIT / 10_i128.pow(u32::from(self.exponent()))
    }

    /// The amount in smallest units.
    pub fn minor(self, parts: MoneyParts) -> Result<i64, InvalidMoney> {
        let (units, nanos) = (i128::from(parts.units), i128::from(parts.nanos));
        if nanos.abs() >= NANOS_PER_UNIT || (units > 0 && nanos < 0) || (units < 0 && nanos > 0) {
            return Err(InvalidMoney::Malformed);
        }
        let total = units * NANOS_PER_UNIT + nanos;
        if total % self.nanos_per_minor() != 0 {
            return Err(InvalidMoney::TooFine(self.exponent()));
        }
        match i64::try_from(total / self.nanos_per_minor()) {
            Ok(minor) if minor.abs() <= AMOUNT_MINOR_MAX => Ok(minor),
            _ => Err(InvalidMoney::TooLarge),
        }
    }

    /// The whole units and billionths of an amount in smallest units. Sums of
    /// many amounts fit as well.
    pub fn parts(self, minor: i128) -> MoneyParts {
        let total = minor * self.nanos_per_minor();
        MoneyParts {
            units: i64::try_from(total / NANOS_PER_UNIT).unwrap_or(i64::MAX),
            nanos: i32::try_from(total % NANOS_PER_UNIT).unwrap_or(0),
        }
    }

    /// The amount as text with its code, such as `1240.50 EUR`.
    pub fn text(self, minor: i64) -> String {
        let scale = 10_i64.pow(u32::from(self.exponent()));
        let sign = if minor < 0 { "-" } else { "" };
        let (whole, rest) = ((minor / scale).abs(), (minor % scale).abs());
        match usize::from(self.exponent()) {
            0 => format!("{sign}{whole} {self}"),
            width => format!("{sign}{whole}.{rest:0width$} {self}"),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
