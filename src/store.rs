//! Everything that knows SQL. Nothing above this layer sees a table, a column or
//! a driver: it calls the operations of the files below inside `Store::write`
//! or on a `Store::read`.

use std::path::Path;
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::Connection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};

mod db;
mod encode;
mod error;
#[cfg(test)]
mod tests;
mod writer;

pub mod activations;
pub mod audit;
pub mod cases;
pub mod debtors;
pub mod events;
pub mod inspect;
pub mod lanes;
pub mod numbers;
pub mod portfolios;
pub mod queue;

pub(crate) use db::Tx;
pub use encode::FACTS_VERSION;
pub use error::StoreError;
pub use writer::Class;

use writer::{Writer, job};

/// The database of one server: one writer, many readers.
pub struct Store {
    writer: Writer,
    readers: SqlitePool,
}

/// The name of the database in its folder.
const DATABASE_FILE: &str = "arrears.db";
/// How many readers may read at once.
const READERS_MAX: u32 = 8;
/// Prepared statements kept per connection; batches have several sizes each.
const STATEMENTS_KEPT: usize = 512;

impl Store {
    /// Opens the database in a folder, creating and migrating it as needed.
    pub async fn open(folder: &Path) -> Result<Store, StoreError> {
        std::fs::create_dir_all(folder)
            .map_err(|error| StoreError::Unavailable(format!("{}: {error}", folder.display())))?;
        let options = options(folder);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        inspect::MIGRATIONS
            .run(&mut connection)
            .await
            .map_err(|error| StoreError::Database(sqlx::Error::Migrate(Box::new(error))))?;
        let writer = Writer::start(Tx::writer(connection));
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(Duration::from_secs(10))
            .connect_lazy_with(options.read_only(true));
        Ok(Store { writer, readers })
    }

    /// Runs work in a transaction and answers after it is durable. The work goes
    /// on when the caller stops waiting.
    ///
    /// `after` runs with the value once it is durable, whether or not anybody
    /// still waits for it.
    pub(crate) async fn write<T, E, F, A>(&self, class: Class, work: F, after: A) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        A: FnOnce(&mut T) + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (job, answer) = job(work, after);
        self.writer.submit(class, job).await?;
        match answer.await {
            Ok(result) => result,
            Err(_) => Err(E::from(StoreError::Unavailable("the write could not begin".into()))),
        }
    }

    /// A view of one instant. Dropped within a second: long reads page by key.
    pub(crate) async fn read(&self) -> Result<Tx, StoreError> {
        Ok(Tx::reader(self.readers.begin().await?))
    }
}

fn options(folder: &Path) -> SqliteConnectOptions {
    let file = folder.join(DATABASE_FILE);
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // An acknowledged write survives a power failure, at one fsync a group.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        // Fewer, larger checkpoints: a push of a night writes each page once.
        .pragma("wal_autocheckpoint", "16000")
        .pragma("cache_size", "-65536")
        .statement_cache_capacity(STATEMENTS_KEPT)
}
