//! Scorecards: drafts, what is wrong with one, activation and the way back.

use std::time::Duration;

use arrears::proto;
use tonic::Status;

use crate::support::{TestServer, always, document, work_list};

mod activation;
mod approval;
mod contents;
mod derived;
mod drafts;
mod experiment;
mod first_leases;
mod language;
mod office;
mod populations;
mod routes;
mod rows;
mod schedule;
mod settings;
mod simulation;

/// Days that a case of [`document`] is overdue at the start of a test.
const DAYS: i32 = 62;

/// A server with a portfolio that may be called at any time, cases, and a list of
/// everything.
async fn with_cases(cases: &[&str]) -> TestServer {
    let server = TestServer::start().await;
    server.create(always("cards")).await;
    server.push("cards", cases.iter().map(|case_id| document(case_id)).collect()).await;
    server.create_list(work_list("all")).await;
    server
}

fn name(scorecard_id: &str, revision_no: i64) -> Option<proto::RevisionName> {
    Some(proto::RevisionName { scorecard_id: scorecard_id.to_owned(), revision_no })
}

async fn get(server: &TestServer, scorecard_id: &str, revision_no: i64) -> proto::Revision {
    let request = proto::GetRevisionRequest { name: name(scorecard_id, revision_no) };
    server.scorecards().get_revision(request).await.unwrap().into_inner().revision.unwrap()
}

/// Makes a draft of the newest revision of a scorecard, changed.
async fn draft(
    server: &TestServer,
    scorecard_id: &str,
    change: impl FnOnce(&mut proto::Scorecard),
) -> proto::Revision {
    let mut scorecard = get(server, scorecard_id, 0).await.scorecard.unwrap();
    change(&mut scorecard);
    let request = proto::CreateRevisionRequest {
        base: name(scorecard_id, 0),
        scorecard: Some(scorecard),
        title: "harder".to_owned(),
    };
    server.scorecards().create_revision(request).await.unwrap().into_inner().revision.unwrap()
}

/// The number of a revision.
fn number(revision: &proto::Revision) -> i64 {
    revision.name.as_ref().unwrap().revision_no
}

/// An activation of a revision for persons in `cards`.
fn activation(revision_no: i64, expected_activation_id: i64) -> proto::ActivateRevisionRequest {
    let revision = name("consumer", revision_no).unwrap();
    proto::ActivateRevisionRequest {
        portfolio_id: "cards".to_owned(),
        target: Some(proto::activate_revision_request::Target::Revision(revision)),
        expected_activation_id,
        reason: "a test".to_owned(),
        ..Default::default()
    }
}

async fn activate(
    server: &TestServer,
    request: proto::ActivateRevisionRequest,
) -> Result<proto::Activation, Status> {
    let answer = server.scorecards().activate_revision(request).await?;
    Ok(answer.into_inner().activation.unwrap())
}

async fn activations(server: &TestServer) -> Vec<proto::Activation> {
    let portfolio_id = "cards".to_owned();
    let request = proto::ListActivationsRequest { portfolio_id, ..Default::default() };
    server.scorecards().list_activations(request).await.unwrap().into_inner().activations
}

async fn rank(server: &TestServer, case_id: &str) -> proto::Rank {
    server.get("cards", case_id).await.rank.unwrap()
}

/// Why a case of `cards` is ranked as it is, asked for with what a request says beside.
async fn explained(
    server: &TestServer,
    case_id: &str,
    request: proto::ExplainCaseRequest,
) -> proto::ExplainCaseResponse {
    let (portfolio_id, case_id) = ("cards".to_owned(), case_id.to_owned());
    let request = proto::ExplainCaseRequest { portfolio_id, case_id, ..request };
    server.cases().explain_case(request).await.unwrap().into_inner()
}

/// Every case loses 100 points.
fn harder(card: &mut proto::Scorecard) {
    card.base_points -= 100;
}

/// Waits until all cases are ranked by the active rule set.
async fn ranked(server: &TestServer) {
    let done = async { while activations(server).await[0].ranked_permille < 1_000 {} };
    let done = tokio::time::timeout(Duration::from_secs(60), done).await;
    assert!(done.is_ok(), "the cases are not ranked anew: {:?}", activations(server).await);
}

/// What ValidateRevision says of a revision: whether it is an error, where, and what.
async fn findings(server: &TestServer, revision_no: i64) -> Vec<(bool, String, String)> {
    let subject =
        proto::validate_revision_request::Subject::Name(name("consumer", revision_no).unwrap());
    let request =
        proto::ValidateRevisionRequest { subject: Some(subject), portfolio_id: String::new() };
    let answer = server.scorecards().validate_revision(request).await.unwrap().into_inner();
    assert_eq!(answer.content_hash, get(server, "consumer", revision_no).await.content_hash);
    let found = answer.findings.into_iter();
    found
        .map(|one| (one.severity() == proto::FindingSeverity::Error, one.path, one.message))
        .collect()
}
