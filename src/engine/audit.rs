//! Checking the audit.

use std::sync::Arc;

use crate::store::{Lock, audit};

use super::{Caller, Engine, Error};

/// Checks that the tenant's audit is unbroken from its first row to its last;
/// returns how many rows it has.
///
/// # Errors
/// A corrupt store, naming the first row that does not fit the one before it.
pub async fn verify_audit(engine: &Arc<Engine>, caller: &Caller) -> Result<i64, Error> {
    if engine.store.is_shared() {
        // What is acknowledged counts, chained yet or not.
        engine.number_changes_of(caller.part, Lock::Wait).await?;
    }
    let mut tx = engine.store.read().await?;
    Ok(audit::verify(&mut tx, caller.part).await?)
}
