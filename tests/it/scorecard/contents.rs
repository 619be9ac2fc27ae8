//! What a scorecard can say, through the service: kept, validated, ranked by.

use arrears::proto;

use super::{TestServer, activate, activation, draft, findings, number, rank, ranked, with_cases};
use crate::support::{date, document, pull, refusal};

#[tokio::test]
async fn a_broken_direction_is_an_error_and_changed_locked_points_are_a_warning() {
    let server = TestServer::start().await;
    let locked = draft(&server, "consumer", |card| {
        let age = &mut card.characteristics[0];
        age.set_direction(proto::PointsDirection::Down);
        age.bins[1].locked = true;
        age.missing_locked = true;
    })
    .await;
    assert_eq!(findings(&server, number(&locked)).await, []);

    let changed = draft(&server, "consumer", |card| {
        let age = &mut card.characteristics[0];
        assert!(age.bins[1].locked && age.missing_locked, "the marks are kept");
        age.bins[1].points = 245;
        age.missing_points = Some(1);
    })
    .await;
    let told = findings(&server, number(&changed)).await;
    let paths: Vec<_> = told.iter().map(|(error, path, _)| (*error, &**path)).collect();
    let missing = (false, "characteristics[0].missing_points");
    assert_eq!(paths, [missing, (false, "characteristics[0].bins[1].points")]);
    assert_eq!(told[1].2, "is 245; the points are locked, and the base has 241");

    let broken = draft(&server, "consumer", |card| card.characteristics[0].bins[3].points = 999);
    let broken = broken.await;
    let told = findings(&server, number(&broken)).await;
    assert_eq!((told[0].0, &*told[0].1), (true, "characteristics[0].bins[3].points"));
    assert_eq!(told[0].2, "is 999; bins[2] has 223, and by the direction 223 or less is allowed");
}

/// A rule that decides the score of whoever cannot be reached.
fn vanished() -> proto::KnockOut {
    let condition =
        |feature: &str| proto::Condition { feature: feature.to_owned(), ..Default::default() };
    proto::KnockOut {
        name: "vanished".to_owned(),
        when: vec![
            proto::Condition { categories: vec!["NO".to_owned()], ..condition("reachable") },
            proto::Condition { lower_bound: "60".to_owned(), ..condition("days_past_due") },
        ],
        score: 100,
        reason: Some(proto::ReasonText {
            code: "VANISHED".to_owned(),
            text: "Cannot be found".to_owned(),
            audience: proto::Audience::Agent.into(),
            texts: [("es".to_owned(), "Ilocalizable".to_owned())].into(),
        }),
    }
}

/// A case that cannot be reached, 62 days overdue.
fn unreachable(case_id: &str) -> proto::CaseDocument {
    let behaviour =
        proto::BehaviourFacts { reachable: proto::Answer::No.into(), ..Default::default() };
    proto::CaseDocument { behaviour: Some(behaviour), ..document(case_id) }
}

async fn explain(server: &TestServer, case_id: &str) -> proto::Explanation {
    let request = proto::ExplainCaseRequest {
        portfolio_id: "cards".to_owned(),
        case_id: case_id.to_owned(),
        language_code: "es".to_owned(),
        ..Default::default()
    };
    server.cases().explain_case(request).await.unwrap().into_inner().explanation.unwrap()
}

#[tokio::test]
async fn a_knock_out_rule_decides_score_group_and_work_and_is_a_line_of_its_own() {
    let server = with_cases(&["here"]).await;
    server.push("cards", vec![unreachable("gone")]).await;
    let before = explain(&server, "gone").await;
    let ruled = draft(&server, "consumer", |card| card.knock_outs = vec![vanished()]).await;
    assert_eq!(findings(&server, number(&ruled)).await, []);
    assert_eq!(ruled.scorecard.as_ref().unwrap().knock_outs, [vanished()]);
    activate(&server, activation(number(&ruled), 1)).await.unwrap();
    ranked(&server).await;

    let stored = rank(&server, "gone").await;
    assert_eq!((stored.recovery_score, stored.recovery_group()), (100, proto::RecoveryGroup::C));
    let told = explain(&server, "gone").await;
    let rule = told.knock_out.clone().unwrap();
    let without = before.rank.unwrap().recovery_score;
    assert_eq!((&*rule.name, rule.score, rule.points), ("vanished", 100, 100 - without));
    let lines: i32 = told.lines.iter().map(|line| line.contribution).sum();
    assert_eq!(told.base_points + lines + told.clamp_points + rule.points, 100);
    let first = &told.reasons[0];
    assert_eq!((&*first.reason_code, &*first.text), ("VANISHED", "Ilocalizable"));
    assert_eq!((&*first.characteristic, first.points_lost), ("vanished", without - 100));
    assert_eq!((told.points_to_next_group, told.next_group_bins.len()), (330, 0));
    assert!(explain(&server, "here").await.knock_out.is_none());

    let leased = server.lease(pull("all", 5)).await;
    let lead = |case_id: &str| {
        let leads = leased.work_items.iter().filter_map(|item| item.lead_case.clone());
        leads.into_iter().find(|lead| lead.case_id == case_id).unwrap()
    };
    assert_eq!(lead("gone").reasons[0].reason_code, "VANISHED");
    assert_eq!(lead("gone").rank, Some(stored));
    assert_ne!(lead("here").reasons.first().map(|one| &*one.reason_code), Some("VANISHED"));

    let wrong = draft(&server, "consumer", |card| {
        card.knock_outs[0].when[0].feature = "dispute".to_owned();
        card.knock_outs[0].when[1].unknown = true;
        card.knock_outs[0].score = 1_001;
    })
    .await;
    let told = findings(&server, number(&wrong)).await;
    let paths: Vec<_> = told.iter().map(|(error, path, _)| (*error, &**path)).collect();
    assert_eq!(
        paths,
        [
            (true, "knock_outs[0].score"),
            (true, "knock_outs[0].when[0].feature"),
            (true, "knock_outs[0].when[1]"),
        ]
    );
}

#[tokio::test]
async fn parts_of_a_draft_change_by_mask_alone() {
    let server = TestServer::start().await;
    let made = draft(&server, "consumer", |card| card.knock_outs = vec![vanished()]).await;
    let mut revision = made.clone();
    let card = revision.scorecard.as_mut().unwrap();
    card.knock_outs[0].score = 50;
    card.base_points = 1;
    let update_mask =
        Some(prost_types::FieldMask { paths: vec!["scorecard.knock_outs".to_owned()] });
    let request = proto::UpdateRevisionRequest { revision: Some(revision), update_mask };
    let updated = server.scorecards().update_revision(request).await.unwrap().into_inner();
    let card = updated.revision.unwrap().scorecard.unwrap();
    assert_eq!((card.knock_outs[0].score, card.base_points), (50, 500));
}

#[tokio::test]
async fn what_is_expected_to_be_recovered_is_told_only_by_a_calibration() {
    let server = with_cases(&["c"]).await;
    let score = rank(&server, "c").await.recovery_score;
    assert!(explain(&server, "c").await.expected_recovery.is_none(), "nobody guesses");
    let point = |score, recovered_permille| proto::CalibrationPoint { score, recovered_permille };
    let calibration = proto::Calibration {
        horizon_days: 90,
        source: "cards scored in March".to_owned(),
        as_of_date: date(2025, 3, 31),
        points: vec![point(score - 100, 100), point(score + 300, 500)],
    };
    let kept = Some(calibration.clone());
    let made = draft(&server, "consumer", |card| card.calibration = kept.clone()).await;
    assert_eq!(made.scorecard.as_ref().unwrap().calibration, kept);
    activate(&server, activation(number(&made), 1)).await.unwrap();
    let told = explain(&server, "c").await;
    assert_eq!(told.rank.unwrap().recovery_score, score, "it moves no rank");
    let expected = told.expected_recovery.unwrap();
    assert_eq!((expected.share_permille, expected.horizon_days), (200, 90));
    assert_eq!(
        (&*expected.source, expected.as_of_date),
        ("cards scored in March", date(2025, 3, 31))
    );
    let overdue = server.get("cards", "c").await.overdue_amount.unwrap();
    let amount = expected.amount.unwrap();
    let nanos =
        |money: &proto::Money| i128::from(money.units) * 1_000_000_000 + i128::from(money.nanos);
    assert_eq!(
        (nanos(&amount) * 5, amount.currency_code),
        (nanos(&overdue), overdue.currency_code)
    );

    let mut scored = document("any");
    scored.behaviour = Some(proto::BehaviourFacts {
        cooperation: proto::Level::High.into(),
        ..Default::default()
    });
    let request = proto::ScoreCaseRequest {
        portfolio_id: "cards".to_owned(),
        case: Some(scored),
        ..Default::default()
    };
    let told = server.cases().score_case(request).await.unwrap().into_inner().explanation.unwrap();
    let better = told.rank.unwrap().recovery_score - score;
    assert_eq!(told.expected_recovery.unwrap().share_permille, 200 + better);

    let wrong = draft(&server, "consumer", |card| {
        card.calibration.as_mut().unwrap().points[1].recovered_permille = 99;
    });
    let told = findings(&server, number(&wrong.await)).await;
    let path = "calibration.points[1].recovered_permille";
    assert_eq!((told[0].0, &*told[0].1), (true, path));
    let request = proto::CreateRevisionRequest {
        scorecard: Some(proto::Scorecard {
            calibration: Some(proto::Calibration { as_of_date: None, ..calibration }),
            ..made.scorecard.unwrap()
        }),
        ..Default::default()
    };
    let refused = refusal(server.scorecards().create_revision(request).await);
    let field = "scorecard.calibration.as_of_date".to_owned();
    assert_eq!(refused.violations, [(field, "FIELD_REQUIRED".to_owned())]);
}
