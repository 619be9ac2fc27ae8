//! Amounts of money.

use crate::model::{Currency, InvalidMoney, MoneyParts, Reason, Violations};
use crate::proto;

use super::field::shown;
use super::path::Path;

/// What an amount may be beside at most 10^15 smallest units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AmountRule {
    /// Of either sign: a bill may be a credit.
    Signed,
    /// 0 or more.
    NotNegative,
    /// More than 0.
    Positive,
}

/// An amount in smallest units of the portfolio's currency.
pub(super) fn amount(
    money: &proto::Money,
    rule: AmountRule,
    currency: Currency,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<i64> {
    let given = currency_of(&money.currency_code, &at.field("currency_code"), broken)?;
    if given != currency {
        let field = at.field("currency_code").to_string();
        let bound = format!("the portfolio's currency is {currency}");
        broken.add(field, Reason::CurrencyMismatch, given, bound);
        return None;
    }
    minor(money, rule, currency, at, broken)
}

/// An amount in its own currency.
pub(super) fn amount_in_its_currency(
    money: &proto::Money,
    rule: AmountRule,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<(Currency, i64)> {
    let currency = currency_of(&money.currency_code, &at.field("currency_code"), broken)?;
    Some((currency, minor(money, rule, currency, at, broken)?))
}

/// A currency by its code.
pub(super) fn currency_of(code: &str, at: &Path<'_>, broken: &mut Violations) -> Option<Currency> {
    if code.is_empty() {
        broken.required(at.to_string());
        return None;
    }
    let currency = Currency::from_code(code);
    if currency.is_none() {
        let bound = "a code of ISO 4217 with a smallest unit, such as EUR";
        broken.add(at.to_string(), Reason::CurrencyUnknown, shown(code), bound);
    }
    currency
}

fn minor(
    money: &proto::Money,
    rule: AmountRule,
    currency: Currency,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<i64> {
    let value = || format!("{} units {} nanos {currency}", money.units, money.nanos);
    let parts = MoneyParts { units: money.units, nanos: money.nanos };
    let error = match currency.minor(parts) {
        Ok(minor) => {
            let bound = match rule {
                AmountRule::NotNegative if minor < 0 => "0 to 10^15 smallest units are allowed",
                AmountRule::Positive if minor <= 0 => "it must be above 0",
                _ => return Some(minor),
            };
            broken.add(at.to_string(), Reason::FieldOutOfRange, value(), bound);
            return None;
        }
        Err(error) => error,
    };
    let reason = match error {
        InvalidMoney::Malformed => Reason::FieldMalformed,
        InvalidMoney::TooFine(_) => Reason::AmountTooFine,
        InvalidMoney::TooLarge => Reason::FieldOutOfRange,
    };
    broken.add(at.to_string(), reason, value(), error.to_string());
    None
}

/// An amount as the contract writes it; sums over many cases fit.
pub(super) fn money(currency: Currency, minor: impl Into<i128>) -> proto::Money {
    let MoneyParts { units, nanos } = currency.parts(minor.into());
    proto::Money { currency_code: currency.code().to_owned(), units, nanos }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::convert::path::ROOT;
    use crate::model::AMOUNT_MINOR_MAX;

    fn read(code: &str, units: i64, nanos: i32, rule: AmountRule) -> Result<i64, Reason> {
        let mut broken = Violations::new();
        let money = proto::Money { currency_code: code.to_owned(), units, nanos };
        let currency = Currency::from_code("EUR").unwrap();
        match amount(&money, rule, currency, &ROOT.field("amount"), &mut broken) {
            Some(minor) if broken.is_empty() => Ok(minor),
            _ => Err(broken.0.first().unwrap().reason),
        }
    }

    #[test]
    fn amounts_are_exact_or_refused() {
        use AmountRule::{NotNegative, Positive};
        assert_eq!(read("EUR", 12, 340_000_000, Positive), Ok(1_234));
        assert_eq!(read("EUR", 0, 0, NotNegative), Ok(0));
        assert_eq!(read("EUR", 0, -10_000_000, AmountRule::Signed), Ok(-1));
        assert_eq!(read("EUR", 0, 0, Positive), Err(Reason::FieldOutOfRange));
        assert_eq!(read("EUR", 0, -10_000_000, NotNegative), Err(Reason::FieldOutOfRange));
        assert_eq!(read("EUR", 10_000_000_000_000, 0, Positive), Ok(AMOUNT_MINOR_MAX));
        let beyond = read("EUR", 10_000_000_000_000, 10_000_000, Positive);
        assert_eq!(beyond, Err(Reason::FieldOutOfRange));
        assert_eq!(read("EUR", i64::MAX, 999_999_999, Positive), Err(Reason::AmountTooFine));
        assert_eq!(read("EUR", i64::MIN, 0, NotNegative), Err(Reason::FieldOutOfRange));
        assert_eq!(read("EUR", 1, 5_000_000, Positive), Err(Reason::AmountTooFine));
        assert_eq!(read("EUR", 1, -10_000_000, Positive), Err(Reason::FieldMalformed));
        assert_eq!(read("EUR", 1, 1_000_000_000, Positive), Err(Reason::FieldMalformed));
    }

    #[test]
    fn a_currency_is_known_and_the_portfolios() {
        let read = |code| read(code, 1, 0, AmountRule::Positive);
        assert_eq!(read("EUR"), Ok(100));
        assert_eq!(read(""), Err(Reason::FieldRequired));
        for unknown in ["eur", "EURO", "XXX", "XAU", "ZZZ", "€"] {
            assert_eq!(read(unknown), Err(Reason::CurrencyUnknown), "{unknown}");
        }
        assert_eq!(read("USD"), Err(Reason::CurrencyMismatch));
    }
}
