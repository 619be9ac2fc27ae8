//! `arrears worklist`: from creating a list to what came of the work, and why
//! there is none.

use serde_json::Value;

use super::program::Program;

/// A server with three cases of three debtors and one list.
fn with_work() -> Program {
    let program = Program::start();
    program.create_portfolio("main");
    program.write(
        "cases.csv",
        "case_id,debtor_id,overdue_amount,currency,oldest_due_date\n\
         c1,d1,900.00,EUR,2026-01-05\nc2,d2,400.00,EUR,2026-02-05\nc3,d3,50.00,EUR,2026-03-01\n",
    );
    program.run_well(&["import", "cases", "cases.csv"]);
    program.run_well(&["worklist", "create", "all"]);
    program
}

fn lease(program: &Program, max: &str) -> Vec<Value> {
    let printed = program.run_well(&["worklist", "lease", "all", "-n", max, "-o", "json"]);
    printed.json().as_array().expect("a list of items").clone()
}

fn token(item: &Value) -> &str {
    item["lease_token"].as_str().expect("an item has a token")
}

#[test]
fn work_is_leased_reported_and_given_back() {
    let program = with_work();
    assert!(program.run_well(&["worklist", "list"]).data.contains("all"));
    let items = lease(&program, "2");
    assert_eq!(items.len(), 2);

    let report = ["worklist", "report", token(&items[0]), "no_answer", "-o", "json"];
    assert_eq!(program.run_well(&report).json()[0]["disposition"], "ACCEPTED");
    assert_eq!(program.run_well(&report).json()[0]["disposition"], "DUPLICATE");

    let released = program.run_well(&["worklist", "release", token(&items[1]), "--not-dialled"]);
    assert!(released.notes.contains("released"), "{}", released.notes);
    let again = lease(&program, "5");
    let ids: Vec<&str> =
        again.iter().filter_map(|item| item["lead_case"]["case_id"].as_str()).collect();
    assert!(ids.contains(&items[1]["lead_case"]["case_id"].as_str().unwrap()), "{ids:?}");
    assert!(!ids.contains(&items[0]["lead_case"]["case_id"].as_str().unwrap()), "{ids:?}");
}

#[test]
fn a_given_debtor_is_taken_or_the_gates_that_refuse_it_are_named() {
    let program = with_work();
    let take = |options: &[&str]| {
        program.run_well(&[&["worklist", "take", "all", "d3", "--reason"], options].concat())
    };
    let printed = take(&["inbound", "--lease-seconds", "60"]);
    assert!(printed.data.contains("main c3: 50.00 EUR"), "{}", printed.data);
    assert!(printed.notes.contains("next: arrears worklist report"), "{}", printed.notes);

    let refused = take(&["Supervisor", "-o", "json"]).json();
    assert_eq!(refused["work_items"].as_array().unwrap().len(), 0, "{refused}");
    assert_eq!(refused["failing_gates"][0]["gate"], "LEASED");
    let refused = take(&["field"]);
    assert!(refused.data.contains("LEASED"), "{}", refused.data);
    assert!(refused.notes.contains("d3 was not leased"), "{}", refused.notes);

    let unknown = program.run(&["worklist", "take", "all", "d3", "--reason", "because"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.notes.contains("inbound, manual, supervisor, field"), "{}", unknown.notes);
}

#[test]
fn work_is_previewed_before_it_is_leased_and_its_debtor_shown() {
    let program = with_work();
    let previewed = program.run_well(&["worklist", "preview", "all", "-n", "2", "-o", "json"]);
    let previewed = previewed.json();
    let lead = |item: &Value| item["lead_case"]["case_id"].as_str().unwrap().to_owned();
    let ids: Vec<String> = previewed.as_array().unwrap().iter().map(lead).collect();
    let leased: Vec<String> = lease(&program, "2").iter().map(lead).collect();
    assert_eq!(ids, leased);
    let table = program.run_well(&["worklist", "preview", "all"]).data;
    assert!(table.contains("reasons") && !table.contains("lease"), "{table}");
    let debtor_id = previewed[0]["debtor_id"].as_str().unwrap();
    let debtor = program.run_well(&["debtor", "get", debtor_id, "-o", "json"]).json();
    assert_eq!(debtor["leased_case"], format!("main {}", ids[0]));
    assert_eq!(debtor["attempt_count"], 1);
    let table = program.run_well(&["debtor", "get", debtor_id]).data;
    assert!(table.contains("1 of 1 cases overdue") && table.contains("leased: main"), "{table}");
}

#[test]
fn a_list_may_choose_groups_stages_and_languages() {
    let program = with_work();
    let choice = ["--group", "c", "--stage", "m5", "--stage", "M4", "--language", "es"];
    let rest = ["--portfolio", "main", "--reserved-share-permille", "0", "-o", "json"];
    let create = ["worklist", "create", "hard", "--display-name", "Hard ones"];
    let list = program.run_well(&[&create, choice.as_slice(), &rest].concat()).json();
    assert_eq!(list[0]["recovery_groups"], serde_json::json!(["C"]));
    assert_eq!(list[0]["stages"].as_array().map(Vec::len), Some(2));
    assert_eq!(list[0]["languages"], serde_json::json!(["es"]));
    assert_eq!(list[0]["reserved_share_permille"], 0);
    let none = program.run_well(&["worklist", "lease", "hard", "-o", "json"]).json();
    assert_eq!(none, serde_json::json!([]), "nobody speaks Spanish here");
    assert_eq!(program.run(&["worklist", "create", "x", "--group", "D"]).code, 2);
    let share = ["worklist", "create", "x", "--reserved-share-permille", "1001"];
    let refused = program.run(&share);
    assert_eq!(refused.code, 3);
    assert!(refused.notes.contains("reserved_share_permille"), "{}", refused.notes);
    let other = ["worklist", "create", "hard", "--group", "A"];
    assert_eq!(program.run(&other).code, 7, "another list of the same id");
}

#[test]
fn a_named_pull_returns_the_same_work() {
    let program = with_work();
    let args = ["worklist", "lease", "all", "--request-id", "r1", "--worker", "w", "-o", "json"];
    let first = program.run_well(&args).json();
    assert_eq!(program.run_well(&args).json(), first);
    assert_ne!(lease(&program, "1")[0]["lease_token"], first[0]["lease_token"]);
}

#[test]
fn why_counts_the_gates_and_names_all_of_one_case() {
    let program = with_work();
    let item = lease(&program, "1").remove(0);
    let case_id = item["lead_case"]["case_id"].as_str().unwrap();
    let counted = program.run_well(&["worklist", "why", "all"]).data;
    assert!(counted.contains("LEASED") && counted.contains("READY"), "{counted}");
    let one = program.run_well(&["worklist", "why", "all", "--portfolio", "main", case_id]).data;
    assert!(one.contains("LEASED"), "{one}");
}

#[test]
fn an_unknown_outcome_is_answered_with_all_there_are() {
    let program = with_work();
    let item = lease(&program, "1").remove(0);
    let refused = program.run(&["worklist", "report", token(&item), "gone_fishing", "-o", "json"]);
    assert_ne!(refused.code, 0);
    assert!(refused.notes.contains("no_answer"), "{}", refused.notes);
    let promise = ["worklist", "report", token(&item), "promise", "-o", "json"];
    assert_ne!(program.run(&promise).code, 0, "a promise needs its day");
    let nonsense = program.run(&["worklist", "report", "zz", "no_answer"]);
    assert_eq!(nonsense.code, 2, "{}", nonsense.notes);
}
