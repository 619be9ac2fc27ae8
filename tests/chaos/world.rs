//! What all who take part share: the clock, what they wrote down, and what they were
//! promised.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use arrears::proto;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::history::{LeaseId, Record, Request, Step};

/// The portfolio and the work list of the tests.
pub(crate) const PORTFOLIO: &str = "main";
pub(crate) const LIST: &str = "all";
/// How long leases last: the least there is.
pub(crate) const LEASE: Duration = Duration::from_secs(10);
/// How long recovery from a fault may take. It says when a test gives up, not how
/// fast the service has to be.
pub(crate) const RECOVERY_DEADLINE: Duration = Duration::from_secs(90);
/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The world.
pub(crate) struct World {
    began: Instant,
    calls: AtomicU64,
    records: Mutex<Vec<Record>>,
    /// How many calls were acknowledged.
    progress: watch::Sender<u64>,
    /// Cancelled when clients shall end.
    pub(crate) stop: CancellationToken,
    /// Whether somebody was given no work.
    pub(crate) hungry: AtomicBool,
    pub(crate) next_case: AtomicI64,
    pub(crate) next_sequence: AtomicI64,
    known: Mutex<Known>,
    odd: Mutex<Vec<String>>,
}

/// What clients know.
#[derive(Default)]
pub(crate) struct Known {
    /// Every case that was pushed, with the highest acknowledged sequence.
    pub(crate) cases: BTreeMap<i64, Option<i64>>,
    /// Acknowledged payments by their event id.
    pub(crate) payments: BTreeMap<String, proto::Event>,
    /// Acknowledged reports: the token, and the debtor.
    pub(crate) reports: BTreeMap<LeaseId, (Vec<u8>, i64)>,
    /// Acknowledged releases of leases that were dialled, with the debtor.
    pub(crate) dialled: BTreeMap<LeaseId, i64>,
    /// What somebody has in hand.
    pub(crate) held: BTreeMap<LeaseId, ()>,
    /// Cases that are given to debtor after debtor, with the highest acknowledged sequence.
    pub(crate) moved: BTreeMap<String, i64>,
    /// How many payments of each of them were acknowledged.
    pub(crate) paid: BTreeMap<String, usize>,
}

impl World {
    /// An empty world.
    pub(crate) fn new() -> World {
        World {
            began: Instant::now(),
            calls: AtomicU64::new(0),
            records: Mutex::default(),
            progress: watch::Sender::new(0),
            stop: CancellationToken::new(),
            hungry: AtomicBool::new(true),
            next_case: AtomicI64::new(0),
            next_sequence: AtomicI64::new(1),
            known: Mutex::default(),
            odd: Mutex::default(),
        }
    }

    /// Microseconds of the clock that all clients share.
    pub(crate) fn now(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_micros()).unwrap()
    }

    /// Writes down that something is asked; the answer's name, and when that was.
    pub(crate) fn invoke(&self, request: Request) -> (u64, i64) {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        (call, self.write(call, Step::Invoke(request)))
    }

    /// Writes down how a call ended.
    pub(crate) fn end(&self, (call, _): (u64, i64), step: Step) {
        if matches!(step, Step::Ok(_)) {
            self.progress.send_modify(|count| *count += 1);
        }
        self.write(call, step);
    }

    fn write(&self, call: u64, step: Step) -> i64 {
        // The clock is read in the order of what is written.
        let mut records = self.records.lock().unwrap();
        let time = self.now();
        records.push(Record { call, time, step });
        time
    }

    /// What was written down.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap().clone()
    }

    /// What clients know.
    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap()
    }

    /// Notes an answer that nothing explains.
    pub(crate) fn note_odd(&self, text: String) {
        self.odd.lock().unwrap().push(text);
    }

    /// The answers that nothing explains.
    pub(crate) fn odd(&self) -> Vec<String> {
        self.odd.lock().unwrap().clone()
    }

    /// Acknowledged calls so far.
    pub(crate) fn progress(&self) -> u64 {
        *self.progress.borrow()
    }

    /// Waits until so many more calls were acknowledged; says whether they were before
    /// the deadline.
    pub(crate) async fn goes_on(&self, more: u64) -> bool {
        let enough = self.progress() + more;
        let mut progress = self.progress.subscribe();
        let waited = progress.wait_for(|count| *count >= enough);
        tokio::time::timeout(RECOVERY_DEADLINE, waited).await.is_ok()
    }

    /// A moment between two attempts, as any client makes; ends when the clients do.
    pub(crate) async fn pause(&self) {
        let _ = tokio::time::timeout(LOOK_EVERY, self.stop.cancelled()).await;
    }
}

/// The debtor of a case: each has three.
pub(crate) fn debtor_of(case: i64) -> i64 {
    case / 3
}

/// The number at the end of the name of a case or a debtor.
pub(crate) fn number(name: &str) -> i64 {
    name[1..].parse().unwrap()
}

/// Looks again and again until there is something to be seen.
pub(crate) async fn until<A: ?Sized, T>(
    what: &str,
    at: &A,
    look: impl AsyncFn(&A) -> Option<T>,
) -> T {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let seen = async {
        loop {
            ticks.tick().await;
            if let Some(seen) = look(at).await {
                return seen;
            }
        }
    };
    match tokio::time::timeout(RECOVERY_DEADLINE, seen).await {
        Ok(seen) => seen,
        Err(_) => panic!("waited in vain until {what}"),
    }
}
