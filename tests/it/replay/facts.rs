//! Random documents. They need not make sense; they must come back.

use arrears::model::*;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

/// The contents of a document. Few values each, so that two of them often agree
/// in a field, and the difference between them is not always everything.
pub(super) fn facts() -> impl Strategy<Value = Facts> {
    let amount = prop_oneof![
        1 => Just(0_i64),
        1 => Just(1_500),
        4 => Just(20_000),
        2 => 1..100_000_i64,
    ];
    let due = option::weighted(0.9, prop_oneof![Just(20_500), 19_900..20_700]);
    let close_reason = option::weighted(0.1, proptest::sample::select(&CloseReason::ALL[..]));
    let money = (amount, due, option::of(Just(900_000_i64)), close_reason);
    let kind = option::of(prop_oneof![Just(DebtorKind::Person), Just(DebtorKind::Business)]);
    let language = prop_oneof![3 => Just(""), 1 => Just("es"), 1 => Just("en-GB")];
    let lists = (instalments(), profile(), inputs(), contact_points(), custom_features(), sealed());
    (money, kind, language, lists).prop_map(|(money, debtor_kind, language, lists)| Facts {
        overdue_amount_minor: money.0,
        oldest_due_date: money.1.map(Day),
        outstanding_amount_minor: money.2,
        close_reason: money.3,
        close_date: money.3.map(|_| Day(20_520)),
        debtor_kind,
        language: language.to_owned(),
        instalments: lists.0,
        arrears_profile: lists.1,
        inputs: lists.2,
        contact_points: lists.3,
        custom_features: lists.4,
        sealed: Sealed(lists.5),
    })
}

fn sealed() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => Just(Vec::new()), 1 => vec(0..=255_u8, 1..4)]
}

fn instalments() -> impl Strategy<Value = Vec<Instalment>> {
    let one = (1..15_000_i64, 0..3_i64, option::of(20_300..20_500));
    let some = btree_map(20_200..20_600, one, 1..6).prop_map(|due| {
        let one = |(due, (amount, paid, date)): (i32, (i64, i64, Option<i32>))| Instalment {
            due_date: Day(due),
            due_amount_minor: amount,
            paid_amount_minor: amount * paid / 2,
            paid_date: date.map(Day),
        };
        due.into_iter().map(one).collect()
    });
    prop_oneof![2 => Just(Vec::new()), 1 => some]
}

fn profile() -> impl Strategy<Value = Vec<ArrearsMonth>> {
    let amount = || option::of(0..20_000_i64);
    let some = vec((0..5, amount(), amount()), 1..12).prop_map(|months| {
        let one =
            |(at, (behind, billed, paid)): (usize, (i32, Option<i64>, Option<i64>))| ArrearsMonth {
                month: Day::from_ymd(2025, at as u32 + 1, 1).unwrap(),
                months_past_due: behind,
                billed_amount_minor: billed,
                paid_amount_minor: paid,
            };
        months.into_iter().enumerate().map(one).collect()
    });
    prop_oneof![2 => Just(Vec::new()), 1 => some]
}

fn inputs() -> impl Strategy<Value = Inputs> {
    vec((proptest::sample::select(INPUTS), 0..3_i64), 0..6).prop_map(|given| {
        let mut inputs = Inputs::new();
        for (input, at) in given {
            let value = match input.kind() {
                InputKind::Level | InputKind::Answer | InputKind::Enum(_) => 1 + at % 2,
                InputKind::Count { max } => max.min(at),
                InputKind::Amount => at * 100_000,
                InputKind::Date => 18_000 + at * 900,
            };
            inputs.set(input, value);
        }
        inputs
    })
}

fn contact_points() -> impl Strategy<Value = Vec<ContactPoint>> {
    let zone = prop_oneof![Just(""), Just("Europe/Madrid"), Just("America/Santiago")];
    let state =
        option::of(prop_oneof![Just(ContactPointState::Valid), Just(ContactPointState::Invalid)]);
    vec((zone, state), 0..3).prop_map(|points| {
        let one = |(at, (zone, state)): (usize, (&str, Option<ContactPointState>))| ContactPoint {
            contact_point_id: format!("point{at}"),
            kind: (at == 0).then_some(ContactPointKind::Mobile),
            time_zone: zone.to_owned(),
            jurisdiction: if at == 0 { "ES".to_owned() } else { String::new() },
            state,
        };
        points.into_iter().enumerate().map(one).collect()
    })
}

fn custom_features() -> impl Strategy<Value = Vec<CustomFeature>> {
    let value = prop_oneof![
        (-5..5_i64).prop_map(|number| CustomValue::Number(number * 500_000)),
        Just(CustomValue::Text("farm".to_owned())),
        any::<bool>().prop_map(CustomValue::Flag),
    ];
    vec(value, 0..3).prop_map(|values| {
        let one = |(at, value)| CustomFeature { feature_id: format!("own_{at}"), value };
        values.into_iter().enumerate().map(one).collect()
    })
}
