//! Failures as gRPC speaks of them: one match from [`Error`] to a status, one
//! from [`ItemError`] to the message an item is answered with. Nothing else in
//! this layer decides on a code or a reason.

mod details;
mod item;

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::FieldViolation;

use crate::engine::scorecard::ScorecardFinding;
use crate::engine::{Error, Resource};
use crate::model::{Reason, Violations};
use crate::proto::ErrorReason;
use crate::store::StoreError;

use super::convert;

pub(super) use details::{Failure, reason_name};
pub(super) use item::{ItemBudget, item_error};

/// What the text of a fault says to the client: the cause is for the log.
const FAULT_TEXT: &str = "a fault of the server; the log tells more under the request id";

const RETRY_SOON: Duration = Duration::from_millis(100);
const RETRY_LATER: Duration = Duration::from_secs(1);

/// The ids and tokens a call named, by the name they have in the metadata of an
/// error: what the engine's errors do not repeat.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Named<'a>(pub(super) &'a [(&'static str, &'a str)]);

impl<'a> Named<'a> {
    /// Nothing was named.
    pub(super) const NOTHING: Named<'static> = Named(&[]);

    fn get(&self, name: &'static str) -> Option<(&'static str, &'a str)> {
        self.0.iter().copied().find(|entry| entry.0 == name)
    }
}

/// The status of a failed call. A fault of the server is logged here, once, with
/// everything that is known of it; the client gets the id to ask for.
pub(super) fn from_error(error: Error, named: Named<'_>) -> Status {
    match error {
        Error::Invalid(ref violations) => details::invalid(violations),
        Error::NotFound { resource, id } => not_found(resource, &id, named),
        Error::AlreadyExists { resource, id } => already_exists(resource, &id),
        Error::EtagMismatch { resource, ref id, ref etag } => {
            Failure::new(Code::Aborted, ErrorReason::EtagMismatch, error.to_string())
                .with("etag", etag)
                .with(resource_key(resource), id)
                .retry(Duration::ZERO)
                .status()
        }
        Error::NeedsActivation { ref field } => failed(&error, ErrorReason::NeedsActivation)
            .with("field", field)
            .precondition(field, &error.to_string())
            .status(),
        Error::RevisionNotDraft(ref name) => {
            precondition(&error, ErrorReason::RevisionNotDraft, "revision", name).status()
        }
        Error::RevisionInvalid(ref findings) => revision_invalid(&error, findings),
        Error::ActivationChanged(active) => {
            let reason = ErrorReason::ActivationChanged;
            Failure::new(Code::Aborted, reason, error.to_string())
                .with("activation_id", active)
                .retry(Duration::ZERO)
                .status()
        }
        Error::ProposalOpen(open) => {
            precondition(&error, ErrorReason::ProposalOpen, "proposal_id", open).status()
        }
        Error::ProposalDecided { proposal_id, state } => {
            precondition(&error, ErrorReason::ProposalDecided, "proposal_id", proposal_id)
                .with("state", state.name())
                .status()
        }
        Error::SecondPersonRequired { proposal_id, ref subject } => {
            second_person_required(&error, proposal_id, subject)
        }
        Error::ApprovalNeedsCredentials { field } => {
            precondition(&error, ErrorReason::ApprovalNeedsCredentials, "field", field).status()
        }
        Error::DraftChanged(ref name) => {
            precondition(&error, ErrorReason::DraftChanged, "revision", name).status()
        }
        Error::AtomicRejected(items) => item::atomic_rejected(&items, named),
        Error::PageTokenMalformed => page_token(&error, ErrorReason::PageTokenMalformed, named),
        Error::PageTokenMismatch => page_token(&error, ErrorReason::PageTokenMismatch, named),
        Error::WatchTokenExpired => watch_token_expired(&error, named),
        Error::RoleMissing { ref method, ref roles } => {
            Failure::new(Code::PermissionDenied, ErrorReason::RoleMissing, error.to_string())
                .with("method", method)
                .with("roles", roles)
                .status()
        }
        Error::BookTooLarge { bytes_max } => failed(&error, ErrorReason::BookTooLarge)
            .with("bytes_max", bytes_max)
            .precondition("whole", &error.to_string())
            .status(),
        Error::FeatureVersionRetired(version) => {
            let reason = ErrorReason::FeatureVersionRetired;
            precondition(&error, reason, "feature_version", version).status()
        }
        Error::Overloaded { bound } => overloaded(bound),
        Error::ShuttingDown => shutting_down(),
        Error::Store(store) => from_store(store),
        Error::Internal(ref why) => fault(ErrorReason::Internal, why).status(),
    }
}

/// The status of a failed call that named nothing beside what its error holds.
pub(super) fn plain(error: Error) -> Status {
    from_error(error, Named::NOTHING)
}

/// The status of a call whose fields break rules.
pub(super) fn invalid(violations: Violations) -> Status {
    details::invalid(&violations)
}

fn from_store(error: StoreError) -> Status {
    match error {
        StoreError::Corrupt { table, ref key, .. } | StoreError::Newer { table, ref key, .. } => {
            fault(ErrorReason::StoreCorrupt, &error.to_string())
                .with("table", table)
                .with("key", key)
                .status()
        }
        StoreError::Unavailable(ref why) => {
            tracing::error!(error = %why, "the database is unavailable");
            unavailable(ErrorReason::StoreUnavailable, "the database is unavailable").status()
        }
        StoreError::Conflict(ref why) => {
            tracing::warn!(error = %why, "a change could not be ordered among others");
            let text = "the database could not order this change among others";
            Failure::new(Code::Aborted, ErrorReason::StoreConflict, text.to_owned())
                .retry(RETRY_SOON)
                .status()
        }
        StoreError::Overloaded(bound) => overloaded(bound),
        StoreError::Closed => shutting_down(),
        StoreError::Panicked(_) | StoreError::Migration(_) | StoreError::Cluster(_) => {
            fault(ErrorReason::Internal, &error.to_string()).status()
        }
        StoreError::Database(ref why) => {
            fault(ErrorReason::Internal, &format!("{why}: {why:?}")).status()
        }
    }
}

/// The failure of a server at fault: logs `why` under a fresh id and tells the
/// client nothing but the id.
pub(super) fn fault(reason: ErrorReason, why: &str) -> Failure {
    let request_id = format!("{:016x}", rand::random::<u64>());
    tracing::error!(%request_id, reason = reason_name(reason), error = why, "a call failed");
    Failure::new(Code::Internal, reason, FAULT_TEXT.to_owned()).request(&request_id)
}

fn not_found(resource: Resource, id: &str, named: Named<'_>) -> Status {
    let reason = match resource {
        Resource::Portfolio => ErrorReason::PortfolioNotFound,
        Resource::Case => ErrorReason::CaseNotFound,
        Resource::Debtor => ErrorReason::DebtorNotFound,
        Resource::Event => ErrorReason::EventNotFound,
        Resource::WorkList => ErrorReason::WorkListNotFound,
        Resource::Revision => ErrorReason::RevisionNotFound,
        Resource::Activation => ErrorReason::ActivationNotFound,
        Resource::Proposal => ErrorReason::ProposalNotFound,
    };
    let text = format!("{} {id} does not exist", resource.name());
    let failure = Failure::new(Code::NotFound, reason, text)
        .with(resource_key(resource), id)
        .resource(resource, id);
    match named.get("portfolio_id") {
        Some((name, value)) => failure.with(name, value).status(),
        None => failure.status(),
    }
}

fn already_exists(resource: Resource, id: &str) -> Status {
    let reason = match resource {
        Resource::Portfolio => ErrorReason::PortfolioAlreadyExists,
        Resource::Event => ErrorReason::EventAlreadyExists,
        Resource::WorkList => ErrorReason::WorkListAlreadyExists,
        Resource::Case
        | Resource::Debtor
        | Resource::Revision
        | Resource::Activation
        | Resource::Proposal => {
            return fault(ErrorReason::Internal, "nothing is made under an existing id").status();
        }
    };
    let text = format!("{} {id} exists with other content", resource.name());
    Failure::new(Code::AlreadyExists, reason, text)
        .with(resource_key(resource), id)
        .resource(resource, id)
        .status()
}

fn failed(error: &Error, reason: ErrorReason) -> Failure {
    Failure::new(Code::FailedPrecondition, reason, error.to_string())
}

/// What has to be otherwise first: the value that stands against it, by its name.
fn precondition(error: &Error, reason: ErrorReason, name: &str, value: impl ToString) -> Failure {
    failed(error, reason).with(name, value).precondition(name, &error.to_string())
}

fn second_person_required(error: &Error, proposal_id: i64, subject: &str) -> Status {
    Failure::new(Code::PermissionDenied, ErrorReason::SecondPersonRequired, error.to_string())
        .with("proposal_id", proposal_id)
        .with("subject", subject)
        .status()
}

/// Every finding is told, as far as a status has room for them.
fn revision_invalid(error: &Error, findings: &[ScorecardFinding]) -> Status {
    let reason = ErrorReason::RevisionInvalid;
    let described = |found: &ScorecardFinding| FieldViolation {
        field: convert::path_to(&found.path),
        description: found.message.clone(),
        reason: reason_name(reason).to_owned(),
        ..FieldViolation::default()
    };
    failed(error, reason)
        .precondition("scorecard", &error.to_string())
        .violations(findings.iter().map(described).collect())
        .status()
}

fn watch_token_expired(error: &Error, named: Named<'_>) -> Status {
    let token = named.get("resume_token").map_or("", |entry| entry.1);
    let reason = ErrorReason::WatchTokenExpired;
    Failure::new(Code::OutOfRange, reason, error.to_string())
        .with("resume_token", token)
        .violation("resume_token", reason, &error.to_string())
        .status()
}

fn page_token(error: &Error, reason: ErrorReason, named: Named<'_>) -> Status {
    let token = named.get("page_token").map_or("", |entry| entry.1);
    Failure::new(Code::InvalidArgument, reason, error.to_string())
        .with("page_token", token)
        .violation("page_token", reason, &error.to_string())
        .status()
}

fn unavailable(reason: ErrorReason, text: &str) -> Failure {
    Failure::new(Code::Unavailable, reason, text.to_owned()).retry(RETRY_LATER)
}

fn overloaded(bound: usize) -> Status {
    let text = format!("{bound} calls are waiting already; try again later");
    Failure::new(Code::ResourceExhausted, ErrorReason::Overloaded, text.clone())
        .with("bound", bound)
        .quota("waiting calls", &text)
        .retry(RETRY_LATER)
        .status()
}

fn shutting_down() -> Status {
    unavailable(ErrorReason::ShuttingDown, "the server is stopping").status()
}

fn resource_key(resource: Resource) -> &'static str {
    match resource {
        Resource::Portfolio => "portfolio_id",
        Resource::Case => "case_id",
        Resource::Debtor => "debtor_id",
        Resource::Event => "event_id",
        Resource::WorkList => "work_list_id",
        Resource::Revision => "revision",
        Resource::Activation => "activation_id",
        Resource::Proposal => "proposal_id",
    }
}

/// The published reason of a broken field rule.
fn field_reason(reason: Reason) -> ErrorReason {
    match reason {
        Reason::FieldRequired => ErrorReason::FieldRequired,
        Reason::FieldOutOfRange => ErrorReason::FieldOutOfRange,
        Reason::FieldMalformed => ErrorReason::FieldMalformed,
        Reason::FieldConflict => ErrorReason::FieldConflict,
        Reason::FieldImmutable => ErrorReason::FieldImmutable,
        Reason::CurrencyUnknown => ErrorReason::CurrencyUnknown,
        Reason::CurrencyMismatch => ErrorReason::CurrencyMismatch,
        Reason::AmountTooFine => ErrorReason::AmountTooFine,
    }
}

#[cfg(test)]
mod tests;
