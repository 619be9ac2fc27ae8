//! The parts of a status: a code, a reason of the published enum, every value
//! the text speaks of, and the standard details that go with the code.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, QuotaViolation, StatusExt};

use crate::engine::Resource;
use crate::model::{Violation, Violations};
use crate::proto::ErrorReason;

use super::field_reason;

/// The domain of every reason.
const DOMAIN: &str = "arrears";

/// The bytes of field violations that one status carries at most. A status
/// travels as an HTTP/2 header, and clients give up on large ones: some accept
/// 8 KiB for all headers together, and the details are sent in base64.
const VIOLATION_BYTES: usize = 3 * 1024;

/// The longest value in the metadata, in bytes; longer ones are cut.
const VALUE_BYTES: usize = 256;

/// The longest message of a status, in bytes; longer ones are cut.
const TEXT_BYTES: usize = 1024;

/// The name of a reason as it is sent, without the prefix of its enum.
pub(crate) fn reason_name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

/// `text`, cut to at most `bytes` bytes at the border of a character.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// A failure on its way to become a status.
pub(crate) struct Failure {
    code: Code,
    reason: ErrorReason,
    text: String,
    metadata: HashMap<String, String>,
    details: ErrorDetails,
}

impl Failure {
    pub(crate) fn new(code: Code, reason: ErrorReason, text: String) -> Failure {
        let details = ErrorDetails::new();
        Failure { code, reason, text, metadata: HashMap::new(), details }
    }

    /// Adds a value the text speaks of.
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Failure {
        let value = value.to_string();
        self.metadata.insert(name.to_owned(), cut(&value, VALUE_BYTES).to_owned());
        self
    }

    pub(crate) fn retry(mut self, after: Duration) -> Failure {
        self.details.set_retry_info(Some(after));
        self
    }

    pub(crate) fn request(mut self, request_id: &str) -> Failure {
        self.details.set_request_info(request_id, "");
        self
    }

    pub(crate) fn quota(mut self, subject: &str, text: &str) -> Failure {
        let violation = QuotaViolation {
            subject: subject.to_owned(),
            description: text.to_owned(),
            api_service: DOMAIN.to_owned(),
            ..QuotaViolation::default()
        };
        self.details.set_quota_failure(vec![violation]);
        self
    }

    pub(super) fn resource(mut self, resource: Resource, id: &str) -> Failure {
        self.details.set_resource_info(resource.name(), id, "", "");
        self
    }

    pub(super) fn precondition(mut self, subject: &str, text: &str) -> Failure {
        let kind = reason_name(self.reason);
        self.details.add_precondition_failure_violation(kind, subject, text);
        self
    }

    pub(super) fn violation(mut self, field: &str, reason: ErrorReason, text: &str) -> Failure {
        self.details.set_bad_request(vec![FieldViolation {
            field: field.to_owned(),
            description: text.to_owned(),
            reason: reason_name(reason).to_owned(),
            ..FieldViolation::default()
        }]);
        self
    }

    /// Adds field violations as far as a header holds them, and the count of all.
    pub(super) fn violations(mut self, all: Vec<FieldViolation>) -> Failure {
        let count = all.len();
        let mut room = VIOLATION_BYTES;
        let kept: Vec<_> = all
            .into_iter()
            .take_while(|violation| {
                let size = violation.field.len() + violation.description.len() + 32;
                let fits = size <= room;
                room = room.saturating_sub(size);
                fits
            })
            .collect();
        self.details.set_bad_request(kept);
        self.with("violation_count", count)
    }

    pub(crate) fn status(self) -> Status {
        let mut details = self.details;
        details.set_error_info(reason_name(self.reason), DOMAIN, self.metadata);
        Status::with_error_details(self.code, cut(&self.text, TEXT_BYTES), details)
    }
}

/// The status of a call whose fields break rules: the reason is that of the
/// first, the details hold all.
pub(super) fn invalid(violations: &Violations) -> Status {
    let Some(first) = violations.0.first() else {
        let why = "a call was refused without a broken rule";
        return super::fault(ErrorReason::Internal, why).status();
    };
    let text = match violations.0.len() {
        1 => first.text(),
        count => format!("{}; {} more fields break rules", first.text(), count - 1),
    };
    Failure::new(Code::InvalidArgument, field_reason(first.reason), text)
        .with("field", &first.field)
        .with("value", &first.value)
        .with("bound", &first.bound)
        .violations(violations.0.iter().map(described).collect())
        .status()
}

pub(super) fn described(violation: &Violation) -> FieldViolation {
    FieldViolation {
        field: violation.field.clone(),
        description: violation.text(),
        reason: reason_name(field_reason(violation.reason)).to_owned(),
        ..FieldViolation::default()
    }
}
