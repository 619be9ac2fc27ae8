//! What a pull would be given now, without a lease.

use std::sync::Arc;

use crate::model::{Micros, WorkListId, WorkerId};

use super::super::working_set::WorkingSet;
use super::super::{Caller, Engine, Error};
use super::claim::{self, Pull};
use super::{WorkItem, lanes, pick};

/// What a list would give.
#[derive(Clone, Debug)]
pub struct PreviewedWork {
    /// The most pressing first. Their tokens prove nothing.
    pub items: Vec<WorkItem>,
    /// Warnings: code and text.
    pub warnings: Vec<(&'static str, String)>,
    /// The next instant at which hours of contact begin, where all are closed.
    pub next_window: Option<Micros>,
}

/// Shows the next work of a list, chosen as a pull would choose it, and leases
/// nothing: what is chosen and granted here is never written.
///
/// # Errors
/// `NotFound` for the list.
pub async fn preview_work(
    engine: &Arc<Engine>,
    caller: &Caller,
    work_list_id: WorkListId,
    max_items: usize,
) -> Result<PreviewedWork, Error> {
    let mut tx = engine.store.read().await?;
    let mut set = WorkingSet::new(engine, caller, engine.now_of(&tx));
    let list = claim::work_list(&mut tx, caller.part, &work_list_id).await?;
    let selection = lanes::select(&mut set, &mut tx, &list.settings).await?;
    let granted = engine.waiting.granted((caller.part, list.number));
    let counts = (max_items, granted);
    let chosen =
        pick::choose_readable(&mut set, &mut tx, &list.settings, &selection, counts).await?;
    let pull = Pull {
        worker_id: WorkerId::new(NOBODY).map_err(|error| Error::Internal(error.to_string()))?,
        max_items,
        lease_duration: Micros::MINUTE,
        request_id: None,
        take: None,
    };
    let leases = chosen.into_iter().map(|chosen| claim::grant(&mut set, &list, &pull, chosen));
    let leases: Vec<_> = leases.collect();
    let (mut works, _) = claim::items(&mut set, &mut tx, &[leases]).await?;
    Ok(PreviewedWork {
        items: works.pop().unwrap_or_default(),
        warnings: selection.warnings(),
        next_window: selection.next_opening().filter(|_| selection.open.is_empty()),
    })
}

/// The worker of leases that are never written.
const NOBODY: &str = "-";
