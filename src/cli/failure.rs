//! How a command fails: an exit code a script can go by, and an error that says
//! what to do next.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::output::{self, Format};
use crate::config::{ConfigError, Problem};
use crate::proto;
use crate::scoring::InvalidScorecard;

/// The exit codes. 2, a wrong command line, comes from the parser of arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    /// Anything else.
    Failure = 1,
    /// An option or setting is wrong.
    Usage = 2,
    /// A file or a request breaks a rule.
    Invalid = 3,
    /// No credentials, or a role is missing.
    Denied = 4,
    /// A check that the caller asked for does not hold.
    Check = 5,
    /// The server cannot be reached, or did not answer in time.
    Unavailable = 6,
    /// Something has changed, or exists already.
    Conflict = 7,
    /// Done, but some rows were rejected.
    Rejects = 8,
    /// Interrupted by the user.
    Interrupted = 130,
}

/// Why a command failed.
#[derive(Debug)]
pub(super) struct Failure(Box<Details>);

#[derive(Debug, Serialize)]
struct Details {
    #[serde(skip)]
    exit: Exit,
    /// The gRPC code in capitals, or what stands for it on this side.
    code: String,
    /// The reason as in the contract's ErrorReason; empty if none.
    reason: String,
    message: String,
    metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Violation>,
    #[serde(skip_serializing_if = "String::is_empty")]
    next: String,
}

/// One rule that a field or a setting breaks.
#[derive(Debug, Default, Serialize)]
struct Violation {
    field: String,
    description: String,
    /// What was given and what holds, where this side knows them.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bound: Option<&'static str>,
}

impl Violation {
    fn told(field: String, description: String) -> Violation {
        Violation { field, description, ..Violation::default() }
    }
}

impl Failure {
    /// A failure on this side of the wire.
    pub(super) fn new(exit: Exit, message: impl ToString) -> Failure {
        let code = match exit {
            Exit::Failure => "FAILURE",
            Exit::Usage => "USAGE",
            Exit::Invalid => "INVALID_ARGUMENT",
            Exit::Denied => "PERMISSION_DENIED",
            Exit::Check => "CHECK_FAILED",
            Exit::Unavailable => "UNAVAILABLE",
            Exit::Conflict => "ABORTED",
            Exit::Rejects => "REJECTS",
            Exit::Interrupted => "INTERRUPTED",
        };
        Failure(Box::new(Details {
            exit,
            code: code.to_owned(),
            reason: String::new(),
            message: message.to_string(),
            metadata: BTreeMap::new(),
            violations: Vec::new(),
            next: String::new(),
        }))
    }

    /// An item of a call that was not taken.
    pub(super) fn of_item(error: proto::ItemError) -> Failure {
        let exit = exit_of_reason(&error.reason).unwrap_or(Exit::Failure);
        let mut failure = Failure::new(exit, &error.message);
        failure.0.next = next_of_reason(&error.reason).to_owned();
        failure.0.reason = error.reason;
        failure.0.metadata = error.metadata.into_iter().collect();
        let violations = error.violations.into_iter();
        failure.0.violations =
            violations.map(|broken| Violation::told(broken.field, broken.description)).collect();
        failure
    }

    /// Settings that cannot be used: every one with its value and its bound.
    pub(super) fn of_settings(exit: Exit, error: ConfigError) -> Failure {
        let ConfigError::Invalid(problems) = error else { return Failure::new(exit, error) };
        let count = problems.len();
        let are = if count == 1 { "setting is" } else { "settings are" };
        let mut failure = Failure::new(exit, format!("{count} {are} out of bounds"));
        let violation = |problem: Problem| Violation {
            field: problem.setting.to_owned(),
            description: format!("is {:?}; {}", problem.value, problem.bound),
            value: Some(problem.value),
            bound: Some(problem.bound),
        };
        failure.0.violations = problems.into_iter().map(violation).collect();
        failure
    }

    /// A file in which something is wrong: everything, by its path.
    pub(super) fn of_file(file: &Path, found: Vec<InvalidScorecard>) -> Failure {
        let count = found.len();
        let message = format!("{}: {count} errors", file.display());
        let mut failure = Failure::new(Exit::Invalid, message);
        let violation = |InvalidScorecard { path, line, message, .. }| {
            let at = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            Violation::told(path, format!("{at}{message}"))
        };
        failure.0.violations = found.into_iter().map(violation).collect();
        failure
    }

    /// The same failure with what to do next.
    pub(super) fn with_next(mut self, next: impl Into<String>) -> Failure {
        self.0.next = next.into();
        self
    }

    /// The message, and what to do next.
    pub(super) fn told(&self) -> (&str, &str) {
        (&self.0.message, &self.0.next)
    }

    /// The reason, or the code where there is none.
    pub(super) fn key(&self) -> &str {
        if self.0.reason.is_empty() { &self.0.code } else { &self.0.reason }
    }

    /// The exit code.
    pub(super) fn exit(&self) -> u8 {
        self.0.exit as u8
    }

    /// Whether the same call may succeed in a moment.
    pub(super) fn passing(&self) -> bool {
        self.0.exit == Exit::Unavailable
    }

    /// Writes the failure to standard error.
    pub(super) fn print(&self, format: Format) {
        match format.is_json() {
            true => output::note(&serde_json::to_string(&self.0).unwrap_or_default()),
            false => output::note(&self.text()),
        }
    }

    fn text(&self) -> String {
        let Details { reason, message, metadata, violations, next, .. } = &*self.0;
        let mut text = format!("error: {message}");
        if !reason.is_empty() {
            let _ = write!(text, " ({reason})");
        }
        for violation in violations {
            let _ = write!(text, "\n  {}: {}", violation.field, violation.description);
        }
        let unsaid = metadata.iter().filter(|(_, value)| !message.contains(value.as_str()));
        for (name, value) in unsaid.filter(|_| violations.is_empty()) {
            let _ = write!(text, "\n  {name}: {value}");
        }
        if !next.is_empty() {
            let _ = write!(text, "\nnext: {next}");
        }
        text
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Failure {
        if connection_lost(&status) {
            return Failure::new(Exit::Unavailable, "the connection to the server broke off")
                .with_next("see whether it runs, and try again");
        }
        let details = status.get_error_details();
        let info = details.error_info();
        let reason = info.map(|info| info.reason.clone()).unwrap_or_default();
        let exit = exit_of_reason(&reason).unwrap_or_else(|| exit_of_code(status.code()));
        let mut failure = Failure::new(exit, status.message());
        failure.0.code = code_name(status.code());
        if let Some(info) = info {
            failure.0.metadata = info.metadata.clone().into_iter().collect();
        }
        let violations = details.bad_request().map(|bad| &bad.field_violations[..]);
        failure.0.violations = violations
            .unwrap_or_default()
            .iter()
            .map(|broken| Violation::told(broken.field.clone(), broken.description.clone()))
            .collect();
        failure.0.next = next_of_reason(&reason).to_owned();
        failure.0.reason = reason;
        failure
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::new(Exit::Failure, format!("{error:#}"))
    }
}

/// Whether a call ended because its connection did: the transport then has no
/// code of its own for it.
fn connection_lost(status: &Status) -> bool {
    let mut error = std::error::Error::source(status);
    while let Some(source) = error {
        if source.is::<tonic::transport::Error>() {
            return status.code() == Code::Unknown;
        }
        error = source.source();
    }
    false
}

fn code_name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

fn exit_of_code(code: Code) -> Exit {
    match code {
        Code::InvalidArgument | Code::OutOfRange => Exit::Invalid,
        Code::Unauthenticated | Code::PermissionDenied => Exit::Denied,
        // A call that outlasts the client's own deadline ends as cancelled.
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Cancelled => {
            Exit::Unavailable
        }
        Code::AlreadyExists | Code::Aborted => Exit::Conflict,
        _ => Exit::Failure,
    }
}

/// The exit code of a reason that says more than its gRPC code.
fn exit_of_reason(reason: &str) -> Option<Exit> {
    Some(match reason {
        "FIELD_REQUIRED"
        | "FIELD_OUT_OF_RANGE"
        | "FIELD_MALFORMED"
        | "FIELD_CONFLICT"
        | "FIELD_IMMUTABLE"
        | "CURRENCY_UNKNOWN"
        | "CURRENCY_MISMATCH"
        | "AMOUNT_TOO_FINE"
        | "SEQUENCE_REQUIRED"
        | "SEQUENCE_UNEXPECTED"
        | "LEASE_TOKEN_MALFORMED"
        | "PAGE_TOKEN_MALFORMED"
        | "REQUEST_TOO_LARGE"
        | "REVISION_INVALID"
        | "REQUEST_MALFORMED" => Exit::Invalid,
        "LEASE_EXPIRED" | "LEASE_SUPERSEDED" | "REPORT_ALREADY_EXISTS" | "EVENT_ALREADY_EXISTS" => {
            Exit::Conflict
        }
        _ => return None,
    })
}

fn next_of_reason(reason: &str) -> &'static str {
    match reason {
        "PORTFOLIO_NOT_FOUND" => {
            "`arrears portfolio list` shows the portfolios; `arrears init` creates one"
        }
        "WORK_LIST_NOT_FOUND" => {
            "`arrears worklist list` shows the work lists; `arrears init` creates one"
        }
        "CASE_NOT_FOUND" => "`arrears case list` shows the cases of the portfolio",
        "REVISION_NOT_FOUND" => "`arrears scorecard ls` shows the revisions",
        "REVISION_NOT_DRAFT" => "make a draft of it: `arrears scorecard new` with --base",
        "ACTIVATION_NOT_FOUND" | "ACTIVATION_CHANGED" => {
            "`arrears scorecard history` shows the activations"
        }
        "PROPOSAL_NOT_FOUND" | "PROPOSAL_OPEN" | "PROPOSAL_DECIDED" => {
            "`arrears scorecard proposals` shows the proposals"
        }
        "DRAFT_CHANGED" => "withdraw the proposal, and propose the revision as it stands",
        "LEASE_EXPIRED" | "LEASE_SUPERSEDED" => {
            "lease the work again with `arrears worklist lease`"
        }
        "OVERLOADED" | "STORE_UNAVAILABLE" | "STORE_CONFLICT" | "SHUTTING_DOWN" => {
            "try again in a moment"
        }
        "CURRENCY_MISMATCH" => "`arrears portfolio list` shows the currency of each portfolio",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::ErrorDetails;

    #[test]
    fn a_status_becomes_an_error_with_its_reason_and_what_to_do() {
        let mut details = ErrorDetails::new();
        details.set_error_info(
            "PORTFOLIO_NOT_FOUND",
            "arrears",
            [("portfolio_id".to_owned(), "north".to_owned())],
        );
        let status =
            Status::with_error_details(Code::NotFound, "portfolio north does not exist", details);
        let failure = Failure::from(status);
        assert_eq!(failure.exit(), 1);
        let json = serde_json::to_value(&failure.0).unwrap();
        assert_eq!(json["code"], "NOT_FOUND");
        assert_eq!(json["reason"], "PORTFOLIO_NOT_FOUND");
        assert_eq!(json["metadata"]["portfolio_id"], "north");
        let text = failure.text();
        assert!(text.starts_with("error: portfolio north does not exist (PORTFOLIO_NOT_FOUND)"));
        assert!(text.contains("arrears init"), "{text}");
    }

    #[tokio::test]
    async fn a_connection_that_broke_off_is_worth_another_try() {
        let nobody = tonic::transport::Endpoint::from_static("http://127.0.0.1:1");
        let error = nobody.connect().await.unwrap_err();
        let mut status = Status::new(Code::Unknown, "transport error");
        status.set_source(std::sync::Arc::new(error));
        let failure = Failure::from(status);
        assert!(failure.passing());
        assert_eq!((failure.exit(), failure.key()), (6, "UNAVAILABLE"));
        assert!(!Failure::from(Status::unknown("what the server says")).passing());
    }

    #[test]
    fn every_field_violation_is_printed() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("portfolio.time_zone", "time_zone is required");
        details.add_bad_request_violation("portfolio.base_currency", "base_currency is \"EURO\"");
        let status = Status::with_error_details(Code::InvalidArgument, "2 fields", details);
        let failure = Failure::from(status);
        assert_eq!(failure.exit(), 3);
        assert!(failure.text().contains("\n  portfolio.time_zone: time_zone is required"));
        assert!(failure.text().contains("\n  portfolio.base_currency: base_currency is"));
    }

    #[test]
    fn exit_codes_follow_code_and_reason() {
        for (code, exit) in [
            (Code::Internal, 1),
            (Code::InvalidArgument, 3),
            (Code::Unauthenticated, 4),
            (Code::PermissionDenied, 4),
            (Code::Unavailable, 6),
            (Code::DeadlineExceeded, 6),
            (Code::Aborted, 7),
            (Code::AlreadyExists, 7),
        ] {
            assert_eq!(Failure::from(Status::new(code, "x")).exit(), exit, "{code:?}");
        }
        let item = |reason: &str| proto::ItemError { reason: reason.into(), ..Default::default() };
        assert_eq!(Failure::of_item(item("LEASE_EXPIRED")).exit(), 7);
        assert_eq!(Failure::of_item(item("FIELD_REQUIRED")).exit(), 3);
        assert_eq!(Failure::of_item(item("SOMETHING_NEW")).exit(), 1);
    }
}
