//! `arrears bench`: generated cases, and never among others.

use serde_json::Value;

use super::program::Program;

fn run(program: &Program, args: &[&str]) -> Value {
    program.run_well(&[&["-o", "json", "bench"], args].concat()).json()
}

#[test]
fn every_bench_measures_what_ingest_pushed() {
    let program = Program::start();
    let ingest = ["ingest", "--cases", "600", "--chunk", "250", "--clients", "2"];
    let first = run(&program, &ingest);
    assert_eq!((&first[0]["call"], &first[0]["calls"]), (&"PushCases".into(), &3.into()));
    assert_eq!(first[0]["outcome"], serde_json::json!({"created": 600}));
    let latency = |key: &str| first[0][key].as_f64().unwrap();
    assert!(latency("p50_ms") > 0.0 && latency("p50_ms") <= latency("p95_ms"));
    assert!(latency("p95_ms") <= latency("p99_ms") && latency("p99_ms") <= latency("max_ms"));
    assert!(latency("items_per_second") > latency("calls_per_second"));

    let score = run(&program, &["score", "--cases", "600", "--calls", "50"]);
    assert_eq!((&score[0]["calls"], &score[0]["items"]), (&50.into(), &50.into()));

    let lease = ["lease", "--pulls", "40", "--clients", "3", "-n", "2"];
    for _ in 0..2 {
        let leased = run(&program, &lease);
        assert_eq!(leased[0]["outcome"], serde_json::json!({"leased": 80}), "given back again");
        assert_eq!(
            (&leased[1]["call"], &leased[1]["items"]),
            (&"ReleaseLeases".into(), &80.into())
        );
    }
    let reported = run(&program, &["lease", "--pulls", "5", "--report", "no_answer"]);
    assert_eq!(reported[1]["outcome"], serde_json::json!({"reported": 5}));
    let table = program.run_well(&["bench", "score", "--cases", "600", "--calls", "5"]).data;
    assert!(table.contains("p99_ms") && table.contains("ExplainCase"), "{table}");
}

#[test]
fn calls_that_fail_are_counted_by_their_reason() {
    let program = Program::start();
    run(&program, &["ingest", "--cases", "10"]);
    let score = ["-o", "json", "bench", "score", "--cases", "1000000", "--calls", "20"];
    let printed = program.run(&score);
    assert_eq!(printed.code, 1);
    assert_eq!(printed.json()[0]["errors"], serde_json::json!({"CASE_NOT_FOUND": 20}));
    assert!(printed.error()["message"].as_str().unwrap().contains("20 CASE_NOT_FOUND"));
    let wrong = ["-o", "json", "bench", "lease", "--pulls", "1", "--report", "gone_fishing"];
    let printed = program.run(&wrong);
    assert_eq!(printed.code, 1);
    assert_eq!(printed.json()[1]["errors"], serde_json::json!({"FIELD_OUT_OF_RANGE": 1}));
}

#[test]
fn generated_cases_never_come_among_others() {
    let program = Program::start();
    program.create_portfolio("main");
    for bench in ["ingest", "score", "lease"] {
        let refused = program.run(&["bench", bench, "--portfolio", "main"]);
        assert_eq!(refused.code, 7, "{bench}: {}", refused.notes);
        assert!(refused.notes.contains("--portfolio"), "{}", refused.notes);
    }
    assert_eq!(program.run_well(&["case", "list", "-p", "main"]).data.lines().count(), 1);
    run(&program, &["ingest", "--cases", "5"]);
    program.write(
        "my.csv",
        "case_id,debtor_id,overdue_amount,currency,oldest_due_date\nL-1,D-1,5,USD,2025-01-15\n",
    );
    program.run_well(&["import", "cases", "my.csv", "--portfolio", "bench"]);
    let refused = program.run(&["-o", "json", "bench", "ingest", "--cases", "5"]);
    assert_eq!(refused.code, 7, "{}", refused.notes);
    assert!(refused.error()["message"].as_str().unwrap().contains("L-1"));
}
