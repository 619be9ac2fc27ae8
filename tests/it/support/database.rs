//! The database of a test: a folder of its own, or a schema of its own on the
//! PostgreSQL server that `ARREARS_TEST_POSTGRES` names, or one whose tables are
//! distributed over the Citus cluster that `ARREARS_TEST_CITUS_URL` names.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use arrears::store::{Database, PostgresOptions, migrate};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};

/// The URL of a PostgreSQL server whose role may create schemas.
const SERVER: &str = "ARREARS_TEST_POSTGRES";
/// The URL of the coordinator of a Citus cluster whose role may create schemas; it goes
/// before the other.
const CLUSTER: &str = "ARREARS_TEST_CITUS_URL";

/// A database that goes with the test.
pub(crate) struct TestDatabase {
    folder: tempfile::TempDir,
    schema: Option<Schema>,
}

struct Schema {
    server: String,
    name: String,
    cluster: bool,
}

impl TestDatabase {
    /// An empty database, whose tables are distributed where the tests run on a cluster.
    pub(crate) fn new() -> TestDatabase {
        let database = TestDatabase::without_tables();
        if database.is_on_a_cluster() {
            let location = database.location();
            blocking(|| migrate::distribute(&location)).unwrap();
        }
        database
    }

    /// A database without tables.
    pub(crate) fn without_tables() -> TestDatabase {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let named = |name: &str| std::env::var(name).ok();
        let server = named(CLUSTER).map(|url| (url, true));
        let server = server.or_else(|| Some((named(SERVER)?, false)));
        let schema = server.map(|(server, cluster)| {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("test_{}_{number}", std::process::id());
            on_server(&server, &format!("CREATE SCHEMA {name}"));
            Schema { server, name, cluster }
        });
        TestDatabase { folder: tempfile::tempdir().unwrap(), schema }
    }

    /// An empty folder, whatever the tests run on.
    pub(crate) fn on_sqlite() -> TestDatabase {
        TestDatabase { folder: tempfile::tempdir().unwrap(), schema: None }
    }

    /// Where the service finds it.
    pub(crate) fn location(&self) -> Database {
        match &self.schema {
            None => Database::from(self.folder.path()),
            Some(schema) => {
                let mut options = PostgresOptions::from_url(&schema.url()).unwrap();
                options.connections_max = 8;
                Database::Postgres(Box::new(options))
            }
        }
    }

    /// A folder that goes with it, whatever the database.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The address, on PostgreSQL.
    pub(crate) fn url(&self) -> Option<String> {
        self.schema.as_ref().map(Schema::url)
    }

    /// Whether its tables are to be distributed over a cluster.
    pub(crate) fn is_on_a_cluster(&self) -> bool {
        self.schema.as_ref().is_some_and(|schema| schema.cluster)
    }

    /// The folder of an SQLite database.
    pub(crate) fn folder(&self) -> &Path {
        assert!(self.schema.is_none(), "the test is about SQLite");
        self.folder.path()
    }

    /// Counts with a statement of one row and one number.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        match &self.schema {
            None => self.file().query_row(sql, [], |row| row.get(0)).unwrap(),
            Some(schema) => schema.number(sql),
        }
    }

    /// Runs a statement past the service; returns how many rows it touched.
    pub(crate) fn execute(&self, sql: &str) -> u64 {
        match &self.schema {
            None => self.file().execute(sql, []).unwrap() as u64,
            // Bytes are written in another way there.
            Some(schema) => on_server(&schema.url(), &sql.replace("x'", "'\\x")),
        }
    }

    /// Runs a statement past the service in a transaction that lasts as long as the
    /// connection, on PostgreSQL.
    pub(crate) async fn hold(&self, sql: &str) -> Option<PgConnection> {
        let mut connection = connect(&self.url()?).await;
        connection.execute("BEGIN").await.unwrap();
        connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
        Some(connection)
    }

    /// The file, for tests of SQLite alone.
    pub(crate) fn file(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder().join("arrears.db")).unwrap()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some(Schema { server, name, .. }) = self.schema.take() {
            // A read that was dropped ends in a task, which cannot run while the runtime of
            // the test waits here: its lock would last until the server gives it up.
            let held = format!(
                "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_class c \
                 ON c.oid = l.relation WHERE c.relnamespace = '{name}'::regnamespace \
                 AND l.pid <> pg_backend_pid()"
            );
            on_server(&server, &format!("{held}; DROP SCHEMA {name} CASCADE"));
        }
    }
}

impl Schema {
    fn url(&self) -> String {
        let joint = if self.server.contains('?') { '&' } else { '?' };
        // Pieces of tables are made for every test anew: a few show what many would.
        let pieces = if self.cluster { "-c%20citus.shard_count%3D4%20" } else { "" };
        format!("{}{joint}options={pieces}-c%20search_path%3D{}", self.server, self.name)
    }

    fn number(&self, sql: &str) -> i64 {
        let row = || async {
            let mut connection = connect(&self.url()).await;
            connection.fetch_one(AssertSqlSafe(sql.to_owned())).await.unwrap()
        };
        blocking(row).try_get_unchecked(0).unwrap()
    }
}

/// Whether the tests run on PostgreSQL, said on the way out of a test that is about
/// something else.
#[expect(clippy::print_stderr, reason = "the reason why a test does nothing is for people")]
pub(crate) fn only_on_sqlite(about: &str) -> bool {
    let elsewhere = [SERVER, CLUSTER].iter().any(|name| std::env::var_os(name).is_some());
    if elsewhere {
        eprintln!("skipped on PostgreSQL: it is about {about}");
    }
    !elsewhere
}

fn on_server(url: &str, sql: &str) -> u64 {
    blocking(|| async {
        let mut connection = connect(url).await;
        let done = connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
        connection.close().await.unwrap();
        done.rows_affected()
    })
}

async fn connect(url: &str) -> PgConnection {
    let options: PgConnectOptions = url.parse().unwrap();
    PgConnection::connect_with(&options).await.unwrap()
}

/// Runs to its end on a thread of its own: tests ask from inside a runtime.
fn blocking<T: Send, F: Future<Output = T>>(work: impl FnOnce() -> F + Send) -> T {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(work())
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}
