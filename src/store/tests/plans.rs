//! How statements find their rows: by key, never by walking through a tenant.

use super::*;
use crate::store::sqlite::texts_for_tests;

/// Tables of a handful of rows a tenant, which may be read whole; in the outbox a row
/// stays for a moment.
pub(super) const SMALL: &[&str] = &[
    "tenant",
    "portfolio",
    "work_list",
    "lane",
    "zone_set",
    "portfolio_placing",
    "lease_guard",
    "claim_gate",
    "outbox",
    "_sqlx_migrations",
];

/// Statements that read a tenant in the order of its key and stop at a limit.
pub(super) const IN_ORDER: &[&str] =
    &["audit LAST", "audit PAGE", "changes AFTER", "changes OLDEST"];

/// The steps of the plan of a text.
fn plan(connection: &Connection, text: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {text}"))
        .expect("a statement that prepares has a plan");
    // Parameters left unbound are null: a plan is made without their values.
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().expect("a plan can be read") {
        steps.push(row.get(3).expect("its fourth column is the step"));
    }
    steps
}

/// Why a step would walk through a tenant's rows, if it does: it reads a table by
/// nothing, by the part alone, or from some key of the part on.
fn walks(step: &str) -> Option<&str> {
    let (verb, rest) = step.split_once(' ')?;
    let table = rest.split(' ').next()?;
    // `v` and `s` are what a statement brings along or has cut to a slice, `lane`
    // the rows of one lane.
    let brought = ["v", "s", "json_each"].contains(&table)
        || ["CONSTANT ROW", "VALUES CLAUSE"].iter().any(|words| rest.contains(words));
    let by_part = rest.ends_with("(part=?)")
        || rest.contains("(part=? AND ") && {
            let (_, key) = rest.split_once("(part=? AND ").unwrap_or_default();
            key.ends_with(">?)") && !key.contains('=') && !key.starts_with('(')
        };
    let narrow = verb == "SEARCH" && !by_part;
    let reads = verb == "SCAN" || verb == "SEARCH";
    (reads && !narrow && !brought && !SMALL.contains(&table)).then_some(table)
}

/// What each of the statements that are run most must find its rows by.
const HOT: &[(&str, &[&str])] = &[
    (
        "claim HEADS",
        &["case_q_ready (part=? AND lane_id=?)", "case_q_waiting (part=? AND lane_id=?)"],
    ),
    ("claim PROBE_16", &["case_q_ready (part=? AND lane_id=? AND (rank,case_no)>(?,?)"]),
    ("claim PROBE_128", &["case_q_ready (part=? AND lane_id=? AND (rank,case_no)>(?,?)"]),
    ("claim PROBE_1024", &["case_q_ready (part=? AND lane_id=? AND (rank,case_no)>(?,?)"]),
    (
        "claim PROBE_WAITING_16",
        &["case_q_waiting (part=? AND lane_id=? AND (ready_since,case_no)>(?,?)"],
    ),
    (
        "claim PROBE_WAITING_128",
        &["case_q_waiting (part=? AND lane_id=? AND (ready_since,case_no)>(?,?)"],
    ),
    (
        "claim PROBE_WAITING_1024",
        &["case_q_waiting (part=? AND lane_id=? AND (ready_since,case_no)>(?,?)"],
    ),
    ("sweep EXPIRED", &["case_q_leased (wake_at<?)"]),
    ("sweep DUE", &["case_q_cooling (wake_at<?)"]),
    ("cases DUE_FOR_REVIEW", &["case_head_by_review (review_at<?)"]),
    ("cases FIND_BY_ID", &["loan_case_by_id (part=? AND portfolio_no=? AND case_id=?)"]),
    ("source FIND_DOCUMENTS", &["loan_case_by_id (part=? AND portfolio_no=? AND case_id=?)"]),
    ("cases LOAD_OF_DEBTORS", &["case_head_by_debtor (part=? AND debtor_no=?)"]),
    ("cases LIST_HEADS", &["case_head_by_portfolio (part=? AND portfolio_no=? AND case_no>?)"]),
    ("cases LIST_HEADS_OF_DEBTOR", &["case_head_by_debtor (part=? AND debtor_no=? AND case_no>?)"]),
    ("debtors NUMBERS_OF", &["debtor_by_id (part=? AND debtor_id=?)"]),
    ("count COUNT_SLICE", &["case_head_by_portfolio (part=? AND portfolio_no=? AND case_no>?)"]),
    ("count LEASES_SINCE", &["lease_by_list (part=? AND work_list_no=? AND grant_time>?)"]),
    ("report PRUNE_REPORTS", &["report_by_time (report_time<?)"]),
    ("report PRUNE_PULLS", &["pull_by_time (pull_time<?)"]),
    ("changes PRUNE_CHANGES", &["change_log_by_time (record_time<?)"]),
];

/// A tenant of 20,000 cases beside one of 100, and what the planner may know of
/// them. Values are spread as a working portfolio spreads them: one in ten cases
/// is leased, two in ten rest, and there are 40 lanes.
const FILL: &[&str] = &[
    "CREATE TABLE fill AS WITH RECURSIVE n(part, no) AS (VALUES (1, 1) UNION ALL \
        SELECT part, no + 1 FROM n WHERE no < 20000) SELECT part, no FROM n \
        UNION ALL SELECT 2, no FROM n WHERE no <= 100",
    "INSERT INTO loan_case SELECT part, no, no % 2, 'c' || no, x'00', 1 FROM fill",
    "INSERT INTO case_source SELECT part, no, 1, x'00', no, NULL, x'00', 1 FROM fill",
    "INSERT INTO debtor SELECT part, no, 'd' || no, no % 3, NULL, NULL, NULL, NULL, x'00', x'00', 1 \
        FROM fill WHERE no <= 15000",
    "INSERT INTO case_head SELECT part, no, no % 2, 1 + no % 15000, 1, no, no, NULL, NULL, 1, 2, \
        NULL, no, no % 400, 1 + no % 5, 1 + no % 3, no % 1000, no % 1000, 1, 1, no % 40, no, NULL, \
        NULL, NULL FROM fill",
    "INSERT INTO case_event SELECT part, no, 1, 1, no, no, NULL, x'00' FROM fill",
    "INSERT INTO event_key SELECT part, no % 2, 'e' || no, 2, x'00', no, '[]', no FROM fill",
    "INSERT INTO case_q SELECT part, no, state, no % 40, no, CASE state WHEN 1 THEN no END, \
        CASE WHEN state IN (2, 3) THEN no END, CASE WHEN state > 1 THEN 8 END, 1, \
        CASE state WHEN 2 THEN no END \
        FROM (SELECT part, no, CASE WHEN no % 10 = 0 THEN 2 WHEN no % 10 < 3 THEN 3 ELSE 1 END \
        AS state FROM fill)",
    "INSERT INTO lease SELECT part, no, 1, no, no, 1, 'w', no, no, 1, 1, 1, '[]', 0, 1, no, \
        CASE WHEN no % 50 = 0 THEN 1 ELSE 0 END, NULL, NULL, NULL, NULL, NULL, NULL FROM fill",
    "INSERT INTO report SELECT part, no, 1, x'00', 'busy', 0, no, no FROM fill",
    "INSERT INTO pull SELECT part, 1, 'r' || no, 'w', '[]', no FROM fill",
    "INSERT INTO lane SELECT 1, no, 0, 1, 'en', 1, 1, 1, 'r' || no FROM fill WHERE part = 1 AND no <= 40",
    "INSERT INTO audit SELECT part, no, 'k', no, 'a', no, x'00', x'00' FROM fill",
    "DROP TABLE fill",
    "ANALYZE",
];

async fn filled() -> TempDir {
    let (folder, _store) = store().await;
    let connection = connection(&folder);
    for text in FILL {
        connection.execute_batch(text).expect("the tables take what a service would write");
    }
    folder
}

/// What is wrong with the plans of all statements.
fn complaints(folder: &TempDir) -> Vec<String> {
    let connection = connection(folder);
    let mut found = Vec::new();
    let mut missing: HashSet<&str> = HOT.iter().map(|(name, _)| *name).collect();
    for (name, text) in texts_for_tests(&statements(), &batches()) {
        let steps = plan(&connection, &text);
        let walking = steps.iter().filter(|step| walks(step).is_some());
        if !IN_ORDER.contains(&name.as_str()) {
            found.extend(walking.map(|step| format!("{name}: {step}")));
        }
        let Some((_, wanted)) = HOT.iter().find(|(other, _)| *other == name) else { continue };
        missing.remove(name.as_str());
        for key in *wanted {
            if !steps.iter().any(|step| step.contains(&format!("INDEX {key}"))) {
                found.push(format!("{name} does not use {key}: {}", steps.join("; ")));
            }
        }
        if steps.iter().any(|step| step.ends_with("FOR ORDER BY")) {
            found.push(format!("{name} sorts: {}", steps.join("; ")));
        }
    }
    found.extend(missing.into_iter().map(|name| format!("{name} does not exist")));
    found
}

/// As a service begins: the planner guesses.
#[tokio::test]
async fn no_statement_walks_through_a_tenant() {
    let (folder, _store) = store().await;
    assert_eq!(complaints(&folder), [""; 0]);
}

/// Once somebody has run ANALYZE: the planner knows sizes, and must not come to
/// think that walking is cheaper.
#[tokio::test]
async fn no_statement_walks_through_a_tenant_whose_size_is_known() {
    assert_eq!(complaints(&filled().await), [""; 0]);
}
