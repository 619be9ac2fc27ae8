//! `arrears transfer`.

use super::program::{Program, run_alone, run_with};
use crate::support::TestDatabase;

#[test]
fn a_folder_is_moved_by_one_command() {
    let target = TestDatabase::new();
    let Some(url) = target.url() else { return };
    let mut program = Program::over_folder();
    program.create_portfolio("main");
    program.write(
        "my.csv",
        "case_id,debtor_id,overdue_amount,currency,oldest_due_date\nL-1,D-1,5,EUR,2025-01-15\n",
    );
    program.run_well(&["import", "cases", "my.csv"]);
    let folder = program.path(".").canonicalize().unwrap();
    let from = ["-o", "json", "transfer", "--from", "sqlite:arrears-data"];
    let env = [("ARREARS_DATABASE_URL", url.as_str())];
    let refused = run_with(&folder, &from, &env);
    assert_eq!(refused.code, 7, "a server runs over it: {}", refused.notes);
    program.kill();
    let moved = run_with(&folder, &from, &env);
    assert_eq!(moved.code, 0, "{}", moved.notes);
    let tables = moved.json();
    let cases = tables.as_array().unwrap().iter().find(|one| one["table"] == "loan_case").unwrap();
    assert_eq!(cases["rows"], 1);
    assert_eq!(cases["content_hash"].as_str().unwrap().len(), 64);
    assert_eq!(target.count("SELECT COUNT(*) FROM loan_case"), 1);
    let again = run_alone(&folder, &[&from[..], &["--to", &url]].concat());
    assert_eq!(again.code, 7);
    assert!(again.error()["message"].as_str().unwrap().contains("not empty"), "{}", again.notes);
    let program = Program::over(target, &[]);
    let listed = program.run_well(&["case", "list", "-p", "main"]);
    assert!(listed.data.contains("L-1"), "{}", listed.data);
}

#[test]
fn what_is_moved_and_whereto_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| run_alone(folder.path(), &[&["transfer"], args].concat()).code;
    assert_eq!(run(&[]), 2);
    assert_eq!(run(&["--from", "arrears-data"]), 2);
    assert_eq!(run(&["--from", "sqlite:arrears-data"]), 2, "no target is named");
    assert_eq!(run(&["--from", "sqlite:nowhere", "--to", "postgres://x@127.0.0.1:1/none"]), 7);
    assert!(!folder.path().join("nowhere").exists());
}
