//! Settings that ranks read: changed by an activation, and taken back with one.

use arrears::proto;
use proto::activate_revision_request::Target;

use super::{DAYS, activate, activation, activations, ranked, with_cases};
use crate::support::{TestServer, euro, portfolio, pull, refusal};

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
