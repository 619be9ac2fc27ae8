//! How many cases stand at which gate, by lane. Counted over the whole part at
//! most every 15 seconds, and only while somebody asks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Mutex as AsyncMutex;

use crate::model::{CaseNo, Gate, Micros, Part, PortfolioNo};
use crate::policy::oldest_served;
use crate::store::queue::{claim, count};

use super::super::{Engine, Error};

/// How long counts are believed.
const COUNTS_KEPT: i64 = 15 * Micros::SECOND;

/// The newest counts of each part. The lock of a part is held while it is counted,
/// so that those who ask at the same time wait for one count, and nobody for that
/// of another tenant.
#[derive(Default)]
pub(in super::super) struct Counts(Mutex<HashMap<Part, Arc<AsyncMutex<Newest>>>>);

type Newest = Option<Arc<Counted>>;

/// How a part stood at an instant.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) as_of: Micros,
    /// Cases that are not closed by lane and first failing gate; hours of contact
    /// are not looked at.
    pub(super) gates: BTreeMap<(i64, Gate), i64>,
    /// Since when the ready case that waits longest waits, by lane.
    pub(super) waiting_since: HashMap<i64, Micros>,
}

impl Counts {
    /// The counts of a part, at most 15 seconds old.
    pub(super) async fn of(&self, engine: &Engine, part: Part) -> Result<Arc<Counted>, Error> {
        let of_part = {
            let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(parts.entry(part).or_default())
        };
        let mut newest = of_part.lock().await;
        let now = engine.now();
        let fresh =
            |counted: &&Arc<Counted>| counted.as_of <= now && now < counted.as_of.plus(COUNTS_KEPT);
        if let Some(known) = newest.as_ref().filter(fresh) {
            return Ok(Arc::clone(known));
        }
        let counted = Arc::new(count_part(engine, part, now).await?);
        *newest = Some(Arc::clone(&counted));
        Ok(counted)
    }
}

async fn count_part(engine: &Engine, part: Part, now: Micros) -> Result<Counted, Error> {
    let mut counted = Counted { as_of: now, ..Counted::default() };
    let mut tx = engine.store.read().await?;
    engine.learn_directory(&mut tx, part).await?;
    let lanes = engine.directory.lanes_of(part);
    let portfolio_nos: BTreeSet<PortfolioNo> =
        lanes.iter().map(|(_, lane)| lane.portfolio_no).collect();
    let contexts = engine.contexts_by_no(&mut tx, part, &portfolio_nos).await?;
    let counted_at = engine.now_of(&tx);
    drop(tx);
    for context in contexts {
        let portfolio_no = context.portfolio.number;
        let old = oldest_served(&context.portfolio.settings, &context.zone, counted_at);
        let mut after = Some(CaseNo(0));
        while let Some(from) = after {
            // A transaction of its own for each slice: no read lasts long.
            let mut tx = engine.store.read().await?;
            let (counts, next) = count::count_slice(&mut tx, part, portfolio_no, from, old).await?;
            for slice in counts {
                *counted.gates.entry((slice.lane_id, slice.gate)).or_default() += slice.count;
            }
            after = next;
        }
    }
    let mut tx = engine.store.read().await?;
    let heads = claim::heads(&mut tx, part, lanes.iter().map(|(lane_id, _)| *lane_id)).await?;
    counted.waiting_since =
        heads.into_iter().map(|head| (head.lane_id, Micros(head.by_waiting.0))).collect();
    Ok(counted)
}
