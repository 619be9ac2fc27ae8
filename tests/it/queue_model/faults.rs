//! The model holds the invariants, and a queue that differs from it is found.

use proptest::prelude::*;
use proptest::test_runner::{TestRng, TestRunner};

use super::{
    DAY, Granted, Lease, MINUTE, Model, Outcome, Queue, Refusal, Renewal, commands, drive,
};
use crate::history::Disposition;

/// Longer than a day, or the caps would hide that it is forgotten.
const COOLING: i64 = 1_800 * MINUTE;
const START: i64 = 20_000 * DAY + DAY / 3;

fn model() -> Model {
    Model::new(START, COOLING)
}

proptest! {
    #[test]
    fn the_model_keeps_the_invariants(commands in commands(60)) {
        drive(&mut model(), model(), &commands)?;
    }
}

/// A model with a fault in one answer.
struct Faulty {
    model: Model,
    fault: Fault,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    /// Cases return at once after a report.
    ForgetsCooling,
    /// Only the leased case is withheld, not the debtor's others.
    ForgetsSiblings,
    /// Nothing is kept for the longest waiting.
    ForgetsReservedShare,
    /// A held debtor is served.
    ForgetsHolds,
    /// A lease that is over can be prolonged.
    RevivesLeases,
}

impl Queue for Faulty {
    fn push(&mut self, case: u8, debtor: u8, amount: i64) -> i32 {
        let debtor = if self.fault == Fault::ForgetsSiblings { case + 100 } else { debtor };
        self.model.push(case, debtor, amount)
    }

    fn pay(&mut self, case: u8) {
        self.model.pay(case);
    }

    fn hold(&mut self, debtor: u8) {
        let known = self.model.debtors.contains_key(&debtor);
        if known && self.fault != Fault::ForgetsHolds {
            self.model.hold(debtor);
        }
    }

    fn lift(&mut self, debtor: u8) {
        if self.model.debtors.contains_key(&debtor) {
            self.model.lift(debtor);
        }
    }

    fn lease(&mut self, max: usize, ttl: i64) -> Vec<Granted> {
        if self.fault == Fault::ForgetsReservedShare {
            self.model.granted = 0;
        }
        self.model.lease(max, ttl)
    }

    fn renew(&mut self, lease: Lease, ttl: i64) -> Result<Renewal, Refusal> {
        match self.model.renew(lease, ttl) {
            Err(Refusal::Expired) if self.fault == Fault::RevivesLeases => {
                Ok(Renewal::Until(self.model.now + ttl))
            }
            answer => answer,
        }
    }

    fn report(&mut self, lease: Lease, outcome: Outcome) -> Result<Disposition, Refusal> {
        self.model.cooling = if self.fault == Fault::ForgetsCooling { 0 } else { COOLING };
        self.model.report(lease, outcome)
    }

    fn release(&mut self, lease: Lease, not_dialled: bool) -> Result<(), Refusal> {
        self.model.release(lease, not_dialled)
    }

    fn advance(&mut self, micros: i64) {
        self.model.advance(micros);
    }

    fn now(&mut self) -> i64 {
        self.model.now()
    }

    fn servable(&mut self) -> Vec<(u8, bool)> {
        self.model.servable()
    }
}

/// A fault must show within a few hundred random runs, always the same ones.
#[track_caller]
fn found(fault: Fault) {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) };
    let rng = TestRng::deterministic_rng(Default::default());
    let mut runner = TestRunner::new_with_rng(config, rng);
    let result = runner.run(&commands(80), |commands| {
        drive(&mut Faulty { model: model(), fault }, model(), &commands)
    });
    assert!(result.is_err(), "the fault was not found");
}

#[test]
fn finds_a_queue_that_forgets_cooling() {
    found(Fault::ForgetsCooling);
}

#[test]
fn finds_a_queue_that_forgets_siblings() {
    found(Fault::ForgetsSiblings);
}

#[test]
fn finds_a_queue_that_forgets_the_reserved_share() {
    found(Fault::ForgetsReservedShare);
}

#[test]
fn finds_a_queue_that_forgets_holds() {
    found(Fault::ForgetsHolds);
}

#[test]
fn finds_a_queue_that_revives_leases() {
    found(Fault::RevivesLeases);
}
