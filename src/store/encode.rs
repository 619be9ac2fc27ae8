//! Stored bytes and model values. What is read back is checked again, as hard as
//! what callers send: bad bytes are `Corrupt` with table and key, never a panic.

use prost::Message;

mod facts;
mod history;
mod routing;
mod settings;

pub(crate) use facts::{
    WholeFacts, WholeFactsBody, apply_changed, changed_fields, content_hash, encode_facts,
    facts_from, facts_of, facts_to,
};
pub(crate) use history::{
    attempt_from, attempt_to, debtor_from, debtor_to, history_from, history_to, hold_from, hold_to,
    payment_from, payment_to, promise_from, promise_to, served_from, served_to,
};
pub(crate) use routing::{route_from, route_to, rules_from, rules_to};
pub(crate) use settings::{
    approval_from, default_kind_from, settings_from, settings_to, stage_bounds_from,
    work_list_from, work_list_to,
};

use super::{Damage, StoreError};
use crate::model::Part;

/// The generated stored messages.
#[allow(missing_docs, clippy::all)]
pub(crate) mod stored {
    tonic::include_proto!("arrears.store.v1");
}

/// The version of stored facts that this server writes. Rows of a higher one are
/// read as far as they are understood and never rewritten.
pub const FACTS_VERSION: i64 = 1;

/// Where bytes come from, for the error that names them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) table: &'static str,
    pub(crate) part: i64,
    pub(crate) key: i64,
}

impl Place {
    pub(crate) fn corrupt(self, why: impl ToString) -> StoreError {
        self.damage(why).into()
    }

    /// What a newer program wrote that this one does not know.
    pub(crate) fn newer(self, why: impl ToString) -> StoreError {
        let Damage { table, key, why } = self.damage(why);
        StoreError::Newer { table, key, why }
    }

    fn damage(self, why: impl ToString) -> Damage {
        Damage::of(self.table, Part(self.part), self.key, why)
    }

    pub(crate) fn decode<M: Message + Default>(self, bytes: &[u8]) -> Result<M, StoreError> {
        M::decode(bytes).map_err(|error| self.corrupt(error))
    }
}
