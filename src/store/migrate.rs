//! The migrations of the tables: which are applied, and applying the others.

use super::inspect::{Applied, Inspector, MIGRATIONS};
use super::{Database, Distribution, StoreError, postgres, sqlite};

/// How a migration stands in a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is applied.
    Applied,
    /// It is not applied.
    Pending,
    /// It was begun and did not end.
    Unfinished,
    /// It was applied with another text than this program has.
    Changed,
    /// It is applied, and this program does not know it.
    Unknown,
}

/// A migration of the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its number; they are applied in the order of these.
    pub version: i64,
    /// What it is about; empty where this program does not know it.
    pub description: String,
    /// How it stands.
    pub state: State,
}

/// The migrations of a database in their order, those unknown to this program
/// included. Changes nothing; a folder without a database has none applied.
///
/// # Errors
/// Where the database cannot be reached or read.
pub async fn status(database: &Database) -> Result<Vec<Migration>, StoreError> {
    let (known, applied) = match database {
        Database::Sqlite(folder) if !folder.join(sqlite::DATABASE_FILE).exists() => {
            (&MIGRATIONS, Vec::new())
        }
        database => {
            let inspector = Inspector::open(database.clone()).await?;
            (inspector.known(), inspector.applied().await?)
        }
    };
    let mut list: Vec<Migration> = known
        .iter()
        .map(|migration| Migration {
            version: migration.version,
            description: migration.description.to_string(),
            state: state(applied.iter().find(|row| row.0 == migration.version), |checksum| {
                *migration.checksum == *checksum
            }),
        })
        .collect();
    let unknown = applied.iter().filter(|row| known.iter().all(|one| one.version != row.0));
    list.extend(unknown.map(|row| Migration {
        version: row.0,
        description: String::new(),
        state: State::Unknown,
    }));
    list.sort_by_key(|migration| migration.version);
    Ok(list)
}

fn state(applied: Option<&Applied>, same: impl FnOnce(&[u8]) -> bool) -> State {
    match applied {
        None => State::Pending,
        Some((_, false, _)) => State::Unfinished,
        Some((_, true, checksum)) if same(checksum) => State::Applied,
        Some(_) => State::Changed,
    }
}

/// Applies the migrations that are pending, creating a database in a folder without
/// one. Of many that do so at once, one does and the others wait.
///
/// # Errors
/// `Migration` where the tables are not those of this program and cannot be made so.
pub async fn up(database: &Database) -> Result<(), StoreError> {
    match database {
        Database::Sqlite(folder) => sqlite::open(folder).await.map(drop),
        Database::Postgres(options) => postgres::migrate_up(options).await,
    }
}

/// Applies the migrations that are pending, and distributes every table over the nodes
/// of a Citus cluster by its part. Goes on where it broke off, and changes nothing the
/// second time; nobody may serve the database while it runs the first time.
///
/// # Errors
/// `Cluster` where there is no cluster, or tables are distributed in another way;
/// `Migration` as `up`.
pub async fn distribute(database: &Database) -> Result<(), StoreError> {
    match database {
        Database::Sqlite(_) => {
            Err(StoreError::Cluster("only tables on a Citus cluster can be distributed".to_owned()))
        }
        Database::Postgres(options) => postgres::migrate_up_and_distribute(options).await,
    }
}

/// How the tables lie on a cluster; nothing where there is none.
///
/// # Errors
/// Where the database cannot be reached; `Cluster` where tables are distributed in
/// another way than this program does.
pub async fn distribution(database: &Database) -> Result<Option<Distribution>, StoreError> {
    match database {
        Database::Sqlite(_) => Ok(None),
        Database::Postgres(options) => postgres::distribution(options).await,
    }
}
