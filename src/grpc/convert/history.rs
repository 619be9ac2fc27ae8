//! What was due and paid: instalments and monthly profiles.

use std::collections::HashSet;

use crate::model::{ArrearsMonth, Currency, Day, Instalment, Reason, Violations};
use crate::proto;

use super::field::{count, number};
use super::money::{AmountRule, amount, money};
use super::path::Path;
use super::time::{date, day};

/// The most instalments of a document.
const INSTALMENTS_MAX: usize = 600;

/// The most months of a profile.
const MONTHS_MAX: usize = 120;

/// Reads instalments, sorted by due date.
pub(super) fn instalments(
    given: &[proto::Instalment],
    currency: Currency,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Vec<Instalment> {
    if !count(given.len(), (0, INSTALMENTS_MAX), &at.field("instalments"), broken) {
        return Vec::new();
    }
    let mut seen = HashSet::with_capacity(given.len());
    let mut read = Vec::with_capacity(given.len());
    for (place, given) in given.iter().enumerate() {
        let at = at.item("instalments", place);
        let instalment = instalment(given, currency, &at, broken);
        once(instalment.due_date, &mut seen, &at.field("due_date"), broken);
        read.push(instalment);
    }
    read.sort_unstable_by_key(|instalment| instalment.due_date);
    read
}

fn instalment(
    given: &proto::Instalment,
    currency: Currency,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Instalment {
    let due_amount = match &given.due_amount {
        Some(due) => {
            amount(due, AmountRule::NotNegative, currency, &at.field("due_amount"), broken)
        }
        None => {
            broken.required(at.field("due_amount").to_string());
            None
        }
    };
    let paid_amount = given.paid_amount.as_ref().map(|paid| {
        amount(paid, AmountRule::NotNegative, currency, &at.field("paid_amount"), broken)
    });
    let paid_date = given.paid_date.as_ref().and_then(|given| {
        if paid_amount.is_none() {
            let field = at.field("paid_date").to_string();
            let bound = "set only with a paid_amount";
            broken.add(field, Reason::FieldConflict, written(given), bound);
        }
        day(given, &at.field("paid_date"), broken)
    });
    Instalment {
        due_date: required_day(given.due_date.as_ref(), &at.field("due_date"), broken),
        due_amount_minor: due_amount.unwrap_or(0),
        paid_amount_minor: paid_amount.flatten().unwrap_or(0),
        paid_date,
    }
}

/// Reads a monthly profile, sorted by month.
pub(super) fn arrears_profile(
    given: &[proto::ArrearsMonth],
    currency: Currency,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Vec<ArrearsMonth> {
    if !count(given.len(), (0, MONTHS_MAX), &at.field("arrears_profile"), broken) {
        return Vec::new();
    }
    let mut seen = HashSet::with_capacity(given.len());
    let mut read = Vec::with_capacity(given.len());
    for (place, given) in given.iter().enumerate() {
        let at = at.item("arrears_profile", place);
        let month = arrears_month(given, currency, &at, broken);
        once(month.month, &mut seen, &at.field("month"), broken);
        read.push(month);
    }
    read.sort_unstable_by_key(|month| month.month);
    read
}

fn arrears_month(
    given: &proto::ArrearsMonth,
    currency: Currency,
    at: &Path<'_>,
    broken: &mut Violations,
) -> ArrearsMonth {
    let month = required_day(given.month.as_ref(), &at.field("month"), broken);
    if given.month.is_some_and(|month| month.day > 1) {
        let field = at.field("month").to_string();
        broken.add(field, Reason::FieldMalformed, month, "the first day of a month");
    }
    let months_past_due = match given.months_past_due {
        Some(months) => number(months, (0, 120), &at.field("months_past_due"), broken),
        None => {
            broken.required(at.field("months_past_due").to_string());
            0
        }
    };
    let billed = given.billed_amount.as_ref().and_then(|billed| {
        amount(billed, AmountRule::Signed, currency, &at.field("billed_amount"), broken)
    });
    let paid = given.paid_amount.as_ref().and_then(|paid| {
        amount(paid, AmountRule::NotNegative, currency, &at.field("paid_amount"), broken)
    });
    ArrearsMonth { month, months_past_due, billed_amount_minor: billed, paid_amount_minor: paid }
}

/// A day that must be given; the first day of all where it is not, which nobody
/// sees because the document is refused.
fn required_day(given: Option<&proto::Date>, at: &Path<'_>, broken: &mut Violations) -> Day {
    match given {
        Some(given) => day(given, at, broken).unwrap_or(Day::MIN),
        None => {
            broken.required(at.to_string());
            Day::MIN
        }
    }
}

/// Notes a day that occurred before. Days that broke a rule themselves do not
/// count.
fn once(day: Day, seen: &mut HashSet<Day>, at: &Path<'_>, broken: &mut Violations) {
    if !seen.insert(day) && day != Day::MIN {
        let bound = "each may occur once";
        broken.add(at.to_string(), Reason::FieldConflict, day, bound);
    }
}

fn written(date: &proto::Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
}

/// Instalments as the contract writes them.
pub(super) fn instalments_to(
    instalments: &[Instalment],
    currency: Currency,
) -> Vec<proto::Instalment> {
    let one = |instalment: &Instalment| proto::Instalment {
        due_date: Some(date(instalment.due_date)),
        due_amount: Some(money(currency, instalment.due_amount_minor)),
        paid_amount: Some(money(currency, instalment.paid_amount_minor)),
        paid_date: instalment.paid_date.map(date),
    };
    instalments.iter().map(one).collect()
}

/// A monthly profile as the contract writes it.
pub(super) fn arrears_profile_to(
    months: &[ArrearsMonth],
    currency: Currency,
) -> Vec<proto::ArrearsMonth> {
    let one = |month: &ArrearsMonth| proto::ArrearsMonth {
        month: Some(date(month.month)),
        months_past_due: Some(month.months_past_due),
        billed_amount: month.billed_amount_minor.map(|minor| money(currency, minor)),
        paid_amount: month.paid_amount_minor.map(|minor| money(currency, minor)),
    };
    months.iter().map(one).collect()
}
