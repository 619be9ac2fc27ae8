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

const CASES: usize = 60;
const DEBTORS: usize = 40;
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
            self.clock.advance(self.rng.random_range(0..20 * MINUTE));
            if step.is_multiple_of(8) {
                self.engine.sweep().await.expect("a sweep runs");
            }
            for token in self.lease(step).await {
                self.work(token).await;
            }
        }
    }

    async fn lease(&mut self, step: usize) -> Vec<LeaseToken> {
        let max_items = self.rng.random_range(1..5);
        let lease_duration = self.rng.random_range(1..60) * MINUTE;
        let request_id = step.is_multiple_of(3).then(|| format!("{}-{step}", self.name));
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
        self.clock.advance(self.rng.random_range(0..20 * MINUTE));
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
        let ttl = 10 * MINUTE;
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
        for item in &work.items {
            drained.push(item.token.case_no);
            desk.pay(item.lead_case.case_id.as_str(), 50_000).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_at_once_keep_the_invariants() {
    let mut desk = Desk::with_policy(ContactPolicy::Always).await;
    for number in 0..CASES {
        desk.push(&format!("c{number}"), &format!("d{}", number % DEBTORS), 50_000).await;
    }
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
    let history = History { records, closing: Some(closing), ..History::default() };
    assert_holds(&history, &Rules::default());
}
