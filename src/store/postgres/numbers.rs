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
    /// Takes `count` numbers in a row; returns the first.
    async fn numbers(&self, part: Part, kind: NumberKind, count: i64) -> Result<i64, StoreError> {
        let blocks = &self.0.numbers;
        let mut left = blocks.left.lock().await;
        let (next, end) = left.entry((part, kind as i32)).or_default();
        if *end - *next < count {
            let size = match kind {
                NumberKind::Case | NumberKind::Debtor => count.max(BLOCK),
                NumberKind::Portfolio | NumberKind::WorkList => count,
                // Numbered without gaps, by the transaction that writes them.
                NumberKind::Audit | NumberKind::Change => return Err(StoreError::Closed),
            };
            let mut tx = PgTx::begin(self, &blocks.pool, true).await?;
            let params = params![part.0, kind as i32, size];
            let rows: Vec<(i64,)> = tx.fetch_all(TAKE, params, Lock::None).await?;
            tx.commit().await?;
            let taken = rows.first().map(|row| row.0);
            *end = taken.ok_or(StoreError::Closed)?;
            *next = *end - size;
        }
        *next += count;
        Ok(*next - count)
    }
}

impl PgTx {
    /// Takes `count` numbers in a row, for good: also if this transaction is undone.
    /// Returns the first.
    pub(in super::super) async fn numbers(
        &mut self,
        part: Part,
        kind: NumberKind,
        count: i64,
    ) -> Result<i64, StoreError> {
        self.store().numbers(part, kind, count).await
    }
}
