//! Failures of the database one by one: what callers and those who watch are told, and
//! that the service comes back by itself.

use std::net::TcpListener;
use std::sync::Arc;

use arrears::proto;
use rand::SeedableRng;
use rand::rngs::StdRng;
use sqlx::Executor as _;
use tokio::task::JoinSet;
use tonic::Code;
use tonic_types::StatusExt;

use crate::client::Client;
use crate::cluster::Cluster;
use crate::pusher::{Pusher, document};
use crate::replica::{Ended, Replica, Serve, log_of};
use crate::world::{LIST, PORTFOLIO, RECOVERY_DEADLINE, World, until};

/// What a command ends with that could not do what it was told.
const FAILURE: Option<i32> = Some(1);
/// Somebody's password, which no message may repeat.
const SECRET: &str = "not-to-be-shown";

/// A folder for logs, and servers that log into it.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    url: String,
}

impl Place {
    pub(crate) fn of(url: impl Into<String>) -> Place {
        Place { folder: tempfile::tempdir().unwrap(), url: url.into() }
    }

    pub(crate) async fn serve(
        &self,
        number: usize,
        options: &[&str],
    ) -> Result<Replica, Box<Ended>> {
        let serve = Serve::of(&self.url, options);
        Replica::start(&serve, &log_of(self.folder.path(), number)).await
    }
}

/// A pull that does not wait.
pub(crate) fn pull(max_items: i32) -> proto::LeaseWorkRequest {
    proto::LeaseWorkRequest {
        work_list_id: LIST.to_owned(),
        worker_id: "w".to_owned(),
        max_items,
        wait: Some(prost_types::Duration::default()),
        ..Default::default()
    }
}

/// Documents of 30 cases.
pub(crate) fn push(first: i64) -> proto::PushCasesRequest {
    proto::PushCasesRequest {
        portfolio_id: PORTFOLIO.to_owned(),
        cases: (first..first + 30).map(|case| document(case, 1)).collect(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_at_the_start_is_named_without_its_password() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let place = Place::of(format!("postgres://arrears:{SECRET}@{nobody}/cases"));
    let ended = place.serve(0, &[]).await.err().expect("nobody listens");
    assert_eq!(ended.code, FAILURE, "{}", ended.notes);
    assert!(ended.notes.contains(&format!("{nobody}/cases")), "{}", ended.notes);
    assert!(ended.notes.contains("unavailable"), "{}", ended.notes);
    assert!(!ended.notes.contains(SECRET), "{}", ended.notes);
}

#[tokio::test]
async fn commits_that_a_crash_may_undo_are_refused_until_they_are_allowed() {
    let Some(cluster) = Cluster::start(&["synchronous_commit=off"]) else { return };
    let place = Place::of(cluster.url());
    let ended = place.serve(0, &[]).await.err().expect("acknowledged writes could be lost");
    assert_eq!(ended.code, FAILURE, "{}", ended.notes);
    assert!(ended.notes.contains("synchronous_commit is off"), "{}", ended.notes);
    assert!(ended.notes.contains(&cluster.place()), "{}", ended.notes);
    assert!(!ended.notes.contains(SECRET), "{}", ended.notes);
    let replica = place.serve(1, &["--allow-async-commit"]).await.unwrap();
    Client::of(&[replica.grpc]).set_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_servers_that_start_at_once_make_the_tables_once() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let place = Arc::new(Place::of(cluster.url()));
    let mut starting = JoinSet::new();
    for number in 0..10 {
        let place = Arc::clone(&place);
        starting.spawn(async move { place.serve(number, &[]).await });
    }
    let replicas: Vec<Replica> =
        starting.join_all().await.into_iter().collect::<Result<_, _>>().unwrap();
    let twice = "SELECT count(*) - count(DISTINCT version) FROM _sqlx_migrations WHERE success";
    assert_eq!(cluster.number(twice).await, 0);
    Client::of(&[replicas[0].grpc]).set_up().await;
    for replica in &replicas {
        let request = proto::GetWorkListRequest { work_list_id: LIST.to_owned() };
        Client::of(&[replica.grpc]).work_lists().get_work_list(request).await.unwrap();
    }
}

#[tokio::test]
async fn an_older_server_starts_over_tables_of_a_newer_one() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let place = Place::of(cluster.url());
    let mut newer = place.serve(0, &[]).await.unwrap();
    Client::of(&[newer.grpc]).set_up().await;
    assert_eq!(newer.end().await, Some(0));
    let migrated = "INSERT INTO _sqlx_migrations \
        (version, description, success, checksum, execution_time) \
        VALUES (999999, 'of a newer program', true, '\\x00', 0)";
    assert!(cluster.execute(migrated).await);
    let older = place.serve(1, &[]).await.unwrap();
    let client = Client::of(&[older.grpc]);
    client.cases().push_cases(push(0)).await.unwrap();
    let answer = client.work_lists().lease_work(pull(1)).await.unwrap();
    assert_eq!(answer.into_inner().work_items.len(), 1);
}

/// What a call is answered with while the database is away, or has no room.
#[track_caller]
pub(crate) fn assert_says_so<T: std::fmt::Debug>(answer: Result<T, tonic::Status>) {
    let status = answer.unwrap_err();
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str());
    assert_eq!((status.code(), reason), (Code::Unavailable, Some("STORE_UNAVAILABLE")));
    assert!(details.retry_info().is_some_and(|retry| retry.retry_delay.is_some()), "{status:?}");
    assert!(!status.message().contains("127.0.0.1"), "{status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_callers_and_watchers_are_told_and_then_all_goes_on() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let place = Place::of(cluster.url());
    let mut replica = place.serve(0, &[]).await.unwrap();
    let client = Client::of(&[replica.grpc]);
    client.set_up().await;
    let world = Arc::new(World::new());
    let mut load = JoinSet::new();
    for seed in 0..4 {
        let (client, world) = (client.clone(), Arc::clone(&world));
        load.spawn(Pusher { client, world, rng: StdRng::seed_from_u64(seed) }.run());
    }
    assert!(world.goes_on(100).await);
    let ready = async |replica: &Replica| {
        replica.page("/readyz").await.starts_with("HTTP/1.1 200").then_some(())
    };
    until("it is ready", &replica, ready).await;
    tokio::task::block_in_place(|| cluster.kill());
    let away = async |replica: &Replica| {
        let page = replica.page("/readyz").await;
        page.starts_with("HTTP/1.1 503").then_some(page)
    };
    let page = until("it is not ready", &replica, away).await;
    assert!(page.ends_with("the database does not answer\n"), "{page}");
    assert!(replica.page("/healthz").await.starts_with("HTTP/1.1 200"));
    assert_says_so(client.work_lists().lease_work(pull(1)).await);
    assert_says_so(client.cases().push_cases(push(0)).await);
    let (portfolio_id, case_id) = (PORTFOLIO.to_owned(), "c0".to_owned());
    let request = proto::GetCaseRequest { portfolio_id, case_id };
    assert_says_so(client.cases().get_case(request).await);
    tokio::task::block_in_place(|| cluster.start_again());
    until("it is ready again", &replica, ready).await;
    assert!(world.goes_on(100).await);
    world.stop.cancel();
    load.join_all().await;
    assert_eq!(world.odd(), Vec::<String>::new());
    assert_eq!(
        client.work_lists().lease_work(pull(5)).await.unwrap().into_inner().work_items.len(),
        5
    );
    assert_eq!(replica.end().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_hears_of_connections_that_have_died_in_the_pool() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let place = Place::of(cluster.url());
    let replica = place.serve(0, &[]).await.unwrap();
    let client = Client::of(&[replica.grpc]);
    client.set_up().await;
    let list = async || {
        let portfolio_id = PORTFOLIO.to_owned();
        let request = proto::ListCasesRequest { portfolio_id, ..Default::default() };
        client.cases().list_cases(request).await
    };
    for round in 0..5 {
        // Many at once, so that the pool fills.
        let mut calls = JoinSet::new();
        for number in 0..8 {
            let client = client.clone();
            let first = round * 240 + number * 30;
            calls.spawn(async move {
                client.cases().push_cases(push(first)).await.unwrap();
            });
            let client = Client::of(&[replica.grpc]);
            calls.spawn(async move {
                client.work_lists().lease_work(pull(1)).await.unwrap();
            });
        }
        calls.join_all().await;
        let ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
            WHERE application_name = 'arrears'";
        assert!(cluster.execute(ended).await);
        list().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_callers_on_four_connections_are_all_answered() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let place = Place::of(cluster.url());
    let config = place.folder.path().join("arrears.toml");
    std::fs::write(&config, "[store]\ndatabase_connections = 4\n").unwrap();
    let replica = place.serve(0, &["--config", config.to_str().unwrap()]).await.unwrap();
    let client = Client::of(&[replica.grpc]);
    client.set_up().await;
    // Nothing can be written until the table is let go of.
    let mut other = cluster.connect().await;
    other.execute(sqlx::raw_sql("BEGIN; LOCK TABLE case_q IN EXCLUSIVE MODE")).await.unwrap();
    let mut calls = JoinSet::new();
    for number in 0..50 {
        let client = client.clone();
        calls.spawn(async move {
            match number % 3 {
                0 => client.cases().push_cases(push(number * 30)).await.err(),
                1 => client.work_lists().lease_work(pull(1)).await.err(),
                _ => {
                    let request = proto::ListCasesRequest {
                        portfolio_id: PORTFOLIO.to_owned(),
                        ..Default::default()
                    };
                    client.cases().list_cases(request).await.err()
                }
            }
        });
    }
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    let waits = async |_: &()| (cluster.number(waiting).await > 0).then_some(());
    until("somebody waits for the table", &(), waits).await;
    let used = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'arrears'";
    assert!(cluster.number(used).await <= 4);
    other.execute(sqlx::raw_sql("COMMIT")).await.unwrap();
    let answers = tokio::time::timeout(RECOVERY_DEADLINE, calls.join_all()).await;
    for refused in answers.expect("no call hangs").into_iter().flatten() {
        let clear = [Code::Unavailable, Code::ResourceExhausted, Code::Aborted];
        assert!(clear.contains(&refused.code()), "{refused:?}");
        assert!(refused.get_error_details().retry_info().is_some(), "{refused:?}");
    }
    client.cases().push_cases(push(0)).await.unwrap();
    assert!(replica.page("/readyz").await.starts_with("HTTP/1.1 200"));
}
