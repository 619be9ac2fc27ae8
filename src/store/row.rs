//! Reading rows back, cell by cell: the part of the driver seam that turns what
//! a database answers into Rust values.

use rusqlite::types::{FromSql, ValueRef};
use sqlx::postgres::PgRow;
use sqlx::{Column as _, Decode, Postgres, Row as _, TypeInfo as _};

use super::StoreError;
use super::db::Value;

/// Where the reading of a row stands.
pub(crate) struct Cells<'r> {
    row: AnyRow<'r>,
    next: usize,
}

#[derive(Clone, Copy)]
enum AnyRow<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r PgRow),
}

impl<'r> Cells<'r> {
    pub(super) fn of_sqlite(row: &'r rusqlite::Row<'r>) -> Cells<'r> {
        Cells { row: AnyRow::Sqlite(row), next: 0 }
    }

    pub(super) fn of_postgres(row: &'r PgRow) -> Cells<'r> {
        Cells { row: AnyRow::Postgres(row), next: 0 }
    }

    fn take<T>(&mut self) -> Result<T, StoreError>
    where
        T: FromSql + Decode<'r, Postgres>,
    {
        let value = match self.row {
            AnyRow::Sqlite(row) => row.get(self.next)?,
            // Unchecked: a column may be a narrower integer than what it is read into.
            AnyRow::Postgres(row) => row.try_get_unchecked(self.next)?,
        };
        self.next += 1;
        Ok(value)
    }

    /// The next column, whatever it is; nothing behind the last one. A null is one of
    /// a number.
    fn any(&mut self) -> Result<Option<Value>, StoreError> {
        let kind = match self.row {
            AnyRow::Sqlite(row) if self.next < row.as_ref().column_count() => {
                match row.get_ref(self.next)? {
                    ValueRef::Null | ValueRef::Integer(_) => "INT8",
                    ValueRef::Text(_) => "TEXT",
                    ValueRef::Blob(_) => "BYTEA",
                    ValueRef::Real(_) => "REAL",
                }
            }
            AnyRow::Postgres(row) if self.next < row.columns().len() => {
                row.columns()[self.next].type_info().name()
            }
            AnyRow::Sqlite(_) | AnyRow::Postgres(_) => return Ok(None),
        };
        Ok(Some(match kind {
            "INT2" | "INT4" | "INT8" => Value::Int(self.take()?),
            "TEXT" => match self.take()? {
                None => Value::Int(None),
                text => Value::Text(text),
            },
            "BYTEA" => match self.take()? {
                None => Value::Int(None),
                bytes => Value::Blob(bytes),
            },
            other => {
                let message = format!("a column is of type {other}, which no table has");
                return Err(StoreError::Database(message.into()));
            }
        }))
    }

    /// Reads a field of a struct. Rows are read by place, so a list of columns in
    /// another order than the fields would go unseen.
    pub(crate) fn field<T: Row>(&mut self, name: &str) -> Result<T, StoreError> {
        debug_assert!(
            !T::ONE_COLUMN || self.name() == Some(name),
            "{name} is read from another column"
        );
        T::read(self)
    }

    /// The name of the next column.
    fn name(&self) -> Option<&str> {
        match self.row {
            AnyRow::Sqlite(row) => row.as_ref().column_name(self.next).ok(),
            AnyRow::Postgres(row) => row.columns().get(self.next).map(|column| column.name()),
        }
    }
}

/// What can be read from the next columns of a row.
pub(crate) trait Row: Sized + Send + 'static {
    /// Whether it is one column, which then bears the name of its field.
    const ONE_COLUMN: bool = false;

    /// Reads as many columns as it takes.
    fn read(cells: &mut Cells<'_>) -> Result<Self, StoreError>;
}

macro_rules! cells {
    ($($cell:ty),+ $(,)?) => {$(
        impl Row for $cell {
            const ONE_COLUMN: bool = true;

            fn read(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
                cells.take()
            }
        }
    )+};
}

cells!(i64, bool, String, Vec<u8>, Option<i64>, Option<String>, Option<Vec<u8>>);

/// All columns, for rows of which only the table is known.
impl Row for Vec<Value> {
    fn read(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        let mut row = Vec::new();
        while let Some(value) = cells.any()? {
            row.push(value);
        }
        Ok(row)
    }
}

macro_rules! tuples {
    ($(($($part:ident)+))+) => {$(
        impl<$($part: Row),+> Row for ($($part,)+) {
            fn read(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
                Ok(($($part::read(cells)?,)+))
            }
        }
    )+};
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) }

/// Declares a struct that is read field by field. A statement that fills it
/// selects columns of the same names in the same order; a field that is such a
/// struct itself takes as many columns as it has fields.
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        $(#[$meta])*
        $vis struct $name {
            $($field: $type),+
        }

        impl $crate::store::row::Row for $name {
            fn read(
                cells: &mut $crate::store::row::Cells<'_>,
            ) -> Result<Self, $crate::store::StoreError> {
                Ok($name { $($field: cells.field(stringify!($field))?),+ })
            }
        }
    };
}
pub(crate) use row;
