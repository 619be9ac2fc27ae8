//! What a refused call says, in one value that a test can compare.

use std::collections::BTreeMap;
use std::fmt::Debug;

use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

/// A refused call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) reason: String,
    pub(crate) metadata: BTreeMap<String, String>,
    /// Path and reason of every broken rule.
    pub(crate) violations: Vec<(String, String)>,
}

impl Refusal {
    /// A value of the metadata; empty where it is not there.
    pub(crate) fn value(&self, key: &str) -> &str {
        self.metadata.get(key).map_or("", String::as_str)
    }

    /// The path of every broken rule.
    pub(crate) fn fields(&self) -> Vec<&str> {
        self.violations.iter().map(|(field, _)| field.as_str()).collect()
    }
}

/// Reads a refusal, which must carry a reason of arrears.
pub(crate) fn refusal<T: Debug>(answer: Result<Response<T>, Status>) -> Refusal {
    let status = answer.unwrap_err();
    let details = status.check_error_details().unwrap();
    let info = details.error_info().unwrap_or_else(|| panic!("{status:?} has no reason"));
    assert_eq!(info.domain, "arrears");
    let violations = details.bad_request().map(|bad| bad.field_violations.clone());
    Refusal {
        code: status.code(),
        reason: info.reason.clone(),
        metadata: info.metadata.clone().into_iter().collect(),
        violations: violations
            .unwrap_or_default()
            .into_iter()
            .map(|violation| (violation.field, violation.reason))
            .collect(),
    }
}
