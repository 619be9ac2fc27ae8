//! A schema of PostgreSQL for a test of its own.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use crate::store::{Database, Distribution, PostgresOptions, Store, migrate};

/// The URL of a PostgreSQL server whose role may create schemas; `.ci/with-postgres`
/// sets it.
const SERVER: &str = "ARREARS_TEST_POSTGRES";
/// The URL of the coordinator of a Citus cluster whose role may create schemas.
const CLUSTER: &str = "ARREARS_TEST_CITUS_URL";
/// `postgres` where a run of the tests is about that database: a test that skips it
/// there has failed.
const STAGE: &str = "ARREARS_TEST_STAGE";

/// A migrated schema, and a connection that sees nothing else.
pub(super) struct Schema {
    server: String,
    name: String,
    url: String,
    pub(super) connection: PgConnection,
}

impl Schema {
    /// A schema of its own; nothing without a server, and then says why.
    pub(super) async fn new() -> Option<Schema> {
        let Ok(server) = std::env::var(SERVER) else {
            let asked = std::env::var(STAGE).is_ok_and(|stage| stage == "postgres");
            assert!(!asked, "{SERVER} is not set in the run that is about PostgreSQL");
            eprintln!("skipped: {SERVER} names no PostgreSQL server");
            return None;
        };
        let (mut schema, options) = Schema::on(server, "").await;
        let settings = options.settings(false);
        let store = Store::open(Database::Postgres(Box::new(options))).await;
        drop(store.expect("an empty schema can be migrated"));
        // A test may take its time, and is else as the service is.
        for (name, value) in settings.iter().filter(|(name, _)| !name.ends_with("_timeout")) {
            schema.run(&format!("SET {name} = '{value}'")).await;
        }
        Some(schema)
    }

    /// A schema of its own whose tables are distributed over a cluster; nothing without
    /// one, and then says why.
    pub(super) async fn distributed() -> Option<Schema> {
        let Ok(server) = std::env::var(CLUSTER) else {
            eprintln!(
                "skipped: {CLUSTER} names no Citus cluster; the rules of statements and of \
                 distributed stand in for it"
            );
            return None;
        };
        let (schema, options) = Schema::on(server, "%20-c%20citus.shard_count%3D4").await;
        let done = migrate::distribute(&Database::Postgres(Box::new(options))).await;
        done.expect("an empty schema can be distributed");
        Some(schema)
    }

    /// A schema that several servers may share: on a cluster where there is one, else on
    /// one server; nothing without either.
    pub(super) async fn of_several() -> Option<Schema> {
        match std::env::var_os(CLUSTER) {
            Some(_) => Schema::distributed().await,
            None => Schema::new().await,
        }
    }

    /// An empty schema, with settings of a session behind its URL.
    async fn on(server: String, settings: &str) -> (Schema, PostgresOptions) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("unit_{}_{number}", std::process::id());
        let mut own = connect(&server).await;
        run(&mut own, &format!("CREATE SCHEMA {name}")).await;
        own.close().await.expect("a connection can be closed");
        let joint = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{joint}options=-c%20search_path%3D{name}{settings}");
        let options = PostgresOptions::from_url(&url).expect("the URL is one");
        let connection = connect(&url).await;
        (Schema { server, name, url, connection }, options)
    }

    /// Where a service finds it.
    pub(super) fn database(&self) -> Database {
        let options = PostgresOptions::from_url(&self.url).expect("the URL is one");
        Database::Postgres(Box::new(options))
    }

    /// The service's own view of it.
    pub(super) async fn store(&self) -> Store {
        Store::open(self.database()).await.expect("a migrated schema can be opened")
    }

    /// How its tables lie on a cluster.
    pub(super) async fn distribution(&self) -> Distribution {
        let found = migrate::distribution(&self.database()).await;
        found.expect("the cluster is there").expect("the extension is there")
    }

    /// Runs statements.
    pub(super) async fn run(&mut self, sql: &str) {
        run(&mut self.connection, sql).await;
    }

    /// All rows of a statement.
    pub(super) async fn rows(&mut self, sql: &str) -> Vec<PgRow> {
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut self.connection).await;
        rows.unwrap_or_else(|error| panic!("{error}: {sql}"))
    }

    /// Takes the schema away. One of a test that failed is left to be looked at.
    pub(super) async fn end(self) {
        self.connection.close().await.expect("a connection can be closed");
        let mut own = connect(&self.server).await;
        run(&mut own, &format!("DROP SCHEMA {} CASCADE", self.name)).await;
        own.close().await.expect("a connection can be closed");
    }
}

async fn run(connection: &mut PgConnection, sql: &str) {
    let ran = connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await;
    ran.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

async fn connect(url: &str) -> PgConnection {
    let options: PgConnectOptions = url.parse().expect("the URL is one");
    PgConnection::connect_with(&options).await.expect("the server is there")
}
