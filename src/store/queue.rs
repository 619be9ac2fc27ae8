//! The queue: one narrow row per case that is or was worked, touched by claims,
//! reports and sweeps only.

use std::collections::HashMap;

use crate::model::{CaseNo, Gate, Micros, Part, QueueRank, QueueState};

use super::StoreError;
use super::db::{Batch, Column, Tx, Value, int_list, params, statements};
use super::encode::Place;

pub(crate) mod claim;
pub(crate) mod count;
pub mod lease;
pub mod report;
pub(crate) mod sweep;

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
#[cfg(test)]
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
        let state = QueueState::from_number(self.state)
            .ok_or_else(|| place.corrupt(format!("state {} is not known", self.state)))?;
        let withheld_by = match self.withheld_by {
            Some(number) => Gate::from_number(number)
                .ok_or_else(|| place.corrupt(format!("gate {number} is not known")))?,
            None => Gate::Ready,
        };
        Ok(QueueRow {
            case_no: CaseNo(self.case_no),
            state,
            withheld_by,
            lane_id: self.lane_id,
            rank: QueueRank(self.rank),
            ready_since: self.ready_since.map(Micros),
            wake_at: self.wake_at.map(Micros),
            lease_seq: self.lease_seq,
            lease_nonce: self.lease_nonce,
        })
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
