//! Ranking a whole portfolio anew while work is leased: how fast, and what those notice
//! who lease meanwhile.
//!
//! `cargo bench --bench rerank [-- CASES ROUNDS]`; 200,000 cases and 3 rounds by default,
//! over a file; behind `.ci/with-postgres` over that PostgreSQL. The program is started as
//! a user starts it. It and the database have the first processor, the dialers here the
//! second: each of four pulls five cases and gives them back, at most twenty times a second.
//! A round is some seconds of that, and then an activation under which every score differs,
//! until all cases are ranked by it.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrears::model::{Clock, ContactPolicy, SystemClock};
use arrears::proto;
use arrears::proto::scorecard_service_client::ScorecardServiceClient;
use arrears::proto::work_list_service_client::WorkListServiceClient;
use arrears::store::{Database, PostgresOptions};
use tonic::transport::{Channel, Endpoint};

#[path = "shared/desk.rs"]
#[expect(dead_code, reason = "what other benchmarks do with it is of no concern here")]
mod desk;
#[path = "shared/figures.rs"]
#[expect(dead_code, reason = "what other benchmarks do with it is of no concern here")]
mod figures;
#[path = "shared/plausible.rs"]
mod plausible;

use desk::Desk;
use figures::{arguments, median};

const DIALERS: usize = 4;
/// How often each pulls.
const PACE: Duration = Duration::from_millis(50);
/// How long they pull before an activation.
const BEFORE: Duration = Duration::from_secs(10);
/// Pulls before an activation, and while cases are ranked anew.
const PHASES: [&str; 2] = ["before", "during"];

fn main() {
    let mut arguments = arguments();
    let cases = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let rounds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(3);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let url = std::env::var("ARREARS_TEST_POSTGRES").ok();
    let database = match &url {
        None => Database::from(folder.path()),
        Some(url) => Database::Postgres(Box::new(
            PostgresOptions::from_url(url).expect("the address is whole"),
        )),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be built");
    let began = Instant::now();
    let (now, policy) = (SystemClock.now(), ContactPolicy::Always);
    runtime.block_on(Desk::fill_under(database, cases, (now, policy)));
    println!("{cases} cases pushed and held in {:.0?}", began.elapsed());
    let place = match &url {
        None => ["--data-dir", folder.path().to_str().expect("the path is text")],
        Some(url) => ["--database-url", url],
    };
    let (mut server, address) = serve(&place);
    pin();
    let measured = runtime.block_on(measure(&address, cases, rounds));
    server.kill().expect("it can be ended");
    server.wait().expect("it has ended");
    print(&measured);
}

/// Starts the program on the first processor; says where it listens.
fn serve(place: &[&str]) -> (Child, String) {
    let addresses = ["--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"];
    let mut server = Command::new("taskset")
        .args(["-c", "0", env!("CARGO_BIN_EXE_arrears"), "serve"])
        .args(place)
        .args(addresses)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts, by taskset of util-linux");
    let mut line = String::new();
    let output = server.stdout.as_mut().expect("the output is piped");
    BufReader::new(output).read_line(&mut line).expect("it says where it listens");
    let address = line.split_whitespace().find(|word| word.starts_with("http://"));
    let address = address.expect("it says where it listens").to_owned();
    (server, address)
}

/// Gives the database the first processor, and this process the second.
fn pin() {
    let taskset = |processor: &str, process: &str| {
        let pinned = Command::new("taskset").args(["-acp", processor, process]).output();
        assert!(pinned.is_ok_and(|ended| ended.status.success()), "there are two processors");
    };
    if let Ok(folder) = std::env::var("ARREARS_TEST_POSTGRES_DATA") {
        let file = std::path::Path::new(&folder).join("postmaster.pid");
        let text = std::fs::read_to_string(file).expect("the database runs");
        // Its later children have the processor of their parent.
        taskset("0", text.lines().next().expect("the first line is the number"));
    }
    taskset("1", &std::process::id().to_string());
}

/// Latencies of pulls, by phase.
type Pulls = [Vec<Duration>; 2];

/// One round: its pulls, and cases ranked anew a second.
struct Round {
    pulls: Pulls,
    rate: f64,
}

async fn measure(address: &str, cases: usize, rounds: usize) -> Vec<Round> {
    let endpoint: Endpoint = address.parse().expect("it is an address");
    let channel = endpoint.connect().await.expect("the server answers");
    let mut measured = Vec::new();
    for round in 0..rounds {
        let phase = Arc::new(AtomicUsize::new(0));
        let pulls: Arc<Mutex<Pulls>> = Arc::default();
        let dialers = (0..DIALERS).map(|dialer| {
            let name = format!("{round}-{dialer}");
            let shared = (Arc::clone(&phase), Arc::clone(&pulls));
            tokio::spawn(dial(WorkListServiceClient::new(channel.clone()), name, shared))
        });
        let dialers: Vec<_> = dialers.collect();
        tokio::time::sleep(BEFORE).await;
        phase.store(1, Ordering::SeqCst);
        let seconds = activate(&channel, i32::try_from(round).expect("few rounds")).await;
        phase.store(PHASES.len(), Ordering::SeqCst);
        for dialer in dialers {
            dialer.await.expect("dialers do not panic");
        }
        let pulls = std::mem::take(&mut *pulls.lock().expect("nobody panicked"));
        let one = Round { pulls, rate: cases as f64 / seconds };
        print(std::slice::from_ref(&one));
        measured.push(one);
    }
    measured
}

/// Pulls and gives back until there is no further phase.
async fn dial(
    mut lists: WorkListServiceClient<Channel>,
    worker_id: String,
    (phase, pulls): (Arc<AtomicUsize>, Arc<Mutex<Pulls>>),
) {
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while phase.load(Ordering::SeqCst) < PHASES.len() {
        pace.tick().await;
        let at = phase.load(Ordering::SeqCst).min(PHASES.len() - 1);
        let request = proto::LeaseWorkRequest {
            work_list_id: "bench".to_owned(),
            worker_id: worker_id.clone(),
            max_items: 5,
            lease_duration: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
            ..Default::default()
        };
        let began = Instant::now();
        let work = lists.lease_work(request).await.expect("the pull is answered").into_inner();
        pulls.lock().expect("nobody panicked")[at].push(began.elapsed());
        assert_eq!(work.work_items.len(), 5, "there is work enough");
        let releases = work
            .work_items
            .into_iter()
            .map(|item| proto::LeaseRelease { lease_token: item.lease_token, not_dialled: true });
        let request = proto::ReleaseLeasesRequest { releases: releases.collect() };
        lists.release_leases(request).await.expect("the work is given back");
    }
}

/// Activates a revision under which every score differs from that of the round before;
/// seconds until every case was ranked by it.
async fn activate(channel: &Channel, round: i32) -> f64 {
    let mut scorecards = ScorecardServiceClient::new(channel.clone());
    let name = proto::RevisionName { scorecard_id: "consumer".to_owned(), revision_no: 0 };
    let request = proto::GetRevisionRequest { name: Some(name.clone()) };
    let newest = scorecards.get_revision(request).await.expect("it is shipped").into_inner();
    let mut scorecard = newest.revision.and_then(|one| one.scorecard).expect("it has content");
    scorecard.base_points -= 7;
    let request = proto::CreateRevisionRequest {
        base: Some(name),
        scorecard: Some(scorecard),
        title: "another base".to_owned(),
    };
    let made = scorecards.create_revision(request).await.expect("it is a draft").into_inner();
    let revision = made.revision.and_then(|one| one.name).expect("it has a name");
    let request = proto::ActivateRevisionRequest {
        portfolio_id: "bench".to_owned(),
        target: Some(proto::activate_revision_request::Target::Revision(revision)),
        expected_activation_id: i64::from(round) + 1,
        reason: "a benchmark".to_owned(),
        ..Default::default()
    };
    let began = Instant::now();
    scorecards.activate_revision(request).await.expect("it is activated");
    loop {
        let portfolio_id = "bench".to_owned();
        let request = proto::ListActivationsRequest { portfolio_id, ..Default::default() };
        let listed = scorecards.list_activations(request).await.expect("they are listed");
        if listed.into_inner().activations[0].ranked_permille == 1_000 {
            return began.elapsed().as_secs_f64();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Medians over rounds; the latencies of each round by themselves.
fn print(rounds: &[Round]) {
    let rate = median(rounds.iter().map(|round| round.rate).collect());
    println!("{rate:.0} cases ranked anew a second, median of {}", rounds.len());
    let part = |at: usize, permille: usize| {
        let of_round = rounds.iter().map(|round| {
            let mut pulls = round.pulls[at].clone();
            pulls.sort();
            pulls[(pulls.len() - 1) * permille / 1_000].as_secs_f64() * 1_000.0
        });
        median(of_round.collect())
    };
    for permille in [500, 950, 990] {
        let [before, during] = [0, 1].map(|at| part(at, permille));
        println!(
            "pulls, {permille} of 1,000 within: {} {before:.2} ms, {} {during:.2} ms, ratio {:.2}",
            PHASES[0],
            PHASES[1],
            during / before
        );
    }
}
