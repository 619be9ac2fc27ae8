//! A long run: clients at once give the program, as a process of its own, a mix of
//! all that loan systems and dialers do. Then the process is killed, and what it
//! left must bear out everything it said: no invariant of the queue broken, no
//! acknowledged event lost, every case computed anew from its events, and memory
//! that has not grown.
//!
//! An operation is one thing asked for: a document, an event, a pull, a lease to
//! prolong, report on or give back, a case to explain. `ARREARS_SOAK_OPERATIONS`
//! says how many, `ARREARS_SOAK_SEED` what the clients draw from; `make soak` runs
//! a million.

mod aftermath;
mod client;
mod memory;
mod run;

use std::path::Path;
use std::sync::Arc;

use arrears::proto;
use proto::portfolio_service_client::PortfolioServiceClient;
use proto::work_list_service_client::WorkListServiceClient;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::cli::program::Program;
use crate::store::QueueLog;
use crate::support::{TestDatabase, always, only_on_sqlite, work_list};
use aftermath::Seen;
use client::Client;
use run::Run;

const PORTFOLIO: &str = "soak";
const LIST: &str = "all";
const CLIENTS: u64 = 8;
/// Where the program keeps its data.
const DATA: &str = "arrears-data";

/// How long a run is, and what it draws from.
struct Plan {
    operations: u64,
    seed: u64,
}

impl Plan {
    fn from_env() -> Plan {
        Plan {
            operations: number("ARREARS_SOAK_OPERATIONS", 20_000),
            seed: number("ARREARS_SOAK_SEED", 20_261_122),
        }
    }
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, not a number")),
        Err(_) => default,
    }
}

/// A run that is over. The process is killed; its database is left.
struct Over {
    run: Run,
    seen: Seen,
    database: TestDatabase,
}

impl Over {
    fn data(&self) -> std::path::PathBuf {
        self.database.path().join(DATA)
    }
}

async fn carry_out(plan: &Plan) -> Over {
    let mut program = Program::start();
    let channel = program.channel().await;
    create(channel.clone()).await;
    drop(QueueLog::attach(&program.path(DATA)));
    let run = Arc::new(Run::new(plan, &program));
    let first = Client::new((0, plan.seed), channel.clone(), Arc::clone(&run), Vec::new());
    let stock = first.push_stock((plan.operations / 50).max(400)).await;
    let mut clients = JoinSet::new();
    for number in 1..=CLIENTS {
        let (channel, run) = (program.channel().await, Arc::clone(&run));
        clients.spawn(Client::new((number, plan.seed), channel, run, stock.clone()).work());
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    let seen = Seen::ask(channel, PORTFOLIO, LIST).await;
    // Nothing is left to be flushed in peace: what was acknowledged is on the disk.
    program.kill();
    let run = Arc::into_inner(run).expect("the clients have ended");
    Over { run, seen, database: program.take_database() }
}

/// A portfolio in which every hour is right and no ledger is too old, since the
/// judging moves the clock by weeks, and a list of everything.
async fn create(channel: Channel) {
    let ledger = proto::LedgerSettings { max_ledger_age_hours: Some(0), old_ledger_rule: 0 };
    let portfolio = proto::Portfolio { ledger: Some(ledger), ..always(PORTFOLIO) };
    let request = proto::CreatePortfolioRequest { portfolio: Some(portfolio) };
    PortfolioServiceClient::new(channel.clone()).create_portfolio(request).await.unwrap();
    let request = proto::CreateWorkListRequest { work_list: Some(work_list(LIST)) };
    WorkListServiceClient::new(channel).create_work_list(request).await.unwrap();
}

#[expect(clippy::print_stderr, reason = "whoever sees it fail needs the seed and the figures")]
fn tell(text: &str) {
    eprintln!("soak: {text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_soak_leaves_flat_memory_and_an_unbroken_history() {
    if !only_on_sqlite("the log of commits that triggers of SQLite write") {
        return;
    }
    let plan = Plan::from_env();
    tell(&format!("{} operations by {CLIENTS} clients, seed {}", plan.operations, plan.seed));
    let mut over = carry_out(&plan).await;
    tell(&over.run.summary());
    let growth = over.run.memory().growth();
    tell(&growth.to_string());
    over.run.assert_mixed();
    let (data, evidence) = (over.data(), over.run.take_evidence());
    let breaches = aftermath::judge(&data, evidence, &over.seen).await;
    assert!(breaches.is_empty(), "seed {}: {}", plan.seed, listed(&breaches));
    assert!(growth.flat(), "seed {}: {growth}", plan.seed);
}

fn listed(breaches: &[String]) -> String {
    let first: Vec<&str> = breaches.iter().take(20).map(String::as_str).collect();
    format!("{} breaches:\n{}", breaches.len(), first.join("\n"))
}

/// One thing put wrong behind the back of the service, and a word that one of the
/// breaches must then hold.
const MISHAPS: [(&str, &str, &str); 6] = [
    (
        "an event is gone",
        "DELETE FROM case_event WHERE case_seq = 2 AND case_no = \
         (SELECT MIN(case_no) FROM case_event WHERE case_seq = 2)",
        "events are numbered",
    ),
    (
        "an acknowledged event is forgotten",
        "DELETE FROM event_key WHERE event_id = \
         (SELECT MIN(event_id) FROM event_key WHERE event_id LIKE 'w%')",
        "was acknowledged",
    ),
    (
        "a case is gone from the queue",
        "DELETE FROM case_q WHERE case_no = (SELECT MIN(case_no) FROM case_q WHERE state = 1)",
        "NothingLost",
    ),
    (
        "a case is leased while it is leased",
        "DELETE FROM queue_log WHERE id = (SELECT MIN(e.id) FROM queue_log e WHERE e.kind = 3 \
         AND EXISTS (SELECT 1 FROM queue_log g WHERE g.kind = 2 AND g.case_no = e.case_no \
         AND g.id > e.id))",
        "RisingSequence",
    ),
    (
        "a better case is left out",
        "UPDATE queue_log SET c = -1 WHERE id = \
         (SELECT id FROM queue_log WHERE kind = 1 AND a = 1 ORDER BY c DESC, id LIMIT 1)",
        "BestFirst",
    ),
    ("the audit is altered", "UPDATE audit SET actor = 'nobody' WHERE audit_no = 2", "audit"),
];

/// What judges a soak must be able to find something.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_soak_finds_what_is_broken() {
    if !only_on_sqlite("the log of commits that triggers of SQLite write") {
        return;
    }
    let plan = Plan { operations: 3_000, seed: 1 };
    let mut over = carry_out(&plan).await;
    let evidence = over.run.take_evidence();
    for (mishap, sql, word) in MISHAPS {
        let copy = tempfile::tempdir().unwrap();
        copy_files(&over.data(), copy.path());
        let file = rusqlite::Connection::open(copy.path().join("arrears.db")).unwrap();
        assert_eq!(file.execute(sql, []).expect(mishap), 1, "{mishap}");
        drop(file);
        let breaches = aftermath::judge(copy.path(), evidence.clone(), &over.seen).await;
        let found = breaches.iter().any(|breach| breach.contains(word));
        assert!(found, "{mishap}: {}", listed(&breaches));
    }
    let breaches = aftermath::judge(&over.data(), evidence, &over.seen).await;
    assert!(breaches.is_empty(), "without a mishap: {}", listed(&breaches));
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        // What is shared among processes is made anew from the log.
        if entry.file_name() != "arrears.db-shm" {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// The number of a case or a debtor, whose names are a letter and a number.
fn numbered(name: &str) -> i64 {
    name[1..].parse().expect("names end in numbers")
}

/// Of every five cases two belong to one debtor.
fn debtor_of(case: i64) -> i64 {
    case / 5 * 4 + (case % 5).min(3)
}
