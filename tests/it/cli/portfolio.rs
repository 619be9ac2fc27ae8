//! `arrears portfolio update`: from trying out to the hours of a real floor.

use serde_json::Value;

use super::program::{Printed, Program};

fn listed(program: &Program) -> Value {
    program.run_well(&["-o", "json", "portfolio", "list"]).json()[0].clone()
}

fn update(program: &Program, args: &[&str]) -> Printed {
    program.run(&[&["-o", "json", "portfolio", "update"], args].concat())
}

fn warnings(program: &Program) -> String {
    program.run_well(&["worklist", "lease", "all"]).notes
}

#[test]
fn a_portfolio_is_made_ready_for_real_calls_by_one_command() {
    let program = Program::start();
    let flags = ["--currency", "EUR", "--time-zone", "Etc/UTC", "--policy", "always", "--yes"];
    let told = program.run_well(&[&["init"], &flags[..]].concat()).notes;
    assert!(told.contains("arrears portfolio update --policy plain"), "{told}");
    program.write(
        "cases.csv",
        "case_id,debtor_id,overdue_amount,currency,oldest_due_date\n1,d,10,EUR,2026-01-01\n",
    );
    program.run_well(&["import", "cases", "cases.csv"]);
    assert!(warnings(&program).contains("at every hour"));

    // As the text of `init` has it, word by word.
    let changed = program.run_well(&["portfolio", "update", "--policy", "plain"]).data;
    assert!(changed.contains("plain"), "{changed}");
    assert!(!warnings(&program).contains("at every hour"));
    let now = listed(&program);
    assert_eq!((&now["contact_policy"], &now["settings_version"]), (&"plain".into(), &2.into()));
}

#[test]
fn settings_come_from_flags_and_from_a_file_and_the_etag_guards_them() {
    let program = Program::start();
    program.create_portfolio("north");
    let before = listed(&program);
    program.write(
        "north.toml",
        "display_name = \"North\"\npolicy = \"plain\"\nhours = [\"mon-fri=08:00-20:00\"]\n\
         attempts_per_day = 2\nmax_ledger_age_hours = 48\n",
    );
    let name = ["--display-name", "The north"];
    let printed = update(&program, &[&["--file", "north.toml"], &name[..]].concat());
    assert_eq!(printed.code, 0, "{}", printed.notes);
    let after = listed(&program);
    assert_eq!(printed.json()[0], after);
    assert_eq!(after["display_name"], "The north");
    assert_eq!(after["contact_policy"], "plain");
    assert_eq!(after["max_ledger_age_hours"], 48);

    let old = before["etag"].as_str().unwrap();
    let refused = update(&program, &["--attempts-per-week", "4", "--etag", old]);
    assert_eq!(refused.error()["reason"], "ETAG_MISMATCH", "{}", refused.notes);
    assert_ne!(refused.code, 0);
    assert_eq!(listed(&program), after);
    let new = after["etag"].as_str().unwrap();
    let taken = update(&program, &["--attempts-per-week", "4", "--etag", new]);
    assert_eq!((taken.code, &taken.json()[0]["settings_version"]), (0, &3.into()));
}

#[test]
fn what_cannot_be_changed_is_refused_and_changes_nothing() {
    let program = Program::start();
    program.create_portfolio("north");
    let before = listed(&program);
    program.write("wrong.toml", "base_currency = \"USD\"\n");
    for (args, code, told) in [
        (&[][..], 2, "nothing to change"),
        (&["--file", "wrong.toml"], 3, "base_currency"),
        (&["--file", "none.toml"], 3, "none.toml"),
        (&["--hours", "always"], 2, "mon-fri=08:00-20:00"),
        (&["--attempts-per-day", "1"], 2, "neither hours nor caps"),
        (&["--policy", "plain", "--attempts-per-day", "101"], 3, "attempts_per_day"),
        (&["--portfolio", "south", "--policy", "plain"], 1, "south"),
    ] {
        let printed = update(&program, args);
        assert!(printed.notes.contains(told), "{args:?}: {}", printed.notes);
        assert_eq!(printed.code, code, "{args:?}: {}", printed.notes);
    }
    assert_eq!(listed(&program), before);
    let help = program.run_well(&["portfolio", "update", "--help"]).data;
    assert!(help.contains("Examples:") && help.contains("--hours mon-fri=08:00-20:00"), "{help}");
}

#[test]
fn what_ranks_read_changes_by_flags_with_a_reason() {
    let program = Program::start();
    program.create_portfolio("north");
    let flags = ["--stage-bounds", "10,20,30,40", "--tolerance-amount", "5.00"];
    let more = ["--protected-input", "marital_status", "--protected-input", "social_standing"];
    let defaults = ["--default-debtor-kind", "business", "--default-language", "es"];
    let all = [&flags[..], &more[..], &defaults[..]].concat();
    let refused = update(&program, &all);
    assert_eq!(refused.error()["reason"], "NEEDS_ACTIVATION", "{}", refused.notes);
    let changed = update(&program, &[&all[..], &["--reason", "approved"]].concat());
    assert_eq!(changed.code, 0, "{}", changed.notes);
    let now = listed(&program);
    assert_eq!(now["stage_bounds"], serde_json::json!([10, 20, 30, 40]));
    assert_eq!(now["tolerance_amount"], "5.00");
    let on = serde_json::json!(["marital_status", "social_standing"]);
    assert_eq!((&now["protected_inputs_on"], &now["default_language"]), (&on, &"es".into()));
    assert_eq!(now["default_debtor_kind"], "BUSINESS");
    let off = update(&program, &["--protected-input", "none", "--reason", "withdrawn"]);
    assert_eq!(off.code, 0, "{}", off.notes);
    assert_eq!(listed(&program)["protected_inputs_on"], serde_json::json!([]));

    program.write("ranking.toml", "[ranking]\nstage_bounds = [30, 60, 90, 120]\n");
    let of_file = update(&program, &["--file", "ranking.toml", "--reason", "back"]);
    assert_eq!((of_file.code, &listed(&program)["stage_bounds"][0]), (0, &30.into()));
    for (args, told) in [
        (&["--tolerance-amount", "much"][..], "must be an amount such as 5.00"),
        (&["--tolerance-amount", "0.001"], "decimal places"),
        (&["--default-debtor-kind", "ghost"], "must be one of person, business"),
        (&["--stage-bounds", "10,x"], "invalid value"),
    ] {
        let printed = update(&program, &[args, &["--reason", "r"]].concat());
        assert!(printed.notes.contains(told), "{args:?}: {}", printed.notes);
        assert_eq!(printed.code, 2, "{args:?}: {}", printed.notes);
    }
}
