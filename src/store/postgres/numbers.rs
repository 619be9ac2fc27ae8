//! Numbers in blocks: taken in a transaction of their own, so that no two pushes
//! wait for each other over a counter. What is left of a block is lost with the
//! process; numbers need not be dense.

use std::collections::HashMap;

use sqlx::postgres::PgPool;
use tokio::sync::Mutex;

use crate::model::Part;

use super::super::StoreError;
use super::super::db::{Lock, params};
use super::super::numbers::{NumberKind, TAKE};
use super::transaction::Lack;
use super::{PgTx, Postgres};

/// How many numbers of cases and debtors are taken at once.
const BLOCK: i64 = 4_096;

/// Numbers taken and not yet given out: the next one, and the end.
type Left = HashMap<(Part, i32), (i64, i64)>;

/// The blocks of this process, and the one connection that takes them: a transaction
/// that needs a number has a connection already, and must not wait for a second one
/// of the same pool.
pub(super) struct NumberBlocks {
    pool: PgPool,
    left: Mutex<Left>,
}

impl NumberBlocks {
    pub(super) fn new(pool: PgPool) -> NumberBlocks {
        NumberBlocks { pool, left: Mutex::default() }
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }
}

impl Postgres {
    /// Gives out numbers in a row of those taken; returns the first. Nothing where there
    /// are not as many, or somebody takes some right now: whoever does so waits for a
    /// connection, perhaps for that of the caller.
    fn given(&self, lack: Lack) -> Option<i64> {
        let mut left = self.0.numbers.left.try_lock().ok()?;
        give(left.entry((lack.part, lack.kind as i32)).or_default(), lack.count)
    }

    /// Takes a block of at least so many numbers, unless somebody has done so meanwhile;
    /// returns the first and keeps the others.
    async fn taken(&self, lack: Lack) -> Result<i64, StoreError> {
        let mut left = self.0.numbers.left.lock().await;
        let own = left.entry((lack.part, lack.kind as i32)).or_default();
        self.fill(own, lack).await?;
        give(own, lack.count).ok_or(StoreError::Closed)
    }

    /// Takes a block for a transaction that has ended and runs anew.
    pub(super) async fn take_numbers(&self, lack: Lack) -> Result<(), StoreError> {
        let mut left = self.0.numbers.left.lock().await;
        self.fill(left.entry((lack.part, lack.kind as i32)).or_default(), lack).await
    }

    async fn fill(&self, (next, end): &mut (i64, i64), lack: Lack) -> Result<(), StoreError> {
        let Lack { part, kind, count } = lack;
        if *end - *next >= count {
            return Ok(());
        }
        let size = match kind {
            NumberKind::Case | NumberKind::Debtor => count.max(BLOCK),
            NumberKind::Portfolio | NumberKind::WorkList => count,
            // Numbered without gaps, by the transaction that writes them.
            NumberKind::Audit | NumberKind::Change => return Err(StoreError::Closed),
        };
        let mut tx = PgTx::begin(self, &self.0.numbers.pool, true).await?;
        let params = params![part.0, kind as i32, size];
        let rows: Vec<(i64,)> = tx.fetch_all(TAKE, params, Lock::None).await?;
        tx.commit().await?;
        *end = rows.first().map(|row| row.0).ok_or(StoreError::Closed)?;
        *next = *end - size;
        Ok(())
    }
}

fn give((next, end): &mut (i64, i64), count: i64) -> Option<i64> {
    (*end - *next >= count).then(|| {
        *next += count;
        *next - count
    })
}

impl PgTx {
    /// Takes `count` numbers in a row, for good: also if this transaction is undone.
    /// Returns the first.
    ///
    /// # Errors
    /// `Conflict` behind a pooler where numbers have to be taken first: each of its few
    /// connections may be that of a transaction that waits for one more.
    pub(in super::super) async fn numbers(
        &mut self,
        part: Part,
        kind: NumberKind,
        count: i64,
    ) -> Result<i64, StoreError> {
        let lack = Lack { part, kind, count };
        let store = self.store().clone();
        match store.given(lack) {
            Some(first) => Ok(first),
            None if store.0.pooled => Err(self.lack(lack)),
            None => store.taken(lack).await,
        }
    }
}
