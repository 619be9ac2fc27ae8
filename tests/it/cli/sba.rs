//! What became of the loans of the SBA file, held against the scores that the
//! shipped scorecard for businesses gave them without having seen it. A stand-in:
//! the file says which loans were charged off, not how hard an overdue one was to
//! recover.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::Value;

use super::program::Program;
use super::taiwan::auc;

/// What knows the outcome; the copy that is imported has nonsense there.
const KNOWING: [&str; 5] = ["Term", "ChgOffDate", "MIS_Status", "ChgOffPrinGr", "charged_off"];

/// What became of a loan.
#[derive(Clone, Copy)]
struct Outcome {
    charged_off: bool,
    /// What was charged off of what was paid out.
    lost: f64,
}

#[test]
fn the_example_of_sba_is_taken_without_a_reject_and_without_its_outcomes() {
    let Some(folder) = std::env::var_os("ARREARS_DATASETS") else {
        eprintln!("skipped: ARREARS_DATASETS does not name the folder of data sets");
        return;
    };
    let file = Path::new(&folder).join("sba_loans_22k.csv");
    let mapping = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/sba/mapping.yaml");
    let program = Program::start();
    let create = ["portfolio", "create", "sba", "--time-zone", "America/New_York"];
    program.run_well(&[&create[..], &["--currency", "USD", "--policy", "always"]].concat());
    program.write("blind.csv", &blinded(&file));
    let import = ["-o", "json", "import", "cases", "blind.csv", "--mapping", mapping];
    assert_eq!(program.run_well(&import).json()["created"], 22_308);
    let cases = program.run_well(&["-o", "json", "case", "list", "--limit", "0"]).json();
    judge(&cases, &outcomes(&file));
}

/// The file with nonsense where it knows the outcome: were any of it read, the
/// rows would be refused.
fn blinded(file: &Path) -> String {
    let mut reader = csv::Reader::from_path(file).unwrap();
    let headers = reader.headers().unwrap().clone();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&headers).unwrap();
    for row in reader.records().map(Result::unwrap) {
        let cells = headers.iter().zip(&row);
        let blind = cells.map(|(name, cell)| if KNOWING.contains(&name) { "none" } else { cell });
        writer.write_record(blind).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

fn outcomes(file: &Path) -> HashMap<String, Outcome> {
    let mut reader = csv::Reader::from_path(file).unwrap();
    let rows = reader.deserialize::<HashMap<String, String>>().map(Result::unwrap);
    let outcome = |row: HashMap<String, String>| {
        let amount = |name: &str| row[name].parse::<f64>().unwrap();
        let lost = amount("ChgOffPrinGr") / amount("DisbursementGross");
        let charged_off = row["charged_off"] == "1";
        (row["LoanNr_ChkDgt"].clone(), Outcome { charged_off, lost })
    };
    rows.map(outcome).collect()
}

/// Prints what the scores say of the outcomes, and holds what can honestly be held.
#[expect(clippy::print_stdout, reason = "the figures are for docs/BENCHMARKS.md")]
fn judge(cases: &Value, outcomes: &HashMap<String, Outcome>) {
    let cases = cases.as_array().expect("a list of cases");
    let told = cases.iter().map(|case| {
        let outcome = outcomes[case["case_id"].as_str().unwrap()];
        let group = case["recovery_group"].as_str().unwrap();
        (group, case["recovery_score"].as_i64().unwrap(), outcome)
    });
    let told: Vec<(&str, i64, Outcome)> = told.collect();
    let mut groups: BTreeMap<&str, Vec<Outcome>> = BTreeMap::new();
    for (group, _, outcome) in &told {
        groups.entry(group).or_default().push(*outcome);
    }
    for (group, of_group) in &groups {
        let lost: Vec<f64> =
            of_group.iter().filter(|one| one.charged_off).map(|one| one.lost).collect();
        println!(
            "{group}: {} cases, charged off {:.3}, of those lost {:.3}",
            of_group.len(),
            lost.len() as f64 / of_group.len() as f64,
            lost.iter().sum::<f64>() / lost.len() as f64,
        );
    }
    let charged_off: Vec<_> = told.iter().map(|one| (one.1, one.2.charged_off)).collect();
    let mut lost: Vec<f64> =
        told.iter().filter(|one| one.2.charged_off).map(|one| one.2.lost).collect();
    lost.sort_unstable_by(f64::total_cmp);
    let median = lost[lost.len() / 2];
    let much = told.iter().filter(|one| one.2.charged_off);
    let much: Vec<_> = much.map(|one| (one.1, one.2.lost > median)).collect();
    let (charged_off, much) = (auc(&charged_off), auc(&much));
    println!("AUC, a stand-in: charged off {charged_off:.4}; lost more than the median {much:.4}");

    // 45 days give 666; the four inputs move that by -75 to +70. C begins below 430.
    let scores = told.iter().map(|one| one.1);
    assert!(scores.clone().all(|score| (591..=736).contains(&score)));
    assert_eq!(groups.keys().copied().collect::<Vec<_>>(), ["A", "B"]);
    assert!(groups.values().all(|of_group| of_group.len() * 100 >= 15 * told.len()));
    // Whether a loan was ever charged off, these four do not tell: half is chance.
    // The published figure is held so that it stays true, not because it is good.
    assert!((charged_off - 0.513).abs() < 0.002, "{charged_off}");
    // Of the 4,693 charged off, the score tells who lost more by four standard errors
    // of chance (0.0084 each). Two are asked for.
    assert!(much >= 0.517, "{much}");
}
