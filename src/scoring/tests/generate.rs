//! Random cases and scorecards.

mod derived;
mod routes;

pub(super) use routes::routing_rules;

use std::fmt::Write;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::model::{
    ArrearsMonth, Attempt, ContactPoint, ContactPointState, CustomFeature, CustomValue, Day,
    DebtorKind, Facts, History, Hold, HoldKind, INPUTS, InputKind, Inputs, Instalment, Payment,
    Promise, PromiseState,
};
use crate::scoring::feature::{Feature, FeatureKind};

use super::{Case, day, noon};
pub(super) use derived::Drawn;

/// The day around which the random cases are laid.
pub(super) fn today() -> Day {
    day(2026, 3, 20)
}

fn input_value(kind: InputKind) -> BoxedStrategy<i64> {
    match kind {
        InputKind::Level => (1..=5_i64).boxed(),
        InputKind::Answer => (1..=3_i64).boxed(),
        InputKind::Enum(max) => (1..=max).boxed(),
        InputKind::Count { max } => prop_oneof![0..=max.min(12), 0..=max].boxed(),
        InputKind::Amount => (0..5_000_000_i64).boxed(),
        InputKind::Date => (10_000..20_600_i64).boxed(),
    }
}

fn inputs() -> impl Strategy<Value = Inputs> {
    let each: Vec<_> = INPUTS
        .iter()
        .map(|input| {
            prop_oneof![2 => Just(None), 1 => input_value(input.kind()).prop_map(Some)]
                .prop_map(|value| (*input, value))
        })
        .collect();
    each.prop_map(|values| {
        let mut inputs = Inputs::new();
        for (input, value) in values {
            if let Some(value) = value {
                inputs.set(input, value);
            }
        }
        inputs
    })
}

fn instalments() -> impl Strategy<Value = Vec<Instalment>> {
    let one = (1..60_i32, 1..50_000_i64, 0..3_u8, 0..90_i32);
    (-700..60_i32, vec(one, 0..20)).prop_map(|(start, ones)| {
        let mut due = today().plus(start);
        let mut instalments = Vec::new();
        for (gap, amount, paid, late) in ones {
            let paid_amount_minor = [0, amount / 2, amount][usize::from(paid)];
            let paid_date = (paid_amount_minor > 0).then_some(due.plus(late - 20));
            let due_amount_minor = amount;
            instalments.push(Instalment {
                due_date: due,
                due_amount_minor,
                paid_amount_minor,
                paid_date,
            });
            due = due.plus(gap);
        }
        instalments
    })
}

fn profile() -> impl Strategy<Value = Vec<ArrearsMonth>> {
    let amount = || option::of(0..20_000_i64);
    let one = (any::<bool>(), 0..5_i32, amount(), amount());
    (-30..1_i32, vec(one, 0..18)).prop_map(|(start, ones)| {
        let months = ones.into_iter().enumerate().filter(|(_, one)| one.0).map(|(at, one)| {
            let index = 2026 * 12 + 2 + start + at as i32;
            let month = day(index / 12, (index % 12 + 1) as u32, 1);
            ArrearsMonth {
                month,
                months_past_due: one.1,
                billed_amount_minor: one.2,
                paid_amount_minor: one.3,
            }
        });
        months.collect()
    })
}

fn contact_points() -> impl Strategy<Value = Vec<ContactPoint>> {
    vec(option::of(any::<bool>()), 0..4).prop_map(|states| {
        let points = states.into_iter().enumerate().map(|(at, works)| ContactPoint {
            contact_point_id: format!("cp{at}"),
            kind: None,
            time_zone: String::new(),
            jurisdiction: String::new(),
            state: works.map(|works| match works {
                true => ContactPointState::Valid,
                false => ContactPointState::Invalid,
            }),
        });
        points.collect()
    })
}

fn custom_features() -> impl Strategy<Value = Vec<CustomFeature>> {
    let number = option::of(-3_000_000..3_000_000_i64);
    let text = option::of(prop_oneof![Just("retail"), Just("farm"), Just("unheard")]);
    let begun = ["2019-11-30", "2026-02-28", "2026-02-30", "2027-01-01", "soon", ""];
    let begun = option::of(prop::sample::select(begun.to_vec()));
    (number, text, option::of(any::<bool>()), begun).prop_map(|(number, text, flag, begun)| {
        let feature = |feature_id: &str, value: Option<CustomValue>| {
            value.map(|value| CustomFeature { feature_id: feature_id.to_owned(), value })
        };
        let features = [
            feature("area", text.map(|text| CustomValue::Text(text.to_owned()))),
            feature("begun", begun.map(|text| CustomValue::Text(text.to_owned()))),
            feature("index", number.map(CustomValue::Number)),
            feature("member", flag.map(CustomValue::Flag)),
        ];
        features.into_iter().flatten().collect()
    })
}

fn payments() -> impl Strategy<Value = Vec<Payment>> {
    vec(
        (-500..1_i32, 1..60_000_i64, prop_oneof![4 => Just(None), 1 => (0..30_i32).prop_map(Some)]),
        0..8,
    )
    .prop_map(|mut ones| {
        ones.sort_by_key(|one| one.0);
        let payments = ones.into_iter().enumerate().map(|(at, (ago, amount, reversed))| {
            let paid = today().plus(ago);
            Payment {
                event_id: format!("p{at}"),
                event_time: noon(paid),
                amount_minor: amount,
                reversed_time: reversed.map(|after| noon(paid.plus(after))),
            }
        });
        payments.collect()
    })
}

fn promises() -> impl Strategy<Value = Vec<Promise>> {
    let state = prop_oneof![
        3 => Just(PromiseState::Open),
        1 => Just(PromiseState::Kept),
        1 => Just(PromiseState::Broken),
    ];
    vec((-30..1_i32, 0..20_000_i64, 0..40_i32, state), 0..3).prop_map(|ones| {
        let promises = ones.into_iter().map(|(ago, amount, ahead, state)| {
            let made = today().plus(ago);
            Promise {
                lease_seq: 1,
                event_time: noon(made),
                promised_amount_minor: amount.saturating_sub(5_000).max(0),
                promised_date: made.plus(ahead),
                state,
            }
        });
        promises.collect()
    })
}

fn history() -> impl Strategy<Value = History> {
    let attempts = vec((-60..1_i32, any::<bool>()), 0..9).prop_map(|mut ones| {
        ones.sort_by_key(|one| one.0);
        let attempts = ones.into_iter().map(|(ago, right_party)| Attempt {
            event_time: noon(today().plus(ago)),
            outcome_code: String::new(),
            right_party,
            gated: false,
        });
        attempts.collect::<Vec<_>>()
    });
    (payments(), attempts, promises(), 0..4_i64, 0..4_i64, 0..3_i64).prop_map(
        |(payments, attempts, promises, kept, broken, cured)| History {
            payments,
            right_party_contact_count: attempts.iter().filter(|one| one.right_party).count() as i64,
            attempts,
            promises,
            promises_kept_count: kept,
            promises_broken_count: broken,
            cured_count: cured,
            ..History::default()
        },
    )
}

/// Holds of any kinds.
pub(super) fn holds() -> impl Strategy<Value = Vec<Hold>> {
    vec((0..HoldKind::ALL.len(), option::of(-30..30_i32)), 1..5).prop_map(|ones| {
        let holds = ones.into_iter().enumerate().map(|(at, (kind, until))| Hold {
            event_id: format!("h{at}"),
            kind: HoldKind::ALL[kind],
            until: until.map(|days| noon(today().plus(days))),
            evidence_reference: String::new(),
        });
        holds.collect()
    })
}

/// Any case.
pub(super) fn case() -> impl Strategy<Value = Case> {
    let facts = (
        prop_oneof![1..3_000_i64, 1..100_000_000_i64],
        prop_oneof![-40..130_i32, -40..1_500_i32],
        option::of(0..200_000_000_i64),
        prop_oneof![Just(None), Just(Some(DebtorKind::Person)), Just(Some(DebtorKind::Business))],
        prop_oneof![2 => Just(Vec::new()), 1 => instalments()],
        prop_oneof![1 => Just(Vec::new()), 1 => profile()],
        inputs(),
        contact_points(),
        custom_features(),
    );
    let facts = facts.prop_map(
        |(amount, days, outstanding, kind, instalments, profile, inputs, points, custom)| Facts {
            overdue_amount_minor: amount,
            oldest_due_date: Some(today().plus(-days)),
            outstanding_amount_minor: outstanding,
            debtor_kind: kind,
            instalments,
            arrears_profile: profile,
            inputs,
            contact_points: points,
            custom_features: custom,
            ..Facts::default()
        },
    );
    (facts, history(), -30..1_i32).prop_map(|(facts, history, as_of)| Case {
        as_of: noon(today().plus(as_of)),
        history,
        ..Case::new(facts, today())
    })
}

/// A scorecard that looks at every feature there is, with bins cut at random.
pub(super) fn card_of_everything() -> impl Strategy<Value = String> {
    (vec(any::<u16>(), 400), 1..900_i32, 0..99_i32).prop_map(|(random, b, above)| {
        let mut random = random.into_iter().cycle();
        let mut next = move |below: u16| random.next().expect("it is endless") % below;
        let mut yaml = format!(
            "scorecard_id: everything\nbase_points: {}\ncutoffs: {{ a: {}, b: {b} }}\n\
             diagnosis: {{ low_below_permille: 500, known_from_permille: 100 }}\ncharacteristics:\n",
            next(900),
            b + 1 + above,
        );
        let derived = derived::draw(&mut next);
        let own = derived.iter().map(|one| (format!("derived.{}", one.name), one.look()));
        let custom = [("custom.index", "NUMBER"), ("custom.area", "TEXT"), ("custom.member", "FLAG")];
        let named = Feature::names().filter(|name| *name != "recovery_score").map(|name| (name, ""));
        let named = custom.into_iter().chain(named);
        let named = named.map(|(name, kind)| (name.to_owned(), Look::of(name, kind)));
        for (at, (name, look)) in own.chain(named).take(64).enumerate() {
            characteristic(&mut yaml, (at, &name, &look), &mut next);
        }
        populations(&mut yaml, &derived, &mut next);
        yaml.push_str("priority:\n  base_points: 100\n  terms:\n");
        for (at, name) in ["recovery_score", "days_to_next_stage", "days_past_due"].iter().enumerate() {
            let limit = ["", "  only_below_days_past_due: 45\n", ""][at];
            let mut term = format!("- term: t{at}\n  feature: {name}\n{limit}  missing: {{ points: 3 }}\n");
            numbers(&mut term, 1, &mut next);
            term.lines().for_each(|line| writeln!(yaml, "  {line}").expect("text never fails"));
        }
        if let Some(one) = derived.last() {
            let flag = if one.protected { "    protected: true\n" } else { "" };
            let mut term = format!(
                "- term: own\n  feature: derived.{}\n  missing: {{ points: 5 }}\n", one.name
            );
            numbers(&mut term, one.scale, &mut next);
            term.lines().for_each(|line| writeln!(yaml, "  {line}").expect("text never fails"));
            yaml.push_str(flag);
        }
        derived::write(&mut yaml, &derived);
        knock_outs(&mut yaml, &derived, &mut next);
        yaml
    })
}

/// What a characteristic must know of its feature.
pub(super) struct Look {
    kind: &'static str,
    values: FeatureKind,
    has_unknown: bool,
    protected: bool,
}

impl Look {
    fn of(name: &str, kind: &'static str) -> Look {
        let feature = Feature::find(name, Feature::custom_kind(kind)).expect("a known name");
        let (values, has_unknown) = feature.kind();
        Look { kind, values, has_unknown, protected: feature.protected() }
    }
}

/// A scorecard that looks at one number and nothing else, in many bins. `own` defines
/// features of its own.
pub(super) fn card_of_one(name: &str, own: &str) -> String {
    let mut yaml = format!(
        "scorecard_id: one\n{own}base_points: 0\ncutoffs: {{ a: 800, b: 400 }}\n\
         diagnosis: {{ low_below_permille: 500, known_from_permille: 100 }}\ncharacteristics:\n\
         - name: one\n  feature: {name}\n  family: custom\n  dimension: ABILITY\n  \
         reason: {{ code: R, text: t, audience: ANALYST }}\n  missing: {{ points: 999 }}\n  bins:\n"
    );
    let mut from = String::new();
    let starts = (-30..=60).chain((65..=400).step_by(5)).chain((450..=1_000).step_by(50));
    for (points, to) in starts.enumerate() {
        yaml.push_str(&format!("  - {{ {from}to: {to}, points: {points} }}\n"));
        from = format!("from: {to}, ");
    }
    yaml.push_str(&format!(
        "  - {{ {from}points: 998 }}\n  special:\n  - {{ value: -5, points: 901, label: a }}\n  \
         - {{ value: 0, points: 902, label: b }}\n  - {{ value: 72, points: 903, label: c }}\n\
         priority: {{ base_points: 0, terms: [] }}\n"
    ));
    yaml
}

fn characteristic(
    yaml: &mut String,
    (at, name, look): (usize, &str, &Look),
    next: &mut impl FnMut(u16) -> u16,
) {
    let points = |number: u16| i32::from(number) - 30;
    write!(
        yaml,
        "- name: c{at}\n  feature: {name}\n  family: custom\n  dimension: ABILITY\n  \
         weight_milli: {}\n  reason: {{ code: R{at}, text: t, audience: ANALYST }}\n  \
         missing: {{ points: {} }}\n",
        next(2_000),
        points(next(60)),
    )
    .expect("text never fails");
    if !look.kind.is_empty() {
        yaml.push_str(&format!("  kind: {}\n", look.kind));
    }
    if look.protected {
        yaml.push_str("  protected: true\n");
    }
    if look.has_unknown {
        yaml.push_str(&format!("  unknown: {{ points: {} }}\n", points(next(60))));
    }
    match look.values {
        FeatureKind::Number { scale } => numbers(yaml, scale, next),
        FeatureKind::Category(names) => {
            yaml.push_str("  bins:\n");
            for (name, _) in names {
                yaml.push_str(&format!("  - {{ is: [{name}], points: {} }}\n", points(next(60))));
            }
        }
        FeatureKind::Text => {
            yaml.push_str("  other: { points: -7 }\n  bins:\n");
            yaml.push_str("  - { is: [retail, farm], points: 9 }\n");
        }
    }
}

fn numbers(yaml: &mut String, scale: i64, next: &mut impl FnMut(u16) -> u16) {
    let step = |number: u16| match number % 4 {
        0 => i64::from(number % 3) + 1,
        1 => i64::from(number % 40) + 1,
        _ => i64::from(number) + 1,
    };
    let mut at = i64::from(next(3)) - 1;
    let mut from = String::new();
    yaml.push_str("  bins:\n");
    for _ in 0..=next(6) {
        let to = if scale == 1 { at.to_string() } else { format!("{at}.25") };
        yaml.push_str(&format!("  - {{ {from}to: {to}, points: {} }}\n", next(60)));
        from = format!("from: {to}, ");
        at += step(next(1_000));
    }
    yaml.push_str(&format!("  - {{ {from}points: {} }}\n", next(60)));
    let mut value = i64::from(next(30)) - 3;
    yaml.push_str("  special:");
    let count = next(4);
    yaml.push_str(if count == 0 { " []\n" } else { "\n" });
    for at in 0..count {
        let shown = if scale == 1 { value.to_string() } else { format!("{value}.5") };
        let points = next(90);
        yaml.push_str(&format!("  - {{ value: {shown}, points: {points}, label: s{at} }}\n"));
        value += i64::from(next(5)) + 1;
    }
}

/// What the fewer characteristics of populations look at.
const FEW: [&str; 8] = [
    "days_past_due",
    "late_months_12",
    "months_since_payment",
    "owns_home",
    "tenure_months",
    "marital_status",
    "promises_broken",
    "overdue_amount_log",
];

/// At most three populations of one or two conditions each, whose characteristics are named
/// like those of the scorecard, or of the second one of them from `c100` on.
fn populations(yaml: &mut String, derived: &[Drawn], next: &mut impl FnMut(u16) -> u16) {
    let count = next(4);
    yaml.push_str(if count == 0 { "populations: []\n" } else { "populations:\n" });
    for at in 0..count {
        let mut one = format!("- name: p{at}\n  base_points: {}\n  when:\n", next(900));
        for _ in 0..=next(2) {
            one.push_str(&format!("  - {{ {} }}\n", condition(derived, next)));
        }
        one.push_str("  characteristics:\n");
        for number in 0..=usize::from(next(7)) {
            let name = FEW[(number + usize::from(at)) % FEW.len()];
            let mut own = String::new();
            let number = if at == 1 { 100 + number } else { number };
            characteristic(&mut own, (number, name, &Look::of(name, "")), next);
            own.lines().for_each(|line| writeln!(one, "  {line}").expect("text never fails"));
        }
        yaml.push_str(&one);
    }
}

/// At most three rules of one or two conditions each.
fn knock_outs(yaml: &mut String, derived: &[Drawn], next: &mut impl FnMut(u16) -> u16) {
    let count = next(4);
    yaml.push_str("knock_outs:");
    yaml.push_str(if count == 0 { " []\n" } else { "\n" });
    for at in 0..count {
        let score = next(1_001);
        yaml.push_str(&format!(
            "- name: k{at}\n  score: {score}\n  \
             reason: {{ code: K{at}, text: k, audience: ANALYST }}\n  when:\n"
        ));
        for _ in 0..=next(2) {
            yaml.push_str(&format!("  - {{ {} }}\n", condition(derived, next)));
        }
    }
}

/// A condition of a rule or of a population.
fn condition(derived: &[Drawn], next: &mut impl FnMut(u16) -> u16) -> String {
    let number = next(60);
    let own = derived.first();
    match next(13) {
        0 => format!("feature: days_past_due, from: {number}, to: {}", number + 40),
        1 => format!("feature: late_months_12, from: {}", number % 6),
        2 => "feature: custom.area, kind: TEXT, is: [retail]".to_owned(),
        3 => "feature: overdue_reason, unknown: true".to_owned(),
        4 => "feature: owns_home, is: [NO]".to_owned(),
        5 => "feature: months_since_payment, missing: true".to_owned(),
        6 => "feature: marital_status, protected: true, is: [MARRIED]".to_owned(),
        7 => "feature: promises_broken, from: 1".to_owned(),
        8 => format!("feature: tenure_months, to: {number}"),
        9 => format!("feature: days_to_next_stage, to: {}", number % 20),
        10 if own.is_some() => {
            format!("{}, missing: true", own.expect("it is").looked_at())
        }
        11 if own.is_some() => {
            format!("{}, from: {number}", own.expect("it is").looked_at())
        }
        _ => format!("feature: custom.index, kind: NUMBER, to: {number}.5"),
    }
}
