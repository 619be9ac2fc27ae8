//! The gate through which one claim of a part goes at a time, over all servers. Claims
//! that run side by side find each other's candidates locked, pass over them and read
//! again; one behind the other each finds the best that is left, and all it asks for.
//!
//! The gate gives order and fill, never safety: who may be served is decided by the
//! locks of debtors. So a claim that does not get it soon, because a server stands still
//! within it, goes without.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::store::Tx;
use crate::store::queue::gate;

use super::super::Error;
use super::super::working_set::WorkingSet;

/// How long a claim waits for another one to leave the gate: longer than a claim takes
/// on a busy database, and no more than somebody at a telephone may have to wait while
/// a server stands still within it, until the database ends that one's transaction.
/// Where several wait, the second one waits once more behind the first.
const GATE_WAIT: Duration = Duration::from_millis(200);

/// How a claim has gone through the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Passed {
    /// Its number.
    pub(super) claim_no: i64,
    /// The first claim since which only this server has gone through.
    pub(super) alone_since: i64,
}

/// The newest claims of this server in a part that nobody's claim has come between.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Run {
    first: i64,
    last: i64,
}

impl Run {
    /// A claim that is about to follow.
    pub(super) fn pass(self, claim_no: i64) -> Passed {
        let follows = self.last > 0 && claim_no == self.last + 1;
        let alone_since = if follows { self.first } else { claim_no };
        Passed { claim_no, alone_since }
    }

    /// Adds a claim that was committed. Before that nobody knows whether its number
    /// will be another server's. Numbers fall where the database was switched to a
    /// standby that lacks the last ones; else they rise, because of one server one claim
    /// at a time goes through.
    pub(super) fn add(&mut self, passed: Passed) {
        *self = Run { first: passed.alone_since, last: passed.claim_no };
    }
}

/// Where the claims of this server in a part stand in line: only the first of them stands
/// before the gate, because each that stands there keeps a connection from others.
pub(super) type Line = Arc<AsyncMutex<()>>;

/// Waits to be the first in line as long as for the gate; nothing where that is too long.
pub(super) async fn stand_in(line: Line) -> Option<OwnedMutexGuard<()>> {
    tokio::time::timeout(GATE_WAIT, line.lock_owned()).await.ok()
}

/// Takes the gate, before anything else of the transaction, unless the claim goes `past`
/// it. An attempt that does not get it in time ends in a conflict and leaves that behind,
/// so that the next one goes past.
pub(super) async fn pass(
    set: &mut WorkingSet,
    tx: &mut Tx,
    past: &AtomicBool,
) -> Result<(), Error> {
    if past.swap(true, Ordering::SeqCst) {
        return Ok(());
    }
    let claim_no = gate::pass(tx, set.part, GATE_WAIT).await?;
    past.store(false, Ordering::SeqCst);
    set.heads.passed = Some(set.engine.heads.pass(set.part, claim_no));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_claim_stands_in_line_and_not_for_ever() {
        let line = Line::default();
        let first = stand_in(Arc::clone(&line)).await;
        assert!(first.is_some());
        assert!(stand_in(Arc::clone(&line)).await.is_none());
        let (second, ()) = tokio::join!(stand_in(Arc::clone(&line)), async { drop(first) });
        assert!(second.is_some());
    }

    #[test]
    fn heads_are_known_since_the_first_claim_that_nobody_came_between() {
        let mut run = Run::default();
        let mut through = |claim_no| {
            let passed = run.pass(claim_no);
            run.add(passed);
            passed.alone_since
        };
        assert_eq!([5, 6, 7].map(&mut through), [5, 5, 5]);
        // Another server's was the eighth.
        assert_eq!([9, 10].map(&mut through), [9, 9]);
    }

    #[test]
    fn a_number_that_was_not_committed_may_be_given_to_another_server() {
        let mut run = Run::default();
        run.add(run.pass(5));
        let undone = run.pass(6);
        assert_eq!(undone, Passed { claim_no: 6, alone_since: 5 });
        // The sixth was another server's in the end.
        assert_eq!(run.pass(7).alone_since, 7);
    }
}
