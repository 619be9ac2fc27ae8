//! What is told of a debtor: behaviour, household, business, credit record and
//! ability, as they follow from what is hidden.

use super::{Debtor, Draw, days_before, money};
use crate::cli::field::input::{Value, set};
use crate::cli::word::{self, Words};
use crate::model::{Day, Input};
use crate::proto;

/// The share of inputs that nobody told.
const MISSING_SHARE: f64 = 0.05;

/// What is told of one input.
type Told = (Input, Value);

/// Tells what is known of a debtor; about one input in twenty is left out.
pub(super) fn tell(
    draw: &mut Draw,
    debtor: &Debtor,
    today: Day,
    document: &mut proto::CaseDocument,
) {
    let mut told = behaviour(draw, debtor, today);
    told.extend(credit_record(draw, debtor));
    told.extend(if debtor.business { business(draw, debtor) } else { household(draw, debtor) });
    told.extend(ability(draw, debtor));
    for (input, value) in told {
        if !draw.chance(MISSING_SHARE) {
            set(document, input, value);
        }
    }
}

fn named(words: Words, name: &str) -> Value {
    Value::Word(words.number(name).expect("the demonstration uses words of the contract"))
}

fn count(number: i64) -> Value {
    Value::Count(i32::try_from(number.max(0)).unwrap_or(i32::MAX))
}

/// A level that follows a hidden number with noise.
fn level(draw: &mut Draw, hidden: f64) -> Value {
    let seen = hidden + 0.6 * draw.normal();
    let name = match seen {
        _ if draw.chance(0.03) => "UNKNOWN",
        seen if seen < -1.2 => "NONE",
        seen if seen < -0.3 => "LOW",
        seen if seen < 0.8 => "MEDIUM",
        _ => "HIGH",
    };
    named(word::LEVEL, name)
}

/// Yes where a hidden number with noise lies above a bound.
fn answer(draw: &mut Draw, hidden: f64, bound: f64) -> Value {
    let seen = hidden + 0.6 * draw.normal();
    let name = match seen > bound {
        _ if draw.chance(0.03) => "UNKNOWN",
        true => "YES",
        false => "NO",
    };
    named(word::ANSWER, name)
}

fn behaviour(draw: &mut Draw, debtor: &Debtor, today: Day) -> Vec<Told> {
    let (willing, able) = (debtor.willingness, debtor.ability);
    let promises = draw.pick(&[(0, 50), (1, 25), (2, 15), (4, 10)]);
    let kept = (0..promises).filter(|_| draw.chance(0.55 + 0.2 * willing + 0.1 * able)).count();
    let kept = i64::try_from(kept).unwrap_or(0);
    let others = (draw.skewed() * (1.2 - 0.5 * able).max(0.2)) as i64;
    let since = days_before(today, debtor.customer_months * 30);
    let mut told = vec![
        (Input::Cooperation, level(draw, willing)),
        (Input::SeeksSolution, answer(draw, willing, -0.2)),
        (Input::FalseInformation, answer(draw, -willing, 1.9)),
        (Input::PromisesKept, count(kept)),
        (Input::PromisesBroken, count(promises - kept)),
        (Input::CreditorCount, count(others)),
        (Input::AssetFlightRisk, answer(draw, -willing, 2.1)),
        (Input::CustomerSinceDate, Value::Date(since)),
        (Input::Reachable, answer(draw, willing, -1.7)),
    ];
    if draw.chance(0.6) {
        let (reason, state) = reason(draw, debtor);
        told.push((Input::OverdueReason, named(word::OVERDUE_REASON, reason)));
        told.push((Input::OverdueReasonState, named(word::REASON_STATE, state)));
    }
    let guaranteed = draw.chance(0.12);
    told.push((
        Input::GuarantorPresent,
        named(word::ANSWER, if guaranteed { "YES" } else { "NO" }),
    ));
    if guaranteed {
        told.push((Input::GuarantorAbility, level(draw, 0.5)));
    }
    told
}

/// Why a debtor is overdue, and what is known of it.
fn reason(draw: &mut Draw, debtor: &Debtor) -> (&'static str, &'static str) {
    let unwilling = debtor.willingness < -0.6;
    let unable = debtor.ability < -0.4;
    let reason = match (unwilling, unable) {
        (false, true) if debtor.business => draw.pick(&[
            ("OWN_DEBTOR_LATE", 35),
            ("TEMPORARY_SHORTAGE", 35),
            ("INCOME_LOSS", 15),
            ("BUSINESS_FAILED", 15),
        ]),
        (false, true) => draw.pick(&[
            ("TEMPORARY_SHORTAGE", 45),
            ("INCOME_LOSS", 25),
            ("FAMILY_CHANGE", 20),
            ("POOR_MANAGEMENT", 10),
        ]),
        (false, false) => draw.pick(&[
            ("FORGOT", 40),
            ("PAYMENT_MISHAP", 30),
            ("TEMPORARY_SHORTAGE", 20),
            ("POOR_MANAGEMENT", 10),
        ]),
        (true, _) => draw.pick(&[
            ("HABITUAL", 40),
            ("DISSATISFIED", 25),
            ("POOR_MANAGEMENT", 20),
            ("GAMBLING_OR_LUXURY", 10),
            ("FRAUD", 5),
        ]),
    };
    let state = match draw.share() {
        share if share < 0.55 => "CLAIMED",
        _ if draw.chance(0.75 + 0.15 * debtor.willingness) => "VERIFIED",
        _ => "REFUTED",
    };
    (reason, state)
}

fn household(draw: &mut Draw, debtor: &Debtor) -> Vec<Told> {
    let stake = debtor.stake;
    let married = draw.pick(&[("SINGLE", 34), ("MARRIED", 48), ("DIVORCED", 14), ("WIDOWED", 4)]);
    let children = draw.pick(&[(0, 52), (1, 20), (2, 19), (3, 7), (4, 2)]);
    let steady = stake + 0.5 * debtor.ability;
    let employment = if steady < -1.1 {
        draw.pick(&[("UNEMPLOYED", 45), ("CASUAL", 55)])
    } else if steady < 0.4 {
        draw.pick(&[("CASUAL", 12), ("MANUAL", 48), ("SELF_EMPLOYED", 22), ("RETIRED", 18)])
    } else {
        draw.pick(&[("OFFICE", 58), ("PUBLIC_SERVICE", 24), ("MANUAL", 18)])
    };
    vec![
        (Input::MaritalStatus, named(word::MARITAL_STATUS, married)),
        (Input::DependentChildren, count(children)),
        (Input::OwnsHome, answer(draw, stake, 0.3)),
        (Input::AssetLevel, level(draw, stake)),
        (Input::EmploymentType, named(word::EMPLOYMENT_TYPE, employment)),
    ]
}

fn business(draw: &mut Draw, debtor: &Debtor) -> Vec<Told> {
    let stake = debtor.stake;
    let months = 4 + (draw.skewed() * 60.0 * (1.2 + 0.5 * stake).max(0.3)) as i64;
    let here = (months as f64 * (0.4 + 0.6 * draw.share())) as i64;
    vec![
        (Input::BusinessMonths, count(months)),
        (Input::MonthsAtLocation, count(here)),
        (Input::RegularCustomerDependence, level(draw, stake)),
        (Input::RelocationDifficulty, level(draw, stake)),
        (Input::RelocationImpact, level(draw, stake)),
        (Input::StillOperating, answer(draw, debtor.ability, -1.6)),
        (Input::TradeReputation, level(draw, 0.6 * stake + 0.4 * debtor.willingness)),
    ]
}

fn credit_record(draw: &mut Draw, debtor: &Debtor) -> Vec<Told> {
    let good = 0.5 * debtor.willingness + 0.3 * debtor.ability + 0.4 * draw.normal();
    let rating = (520.0 + 170.0 * good).clamp(0.0, 1_000.0) as i64;
    let repeat = debtor.customer_months > 30;
    vec![
        (Input::BureauReported, named(word::ANSWER, "YES")),
        (Input::FutureCreditNeed, level(draw, debtor.stake)),
        (Input::InternalRating, count(rating)),
        (Input::RepeatBorrower, answer(draw, if repeat { 1.0 } else { -1.0 }, 0.0)),
        (Input::CreditReliance, level(draw, -0.4 * debtor.ability)),
        (Input::PenaltyRateBps, count(draw.pick(&[(500, 30), (900, 40), (1_450, 30)]))),
        (Input::FeesContracted, named(word::ANSWER, if debtor.business { "YES" } else { "NO" })),
    ]
}

fn ability(draw: &mut Draw, debtor: &Debtor) -> Vec<Told> {
    let able = debtor.ability;
    let usual = if debtor.business { 11_000.0 } else { 3_300.0 };
    let income = usual * (0.45 * able + 0.25 * draw.normal()).exp();
    let burden = (0.62 - 0.13 * able + 0.08 * draw.normal()).clamp(0.15, 1.4);
    let state = match able + 0.5 * draw.normal() {
        seen if seen < -1.5 => "LOST",
        seen if seen < -0.4 => "REDUCED",
        _ => "STABLE",
    };
    let mut told = vec![
        (Input::MonthlyIncomeAmount, Value::Money(money(income))),
        (Input::MonthlyObligationsAmount, Value::Money(money(income * burden))),
        (Input::IncomeState, named(word::INCOME_STATE, state)),
    ];
    if !debtor.business {
        let day = draw.pick(&[(1, 30), (15, 25), (25, 20), (28, 15), (10, 10)]);
        told.push((Input::PayDay, count(day)));
    }
    told
}
