//! Roll-over: cases whose rank or state changes by time alone are ranked anew on
//! the day it does. What cannot change costs nothing.

use std::sync::Arc;

use crate::model::CaseNo;
use crate::store::Tx;

use super::due::Due;
use super::working_set::WorkingSet;
use super::{Engine, Error};

impl Engine {
    /// Ranks every case anew whose day has come, straight as of today however
    /// long the service was down. Returns how many. Gives way to leases, reports
    /// and pushes.
    ///
    /// # Errors
    /// What the store says; what was done before stays done.
    pub async fn review(self: &Arc<Self>) -> Result<usize, Error> {
        self.work_off(Due::Review).await
    }
}

/// Ranks cases anew; those that cannot be read are put off.
pub(super) async fn review_into(
    set: &mut WorkingSet,
    tx: &mut Tx,
    case_nos: Vec<CaseNo>,
) -> Result<(), Error> {
    set.load_debtors_of(tx, case_nos.iter().copied()).await?;
    set.load_content(tx, case_nos.iter().copied()).await?;
    for case_no in case_nos {
        // What cannot be read was told when it was loaded, and is put off.
        if set.check_readable(case_no).is_ok() {
            set.rank(case_no)?;
        }
    }
    Ok(())
}
