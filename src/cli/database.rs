//! The database that the settings name.

use std::time::Duration;

use super::failure::{Exit, Failure};
use crate::config::{Commit, Pooler, Store};
use crate::store::{Database, PostgresOptions};

/// The database that the settings name: PostgreSQL where there is an address, else
/// the folder.
///
/// # Errors
/// `Usage` for an address that cannot be read.
pub(super) fn database(settings: &Store) -> Result<Database, Failure> {
    let Some(url) = &settings.database_url else {
        return Ok(Database::from(settings.data_dir.as_path()));
    };
    let mut options = PostgresOptions::from_url(url.secret()).map_err(|error| {
        Failure::new(Exit::Usage, format!("store.database_url is {url}: {error}"))
    })?;
    options.connections_max = settings.database_connections;
    options.transaction_pooler = settings.database_pooler == Pooler::Transaction;
    options.statement_timeout = Duration::from_secs(settings.statement_timeout_seconds);
    options.lock_timeout = Duration::from_secs(settings.lock_timeout_seconds);
    options.idle_timeout = Duration::from_secs(settings.idle_timeout_seconds);
    options.allow_async_commit = settings.database_commit == Commit::Asynchronous;
    Ok(Database::Postgres(Box::new(options)))
}

/// Where the data lies, for people.
pub(super) fn place(settings: &Store) -> String {
    match &settings.database_url {
        Some(url) => url.to_string(),
        None => {
            let folder = &settings.data_dir;
            folder.canonicalize().unwrap_or_else(|_| folder.clone()).display().to_string()
        }
    }
}
