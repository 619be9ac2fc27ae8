//! Leasing from a queue of which nine tenths are not ready, against the raw
//! library claiming as many cases from a copy of the same file.
//!
//! `cargo bench --bench lease [-- CASES ROUNDS [FILE]]`; 1,000,000 cases and 5
//! rounds by default. Pushing a million cases takes minutes: FILE keeps what was
//! pushed for the next run. Pulls of 50 and claims of the yardstick alternate;
//! rates, their ratio and the time of one are printed.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use arrears::model::*;
use rusqlite::Connection;

#[path = "lease/yardstick.rs"]
mod yardstick;

#[path = "shared/desk.rs"]
mod desk;
#[path = "shared/plausible.rs"]
mod plausible;

use desk::{Desk, PULL, START};
use yardstick::Yardstick;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let cases = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let rounds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(5);
    let kept = arguments.next().map(PathBuf::from);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be built");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let [ours, raw] = ["arrears.db", "raw.db"].map(|name| folder.path().join(name));
    match kept.as_ref().filter(|file| file.exists()) {
        Some(file) => copy(file, &ours),
        None => {
            let began = Instant::now();
            runtime.block_on(Desk::fill(folder.path(), cases));
            println!("{cases} cases pushed and held in {:.0?}", began.elapsed());
        }
    }
    copy(&ours, &raw);
    if let Some(file) = kept.filter(|file| !file.exists()) {
        copy(&ours, &file);
    }
    let desk = runtime.block_on(Desk::open(folder.path(), START.plus(Micros::HOUR)));
    let mut raw = Yardstick::open(&raw);
    println!("{}", raw.census());

    // At most half of what is ready is leased, so that the last round finds the
    // queue much like the first.
    let claims = (cases / 10 / 2 / PULL / rounds).clamp(1, 200);
    let (mut ours, mut theirs) = (Figures::default(), Figures::default());
    for round in 1..=rounds {
        for claim in 0..claims {
            let name = format!("{round}-{claim}");
            ours.time(|| runtime.block_on(desk.pull(&name)));
            theirs.time(|| raw.claim(PULL, &name, desk.clock.now()));
        }
        ours.end_round();
        theirs.end_round();
    }
    println!("claims of {PULL}: {claims} in each of {rounds} rounds; medians of the rounds");
    ours.print("ours");
    theirs.print("raw");
    println!(
        "ratio of rates {:.2}, of processor time {:.2}",
        ours.rate() / theirs.rate(),
        theirs.processor() / ours.processor()
    );
}

/// Copies a database that nobody writes.
fn copy(from: &Path, to: &Path) {
    let connection = Connection::open(from).expect("the file opens");
    let busy: i64 = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .expect("the log can be written back");
    assert_eq!(busy, 0, "nobody reads or writes the file");
    std::fs::copy(from, to).expect("the file can be copied");
}

/// What was measured of one side.
#[derive(Default)]
struct Figures {
    claims: Vec<Duration>,
    /// Since the last round ended: cases, wall time, processor time.
    leased: usize,
    wall: Duration,
    processor: Duration,
    /// Cases a second and processor seconds a case, by round.
    rounds: Vec<(f64, f64)>,
}

impl Figures {
    fn time(&mut self, claim: impl FnOnce() -> usize) {
        let (processor, began) = (processor_time(), Instant::now());
        self.leased += claim();
        self.claims.push(began.elapsed());
        self.wall += began.elapsed();
        self.processor += processor_time().saturating_sub(processor);
    }

    fn end_round(&mut self) {
        let leased = std::mem::take(&mut self.leased) as f64;
        let wall = std::mem::take(&mut self.wall).as_secs_f64();
        let processor = std::mem::take(&mut self.processor).as_secs_f64();
        self.rounds.push((leased / wall, processor / leased));
    }

    fn rate(&self) -> f64 {
        median(self.rounds.iter().map(|(rate, _)| *rate).collect())
    }

    fn processor(&self) -> f64 {
        median(self.rounds.iter().map(|(_, processor)| *processor).collect())
    }

    fn print(&self, name: &str) {
        let mut claims = self.claims.clone();
        claims.sort();
        let part = |share: usize| claims[(claims.len() - 1) * share / 100];
        let rates = self.rounds.iter().map(|(rate, _)| *rate);
        println!(
            "{name:<5} {:>7.0} leases/s ({:.0} to {:.0})  p50 {:.2?}  p99 {:.2?}  processor {:.0} us a lease",
            self.rate(),
            rates.clone().fold(f64::INFINITY, f64::min),
            rates.fold(0.0, f64::max),
            part(50),
            part(99),
            self.processor() * 1e6,
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What all threads have used of processors so far, as Linux tells it; nothing
/// elsewhere.
fn processor_time() -> Duration {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let nanos = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}
