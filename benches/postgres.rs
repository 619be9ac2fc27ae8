//! PostgreSQL, against statements written by hand: pushing a night against UNNEST of
//! the same rows into the same tables in the same transactions, and leasing against a
//! bare claim over a copy of the same queue; leasing through several servers; leasing
//! and reporting, which `make peers` compares with other queues; and what a server does
//! over many tenants while nobody asks it anything.
//!
//! `.ci/with-postgres cargo bench --bench postgres [-- push|lease|replicas|cycle CASES
//! ROUNDS]`; 100,000 cases and 5 rounds by default. `... -- tenants TENANTS CASES
//! SECONDS`; 5,000 tenants of 2,000 cases and 60 seconds by default. Sides alternate;
//! medians and ratios are printed. Everything runs on one machine, the server of the
//! database too.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::time::{Duration, Instant};

use arrears::store::{Database, PostgresOptions};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor as _};

#[path = "postgres/cycle.rs"]
mod cycle;
#[expect(dead_code, reason = "what other benchmarks do with it is of no concern here")]
#[path = "shared/desk.rs"]
mod desk;
#[expect(dead_code, reason = "what other benchmarks do with it is of no concern here")]
#[path = "shared/figures.rs"]
mod figures;
#[path = "postgres/lease.rs"]
mod lease;
#[path = "shared/plausible.rs"]
mod plausible;
#[path = "postgres/processor.rs"]
mod processor;
#[path = "postgres/push.rs"]
mod push;
#[path = "postgres/replicas.rs"]
mod replicas;
#[path = "postgres/tenants.rs"]
mod tenants;

/// Connections of each side.
const CONNECTIONS: u32 = 16;

fn main() {
    let server = std::env::var("ARREARS_TEST_POSTGRES")
        .expect("run it by .ci/with-postgres, or name a server in ARREARS_TEST_POSTGRES");
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let what = arguments.next().unwrap_or_else(|| "push".to_owned());
    let rest: Vec<String> = arguments.collect();
    let number = |at: usize, default: usize| {
        rest.get(at).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (cases, rounds) = (number(0, 100_000), number(1, 5));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be built");
    runtime.block_on(async {
        match what.as_str() {
            "lease" => lease::run(&server, cases, rounds).await,
            "cycle" => cycle::run(&server, cases, rounds, rest.get(2).map(String::as_str)).await,
            "replicas" => replicas::run(&server, cases, rounds).await,
            "tenants" => {
                tenants::run(&server, number(0, 5_000), number(1, 2_000), number(2, 60)).await;
            }
            // What the one before starts by itself.
            "idle" => tenants::idle(&server, &rest[0], number(1, 60), number(2, 0)).await,
            _ => push::run(&server, cases, rounds).await,
        }
    });
}

/// A schema of its own.
struct Schema {
    url: String,
}

impl Schema {
    /// An empty schema of a name; one of before is dropped.
    async fn fresh(server: &str, name: &str) -> Schema {
        let pool = pool(server).await;
        for sql in
            [format!("DROP SCHEMA IF EXISTS {name} CASCADE"), format!("CREATE SCHEMA {name}")]
        {
            pool.execute(AssertSqlSafe(sql)).await.expect("the server lets us make schemas");
        }
        let joint = if server.contains('?') { '&' } else { '?' };
        Schema { url: format!("{server}{joint}options=-c%20search_path%3D{name}") }
    }

    fn database(&self) -> Database {
        let mut options = PostgresOptions::from_url(&self.url).expect("the address is whole");
        options.connections_max = CONNECTIONS;
        Database::Postgres(Box::new(options))
    }

    async fn pool(&self) -> PgPool {
        pool(&self.url).await
    }
}

async fn pool(url: &str) -> PgPool {
    let options: PgConnectOptions = url.parse().expect("the address is whole");
    let options = options.options([("plan_cache_mode", "force_generic_plan"), ("jit", "off")]);
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false);
    pool.connect_with(options).await.expect("the server answers")
}

/// Looks after the tables that were filled, as a database does by itself. Of the others the
/// planner would learn that they are empty, and keep plans made for that.
const CLEAN: &str = "VACUUM ANALYZE loan_case, case_source, case_head, case_event, event_key, \
    case_q, debtor, audit";

/// The tables of the service, with the statistics they begin with.
async fn make_tables(pool: &PgPool) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres");
    let files = std::fs::read_dir(folder).expect("the migrations are there");
    let mut paths: Vec<_> = files.map(|file| file.expect("it is a file").path()).collect();
    paths.sort();
    for path in paths {
        let migration = std::fs::read_to_string(path).expect("it is text");
        let migration = sqlx::raw_sql(AssertSqlSafe(migration));
        migration.execute(pool).await.expect("the schema is new");
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Runs something and says how long it took.
async fn timed<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let began = Instant::now();
    let value = work.await;
    (began.elapsed(), value)
}
