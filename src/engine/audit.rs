//! The audit: noting a change of settings, and checking all of it.

use std::sync::Arc;

use crate::model::{CaseNo, Micros, Part};
use crate::store::audit::NewAuditRow;
use crate::store::changes::{self, ChangedCases};
use crate::store::{Lock, Tx, audit};

use super::{Caller, Engine, Error};

/// Notes a change that is of no case and tells of nobody: a hash of what was set, by whom
/// and when.
pub(super) async fn note(
    tx: &mut Tx,
    part: Part,
    by: (&str, Micros),
    (kind, content): (&'static str, &(impl std::fmt::Debug + Sync)),
) -> Result<(), Error> {
    let content = format!("{content:?}");
    let row = NewAuditRow { kind, case_no: None, content: content.as_bytes(), salt: &[] };
    Ok(changes::publish(tx, part, by, ChangedCases::new(), &[row]).await?)
}

/// Notes that somebody read the history of a case, in a transaction of its own. `asked` is
/// what was asked for; only a hash of it is kept, keyed by the debtor's salt.
pub(super) async fn note_read(
    engine: &Arc<Engine>,
    caller: &Caller,
    (part, case_no, salt): (Part, CaseNo, Vec<u8>),
    asked: impl std::fmt::Debug,
) -> Result<(), Error> {
    let (actor, content) = (caller.subject.clone(), format!("{asked:?}"));
    engine
        .write(move |tx, now| {
            Box::pin(async move {
                let row = NewAuditRow {
                    kind: "history.read",
                    case_no: Some(case_no),
                    content: content.as_bytes(),
                    salt: &salt,
                };
                let (by, none) = ((actor.as_str(), now), ChangedCases::new());
                Ok(changes::publish(tx, part, by, none, &[row]).await?)
            })
        })
        .await
}

/// Checks that the tenant's audit is unbroken from its first row to its last, in each of
/// its parts; returns how many rows it has.
///
/// # Errors
/// A corrupt store, naming the first row that does not fit the one before it.
pub async fn verify_audit(engine: &Arc<Engine>, caller: &Caller) -> Result<i64, Error> {
    let parts = engine.parts(caller).await?;
    if engine.store.is_shared() {
        // What is acknowledged counts, chained yet or not.
        for part in parts.all() {
            engine.number_changes_of(*part, Lock::Wait).await?;
        }
    }
    let mut rows = 0;
    for part in parts.all() {
        // A view of its own for each: no read lasts long.
        let mut tx = engine.store.read().await?;
        rows += audit::verify(&mut tx, *part).await?;
    }
    Ok(rows)
}
