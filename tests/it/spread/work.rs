//! Work leased over the parts, and watching.

use std::collections::BTreeSet;
use std::time::Duration;

use arrears::model::Micros;
use arrears::proto;

use super::{cases_of, documents, one_of_each_part, spread};
use crate::support::{TestServer, document, outcome, pull};

#[tokio::test]
async fn one_pull_gets_the_work_of_all_parts_once() {
    let server = spread().await;
    server.push("p", documents(20)).await;
    let preview =
        proto::PreviewWorkRequest { work_list_id: "l".into(), max_items: 15, ..Default::default() };
    let previewed = server.work_lists().preview_work(preview).await.unwrap().into_inner();
    let leased = server.lease(pull("l", 15)).await.work_items;
    assert_eq!(cases_of(&leased), cases_of(&previewed.work_items));
    assert_eq!((leased.len(), cases_of(&leased).len()), (15, 30));
    let rest = server.lease(pull("l", 15)).await.work_items;
    assert_eq!(rest.len(), 5);
    let all: Vec<_> = leased.into_iter().chain(rest).collect();
    assert_eq!(cases_of(&all).len(), 40);
    let empty = server.lease(pull("l", 1)).await;
    assert!(empty.work_items.is_empty() && empty.retry_after.is_some());
}

#[tokio::test]
async fn parts_take_turns() {
    let server = spread().await;
    server.push("p", documents(40)).await;
    let mut parts = BTreeSet::new();
    for _ in 0..4 {
        let leased = server.lease(pull("l", 1)).await.work_items;
        parts.insert(super::part_of(&leased[0].debtor_id).0);
    }
    assert_eq!(parts.len(), 4);
}

#[tokio::test]
async fn a_retried_pull_gets_what_it_had_in_every_part_and_nothing_new() {
    let server = spread().await;
    server.push("p", documents(6)).await;
    let named = proto::LeaseWorkRequest { request_id: "r1".into(), ..pull("l", 10) };
    let first = server.lease(named.clone()).await.work_items;
    assert_eq!(first.len(), 6);
    let tokens = |items: &[proto::WorkItem]| -> BTreeSet<Vec<u8>> {
        items.iter().map(|item| item.lease_token.to_vec()).collect()
    };
    server.push("p", documents(12)).await;
    let again = server.lease(named.clone()).await.work_items;
    assert_eq!(tokens(&again), tokens(&first));
    // Once a part of it is reported, that is no longer held.
    server.report(outcome(&first[0], "no_answer")).await;
    let held = server.lease(named).await.work_items;
    assert_eq!(tokens(&held), tokens(&first[1..]));
}

#[tokio::test]
async fn tokens_of_several_parts_go_in_one_call_and_answers_keep_their_places() {
    let server = spread().await;
    server.push("p", documents(8)).await;
    let items = server.lease(pull("l", 8)).await.work_items;
    let mut renewing = items.clone();
    renewing[3].lease_token = vec![7; renewing[3].lease_token.len()];
    let renewals = server.renew(&renewing).await;
    for (at, renewal) in renewals.iter().enumerate() {
        let refused = renewal.error.as_ref().map(|error| error.reason.as_str());
        assert_eq!(refused, (at == 3).then_some("LEASE_TOKEN_MALFORMED"), "{at}");
    }
    let mut outcomes: Vec<_> = items[..6].iter().map(|item| outcome(item, "no_answer")).collect();
    outcomes[4].outcome_code = "unheard_of".into();
    let request = proto::ReportOutcomesRequest { outcomes };
    let results = server.work_lists().report_outcomes(request).await.unwrap().into_inner().results;
    for (at, result) in results.iter().enumerate() {
        let field = result.error.as_ref().map(|error| error.violations[0].field.as_str());
        assert_eq!(field, (at == 4).then_some("outcomes[4].outcome_code"));
    }
    let release = |item: &proto::WorkItem| proto::LeaseRelease {
        lease_token: item.lease_token.clone(),
        not_dialled: true,
    };
    let releases = items[4..].iter().map(release).collect();
    let request = proto::ReleaseLeasesRequest { releases };
    let results = server.work_lists().release_leases(request).await.unwrap().into_inner().results;
    let over: Vec<bool> = results.iter().map(|result| result.error.is_some()).collect();
    assert_eq!(over, [false, true, false, false]);
    assert_eq!(server.lease(pull("l", 8)).await.work_items.len(), 3);
}

#[tokio::test]
async fn a_debtor_is_taken_where_it_lives() {
    let server = spread().await;
    server.push("p", documents(20)).await;
    for debtor_id in one_of_each_part() {
        let take = proto::DebtorTake {
            debtor_id: debtor_id.clone(),
            reason: proto::TakeReason::Inbound.into(),
        };
        let take = proto::LeaseWorkRequest { take: Some(take), ..pull("l", 1) };
        let taken = server.lease(take.clone()).await.work_items;
        assert_eq!(taken[0].debtor_id, debtor_id);
        let refused = server.lease(take).await;
        assert_eq!(refused.failing_gates[0].gate(), proto::Gate::Leased);
    }
}

#[tokio::test]
async fn who_waits_is_woken_by_work_in_any_part() {
    let server = spread().await;
    for (at, debtor_id) in one_of_each_part().into_iter().enumerate() {
        let wait = Some(prost_types::Duration { seconds: 50, nanos: 0 });
        let waiting = proto::LeaseWorkRequest { wait, ..pull("l", 1) };
        let mut lists = server.work_lists();
        let waiting = tokio::spawn(async move { lists.lease_work(waiting).await });
        let case_id = format!("w{at}");
        server.push("p", vec![proto::CaseDocument { debtor_id, ..document(&case_id) }]).await;
        let leased = waiting.await.unwrap().unwrap().into_inner().work_items;
        assert_eq!(leased[0].lead_case.as_ref().unwrap().case_id, case_id);
    }
}

#[tokio::test]
async fn leases_of_all_parts_expire_and_the_counts_add_up() {
    let server = spread().await;
    server.push("p", documents(20)).await;
    let leased = server.lease(pull("l", 5)).await.work_items;
    assert_eq!(leased.len(), 5);
    server.clock.advance(16 * Micros::SECOND);
    let describe = proto::DescribeWorkListRequest { work_list_id: "l".into(), case: None };
    let told = server.work_lists().describe_work_list(describe).await.unwrap().into_inner();
    assert_eq!((told.case_count, told.leases_last_hour), (40, 5));
    let by_gate = |gate: proto::Gate| {
        let count = told.gate_counts.iter().find(|count| count.gate() == gate);
        count.map_or(0, |count| count.case_count)
    };
    assert_eq!(by_gate(proto::Gate::Ready), 30);
    assert_eq!(by_gate(proto::Gate::Leased) + by_gate(proto::Gate::DebtorLeased), 10);
    assert_eq!(told.gate_counts.iter().map(|count| count.case_count).sum::<i64>(), 40);
}

pub(super) async fn watch(
    server: &TestServer,
    token: &str,
) -> tonic::Streaming<proto::WatchCasesResponse> {
    let request =
        proto::WatchCasesRequest { portfolio_id: "p".into(), resume_token: token.to_owned() };
    server.cases().watch_cases(request).await.unwrap().into_inner()
}

/// Reads on until so many cases were told of; returns them and the token behind them.
pub(super) async fn told(
    watch: &mut tonic::Streaming<proto::WatchCasesResponse>,
    count: usize,
) -> (BTreeSet<String>, String) {
    let mut found = BTreeSet::new();
    loop {
        let answer = tokio::time::timeout(Duration::from_secs(60), watch.message()).await;
        let answer = answer.expect("an answer comes").unwrap().unwrap();
        found.extend(answer.cases.into_iter().map(|case| case.case_id));
        if found.len() >= count {
            return (found, answer.resume_token);
        }
    }
}

#[tokio::test]
async fn a_watch_sees_all_parts_and_goes_on_behind_its_token() {
    let server = spread().await;
    let mut first = watch(&server, "").await;
    let (_, token) = told(&mut first, 0).await;
    server.push("p", documents(10)).await;
    let (found, behind) = told(&mut first, 20).await;
    assert_eq!(found.len(), 20);
    let (again, _) = told(&mut watch(&server, &token).await, 20).await;
    assert_eq!(again, found);
    server.push("p", documents(11)).await;
    let (new, _) = told(&mut watch(&server, &behind).await, 2).await;
    assert_eq!(new, BTreeSet::from(["c10a".to_owned(), "c10b".to_owned()]));
}
