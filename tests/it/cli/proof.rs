//! `arrears case explain` of the past, and `arrears case replay`.

use serde_json::Value;

use super::program::Program;

/// A server with one case that was leased, and that another scorecard ranks since.
fn leased_and_then_harder() -> Program {
    let program = Program::start();
    program.create_portfolio("north");
    program.write(
        "cases.csv",
        "case_id,debtor_id,overdue_amount,currency,oldest_due_date\n1,d,10,EUR,2026-01-01\n",
    );
    program.run_well(&["import", "cases", "cases.csv"]);
    program.run_well(&["worklist", "create", "all"]);
    let items = json(&program, &["worklist", "lease", "all"]);
    assert_eq!(items[0]["lease_seq"], 1);
    let yaml = program.run_well(&["scorecard", "get", "consumer"]).data;
    program.write("consumer.yaml", &yaml.replace("base_points: 500", "base_points: 400"));
    program.run_well(&["scorecard", "new", "consumer.yaml"]);
    program.run_well(&["scorecard", "activate", "consumer", "2", "--reason", "trial"]);
    program
}

fn json(program: &Program, args: &[&str]) -> Value {
    program.run_well(&[&["-o", "json"], args].concat()).json()
}

#[test]
fn a_lease_is_explained_compared_and_replayed() {
    let program = leased_and_then_harder();
    let served = json(&program, &["case", "explain", "1", "--lease", "1"]);
    assert_eq!(served["served"]["equal"], true, "{served}");
    assert_eq!(served["served"]["worker_id"], std::env::var("USER").unwrap_or("cli".into()));
    let moved = json(&program, &["case", "explain", "1", "--compare-lease", "1"]);
    let now = moved["explanation"]["recovery_score"].as_i64().unwrap();
    assert_eq!(now, served["recovery_score"].as_i64().unwrap() - 100);
    assert_eq!(moved["movement"]["score"]["rule_set"], -100);
    assert_eq!(moved["movement"]["base"]["rule_set"], -100);
    let text = program.run_well(&["case", "explain", "1", "--compare-lease", "1"]).data;
    assert!(text.contains("base points") && text.contains("-100"), "{text}");

    let grant_time = served["served"]["grant_time"].as_str().unwrap();
    let known = json(&program, &["case", "explain", "1", "--known-at", grant_time]);
    assert_eq!(known["lines"], served["lines"]);
    let early = ["case", "explain", "1", "--known-at", "2020-01-01T00:00:00Z"];
    let refused = program.run(&early);
    assert_eq!(refused.code, 3, "{}", refused.notes);
    assert!(refused.notes.contains("known_at"), "{}", refused.notes);
    let both = ["case", "explain", "1", "--known-at", grant_time, "--lease", "1"];
    assert_eq!(program.run(&both).code, 2);

    let replayed = program.run_well(&["case", "replay", "1"]);
    assert!(replayed.notes.contains("all 2 ranks"), "{}", replayed.notes);
    let altered = "UPDATE lease SET priority = priority + 1";
    match program.database().url() {
        Some(_) => program.database().execute(altered) as usize,
        None => {
            let file = rusqlite::Connection::open(program.path("arrears-data/arrears.db"));
            file.unwrap().execute(altered, []).unwrap()
        }
    };
    let found = program.run(&["-o", "json", "case", "replay", "1"]);
    assert_eq!(found.code, 1, "{}", found.notes);
    let results: Vec<_> =
        found.json().as_array().unwrap().iter().map(|one| one["result"].clone()).collect();
    assert_eq!(results, ["EQUAL", "DIFFERENT"]);
}
