//! One loan of a debtor: what is overdue, since when, and the months before.

use super::{Debtor, Draw, days_before, money};
use crate::cli::field::input::{Value, set};
use crate::model::{Day, Input};
use crate::proto;

/// How many months of history are told at most.
const PROFILE_MONTHS: i32 = 12;

/// The longest anybody is overdue, in days.
const DAYS_MAX: f64 = 900.0;

/// Tells the loan of a case.
pub(super) fn tell(
    draw: &mut Draw,
    debtor: &Debtor,
    today: Day,
    document: &mut proto::CaseDocument,
) {
    let days = days_past_due(draw, debtor);
    let usual = if debtor.business { 900.0 } else { 160.0 };
    let monthly = usual * (0.7 * draw.normal() + 0.25 * debtor.ability).exp();
    let behind = f64::from(days.max(0) / 30 + 1);
    let overdue = monthly * behind * (0.85 + 0.3 * draw.share());
    let outstanding = overdue + monthly * draw.between(3, 48) as f64;
    document.overdue_amount = Some(money(overdue.max(5.0)));
    document.outstanding_amount = Some(money(outstanding.max(5.0)));
    document.oldest_due_date = Some(days_before(today, days));
    document.arrears_profile = profile(draw, debtor, today, (days, monthly));
    if !debtor.business && draw.chance(0.4) {
        // A card rather than a loan: it has a limit.
        let used = (0.75 - 0.15 * debtor.ability + 0.2 * draw.normal()).clamp(0.2, 1.15);
        let limit = Value::Money(money((outstanding / used / 100.0).ceil() * 100.0));
        set(document, Input::LimitAmount, limit);
    }
}

/// How long a loan is overdue: the longer, the less willing and able its debtor
/// is; one in a hundred is not due yet.
fn days_past_due(draw: &mut Draw, debtor: &Debtor) -> i32 {
    if draw.chance(0.01) {
        return -i32::try_from(draw.between(1, 10)).unwrap_or(1);
    }
    let trouble = -(0.55 * debtor.willingness + 0.45 * debtor.ability);
    let days = 38.0 * (0.75 * trouble).exp() * draw.skewed();
    1 + days.min(DAYS_MAX) as i32
}

/// The last months, from how late the loan is now back to how it was paid
/// before: whoever is unwilling has been late before.
fn profile(
    draw: &mut Draw,
    debtor: &Debtor,
    today: Day,
    (days, monthly): (i32, f64),
) -> Vec<proto::ArrearsMonth> {
    let late = (0.12 - 0.09 * debtor.willingness - 0.04 * debtor.ability).clamp(0.01, 0.6);
    let (_, _, of_month) = today.ymd();
    let mut months = Vec::new();
    let mut later = days.max(0) / 30 + 1;
    for before in 1..=PROFILE_MONTHS.min(debtor.customer_months) {
        let days_then = days - of_month.cast_signed() - 30 * (before - 1);
        // All is drawn in every month, so that the same case comes out whatever
        // day of the month it is.
        let (spell, two, share) = (draw.chance(late), draw.chance(0.2), draw.share());
        let behind = match days_then {
            1.. => (days_then + 29) / 30,
            _ if spell => 1 + i32::from(two),
            _ => 0,
        };
        let paid = match behind {
            0 => monthly,
            _ if behind > later => monthly * (1.2 + 0.8 * share),
            _ => monthly * share * 0.4,
        };
        later = behind;
        months.push(proto::ArrearsMonth {
            month: Some(month_before(today, before)),
            months_past_due: Some(behind),
            billed_amount: Some(money(monthly)),
            paid_amount: Some(money(paid)),
        });
    }
    months
}

/// The first day of a month some months before that of `today`.
fn month_before(today: Day, months: i32) -> proto::Date {
    let (year, month, _) = today.ymd();
    let number = year * 12 + month.cast_signed() - 1 - months;
    proto::Date { year: number.div_euclid(12), month: number.rem_euclid(12) + 1, day: 1 }
}
