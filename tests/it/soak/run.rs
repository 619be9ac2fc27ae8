//! What the clients of a soak share: what is written down of it, and when it is
//! over.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use rusqlite::Connection;

use super::memory::Memory;
use super::{DATA, Plan};
use crate::cli::program::Program;
use crate::history::{Record, Request, Step};

/// How often memory is looked at in a run.
const LOOKS: u64 = 400;
/// No kind of operation may be less than so many thousandths of a run.
const KIND_PERMILLE_MIN: u64 = 20;

/// What clients were told, for the history and beside it.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    /// Cases bear the clients' numbers in it; leases those of the service.
    pub(super) records: Vec<Record>,
    /// Acknowledged events, by id.
    pub(super) events: Vec<String>,
    /// Debtors on hold for certain: who, from the answer to the hold, to the
    /// moment its end was asked for.
    pub(super) holds: Vec<(i64, i64, i64)>,
}

pub(super) struct Run {
    began: Instant,
    operations: u64,
    done: AtomicU64,
    calls: AtomicU64,
    /// Numbers of cases are taken by fives, which share their debtors.
    next_five: AtomicU64,
    evidence: Mutex<Evidence>,
    /// How many operations and what came of them, by word.
    tally: Mutex<BTreeMap<&'static str, u64>>,
    memory: Mutex<Memory>,
    process: u32,
    database: Mutex<Connection>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no client panicked while writing")
}

impl Run {
    pub(super) fn new(plan: &Plan, program: &Program) -> Run {
        let database = Connection::open(program.path(DATA).join("arrears.db")).unwrap();
        Run {
            began: Instant::now(),
            operations: plan.operations,
            done: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            next_five: AtomicU64::new(0),
            evidence: Mutex::default(),
            tally: Mutex::default(),
            memory: Mutex::default(),
            process: program.id(),
            database: Mutex::new(database),
        }
    }

    /// Whether there is more to do.
    pub(super) fn goes_on(&self) -> bool {
        self.done.load(Ordering::SeqCst) < self.operations
    }

    /// The numbers of five new cases.
    pub(super) fn five_cases(&self) -> std::ops::Range<i64> {
        let first = self.next_five.fetch_add(1, Ordering::SeqCst) as i64 * 5;
        first..first + 5
    }

    /// Microseconds on the clock of all clients.
    pub(super) fn now(&self) -> i64 {
        self.began.elapsed().as_micros() as i64
    }

    /// Writes down that something is asked; the call's number.
    pub(super) fn invoke(&self, request: Request) -> u64 {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        self.write(call, Step::Invoke(request));
        call
    }

    /// Writes down an answer.
    pub(super) fn write(&self, call: u64, step: Step) {
        let mut evidence = lock(&self.evidence);
        // Asked under the lock, so that the records are in the order of time.
        let time = self.now();
        evidence.records.push(Record { call, time, step });
    }

    /// Writes down an acknowledged event.
    pub(super) fn acknowledge(&self, event_id: String) {
        lock(&self.evidence).events.push(event_id);
    }

    /// Writes down that a debtor was on hold.
    pub(super) fn held(&self, debtor: i64, from: i64, until: i64) {
        lock(&self.evidence).holds.push((debtor, from, until));
    }

    /// Counts operations of a kind.
    pub(super) fn count(&self, kind: &'static str, operations: usize) {
        self.note(kind, operations);
        let operations = operations as u64;
        let before = self.done.fetch_add(operations, Ordering::SeqCst);
        let every = (self.operations / LOOKS).max(1);
        if before / every != (before + operations) / every {
            self.look(before + operations);
        }
    }

    /// Counts what came of operations.
    pub(super) fn note(&self, what: &'static str, count: usize) {
        *lock(&self.tally).entry(what).or_default() += count as u64;
    }

    fn look(&self, done: u64) {
        let size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        let bytes: i64 = lock(&self.database).query_row(size, [], |row| row.get(0)).unwrap();
        lock(&self.memory).look(self.process, done, bytes.unsigned_abs());
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }

    /// All that was written down.
    pub(super) fn take_evidence(&mut self) -> Evidence {
        std::mem::take(&mut *lock(&self.evidence))
    }

    /// What was done, in one line.
    pub(super) fn summary(&self) -> String {
        let tally = lock(&self.tally);
        let words = tally.iter().map(|(what, count)| format!("{count} {what}"));
        let seconds = self.began.elapsed().as_secs_f64();
        format!("{} in {seconds:.0} s", words.collect::<Vec<_>>().join(", "))
    }

    /// A run that left out half of what it is for proves nothing.
    #[track_caller]
    pub(super) fn assert_mixed(&self) {
        let tally = lock(&self.tally);
        for kind in ["documents", "events", "pulls", "renewals", "reports", "releases", "explained"]
        {
            let count = tally.get(kind).copied().unwrap_or(0);
            assert!(
                count * 1_000 >= self.operations * KIND_PERMILLE_MIN,
                "only {count} {kind} of {} operations",
                self.operations
            );
        }
        for what in ["leased", "pulls again", "same report again", "lifted", "given up", "late"] {
            assert!(tally.contains_key(what), "nothing was {what}: {tally:?}");
        }
    }
}
