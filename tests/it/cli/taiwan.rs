//! What became of the card accounts of the Taiwan file, held against the groups
//! that the shipped scorecard gave them without having seen it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::Value;

/// How many cases, and how many of them defaulted the month after.
#[derive(Clone, Copy, Default)]
struct Tally {
    cases: u32,
    bad: u32,
}

impl Tally {
    fn add(&mut self, bad: bool) {
        self.cases += 1;
        self.bad += u32::from(bad);
    }

    fn rate(self) -> f64 {
        f64::from(self.bad) / f64::from(self.cases)
    }
}

/// Holds groups and scores of imported cases against what became of them: each
/// group has its share, the bad rate rises from group to group, over all and
/// within each bucket, and the score ranks.
#[expect(clippy::print_stdout, reason = "the figures are for docs/BENCHMARKS.md")]
pub(super) fn judge(cases: &Value, file: &Path) {
    let accounts = accounts(file);
    let mut groups: BTreeMap<String, Tally> = BTreeMap::new();
    let mut buckets: BTreeMap<(u32, String), Tally> = BTreeMap::new();
    let mut scores = Vec::new();
    for case in cases.as_array().expect("a list of cases") {
        let (months, bad) = accounts[case["case_id"].as_str().unwrap()];
        let group = case["recovery_group"].as_str().unwrap().to_owned();
        groups.entry(group.clone()).or_default().add(bad);
        buckets.entry((months, group)).or_default().add(bad);
        scores.push((case["recovery_score"].as_i64().unwrap(), bad));
    }
    let auc = auc(&scores);
    println!("AUC {auc:.4}");
    for (group, tally) in &groups {
        println!("{group}: {} cases, bad rate {:.3}", tally.cases, tally.rate());
        assert!(f64::from(tally.cases) >= 0.15 * scores.len() as f64, "group {group} is small");
    }
    let rates: Vec<f64> = groups.values().map(|tally| tally.rate()).collect();
    assert_eq!(rates.len(), 3);
    assert!(rates.windows(2).all(|pair| pair[1] - pair[0] >= 0.08), "{rates:?}");
    assert!(auc >= 0.68, "{auc}");
    for months in 1..=9 {
        let of_bucket: Vec<Tally> =
            buckets.iter().filter(|((of, _), _)| *of == months).map(|(_, tally)| *tally).collect();
        let whole: u32 = of_bucket.iter().map(|tally| tally.cases).sum();
        let large: Vec<f64> =
            of_bucket.iter().filter(|tally| tally.cases >= 50).map(|tally| tally.rate()).collect();
        let rises = large.windows(2).all(|pair| pair[1] > pair[0]);
        assert!(whole < 300 || rises, "{months} months: {large:?}");
    }
}

/// Months behind and what became of the account, by id.
fn accounts(file: &Path) -> HashMap<String, (u32, bool)> {
    let mut reader = csv::Reader::from_path(file).unwrap();
    let headers = reader.headers().unwrap().clone();
    let column = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let (id, months, outcome) = (column("ID"), column("PAY_0"), column("default_next_month"));
    reader
        .records()
        .map(Result::unwrap)
        .filter_map(|row| {
            let behind = row[months].parse::<i32>().unwrap();
            Some((row[id].to_owned(), (u32::try_from(behind).ok()?, &row[outcome] == "1")))
        })
        .collect()
}

/// The area under the ROC curve of "a lower score is worse", ties by mid-rank.
pub(super) fn auc(scores: &[(i64, bool)]) -> f64 {
    let mut sorted = scores.to_vec();
    sorted.sort_unstable();
    let (mut at, mut rank_sum) = (0, 0.0);
    while at < sorted.len() {
        let tied = sorted[at..].iter().take_while(|entry| entry.0 == sorted[at].0).count();
        let mid_rank = at as f64 + (tied as f64 + 1.0) / 2.0;
        let bad = sorted[at..at + tied].iter().filter(|entry| entry.1).count();
        rank_sum += mid_rank * bad as f64;
        at += tied;
    }
    let bad = sorted.iter().filter(|entry| entry.1).count() as f64;
    let good = sorted.len() as f64 - bad;
    1.0 - (rank_sum - bad * (bad + 1.0) / 2.0) / (bad * good)
}
