//! Looking at a database without touching it: it may be damaged, or of another
//! version than this program, and nothing is created, migrated or repaired.

use sqlx::migrate::Migrator;

use crate::model::{CaseNo, Clock, Micros, Part, PortfolioNo};

use super::db::{Tx, params, statements};
use super::postgres::{self, Health, Postgres};
use super::sqlite::{DATABASE_FILE, Readers};
use super::{Database, StoreError};

/// The tables, as this program knows them.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// The most findings of a check for damage.
const DAMAGE_MAX: usize = 20;

statements! {
    APPLIED = "SELECT version, success, checksum FROM _sqlx_migrations ORDER BY version";
    ALL_PORTFOLIOS = "SELECT part, portfolio_no, portfolio_id FROM portfolio \
        ORDER BY part, portfolio_no";
    OLDEST_REVIEW = "SELECT review_at, part, case_no FROM case_head \
        WHERE review_at <= $1 ORDER BY review_at, part, case_no LIMIT 1";
}

/// How the tables of a database compare with those this program knows. Versions
/// are numbers of migrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schema {
    /// They are the same.
    Current(i64),
    /// They are older: the next start migrates them.
    Older {
        /// The newest migration that was applied.
        found: i64,
        /// The newest one that this program knows.
        known: i64,
    },
    /// They are newer: this program refuses them.
    Newer {
        /// The newest migration that was applied.
        found: i64,
        /// The newest one that this program knows.
        known: i64,
    },
    /// A migration was applied with another text than this program has.
    Changed(i64),
    /// A migration did not end.
    Unfinished(i64),
}

/// The newest version of the tables that this program knows.
pub fn schema_version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// A database opened for looking.
pub struct Inspector(Looked);

enum Looked {
    File(Readers),
    Server(Postgres),
}

/// Whether there is a list of migrations, by a statement of each database.
const LISTED_IN_FILE: &str = "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'";
const LISTED_ON_SERVER: &str = "SELECT COUNT(to_regclass('_sqlx_migrations'))";

/// A migration that was applied: its version, whether it ended, and the hash of its
/// text.
pub(super) type Applied = (i64, bool, Vec<u8>);

impl Inspector {
    /// Opens a database, read-only. Servers may run over it.
    ///
    /// # Errors
    /// `Unavailable` without such a file or server.
    pub async fn open(database: impl Into<Database>) -> Result<Inspector, StoreError> {
        let folder = match database.into() {
            Database::Sqlite(folder) => folder,
            Database::Postgres(options) => {
                return Ok(Inspector(Looked::Server(Postgres::look(&options).await?)));
            }
        };
        let file = folder.join(DATABASE_FILE);
        if !file.exists() {
            let message = format!("{} does not exist", file.display());
            return Err(StoreError::Unavailable(message));
        }
        Ok(Inspector(Looked::File(Readers::new(file, 1))))
    }

    /// A view of one instant.
    pub(crate) async fn read(&self) -> Result<Tx, StoreError> {
        match &self.0 {
            Looked::File(readers) => Ok(Tx::reader(readers.reader().await?)),
            Looked::Server(server) => server.read().await,
        }
    }

    /// How the tables compare with those this program knows.
    ///
    /// # Errors
    /// Where the file is no database, or none of this service.
    pub async fn schema(&self) -> Result<Schema, StoreError> {
        Ok(compare(self.known(), &self.applied().await?))
    }

    /// The migrations that this program knows for such a database.
    pub(super) fn known(&self) -> &'static Migrator {
        match &self.0 {
            Looked::File(_) => &MIGRATIONS,
            Looked::Server(_) => &postgres::MIGRATIONS,
        }
    }

    /// The migrations that were applied; none in a database without tables.
    pub(super) async fn applied(&self) -> Result<Vec<Applied>, StoreError> {
        let listed = match &self.0 {
            Looked::File(_) => LISTED_IN_FILE,
            Looked::Server(_) => LISTED_ON_SERVER,
        };
        applied(&mut self.read().await?, listed).await
    }

    /// What is damaged in the file, at most 20 findings; nothing if it is whole, or if
    /// there is a server, which looks at its pages itself. Reads all of the file, which
    /// takes its time, and keeps the write-ahead log of a running service from being cut
    /// meanwhile.
    ///
    /// # Errors
    /// Where so much is damaged that the check cannot run.
    pub async fn damage(&self) -> Result<Vec<String>, StoreError> {
        if matches!(self.0, Looked::Server(_)) {
            return Ok(Vec::new());
        }
        let rows: Vec<(String,)> =
            self.read().await?.fetch_all("PRAGMA quick_check", params![]).await?;
        Ok(rows.into_iter().map(|row| row.0).filter(|row| row != "ok").take(DAMAGE_MAX).collect())
    }

    /// What a server tells of itself; nothing for a file.
    ///
    /// # Errors
    /// Where the server does not answer.
    pub async fn health(&self, clock: &dyn Clock) -> Result<Option<Health>, StoreError> {
        match &self.0 {
            Looked::File(_) => Ok(None),
            Looked::Server(server) => Ok(Some(server.health(clock).await?)),
        }
    }
}

/// The migrations that were applied to the database of a folder.
pub(super) async fn applied_in_file(tx: &mut Tx) -> Result<Vec<Applied>, StoreError> {
    applied(tx, LISTED_IN_FILE).await
}

async fn applied(tx: &mut Tx, listed: &'static str) -> Result<Vec<Applied>, StoreError> {
    match tx.fetch_optional::<(i64,)>(listed, params![]).await? {
        Some((0,)) | None => Ok(Vec::new()),
        Some(_) => tx.fetch_all(APPLIED, params![]).await,
    }
}

/// How migrations that were applied compare with those that are known.
pub(super) fn compare(known: &Migrator, applied: &[Applied]) -> Schema {
    let newest = known.iter().map(|migration| migration.version).max().unwrap_or_default();
    let found = applied.iter().map(|row| row.0).max().unwrap_or_default();
    if let Some((version, ..)) = applied.iter().find(|(_, success, _)| !success) {
        return Schema::Unfinished(*version);
    }
    for (version, _, checksum) in applied {
        match known.iter().find(|migration| migration.version == *version) {
            None => return Schema::Newer { found, known: newest },
            Some(migration) if *migration.checksum != checksum[..] => {
                return Schema::Changed(*version);
            }
            Some(_) => {}
        }
    }
    let missing = |version: i64| applied.iter().all(|row| row.0 != version);
    match known.iter().any(|migration| missing(migration.version)) {
        true => Schema::Older { found, known: newest },
        false => Schema::Current(newest),
    }
}

/// The portfolios of all tenants: part, number and id.
pub(crate) async fn all_portfolios(
    tx: &mut Tx,
) -> Result<Vec<(Part, PortfolioNo, String)>, StoreError> {
    let rows: Vec<(i64, i64, String)> = tx.fetch_all(ALL_PORTFOLIOS, params![]).await?;
    Ok(rows.into_iter().map(|(part, no, id)| (Part(part), PortfolioNo(no), id)).collect())
}

/// The case whose rank or place has been due for a review for the longest at
/// `now`, with the instant at which it became due.
pub(crate) async fn oldest_review(
    tx: &mut Tx,
    now: Micros,
) -> Result<Option<(Micros, Part, CaseNo)>, StoreError> {
    let row: Option<(i64, i64, i64)> = tx.fetch_optional(OLDEST_REVIEW, params![now.0]).await?;
    Ok(row.map(|(due, part, case_no)| (Micros(due), Part(part), CaseNo(case_no))))
}
