//! A service in this process over a database, filled as a lender's might be: of ten
//! debtors one is ready, four have an old ledger, five are on hold.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrears::engine::lease::{LeaseCommand, WorkItem, lease_work};
use arrears::engine::push::{Document, PushCommand, push_cases};
use arrears::engine::record::{Event, EventKind, HoldTarget, RecordCommand, record_events};
use arrears::engine::{Caller, Engine, portfolio, work_list};
use arrears::model::*;
use arrears::store::Database;
use rusqlite::Connection;
use tokio::runtime::Runtime;

use crate::plausible::{self, debtor, debtor_id, mix, settings};

const CHUNK: usize = 1_000;
/// Cases of a pull.
pub(crate) const PULL: usize = 50;
const LANGUAGES: [&str; 4] = ["es", "ca", "gl", "eu"];
/// All within hours of contact at [`START`].
const ZONES: [&str; 5] =
    ["Europe/Madrid", "Europe/Lisbon", "Europe/Berlin", "Europe/Rome", "Atlantic/Canary"];
/// A Wednesday, 10:00 UTC.
pub(crate) const START: Micros = Micros(20_600 * Micros::DAY + 10 * Micros::HOUR);

/// A service over a database, with one portfolio and a list over all of it.
pub(crate) struct Desk {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) caller: Caller,
}

impl Desk {
    /// Puts a filled database into a folder: a copy of `kept` where that exists, else
    /// one filled now and copied there. Pushing a million cases takes minutes.
    pub(crate) fn prepare(runtime: &Runtime, folder: &Path, cases: usize, kept: Option<&Path>) {
        let file = folder.join("arrears.db");
        match kept.filter(|kept| kept.exists()) {
            Some(kept) => copy(kept, &file),
            None => {
                let began = Instant::now();
                runtime.block_on(Desk::fill(folder, cases, START));
                println!("{cases} cases pushed and held in {:.0?}", began.elapsed());
            }
        }
        if let Some(kept) = kept.filter(|kept| !kept.exists()) {
            copy(&file, kept);
        }
    }

    /// Opens a database at an instant.
    pub(crate) async fn open(database: impl Into<Database>, now: Micros) -> Desk {
        let clock = Arc::new(TestClock::new(now));
        let engine = Engine::open(database, clock.clone()).await.expect("it opens");
        Desk { engine, clock, caller: Caller::local() }
    }

    /// Pushes the cases, a second apart by thousands, and holds debtors.
    pub(crate) async fn fill(database: impl Into<Database>, cases: usize, start: Micros) {
        let policy = ContactPolicy::Plain(PlainPolicy::default());
        Desk::fill_under(database, cases, (start, policy)).await;
    }

    /// The same under another contact policy.
    pub(crate) async fn fill_under(
        database: impl Into<Database>,
        cases: usize,
        (start, policy): (Micros, ContactPolicy),
    ) {
        let desk = Desk::open(database, start).await;
        let (engine, caller) = (&desk.engine, &desk.caller);
        portfolio::create_portfolio(engine, caller, bench(), settings(policy))
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
    pub(crate) async fn pull(&self, name: &str) -> usize {
        self.lease(name).await.len()
    }

    /// One pull.
    pub(crate) async fn lease(&self, name: &str) -> Vec<WorkItem> {
        let command = LeaseCommand {
            work_list_id: WorkListId::new("bench").expect("the id is valid"),
            worker_id: WorkerId::new("bench").expect("the id is valid"),
            max_items: PULL,
            lease_duration: 5 * Micros::MINUTE,
            wait: 0,
            request_id: Some(RequestId::new(name).expect("the id is valid")),
            take: None,
            language: None,
        };
        let work = lease_work(&self.engine, &self.caller, command).await;
        work.expect("the pull is answered").items
    }
}

pub(crate) fn bench() -> PortfolioId {
    PortfolioId::new("bench").expect("the id is valid")
}

fn everything() -> WorkListSettings {
    WorkListSettings {
        display_name: "bench".to_owned(),
        portfolio_ids: Vec::new(),
        groups: Vec::new(),
        stages: Vec::new(),
        languages: Vec::new(),
        routes: Vec::new(),
        reserved_share_permille: 100,
    }
}

/// Why a debtor's cases are not ready: of ten debtors one is, four have an old
/// ledger, five are on hold.
fn reason(index: usize) -> i64 {
    mix(debtor(index), 50, 10)
}

pub(crate) fn document(index: usize, now: Micros) -> Document {
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
pub(crate) fn copy(from: &Path, to: &Path) {
    let connection = Connection::open(from).expect("the file opens");
    let busy: i64 = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .expect("the log can be written back");
    assert_eq!(busy, 0, "nobody reads or writes the file");
    std::fs::copy(from, to).expect("the file can be copied");
}
