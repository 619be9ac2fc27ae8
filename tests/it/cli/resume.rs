//! Imports that end early: by Ctrl-C, by too many rejects, by a server that goes
//! away; and the command that goes on.

use std::io::Write;

use super::program::{Printed, Program};

const FIVE: &str = "case_id,debtor_id,overdue_amount,currency,oldest_due_date";

fn count(printed: &Printed, name: &str) -> u64 {
    printed.json()[name].as_u64().expect(name)
}

/// A line of a file; the first case stands on line 2.
fn row(line: u64) -> String {
    format!("L-{line},D-{line},5,EUR,2025-01-15\n")
}

fn case_count(program: &Program) -> u64 {
    let cases = program.run_well(&["-o", "csv", "case", "list", "--limit", "0"]).data;
    cases.lines().count() as u64 - 1
}

fn with_portfolio() -> Program {
    let program = Program::start();
    program.create_portfolio("main");
    program
}

#[cfg(unix)]
#[test]
fn an_interrupted_import_goes_on_behind_what_was_acknowledged() {
    let program = with_portfolio();
    let args = ["-o", "json", "import", "cases", "/dev/stdin", "--rejects", "r.csv"];
    let mut import = program.spawn_command(&args);
    let mut pipe = import.stdin.take().unwrap();
    pipe.write_all(format!("{FIVE}\n").as_bytes()).unwrap();
    let mut written = 1;
    let mut write = |pipe: &mut std::process::ChildStdin| {
        written += 1;
        // A program that has ended reads no more.
        pipe.write_all(row(written).as_bytes()).is_ok()
    };
    for _ in 0..1_500 {
        assert!(write(&mut pipe));
    }
    // The first push is answered while the pipe stays open.
    while case_count(&program) < 1_000 {
        assert_eq!(import.try_wait().unwrap(), None, "the import waits for more rows");
    }
    let told = std::process::Command::new("sh")
        .args(["-c", &format!("kill -INT {}", import.id())])
        .status()
        .unwrap();
    assert!(told.success());
    while write(&mut pipe) {}
    drop(pipe);
    let printed = Printed::new(import.wait_with_output().unwrap());
    assert_eq!(printed.code, 130, "{}", printed.notes);
    let error = printed.error();
    assert_eq!(error["code"], "INTERRUPTED");
    let next = error["next"].as_str().unwrap();
    let (command, behind) = next.split_once(" --resume-after ").expect(next);
    assert_eq!(command, "arrears -o json import cases /dev/stdin --rejects r.csv");
    let behind: u64 = behind.parse().unwrap();
    assert_eq!(case_count(&program), behind - 1, "what was acknowledged is all there is");
    assert_eq!(count(&printed, "rows_read"), behind - 1);

    let last = behind + 1_200;
    let rows: String = (2..=last).map(row).collect();
    program.write("all.csv", &format!("{FIVE}\n{rows}"));
    let rest = ["-o", "json", "import", "cases", "all.csv", "--resume-after", &behind.to_string()];
    let printed = program.run_well(&rest);
    assert_eq!(count(&printed, "rows_skipped"), behind - 1);
    assert_eq!((count(&printed, "rows_read"), count(&printed, "created")), (1_200, 1_200));
    assert_eq!(count(&printed, "unchanged"), 0, "what was taken is not sent again");
    assert_eq!(case_count(&program), last - 1);
}

#[test]
fn an_import_bears_as_many_rejects_as_it_is_told() {
    let program = with_portfolio();
    // Rows 3 and 1500 are bad.
    let bad = |line: u64| format!("L-{line},D-{line},x,EUR,2025-01-15\n");
    let line = |at: u64| if at == 3 || at == 1_500 { bad(at) } else { row(at) };
    let rows: String = (2..=2_001).map(line).collect();
    program.write("my.csv", &format!("{FIVE}\n{rows}"));
    let import = |limit: &str| {
        program.run(&["-o", "json", "import", "cases", "my.csv", "--max-rejects", limit])
    };
    let none = import("0");
    assert_eq!((none.code, case_count(&program)), (8, 0), "{}", none.notes);
    assert_eq!(count(&none, "rejected"), 1);
    assert!(program.read("my.rejects.csv").contains("\n3,overdue_amount,x,"));
    let one = import("1");
    assert_eq!((one.code, count(&one, "rejected")), (8, 2));
    assert_eq!(case_count(&program), 999, "the second push was not sent");
    let message = one.error()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("--max-rejects 1") && message.contains("row 1001"), "{message}");
    let share = import("0.1%");
    assert_eq!((share.code, case_count(&program)), (8, 1_998), "two of 2,000 are 0.1 %");
    let message = share.error()["message"].as_str().unwrap().to_owned();
    assert_eq!(message, "2 rows were rejected");
    assert_eq!(import("none").code, 2);
}

#[test]
fn rejects_of_an_earlier_run_stay_when_it_goes_on() {
    let program = with_portfolio();
    program.write("my.csv", &format!("{FIVE}\nL 1,D,5,EUR,2025-01-15\nL 2,D,5,EUR,2025-01-15\n"));
    assert_eq!(program.run(&["import", "cases", "my.csv"]).code, 8);
    let rest = program.run(&["-o", "json", "import", "cases", "my.csv", "--resume-after", "2"]);
    assert_eq!((rest.code, count(&rest, "rows_read")), (8, 1));
    let rejects = program.read("my.rejects.csv");
    let rows: Vec<&str> = rejects.lines().filter_map(|line| line.split(',').next()).collect();
    assert_eq!(rows, ["row", "2", "3", "3"]);
}

#[cfg(unix)]
#[test]
fn a_server_that_goes_away_leaves_the_command_that_goes_on() {
    let mut program = with_portfolio();
    let args = ["-o", "json", "import", "cases", "/dev/stdin", "--rejects", "r.csv"];
    let mut import = program.spawn_command(&args);
    let mut pipe = import.stdin.take().unwrap();
    let rows: String = (2..=1_500).map(row).collect();
    pipe.write_all(format!("{FIVE}\n{rows}").as_bytes()).unwrap();
    while case_count(&program) < 1_000 {}
    program.kill();
    drop(pipe);
    let printed = Printed::new(import.wait_with_output().unwrap());
    assert_eq!(printed.code, 6, "{}", printed.notes);
    let next = printed.error()["next"].as_str().unwrap().to_owned();
    assert!(next.ends_with("--resume-after 1001"), "{next}");
}

#[cfg(unix)]
#[test]
fn the_rest_of_a_file_that_counts_from_today_is_read_as_of_the_same_instant() {
    let mut program = with_portfolio();
    let mapping = "computed:\n  oldest_due_date:\n    days_before_today: { column: behind }\n";
    program.write("m.yaml", mapping);
    let row = |line: u64| format!("L-{line},D-{line},5,EUR,{}\n", line % 90);
    let rows: String = (2..=1_500).map(row).collect();
    let text = format!("case_id,debtor_id,overdue_amount,currency,behind\n{rows}");
    let args =
        ["-o", "json", "import", "cases", "/dev/stdin", "-m", "m.yaml", "--rejects", "r.csv"];
    let mut import = program.spawn_command(&args);
    let mut pipe = import.stdin.take().unwrap();
    pipe.write_all(text.as_bytes()).unwrap();
    while case_count(&program) < 1_000 {}
    program.kill();
    drop(pipe);
    let printed = Printed::new(import.wait_with_output().unwrap());
    let next = printed.error()["next"].as_str().unwrap().to_owned();
    let (_, options) = next.split_once("--rejects r.csv --as-of ").expect(&next);
    let (as_of, behind) = options.split_once(" --resume-after ").expect(&next);
    assert_eq!((as_of.len(), behind), ("2026-11-22T05:09:44+01:00".len(), "1001"), "{next}");

    let program = Program::over(program.take_database(), &[]);
    program.write("all.csv", &text);
    let rest =
        ["-o", "json", "import", "cases", "all.csv", "-m", "m.yaml", "--resume-after", behind];
    let printed = program.run(&rest);
    assert_eq!(printed.code, 2, "{}", printed.notes);
    let next = printed.error()["next"].as_str().unwrap().to_owned();
    assert!(next.contains("--as-of"), "{next}");
    assert_eq!(case_count(&program), 1_000, "nothing was pushed");
    let printed = program.run_well(&[&rest[..], &["--as-of", as_of]].concat());
    assert_eq!((count(&printed, "rows_read"), count(&printed, "created")), (499, 499));

    // Both are 10 days behind, one read before and one after the break.
    let [before, after] = ["L-100", "L-1450"]
        .map(|case_id| program.run_well(&["-o", "json", "case", "get", case_id]).json());
    assert_eq!(before["days_past_due"], 10);
    for field in ["as_of_time", "oldest_due_date", "days_past_due"] {
        assert_eq!(before[field], after[field], "{field}");
    }
}

#[test]
fn a_file_of_a_spreadsheet_is_taken_by_flags_alone() {
    let program = with_portfolio();
    let header = FIVE.replace(',', "\t");
    let text =
        format!("{header}\tcustom_features.branch.text\nL-1\tD-1\t1240,50\tEUR\t2025-01-15\tM");
    let mut bytes = text.into_bytes();
    bytes.extend(b"\xfcnchen\n");
    std::fs::write(program.path("my.csv"), bytes).unwrap();
    let plain = program.run(&["import", "cases", "my.csv", "--delimiter", "tab"]);
    assert_eq!(plain.code, 8, "neither a number nor UTF-8");
    let flags = ["--delimiter", "tab", "--decimal", "comma", "--encoding", "windows-1252"];
    program.run_well(&[&["import", "cases", "my.csv"][..], &flags].concat());
    let case = program.run_well(&["-o", "json", "case", "get", "L-1"]).json();
    assert_eq!(case["overdue_amount"], "1240.50");
    assert_eq!(case["document"]["custom_features.branch.text"], "M\u{fc}nchen");
}
