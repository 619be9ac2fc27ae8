//! The driver seam: one SQL text per statement, run by whichever database is
//! behind it.
//!
//! A statement is a constant text with `$1, $2, ...`. Three placeholders expand
//! to what a driver needs, so that the text itself stays one:
//! - `{rows}`: the rows of a batch, `(?, ?, ...), (...)`, each cell with its type
//!   where a driver needs one;
//! - `{ints:$2}`: a list of integers given as one JSON parameter, as a subquery;
//! - `{texts:$2}`: likewise a list of texts.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, params_from_iter};

use super::StoreError;
use super::readers::Reader;
use super::row::{Cells, Row};

/// A bound value; a null has a type too, because one of the databases demands it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Blob(Option<Vec<u8>>),
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
}

/// The values of one statement or row: `params![part, case_no]`.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::store::db::Value::from($value)),*]
    };
}
pub(crate) use params;

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

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let cell = match self {
            Value::Int(Some(value)) => ValueRef::Integer(*value),
            Value::Text(Some(value)) => ValueRef::Text(value.as_bytes()),
            Value::Blob(Some(value)) => ValueRef::Blob(value),
            Value::Int(None) | Value::Text(None) | Value::Blob(None) => ValueRef::Null,
        };
        Ok(ToSqlOutput::Borrowed(cell))
    }
}

/// A transaction: the writer's, or a reader's view of one instant.
pub(crate) struct Tx(Inner);

enum Inner {
    /// Its statements run at once, on the writer's own thread.
    Writer(Connection),
    /// Its statements run on a thread that may wait. Gone while one runs, and for
    /// good if whoever waited for it left.
    Reader(Option<Reader>),
}

/// How many rows the statements of a batch have: few texts are ever prepared, and
/// a push of 500 or 1,000 takes few statements.
const BATCH_ROWS: [usize; 9] = [500, 200, 100, 50, 20, 10, 5, 2, 1];

impl Tx {
    pub(super) fn writer(connection: Connection) -> Tx {
        Tx(Inner::Writer(connection))
    }

    pub(super) fn reader(reader: Reader) -> Tx {
        Tx(Inner::Reader(Some(reader)))
    }

    /// Does something with the connection, where that may take its time.
    async fn run<T, F>(&mut self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let place = match &mut self.0 {
            Inner::Writer(connection) => return work(connection),
            Inner::Reader(place) => place,
        };
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

    /// Runs statements without parameters or answers, such as the bounds of a
    /// transaction.
    pub(super) async fn script(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.run(move |connection| Ok(connection.execute_batch(sql)?)).await
    }

    /// Runs a statement; returns how many rows it touched.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        params: Vec<Value>,
    ) -> Result<u64, StoreError> {
        check(sql, &params);
        self.run(move |connection| execute(connection, &expand(sql, 0), params)).await
    }

    /// Runs a statement; returns all its rows.
    pub(crate) async fn fetch_all<T: Row>(
        &mut self,
        sql: &'static str,
        params: Vec<Value>,
    ) -> Result<Vec<T>, StoreError> {
        check(sql, &params);
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(&expand(sql, 0))?;
            let mut rows = statement.query(params_from_iter(params))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(T::read(&mut Cells::of(row))?);
            }
            Ok(found)
        })
        .await
    }

    /// Runs a statement of at most one row.
    pub(crate) async fn fetch_optional<T: Row>(
        &mut self,
        sql: &'static str,
        params: Vec<Value>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.fetch_all(sql, params).await?.into_iter().next())
    }

    /// Runs a batch over `rows`, the values of all rows one after another.
    pub(crate) async fn execute_batch(
        &mut self,
        batch: Batch,
        fixed: Vec<Value>,
        rows: Vec<Value>,
    ) -> Result<u64, StoreError> {
        self.run(move |connection| {
            let mut touched = 0;
            for (text, params) in split(batch, &fixed, rows) {
                touched += execute(connection, &text, params)?;
            }
            Ok(touched)
        })
        .await
    }
}

fn execute(connection: &Connection, text: &str, params: Vec<Value>) -> Result<u64, StoreError> {
    let touched = connection.prepare_cached(text)?.execute(params_from_iter(params))?;
    Ok(u64::try_from(touched).unwrap_or(u64::MAX))
}

/// Cuts the rows of a batch into statements of as many rows as fit.
fn split(
    batch: Batch,
    fixed: &[Value],
    rows: Vec<Value>,
) -> impl Iterator<Item = (Arc<str>, Vec<Value>)> {
    debug_assert_eq!(fixed.len(), batch.fixed, "{}", batch.text);
    debug_assert_eq!(rows.len() % batch.columns.len(), 0, "{}", batch.text);
    // The other database holds cells to these types.
    debug_assert!(rows.iter().zip(batch.columns.iter().cycle()).all(|(cell, column)| matches!(
        (cell, column),
        (Value::Int(_), Column::Int)
            | (Value::Text(_), Column::Text)
            | (Value::Blob(_), Column::Blob)
    )));
    let mut left = rows.len() / batch.columns.len();
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let count = BATCH_ROWS.into_iter().find(|count| *count <= left)?;
        left -= count;
        let mut params = Vec::with_capacity(fixed.len() + count * batch.columns.len());
        params.extend(rows.by_ref().take(count * batch.columns.len()));
        params.extend_from_slice(fixed);
        Some((expand_batch(batch, count), params))
    })
}

/// SQLite binds NULL to a parameter that was not given; the other database
/// refuses. Refuse here as well.
fn check(sql: &str, params: &[Value]) {
    debug_assert!(highest_parameter(sql) == params.len(), "{} parameters for {sql}", params.len());
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

type Texts = RwLock<HashMap<(&'static str, usize), Arc<str>>>;

/// Expanded texts by statement and number of rows: there are few, and building
/// one costs more than running it.
static TEXTS: LazyLock<Texts> = LazyLock::new(Texts::default);

fn cached(key: (&'static str, usize), build: impl FnOnce() -> String) -> Arc<str> {
    if let Some(text) = TEXTS.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Arc::clone(text);
    }
    let text: Arc<str> = build().into();
    let mut texts = TEXTS.write().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(texts.entry(key).or_insert(text))
}

fn expand(sql: &'static str, rows: usize) -> Arc<str> {
    cached((sql, rows), || expand_lists(sql))
}

/// The rows come first, their cells without numbers: SQLite looks a numbered
/// parameter up in a list of all names, which makes a batch cost the square of
/// its size. The fixed parameters take the numbers behind them. SQLite needs no
/// type for a cell.
fn expand_batch(batch: Batch, count: usize) -> Arc<str> {
    cached((batch.text, count), || {
        let row = format!("({})", vec!["?"; batch.columns.len()].join(", "));
        let rows = vec![row; count].join(", ");
        let mut text = expand_lists(batch.text);
        for number in (1..=batch.fixed).rev() {
            let behind = count * batch.columns.len() + number;
            text = text.replace(&format!("?{number}"), &format!("?:{behind}"));
        }
        text.replace("?:", "?").replace("{rows}", &rows)
    })
}

/// Expands `{ints:$n}` and `{texts:$n}` for SQLite, and `$n` to `?n`: it takes
/// the former for a name, and numbers names as they come.
fn expand_lists(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(start) = rest.find("{ints:").or_else(|| rest.find("{texts:")) {
        let colon = start + rest[start..].find(':').expect("the pattern found ends in a colon");
        let end = start + rest[start..].find('}').expect("a list placeholder is closed");
        text.push_str(&rest[..start]);
        text.push_str("(SELECT value FROM json_each(");
        text.push_str(&rest[colon + 1..end]);
        text.push_str("))");
        rest = &rest[end + 1..];
    }
    text.push_str(rest);
    text.replace('$', "?")
}

/// A list of integers as the one JSON parameter of `{ints:$n}`.
pub(crate) fn int_list(values: impl IntoIterator<Item = i64>) -> Value {
    let texts: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    Value::Text(Some(format!("[{}]", texts.join(","))))
}

/// A list of texts as the one JSON parameter of `{texts:$n}`.
pub(crate) fn text_list<'a>(values: impl IntoIterator<Item = &'a str>) -> Value {
    let texts: Vec<&str> = values.into_iter().collect();
    Value::Text(Some(serde_json::Value::from(texts).to_string()))
}

/// The texts that a driver would see of statements and batches, by name.
#[cfg(test)]
pub(crate) fn texts_for_tests(
    statements: &[(&'static str, &'static str, &'static str)],
    batches: &[(&'static str, Batch)],
) -> Vec<(String, Arc<str>)> {
    let plain =
        statements.iter().map(|(file, name, text)| (format!("{file} {name}"), expand(text, 0)));
    let rows = batches.iter().flat_map(|(file, batch)| {
        [1, 2, BATCH_ROWS[0]].map(|count| (format!("{file} x{count}"), expand_batch(*batch, count)))
    });
    plain.chain(rows).collect()
}
