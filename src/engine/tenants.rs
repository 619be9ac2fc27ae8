//! Where the data of callers lies.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::model::{CaseId, Micros, Part, Parts, PortfolioId};
use crate::store::{Tx, case_parts, tenants};

use super::{Caller, Engine, Error, Resource};

/// The tenants that this server has met. Once stored, the parts of a tenant never
/// change.
pub(super) struct Tenants {
    /// Over how many parts a tenant is spread that is met for the first time.
    buckets: i64,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    parts: HashMap<String, Arc<Parts>>,
    /// The part of the tenant's name, by each of its parts.
    homes: HashMap<Part, Part>,
}

impl Tenants {
    pub(super) fn new(buckets: i64) -> Tenants {
        Tenants { buckets, known: RwLock::default() }
    }

    fn find(&self, tenant: &str) -> Option<Arc<Parts>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.parts.get(tenant).map(Arc::clone)
    }

    /// Keeps what is stored of a tenant.
    pub(super) fn keep(&self, tenant: &str, parts: Parts) -> Arc<Parts> {
        let parts = Arc::new(parts);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.homes.extend(parts.all().iter().map(|part| (*part, parts.home())));
        known.parts.insert(tenant.to_owned(), Arc::clone(&parts));
        parts
    }

    /// The part of the name of the tenant whose part this is.
    pub(super) fn home_of(&self, part: Part) -> Part {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.homes.get(&part).copied().unwrap_or(part)
    }

    /// Makes the parts of a tenant its own, in a transaction that is about to store the
    /// first thing in them.
    pub(super) async fn claim(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        now: Micros,
    ) -> Result<Parts, Error> {
        Ok(tenants::claim(tx, (&caller.tenant, self.buckets), now).await?)
    }
}

impl Engine {
    /// The parts that the caller's data lies in. Of a tenant that has stored nothing it
    /// is one, in which there is nothing.
    pub(super) async fn parts(&self, caller: &Caller) -> Result<Arc<Parts>, Error> {
        if let Some(known) = self.tenants.find(&caller.tenant) {
            return Ok(known);
        }
        let mut tx = self.store.read().await?;
        Ok(match tenants::find(&mut tx, &caller.tenant).await? {
            Some(parts) => self.tenants.keep(&caller.tenant, parts),
            None => Arc::new(Parts::of_tenant(&caller.tenant, 1)),
        })
    }

    /// The part that a case lives in.
    ///
    /// # Errors
    /// `NotFound` for the portfolio or the case.
    pub(super) async fn part_of_case(
        &self,
        caller: &Caller,
        portfolio_id: &PortfolioId,
        case_id: &CaseId,
    ) -> Result<Part, Error> {
        let parts = self.parts(caller).await?;
        if let Some(part) = parts.only() {
            return Ok(part);
        }
        let directory = parts.directory_of(case_id);
        let mut tx = self.store.read().await?;
        let context = self.context_by_id(&mut tx, directory, portfolio_id).await?;
        let number = context.portfolio.number;
        let mut found = case_parts::find(&mut tx, directory, number, [case_id.as_str()]).await?;
        found
            .remove(case_id.as_str())
            .ok_or_else(|| Error::NotFound { resource: Resource::Case, id: case_id.to_string() })
    }
}
