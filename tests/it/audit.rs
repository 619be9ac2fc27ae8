//! The audit: what is done to settings and holds leaves a row without content, and
//! a row that was altered is found.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrears::engine::audit::verify_audit;
use arrears::engine::record::{Event, EventKind, HoldTarget, RecordCommand, record_events};
use arrears::engine::{Caller, Engine};
use arrears::model::{CaseId, EventId, HoldKind, Micros, PortfolioId, SystemClock};
use arrears::proto;
use rusqlite::Connection;
use rusqlite::types::Value;

use crate::support::{
    NOW, TestServer, always, document, event, hold, lift, only_on_sqlite, outcome, payment, pull,
    work_list,
};

/// A row of the audit without its hashes: number, kind, whether it names a case,
/// actor, time.
type Row = (i64, String, bool, String, i64);

fn rows(file: &Connection) -> Vec<Row> {
    let sql = "SELECT audit_no, kind, case_no IS NOT NULL, actor, record_time FROM audit \
               ORDER BY audit_no";
    let mut query = file.prepare(sql).unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
    };
    query.query_map([], row).unwrap().map(Result::unwrap).collect()
}

/// A portfolio and a list made and changed, holds placed and lifted by events and
/// placed by reports, and things that no audit is kept of.
async fn day_of_work() -> TestServer {
    let server = TestServer::start().await;
    let mut cards = server.create(always("cards")).await;
    cards.display_name = "Secret name".to_owned();
    let request = proto::UpdatePortfolioRequest { portfolio: Some(cards), ..Default::default() };
    server.portfolios().update_portfolio(request).await.unwrap();
    let mut all = server.create_list(work_list("all")).await;
    all.display_name = "Secret list".to_owned();
    let request = proto::UpdateWorkListRequest { work_list: Some(all) };
    server.work_lists().update_work_list(request).await.unwrap();

    server.clock.advance(Micros::HOUR);
    server.push("cards", vec![document("c1"), document("c2")]).await;
    let evidence = proto::Hold {
        kind: proto::HoldKind::Dispute.into(),
        evidence_reference: "secret-evidence".to_owned(),
        ..Default::default()
    };
    let of_debtor = |event_id, kind| proto::Event {
        debtor_id: "debtor-of-c1".to_owned(),
        ..event(event_id, &[], kind)
    };
    let events = vec![
        event("secret-hold", &["c1"], proto::event::Kind::Hold(evidence)),
        of_debtor("secret-cease", hold(proto::HoldKind::Cease)),
        event("secret-payment", &["c1"], payment(crate::support::euro(1))),
    ];
    server.record("cards", events).await;
    server.clock.advance(Micros::HOUR);
    let lifts = vec![
        event("secret-lift", &["c1"], lift("secret-hold")),
        of_debtor("secret-end", lift("secret-cease")),
    ];
    server.record("cards", lifts).await;

    for code in ["dispute", "complaint"] {
        server.clock.advance(Micros::HOUR);
        let item = server.lease(pull("all", 1)).await.work_items.remove(0);
        let result = server.report(outcome(&item, code)).await;
        assert_eq!(result.disposition(), proto::OutcomeDisposition::Accepted);
    }
    server
}

fn expected() -> Vec<Row> {
    let hour = |hours: i64| NOW.plus(hours * Micros::HOUR).0;
    let row = |kind: &str, of_case, hours| (kind.to_owned(), of_case, hour(hours));
    let rows = [
        // The scorecards that the program ships.
        row("revision.created", false, 0),
        row("revision.created", false, 0),
        row("portfolio.created", false, 0),
        row("rule_set.activated", false, 0),
        row("portfolio.updated", false, 0),
        row("work_list.created", false, 0),
        row("work_list.updated", false, 0),
        row("hold.placed", true, 1),
        row("hold.placed", false, 1),
        row("hold.lifted", true, 2),
        row("hold.lifted", false, 2),
        row("hold.placed", true, 3),
        row("hold.placed", false, 4),
    ];
    let numbered = (1..).zip(rows);
    let actor = |no| if no <= 2 { "arrears" } else { "local" }.to_owned();
    numbered.map(|(no, (kind, of_case, at))| (no, kind, of_case, actor(no), at)).collect()
}

#[tokio::test]
async fn a_day_of_work_leaves_a_row_without_content_of_every_kind() {
    if !only_on_sqlite("rows altered in the file") {
        return;
    }
    let server = day_of_work().await;
    let database = server.end().await;
    let file = database.file();
    assert_eq!(rows(&file), expected());

    // Kinds and actors stand in clear, and beside them hashes only.
    let sql = "SELECT COUNT(*) FROM audit WHERE length(content_hash) = 32 AND \
               length(chain_hash) = 32 AND typeof(content_hash) = 'blob'";
    let hashed: i64 = file.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(hashed, expected().len() as i64);
    let columns: Vec<String> = file
        .prepare("SELECT name FROM pragma_table_info('audit')")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let known = ["part", "audit_no", "kind", "case_no", "actor", "record_time"];
    assert_eq!(columns, [&known[..], &["content_hash", "chain_hash"]].concat());
}

/// The same words of two debtors must not have the same hash: else whoever can
/// guess a content could find all debtors it was said of.
#[tokio::test]
async fn equal_holds_of_two_debtors_have_unequal_hashes() {
    if !only_on_sqlite("rows altered in the file") {
        return;
    }
    let server = TestServer::start().await;
    server.create(always("cards")).await;
    server.create(always("loans")).await;
    for portfolio_id in ["cards", "loans"] {
        server.push(portfolio_id, vec![document(portfolio_id)]).await;
        let placed = event("h", &[portfolio_id], hold(proto::HoldKind::Dispute));
        server.record(portfolio_id, vec![placed]).await;
    }
    let database = server.end().await;
    let file = database.file();
    let mut query =
        file.prepare("SELECT content_hash FROM audit WHERE kind = 'hold.placed'").unwrap();
    let hashes: Vec<Vec<u8>> =
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(hashes.len(), 2);
    assert_eq!(hashes.iter().collect::<BTreeSet<_>>().len(), 2);
}

#[tokio::test]
async fn an_actor_is_who_called() {
    if !only_on_sqlite("rows altered in the file") {
        return;
    }
    let server = day_of_work().await;
    let database = server.end().await;
    let engine = Engine::open(database.location(), Arc::new(SystemClock)).await.unwrap();
    for subject in ["ann", "ben"] {
        let caller = Caller { subject: subject.to_owned(), ..Caller::local() };
        let held = Event {
            event_id: EventId::new(subject).unwrap(),
            event_time: NOW,
            kind: EventKind::Hold {
                target: HoldTarget::Cases(vec![CaseId::new("c2").unwrap()]),
                kind: HoldKind::Dispute,
                until: None,
                evidence_reference: String::new(),
            },
        };
        let portfolio_id = PortfolioId::new("cards").unwrap();
        let command = RecordCommand { portfolio_id, events: vec![Ok(held)] };
        record_events(&engine, &caller, command).await.unwrap();
    }
    let newest = rows(&database.file()).into_iter().rev().take(2);
    let actors: Vec<_> = newest.map(|(_, kind, _, actor, _)| (kind, actor)).collect();
    let placed = |actor: &str| ("hold.placed".to_owned(), actor.to_owned());
    assert_eq!(actors, [placed("ben"), placed("ann")]);
}

/// Every value one byte or one step away from a stored one.
fn alterations(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![Value::Integer(0), Value::Integer(1)],
        Value::Integer(number) => {
            let flipped = (0..8).map(|byte| Value::Integer(number ^ (1 << (8 * byte))));
            flipped.chain([Value::Null]).collect()
        }
        Value::Text(text) => (0..text.len())
            .map(|at| {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1;
                Value::Text(String::from_utf8(bytes).unwrap())
            })
            .chain([Value::Text(text[1..].to_owned()), Value::Text(format!("{text}x"))])
            .collect(),
        Value::Blob(bytes) => (0..bytes.len())
            .map(|at| {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1;
                Value::Blob(bytes)
            })
            .chain([Value::Blob(bytes[1..].to_vec())])
            .collect(),
        Value::Real(_) => panic!("the audit holds no fractions"),
    }
}

#[tokio::test]
async fn any_byte_altered_in_the_audit_is_found() {
    if !only_on_sqlite("rows altered in the file") {
        return;
    }
    let server = day_of_work().await;
    let database = server.end().await;
    let engine = Engine::open(database.location(), Arc::new(SystemClock)).await.unwrap();
    let caller = Caller::local();
    let verify = || verify_audit(&engine, &caller);
    let count = expected().len() as i64;
    assert_eq!(verify().await.unwrap(), count);

    let file = database.file();
    let columns = [
        "part",
        "audit_no",
        "kind",
        "case_no",
        "actor",
        "record_time",
        "content_hash",
        "chain_hash",
    ];
    let mut tried = 0;
    for audit_no in 1..=count {
        for column in columns {
            let old: Value = file
                .query_row(
                    &format!("SELECT {column} FROM audit WHERE audit_no = ?1"),
                    [audit_no],
                    |row| row.get(0),
                )
                .unwrap();
            for new in alterations(&old) {
                let set = format!("UPDATE audit SET {column} = ?1 WHERE {column} IS ?2");
                let row = if column == "audit_no" { "" } else { " AND audit_no = ?3" };
                let set = format!("{set}{row}");
                // What the table itself does not take needs no finding.
                let done = match row {
                    "" => file.execute(&set, (&new, &old)),
                    _ => file.execute(&set, (&new, &old, audit_no)),
                };
                if !matches!(done, Ok(1)) {
                    continue;
                }
                tried += 1;
                let found = verify().await;
                assert!(found.is_err(), "{column} of row {audit_no}: {old:?} is now {new:?}");
                match row {
                    "" => file.execute(&set, (&old, &new)),
                    _ => file.execute(&set, (&old, &new, audit_no)),
                }
                .unwrap();
            }
        }
    }
    assert_eq!(verify().await.unwrap(), count);
    assert!(tried > 1_000, "only {tried} alterations");
}

#[tokio::test]
async fn rows_gone_from_the_audit_are_found_wherever_they_stood() {
    if !only_on_sqlite("rows altered in the file") {
        return;
    }
    let server = day_of_work().await;
    let database = server.end().await;
    let engine = Engine::open(database.location(), Arc::new(SystemClock)).await.unwrap();
    let caller = Caller::local();
    let verify = || verify_audit(&engine, &caller);
    let file = database.file();
    let count = expected().len() as i64;
    file.execute_batch("CREATE TEMP TABLE kept AS SELECT * FROM audit").unwrap();
    for gone in (1..=count)
        .map(|no| format!("audit_no = {no}"))
        .chain(["audit_no > 3", "audit_no < 3", "audit_no > 0"].map(str::to_owned))
    {
        file.execute(&format!("DELETE FROM audit WHERE {gone}"), []).unwrap();
        let error = verify().await.expect_err(&gone);
        assert!(error.to_string().contains("audit"), "{error}");
        file.execute_batch("INSERT OR IGNORE INTO audit SELECT * FROM kept").unwrap();
        assert_eq!(verify().await.unwrap(), count, "{gone}");
    }
}

#[tokio::test]
async fn reading_the_past_of_a_case_is_noted_and_reading_what_is_is_not() {
    if !only_on_sqlite("rows read in the file") {
        return;
    }
    let server = day_of_work().await;
    let (portfolio_id, case_id) = ("cards".to_owned(), "c1".to_owned());
    let now = proto::ExplainCaseRequest { portfolio_id, case_id, ..Default::default() };
    let point = proto::CasePoint { lease_seq: 1, ..Default::default() };
    let past = [
        proto::ExplainCaseRequest {
            known_at: crate::support::instant(NOW.plus(Micros::HOUR)),
            ..now.clone()
        },
        proto::ExplainCaseRequest { lease_seq: 1, ..now.clone() },
        proto::ExplainCaseRequest { compare_with: Some(point), ..now.clone() },
    ];
    server.cases().explain_case(now).await.unwrap();
    for request in past {
        server.cases().explain_case(request).await.unwrap();
    }
    let (portfolio_id, case_id) = ("cards".to_owned(), "c1".to_owned());
    let request = proto::ReplayCaseRequest { portfolio_id, case_id, ..Default::default() };
    server.cases().replay_case(request).await.unwrap();
    let database = server.end().await;
    let file = database.file();
    let rows = rows(&file);
    let noted: Vec<_> = rows[expected().len()..].iter().collect();
    assert_eq!(noted.len(), 4, "{noted:?}");
    for (_, kind, of_case, actor, _) in noted {
        assert_eq!((kind.as_str(), *of_case, actor.as_str()), ("history.read", true, "local"));
    }
}
