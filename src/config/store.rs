//! Where the data lies.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize, Serializer};

use super::Problem;

/// Where the data lies.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// The folder of the embedded database; created if it does not exist.
    /// Default `arrears-data` in the current folder. `ARREARS_DATA_DIR`.
    pub data_dir: PathBuf,
    /// A PostgreSQL database to use instead, which any number of servers may share:
    /// `postgres://user:password@host/database?sslmode=verify-full`.
    /// `ARREARS_DATABASE_URL`.
    pub database_url: Option<DatabaseUrl>,
    /// The most connections of one server to that database, 4 to 200; default 16.
    /// `ARREARS_DATABASE_CONNECTIONS`.
    pub database_connections: u32,
    /// What stands between the server and that database; default `none`.
    /// `ARREARS_DATABASE_POOLER`.
    pub database_pooler: Pooler,
    /// Seconds that a statement may run there, 1 to 600; default 30.
    /// `ARREARS_STATEMENT_TIMEOUT_SECONDS`.
    pub statement_timeout_seconds: u64,
    /// Seconds that a statement may wait for a row there, 1 to 60; default 5.
    /// `ARREARS_LOCK_TIMEOUT_SECONDS`.
    pub lock_timeout_seconds: u64,
    /// Seconds that a transaction may stand idle there, 1 to 600; default 10.
    /// `ARREARS_IDLE_TIMEOUT_SECONDS`.
    pub idle_timeout_seconds: u64,
    /// What the service takes for durable there; default `durable`.
    /// `ARREARS_DATABASE_COMMIT`.
    pub database_commit: Commit,
    /// Over how many parts a tenant is spread that stores something for the first time,
    /// 1 to 128; default 1. What is stored stays as it is. `ARREARS_TENANT_BUCKETS`.
    pub tenant_buckets: i64,
}

/// What hands out connections to a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooler {
    /// Nothing, or a pooler that gives a connection away for good.
    #[default]
    None,
    /// A pooler that gives one away for a transaction, such as pgbouncer.
    Transaction,
}

/// When a database says that a transaction is committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Commit {
    /// Once a crash cannot undo it; anything else is refused at the start.
    #[default]
    Durable,
    /// Perhaps sooner: acknowledged writes may be lost.
    Asynchronous,
}

/// The address of a database with user and password, which is never shown with it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// An address as given.
    pub fn new(url: impl Into<String>) -> DatabaseUrl {
        DatabaseUrl(url.into())
    }

    /// The address with its password, to connect with.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

/// The address without its password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.find("://").map_or(0, |at| at + 3);
        let end = self.0[scheme..].find(['/', '?']).map_or(self.0.len(), |at| scheme + at);
        let Some(at) = self.0[scheme..end].rfind('@') else { return f.write_str(&self.0) };
        let user = self.0[scheme..scheme + at].split(':').next().unwrap_or_default();
        write!(f, "{}{user}:***{}", &self.0[..scheme], &self.0[scheme + at..])
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Default for Store {
    fn default() -> Store {
        Store {
            data_dir: PathBuf::from("arrears-data"),
            database_url: None,
            database_connections: 16,
            database_pooler: Pooler::None,
            statement_timeout_seconds: 30,
            lock_timeout_seconds: 5,
            idle_timeout_seconds: 10,
            database_commit: Commit::Durable,
            tenant_buckets: 1,
        }
    }
}

impl Store {
    pub(super) fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut check = |setting, value: String, bound, holds: bool| {
            if !holds {
                problems.push(Problem { setting, value, bound });
            }
        };
        let folder = self.data_dir.to_string_lossy().into_owned();
        check(
            "store.data_dir",
            folder,
            "a folder must be named",
            !self.data_dir.as_os_str().is_empty(),
        );
        if let Some(url) = &self.database_url {
            let known =
                ["postgres://", "postgresql://"].iter().any(|scheme| url.0.starts_with(scheme));
            check("store.database_url", url.to_string(), "it must begin with postgres://", known);
        }
        let connections = self.database_connections;
        let (bound, holds) = ("it must be 4 to 200", (4..=200).contains(&connections));
        check("store.database_connections", connections.to_string(), bound, holds);
        let (bound, holds) = ("it must be 1 to 128", (1..=128).contains(&self.tenant_buckets));
        check("store.tenant_buckets", self.tenant_buckets.to_string(), bound, holds);
        for (setting, seconds, bound, most) in [
            (
                "store.statement_timeout_seconds",
                self.statement_timeout_seconds,
                "it must be 1 to 600",
                600,
            ),
            ("store.lock_timeout_seconds", self.lock_timeout_seconds, "it must be 1 to 60", 60),
            ("store.idle_timeout_seconds", self.idle_timeout_seconds, "it must be 1 to 600", 600),
        ] {
            check(setting, seconds.to_string(), bound, (1..=most).contains(&seconds));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            (
                "postgres://u:secret@host:5432/db?sslmode=require",
                "postgres://u:***@host:5432/db?sslmode=require",
            ),
            ("postgres://u:se@cr:et@host/db", "postgres://u:***@host/db"),
            ("postgres://host/db", "postgres://host/db"),
            ("postgres://host/db?x=a@b", "postgres://host/db?x=a@b"),
        ] {
            let url = DatabaseUrl::new(url);
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
            assert_eq!(serde_json::to_value(&url).expect("it is a text"), shown);
        }
    }
}
