//! Moving a service from a folder to PostgreSQL: it goes on where it stood.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use arrears::engine::audit::verify_audit;
use arrears::engine::replay::replay_case;
use arrears::engine::{Caller, Engine};
use arrears::model::{CaseId, Micros, PortfolioId};
use arrears::proto;
use arrears::store::transfer::{Progress, Step, TransferError, Transferred, transfer};
use arrears::store::{Database, PostgresOptions};

use crate::support::{
    TestDatabase, TestServer, always, document, euro, event, hold, outcome, payment, pull,
    work_list,
};

/// Cases enough for several slices of a table.
const CASES: usize = 2_100;

fn case_id(number: usize) -> String {
    format!("c{number}")
}

/// A server over a folder, and work at every stage: pushed, paid, held, leased,
/// reported.
struct Before {
    server: TestServer,
    running: Vec<proto::WorkItem>,
    reported: proto::Outcome,
    named: proto::LeaseWorkRequest,
}

async fn before() -> Before {
    let clock = Arc::new(arrears::model::TestClock::new(crate::support::NOW));
    let server = TestServer::over(TestDatabase::on_sqlite(), clock).await;
    server.create(always("main")).await;
    server.create_list(work_list("all")).await;
    let numbers: Vec<usize> = (1..=CASES).collect();
    for slice in numbers.chunks(1_000) {
        let documents = slice.iter().map(|number| document(&case_id(*number))).collect();
        server.push("main", documents).await;
    }
    let held = event("h1", &["c1"], hold(proto::HoldKind::Dispute));
    server.record("main", vec![held, event("p2", &["c2"], payment(euro(100)))]).await;
    let mut running = server.lease(pull("all", 3)).await.work_items;
    let named = proto::LeaseWorkRequest { request_id: "again".to_owned(), ..pull("all", 2) };
    running.extend(server.lease(named.clone()).await.work_items);
    assert_eq!(running.len(), 5);
    let reported = outcome(&running.remove(0), "busy");
    let result = server.report(reported.clone()).await;
    assert_eq!(result.disposition(), proto::OutcomeDisposition::Accepted);
    Before { server, running, reported, named }
}

/// What the service says of some cases, of the list and of the past.
async fn told(server: &TestServer) -> Vec<String> {
    let mut told = Vec::new();
    for number in [1, 2, 3, 4, 5, 6, CASES] {
        let (portfolio_id, case_id) = ("main".to_owned(), case_id(number));
        let request = proto::ExplainCaseRequest { portfolio_id, case_id, ..Default::default() };
        let explained = server.cases().explain_case(request).await.unwrap().into_inner();
        told.push(format!("{explained:?}"));
        told.push(format!("{:?}", server.get("main", &self::case_id(number)).await));
    }
    told
}

/// What folding the events of some cases gives, and how many rows the audit has.
async fn proved(database: &TestDatabase, clock: Arc<arrears::model::TestClock>) -> Vec<String> {
    let engine = Engine::open(database.location(), clock).await.unwrap();
    let mut proved = vec![format!("{:?}", verify_audit(&engine, &Caller::local()).await.unwrap())];
    for number in [1, 2, 3, CASES] {
        let portfolio_id = PortfolioId::new("main").unwrap();
        let case_id = CaseId::new(case_id(number)).unwrap();
        let replay = replay_case(&engine, &Caller::local(), portfolio_id, case_id).await.unwrap();
        assert!(replay.differences().is_empty());
        proved.push(format!("{:?} {:?}", replay.folded, replay.ranked));
    }
    proved
}

fn options(target: &TestDatabase) -> PostgresOptions {
    let Database::Postgres(options) = target.location() else { panic!("it is on PostgreSQL") };
    *options
}

async fn move_all(from: &Path, to: &TestDatabase) -> Result<Vec<Transferred>, TransferError> {
    transfer(from, &options(to), |_| ControlFlow::Continue(())).await
}

fn rows(moved: &[Transferred], table: &str) -> u64 {
    moved.iter().find(|one| one.table == table).unwrap().rows
}

/// The target of the test; nothing where the tests run on SQLite.
fn target() -> Option<TestDatabase> {
    Some(TestDatabase::new()).filter(|database| database.url().is_some())
}

#[tokio::test]
async fn a_service_goes_on_on_postgresql_where_it_stood() {
    let Some(target) = target() else { return };
    let Before { server, running, reported, named } = before().await;
    let clock = Arc::clone(&server.clock);
    let told_before = told(&server).await;
    let source = server.end().await;
    let proved_before = proved(&source, clock.clone()).await;

    let moved = move_all(source.folder(), &target).await.unwrap();
    assert_eq!(rows(&moved, "loan_case"), CASES as u64);
    assert_eq!(rows(&moved, "lease"), 5);
    for one in &moved {
        let sql = format!("SELECT COUNT(*) FROM {}", one.table);
        assert_eq!(target.count(&sql) as u64, one.rows, "{}", one.table);
        assert_eq!(source.count(&sql) as u64, one.rows, "{}", one.table);
    }
    assert_eq!(target.count("SELECT COUNT(to_regclass('transfer_state'))"), 0);

    assert_eq!(proved(&target, clock.clone()).await, proved_before);
    let server = TestServer::over(target, clock).await;
    assert_eq!(told(&server).await, told_before);

    // The same pull gets what is still held, the same report answers the same, and
    // running leases can be renewed and reported.
    let again = server.lease(named).await.work_items;
    let tokens = |items: &[proto::WorkItem]| {
        items.iter().map(|item| item.lease_token.clone()).collect::<Vec<_>>()
    };
    assert_eq!(tokens(&again), tokens(&running[2..]));
    assert_eq!(server.report(reported).await.disposition(), proto::OutcomeDisposition::Duplicate);
    assert_eq!(server.renew(&running).await.len(), 4);
    for item in &running {
        let result = server.report(outcome(item, "busy")).await;
        assert_eq!(result.disposition(), proto::OutcomeDisposition::Accepted, "{result:?}");
    }

    // The same night changes nothing, and a new case has a number of its own.
    let same = server.push("main", vec![document("c7")]).await;
    assert_eq!(same[0].disposition(), proto::PushDisposition::Unchanged);
    let new = server.push("main", vec![document("new")]).await;
    assert_eq!(new[0].disposition(), proto::PushDisposition::Created);
    let largest = "SELECT case_no FROM loan_case WHERE case_id = 'new'";
    assert!(server.database().count(largest) > CASES as i64);
    let held = event("h9", &["new"], hold(proto::HoldKind::Complaint));
    server.record("main", vec![held]).await;
    server.clock.advance(Micros::SECOND);
    let clock = Arc::clone(&server.clock);
    let target = server.end().await;
    let engine = Engine::open(target.location(), clock).await.unwrap();
    verify_audit(&engine, &Caller::local()).await.unwrap();
}

#[tokio::test]
async fn a_transfer_goes_on_where_it_was_stopped() {
    let Some(target) = target() else { return };
    let source = before().await.server.end().await;
    let folder = source.folder();
    let stop_at = |step: Step, rows: u64| {
        move |progress: Progress<'_>| match progress.step == step && progress.done >= rows {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let stopped = |ended| assert!(matches!(ended, Err(TransferError::Stopped)), "{ended:?}");
    let options = options(&target);
    stopped(transfer(folder, &options, stop_at(Step::Reading, 4_000)).await);
    assert_eq!(target.count("SELECT COUNT(to_regclass('transfer_state'))"), 0, "nothing yet");
    let mut copied = 0;
    for rows in [3_000, 6_000, 9_000] {
        stopped(transfer(folder, &options, stop_at(Step::Copying, rows)).await);
        let sql = "SELECT CAST(SUM(copied) AS BIGINT) FROM transfer_state";
        assert!(target.count(sql) > copied);
        copied = target.count(sql);
    }
    // Half a service is not served.
    let opened = Engine::open(target.location(), Arc::new(arrears::model::SystemClock)).await;
    let why = opened.err().unwrap().to_string();
    assert!(why.contains("transfer"), "{why}");
    stopped(transfer(folder, &options, stop_at(Step::Verifying, 1)).await);
    let moved = move_all(folder, &target).await.unwrap();
    assert_eq!(rows(&moved, "case_q"), CASES as u64);
    let again = move_all(folder, &target).await;
    assert!(matches!(&again, Err(TransferError::Refused(why)) if why.contains("not empty")));
}

fn is_refused(ended: Result<Vec<Transferred>, TransferError>, because: &str) {
    match ended {
        Err(TransferError::Refused(why)) => assert!(why.contains(because), "{why}"),
        other => panic!("not refused because {because}: {other:?}"),
    }
}

#[tokio::test]
async fn a_source_in_use_or_changed_is_refused() {
    let Some(target) = target() else { return };
    is_refused(move_all(Path::new("nowhere"), &target).await, "does not exist");
    let Before { server, .. } = before().await;
    let folder = server.database().folder().to_owned();
    is_refused(move_all(&folder, &target).await, "stop the server");
    let source = server.end().await;
    let halfway =
        |progress: Progress<'_>| match progress.step == Step::Copying && progress.done > 3_000 {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
    let stopped = transfer(&folder, &options(&target), halfway).await;
    assert!(matches!(stopped, Err(TransferError::Stopped)), "{stopped:?}");
    source.execute("UPDATE case_head SET record_time = record_time + 1 WHERE case_no = 1711");
    is_refused(move_all(&folder, &target).await, "content of case_head");
    source.execute("UPDATE case_head SET record_time = record_time - 1 WHERE case_no = 1711");
    target.execute("UPDATE case_event SET event_time = event_time + 1 WHERE case_no = 7");
    match move_all(&folder, &target).await {
        Err(TransferError::Differs { table, .. }) => assert_eq!(table, "case_event"),
        other => panic!("a changed copy was not found: {other:?}"),
    }
}

#[tokio::test]
async fn nobody_can_serve_a_folder_while_it_is_moved() {
    let Some(target) = target() else { return };
    let source = before().await.server.end().await;
    let file = source.folder().join("arrears.db");
    let mut refused = 0;
    let look = |_: Progress<'_>| {
        let other = rusqlite::Connection::open(&file).unwrap();
        other.busy_timeout(std::time::Duration::ZERO).unwrap();
        assert!(other.execute_batch("BEGIN IMMEDIATE").is_err());
        refused += 1;
        ControlFlow::Continue(())
    };
    transfer(source.folder(), &options(&target), look).await.unwrap();
    assert!(refused > 40, "{refused}");
}
