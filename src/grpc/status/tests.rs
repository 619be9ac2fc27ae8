use std::collections::HashMap;

use tonic_types::{ErrorDetails, StatusExt};

use super::*;
use crate::engine::ItemError;
use crate::engine::scorecard::ScorecardFinding;
use crate::model::{Micros, Part, Violations};
use crate::store::Damage;
use crate::store::proposals::ProposalState;

fn violations(count: usize) -> Violations {
    let mut violations = Violations::new();
    for place in 0..count {
        violations.add(
            format!("cases[{place}].overdue_amount"),
            Reason::FieldOutOfRange,
            -1,
            "≥ 0",
        );
    }
    violations
}

fn every_error() -> Vec<Error> {
    let resources = [
        Resource::Portfolio,
        Resource::Case,
        Resource::Debtor,
        Resource::Event,
        Resource::WorkList,
        Resource::Revision,
        Resource::Activation,
        Resource::Proposal,
    ];
    let id = || "x".to_owned();
    let finding = ScorecardFinding { is_error: true, path: "cutoffs.a".to_owned(), message: id() };
    let mut errors = vec![
        Error::Invalid(violations(2)),
        Error::EtagMismatch { resource: Resource::Portfolio, id: id(), etag: id() },
        Error::NeedsActivation { field: id() },
        Error::RevisionNotDraft(id()),
        Error::RevisionInvalid(vec![finding]),
        Error::ActivationChanged(7),
        Error::ProposalOpen(7),
        Error::ProposalDecided { proposal_id: 7, state: ProposalState::Expired },
        Error::SecondPersonRequired { proposal_id: 7, subject: id() },
        Error::ApprovalNeedsCredentials { field: "portfolio.activation_approval" },
        Error::DraftChanged(id()),
        Error::AtomicRejected(vec![(3, ItemError::CaseNotFound(id()))]),
        Error::PageTokenMalformed,
        Error::PageTokenMismatch,
        Error::WatchTokenExpired,
        Error::BookTooLarge { bytes_max: 1 << 30 },
        Error::RoleMissing { method: id(), roles: id() },
        Error::FeatureVersionRetired(1),
        Error::Overloaded { bound: 5_000 },
        Error::ShuttingDown,
        Error::Internal("the cause".to_owned()),
        Error::Store(StoreError::Corrupt {
            table: "case_head",
            key: id(),
            why: "the cause".into(),
        }),
        Error::Store(StoreError::Newer { table: "rule_set", key: id(), why: "the cause".into() }),
        Error::Store(StoreError::Unavailable("the cause".to_owned())),
        Error::Store(StoreError::Conflict("the cause".to_owned())),
        Error::Store(StoreError::Overloaded(9)),
        Error::Store(StoreError::Closed),
        Error::Store(StoreError::Panicked("the cause".to_owned())),
    ];
    for resource in resources {
        errors.push(Error::NotFound { resource, id: id() });
        errors.push(Error::AlreadyExists { resource, id: id() });
    }
    errors
}

fn details(status: &Status) -> ErrorDetails {
    status.check_error_details().unwrap()
}

/// The keys that the contract promises for each reason, read from its comments.
fn promised_metadata() -> HashMap<String, Vec<String>> {
    let contract = include_str!("../../../proto/arrears/v1/error_reason.proto");
    let mut promised = HashMap::new();
    let mut comment = String::new();
    for line in contract.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("//") {
            comment.push_str(text);
        } else if let Some(name) = line.strip_prefix("ERROR_REASON_") {
            let name = name.split(' ').next().unwrap().to_owned();
            let keys = comment.split_once("Metadata:").map_or("", |parts| parts.1);
            let keys = keys.split([',', '.', ' ']).filter(|key| !key.is_empty());
            promised.insert(name, keys.map(str::to_owned).collect());
            comment.clear();
        } else {
            comment.clear();
        }
    }
    promised
}

const NAMED: Named<'static> = Named(&[
    ("portfolio_id", "p"),
    ("page_token", "t"),
    ("resume_token", "r"),
    ("lease_token", "l"),
    ("source_sequence", "7"),
]);

#[test]
fn every_error_has_a_published_reason_and_the_metadata_the_contract_promises() {
    let promised = promised_metadata();
    assert_eq!(promised.len(), 55);
    for error in every_error() {
        let text = format!("{error:?}");
        let status = from_error(error, NAMED);
        let info = details(&status).error_info().cloned().unwrap();
        assert_eq!(info.domain, "arrears", "{text}");
        for key in &promised[&info.reason] {
            assert!(info.metadata.contains_key(key), "{text}: {} lacks {key}", info.reason);
        }
    }
}

#[test]
fn every_code_carries_the_details_that_go_with_it() {
    for error in every_error() {
        let text = format!("{error:?}");
        let status = from_error(error, NAMED);
        let details = details(&status);
        let has = match status.code() {
            Code::InvalidArgument | Code::OutOfRange => details.bad_request().is_some(),
            Code::NotFound | Code::AlreadyExists => details.resource_info().is_some(),
            Code::FailedPrecondition => details.precondition_failure().is_some(),
            Code::Aborted | Code::Unavailable => details.retry_info().is_some(),
            Code::ResourceExhausted => {
                details.quota_failure().is_some() && details.retry_info().is_some()
            }
            Code::Internal => details.request_info().is_some(),
            Code::PermissionDenied => true,
            code => panic!("{text} became {code}"),
        };
        assert!(has, "{text}");
    }
}

#[test]
fn a_fault_tells_the_client_nothing_of_its_cause() {
    let faults: Vec<_> = every_error()
        .into_iter()
        .map(|error| from_error(error, NAMED))
        .filter(|status| status.code() == Code::Internal)
        .collect();
    assert!(faults.len() >= 2);
    for status in faults {
        assert_eq!(status.message(), FAULT_TEXT);
        assert!(!String::from_utf8_lossy(status.details()).contains("the cause"));
        assert_eq!(details(&status).request_info().unwrap().request_id.len(), 16);
    }
}

#[test]
fn all_violations_are_told_with_path_reason_value_and_bound() {
    let status = from_error(Error::Invalid(violations(3)), Named::NOTHING);
    let details = details(&status);
    let told = &details.bad_request().unwrap().field_violations;
    assert_eq!(told.len(), 3);
    assert_eq!(told[2].field, "cases[2].overdue_amount");
    assert_eq!(told[2].reason, "FIELD_OUT_OF_RANGE");
    assert_eq!(told[2].description, "cases[2].overdue_amount is \"-1\"; ≥ 0");
    let info = details.error_info().unwrap();
    assert_eq!(info.reason, "FIELD_OUT_OF_RANGE");
    assert_eq!(info.metadata["violation_count"], "3");
    assert!(status.message().ends_with("2 more fields break rules"), "{}", status.message());
}

#[test]
fn a_status_stays_small_enough_for_a_header_however_much_is_wrong() {
    let mut many = violations(100);
    many.0[0].field = "ж".repeat(2_000);
    many.0[0].value = "ж".repeat(5_000);
    for error in [
        Error::Invalid(many.clone()),
        Error::AtomicRejected(vec![(0, ItemError::Invalid(many))]),
        Error::NotFound { resource: Resource::Case, id: "c".repeat(128) },
    ] {
        let mut headers = http::HeaderMap::new();
        from_error(error, NAMED).add_header(&mut headers).unwrap();
        let bytes: usize =
            headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        assert!(bytes < 8 * 1024, "{bytes}");
    }
    let status = from_error(Error::Invalid(violations(100)), Named::NOTHING);
    let details = details(&status);
    assert_eq!(details.error_info().unwrap().metadata["violation_count"], "100");
    assert!(details.bad_request().unwrap().field_violations.len() > 20);
}

#[test]
fn every_item_error_has_the_metadata_the_contract_promises() {
    let id = || "x".to_owned();
    let promised = promised_metadata();
    for error in [
        ItemError::Invalid(violations(2)),
        ItemError::CaseNotFound(id()),
        ItemError::DebtorNotFound(id()),
        ItemError::EventNotFound(id()),
        ItemError::EventAlreadyExists(id()),
        ItemError::SequenceRequired(id()),
        ItemError::SequenceUnexpected(id()),
        ItemError::LeaseTokenMalformed,
        ItemError::LeaseExpired(Micros(1_000_000)),
        ItemError::LeaseSuperseded,
        ItemError::ReportAlreadyExists,
        ItemError::FeatureVersionRetired(1),
        ItemError::Unreadable(Damage::missing("debtor", Part(7), 3)),
    ] {
        let answer = item_error(&error, NAMED, &mut ItemBudget::new());
        for key in &promised[&answer.reason] {
            assert!(answer.metadata.contains_key(key), "{error:?} lacks {key}");
        }
        assert!(!answer.message.is_empty());
    }
}

#[test]
fn an_answer_holds_violations_up_to_its_budget_and_always_their_count() {
    let mut budget = ItemBudget::new();
    let mut told = 0;
    for _ in 0..1_000 {
        let error = ItemError::Invalid(violations(100));
        let answer = item_error(&error, Named::NOTHING, &mut budget);
        assert_eq!(answer.reason, "FIELD_OUT_OF_RANGE");
        assert_eq!(answer.metadata["violation_count"], "100");
        told += answer.violations.len();
    }
    assert!((10_000..30_000).contains(&told), "{told}");
}

#[test]
fn the_document_about_errors_names_the_code_that_is_sent() {
    let document = include_str!("../../../docs/ERRORS.md");
    for error in every_error() {
        let status = from_error(error, NAMED);
        let reason = details(&status).error_info().unwrap().reason.clone();
        let section = document.split_once(&format!("\n## `{reason}`\n")).unwrap().1;
        let code = section.split_once("- Code: ").unwrap().1.lines().next().unwrap();
        let sent: String = format!("{:?}", status.code())
            .chars()
            .flat_map(|c| [c.is_uppercase().then_some('_'), Some(c.to_ascii_uppercase())])
            .flatten()
            .collect();
        assert_eq!(code, sent.trim_start_matches('_'), "{reason}");
    }
}
