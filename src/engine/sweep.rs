//! Sweeps: leases that are over end, and cases whose gate has opened become
//! ready. Both look by time over all parts, so that a tenant without work costs
//! nothing, and change rows by key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{CaseNo, Micros, Part};
use crate::store::Class;
use crate::store::queue::{report, sweep};

use super::lease::PULL_KEPT;
use super::report::REPORT_KEPT;
use super::{Engine, Error};

/// The name under which sweeps change rows.
const ACTOR: &str = "sweep";
/// The most cases of one transaction: leases and reports do not wait long.
const SLICE: usize = 200;

impl Engine {
    /// Ends every lease whose time is over, then places every case whose gate has
    /// opened. Returns how many cases were looked at. Runs every quarter of a
    /// second; a test that moves the clock calls it.
    ///
    /// # Errors
    /// What the store says; what was done before stays done.
    pub async fn sweep(self: &Arc<Self>) -> Result<usize, Error> {
        // One kind goes on when the other fails.
        let expired = self.sweep_kind(Kind::Expired).await;
        let due = self.sweep_kind(Kind::Due).await;
        Ok(expired? + due?)
    }

    async fn sweep_kind(self: &Arc<Self>, kind: Kind) -> Result<usize, Error> {
        let mut swept = 0;
        let mut before = Vec::new();
        loop {
            let mut tx = self.store.read().await?;
            let keys = match kind {
                Kind::Expired => sweep::expired(&mut tx, self.now()).await?,
                Kind::Due => sweep::due(&mut tx, self.now()).await?,
            };
            drop(tx);
            if keys.is_empty() {
                return Ok(swept);
            }
            if keys == before {
                return Err(Error::Internal(format!("{} rows stay where they are", keys.len())));
            }
            swept += keys.len();
            // A slice that fails must not keep the others, of other tenants too,
            // where they are.
            let mut failed = None;
            for (part, case_nos) in slices(&keys) {
                if let Err(error) = self.place_anew(part, case_nos).await {
                    failed = Some(error);
                }
            }
            if let Some(error) = failed {
                return Err(error);
            }
            before = keys;
        }
    }

    /// Taking a debtor in hand ends a lease that is over, and saving places every
    /// case anew: a sweep needs nothing else.
    async fn place_anew(self: &Arc<Self>, part: Part, case_nos: Vec<CaseNo>) -> Result<(), Error> {
        self.transact_in(part, ACTOR, Class::Interactive, move |set, tx| {
            Box::pin(set.load_debtors_of(tx, case_nos))
        })
        .await
    }

    /// Forgets named pulls and reports that are older than they are remembered.
    ///
    /// # Errors
    /// What the store says.
    pub async fn prune(self: &Arc<Self>) -> Result<(), Error> {
        loop {
            let now = self.now();
            let (reports, pulls) = (now.plus(-REPORT_KEPT), now.plus(-PULL_KEPT));
            let more: Result<bool, Error> = self
                .store
                .write(
                    Class::Background,
                    move |tx| Box::pin(async move { Ok(report::prune(tx, reports, pulls).await?) }),
                    |_| (),
                )
                .await;
            if !more? {
                return Ok(());
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Expired,
    Due,
}

/// Keys by part, in slices of one transaction each.
pub(super) fn slices(keys: &[(Part, CaseNo)]) -> Vec<(Part, Vec<CaseNo>)> {
    let mut by_part: BTreeMap<Part, BTreeSet<CaseNo>> = BTreeMap::new();
    for (part, case_no) in keys {
        by_part.entry(*part).or_default().insert(*case_no);
    }
    let mut slices = Vec::new();
    for (part, case_nos) in by_part {
        let case_nos: Vec<CaseNo> = case_nos.into_iter().collect();
        slices.extend(case_nos.chunks(SLICE).map(|slice| (part, slice.to_vec())));
    }
    slices
}

/// How often sweeps run.
pub(super) const SWEEP_EVERY: i64 = Micros::SECOND / 4;
