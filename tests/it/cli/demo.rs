//! The demonstration: loaded once, reused by the next start, thrown away on demand.

use super::program::Program;
use crate::support::{TestDatabase, only_on_sqlite};

/// The case of the work that the list serves first.
fn leased(program: &Program) -> String {
    let items = program.run_well(&["worklist", "lease", "all", "-o", "json"]).json();
    items[0]["lead_case"]["case_id"].as_str().expect("there is work").to_owned()
}

fn tells(notes: &[String], words: &str) -> bool {
    notes.iter().any(|line| line.contains(words))
}

#[test]
fn a_demonstration_is_reused_until_a_fresh_one_is_asked_for() {
    let (mut program, notes) = Program::demo(TestDatabase::new(), &[]);
    assert!(tells(&notes, "data lies in"), "{notes:?}");
    assert!(tells(&notes, "50000 invented cases pushed and ranked in"), "{notes:?}");
    let first = leased(&program);
    program.kill();

    let (mut program, notes) = Program::demo(program.take_database(), &[]);
    assert!(tells(&notes, "the cases of an earlier start are here"), "{notes:?}");
    assert_ne!(leased(&program), first, "the lease of before the kill still runs");
    program.kill();

    let (program, notes) = Program::demo(program.take_database(), &["--fresh"]);
    assert!(tells(&notes, "50000 invented cases pushed"), "{notes:?}");
    assert_eq!(leased(&program), first, "the same cases, and nobody holds any");
}

#[test]
fn a_demonstration_never_touches_a_folder_of_something_else() {
    if !only_on_sqlite("folders") {
        return;
    }
    let mut program = Program::start();
    program.create_portfolio("main");
    program.kill();
    let folder = program.take_database();
    for fresh in [&[][..], &["--fresh"]] {
        let args = [&["serve", "--demo", "--data-dir", "arrears-data"], fresh].concat();
        let refused = super::program::run_alone(folder.path(), &args);
        assert_eq!(refused.code, 2, "{}", refused.notes);
        assert!(refused.notes.contains("no demonstration"), "{}", refused.notes);
    }
    let program = Program::over(folder, &[]);
    assert!(program.run_well(&["portfolio", "list"]).data.contains("main"));
}
