//! The best rows over many lanes without reading more than a few of each: a
//! threshold merge. A lane is probed only where what is not known of it may be
//! better than what is known of others.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use crate::model::{CaseNo, Part};
use crate::store::Tx;
use crate::store::queue::claim::{
    self, Candidate, Cursor, Depth, LaneHead, Order, PROBE_LANES, Place,
};

use super::super::Error;

/// Behind every row.
const END: Place = (i64::MAX, CaseNo(i64::MAX));

/// A merge of the ready rows of lanes, best first.
pub(super) struct Merge {
    order: Order,
    /// Rows that are known and not handed out.
    known: BinaryHeap<Reverse<Place>>,
    /// Lanes that may have rows behind those known, by the place up to which all
    /// their rows are known.
    lanes: BTreeSet<(Place, i64)>,
}

impl Merge {
    /// A merge of lanes from their heads on.
    pub(super) fn new(order: Order, heads: &[LaneHead]) -> Merge {
        let place = |head: &LaneHead| match order {
            Order::Rank => head.by_rank,
            Order::Waiting => head.by_waiting,
        };
        let lanes: BTreeSet<(Place, i64)> =
            heads.iter().map(|head| (place(head), head.lane_id)).collect();
        let known = lanes.iter().map(|(place, _)| Reverse(*place)).collect();
        Merge { order, known, lanes }
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
                    let missing = wanted - rows.len();
                    let to = self.bound(missing);
                    let cursors = self.cursors(to);
                    let depth = Depth::of(missing, cursors.len());
                    let found = claim::probe(tx, part, &cursors, to, (self.order, depth)).await?;
                    self.take(&cursors, found, (to, depth));
                }
            }
        }
        Ok(rows)
    }

    fn pop(&mut self) -> Next {
        let known_to = self.lanes.first().map_or(END, |(place, _)| *place);
        match self.known.peek() {
            Some(Reverse(place)) if *place <= known_to => {
                let case_no = place.1;
                self.known.pop();
                Next::Row(case_no)
            }
            None if self.lanes.is_empty() => Next::End,
            _ => Next::Probe,
        }
    }

    /// The place behind which none of the next `missing` rows lies, as far as known
    /// rows tell.
    fn bound(&self, missing: usize) -> Place {
        let mut places: Vec<Place> = self.known.iter().map(|Reverse(place)| *place).collect();
        if places.len() < missing {
            return END;
        }
        *places.select_nth_unstable(missing - 1).1
    }

    /// The lanes to probe: those that may hold the best rows up to a place.
    fn cursors(&self, to: Place) -> Vec<Cursor> {
        self.lanes
            .iter()
            .take_while(|(known_to, _)| *known_to < to)
            .take(PROBE_LANES)
            .map(|(known_to, lane_id)| Cursor { lane_id: *lane_id, after: *known_to })
            .collect()
    }

    /// A lane that has shown fewer rows than asked for has no more up to the place.
    fn take(&mut self, cursors: &[Cursor], found: Vec<Candidate>, (to, depth): (Place, Depth)) {
        let mut of_lane: HashMap<i64, (usize, Place)> = HashMap::new();
        for row in found {
            self.known.push(Reverse(row.place));
            let (count, last) = of_lane.entry(row.lane_id).or_insert((0, row.place));
            *count += 1;
            *last = row.place.max(*last);
        }
        for cursor in cursors {
            self.lanes.remove(&(cursor.after, cursor.lane_id));
            let known_to = match of_lane.get(&cursor.lane_id) {
                Some((count, last)) if *count == depth.rows() => *last,
                _ => to,
            };
            if known_to < END {
                self.lanes.insert((known_to, cursor.lane_id));
            }
        }
    }
}

enum Next {
    Row(CaseNo),
    Probe,
    End,
}
