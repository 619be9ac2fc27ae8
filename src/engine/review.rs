//! Roll-over: cases whose rank or state changes by time alone are ranked anew on
//! the day it does. What cannot change costs nothing.

use std::sync::Arc;

use crate::model::{CaseNo, Part};
use crate::store::cases::due_for_review;
use crate::store::{Class, Tx};

use super::sweep::slices;
use super::working_set::WorkingSet;
use super::{Engine, Error};

/// The name under which the roll-over changes rows.
const ACTOR: &str = "roll-over";

impl Engine {
    /// Ranks every case anew whose day has come, straight as of today however
    /// long the service was down. Returns how many. Gives way to leases, reports
    /// and pushes.
    ///
    /// # Errors
    /// What the store says; what was done before stays done.
    pub async fn review(self: &Arc<Self>) -> Result<usize, Error> {
        let mut reviewed = 0;
        let mut before = Vec::new();
        loop {
            let mut tx = self.store.read().await?;
            let keys = due_for_review(&mut tx, self.now()).await?;
            drop(tx);
            if keys.is_empty() {
                return Ok(reviewed);
            }
            if keys == before {
                return Err(Error::Internal(format!("{} cases stay due for review", keys.len())));
            }
            reviewed += keys.len();
            // As in the sweep: one bad slice keeps no other from its day.
            let mut failed = None;
            for (part, case_nos) in slices(&keys) {
                if let Err(error) = self.review_slice(part, case_nos).await {
                    failed = Some(error);
                }
            }
            if let Some(error) = failed {
                return Err(error);
            }
            before = keys;
        }
    }

    async fn review_slice(
        self: &Arc<Self>,
        part: Part,
        case_nos: Vec<CaseNo>,
    ) -> Result<(), Error> {
        self.transact_in(part, ACTOR, Class::Background, move |set, tx| {
            Box::pin(review_into(set, tx, case_nos))
        })
        .await
    }
}

async fn review_into(
    set: &mut WorkingSet,
    tx: &mut Tx,
    case_nos: Vec<CaseNo>,
) -> Result<(), Error> {
    set.load_debtors_of(tx, case_nos.iter().copied()).await?;
    set.load_content(tx, case_nos.iter().copied()).await?;
    for case_no in case_nos {
        set.rank(case_no);
    }
    Ok(())
}
