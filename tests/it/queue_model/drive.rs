//! Random commands for a queue and for the model of it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::{DAY, Granted, Lease, Model, Outcome, Refusal, Renewal};
use crate::history::{
    Answer, Closing, Disposition, Found, Grant, History, LeaseId, Place, Record, Request, Rules,
    Step, check,
};

pub const MINUTE: i64 = 60_000_000;

/// What a queue can be told. Times are microseconds.
pub trait Queue {
    /// A later document of a case; amount 0 closes it. Returns the priority.
    fn push(&mut self, case: u8, debtor: u8, amount: i64) -> i32;
    /// All that is overdue is paid; the ledger does not know it yet.
    fn pay(&mut self, case: u8);
    fn hold(&mut self, debtor: u8);
    fn lift(&mut self, debtor: u8);
    fn lease(&mut self, max: usize, ttl: i64) -> Vec<Granted>;
    fn renew(&mut self, lease: Lease, ttl: i64) -> Result<Renewal, Refusal>;
    fn report(&mut self, lease: Lease, outcome: Outcome) -> Result<Disposition, Refusal>;
    fn release(&mut self, lease: Lease, not_dialled: bool) -> Result<(), Refusal>;
    /// Moves the clock and lets every sweep run.
    fn advance(&mut self, micros: i64);
    fn now(&mut self) -> i64;
    /// The priority the real queue computed, told to the model.
    fn set_priority(&mut self, _case: u8, _priority: i32) {}
    /// The priorities as they are now: days and outcomes change them. Empty = they
    /// do not change.
    fn priorities(&mut self) -> Vec<(u8, i32)> {
        Vec::new()
    }
    /// Every case, and whether it is open and not held.
    fn servable(&mut self) -> Vec<(u8, bool)>;
}

#[derive(Clone, Debug)]
pub enum Command {
    Push {
        case: u8,
        amount: i64,
    },
    Pay {
        case: u8,
    },
    Hold {
        debtor: u8,
    },
    Lift {
        debtor: u8,
    },
    Lease {
        max: usize,
        ttl: i64,
    },
    /// The leases below are picked among all granted so far, old ones included.
    Renew {
        pick: usize,
        ttl: i64,
    },
    Report {
        pick: usize,
        outcome: Outcome,
    },
    Release {
        pick: usize,
        not_dialled: bool,
    },
    Advance {
        micros: i64,
    },
}

const CASES: u8 = 12;

/// Twelve cases of seven debtors: the first five have two.
fn debtor_of(case: u8) -> u8 {
    case % 7
}

/// Sequences of commands that often meet: few cases, short times beside long.
pub fn commands(most: usize) -> impl Strategy<Value = Vec<Command>> {
    let case = 0..CASES;
    let ttl = prop_oneof![Just(MINUTE / 6), Just(5 * MINUTE), Just(60 * MINUTE)];
    let pick = prop_oneof![3 => Just(0_usize), 1 => 0..40_usize];
    let outcome = prop_oneof![6 => Just(Outcome::NoAnswer), 1 => Just(Outcome::DoNotCall)];
    let micros = prop_oneof![
        3 => Just(MINUTE),
        3 => Just(6 * MINUTE),
        3 => Just(31 * MINUTE),
        2 => Just(DAY / 2),
        1 => Just(2 * DAY),
    ];
    let command = prop_oneof![
        8 => (case.clone(), prop_oneof![1 => Just(0), 9 => 1..1_000_i64])
            .prop_map(|(case, amount)| Command::Push { case, amount }),
        1 => case.clone().prop_map(|case| Command::Pay { case }),
        1 => case.clone().prop_map(|case| Command::Hold { debtor: debtor_of(case) }),
        2 => case.prop_map(|case| Command::Lift { debtor: debtor_of(case) }),
        8 => (prop_oneof![Just(1_usize), Just(3), Just(10)], ttl.clone())
            .prop_map(|(max, ttl)| Command::Lease { max, ttl }),
        3 => (pick.clone(), ttl).prop_map(|(pick, ttl)| Command::Renew { pick, ttl }),
        6 => (pick.clone(), outcome)
            .prop_map(|(pick, outcome)| Command::Report { pick, outcome }),
        3 => (pick, any::<bool>())
            .prop_map(|(pick, not_dialled)| Command::Release { pick, not_dialled }),
        7 => micros.prop_map(|micros| Command::Advance { micros }),
    ];
    prop::collection::vec(command, 1..most)
}

/// Tells a queue and the model the same and compares every answer; then drains
/// the queue, and checks what happened as a history.
pub fn drive(
    queue: &mut impl Queue,
    mut model: Model,
    commands: &[Command],
) -> Result<(), TestCaseError> {
    let mut run = Run::default();
    for command in commands {
        run.step(queue, &mut model, command)?;
    }
    run.drain(queue);
    let breaches = check(&run.history, &Rules::default());
    prop_assert!(breaches.is_empty(), "{breaches:?}");
    Ok(())
}

#[derive(Default)]
struct Run {
    history: History,
    calls: u64,
    /// The leases granted so far, the newest first.
    leases: Vec<Lease>,
    /// The debtors of the cases pushed so far.
    known: BTreeMap<u8, u8>,
}

fn id(lease: Lease) -> LeaseId {
    LeaseId { case: i64::from(lease.0), seq: lease.1 }
}

impl Run {
    fn record(&mut self, time: i64, request: Request, step: Step) {
        self.calls += 1;
        let call = self.calls;
        self.history.records.push(Record { call, time, step: Step::Invoke(request) });
        self.history.records.push(Record { call, time, step });
    }

    fn step(
        &mut self,
        queue: &mut impl Queue,
        model: &mut Model,
        command: &Command,
    ) -> Result<(), TestCaseError> {
        let now = queue.now();
        match *command {
            Command::Push { case, amount } => {
                let debtor = debtor_of(case);
                let priority = queue.push(case, debtor, amount);
                model.push(case, debtor, amount);
                model.set_priority(case, priority);
                self.known.insert(case, debtor);
                let case = i64::from(case);
                self.record(now, Request::Push { case }, Step::Ok(Answer::Pushed));
            }
            Command::Pay { case } if self.known.contains_key(&case) => {
                queue.pay(case);
                model.pay(case);
            }
            Command::Hold { debtor } if self.known.values().any(|known| *known == debtor) => {
                queue.hold(debtor);
                model.hold(debtor);
            }
            Command::Lift { debtor } if self.known.values().any(|known| *known == debtor) => {
                queue.lift(debtor);
                model.lift(debtor);
            }
            Command::Lease { max, ttl } => {
                let granted = self.lease(queue, max, ttl);
                prop_assert_eq!(granted, model.lease(max, ttl));
            }
            Command::Advance { micros } => {
                queue.advance(micros);
                model.advance(micros);
            }
            _ => self.step_on_lease(queue, model, command)?,
        }
        for (case, priority) in queue.priorities() {
            model.set_priority(case, priority);
        }
        Ok(())
    }

    fn step_on_lease(
        &mut self,
        queue: &mut impl Queue,
        model: &mut Model,
        command: &Command,
    ) -> Result<(), TestCaseError> {
        let now = queue.now();
        match *command {
            Command::Renew { pick, ttl } => {
                let Some(lease) = self.leases.get(pick).copied() else { return Ok(()) };
                let answer = queue.renew(lease, ttl);
                prop_assert_eq!(answer, model.renew(lease, ttl));
                let step = match answer {
                    Ok(Renewal::Until(_)) => Step::Ok(Answer::Renewed),
                    Ok(Renewal::StopPaid | Renewal::StopHold) => Step::Ok(Answer::Stopped),
                    Err(refusal) => Step::Fail(format!("{refusal:?}")),
                };
                self.record(now, Request::Renew { lease: id(lease), ttl }, step);
            }
            Command::Report { pick, outcome } => {
                let Some(lease) = self.leases.get(pick).copied() else { return Ok(()) };
                let answer = queue.report(lease, outcome);
                prop_assert_eq!(answer, model.report(lease, outcome));
                let step = match answer {
                    Ok(disposition) => Step::Ok(Answer::Reported { disposition, next: None }),
                    Err(refusal) => Step::Fail(format!("{refusal:?}")),
                };
                let request = Request::Report { lease: id(lease), content: outcome as u64 };
                self.record(now, request, step);
            }
            Command::Release { pick, not_dialled } => {
                let Some(lease) = self.leases.get(pick).copied() else { return Ok(()) };
                let answer = queue.release(lease, not_dialled);
                prop_assert_eq!(answer, model.release(lease, not_dialled));
                let step = match answer {
                    Ok(()) => Step::Ok(Answer::Released),
                    Err(refusal) => Step::Fail(format!("{refusal:?}")),
                };
                self.record(now, Request::Release { lease: id(lease) }, step);
            }
            _ => {}
        }
        Ok(())
    }

    fn lease(&mut self, queue: &mut impl Queue, max: usize, ttl: i64) -> Vec<Granted> {
        let now = queue.now();
        let granted = queue.lease(max, ttl);
        let grant = |granted: &Granted| Grant {
            lease: id(granted.lease),
            debtor: i64::from(self.known[&granted.lease.0]),
            lasts: granted.until - now,
        };
        let grants = granted.iter().map(grant).collect();
        self.record(
            now,
            Request::Lease { request_id: None, max },
            Step::Ok(Answer::Leased(grants)),
        );
        for granted in granted.iter().rev() {
            self.leases.insert(0, granted.lease);
        }
        granted
    }

    /// Serves all there is; what was served is paid and does not come back.
    fn drain(&mut self, queue: &mut impl Queue) {
        let servable = queue.servable();
        let mut drained = Vec::new();
        loop {
            // Beyond every cap, cooling and lease.
            queue.advance(15 * DAY);
            let granted = self.lease(queue, 500, MINUTE);
            for granted in &granted {
                drained.push(i64::from(granted.lease.0));
                queue.pay(granted.lease.0);
            }
            if granted.is_empty() {
                break;
            }
        }
        let found = servable.into_iter().map(|(case, servable)| Found {
            case: i64::from(case),
            place: Place::Waiting,
            servable,
        });
        self.history.closing =
            Some(Closing { found: found.collect(), drained, gate_counts: vec![], case_count: 0 });
    }
}
