//! The row through which one claim of a tenant goes at a time.

use std::time::Duration;

use crate::model::Part;

use super::super::StoreError;
use super::super::db::{Tx, params, statements};

statements! {
    ADVANCE = "UPDATE claim_gate SET claim_no = claim_no + 1 WHERE part = $1 RETURNING claim_no";
    MAKE = "INSERT INTO claim_gate (part, claim_no) VALUES ($1, 0) ON CONFLICT (part) DO NOTHING";
}

/// Takes the gate of a part until the end of the transaction; returns the number of the
/// claim, one higher than that of the last one that went through and was committed.
///
/// # Errors
/// `Conflict` where another transaction has not let go of it within `wait`.
pub(crate) async fn pass(tx: &mut Tx, part: Part, wait: Duration) -> Result<i64, StoreError> {
    if let Some((claim_no,)) = tx.fetch_within::<(i64,)>(ADVANCE, &[part.0], wait).await? {
        return Ok(claim_no);
    }
    tx.execute(MAKE, params![part.0]).await?;
    match tx.fetch_within::<(i64,)>(ADVANCE, &[part.0], wait).await? {
        Some((claim_no,)) => Ok(claim_no),
        None => Err(tx.conflict("the gate of claims is gone")),
    }
}
