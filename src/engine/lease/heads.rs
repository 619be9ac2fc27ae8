//! The first ready rows of lanes, remembered from one claim to the next: to find
//! those of hundreds of lanes takes longer than all else that a claim reads.
//!
//! What is remembered was committed, and every change of a lane's ready rows forgets
//! it before the change is written, and once more when it is committed: a claim may have
//! read the lane in between. What other servers change shows after a moment; until then
//! only the order suffers, because a claim looks at each row again.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::Part;
use crate::store::Tx;
use crate::store::queue::claim::{self, LaneHead};

use super::super::Error;
use super::super::working_set::WorkingSet;

/// How long a head is believed: what somebody does to the database by hand shows
/// after that.
const HEADS_KEPT: Duration = Duration::from_secs(1);
/// The same where other servers change the database as well.
const SHARED_HEADS_KEPT: Duration = Duration::from_millis(250);

/// The heads of lanes.
#[derive(Default)]
pub(in super::super) struct Heads(Mutex<HashMap<(Part, i64), Lane>>);

#[derive(Default)]
struct Lane {
    /// How often its ready rows have changed.
    changes: u64,
    /// Since when its head is known; a lane without ready rows has none.
    head: Option<(Instant, Option<LaneHead>)>,
}

/// Heads that a transaction has read.
#[derive(Default)]
pub(in super::super) struct Learned {
    at: Option<Instant>,
    /// Lanes with their changes when they were read.
    lanes: Vec<(i64, u64, Option<LaneHead>)>,
}

impl Heads {
    fn lanes(&self) -> MutexGuard<'_, HashMap<(Part, i64), Lane>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the heads of lanes whose ready rows are about to change.
    pub(in super::super) fn forget(&self, part: Part, lanes: &BTreeSet<i64>) {
        let mut known = self.lanes();
        for lane_id in lanes {
            let lane = known.entry((part, *lane_id)).or_default();
            lane.changes += 1;
            lane.head = None;
        }
    }

    /// Remembers what a committed transaction has read of lanes that have not
    /// changed since.
    pub(in super::super) fn remember(&self, part: Part, learned: Learned) {
        let Some(at) = learned.at else { return };
        let mut known = self.lanes();
        for (lane_id, changes, head) in learned.lanes {
            let lane = known.entry((part, lane_id)).or_default();
            if lane.changes == changes {
                lane.head = Some((at, head));
            }
        }
    }
}

/// The heads of those lanes that have ready rows, as this transaction sees them.
pub(super) async fn heads(
    set: &mut WorkingSet,
    tx: &mut Tx,
    lanes: impl Iterator<Item = i64>,
) -> Result<Vec<LaneHead>, Error> {
    let now = Instant::now();
    let kept = if tx.is_shared() { SHARED_HEADS_KEPT } else { HEADS_KEPT };
    let mut heads = Vec::new();
    let mut unknown: Vec<(i64, u64)> = Vec::new();
    {
        let known = set.engine.heads.lanes();
        for lane_id in lanes {
            match known.get(&(set.part, lane_id)) {
                Some(Lane { head: Some((since, head)), .. }) if now < *since + kept => {
                    heads.extend(head);
                }
                lane => unknown.push((lane_id, lane.map_or(0, |lane| lane.changes))),
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
