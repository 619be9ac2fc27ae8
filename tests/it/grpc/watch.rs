//! Watching cases: what is told, when, and from where on.

use std::collections::BTreeSet;
use std::time::Duration;

use arrears::model::Micros;
use arrears::proto;
use tonic::{Code, Status, Streaming};

use crate::support::{
    TestServer, always, document, euro, event, hold, lift, outcome, payment, portfolio, pull,
    refusal, work_list,
};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

struct Watch(Streaming<proto::WatchCasesResponse>);

impl Watch {
    async fn begin(server: &TestServer, portfolio_id: &str, token: &str) -> Result<Watch, Status> {
        let request = proto::WatchCasesRequest {
            portfolio_id: portfolio_id.to_owned(),
            resume_token: token.to_owned(),
        };
        Ok(Watch(server.cases().watch_cases(request).await?.into_inner()))
    }

    async fn answer(&mut self) -> Result<proto::WatchCasesResponse, Status> {
        let answer = tokio::time::timeout(PATIENCE, self.0.message()).await;
        answer.expect("an answer comes").map(|answer| answer.expect("a watch does not end"))
    }

    /// Goes on until each of these cases was told of, and nothing else was; returns the
    /// cases as they were told last, in the order of the ids, and the token behind them.
    async fn until(&mut self, case_ids: &[&str]) -> (Vec<proto::Case>, String) {
        let mut told: Vec<proto::Case> = Vec::new();
        loop {
            let answer = self.answer().await.unwrap();
            assert!(answer.unreadable_cases.is_empty());
            let ids: BTreeSet<&str> = answer.cases.iter().map(|case| &*case.case_id).collect();
            assert_eq!(ids.len(), answer.cases.len(), "each once an answer");
            told.retain(|case| !ids.contains(&*case.case_id));
            told.extend(answer.cases.iter().cloned());
            told.sort_by(|a, b| a.case_id.cmp(&b.case_id));
            let ids: Vec<&str> = told.iter().map(|case| &*case.case_id).collect();
            if ids == case_ids {
                return (told, answer.resume_token);
            }
            assert!(ids.iter().all(|id| case_ids.contains(id)), "{ids:?}");
        }
    }
}

async fn watched() -> TestServer {
    let server = TestServer::start().await;
    for id in ["p", "other"] {
        server.create(always(id)).await;
    }
    server.push("p", ["a", "b", "c"].map(document).to_vec()).await;
    server
}

/// A watch from now on that has said so.
async fn from_now(server: &TestServer) -> (Watch, String) {
    let mut watch = Watch::begin(server, "p", "").await.unwrap();
    // What was pushed before may be numbered after the watch began.
    let mut token = watch.answer().await.unwrap().resume_token;
    assert!(!token.is_empty());
    server.push("p", vec![document("seen")]).await;
    loop {
        let answer = watch.answer().await.unwrap();
        token = answer.resume_token;
        if answer.cases.iter().any(|case| case.case_id == "seen") {
            return (watch, token);
        }
    }
}

#[tokio::test]
async fn a_watch_tells_of_documents_events_and_reports_as_the_case_is_by_then() {
    let server = watched().await;
    let (mut watch, _) = from_now(&server).await;

    let changed = proto::CaseDocument { overdue_amount: euro(1_300), ..document("b") };
    server.push("p", vec![changed, document("a")]).await;
    let (told, _) = watch.until(&["b"]).await;
    assert_eq!(told[0].overdue_amount, euro(1_300));
    assert_eq!(told[0].rank, server.get("p", "b").await.rank);

    server.record("p", vec![event("e1", &["a"], payment(euro(100)))]).await;
    let (told, _) = watch.until(&["a"]).await;
    assert_eq!(told[0].overdue_amount, euro(1_100));

    server.create_list(work_list("l")).await;
    let leased = server.lease(pull("l", 1)).await;
    server.report(outcome(&leased.work_items[0], "no_answer")).await;
    let lead = leased.work_items[0].lead_case.clone().unwrap().case_id;
    watch.until(&[&lead]).await;
}

#[tokio::test]
async fn a_hold_of_a_debtor_is_told_with_every_case_of_the_debtor() {
    let server = watched().await;
    let shared = |id| proto::CaseDocument { debtor_id: "d".to_owned(), ..document(id) };
    server.push("p", vec![shared("x"), shared("y")]).await;
    let (mut watch, _) = from_now(&server).await;
    let of_debtor = |event: proto::Event| proto::Event { debtor_id: "d".to_owned(), ..event };
    server.record("p", vec![of_debtor(event("h", &[], hold(proto::HoldKind::Dispute)))]).await;
    let (told, _) = watch.until(&["x", "y"]).await;
    assert!(told.iter().all(|case| case.holds.len() == 1));
    server.record("p", vec![of_debtor(event("l", &[], lift("h")))]).await;
    let (told, _) = watch.until(&["x", "y"]).await;
    assert!(told.iter().all(|case| case.holds.is_empty()));
}

#[tokio::test]
async fn what_happened_while_nobody_watched_is_told_behind_the_token_on_any_server() {
    let server = watched().await;
    let (watch, token) = from_now(&server).await;
    drop(watch);
    for amount in [1_300, 1_400, 1_500] {
        let changed = proto::CaseDocument { overdue_amount: euro(amount), ..document("b") };
        server.push("p", vec![changed]).await;
    }
    server.push("other", vec![document("b"), document("z")]).await;
    // Whoever is told of this one has been told of all that was numbered before.
    server.push("p", vec![document("last")]).await;
    let server = server.restart().await;
    let mut watch = Watch::begin(&server, "p", &token).await.unwrap();
    let (told, behind) = watch.until(&["b", "last"]).await;
    assert_eq!(told[0].overdue_amount, euro(1_500));
    // Behind that there is nothing, and the same token tells the same again.
    let mut again = Watch::begin(&server, "p", &token).await.unwrap();
    again.until(&["b", "last"]).await;
    let mut nothing = Watch::begin(&server, "p", &behind).await.unwrap();
    server.push("p", vec![document("new")]).await;
    nothing.until(&["new"]).await;
}

/// More cases than an answer holds, changed at once.
#[tokio::test]
async fn a_large_push_is_told_in_several_answers_and_resumed_between_them() {
    let server = watched().await;
    let (watch, token) = from_now(&server).await;
    drop(watch);
    let ids: Vec<String> = (0..2_500).map(|n| format!("n{n:05}")).collect();
    for chunk in ids.chunks(1_000) {
        server.push("p", chunk.iter().map(|id| document(id)).collect()).await;
    }
    let (mut token, mut told) = (token, BTreeSet::new());
    while told.len() < ids.len() {
        // A new watch for each answer: what one has said, the next does not repeat.
        let mut watch = Watch::begin(&server, "p", &token).await.unwrap();
        let answer = watch.answer().await.unwrap();
        assert!(answer.cases.len() <= 1_000);
        for case in &answer.cases {
            assert!(told.insert(case.case_id.clone()), "{} twice", case.case_id);
        }
        token = answer.resume_token;
    }
    assert!(ids.iter().all(|id| told.contains(id)));
}

#[tokio::test]
async fn a_token_of_something_else_and_an_unknown_portfolio_are_refused() {
    let server = watched().await;
    let (_watch, token) = from_now(&server).await;
    let altered = format!("{token}00");
    let of_p = [("", "nobody"), ("x", "p"), (&altered, "p"), (&token, "other")];
    for (token, portfolio_id) in of_p {
        let request = proto::WatchCasesRequest {
            portfolio_id: portfolio_id.to_owned(),
            resume_token: token.to_owned(),
        };
        let refused = refusal(server.cases().watch_cases(request).await);
        match portfolio_id {
            "nobody" => assert_eq!(refused.reason, "PORTFOLIO_NOT_FOUND"),
            _ => {
                let violation = ("resume_token".to_owned(), "FIELD_MALFORMED".to_owned());
                assert_eq!(refused.violations, [violation], "{token}");
            }
        }
    }
    let empty = proto::WatchCasesRequest::default();
    let refused = refusal(server.cases().watch_cases(empty).await);
    assert_eq!(refused.violations, [("portfolio_id".to_owned(), "FIELD_REQUIRED".to_owned())]);
}

#[tokio::test]
async fn a_token_behind_what_is_kept_has_expired() {
    let server = watched().await;
    let (watch, token) = from_now(&server).await;
    drop(watch);
    server.push("p", vec![document("missed")]).await;
    // On PostgreSQL it is numbered a moment later, by this server's clock.
    Watch::begin(&server, "p", &token).await.unwrap().until(&["missed"]).await;
    server.clock.advance(8 * 24 * Micros::HOUR);
    // A server forgets when it starts, and then every minute.
    let server = server.restart().await;
    let refused = tokio::time::timeout(PATIENCE, async {
        loop {
            let request = proto::WatchCasesRequest {
                portfolio_id: "p".to_owned(),
                resume_token: token.clone(),
            };
            let answer = server.cases().watch_cases(request).await;
            if answer.is_err() {
                break refusal(answer);
            }
            tokio::task::yield_now().await;
        }
    });
    let refused = refused.await.expect("old changes are forgotten");
    assert_eq!(refused.code, Code::OutOfRange);
    assert_eq!(refused.reason, "WATCH_TOKEN_EXPIRED");
    assert_eq!(refused.value("resume_token"), token);
}

#[tokio::test]
async fn a_watch_ends_with_the_server_and_says_so() {
    let server = TestServer::start().await;
    server.create(portfolio("p")).await;
    let mut watch = Watch::begin(&server, "p", "").await.unwrap();
    watch.answer().await.unwrap();
    server.stop();
    let ended = watch.answer().await.unwrap_err();
    let refused = refusal::<()>(Err(ended));
    assert_eq!((refused.code, &*refused.reason), (Code::Unavailable, "SHUTTING_DOWN"));
}
