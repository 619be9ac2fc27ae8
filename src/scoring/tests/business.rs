//! Two scorecards in one rule set: which of them ranks a case, and that both
//! stand on one scale.

use crate::model::{Day, DebtorKind, Facts, Input};
use crate::scoring::{BUSINESS_YAML, CONSUMER_YAML, Family, RuleSet, RuleSetDefinition};

use super::{Case, basic, compiled, day, definition, shipped, shipped_definition};

fn today() -> Day {
    day(2026, 3, 20)
}

fn of_kind(kind: Option<DebtorKind>, days: i32) -> Case {
    Case::new(Facts { debtor_kind: kind, ..basic(today(), days) }, today())
}

fn used(rules: &RuleSet, kind: Option<DebtorKind>) -> String {
    of_kind(kind, 20).explain(rules).scorecard_id
}

#[test]
fn the_kind_of_the_case_else_of_the_portfolio_chooses_the_card() {
    let mut definition = shipped_definition();
    let rules = compiled(&definition);
    assert_eq!(used(&rules, Some(DebtorKind::Person)), "consumer");
    assert_eq!(used(&rules, Some(DebtorKind::Business)), "business");
    assert_eq!(used(&rules, None), "consumer");
    assert_eq!(DebtorKind::ALL.map(|kind| rules.scorecard_id(kind)), ["consumer", "business"]);
    definition.ranking.default_debtor_kind = DebtorKind::Business;
    let rules = compiled(&definition);
    assert_eq!(used(&rules, Some(DebtorKind::Person)), "consumer");
    assert_eq!(used(&rules, None), "business");
}

#[test]
fn a_rule_set_of_one_card_ranks_both_kinds_by_it() {
    let rules = compiled(&definition(CONSUMER_YAML));
    assert_eq!(used(&rules, Some(DebtorKind::Business)), "consumer");
    assert_eq!(rules.scorecard_id(DebtorKind::Business), "consumer");
    let mut case = of_kind(Some(DebtorKind::Business), 85);
    case.facts.inputs.set(Input::BusinessMonths, 9);
    assert_eq!(case.rank(&rules).rank.score, 500 + 82 - 25, "as before there were two");
    assert_eq!(case.rank(shipped()).rank.score, 500 + 82 - 45);
}

#[test]
fn a_case_whose_kind_changes_is_ranked_by_the_other_card() {
    let mut case = of_kind(None, 85);
    case.facts.inputs.set(Input::StillOperating, 2);
    let person = case.explain(shipped());
    case.facts.debtor_kind = Some(DebtorKind::Business);
    let business = case.explain(shipped());
    assert_eq!((person.scorecard_id.as_str(), person.rank.score), ("consumer", 500 + 82 - 130));
    assert_eq!((business.scorecard_id.as_str(), business.rank.score), ("business", 500 + 82 - 200));
    let reasons = shipped().reasons(&case.input(), None);
    assert_eq!(reasons, business.reasons, "reasons alone are those of the same card");
    assert_eq!(reasons[0].reason_code, "NOT_OPERATING");
}

/// Equal scores mean equally hard: base, cutoffs, the age and the work order are
/// the same, and what nobody told moves neither card.
#[test]
fn both_cards_stand_on_one_scale() {
    let rules = shipped();
    let [person, business] = DebtorKind::ALL.map(|kind| &rules.scorecard(kind).card);
    assert_eq!(person.base_points, business.base_points);
    assert_eq!(person.cutoffs, business.cutoffs);
    let priority = |yaml: &str| {
        let (_, priority) = yaml.split_once("\npriority:\n").expect("a card has a work order");
        priority.to_owned()
    };
    assert_eq!(priority(CONSUMER_YAML), priority(BUSINESS_YAML));
    for days in -40..1_000 {
        let rank = |kind| of_kind(Some(kind), days).rank(rules).rank;
        let [person, business] = DebtorKind::ALL.map(rank);
        assert_eq!(person, business, "with {days} days alone known");
    }
}

/// The household is a person's; what a business would lose stands in its place.
#[test]
fn the_card_for_businesses_asks_nothing_of_a_household() {
    let case = of_kind(Some(DebtorKind::Business), 20);
    let lines = case.explain(shipped()).lines;
    assert!(lines.iter().all(|line| line.family != Family::Household && !line.protected_input));
    let count = |family| lines.iter().filter(|line| line.family == family).count();
    assert_eq!((count(Family::Business), count(Family::CreditRecord)), (6, 8));
}

/// What a default costs weighs more with a business than with a person.
#[test]
fn a_factor_of_the_business_moves_the_card_for_businesses_further() {
    let range = |card: &str| {
        let rules = compiled(&RuleSetDefinition { ..definition(card) });
        let lines = &rules.scorecard(DebtorKind::Business).card.characteristics;
        let of_family = lines.iter().filter(|one| one.family == Family::Business);
        let ranges =
            of_family.map(|one| (one.name.clone(), one.best_contribution - one.worst_contribution));
        ranges.collect::<Vec<_>>()
    };
    let (consumer, business) = (range(CONSUMER_YAML), range(BUSINESS_YAML));
    for ((name, narrow), (same, wide)) in consumer.iter().zip(&business) {
        assert_eq!(name, same);
        assert!(wide > narrow, "{name}: {wide} against {narrow}");
    }
}
