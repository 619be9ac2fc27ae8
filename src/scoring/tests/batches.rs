//! Batches: the same scores and groups as case by case.

use proptest::prelude::*;

use crate::model::DebtorKind;
use crate::scoring::{
    BUSINESS_YAML, CONSUMER_YAML, CodeColumns, Comparison, HISTOGRAM_BUCKETS, RuleSetDefinition,
};

use super::generate::{card_of_everything, case};
use super::{Case, compiled, definition, shipped, shipped_definition};

fn one_by_one(rules: [&crate::scoring::RuleSet; 2], cases: &[Case]) -> Comparison {
    let mut told = Comparison::default();
    for case in cases {
        let ranks = rules.map(|rules| case.rank(rules).rank);
        for (card, rank) in ranks.iter().enumerate() {
            told.histograms[card][(rank.score as usize / 50).min(HISTOGRAM_BUCKETS - 1)] += 1;
            told.groups[card][rank.group as usize - 1] += 1;
        }
        told.migration[ranks[0].group as usize - 1][ranks[1].group as usize - 1] += 1;
    }
    told
}

/// A rule set of this card for persons and the shipped one for businesses, which
/// starts from so many points more.
fn with_business(yaml: &str, more: i32) -> RuleSetDefinition {
    let business =
        BUSINESS_YAML.replacen("base_points: 500", &format!("base_points: {}", 500 + more), 1);
    RuleSetDefinition { business_scorecard_yaml: Some(business), ..definition(yaml) }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(30) })]

    #[test]
    fn a_batch_counts_what_single_cases_give(
        cases in proptest::collection::vec(case(), 1..60),
        (yaml, cutoff, base) in (card_of_everything(), 1..900_i32, 0..900_i32)
    ) {
        let one = compiled(&with_business(&yaml, 0));
        let (head, rest) = yaml.split_once("diagnosis").expect("a card has a rule of diagnosis");
        let head = head.split_once("cutoffs").expect("a card has cutoffs").0;
        let cutoffs = format!(
            "cutoffs: {{ a: {}, b: {cutoff} }}\ncutoffs_by_stage: {{ M3: {{ a: 500, b: 499 }} }}\n",
            cutoff + 50,
        );
        let lines: Vec<&str> = head.lines().filter(|line| !line.starts_with("base_points")).collect();
        let head = format!("{}\nbase_points: {base}\n", lines.join("\n"));
        let changed = format!("{head}{cutoffs}diagnosis{rest}");
        let two = compiled(&with_business(&changed.replace("points: 2", "points: 5").replace("score: 3", "score: 4"), 9));
        let mut columns = CodeColumns::new(&one);
        for case in &cases {
            columns.push(&one, &case.input());
        }
        prop_assert!(one.shares_bins(&two));
        prop_assert_eq!(columns.len(), cases.len());
        prop_assert_eq!(one.compare(&two, &columns), Some(one_by_one([&one, &two], &cases)));
    }
}

#[test]
fn cards_of_other_bins_are_not_compared() {
    let moved = CONSUMER_YAML.replacen("{ to: 1, points: 250 }", "{ to: 2, points: 250 }", 1);
    let moved = moved.replacen("from: 1, to: 8", "from: 2, to: 8", 1);
    let mut definition = shipped_definition();
    definition.scorecard_yaml = moved;
    let moved = compiled(&definition);
    let rules = shipped();
    assert!(rules.shares_bins(rules));
    assert!(!rules.shares_bins(&moved));
    assert_eq!(rules.compare(&moved, &CodeColumns::new(rules)), None);
    let changes: [fn(&mut RuleSetDefinition); 4] = [
        |other| other.business_scorecard_yaml = None,
        |other| other.ranking.default_debtor_kind = DebtorKind::Business,
        |other| other.ranking.tolerance_amount_minor = 1,
        |other| other.ranking.stage_bounds.0[0] += 1,
    ];
    for (at, change) in changes.iter().enumerate() {
        let mut definition = shipped_definition();
        change(&mut definition);
        assert!(!rules.shares_bins(&compiled(&definition)), "change {at}");
    }
}
