//! The history checker: reads what a run left behind and says which invariants
//! of the queue it breaks. Pure and O(n log n), so that every level can use it:
//! a test in one process, many workers at once, a server that was killed.
//!
//! Two kinds of evidence are read. Clients record when they asked, what they
//! were told and when; all on one monotonic clock. The server records the
//! transitions it committed, in the order of the commits and by its own clock.
//! Either may be missing: a killed server loses the end of its record, and then
//! only what the clients know is held against it.

mod completeness;
mod duplicates;
mod mutants;
mod order;
mod possession;
mod record;
mod sequence;
mod timing;

use std::fmt;

pub use record::{
    Answer, Batch, Call, Change, Closing, Disposition, Found, Grant, History, LeaseId, Place,
    Preview, Record, Request, Step, Transition,
};

/// The invariants, numbered as they are in ARCHITECTURE.md and in findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// No case and no debtor is held twice at one instant.
    NoDoubleLease,
    /// The lease number of a case only rises; one accepted report per lease;
    /// nothing moves a case in the name of an older lease.
    RisingSequence,
    /// Every acknowledged case is found, and every open one comes back once.
    NothingLost,
    /// No better placed ready case is left out.
    BestFirst,
    /// A lease lasts its time, and the case returns soon after it.
    ReturnsInTime,
    /// A lease lies within the hours of contact.
    WithinHours,
    /// The caps hold in every rolling window.
    WithinCaps,
    /// The same report or pull again has one effect and one answer.
    OneEffect,
    /// The same state and instant give the same answer.
    Repeatable,
}

/// One broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which.
    pub invariant: Invariant,
    /// What shows it.
    pub text: String,
}

impl Breach {
    fn new(invariant: Invariant, text: impl Into<String>) -> Breach {
        Breach { invariant, text: text.into() }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.text)
    }
}

/// Whether a case may be held from one instant to another.
pub type Hours<'a> = &'a dyn Fn(i64, i64, i64) -> bool;

/// What the run was held to.
#[derive(Default)]
pub struct Rules<'a> {
    /// How long after its time a due row may lie before a sweep moves it, in
    /// microseconds.
    pub sweep_slack: i64,
    /// Counted attempts per debtor: at most so many in so many microseconds.
    pub caps: Vec<(usize, i64)>,
    /// How long a named pull is remembered, in microseconds; nothing = for ever.
    pub pull_kept: Option<i64>,
    /// The hours of contact, computed apart from the server; nothing = always.
    pub hours: Option<Hours<'a>>,
}

/// Every breach found in a history; none if all invariants hold.
pub fn check(history: &History, rules: &Rules<'_>) -> Vec<Breach> {
    let calls = history.calls();
    let mut breaches = Vec::new();
    possession::check(&calls, &mut breaches);
    sequence::check(&calls, &history.transitions, &mut breaches);
    completeness::check(history, &calls, &mut breaches);
    order::check(history, &mut breaches);
    timing::check(&history.transitions, rules, &mut breaches);
    duplicates::check(&calls, &history.transitions, rules, &mut breaches);
    breaches
}

/// Fails the test with every breach of a history.
#[track_caller]
pub fn assert_holds(history: &History, rules: &Rules<'_>) {
    let breaches = check(history, rules);
    let lines: Vec<String> = breaches.iter().take(20).map(Breach::to_string).collect();
    assert!(breaches.is_empty(), "{} breaches:\n{}", breaches.len(), lines.join("\n"));
}
