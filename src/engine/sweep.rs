//! Sweeps: leases that are over end, and cases whose gate has opened become
//! ready. Both look by time over all parts, so that a tenant without work costs
//! nothing, and change rows by key.

use std::sync::Arc;

use crate::model::Micros;
use crate::store::queue::report;
use crate::store::{Class, changes};

use super::due::Due;
use super::lease::PULL_KEPT;
use super::report::REPORT_KEPT;
use super::watch::CHANGES_KEPT;
use super::{Engine, Error};

impl Engine {
    /// Ends every lease whose time is over, then places every case whose gate has
    /// opened. Returns how many cases were looked at. Runs every quarter of a
    /// second; a test that moves the clock calls it.
    ///
    /// # Errors
    /// What the store says; what was done before stays done.
    pub async fn sweep(self: &Arc<Self>) -> Result<usize, Error> {
        // One kind goes on when the other fails.
        let expired = self.work_off(Due::Lease).await;
        let due = self.work_off(Due::Gate).await;
        Ok(expired? + due?)
    }

    /// Forgets named pulls, reports and changes that are older than they are kept.
    ///
    /// # Errors
    /// What the store says.
    pub async fn prune(self: &Arc<Self>) -> Result<(), Error> {
        loop {
            let engine = Arc::clone(self);
            let more: Result<bool, Error> = self
                .store
                .write(
                    Class::Background,
                    move |tx| {
                        Box::pin(async move {
                            // A server whose clock is ahead must not forget for all others.
                            let now = engine.now_of(tx);
                            let (reports, pulls) = (now.plus(-REPORT_KEPT), now.plus(-PULL_KEPT));
                            let more = report::prune(tx, reports, pulls).await?;
                            Ok(changes::prune(tx, now.plus(-CHANGES_KEPT)).await? || more)
                        })
                    },
                    |_| (),
                )
                .await;
            if !more? {
                return Ok(());
            }
        }
    }
}

/// How often sweeps run.
pub(super) const SWEEP_EVERY: i64 = Micros::SECOND / 4;
