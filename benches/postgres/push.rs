//! Pushing a night: first, the same again, and the next night unchanged.

use std::sync::Arc;
use std::time::Duration;

use arrears::engine::push::{Document, PushCommand, push_cases};
use arrears::engine::{Caller, Engine, portfolio};
use arrears::model::*;
use futures::StreamExt;
use sqlx::postgres::{PgArguments, PgPool, PgRow};
use sqlx::{Arguments as _, AssertSqlSafe, Row as _};

use super::{Schema, median, plausible, timed};

const CHUNK: usize = 500;
/// Pushes on their way at once, as a loader of a night would keep.
const IN_FLIGHT: usize = 4;
/// The tables a first push writes.
const TABLES: [&str; 6] =
    ["debtor", "loan_case", "case_source", "case_head", "case_event", "case_q"];
const DAY: Micros = Micros(20_600 * Micros::DAY);

pub(super) async fn run(server: &str, cases: usize, rounds: usize) {
    let mut times: [Vec<Duration>; 5] = Default::default();
    for round in 1..=rounds {
        let ours_in = Schema::fresh(server, "ours").await;
        let ours = ours(&ours_in, cases).await;
        let theirs = theirs(&Schema::fresh(server, "theirs").await, &ours_in).await;
        println!("round {round}: {ours:.2?} ours, {theirs:.2?} by hand");
        for (list, time) in times.iter_mut().zip(ours.into_iter().chain(theirs)) {
            list.push(time);
        }
    }
    let [fresh, same, next, by_hand, bare] = times.map(median);
    let rate = |time: Duration| cases as f64 / time.as_secs_f64();
    println!(
        "cases {cases}, rounds {rounds}, {CHUNK} documents a push, {IN_FLIGHT} at once; medians"
    );
    for (name, ours, theirs) in [
        ("first push", fresh, Some(by_hand)),
        ("same push again", same, None),
        ("next night, same", next, Some(bare)),
    ] {
        let theirs = theirs.map(|theirs| {
            format!("  by hand {:>9.0}/s  ratio {:.2}", rate(theirs), rate(ours) / rate(theirs))
        });
        println!("{name:<16} {:>9.0}/s{}", rate(ours), theirs.unwrap_or_default());
    }
}

async fn ours(schema: &Schema, cases: usize) -> [Duration; 3] {
    let clock = Arc::new(TestClock::new(DAY));
    let engine = Engine::open(schema.database(), clock.clone()).await.expect("it opens");
    let caller = Caller::local();
    let settings = plausible::settings(ContactPolicy::Always);
    portfolio::create_portfolio(&engine, &caller, bench(), settings).await.expect("it is new");
    let mut times = [Duration::ZERO; 3];
    for (time, day) in times.iter_mut().zip([0, 0, 1]) {
        let as_of = DAY.plus(day * Micros::DAY);
        clock.set(as_of);
        let chunks: Vec<PushCommand> = (0..cases)
            .step_by(CHUNK)
            .map(|from| command(from..(from + CHUNK).min(cases), as_of))
            .collect();
        let push = futures::stream::iter(chunks)
            .map(|chunk| push_cases(&engine, &caller, chunk))
            .buffered(IN_FLIGHT)
            .for_each(|pushed| async move { drop(pushed.expect("the push is taken")) });
        *time = timed(push).await.0;
    }
    times
}

fn bench() -> PortfolioId {
    PortfolioId::new("bench").expect("the id is valid")
}

fn command(range: std::ops::Range<usize>, as_of: Micros) -> PushCommand {
    let document = |index: usize| Document {
        case_id: CaseId::new(format!("case-{index:08}")).expect("the id is valid"),
        debtor_id: plausible::debtor_id(index),
        source_sequence: None,
        as_of,
        facts: plausible::facts(index, "", "Europe/Madrid"),
    };
    PushCommand {
        portfolio_id: bench(),
        documents: range.map(|index| Ok(document(index))).collect(),
        atomic: false,
        validate_only: false,
    }
}

/// A column of rows.
#[derive(Clone)]
enum Cells {
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Cells {
    fn of(kind: &str, rows: &[PgRow], column: usize) -> Cells {
        match kind {
            "text" => Cells::Texts(rows.iter().map(|row| row.get(column)).collect()),
            "bytea" => Cells::Bytes(rows.iter().map(|row| row.get(column)).collect()),
            _ => {
                let int = |row: &PgRow| row.try_get_unchecked(column).expect("it is an integer");
                Cells::Ints(rows.iter().map(int).collect())
            }
        }
    }

    fn add(self, to: &mut PgArguments) {
        let added = match self {
            Cells::Ints(cells) => to.add(cells),
            Cells::Texts(cells) => to.add(cells),
            Cells::Bytes(cells) => to.add(cells),
        };
        added.expect("cells can be encoded");
    }
}

/// The rows of a transaction, by table: the statement and its columns.
type Rows = Vec<(String, Vec<Cells>)>;

/// Writes by hand what ours wrote, then moves every head's instant.
async fn theirs(schema: &Schema, ours: &Schema) -> [Duration; 2] {
    let (pool, source) = (schema.pool().await, ours.pool().await);
    super::make_tables(&pool).await;
    let mut numbers: Vec<i64> =
        sqlx::query_scalar("SELECT case_no FROM case_head ORDER BY case_no")
            .fetch_all(&source)
            .await
            .expect("our heads can be read");
    let part: i64 = sqlx::query_scalar("SELECT part FROM case_head LIMIT 1")
        .fetch_one(&source)
        .await
        .expect("there is a head");
    let mut chunks = Vec::new();
    for chunk in numbers.chunks_mut(CHUNK) {
        chunks.push(rows(&source, chunk).await);
    }
    let insert = futures::stream::iter(chunks)
        .map(|rows| transaction(&pool, rows))
        .buffered(IN_FLIGHT)
        .for_each(|()| async {});
    let fresh = timed(insert).await.0;
    let sql = "WITH v AS (SELECT * FROM UNNEST($2::bigint[], $3::bigint[]) AS v(case_no, as_of)) \
        UPDATE case_head SET as_of = v.as_of FROM v \
        WHERE case_head.part = $1 AND case_head.case_no = v.case_no";
    let moved = DAY.plus(Micros::DAY).0;
    let renewals: Vec<Rows> = numbers
        .chunks(CHUNK)
        .map(|chunk| {
            let ints = |cells: Vec<i64>| Cells::Ints(cells.into_iter().map(Some).collect());
            vec![(
                sql.to_owned(),
                vec![ints(vec![part]), ints(chunk.to_vec()), ints(vec![moved; chunk.len()])],
            )]
        })
        .collect();
    let renew = futures::stream::iter(renewals)
        .map(|rows| renewal(&pool, part, rows))
        .buffered(IN_FLIGHT)
        .for_each(|()| async {});
    [fresh, timed(renew).await.0]
}

/// What ours wrote of some cases, with a statement for each table.
async fn rows(source: &PgPool, case_nos: &[i64]) -> Rows {
    let mut rows = Vec::new();
    for table in TABLES {
        let columns: Vec<(String, String)> = sqlx::query_as(
            "SELECT column_name::text, data_type::text FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position",
        )
        .bind(table)
        .fetch_all(source)
        .await
        .expect("the columns are known");
        // A debtor comes with its first case.
        let of = match table {
            "debtor" => {
                "debtor_no IN (SELECT debtor_no FROM case_head GROUP BY part, debtor_no \
                 HAVING MIN(case_no) = ANY($1))"
            }
            _ => "case_no = ANY($1)",
        };
        let sql = format!("SELECT * FROM {table} WHERE {of}");
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(case_nos)
            .fetch_all(source)
            .await
            .expect("our rows can be read");
        let cells = columns.iter().enumerate();
        let cells = cells.map(|(at, (_, kind))| Cells::of(kind, &found, at)).collect();
        let array = |(at, (_, kind)): (usize, &(String, String))| {
            let of = if kind == "text" || kind == "bytea" { kind.as_str() } else { "bigint" };
            format!("${}::{of}[]", at + 1)
        };
        let arrays: Vec<String> = columns.iter().enumerate().map(array).collect();
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(", ");
        let sql =
            format!("INSERT INTO {table} ({names}) SELECT * FROM UNNEST({})", arrays.join(", "));
        rows.push((sql, cells));
    }
    rows
}

async fn transaction(pool: &PgPool, rows: Rows) {
    let mut tx = pool.begin().await.expect("a connection is free");
    for (sql, columns) in rows {
        let mut arguments = PgArguments::default();
        for cells in columns {
            cells.add(&mut arguments);
        }
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments);
        query.execute(&mut *tx).await.expect("the rows are new");
    }
    tx.commit().await.expect("it is committed");
}

async fn renewal(pool: &PgPool, part: i64, rows: Rows) {
    let mut tx = pool.begin().await.expect("a connection is free");
    for (sql, columns) in rows {
        let mut arguments = PgArguments::default();
        arguments.add(part).expect("it can be encoded");
        for cells in columns.into_iter().skip(1) {
            cells.add(&mut arguments);
        }
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments);
        query.execute(&mut *tx).await.expect("the heads are there");
    }
    tx.commit().await.expect("it is committed");
}
