//! The queue: one narrow row per case that is or was worked, touched by claims,
//! reports and sweeps only.

use crate::model::{CaseNo, Gate, Micros, Part, QueueRank, QueueState};

use super::StoreError;
use super::db::{Batch, Column, Tx, Value, params};
use super::encode::Place;
use super::row::row;

pub(crate) mod claim;
pub(crate) mod count;
pub(crate) mod gate;
pub(crate) mod guard;
pub mod lease;
pub(crate) mod ready;
pub mod report;
pub(crate) mod sweep;
pub(crate) mod withhold;

/// The row of a case in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRow {
    /// The case.
    pub case_no: CaseNo,
    /// What it waits for.
    pub state: QueueState,
    /// The first gate it fails; `Ready` exactly when the state is.
    pub withheld_by: Gate,
    /// The lane it is served from.
    pub lane_id: i64,
    /// Its place within the lane.
    pub rank: QueueRank,
    /// Since when it has been ready; kept by ranking anew.
    pub ready_since: Option<Micros>,
    /// When it is looked at again: the end of the lease or of the gate.
    pub wake_at: Option<Micros>,
    /// How often it was leased; only a claim raises it.
    pub lease_seq: i64,
    /// Proves the lease, with the lease_seq.
    pub lease_nonce: Option<i64>,
}

/// The columns of `case_q` in a left join under the name `q`. State 0 is no row.
macro_rules! place_columns {
    () => {
        "COALESCE(q.state, 0) AS q_state, COALESCE(q.lane_id, 0) AS q_lane_id, \
         COALESCE(q.rank, 0) AS q_rank, q.ready_since AS q_ready_since, q.wake_at AS q_wake_at, \
         q.withheld_by AS q_withheld_by, COALESCE(q.lease_seq, 0) AS q_lease_seq, \
         q.lease_nonce AS q_lease_nonce"
    };
}

pub(super) use place_columns;

const INT: Column = Column::Int;

pub(crate) const SAVE: Batch = Batch {
    text: "INSERT INTO case_q (part, case_no, state, lane_id, rank, ready_since, wake_at, \
        withheld_by, lease_seq, lease_nonce) VALUES {rows} \
        ON CONFLICT (part, case_no) DO UPDATE SET \
        state = excluded.state, lane_id = excluded.lane_id, rank = excluded.rank, \
        ready_since = excluded.ready_since, wake_at = excluded.wake_at, \
        withheld_by = excluded.withheld_by, lease_seq = excluded.lease_seq, \
        lease_nonce = excluded.lease_nonce",
    fixed: 0,
    columns: &[INT; 10],
};

/// All batches of this file.
#[cfg(test)]
pub(crate) const BATCHES: &[Batch] = &[SAVE];

row! {
    /// What [`place_columns`] selects.
    pub(super) struct PlaceRow {
        q_state: i64,
        q_lane_id: i64,
        q_rank: i64,
        q_ready_since: Option<i64>,
        q_wake_at: Option<i64>,
        q_withheld_by: Option<i64>,
        q_lease_seq: i64,
        q_lease_nonce: Option<i64>,
    }
}

impl PlaceRow {
    /// The row of a case; nothing if it never was in the queue.
    pub(super) fn queue_row(
        self,
        part: Part,
        case_no: CaseNo,
    ) -> Result<Option<QueueRow>, StoreError> {
        if self.q_state == 0 {
            return Ok(None);
        }
        let place = Place { table: "case_q", part: part.0, key: case_no.0 };
        let state = QueueState::from_number(self.q_state)
            .ok_or_else(|| place.corrupt(format!("state {} is not known", self.q_state)))?;
        let withheld_by = match self.q_withheld_by {
            Some(number) => Gate::from_number(number)
                .ok_or_else(|| place.corrupt(format!("gate {number} is not known")))?,
            None => Gate::Ready,
        };
        Ok(Some(QueueRow {
            case_no,
            state,
            withheld_by,
            lane_id: self.q_lane_id,
            rank: QueueRank(self.q_rank),
            ready_since: self.q_ready_since.map(Micros),
            wake_at: self.q_wake_at.map(Micros),
            lease_seq: self.q_lease_seq,
            lease_nonce: self.q_lease_nonce,
        }))
    }
}

impl QueueRow {
    fn values(&self, part: Part, rows: &mut Vec<Value>) {
        rows.extend(params![
            part.0,
            self.case_no.0,
            self.state as i16,
            self.lane_id,
            self.rank.0,
            self.ready_since.map(|since| since.0),
            self.wake_at.map(|wake_at| wake_at.0),
            Some(self.withheld_by as i64).filter(|_| self.withheld_by != Gate::Ready),
            self.lease_seq,
            self.lease_nonce,
        ]);
    }
}

/// Writes or replaces rows.
pub(crate) async fn save<'a>(
    tx: &mut Tx,
    part: Part,
    rows: impl IntoIterator<Item = &'a QueueRow>,
) -> Result<(), StoreError> {
    let mut values = Vec::new();
    for row in rows {
        row.values(part, &mut values);
    }
    tx.execute_batch(SAVE, vec![], values).await?;
    Ok(())
}
