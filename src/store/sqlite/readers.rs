//! Connections that only read. A statement of theirs runs on a thread that may
//! wait for a disk, never on one that serves requests.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{BUSY_WAIT, STATEMENTS_KEPT, StoreError};

/// How long a read waits for a connection.
const PLACE_WAIT: Duration = Duration::from_secs(10);

/// The readers of one database file.
#[derive(Clone)]
pub(in super::super) struct Readers(Arc<Shared>);

struct Shared {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
    places: Arc<Semaphore>,
}

impl Readers {
    /// At most `count` readers of a file, opened as they are needed.
    pub(in super::super) fn new(file: PathBuf, count: usize) -> Readers {
        let places = Arc::new(Semaphore::new(count));
        Readers(Arc::new(Shared { file, idle: Mutex::default(), places }))
    }

    /// A reader of one's own until it is dropped.
    pub(in super::super) async fn reader(&self) -> Result<Reader, StoreError> {
        let place = tokio::time::timeout(PLACE_WAIT, Arc::clone(&self.0.places).acquire_owned());
        let Ok(Ok(place)) = place.await else {
            let message = format!("no reader became free within {} s", PLACE_WAIT.as_secs());
            return Err(StoreError::Unavailable(message));
        };
        let connection = self.idle().pop();
        Ok(Reader { connection, readers: self.clone(), _place: place })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.0.file, flags)?;
        connection.busy_timeout(BUSY_WAIT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        Ok(connection)
    }
}

/// A connection that sees one instant, from its first statement on.
pub(in super::super) struct Reader {
    /// None before the first statement, if none was idle.
    connection: Option<Connection>,
    readers: Readers,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    /// The connection, its view begun.
    pub(in super::super) fn connection(&mut self) -> Result<&Connection, StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.readers.open()?,
        };
        let connection = self.connection.insert(connection);
        if connection.is_autocommit() {
            connection.execute_batch("BEGIN")?;
        }
        Ok(connection)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // One whose view cannot be ended is closed instead of kept.
        if connection.is_autocommit() || connection.execute_batch("ROLLBACK").is_ok() {
            self.readers.idle().push(connection);
        }
    }
}
