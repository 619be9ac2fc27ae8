//! What every command shares: JSON lines, versions, completions.

use serde_json::Value;

use super::program::{Printed, Program, run_alone};

/// The objects of JSON lines.
fn lines(printed: &Printed) -> Vec<Value> {
    let object = |line: &str| serde_json::from_str(line).expect(line);
    printed.data.lines().map(object).collect()
}

#[test]
fn json_lines_are_one_object_a_line_in_every_command() {
    let program = Program::start();
    program.create_portfolio("main");
    program.write(
        "my.csv",
        "case_id,debtor_id,overdue_amount,currency,oldest_due_date\n\
         L-1,D-1,5,EUR,2025-01-15\nL-2,D-2,7,EUR,2025-01-15\n",
    );
    let run = |args: &[&str]| lines(&program.run_well(&[&["-o", "jsonl"], args].concat()));
    assert_eq!(run(&["import", "cases", "my.csv"])[0]["created"], 2);
    assert_eq!(run(&["worklist", "create", "all"])[0]["work_list_id"], "all");
    assert_eq!(run(&["portfolio", "list"])[0]["portfolio_id"], "main");
    let cases = run(&["case", "list"]);
    assert_eq!((&cases[0]["case_id"], &cases[1]["case_id"]), (&"L-1".into(), &"L-2".into()));
    let explained = run(&["case", "explain", "L-1"]);
    assert_eq!((explained.len(), &explained[0]["case"]["case_id"]), (1, &"L-1".into()));
    let items = run(&["worklist", "lease", "all", "-n", "2"]);
    assert_eq!(items.len(), 2);
    let why = run(&["worklist", "why", "all"]);
    assert_eq!((why.len(), &why[0]["case_count"]), (1, &2.into()));
    let refused = program.run(&["-o", "jsonl", "case", "explain", "L-9"]);
    assert_eq!(refused.error()["reason"], "CASE_NOT_FOUND");
    assert_eq!(run(&["worklist", "lease", "all"]), [] as [Value; 0], "no work is no line");
}

#[test]
fn versions_and_completions_need_neither_server_nor_settings() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("arrears.toml"), "broken").unwrap();
    let version = run_alone(folder.path(), &["version", "-o", "json"]);
    assert_eq!(version.code, 0, "{}", version.notes);
    assert_eq!(version.json()[0]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(version.json()[0]["contract"], "arrears.v1");
    assert!(!version.json()[0]["zone_data"].as_str().unwrap().is_empty());
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run_alone(folder.path(), &["completions", shell]);
        assert_eq!(script.code, 0, "{shell}: {}", script.notes);
        assert!(script.data.contains("worklist"), "{shell}");
    }
    assert_eq!(run_alone(folder.path(), &["completions", "cmd"]).code, 2);
}
