//! Cases as a lender might have them, from their number alone.

use arrears::model::*;

/// The settings of the portfolio of a benchmark.
pub(crate) fn settings(contact_policy: ContactPolicy) -> PortfolioSettings {
    PortfolioSettings {
        display_name: "bench".to_owned(),
        time_zone: "Europe/Madrid".to_owned(),
        base_currency: Currency::from_code("EUR").expect("EUR is a currency"),
        ranking: RankingSettings::default(),
        contact_policy,
        max_ledger_age_hours: 36,
        old_ledger_rule: OldLedgerRule::Deny,
        activation_approval: ActivationApproval::default(),
    }
}

/// A number below `bound` that depends on an index and a salt only.
pub(crate) fn mix(index: usize, salt: u64, bound: i64) -> i64 {
    let mut hash = (index as u64).wrapping_add(salt.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((hash ^ (hash >> 31)) >> 1) as i64 % bound
}

/// Of every five cases two belong to one debtor.
pub(crate) fn debtor(index: usize) -> usize {
    index / 5 * 4 + (index % 5).min(3)
}

/// What a document says of a case: a dozen inputs, half a year of arrears, a
/// telephone in a zone.
pub(crate) fn facts(index: usize, language: &str, time_zone: &str) -> Facts {
    let mut inputs = Inputs::new();
    for (salt, input, bound) in [
        (1, Input::OwnsHome, 4),
        (2, Input::AssetLevel, 6),
        (3, Input::EmploymentType, 9),
        (4, Input::IncomeState, 5),
        (5, Input::PromisesBroken, 4),
        (6, Input::PromisesKept, 4),
        (7, Input::CreditorCount, 6),
        (8, Input::InternalRating, 1_001),
        (9, Input::RepeatBorrower, 4),
        (10, Input::MonthlyIncomeAmount, 500_000),
        (11, Input::MonthlyObligationsAmount, 400_000),
        (12, Input::Cooperation, 6),
    ] {
        inputs.set(input, mix(index, salt, bound));
    }
    let months = (0..6).map(|back| ArrearsMonth {
        month: month(back),
        months_past_due: mix(index, 20 + back as u64, 3) as i32,
        billed_amount_minor: Some(20_000),
        paid_amount_minor: Some(mix(index, 30 + back as u64, 20_000)),
    });
    Facts {
        overdue_amount_minor: 5_000 + mix(index, 40, 500_000),
        oldest_due_date: Some(Day(20_599 - mix(index, 41, 150) as i32)),
        outstanding_amount_minor: Some(900_000),
        language: language.to_owned(),
        arrears_profile: months.collect(),
        inputs,
        contact_points: vec![ContactPoint {
            contact_point_id: format!("phone-{}", debtor(index)),
            kind: Some(ContactPointKind::Mobile),
            time_zone: time_zone.to_owned(),
            jurisdiction: "ES".to_owned(),
            state: None,
        }],
        ..Facts::default()
    }
}

/// The first day of one of the six months before the documents.
fn month(number: i32) -> Day {
    let months = 2_025 * 12 + 10 + number;
    let of_year = u32::try_from(months % 12).expect("it is positive") + 1;
    Day::from_ymd(months / 12, of_year, 1).expect("every month has a first day")
}

/// The debtor of a case.
pub(crate) fn debtor_id(index: usize) -> DebtorId {
    DebtorId::new(format!("debtor-{:08}", debtor(index))).expect("the id is valid")
}
