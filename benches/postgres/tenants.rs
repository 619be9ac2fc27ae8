//! What a server does by itself over many tenants while nobody asks it anything, beside
//! the same over one tenant; and what it costs to start over them: time and memory.
//!
//! One tenant is filled through the service, and its rows are copied for the others under
//! their parts. The clock stands, so that nothing comes due.

use std::process::Command;
use std::time::Duration;

use arrears::engine::Caller;
use arrears::model::{Micros, Part};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;

use super::desk::{Desk, START};
use super::processor::spent;
use super::{CLEAN, Schema, timed};

/// Parts whose rows are copied by one statement.
const COPIED: usize = 100;
/// How long a server runs before it is looked at: it has connected, and looked for
/// everything once that it looks for every second.
const WARM: Duration = Duration::from_secs(3);

pub(super) async fn run(server: &str, tenants: usize, cases: usize, seconds: usize) {
    let one = Schema::fresh(server, "one").await;
    Desk::fill(one.database(), cases, START).await;
    number_changes(&one).await;
    let many = Schema::fresh(server, "many").await;
    let (filling, ()) = timed(multiply(&one, &many, tenants)).await;
    println!("{tenants} tenants of {cases} cases copied in {filling:.0?}");
    for sql in [CLEAN, "CHECKPOINT"] {
        sqlx::raw_sql(sql).execute(&one.pool().await).await.expect("it can be cleaned");
    }
    // In a process of its own, whose memory is that of a server alone.
    for schema in ["one", "many"] {
        let program = std::env::current_exe().expect("a program has a path");
        let (seconds, last) = (seconds.to_string(), tenants.to_string());
        let last = if schema == "one" { "0" } else { &last };
        let ended = Command::new(program).args(["idle", schema, &seconds, last]).status();
        assert!(ended.is_ok_and(|ended| ended.success()), "the server is measured");
    }
}

/// The changes of a push are numbered by background work; here before anything is copied.
async fn number_changes(schema: &Schema) {
    let desk = Desk::open(schema.database(), START.plus(Micros::HOUR)).await;
    desk.engine.number_changes().await.expect("changes can be numbered");
    let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM outbox")
        .fetch_one(&schema.pool().await)
        .await
        .expect("it can be counted");
    assert_eq!(left, 0, "nobody else writes");
}

/// The name of a tenant; the one that was filled is 0.
fn tenant(number: usize) -> Caller {
    let local = Caller::local();
    if number == 0 {
        return local;
    }
    let tenant = format!("tenant-{number:05}");
    Caller { tenant, ..local }
}

fn part_of(caller: &Caller) -> Part {
    Part::of_tenant(&caller.tenant)
}

/// Writes the rows of one tenant under the parts of many.
async fn multiply(from: &Schema, to: &Schema, tenants: usize) {
    drop(Desk::open(to.database(), START).await);
    let pool = to.pool().await;
    // By part, so that every index grows at its end.
    let mut callers: Vec<Caller> = (1..=tenants).map(tenant).collect();
    callers.sort_by_key(part_of);
    let names: Vec<String> = callers.iter().map(|caller| caller.tenant.clone()).collect();
    let parts: Vec<i64> = callers.iter().map(|caller| part_of(caller).0).collect();
    let sql = "INSERT INTO tenant SELECT part, name, 1, $3 \
        FROM UNNEST($1::bigint[], $2::text[]) AS t(part, name)";
    let query = sqlx::query(sql).bind(&parts).bind(names).bind(START.0);
    query.execute(&pool).await.expect("tenants can be written");
    for (table, columns) in tables(&pool).await {
        let sql = format!(
            "INSERT INTO {table} (part, {columns}) SELECT t.part, {columns} \
            FROM UNNEST($1::bigint[]) AS t(part) CROSS JOIN \
            (SELECT {columns} FROM {}.{table}) AS r ORDER BY 1, 2",
            name(&from.pool().await).await
        );
        for parts in parts.chunks(COPIED) {
            let query = sqlx::query(AssertSqlSafe(sql.as_str())).bind(parts);
            query.execute(&pool).await.expect("rows can be copied");
        }
    }
}

async fn name(pool: &PgPool) -> String {
    let sql = "SELECT current_schema()::text";
    sqlx::query_scalar(sql).fetch_one(pool).await.expect("it has a name")
}

/// The tables whose rows belong to a part, but that of the tenants, each with its other
/// columns.
async fn tables(pool: &PgPool) -> Vec<(String, String)> {
    let sql = "SELECT c.table_name::text, \
        STRING_AGG(c.column_name::text, ', ' ORDER BY c.ordinal_position) \
        FROM information_schema.columns c JOIN information_schema.columns p \
        ON p.table_schema = c.table_schema AND p.table_name = c.table_name \
        AND p.column_name = 'part' WHERE c.table_schema = current_schema() \
        AND c.column_name <> 'part' AND c.table_name <> 'tenant' GROUP BY 1 ORDER BY 1";
    sqlx::query_as(sql).fetch_all(pool).await.expect("the catalog can be read")
}

/// One server over a schema: it is started, left alone, and asked for work by a tenant.
pub(super) async fn idle(server: &str, schema: &str, seconds: usize, last: usize) {
    let joint = if server.contains('?') { '&' } else { '?' };
    let schema = Schema { url: format!("{server}{joint}options=-c%20search_path%3D{schema}") };
    let before = resident();
    let (opening, mut desk) = timed(Desk::open(schema.database(), START.plus(Micros::HOUR))).await;
    let opened = resident();
    let background = desk.engine.start_background();
    tokio::time::sleep(WARM).await;
    let (spent, ()) = spent(tokio::time::sleep(Duration::from_secs(seconds as u64))).await;
    let of_a_core = |time: Duration| time.as_secs_f64() / spent.wall.as_secs_f64() * 100.0;
    let idle = resident();
    desk.caller = tenant(last);
    let (pulling, leased) = timed(desk.pull("first")).await;
    assert!(leased > 0, "what was copied can be worked");
    background.stop().await;
    println!(
        "{:<5} opened in {opening:.0?}, resident {:.1} MiB before, {:.1} opened, {:.1} idle; \
         idle, of a core: {:.2} % ours, {:.2} % the database's; first pull of a tenant: {leased} \
         in {pulling:.0?}",
        name(&schema.pool().await).await,
        before,
        opened,
        idle,
        of_a_core(spent.ours),
        of_a_core(spent.theirs),
    );
}

/// Resident memory of this process in MiB, as Linux tells it.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib = line.split_whitespace().next().and_then(|text| text.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1_024.0
}
