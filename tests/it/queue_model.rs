//! The queue said as plainly as it can be, and the means to hold a real one to it:
//! random commands go to both, and every answer must be the same.
//!
//! The model knows one work list over everything, contact allowed at every
//! hour, one attempt a day (UTC) and three in seven days.

mod drive;
mod faults;

use std::collections::BTreeMap;

pub use drive::{MINUTE, Queue, commands, drive};

use super::history::Disposition;

const DAY: i64 = 86_400_000_000;
/// How long a case rests after a lease ended without a report.
const EXPIRY_COOLING: i64 = 1_800_000_000;
const RESERVED_PERMILLE: i64 = 100;

/// A lease: the case and the number of the lease.
pub type Lease = (u8, i64);

/// A lease as granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    pub lease: Lease,
    pub until: i64,
    pub reserved: bool,
}

/// What a renewal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    Until(i64),
    StopPaid,
    StopHold,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The lease is over.
    Expired,
    /// The case was leased again.
    Superseded,
    /// Another report on the lease was taken.
    ReportExists,
}

/// The outcomes the model knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody answered: the debtor rests.
    NoAnswer,
    /// The debtor must not be called: a hold, also when reported late.
    DoNotCall,
}

#[derive(Clone, Debug)]
struct Case {
    number: usize,
    debtor: u8,
    priority: i32,
    open: bool,
    ready_since: Option<i64>,
    seq: i64,
}

#[derive(Clone, Debug, Default)]
struct Debtor {
    held: bool,
    cool_until: i64,
    attempts: Vec<i64>,
    lease: Option<(Lease, i64)>,
}

/// The queue as it should be.
#[derive(Clone, Debug, Default)]
pub struct Model {
    now: i64,
    cooling: i64,
    granted: i64,
    cases: BTreeMap<u8, Case>,
    debtors: BTreeMap<u8, Debtor>,
    /// When each lease was granted: the instant of its attempt.
    grants: BTreeMap<Lease, i64>,
    reports: BTreeMap<Lease, Outcome>,
    releases: BTreeMap<Lease, bool>,
}

impl Model {
    /// A queue without cases. `cooling` is that of [`Outcome::NoAnswer`].
    pub fn new(now: i64, cooling: i64) -> Model {
        Model { now, cooling, ..Model::default() }
    }

    /// Leases end, and cases enter and leave the ready ones.
    fn settle(&mut self) {
        for debtor in self.debtors.values_mut() {
            if let Some((_, until)) = debtor.lease.filter(|(_, until)| *until <= self.now) {
                debtor.lease = None;
                debtor.cool_until = debtor.cool_until.max(until + EXPIRY_COOLING);
            }
        }
        for case in self.cases.values_mut() {
            let debtor = &self.debtors[&case.debtor];
            let free = !debtor.held && debtor.lease.is_none() && debtor.cool_until <= self.now;
            let ready = case.open && free && allowed(&debtor.attempts, self.now);
            case.ready_since = ready.then(|| case.ready_since.unwrap_or(self.now));
        }
    }

    /// The running lease of a token, or why it is refused.
    fn running(&mut self, lease: Lease) -> Result<&mut Debtor, Refusal> {
        let case = &self.cases[&lease.0];
        let debtor = self.debtors.get_mut(&case.debtor).expect("every case has a debtor");
        match debtor.lease {
            Some((held, _)) if held == lease => Ok(debtor),
            _ if case.seq > lease.1 => Err(Refusal::Superseded),
            _ => Err(Refusal::Expired),
        }
    }

    /// Best first by `key`, at most `max`, one case a debtor.
    fn pick<K: Ord>(&self, max: usize, key: impl Fn(&Case) -> K, taken: &mut Vec<u8>) {
        let mut ready: Vec<_> =
            self.cases.iter().filter(|(_, case)| case.ready_since.is_some()).collect();
        ready.sort_by_key(|(_, case)| key(case));
        let full = taken.len() + max;
        for (id, case) in ready {
            let debtor_free = taken.iter().all(|other| self.cases[other].debtor != case.debtor);
            if taken.len() < full && debtor_free {
                taken.push(*id);
            }
        }
    }
}

/// Whether the caps leave room for one more attempt.
fn allowed(attempts: &[i64], now: i64) -> bool {
    let of_day = attempts.iter().filter(|at| *at / DAY == now / DAY).count();
    let recent = |at: &&i64| now / DAY - *at / DAY < 7 || **at + 7 * DAY > now;
    of_day < 1 && attempts.iter().filter(recent).count() < 3
}

fn place(case: &Case) -> (i32, Option<i64>, usize) {
    ((1_000 - case.priority) / 20, case.ready_since, case.number)
}

impl Queue for Model {
    fn push(&mut self, id: u8, debtor: u8, amount: i64) -> i32 {
        let number = self.cases.len();
        self.debtors.entry(debtor).or_default();
        let new = Case { number, debtor, priority: 0, open: false, ready_since: None, seq: 0 };
        let case = self.cases.entry(id).or_insert(new);
        (case.open, case.priority) = (amount > 0, amount.clamp(0, 1_000) as i32);
        let priority = case.priority;
        self.settle();
        priority
    }

    fn pay(&mut self, case: u8) {
        self.cases.get_mut(&case).expect("the case was pushed").open = false;
        self.settle();
    }

    fn hold(&mut self, debtor: u8) {
        self.debtors.get_mut(&debtor).expect("a case of it was pushed").held = true;
        self.settle();
    }

    fn lift(&mut self, debtor: u8) {
        self.debtors.get_mut(&debtor).expect("a case of it was pushed").held = false;
        self.settle();
    }

    fn lease(&mut self, max: usize, ttl: i64) -> Vec<Granted> {
        let share = |count: i64| count * RESERVED_PERMILLE / 1_000;
        let reserved = (share(self.granted + max as i64) - share(self.granted)) as usize;
        let mut taken = Vec::new();
        self.pick(max - reserved, place, &mut taken);
        let by_rank = taken.len();
        self.pick(reserved, |case| (case.ready_since, case.number), &mut taken);
        let longest = taken[by_rank..].to_vec();
        taken.sort_by_key(|id| place(&self.cases[id]));
        self.granted += taken.len() as i64;
        let until = self.now + ttl;
        let mut granted = Vec::new();
        for id in taken {
            let case = self.cases.get_mut(&id).expect("picked among the cases");
            case.seq += 1;
            let lease = (id, case.seq);
            let debtor = self.debtors.get_mut(&case.debtor).expect("every case has a debtor");
            debtor.lease = Some((lease, until));
            debtor.attempts.push(self.now);
            self.grants.insert(lease, self.now);
            granted.push(Granted { lease, until, reserved: longest.contains(&id) });
        }
        self.settle();
        granted
    }

    fn renew(&mut self, lease: Lease, ttl: i64) -> Result<Renewal, Refusal> {
        let (now, open) = (self.now, self.cases[&lease.0].open);
        let debtor = self.running(lease)?;
        if !open {
            return Ok(Renewal::StopPaid);
        }
        if debtor.held {
            return Ok(Renewal::StopHold);
        }
        debtor.lease = Some((lease, now + ttl));
        Ok(Renewal::Until(now + ttl))
    }

    fn report(&mut self, lease: Lease, outcome: Outcome) -> Result<Disposition, Refusal> {
        match self.reports.get(&lease) {
            Some(same) if *same == outcome => return Ok(Disposition::Duplicate),
            Some(_) => return Err(Refusal::ReportExists),
            None => self.reports.insert(lease, outcome),
        };
        let debtor = self.cases[&lease.0].debtor;
        let cool_until = match outcome {
            Outcome::NoAnswer => self.now + self.cooling,
            // Until the next day.
            Outcome::DoNotCall => (self.now / DAY + 1) * DAY,
        };
        let accepted = self.running(lease).is_ok();
        let debtor = self.debtors.get_mut(&debtor).expect("every case has a debtor");
        debtor.held |= outcome == Outcome::DoNotCall;
        if accepted {
            debtor.lease = None;
            debtor.cool_until = debtor.cool_until.max(cool_until);
        } else if self.releases.get(&lease) == Some(&true) {
            // The call happened after all.
            debtor.attempts.push(self.now);
        }
        self.settle();
        Ok(if accepted { Disposition::Accepted } else { Disposition::Late })
    }

    fn release(&mut self, lease: Lease, not_dialled: bool) -> Result<(), Refusal> {
        if self.releases.get(&lease) == Some(&not_dialled) {
            return Ok(());
        }
        let cool_until = self.now + EXPIRY_COOLING;
        let granted = self.grants[&lease];
        let debtor = self.running(lease)?;
        debtor.lease = None;
        if not_dialled {
            let at = debtor.attempts.iter().rposition(|at| *at == granted);
            debtor.attempts.remove(at.expect("granting counted the attempt"));
        } else {
            debtor.cool_until = debtor.cool_until.max(cool_until);
        }
        self.releases.insert(lease, not_dialled);
        self.settle();
        Ok(())
    }

    fn advance(&mut self, micros: i64) {
        self.now += micros;
        self.settle();
    }

    fn now(&mut self) -> i64 {
        self.now
    }

    fn set_priority(&mut self, case: u8, priority: i32) {
        self.cases.get_mut(&case).expect("the case was pushed").priority = priority;
    }

    fn servable(&mut self) -> Vec<(u8, bool)> {
        let servable = |case: &Case| case.open && !self.debtors[&case.debtor].held;
        self.cases.iter().map(|(id, case)| (*id, servable(case))).collect()
    }
}
