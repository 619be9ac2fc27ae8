//! Reports on leases and named pulls: what makes asking again answer the same.

use std::collections::HashMap;

use serde_json::Value as Json;

use crate::model::{CaseNo, Micros, Part, WorkListNo};

use super::super::StoreError;
use super::super::db::{Batch, Column, Tx, int_list, params, statements, text_list};
use super::super::encode::Place;

/// A report as taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRow {
    /// The lead case of the lease.
    pub case_no: CaseNo,
    /// The lease.
    pub lease_seq: i64,
    /// The hash of all that was reported.
    pub request_hash: Vec<u8>,
    /// The row of the outcome table.
    pub outcome_code: String,
    /// Whether the lease was over.
    pub late: bool,
    /// When the debtor may be served again, as answered.
    pub next_at: Option<Micros>,
}

statements! {
    FIND = "SELECT case_no, lease_seq, request_hash, outcome_code, late, next_at \
        FROM {pairs:$2,$3} AS l CROSS JOIN report \
        WHERE part = $1 AND case_no = l.first AND lease_seq = l.second";
    FIND_PULLS = "SELECT worker_id, request_id, leases \
        FROM {text_pairs:$3,$4} AS l CROSS JOIN pull WHERE part = $1 AND work_list_no = $2 \
        AND worker_id = l.first AND request_id = l.second AND pull_time > $5";
    SAVE_PULL = "INSERT INTO pull (part, work_list_no, worker_id, request_id, leases, pull_time) \
        VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (part, work_list_no, worker_id, request_id) DO UPDATE SET \
        leases = excluded.leases, pull_time = excluded.pull_time";
    FORGET_PULL = "DELETE FROM pull WHERE part = $1 AND work_list_no = $2 \
        AND worker_id = $3 AND request_id = $4";
    // Named cross-part statements: what is too old goes, in slices, by the index
    // over the time.
    PRUNE_REPORTS = "DELETE FROM report WHERE (part, case_no, lease_seq) IN (\
        SELECT part, case_no, lease_seq FROM report WHERE report_time <= $1 \
        ORDER BY report_time LIMIT 1000)";
    PRUNE_PULLS = "DELETE FROM pull WHERE (part, work_list_no, worker_id, request_id) IN (\
        SELECT part, work_list_no, worker_id, request_id FROM pull WHERE pull_time <= $1 \
        ORDER BY pull_time LIMIT 1000)";
}

const INT: Column = Column::Int;

pub(crate) const INSERT: Batch = Batch {
    text: "INSERT INTO report (part, case_no, lease_seq, request_hash, outcome_code, late, \
        next_at, report_time) VALUES {rows}",
    fixed: 0,
    columns: &[INT, INT, INT, Column::Blob, Column::Text, INT, INT, INT],
};

/// All batches of this file.
#[cfg(test)]
pub(crate) const BATCHES: &[Batch] = &[INSERT];

type FoundRow = (i64, i64, Vec<u8>, String, i64, Option<i64>);

/// Finds the reports on leases.
pub(crate) async fn find(
    tx: &mut Tx,
    part: Part,
    keys: &[(CaseNo, i64)],
) -> Result<HashMap<(CaseNo, i64), ReportRow>, StoreError> {
    let case_nos = int_list(keys.iter().map(|(case_no, _)| case_no.0));
    let numbers = int_list(keys.iter().map(|(_, lease_seq)| *lease_seq));
    let rows: Vec<FoundRow> = tx.fetch_all(FIND, params![part.0, case_nos, numbers]).await?;
    Ok(rows
        .into_iter()
        .map(|(case_no, lease_seq, request_hash, outcome_code, late, next_at)| {
            let row = ReportRow {
                case_no: CaseNo(case_no),
                lease_seq,
                request_hash,
                outcome_code,
                late: late != 0,
                next_at: next_at.map(Micros),
            };
            ((row.case_no, lease_seq), row)
        })
        .collect())
}

/// Writes new reports.
pub(crate) async fn insert(
    tx: &mut Tx,
    part: Part,
    reports: &[ReportRow],
    now: Micros,
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(reports.len() * INSERT.columns.len());
    for report in reports {
        rows.extend(params![
            part.0,
            report.case_no.0,
            report.lease_seq,
            report.request_hash.as_slice(),
            report.outcome_code.as_str(),
            report.late,
            report.next_at.map(|next_at| next_at.0),
            now.0,
        ]);
    }
    tx.execute_batch(INSERT, vec![], rows).await?;
    Ok(())
}

/// Names a pull of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PullKey<'a> {
    pub(crate) work_list_no: WorkListNo,
    pub(crate) worker_id: &'a str,
    pub(crate) request_id: &'a str,
}

/// The leases that named pulls of one list were given after an instant, as case and
/// number; pulls that were given nothing are left out.
pub(crate) async fn find_pulls<'a>(
    tx: &mut Tx,
    part: Part,
    pulls: &[PullKey<'a>],
    after: Micros,
) -> Result<HashMap<PullKey<'a>, Vec<(CaseNo, i64)>>, StoreError> {
    let Some(PullKey { work_list_no, .. }) = pulls.first().copied() else {
        return Ok(HashMap::new());
    };
    let workers = text_list(pulls.iter().map(|pull| pull.worker_id));
    let names = text_list(pulls.iter().map(|pull| pull.request_id));
    let params = params![part.0, work_list_no.0, workers, names, after.0];
    let rows: Vec<(String, String, String)> = tx.fetch_all(FIND_PULLS, params).await?;
    let asked: HashMap<(&str, &str), PullKey<'a>> =
        pulls.iter().map(|pull| ((pull.worker_id, pull.request_id), *pull)).collect();
    let place = Place { table: "pull", part: part.0, key: work_list_no.0 };
    let mut found = HashMap::new();
    for (worker_id, request_id, leases) in rows {
        let Some(pull) = asked.get(&(worker_id.as_str(), request_id.as_str())) else { continue };
        let pairs: Vec<(i64, i64)> =
            serde_json::from_str(&leases).map_err(|error| place.corrupt(error))?;
        let leases = pairs.into_iter().map(|(case_no, seq)| (CaseNo(case_no), seq));
        found.insert(*pull, leases.collect());
    }
    Ok(found)
}

/// Notes what a named pull was given.
pub(crate) async fn save_pull(
    tx: &mut Tx,
    part: Part,
    key: PullKey<'_>,
    leases: &[(CaseNo, i64)],
    now: Micros,
) -> Result<(), StoreError> {
    let pairs: Vec<Json> =
        leases.iter().map(|(case_no, seq)| Json::from(vec![case_no.0, *seq])).collect();
    let params = params![
        part.0,
        key.work_list_no.0,
        key.worker_id,
        key.request_id,
        Json::from(pairs).to_string(),
        now.0,
    ];
    tx.execute(SAVE_PULL, params).await?;
    Ok(())
}

/// Forgets what a named pull was given.
pub(crate) async fn forget_pull(
    tx: &mut Tx,
    part: Part,
    key: PullKey<'_>,
) -> Result<(), StoreError> {
    let params = params![part.0, key.work_list_no.0, key.worker_id, key.request_id];
    tx.execute(FORGET_PULL, params).await?;
    Ok(())
}

/// Removes reports and pulls up to these instants, at most 1,000 of each; says
/// whether there may be more.
pub(crate) async fn prune(
    tx: &mut Tx,
    reports_until: Micros,
    pulls_until: Micros,
) -> Result<bool, StoreError> {
    let reports = tx.execute(PRUNE_REPORTS, params![reports_until.0]).await?;
    let pulls = tx.execute(PRUNE_PULLS, params![pulls_until.0]).await?;
    Ok(reports.max(pulls) >= 1_000)
}
