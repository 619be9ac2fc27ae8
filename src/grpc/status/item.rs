//! Failures of single items, which are answered beside their neighbours.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::FieldViolation;

use crate::engine::ItemError;
use crate::model::Violation;
use crate::proto::{self, ErrorReason};

use super::details::{Failure, described, reason_name};
use super::{Named, field_reason};

/// The bytes of field violations that one answer carries at most over all its
/// items, so that an answer stays within its limit however broken the request.
const ANSWER_BYTES: usize = 1024 * 1024;

/// What is left for the field violations of an answer. An item past it is still
/// rejected with its reason and its count of violations.
#[derive(Debug)]
pub(crate) struct ItemBudget(usize);

impl ItemBudget {
    pub(crate) fn new() -> ItemBudget {
        ItemBudget(ANSWER_BYTES)
    }

    fn take(&mut self, violation: &proto::FieldViolation) -> bool {
        let size = violation.field.len() + violation.reason.len() + violation.description.len();
        let fits = size <= self.0;
        self.0 = if fits { self.0 - size } else { 0 };
        fits
    }
}

/// The answer to an item that was not taken.
pub(crate) fn item_error(
    error: &ItemError,
    named: Named<'_>,
    budget: &mut ItemBudget,
) -> proto::ItemError {
    let (reason, metadata) = reason_of(error, named);
    let mut answer = proto::ItemError {
        reason: reason_name(reason).to_owned(),
        message: error.to_string(),
        violations: Vec::new(),
        metadata,
    };
    if let ItemError::Invalid(violations) = error {
        let count = violations.0.len();
        answer.metadata.insert("violation_count".to_owned(), count.to_string());
        answer.violations = violations
            .0
            .iter()
            .map(field_violation)
            .take_while(|violation| budget.take(violation))
            .collect();
    }
    answer
}

/// The reason of a rejected item, and the values its message speaks of: those
/// the error holds and those only the request does.
fn reason_of(error: &ItemError, named: Named<'_>) -> (ErrorReason, HashMap<String, String>) {
    let values = |own: &[(&str, &str)], keys: &[&'static str]| -> HashMap<String, String> {
        let named = keys.iter().filter_map(|key| named.get(key));
        let all = own.iter().copied().chain(named);
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    match error {
        ItemError::Invalid(violations) => match violations.0.first() {
            Some(Violation { field, reason, value, bound }) => {
                let own = [("field", &**field), ("value", value), ("bound", bound)];
                (field_reason(*reason), values(&own, &[]))
            }
            None => (ErrorReason::Internal, values(&[], &[])),
        },
        ItemError::CaseNotFound(id) => {
            (ErrorReason::CaseNotFound, values(&[("case_id", id)], &["portfolio_id"]))
        }
        ItemError::DebtorNotFound(id) => {
            (ErrorReason::DebtorNotFound, values(&[("debtor_id", id)], &[]))
        }
        ItemError::EventNotFound(id) => {
            (ErrorReason::EventNotFound, values(&[("event_id", id)], &[]))
        }
        ItemError::EventAlreadyExists(id) => {
            (ErrorReason::EventAlreadyExists, values(&[("event_id", id)], &[]))
        }
        ItemError::SequenceRequired(id) => {
            (ErrorReason::SequenceRequired, values(&[("case_id", id)], &[]))
        }
        ItemError::SequenceUnexpected(id) => {
            let keys = ["source_sequence"];
            (ErrorReason::SequenceUnexpected, values(&[("case_id", id)], &keys))
        }
        ItemError::LeaseTokenMalformed => {
            (ErrorReason::LeaseTokenMalformed, values(&[], &["lease_token"]))
        }
        ItemError::LeaseExpired(at) => {
            (ErrorReason::LeaseExpired, values(&[("lease_expire_time", &at.to_string())], &[]))
        }
        ItemError::LeaseSuperseded => (ErrorReason::LeaseSuperseded, values(&[], &["lease_token"])),
        ItemError::ReportAlreadyExists => {
            (ErrorReason::ReportAlreadyExists, values(&[], &["lease_token"]))
        }
        ItemError::FeatureVersionRetired(version) => {
            let own = [("feature_version", &*version.to_string())];
            (ErrorReason::FeatureVersionRetired, values(&own, &[]))
        }
        ItemError::Unreadable(damage) => {
            let own = [("table", damage.table), ("key", damage.key.as_str())];
            (ErrorReason::StoreCorrupt, values(&own, &[]))
        }
    }
}

fn field_violation(violation: &Violation) -> proto::FieldViolation {
    proto::FieldViolation {
        field: violation.field.clone(),
        reason: reason_name(field_reason(violation.reason)).to_owned(),
        description: violation.text(),
    }
}

/// The status of an atomic push of which some documents were rejected: nothing
/// was stored, and the details say what is wrong with each.
pub(super) fn atomic_rejected(items: &[(usize, ItemError)], named: Named<'_>) -> Status {
    let text = format!("{} of the documents were rejected; nothing was stored", items.len());
    let violations = items.iter().flat_map(|(place, error)| match error {
        ItemError::Invalid(violations) => violations.0.iter().map(described).collect(),
        _ => vec![FieldViolation {
            field: format!("cases[{place}]"),
            description: error.to_string(),
            reason: reason_name(reason_of(error, named).0).to_owned(),
            ..FieldViolation::default()
        }],
    });
    Failure::new(Code::InvalidArgument, ErrorReason::AtomicRejected, text)
        .with("rejected_count", items.len())
        .violations(violations.collect())
        .status()
}
