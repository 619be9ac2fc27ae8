//! Pushing a night to SQLite, against the raw library writing the same rows into
//! the same tables in the same transactions.
//!
//! `cargo bench --bench push [-- CASES ROUNDS]`; 100,000 cases and 5 rounds by
//! default. Ours and the yardstick alternate; medians and ratios are printed.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrears::engine::push::{Document, PushCommand, push_cases};
use arrears::engine::{Caller, Engine, portfolio};
use arrears::model::*;
use futures::StreamExt;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

#[path = "shared/plausible.rs"]
mod plausible;

const CHUNK: usize = 1_000;
/// Pushes on their way at once, as a loader of a night would keep.
const IN_FLIGHT: usize = 4;
/// The tables a first push writes, with the column that counts its cases.
const TABLES: [&str; 6] =
    ["debtor", "loan_case", "case_source", "case_head", "case_event", "case_q"];

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let cases = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let rounds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(5);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be built");
    let mut times: [Vec<Duration>; 5] = Default::default();
    for round in 0..rounds {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let ours = runtime.block_on(ours(folder.path(), cases));
        let theirs = theirs(folder.path(), cases);
        println!("round {}: {ours:.2?} ours, {theirs:.2?} raw", round + 1);
        for (list, time) in times.iter_mut().zip(ours.into_iter().chain(theirs)) {
            list.push(time);
        }
    }
    let [fresh, same, next, raw_fresh, raw_next] = times.map(median);
    let rate = |time: Duration| cases as f64 / time.as_secs_f64();
    let ratio = |ours: Duration, raw: Duration| rate(ours) / rate(raw);
    println!(
        "cases {cases}, rounds {rounds}, documents a push {CHUNK}, pushes at once {IN_FLIGHT}; medians"
    );
    println!(
        "first push       {:>9.0}/s  raw {:>9.0}/s  ratio {:.2}",
        rate(fresh),
        rate(raw_fresh),
        ratio(fresh, raw_fresh)
    );
    println!("same push again  {:>9.0}/s", rate(same));
    println!(
        "next night, same {:>9.0}/s  raw {:>9.0}/s  ratio {:.2}",
        rate(next),
        rate(raw_next),
        ratio(next, raw_next)
    );
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// First push, the same again, the next night unchanged.
async fn ours(folder: &Path, cases: usize) -> [Duration; 3] {
    let start = Micros(20_600 * Micros::DAY);
    let clock = Arc::new(TestClock::new(start));
    let engine =
        Engine::open(folder.join("ours").as_path(), clock.clone()).await.expect("it opens");
    let caller = Caller::local();
    let portfolio_id = PortfolioId::new("bench").expect("the id is valid");
    portfolio::create_portfolio(
        &engine,
        &caller,
        portfolio_id,
        plausible::settings(ContactPolicy::Always),
    )
    .await
    .expect("created");
    let mut times = [Duration::ZERO; 3];
    for (time, day) in times.iter_mut().zip([0, 0, 1]) {
        let as_of = start.plus(day * Micros::DAY);
        clock.set(as_of);
        let chunks: Vec<PushCommand> = (0..cases)
            .step_by(CHUNK)
            .map(|from| command(from..(from + CHUNK).min(cases), as_of))
            .collect();
        let began = Instant::now();
        futures::stream::iter(chunks)
            .map(|chunk| push_cases(&engine, &caller, chunk))
            .buffered(IN_FLIGHT)
            .for_each(|pushed| async move { drop(pushed.expect("the push is taken")) })
            .await;
        *time = began.elapsed();
    }
    times
}

fn command(range: std::ops::Range<usize>, as_of: Micros) -> PushCommand {
    PushCommand {
        portfolio_id: PortfolioId::new("bench").expect("the id is valid"),
        documents: range.map(|index| Ok(document(index, as_of))).collect(),
        atomic: false,
        validate_only: false,
    }
}

fn document(index: usize, as_of: Micros) -> Document {
    Document {
        case_id: CaseId::new(format!("case-{index:08}")).expect("the id is valid"),
        debtor_id: plausible::debtor_id(index),
        source_sequence: None,
        as_of,
        facts: plausible::facts(index, "", "Europe/Madrid"),
    }
}

/// The raw library writes the rows that ours wrote, table by table within each
/// chunk's transaction, then moves every head's instant.
fn theirs(folder: &Path, cases: usize) -> [Duration; 2] {
    let source = Connection::open(folder.join("ours/arrears.db")).expect("our file opens");
    let tables: Vec<(String, Vec<Vec<Value>>)> = TABLES.map(|table| rows(&source, table)).into();
    let raw = Connection::open(folder.join("raw.db")).expect("a new file opens");
    raw.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16000; \
         PRAGMA cache_size = -65536;",
    )
    .expect("the pragmas hold");
    raw.execute_batch(include_str!("../migrations/sqlite/0001_core.sql")).expect("the schema fits");
    raw.set_prepared_statement_cache_capacity(64);
    let chunks = cases.div_ceil(CHUNK);
    let began = Instant::now();
    for chunk in 0..chunks {
        raw.execute_batch("BEGIN IMMEDIATE").expect("it begins");
        for (insert, rows) in &tables {
            let size = rows.len().div_ceil(chunks);
            let mut statement = raw.prepare_cached(insert).expect("it prepares");
            for row in rows.iter().skip(chunk * size).take(size) {
                statement.execute(params_from_iter(row)).expect("the row fits");
            }
        }
        raw.execute_batch("COMMIT").expect("it commits");
    }
    let fresh = began.elapsed();
    let heads = &tables[3].1;
    let began = Instant::now();
    for chunk in heads.chunks(CHUNK) {
        raw.execute_batch("BEGIN IMMEDIATE").expect("it begins");
        let mut statement = raw
            .prepare_cached("UPDATE case_head SET as_of = ?3 WHERE part = ?1 AND case_no = ?2")
            .expect("it prepares");
        for row in chunk {
            statement.execute((&row[0], &row[1], 1_i64)).expect("the row is there");
        }
        drop(statement);
        raw.execute_batch("COMMIT").expect("it commits");
    }
    [fresh, began.elapsed()]
}

/// The insert statement of a table and all its rows, by key.
fn rows(source: &Connection, table: &str) -> (String, Vec<Vec<Value>>) {
    let mut statement =
        source.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).expect("it prepares");
    let columns = statement.column_count();
    let marks = vec!["?"; columns].join(", ");
    let rows = statement
        .query_map([], |row| (0..columns).map(|at| row.get(at)).collect())
        .expect("it runs")
        .collect::<Result<_, _>>()
        .expect("the rows can be read");
    (format!("INSERT INTO {table} VALUES ({marks})"), rows)
}
