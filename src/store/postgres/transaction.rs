//! One transaction: a connection of its own from BEGIN to COMMIT, and what went
//! wrong on it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnection, PgPool, PgRow};
use sqlx::{Arguments as _, AssertSqlSafe, Row as _};

use crate::model::{Micros, Part};

use super::super::StoreError;
use super::super::db::{Batch, Column, Lock, Value};
use super::super::numbers::NumberKind;
use super::super::queue::guard::Lineage;
use super::super::row::{Cells, Row};
use super::{Postgres, citus, set_local, text};

/// The database's instant in microseconds, which every transaction begins with.
pub(super) const NOW: &str =
    "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)";

/// The most values of a statement whose rows are written out; the protocol takes 65,535.
const WRITTEN_OUT_MAX: usize = 30_000;

/// The timeline of the database, 0 while it follows another one, and whether a commit is
/// acknowledged only when a standby has it. The name of a file of the log begins with its
/// timeline, which every role may ask for.
pub(super) const LINEAGE: &str = "CASE WHEN pg_is_in_recovery() THEN 0 ELSE CAST(CAST(\
    'x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS bit(32)) AS bigint) END, \
    CAST(current_setting('synchronous_standby_names') <> '' AND \
    current_setting('synchronous_commit') IN ('on', 'remote_apply', 'remote_write') AS int)";

/// How long a pooler may let a transaction wait for a connection to the database.
const POOLER_WAIT: Duration = Duration::from_secs(10);

/// Why a transaction may run anew from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// Another transaction came between.
    Conflict,
    /// The connection was lost, before anything could have been committed.
    Lost,
}

/// Numbers that a transaction needs and this process does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lack {
    pub(super) part: Part,
    pub(super) kind: NumberKind,
    pub(super) count: i64,
}

/// A transaction. Dropped before its end, it is undone.
pub(in super::super) struct PgTx {
    connection: Option<PoolConnection<sqlx::Postgres>>,
    store: Postgres,
    writes: bool,
    begun: Micros,
    lineage: Option<Lineage>,
    retry: Option<Retry>,
    /// Numbers to be taken before it runs anew.
    lacks: Option<Lack>,
}

impl PgTx {
    /// Begins a transaction, in one round trip with asking what time it is.
    pub(super) async fn begin(
        store: &Postgres,
        pool: &PgPool,
        writes: bool,
    ) -> Result<PgTx, StoreError> {
        // Connections that have died in the pool are found out here: after a restart of
        // the database that is every one of them.
        let mut dead = 0;
        loop {
            // From here on it is undone when whoever waits for it leaves: a connection that
            // went back to the pool within a transaction would be the next one's.
            let mut tx = PgTx {
                connection: Some(pool.acquire().await?),
                store: store.clone(),
                writes,
                begun: Micros(0),
                lineage: None,
                retry: None,
                lacks: None,
            };
            let connection = tx.connection.as_mut().ok_or(StoreError::Closed)?;
            match begin_on(store, connection, writes).await {
                Ok(row) => {
                    tx.begun = Micros(row.try_get_unchecked(0)?);
                    tx.lineage = lineage(&row)?;
                    return Ok(tx);
                }
                Err(error) => {
                    tx.abandon();
                    if !is_lost(&error) || dead == pool.options().get_max_connections() {
                        return Err(error.into());
                    }
                    dead += 1;
                }
            }
        }
    }

    pub(in super::super) fn begun(&self) -> Micros {
        self.begun
    }

    pub(in super::super) fn lineage(&self) -> Option<Lineage> {
        self.lineage
    }

    pub(in super::super) fn note_conflict(&mut self) {
        self.retry = Some(Retry::Conflict);
    }

    /// Why the transaction may run anew.
    pub(super) fn retry(&self) -> Option<Retry> {
        self.retry
    }

    pub(super) fn store(&self) -> &Postgres {
        &self.store
    }

    /// Says that it cannot go on before these numbers were taken.
    pub(super) fn lack(&mut self, lack: Lack) -> StoreError {
        self.lacks = Some(lack);
        self.note_conflict();
        StoreError::Conflict(format!("{} numbers have to be taken first", lack.count))
    }

    /// The numbers to be taken before it runs anew.
    pub(super) fn lacks(&self) -> Option<Lack> {
        self.lacks
    }

    /// Runs statements without parameters or answers.
    pub(in super::super) async fn script(&mut self, sql: &'static str) -> Result<(), StoreError> {
        let connection = self.connection.as_mut().ok_or(StoreError::Closed)?;
        let done = sqlx::raw_sql(sql).execute(&mut **connection).await;
        done.map(|_| ()).map_err(|error| self.failed(error))
    }

    /// Runs a statement; returns how many rows it touched.
    pub(in super::super) async fn execute(
        &mut self,
        sql: &'static str,
        params: Vec<Value>,
    ) -> Result<u64, StoreError> {
        self.run(text::plain(sql, Lock::None), arguments(params)?).await
    }

    /// Runs a statement; returns all its rows.
    pub(in super::super) async fn fetch_all<T: Row>(
        &mut self,
        sql: &'static str,
        params: Vec<Value>,
        lock: Lock,
    ) -> Result<Vec<T>, StoreError> {
        let text = text::plain(sql, if self.writes { lock } else { Lock::None });
        let query = sqlx::query_with(AssertSqlSafe(text), arguments(params)?)
            .persistent(!self.store.0.pooled);
        let connection = self.connection.as_mut().ok_or(StoreError::Closed)?;
        let rows: Result<Vec<PgRow>, _> = query.fetch_all(&mut **connection).await;
        let rows = rows.map_err(|error| self.failed(error))?;
        rows.iter().map(|row| T::read(&mut Cells::of_postgres(row))).collect()
    }

    /// Runs a statement of at most one row that waits for a row no longer than `wait`, or
    /// than any does. All in one message: settings of their own would cost two more.
    pub(in super::super) async fn fetch_within<T: Row>(
        &mut self,
        sql: &'static str,
        numbers: &[i64],
        wait: Duration,
    ) -> Result<Option<T>, StoreError> {
        let (full, distributed) = (self.store.0.lock_timeout, self.store.0.distributed);
        let short = lock_wait(wait.min(full), distributed);
        let text = text::with_numbers(sql, numbers);
        let text = format!("{short}{text}; {}", lock_wait(full, distributed));
        let connection = self.connection.as_mut().ok_or(StoreError::Closed)?;
        let rows = sqlx::raw_sql(AssertSqlSafe(text)).fetch_all(&mut **connection).await;
        let rows = rows.map_err(|error| self.failed(error))?;
        rows.first().map(|row| T::read(&mut Cells::of_postgres(row))).transpose()
    }

    /// Runs a batch; returns how many rows it touched.
    pub(in super::super) async fn execute_batch(
        &mut self,
        batch: Batch,
        fixed: Vec<Value>,
        rows: Vec<Value>,
    ) -> Result<u64, StoreError> {
        if self.store.0.distributed && batch.inserts() {
            return self.insert_written_out(batch, fixed, rows).await;
        }
        let mut arguments = arguments(fixed)?;
        add_columns(&mut arguments, batch.columns, rows)?;
        self.run(text::batch(batch), arguments).await
    }

    /// Inserts rows in slices, each row written out.
    async fn insert_written_out(
        &mut self,
        batch: Batch,
        fixed: Vec<Value>,
        mut rows: Vec<Value>,
    ) -> Result<u64, StoreError> {
        let width = batch.columns.len();
        let mut touched = 0;
        while !rows.is_empty() {
            let count = (rows.len() / width).min(WRITTEN_OUT_MAX / width);
            let rest = rows.split_off(count * width);
            let values = fixed.iter().cloned().chain(rows).collect();
            let kept = count <= text::WRITTEN_OUT_KEPT;
            let text = text::written_out(batch, count);
            touched += self.run_kept(text, arguments(values)?, kept).await?;
            rows = rest;
        }
        Ok(touched)
    }

    async fn run(&mut self, text: Arc<str>, arguments: PgArguments) -> Result<u64, StoreError> {
        self.run_kept(text, arguments, true).await
    }

    async fn run_kept(
        &mut self,
        text: Arc<str>,
        arguments: PgArguments,
        kept: bool,
    ) -> Result<u64, StoreError> {
        let query = sqlx::query_with(AssertSqlSafe(text), arguments)
            .persistent(kept && !self.store.0.pooled);
        let connection = self.connection.as_mut().ok_or(StoreError::Closed)?;
        let done = query.execute(&mut **connection).await;
        done.map(|done| done.rows_affected()).map_err(|error| self.failed(error))
    }

    /// Notes whether the transaction may run anew after a failure.
    fn failed(&mut self, error: sqlx::Error) -> StoreError {
        if matches!(&error, sqlx::Error::Database(of) if of.code().is_some_and(|is| is == "40P01"))
        {
            // Rows are locked in one order; whoever sees this has found a bug.
            tracing::error!(%error, "two transactions waited for each other");
        }
        let lost = is_lost(&error);
        let error = StoreError::from(error);
        self.retry = match &error {
            StoreError::Conflict(_) => Some(Retry::Conflict),
            _ if lost => {
                self.abandon();
                Some(Retry::Lost)
            }
            _ => self.retry,
        };
        error
    }

    /// Ends the transaction; what it wrote is durable from then on.
    ///
    /// # Errors
    /// `Conflict` where it is certain that nothing was kept; `Unavailable` where it is
    /// not known whether it was.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        let Some(mut connection) = self.connection.take() else { return Err(StoreError::Closed) };
        match sqlx::raw_sql("COMMIT").execute(&mut *connection).await {
            Ok(_) => Ok(()),
            Err(error) => {
                connection.close_on_drop();
                let told = matches!(&error, sqlx::Error::Database(_)) && !is_lost(&error);
                match told {
                    true => Err(error.into()),
                    false => Err(StoreError::Unavailable(format!(
                        "whether the change was kept is not known: {error}"
                    ))),
                }
            }
        }
    }

    /// Undoes the transaction.
    pub(super) async fn rollback(mut self) {
        if let Some(connection) = self.connection.take() {
            undo(connection).await;
        }
    }

    /// Gives up a connection on which nothing can be said any more.
    fn abandon(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            connection.close_on_drop();
        }
    }
}

impl Drop for PgTx {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(undo(connection));
            }
            Err(_) => connection.close_on_drop(),
        }
    }
}

/// From here on, to the end of the transaction, statements wait so long for a row.
fn lock_wait(wait: Duration, distributed: bool) -> String {
    // 0 would be to wait for ever.
    let setting = [("lock_timeout", wait.as_millis().max(1).to_string())];
    match distributed {
        true => citus::on_nodes(&setting[0]),
        false => set_local(&setting),
    }
}

/// Says BEGIN. A pooler lets it wait until it has a connection to the database.
async fn begin_on(
    store: &Postgres,
    connection: &mut PgConnection,
    writes: bool,
) -> Result<PgRow, sqlx::Error> {
    let begin = if writes { &store.0.begin_write } else { &store.0.begin_read };
    let begun = sqlx::raw_sql(AssertSqlSafe(begin.as_str())).fetch_one(connection);
    match store.0.pooled {
        false => begun.await,
        true => {
            let within = tokio::time::timeout(POOLER_WAIT, begun).await;
            within.unwrap_or(Err(sqlx::Error::PoolTimedOut))
        }
    }
}

/// What the answer to BEGIN says beside the time, if it does.
fn lineage(row: &PgRow) -> Result<Option<Lineage>, sqlx::Error> {
    if row.len() < 3 {
        return Ok(None);
    }
    let synchronous: i32 = row.try_get_unchecked(2)?;
    Ok(Some(Lineage { timeline: row.try_get_unchecked(1)?, synchronous: synchronous != 0 }))
}

async fn undo(mut connection: PoolConnection<sqlx::Postgres>) {
    if sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await.is_err() {
        connection.close_on_drop();
    }
}

/// Whether the connection is gone, or the server has told it to go: also because this
/// process stood still in a transaction for longer than the server waits.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("08")
                || code.starts_with("57P")
                || ["XX000", "25P03", "25P04"].contains(&&*code)
        }),
        _ => false,
    }
}

fn arguments(params: Vec<Value>) -> Result<PgArguments, StoreError> {
    let mut arguments = PgArguments::default();
    for value in params {
        let added = match value {
            Value::Int(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Blob(value) => arguments.add(value),
            Value::Ints(values) => arguments.add(values),
            Value::Texts(values) => arguments.add(values),
        };
        added.map_err(not_encoded)?;
    }
    Ok(arguments)
}

/// Adds the rows of a batch, an array for every column.
fn add_columns(
    arguments: &mut PgArguments,
    columns: &[Column],
    rows: Vec<Value>,
) -> Result<(), StoreError> {
    let count = rows.len() / columns.len();
    let mut ints: Vec<Vec<Option<i64>>> = Vec::new();
    let mut texts: Vec<Vec<Option<String>>> = Vec::new();
    let mut blobs: Vec<Vec<Option<Vec<u8>>>> = Vec::new();
    let places: Vec<usize> = columns
        .iter()
        .map(|column| match column {
            Column::Int => push_column(&mut ints, count),
            Column::Text => push_column(&mut texts, count),
            Column::Blob => push_column(&mut blobs, count),
        })
        .collect();
    for (value, place) in rows.into_iter().zip(places.iter().cycle()) {
        match value {
            Value::Int(value) => ints[*place].push(value),
            Value::Text(value) => texts[*place].push(value),
            Value::Blob(value) => blobs[*place].push(value),
            Value::Ints(_) | Value::Texts(_) => {
                return Err(StoreError::Database("a list stands in a row".into()));
            }
        }
    }
    for (column, place) in columns.iter().zip(places) {
        let added = match column {
            Column::Int => arguments.add(std::mem::take(&mut ints[place])),
            Column::Text => arguments.add(std::mem::take(&mut texts[place])),
            Column::Blob => arguments.add(std::mem::take(&mut blobs[place])),
        };
        added.map_err(not_encoded)?;
    }
    Ok(())
}

fn push_column<T>(columns: &mut Vec<Vec<T>>, count: usize) -> usize {
    columns.push(Vec::with_capacity(count));
    columns.len() - 1
}

fn not_encoded(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Database(error)
}
