//! Activation: one switch for all, by whoever decided from what is active, and back.

use std::sync::Arc;
use std::time::Duration;

use arrears::model::{Micros, TestClock};
use arrears::proto;
use sqlx::Connection as _;
use tonic::Code;

use super::{
    activate, activation, activations, draft, get, harder, number, rank, ranked, with_cases,
};
use crate::support::{NOW, TestDatabase, TestServer, always, document, pull, refusal};

use proto::activate_revision_request::Target;

#[tokio::test]
async fn a_lease_right_after_is_ranked_by_the_new_revision_and_the_others_follow() {
    let cases: Vec<String> = (0..450).map(|at| format!("c{at}")).collect();
    let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
    let server = with_cases(&cases).await;
    let before = rank(&server, "c0").await;
    let made = draft(&server, "consumer", harder).await;
    let active = activate(&server, activation(number(&made), 1)).await.unwrap();
    assert_eq!((active.activation_id, &*active.actor), (2, &*activations(&server).await[1].actor));
    assert_ne!(active.rule_set_id, before.rule_set_id);

    let item = server.lease(pull("all", 1)).await.work_items.remove(0);
    let served = item.lead_case.unwrap().rank.unwrap();
    assert_eq!(served.rule_set_id, active.rule_set_id);
    assert_eq!(served.recovery_score, before.recovery_score - 100);

    ranked(&server).await;
    for case_id in &cases {
        let now = rank(&server, case_id).await;
        assert_eq!(now.rule_set_id, active.rule_set_id, "{case_id}");
        assert_eq!(now.recovery_score, before.recovery_score - 100, "{case_id}");
    }
    let frozen = get(&server, "consumer", number(&made)).await;
    assert_eq!(frozen.state(), proto::RevisionState::Activated);
    let refused = refusal(
        server
            .scorecards()
            .update_revision(proto::UpdateRevisionRequest {
                revision: Some(frozen),
                update_mask: None,
            })
            .await,
    );
    assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "REVISION_NOT_DRAFT"));
}

#[tokio::test]
async fn the_way_back_is_the_same_call_and_ranks_as_before() {
    let server = with_cases(&["c1"]).await;
    let before = rank(&server, "c1").await;
    let made = draft(&server, "consumer", harder).await;
    activate(&server, activation(number(&made), 1)).await.unwrap();
    let back = proto::ActivateRevisionRequest {
        target: Some(Target::RollbackToActivationId(1)),
        reason: "too hard".to_owned(),
        ..activation(0, 2)
    };
    let active = activate(&server, back.clone()).await.unwrap();
    assert_eq!((active.activation_id, &active.rule_set_id), (3, &before.rule_set_id));
    ranked(&server).await;
    assert_eq!(rank(&server, "c1").await, before);
    let told: Vec<_> = activations(&server).await;
    let told: Vec<_> = told
        .iter()
        .map(|one| (one.activation_id, one.scorecard.clone().unwrap().revision_no, &*one.reason))
        .collect();
    assert_eq!(
        told,
        [
            (3, 1, "too hard"),
            (2, number(&made), "a test"),
            (1, 1, "the portfolio was created with the shipped scorecards"),
        ]
    );
    let nowhere = proto::ActivateRevisionRequest {
        target: Some(Target::RollbackToActivationId(17)),
        expected_activation_id: 3,
        ..back
    };
    let refused = refusal(server.scorecards().activate_revision(nowhere).await);
    assert_eq!((refused.code, &*refused.reason), (Code::NotFound, "ACTIVATION_NOT_FOUND"));
}

#[tokio::test]
async fn who_decided_from_what_is_no_longer_active_is_refused() {
    let server = with_cases(&["c1"]).await;
    let made = draft(&server, "consumer", harder).await;
    activate(&server, activation(number(&made), 1)).await.unwrap();
    let refused = refusal(server.scorecards().activate_revision(activation(1, 1)).await);
    assert_eq!((refused.code, &*refused.reason), (Code::Aborted, "ACTIVATION_CHANGED"));
    assert_eq!(refused.value("activation_id"), "2");
    assert_eq!(activations(&server).await.len(), 2);
}

#[tokio::test]
async fn of_two_who_activate_at_once_one_is_refused() {
    let server = with_cases(&["c1"]).await;
    let first = draft(&server, "consumer", harder).await;
    let second = draft(&server, "consumer", |card| card.base_points += 7).await;
    let (one, other) = tokio::join!(
        activate(&server, activation(number(&first), 1)),
        activate(&server, activation(number(&second), 1)),
    );
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1, "{one:?} {other:?}");
    assert_eq!(activations(&server).await.len(), 2);
}

#[tokio::test]
async fn a_scorecard_that_cannot_rank_is_refused_with_every_finding_and_stays_a_draft() {
    let server = with_cases(&["c1"]).await;
    let made = draft(&server, "consumer", |card| {
        card.cutoffs = Some(proto::Cutoffs { a: 300, b: 400 });
        card.characteristics[0].weight_milli = Some(-1);
    })
    .await;
    let request = activation(number(&made), 1);
    let refused = refusal(server.scorecards().activate_revision(request).await);
    assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "REVISION_INVALID"));
    assert_eq!(refused.fields(), ["cutoffs", "characteristics[0].weight_milli"]);
    assert_eq!(get(&server, "consumer", 0).await.state(), proto::RevisionState::Draft);
    assert_eq!(activations(&server).await.len(), 1);
}

#[tokio::test]
async fn a_trial_run_says_what_would_be_and_changes_nothing() {
    let server = with_cases(&["c1"]).await;
    let made = draft(&server, "consumer", harder).await;
    let request =
        proto::ActivateRevisionRequest { validate_only: true, ..activation(number(&made), 1) };
    let would = activate(&server, request).await.unwrap();
    assert_eq!((would.activation_id, would.ranked_permille), (2, 0));
    assert_eq!(activations(&server).await.len(), 1);
    assert_eq!(get(&server, "consumer", 0).await.state(), proto::RevisionState::Draft);
    let done = activate(&server, activation(number(&made), 1)).await.unwrap();
    assert_eq!(done.rule_set_id, would.rule_set_id);
}

#[tokio::test]
async fn all_that_is_missing_of_an_activation_is_told_at_once() {
    let server = TestServer::start().await;
    let request = proto::ActivateRevisionRequest::default();
    let refused = refusal(server.scorecards().activate_revision(request).await);
    assert_eq!(refused.fields(), ["portfolio_id", "revision", "expected_activation_id", "reason"]);
}

#[tokio::test]
async fn a_revision_for_businesses_ranks_businesses_only() {
    let server = with_cases(&["c1"]).await;
    let business =
        proto::CaseDocument { debtor_kind: proto::DebtorKind::Business as i32, ..document("b1") };
    server.push("cards", vec![business]).await;
    let before = (rank(&server, "c1").await, rank(&server, "b1").await);
    let made = draft(&server, "business", harder).await;
    let revision = made.name.clone().unwrap();
    let request = proto::ActivateRevisionRequest {
        target: Some(Target::Revision(revision.clone())),
        debtor_kind: proto::DebtorKind::Business as i32,
        ..activation(0, 1)
    };
    let active = activate(&server, request).await.unwrap();
    assert_eq!(active.business_scorecard, Some(revision));
    assert_eq!(active.scorecard.unwrap().revision_no, 1);
    ranked(&server).await;
    assert_eq!(rank(&server, "c1").await.recovery_score, before.0.recovery_score);
    assert_eq!(rank(&server, "b1").await.recovery_score, before.1.recovery_score - 100);
}

#[tokio::test]
async fn a_restart_goes_on_ranking_anew_where_it_stood() {
    let cases: Vec<String> = (0..450).map(|at| format!("c{at}")).collect();
    let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
    let server = with_cases(&cases).await;
    let made = draft(&server, "consumer", harder).await;
    let active = activate(&server, activation(number(&made), 1)).await.unwrap();
    let server = server.restart().await;
    server.clock.advance(Micros::MINUTE);
    ranked(&server).await;
    for case_id in cases {
        assert_eq!(rank(&server, case_id).await.rule_set_id, active.rule_set_id, "{case_id}");
    }
}

/// On PostgreSQL: a push has read what ranks, and commits when all cases have been ranked
/// anew; what it wrote is found when they are looked at once more.
#[tokio::test]
async fn a_push_that_was_under_way_while_another_revision_was_activated_is_ranked_by_it() {
    let server = with_cases(&["c1"]).await;
    let made = draft(&server, "consumer", harder).await;
    let hold = "LOCK TABLE case_event IN EXCLUSIVE MODE";
    let Some(held) = server.database().hold(hold).await else { return };
    let mut cases = server.cases();
    let pushed = tokio::spawn(async move {
        let request = proto::PushCasesRequest {
            portfolio_id: "cards".to_owned(),
            cases: vec![document("late")],
            ..Default::default()
        };
        cases.push_cases(request).await
    });
    let waiting = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation \
        WHERE NOT l.granted AND c.relname = 'case_event' \
        AND c.relnamespace = current_schema()::regnamespace";
    while server.database().count(waiting) == 0 {
        tokio::task::yield_now().await;
    }
    let active = activate(&server, activation(number(&made), 1)).await.unwrap();
    let under_way = "SELECT count(*) FROM portfolio_placing WHERE after_case_no >= 0";
    while server.database().count(under_way) > 0 {
        tokio::task::yield_now().await;
    }
    held.close().await.unwrap();
    let results = pushed.await.unwrap().unwrap().into_inner().results;
    assert_eq!(results[0].disposition(), proto::PushDisposition::Created);
    // Longer than any transaction goes on.
    server.clock.advance(10 * Micros::MINUTE);
    let follows = async {
        while rank(&server, "late").await.rule_set_id != active.rule_set_id {
            tokio::task::yield_now().await;
        }
    };
    let follows = tokio::time::timeout(Duration::from_secs(60), follows).await;
    assert!(follows.is_ok(), "{:?}", rank(&server, "late").await);
}

#[tokio::test]
async fn a_tenant_in_four_parts_has_its_revisions_in_one_and_is_ranked_in_all() {
    let clock = Arc::new(TestClock::new(NOW));
    let server = TestServer::over_spread(TestDatabase::new(), clock, 4).await;
    // The first thing that the tenant stores.
    assert_eq!(get(&server, "consumer", 0).await.author, "arrears");
    server.create(always("cards")).await;
    server.push("cards", (0..40).map(|at| document(&format!("c{at}"))).collect()).await;
    let made = draft(&server, "consumer", harder).await;
    activate(&server, activation(number(&made), 1)).await.unwrap();
    ranked(&server).await;
    let count = |sql: &str| server.database().count(sql);
    assert_eq!(count("SELECT COUNT(DISTINCT part) FROM case_head"), 4);
    assert_eq!(count("SELECT COUNT(*) FROM activation WHERE activation_id = 2"), 4);
    assert_eq!(count("SELECT COUNT(DISTINCT part) FROM scorecard_revision"), 1);
    for at in 0..40 {
        let case = server.get("cards", &format!("c{at}")).await;
        let active = activations(&server).await.remove(0).rule_set_id;
        assert_eq!(case.rank.unwrap().rule_set_id, active, "c{at}");
    }
}
