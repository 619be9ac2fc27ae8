//! What sweeps read: keys of rows whose time has come, over all parts by time,
//! so that a tenant without work costs nothing.

use crate::model::{CaseNo, Micros, Part};

use super::super::StoreError;
use super::super::db::{Tx, params, statements};

statements! {
    // Named cross-part scans: they read keys only, by the index that begins with
    // the time.
    EXPIRED = "SELECT part, case_no FROM case_q WHERE state = 2 AND wake_at <= $1 \
        ORDER BY wake_at, part, case_no LIMIT 1000";
    DUE = "SELECT part, case_no FROM case_q WHERE state = 3 AND wake_at <= $1 \
        ORDER BY wake_at, part, case_no LIMIT 1000";
}

type Keys = Vec<(Part, CaseNo)>;

/// Leased cases whose lease is over, the longest over first; at most 1,000.
pub(crate) async fn expired(tx: &mut Tx, now: Micros) -> Result<Keys, StoreError> {
    keys(tx, EXPIRED, now).await
}

/// Waiting cases whose gate is open, the longest open first; at most 1,000.
pub(crate) async fn due(tx: &mut Tx, now: Micros) -> Result<Keys, StoreError> {
    keys(tx, DUE, now).await
}

async fn keys(tx: &mut Tx, sql: &'static str, now: Micros) -> Result<Keys, StoreError> {
    let rows: Vec<(i64, i64)> = tx.fetch_all(sql, params![now.0]).await?;
    Ok(rows.into_iter().map(|(part, case_no)| (Part(part), CaseNo(case_no))).collect())
}
