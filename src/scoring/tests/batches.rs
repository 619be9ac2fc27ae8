//! Batches: the same scores and groups as case by case.

use proptest::prelude::*;

use crate::scoring::{CONSUMER_YAML, CodeColumns, Comparison, HISTOGRAM_BUCKETS};

use super::generate::{card_of_everything, case};
use super::{Case, compiled, definition, shipped};

fn one_by_one(rules: [&crate::scoring::RuleSet; 2], cases: &[Case]) -> Comparison {
    let mut told = Comparison {
        histograms: [[0; HISTOGRAM_BUCKETS]; 2],
        groups: [[0; 3]; 2],
        migration: [[0; 3]; 3],
    };
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(30) })]

    #[test]
    fn a_batch_counts_what_single_cases_give(
        cases in proptest::collection::vec(case(), 1..60),
        (yaml, cutoff, base) in (card_of_everything(), 1..900_i32, 0..900_i32)
    ) {
        let one = compiled(&definition(&yaml));
        let (head, rest) = yaml.split_once("diagnosis").expect("a card has a rule of diagnosis");
        let head = head.split_once("cutoffs").expect("a card has cutoffs").0;
        let cutoffs = format!(
            "cutoffs: {{ a: {}, b: {cutoff} }}\ncutoffs_by_stage: {{ M3: {{ a: 500, b: 499 }} }}\n",
            cutoff + 50,
        );
        let lines: Vec<&str> = head.lines().filter(|line| !line.starts_with("base_points")).collect();
        let head = format!("{}\nbase_points: {base}\n", lines.join("\n"));
        let changed = format!("{head}{cutoffs}diagnosis{rest}");
        let two = compiled(&definition(&changed.replace("points: 2", "points: 5")));
        let mut columns = CodeColumns::new(&one);
        for case in &cases {
            columns.push(&one, &case.input());
        }
        prop_assert_eq!(columns.len(), cases.len());
        prop_assert_eq!(one.compare(&two, &columns), Some(one_by_one([&one, &two], &cases)));
    }
}

#[test]
fn cards_of_other_bins_are_not_compared() {
    let moved = CONSUMER_YAML.replacen("{ to: 1, points: 250 }", "{ to: 2, points: 250 }", 1);
    let moved = compiled(&definition(&moved.replacen("from: 1, to: 8", "from: 2, to: 8", 1)));
    let rules = shipped();
    assert!(rules.shares_bins(rules));
    assert!(!rules.shares_bins(&moved));
    assert_eq!(rules.compare(&moved, &CodeColumns::new(rules)), None);
}
