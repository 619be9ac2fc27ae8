//! Work lists.

use std::sync::Arc;

use crate::model::{Gate, Micros, Part, WorkListId, WorkListNo, WorkListSettings};
use crate::store::numbers::{self, NumberKind};
use crate::store::portfolios::{self, StoredWorkList};
use crate::store::{Damage, Tx};

use super::audit::note;
use super::page::PageToken;
use super::{Caller, Engine, Error, Resource};

mod counts;
mod describe;

pub(super) use counts::Counts;
pub use describe::describe_work_list;

/// A work list as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkList {
    /// The caller's id.
    pub work_list_id: WorkListId,
    /// What it selects.
    pub settings: WorkListSettings,
    /// 1 at creation, raised by every change; also the etag.
    pub version: i64,
    /// When it was created.
    pub create_time: Micros,
    /// When it was last changed.
    pub update_time: Micros,
}

/// How a work list stands.
#[derive(Clone, Debug)]
pub struct WorkListDescription {
    /// Cases by first failing gate, `Ready` last; they add up to `case_count`.
    pub gate_counts: Vec<(Gate, i64)>,
    /// The cases the list selects, closed ones left out.
    pub case_count: i64,
    /// The instant of the counts.
    pub as_of: Micros,
    /// Leases granted in the last hour.
    pub leases_last_hour: i64,
    /// How long the longest waiting ready case has waited, in microseconds.
    pub longest_wait: Option<i64>,
    /// Ready cases over reserved leases an hour, in microseconds.
    pub wait_bound: Option<i64>,
    /// When hours of contact begin next, where all are closed.
    pub next_window: Option<Micros>,
    /// Every gate the asked-for case fails; `Ready` alone if none.
    pub failing_gates: Vec<FailingGate>,
    /// Warnings: code and text.
    pub warnings: Vec<(&'static str, String)>,
}

/// One gate that a case does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingGate {
    /// The gate.
    pub gate: Gate,
    /// When it opens by itself, where that is known.
    pub until: Option<Micros>,
    /// One sentence.
    pub text: String,
}

/// Creates a work list. The same settings under the same id again answer with
/// what is stored.
///
/// # Errors
/// `NotFound` for a portfolio it names; `AlreadyExists` when the id has other
/// settings.
pub async fn create_work_list(
    engine: &Arc<Engine>,
    caller: &Caller,
    work_list_id: WorkListId,
    settings: WorkListSettings,
) -> Result<WorkList, Error> {
    let (owner, caller) = (Arc::clone(engine), caller.clone());
    engine
        .write(move |tx, now| {
            Box::pin(
                async move { create(tx, (&owner, &caller, now), (&work_list_id, &settings)).await },
            )
        })
        .await
}

async fn create(
    tx: &mut Tx,
    (engine, caller, now): (&Engine, &Caller, Micros),
    (id, settings): (&WorkListId, &WorkListSettings),
) -> Result<WorkList, Error> {
    let parts = engine.tenants.claim(tx, caller, now).await?;
    let part = parts.first();
    if let Some(stored) = portfolios::work_list_by_id(tx, part, id.as_str()).await? {
        if stored.settings == *settings {
            return work_list(part, stored);
        }
        return Err(Error::AlreadyExists { resource: Resource::WorkList, id: id.to_string() });
    }
    check_portfolios(tx, part, settings).await?;
    // One number in all parts, as for portfolios.
    let number = WorkListNo(numbers::take(tx, parts.home(), NumberKind::WorkList, 1).await?);
    for part in parts.all() {
        portfolios::insert_work_list(tx, *part, (number, id.as_str(), settings), now).await?;
        note(tx, *part, (&caller.subject, now), ("work_list.created", settings)).await?;
    }
    stored(tx, part, id).await
}

async fn check_portfolios(
    tx: &mut Tx,
    part: Part,
    settings: &WorkListSettings,
) -> Result<(), Error> {
    for id in &settings.portfolio_ids {
        if portfolios::portfolio_by_id(tx, part, id).await?.is_none() {
            return Err(Error::NotFound { resource: Resource::Portfolio, id: id.clone() });
        }
    }
    Ok(())
}

async fn stored(tx: &mut Tx, part: Part, id: &WorkListId) -> Result<WorkList, Error> {
    work_list(part, super::lease::work_list(tx, part, id).await?)
}

fn work_list(part: Part, stored: StoredWorkList) -> Result<WorkList, Error> {
    let work_list_id = WorkListId::new(stored.id.as_str())
        .map_err(|error| Damage::of("work_list", part, stored.number.0, error))?;
    Ok(WorkList {
        work_list_id,
        settings: stored.settings,
        version: stored.version,
        create_time: stored.create_time,
        update_time: stored.update_time,
    })
}

/// Replaces a work list. Leases granted from it stay as they are.
///
/// # Errors
/// `NotFound` for the list or a portfolio it names; `EtagMismatch`.
pub async fn update_work_list(
    engine: &Arc<Engine>,
    caller: &Caller,
    work_list_id: WorkListId,
    settings: WorkListSettings,
    etag: &str,
) -> Result<WorkList, Error> {
    let parts = engine.parts(caller).await?;
    let (caller, etag) = (caller.clone(), etag.to_owned());
    engine
        .write(move |tx, now| {
            Box::pin(async move {
                let change = (&work_list_id, &settings, etag.as_str());
                for part in parts.all() {
                    update(tx, *part, (&caller.subject, now), change).await?;
                }
                stored(tx, parts.first(), &work_list_id).await
            })
        })
        .await
}

async fn update(
    tx: &mut Tx,
    part: Part,
    by: (&str, Micros),
    (id, settings, etag): (&WorkListId, &WorkListSettings, &str),
) -> Result<(), Error> {
    let (_, now) = by;
    let old = super::lease::work_list(tx, part, id).await?;
    let mismatch = || Error::EtagMismatch {
        resource: Resource::WorkList,
        id: id.to_string(),
        etag: etag.to_owned(),
    };
    if old.version.to_string() != etag {
        return Err(mismatch());
    }
    check_portfolios(tx, part, settings).await?;
    if !portfolios::update_work_list(tx, part, &old, settings, now).await? {
        return Err(mismatch());
    }
    note(tx, part, by, ("work_list.updated", settings)).await
}

/// One work list.
///
/// # Errors
/// `NotFound`.
pub async fn get_work_list(
    engine: &Arc<Engine>,
    caller: &Caller,
    work_list_id: WorkListId,
) -> Result<WorkList, Error> {
    let part = engine.parts(caller).await?.first();
    let mut tx = engine.store.read().await?;
    stored(&mut tx, part, &work_list_id).await
}

/// A page of the tenant's work lists by id, and the token of the next one.
///
/// # Errors
/// `PageTokenMalformed`, `PageTokenMismatch`.
pub async fn list_work_lists(
    engine: &Arc<Engine>,
    caller: &Caller,
    page_size: usize,
    token: &str,
) -> Result<(Vec<WorkList>, String), Error> {
    let request = PageToken::request("work lists", &[&caller.tenant]);
    let after = PageToken::read(token, request)?;
    let part = engine.parts(caller).await?.first();
    let mut tx = engine.store.read().await?;
    let mut rows = portfolios::list_work_lists(&mut tx, part, &after, page_size + 1).await?;
    let next = PageToken::cut(&mut rows, page_size, request, |last| last.id.clone());
    let read = rows.into_iter().map(|stored| work_list(part, stored));
    Ok((read.collect::<Result<_, Error>>()?, next))
}
