//! `arrears config`.

use serde_json::Value;

use super::program::{Program, run_alone, run_with};
use crate::support::TestDatabase;

/// A setting of `config show`.
fn setting<'a>(settings: &'a Value, name: &str) -> &'a Value {
    let mut all = settings.as_array().expect("a list of settings").iter();
    all.find(|setting| setting["setting"] == name).expect(name)
}

#[test]
fn settings_are_shown_with_where_they_come_from() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[server]\ndrain_seconds = 3\n\n[client]\nportfolio = \"north\"\n";
    std::fs::write(folder.path().join("arrears.toml"), text).unwrap();
    let env = [("ARREARS_SERVER", "http://127.0.0.1:2"), ("ARREARS_PORTFOLIO", "south")];
    let args = ["config", "show", "-o", "json"];
    let shown = run_with(folder.path(), &args, &env).json();
    let told = |name: &str| {
        let setting = setting(&shown, name);
        ["value", "origin", "place"].map(|key| setting[key].to_string().replace('"', ""))
    };
    assert_eq!(told("server.drain_seconds"), ["3", "file", "arrears.toml:2"]);
    assert_eq!(told("client.portfolio"), ["south", "variable", "ARREARS_PORTFOLIO"]);
    assert_eq!(told("client.server"), ["http://127.0.0.1:2", "variable", "ARREARS_SERVER"]);
    assert_eq!(told("client.worker"), ["null", "default", ""]);
    let flag = ["config", "show", "-o", "json", "--server", "http://127.0.0.1:3"];
    let shown = run_with(folder.path(), &flag, &env).json();
    assert_eq!(setting(&shown, "client.server")["origin"], "flag");
    let table = run_alone(folder.path(), &["config", "show"]).data;
    assert!(table.contains("arrears.toml:2"), "{table}");
}

#[test]
fn a_settings_file_is_checked_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(folder.path().join("new.toml"), text).unwrap();
    // Neither the settings of this folder nor a variable is of concern.
    std::fs::write(folder.path().join("arrears.toml"), "broken").unwrap();
    let env = [("ARREARS_DRAIN_SECONDS", "999")];
    let check = |args: &[&str]| {
        run_with(folder.path(), &[&["config", "check", "new.toml"], args].concat(), &env)
    };
    write("[server]\ndrain_seconds = 300\n");
    let right = check(&[]);
    assert_eq!((right.code, right.data.as_str()), (0, ""), "{}", right.notes);
    write("[server]\ndrain_seconds = 301\nhttp_addr = \"0.0.0.0:80\"\n");
    let wrong = check(&["-o", "json"]);
    assert_eq!(wrong.code, 3, "{}", wrong.notes);
    let violations = wrong.error()["violations"].clone();
    assert_eq!(violations.as_array().map(Vec::len), Some(2));
    assert_eq!(violations[0]["field"], "server.drain_seconds");
    assert_eq!(
        (&violations[0]["value"], &violations[0]["bound"]),
        (&"301".into(), &"0 to 300 are allowed".into())
    );
    assert!(check(&[]).notes.contains("server.http_addr: is \"0.0.0.0:80\""));
    write("[server]\n\ndrain = 3\n");
    let unknown = check(&[]);
    assert_eq!(unknown.code, 3);
    assert!(unknown.notes.contains("new.toml") && unknown.notes.contains("line 3"));
    assert_eq!(run_alone(folder.path(), &["config", "check", "nowhere.toml"]).code, 3);
}

#[test]
fn a_folder_that_is_named_stands_above_the_variable_of_a_database() {
    let program = Program::over(TestDatabase::new(), &["--data-dir", "here"]);
    program.run_well(&["portfolio", "list"]);
    assert!(program.path("here").is_dir());
}

#[test]
fn an_address_that_would_not_be_protected_is_not_taken_for_one_that_is() {
    let folder = tempfile::tempdir().unwrap();
    let https = run_alone(folder.path(), &["portfolio", "list", "--server", "https://a.example"]);
    assert_eq!(https.code, 2, "{}", https.notes);
    assert!(https.notes.contains("does not speak TLS"), "{}", https.notes);
}
