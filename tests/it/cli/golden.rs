//! `arrears scorecard test`: golden cases of files, of what is stored, and suites that
//! are wrong.

use std::path::Path;

use serde_json::Value;

use super::program::{Printed, Program, run_alone};

const SUITE: &str = include_str!("../../../examples/scorecards-in-git/suite.yaml");
const SCORECARD: &str = include_str!("../../../examples/scorecards-in-git/consumer.yaml");

/// A folder with the suite and the scorecard of the example, changed.
fn folder(suite: &str, scorecard: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("suite.yaml"), suite).unwrap();
    std::fs::write(folder.path().join("consumer.yaml"), scorecard).unwrap();
    folder
}

fn test(folder: &Path, more: &[&str]) -> Printed {
    run_alone(folder, &[&["-o", "json", "scorecard", "test", "suite.yaml"], more].concat())
}

/// The line and the message of every finding.
fn findings(suite: &str, scorecard: &str) -> Vec<(u64, String)> {
    let folder = folder(suite, scorecard);
    let printed = test(folder.path(), &[]);
    assert_eq!(printed.code, 3, "{}{}", printed.data, printed.notes);
    let found = printed.json();
    let found = found.as_array().unwrap().iter();
    let found = found.map(|one| {
        assert!(one["column"].as_u64().is_some(), "{one}");
        (one["line"].as_u64().unwrap(), one["message"].as_str().unwrap().to_owned())
    });
    found.collect()
}

/// The line of a text, from 1.
fn line_of(suite: &str, text: &str) -> u64 {
    let at = suite.lines().position(|line| line.contains(text));
    at.unwrap_or_else(|| panic!("{text:?} is in no line of {suite}")) as u64 + 1
}

#[test]
fn the_workflow_of_the_example_runs_as_it_stands() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/scorecards-in-git");
    let workflow = std::fs::read_to_string(example.join("scorecards.yaml")).unwrap();
    let folder = folder(SUITE, SCORECARD);
    let mut run = 0;
    for line in workflow.lines().filter_map(|line| line.trim().strip_prefix("run: arrears ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let printed = run_alone(folder.path(), &words);
        assert_eq!(printed.code, 0, "{line}: {}{}", printed.data, printed.notes);
        run += 1;
    }
    assert_eq!(run, 2, "validate and test");
    let junit = std::fs::read_to_string(folder.path().join("results.xml")).unwrap();
    assert!(junit.contains(r#"<testsuites tests="3" failures="0">"#), "{junit}");
}

/// The scorecard of the example with a population of those overdue for long.
fn of_a_population() -> String {
    format!(
        "{SCORECARD}populations:\n- name: late\n  when: [{{ feature: days_past_due, from: 60 }}]\n  \
         base_points: 1\n  characteristics:\n  - name: kind\n    feature: debtor_kind\n    \
         family: custom\n    dimension: ABILITY\n    missing: {{ points: 0 }}\n    \
         reason: {{ code: K, text: k, audience: AGENT }}\n    \
         bins: [{{ is: [PERSON], points: 1 }}, {{ is: [BUSINESS], points: 2 }}]\n"
    )
}

#[test]
fn a_case_may_be_expected_to_be_of_a_population() {
    let scorecard = of_a_population();
    let expecting = |name: &str| {
        let own = format!("expect:\n      population: {name}\n      recovery_group: A");
        SUITE.replacen("expect:\n      recovery_group: A", &own, 1)
    };
    let cases = |suite: &str| {
        let folder = folder(suite, &scorecard);
        let printed = test(folder.path(), &[]);
        (printed.json().as_array().unwrap().clone(), printed)
    };
    let first = |cases: &[Value]| cases[0].clone();
    let (main, _) = cases(&expecting("''"));
    assert_eq!(
        (&first(&main)["passed"], &first(&main)["population"]),
        (&true.into(), &Value::Null)
    );
    let (late, printed) = cases(&expecting("late"));
    let difference = &first(&late)["differences"][0];
    assert_eq!((printed.code, &difference["field"]), (5, &"population".into()));
    assert_eq!((&difference["expected"], &difference["got"]), (&"late".into(), &"".into()));
    assert!(main.iter().any(|one| one["population"] == "late"), "{main:?}");
}

#[test]
fn a_population_that_no_scorecard_has_is_refused() {
    let own = "expect:\n      population: latest\n      recovery_group: A";
    let suite = SUITE.replacen("expect:\n      recovery_group: A", own, 1);
    let refused = "expect.population \"latest\" is none of the scorecard consumer";
    let line = line_of(&suite, "population: latest");
    let main_only = format!("{refused}; \"\" for its main card is allowed");
    assert_eq!(findings(&suite, SCORECARD), [(line, main_only)]);
    let both = format!("{refused}; late or \"\" for its main card is allowed");
    assert_eq!(findings(&suite, &of_a_population()), [(line, both)]);
}

#[test]
fn a_case_that_is_ranked_otherwise_is_shown_with_its_lines_and_ends_with_five() {
    let changed = SCORECARD.replace("points: -110 }", "points: -10 }");
    let folder = folder(SUITE, &changed);
    let printed = test(folder.path(), &["--junit", "out.xml"]);
    assert_eq!(printed.code, 5, "{}", printed.notes);
    assert_eq!(printed.error()["message"], "1 of 3 golden cases failed");
    let cases = printed.json();
    let case = cases.as_array().unwrap().iter().find(|one| one["passed"] == false).unwrap();
    assert_eq!(case["name"], "lost the job and says so");
    assert_eq!(case["line"], line_of(SUITE, "lost the job"));
    assert_eq!(case["differences"][0]["expected"], "C");
    assert_eq!(case["differences"][0]["got"], "B");
    let lines = case["lines"].as_array().unwrap();
    let sum: i64 = lines.iter().map(|line| line["contribution"].as_i64().unwrap()).sum();
    assert_eq!(500 + sum, case["recovery_score"].as_i64().unwrap());

    let shown = run_alone(folder.path(), &["scorecard", "test", "suite.yaml"]);
    assert_eq!(shown.code, 5);
    for text in [
        "ok    suite.yaml:7  a week late for the first time: A 830, priority 280",
        "FAIL  suite.yaml:21  lost the job and says so: B 500",
        "      recovery_group: expected C, got B",
        "         -10  income: LOST is LOST",
        "         500  score",
    ] {
        assert!(
            shown.data.lines().any(|line| line.starts_with(text)),
            "{text:?} in\n{}",
            shown.data
        );
    }
    let junit = std::fs::read_to_string(folder.path().join("out.xml")).unwrap();
    let mut reader = quick_xml::Reader::from_str(&junit);
    reader.config_mut().check_end_names = true;
    let mut failures = 0;
    loop {
        match reader.read_event().expect("the document is well-formed") {
            quick_xml::events::Event::Start(tag) if tag.name().as_ref() == "failure" => {
                failures += 1;
            }
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(failures, 1, "{junit}");
}

#[test]
fn what_is_wrong_with_a_suite_is_told_with_its_line() {
    let replaced = |from: &str, to: &str| {
        assert!(SUITE.contains(from), "{from}");
        SUITE.replacen(from, to, 1)
    };
    for (from, to, line, said) in [
        (
            "as_of_date: 2026-03-20",
            "as_of_date: 2026-02-30",
            "as_of_date",
            "as_of_date \"2026-02-30\"",
        ),
        ("overdue_reason: FORGOT", "overdue_raeson: FORGOT", "overdue_raeson", "is no field"),
        ("overdue_reason: FORGOT", "overdue_reason: LAZY", "LAZY", "it must be one of"),
        ("overdue_amount: 240.50", "overdue_amount: 240.505", "240.505", "nothing is rounded"),
        ("recovery_group: A", "recovery_group: D", "recovery_group: D", "must be A, B or C"),
        ("recovery_score: 830", "recovery_score: 8300", "8300", "0 to 1000 are possible"),
        (
            "lost the job and says so",
            "a week late for the first time",
            "name: a week late",
            "two cases",
        ),
        ("scorecard: consumer.yaml", "scorecard: nowhere.yaml", "nowhere", "nowhere.yaml"),
        ("event_time: 2026-03-10", "event_time: 2026-03-21", "2026-03-21", "after the as_of_date"),
        ("promised_date: 2026-02-10", "promised_date: 2026-01-10", "2026-01-10", "must lie from"),
        ("outcome_code: promise, ", "outcome_code: kissed, ", "kissed", "must be one of"),
        ("{ month: 2026-01,", "{ month: 2026-02,", "month: 2026-02, months_past_due: 0", "once"),
        (
            "overdue_amount: 600",
            "overdue_amount: 0",
            "overdue_amount: 0,",
            "the facts close the case",
        ),
        ("time_zone: Europe/Madrid", "time_zone: Europe/Madird", "Madird", "time_zone"),
        ("base_currency: EUR", "base_currency: EUX", "EUX", "ISO 4217"),
        (
            "reasons_include: [PROMISES_BROKEN]",
            "reasons_include: []",
            "reasons_include",
            "names no code",
        ),
        (
            "expect:\n      recovery_group: A",
            "expects:\n      recovery_group: A",
            "expects",
            "expects",
        ),
    ] {
        let suite = replaced(from, to);
        let found = findings(&suite, SCORECARD);
        let expected = match said {
            "two cases" => line_of(SUITE, "lost the job"),
            "once" => line_of(&suite, line) + 1,
            "the facts close the case" => line_of(&suite, "promised twice"),
            _ => line_of(&suite, line),
        };
        assert!(
            found.iter().any(|(at, message)| *at == expected && message.contains(said)),
            "{to:?} at {expected}: {found:?}"
        );
    }
}

#[test]
fn a_suite_of_another_form_is_told_whole_with_paths_and_lines() {
    for (from, to, line, said) in [
        (
            "recovery_score: 830",
            "recovery_score: 830.5",
            "830.5",
            "cases[0].expect.recovery_score: is 830.5; a whole number is allowed",
        ),
        (
            "expect:",
            "expects:",
            "expects:",
            "cases[0].expects: is not known here; did you mean expect?",
        ),
        ("expect:", "expects:", "name: a week late", "cases[0].expect: must be given"),
        ("as_of_date: 2026-03-20", "", "scorecard:", "as_of_date: must be given"),
        (
            "scorecard: consumer.yaml",
            "scorecard: consumer.yaml\nscorecard: other.yaml",
            "other.yaml",
            "scorecard: stands twice",
        ),
        (
            "reasons_include: [PROMISES_BROKEN]",
            "reasons_include: PROMISES_BROKEN",
            "include: P",
            "a list is allowed",
        ),
    ] {
        assert!(SUITE.contains(from), "{from}");
        let suite = SUITE.replacen(from, to, 1);
        let found = findings(&suite, SCORECARD);
        let expected = match said.starts_with("as_of_date") {
            true => {
                suite.lines().position(|line| line.contains(':') && !line.starts_with('#')).unwrap()
                    as u64
                    + 1
            }
            false => line_of(&suite, line),
        };
        assert!(
            found.iter().any(|(at, message)| *at == expected && message.contains(said)),
            "{to:?} at {expected}: {found:?}"
        );
    }
    let broken = SUITE.replacen("as_of_date: 2026-03-20", "", 1);
    let broken = broken.replacen("recovery_score: 830", "recovery_score: many", 1);
    assert_eq!(findings(&broken, SCORECARD).len(), 2);
}

#[test]
fn everything_wrong_with_a_suite_is_told_at_once() {
    let two = SUITE.replacen("overdue_reason: FORGOT", "overdue_raeson: FORGOT", 1);
    let two = two.replacen("income_state: LOST", "income_state: GONE", 1);
    assert_eq!(findings(&two, SCORECARD).len(), 2);
    let head = SUITE.split_once("\ncases:\n").unwrap().0;
    let empty = findings(&format!("{head}\ncases: []\n"), SCORECARD);
    assert!(empty[0].1.contains("1 to 10000"), "{empty:?}");
    let nothing = findings(
        &format!(
            "{head}\ncases:\n  - name: x\n    facts: {{ overdue_amount: 1, oldest_due_date: 2026-01-01 }}\n    expect: {{}}\n"
        ),
        SCORECARD,
    );
    assert!(nothing[0].1.contains("names nothing"), "{nothing:?}");
}

#[test]
fn a_wrong_scorecard_is_told_with_the_line_of_its_own_file() {
    let folder = folder(SUITE, &SCORECARD.replace("from: 31, to: 61", "from: 32, to: 61"));
    let printed = test(folder.path(), &[]);
    assert_eq!(printed.code, 3);
    let found = &printed.json()[0];
    assert!(found["file"].as_str().unwrap().ends_with("consumer.yaml"), "{found}");
    assert_eq!(found["line"], line_of(SCORECARD, "from: 31, to: 61"));
}

#[test]
fn what_the_program_ships_and_what_is_stored_can_be_tested() {
    let program = Program::start();
    program.create_portfolio("north");
    let facts = [
        ("overdue_amount", "50000"),
        ("oldest_due_date", "2026-03-16"),
        ("customer_since_date", "2011-05-02"),
        ("cooperation", "HIGH"),
        ("overdue_reason", "OWN_DEBTOR_LATE"),
    ];
    let given: Vec<String> = facts.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    let scored = program.run_well(&[&["-o", "json", "case", "score"], &given[..]].concat()).json();
    let written: String =
        facts.iter().map(|(name, value)| format!("    {name}: {value}\n")).collect();
    let (score, day) = (scored["recovery_score"].as_i64().unwrap(), &scored["rank_date"]);
    program.write(
        "suite.yaml",
        &format!(
            "as_of_date: {day}\ncases:\n- name: old good customer\n  facts:\n{written}  expect:\n    \
             recovery_score: {score}\n    priority: {}\n    recovery_group: {}\n",
            scored["priority"], scored["recovery_group"]
        ),
    );
    program.run_well(&["scorecard", "test", "suite.yaml"]);

    let yaml = program.run_well(&["scorecard", "get", "consumer"]).data;
    program.write("consumer.yaml", &yaml.replace("base_points: 500", "base_points: 400"));
    program.run_well(&["scorecard", "new", "consumer.yaml"]);
    let stored =
        program.run(&["-o", "json", "scorecard", "test", "suite.yaml", "--revision", "consumer/2"]);
    assert_eq!(stored.code, 5, "{}", stored.notes);
    let told: Value = stored.json();
    assert_eq!(told[0]["recovery_score"], score - 100);
    let absent = ["scorecard", "test", "suite.yaml", "--revision", "consumer/9"];
    assert_ne!(program.run(&absent).code, 0);
}

#[test]
fn the_suite_of_the_document_runs_as_it_stands() {
    let document = include_str!("../../../docs/SCORECARDS.md");
    let section = document.split_once("## Golden cases").unwrap().1;
    let suite = section.split_once("```yaml\n").unwrap().1.split_once("```").unwrap().0;
    let folder = folder(suite, SCORECARD);
    let business = SCORECARD.replace("scorecard_id: consumer", "scorecard_id: business");
    std::fs::write(folder.path().join("business.yaml"), business).unwrap();
    let printed = test(folder.path(), &[]);
    assert_eq!(printed.code, 0, "{}{}", printed.data, printed.notes);
}
