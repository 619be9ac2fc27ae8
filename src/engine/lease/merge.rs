//! The best rows over many lanes without reading more than a few of each: a
//! threshold merge. A lane is probed only once nothing known is better than the
//! best it may still hold.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};

use crate::model::{CaseNo, Part};
use crate::store::Tx;
use crate::store::queue::claim::{self, Candidate, Cursor, Depth, Order, PROBE_LANES};

use super::super::Error;

/// A merge of the ready rows of lanes, best first.
pub(super) struct Merge {
    order: Order,
    lanes: HashMap<i64, Lane>,
    /// Lanes of which the next row is known, by that row.
    known: BinaryHeap<Reverse<(i64, CaseNo, i64)>>,
    /// Lanes of which it is not, by the least key it can have.
    unknown: BTreeSet<(i64, i64)>,
}

struct Lane {
    after: (i64, i64),
    rows: VecDeque<(i64, CaseNo)>,
    /// Whether there may be rows behind those in hand.
    more: bool,
}

impl Merge {
    /// A merge of lanes, each with the key of its first row.
    pub(super) fn new(order: Order, heads: impl IntoIterator<Item = (i64, i64)>) -> Merge {
        let mut merge = Merge {
            order,
            lanes: HashMap::new(),
            known: BinaryHeap::new(),
            unknown: BTreeSet::new(),
        };
        for (lane_id, key) in heads {
            // Case numbers begin at 1.
            let lane = Lane { after: (key, 0), rows: VecDeque::new(), more: true };
            merge.lanes.insert(lane_id, lane);
            merge.unknown.insert((key, lane_id));
        }
        merge
    }

    /// The next `wanted` rows; fewer only at the end.
    pub(super) async fn next(
        &mut self,
        tx: &mut Tx,
        part: Part,
        wanted: usize,
    ) -> Result<Vec<CaseNo>, Error> {
        let mut rows = Vec::with_capacity(wanted);
        while rows.len() < wanted {
            match self.pop() {
                Next::Row(case_no) => rows.push(case_no),
                Next::End => break,
                Next::Probe => {
                    let depth = Depth::of(wanted - rows.len());
                    let cursors = self.cursors();
                    let found = claim::probe(tx, part, &cursors, self.order, depth).await?;
                    self.take(&cursors, found, depth);
                }
            }
        }
        Ok(rows)
    }

    fn pop(&mut self) -> Next {
        let unknown = self.unknown.first().map(|(key, _)| *key);
        let known = self.known.peek().map(|Reverse((key, _, _))| *key);
        match (known, unknown) {
            (None, None) => Next::End,
            (None, Some(_)) => Next::Probe,
            // At the same key the unknown row may have the lower case number.
            (Some(known), Some(unknown)) if unknown <= known => Next::Probe,
            (Some(_), _) => match self.known.pop() {
                Some(Reverse((key, case_no, lane_id))) => {
                    if let Some(lane) = self.lanes.get_mut(&lane_id) {
                        lane.after = (key, case_no.0);
                    }
                    self.queue(lane_id);
                    Next::Row(case_no)
                }
                None => Next::End,
            },
        }
    }

    /// Files a lane under its next row, or under the least key that row can have.
    fn queue(&mut self, lane_id: i64) {
        let Some(lane) = self.lanes.get_mut(&lane_id) else { return };
        match lane.rows.pop_front() {
            Some((key, case_no)) => self.known.push(Reverse((key, case_no, lane_id))),
            None if lane.more => {
                self.unknown.insert((lane.after.0, lane_id));
            }
            None => {}
        }
    }

    /// The lanes to probe: those that may hold the best rows.
    fn cursors(&mut self) -> Vec<Cursor> {
        let mut cursors = Vec::with_capacity(PROBE_LANES);
        while cursors.len() < PROBE_LANES
            && let Some((_, lane_id)) = self.unknown.pop_first()
        {
            if let Some(lane) = self.lanes.get(&lane_id) {
                cursors.push(Cursor { lane_id, key: lane.after.0, case_no: lane.after.1 });
            }
        }
        cursors
    }

    fn take(&mut self, cursors: &[Cursor], found: Vec<Candidate>, depth: Depth) {
        for row in found {
            if let Some(lane) = self.lanes.get_mut(&row.lane_id) {
                lane.rows.push_back((row.key, row.case_no));
            }
        }
        for cursor in cursors {
            if let Some(lane) = self.lanes.get_mut(&cursor.lane_id) {
                lane.more = lane.rows.len() == depth.rows();
            }
            self.queue(cursor.lane_id);
        }
    }
}

enum Next {
    Row(CaseNo),
    Probe,
    End,
}
