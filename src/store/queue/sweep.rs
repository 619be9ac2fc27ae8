//! What sweeps read: keys of rows whose time has come, over all parts by time,
//! so that a tenant without work costs nothing.

use crate::model::{CaseNo, Micros, Part};

use super::super::StoreError;
use super::super::db::{Tx, params, statements};

statements! {
    // Named cross-part scans: they read keys only, by the index that begins with
    // the time.
    EXPIRED = "SELECT part, case_no, wake_at FROM case_q WHERE state = 2 AND wake_at <= $1 \
        ORDER BY wake_at, part, case_no LIMIT 1000";
    DUE = "SELECT part, case_no, wake_at FROM case_q WHERE state = 3 AND wake_at <= $1 \
        ORDER BY wake_at, part, case_no LIMIT 1000";
}

/// A case of a part, and since when it is due.
pub(crate) type DueKey = (Part, CaseNo, Micros);

/// Leased cases whose lease is over, the longest over first; at most 1,000.
pub(crate) async fn expired(tx: &mut Tx, now: Micros) -> Result<Vec<DueKey>, StoreError> {
    due_keys(tx, EXPIRED, now).await
}

/// Waiting cases whose gate is open, the longest open first; at most 1,000.
pub(crate) async fn due(tx: &mut Tx, now: Micros) -> Result<Vec<DueKey>, StoreError> {
    due_keys(tx, DUE, now).await
}

/// What a statement over due rows answers.
pub(in super::super) async fn due_keys(
    tx: &mut Tx,
    sql: &'static str,
    now: Micros,
) -> Result<Vec<DueKey>, StoreError> {
    let rows: Vec<(i64, i64, i64)> = tx.fetch_all(sql, params![now.0]).await?;
    let key = |(part, case_no, due)| (Part(part), CaseNo(case_no), Micros(due));
    Ok(rows.into_iter().map(key).collect())
}
