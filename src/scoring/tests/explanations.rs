//! What is told of a case beside its numbers.

use crate::model::{
    CustomFeature, CustomValue, DebtorKind, Input, Payment, Promise, PromiseState, RecoveryGroup,
};
use crate::scoring::bins::Value;
use crate::scoring::feature::Feature;
use crate::scoring::subject::Subject;
use crate::scoring::{Audience, CONSUMER_YAML, Diagnosis, Dimension, value};

use super::generate::card_of_one;
use super::{Case, Day, basic, compiled, day, definition, noon, settings, shipped};

fn today() -> Day {
    day(2026, 3, 20)
}

fn payment(day: Day, amount: i64) -> Payment {
    Payment {
        event_id: format!("p{day}"),
        event_time: noon(day),
        amount_minor: amount,
        reversed_time: None,
    }
}

#[test]
fn payments_the_ledger_does_not_know_cure_provisionally() {
    let mut with = definition(CONSUMER_YAML);
    with.ranking.tolerance_amount_minor = 50;
    let rules = compiled(&with);
    let mut case = Case::new(basic(today(), 20), today().plus(2));
    case.as_of = noon(today());
    let cured = |case: &Case| {
        let ranked = case.rank(&rules);
        (ranked.cured_provisional, ranked.served.overdue_amount_minor)
    };
    assert_eq!(cured(&case), (false, 124_050));
    case.history.payments.push(payment(today().plus(1), 123_999));
    assert_eq!(cured(&case), (false, 51));
    case.history.payments.push(payment(today().plus(2), 1));
    assert_eq!(cured(&case), (true, 50));
    case.facts.overdue_amount_minor = 50;
    assert!(!cured(&case).0, "the ledger itself says so: cured, and not provisionally");
}

#[test]
fn an_open_promise_is_judged_when_its_grace_is_over() {
    let made = today().plus(-10);
    let judged = |paid: &[(i32, i64)], promised: i64, ahead: i32| {
        let mut case = Case::new(basic(today(), 20), made.plus(ahead));
        case.as_of = noon(made.plus(-1));
        case.history.promises.push(Promise {
            lease_seq: 1,
            event_time: noon(made),
            promised_amount_minor: promised,
            promised_date: made.plus(3),
            state: PromiseState::Open,
        });
        let payments = paid.iter().map(|(after, amount)| payment(made.plus(*after), *amount));
        case.history.payments = payments.collect();
        let input = case.input();
        let promises = Subject::new(&input, &settings()).promises;
        (promises.kept, promises.broken, promises.next_judged)
    };
    assert_eq!(judged(&[], 500, 4), (None, None, Some(made.plus(5))), "its grace runs");
    assert_eq!(judged(&[], 500, 5), (Some(0), Some(1), None));
    assert_eq!(judged(&[(3, 500)], 500, 5), (Some(1), Some(0), None), "paid on its day");
    assert_eq!(judged(&[(4, 500)], 500, 5), (Some(1), Some(0), None), "paid on its day of grace");
    assert_eq!(judged(&[(5, 500)], 500, 6), (Some(0), Some(1), None), "paid too late");
    assert_eq!(judged(&[(3, 499)], 500, 5), (Some(0), Some(1), None), "a unit short");
    assert_eq!(judged(&[(-1, 500)], 500, 5), (Some(0), Some(1), None), "paid before it was made");
    assert_eq!(judged(&[(2, 200), (4, 300)], 500, 5), (Some(1), Some(0), None), "in two parts");
    assert_eq!(judged(&[(3, 124_050)], 0, 5), (Some(1), Some(0), None), "all that is overdue");
    assert_eq!(judged(&[(3, 124_049)], 0, 5), (Some(0), Some(1), None));
    assert_eq!(judged(&[(5, 124_050)], 0, 6), (Some(0), Some(1), None), "all of it, too late");
}

#[test]
fn what_was_told_and_what_was_recorded_of_promises_add_up() {
    let mut case = Case::new(basic(today(), 20), today());
    case.facts.inputs.set(Input::PromisesKept, 2);
    case.history.promises_kept_count = 1;
    case.history.promises_broken_count = 3;
    let input = case.input();
    let subject = Subject::new(&input, &settings());
    let told = |name| value(&Feature::find(name, None).expect("a feature"), &subject);
    assert_eq!(told("promises_kept"), Value::Number(3));
    assert_eq!(told("promises_broken"), Value::Number(3));
    assert_eq!(told("promises_kept_permille"), Value::Number(500));
}

#[test]
fn confidence_counts_only_what_applies_to_the_debtor() {
    let confidence = |kind, inputs: &[(Input, i64)]| {
        let mut case = Case::new(basic(today(), 20), today());
        case.facts.debtor_kind = Some(kind);
        for (input, number) in inputs {
            case.facts.inputs.set(*input, *number);
        }
        let subtotals = case.explain(shipped()).dimension_subtotals;
        let of = |dimension| {
            let found = subtotals.iter().find(|one| one.dimension == dimension);
            found.expect("the shipped card has every dimension").confidence_permille
        };
        (of(Dimension::Age), of(Dimension::WillingnessPassive), of(Dimension::Ability))
    };
    assert_eq!(confidence(DebtorKind::Person, &[]), (1_000, 0, 0));
    let home = &[(Input::OwnsHome, 3)];
    let (_, person, _) = confidence(DebtorKind::Person, home);
    let (_, business, _) = confidence(DebtorKind::Business, home);
    assert!(person > business, "a person has no business to ask for: {person}, {business}");
    // 40 of home over 40 + 60 assets + 60 work + 218 of credit record.
    assert_eq!(person, 40 * 1_000 / (40 + 60 + 60 + CREDIT_RECORD));
    let unknown = &[(Input::OwnsHome, 1)];
    assert_eq!(confidence(DebtorKind::Person, unknown).1, 0, "asked and not known is not known");
}

/// The sum of the ranges of the credit record in the shipped card.
const CREDIT_RECORD: i32 = 25 + 33 + 60 + 20 + 22 + 13 + 12 + 33;

#[test]
fn too_little_known_is_no_diagnosis() {
    let case = Case::new(basic(today(), 200), today());
    assert_eq!(case.explain(shipped()).diagnosis, Diagnosis::Unknown);
}

#[test]
fn equal_reason_codes_are_one_reason_of_the_narrower_audience() {
    let yaml = CONSUMER_YAML.replacen("code: COOPERATION,", "code: SAME,", 1).replacen(
        "code: FALSE_INFORMATION,",
        "code: SAME,",
        1,
    );
    let rules = compiled(&definition(&yaml));
    let mut case = Case::new(basic(today(), 2), today());
    case.facts.inputs.set(Input::Cooperation, 2);
    case.facts.inputs.set(Input::FalseInformation, 3);
    let reasons = case.explain(&rules).reasons;
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert_eq!((reasons[0].points_lost, reasons[0].audience), (150 + 130, Audience::Analyst));
    assert_eq!(reasons[0].characteristic, "cooperation");
}

#[test]
fn a_protected_input_that_is_off_shows_nothing_in_its_line() {
    let mut case = Case::new(basic(today(), 20), today());
    case.facts.inputs.set(Input::MaritalStatus, 3);
    let lines = case.explain(shipped()).lines;
    let line = lines.iter().find(|line| line.characteristic == "marital_status");
    let line = line.expect("the shipped card has it");
    assert_eq!((line.value.as_str(), line.bin.as_str(), line.missing), ("", "off", false));
    assert_eq!((line.points, line.contribution, line.best_contribution), (0, 0, 0));
    assert!(line.protected_input);
}

#[test]
fn a_special_value_is_told_by_its_label_and_is_no_knowledge() {
    let yaml = CONSUMER_YAML.replacen(
        "  - name: creditor_count\n",
        "  - name: bureau\n    feature: custom.bureau\n    kind: NUMBER\n    family: custom\n    \
         dimension: ABILITY\n    reason: { code: BUREAU_SCORE, text: low, audience: AGENT }\n    \
         missing: { points: 0 }\n    bins: [{ to: 0.5, points: -90 }, { from: 0.5, points: 40 }]\n    \
         special:\n      - { value: -999, points: -60, label: no bureau record,\n          \
         reason: { code: NO_RECORD, text: none, audience: AGENT } }\n      - { value: 0.25, points: 7, label: odd }\n  \
         - name: creditor_count\n",
        1,
    );
    let rules = compiled(&definition(&yaml));
    let told = |number: Option<i64>| {
        let mut case = Case::new(basic(today(), 2), today());
        let feature = |number| CustomFeature {
            feature_id: "bureau".to_owned(),
            value: CustomValue::Number(number),
        };
        case.facts.custom_features = number.map(feature).into_iter().collect();
        let told = case.explain(&rules);
        let line = told.lines.iter().find(|line| line.characteristic == "bureau");
        let line = line.expect("the card has it").clone();
        let confidence = told.dimension_subtotals.iter();
        let confidence = confidence.map(|one| one.confidence_permille).sum::<i32>();
        (line.bin, line.contribution, told.reasons, confidence)
    };
    let silent = told(None).3;
    let (bin, points, reasons, confidence) = told(Some(-999_000_000));
    assert_eq!((bin.as_str(), points, confidence), ("no bureau record", -60, silent));
    assert_eq!((reasons[0].reason_code.as_str(), reasons[0].points_lost), ("NO_RECORD", 100));
    let (bin, points, reasons, _) = told(Some(250_000));
    assert_eq!((bin.as_str(), points, reasons[0].points_lost), ("odd", 7, 33));
    let (bin, points, reasons, confidence) = told(Some(-998_999_999));
    assert_eq!((bin.as_str(), points), ("below 0.5", -90));
    assert_eq!(reasons[0].reason_code, "BUREAU_SCORE");
    assert!(confidence > silent);
}

#[test]
fn the_clamp_has_lines_of_its_own() {
    let yaml = CONSUMER_YAML.replacen("base_points: 500", "base_points: 900", 1).replacen(
        "priority:\n  base_points: 0",
        "priority:\n  base_points: 900",
        1,
    );
    let rules = compiled(&definition(&yaml));
    let told = Case::new(basic(today(), 2), today()).explain(&rules);
    assert_eq!((told.rank.score, told.clamp_points), (1_000, -141));
    let clamp = told.priority_lines.last().expect("there are lines");
    assert_eq!((told.rank.priority, clamp.term.as_str()), (1_000, "clamp"));
    assert!(clamp.points < 0);
}

/// What a scorecard says of a case of 40 days for which alone the age would do.
fn next_bins(change: impl Fn(&str) -> String) -> (RecoveryGroup, Vec<String>) {
    let yaml = change(&card_of_one("days_past_due", ""));
    let explanation = Case::new(basic(today(), 40), today()).explain(&compiled(&definition(&yaml)));
    let names = explanation.next_group_bins.into_iter().map(|bin| bin.characteristic);
    (explanation.rank.group, names.collect())
}

#[test]
fn what_also_decides_otherwise_is_no_way_to_the_next_group() {
    let cutoffs = "cutoffs: { a: 80, b: 75 }";
    let card = |yaml: &str| yaml.replace("cutoffs: { a: 800, b: 400 }", cutoffs);
    assert_eq!(next_bins(card), (RecoveryGroup::C, vec!["one".to_owned()]));
    let by_stage = |yaml: &str| {
        let stages = format!("{cutoffs}\ncutoffs_by_stage: {{ M3: {{ a: 900, b: 800 }} }}");
        card(yaml).replace(cutoffs, &stages)
    };
    let rule = "knock_outs:\n- name: old\n  when: [{ feature: days_past_due, from: 60 }]\n  \
        score: 0\n  reason: { code: OLD, text: t, audience: ANALYST }\n";
    let by_rule = |yaml: &str| format!("{}{rule}", card(yaml));
    let own = "derived:\n- name: later\n  difference: { of: days_past_due, less: custom.days }\n";
    let twice = |yaml: &str| {
        let one = yaml.find("- name: one").expect("it has one");
        let end = yaml.find("priority:").expect("it has a priority");
        let other = yaml[one..end].replace("name: one", "name: two");
        let other = other.replace("feature: days_past_due", "feature: derived.later");
        let other = other.replace("points: 999", "points: 0");
        let both = format!("{}{other}{}", &yaml[..end], &yaml[end..]);
        card(&both.replace("base_points: 0\ncutoffs", &format!("{own}base_points: 0\ncutoffs")))
    };
    let none = |found: (RecoveryGroup, Vec<String>)| {
        assert!(found.0 != RecoveryGroup::A && found.1.is_empty(), "{found:?}");
    };
    none(next_bins(by_stage));
    none(next_bins(by_rule));
    none(next_bins(twice));
}
