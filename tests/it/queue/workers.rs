//! Many workers at once on a database of files. What they asked and were told is
//! held against the invariants of the queue.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::history::{
    Answer, Closing, Disposition, Found, Grant, History, LeaseId, Place, Record, Request, Rules,
    Step, assert_holds,
};
use crate::store::QueueLog;

/// More than the workers can hold or rest at one time, so that order matters.
const CASES: usize = 600;
const DEBTORS: usize = 400;
const WORKERS: u64 = 32;
const STEPS: usize = 40;

/// What all workers wrote down, in the order of their shared clock.
struct Log {
    clock: Arc<TestClock>,
    calls: AtomicU64,
    records: Mutex<Vec<Record>>,
}

impl Log {
    fn invoke(&self, request: Request) -> u64 {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        self.write(call, Step::Invoke(request));
        call
    }

    fn write(&self, call: u64, step: Step) {
        use arrears::model::Clock;
        let mut records = self.records.lock().expect("no worker panicked while writing");
        records.push(Record { call, time: self.clock.now().0, step });
    }
}

struct Worker {
    engine: Arc<Engine>,
    clock: Arc<TestClock>,
    log: Arc<Log>,
    rng: StdRng,
    name: String,
}

fn number(name: &str) -> i64 {
    name[1..].parse().expect("names end in numbers")
}

fn lease_of(token: LeaseToken) -> LeaseId {
    LeaseId { case: token.case_no, seq: token.lease_seq }
}

impl Worker {
    async fn run(mut self) {
        for step in 0..STEPS {
            self.clock.advance(self.rng.random_range(0..3 * MINUTE));
            if step.is_multiple_of(8) {
                self.engine.sweep().await.expect("a sweep runs");
            }
            let max_items = self.rng.random_range(1..5);
            let mut tokens = self.lease(step, max_items).await;
            if self.rng.random_bool(0.25) {
                // As if the answer had been lost.
                tokens = self.lease(step, max_items).await;
            }
            for token in tokens {
                self.work(token).await;
            }
        }
    }

    async fn lease(&mut self, step: usize, max_items: usize) -> Vec<LeaseToken> {
        let lease_duration = self.rng.random_range(1..10) * MINUTE;
        let request_id = Some(format!("{}-{step}", self.name));
        let command = LeaseCommand {
            worker_id: id(WorkerId::new(self.name.clone())),
            lease_duration,
            request_id: request_id.clone().map(|name| id(RequestId::new(name))),
            ..pull(max_items)
        };
        let caller = Caller::local();
        let call = self.log.invoke(Request::Lease { request_id, max: max_items });
        let work = lease_work(&self.engine, &caller, command).await.expect("a pull is answered");
        let grants = work.items.iter().map(|item| Grant {
            lease: lease_of(item.token),
            debtor: number(item.debtor_id.as_str()),
            lasts: lease_duration,
        });
        self.log.write(call, Step::Ok(Answer::Leased(grants.collect())));
        work.items.iter().map(|item| item.token).collect()
    }

    /// Reports, renews, gives back or forgets a lease.
    async fn work(&mut self, token: LeaseToken) {
        self.clock.advance(self.rng.random_range(0..3 * MINUTE));
        match self.rng.random_range(0..8) {
            0 => {}
            1 => self.release(token, true).await,
            2 => self.release(token, false).await,
            3 => {
                self.renew(token).await;
                self.report(token).await;
            }
            4 => {
                self.report(token).await;
                self.report(token).await;
            }
            _ => self.report(token).await,
        }
    }

    async fn report(&mut self, token: LeaseToken) {
        let call = self.log.invoke(Request::Report { lease: lease_of(token), content: 1 });
        let command = ReportCommand { outcomes: vec![Ok(outcome(token, "no_answer"))] };
        let results = report_outcomes(&self.engine, &Caller::local(), command).await;
        let result = results.expect("a report is answered").remove(0);
        let disposition = match result.disposition {
            Ok(ReportDisposition::Accepted) => Disposition::Accepted,
            Ok(ReportDisposition::Duplicate) => Disposition::Duplicate,
            Ok(ReportDisposition::Late) => Disposition::Late,
            Err(error) => return self.log.write(call, Step::Fail(error.to_string())),
        };
        let next = result.next_eligible.map(|next| next.0);
        self.log.write(call, Step::Ok(Answer::Reported { disposition, next }));
    }

    async fn renew(&mut self, token: LeaseToken) {
        let ttl = 4 * MINUTE;
        let call = self.log.invoke(Request::Renew { lease: lease_of(token), ttl });
        let renewed = renew_leases(&self.engine, &Caller::local(), vec![Ok(token)], ttl).await;
        let step = match renewed.expect("a renewal is answered").remove(0) {
            Ok(Directive::Continue(_)) => Step::Ok(Answer::Renewed),
            Ok(_) => Step::Ok(Answer::Stopped),
            Err(error) => Step::Fail(error.to_string()),
        };
        self.log.write(call, step);
    }

    async fn release(&mut self, token: LeaseToken, not_dialled: bool) {
        let call = self.log.invoke(Request::Release { lease: lease_of(token) });
        let releases = vec![(Ok(token), not_dialled)];
        let released = release_leases(&self.engine, &Caller::local(), releases).await;
        let step = match released.expect("a release is answered").remove(0) {
            Ok(()) => Step::Ok(Answer::Released),
            Err(error) => Step::Fail(error.to_string()),
        };
        self.log.write(call, step);
    }
}

/// Serves all there is; what was served is paid and does not come back.
async fn drain(desk: &mut Desk) -> Vec<i64> {
    let mut drained = Vec::new();
    loop {
        desk.advance(15 * DAY).await;
        let work = desk.lease(pull(500)).await;
        if work.items.is_empty() {
            return drained;
        }
        drained.extend(work.items.iter().map(|item| item.token.case_no));
        pay_all(desk, &work).await;
    }
}

async fn pay_all(desk: &mut Desk, work: &LeasedWork) {
    let event_time = desk.stamp();
    let payment = |item: &WorkItem| {
        let owed = item.lead_case.overdue_amount_minor.expect("amounts are shown");
        let shares = vec![(item.lead_case.case_id.clone(), owed)];
        let event_id = id(EventId::new(format!("paid-{}", item.lead_case.case_id)));
        Ok(Event { event_id, event_time, kind: EventKind::Payment { shares } })
    };
    let events = work.items.iter().map(payment).collect();
    let command = RecordCommand { portfolio_id: portfolio("p"), events };
    let results = record_events(&desk.engine, &desk.caller, command).await;
    let results = results.expect("events are answered");
    assert!(results.iter().all(|result| result.recorded == Ok(true)));
}

/// Cases of many priorities in many lanes; half of the debtors have two.
async fn push_all(desk: &mut Desk) {
    let as_of = desk.stamp();
    let document = |number: usize| Document {
        case_id: case(&format!("c{number}")),
        debtor_id: id(DebtorId::new(format!("d{}", number % DEBTORS))),
        source_sequence: None,
        as_of,
        facts: Facts {
            overdue_amount_minor: 5_000 << (number % 10),
            oldest_due_date: Some(Day(20_000 - 1 - (number * 37 % 400) as i32)),
            ..Facts::default()
        },
    };
    let command = PushCommand {
        portfolio_id: portfolio("p"),
        documents: (0..CASES).map(|number| Ok(document(number))).collect(),
        atomic: true,
        validate_only: false,
    };
    push_cases(&desk.engine, &desk.caller, command).await.expect("a push is answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_at_once_keep_the_invariants() {
    if !only_on_sqlite("the log of commits that triggers of SQLite write") {
        return;
    }
    let mut desk = Desk::with_policy(ContactPolicy::Always).await;
    let mut commits = QueueLog::attach(desk.database.folder());
    push_all(&mut desk).await;
    let background = desk.engine.start_background();
    let log = Arc::new(Log {
        clock: Arc::clone(&desk.clock),
        calls: AtomicU64::new(0),
        records: Mutex::default(),
    });
    let workers: Vec<_> = (0..WORKERS)
        .map(|number| {
            let worker = Worker {
                engine: Arc::clone(&desk.engine),
                clock: Arc::clone(&desk.clock),
                log: Arc::clone(&log),
                rng: StdRng::seed_from_u64(number),
                name: format!("w{number}"),
            };
            tokio::spawn(worker.run())
        })
        .collect();
    for worker in workers {
        worker.await.expect("a worker ends well");
    }
    background.stop().await;
    let drained = drain(&mut desk).await;
    let found = (1..=CASES as i64)
        .map(|case| Found { case, place: Place::Waiting, servable: true })
        .collect();
    let records = std::mem::take(&mut *log.records.lock().expect("all workers have ended"));
    assert!(records.len() > 1_000, "{} records say little", records.len());
    let closing = Closing { found, drained, gate_counts: Vec::new(), case_count: 0 };
    let mut history = History { records, closing: Some(closing), ..History::default() };
    let claims = commits.read_into(&mut history);
    assert!(claims.together > 0, "no claim served two pulls");
    assert!(claims.chose > 100, "only {} claims had a choice", claims.chose);
    // The workers move the clock faster than anybody can sweep.
    let rules = Rules { sweep_slack: 365 * DAY, pull_kept: Some(15 * MINUTE), ..Rules::default() };
    assert_holds(&history, &rules);
}
