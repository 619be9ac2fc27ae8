//! The queue: one narrow row per case that is or was worked, touched by claims,
//! reports and sweeps only.

use std::collections::HashMap;

use crate::model::{CaseNo, Gate, Micros, Part, QueueRank};

use super::StoreError;
use super::db::{Batch, Column, Tx, Value, int_list, params, statements};
use super::encode::Place;

/// The row of a case in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRow {
    /// The case.
    pub case_no: CaseNo,
    /// The lane it is served from; moved when it changes while ready.
    pub lane_id: i64,
    /// Its place within the lane, as of the last time it became ready.
    pub rank: QueueRank,
    /// What it waits for.
    pub state: QueueState,
    /// How often it was leased; only a claim raises it.
    pub lease_seq: i64,
}

/// What a case in the queue waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueState {
    /// For a claim.
    Ready {
        /// Since when it has been ready; kept by ranking anew.
        since: Micros,
    },
    /// For its worker, until the lease ends.
    Leased {
        /// When the lease ends.
        until: Micros,
        /// Proves the lease, with the lease_seq.
        nonce: i64,
    },
    /// For an instant.
    Waiting {
        /// When it is looked at again.
        until: Micros,
        /// The first gate it fails.
        gate: Gate,
    },
    /// For an event.
    Withheld {
        /// The first gate it fails.
        gate: Gate,
    },
    /// For nothing: closed, or nothing is due.
    Out,
}

statements! {
    LOAD = "SELECT case_no, state, lane_id, rank, ready_since, wake_at, withheld_by, lease_seq, \
        lease_nonce FROM case_q WHERE part = $1 AND case_no IN {ints:$2}";
}

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
pub(crate) const BATCHES: &[Batch] = &[SAVE];

#[derive(sqlx::FromRow)]
struct Row {
    case_no: i64,
    state: i64,
    lane_id: i64,
    rank: i64,
    ready_since: Option<i64>,
    wake_at: Option<i64>,
    withheld_by: Option<i64>,
    lease_seq: i64,
    lease_nonce: Option<i64>,
}

impl Row {
    fn queue_row(self, part: Part) -> Result<QueueRow, StoreError> {
        let place = Place { table: "case_q", part: part.0, key: self.case_no };
        let gate = self.withheld_by.and_then(Gate::from_number);
        let state = match (self.state, self.ready_since, self.wake_at, self.lease_nonce, gate) {
            (1, Some(since), None, None, None) => QueueState::Ready { since: Micros(since) },
            (2, None, Some(until), Some(nonce), None) => {
                QueueState::Leased { until: Micros(until), nonce }
            }
            (3, None, Some(until), None, Some(gate)) => {
                QueueState::Waiting { until: Micros(until), gate }
            }
            (4, None, None, None, Some(gate)) => QueueState::Withheld { gate },
            (5, None, None, None, None) => QueueState::Out,
            _ => return Err(place.corrupt(format!("state {} does not fit the row", self.state))),
        };
        Ok(QueueRow {
            case_no: CaseNo(self.case_no),
            lane_id: self.lane_id,
            rank: QueueRank(self.rank),
            state,
            lease_seq: self.lease_seq,
        })
    }
}

impl QueueRow {
    fn values(&self, part: Part, rows: &mut Vec<Value>) {
        let (state, since, wake_at, gate, nonce) = match self.state {
            QueueState::Ready { since } => (1_i64, Some(since.0), None, None, None),
            QueueState::Leased { until, nonce } => (2, None, Some(until.0), None, Some(nonce)),
            QueueState::Waiting { until, gate } => (3, None, Some(until.0), Some(gate), None),
            QueueState::Withheld { gate } => (4, None, None, Some(gate), None),
            QueueState::Out => (5, None, None, None, None),
        };
        rows.extend(params![
            part.0,
            self.case_no.0,
            state,
            self.lane_id,
            self.rank.0,
            since,
            wake_at,
            gate.map(|gate| gate as i64),
            self.lease_seq,
            nonce,
        ]);
    }
}

/// Loads the rows of cases; those that never were in the queue have none.
pub(crate) async fn load(
    tx: &mut Tx,
    part: Part,
    case_nos: impl IntoIterator<Item = CaseNo>,
) -> Result<HashMap<CaseNo, QueueRow>, StoreError> {
    let list = int_list(case_nos.into_iter().map(|case_no| case_no.0));
    let rows: Vec<Row> = tx.fetch_all(LOAD, params![part.0, list]).await?;
    rows.into_iter().map(|row| row.queue_row(part).map(|row| (row.case_no, row))).collect()
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
