//! `arrears case` and `arrears portfolio`, in all formats.

use super::program::{Printed, Program};

fn with_cases() -> Program {
    let program = Program::start();
    program.create_portfolio("main");
    program.write(
        "my.csv",
        "case_id,debtor_id,overdue_amount,currency,oldest_due_date,cooperation,owns_home\n\
         L-1,D-1,1240.50,EUR,2025-01-15,HIGH,yes\n\
         L-2,D-2,88,EUR,2199-01-01,,\n\
         L-3,D-1,0,EUR,2025-01-15,LOW,no\n",
    );
    program.run_well(&["import", "cases", "my.csv"]);
    program
}

#[test]
fn cases_are_listed_in_every_format_and_by_every_filter() {
    let program = with_cases();
    let listed = |filter: &[&str]| -> Vec<String> {
        let args = [["-o", "json", "case", "list"].as_slice(), filter].concat();
        let json = program.run_well(&args).json();
        let cases = json.as_array().unwrap();
        cases.iter().map(|case| case["case_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed(&["--state", "open"]), ["L-1"]);
    assert_eq!(listed(&["--state", "PRE_DUE", "--state", "closed"]).len(), 2);
    assert_eq!(listed(&["--debtor", "D-1", "--state", "OPEN"]), ["L-1"]);
    assert_eq!(listed(&["--stage", "m5", "--state", "open"]), ["L-1"]);
    let table = program.run_well(&["case", "list", "--state", "open"]).data;
    assert!(table.starts_with("case_id") && table.contains("1240.50"), "{table}");
    let csv = program.run_well(&["-o", "csv", "case", "list", "--state", "open"]).data;
    assert!(csv.starts_with("case_id,debtor_id,state,overdue,currency,"), "{csv}");
    assert_eq!(csv.lines().count(), 2);
}

#[test]
fn the_lines_of_an_explanation_add_up() {
    let program = with_cases();
    let json = program.run_well(&["-o", "json", "case", "explain", "L-1"]).json();
    let sum = |list: &str, field: &str| -> i64 {
        json[list].as_array().unwrap().iter().map(|line| line[field].as_i64().unwrap()).sum()
    };
    let number = |name: &str| json[name].as_i64().unwrap();
    let contributions = sum("lines", "contribution");
    assert_eq!(
        number("base_points") + contributions + number("clamp_points"),
        number("recovery_score")
    );
    assert_eq!(sum("family_subtotals", "contribution"), contributions);
    assert_eq!(sum("dimension_subtotals", "contribution"), contributions);
    assert_eq!(sum("priority_lines", "points"), number("priority"));
    let cooperation = json["lines"].as_array().unwrap().iter();
    let cooperation = cooperation.filter(|line| line["characteristic"] == "cooperation");
    assert_eq!(cooperation.filter(|line| line["missing"] == false).count(), 1);
    let text = program.run_well(&["case", "explain", "L-1"]).data;
    assert!(text.contains("= score") && text.contains("= priority"), "{text}");
    let today = json["rank_date"].as_str().unwrap();
    let again = ["-o", "json", "case", "explain", "L-1", "--as-of", today];
    assert_eq!(program.run_well(&again).json(), json);
}

#[test]
fn a_case_is_shown_with_all_that_was_told() {
    let program = with_cases();
    let case = program.run_well(&["-o", "json", "case", "get", "L-1"]).json();
    assert_eq!((&case["case_id"], &case["debtor_id"]), (&"L-1".into(), &"D-1".into()));
    assert_eq!((&case["state"], &case["episode"]), (&"OPEN".into(), &1.into()));
    let told = |name: &str| case["document"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(told("overdue_amount"), "1240.50");
    assert_eq!((told("cooperation"), told("owns_home")), ("HIGH".to_owned(), "YES".to_owned()));
    assert_eq!(case["payments"].as_array().map(Vec::len), Some(0));
    let text = program.run_well(&["case", "get", "L-1"]).data;
    assert!(text.contains("cooperation") && text.contains("ranked as of"), "{text}");
    let csv = program.run_well(&["-o", "csv", "case", "get", "L-1"]).data;
    assert_eq!(csv.lines().count(), 2);
    assert_eq!(program.run(&["case", "get", "L-9"]).code, 1);
}

#[test]
fn a_portfolio_is_created_once_and_listed() {
    let program = Program::start();
    program.create_portfolio("north");
    program.create_portfolio("north");
    let json = program.run_well(&["-o", "json", "portfolio", "list"]).json();
    assert_eq!(json.as_array().map(Vec::len), Some(1));
    assert_eq!(json[0]["base_currency"], "EUR");
    assert_eq!(json[0]["contact_policy"], "always");
}

#[test]
fn a_portfolio_is_meant_by_flag_then_variable_then_settings_then_because_it_is_alone() {
    let program = with_cases();
    program.run_well(&["case", "list"]);
    program.create_portfolio("other");
    let printed = program.run(&["case", "list"]);
    assert_eq!(printed.code, 2, "two portfolios and none is named: {}", printed.notes);
    assert_eq!(program.run_well(&["case", "list", "-p", "other"]).data.lines().count(), 1);
    program.write("arrears.toml", "[client]\nportfolio = \"main\"\n");
    assert_eq!(program.run_well(&["case", "list"]).data.lines().count(), 4);
    assert_eq!(program.run_well(&["case", "list", "-p", "other"]).data.lines().count(), 1);
}

#[test]
fn a_case_is_explained_beside_what_would_be_if() {
    let program = with_cases();
    let both = ["case", "explain", "L-1", "--what-if", "overdue_amount=50", "--what-if"];
    let both = [&both[..], &["oldest_due_date=2026-03-01"]].concat();
    let table = program.run_well(&both).data;
    assert!(table.contains("what if") && table.contains("overdue_age"), "{table}");
    let json = program.run_well(&[&both[..], &["-o", "json"]].concat()).json();
    let score = |of: &str| json[of]["recovery_score"].as_i64().unwrap();
    assert!(score("what_if_explanation") > score("explanation"), "{json}");
    let kind = ["case", "explain", "L-1", "--what-if", "debtor_kind=BUSINESS"];
    let table = program.run_well(&kind).data;
    assert!(table.contains("scorecard") && table.contains("business"), "{table}");
    let with = [&kind[..], &["--what-if", "still_operating=NO", "-o", "csv"]].concat();
    let lines = program.run_well(&with).data;
    let changed: Vec<&str> = lines.lines().skip(1).collect();
    let household = "owns_home,YES,YES,+30,,,,-30";
    assert_eq!(changed, [household, "still_operating,,missing,+0,NO,NO,-200,-200"]);
    let refused = program.run(&["case", "explain", "L-1", "--what-if", "promises_held=3"]);
    assert_eq!(refused.code, 2, "{}", refused.notes);
    assert!(refused.notes.contains("promises_held is no field"), "{}", refused.notes);
}

#[test]
fn a_case_is_scored_without_being_stored() {
    let program = with_cases();
    let fields = ["overdue_amount=900", "oldest_due_date=2026-01-05", "promises_broken=2"];
    let json = program.run_well(&[&["case", "score", "-o", "json"], &fields[..]].concat()).json();
    assert!(json["recovery_score"].as_i64().is_some_and(|score| score > 0), "{json}");
    let refused = program.run(&["case", "score", "overdue_amount=many"]);
    assert_eq!(refused.code, 2, "{}", refused.notes);
}

#[test]
fn cases_are_watched_from_now_on_and_behind_a_token() {
    let program = with_cases();
    let mut overdue = 1_000;
    let mut push = || {
        overdue += 1;
        let head = "case_id,debtor_id,overdue_amount,currency,oldest_due_date";
        program.write("next.csv", &format!("{head}\nL-1,D-1,{overdue},EUR,2025-01-15\n"));
        program.run_well(&["import", "cases", "next.csv"]);
        overdue
    };
    let mut watch = program.spawn_command(&["case", "watch", "--limit", "1"]);
    // It does not say when it has begun: something changes until it has seen that.
    while watch.try_wait().unwrap().is_none() {
        push();
    }
    let seen = Printed::new(watch.wait_with_output().unwrap());
    assert_eq!(seen.code, 0, "{}", seen.notes);
    assert!(seen.data.starts_with("main L-1: 1"), "{}", seen.data);
    let (_, token) = seen.notes.trim().rsplit_once("--behind ").unwrap();

    let overdue = push();
    let behind = ["-o", "jsonl", "case", "watch", "--behind", token, "--limit"];
    // Changes between the one it saw last and this may come first.
    let told = program.run_well(&[behind.as_slice(), &["1"]].concat()).data;
    let case: serde_json::Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!(case["case_id"], "L-1");
    assert_eq!(case["overdue_amount"], format!("{overdue}.00"), "as it is by then");

    let refused = program.run(&["case", "watch", "--behind", "x"]);
    assert_eq!(refused.code, 3, "{}", refused.notes);
    assert!(refused.notes.contains("resume_token"), "{}", refused.notes);
    let refused = program.run(&["-o", "csv", "case", "watch"]);
    assert_eq!(refused.code, 2, "{}", refused.notes);
}
