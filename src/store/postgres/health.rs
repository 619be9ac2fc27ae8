//! What a PostgreSQL server tells of itself that a service over it depends on.

use crate::model::{Clock, Micros};

use super::super::StoreError;
use super::super::db::params;
use super::Postgres;

/// How long a transaction, a session or a slot has kept the database from forgetting
/// old rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// What it is: a session with its program and process, a slot, a prepared
    /// transaction.
    pub name: String,
    /// Seconds since its transaction began, or transactions since the oldest row that
    /// it holds.
    pub age: i64,
}

/// What a PostgreSQL server tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The server's version.
    pub version: String,
    /// `off` where commits are acknowledged before they are durable.
    pub synchronous_commit: String,
    /// `off` where a crash of the machine may damage the database.
    pub fsync: String,
    /// The standbys of which some must have a commit before it is acknowledged; empty
    /// where none must.
    pub synchronous_standby_names: String,
    /// How many receive its log.
    pub standbys: i64,
    /// By how many microseconds the server's clock is ahead of ours; negative where it
    /// is behind. True to half a round trip.
    pub clock_ahead: i64,
    /// The transaction that runs for the longest, in seconds. Those of other roles show
    /// only to members of `pg_read_all_stats`.
    pub longest: Option<Holder>,
    /// Whatever holds the oldest rows, in transactions since.
    pub oldest_xmin: Option<Holder>,
}

const SETTINGS: &str = "SELECT current_setting('server_version'), \
    current_setting('synchronous_commit'), current_setting('fsync'), \
    current_setting('synchronous_standby_names'), (SELECT count(*) FROM pg_stat_replication)";
const LONGEST: &str = "SELECT COALESCE(application_name, '') || ' (process ' || pid || ')', \
    CAST(EXTRACT(EPOCH FROM clock_timestamp() - xact_start) AS BIGINT) FROM pg_stat_activity \
    WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid() \
    AND backend_type = 'client backend' ORDER BY xact_start LIMIT 1";
const OLDEST_XMIN: &str = "SELECT name, CAST(held AS BIGINT) FROM (\
    SELECT 'session of ' || COALESCE(application_name, '') || ' (process ' || pid || ')' AS name, \
        age(backend_xmin) AS held FROM pg_stat_activity \
        WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid() \
    UNION ALL SELECT 'replication slot ' || slot_name, age(COALESCE(xmin, catalog_xmin)) \
        FROM pg_replication_slots WHERE COALESCE(xmin, catalog_xmin) IS NOT NULL \
    UNION ALL SELECT 'prepared transaction ' || gid, age(transaction) FROM pg_prepared_xacts\
    ) AS holders ORDER BY held DESC LIMIT 1";

impl Postgres {
    /// Asks the server about itself.
    ///
    /// # Errors
    /// Where it does not answer.
    pub(in super::super) async fn health(&self, clock: &dyn Clock) -> Result<Health, StoreError> {
        // The first one pays for the connection.
        drop(self.read().await?);
        let before = clock.now();
        let mut tx = self.read().await?;
        let between = Micros(before.0 + (clock.now().0 - before.0) / 2);
        let theirs = tx.database_time().unwrap_or(between);
        let settings: Option<(String, String, String, String, i64)> =
            tx.fetch_optional(SETTINGS, params![]).await?;
        let (version, synchronous_commit, fsync, synchronous_standby_names, standbys) =
            settings.ok_or(StoreError::Closed)?;
        let holder = |row: Option<(String, i64)>| row.map(|(name, age)| Holder { name, age });
        Ok(Health {
            version,
            synchronous_commit,
            fsync,
            synchronous_standby_names,
            standbys,
            clock_ahead: theirs.0 - between.0,
            longest: holder(tx.fetch_optional(LONGEST, params![]).await?),
            oldest_xmin: holder(tx.fetch_optional(OLDEST_XMIN, params![]).await?),
        })
    }
}
