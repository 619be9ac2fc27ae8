//! `arrears doctor`.

use serde_json::Value;

use super::program::{Printed, Program, run_alone};
use crate::support::only_on_sqlite;

/// How a check ended, and what was found.
fn finding(printed: &Printed, check: &str) -> (String, String) {
    let findings = printed.json();
    let mut found = findings.as_array().expect("a list of findings").iter();
    let found = found.find(|finding| finding["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no {check}: {}", printed.data));
    let text = |key: &str| found[key].as_str().unwrap().to_owned();
    assert_eq!(text("state") == "ok", text("mend").is_empty(), "{found}");
    (text("state"), text("text"))
}

fn state(printed: &Printed, check: &str) -> String {
    finding(printed, check).0
}

const JSON: [&str; 3] = ["-o", "json", "doctor"];

#[test]
fn a_server_in_good_order_is_found_so() {
    if !only_on_sqlite("the folder of a database") {
        return;
    }
    let program = Program::start();
    let empty = program.run_well(&JSON);
    assert_eq!((state(&empty, "portfolios"), state(&empty, "work lists")), pair("warn"));
    program.create_portfolio("main");
    program.run_well(&["worklist", "create", "all"]);
    program.write(
        "my.csv",
        "case_id,debtor_id,overdue_amount,currency,oldest_due_date\nL-1,D-1,5,EUR,2025-01-15\n",
    );
    program.run_well(&["import", "cases", "my.csv"]);
    let printed = program.run_well(&[&JSON[..], &["--data-dir", "arrears-data"]].concat());
    for check in [
        "server",
        "clock",
        "health",
        "reflection v1",
        "reflection v1alpha",
        "http",
        "work lists",
        "database",
        "tables",
        "integrity",
        "rule set of main",
        "ranking anew",
    ] {
        assert_eq!(state(&printed, check), "ok", "{check}: {}", printed.data);
    }
    let (always, text) = finding(&printed, "portfolio main");
    assert_eq!(always, "warn", "it is served under the policy always");
    assert!(text.contains("rule set"), "{text}");
    let table = program.run_well(&["doctor"]).data;
    assert!(table.contains("ok    server") && table.contains("mend: "), "{table}");
    assert!(!table.contains("integrity"), "the folder of the settings is only glanced at");
}

#[test]
fn a_postgresql_server_in_good_order_is_found_so() {
    let program = Program::start();
    let Some(url) = program.database().url() else { return };
    program.write("arrears.toml", &format!("[store]\ndatabase_url = \"{url}\"\n"));
    program.create_portfolio("main");
    program.write(
        "my.csv",
        "case_id,debtor_id,overdue_amount,currency,oldest_due_date\nL-1,D-1,5,EUR,2025-01-15\n",
    );
    program.run_well(&["import", "cases", "my.csv"]);
    let printed = program.run_well(&JSON);
    let good = ["database", "tables", "durability", "clock of the database", "long transactions"];
    for check in good.iter().chain(&["oldest xmin", "rule set of main", "ranking anew"]) {
        assert_eq!(state(&printed, check), "ok", "{check}: {}", printed.data);
    }
    program.database().execute("UPDATE case_head SET review_at = 1");
    let (found, text) = finding(&program.run(&JSON), "ranking anew");
    // The server may have come to it in between.
    assert!(found == "ok" || text.contains("L-1 of main"), "{text}");
    program.database().execute("DELETE FROM _sqlx_migrations");
    let older = program.run(&JSON);
    assert_eq!((older.code, state(&older, "tables")), (1, "fail".to_owned()));
    program.write("away.toml", "[store]\ndatabase_url = \"postgres://nobody@127.0.0.1:1/none\"\n");
    let away = program.run(&["-o", "json", "doctor", "--config", "away.toml"]);
    assert_eq!((away.code, state(&away, "database")), (1, "fail".to_owned()));
}

fn pair(text: &str) -> (String, String) {
    (text.to_owned(), text.to_owned())
}

#[test]
fn without_a_server_the_ports_and_the_folder_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    let server = ["--server", "http://127.0.0.1:1"];
    let settings = "[server]\ngrpc_addr = \"127.0.0.1:0\"\nhttp_addr = \"127.0.0.1:0\"\n";
    std::fs::write(folder.path().join("arrears.toml"), settings).unwrap();
    let printed = run_alone(folder.path(), &[&JSON[..], &server].concat());
    assert_eq!(printed.code, 1);
    assert_eq!(state(&printed, "server"), "fail");
    assert_eq!((state(&printed, "port of gRPC"), state(&printed, "port of HTTP")), pair("ok"));
    assert_eq!(state(&printed, "database"), "ok", "there is none, and none was asked for");
    assert_eq!(printed.error()["code"], "FAILURE");
    let named = [&JSON[..], &server, &["--data-dir", "nowhere"]].concat();
    assert_eq!(state(&run_alone(folder.path(), &named), "database"), "fail");
    assert!(!folder.path().join("nowhere").exists());
}

/// Runs the doctor over the folder of a server that has ended, after a change of
/// its database.
fn after(program: &Program, sql: &str) -> Printed {
    let file = rusqlite::Connection::open(program.path("arrears-data/arrears.db")).unwrap();
    file.execute_batch(sql).unwrap();
    drop(file);
    program.run(&[&JSON[..], &["--data-dir", "arrears-data"]].concat())
}

#[test]
fn what_is_wrong_in_the_database_is_named() {
    if !only_on_sqlite("the folder of a database") {
        return;
    }
    let mut program = Program::start();
    program.create_portfolio("main");
    program.write(
        "my.csv",
        "case_id,debtor_id,overdue_amount,currency,oldest_due_date\nL-1,D-1,5,EUR,2025-01-15\n",
    );
    program.run_well(&["import", "cases", "my.csv"]);
    program.kill();
    let late = after(&program, "UPDATE case_head SET review_at = 1");
    let (found, text) = finding(&late, "ranking anew");
    assert_eq!(found, "warn", "nobody serves");
    assert!(text.contains("L-1 of main"), "{text}");
    assert_eq!(state(&late, "rule set of main"), "ok");
    let broken = after(&program, "UPDATE rule_set SET body = x'00'");
    assert_eq!(state(&broken, "rule set of main"), "fail");
    assert_eq!(broken.code, 1);
    let copy = "INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, \
                checksum, execution_time FROM _sqlx_migrations WHERE version = 1";
    let newer = after(&program, copy);
    assert_eq!(state(&newer, "tables"), "fail");
    let checks: Vec<Value> = newer.json().as_array().unwrap().clone();
    let read = checks.iter().any(|finding| finding["check"] == "rule set of main");
    assert!(!read, "tables of another version are not read");
}
