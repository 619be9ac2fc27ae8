//! `arrears scorecard export` and `import`: from files and from the server, and back.

use std::path::Path;

use super::program::{Printed, Program, run_alone};

const SCORECARD: &str = include_str!("../../../examples/scorecards-in-git/consumer.yaml");

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("consumer.yaml"), SCORECARD).unwrap();
    folder
}

fn run(folder: &Path, args: &[&str]) -> Printed {
    run_alone(folder, &[&["scorecard"], args].concat())
}

fn well(folder: &Path, args: &[&str]) -> Printed {
    let printed = run(folder, args);
    assert_eq!(printed.code, 0, "{args:?}: {}{}", printed.data, printed.notes);
    printed
}

#[test]
fn a_file_goes_through_every_form_and_comes_back() {
    let folder = folder();
    let path = folder.path();
    let yaml = well(path, &["export", "consumer.yaml"]).data;
    for file in ["card.json", "card.csv"] {
        let printed = well(path, &["export", "consumer.yaml", "--out", file]);
        assert!(printed.notes.contains(&format!("written to {file}")), "{}", printed.notes);
        let back = well(path, &["import", file]);
        assert_eq!(back.data, yaml, "{file}");
        assert_eq!(back.notes, "", "nothing is left to do");
    }
    well(path, &["import", "card.csv", "--out", "back.yaml"]);
    well(path, &["validate", "back.yaml"]);
    let pmml = well(path, &["export", "card.csv", "--format", "pmml"]).data;
    assert!(
        pmml.contains("<PMML xmlns=\"http://www.dmg.org/PMML-4_4\" version=\"4.4\">"),
        "{pmml}"
    );
    for format in ["sql-sqlite", "sql-postgres"] {
        let sql = well(path, &["export", "card.json", "--format", format]).data;
        assert!(sql.contains("AS recovery_score"), "{sql}");
    }
    let written = well(path, &["-o", "json", "export", "consumer.yaml", "--out", "x.pmml"]);
    assert_eq!(written.json()["file"], "x.pmml");
    let read = well(path, &["-o", "json", "import", "card.csv"]).json();
    assert_eq!(read["scorecard"]["scorecard_id"], "consumer");
    assert_eq!(read["findings"].as_array().unwrap().len(), 0);
}

#[test]
fn a_table_of_another_program_becomes_a_draft_with_what_is_left_to_do() {
    let folder = folder();
    let path = folder.path();
    let table = "Variable,Bin,Points\ndays_past_due,\"(-inf, 30.50)\",193\n\
                 days_past_due,\"[30.50, inf)\",96\ndays_past_due,Special,156\n\
                 days_past_due,Missing,156\n";
    std::fs::write(path.join("table.csv"), table).unwrap();
    let args = ["import", "table.csv", "--format", "optbinning", "--out", "draft.yaml"];
    let undirected = run(path, &args);
    assert_eq!(undirected.code, 3);
    assert!(undirected.data.contains("higher is easier"), "{}", undirected.data);
    let drafted = well(path, &[&args[..], &["--points", "higher-is-easier"]].concat());
    for said in [
        "look at: cutoffs",
        "to mend before it can rank: cutoffs: ",
        "line 4: days_past_due: Special",
    ] {
        assert!(drafted.notes.contains(said), "{said}: {}", drafted.notes);
    }
    assert!(!drafted.notes.contains("error"), "it was read: {}", drafted.notes);
    let draft = std::fs::read_to_string(path.join("draft.yaml")).unwrap();
    assert!(draft.starts_with("# look at: "), "{draft}");
    assert_eq!(run(path, &["validate", "draft.yaml"]).code, 3, "it cannot rank yet");

    let based = [&args[..], &["--points", "higher-is-easier", "--base", "consumer.yaml"]].concat();
    let drafted = well(path, &based);
    assert!(!drafted.notes.contains("to mend"), "{}", drafted.notes);
    well(path, &["validate", "draft.yaml"]);
}

#[test]
fn what_cannot_be_read_or_written_is_told_and_ends_with_three() {
    let folder = folder();
    let path = folder.path();
    well(path, &["export", "consumer.yaml", "--out", "card.csv"]);
    let table = std::fs::read_to_string(path.join("card.csv")).unwrap();
    let comma = table.replacen("base_points,500", "base_points,\"500,5\"", 1);
    std::fs::write(path.join("card.csv"), comma).unwrap();
    let refused = run(path, &["-o", "json", "import", "card.csv"]);
    assert_eq!(refused.code, 3);
    let found = &refused.json()[0];
    assert_eq!((found["line"].as_u64(), found["path"].as_str()), (Some(3), Some("value")));

    std::fs::write(path.join("ansi.csv"), b"row,name\nsetting,caf\xE9\n").unwrap();
    let refused = run(path, &["import", "ansi.csv"]);
    assert_eq!(refused.code, 3);
    assert!(refused.notes.contains("CSV UTF-8"), "{}", refused.notes);

    let wrong = SCORECARD.replace("from: 31, to: 61", "from: 32, to: 61");
    std::fs::write(path.join("wrong.yaml"), wrong).unwrap();
    let refused = run(path, &["export", "wrong.yaml", "--format", "pmml"]);
    assert_eq!(refused.code, 3);
    assert!(refused.data.contains("characteristics[0].bins[2].from"), "{}", refused.data);
    well(path, &["export", "wrong.yaml", "--format", "csv"]);
    for (args, code) in [
        (&["import", "consumer.yaml", "--format", "pmml"][..], 2),
        (&["export", "consumer.yaml", "--format", "optbinning"][..], 2),
        (&["import", "consumer.yaml", "--format", "csv"][..], 3),
        (&["export", "consumer.yaml", "--out", "x.unknown"][..], 2),
        (&["import", "consumer.yaml", "--out", "x.csv"][..], 2),
        (&["export", "nowhere.yaml"][..], 1),
    ] {
        assert_eq!(run(path, args).code, code, "{args:?}");
    }
}

#[test]
fn a_file_of_another_form_is_told_once_with_what_reads_it() {
    let folder = folder();
    let path = folder.path();
    let refused = run(path, &["-o", "json", "import", "consumer.yaml", "--format", "csv"]);
    let found = refused.json();
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
    assert!(found[0]["message"].as_str().unwrap().contains("row,name,value,no"), "{found}");

    well(path, &["export", "consumer.yaml", "--out", "card.csv"]);
    for args in [&["validate", "card.csv"][..], &["new", "card.csv"]] {
        let refused = run(path, args);
        assert_eq!(refused.code, 3, "{args:?}");
        let next = "next: arrears scorecard import card.csv --out FILE.yaml";
        assert!(refused.notes.contains(next), "{}", refused.notes);
    }
    let help = run(path, &["export", "--help"]).data;
    assert!(help.contains("sql-sqlite") && !help.contains("optbinning"), "{help}");
    let help = run(path, &["import", "--help"]).data;
    assert!(help.contains("optbinning") && !help.contains("sql-sqlite"), "{help}");
}

#[test]
fn bounds_are_written_as_numbers_and_read_back_as_they_were() {
    let folder = folder();
    let path = folder.path();
    let bounds = SCORECARD.replacen("to: 31, points", "to: 31.000000, points", 1);
    let text = "\"first\\nto: \\\"1\\\"\\nlast\"";
    let odd = SCORECARD.replacen("\"The account has been overdue for long\"", text, 1);
    assert_ne!(odd, SCORECARD);
    for card in [SCORECARD, &bounds, &odd] {
        std::fs::write(path.join("consumer.yaml"), card).unwrap();
        let yaml = well(path, &["export", "consumer.yaml"]).data;
        std::fs::write(path.join("back.yaml"), &yaml).unwrap();
        let json = |file: &str| well(path, &["export", file, "--format", "json"]).data;
        assert_eq!(json("back.yaml"), json("consumer.yaml"));
    }
    std::fs::write(path.join("consumer.yaml"), SCORECARD).unwrap();
    let yaml = well(path, &["export", "consumer.yaml"]).data;
    assert!(yaml.contains("to: 31\n") && !yaml.contains("to: \""), "{yaml}");
}

#[test]
fn what_is_stored_is_exported_like_a_file() {
    let program = Program::start();
    program.create_portfolio("north");
    let stored = program.run_well(&["scorecard", "export", "consumer/1", "--format", "csv"]).data;
    assert!(stored.starts_with("row,name,value,no,"), "{stored}");
    program.write("card.csv", &stored);
    let back = program.run_well(&["scorecard", "import", "card.csv"]).data;
    assert_eq!(back, program.run_well(&["scorecard", "get", "consumer"]).data);
}
