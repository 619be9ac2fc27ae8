//! How statements find their rows on PostgreSQL, with plans made once for all values,
//! over a tenant of 200,000 cases.

use serde_json::Value as Json;
use sqlx::TypeInfo as _;
use sqlx::{AssertSqlSafe, Either, Executor as _, Row as _, SqlSafeStr as _, Statement as _};

use super::plans::{IN_ORDER, SMALL};
use super::postgres::Schema;
use super::*;
use crate::store::postgres::texts_for_tests;

/// How many rows a plan may expect to sort: a slice, not a tenant.
const SORTED_MAX: f64 = 5_000.0;

/// Statements that read a slice of a tenant and group or sort it.
const SLICES: &[(&str, f64)] = &[("count COUNT_SLICE", 20_000.0)];

/// Statements that read a slice of a tenant in the order of its key, or from an index that
/// has few of its rows.
const NARROW: &[&str] = &["placing PLACED_SLICE", "count COUNT_SLICE", "lease TAKEN"];

/// The indexes that the statements which are run most must use.
const HOT: &[(&str, &[&str])] = &[
    ("sweep EXPIRED", &["case_q_leased"]),
    ("sweep DUE", &["case_q_cooling"]),
    ("withhold LANES_OF", &["case_q_pkey"]),
    ("withhold WITHHOLD", &["case_q_pkey"]),
    ("withhold POSTPONE", &["case_head_pkey"]),
    ("cases DUE_FOR_REVIEW", &["case_head_by_review"]),
    ("cases FIND_BY_ID", &["loan_case_by_id", "case_head_pkey"]),
    ("cases LOAD_CONTENT", &["loan_case_pkey", "case_source_pkey"]),
    ("cases LOAD_OF_DEBTORS", &["case_head_by_debtor", "case_q_pkey"]),
    ("cases LIST_HEADS", &["case_head_by_portfolio", "case_head_pkey"]),
    ("cases LIST_HEADS_OF_DEBTOR", &["case_head_by_debtor"]),
    ("cases", &["loan_case_pkey"]),
    ("source LOCK_HEADS", &["case_head_pkey"]),
    ("source FIND_DOCUMENTS", &["loan_case_by_id", "case_head_pkey", "case_source_pkey"]),
    ("source", &["case_head_pkey"]),
    ("debtors NUMBERS_OF", &["debtor_by_id"]),
    ("debtors LOAD", &["debtor_pkey"]),
    ("debtors LOAD_OF_CASES", &["case_head_pkey", "debtor_pkey"]),
    ("events FIND_KEYS", &["event_key_pkey"]),
    ("events READ", &["case_event_pkey"]),
    ("count COUNT_SLICE", &["case_head_by_portfolio"]),
    ("count LEASES_SINCE", &["lease_by_list"]),
    ("count TAKEN_SINCE", &["lease_taken"]),
    ("lease LOAD", &["lease_pkey"]),
    ("lease", &["lease_pkey"]),
    ("report FIND", &["report_pkey"]),
    ("report FIND_PULLS", &["pull_pkey"]),
    ("report PRUNE_REPORTS", &["report_by_time"]),
    ("report PRUNE_PULLS", &["pull_by_time"]),
    ("changes PRUNE_CHANGES", &["change_log_by_time"]),
];

/// A tenant of 200,000 cases beside one of 100, spread as a working portfolio spreads
/// them: one in ten cases is leased, two in ten rest, and there are 40 lanes. What the
/// planner is told of it is what a database tells that has been looked after.
const FILL: &str = "\
    CREATE TEMPORARY TABLE fill AS SELECT 1::bigint AS part, no FROM generate_series(1, 200000) no \
        UNION ALL SELECT 2, no FROM generate_series(1, 100) no;
    INSERT INTO loan_case SELECT part, no, no % 2, 'c' || no, '\\x00', 1 FROM fill;
    INSERT INTO case_source SELECT part, no, 1, '\\x00', no, NULL, '\\x00', 1 FROM fill;
    INSERT INTO debtor SELECT part, no, 'd' || no, no % 3, NULL, NULL, NULL, NULL, '\\x00', \
        '\\x00', 1 FROM fill WHERE no <= 150000;
    INSERT INTO case_head SELECT part, no, no % 2, 1 + no % 150000, 1, no, no, NULL, NULL, 1, 2, \
        NULL, no, no % 400, 1 + no % 5, 1 + no % 3, no % 1000, no % 1000, 1, 1, no % 40, no, NULL, \
        NULL FROM fill;
    INSERT INTO case_event SELECT part, no, 1, 1, no, no, NULL, '\\x00' FROM fill;
    INSERT INTO event_key SELECT part, no % 2, 'e' || no, 2, '\\x00', no, '[]', no FROM fill;
    INSERT INTO case_q SELECT part, no, state, no % 40, no, CASE state WHEN 1 THEN no END, \
        CASE WHEN state IN (2, 3) THEN no END, CASE WHEN state > 1 THEN 8 END, 1, \
        CASE state WHEN 2 THEN no END FROM (SELECT part, no, CASE WHEN no % 10 = 0 THEN 2 \
        WHEN no % 10 < 3 THEN 3 ELSE 1 END AS state FROM fill) AS s;
    INSERT INTO lease SELECT part, no, 1, no, no, 1, 'w', no, no, 1, 1, 1, '[]', 0, 1, no, \
        CASE WHEN no % 50 = 0 THEN 1 ELSE 0 END, NULL, NULL, NULL FROM fill;
    INSERT INTO report SELECT part, no, 1, '\\x00', 'busy', 0, no, no FROM fill;
    INSERT INTO pull SELECT part, 1, 'r' || no, 'w', '[]', no FROM fill;
    INSERT INTO lane SELECT 1, no, 0, 1, 'en', 1, 1, 1, 'r' || no FROM fill \
        WHERE part = 1 AND no <= 40;
    INSERT INTO audit SELECT part, no, 'k', no, 'a', no, '\\x00', '\\x00' FROM fill;
    INSERT INTO tenant SELECT part, 't' || part, 1, 0 FROM fill WHERE no = 1;
    DROP TABLE fill;
    ANALYZE loan_case, case_source, debtor, case_head, case_event, event_key, case_q, lease, \
        report, pull, lane, audit, tenant";

/// The plan of a statement for any values, its parameters of the types that the
/// service gives.
async fn plan(schema: &mut Schema, text: &str) -> Json {
    let prepared = schema.connection.prepare(AssertSqlSafe(text.to_owned()).into_sql_str()).await;
    let prepared = prepared.unwrap_or_else(|error| panic!("{error}: {text}"));
    let given = |name: &str| match name {
        "INT2" | "INT4" => "bigint".to_owned(),
        other => other.to_lowercase(),
    };
    let types: Vec<String> = match prepared.parameters() {
        Some(Either::Left(types)) => types.iter().map(|of| given(of.name())).collect(),
        Some(Either::Right(_)) | None => Vec::new(),
    };
    let (types, nulls) = match types.len() {
        0 => (String::new(), String::new()),
        count => {
            (format!("({})", types.join(", ")), format!("({})", vec!["NULL"; count].join(", ")))
        }
    };
    schema.run(&format!("PREPARE one{types} AS {text}")).await;
    let rows = schema.rows(&format!("EXPLAIN (FORMAT JSON) EXECUTE one{nulls}")).await;
    schema.run("DEALLOCATE one").await;
    let text: String = rows[0].get_unchecked(0);
    let plan: Json = serde_json::from_str(&text).expect("a plan is JSON");
    plan[0]["Plan"].clone()
}

/// Whether an index is one of a table that may be read whole.
fn small(index: &str) -> bool {
    SMALL.iter().chain(&["activation"]).any(|table| index.starts_with(&format!("{table}_")))
}

/// What a plan does that costs as much as a tenant is big.
fn complain(node: &Json, sorted_max: f64, in_order: bool, found: &mut Vec<String>) {
    let text = |key: &str| node[key].as_str().unwrap_or_default();
    let table = text("Relation Name");
    let big = !SMALL.contains(&table);
    let by = text("Index Cond");
    match text("Node Type") {
        "Seq Scan" if big => found.push(format!("reads all of {table}")),
        "Index Scan" | "Index Only Scan" | "Bitmap Index Scan"
            if !small(text("Index Name")) && !in_order && walks(by) =>
        {
            found.push(format!("walks through {} by {by:?}", text("Index Name")));
        }
        "Sort" | "Incremental Sort" => {
            let rows = node["Plans"][0]["Plan Rows"].as_f64().unwrap_or_default();
            if rows > sorted_max {
                found.push(format!("sorts {rows} rows"));
            }
        }
        _ => {}
    }
    for inner in node["Plans"].as_array().into_iter().flatten() {
        complain(inner, sorted_max, in_order, found);
    }
}

/// Whether a condition names nothing but the part, or the part and where to begin.
fn walks(condition: &str) -> bool {
    let mut terms = condition.split(" AND ").filter(|term| !term.contains("part = "));
    terms.all(|term| {
        term.is_empty() || ["case_no > ", "audit_no > "].iter().any(|of| term.contains(of))
    })
}

fn indexes<'p>(node: &'p Json, found: &mut Vec<&'p str>) {
    found.extend(node["Index Name"].as_str());
    for inner in node["Plans"].as_array().into_iter().flatten() {
        indexes(inner, found);
    }
}

/// As the database of a new service: a plan made now is kept while it fills.
#[tokio::test]
async fn no_statement_walks_through_a_table_that_is_still_empty() {
    let Some(mut schema) = Schema::new().await else { return };
    let mut complaints = Vec::new();
    for (name, text) in texts_for_tests(&statements(), &batches()) {
        if name == "inspect APPLIED" || NARROW.contains(&name.as_str()) {
            continue;
        }
        let plan = plan(&mut schema, &text).await;
        let mut found = Vec::new();
        complain(&plan, SORTED_MAX, IN_ORDER.contains(&name.as_str()), &mut found);
        complaints.extend(found.into_iter().map(|found| format!("{name} {found}\n")));
    }
    assert!(complaints.is_empty(), "{}", complaints.concat());
    schema.end().await;
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_key_among_200_000() {
    let Some(mut schema) = Schema::new().await else { return };
    schema.run(FILL).await;
    let mut complaints = Vec::new();
    let mut missing: HashSet<&str> = HOT.iter().map(|(name, _)| *name).collect();
    for (name, text) in texts_for_tests(&statements(), &batches()) {
        if name == "inspect APPLIED" {
            continue;
        }
        let plan = plan(&mut schema, &text).await;
        let mut found = Vec::new();
        let slice = SLICES.iter().find(|(other, _)| *other == name);
        let in_order = IN_ORDER.contains(&name.as_str());
        complain(&plan, slice.map_or(SORTED_MAX, |(_, rows)| *rows), in_order, &mut found);
        let mut used = Vec::new();
        indexes(&plan, &mut used);
        // Of claims the tables of heads and rows differ, the keys do not.
        if name.starts_with("claim ") && text.contains("case_q") {
            let by_lane = ["case_q_ready", "case_q_waiting"];
            if !used.iter().any(|index| by_lane.contains(index)) {
                found.push(format!("finds no row by its lane, but by {used:?}"));
            }
        }
        // Batches of a file that only insert have no index to look for.
        if let Some((hot, wanted)) = HOT.iter().find(|(hot, _)| *hot == name)
            && (name.contains(' ') || !text.starts_with("INSERT"))
        {
            missing.remove(hot);
            let lacks = wanted.iter().filter(|index| !used.contains(index));
            found.extend(lacks.map(|index| format!("does not use {index}, but {used:?}")));
        }
        complaints.extend(found.into_iter().map(|found| format!("{name} {found}\n")));
    }
    complaints.extend(missing.into_iter().map(|name| format!("{name} does not exist\n")));
    assert!(complaints.is_empty(), "{}", complaints.concat());
    schema.end().await;
}

#[test]
fn a_walk_is_told_from_a_search() {
    assert!(walks("(part = $1)"));
    assert!(walks(""));
    assert!(walks("((part = $1) AND (case_no > $3))"));
    assert!(!walks("((part = $1) AND (case_no = ANY ($2)))"));
    assert!(!walks("((part = $1) AND (portfolio_no = $2) AND (case_no > $3))"));
    assert!(!walks("(wake_at <= $1)"));
}
