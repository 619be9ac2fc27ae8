//! What can go wrong in the store.

use crate::model::Part;

/// A row that was asked for and cannot be read back: it is missing, or its bytes
/// make no sense. What is known of other rows is not touched by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{table} {key} cannot be read: {why}")]
pub struct Damage {
    /// The table.
    pub table: &'static str,
    /// The key of the row: its part and its number.
    pub key: String,
    /// What is wrong with it.
    pub why: String,
}

/// What was read of a row, or why it cannot be read.
pub(crate) type Readable<T> = Result<T, Damage>;

impl Damage {
    /// A row that is not there although others speak of it.
    pub fn missing(table: &'static str, part: Part, number: i64) -> Damage {
        Damage::of(table, part, number, "it is missing")
    }

    /// A row whose content makes no sense.
    pub fn of(table: &'static str, part: Part, number: i64, why: impl ToString) -> Damage {
        Damage { table, key: format!("({}, {number})", part.0), why: why.to_string() }
    }
}

impl From<Damage> for StoreError {
    fn from(damage: Damage) -> StoreError {
        let Damage { table, key, why } = damage;
        StoreError::Corrupt { table, key, why }
    }
}

/// Sets a row that cannot be read apart from a store that cannot be read: the
/// rows beside it may be whole.
pub(crate) fn readable<T>(read: Result<T, StoreError>) -> Result<Readable<T>, StoreError> {
    match read {
        Ok(value) => Ok(Ok(value)),
        Err(StoreError::Corrupt { table, key, why } | StoreError::Newer { table, key, why }) => {
            Ok(Err(Damage { table, key, why }))
        }
        Err(other) => Err(other),
    }
}

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Stored data cannot be read back: a bug, or a damaged file.
    #[error("{table} {key} cannot be read: {why}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The key of the row.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// Stored data says what this program does not know: a newer one wrote it.
    #[error("{table} {key} cannot be read: {why}")]
    Newer {
        /// The table.
        table: &'static str,
        /// The key of the row.
        key: String,
        /// What is not known.
        why: String,
    },
    /// The database cannot be reached, or its disk is full.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database could not order this change among others.
    #[error("the change conflicts with another: {0}")]
    Conflict(String),
    /// The writer has more waiting than it may hold.
    #[error("{0} changes are waiting already")]
    Overloaded(usize),
    /// A write panicked; its changes are undone.
    #[error("a write panicked: {0}")]
    Panicked(String),
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
    /// The tables are not those of this program and cannot be made so.
    #[error("the tables cannot be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The tables cannot be distributed over a cluster, or are so in another way.
    #[error("{0}")]
    Cluster(String),
    /// Anything else the database says.
    #[error(transparent)]
    Database(Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// A row that says more than this program knows.
    pub(crate) fn newer(table: &'static str, part: Part, number: i64) -> StoreError {
        let why = "it says more than this program knows: a newer one wrote it";
        let Damage { table, key, why } = Damage::of(table, part, number, why);
        StoreError::Newer { table, key, why }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        use rusqlite::ErrorCode as Code;
        match error.sqlite_error_code() {
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => {
                StoreError::Conflict(error.to_string())
            }
            Some(Code::SystemIoFailure | Code::DiskFull | Code::CannotOpen) => {
                StoreError::Unavailable(error.to_string())
            }
            _ => StoreError::Database(error.into()),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        let sqlx::Error::Database(of) = &error else {
            return match error {
                sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                    StoreError::Database(error.into())
                }
                sqlx::Error::PoolTimedOut => {
                    StoreError::Unavailable("no connection to the database became free".to_owned())
                }
                _ => StoreError::Unavailable(error.to_string()),
            };
        };
        let code = of.code().unwrap_or_default();
        match code.as_ref() {
            // Serialization, deadlock, a lock not had in time, a plan that no longer
            // fits, and a key that another transaction wrote first: what is unique was
            // looked for before, so that the next attempt finds it.
            "40001" | "40P01" | "55P03" | "0A000" | "23505" => {
                StoreError::Conflict(error.to_string())
            }
            // Connection, shutdown, resources, time, a server that only reads, and one that
            // waited too long for what a transaction would do next.
            _ if ["08", "57", "53"].iter().any(|class| code.starts_with(class)) => {
                StoreError::Unavailable(error.to_string())
            }
            "XX000" | "25006" | "25P03" | "25P04" | "28P01" | "28000" | "3D000" => {
                StoreError::Unavailable(error.to_string())
            }
            _ => StoreError::Database(error.into()),
        }
    }
}
