//! The tables of a transfer, read from the migrated database itself, so that none is
//! forgotten; and what is in them.

use std::collections::BTreeMap;

use super::super::StoreError;
use super::super::db::{Batch, Column, Tx, Value, params};

/// How many rows are read and written at once.
pub(super) const SLICE: usize = 2_000;

const COLUMNS: &str = "SELECT m.name, c.name, c.type, c.pk FROM sqlite_master m \
    JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' \
    AND m.name <> '_sqlx_migrations' ORDER BY m.name, c.cid";

/// A table, and the texts that read and fill it by its primary key.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) name: String,
    columns: &'static [Column],
    /// The columns of the primary key, by their places.
    key: Vec<usize>,
    first: &'static str,
    next: &'static str,
    insert: &'static str,
    pub(super) count: &'static str,
    /// Tells the planner of the target what has come.
    pub(super) analyze: &'static str,
}

/// All tables of a database in a folder but the list of its migrations.
pub(super) async fn tables(tx: &mut Tx) -> Result<Vec<Table>, StoreError> {
    let rows: Vec<(String, String, String, i64)> = tx.fetch_all(COLUMNS, params![]).await?;
    let mut columns: BTreeMap<String, Vec<(String, String, i64)>> = BTreeMap::new();
    for (table, column, of, key) in rows {
        columns.entry(table).or_default().push((column, of, key));
    }
    columns.into_iter().map(|(name, columns)| table(name, &columns)).collect()
}

/// Texts live as long as the program, as those of all other statements do: there are
/// five of a table, and names come from the tables, never from values.
fn table(name: String, columns: &[(String, String, i64)]) -> Result<Table, StoreError> {
    let wrong = |why: String| StoreError::Database(format!("table {name} {why}").into());
    let mut kinds = Vec::with_capacity(columns.len());
    for (column, of, _) in columns {
        kinds.push(match of.as_str() {
            "INTEGER" => Column::Int,
            "TEXT" => Column::Text,
            "BLOB" => Column::Blob,
            other => return Err(wrong(format!("has {column} of type {other}"))),
        });
    }
    let mut key: Vec<usize> = (0..columns.len()).filter(|at| columns[*at].2 > 0).collect();
    key.sort_by_key(|at| columns[*at].2);
    if key.is_empty() || key.iter().any(|at| kinds[*at] == Column::Blob) {
        return Err(wrong("has no primary key of numbers and texts".to_owned()));
    }
    let names = |of: &mut dyn Iterator<Item = usize>| {
        of.map(|at| columns[at].0.as_str()).collect::<Vec<_>>().join(", ")
    };
    let all = names(&mut (0..columns.len()));
    let by = names(&mut key.iter().copied());
    let places: Vec<String> = (1..=key.len()).map(|number| format!("${number}")).collect();
    let places = places.join(", ");
    let leak = |text: String| -> &'static str { text.leak() };
    Ok(Table {
        first: leak(format!("SELECT {all} FROM {name} ORDER BY {by} LIMIT {SLICE}")),
        next: leak(format!(
            "SELECT {all} FROM {name} WHERE ({by}) > ({places}) ORDER BY {by} LIMIT {SLICE}"
        )),
        insert: leak(format!("INSERT INTO {name} ({all}) VALUES {{rows}}")),
        count: leak(format!("SELECT COUNT(*) FROM {name}")),
        analyze: leak(format!("ANALYZE {name}")),
        columns: kinds.leak(),
        key,
        name,
    })
}

impl Table {
    /// The rows that follow a key, in the order of the keys; at most a slice.
    pub(super) async fn slice(
        &self,
        tx: &mut Tx,
        after: Option<Vec<Value>>,
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        let mut rows: Vec<Vec<Value>> = match after {
            None => tx.fetch_all(self.first, params![]).await?,
            Some(key) => tx.fetch_all(self.next, key).await?,
        };
        for row in &mut rows {
            for (cell, column) in row.iter_mut().zip(self.columns) {
                // A null has the type of its column.
                match (&*cell, column) {
                    (Value::Int(None), Column::Text) => *cell = Value::Text(None),
                    (Value::Int(None), Column::Blob) => *cell = Value::Blob(None),
                    _ => {}
                }
            }
        }
        Ok(rows)
    }

    /// The key of the last of some rows.
    pub(super) fn last_key(&self, rows: &[Vec<Value>]) -> Option<Vec<Value>> {
        let last = rows.last()?;
        Some(self.key.iter().map(|at| last[*at].clone()).collect())
    }

    /// The statement that adds rows.
    pub(super) fn insert(&self) -> Batch {
        Batch { text: self.insert, fixed: 0, columns: self.columns }
    }
}

/// What a table holds: how many rows, and a hash over all of them in the order of
/// their keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) rows: u64,
    hasher: blake3::Hasher,
}

impl Content {
    /// Adds the rows that follow. Every cell says what it is and how long, so that no
    /// two contents are hashed alike.
    pub(super) fn add(&mut self, rows: &[Vec<Value>]) {
        for cell in rows.iter().flatten() {
            let (kind, bytes): (u8, &[u8]) = match cell {
                Value::Int(Some(value)) => {
                    self.hasher.update(&[1]);
                    self.hasher.update(&value.to_be_bytes());
                    continue;
                }
                Value::Text(Some(text)) => (2, text.as_bytes()),
                Value::Blob(Some(bytes)) => (3, bytes),
                _ => (0, &[]),
            };
            self.hasher.update(&[kind]);
            self.hasher.update(&(bytes.len() as u64).to_be_bytes());
            self.hasher.update(bytes);
        }
        self.rows += rows.len() as u64;
    }

    /// The hash over all rows.
    pub(super) fn hash(&self) -> Vec<u8> {
        self.hasher.finalize().as_bytes().to_vec()
    }
}

/// A key as text, to go on behind it.
pub(super) fn key_text(key: &[Value]) -> String {
    let cell = |value: &Value| match value {
        Value::Int(Some(number)) => serde_json::Value::from(*number),
        Value::Text(Some(text)) => serde_json::Value::from(text.as_str()),
        _ => serde_json::Value::Null,
    };
    serde_json::Value::from_iter(key.iter().map(cell)).to_string()
}

/// The key that such a text says; nothing if it says none.
pub(super) fn key_of_text(text: &str) -> Option<Vec<Value>> {
    let cells: Vec<serde_json::Value> = serde_json::from_str(text).ok()?;
    let cell = |cell: serde_json::Value| match cell {
        serde_json::Value::Number(number) => number.as_i64().map(|number| Value::Int(Some(number))),
        serde_json::Value::String(text) => Some(Value::Text(Some(text))),
        _ => None,
    };
    cells.into_iter().map(cell).collect()
}
