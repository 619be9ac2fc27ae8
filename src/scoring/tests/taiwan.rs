//! The shipped scorecard on real cases: the 6,818 card holders of the Taiwan
//! data who are overdue. The outcome is read to judge the ranking and never
//! mapped to an input.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::model::{ArrearsMonth, Day, Facts, Input, RecoveryGroup};
use crate::scoring::RuleSet;
use crate::scoring::month::Month;

use super::{Case, day, shipped};

/// Where the data lies; says why it is skipped when it is not there.
fn data() -> Option<PathBuf> {
    let Ok(folder) = std::env::var("ARREARS_DATASETS") else {
        println!("skipped: ARREARS_DATASETS names no folder with taiwan_card_default.csv");
        return None;
    };
    Some(PathBuf::from(folder).join("taiwan_card_default.csv"))
}

/// A row of the file: column names with their numbers.
type Row = HashMap<String, i64>;

fn overdue_rows(path: &PathBuf) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(path).expect("the file can be read");
    // The file writes some whole numbers as 5e+05.
    let whole = |(name, number): (String, f64)| (name, number as i64);
    let rows = reader.deserialize::<HashMap<String, f64>>();
    let rows = rows.map(|row| row.expect("every column is a number").into_iter().map(whole));
    rows.map(Row::from_iter).filter(|row: &Row| row["PAY_0"] >= 1).collect()
}

/// Amounts of the file are whole dollars; the currency has cents.
const CENTS: i64 = 100;

fn facts(row: &Row, today: Day) -> Facts {
    let months = ["PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6"];
    let current = Month::of(today);
    let profile = months.iter().enumerate().rev().map(|(at, column)| ArrearsMonth {
        month: current.plus(-1 - at as i32).first_day().expect("a month of our time"),
        months_past_due: i32::try_from(row[*column].max(0)).expect("codes are small"),
        billed_amount_minor: Some(row[&format!("BILL_AMT{}", at + 1)].max(0) * CENTS),
        paid_amount_minor: Some(row[&format!("PAY_AMT{}", at + 1)] * CENTS),
    });
    let bill = (1..=6).map(|at| row[&format!("BILL_AMT{at}")]).max().unwrap_or(0) * CENTS;
    let stand_in = row["PAY_0"] * row["LIMIT_BAL"] * CENTS / 100;
    let mut facts = Facts {
        overdue_amount_minor: if bill > 0 { bill } else { stand_in },
        oldest_due_date: Some(today.plus(-30 * row["PAY_0"] as i32)),
        arrears_profile: profile.collect(),
        ..Facts::default()
    };
    facts.inputs.set(Input::LimitAmount, row["LIMIT_BAL"] * CENTS);
    facts
}

/// A case ranked, with what became of it.
struct Judged {
    group: RecoveryGroup,
    score: i32,
    months: i64,
    bad: bool,
}

fn judge(rules: &RuleSet, rows: &[Row], today: Day) -> Vec<Judged> {
    rows.iter()
        .map(|row| {
            let rank = Case::new(facts(row, today), today).rank(rules).rank;
            let bad = row["default_next_month"] == 1;
            Judged { group: rank.group, score: rank.score, months: row["PAY_0"], bad }
        })
        .collect()
}

fn bad_rate<'a>(judged: impl Iterator<Item = &'a Judged>) -> (usize, f64) {
    let (count, bad) =
        judged.fold((0, 0), |(count, bad), one| (count + 1, bad + usize::from(one.bad)));
    (count, bad as f64 / count.max(1) as f64)
}

/// The chance that a good case has a higher score than a bad one, ties half.
fn auc(judged: &[Judged]) -> f64 {
    let mut by_score: Vec<(i32, bool)> = judged.iter().map(|one| (one.score, one.bad)).collect();
    by_score.sort();
    let (mut below_bad, mut wins) = (0.0, 0.0);
    for same in by_score.chunk_by(|one, two| one.0 == two.0) {
        let bad = same.iter().filter(|one| one.1).count() as f64;
        let good = same.len() as f64 - bad;
        wins += good * (below_bad + bad / 2.0);
        below_bad += bad;
    }
    wins / (below_bad * (judged.len() as f64 - below_bad))
}

#[test]
fn real_cases_fall_into_groups_that_mean_something() {
    let Some(path) = data() else { return };
    let rows = overdue_rows(&path);
    assert_eq!(rows.len(), 6_818);
    let rules = shipped();
    let judged = judge(rules, &rows, day(2005, 10, 10));
    let in_group = |group| judged.iter().filter(move |one: &&Judged| one.group == group);
    let rates = RecoveryGroup::ALL.map(|group| bad_rate(in_group(group)));
    println!("A, B, C (cases, bad rate): {rates:.3?}; AUC {:.4}", auc(&judged));
    for (count, _) in rates {
        assert!(count * 100 >= 15 * rows.len(), "{rates:?}");
    }
    assert!(rates[1].1 - rates[0].1 >= 0.08 && rates[2].1 - rates[1].1 >= 0.08, "{rates:?}");
    assert!(auc(&judged) >= 0.68);
    for months in 1..=8 {
        let of_bucket = |group| in_group(group).filter(move |one| one.months == months);
        let rates = RecoveryGroup::ALL.map(|group| bad_rate(of_bucket(group)));
        println!("{months} months (cases, bad rate): {rates:.3?}");
        if rates.iter().map(|rate| rate.0).sum::<usize>() < 300 {
            continue;
        }
        let told: Vec<f64> = rates.iter().filter(|rate| rate.0 >= 50).map(|rate| rate.1).collect();
        assert!(told.is_sorted_by(|one, two| one < two), "{months} months: {rates:?}");
    }
}

#[test]
fn the_groups_of_real_cases_do_not_depend_on_the_day_they_are_read() {
    let Some(path) = data() else { return };
    let rows = overdue_rows(&path);
    let rules = shipped();
    let first = judge(rules, &rows, day(2005, 10, 1));
    for today in [day(2005, 10, 31), day(2024, 2, 29), day(2026, 3, 1)] {
        let other = judge(rules, &rows, today);
        let moved = first.iter().zip(&other).filter(|(one, two)| one.score != two.score).count();
        assert_eq!(moved, 0, "cases whose score differs as of {today}");
    }
}
