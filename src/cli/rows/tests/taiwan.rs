//! The mapping of examples/taiwan on the real file.

use std::fs;
use std::path::Path;

use super::*;

const MAPPING: &str = include_str!("../../../../examples/taiwan/mapping.yaml");
const OUTCOME: &str = "default_next_month";

/// The file, if the folder of data sets is known.
fn file() -> Option<String> {
    let Some(folder) = std::env::var_os("ARREARS_DATASETS") else {
        eprintln!("skipped: ARREARS_DATASETS does not name the folder of data sets");
        return None;
    };
    Some(fs::read_to_string(Path::new(&folder).join("taiwan_card_default.csv")).unwrap())
}

fn documents(csv: &str, today: Day) -> Vec<proto::CaseDocument> {
    let mapping = Mapping::from_yaml(MAPPING).unwrap();
    let rows = Rows::new(csv.as_bytes(), &mapping, today).unwrap();
    rows.map(|row| row.unwrap().document.unwrap()).collect()
}

#[test]
fn the_outcome_is_not_in_the_mapping() {
    let mapping = Mapping::from_yaml(MAPPING).unwrap();
    assert!(!mapping.columns_read().contains(OUTCOME));
    assert!(!MAPPING.contains(OUTCOME));
    for column in ["SEX", "EDUCATION", "MARRIAGE", "AGE"] {
        assert!(!mapping.columns_read().contains(column), "{column}");
    }
}

#[test]
fn the_overdue_rows_become_cases_without_a_reject() {
    let Some(csv) = file() else { return };
    let documents = documents(&csv, today());
    assert_eq!(documents.len(), 6_818);
    // Row 1 of the file: 2 months late, limit 20,000, bills 3,913 3,102 689 0 0 0.
    let first = &documents[0];
    assert_eq!((first.case_id.as_str(), first.debtor_id.as_str()), ("1", "1"));
    assert_eq!(first.oldest_due_date, Some(proto::Date { year: 2025, month: 9, day: 22 }));
    let money = first.overdue_amount.clone().unwrap();
    assert_eq!((money.currency_code.as_str(), money.units), ("TWD", 3_913));
    let limit = first.ability.clone().unwrap().limit_amount.unwrap();
    assert_eq!(limit.units, 20_000);
    let months: Vec<_> = first.arrears_profile.iter().map(|m| m.months_past_due).collect();
    assert_eq!(months, [Some(2), Some(2), Some(0), Some(0), Some(0), Some(0)]);
    let october = proto::Date { year: 2025, month: 10, day: 1 };
    assert_eq!(first.arrears_profile[0].month, Some(october));
    assert!(documents.iter().all(|document| {
        let amount = document.overdue_amount.as_ref();
        amount.is_some_and(|amount| amount.units > 0)
    }));
}

#[test]
fn what_became_of_an_account_changes_no_document() {
    let Some(csv) = file() else { return };
    let (header, rows) = csv.split_once('\n').unwrap();
    assert!(header.trim_end().ends_with(OUTCOME), "the outcome is the last column");
    let turned: Vec<String> = rows
        .lines()
        .map(|row| match row.rsplit_once(',').unwrap() {
            (inputs, "0") => format!("{inputs},1"),
            (inputs, _) => format!("{inputs},0"),
        })
        .collect();
    let turned = format!("{header}\n{}\n", turned.join("\n"));
    assert_ne!(csv, turned);
    assert_eq!(documents(&csv, today()), documents(&turned, today()));
}

#[test]
fn another_day_moves_only_dates() {
    let Some(csv) = file() else { return };
    let later = documents(&csv, today().plus(400));
    for (early, mut late) in documents(&csv, today()).into_iter().zip(later) {
        assert_ne!(early.oldest_due_date, late.oldest_due_date);
        late.oldest_due_date = early.oldest_due_date;
        for (month, before) in late.arrears_profile.iter_mut().zip(&early.arrears_profile) {
            month.month = before.month;
        }
        assert_eq!(early, late);
    }
}
