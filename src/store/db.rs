//! The driver seam: one SQL text per statement, run by whichever database is
//! behind it.
//!
//! A statement is a constant text with `$1, $2, ...`. Some placeholders expand to
//! what a database needs, so that the text itself stays one:
//! - `{rows}`: the rows of a batch, behind `VALUES`;
//! - `{ints:$2}`: a list of integers given as one parameter, behind `IN`, or behind
//!   `FROM` with `AS` and a name, where its column is `value`;
//! - `{texts:$2}`: likewise a list of texts;
//! - `{pairs:$2,$3}`: behind `FROM` with `AS` and a name, a table of two columns, `first`
//!   and `second`, whose rows are two lists of integers side by side; `{text_pairs:$2,$3}`
//!   likewise of texts;
//! - `{lock:d}`: locks the rows of the table named `d` until the transaction ends,
//!   where several transactions may write at once;
//! - `{sqlite:...}`: a hint for the planner of SQLite, which changes no result.

use std::time::Duration;

use super::StoreError;
use super::postgres::PgTx;
use super::queue::guard::Lineage;
use super::row::Row;
use super::sqlite::{self, Reader};
use crate::model::Micros;

/// A bound value; a null has a type too, because one of the databases demands it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Blob(Option<Vec<u8>>),
    /// The one parameter of `{ints:$n}`.
    Ints(Vec<i64>),
    /// The one parameter of `{texts:$n}`.
    Texts(Vec<String>),
}

macro_rules! value_from {
    ($($from:ty => |$value:ident| $into:expr;)+) => {$(
        impl From<$from> for Value {
            fn from($value: $from) -> Value {
                $into
            }
        }
    )+};
}

value_from! {
    Option<i32> => |value| Value::Int(value.map(i64::from));
    i64 => |value| Value::Int(Some(value));
    i32 => |value| Value::Int(Some(i64::from(value)));
    i16 => |value| Value::Int(Some(i64::from(value)));
    Option<i64> => |value| Value::Int(value);
    bool => |value| Value::Int(Some(i64::from(value)));
    String => |value| Value::Text(Some(value));
    &str => |value| Value::Text(Some(value.to_owned()));
    Option<String> => |value| Value::Text(value);
    Vec<u8> => |value| Value::Blob(Some(value));
    &[u8] => |value| Value::Blob(Some(value.to_vec()));
    Option<Vec<u8>> => |value| Value::Blob(value);
}

/// The values of one statement or row: `params![part, case_no]`.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::store::db::Value::from($value)),*]
    };
}
pub(crate) use params;

/// A list of integers as the one parameter of `{ints:$n}`.
pub(crate) fn int_list(values: impl IntoIterator<Item = i64>) -> Value {
    Value::Ints(values.into_iter().collect())
}

/// A list of texts as the one parameter of `{texts:$n}`.
pub(crate) fn text_list<'a>(values: impl IntoIterator<Item = &'a str>) -> Value {
    Value::Texts(values.into_iter().map(str::to_owned).collect())
}

/// Declares the statements of a file and lists them for the tests that hold the
/// rules over all statements.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)+) => {
        $($(#[$doc])* pub(super) const $name: &str = $text;)+

        /// All plain statements of this file, by name.
        #[cfg(test)]
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}
pub(crate) use statements;

/// The type of a column of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Int,
    Text,
    Blob,
}

/// A statement over many rows: its text has `{rows}`, its first parameters
/// (`fixed` of them) are the same for all rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    pub(crate) text: &'static str,
    pub(crate) fixed: usize,
    pub(crate) columns: &'static [Column],
}

impl Batch {
    /// Whether it inserts its rows.
    pub(super) fn inserts(&self) -> bool {
        self.text.starts_with("INSERT")
    }
}

/// How rows are locked that a statement reads, where several transactions may write
/// at once. With one writer there is nothing to lock, and a reader locks nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lock {
    /// Not at all.
    None,
    /// Waits until whoever has a row lets go of it.
    Wait,
    /// Leaves out rows that somebody has.
    Skip,
}

/// A transaction: one that may write, or a reader's view of one instant.
pub(crate) struct Tx(Inner);

enum Inner {
    /// The one writer of an SQLite file; its statements run at once, on the writer's
    /// own thread.
    Writer(rusqlite::Connection),
    /// A reader of an SQLite file; its statements run on a thread that may wait. Gone
    /// while one runs, and for good if whoever waited for it left.
    Reader(Option<Reader>),
    /// A transaction on PostgreSQL.
    Postgres(Box<PgTx>),
}

impl Tx {
    pub(super) fn writer(connection: rusqlite::Connection) -> Tx {
        Tx(Inner::Writer(connection))
    }

    pub(super) fn reader(reader: Reader) -> Tx {
        Tx(Inner::Reader(Some(reader)))
    }

    pub(super) fn postgres(tx: PgTx) -> Tx {
        Tx(Inner::Postgres(Box::new(tx)))
    }

    /// The transaction on PostgreSQL, if it is one.
    pub(super) fn pg(&mut self) -> Option<&mut PgTx> {
        match &mut self.0 {
            Inner::Postgres(tx) => Some(tx),
            Inner::Writer(_) | Inner::Reader(_) => None,
        }
    }

    /// The same, for good.
    pub(super) fn into_pg(self) -> Option<PgTx> {
        match self.0 {
            Inner::Postgres(tx) => Some(*tx),
            Inner::Writer(_) | Inner::Reader(_) => None,
        }
    }

    /// Whether other transactions may write while this one runs.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.0, Inner::Postgres(_))
    }

    /// The database's instant at the beginning of the transaction, where the database
    /// has a clock of its own.
    pub(crate) fn database_time(&self) -> Option<Micros> {
        match &self.0 {
            Inner::Postgres(tx) => Some(tx.begun()),
            Inner::Writer(_) | Inner::Reader(_) => None,
        }
    }

    /// Which history of the database the transaction writes to, where the database may be
    /// switched to another one and tells.
    pub(crate) fn lineage(&self) -> Option<Lineage> {
        match &self.0 {
            Inner::Postgres(tx) => tx.lineage(),
            Inner::Writer(_) | Inner::Reader(_) => None,
        }
    }

    /// Says that what this transaction has read was changed by another one, so that it
    /// has to run anew from its beginning.
    pub(crate) fn conflict(&mut self, why: impl Into<String>) -> StoreError {
        if let Some(tx) = self.pg() {
            tx.note_conflict();
        }
        StoreError::Conflict(why.into())
    }

    /// Runs statements without parameters or answers, such as the bounds of a
    /// transaction of the writer.
    pub(super) async fn script(&mut self, sql: &'static str) -> Result<(), StoreError> {
        match &mut self.0 {
            Inner::Writer(connection) => sqlite::script(connection, sql),
            Inner::Reader(place) => read(place, move |one| sqlite::script(one, sql)).await,
            Inner::Postgres(tx) => tx.script(sql).await,
        }
    }

    /// Runs a statement; returns how many rows it touched.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        params: Vec<Value>,
    ) -> Result<u64, StoreError> {
        check(sql, &params);
        match &mut self.0 {
            Inner::Writer(connection) => sqlite::execute(connection, sql, params),
            Inner::Reader(place) => read(place, move |one| sqlite::execute(one, sql, params)).await,
            Inner::Postgres(tx) => tx.execute(sql, params).await,
        }
    }

    /// Runs a statement; returns all its rows.
    pub(crate) async fn fetch_all<T: Row>(
        &mut self,
        sql: &'static str,
        params: Vec<Value>,
    ) -> Result<Vec<T>, StoreError> {
        self.fetch_locked(sql, params, Lock::None).await
    }

    /// Runs a statement that locks the rows it reads; returns all its rows.
    pub(crate) async fn fetch_locked<T: Row>(
        &mut self,
        sql: &'static str,
        params: Vec<Value>,
        lock: Lock,
    ) -> Result<Vec<T>, StoreError> {
        check(sql, &params);
        match &mut self.0 {
            Inner::Writer(connection) => sqlite::fetch_all(connection, sql, params),
            Inner::Reader(place) => {
                read(place, move |one| sqlite::fetch_all(one, sql, params)).await
            }
            Inner::Postgres(tx) => tx.fetch_all(sql, params, lock).await,
        }
    }

    /// Runs a statement of at most one row.
    pub(crate) async fn fetch_optional<T: Row>(
        &mut self,
        sql: &'static str,
        params: Vec<Value>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.fetch_all(sql, params).await?.into_iter().next())
    }

    /// Runs a statement of at most one row and of numbers only that waits for a row which
    /// another transaction has no longer than `wait`; what is run later waits as ever.
    ///
    /// # Errors
    /// `Conflict` where the row was not had in time.
    pub(crate) async fn fetch_within<T: Row>(
        &mut self,
        sql: &'static str,
        numbers: &[i64],
        wait: Duration,
    ) -> Result<Option<T>, StoreError> {
        match &mut self.0 {
            Inner::Postgres(tx) => tx.fetch_within(sql, numbers, wait).await,
            // A file has one writer, and a reader locks nothing.
            Inner::Writer(_) | Inner::Reader(_) => {
                let params = numbers.iter().map(|number| Value::from(*number)).collect();
                self.fetch_optional(sql, params).await
            }
        }
    }

    /// Runs a batch over `rows`, the values of all rows one after another. Returns how
    /// many rows it touched.
    pub(crate) async fn execute_batch(
        &mut self,
        batch: Batch,
        fixed: Vec<Value>,
        rows: Vec<Value>,
    ) -> Result<u64, StoreError> {
        check_batch(batch, &fixed, &rows);
        if rows.is_empty() {
            return Ok(0);
        }
        match &mut self.0 {
            Inner::Writer(connection) => sqlite::execute_batch(connection, batch, &fixed, rows),
            Inner::Reader(place) => {
                read(place, move |one| sqlite::execute_batch(one, batch, &fixed, rows)).await
            }
            Inner::Postgres(tx) => tx.execute_batch(batch, fixed, rows).await,
        }
    }
}

/// Does something with the connection of a reader, on a thread where that may take
/// its time.
async fn read<T, F>(place: &mut Option<Reader>, work: F) -> Result<T, StoreError>
where
    F: FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    T: Send + 'static,
{
    let mut reader = place.take().ok_or(StoreError::Closed)?;
    let ran = tokio::task::spawn_blocking(move || {
        let result = reader.connection().and_then(work);
        (reader, result)
    });
    let (reader, result) = match ran.await {
        Ok(ran) => ran,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => return Err(StoreError::Closed),
    };
    *place = Some(reader);
    result
}

/// SQLite binds NULL to a parameter that was not given; PostgreSQL refuses. Refuse
/// for both.
fn check(sql: &str, params: &[Value]) {
    debug_assert!(highest_parameter(sql) == params.len(), "{} parameters for {sql}", params.len());
}

/// PostgreSQL holds cells to the types of their columns; SQLite does not.
fn check_batch(batch: Batch, fixed: &[Value], rows: &[Value]) {
    debug_assert_eq!(fixed.len(), batch.fixed, "{}", batch.text);
    debug_assert_eq!(rows.len() % batch.columns.len(), 0, "{}", batch.text);
    debug_assert!(rows.iter().zip(batch.columns.iter().cycle()).all(|(cell, column)| matches!(
        (cell, column),
        (Value::Int(_), Column::Int)
            | (Value::Text(_), Column::Text)
            | (Value::Blob(_), Column::Blob)
    )));
}

/// The highest `$n` of a text.
pub(crate) fn highest_parameter(sql: &str) -> usize {
    sql.split('$')
        .skip(1)
        .filter_map(|rest| {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest[..digits].parse::<usize>().ok()
        })
        .max()
        .unwrap_or(0)
}
