//! Leasing from a queue of which nine tenths are not ready, against the raw
//! library claiming as many cases from a copy of the same file.
//!
//! `cargo bench --bench lease [-- CASES ROUNDS [FILE]]`; 1,000,000 cases and 5
//! rounds by default. Pushing a million cases takes minutes: FILE keeps what was
//! pushed for the next run. Pulls of 50 and claims of the yardstick alternate;
//! rates, their ratio and the time of one are printed.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrears::engine::lease::{LeaseCommand, lease_work};
use arrears::engine::push::{Document, PushCommand, push_cases};
use arrears::engine::record::{Event, EventKind, HoldTarget, RecordCommand, record_events};
use arrears::engine::{Caller, Engine, portfolio, work_list};
use arrears::model::*;
use rusqlite::Connection;

#[path = "lease/yardstick.rs"]
mod yardstick;

#[path = "shared/plausible.rs"]
mod plausible;

use plausible::{debtor, debtor_id, mix, settings};
use yardstick::Yardstick;

const CHUNK: usize = 1_000;
const PULL: usize = 50;
const LANGUAGES: [&str; 4] = ["es", "ca", "gl", "eu"];
/// All within hours of contact at [`START`].
const ZONES: [&str; 5] =
    ["Europe/Madrid", "Europe/Lisbon", "Europe/Berlin", "Europe/Rome", "Atlantic/Canary"];
/// A Wednesday, 10:00 UTC.
const START: Micros = Micros(20_600 * Micros::DAY + 10 * Micros::HOUR);

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

/// A service over a folder, with one portfolio and a list over all of it.
struct Desk {
    engine: Arc<Engine>,
    clock: Arc<TestClock>,
    caller: Caller,
}

impl Desk {
    async fn open(folder: &Path, now: Micros) -> Desk {
        let clock = Arc::new(TestClock::new(now));
        let engine = Engine::open(folder, clock.clone()).await.expect("the folder opens");
        Desk { engine, clock, caller: Caller::local() }
    }

    /// Pushes the cases, a second apart by thousands, and holds debtors.
    async fn fill(folder: &Path, cases: usize) {
        let desk = Desk::open(folder, START).await;
        let (engine, caller) = (&desk.engine, &desk.caller);
        portfolio::create_portfolio(
            engine,
            caller,
            bench(),
            settings(ContactPolicy::Plain(PlainPolicy::default())),
        )
        .await
        .expect("it is new");
        let list = WorkListId::new("bench").expect("the id is valid");
        work_list::create_work_list(engine, caller, list, everything()).await.expect("it is new");
        for from in (0..cases).step_by(CHUNK) {
            let range = from..(from + CHUNK).min(cases);
            desk.clock.advance(Micros::SECOND);
            let now = desk.clock.now();
            let command = PushCommand {
                portfolio_id: bench(),
                documents: range.clone().map(|index| Ok(document(index, now))).collect(),
                atomic: true,
                validate_only: false,
            };
            push_cases(engine, caller, command).await.expect("the push is taken");
            let events = range.filter_map(|index| hold(index, now)).map(Ok).collect();
            let command = RecordCommand { portfolio_id: bench(), events };
            record_events(engine, caller, command).await.expect("the events are taken");
        }
    }

    /// One pull; says how many cases were leased.
    async fn pull(&self, name: &str) -> usize {
        let command = LeaseCommand {
            work_list_id: WorkListId::new("bench").expect("the id is valid"),
            worker_id: WorkerId::new("bench").expect("the id is valid"),
            max_items: PULL,
            lease_duration: 5 * Micros::MINUTE,
            wait: 0,
            request_id: Some(RequestId::new(name).expect("the id is valid")),
            take: None,
        };
        let work = lease_work(&self.engine, &self.caller, command).await;
        work.expect("the pull is answered").items.len()
    }
}

fn bench() -> PortfolioId {
    PortfolioId::new("bench").expect("the id is valid")
}

fn everything() -> WorkListSettings {
    WorkListSettings {
        display_name: "bench".to_owned(),
        portfolio_ids: Vec::new(),
        groups: Vec::new(),
        stages: Vec::new(),
        languages: Vec::new(),
        reserved_share_permille: 100,
    }
}

/// Why a debtor's cases are not ready: of ten debtors one is, four have an old
/// ledger, five are on hold.
fn reason(index: usize) -> i64 {
    mix(debtor(index), 50, 10)
}

fn document(index: usize, now: Micros) -> Document {
    let of_debtor =
        |salt, names: &[&'static str]| names[mix(debtor(index), salt, names.len() as i64) as usize];
    let facts = plausible::facts(index, of_debtor(42, &LANGUAGES), of_debtor(43, &ZONES));
    let old = (1..=4).contains(&reason(index));
    Document {
        case_id: CaseId::new(format!("case-{index:08}")).expect("the id is valid"),
        debtor_id: debtor_id(index),
        source_sequence: None,
        as_of: if old { now.plus(-10 * Micros::DAY) } else { now },
        facts,
    }
}

/// The hold on the debtor of a case, told with the debtor's first case.
fn hold(index: usize, now: Micros) -> Option<Event> {
    (reason(index) > 4 && index % 5 != 4).then(|| Event {
        event_id: EventId::new(format!("hold-{index}")).expect("the id is valid"),
        event_time: now,
        kind: EventKind::Hold {
            target: HoldTarget::Debtor(debtor_id(index)),
            kind: HoldKind::Complaint,
            until: Some(now.plus(30 * Micros::DAY)),
            evidence_reference: String::new(),
        },
    })
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
