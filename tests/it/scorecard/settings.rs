//! Settings that ranks read: changed by an activation, and taken back with one.

use arrears::proto;
use proto::activate_revision_request::Target;

use super::{DAYS, activate, activation, activations, draft, number, rank, ranked, with_cases};
use crate::support::{TestServer, always, document, euro, portfolio, pull, refusal};

async fn read(server: &TestServer) -> proto::Portfolio {
    let request = proto::GetPortfolioRequest { portfolio_id: "cards".to_owned() };
    let answer = server.portfolios().get_portfolio(request).await.unwrap();
    answer.into_inner().portfolio.unwrap()
}

#[tokio::test]
async fn settings_that_ranks_read_change_by_an_activation_and_go_back_with_it() {
    let server = with_cases(&["c1"]).await;
    let stage = async || server.get("cards", "c1").await.stage();
    assert_eq!(stage().await, proto::Stage::M3, "{DAYS} days");
    let request = proto::GetPortfolioRequest { portfolio_id: "cards".to_owned() };
    let read = server.portfolios().get_portfolio(request.clone()).await.unwrap().into_inner();
    let mut changed = read.portfolio.clone().unwrap();
    changed.ranking.as_mut().unwrap().stage_bounds = vec![10, 20, 30, 40];
    let request_of = |portfolio: &proto::Portfolio, why: &str| proto::UpdatePortfolioRequest {
        portfolio: Some(portfolio.clone()),
        activation_reason: why.to_owned(),
        ..Default::default()
    };
    let refused = refusal(server.portfolios().update_portfolio(request_of(&changed, "")).await);
    assert_eq!(refused.reason, "NEEDS_ACTIVATION");
    assert_eq!(activations(&server).await.len(), 1);

    let updated = server.portfolios().update_portfolio(request_of(&changed, "shorter")).await;
    let updated = updated.unwrap().into_inner().portfolio.unwrap();
    assert_eq!(updated.ranking, changed.ranking);
    ranked(&server).await;
    assert_eq!(stage().await, proto::Stage::M5);
    let active = activations(&server).await.remove(0);
    assert_eq!((&active.rule_set_id, &*active.reason), (&updated.rule_set_id, "shorter"));

    let back = proto::ActivateRevisionRequest {
        target: Some(Target::RollbackToActivationId(1)),
        ..activation(0, 2)
    };
    activate(&server, back).await.unwrap();
    ranked(&server).await;
    assert_eq!(stage().await, proto::Stage::M3);
    let now = server.portfolios().get_portfolio(request).await.unwrap().into_inner();
    assert_eq!(now.portfolio.unwrap().ranking, read.portfolio.unwrap().ranking);
}

#[tokio::test]
async fn a_protected_input_switched_on_must_be_one_that_a_scorecard_looks_at() {
    let server = TestServer::start().await;
    let created = server.create(portfolio("cards")).await;
    let mut changed = created;
    let on = &mut changed.ranking.as_mut().unwrap().protected_inputs_on;
    on.push("marital_status".to_owned());
    let request = proto::UpdatePortfolioRequest {
        portfolio: Some(changed),
        activation_reason: "approved".to_owned(),
        ..Default::default()
    };
    let updated = server.portfolios().update_portfolio(request).await.unwrap().into_inner();
    assert_eq!(updated.portfolio.unwrap().ranking.unwrap().protected_inputs_on, ["marital_status"]);
    assert_eq!(activations(&server).await.len(), 2);
}

#[tokio::test]
async fn what_a_higher_tolerance_closes_opens_again_when_it_is_taken_back() {
    let server = with_cases(&["c1"]).await;
    let state = async || server.get("cards", "c1").await.state();
    let mut changed = read(&server).await;
    changed.ranking.as_mut().unwrap().tolerance_amount = euro(5_000);
    let request = proto::UpdatePortfolioRequest {
        portfolio: Some(changed),
        activation_reason: "a slip of the pen".to_owned(),
        ..Default::default()
    };
    server.portfolios().update_portfolio(request).await.unwrap();
    ranked(&server).await;
    assert_eq!(state().await, proto::CaseState::Closed);
    let back = proto::ActivateRevisionRequest {
        target: Some(Target::RollbackToActivationId(1)),
        ..activation(0, 2)
    };
    activate(&server, back).await.unwrap();
    ranked(&server).await;
    assert_eq!(state().await, proto::CaseState::Open);
    let item = server.lease(pull("all", 1)).await.work_items;
    assert_eq!(item.len(), 1, "it is worked again");
}

/// A characteristic over a custom feature that is protected.
fn custom_area() -> proto::Characteristic {
    let bin = |category: &str, points| proto::Bin {
        categories: vec![category.to_owned()],
        points,
        ..Default::default()
    };
    proto::Characteristic {
        name: "area".to_owned(),
        feature: "custom.area".to_owned(),
        custom_kind: proto::CustomFeatureKind::Flag.into(),
        family: proto::Family::Custom.into(),
        dimension: proto::Dimension::Ability.into(),
        protected_input: true,
        reason: Some(proto::ReasonText {
            code: "AREA".to_owned(),
            text: "lives there".to_owned(),
            audience: proto::Audience::Analyst.into(),
            ..Default::default()
        }),
        missing_points: Some(0),
        bins: vec![bin("NO", 0), bin("YES", -40)],
        ..Default::default()
    }
}

#[tokio::test]
async fn a_protected_custom_feature_is_switched_on_where_a_scorecard_marks_it() {
    let server = with_cases(&["c0"]).await;
    let feature = proto::CustomFeature {
        feature_id: "area".to_owned(),
        value: Some(proto::custom_feature::Value::Flag(true)),
    };
    let case = proto::CaseDocument { custom_features: vec![feature], ..document("c1") };
    server.push("cards", vec![case]).await;
    let before = rank(&server, "c1").await.recovery_score;
    let on = async |names: &[&str]| {
        let mut changed = read(&server).await;
        let ranking = changed.ranking.as_mut().unwrap();
        ranking.protected_inputs_on = names.iter().map(|name| (*name).to_owned()).collect();
        let activation_reason = "approved".to_owned();
        let request = proto::UpdatePortfolioRequest {
            portfolio: Some(changed),
            activation_reason,
            ..Default::default()
        };
        server.portfolios().update_portfolio(request).await
    };
    let refused = refusal(on(&["custom.area"]).await);
    assert_eq!(&*refused.reason, "REVISION_INVALID", "no scorecard looks at it");
    assert_eq!(activations(&server).await.len(), 1);

    let made = draft(&server, "consumer", |card| card.characteristics.push(custom_area())).await;
    activate(&server, activation(number(&made), 1)).await.unwrap();
    ranked(&server).await;
    assert_eq!(rank(&server, "c1").await.recovery_score, before, "off, it touches nothing");
    on(&["custom.area"]).await.unwrap();
    ranked(&server).await;
    assert_eq!(rank(&server, "c1").await.recovery_score, before - 40);
    assert_eq!(read(&server).await.ranking.unwrap().protected_inputs_on, ["custom.area"]);

    let other = activation(1, 3);
    let refused = refusal(server.scorecards().activate_revision(other).await);
    assert_eq!(&*refused.reason, "REVISION_INVALID", "that scorecard does not mark it");
    on(&[]).await.unwrap();
    ranked(&server).await;
    assert_eq!(rank(&server, "c1").await.recovery_score, before);

    let ranking = proto::RankingSettings {
        protected_inputs_on: vec!["custom.area".to_owned()],
        ..Default::default()
    };
    let other = proto::Portfolio { ranking: Some(ranking), ..always("other") };
    let request = proto::CreatePortfolioRequest { portfolio: Some(other) };
    let refused = refusal(server.portfolios().create_portfolio(request).await);
    assert_eq!(&*refused.reason, "REVISION_INVALID", "a new one has the shipped scorecards");
}
