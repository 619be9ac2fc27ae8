//! `arrears import cases`.

use super::program::Program;

const FIVE: &str = "case_id,debtor_id,overdue_amount,currency,oldest_due_date";

fn count(printed: &super::program::Printed, name: &str) -> u64 {
    printed.json()[name].as_u64().expect(name)
}

#[test]
fn an_own_file_of_five_columns_is_pushed_and_a_second_time_changes_nothing() {
    let program = Program::start();
    program.create_portfolio("main");
    program.write(
        "my.csv",
        &format!("{FIVE}\nL-1,D-1,1240.50,EUR,2025-01-15\nL-2,D-2,88,EUR,2025-02-20\n"),
    );
    let first = program.run_well(&["-o", "json", "import", "cases", "my.csv"]);
    assert_eq!((count(&first, "rows_read"), count(&first, "created")), (2, 2));
    let groups: u64 =
        ["group_a", "group_b", "group_c"].map(|name| count(&first, name)).iter().sum();
    assert_eq!(groups, 2, "every case has a group");
    let second = program.run_well(&["-o", "json", "import", "cases", "my.csv"]);
    assert_eq!((count(&second, "created"), count(&second, "unchanged")), (0, 2));
    assert!(!program.path("my.rejects.csv").exists());
}

#[test]
fn rejects_of_file_and_server_stand_in_one_file_in_the_order_of_the_rows() {
    let program = Program::start();
    program.create_portfolio("main");
    program.write(
        "my.csv",
        &format!(
            "{FIVE},contact_points.1.contact_point_id,contact_points.1.time_zone\n\
             L-1,D-1,5,EUR,2025-01-15,P-1,Europe/Berlin\n\
             L-2,D-2,5,USD,2025-01-15,,\n\
             L-3,D-3,5x,EUR,2025-01-15,,\n\
             L-4,D-4,5,EUR,,,\n\
             L-5,D-5,5,EUR,2025-01-15,P-1,Europe/Atlantis\n"
        ),
    );
    let printed = program.run(&["-o", "json", "import", "cases", "my.csv"]);
    assert_eq!(printed.code, 8, "{}", printed.notes);
    assert_eq!((count(&printed, "created"), count(&printed, "rejected")), (1, 4));
    assert_eq!(printed.error()["code"], "REJECTS");
    let rejects = program.read("my.rejects.csv");
    let rows: Vec<Vec<&str>> = rejects.lines().map(|line| line.splitn(5, ',').collect()).collect();
    assert_eq!(rows[0], ["row", "field", "value", "reason", "message"]);
    let told: Vec<(&str, &str, &str)> =
        rows[1..].iter().map(|row| (row[0], row[2], row[3])).collect();
    assert_eq!(
        told,
        [
            ("3", "USD", "CURRENCY_MISMATCH"),
            ("4", "5x", "FIELD_MALFORMED"),
            ("5", "", "FIELD_REQUIRED"),
            ("6", "Europe/Atlantis", "FIELD_MALFORMED"),
        ],
        "{rejects}"
    );
}

#[test]
fn a_dry_run_stores_nothing() {
    let program = Program::start();
    program.create_portfolio("main");
    program.write("my.csv", &format!("{FIVE}\nL-1,D-1,5,EUR,2025-01-15\n"));
    let printed = program.run_well(&["-o", "json", "import", "cases", "my.csv", "--dry-run"]);
    assert_eq!(count(&printed, "created"), 1);
    let cases = program.run_well(&["-o", "json", "case", "list"]);
    assert_eq!(cases.json().as_array().map(Vec::len), Some(0));
}

#[test]
fn a_file_of_more_than_one_push_is_taken_whole() {
    let program = Program::start();
    program.create_portfolio("main");
    let rows: Vec<String> =
        (0..2_345).map(|at| format!("L-{at},D-{at},5,EUR,2025-01-15")).collect();
    program.write("many.csv", &format!("{FIVE}\n{}\n", rows.join("\n")));
    let printed = program.run_well(&["-o", "json", "import", "cases", "many.csv"]);
    assert_eq!(count(&printed, "created"), 2_345);
    let cases = program.run_well(&["-o", "csv", "case", "list", "--limit", "0"]);
    assert_eq!(cases.data.lines().count(), 2_346, "the header and every case");
}

#[test]
fn the_example_of_taiwan_is_taken_without_a_reject() {
    let Some(folder) = std::env::var_os("ARREARS_DATASETS") else {
        eprintln!("skipped: ARREARS_DATASETS does not name the folder of data sets");
        return;
    };
    let file = std::path::Path::new(&folder).join("taiwan_card_default.csv");
    let mapping = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/taiwan/mapping.yaml");
    let program = Program::start();
    let currency = ["--currency", "TWD", "--policy", "always"];
    let create = ["portfolio", "create", "taiwan", "--time-zone", "Asia/Taipei"];
    program.run_well(&[create.as_slice(), &currency].concat());
    let file = file.to_string_lossy();
    let import = ["-o", "json", "import", "cases", &file, "--mapping", mapping];
    let printed = program.run_well(&import);
    assert_eq!((count(&printed, "created"), count(&printed, "rows_filtered")), (6_818, 23_182));
    let cases = program.run_well(&["-o", "json", "case", "list", "--limit", "0"]).json();
    super::taiwan::judge(&cases, std::path::Path::new(&*file));
}
