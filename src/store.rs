//! Everything that knows SQL. Nothing above this layer sees a table, a column or
//! a driver: it calls the operations of the files below inside `Store::write`
//! or on a `Store::read`.

use std::path::{Path, PathBuf};

use futures::future::BoxFuture;

mod db;
mod encode;
mod error;
mod latency;
mod postgres;
mod row;
mod sqlite;
#[cfg(test)]
mod tests;
mod text;

pub mod activations;
pub mod audit;
pub(crate) mod case_moves;
pub(crate) mod case_parts;
pub(crate) mod case_stays;
pub mod cases;
pub(crate) mod changes;
pub mod debtors;
pub mod events;
pub mod inspect;
pub mod lanes;
pub mod migrate;
pub mod numbers;
pub(crate) mod placing;
pub mod portfolios;
pub mod proposals;
pub mod queue;
pub mod revisions;
pub(crate) mod tenants;
pub mod transfer;

pub(crate) use db::{Lock, Tx};
pub use encode::FACTS_VERSION;
pub(crate) use error::Readable;
pub use error::{Damage, StoreError};
pub use postgres::{Distribution, Health, Holder, PostgresOptions};

use postgres::Postgres;
use sqlite::{Readers, Writer, job};

/// Which database.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file in this folder; one server at a time.
    Sqlite(PathBuf),
    /// A server of its own, for any number of replicas.
    Postgres(Box<PostgresOptions>),
}

impl From<&Path> for Database {
    fn from(folder: &Path) -> Database {
        Database::Sqlite(folder.to_owned())
    }
}

/// The database of the service.
pub enum Store {
    /// One writer, many readers.
    Sqlite(SqliteStore),
    /// Any number of writers, in other processes too.
    Postgres(Postgres),
}

/// A file with its writer and its readers.
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
}

/// How urgent a write is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Somebody waits at a telephone: leases, reports, events, sweeps.
    Interactive,
    /// A night is being pushed.
    Ingest,
    /// Roll-over and ranking anew.
    Background,
}

impl Store {
    /// Opens a database, creating and migrating it as needed.
    ///
    /// # Errors
    /// `Unavailable` where it cannot be reached; `Migration` where its tables are not
    /// those of this program and cannot be made so.
    pub async fn open(database: impl Into<Database>) -> Result<Store, StoreError> {
        match database.into() {
            Database::Sqlite(folder) => {
                let (writer, readers) = sqlite::open(&folder).await?;
                Ok(Store::Sqlite(SqliteStore { writer, readers }))
            }
            Database::Postgres(options) => Ok(Store::Postgres(Postgres::open(&options).await?)),
        }
    }

    /// Whether other processes may write to the same database.
    pub fn is_shared(&self) -> bool {
        matches!(self, Store::Postgres(_))
    }

    /// Runs work in a transaction and answers after it is durable. The work goes
    /// on when the caller stops waiting. Where another transaction has come between,
    /// the work runs anew from its beginning.
    ///
    /// `after` runs with the value once it is durable, whether or not anybody
    /// still waits for it.
    pub(crate) async fn write<T, E, F, A>(&self, class: Class, work: F, after: A) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Clone + Send + 'static,
        A: FnOnce(&mut T) + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let answer = match self {
            Store::Sqlite(store) => {
                let (job, answer) = job(work, after);
                store.writer.submit(class, job).await?;
                answer
            }
            Store::Postgres(store) => store.write(class, work, after).await?,
        };
        match answer.await {
            Ok(result) => result,
            Err(_) => Err(E::from(StoreError::Unavailable("the write could not begin".into()))),
        }
    }

    /// Asks whether the database answers; a file always does.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        match self {
            Store::Sqlite(_) => Ok(()),
            Store::Postgres(store) => store.ping().await,
        }
    }

    /// A view of one instant. Dropped within a second: long reads page by key.
    pub(crate) async fn read(&self) -> Result<Tx, StoreError> {
        match self {
            Store::Sqlite(store) => Ok(Tx::reader(store.readers.reader().await?)),
            Store::Postgres(store) => store.read().await,
        }
    }
}

/// What a panic said.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
