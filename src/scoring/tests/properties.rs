//! What holds for every case and every scorecard.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::model::{
    Day, DebtorKind, INPUTS, Input, Inputs, Instalment, RecoveryGroup, RoutingRule,
};
use crate::scoring::compile::CHARACTERISTICS_MAX;
use crate::scoring::subject::Subject;
use crate::scoring::{
    BUSINESS_YAML, CONSUMER_YAML, CaseInput, Codes, Explanation, NextGroupBin, Ranked, RuleSet,
    RuleSetDefinition,
};

use super::generate::{card_of_everything, card_of_one, case, holds, routing_rules};
use super::naive;
use super::{Case, compiled, definition, routed, shipped, shipped_definition};

/// Everything that is told of a case but what changes with every day: the rank,
/// and the bin of every characteristic.
fn told(rules: &RuleSet, case: &Case, today: Day) -> ((Ranked, Codes), Option<Day>) {
    let input = CaseInput { today, ..case.input() };
    let mut ranked = rules.rank(&input);
    let mut codes = [0; CHARACTERISTICS_MAX];
    let subject = Subject::new(&input, &rules.ranking);
    let scorecard = rules.place(&input, subject.debtor_kind).scorecard;
    scorecard.part(&subject).codes(&subject, &mut codes);
    let review_day = ranked.review_day.take();
    ranked.days_past_due = 0;
    ranked.rank.rank_date = Day(0);
    ((ranked, codes), review_day)
}

pub(super) fn check_stepping(rules: &RuleSet, case: &Case) -> Result<usize, TestCaseError> {
    let (mut stored, mut review_day) = told(rules, case, case.today);
    let mut reviews = 0;
    for ahead in 1..=800 {
        let today = case.today.plus(ahead);
        let (fresh, next) = told(rules, case, today);
        if review_day.is_some_and(|day| day <= today) {
            prop_assert!(next.is_none_or(|day| day > today), "a review day must lie ahead");
            (stored, review_day) = (fresh, next);
            reviews += 1;
        } else {
            prop_assert_eq!(&stored, &fresh, "differs {} days ahead", ahead);
        }
    }
    Ok(reviews)
}

pub(super) fn check_sums(explanation: &Explanation) -> Result<(), TestCaseError> {
    let contributions: i32 = explanation.lines.iter().map(|line| line.contribution).sum();
    let raw = explanation.base_points + contributions;
    let by_points = raw + explanation.clamp_points;
    prop_assert_eq!(raw.clamp(0, 1_000), by_points);
    let decided = explanation.knock_out.as_ref().map_or(0, |rule| rule.points);
    prop_assert_eq!(by_points + decided, explanation.rank.score);
    let raw = match &explanation.knock_out {
        Some(rule) => {
            let first = &explanation.reasons[0];
            prop_assert_eq!((rule.score, -first.points_lost), (explanation.rank.score, decided));
            prop_assert_eq!(&first.characteristic, &rule.name);
            prop_assert!(explanation.next_group_bins.is_empty());
            rule.score
        }
        None => raw,
    };
    for line in &explanation.lines {
        let product = f64::from(line.weight_milli) * f64::from(line.points) / 1_000.0;
        prop_assert_eq!(product.round() as i32, line.contribution, "of {}", &line.characteristic);
        prop_assert!(line.contribution <= line.best_contribution);
    }
    let families: i32 = explanation.family_subtotals.iter().map(|one| one.contribution).sum();
    let dimensions: i32 = explanation.dimension_subtotals.iter().map(|one| one.contribution).sum();
    prop_assert_eq!((families, dimensions), (contributions, contributions));
    let priority: i32 = explanation.priority_lines.iter().map(|line| line.points).sum();
    prop_assert_eq!(priority, explanation.rank.priority);
    prop_assert!((0..=1_000).contains(&priority));
    prop_assert!(explanation.reasons.len() <= 4);
    let others = &explanation.reasons[usize::from(explanation.knock_out.is_some())..];
    prop_assert!(others.is_sorted_by(|a, b| a.points_lost >= b.points_lost));
    check_next_group(explanation, raw)
}

/// The rule that an explanation names gives the route, and none before it does.
fn check_route(explanation: &Explanation, rules: &[RoutingRule]) -> Result<(), TestCaseError> {
    let route = explanation.rank.route;
    let Some(line) = &explanation.route else {
        prop_assert!(route.is_none());
        return Ok(());
    };
    prop_assert_eq!((line.route, rules[line.rule].route), (route, route));
    let looked_at: Vec<&str> = line.conditions.iter().map(|one| one.feature.as_str()).collect();
    let written: Vec<&str> = rules[line.rule].when.iter().map(|one| one.feature.as_str()).collect();
    prop_assert_eq!(looked_at, written);
    Ok(())
}

fn check_next_group(explanation: &Explanation, raw: i32) -> Result<(), TestCaseError> {
    let lacking = explanation.points_to_next_group;
    let reached = match explanation.rank.group {
        RecoveryGroup::A => raw.max(explanation.cutoff_a),
        RecoveryGroup::B => explanation.cutoff_a,
        RecoveryGroup::C => explanation.cutoff_b,
    };
    prop_assert_eq!(lacking, (reached - raw).max(0));
    prop_assert_eq!(lacking == 0, explanation.rank.group == RecoveryGroup::A);
    for line in &explanation.lines {
        let same = |bin: &&NextGroupBin| bin.characteristic == line.characteristic;
        let most = line.best_contribution - line.contribution;
        if let Some(bin) = explanation.next_group_bins.iter().find(same) {
            prop_assert!((lacking..=most).contains(&bin.points_gained), "{}", bin.bin);
            prop_assert!(lacking > 0 && !line.protected_input && bin.bin != line.bin);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn lines_add_up_and_compiled_equals_naive(
        case in case(), yaml in card_of_everything(), routing in routing_rules()
    ) {
        let shipped = match case.facts.debtor_kind {
            Some(DebtorKind::Business) => BUSINESS_YAML,
            Some(DebtorKind::Person) | None => CONSUMER_YAML,
        };
        let with = RuleSetDefinition {
            business_scorecard_yaml: Some(yaml.clone()),
            ..definition(CONSUMER_YAML)
        };
        let business = match case.facts.debtor_kind {
            Some(DebtorKind::Business) => yaml.as_str(),
            Some(DebtorKind::Person) | None => CONSUMER_YAML,
        };
        let alone = definition(&yaml);
        for (definition, yaml) in
            [(&alone, yaml.as_str()), (&with, business), (&shipped_definition(), shipped)]
        {
            let rules = compiled(&routed(definition.clone(), &routing));
            let explanation = case.explain(&rules);
            prop_assert_eq!(explanation.rank.route, naive::route(yaml, &routing, &case));
            check_route(&explanation, &routing)?;
            check_sums(&explanation)?;
            prop_assert_eq!(explanation.rank, case.rank(&rules).rank);
            let naive = naive::rank(yaml, &case);
            let rank = explanation.rank;
            prop_assert_eq!((rank.score, rank.group, rank.priority), naive);
        }
    }

    #[test]
    fn holds_never_move_anything(case in case(), holds in holds()) {
        let rules = shipped();
        let mut held = case.clone();
        held.history.holds = holds;
        prop_assert_eq!(case.rank(rules), held.rank(rules));
        prop_assert_eq!(case.explain(rules), held.explain(rules));
    }

    #[test]
    fn a_protected_input_that_is_off_touches_no_output(
        one in case(), two in case(), yaml in card_of_everything(), routing in routing_rules()
    ) {
        let mut other = one.clone();
        other.facts.inputs = Inputs::new();
        for input in INPUTS {
            let source = if input.protected() { &two } else { &one };
            if let Some(value) = source.facts.inputs.get(*input) {
                other.facts.inputs.set(*input, value);
            }
        }
        for definition in [definition(&yaml), shipped_definition()] {
            let rules = compiled(&routed(definition, &routing));
            prop_assert_eq!(one.rank(&rules), other.rank(&rules));
            prop_assert_eq!(one.explain(&rules), other.explain(&rules));
        }
    }

    #[test]
    fn what_is_on_may_move_the_score_and_the_rest_stays_off(case in case()) {
        let mut with = shipped_definition();
        with.ranking.protected_inputs_on = vec!["marital_status".to_owned()];
        let case = of_kind(&case, DebtorKind::Person);
        let (mut single, mut married) = (case.clone(), case);
        single.facts.inputs.set(Input::MaritalStatus, 2);
        married.facts.inputs.set(Input::MaritalStatus, 3);
        let rules = compiled(&with);
        let contributions = |case: &Case| {
            let lines = case.explain(&rules).lines;
            let one = |name: &str| {
                lines.iter().find(|line| line.characteristic == name).map(|line| line.contribution)
            };
            (one("marital_status"), one("residency_local"))
        };
        prop_assert_eq!(contributions(&single), (Some(-5), Some(0)));
        prop_assert_eq!(contributions(&married), (Some(10), Some(0)));
    }

    /// More to lose is never harder: in every step of every factor of default cost
    /// the shipped scorecards know, everything else equal, protected ones switched on.
    #[test]
    fn more_to_lose_never_lowers_the_score(case in case()) {
        let mut all_on = shipped_definition();
        let protected = INPUTS.iter().filter(|input| input.protected());
        all_on.ranking.protected_inputs_on = protected.map(|input| input.name().to_owned()).collect();
        let rules = compiled(&all_on);
        let persons = LADDERS.iter().map(|ladder| (DebtorKind::Person, ladder));
        let businesses = LADDERS.iter().map(|ladder| (DebtorKind::Business, ladder));
        for (kind, (input, ladder)) in persons.chain(businesses) {
            let mut case = of_kind(&case, kind);
            let scores = ladder.iter().map(|value| {
                case.facts.inputs.set(*input, *value);
                case.rank(&rules).rank.score
            });
            let scores: Vec<i32> = scores.collect();
            prop_assert!(scores.is_sorted(), "{kind:?}: {} {scores:?}", input.name());
        }
    }
}

/// The same case of a person or of a business.
fn of_kind(case: &Case, kind: DebtorKind) -> Case {
    let mut case = case.clone();
    case.facts.debtor_kind = Some(kind);
    case
}

const LEVELS: &[i64] = &[2, 3, 4, 5];
const NO_YES: &[i64] = &[2, 3];

/// The factors of default cost with values in the order of ever more to lose.
const LADDERS: &[(Input, &[i64])] = &[
    (Input::MaritalStatus, &[2, 3]),
    (Input::MaritalStatus, &[4, 3]),
    (Input::MaritalStatus, &[5, 3]),
    (Input::DependentChildren, &[0, 1, 2, 3, 30]),
    (Input::OwnsHome, NO_YES),
    (Input::AssetLevel, LEVELS),
    (Input::ResidencyLocal, NO_YES),
    (Input::SocialStanding, LEVELS),
    (Input::FamilyStanding, LEVELS),
    (Input::EmploymentType, &[2, 3, 5, 6, 7]),
    (Input::BusinessMonths, &[0, 11, 12, 23, 24, 36, 48, 84, 120, 12_000]),
    (Input::MonthsAtLocation, &[0, 11, 12, 35, 36, 119, 120, 12_000]),
    (Input::RegularCustomerDependence, LEVELS),
    (Input::RelocationDifficulty, LEVELS),
    (Input::RelocationImpact, LEVELS),
    (Input::StillOperating, NO_YES),
    (Input::BureauReported, NO_YES),
    (Input::FutureCreditNeed, LEVELS),
    (Input::InternalRating, &[0, 299, 300, 499, 500, 699, 700, 1_000]),
    (Input::RepeatBorrower, NO_YES),
    (Input::CreditReliance, LEVELS),
    (Input::PenaltyRateBps, &[0, 1, 999, 1_000, 1_999, 2_000, 100_000]),
    (Input::FeesContracted, NO_YES),
    (Input::TradeReputation, LEVELS),
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn stepping_by_the_review_day_equals_ranking_every_day(
        case in case(), yaml in card_of_everything(), routing in routing_rules()
    ) {
        check_stepping(&compiled(&routed(definition(&yaml), &routing)), &case)?;
        check_stepping(shipped(), &case)?;
        // Where little else is looked at, hardly anything but a route brings a review.
        let few = routed(definition(super::validation::SMALL), &routing);
        check_stepping(&compiled(&few), &case)?;
        // The card for persons knows nothing of when another card's bins change.
        let business_scorecard_yaml = Some(yaml);
        let small = definition(super::validation::SMALL);
        let with = RuleSetDefinition { business_scorecard_yaml, ..small };
        check_stepping(&compiled(&with), &of_kind(&case, DebtorKind::Business))?;
    }
}

/// Beside others a feature's own boundary may never be the first: alone it is.
#[test]
fn every_feature_that_time_moves_is_stepped_through_alone() {
    let moved = [
        "days_past_due",
        "days_to_next_stage",
        "penalty_accrued_permille",
        "late_months_6",
        "late_months_12",
        "deep_late_months_12",
        "worst_months_past_due_6",
        "worst_months_past_due_12",
        "on_time_permille_12",
        "arrears_trend",
        "cured_before",
        "paid_share_permille_12",
        "months_since_payment",
        "promises_kept",
        "promises_broken",
        "promises_kept_permille",
        "tenure_months",
    ];
    let formulas = [
        "ratio: { of: days_past_due, to: late_months_12 }",
        "ratio: { of: months_since_payment, to: days_past_due }",
        "difference: { of: days_past_due, less: penalty_accrued_permille }",
        "min: [days_past_due, promises_kept_permille]",
        "max: [days_to_next_stage, tenure_months, cured_before]",
        "known: [late_months_6, worst_months_past_due_12, promises_kept]",
        "months_between: { from: customer_since_date, to: today }",
        "months_between: { from: today, to: custom.begun }",
        "change: { of: late_months_6, months: 3 }",
        "change: { of: worst_months_past_due_6, months: 6 }",
        "change: { of: arrears_trend, months: 1 }",
    ];
    let derived =
        formulas.map(|formula| ("derived.x", format!("derived:\n- name: x\n  {formula}\n")));
    let moved = moved.map(|name| (name, String::new()));
    let mut runner = TestRunner::deterministic();
    for (name, own) in moved.into_iter().chain(derived) {
        let rules = compiled(&definition(&card_of_one(name, &own)));
        let mut changes = 0;
        for _ in 0..12 {
            let mut case =
                case().new_tree(&mut runner).expect("cases without conditions").current();
            // Beyond the last stage nothing but the feature can bring a review.
            case.facts.oldest_due_date = Some(case.today.plus(-121));
            changes += check_stepping(&rules, &case)
                .unwrap_or_else(|error| panic!("{name} {own}: {error}"));
        }
        let stays = name == "days_to_next_stage" || own.contains("days_to_next_stage");
        assert!(changes > 0 || stays, "nothing ever moved {name} {own}");
    }
}

/// What falls due further ahead than a history is laid out moves features all the same.
#[test]
fn instalments_far_apart_are_stepped_through_as_well() {
    let formulas = [
        "max: [late_months_12, worst_months_past_due_6]",
        "difference: { of: worst_months_past_due_12, less: cured_before }",
        "ratio: { of: deep_late_months_12, to: overdue_amount_log }",
        "known: [on_time_permille_12, derived.below]",
        "change: { of: late_months_6, months: 1 }",
        "min: [derived.below, limit_amount]",
    ];
    let today = super::day(2026, 3, 20);
    let instalment = |due_date, paid| Instalment {
        due_date,
        due_amount_minor: 90_000,
        paid_amount_minor: if paid { 90_000 } else { 0 },
        paid_date: paid.then_some(due_date),
    };
    for formula in formulas {
        let below = "- name: below\n  ratio: { of: late_months_12, to: overdue_amount_log }\n";
        let own = format!("derived:\n{below}- name: x\n  {formula}\n");
        let rules = compiled(&definition(&card_of_one("derived.x", &own)));
        let mut reviews = 0;
        for (year, month) in [(2027, 2), (2027, 3), (2027, 4), (2027, 5), (2027, 8), (2028, 3)] {
            let next = super::day(year, month, 10);
            let mut case = Case::new(super::basic(today, 121), today);
            case.facts.instalments =
                vec![instalment(today.plus(-40), true), instalment(next, false)];
            reviews += check_stepping(&rules, &case)
                .unwrap_or_else(|error| panic!("{formula}, due {next}: {error}"));
        }
        assert!(reviews > 6, "{formula}: {reviews} reviews");
    }
}

/// States and stages change by themselves even where no feature does.
#[test]
fn a_scorecard_that_hardly_looks_at_time_is_stepped_through_as_well() {
    let rules = compiled(&definition(super::validation::SMALL));
    let today = super::day(2026, 3, 20);
    for days in [-40, -1, 0, 29, 30, 95, 120, 121, 400] {
        let case = Case::new(super::basic(today, days), today);
        check_stepping(&rules, &case).expect("stepping equals ranking every day");
    }
}

#[test]
fn a_five_column_case_is_reviewed_seldom() {
    let today = super::day(2026, 3, 20);
    let case = Case::new(super::basic(today, 0), today);
    let reviews = check_stepping(shipped(), &case).expect("stepping equals ranking every day");
    // 17 age bins, 4 stages and 3 steps of urgency in each, the early-risk bound.
    assert!(reviews <= 35, "{reviews} reviews in 800 days");
}
