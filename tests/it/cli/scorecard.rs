//! `arrears scorecard`: from the shipped one to another that ranks, and back.

use arrears::model::{Clock, Micros, SystemClock};
use serde_json::Value;

use super::program::{Program, run_alone};

/// A server with a portfolio and one case.
fn with_case() -> Program {
    let program = Program::start();
    program.create_portfolio("north");
    program.write(
        "cases.csv",
        "case_id,debtor_id,overdue_amount,currency,oldest_due_date\n1,d,10,EUR,2026-01-01\n",
    );
    program.run_well(&["import", "cases", "cases.csv"]);
    program
}

fn listed(program: &Program, args: &[&str]) -> Vec<Value> {
    let printed = program.run_well(&[&["-o", "json"], args].concat());
    printed.json().as_array().unwrap().clone()
}

/// The file that `get` writes, with one text replaced.
fn edited(program: &Program, from: &str, to: &str) {
    let yaml = program.run_well(&["scorecard", "get", "consumer"]).data;
    assert_eq!(yaml.matches(from).count(), 1, "{from:?} stands once in {yaml}");
    program.write("consumer.yaml", &yaml.replace(from, to));
}

#[test]
fn a_scorecard_is_edited_as_a_file_activated_and_taken_back() {
    let program = with_case();
    let score = || {
        let case = &listed(&program, &["case", "list"])[0];
        case["recovery_score"].as_i64().unwrap()
    };
    let before = score();
    edited(&program, "base_points: 500", "base_points: 400");
    program.run_well(&["scorecard", "validate", "consumer.yaml"]);
    let made = program.run_well(&["scorecard", "new", "consumer.yaml", "--title", "harder"]);
    assert!(made.notes.contains("scorecard validate --revision consumer/2"), "{}", made.notes);
    program.run_well(&["scorecard", "validate", "--revision", "consumer/2"]);

    let activate = ["scorecard", "activate", "consumer", "2", "--reason", "older debts"];
    let would = program.run_well(&[&activate[..], &["--dry-run"]].concat());
    assert!(would.notes.contains("nothing was changed"), "{}", would.notes);
    program.run_well(&activate);
    let explained = program.run_well(&["-o", "json", "case", "explain", "1"]).json();
    assert_eq!(explained["recovery_score"], before - 100, "{explained}");

    let history = listed(&program, &["scorecard", "history"]);
    let told: Vec<_> = history
        .iter()
        .map(|one| (one["activation_id"].as_i64().unwrap(), one["scorecard"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(2, "consumer/2"), (1, "consumer/1")]);
    assert_eq!(history[0]["business_scorecard"], "business/1");

    let late = [&activate[..], &["--expected", "1"]].concat();
    let refused = program.run(&late);
    assert_eq!(refused.code, 7, "{}", refused.notes);
    assert!(refused.notes.contains("ACTIVATION_CHANGED"), "{}", refused.notes);

    program.run_well(&["scorecard", "rollback", "1", "--reason", "too many C"]);
    let explained = program.run_well(&["-o", "json", "case", "explain", "1"]).json();
    assert_eq!(explained["recovery_score"], before);
    assert_eq!(listed(&program, &["scorecard", "history"])[0]["reason"], "too many C");
}

#[test]
fn an_activation_starts_at_its_time_unless_it_is_withdrawn() {
    let program = with_case();
    edited(&program, "base_points: 500", "base_points: 400");
    program.run_well(&["scorecard", "new", "consumer.yaml"]);
    let activate = ["scorecard", "activate", "consumer", "2", "--reason", "harder"];
    let at = |seconds: i64| SystemClock.now().plus(seconds * Micros::SECOND).to_string();
    let tomorrow = at(86_400);
    let later = [&activate[..], &["--start-time", &tomorrow]].concat();
    let would = program.run_well(&[&later[..], &["--dry-run"]].concat());
    assert!(would.notes.contains("nothing was changed"), "{}", would.notes);
    let made = program.run_well(&later);
    assert!(made.notes.contains("arrears scorecard withdraw 1"), "{}", made.notes);
    let history = program.run_well(&["scorecard", "history"]);
    assert!(history.notes.contains("proposal 1 of local"), "{}", history.notes);
    let refused = program.run(&["scorecard", "approve", "1", "--reason", "checked"]);
    assert!(refused.notes.contains("PROPOSAL_DECIDED"), "{}", refused.notes);
    let refused = program.run(&["scorecard", "reject", "9", "--reason", "checked"]);
    assert!(refused.notes.contains("arrears scorecard proposals"), "{}", refused.notes);
    program.run_well(&["scorecard", "withdraw", "1", "--reason", "mistaken"]);

    let update = ["portfolio", "update", "--start-time", &tomorrow, "--reason", "trial"];
    let waits = program.run_well(&[&update[..], &["--tolerance-amount", "5"]].concat());
    assert!(waits.data.contains("SCHEDULED"), "{}", waits.data);
    program.run_well(&["scorecard", "withdraw", "2", "--reason", "mistaken"]);
    let listed_states = || {
        let all = listed(&program, &["scorecard", "proposals"]);
        all.iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed_states(), ["WITHDRAWN", "WITHDRAWN"]);
    let refused = program.run(&["portfolio", "update", "--activation-approval", "required"]);
    assert!(refused.notes.contains("APPROVAL_NEEDS_CREDENTIALS"), "{}", refused.notes);
    let wrong = program.run(&[&activate[..], &["--start-time", "soon"]].concat());
    assert_eq!(wrong.code, 2, "{}", wrong.notes);

    program.run_well(&[&activate[..], &["--start-time", &at(2)]].concat());
    // By the clock of the machine, and by the service itself.
    while listed_states()[0] == "SCHEDULED" {}
    let active = listed(&program, &["scorecard", "history"]).remove(0);
    assert_eq!((&active["scorecard"], &active["proposal_id"]), (&"consumer/2".into(), &3.into()));
}

#[test]
fn a_draft_is_changed_until_it_ranks() {
    let program = with_case();
    edited(&program, "base_points: 500", "base_points: 400");
    program.run_well(&["scorecard", "new", "consumer.yaml"]);
    edited(&program, "base_points: 400", "base_points: 410");
    program.run_well(&["scorecard", "update", "consumer.yaml", "--revision", "2"]);
    let stored = program.run_well(&["-o", "json", "scorecard", "get", "consumer", "2"]).json();
    assert_eq!(stored["base_points"], 410);

    let stale = ["scorecard", "update", "consumer.yaml", "--revision", "2", "--etag", "1"];
    assert_eq!(program.run(&stale).code, 7);
    program.run_well(&["scorecard", "activate", "consumer", "2", "--reason", "trial"]);
    let refused = program.run(&["scorecard", "update", "consumer.yaml", "--revision", "2"]);
    assert!(refused.notes.contains("REVISION_NOT_DRAFT"), "{}", refused.notes);
    let states: Vec<_> = listed(&program, &["scorecard", "ls", "consumer"])
        .iter()
        .map(|one| one["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(states, ["ACTIVATED", "ACTIVATED"]);
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_line_and_no_server() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(folder.path().join("small.yaml"), text).unwrap();
    let validate = |args: &[&str]| {
        run_alone(folder.path(), &[&["-o", "json", "scorecard", "validate"], args].concat())
    };
    let document = include_str!("../../../docs/SCORECARDS.md");
    let small = document.split_once("```yaml\n").unwrap().1.split_once("```").unwrap().0;
    write(small);
    let good = validate(&["small.yaml"]);
    assert!(good.notes.contains("small.yaml can rank"), "{}", good.notes);

    let same = "  - { name: twice, feature: days_past_due, family: overdue_age, dimension: AGE, \
                reason: { code: R, text: t, audience: AGENT }, missing: { points: 0 }, \
                bins: [{ to: 9, points: 1 }, { from: 9, points: 2 }] }\npriority:\n";
    write(&small.replace("priority:\n", same));
    let odd = validate(&["small.yaml"]).json();
    let line = small.lines().position(|line| line.starts_with("priority:")).unwrap() + 1;
    assert_eq!((&odd[0]["severity"], &odd[0]["line"]), (&"WARNING".into(), &line.into()), "{odd}");

    write(&small.replace("from: 31, to: 91", "from: 32, to: 91"));
    let bad = validate(&["small.yaml"]);
    assert_eq!(bad.code, 3, "{}", bad.notes);
    let found = &bad.json()[0];
    assert_eq!(found["severity"], "ERROR");
    assert_eq!(found["path"], "characteristics[0].bins[1].from");
    let line = small.lines().position(|line| line.contains("from: 31, to: 91")).unwrap() + 1;
    assert_eq!(found["line"], line);

    write("scorecard_id: [");
    assert_eq!(validate(&["small.yaml"]).code, 3);
    assert_eq!(validate(&["nowhere.yaml"]).code, 1);
    std::fs::write(folder.path().join("ansi.yaml"), b"scorecard_id: caf\xE9\n").unwrap();
    let refused = validate(&["ansi.yaml"]);
    assert_eq!(refused.code, 3);
    assert!(refused.notes.contains("byte 18 is not UTF-8"), "{}", refused.notes);
}

/// What the server would refuse is refused here as well.
#[test]
fn a_file_that_the_server_would_not_store_cannot_rank() {
    let folder = tempfile::tempdir().unwrap();
    let document = include_str!("../../../docs/SCORECARDS.md");
    let small = document.split_once("```yaml\n").unwrap().1.split_once("```").unwrap().0;
    let refused = |card: &str| {
        std::fs::write(folder.path().join("card.yaml"), card).unwrap();
        let refused =
            run_alone(folder.path(), &["-o", "json", "scorecard", "validate", "card.yaml"]);
        assert_eq!(refused.code, 3, "{}", refused.notes);
        refused.json()[0]["message"].as_str().unwrap().to_owned()
    };
    let reason = format!("reason: {{ code: R, text: {}, audience: AGENT }}", "x".repeat(200));
    let mut large = small.replace("priority:\n  base_points: 100\n  terms: []\n", "");
    for at in 0..6 {
        let head = format!(
            "  - name: c{at}\n    feature: days_past_due\n    family: overdue_age\n    \
             dimension: AGE\n    {reason}\n    missing: {{ points: 0 }}\n    bins:\n      \
             - {{ to: 1, points: 0 }}\n"
        );
        large.push_str(&head);
        for bin in 1..199 {
            let to = bin + 1;
            large.push_str(&format!("      - {{ from: {bin}, to: {to}, points: 0, {reason} }}\n"));
        }
        large.push_str("      - { from: 199, points: 1 }\n");
    }
    large.push_str("priority: { base_points: 100, terms: [] }\n");
    let message = refused(&large);
    assert!(message.starts_with("scorecard is \"3"), "{message}");
    assert!(message.contains(" bytes\"; at most 262144 bytes, written as JSON"), "{message}");
    let bell = small.replace("text: \"The account", "text: \"\\aThe account");
    assert_ne!(bell, small);
    assert!(refused(&bell).contains("its texts must be printable"));
}

#[test]
fn a_scorecard_is_tried_before_it_ranks() {
    let program = with_case();
    edited(&program, "base_points: 500", "base_points: 300");
    let by = ["--slice", "stage", "--slice", "population"];
    let drawn = program.run_well(&[&["scorecard", "simulate", "consumer.yaml"], &by[..]].concat());
    assert!(drawn.data.contains("(main card)"), "{}", drawn.data);
    assert!(drawn.data.contains("1 cases, 10.00 EUR overdue"), "{}", drawn.data);
    assert!(drawn.data.contains("base_points -200"), "{}", drawn.data);
    assert!(drawn.data.contains('█'), "{}", drawn.data);

    let simulate = ["-o", "json", "scorecard", "simulate", "consumer.yaml"];
    let told = program.run_well(&simulate).json();
    assert_eq!((&told["cases"], &told["score_changed_cases"]), (&1.into(), &1.into()));
    let movement = &told["movements"][0];
    let score = |name: &str| movement[name].as_i64().unwrap();
    assert_eq!(score("score_after"), score("score_before") - 200);
    assert_eq!(movement["lines"][0]["characteristic"], "base_points");

    program.run_well(&["worklist", "create", "all"]);
    let first = ["scorecard", "simulate", "consumer.yaml", "--first-leases", "3"];
    let drawn = program.run_well(&first).data;
    assert!(drawn.contains("all: 1 ready cases, 1 then; of the first 1 leases 1 stay"), "{drawn}");
    let first = program.run_well(&[&simulate[..], &["--first-leases", "3"]].concat()).json();
    let lease = &first["work_lists"][0]["leases"][0];
    assert_eq!((&lease["case_id"], &lease["place_after"]), (&"1".into(), &1.into()));

    let with = |more: &[&str]| program.run(&[&simulate[..], more].concat());
    assert_eq!(with(&["--fail-if", "score_changed < 1"]).code, 0);
    let failed = with(&["--fail-if", "score_changed > 0.5", "--fail-if", "psi > 0.25"]);
    assert_eq!(failed.code, 5, "{}", failed.notes);
    assert!(failed.notes.contains("score_changed > 0.5 holds: it is 1.0000"), "{}", failed.notes);
    for (wrong, why) in [
        (["--fail-if", "gini > 1"], "none of psi"),
        (["--as-of", "soon"], "YYYY-MM-DD"),
        (["--stage", "M9"], "none of"),
        (["--bin", "cooperation"], "characteristic=label"),
    ] {
        let refused = with(&wrong);
        assert_eq!(refused.code, 2, "{wrong:?}: {}", refused.notes);
        assert!(refused.notes.contains(why), "{wrong:?}: {}", refused.notes);
    }
    let past = with(&["--as-of", "2020-01-01"]);
    assert_eq!(past.code, 3, "{}", past.notes);
    assert!(past.notes.contains("as_of_date"), "{}", past.notes);

    let found = listed(&program, &["scorecard", "diff", "consumer/1", "consumer.yaml"]);
    assert_eq!(found[0]["path"], "base_points");
    assert_eq!((&found[0]["before"], &found[0]["after"]), (&"500".into(), &"300".into()));
}

#[test]
fn an_experiment_begins_is_shown_and_ends() {
    let program = with_case();
    edited(&program, "base_points: 500", "base_points: 400");
    program.run_well(&["scorecard", "new", "consumer.yaml"]);
    let activate = ["scorecard", "activate", "consumer", "1", "--reason", "trial"];
    let shares = ["--challenger-permille", "100", "--control-permille", "50"];
    let named = ["--experiment-id", "autumn", "--challenger", "consumer/2"];
    program.run_well(&[&activate[..], &named, &shares].concat());
    let history = listed(&program, &["scorecard", "history"]);
    let told = &history[0]["experiment"];
    assert_eq!(
        (&told["experiment_id"], &told["challenger"]),
        (&"autumn".into(), &"consumer/2".into())
    );
    assert_eq!(told["challenger_permille"], 100);
    assert_eq!((&told["control_permille"], &told["debtor_kind"]), (&50.into(), &"PERSON".into()));
    assert!(history[1].get("experiment").is_none(), "{}", history[1]);
    let table = program.run_well(&["scorecard", "history"]).data;
    assert!(table.contains("autumn: consumer/2 100, control 50"), "{table}");

    let explained = program.run_well(&["-o", "json", "case", "explain", "1"]).json();
    assert_eq!(explained["experiment_id"], "autumn");
    let arm = explained["arm"].as_str().unwrap();
    assert!(["CHAMPION", "CHALLENGER", "CONTROL"].contains(&arm), "{arm}");
    let text = program.run_well(&["case", "explain", "1"]).data;
    assert!(text.contains(&format!("in arm {arm} of experiment autumn")), "{text}");

    // What stands in the list follows behind the activation.
    let ranked = || listed(&program, &["scorecard", "history"])[0]["ranked_permille"] == 1_000;
    assert!((0..500).any(|_| ranked()), "the case is not ranked anew");
    assert_eq!(listed(&program, &["case", "list"])[0]["arm"], arm);
    for one in ["CHAMPION", "challenger", "CONTROL"] {
        let found = listed(&program, &["case", "list", "--arm", one]);
        assert_eq!(found.is_empty(), !one.eq_ignore_ascii_case(arm), "{one}: {found:?}");
    }
    assert_eq!(program.run(&["case", "list", "--arm", "OTHER"]).code, 2);

    // Shares are of an experiment, and a challenger's of a challenger.
    for wrong in
        [&shares[..], &named[2..], &["--experiment-id", "autumn", "--challenger-permille", "9"]]
    {
        assert_eq!(program.run(&[&activate[..], wrong].concat()).code, 2, "{wrong:?}");
    }
    let empty = program.run(&[&activate[..], &["--experiment-id", "autumn"]].concat());
    assert_eq!(empty.code, 3, "{}", empty.notes);
    assert!(empty.notes.contains("experiment.control_permille"), "{}", empty.notes);

    let ended = program.run_well(&activate);
    assert!(ended.notes.contains("warning: experiment: autumn ends"), "{}", ended.notes);
    let explained = program.run_well(&["-o", "json", "case", "explain", "1"]).json();
    assert_eq!((explained.get("arm"), explained.get("experiment_id")), (None, None));
}
