//! What a pull would be given now, without a lease.

use std::sync::Arc;

use crate::model::{Micros, Part, WorkListId, WorkerId};

use super::super::working_set::WorkingSet;
use super::super::{Caller, Engine, Error};
use super::claim::{self, Pull};
use super::lanes::{self, Selection};
use super::{WorkItem, pick, spread, work_list_no};

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
    (max_items, language): (usize, Option<String>),
) -> Result<PreviewedWork, Error> {
    let parts = engine.parts(caller).await?;
    let number = work_list_no(engine, parts.first(), &work_list_id).await?;
    let (granted, turn) = engine.waiting.granted((parts.home(), number));
    let mut all = PreviewedWork { items: Vec::new(), warnings: Vec::new(), next_window: None };
    let mut open = false;
    for part in spread::of_turn(&parts, turn) {
        let found = all.items.len();
        if found == max_items {
            break;
        }
        let before = granted.saturating_add(i64::try_from(found).unwrap_or(i64::MAX));
        let wanted = Wanted { counts: (max_items - found, before), language: language.as_deref() };
        let (of_part, selection) =
            preview_in(engine, (caller, part), &work_list_id, wanted).await?;
        all.items.extend(of_part);
        spread::add_warnings(&mut all.warnings, selection.warnings());
        open |= !selection.open.is_empty();
        all.next_window = all.next_window.into_iter().chain(selection.next_opening()).min();
    }
    all.next_window = all.next_window.filter(|_| !open);
    Ok(all)
}

/// What is asked of a part.
struct Wanted<'a> {
    /// How many items, and how many leases of the list were granted before them.
    counts: (usize, i64),
    language: Option<&'a str>,
}

/// Shows the next work of one part.
async fn preview_in(
    engine: &Arc<Engine>,
    (caller, part): (&Caller, Part),
    work_list_id: &WorkListId,
    Wanted { counts, language }: Wanted<'_>,
) -> Result<(Vec<WorkItem>, Selection), Error> {
    let mut tx = engine.store.read().await?;
    let mut set = WorkingSet::of_part(engine, part, &caller.subject, engine.now_of(&tx));
    let list = claim::work_list(&mut tx, part, work_list_id).await?;
    let selection = lanes::select(&mut set, &mut tx, &list.settings).await?;
    let (max_items, _) = counts;
    let chosen =
        pick::choose_readable(&mut set, &mut tx, &list.settings, &selection, counts).await?;
    let pull = Pull {
        worker_id: WorkerId::new(NOBODY).map_err(|error| Error::Internal(error.to_string()))?,
        max_items,
        lease_duration: Micros::MINUTE,
        request_id: None,
        take: None,
        language: None,
    };
    let leases = chosen.into_iter().map(|chosen| claim::grant(&mut set, &list, &pull, chosen));
    let leases: Vec<_> = leases.collect();
    let (mut works, _) = claim::items(&mut set, &mut tx, &[(leases, language)]).await?;
    Ok((works.pop().unwrap_or_default(), selection))
}

/// The worker of leases that are never written.
const NOBODY: &str = "-";
