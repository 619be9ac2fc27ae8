//! Working off what comes due by time: keys are read over all parts, and changed
//! in slices of one transaction each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::model::{CaseNo, Micros, Part};
use crate::store::queue::sweep::{self, DueKey};
use crate::store::{Class, StoreError, Tx, cases};

use super::working_set::WorkingSet;
use super::{Engine, Error, review};

/// The most cases of one transaction: leases and reports do not wait long.
const SLICE: usize = 200;

/// What comes due by time.
#[derive(Clone, Copy)]
pub(super) enum Due {
    /// The time of a lease is over.
    Lease,
    /// The gate of a waiting case has opened.
    Gate,
    /// The rank of a case may change today.
    Review,
}

impl Due {
    async fn keys(self, tx: &mut Tx, now: Micros) -> Result<Vec<DueKey>, StoreError> {
        match self {
            Due::Lease => sweep::expired(tx, now).await,
            Due::Gate => sweep::due(tx, now).await,
            Due::Review => cases::due_for_review(tx, now).await,
        }
    }

    /// The name under which rows are changed, and how urgent that is.
    fn actor(self) -> (&'static str, Class) {
        match self {
            Due::Lease | Due::Gate => ("sweep", Class::Interactive),
            Due::Review => ("roll-over", Class::Background),
        }
    }

    /// Taking a debtor in hand ends a lease that is over, and saving places every
    /// case anew: a sweep needs nothing else.
    fn work<'t>(
        self,
        set: &'t mut WorkingSet,
        tx: &'t mut Tx,
        case_nos: Vec<CaseNo>,
    ) -> BoxFuture<'t, Result<(), Error>> {
        set.skip_locked();
        match self {
            Due::Lease | Due::Gate => Box::pin(set.load_debtors_of(tx, case_nos)),
            Due::Review => Box::pin(review::review_into(set, tx, case_nos)),
        }
    }

    fn stay(self, count: usize) -> Error {
        Error::Internal(match self {
            Due::Lease | Due::Gate => format!("{count} rows stay where they are"),
            Due::Review => format!("{count} cases stay due for review"),
        })
    }
}

impl Engine {
    /// Works off all that is due. Returns how many cases were looked at.
    ///
    /// # Errors
    /// What the store says; what was done before stays done.
    pub(super) async fn work_off(self: &Arc<Self>, due: Due) -> Result<usize, Error> {
        let (actor, class) = due.actor();
        let mut done = 0;
        let mut before = Vec::new();
        loop {
            let mut tx = self.store.read().await?;
            let now = self.now_of(&tx);
            let keys = due.keys(&mut tx, now).await?;
            drop(tx);
            if keys.is_empty() {
                return Ok(done);
            }
            if keys == before {
                // Others may have them in hand; what they leave is met again. One that
                // has come due anew is due since another instant.
                return if self.store.is_shared() { Ok(done) } else { Err(due.stay(keys.len())) };
            }
            done += keys.len();
            // A slice that fails must not keep the others, of other tenants too,
            // where they are.
            let mut failed = None;
            for (part, case_nos) in slices(&keys) {
                let worked = self
                    .transact_in(part, actor, class, move |set, tx| due.work(set, tx, case_nos))
                    .await;
                if let Err(error) = worked {
                    failed = Some(error);
                }
            }
            if let Some(error) = failed {
                return Err(error);
            }
            before = keys;
        }
    }
}

/// Keys by part, in slices of one transaction each.
fn slices(keys: &[DueKey]) -> Vec<(Part, Vec<CaseNo>)> {
    let mut by_part: BTreeMap<Part, BTreeSet<CaseNo>> = BTreeMap::new();
    for (part, case_no, _) in keys {
        by_part.entry(*part).or_default().insert(*case_no);
    }
    let mut slices = Vec::new();
    for (part, case_nos) in by_part {
        let case_nos: Vec<CaseNo> = case_nos.into_iter().collect();
        slices.extend(case_nos.chunks(SLICE).map(|slice| (part, slice.to_vec())));
    }
    slices
}
