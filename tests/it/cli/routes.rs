//! Routes on the command line: rules from a file, lists and filters by them, and why a case
//! has its own.

use serde_json::{Value, json};

use super::program::{Printed, Program, run_alone};

const RULES: &str = "# the first that matches
- { route: legal, when: [{ feature: days_past_due, from: 91 }] }
- route: robot
  when:
    - { feature: overdue_amount_log, to: 40 }
    - { feature: custom.channel, kind: TEXT, is: [app] }
";

/// A server with two cases, one of them long overdue.
fn with_cases() -> Program {
    let program = Program::start();
    program.create_portfolio("north");
    program.write("routes.yaml", RULES);
    import(&program, 10);
    program
}

fn import(program: &Program, amount: i32) {
    program.write(
        "cases.csv",
        &format!(
            "case_id,debtor_id,overdue_amount,currency,oldest_due_date\n\
             old,d1,{amount},EUR,2024-01-01\nnew,d2,9000,EUR,2099-01-01\n"
        ),
    );
    program.run_well(&["import", "cases", "cases.csv"]);
}

fn update(program: &Program, args: &[&str]) -> Printed {
    program.run(&[&["-o", "json", "portfolio", "update", "--reason", "approved"], args].concat())
}

fn routes_of(program: &Program, args: &[&str]) -> Vec<String> {
    let listed = program.run_well(&[&["-o", "json", "case", "list"], args].concat()).json();
    let ids = listed.as_array().unwrap().iter();
    ids.map(|case| case["case_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn rules_of_a_file_give_routes_that_lists_and_filters_take() {
    let program = with_cases();
    let none = program.run_well(&["-o", "json", "portfolio", "routes"]).json();
    assert_eq!(none, json!([]));
    let changed = update(&program, &["--routing-rules", "routes.yaml"]);
    assert_eq!(changed.code, 0, "{}", changed.notes);
    let told = changed.json()[0]["routing_rules"].clone();
    assert_eq!(
        told[1]["when"][1],
        json!({"feature": "custom.channel", "kind": "TEXT", "is": ["app"]})
    );
    let rules = program.run_well(&["-o", "json", "portfolio", "routes", "north"]);
    assert_eq!(rules.json(), told);
    let table = program.run_well(&["portfolio", "routes"]).data;
    assert!(table.contains("legal") && table.contains("days_past_due from 91"), "{table}");

    // What is told of a case anew has its route at once.
    import(&program, 20);
    let made =
        program.run_well(&["-o", "json", "worklist", "create", "office", "--route", "legal"]);
    assert_eq!(made.json()[0]["routes"], json!(["legal"]));
    program.run_well(&["worklist", "create", "rest", "--route", "-", "--route", "robot"]);
    let lists = program.run_well(&["worklist", "list"]).data;
    assert!(lists.contains("- robot") && lists.contains("routes"), "{lists}");
    let previewed = program.run_well(&["-o", "json", "worklist", "preview", "office"]).json();
    assert_eq!(previewed[0]["lead_case"]["route"], "legal", "{previewed}");

    let explained = program.run_well(&["case", "explain", "old"]).data;
    assert!(
        explained.contains("route legal, by routing rule [0]: days_past_due is "),
        "{explained}"
    );
    assert_eq!(routes_of(&program, &["--route", "legal"]), ["old"]);
    assert_eq!(routes_of(&program, &["--route", "-"]), ["new"]);
    assert_eq!(routes_of(&program, &["--route", "robot"]), [""; 0]);

    // What is shown can be put back, by a file or among other settings.
    program.write("again.json", &rules.data);
    let same = update(&program, &["--routing-rules", "again.json"]);
    assert_eq!((same.code, &same.json()[0]["routing_rules"]), (0, &told), "{}", same.notes);
    program.write(
        "north.toml",
        "[[ranking.routing_rules]]\nroute = \"late\"\n\
         when = [{ feature = \"days_past_due\", from = \"31\" }]\n",
    );
    let of_file = update(&program, &["--file", "north.toml"]);
    assert_eq!(of_file.json()[0]["routing_rules"][0]["route"], "late", "{}", of_file.notes);
    let off = update(&program, &["--routing-rules", "none"]);
    assert_eq!(off.json()[0].get("routing_rules"), None, "{}", off.notes);
}

#[test]
fn rules_that_cannot_be_read_or_make_no_sense_change_nothing() {
    let program = with_cases();
    program.write("odd.yaml", "- { route: legal, if: [] }\n");
    program.write("wrong.yaml", "- { route: Legal, when: [{ feature: days, from: 1 }] }\n");
    for (args, told) in [
        (["--routing-rules", "odd.yaml"], &["line 1", "if"][..]),
        (["--routing-rules", "nowhere.yaml"], &["nowhere.yaml"]),
        (["--routing-rules", "wrong.yaml"], &["routing_rules[0].route", "when[0].feature"]),
    ] {
        let printed = update(&program, &args);
        assert_eq!(printed.code, 3, "{args:?}: {}", printed.notes);
        for told in told {
            assert!(printed.notes.contains(told), "{args:?}: {}", printed.notes);
        }
    }
    let unknown = program.run(&["worklist", "create", "w", "--route", "Legal"]);
    assert_eq!(unknown.code, 3, "{}", unknown.notes);
    assert!(unknown.notes.contains("1 to 32 bytes of a-z, 0-9 and _"), "{}", unknown.notes);
}

#[test]
fn a_simulation_is_sliced_and_filtered_by_route() {
    let program = with_cases();
    let changed = update(&program, &["--routing-rules", "routes.yaml"]);
    assert_eq!(changed.code, 0, "{}", changed.notes);
    let consumer = program.run_well(&["scorecard", "get", "consumer"]).data;
    program.write("consumer.yaml", &consumer);
    let simulate = ["scorecard", "simulate", "consumer.yaml", "--slice", "route"];
    let table = program.run_well(&simulate).data;
    assert!(table.contains("route") && table.contains("legal"), "{table}");
    let json = |more: &[&str]| -> Value {
        program.run_well(&[&["-o", "json"], &simulate[..], more].concat()).json()
    };
    let labels = |told: &Value| -> Vec<String> {
        let slices = told["slices"][0].as_array().unwrap().iter();
        slices.map(|one| one["label"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(labels(&json(&[])), ["legal"], "the other is not due");
    let filtered = json(&["--route", "-"]);
    assert_eq!((labels(&filtered), &filtered["cases"]), (vec![], &0.into()));
    let unknown = program.run(&[&simulate[..], &["--route", "nobody"]].concat());
    assert_eq!(unknown.code, 3, "{}", unknown.notes);
}

#[test]
fn golden_cases_expect_routes() {
    let folder = tempfile::tempdir().unwrap();
    let suite = "as_of_date: 2026-03-20
portfolio:
  time_zone: Etc/UTC
  base_currency: EUR
  routing_rules:
    - { route: legal, when: [{ feature: days_past_due, from: 91 }] }
cases:
  - name: long overdue
    facts: { overdue_amount: 600, oldest_due_date: 2025-12-01 }
    expect: { route: ROUTE }
  - name: fresh
    facts: { overdue_amount: 600, oldest_due_date: 2026-03-01 }
    expect: { route: \"\" }
";
    let test = |route: &str| {
        let text = suite.replace("ROUTE", route);
        std::fs::write(folder.path().join("suite.yaml"), text).unwrap();
        run_alone(folder.path(), &["-o", "json", "scorecard", "test", "suite.yaml"])
    };
    let passed = test("legal");
    assert_eq!(passed.code, 0, "{}{}", passed.data, passed.notes);
    let failed = test("\"\"");
    assert_eq!(failed.code, 5, "{}{}", failed.data, failed.notes);
    assert!(failed.data.contains("\"got\": \"legal\""), "{}", failed.data);
    let wrong = test("late");
    assert_eq!(wrong.code, 3, "{}{}", wrong.data, wrong.notes);
    assert!(wrong.data.contains("given by no rule"), "{}", wrong.data);
}
