//! PostgreSQL: any number of replicas over one database. A transaction has a
//! connection of its own; rows are locked by what takes them in hand, and a
//! transaction that another one came between runs anew.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Decode, Row as _, Type};

use super::StoreError;
use super::db::Tx;

mod citus;
mod health;
mod numbers;
mod text;
mod transaction;
mod write;

pub use citus::Distribution;
pub use health::{Health, Holder};
#[cfg(test)]
pub(super) use text::{distributed_texts_for_tests, texts_for_tests};
pub(super) use transaction::PgTx;
pub(super) use write::TRANSACTION_MAX;

use numbers::NumberBlocks;
use write::Places;

/// The tables, as this program knows them.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");
/// What a database says of its migrations that has none.
const UNDEFINED_TABLE: &str = "42P01";

/// Prepared statements kept per connection.
const STATEMENTS_KEPT: usize = 512;

/// How PostgreSQL is reached and used.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    connect: PgConnectOptions,
    /// The most connections of this process, 4 to 200.
    pub connections_max: u32,
    /// Whether a pooler hands out connections transaction by transaction: then
    /// statements keep no names, and settings last for one transaction.
    pub transaction_pooler: bool,
    /// The longest a statement may run.
    pub statement_timeout: Duration,
    /// The longest a statement waits for a row that another transaction has.
    pub lock_timeout: Duration,
    /// The longest a transaction may stand idle.
    pub idle_timeout: Duration,
    /// The longest a transaction waits for a connection.
    pub connect_timeout: Duration,
    /// Serves although the database acknowledges commits before they are durable.
    pub allow_async_commit: bool,
}

impl PostgresOptions {
    /// Reads a URL, `postgres://user:password@host:port/database?sslmode=verify-full`.
    ///
    /// # Errors
    /// What is wrong with it, without the password.
    pub fn from_url(url: &str) -> Result<PostgresOptions, String> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err("it does not begin with postgres://".to_owned());
        }
        let connect = PgConnectOptions::from_str(url).map_err(|error| error.to_string())?;
        Ok(PostgresOptions {
            connect,
            connections_max: 16,
            transaction_pooler: false,
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            allow_async_commit: false,
        })
    }

    /// Host, port and database, for people.
    pub fn place(&self) -> String {
        let database = self.connect.get_database().unwrap_or("postgres");
        format!("{}:{}/{database}", self.connect.get_host(), self.connect.get_port())
    }

    /// How to connect under the name of this program.
    fn named(&self) -> PgConnectOptions {
        let connect = self.connect.clone().application_name("arrears").disable_statement_logging();
        match self.transaction_pooler {
            // pgbouncer refuses what it cannot set on every connection it hands out.
            true => connect.extra_float_digits(None).statement_cache_capacity(0),
            false => connect.statement_cache_capacity(STATEMENTS_KEPT),
        }
    }

    fn lock_timeout_setting(&self) -> (&'static str, String) {
        ("lock_timeout", self.lock_timeout.as_millis().to_string())
    }

    /// Settings of a connection, or of every transaction behind a pooler.
    pub(super) fn settings(&self, citus: bool) -> Vec<(&'static str, String)> {
        let millis = |time: Duration| time.as_millis().to_string();
        // How nodes find rows is not for a coordinator to say, and it cannot plan a
        // statement once for all values.
        if citus {
            return vec![
                ("statement_timeout", millis(self.statement_timeout)),
                ("idle_in_transaction_session_timeout", millis(self.idle_timeout)),
                // A scan of all parts would else open many connections to every node.
                ("citus.max_adaptive_executor_pool_size", "1".to_owned()),
            ];
        }
        let mut settings = vec![
            ("statement_timeout", millis(self.statement_timeout)),
            self.lock_timeout_setting(),
            ("idle_in_transaction_session_timeout", millis(self.idle_timeout)),
            ("jit", "off".to_owned()),
        ];
        // Every statement finds its rows by key. A plan is made once, perhaps over tables
        // that are still empty or of unknown size, and must not come to think that reading
        // a table is cheaper.
        let never = ["enable_seqscan", "enable_hashjoin", "enable_mergejoin"];
        settings.extend(never.map(|way| (way, "off".to_owned())));
        settings.push(("max_parallel_workers_per_gather", "0".to_owned()));
        // Planning one of the longer statements costs more than running it, and no plan
        // here should depend on a value.
        settings.push(("plan_cache_mode", "force_generic_plan".to_owned()));
        settings
    }
}

/// A database that other processes may write to as well.
#[derive(Clone)]
pub struct Postgres(Arc<Shared>);

struct Shared {
    pool: PgPool,
    numbers: NumberBlocks,
    places: Places,
    /// Begins a transaction that writes; says what time it is.
    begin_write: String,
    /// Begins a view of one instant; says what time it is.
    begin_read: String,
    /// How long a statement waits for a row.
    lock_timeout: Duration,
    /// Whether the tables lie on several nodes.
    distributed: bool,
    /// Whether a pooler hands out connections transaction by transaction: then
    /// statements keep no names, and a transaction may wait for a connection.
    pooled: bool,
}

impl Postgres {
    /// Connects, and brings the tables up to date.
    pub(super) async fn open(options: &PostgresOptions) -> Result<Postgres, StoreError> {
        let mut first = connect_within(options).await?;
        migrate(&mut first, options).await?;
        check_durable(&mut first, options).await?;
        check_whole(&mut first).await?;
        warn_of_standbys(&mut first).await?;
        let citus = citus::complete(&mut first).await?;
        Postgres::over(first, options, citus).await
    }

    /// The same for a transfer into the database, which may have begun before.
    pub(super) async fn open_for_transfer(
        options: &PostgresOptions,
    ) -> Result<Postgres, StoreError> {
        let mut first = connect_within(options).await?;
        migrate(&mut first, options).await?;
        check_durable(&mut first, options).await?;
        let citus = citus::complete(&mut first).await?;
        Postgres::over(first, options, citus).await
    }

    /// Connects, and changes nothing.
    pub(super) async fn look(options: &PostgresOptions) -> Result<Postgres, StoreError> {
        let mut first = connect_within(options).await?;
        let citus = citus::look(&mut first).await?;
        Postgres::over(first, options, citus.is_some_and(|found| found.is_begun())).await
    }

    /// `citus`: whether the tables are distributed.
    async fn over(
        mut first: PgConnection,
        options: &PostgresOptions,
        citus: bool,
    ) -> Result<Postgres, StoreError> {
        let connect = options.named();
        let asks = asks_at_begin(&mut first).await?;
        first.close().await?;
        let settings = options.settings(citus);
        let on_nodes = match citus {
            true => citus::on_nodes(&options.lock_timeout_setting()),
            false => String::new(),
        };
        let (connect, local) = match options.transaction_pooler {
            true => (connect, set_local(&settings)),
            false => (connect.options(settings), String::new()),
        };
        let pool = |count: u32| {
            PgPoolOptions::new()
                .max_connections(count)
                .acquire_timeout(options.connect_timeout)
                // Asking whether a connection lives costs a round trip; a transaction
                // that finds it dead begins anew on another one.
                .test_before_acquire(false)
                .connect_lazy_with(connect.clone())
        };
        Ok(Postgres(Arc::new(Shared {
            pool: pool(options.connections_max.saturating_sub(1).max(3)),
            numbers: NumberBlocks::new(pool(1)),
            places: Places::of(options.connections_max),
            begin_write: format!("BEGIN; {local}{on_nodes}{asks}"),
            begin_read: format!(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {local}{}",
                transaction::NOW
            ),
            lock_timeout: options.lock_timeout,
            distributed: citus,
            pooled: options.transaction_pooler,
        })))
    }

    /// A transaction that writes, of whoever takes no part in the service.
    pub(super) async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(Tx::postgres(PgTx::begin(self, &self.0.pool, true).await?))
    }

    /// Ends it; what it wrote is durable from then on.
    pub(super) async fn commit(tx: Tx) -> Result<(), StoreError> {
        tx.into_pg().ok_or(StoreError::Closed)?.commit().await
    }

    /// Asks whether the database answers, on the connection that is hardly ever busy:
    /// that all others are at work is no reason to say no.
    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        PgTx::begin(self, self.0.numbers.pool(), false).await?.rollback().await;
        Ok(())
    }

    /// A view of one instant.
    pub(super) async fn read(&self) -> Result<Tx, StoreError> {
        let _place = self.0.places.reader().await?;
        Ok(Tx::postgres(PgTx::begin(self, &self.0.pool, false).await?))
    }
}

fn set_local(settings: &[(&str, String)]) -> String {
    settings.iter().map(|(name, value)| format!("SET LOCAL {name} = '{value}'; ")).collect()
}

/// Brings the tables up to date, and distributes them over a cluster. Goes on where it
/// broke off, and changes nothing the second time.
pub(super) async fn migrate_up_and_distribute(options: &PostgresOptions) -> Result<(), StoreError> {
    let mut connection = connect_within(options).await?;
    citus::check(&mut connection).await?;
    migrate(&mut connection, options).await?;
    citus::distribute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// How the tables lie on a cluster; nothing where there is no extension for that.
pub(super) async fn distribution(
    options: &PostgresOptions,
) -> Result<Option<Distribution>, StoreError> {
    let mut connection = connect_within(options).await?;
    let found = citus::look(&mut connection).await?;
    connection.close().await?;
    Ok(found)
}

/// Brings the tables up to date. Where they are distributed, new ones are as well.
pub(super) async fn migrate_up(options: &PostgresOptions) -> Result<(), StoreError> {
    let mut connection = connect_within(options).await?;
    migrate(&mut connection, options).await?;
    citus::complete(&mut connection).await?;
    Ok(connection.close().await?)
}

async fn connect_within(options: &PostgresOptions) -> Result<PgConnection, StoreError> {
    if options.transaction_pooler && options.connect.get_options().is_some() {
        // Such as the schema of the tables: without it others would be served.
        return Err(StoreError::Unavailable(
            "its address has options, which a pooler does not hand on: give them to the role, \
             such as ALTER ROLE ... SET search_path = ..."
                .to_owned(),
        ));
    }
    let within = options.connect_timeout;
    match tokio::time::timeout(within, PgConnection::connect_with(&options.named())).await {
        Ok(connection) => Ok(connection?),
        Err(_) => {
            let message = format!("no connection within {} s", within.as_secs());
            Err(StoreError::Unavailable(message))
        }
    }
}

/// Brings the tables up to date unless they are: the role of a service need not own
/// them. Tables of a newer program are left alone, so that an older replica can
/// restart while the others are replaced. Of many that start at once, one migrates
/// and the others wait for it.
async fn migrate(
    connection: &mut PgConnection,
    options: &PostgresOptions,
) -> Result<(), StoreError> {
    let applied = "SELECT version, success FROM _sqlx_migrations";
    let applied: Vec<(i64, bool)> = match told(connection, applied).await {
        Ok(rows) => rows.iter().map(pair).collect::<Result<_, _>>()?,
        Err(sqlx::Error::Database(error))
            if error.code().is_some_and(|is| is == UNDEFINED_TABLE) =>
        {
            Vec::new()
        }
        Err(error) => return Err(error.into()),
    };
    if MIGRATIONS.iter().all(|migration| applied.contains(&(migration.version, true))) {
        return Ok(());
    }
    if options.transaction_pooler {
        // The lock that keeps two from migrating belongs to a session.
        return Err(StoreError::Unavailable(
            "the tables are not up to date, and cannot be made so through a pooler: run \
             `arrears migrate up` with the address of the database itself"
                .to_owned(),
        ));
    }
    Ok(MIGRATIONS.run(connection).await?)
}

/// Refuses a database that acknowledges what a crash may undo.
async fn check_durable(
    connection: &mut PgConnection,
    options: &PostgresOptions,
) -> Result<(), StoreError> {
    let asked = "SELECT current_setting('synchronous_commit'), current_setting('fsync')";
    let rows = told(connection, asked).await?;
    let (commit, fsync): (String, String) = pair(rows.first().ok_or(StoreError::Closed)?)?;
    if commit != "off" && fsync == "on" {
        return Ok(());
    }
    if options.allow_async_commit {
        tracing::warn!(commit, fsync, "acknowledged writes may be lost when the database crashes");
        return Ok(());
    }
    Err(StoreError::Unavailable(format!(
        "synchronous_commit is {commit} and fsync is {fsync}: acknowledged writes could be lost; \
         set both to on, or allow it with store.allow_async_commit"
    )))
}

/// Refuses a database into which a transfer has not ended.
async fn check_whole(connection: &mut PgConnection) -> Result<(), StoreError> {
    let unfinished = "SELECT 1 WHERE to_regclass('transfer_state') IS NOT NULL";
    match told(connection, unfinished).await?.is_empty() {
        true => Ok(()),
        false => Err(StoreError::Unavailable(
            "a transfer into it has not ended: run `arrears transfer` again".to_owned(),
        )),
    }
}

/// What a transaction that writes asks when it begins.
async fn asks_at_begin(connection: &mut PgConnection) -> Result<String, StoreError> {
    let asks = format!("{}, {}", transaction::NOW, transaction::LINEAGE);
    match sqlx::raw_sql(AssertSqlSafe(asks.as_str())).fetch_one(connection).await {
        Ok(_) => Ok(asks),
        Err(sqlx::Error::Database(error)) => {
            tracing::warn!(%error, "a switch of the database to a standby will not be noticed");
            Ok(transaction::NOW.to_owned())
        }
        Err(error) => Err(error.into()),
    }
}

/// Says that a switch to a standby would lose what was acknowledged last.
async fn warn_of_standbys(connection: &mut PgConnection) -> Result<(), StoreError> {
    let unsafe_standby = "SELECT 1 FROM pg_stat_replication \
        WHERE current_setting('synchronous_standby_names') = '' LIMIT 1";
    if !told(connection, unsafe_standby).await?.is_empty() {
        tracing::warn!(
            "the database has a standby and synchronous_standby_names is empty: a switch to it \
             may lose acknowledged writes, and stops leasing for as long as the longest lease"
        );
    }
    Ok(())
}

/// What a statement answers on a connection in no transaction. It is sent at once and
/// not prepared: behind a pooler the next message may reach another session.
async fn told(connection: &mut PgConnection, sql: &'static str) -> Result<Vec<PgRow>, sqlx::Error> {
    sqlx::raw_sql(sql).fetch_all(connection).await
}

fn pair<A, B>(row: &PgRow) -> Result<(A, B), sqlx::Error>
where
    A: for<'r> Decode<'r, sqlx::Postgres> + Type<sqlx::Postgres>,
    B: for<'r> Decode<'r, sqlx::Postgres> + Type<sqlx::Postgres>,
{
    Ok((row.try_get(0)?, row.try_get(1)?))
}
