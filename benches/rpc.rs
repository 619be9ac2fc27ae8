//! Calls of the service against an echo: a unary method over the same library, on
//! the same threads, that takes as many bytes and answers with as many, and does
//! nothing else. The client sends and takes bytes in both cases.
//!
//! `cargo bench --bench rpc [-- ROUNDS]`; 9 rounds by default, calls and echoes
//! alternating, one at a time. ScoreCase ranks a document that nobody stores,
//! ExplainCase a stored case; PushCases of 500 documents only checks and ranks
//! them, or finds that all are known.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::time::{Duration, Instant};

use arrears::config::Config;
use arrears::grpc::{Listeners, serve};
use arrears::model::Micros;
use arrears::proto;
use http::uri::PathAndQuery;
use prost::Message;
use prost::bytes::Bytes;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tonic::Request;
use tonic::client::Grpc;
use tonic::transport::Channel;

#[path = "shared/desk.rs"]
#[expect(dead_code, reason = "what other benchmarks do with it is of no concern here")]
mod desk;
#[path = "rpc/echo.rs"]
mod echo;
#[path = "shared/figures.rs"]
#[expect(dead_code, reason = "what other benchmarks do with it is of no concern here")]
mod figures;
#[path = "shared/plausible.rs"]
mod plausible;

use desk::{Desk, START};
use echo::Raw;
use figures::{arguments, median};

const CASES: usize = 10_000;
/// Documents of a push.
const PUSH: usize = 500;
/// Calls of a round of cheap methods, and of pushes.
const CALLS: usize = 1_000;
const PUSHES: usize = 40;

/// What is called: under which name it is shown, how, how often a round, and what
/// the ratio is to be at most.
struct Method {
    name: &'static str,
    path: &'static str,
    requests: Vec<Bytes>,
    calls: usize,
    /// Items of a call.
    items: usize,
    bound: &'static str,
}

fn main() {
    let rounds = arguments().next().and_then(|text| text.parse().ok()).unwrap_or(9);
    let servers = Runtime::new().expect("a runtime can be built");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    Desk::prepare(&servers, folder.path(), CASES, None);
    let (ours, echo) = servers.block_on(async {
        let desk = Desk::open(folder.path(), START.plus(Micros::HOUR)).await;
        (ours(desk).await, echo::start().await)
    });
    let client = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    client.block_on(async {
        let [ours, echo] = [connect(&ours).await, connect(&echo).await];
        let documents = documents(ours.clone()).await;
        for method in methods(&documents) {
            measure(&method, (Grpc::new(ours.clone()), Grpc::new(echo.clone())), rounds).await;
        }
    });
}

/// Serves the folder's cases; returns the address.
async fn ours(desk: Desk) -> String {
    let mut config = Config::default();
    config.server.grpc_addr.set_port(0);
    config.server.http_addr.set_port(0);
    let listeners = Listeners::bind(&config).await.expect("free ports can be had");
    let address = format!("http://{}", listeners.grpc_addr().expect("it listens"));
    let stop = CancellationToken::new();
    tokio::spawn(async move { serve(desk.engine, listeners, &config, stop).await });
    address
}

async fn connect(address: &str) -> Channel {
    let endpoint = Channel::from_shared(address.to_owned()).expect("the address is one");
    endpoint.connect().await.expect("the server listens")
}

/// Documents as they are stored.
async fn documents(channel: Channel) -> Vec<proto::CaseDocument> {
    let mut client = proto::case_service_client::CaseServiceClient::new(channel);
    let request = proto::ListCasesRequest {
        portfolio_id: "bench".to_owned(),
        page_size: PUSH as i32,
        view: proto::View::Full.into(),
        ..Default::default()
    };
    let page = client.list_cases(request).await.expect("cases can be listed").into_inner();
    let documents = page.cases.into_iter().filter_map(|case| case.document);
    documents.collect()
}

fn methods(documents: &[proto::CaseDocument]) -> Vec<Method> {
    let portfolio_id = "bench".to_owned();
    let score = |document: &proto::CaseDocument| {
        let portfolio_id = portfolio_id.clone();
        let case = Some(document.clone());
        proto::ScoreCaseRequest { portfolio_id, case, ..Default::default() }.encode_to_vec().into()
    };
    let explain = |document: &proto::CaseDocument| {
        let request = proto::ExplainCaseRequest {
            portfolio_id: portfolio_id.clone(),
            case_id: document.case_id.clone(),
            ..Default::default()
        };
        request.encode_to_vec().into()
    };
    let push = |validate_only| {
        let request = proto::PushCasesRequest {
            portfolio_id: portfolio_id.clone(),
            cases: documents.to_vec(),
            validate_only,
            ..Default::default()
        };
        vec![request.encode_to_vec().into()]
    };
    let method = |name, path, requests, (calls, items), bound| Method {
        name,
        path,
        requests,
        calls,
        items,
        bound,
    };
    let pushes = (PUSHES, documents.len());
    vec![
        method(
            "ScoreCase",
            "/arrears.v1.CaseService/ScoreCase",
            documents.iter().map(score).collect(),
            (CALLS, 1),
            " (to reach: at most 1.50)",
        ),
        method(
            "ExplainCase",
            "/arrears.v1.CaseService/ExplainCase",
            documents.iter().map(explain).collect(),
            (CALLS, 1),
            "",
        ),
        method(
            "PushCases, checked only",
            "/arrears.v1.CaseService/PushCases",
            push(true),
            pushes,
            "",
        ),
        method(
            "PushCases, unchanged",
            "/arrears.v1.CaseService/PushCases",
            push(false),
            pushes,
            "",
        ),
    ]
}

/// Calls and echoes in turn, and prints how long they took.
async fn measure(
    method: &Method,
    (mut ours, mut echo): (Grpc<Channel>, Grpc<Channel>),
    rounds: usize,
) {
    let path = PathAndQuery::from_static(method.path);
    let echo_path = PathAndQuery::from_static(echo::PATH);
    // The echo is told how much to answer: as much as the service did.
    let answer = call(&mut ours, &path, method.requests[0].clone(), 0).await;
    let size = answer.len();
    let mut times: [Vec<Duration>; 2] = Default::default();
    let mut medians: [Vec<f64>; 2] = Default::default();
    for _ in 0..rounds {
        let mut round: [Vec<Duration>; 2] = Default::default();
        for (side, grpc, path) in [(0, &mut ours, &path), (1, &mut echo, &echo_path)] {
            for number in 0..method.calls {
                let request = method.requests[number % method.requests.len()].clone();
                let began = Instant::now();
                let answer = call(grpc, path, request, size).await;
                round[side].push(began.elapsed());
                assert!(!answer.is_empty());
            }
        }
        for ((round, times), medians) in round.into_iter().zip(&mut times).zip(&mut medians) {
            medians.push(percentile(round.clone(), 50).as_secs_f64());
            times.extend(round);
        }
    }
    let bytes = method.requests[0].len();
    println!("{}: {bytes} bytes, answered by {size}", method.name);
    for (name, times) in ["ours", "echo"].into_iter().zip(&times) {
        let (p50, p99) = (percentile(times.clone(), 50), percentile(times.clone(), 99));
        let rate = method.items as f64 / p50.as_secs_f64();
        println!("  {name:<5} p50 {p50:>9.1?}  p99 {p99:>9.1?}  {rate:>8.0} items/s one at a time");
    }
    let [ours, echo] = medians.map(median);
    println!("  ratio of medians {:.2}{}", ours / echo, method.bound);
}

async fn call(grpc: &mut Grpc<Channel>, path: &PathAndQuery, body: Bytes, answer: usize) -> Bytes {
    grpc.ready().await.expect("the connection stands");
    let mut request = Request::new(body);
    if let Ok(size) = answer.to_string().parse() {
        request.metadata_mut().insert(echo::ANSWER_BYTES, size);
    }
    let answered = grpc.unary(request, path.clone(), Raw).await;
    answered.expect("the call is answered").into_inner()
}

fn percentile(mut times: Vec<Duration>, share: usize) -> Duration {
    times.sort();
    times[(times.len() - 1) * share / 100]
}
