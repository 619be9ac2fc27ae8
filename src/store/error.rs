//! What can go wrong in the store.

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
    /// Anything else the database says.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        use sqlx::Error as E;
        match &error {
            E::Io(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::Tls(_) => {
                StoreError::Unavailable(error.to_string())
            }
            E::Database(database) => match primary_code(database.as_ref()).as_deref() {
                // SQLite: busy, locked; PostgreSQL: serialization failure,
                // deadlock, lock not available.
                Some("5" | "6" | "40001" | "40P01" | "55P03") => {
                    StoreError::Conflict(error.to_string())
                }
                // SQLite: I/O error, full, cannot open; PostgreSQL: disk full,
                // connection failures, shutdown.
                Some("10" | "13" | "14" | "53100" | "08000" | "08006" | "57P01") => {
                    StoreError::Unavailable(error.to_string())
                }
                _ => StoreError::Database(error),
            },
            _ => StoreError::Database(error),
        }
    }
}

/// The code of a database's error. SQLite gives extended codes, whose lowest byte
/// says what kind of error it is.
fn primary_code(error: &dyn sqlx::error::DatabaseError) -> Option<String> {
    let code = error.code()?;
    let sqlite = error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some();
    match code.parse::<i32>() {
        Ok(number) if sqlite => Some((number & 0xFF).to_string()),
        _ => Some(code.into_owned()),
    }
}
