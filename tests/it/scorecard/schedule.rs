//! Activations that start later, as a client meets them.

use std::sync::Arc;
use std::time::Duration;

use arrears::model::{Micros, TestClock};
use arrears::proto;
use proto::ProposalState as State;
use proto::activate_revision_request::Target;
use tonic::{Code, Response, Status};

use super::{activate, activation, activations, draft, harder, number, rank, ranked, with_cases};
use crate::support::{
    NOW, TestDatabase, TestServer, always, document, euro, instant, pull, refusal,
};

const DAY: i64 = Micros::DAY;

/// An activation that starts so long after the beginning of the test.
fn later(revision_no: i64, expected: i64, after: i64) -> proto::ActivateRevisionRequest {
    let start_time = instant(NOW.plus(after));
    proto::ActivateRevisionRequest { start_time, ..activation(revision_no, expected) }
}

async fn propose(
    server: &TestServer,
    request: proto::ActivateRevisionRequest,
) -> Result<proto::ActivationProposal, Status> {
    let answer = server.scorecards().activate_revision(request).await?.into_inner();
    assert_eq!(answer.activation, None);
    Ok(answer.proposal.unwrap())
}

async fn proposals(server: &TestServer) -> Vec<proto::ActivationProposal> {
    let portfolio_id = "cards".to_owned();
    let request = proto::ListActivationProposalsRequest { portfolio_id, ..Default::default() };
    let answer = server.scorecards().list_activation_proposals(request).await.unwrap();
    answer.into_inner().proposals
}

async fn decide(
    server: &TestServer,
    proposal_id: i64,
    decision: proto::ActivationDecision,
) -> Result<Response<proto::DecideActivationResponse>, Status> {
    let request = proto::DecideActivationRequest {
        portfolio_id: "cards".to_owned(),
        proposal_id,
        decision: decision.into(),
        reason: "a test".to_owned(),
        validate_only: false,
    };
    server.scorecards().decide_activation(request).await
}

/// Waits until a proposal has ended, and returns it.
async fn ended(server: &TestServer, proposal_id: i64) -> proto::ActivationProposal {
    let look = async {
        loop {
            let all = proposals(server).await;
            let found = all.into_iter().find(|one| one.proposal_id == proposal_id).unwrap();
            if !matches!(found.state(), State::Proposed | State::Scheduled) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), look).await.unwrap()
}

async fn serve_one(server: &TestServer) -> proto::Rank {
    let mut items = server.lease(pull("all", 1)).await.work_items;
    items.remove(0).lead_case.unwrap().rank.unwrap()
}

#[tokio::test]
async fn it_takes_effect_at_its_time_and_not_before() {
    let server = with_cases(&["c1", "c2", "c3"]).await;
    let before = rank(&server, "c1").await;
    let made = draft(&server, "consumer", harder).await;
    let proposal = propose(&server, later(number(&made), 1, DAY)).await.unwrap();
    assert_eq!((proposal.proposal_id, proposal.state()), (1, State::Scheduled));
    assert_eq!((proposal.start_time, proposal.expire_time), (instant(NOW.plus(DAY)), None));
    assert_eq!(proposal.scorecard.as_ref().unwrap().revision_no, number(&made));
    assert_ne!(proposal.rule_set_id, before.rule_set_id);
    server.clock.advance(DAY - Micros::MINUTE);
    assert_eq!(serve_one(&server).await.rule_set_id, before.rule_set_id);
    assert_eq!(activations(&server).await.len(), 1);

    server.clock.advance(Micros::MINUTE);
    let done = ended(&server, 1).await;
    assert_eq!((done.state(), done.activation_id, &*done.ended_by), (State::Activated, 2, ""));
    let active = activations(&server).await.remove(0);
    assert_eq!((active.activation_id, &active.rule_set_id), (2, &proposal.rule_set_id));
    assert_eq!((active.proposal_id, &*active.approved_by), (1, ""));
    assert_eq!((&active.actor, &*active.reason), (&proposal.proposed_by, "a test"));
    assert_eq!(active.activate_time, instant(NOW.plus(DAY)));
    assert_eq!(serve_one(&server).await.rule_set_id, active.rule_set_id);
    ranked(&server).await;
    assert_eq!(rank(&server, "c1").await.rule_set_id, active.rule_set_id);
}

#[tokio::test]
async fn the_way_back_may_start_later_too_and_a_stop_forgets_nothing() {
    let server = with_cases(&["c1"]).await;
    let before = rank(&server, "c1").await;
    let made = draft(&server, "consumer", harder).await;
    activate(&server, activation(number(&made), 1)).await.unwrap();
    let back = proto::ActivateRevisionRequest {
        target: Some(Target::RollbackToActivationId(1)),
        ..later(0, 2, DAY)
    };
    let proposal = propose(&server, back).await.unwrap();
    assert_eq!(proposal.rule_set_id, before.rule_set_id);
    let database = server.end().await;
    // Two days later: it is late, and still done.
    let clock = Arc::new(TestClock::new(NOW.plus(2 * DAY)));
    let server = TestServer::over(database, clock).await;
    assert_eq!(ended(&server, 1).await.activation_id, 3);
    let active = activations(&server).await.remove(0);
    assert_eq!(active.rule_set_id, before.rule_set_id);
    assert_eq!(active.activate_time, instant(NOW.plus(2 * DAY)));
}

#[tokio::test]
async fn what_is_activated_meanwhile_supersedes_it() {
    let server = with_cases(&["c1"]).await;
    let made = draft(&server, "consumer", harder).await;
    let other = draft(&server, "consumer", |card| card.base_points += 7).await;
    propose(&server, later(number(&made), 1, DAY)).await.unwrap();
    let trial =
        proto::ActivateRevisionRequest { validate_only: true, ..activation(number(&other), 1) };
    let findings = async |request| {
        let answer = server.scorecards().activate_revision(request).await.unwrap().into_inner();
        let ends = answer.findings.into_iter().filter(|one| one.path == "proposal");
        ends.map(|one| one.message).collect::<Vec<_>>()
    };
    let warned = findings(trial).await;
    assert!(warned.len() == 1 && warned[0].starts_with("proposal 1 ends"), "{warned:?}");
    assert_eq!(findings(activation(number(&other), 1)).await, warned);
    let told = proposals(&server).await.remove(0);
    assert_eq!((told.state(), told.activation_id), (State::Superseded, 0));
    assert_eq!(told.end_reason, "activation 2 came before it");
    server.clock.advance(2 * DAY);
    let decided = refusal(decide(&server, 1, proto::ActivationDecision::Withdraw).await);
    assert_eq!((decided.code, &*decided.reason), (Code::FailedPrecondition, "PROPOSAL_DECIDED"));
    assert_eq!((decided.value("proposal_id"), decided.value("state")), ("1", "SUPERSEDED"));
    assert_eq!(activations(&server).await.len(), 2);
}

/// As a server writes that knows nothing of proposals.
#[tokio::test]
async fn what_an_older_server_has_activated_meanwhile_supersedes_it_when_its_time_comes() {
    let server = with_cases(&["c1"]).await;
    let made = draft(&server, "consumer", harder).await;
    propose(&server, later(number(&made), 1, DAY)).await.unwrap();
    let activated = "INSERT INTO activation (part, portfolio_no, activation_id, rule_set_id, \
        actor, reason, activate_time) SELECT part, portfolio_no, 2, rule_set_id, actor, reason, \
        activate_time FROM activation";
    assert!(server.database().execute(activated) > 0);
    server.clock.advance(DAY);
    let told = ended(&server, 1).await;
    assert_eq!(told.state(), State::Superseded);
    assert_eq!(told.end_reason, "activation 2 is active, not the one expected");
    assert_eq!(activations(&server).await.len(), 2);
}

#[tokio::test]
async fn one_is_open_at_a_time_and_can_be_withdrawn() {
    let server = with_cases(&["c1"]).await;
    let made = draft(&server, "consumer", harder).await;
    propose(&server, later(number(&made), 1, DAY)).await.unwrap();
    let second = server.scorecards().activate_revision(later(1, 1, 2 * DAY)).await;
    let refused = refusal(second);
    assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "PROPOSAL_OPEN"));
    assert_eq!(refused.value("proposal_id"), "1");
    let approved = refusal(decide(&server, 1, proto::ActivationDecision::Approve).await);
    assert_eq!((&*approved.reason, approved.value("state")), ("PROPOSAL_DECIDED", "SCHEDULED"));
    let done = decide(&server, 1, proto::ActivationDecision::Withdraw).await.unwrap().into_inner();
    let withdrawn = done.proposal.unwrap();
    assert_eq!((withdrawn.state(), &*withdrawn.end_reason), (State::Withdrawn, "a test"));
    server.clock.advance(2 * DAY);
    let again = propose(&server, later(number(&made), 1, 3 * DAY)).await.unwrap();
    assert_eq!(again.proposal_id, 2);
    assert_eq!(activations(&server).await.len(), 1);
    let nowhere = refusal(decide(&server, 9, proto::ActivationDecision::Withdraw).await);
    assert_eq!((nowhere.code, &*nowhere.reason), (Code::NotFound, "PROPOSAL_NOT_FOUND"));

    let page = async |page_token: &str| {
        let request = proto::ListActivationProposalsRequest {
            portfolio_id: "cards".to_owned(),
            page_size: 1,
            page_token: page_token.to_owned(),
        };
        server.scorecards().list_activation_proposals(request).await.unwrap().into_inner()
    };
    let first = page("").await;
    let second = page(&first.next_page_token).await;
    let numbers = [&first, &second].map(|page| page.proposals[0].proposal_id);
    assert_eq!((numbers, &*second.next_page_token), ([2, 1], ""));

    let sql = "UPDATE activation_proposal SET body = x'FF' WHERE due_at IS NULL";
    assert_eq!(server.database().execute(sql), 1);
    let broken = page(&first.next_page_token).await;
    assert_eq!((broken.proposals.len(), broken.unreadable_proposals.len()), (0, 1));
    let named = &broken.unreadable_proposals[0];
    let reason = named.error.as_ref().unwrap().reason.as_str();
    assert_eq!((named.proposal_id, reason), (1, "STORE_CORRUPT"));
}

#[tokio::test]
async fn a_time_that_is_past_or_too_far_ahead_is_refused() {
    let server = with_cases(&["c1"]).await;
    let made = draft(&server, "consumer", harder).await;
    for after in [-DAY, 0, 90 * DAY + Micros::SECOND] {
        let request = later(number(&made), 1, after);
        let refused = refusal(server.scorecards().activate_revision(request).await);
        let field = ("start_time".to_owned(), "FIELD_OUT_OF_RANGE".to_owned());
        assert_eq!((refused.code, refused.violations), (Code::InvalidArgument, vec![field]));
    }
    let wrong = Some(prost_types::Timestamp { seconds: 1, nanos: -1 });
    let request = proto::ActivateRevisionRequest { start_time: wrong, ..activation(1, 1) };
    let refused = refusal(server.scorecards().activate_revision(request).await);
    assert_eq!(refused.violations[0].0, "start_time.nanos");
    assert_eq!(proposals(&server).await, []);
    propose(&server, later(number(&made), 1, 90 * DAY)).await.unwrap();
}

#[tokio::test]
async fn a_trial_run_says_which_proposal_it_would_be_and_makes_none() {
    let server = with_cases(&["c1"]).await;
    let made = draft(&server, "consumer", harder).await;
    let trial =
        proto::ActivateRevisionRequest { validate_only: true, ..later(number(&made), 1, DAY) };
    let would = propose(&server, trial.clone()).await.unwrap();
    assert_eq!((would.proposal_id, would.state()), (1, State::Scheduled));
    assert_eq!(proposals(&server).await, []);
    let stale = proto::ActivateRevisionRequest { expected_activation_id: 7, ..trial };
    let refused = refusal(server.scorecards().activate_revision(stale).await);
    assert_eq!(refused.reason, "ACTIVATION_CHANGED");
    let made = propose(&server, later(number(&made), 1, DAY)).await.unwrap();
    assert_eq!(made.rule_set_id, would.rule_set_id);
}

#[tokio::test]
async fn all_that_is_missing_of_a_decision_is_told_at_once() {
    let server = TestServer::start().await;
    let request = proto::DecideActivationRequest::default();
    let refused = refusal(server.scorecards().decide_activation(request).await);
    assert_eq!(refused.fields(), ["portfolio_id", "proposal_id", "decision", "reason"]);
    let request = proto::DecideActivationRequest {
        portfolio_id: "cards".to_owned(),
        proposal_id: -1,
        decision: 17,
        reason: "x".repeat(1_025),
        validate_only: true,
    };
    let refused = refusal(server.scorecards().decide_activation(request).await);
    assert!(refused.violations.iter().all(|(_, reason)| reason == "FIELD_OUT_OF_RANGE"));
    assert_eq!(refused.violations.len(), 3, "{refused:?}");
    let missing = refusal(decide(&server, 1, proto::ActivationDecision::Approve).await);
    assert_eq!(missing.reason, "PORTFOLIO_NOT_FOUND");
}

async fn update(
    server: &TestServer,
    change: impl FnOnce(&mut proto::Portfolio),
    after: Option<i64>,
) -> Result<Response<proto::UpdatePortfolioResponse>, Status> {
    let request = proto::GetPortfolioRequest { portfolio_id: "cards".to_owned() };
    let read = server.portfolios().get_portfolio(request).await.unwrap().into_inner();
    let mut portfolio = read.portfolio.unwrap();
    change(&mut portfolio);
    let request = proto::UpdatePortfolioRequest {
        portfolio: Some(portfolio),
        activation_reason: "approved".to_owned(),
        activation_start_time: after.and_then(|after| instant(NOW.plus(after))),
    };
    server.portfolios().update_portfolio(request).await
}

#[tokio::test]
async fn settings_that_ranks_read_may_change_later_and_the_others_change_at_once() {
    let server = with_cases(&["c1"]).await;
    let change = |portfolio: &mut proto::Portfolio| {
        portfolio.display_name = "Cards".to_owned();
        portfolio.ranking.as_mut().unwrap().tolerance_amount = euro(5_000);
    };
    let answer = update(&server, change, Some(DAY)).await.unwrap().into_inner();
    let (portfolio, proposal) = (answer.portfolio.unwrap(), answer.proposal.unwrap());
    let tolerance = |ranking: &Option<proto::RankingSettings>| {
        ranking.as_ref().unwrap().tolerance_amount.as_ref().unwrap().units
    };
    assert_eq!((&*portfolio.display_name, tolerance(&portfolio.ranking)), ("Cards", 0));
    assert_eq!((proposal.state(), tolerance(&proposal.ranking)), (State::Scheduled, 5_000));
    assert_eq!(server.get("cards", "c1").await.state(), proto::CaseState::Open);
    server.clock.advance(DAY);
    ended(&server, 1).await;
    ranked(&server).await;
    assert_eq!(server.get("cards", "c1").await.state(), proto::CaseState::Closed);

    let name = |portfolio: &mut proto::Portfolio| portfolio.display_name = "North".to_owned();
    let refused = refusal(update(&server, name, Some(2 * DAY)).await);
    let field = ("activation_start_time".to_owned(), "FIELD_CONFLICT".to_owned());
    assert_eq!(refused.violations, [field]);
    let back = |portfolio: &mut proto::Portfolio| {
        portfolio.ranking.as_mut().unwrap().tolerance_amount = euro(0);
    };
    let refused = refusal(update(&server, back, Some(DAY)).await);
    let field = ("activation_start_time".to_owned(), "FIELD_OUT_OF_RANGE".to_owned());
    assert_eq!(refused.violations, [field]);
}

#[tokio::test]
async fn a_second_person_cannot_be_asked_for_where_nobody_can_be_told_from_anybody() {
    let server = TestServer::start().await;
    let created = server.create(always("cards")).await;
    assert_eq!(created.activation_approval(), proto::ActivationApproval::NotRequired);
    let on = |portfolio: &mut proto::Portfolio| {
        portfolio.set_activation_approval(proto::ActivationApproval::Required);
    };
    let refused = refusal(update(&server, on, None).await);
    let reason = (Code::FailedPrecondition, "APPROVAL_NEEDS_CREDENTIALS");
    assert_eq!((refused.code, &*refused.reason), reason);
    assert_eq!(refused.value("field"), "portfolio.activation_approval");
    let mut other = always("other");
    on(&mut other);
    let request = proto::CreatePortfolioRequest { portfolio: Some(other) };
    let refused = refusal(server.portfolios().create_portfolio(request).await);
    assert_eq!((refused.code, &*refused.reason), reason);
    let unknown = |portfolio: &mut proto::Portfolio| portfolio.activation_approval = 9;
    let refused = refusal(update(&server, unknown, None).await);
    let field = ("portfolio.activation_approval".to_owned(), "FIELD_OUT_OF_RANGE".to_owned());
    assert_eq!(refused.violations, [field]);
}

#[tokio::test]
async fn a_tenant_in_four_parts_starts_in_all_at_once() {
    let clock = Arc::new(TestClock::new(NOW));
    let server = TestServer::over_spread(TestDatabase::new(), clock, 4).await;
    server.create(always("cards")).await;
    server.push("cards", (0..40).map(|at| document(&format!("c{at}"))).collect()).await;
    let made = draft(&server, "consumer", harder).await;
    let proposal = propose(&server, later(number(&made), 1, DAY)).await.unwrap();
    server.clock.advance(DAY);
    ended(&server, 1).await;
    ranked(&server).await;
    let count = |sql: &str| server.database().count(sql);
    assert_eq!(count("SELECT COUNT(*) FROM activation WHERE proposal_no = 1"), 4);
    assert_eq!(count("SELECT COUNT(DISTINCT part) FROM activation_proposal"), 1);
    for at in 0..40 {
        let case = server.get("cards", &format!("c{at}")).await;
        assert_eq!(case.rank.unwrap().rule_set_id, proposal.rule_set_id, "c{at}");
    }
}

#[tokio::test]
async fn an_experiment_starts_later_too() {
    let server = with_cases(&["c1", "c2", "c3"]).await;
    let made = draft(&server, "consumer", harder).await;
    let experiment = proto::Experiment {
        experiment_id: "autumn".to_owned(),
        challenger: made.name.clone(),
        challenger_permille: 500,
        ..Default::default()
    };
    let begin = |after| proto::ActivateRevisionRequest {
        experiment: Some(experiment.clone()),
        ..later(1, 1, after)
    };
    let proposal = propose(&server, begin(DAY)).await.unwrap();
    let told = proposal.experiment.clone().unwrap();
    assert_eq!((told.challenger, told.challenger_permille), (made.name.clone(), 500));

    // A challenger that is changed meanwhile is not what was proposed.
    let card = proto::Scorecard { base_points: 7, ..made.scorecard.clone().unwrap() };
    let revision = proto::Revision { scorecard: Some(card), ..made };
    let request = proto::UpdateRevisionRequest { revision: Some(revision), update_mask: None };
    server.scorecards().update_revision(request).await.unwrap();
    server.clock.advance(DAY);
    let done = ended(&server, 1).await;
    assert_eq!(done.state(), State::Superseded, "{done:?}");
    assert_eq!(activations(&server).await.len(), 1);

    let proposal = propose(&server, begin(2 * DAY)).await.unwrap();
    server.clock.advance(DAY);
    assert_eq!(ended(&server, proposal.proposal_id).await.state(), State::Activated);
    let active = activations(&server).await.remove(0);
    assert_eq!(active.experiment, proposal.experiment);
    assert_eq!(active.rule_set_id, proposal.rule_set_id);
}
