//! Killing the process in the middle of its work: nothing it acknowledged may be
//! lost, and nobody may be leased twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use arrears::proto;
use proto::case_service_client::CaseServiceClient;
use proto::work_list_service_client::WorkListServiceClient;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use super::program::Program;
use crate::support::{date, document, euro};

/// How often the process is killed.
const ROUNDS: usize = 3;
/// What must be acknowledged in a round before the process is killed.
const PUSHED_MIN: usize = 600;
const LEASED_MIN: usize = 15;
const REPORTED_MIN: usize = 5;

/// What the server acknowledged, over all rounds.
#[derive(Default)]
struct Acknowledged {
    cases: BTreeSet<String>,
    /// Leased cases by token.
    leased: BTreeMap<Vec<u8>, String>,
    /// Tokens of reports that were sent: the process may have been killed between
    /// taking one and answering.
    sent: BTreeSet<Vec<u8>>,
    /// Tokens of reports that were answered.
    reported: BTreeSet<Vec<u8>>,
}

type Shared = Arc<Mutex<Acknowledged>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill() {
    let mut program = Program::start();
    program.create_portfolio("main");
    program.run_well(&["worklist", "create", "all"]);
    let acknowledged = Shared::default();
    for round in 0..ROUNDS {
        work_until_killed(&mut program, round, &acknowledged).await;
        program = Program::over(program.take_database(), &[]);
        check(&program, &acknowledged).await;
    }
}

/// Pushes, leases and reports at once, and kills the process while they do.
async fn work_until_killed(program: &mut Program, round: usize, acknowledged: &Shared) {
    let channel = program.channel().await;
    let before = counts(acknowledged);
    let mut clients = JoinSet::new();
    for pusher in 0..2 {
        let prefix = format!("r{round}-p{pusher}");
        clients.spawn(push(channel.clone(), prefix, Arc::clone(acknowledged)));
    }
    for worker in 0..2 {
        clients.spawn(work(channel.clone(), format!("w{worker}"), Arc::clone(acknowledged)));
    }
    loop {
        let now = counts(acknowledged);
        let done = [PUSHED_MIN, LEASED_MIN, REPORTED_MIN]
            .into_iter()
            .zip(now.into_iter().zip(before))
            .all(|(enough, (now, before))| now - before >= enough);
        if done {
            break;
        }
        assert!(clients.try_join_next().is_none(), "a client ended before the kill");
        tokio::task::yield_now().await;
    }
    program.kill();
    // Every client ends by itself at the first call that is not answered.
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
}

fn counts(acknowledged: &Shared) -> [usize; 3] {
    let acknowledged = acknowledged.lock().unwrap();
    [acknowledged.cases.len(), acknowledged.leased.len(), acknowledged.reported.len()]
}

async fn push(channel: Channel, prefix: String, acknowledged: Shared) {
    let mut client = CaseServiceClient::new(channel);
    for chunk in 0.. {
        let ids: Vec<String> = (0..100).map(|index| format!("{prefix}-{chunk}-{index}")).collect();
        let cases = ids.iter().map(|id| proto::CaseDocument {
            overdue_amount: euro(100),
            oldest_due_date: date(2026, 1, 1),
            ..document(id)
        });
        let request = proto::PushCasesRequest {
            portfolio_id: "main".to_owned(),
            cases: cases.collect(),
            ..Default::default()
        };
        if client.push_cases(request).await.is_err() {
            return;
        }
        acknowledged.lock().unwrap().cases.extend(ids);
    }
}

/// Leases work and reports on every other item.
async fn work(channel: Channel, worker_id: String, acknowledged: Shared) {
    let mut client = WorkListServiceClient::new(channel);
    loop {
        let request = lease_request(&worker_id, 4);
        let Ok(answer) = client.lease_work(request).await else { return };
        let items = answer.into_inner().work_items;
        for item in &items {
            let case_id = item.lead_case.as_ref().unwrap().case_id.clone();
            acknowledged.lock().unwrap().leased.insert(item.lease_token.clone(), case_id);
        }
        for item in items.iter().step_by(2) {
            acknowledged.lock().unwrap().sent.insert(item.lease_token.clone());
            let Ok(answer) = client.report_outcomes(report(&item.lease_token)).await else {
                return;
            };
            let result = &answer.into_inner().results[0];
            assert_eq!(result.disposition(), proto::OutcomeDisposition::Accepted);
            acknowledged.lock().unwrap().reported.insert(item.lease_token.clone());
        }
    }
}

fn lease_request(worker_id: &str, max_items: i32) -> proto::LeaseWorkRequest {
    proto::LeaseWorkRequest {
        work_list_id: "all".to_owned(),
        worker_id: worker_id.to_owned(),
        max_items,
        lease_duration: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
        wait: Some(prost_types::Duration::default()),
        ..Default::default()
    }
}

fn report(token: &[u8]) -> proto::ReportOutcomesRequest {
    let outcome = proto::Outcome {
        lease_token: token.to_vec(),
        outcome_code: "no_answer".to_owned(),
        ..Default::default()
    };
    proto::ReportOutcomesRequest { outcomes: vec![outcome] }
}

/// What was acknowledged is there after the restart, and the file is whole.
async fn check(program: &Program, acknowledged: &Shared) {
    if program.database().url().is_none() {
        let file = rusqlite::Connection::open(program.path("arrears-data/arrears.db")).unwrap();
        let whole: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok");
    }
    let channel = program.channel().await;
    assert_pushed(channel.clone(), acknowledged).await;
    let mut client = WorkListServiceClient::new(channel);
    let (leased, sent, reported) = {
        let acknowledged = acknowledged.lock().unwrap();
        let Acknowledged { leased, sent, reported, .. } = &*acknowledged;
        (leased.clone(), sent.clone(), reported.clone())
    };
    for token in &reported {
        let results = client.report_outcomes(report(token)).await.unwrap().into_inner().results;
        assert_eq!(results[0].disposition(), proto::OutcomeDisposition::Duplicate);
    }
    // Leases last an hour: every one that was not reported is still held, and a
    // reported debtor cools, so nobody of them is handed out again.
    let items =
        client.lease_work(lease_request("after", 500)).await.unwrap().into_inner().work_items;
    for item in items {
        let case_id = item.lead_case.unwrap().case_id;
        assert!(!leased.values().any(|held| *held == case_id), "{case_id} was leased twice");
        acknowledged.lock().unwrap().leased.insert(item.lease_token, case_id);
    }
    let held: Vec<_> = leased.keys().filter(|token| !sent.contains(*token)).cloned().collect();
    for tokens in held.chunks(500) {
        let request = proto::RenewLeasesRequest {
            lease_tokens: tokens.to_vec(),
            lease_duration: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
        };
        for renewal in client.renew_leases(request).await.unwrap().into_inner().renewals {
            assert_eq!(renewal.directive(), proto::LeaseDirective::Continue, "{renewal:?}");
        }
    }
}

async fn assert_pushed(channel: Channel, acknowledged: &Shared) {
    let mut client = CaseServiceClient::new(channel);
    let mut stored = BTreeSet::new();
    let mut page_token = String::new();
    loop {
        let request = proto::ListCasesRequest {
            portfolio_id: "main".to_owned(),
            page_size: 1_000,
            page_token,
            ..Default::default()
        };
        let page = client.list_cases(request).await.unwrap().into_inner();
        stored.extend(page.cases.into_iter().map(|case| case.case_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let acknowledged = acknowledged.lock().unwrap();
    let lost: Vec<&String> = acknowledged.cases.difference(&stored).collect();
    assert!(lost.is_empty(), "{} acknowledged cases are lost: {lost:?}", lost.len());
}
