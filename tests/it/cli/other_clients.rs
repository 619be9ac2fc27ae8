//! A client that is not ours: buf, over reflection, with JSON. `ARREARS_BUF` names
//! it; `make test` installs it.

use std::path::PathBuf;
use std::process::Command;

use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine as _};
use prost::Message;
use serde::Deserialize;
use serde_json::Value;
use tonic_types::pb::{BadRequest, ErrorInfo};

use super::program::{Printed, Program};

/// The client, if there is one. On CI there must be.
#[expect(clippy::print_stderr, reason = "a test that is skipped says why")]
fn buf() -> Option<PathBuf> {
    let path = std::env::var_os("ARREARS_BUF").map(PathBuf::from);
    if path.is_none() {
        assert!(std::env::var_os("CI").is_none(), "ARREARS_BUF does not name buf");
        eprintln!("skipped: ARREARS_BUF does not name buf");
    }
    path
}

fn call(buf: &PathBuf, program: &Program, method: &str, request: &str) -> Printed {
    let url = format!("{}/arrears.v1.{method}", program.address());
    let mut command = Command::new(buf);
    command.args(["curl", "--http2-prior-knowledge", "--protocol", "grpc", "-d", request, &url]);
    Printed::new(command.output().expect("buf can be started"))
}

fn with_work() -> Program {
    let program = Program::start();
    program.create_portfolio("main");
    program.write(
        "cases.csv",
        "case_id,debtor_id,overdue_amount,currency,oldest_due_date\nc1,d1,900.00,EUR,2026-01-05\n",
    );
    program.run_well(&["import", "cases", "cases.csv"]);
    program.run_well(&["worklist", "create", "all"]);
    program
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    about: String,
    call: String,
    request: Value,
    reason: String,
    #[serde(default)]
    field: String,
    #[serde(default)]
    holds: String,
}

/// What a client was told: a reason, and per field the reason and the description.
#[derive(Debug, Default)]
struct Told {
    reason: String,
    message: String,
    violations: Vec<(String, String, String)>,
}

fn bytes(detail: &Value) -> Vec<u8> {
    let text = detail["value"].as_str().expect("a detail has a value");
    BASE64_STANDARD_NO_PAD.decode(text.trim_end_matches('=')).expect("in base64")
}

/// What the status of a call says.
fn of_status(notes: &str) -> Told {
    let status: Value = serde_json::from_str(notes).expect(notes);
    let mut told = Told { message: status["message"].to_string(), ..Told::default() };
    for detail in status["details"].as_array().expect("every failure has details") {
        match detail["type"].as_str() {
            Some("google.rpc.ErrorInfo") => {
                let info = ErrorInfo::decode(&*bytes(detail)).expect("an ErrorInfo");
                assert_eq!(info.domain, "arrears");
                told.reason = info.reason;
            }
            Some("google.rpc.BadRequest") => {
                let bad = BadRequest::decode(&*bytes(detail)).expect("a BadRequest");
                let of = bad.field_violations.into_iter();
                told.violations.extend(of.map(|v| (v.field, v.reason, v.description)));
            }
            _ => {}
        }
    }
    told
}

/// What the first item of an answer says.
fn of_item(data: &str) -> Told {
    let answer: Value = serde_json::from_str(data).expect(data);
    let items = [&answer["results"], &answer["renewals"]];
    let error = items.iter().find_map(|items| items.get(0)).map(|item| &item["error"]);
    let error = error.filter(|error| error.is_object()).unwrap_or_else(|| panic!("taken: {data}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let violations = error["violations"].as_array().cloned().unwrap_or_default();
    let violation = |v: &Value| (text(&v["field"]), text(&v["reason"]), text(&v["description"]));
    Told {
        reason: text(&error["reason"]),
        message: text(&error["message"]),
        violations: violations.iter().map(violation).collect(),
    }
}

#[test]
fn every_refusal_names_the_reason_the_field_and_the_bound() {
    let Some(buf) = buf() else { return };
    let text = include_str!("../../testdata/refusals.yaml");
    let refusals: Vec<Refusal> = serde_saphyr::from_str(text).expect("the data file can be read");
    assert!(refusals.len() >= 25);
    let program = with_work();
    let mut wrong = Vec::new();
    for refusal in &refusals {
        let printed = call(&buf, &program, &refusal.call, &refusal.request.to_string());
        let told =
            if printed.code == 0 { of_item(&printed.data) } else { of_status(&printed.notes) };
        let said = match told.violations.iter().find(|(field, ..)| *field == refusal.field) {
            Some((_, reason, description)) => {
                *reason == refusal.reason && description.contains(&refusal.holds)
            }
            None => {
                refusal.field.is_empty()
                    && told.reason == refusal.reason
                    && told.message.contains(&refusal.holds)
            }
        };
        if !said {
            wrong.push(format!("{}: {told:?}", refusal.about));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Nothing of all that was kept.
    let listed = program.run_well(&["case", "list", "-o", "json"]).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
}

/// The commands of the README for any client, run as they stand, the address aside.
#[test]
fn the_readme_s_calls_of_another_client_answer_what_it_says() {
    let Some(buf) = buf() else { return };
    let readme = include_str!("../../../README.md").replace("\\\n", " ");
    let program = with_work();
    let mut answers = Vec::new();
    for line in readme.lines().filter_map(|line| line.strip_prefix("$ buf curl ")) {
        let (_, request) = line.split_once("-d '").expect("a call sends something");
        let (request, url) = request.split_once('\'').expect("a text ends");
        let (_, method) = url.rsplit_once("arrears.v1.").expect("a call names its method");
        let request = request.replace("4713", "c1");
        let printed = call(&buf, &program, method.trim(), &request);
        assert_eq!(printed.code, 0, "{line}: {}", printed.notes);
        answers.push(printed.json());
    }
    let [leased, explained] = answers.as_slice() else { panic!("the README shows two calls") };
    let item = &leased["workItems"][0];
    for field in ["leaseToken", "leaseExpireTime", "debtorId"] {
        assert!(item[field].is_string(), "{field} of {item}");
    }
    assert_eq!(item["leadCase"]["caseId"], "c1");
    for field in ["lines", "familySubtotals", "dimensionSubtotals", "reasons"] {
        assert!(explained["explanation"][field].is_array(), "{field} of {explained}");
    }
}
