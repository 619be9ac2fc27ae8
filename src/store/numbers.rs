//! Numbers for cases, debtors and the like, handed out in blocks per part: no
//! sequence, so that a part can live on any machine.

use crate::model::Part;

use super::StoreError;
use super::db::{Tx, params, statements};

/// What a number names. The numbers of the kinds are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberKind {
    /// Cases.
    Case = 1,
    /// Debtors.
    Debtor = 2,
    /// Portfolios.
    Portfolio = 3,
    /// Work lists.
    WorkList = 4,
    /// Rows of the audit.
    Audit = 5,
    /// Rows of the change log.
    Change = 6,
}

statements! {
    TAKE = "INSERT INTO number_block (part, kind, next_no) VALUES ($1, $2, 1 + $3) \
        ON CONFLICT (part, kind) DO UPDATE SET next_no = number_block.next_no + $3 \
        RETURNING next_no";
    NOTE = "INSERT INTO number_block (part, kind, next_no) VALUES ($1, $2, $3) \
        ON CONFLICT (part, kind) DO UPDATE SET next_no = $3";
    NEXT = "SELECT next_no FROM number_block WHERE part = $1 AND kind = $2";
}

/// Takes `count` numbers; returns the first. They rise from 1 within a part.
pub(crate) async fn take(
    tx: &mut Tx,
    part: Part,
    kind: NumberKind,
    count: usize,
) -> Result<i64, StoreError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    if let Some(tx) = tx.pg() {
        return tx.numbers(part, kind, count).await;
    }
    let row: Option<(i64,)> = tx.fetch_optional(TAKE, params![part.0, kind as i32, count]).await?;
    let (next,) = row.ok_or_else(|| StoreError::Corrupt {
        table: "number_block",
        key: format!("({part}, {})", kind as i32),
        why: "no number was returned".to_owned(),
    })?;
    Ok(next - count)
}

/// Notes the last number of rows that are numbered one by one.
pub(crate) async fn note_last(
    tx: &mut Tx,
    part: Part,
    kind: NumberKind,
    last: i64,
) -> Result<(), StoreError> {
    tx.execute(NOTE, params![part.0, kind as i32, last + 1]).await?;
    Ok(())
}

/// The last number handed out or noted; 0 before the first.
pub(crate) async fn last(tx: &mut Tx, part: Part, kind: NumberKind) -> Result<i64, StoreError> {
    let row: Option<(i64,)> = tx.fetch_optional(NEXT, params![part.0, kind as i32]).await?;
    Ok(row.map_or(0, |(next,)| next - 1))
}
