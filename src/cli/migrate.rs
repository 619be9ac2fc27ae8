//! `arrears migrate`: which migrations of the tables are applied, applying the others,
//! and whether a database is what this program needs.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::client::Context;
use super::database;
use super::failure::{Exit, Failure};
use super::output::{self, Record};
use crate::config::DatabaseUrl;
use crate::store::migrate::{self, Migration, State};
use crate::store::{Database, Distribution, StoreError};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists the migrations: applied, pending, or what is wrong with them
    #[command(after_help = "Example:\n  arrears migrate status --data-dir /var/lib/arrears")]
    Status(Place),
    /// Applies those that are pending
    #[command(after_help = "Example:\n  \
        arrears migrate up --database-url postgres://owner:secret@db/arrears")]
    Up {
        #[command(flatten)]
        place: Place,
        /// Distributes the tables over the nodes of a Citus cluster; the database is that
        /// of its coordinator. Stop all servers the first time
        #[arg(long)]
        citus: bool,
    },
    /// Ends with 1 unless this program can serve the database as it is
    #[command(after_help = "Example:\n  arrears migrate check --data-dir /var/lib/arrears")]
    Check(Place),
}

/// The database, where it is not that of the settings.
#[derive(Args, Debug)]
pub(super) struct Place {
    /// The folder of the database
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// The PostgreSQL database. ARREARS_DATABASE_URL keeps a password out of the list
    /// of processes
    #[arg(long, value_name = "URL", conflicts_with = "data_dir")]
    database_url: Option<String>,
}

/// A migration as it is shown.
#[derive(Debug, Serialize)]
struct MigrationView {
    version: i64,
    description: String,
    state: &'static str,
}

impl Record for MigrationView {
    const HEADER: &'static [&'static str] = &["version", "description", "state"];

    fn cells(&self) -> Vec<String> {
        vec![self.version.to_string(), self.description.clone(), self.state.to_owned()]
    }
}

fn word(state: State) -> &'static str {
    match state {
        State::Applied => "applied",
        State::Pending => "pending",
        State::Unfinished => "unfinished",
        State::Changed => "changed",
        State::Unknown => "unknown",
    }
}

/// Runs a command about migrations.
pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let (Command::Status(place) | Command::Up { place, .. } | Command::Check(place)) = &command;
    let mut settings = context.config.store.clone();
    if let Some(folder) = &place.data_dir {
        settings.database_url = None;
        settings.data_dir.clone_from(folder);
    }
    if let Some(url) = &place.database_url {
        settings.database_url = Some(DatabaseUrl::new(url));
    }
    let database = database::database(&settings)?;
    let failed = |error: StoreError| failure(&database::place(&settings), &error);
    match command {
        Command::Up { citus: true, .. } => migrate::distribute(&database).await.map_err(failed)?,
        Command::Up { citus: false, .. } => migrate::up(&database).await.map_err(failed)?,
        Command::Status(_) | Command::Check(_) => {}
    }
    let list = migrate::status(&database).await.map_err(failed)?;
    let cluster = migrate::distribution(&database).await.map_err(failed)?;
    if matches!(command, Command::Check(_)) {
        return check(&database, &list, cluster.as_ref());
    }
    if let Some(found) = &cluster {
        output::note(&spread(found));
    }
    let view = |one: Migration| MigrationView {
        version: one.version,
        description: one.description,
        state: word(one.state),
    };
    let views: Vec<MigrationView> = list.into_iter().map(view).collect();
    output::records(context.format, &views)
}

/// How the tables lie on a cluster, in words.
pub(super) fn spread(found: &Distribution) -> String {
    let Distribution { version, tables, pending, shards, nodes } = found;
    match (tables, pending) {
        (0, _) => format!("Citus {version} is there, and the tables are not distributed"),
        (_, 0) => format!(
            "Citus {version}: {tables} tables are distributed by part, {shards} shards each, \
             over {nodes} nodes"
        ),
        _ => format!(
            "Citus {version}: {tables} tables are distributed by part over {nodes} nodes, and \
             {pending} are not yet"
        ),
    }
}

/// A failure of a database: one that is away may come back.
pub(super) fn failure(place: &str, error: &StoreError) -> Failure {
    let exit = match error {
        StoreError::Unavailable(_) | StoreError::Conflict(_) => Exit::Unavailable,
        _ => Exit::Failure,
    };
    Failure::new(exit, format!("{place}: {error}"))
}

/// What keeps this program from serving a database. A server of PostgreSQL goes on over
/// the tables of a newer program, so that servers can be replaced one by one; a folder
/// has one server only.
fn check(
    database: &Database,
    list: &[Migration],
    cluster: Option<&Distribution>,
) -> Result<(), Failure> {
    let shared = matches!(database, Database::Postgres(_));
    let wrong = list.iter().find(|one| match one.state {
        State::Applied => false,
        State::Unknown => !shared,
        State::Pending | State::Unfinished | State::Changed => true,
    });
    let Some(Migration { version, state, .. }) = wrong else {
        if let Some(found) = cluster.filter(|found| found.is_begun() && found.pending > 0) {
            let next = "run `arrears migrate up --citus` as the owner of the tables";
            return Err(Failure::new(Exit::Failure, spread(found)).with_next(next));
        }
        output::note("the tables are what this program needs");
        return Ok(());
    };
    let message = format!("migration {version} of the tables is {}", word(*state));
    let next = match state {
        State::Pending => "run `arrears migrate up` as the owner of the tables",
        State::Unknown => "use the program that wrote the tables, or a newer one",
        _ => "see docs/OPERATIONS.md, Upgrade",
    };
    Err(Failure::new(Exit::Failure, message).with_next(next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::PostgresOptions;

    #[test]
    fn a_newer_migration_keeps_only_the_server_of_a_folder_from_serving() {
        let folder = Database::Sqlite("x".into());
        let options = PostgresOptions::from_url("postgres://db/arrears").unwrap();
        let server = Database::Postgres(Box::new(options));
        let list = |state| [Migration { version: 1, description: String::new(), state }];
        let ends = |database, state| check(database, &list(state), None).is_ok();
        assert!(ends(&folder, State::Applied) && ends(&server, State::Applied));
        assert!(!ends(&folder, State::Unknown) && ends(&server, State::Unknown));
        for state in [State::Pending, State::Unfinished, State::Changed] {
            assert!(!ends(&folder, state) && !ends(&server, state), "{state:?}");
        }
        let cluster = |tables, pending| {
            let version = "13.2".to_owned();
            let found = Distribution { version, tables, pending, shards: 32, nodes: 2 };
            check(&server, &list(State::Applied), Some(&found)).is_ok()
        };
        assert!(cluster(0, 23) && cluster(23, 0) && !cluster(21, 2));
    }
}
