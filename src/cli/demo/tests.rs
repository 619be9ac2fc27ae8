use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn today() -> Day {
    Day::from_ymd(2025, 11, 21).unwrap()
}

fn cases(count: usize) -> Vec<proto::CaseDocument> {
    Demo::new(today(), count).collect()
}

fn days(document: &proto::CaseDocument) -> i32 {
    let due = document.oldest_due_date.unwrap();
    let (month, day) = (due.month.cast_unsigned(), due.day.cast_unsigned());
    today().since(Day::from_ymd(due.year, month, day).unwrap())
}

fn share(documents: &[proto::CaseDocument], is: impl Fn(&proto::CaseDocument) -> bool) -> f64 {
    documents.iter().filter(|document| is(document)).count() as f64 / documents.len() as f64
}

/// The mean days past due of those cases for which something holds.
fn mean_days(documents: &[proto::CaseDocument], is: impl Fn(&proto::CaseDocument) -> bool) -> f64 {
    let days: Vec<i32> = documents.iter().filter(|document| is(document)).map(days).collect();
    assert!(days.len() > 100, "too few cases to compare");
    f64::from(days.iter().sum::<i32>()) / days.len() as f64
}

#[test]
fn the_same_day_gives_the_same_cases_and_fewer_are_a_beginning_of_more() {
    assert_eq!(cases(3_000), cases(3_000));
    assert_eq!(cases(500)[..], cases(3_000)[..500]);
    assert_eq!(cases(0).len(), 0);
    assert_eq!(Demo::new(today(), CASE_COUNT).count(), CASE_COUNT);
}

#[test]
fn another_day_moves_the_cases_with_it() {
    let later = Demo::new(today().plus(100), 1_000);
    for (early, late) in cases(1_000).iter().zip(later) {
        assert_eq!(early.case_id, late.case_id);
        let due = late.oldest_due_date.unwrap();
        let due = Day::from_ymd(due.year, due.month.cast_unsigned(), due.day.cast_unsigned());
        assert_eq!(days(early), today().plus(100).since(due.unwrap()));
    }
}

#[test]
fn every_document_keeps_the_bounds_of_the_contract() {
    let documents = cases(20_000);
    let ids: BTreeSet<&str> = documents.iter().map(|d| d.case_id.as_str()).collect();
    assert_eq!(ids.len(), documents.len(), "case ids are unique");
    for document in &documents {
        for money in [&document.overdue_amount, &document.outstanding_amount] {
            let money = money.as_ref().unwrap();
            assert!(money.units > 0 && money.units < 10_000_000, "{document:?}");
            assert_eq!(money.nanos % 10_000_000, 0, "whole cents");
            assert_eq!(money.currency_code, CURRENCY);
        }
        assert!((-10..=901).contains(&days(document)), "{document:?}");
        let months: BTreeSet<_> = document
            .arrears_profile
            .iter()
            .map(|m| (m.month.unwrap().year, m.month.unwrap().month))
            .collect();
        assert_eq!(months.len(), document.arrears_profile.len(), "each month once");
        assert!((1..=3).contains(&document.contact_points.len()));
        if let Some(rating) = document.credit_record.and_then(|record| record.internal_rating) {
            assert!((0..=1_000).contains(&rating));
        }
    }
}

#[test]
fn the_portfolio_looks_like_one() {
    let documents = cases(20_000);
    let between = |low: f64, value: f64, high: f64, what: &str| {
        assert!((low..=high).contains(&value), "{what}: {value}");
    };
    between(
        0.10,
        share(&documents, |d| d.debtor_kind() == proto::DebtorKind::Business),
        0.25,
        "businesses",
    );
    between(0.40, share(&documents, |d| (1..=30).contains(&days(d))), 0.65, "in the first month");
    between(0.05, share(&documents, |d| days(d) > 120), 0.20, "beyond four months");
    between(0.005, share(&documents, |d| days(d) < 0), 0.02, "not due yet");
    let debtors: BTreeSet<&str> = documents.iter().map(|d| d.debtor_id.as_str()).collect();
    between(0.75, debtors.len() as f64 / documents.len() as f64, 0.92, "debtors to a case");
    let mut zones: BTreeMap<&str, usize> = BTreeMap::new();
    for point in documents.iter().flat_map(|document| &document.contact_points) {
        *zones.entry(point.time_zone.as_str()).or_default() += 1;
    }
    assert_eq!(zones.len(), 7, "six zones and the one that is not known: {zones:?}");
}

#[test]
fn about_one_input_in_twenty_is_missing() {
    // Told of every debtor, were it not for what is left out.
    let documents = cases(20_000);
    let missing =
        share(&documents, |d| d.credit_record.is_none_or(|r| r.internal_rating.is_none()));
    assert!((0.04..0.06).contains(&missing), "{missing}");
    let missing = share(&documents, |d| d.behaviour.is_none_or(|b| b.cooperation == 0));
    assert!((0.04..0.06).contains(&missing), "{missing}");
}

#[test]
fn what_is_told_goes_with_how_late_a_case_is() {
    let documents = cases(20_000);
    let cooperation = |level: proto::Level| {
        mean_days(&documents, |d| d.behaviour.is_some_and(|b| b.cooperation() == level))
    };
    assert!(cooperation(proto::Level::High) * 1.5 < cooperation(proto::Level::None));
    let rated = |low: i32, high: i32| {
        mean_days(&documents, |d| {
            let rating = d.credit_record.and_then(|record| record.internal_rating);
            rating.is_some_and(|rating| (low..high).contains(&rating))
        })
    };
    assert!(rated(700, 1_001) * 1.3 < rated(0, 400));
    let late = |months: i32| {
        mean_days(&documents, |d| {
            let late = d.arrears_profile.iter().filter(|m| m.months_past_due > Some(0)).count();
            late == months as usize
        })
    };
    assert!(late(1) < late(4));
}

#[test]
fn several_cases_of_a_debtor_tell_the_same_of_the_debtor() {
    let documents = cases(5_000);
    let mut seen: BTreeMap<&str, &proto::CaseDocument> = BTreeMap::new();
    let mut pairs = 0;
    for document in &documents {
        if let Some(first) = seen.insert(&document.debtor_id, document) {
            assert_eq!(first.household, document.household);
            assert_eq!(first.contact_points, document.contact_points);
            pairs += 1;
        }
    }
    assert!(pairs > 300, "{pairs}");
}
