//! Rows that cannot be taken in hand, because something they belong to cannot be
//! read: they are put out of the way of claims, sweeps and the roll-over by number
//! alone, and come up again after a while.

use std::collections::BTreeSet;

use crate::model::{CaseNo, Gate, Micros, Part};

use super::super::StoreError;
use super::super::db::{Tx, int_list, params, statements};

statements! {
    LANES_OF = "SELECT DISTINCT lane_id FROM case_q \
        WHERE part = $1 AND case_no IN {ints:$2}";
    // A lease that runs is left to whoever has it.
    WITHHOLD = "UPDATE case_q SET state = 3, withheld_by = $3, wake_at = $4, \
        ready_since = NULL, lease_nonce = NULL \
        WHERE part = $1 AND case_no IN {ints:$2} \
        AND (state = 1 OR (state IN (2, 3) AND wake_at <= $5))";
    POSTPONE = "UPDATE case_head SET review_at = $3 \
        WHERE part = $1 AND case_no IN {ints:$2} AND review_at <= $4";
}

/// The lanes of rows.
pub(crate) async fn lanes_of(
    tx: &mut Tx,
    part: Part,
    case_nos: impl IntoIterator<Item = CaseNo>,
) -> Result<BTreeSet<i64>, StoreError> {
    let list = int_list(case_nos.into_iter().map(|case_no| case_no.0));
    let rows: Vec<(i64,)> = tx.fetch_all(LANES_OF, params![part.0, list]).await?;
    Ok(rows.into_iter().map(|(lane_id,)| lane_id).collect())
}

/// Withholds cases until an instant: those that are ready, and those whose time has
/// come at `now`. Their next review is put off as long.
pub(crate) async fn withhold(
    tx: &mut Tx,
    part: Part,
    case_nos: &[CaseNo],
    (now, until): (Micros, Micros),
) -> Result<(), StoreError> {
    let list = int_list(case_nos.iter().map(|case_no| case_no.0));
    let gate = Gate::Unreadable as i64;
    let params = params![part.0, list.clone(), gate, until.0, now.0];
    tx.execute(WITHHOLD, params).await?;
    tx.execute(POSTPONE, params![part.0, list, until.0, now.0]).await?;
    Ok(())
}
