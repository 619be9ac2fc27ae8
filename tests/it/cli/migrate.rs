//! `arrears migrate`, and servers whose role does not own the tables.

use serde_json::Value;

use super::program::{Printed, Program, run_alone, run_with};
use crate::support::TestDatabase;

fn states(printed: &Printed) -> Vec<String> {
    let list = printed.json();
    let list = list.as_array().expect("a list of migrations");
    let state = |one: &Value| one["state"].as_str().unwrap().to_owned();
    assert!(list.iter().all(|one| one["version"].as_i64().unwrap() > 0), "{list:?}");
    list.iter().map(state).collect()
}

/// The commands over a database that has no tables yet.
fn a_database_is_made_ready(folder: &std::path::Path, env: &[(&str, &str)]) {
    let run = |args: &[&str]| run_with(folder, &[&["-o", "json", "migrate"], args].concat(), env);
    let before = states(&run(&["status"]));
    assert!(!before.is_empty() && before.iter().all(|state| state == "pending"), "{before:?}");
    let check = run(&["check"]);
    assert_eq!(check.code, 1, "{}", check.notes);
    let next = check.error()["next"].as_str().unwrap().to_owned();
    assert!(next.contains("arrears migrate up"), "{next}");
    assert_eq!(states(&run(&["status"])), before, "to look changes nothing");
    for _ in 0..2 {
        let up = states(&run(&["up"]));
        assert!(up.len() == before.len() && up.iter().all(|state| state == "applied"), "{up:?}");
    }
    assert_eq!(run(&["check"]).code, 0);
}

#[test]
fn migrations_are_listed_applied_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    a_database_is_made_ready(folder.path(), &[]);
    assert!(folder.path().join("arrears-data/arrears.db").exists());
    let database = TestDatabase::without_tables();
    if let Some(url) = database.url() {
        a_database_is_made_ready(folder.path(), &[("ARREARS_DATABASE_URL", &url)]);
    }
}

#[test]
fn a_database_that_is_away_is_told_from_one_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let check = |url: &str| run_alone(folder.path(), &["migrate", "check", "--database-url", url]);
    assert_eq!(check("postgres://nobody@127.0.0.1:1/none").code, 6);
    assert_eq!(check("mysql://nobody@127.0.0.1:1/none").code, 2);
}

#[test]
fn a_migration_of_another_program_is_found() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run_alone(folder.path(), &["migrate", "up"]).code, 0);
    let file = rusqlite::Connection::open(folder.path().join("arrears-data/arrears.db")).unwrap();
    let copy = "INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, \
                checksum, execution_time FROM _sqlx_migrations WHERE version = 1";
    file.execute_batch(copy).unwrap();
    let listed = run_alone(folder.path(), &["-o", "json", "migrate", "status"]);
    assert_eq!(states(&listed).last().unwrap(), "unknown");
    assert_eq!(run_alone(folder.path(), &["migrate", "check"]).code, 1);
    file.execute_batch("DELETE FROM _sqlx_migrations WHERE version = 9999").unwrap();
    file.execute_batch("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1").unwrap();
    let changed = run_alone(folder.path(), &["-o", "json", "migrate", "check"]);
    assert_eq!(changed.code, 1);
    let message = changed.error()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("migration 1") && message.contains("changed"), "{message}");
}

/// The role reads and writes rows, and can make or change no table.
#[test]
fn a_role_that_does_not_own_the_tables_can_serve_them() {
    let database = TestDatabase::without_tables();
    let Some(url) = database.url() else { return };
    let schema = url.rsplit("%3D").next().unwrap().to_owned();
    let role = format!("role_of_{schema}");
    let (scheme, rest) = url.split_once("://").unwrap();
    let own = format!("{scheme}://{role}@{}", rest.split_once('@').unwrap().1);
    database
        .execute(&format!("CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role}"));
    let folder = tempfile::tempdir().unwrap();
    let run = |url: &str, command: &str| {
        run_alone(folder.path(), &["migrate", command, "--database-url", url]).code
    };
    assert_eq!(run(&own, "check"), 1, "nothing is there yet");
    assert_eq!(run(&own, "up"), 1, "it may make no tables");
    let mut up = vec!["migrate", "up", "--database-url", &url];
    up.extend(database.is_on_a_cluster().then_some("--citus"));
    assert_eq!(run_alone(folder.path(), &up).code, 0);
    database.execute(&format!(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"
    ));
    assert_eq!(run(&own, "check"), 0);
    let mut program = Program::over(database, &["--database-url", &own]);
    program.create_portfolio("main");
    program.write(
        "my.csv",
        "case_id,debtor_id,overdue_amount,currency,oldest_due_date\nL-1,D-1,5,EUR,2025-01-15\n",
    );
    program.run_well(&["import", "cases", "my.csv"]);
    program.run_well(&["worklist", "create", "all"]);
    let leased = program.run_well(&["-o", "json", "worklist", "lease", "all"]);
    assert!(leased.data.contains("L-1"), "{}", leased.data);
    program.kill();
    program.database().execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
