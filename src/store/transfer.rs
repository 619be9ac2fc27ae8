//! Moving a service from a folder to PostgreSQL: every table is copied by its key in
//! slices, and in the end both sides are read again and compared. How far it has come
//! stands in the target, in a table of its own, so that it goes on where it broke off;
//! while that table is there nobody serves the target.

use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::StoreError;
use super::db::{Tx, Value, params};
use super::inspect::{self, Schema};
use super::postgres::{Postgres, PostgresOptions};
use super::sqlite::{BUSY_WAIT, DATABASE_FILE};

mod table;

use table::{Content, Table, key_of_text, key_text, tables};

const BEGIN: &str = "CREATE TABLE transfer_state (\
    table_name TEXT COLLATE \"C\" NOT NULL, \
    row_count BIGINT NOT NULL, \
    content_hash BYTEA NOT NULL, \
    copied BIGINT NOT NULL, \
    after_key TEXT, \
    PRIMARY KEY (table_name))";
const BEGUN: &str = "SELECT COUNT(to_regclass('transfer_state'))";
const NOTE: &str = "INSERT INTO transfer_state (table_name, row_count, content_hash, copied) \
    VALUES ($1, $2, $3, 0)";
const STATE: &str = "SELECT row_count, content_hash, copied, after_key FROM transfer_state \
    WHERE table_name = $1";
const ADVANCE: &str = "UPDATE transfer_state SET copied = copied + $3, after_key = $4 \
    WHERE table_name = $1 AND copied = $2";
const END: &str = "DROP TABLE transfer_state";
const TARGET_TABLES: &str = "SELECT CAST(relname AS TEXT) FROM pg_class \
    WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind IN ('r', 'p') \
    AND relname NOT IN ('_sqlx_migrations', 'transfer_state')";

/// What a transfer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reads the source, to know its content.
    Reading,
    /// Copies it.
    Copying,
    /// Reads the target, to compare it.
    Verifying,
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'t> {
    /// What it is doing.
    pub step: Step,
    /// With which table.
    pub table: &'t str,
    /// Rows of all tables that this step is done with.
    pub done: u64,
    /// Rows of all tables.
    pub total: u64,
}

/// A table that is on both sides now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transferred {
    /// The table.
    pub table: String,
    /// How many rows it has.
    pub rows: u64,
    /// The hash over all its rows in the order of their keys, the same on both sides.
    pub content_hash: Vec<u8>,
}

/// Why a transfer ended early. Nothing in the source has changed.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// Source or target are not what they must be.
    #[error("{0}")]
    Refused(String),
    /// What was written is not what was read.
    #[error("{table} has {rows} rows there, and {expected} here, or other content")]
    Differs {
        /// The table.
        table: String,
        /// Rows in the target.
        rows: u64,
        /// Rows in the source.
        expected: u64,
    },
    /// It was told to stop, and can go on where it is.
    #[error("stopped")]
    Stopped,
    /// A database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn refused<T>(why: impl Into<String>) -> Result<T, TransferError> {
    Err(TransferError::Refused(why.into()))
}

/// Copies the database in a folder into an empty one of PostgreSQL, or goes on with
/// that. `watch` hears how far it is and says whether to go on; nobody else can use the
/// folder meanwhile.
///
/// # Errors
/// `Refused` where a server runs over the folder, its tables are not those of this
/// program, the target has rows of its own, or an earlier transfer into it began with
/// another content; `Differs` where the copy is not the same.
pub async fn transfer(
    from: &Path,
    to: &PostgresOptions,
    mut watch: impl FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<Vec<Transferred>, TransferError> {
    let mut source = source(from)?;
    current(&mut source, from).await?;
    let target = Postgres::open_for_transfer(to).await?;
    let tables = tables(&mut source).await?;
    same_tables(&tables, &target).await?;
    let mut total = 0;
    for table in &tables {
        total += count(&mut source, table).await?;
    }
    let mut watcher = Watcher { watch: &mut watch, total, done: 0 };
    let mut contents = Vec::with_capacity(tables.len());
    for table in &tables {
        contents.push(read(table, Side::Source(&mut source), Step::Reading, &mut watcher).await?);
    }
    begin(&tables, &contents, &target).await?;
    watcher.done = 0;
    for table in &tables {
        copy(table, &mut source, &target, &mut watcher).await?;
    }
    watcher.done = 0;
    let mut done = Vec::with_capacity(tables.len());
    for (table, expected) in tables.iter().zip(&contents) {
        let found = read(table, Side::Target(&target), Step::Verifying, &mut watcher).await?;
        if (found.rows, found.hash()) != (expected.rows, expected.hash()) {
            let (table, expected) = (table.name.clone(), expected.rows);
            return Err(TransferError::Differs { table, rows: found.rows, expected });
        }
        let content_hash = found.hash();
        done.push(Transferred { table: table.name.clone(), rows: found.rows, content_hash });
    }
    let mut tx = target.begin().await?;
    for table in &tables {
        tx.script(table.analyze).await?;
    }
    tx.script(END).await?;
    Postgres::commit(tx).await?;
    Ok(done)
}

struct Watcher<'w> {
    watch: &'w mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
    total: u64,
    done: u64,
}

impl Watcher<'_> {
    fn note(&mut self, step: Step, table: &Table, rows: u64) -> Result<(), TransferError> {
        self.done += rows;
        let (done, total) = (self.done, self.total);
        match (self.watch)(Progress { step, table: &table.name, done, total }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(TransferError::Stopped),
        }
    }
}

/// The database of a folder for us alone. Whoever serves it has the file open, and a
/// lock on it, for as long as it runs.
fn source(folder: &Path) -> Result<Tx, TransferError> {
    let file = folder.join(DATABASE_FILE);
    if !file.exists() {
        return refused(format!("{} does not exist", file.display()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let alone = || {
        let connection = Connection::open_with_flags(&file, flags)?;
        // A server that was told to stop may need a moment.
        connection.busy_timeout(BUSY_WAIT)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.execute_batch("BEGIN EXCLUSIVE")?;
        Ok(connection)
    };
    match alone() {
        Ok(connection) => Ok(Tx::writer(connection)),
        Err(rusqlite::Error::SqliteFailure(error, _))
            if matches!(error.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) =>
        {
            refused(format!("{} is in use: stop the server that runs over it", folder.display()))
        }
        Err(error) => Err(StoreError::from(error).into()),
    }
}

async fn current(source: &mut Tx, folder: &Path) -> Result<(), TransferError> {
    let applied = match inspect::applied_in_file(source).await {
        Ok(applied) => applied,
        Err(error) => return refused(format!("{}: {error}", folder.display())),
    };
    match inspect::compare(&inspect::MIGRATIONS, &applied) {
        Schema::Current(_) => Ok(()),
        Schema::Older { .. } => refused(format!(
            "the tables in {0} are older than this program: run `arrears migrate up --data-dir \
             {0}` first",
            folder.display()
        )),
        _ => refused(format!(
            "the tables in {} are not those of this program: `arrears migrate status` shows them",
            folder.display()
        )),
    }
}

async fn same_tables(tables: &[Table], target: &Postgres) -> Result<(), TransferError> {
    let mut tx = target.read().await?;
    let mut there: Vec<String> = tx
        .fetch_all::<(String,)>(TARGET_TABLES, params![])
        .await?
        .into_iter()
        .map(|row| row.0)
        .collect();
    there.sort();
    let here: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let other = here.iter().find(|name| there.iter().all(|other| other != *name)).copied();
    let other = other.or(there.iter().map(String::as_str).find(|name| !here.contains(name)));
    match other {
        None => Ok(()),
        Some(name) => {
            refused(format!("table {name} is on one side only: name a schema of its own"))
        }
    }
}

async fn count(tx: &mut Tx, table: &Table) -> Result<u64, StoreError> {
    let row: Option<(i64,)> = tx.fetch_optional(table.count, params![]).await?;
    Ok(row.map_or(0, |(count,)| u64::try_from(count).unwrap_or_default()))
}

enum Side<'s> {
    Source(&'s mut Tx),
    Target(&'s Postgres),
}

/// Reads a table and returns what it holds.
async fn read(
    table: &Table,
    mut side: Side<'_>,
    step: Step,
    watcher: &mut Watcher<'_>,
) -> Result<Content, TransferError> {
    let mut content = Content::default();
    let mut after = None;
    loop {
        let rows = match &mut side {
            Side::Source(tx) => table.slice(tx, after).await?,
            // A view of its own each: a long one would keep old rows of everybody.
            Side::Target(target) => table.slice(&mut target.read().await?, after).await?,
        };
        content.add(&rows);
        watcher.note(step, table, rows.len() as u64)?;
        after = table.last_key(&rows);
        if after.is_none() {
            return Ok(content);
        }
    }
}

/// Notes what is to be copied in an empty target, or finds that the same was noted
/// before.
async fn begin(
    tables: &[Table],
    contents: &[Content],
    target: &Postgres,
) -> Result<(), TransferError> {
    let mut tx = target.begin().await?;
    let begun: Option<(i64,)> = tx.fetch_optional(BEGUN, params![]).await?;
    let begun = begun.is_some_and(|(count,)| count > 0);
    if !begun {
        for table in tables {
            if count(&mut tx, table).await? > 0 {
                return refused(format!("the target is not empty: {} has rows", table.name));
            }
        }
        tx.script(BEGIN).await?;
    }
    for (table, content) in tables.iter().zip(contents) {
        let name = table.name.as_str();
        let rows = i64::try_from(content.rows).unwrap_or(i64::MAX);
        if !begun {
            tx.execute(NOTE, params![name, rows, content.hash()]).await?;
            continue;
        }
        if state(&mut tx, name)
            .await?
            .is_none_or(|(count, hash, ..)| (count, hash) != (rows, content.hash()))
        {
            return refused(format!(
                "an earlier transfer into the target began with another content of {name}: the \
                 source has changed since, or it is another one; empty the target to begin anew"
            ));
        }
    }
    Ok(Postgres::commit(tx).await?)
}

/// Rows, hash, how many are copied, and the last key of those.
type State = (i64, Vec<u8>, i64, Option<String>);

async fn state(tx: &mut Tx, table: &str) -> Result<Option<State>, StoreError> {
    tx.fetch_optional(STATE, params![table]).await
}

/// Copies what is not copied of a table. Rows and how far they go are written in one
/// transaction each.
async fn copy(
    table: &Table,
    source: &mut Tx,
    target: &Postgres,
    watcher: &mut Watcher<'_>,
) -> Result<(), TransferError> {
    let name = table.name.as_str();
    let state = state(&mut target.read().await?, name).await?;
    let Some((_, _, mut copied, key)) = state else {
        return refused(OTHER);
    };
    let mut after = key.as_deref().and_then(key_of_text);
    watcher.note(Step::Copying, table, u64::try_from(copied).unwrap_or_default())?;
    loop {
        let rows = table.slice(source, after).await?;
        let Some(key) = table.last_key(&rows) else { return Ok(()) };
        let count = rows.len();
        let added = i64::try_from(count).unwrap_or(i64::MAX);
        let mut tx = target.begin().await?;
        let params = params![name, copied, added, key_text(&key)];
        if tx.execute(ADVANCE, params).await? != 1 {
            return refused(OTHER);
        }
        let cells: Vec<Value> = rows.into_iter().flatten().collect();
        tx.execute_batch(table.insert(), vec![], cells).await?;
        Postgres::commit(tx).await?;
        copied += added;
        after = Some(key);
        watcher.note(Step::Copying, table, count as u64)?;
    }
}

const OTHER: &str = "another transfer into the same target is under way";

/// The tables of a database in a folder, for the test that none is forgotten.
#[cfg(test)]
pub(super) async fn table_names(tx: &mut Tx) -> Result<Vec<String>, StoreError> {
    Ok(tables(tx).await?.into_iter().map(|table| table.name).collect())
}
