//! Exact decimal numbers as they stand in files: nothing is ever rounded.

use std::fmt;

use prost_types::Timestamp;

use crate::model::{AMOUNT_MINOR_MAX, Currency, Day, InvalidMoney, MoneyParts, Reason};
use crate::proto;

const ONE: i128 = 1_000_000_000;

/// A number in billionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Decimal(i128);

impl Decimal {
    /// The number 1.
    pub(super) const ONE: Decimal = Decimal(ONE);

    /// The number of a text: a sign, up to 18 digits, and up to nine decimal
    /// places behind a point. Nothing else is a number: no grouping, no exponent.
    pub(super) fn parse(text: &str) -> Option<Decimal> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, places) = digits.split_once('.').unwrap_or((digits, "0"));
        let places = places.trim_end_matches('0');
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let ends_in_point = digits.ends_with('.');
        if whole.is_empty() || whole.len() > 18 || places.len() > 9 || ends_in_point {
            return None;
        }
        if !all_digits(whole) || !all_digits(places) {
            return None;
        }
        let billionths: i128 = format!("{places:0<9}").parse().ok()?;
        let number = whole.parse::<i128>().ok()? * ONE + billionths;
        Some(Decimal(if negative { -number } else { number }))
    }

    /// As `parse`, and powers of ten as well: `2.00E+05` is 200000.
    pub(super) fn parse_scientific(text: &str) -> Option<Decimal> {
        let Some((digits, exponent)) = text.split_once(['E', 'e']) else {
            return Decimal::parse(text);
        };
        let exponent: i32 =
            exponent.parse().ok().filter(|exponent| (-9..=18).contains(exponent))?;
        let number = Decimal::parse(digits)?.0;
        let scale = 10_i128.pow(exponent.unsigned_abs());
        if exponent >= 0 {
            return number.checked_mul(scale).map(Decimal);
        }
        (number % scale == 0).then_some(Decimal(number / scale))
    }

    /// The product, unless it is too large to be kept. What is finer than a
    /// billionth is cut off.
    pub(super) fn times(self, factor: Decimal) -> Option<Decimal> {
        Some(Decimal(self.0.checked_mul(factor.0)? / ONE))
    }

    /// The whole number, if it is one and fits.
    pub(super) fn whole(self) -> Option<i64> {
        if self.0 % ONE != 0 {
            return None;
        }
        i64::try_from(self.0 / ONE).ok()
    }

    /// Whether the number is above 0.
    pub(super) fn positive(self) -> bool {
        self.0 > 0
    }

    /// The number, or 0 if it is below.
    pub(super) fn at_least_zero(self) -> Decimal {
        Decimal(self.0.max(0))
    }

    /// The amount of money, 0 to 10^15 smallest units of the currency.
    pub(super) fn money(self, currency: Currency) -> Result<proto::Money, (Reason, String)> {
        let bound = || {
            let most = currency.text(AMOUNT_MINOR_MAX);
            (Reason::FieldOutOfRange, format!("it must lie between 0 and {most}"))
        };
        if self.0 < 0 {
            return Err(bound());
        }
        let units = i64::try_from(self.0 / ONE).map_err(|_| bound())?;
        let nanos = i32::try_from(self.0 % ONE).map_err(|_| bound())?;
        match currency.minor(MoneyParts { units, nanos }) {
            Ok(_) => Ok(proto::Money { currency_code: currency.code().to_owned(), units, nanos }),
            Err(InvalidMoney::TooFine(places)) => Err((
                Reason::AmountTooFine,
                format!("{currency} has {places} decimal places; nothing is rounded"),
            )),
            Err(InvalidMoney::TooLarge | InvalidMoney::Malformed) => Err(bound()),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let places = format!("{:09}", self.0.unsigned_abs() % ONE.unsigned_abs());
        let whole = self.0.unsigned_abs() / ONE.unsigned_abs();
        match places.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            places => write!(f, "{sign}{whole}.{places}"),
        }
    }
}

/// The day of a text of the form `2025-11-21`.
pub(super) fn parse_day(text: &str) -> Option<Day> {
    let digits = |part: &str, length: usize| {
        let well_formed = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        well_formed.then(|| part.parse::<u32>().ok()).flatten()
    };
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    Day::from_ymd(i32::try_from(digits(year, 4)?).ok()?, digits(month, 2)?, digits(day, 2)?)
}

/// The instant of an argument.
pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "must be an instant such as 2025-11-21T04:00:00Z".to_owned())
}

/// The date of a day, as in the contract.
pub(super) fn date(day: Day) -> proto::Date {
    let (year, month, day) = day.ymd();
    proto::Date { year, month: month.cast_signed(), day: day.cast_signed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_exactly() {
        for (text, shown) in [
            ("0", "0"),
            ("-2", "-2"),
            ("+7", "7"),
            ("1240.50", "1240.5"),
            ("0.000000001", "0.000000001"),
            ("-0.5", "-0.5"),
            ("999999999999999999", "999999999999999999"),
            ("1.50000000000000", "1.5"),
            ("007", "7"),
        ] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "-",
            "+",
            ".",
            "1.",
            ".5",
            "1,5",
            "1.240,50",
            "1 000",
            "1e3",
            "0x10",
            "--1",
            "+-1",
            "1.2.3",
            "NaN",
            "inf",
            "１",
            "0.1234567891",
            "1000000000000000000",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn powers_of_ten_are_exact_or_refused() {
        for (text, shown) in
            [("2.00E+05", "200000"), ("1e3", "1000"), ("-1.5e-3", "-0.0015"), ("7", "7")]
        {
            assert_eq!(Decimal::parse_scientific(text).unwrap().to_string(), shown, "{text}");
        }
        for text in ["E5", "1E", "1E+", "1E19", "1E-10", "1.000000001E-9", "1E1.5", "1E5E5", "x"] {
            assert_eq!(Decimal::parse_scientific(text), None, "{text}");
        }
    }

    #[test]
    fn products_are_exact_and_bounded() {
        let number = |text| Decimal::parse(text).unwrap();
        assert_eq!(number("20000").times(number("0.01")), Some(number("200")));
        assert_eq!(number("-3").times(number("0.5")), Some(number("-1.5")));
        assert_eq!(number("999999999999999999").times(number("999999999999999999")), None);
    }

    #[test]
    fn money_is_refused_rather_than_rounded() {
        let euro = Currency::from_code("EUR").unwrap();
        let yen = Currency::from_code("JPY").unwrap();
        let money = |text: &str, currency| Decimal::parse(text).unwrap().money(currency);
        let amount = money("1240.50", euro).unwrap();
        assert_eq!((amount.units, amount.nanos), (1240, 500_000_000));
        assert_eq!(money("0.005", euro).unwrap_err().0, Reason::AmountTooFine);
        assert_eq!(money("0.5", yen).unwrap_err().0, Reason::AmountTooFine);
        assert_eq!(money("-1", euro).unwrap_err().0, Reason::FieldOutOfRange);
        assert!(money("10000000000000", euro).is_ok(), "10^15 cents are the most");
        assert_eq!(money("10000000000000.01", euro).unwrap_err().0, Reason::FieldOutOfRange);
    }

    #[test]
    fn days_have_one_form_only() {
        assert_eq!(parse_day("2024-02-29"), Day::from_ymd(2024, 2, 29));
        for text in [
            "",
            "2025-02-29",
            "2025-2-01",
            "25-02-01",
            "2025/02/01",
            "01.02.2025",
            "2025-13-01",
            "1969-12-31",
            "2200-01-01",
            "2025-01-01T00:00:00Z",
            "+025-01-01",
            "2025-01-+1",
        ] {
            assert_eq!(parse_day(text), None, "{text}");
        }
    }
}
