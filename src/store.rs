//! Everything that knows SQL. Nothing above this layer sees a table, a column or
//! a driver: it calls the operations of the files below inside `Store::write`
//! or on a `Store::read`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::BoxFuture;
use rusqlite::Connection;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

mod db;
mod encode;
mod error;
mod readers;
mod row;
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
pub(crate) mod placing;
pub mod portfolios;
pub mod queue;

pub(crate) use db::Tx;
pub use encode::FACTS_VERSION;
pub(crate) use error::Readable;
pub use error::{Damage, StoreError};
pub use writer::Class;

use readers::Readers;
use writer::{Writer, job};

/// The database of one server: one writer, many readers.
pub struct Store {
    writer: Writer,
    readers: Readers,
}

/// The name of the database in its folder.
const DATABASE_FILE: &str = "arrears.db";
/// How many readers may read at once.
const READERS_MAX: usize = 8;
/// Prepared statements kept per connection; batches have several sizes each.
const STATEMENTS_KEPT: usize = 512;
/// How long a connection waits for another process that holds the database.
const BUSY_WAIT: Duration = Duration::from_secs(5);

impl Store {
    /// Opens the database in a folder, creating and migrating it as needed.
    pub async fn open(folder: &Path) -> Result<Store, StoreError> {
        std::fs::create_dir_all(folder)
            .map_err(|error| StoreError::Unavailable(format!("{}: {error}", folder.display())))?;
        let file = folder.join(DATABASE_FILE);
        let connection = connect(file.clone()).await?;
        migrate(&file).await?;
        let writer = Writer::start(Tx::writer(connection))?;
        Ok(Store { writer, readers: Readers::new(file, READERS_MAX) })
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
        Ok(Tx::reader(self.readers.reader().await?))
    }
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
