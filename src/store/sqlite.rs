//! SQLite: a file in a folder of its own, one writer, many readers. All that
//! differs from other databases stands here and in the files below.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, Value as SqlValue, ValueRef};
use rusqlite::{Connection, params_from_iter};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::db::{Batch, Tx, Value};
use super::row::{Cells, Row};
use super::text::{Placeholder, Texts, expand};
use super::{StoreError, inspect};

mod readers;
mod writer;

pub(super) use readers::{Reader, Readers};
pub(super) use writer::{Writer, job};

/// The name of the database in its folder.
pub(super) const DATABASE_FILE: &str = "arrears.db";
/// How many readers may read at once.
const READERS_MAX: usize = 8;
/// Prepared statements kept per connection; batches have several sizes each.
const STATEMENTS_KEPT: usize = 512;
/// How long a connection waits for another process that holds the database.
pub(super) const BUSY_WAIT: Duration = Duration::from_secs(5);

/// How many rows the statements of a batch have: few texts are ever prepared, and
/// a push of 500 or 1,000 takes few statements.
const BATCH_ROWS: [usize; 9] = [500, 200, 100, 50, 20, 10, 5, 2, 1];

/// Opens the database in a folder, creating and migrating it as needed.
pub(super) async fn open(folder: &Path) -> Result<(Writer, Readers), StoreError> {
    std::fs::create_dir_all(folder)
        .map_err(|error| StoreError::Unavailable(format!("{}: {error}", folder.display())))?;
    let file = folder.join(DATABASE_FILE);
    let connection = connect(file.clone()).await?;
    migrate(&file).await?;
    let writer = Writer::start(Tx::writer(connection))?;
    Ok((writer, Readers::new(file, READERS_MAX)))
}

/// The writer's connection.
async fn connect(file: PathBuf) -> Result<Connection, StoreError> {
    let opened = tokio::task::spawn_blocking(move || {
        let connection = Connection::open(file)?;
        connection.busy_timeout(BUSY_WAIT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // An acknowledged write survives a power failure, at one fsync a group.
        connection.pragma_update(None, "synchronous", "FULL")?;
        // Fewer, larger checkpoints: a push of a night writes each page once.
        connection.pragma_update(None, "wal_autocheckpoint", 16_000)?;
        connection.pragma_update(None, "cache_size", -65_536)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        Ok(connection)
    });
    opened.await.map_err(|_| StoreError::Closed)?
}

/// Brings the tables up to date, by the same means that other databases need:
/// the only statements that do not go by way of the seam.
async fn migrate(file: &Path) -> Result<(), StoreError> {
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(BUSY_WAIT);
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))?;
    inspect::MIGRATIONS.run(&mut connection).await?;
    connection.close().await.map_err(|error| StoreError::Unavailable(error.to_string()))
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let json = |list: serde_json::Value| ToSqlOutput::Owned(SqlValue::Text(list.to_string()));
        let cell = match self {
            Value::Int(Some(value)) => ValueRef::Integer(*value),
            Value::Text(Some(value)) => ValueRef::Text(value.as_bytes()),
            Value::Blob(Some(value)) => ValueRef::Blob(value),
            Value::Int(None) | Value::Text(None) | Value::Blob(None) => ValueRef::Null,
            Value::Ints(values) => return Ok(json(values.as_slice().into())),
            Value::Texts(values) => return Ok(json(values.as_slice().into())),
        };
        Ok(ToSqlOutput::Borrowed(cell))
    }
}

/// Runs statements without parameters or answers.
pub(super) fn script(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    Ok(connection.execute_batch(sql)?)
}

/// Runs a statement; returns how many rows it touched.
pub(super) fn execute(
    connection: &Connection,
    sql: &'static str,
    params: Vec<Value>,
) -> Result<u64, StoreError> {
    run(connection, &plain(sql), params)
}

/// Runs a statement; returns all its rows.
pub(super) fn fetch_all<T: Row>(
    connection: &Connection,
    sql: &'static str,
    params: Vec<Value>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(&plain(sql))?;
    let mut rows = statement.query(params_from_iter(params))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(T::read(&mut Cells::of_sqlite(row))?);
    }
    Ok(found)
}

/// Runs a batch; returns how many rows it touched.
pub(super) fn execute_batch(
    connection: &Connection,
    batch: Batch,
    fixed: &[Value],
    rows: Vec<Value>,
) -> Result<u64, StoreError> {
    let mut touched = 0;
    for (text, params) in split(batch, fixed, rows) {
        touched += run(connection, &text, params)?;
    }
    Ok(touched)
}

fn run(connection: &Connection, text: &str, params: Vec<Value>) -> Result<u64, StoreError> {
    let touched = connection.prepare_cached(text)?.execute(params_from_iter(params))?;
    Ok(u64::try_from(touched).unwrap_or(u64::MAX))
}

/// Cuts the rows of a batch into statements of as many rows as fit.
fn split(
    batch: Batch,
    fixed: &[Value],
    rows: Vec<Value>,
) -> impl Iterator<Item = (Arc<str>, Vec<Value>)> {
    let mut left = rows.len() / batch.columns.len();
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let count = BATCH_ROWS.into_iter().find(|count| *count <= left)?;
        left -= count;
        let mut params = Vec::with_capacity(fixed.len() + count * batch.columns.len());
        params.extend(rows.by_ref().take(count * batch.columns.len()));
        params.extend_from_slice(fixed);
        Some((of_rows(batch, count), params))
    })
}

/// By text and number of rows; 0 = no batch.
static TEXTS: LazyLock<Texts<(&'static str, usize)>> = LazyLock::new(Texts::default);

/// A plain statement: lists are read from JSON, and `$n` is written `?n`, because
/// SQLite takes the former for a name, and numbers names as they come.
fn plain(sql: &'static str) -> Arc<str> {
    TEXTS.get((sql, 0), || expanded(sql, "").replace('$', "?"))
}

/// A batch over so many rows. The rows come first, their cells without numbers:
/// SQLite looks a numbered parameter up in a list of all names, which makes a batch
/// cost the square of its size. The fixed parameters take the numbers behind them.
fn of_rows(batch: Batch, count: usize) -> Arc<str> {
    TEXTS.get((batch.text, count), || {
        let row = format!("({})", vec!["?"; batch.columns.len()].join(", "));
        let mut text = expanded(batch.text, &vec![row; count].join(", "));
        for number in (1..=batch.fixed).rev() {
            let behind = count * batch.columns.len() + number;
            text = text.replace(&format!("${number}"), &format!("?{behind}"));
        }
        text
    })
}

fn expanded(sql: &'static str, rows: &str) -> String {
    expand(sql, |placeholder, text| match placeholder {
        Placeholder::Rows => text.push_str(rows),
        Placeholder::Ints(parameter) | Placeholder::Texts(parameter) => {
            text.push_str(&format!("(SELECT value FROM json_each({parameter}))"));
        }
        Placeholder::Pairs(first, second) | Placeholder::TextPairs(first, second) => text.push_str(
            &format!("(SELECT value AS first, {second} ->> key AS second FROM json_each({first}))"),
        ),
        // One writer: there is nobody to lock out.
        Placeholder::Lock(_) => {}
        Placeholder::Sqlite(more) => text.push_str(more),
    })
}

/// The texts that SQLite sees of statements and batches, by name.
#[cfg(test)]
pub(super) fn texts_for_tests(
    statements: &[(&'static str, &'static str, &'static str)],
    batches: &[(&'static str, Batch)],
) -> Vec<(String, Arc<str>)> {
    let texts = statements.iter().map(|(file, name, text)| (format!("{file} {name}"), plain(text)));
    let rows = batches.iter().flat_map(|(file, batch)| {
        [1, 2, BATCH_ROWS[0]].map(|count| (format!("{file} x{count}"), of_rows(*batch, count)))
    });
    texts.chain(rows).collect()
}
