//! Counting what stands where. Slices by case number, so that no read lasts long.

use crate::model::{CaseNo, Gate, Micros, Part, PortfolioNo, WorkListNo};

use super::super::StoreError;
use super::super::db::{Tx, params, statements};
use super::super::encode::Place;

statements! {
    // A case that was never in the queue has no row there: nothing is due yet.
    // Of gates behind the ledger's age the row may not know yet that the ledger
    // has become too old since.
    COUNT_SLICE = "SELECT s.lane_id, s.gate, COUNT(*) AS case_count, MAX(s.case_no) AS last \
        FROM (SELECT h.lane_id, h.case_no, \
            CASE WHEN q.case_no IS NULL THEN 3 \
                WHEN COALESCE(q.withheld_by, 15) BETWEEN 10 AND 15 AND h.as_of <= $4 THEN 9 \
                ELSE COALESCE(q.withheld_by, 15) END AS gate \
            FROM case_head k CROSS JOIN case_head h \
            LEFT JOIN case_q q ON q.part = $1 AND q.case_no = h.case_no \
            WHERE k.part = $1 AND k.portfolio_no = $2 AND k.case_no > $3 \
            AND h.part = $1 AND h.case_no = k.case_no AND h.state <> 7 \
            ORDER BY k.case_no LIMIT 20000) AS s \
        GROUP BY s.lane_id, s.gate";
    LEASES_SINCE = "SELECT COUNT(*) FROM lease \
        WHERE part = $1 AND work_list_no = $2 AND grant_time > $3";
    TAKEN_SINCE = "SELECT COUNT(*) FROM lease \
        WHERE part = $1 AND work_list_no = $2 AND grant_time > $3 AND taken_for <> 0";
}

/// The most cases of one slice.
const SLICE: i64 = 20_000;

/// Cases of one lane at one gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GateCount {
    pub(crate) lane_id: i64,
    pub(crate) gate: Gate,
    pub(crate) count: i64,
}

/// Counts the next slice of a portfolio's cases, closed ones left out, by lane
/// and first failing gate, as far as rows know them: hours of contact are not
/// looked at. A case whose ledger speaks of `old` or earlier is too old to be
/// served. Also returns where to go on, or nothing at the end.
pub(crate) async fn count_slice(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
    after: CaseNo,
    old: Option<Micros>,
) -> Result<(Vec<GateCount>, Option<CaseNo>), StoreError> {
    let old = old.map_or(i64::MIN, |old| old.0);
    let rows: Vec<(i64, i64, i64, i64)> =
        tx.fetch_all(COUNT_SLICE, params![part.0, portfolio_no.0, after.0, old]).await?;
    let total: i64 = rows.iter().map(|(_, _, count, _)| count).sum();
    let last = rows.iter().map(|(_, _, _, last)| *last).max();
    let counts = rows
        .into_iter()
        .map(|(lane_id, gate, count, last)| {
            let place = Place { table: "case_q", part: part.0, key: last };
            let gate = Gate::from_number(gate)
                .ok_or_else(|| place.corrupt(format!("gate {gate} is not known")))?;
            Ok(GateCount { lane_id, gate, count })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok((counts, last.filter(|_| total == SLICE).map(CaseNo)))
}

/// How many leases of a work list were granted after an instant, and how many of them
/// were taken.
pub(crate) async fn leases_since(
    tx: &mut Tx,
    part: Part,
    work_list_no: WorkListNo,
    since: Micros,
) -> Result<(i64, i64), StoreError> {
    let mut counts = [0, 0];
    for (count, sql) in counts.iter_mut().zip([LEASES_SINCE, TAKEN_SINCE]) {
        let row: Option<(i64,)> =
            tx.fetch_optional(sql, params![part.0, work_list_no.0, since.0]).await?;
        *count = row.map_or(0, |(count,)| count);
    }
    Ok(counts.into())
}
