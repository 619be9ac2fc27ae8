//! How long the program takes from its start to being ready, and what memory it
//! takes while nobody asks anything, over a database of many cases. Beside it, in
//! turn: the program telling its version, which is what starting any process costs,
//! and the raw library opening the file and reading a row.
//!
//! `cargo bench --bench start [-- CASES ROUNDS]`; 1,000,000 cases and 11 rounds by
//! default. The cases are pushed as of now: those of a day before would be rolled
//! over by whoever starts.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use arrears::model::{Clock, SystemClock};
use rusqlite::Connection;
use tokio::runtime::Runtime;

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

/// How long the program is left alone before its memory is looked at: sweeps, the
/// roll-over and a look for changed settings have run by then.
const IDLE: Duration = Duration::from_secs(3);

/// One start.
struct Start {
    ready: Duration,
    /// Resident bytes, once ready and after a while.
    resident: [u64; 2],
}

fn main() {
    let mut arguments = arguments();
    let cases = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let rounds: usize = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(11);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let runtime = Runtime::new().expect("a runtime can be built");
    let began = Instant::now();
    runtime.block_on(Desk::fill(folder.path(), cases, SystemClock.now()));
    println!("{cases} cases pushed and held in {:.0?}", began.elapsed());
    let (mut starts, mut versions, mut opened) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        starts.push(start(&runtime, folder.path()));
        versions.push(millis(version()));
        opened.push(millis(open(&folder.path().join("arrears.db"))));
    }
    let ready = median(starts.iter().map(|start| millis(start.ready)).collect());
    let slowest = starts.iter().map(|start| millis(start.ready)).fold(0.0, f64::max);
    let mib = |at: usize| {
        median(starts.iter().map(|start| start.resident[at] as f64 / 1_048_576.0).collect())
    };
    let (version, open) = (median(versions), median(opened));
    println!("medians of {rounds} starts over {cases} cases");
    println!("ready after {ready:.1} ms, slowest {slowest:.1} ms (to reach: 150 ms)");
    println!("`arrears version` {version:.1} ms, the raw library opens and reads in {open:.1} ms");
    println!("ratio to both together {:.2}", ready / (version + open));
    println!(
        "resident memory {:.1} MiB once ready, {:.1} MiB after {} s (to reach: 40 MB)",
        mib(0),
        mib(1),
        IDLE.as_secs()
    );
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn arrears(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arrears"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ARREARS_") {
            command.env_remove(name);
        }
    }
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Starts the program over a folder, until it says that it is ready.
fn start(runtime: &Runtime, folder: &Path) -> Start {
    let data = folder.to_str().expect("the path is text");
    let addresses = ["--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"];
    let args = [&["serve", "--data-dir", data][..], &addresses].concat();
    let began = Instant::now();
    let mut server = arrears(&args).spawn().expect("the program starts");
    let mut line = String::new();
    let output = server.stdout.as_mut().expect("the output is piped");
    BufReader::new(output).read_line(&mut line).expect("it says where it listens");
    let mut addresses = line.split_whitespace().filter_map(|word| word.strip_prefix("http://"));
    let http = addresses.nth(1).expect("it says where it listens").to_owned();
    while !is_ready(&http) {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not become ready");
    }
    let ready = began.elapsed();
    let once_ready = resident(&server);
    runtime.block_on(async { tokio::time::sleep(IDLE).await });
    let resident = [once_ready, resident(&server)];
    server.kill().expect("it can be ended");
    server.wait().expect("it has ended");
    Start { ready, resident }
}

fn is_ready(address: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let request = "GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

/// The resident memory in bytes, as Linux tells it; nothing elsewhere.
fn resident(process: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()));
    let status = status.unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap_or(0);
    kib * 1_024
}

fn version() -> Duration {
    let began = Instant::now();
    let ended = arrears(&["version"]).output().expect("the program starts");
    assert!(ended.status.success());
    began.elapsed()
}

fn open(file: &Path) -> Duration {
    let began = Instant::now();
    let connection = Connection::open(file).expect("the file opens");
    connection.execute_batch("PRAGMA journal_mode = WAL").expect("the pragma holds");
    let found: i64 = connection
        .query_row("SELECT part FROM case_head ORDER BY part, case_no LIMIT 1", [], |row| {
            row.get(0)
        })
        .expect("there is a case");
    std::hint::black_box(found);
    began.elapsed()
}
