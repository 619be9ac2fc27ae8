//! The shipped scorecard on the plainest of cases.

use crate::model::{CaseState, CloseReason, RecoveryGroup, RuleSetId, Stage};
use crate::scoring::card::Card;
use crate::scoring::{BUSINESS_YAML, CONSUMER_YAML, RuleSet};

use super::{Case, basic, day, definition, shipped};

#[test]
fn age_alone_gives_a_to_60_days_b_to_180_and_c_beyond() {
    let rules = shipped();
    let today = day(2026, 3, 20);
    let group = |days| Case::new(basic(today, days), today).rank(rules).rank.group;
    assert_eq!((group(0), group(60)), (RecoveryGroup::A, RecoveryGroup::A));
    assert_eq!((group(61), group(180)), (RecoveryGroup::B, RecoveryGroup::B));
    assert_eq!((group(181), group(2_000)), (RecoveryGroup::C, RecoveryGroup::C));
}

#[test]
fn the_score_never_rises_with_age() {
    let rules = shipped();
    let today = day(2026, 3, 20);
    let scores: Vec<i32> = (0..1_000)
        .map(|days| Case::new(basic(today, days), today).rank(rules).rank.score)
        .collect();
    assert!(scores.is_sorted_by(|earlier, later| earlier >= later), "{scores:?}");
}

#[test]
fn states_follow_the_document_the_tolerance_and_the_due_date() {
    let mut definition = super::definition(crate::scoring::CONSUMER_YAML);
    definition.ranking.tolerance_amount_minor = 100;
    let rules = super::compiled(&definition);
    let today = day(2026, 3, 20);
    let state = |change: &dyn Fn(&mut Case)| {
        let mut case = Case::new(basic(today, 5), today);
        change(&mut case);
        let ranked = case.rank(&rules);
        (ranked.state, ranked.close_reason, ranked.stage, ranked.days_past_due)
    };
    assert_eq!(state(&|_| {}), (CaseState::Open, None, Stage::M1, 5));
    let cured = (CaseState::Closed, Some(CloseReason::Cured), Stage::M1, 5);
    assert_eq!(state(&|case| case.facts.overdue_amount_minor = 100), cured);
    assert_eq!(state(&|case| case.facts.overdue_amount_minor = 101).0, CaseState::Open);
    let sold = (CaseState::Closed, Some(CloseReason::Sold), Stage::M1, 5);
    assert_eq!(state(&|case| case.facts.close_reason = Some(CloseReason::Sold)), sold);
    let ahead = (CaseState::PreDue, None, Stage::M1, -1);
    assert_eq!(state(&|case| case.facts.oldest_due_date = Some(today.plus(1))), ahead);
    let due_today = (CaseState::Open, None, Stage::M1, 0);
    assert_eq!(state(&|case| case.facts.oldest_due_date = Some(today)), due_today);
}

#[test]
fn a_scorecard_has_one_form_and_ranks_the_same_in_it() {
    for yaml in [CONSUMER_YAML, BUSINESS_YAML] {
        let card = Card::read(yaml).expect("a shipped scorecard is one");
        let again = Card::read(&card.canonical()).expect("its one form is a scorecard");
        assert_eq!(again, card);
        assert_eq!(again.content_hash(), card.content_hash());
        let compile =
            |text: &str| format!("{:?}", RuleSet::compile(RuleSetId(1), &definition(text)));
        assert_eq!(compile(&card.canonical()), compile(yaml));
        let mut other = card.clone();
        other.cutoffs.a += 1;
        assert_ne!(other.content_hash(), card.content_hash());
    }
}
