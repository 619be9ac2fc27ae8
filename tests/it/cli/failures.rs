//! Exit codes, and errors that say what to do.

use super::program::{Program, run_alone};
use super::proxy::{Proxy, http_status, role_missing};

/// The exit codes that the manual lists.
fn documented() -> Vec<i32> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/OPERATIONS.md");
    let text = std::fs::read_to_string(path).unwrap();
    let table = text.split("\n| code | when |\n|---|---|\n").nth(1).expect("the table of codes");
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    rows.map(|row| row.split('|').nth(1).unwrap().trim().parse().unwrap()).collect()
}

#[test]
fn every_exit_code_of_the_manual_occurs() {
    let program = Program::start();
    program.create_portfolio("main");
    program.write(
        "bad.csv",
        "case_id,debtor_id,overdue_amount,currency,oldest_due_date\nL 1,D-1,5,EUR,2025-01-15\n",
    );
    let zone = ["portfolio", "create", "main", "--time-zone", "Asia/Tokyo", "--currency", "JPY"];
    let simulate = ["scorecard", "simulate", "--revision", "consumer/1"];
    let ended = [
        program.run(&["version"]).code,
        program.run(&["case", "get", "L-9"]).code,
        program.run(&["case", "get"]).code,
        program.run(&["import", "cases", "nowhere.csv"]).code,
        // The service refuses nobody yet; whoever stands before it may.
        Proxy::new(http_status(401)).run(&["case", "list"]).code,
        program.run(&[&simulate[..], &["--fail-if", "psi >= 0"]].concat()).code,
        program.run(&["--server", "http://127.0.0.1:1", "case", "list"]).code,
        program.run(&zone).code,
        program.run(&["import", "cases", "bad.csv"]).code,
        // tests/it/cli/resume.rs interrupts an import.
        130,
    ];
    assert_eq!(documented(), ended);
}

#[test]
fn who_is_refused_before_the_service_ends_with_4() {
    let refusals = [
        (http_status(401), "UNAUTHENTICATED", "", "401"),
        (http_status(403), "PERMISSION_DENIED", "", "403"),
        (role_missing(), "PERMISSION_DENIED", "ROLE_MISSING", "the role dialer is needed"),
    ];
    for (refusal, code, reason, message) in refusals {
        let proxy = Proxy::new(refusal);
        for args in [
            vec!["case", "list"],
            vec!["portfolio", "create", "x", "--time-zone", "Asia/Tokyo", "--currency", "JPY"],
            vec!["worklist", "lease", "all"],
        ] {
            let printed = proxy.run(&[&["-o", "json"], &args[..]].concat());
            assert_eq!((printed.code, printed.data.as_str()), (4, ""), "{}", printed.notes);
            let error = printed.error();
            assert_eq!((&error["code"], &error["reason"]), (&code.into(), &reason.into()));
            assert!(error["message"].as_str().unwrap().contains(message), "{error}");
        }
    }
}

#[test]
fn without_a_server_the_program_says_so_and_ends_with_6() {
    let folder = tempfile::tempdir().unwrap();
    // Port 1 is nobody's.
    let args = ["--server", "http://127.0.0.1:1", "-o", "json", "portfolio", "list"];
    let printed = run_alone(folder.path(), &args);
    assert_eq!(printed.code, 6);
    assert_eq!(printed.data, "");
    assert_eq!(printed.error()["code"], "UNAVAILABLE");
    let next = printed.error()["next"].as_str().unwrap().to_owned();
    assert!(next.contains("arrears serve"), "{next}");
}

#[test]
fn a_wrong_command_line_or_settings_file_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        vec!["case", "list", "--group", "D"],
        vec!["case", "explain", "L-1", "--as-of", "tomorrow"],
        vec!["worklist", "report", "xyz", "no_answer"],
        vec!["serve", "--fresh"],
        vec!["--config", "nowhere.toml", "case", "list"],
        vec!["serve", "--grpc-addr", "0.0.0.0"],
        vec!["init", "--yes"],
    ] {
        assert_eq!(run_alone(folder.path(), &args).code, 2, "{args:?}");
    }
    std::fs::write(folder.path().join("arrears.toml"), "[client]\nportfolios = 1\n").unwrap();
    let printed = run_alone(folder.path(), &["case", "list"]);
    assert_eq!(printed.code, 2);
    assert!(printed.notes.contains("line 2"), "{}", printed.notes);
}

#[test]
fn a_file_that_cannot_be_one_ends_with_3_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("my.csv"), "case_id,phone\n").unwrap();
    std::fs::write(folder.path().join("m.yaml"), "columns:\n  phone: X\n").unwrap();
    let printed = run_alone(folder.path(), &["import", "cases", "my.csv"]);
    assert_eq!(printed.code, 3);
    assert!(printed.notes.contains("\"phone\""), "{}", printed.notes);
    let printed = run_alone(folder.path(), &["import", "cases", "my.csv", "-m", "m.yaml"]);
    assert_eq!(printed.code, 3);
    assert!(printed.notes.contains("line 2, column 10"), "{}", printed.notes);
    assert_eq!(run_alone(folder.path(), &["import", "cases", "no.csv"]).code, 3);
}

#[test]
fn what_the_server_refuses_comes_with_reason_metadata_and_exit_code() {
    let program = Program::start();
    program.create_portfolio("main");
    let printed = program.run(&["-o", "json", "case", "list", "-p", "nowhere"]);
    assert_eq!(printed.code, 1);
    let error = printed.error();
    assert_eq!(error["code"], "NOT_FOUND");
    assert_eq!(error["reason"], "PORTFOLIO_NOT_FOUND");
    assert_eq!(error["metadata"]["portfolio_id"], "nowhere");
    assert!(error["next"].as_str().unwrap().contains("arrears portfolio list"));

    let other = ["portfolio", "create", "main", "--time-zone", "Asia/Tokyo", "--currency", "JPY"];
    let printed = program.run(&other);
    assert_eq!(printed.code, 7, "{}", printed.notes);
    assert!(printed.notes.contains("PORTFOLIO_ALREADY_EXISTS"), "{}", printed.notes);

    let wrong = ["portfolio", "create", "x", "--time-zone", "Moon/Base", "--currency", "EURO"];
    let printed = program.run(&wrong);
    assert_eq!(printed.code, 3);
    assert!(printed.notes.contains("Moon/Base") && printed.notes.contains("EURO"));
}

#[test]
fn a_demonstration_never_touches_a_folder_of_real_data() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("real")).unwrap();
    std::fs::write(folder.path().join("real/arrears.db"), "real").unwrap();
    let ports = ["--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"];
    let args = ["serve", "--demo", "--fresh", "--data-dir", "real"];
    let printed = run_alone(folder.path(), &[args.as_slice(), &ports].concat());
    assert_eq!(printed.code, 2, "{}", printed.notes);
    assert_eq!(std::fs::read_to_string(folder.path().join("real/arrears.db")).unwrap(), "real");
}
