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
    /// The tables are not those of this program and cannot be made so.
    #[error("the tables cannot be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Anything else the database says.
    #[error(transparent)]
    Database(rusqlite::Error),
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
            _ => StoreError::Database(error),
        }
    }
}
