//! How statements run on a Citus cluster: those of one part go to one piece of their
//! tables, on one node.

use sqlx::TypeInfo as _;
use sqlx::{AssertSqlSafe, Either, Executor as _, Row as _, SqlSafeStr as _, Statement as _};

use super::postgres::Schema;
use super::statements::CROSS_PART;
use super::*;
use crate::store::postgres::distributed_texts_for_tests;

/// Statements that read tables of one node, or none.
const ELSEWHERE: &[&str] = &["inspect APPLIED"];

fn crosses_parts(name: &str) -> bool {
    CROSS_PART.iter().any(|known| name.ends_with(&format!(" {known}")))
}

/// A value of a type, as it is written in a statement.
fn literal(of: &str) -> &'static str {
    match of {
        "INT2" | "INT4" | "INT8" => "1",
        "TEXT" => "'a'",
        "BYTEA" => "'\\x00'",
        "INT8[]" => "'{1,2}'",
        "TEXT[]" => "'{a,b}'",
        "BYTEA[]" => "'{NULL,NULL}'",
        other => panic!("no parameter is {other}"),
    }
}

/// What the coordinator does with a statement whose parameters have values.
async fn plan(schema: &mut Schema, name: &str, text: &str) -> String {
    let prepared = schema.connection.prepare(AssertSqlSafe(text.to_owned()).into_sql_str()).await;
    let prepared = prepared.unwrap_or_else(|error| panic!("{name}: {error}: {text}"));
    let types: Vec<String> = match prepared.parameters() {
        Some(Either::Left(types)) => types.iter().map(|of| of.name().to_owned()).collect(),
        Some(Either::Right(_)) | None => Vec::new(),
    };
    let values: Vec<&str> = types.iter().map(|of| literal(of)).collect();
    let (types, values) = match types.len() {
        0 => (String::new(), String::new()),
        _ => (format!("({})", types.join(", ")), format!("({})", values.join(", "))),
    };
    schema.run(&format!("PREPARE one{types} AS {text}")).await;
    let rows = schema.rows(&format!("EXPLAIN EXECUTE one{values}")).await;
    schema.run("DEALLOCATE one").await;
    rows.iter().map(|row| row.get_unchecked::<String, _>(0) + "\n").collect()
}

/// Whether a plan asks one piece of its tables only.
fn asks_one_piece(plan: &str) -> bool {
    let tasks = |line: &&str| line.starts_with("Task Count:");
    let counts: Vec<&str> = plan.lines().map(str::trim).filter(tasks).collect();
    !counts.is_empty() && counts.iter().all(|count| *count == "Task Count: 1")
}

#[tokio::test]
async fn every_statement_of_one_part_asks_one_node() {
    let Some(mut schema) = Schema::distributed().await else { return };
    let mut complaints = Vec::new();
    for (name, text) in distributed_texts_for_tests(&statements(), &batches()) {
        if ELSEWHERE.contains(&name.as_str()) {
            continue;
        }
        let plan = plan(&mut schema, &name, &text).await;
        if asks_one_piece(&plan) == crosses_parts(&name) {
            complaints.push(format!("{name}: {text}\n{plan}\n"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.concat());
    schema.end().await;
}

#[test]
fn a_plan_that_asks_all_pieces_is_found() {
    assert!(asks_one_piece("Custom Scan (Citus Adaptive)\n  Task Count: 1\n  Tasks Shown: All\n"));
    for plan in [
        "Custom Scan (Citus Adaptive)\n  Task Count: 4\n",
        "Custom Scan (Citus Adaptive)\n  ->  Distributed Subplan 1_1\n    Task Count: 4\n  Task Count: 1\n",
        "Custom Scan (Citus INSERT ... SELECT)\n  INSERT/SELECT method: pull to coordinator\n",
        "Seq Scan on case_q\n",
        "",
    ] {
        assert!(!asks_one_piece(plan), "{plan}");
    }
}

/// A table that a later migration adds is distributed by the same program, also where
/// the run before broke off; rows it had are there once.
#[tokio::test]
async fn tables_that_are_not_distributed_yet_become_so() {
    let Some(mut schema) = Schema::distributed().await else { return };
    schema
        .run(
            "CREATE TABLE tomorrow (part BIGINT NOT NULL, word TEXT COLLATE \"C\" NOT NULL, \
             PRIMARY KEY (part, word)); \
             CREATE TABLE of_one_node (no BIGINT PRIMARY KEY); \
             INSERT INTO tomorrow SELECT n, n FROM generate_series(1, 100) AS n",
        )
        .await;
    let found = schema.distribution().await;
    assert_eq!(found.pending, 1, "{found:?}");
    // What a server does that finds it so at its start.
    drop(Store::open(schema.database()).await.expect("the tables can be served"));
    let after = schema.distribution().await;
    assert_eq!((after.tables, after.pending), (found.tables + 1, 0));
    let count = |rows: Vec<sqlx::postgres::PgRow>| rows[0].get_unchecked::<String, _>(0);
    let word = "SELECT COUNT(*)::text FROM tomorrow";
    assert_eq!(count(schema.rows(word).await), "100");
    let left = "SELECT pg_relation_size('tomorrow')::text";
    assert_eq!(count(schema.rows(left).await), "0", "no row is left beside the nodes");
    let alone = "SELECT COUNT(*)::text FROM pg_dist_partition \
                 WHERE logicalrelid IN ('of_one_node'::regclass, '_sqlx_migrations'::regclass)";
    assert_eq!(count(schema.rows(alone).await), "0");
    schema.end().await;
}

/// Nodes hear nothing of the settings of a session.
#[tokio::test]
async fn how_long_to_wait_for_a_row_is_told_to_its_node() {
    let Some(schema) = Schema::distributed().await else { return };
    let store = schema.store().await;
    let found: Result<Option<(String,)>, StoreError> = store
        .write(
            Class::Interactive,
            |tx| {
                Box::pin(async move {
                    let text = "INSERT INTO tenant (part, tenant, buckets, create_time) \
                                VALUES ($1, 't', 1, 0)";
                    tx.execute(text, params![7_i64]).await?;
                    let text = "SELECT current_setting('lock_timeout') || ' ' || \
                                current_setting('application_name') FROM tenant WHERE part = $1";
                    tx.fetch_optional(text, params![7_i64]).await
                })
            },
            |_| (),
        )
        .await;
    let (found,) = found.unwrap().unwrap();
    assert!(found.starts_with("5s citus_internal"), "{found}");
    schema.end().await;
}

/// What somebody has distributed by hand in another way is refused by name.
#[tokio::test]
async fn a_table_distributed_in_another_way_is_refused() {
    let Some(mut schema) = Schema::distributed().await else { return };
    schema
        .run(
            "CREATE TABLE tomorrow (part BIGINT NOT NULL, no BIGINT NOT NULL); \
             SELECT create_distributed_table('tomorrow', 'no', colocate_with => 'none')",
        )
        .await;
    let refused = Store::open(schema.database()).await.err().map(|error| error.to_string());
    let refused = refused.unwrap_or_default();
    assert!(refused.contains("table tomorrow is distributed by no"), "{refused}");
    schema.end().await;
}
