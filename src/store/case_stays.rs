//! Where cases of a spread tenant have lived. A case that is given to a debtor of another
//! part goes there with all its events; the leases that were granted before stay where the
//! debtors are who were called. A row says under which number a case has lived in a part,
//! what it is called, so that it is found where it lives now, and where it came from, so
//! that its leases are.

use std::collections::HashMap;

use crate::model::{CaseNo, Micros, Part, PortfolioNo};

use super::StoreError;
use super::db::{Batch, Column, Tx, int_list, params, statements};

/// A stay of a case in a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stay {
    /// In which part, and its number there.
    pub(crate) place: (Part, CaseNo),
    /// Its portfolio.
    pub(crate) portfolio_no: PortfolioNo,
    /// The caller's id.
    pub(crate) case_id: String,
    /// The number of the newest lease that was granted before it came here; 0 if none was.
    pub(crate) leases_before: i64,
    /// The stay in which that lease was granted.
    pub(crate) came_from: Option<(Part, CaseNo)>,
    /// When it left; nothing while it lives here.
    pub(crate) leave_time: Option<Micros>,
}

statements! {
    LOAD = "SELECT case_no, portfolio_no, case_id, leases_before, came_from, came_from_no, \
        leave_time FROM case_stay WHERE part = $1 AND case_no IN {ints:$2}";
}

const INT: Column = Column::Int;

// Of a stay nothing changes but that it ends.
pub(crate) const SAVE: Batch = Batch {
    text: "INSERT INTO case_stay (part, case_no, portfolio_no, case_id, leases_before, \
        came_from, came_from_no, leave_time) VALUES {rows} \
        ON CONFLICT (part, case_no) DO UPDATE SET leave_time = excluded.leave_time",
    fixed: 0,
    columns: &[INT, INT, INT, Column::Text, INT, INT, INT, INT],
};

/// All batches of this file.
#[cfg(test)]
pub(crate) const BATCHES: &[Batch] = &[SAVE];

type Row = (i64, i64, String, i64, Option<i64>, Option<i64>, Option<i64>);

/// The stays of cases in a part, by number; of those that have always lived there, and of
/// those that never did, there is none.
pub(crate) async fn load(
    tx: &mut Tx,
    part: Part,
    case_nos: impl IntoIterator<Item = CaseNo>,
) -> Result<HashMap<CaseNo, Stay>, StoreError> {
    let list = int_list(case_nos.into_iter().map(|case_no| case_no.0));
    let rows: Vec<Row> = tx.fetch_all(LOAD, params![part.0, list]).await?;
    let stay = |(case_no, portfolio_no, case_id, leases_before, came_from, came_from_no, left)| {
        let (came_from, came_from_no): (Option<i64>, Option<i64>) = (came_from, came_from_no);
        let stay = Stay {
            place: (part, CaseNo(case_no)),
            portfolio_no: PortfolioNo(portfolio_no),
            case_id,
            leases_before,
            came_from: came_from.map(Part).zip(came_from_no.map(CaseNo)),
            leave_time: Option::map(left, Micros),
        };
        (CaseNo(case_no), stay)
    };
    Ok(rows.into_iter().map(stay).collect())
}

/// Writes stays that begin, and the ends of those that end.
pub(crate) async fn save(tx: &mut Tx, stays: &[Stay]) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(stays.len() * SAVE.columns.len());
    for stay in stays {
        rows.extend(params![
            stay.place.0.0,
            stay.place.1.0,
            stay.portfolio_no.0,
            stay.case_id.as_str(),
            stay.leases_before,
            stay.came_from.map(|(part, _)| part.0),
            stay.came_from.map(|(_, case_no)| case_no.0),
            stay.leave_time.map(|time| time.0),
        ]);
    }
    tx.execute_batch(SAVE, vec![], rows).await?;
    Ok(())
}
