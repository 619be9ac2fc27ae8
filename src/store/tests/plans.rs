//! How statements find their rows: by key, never by walking through a tenant.

use sqlx::AssertSqlSafe;

use super::*;
use crate::store::db::texts_for_tests;

/// Tables of a handful of rows a tenant, which may be read whole.
const SMALL: &[&str] = &["tenant", "portfolio", "work_list", "lane", "zone_set"];

/// Statements that read a tenant from the end of a key and stop at a limit.
const IN_ORDER: &[&str] = &["audit LAST"];

/// The steps of the plan of a text.
async fn plan(tx: &mut Tx, text: &str) -> Vec<String> {
    let rows: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}")))
            .fetch_all(tx.connection())
            .await
            .expect("a statement that prepares has a plan");
    rows.into_iter().map(|(_, _, _, step)| step).collect()
}

/// Why a step would walk through a tenant's rows, if it does. The planner has no
/// statistics here, as in production: what it does must not depend on any.
fn walks(step: &str) -> Option<&str> {
    let (verb, rest) = step.split_once(' ')?;
    let table = rest.split(' ').next()?;
    // `v` and `s` are what a statement brings along or has cut to a slice.
    let brought = ["v", "s", "json_each"].contains(&table)
        || ["CONSTANT ROW", "VALUES CLAUSE"].iter().any(|words| rest.contains(words));
    let narrow = verb == "SEARCH" && !rest.ends_with("(part=?)");
    let reads = verb == "SCAN" || verb == "SEARCH";
    (reads && !narrow && !brought && !SMALL.contains(&table)).then_some(table)
}

#[tokio::test]
async fn no_statement_walks_through_a_tenant() {
    let (_folder, store) = store().await;
    let mut tx = store.read().await.unwrap();
    let mut found = Vec::new();
    for (name, text) in texts_for_tests(&statements(), &batches()) {
        if IN_ORDER.contains(&name.as_str()) {
            continue;
        }
        for step in plan(&mut tx, &text).await {
            if walks(&step).is_some() {
                found.push(format!("{name}: {step}"));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}
