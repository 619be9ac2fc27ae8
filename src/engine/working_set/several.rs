//! The working sets of one transaction that works on several parts.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::model::{Micros, Part};
use crate::store::Tx;

use super::super::Error;
use super::super::context::Engine;
use super::{Effects, WorkingSet};

/// One working set for each part, in the order of the parts. Debtors are taken in hand part
/// by part in this order and before anything else is locked, so that no two transactions
/// wait for each other; then the sets are changed in any order, and written in this one.
pub(in super::super) struct WorkingSets {
    pub(in super::super) engine: Arc<Engine>,
    actor: String,
    now: Micros,
    sets: BTreeMap<Part, WorkingSet>,
}

impl WorkingSets {
    /// No set yet; `actor` is for the audit.
    pub(in super::super) fn new(engine: &Arc<Engine>, actor: &str, now: Micros) -> WorkingSets {
        let (engine, actor) = (Arc::clone(engine), actor.to_owned());
        WorkingSets { engine, actor, now, sets: BTreeMap::new() }
    }

    /// The set of a part.
    pub(in super::super) fn of(&mut self, part: Part) -> &mut WorkingSet {
        match self.sets.entry(part) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                entry.insert(WorkingSet::of_part(&self.engine, part, &self.actor, self.now))
            }
        }
    }

    /// Writes what changed, part by part.
    pub(in super::super) async fn save(self, tx: &mut Tx) -> Result<Vec<Effects>, Error> {
        let mut effects = Vec::with_capacity(self.sets.len());
        for set in self.sets.into_values() {
            effects.push(set.save(tx).await?);
        }
        Ok(effects)
    }
}
