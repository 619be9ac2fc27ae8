//! The row that protects leases from a switch of the database to a standby.

use crate::model::{Micros, Part};

use super::super::StoreError;
use super::super::db::{Lock, Tx, params, statements};

statements! {
    GUARD = "SELECT timeline, synchronous, longest_lease, leases_from FROM lease_guard \
        WHERE part = $1 {lock:lease_guard}";
    SET_GUARD = "INSERT INTO lease_guard \
        (part, timeline, synchronous, longest_lease, leases_from) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (part) DO UPDATE SET timeline = excluded.timeline, \
        synchronous = excluded.synchronous, longest_lease = excluded.longest_lease, \
        leases_from = excluded.leases_from";
}

/// Which history of the database a transaction writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lineage {
    /// The number of the timeline: another one after every switch to a standby. 0 while
    /// the database only follows another one.
    pub(crate) timeline: i64,
    /// Whether a commit is acknowledged only when a standby has it.
    pub(crate) synchronous: bool,
}

/// What is remembered of the database under which leases were granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    /// The history under which they were.
    pub(crate) lineage: Lineage,
    /// The longest lease that was granted, in microseconds.
    pub(crate) longest_lease: i64,
    /// No lease is granted before this instant.
    pub(crate) leases_from: Micros,
}

/// What is remembered for a part; nobody else changes it until the transaction ends.
pub(crate) async fn load(tx: &mut Tx, part: Part) -> Result<Option<Guard>, StoreError> {
    let rows: Vec<(i64, i64, i64, i64)> =
        tx.fetch_locked(GUARD, params![part.0], Lock::Wait).await?;
    let row = rows.into_iter().next();
    Ok(row.map(|(timeline, synchronous, longest_lease, leases_from)| Guard {
        lineage: Lineage { timeline, synchronous: synchronous != 0 },
        longest_lease,
        leases_from: Micros(leases_from),
    }))
}

/// Remembers it.
pub(crate) async fn save(tx: &mut Tx, part: Part, guard: &Guard) -> Result<(), StoreError> {
    let Lineage { timeline, synchronous } = guard.lineage;
    let (longest, from) = (guard.longest_lease, guard.leases_from.0);
    tx.execute(SET_GUARD, params![part.0, timeline, synchronous, longest, from]).await?;
    Ok(())
}
