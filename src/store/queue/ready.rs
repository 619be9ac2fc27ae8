//! The ready cases of a portfolio. Slices by case number, so that no read lasts long.

use crate::model::{CaseNo, DebtorNo, Micros, Part, PortfolioNo, QueueRank};

use super::super::StoreError;
use super::super::db::{Tx, params, statements};
use super::super::row::row;

statements! {
    READY_SLICE = "SELECT h.case_no, h.debtor_no, q.lane_id, q.rank, q.ready_since \
        FROM case_head h JOIN case_q q ON q.part = $1 AND q.case_no = h.case_no \
        WHERE h.part = $1 AND h.portfolio_no = $2 AND h.case_no > $3 AND h.case_no <= $4 \
        AND h.as_of > $5 AND q.state = 1";
}

/// A case that nothing withholds but hours of contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadyCase {
    pub(crate) case_no: CaseNo,
    pub(crate) debtor_no: DebtorNo,
    pub(crate) lane_id: i64,
    pub(crate) rank: QueueRank,
    pub(crate) ready_since: Micros,
}

row! {
    struct ReadyRow {
        case_no: i64,
        debtor_no: i64,
        lane_id: i64,
        rank: i64,
        ready_since: i64,
    }
}

/// The ready cases of a portfolio with numbers behind one and up to another, those left out
/// whose ledger speaks of `old` or earlier.
pub(crate) async fn ready_slice(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
    (after, end): (CaseNo, CaseNo),
    old: Option<Micros>,
) -> Result<Vec<ReadyCase>, StoreError> {
    let old = old.map_or(i64::MIN, |old| old.0);
    let params = params![part.0, portfolio_no.0, after.0, end.0, old];
    let rows: Vec<ReadyRow> = tx.fetch_all(READY_SLICE, params).await?;
    let ready = rows.into_iter().map(|row| ReadyCase {
        case_no: CaseNo(row.case_no),
        debtor_no: DebtorNo(row.debtor_no),
        lane_id: row.lane_id,
        rank: QueueRank(row.rank),
        ready_since: Micros(row.ready_since),
    });
    Ok(ready.collect())
}
