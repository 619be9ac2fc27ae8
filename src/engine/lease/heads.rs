//! The first ready rows of lanes, remembered from one claim to the next: to find
//! those of hundreds of lanes takes longer than all else that a claim reads.
//!
//! What is remembered was committed, and every change of a lane's ready rows forgets
//! it before the change is written, and once more when it is committed: a claim may have
//! read the lane in between. What other servers change shows after a moment; until then
//! only the order suffers, because a claim looks at each row again.
//!
//! Of what other servers change, claims are most, and they take just the heads. The
//! number of the gate tells whether another server's has come between: only if none has
//! are the heads from before still known, and else they are read anew. To begin at them
//! as places that rows can only be behind, instead of reading them, measured no better.
//! A head that is wrong all the same, because a claim went without the gate or another
//! server's push made a better row ready, costs order and not safety, and is believed for
//! [`SHARED_HEADS_KEPT`], a quarter of a second, as long as before there was a gate.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::Part;
use crate::store::Tx;
use crate::store::queue::claim::{self, LaneHead};

use super::super::Error;
use super::super::working_set::WorkingSet;
use super::gate::{Passed, Run};

/// How long a head is believed: what somebody does to the database by hand shows
/// after that.
const HEADS_KEPT: Duration = Duration::from_secs(1);
/// The same where other servers change the database as well.
const SHARED_HEADS_KEPT: Duration = Duration::from_millis(250);

/// The heads of lanes.
#[derive(Default)]
pub(in super::super) struct Heads(Mutex<Known>);

#[derive(Default)]
struct Known {
    lanes: HashMap<(Part, i64), Lane>,
    /// The claims of this server that have gone through the gate of a part.
    runs: HashMap<Part, Run>,
}

#[derive(Default)]
struct Lane {
    /// How often its ready rows have changed.
    changes: u64,
    head: Option<Remembered>,
}

#[derive(Clone, Copy)]
struct Remembered {
    /// Since when it is known.
    at: Instant,
    /// The claim that has read it; 0 for one that has not gone through the gate.
    claim_no: i64,
    /// A lane without ready rows has none.
    head: Option<LaneHead>,
}

/// What a transaction has read of lanes, and how it has gone through the gate.
#[derive(Default)]
pub(in super::super) struct Learned {
    pub(super) passed: Option<Passed>,
    at: Option<Instant>,
    /// Lanes with their changes when they were read.
    lanes: Vec<(i64, u64, Option<LaneHead>)>,
}

impl Heads {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the heads of lanes whose ready rows are about to change.
    pub(in super::super) fn forget(&self, part: Part, lanes: &BTreeSet<i64>) {
        let mut known = self.known();
        for lane_id in lanes {
            let lane = known.lanes.entry((part, *lane_id)).or_default();
            lane.changes += 1;
            lane.head = None;
        }
    }

    /// Remembers what a committed transaction has read of lanes that have not
    /// changed since, and that it has gone through the gate.
    pub(in super::super) fn remember(&self, part: Part, learned: Learned) {
        let mut known = self.known();
        if let Some(passed) = learned.passed {
            known.runs.entry(part).or_default().add(passed);
        }
        let Some(at) = learned.at else { return };
        let claim_no = learned.passed.map_or(0, |passed| passed.claim_no);
        for (lane_id, changes, head) in learned.lanes {
            let lane = known.lanes.entry((part, lane_id)).or_default();
            if lane.changes == changes {
                lane.head = Some(Remembered { at, claim_no, head });
            }
        }
    }

    /// How a claim goes through the gate of a part, after those of this server.
    pub(super) fn pass(&self, part: Part, claim_no: i64) -> Passed {
        self.known().runs.get(&part).copied().unwrap_or_default().pass(claim_no)
    }
}

/// The heads of those lanes that have ready rows, as this transaction sees them.
pub(super) async fn heads(
    set: &mut WorkingSet,
    tx: &mut Tx,
    lanes: impl Iterator<Item = i64>,
) -> Result<Vec<LaneHead>, Error> {
    let now = Instant::now();
    let shared = tx.is_shared();
    let kept = if shared { SHARED_HEADS_KEPT } else { HEADS_KEPT };
    let passed = set.heads.passed;
    let is_known = |of: &Remembered| match passed {
        Some(passed) => of.claim_no >= passed.alone_since,
        // Without the gate nobody knows what other servers have claimed.
        None => !shared,
    };
    let mut heads = Vec::new();
    let mut unknown: Vec<(i64, u64)> = Vec::new();
    {
        let known = set.engine.heads.known();
        for lane_id in lanes {
            let lane = known.lanes.get(&(set.part, lane_id));
            match lane.and_then(|lane| lane.head) {
                Some(of) if now < of.at + kept && is_known(&of) => heads.extend(of.head),
                _ => unknown.push((lane_id, lane.map_or(0, |lane| lane.changes))),
            }
        }
    }
    if unknown.is_empty() {
        return Ok(heads);
    }
    let found = claim::heads(tx, set.part, unknown.iter().map(|(lane_id, _)| *lane_id)).await?;
    let by_lane: HashMap<i64, LaneHead> = found.iter().map(|head| (head.lane_id, *head)).collect();
    let learned = |(lane_id, changes)| (lane_id, changes, by_lane.get(&lane_id).copied());
    set.heads.at = Some(now);
    set.heads.lanes.extend(unknown.into_iter().map(learned));
    heads.extend(found);
    Ok(heads)
}
