//! Documents by what becomes of them.

use std::collections::HashMap;

use crate::model::{CaseState, Rank};
use crate::store::Damage;
use crate::store::cases::source::{Renewal, StoredDocument};

use super::decide::{Decision, decide};
use super::documents::{Prepared, Results};
use super::{Disposition, Document, Finding, PushResult};

/// A document that changes its case, or begins one.
pub(super) struct Taken {
    pub(super) new: Prepared,
    pub(super) disposition: Disposition,
    pub(super) known: Option<StoredDocument>,
}

/// The documents of a call by what becomes of them.
#[derive(Default)]
pub(super) struct Sorted {
    pub(super) taken: Vec<Taken>,
    /// Heads whose instant and number move on, nothing else.
    pub(super) renewed: Vec<Renewal>,
    /// Unchanged documents that let the ledger absorb a payment, or wake a case
    /// that waited for the ledger.
    pub(super) absorbed: Vec<(Prepared, StoredDocument)>,
}

/// Sorts documents; those that change no rank get their results, and so do those
/// for cases that cannot be read.
pub(super) fn sort(
    documents: Vec<Prepared>,
    mut known: HashMap<String, Result<StoredDocument, Damage>>,
    results: &mut Results,
) -> Sorted {
    let mut sorted = Sorted::default();
    for new in documents {
        let Some(known) = known.remove(new.document.case_id.as_str()) else {
            sorted.taken.push(Taken { new, disposition: Disposition::Created, known: None });
            continue;
        };
        let known = match known {
            Ok(known) => known,
            Err(damage) => {
                results.reject(new.index, new.document.case_id.as_str(), damage.into());
                continue;
            }
        };
        let (index, document) = (new.index, &new.document);
        let stands = (known.state, known.rank);
        let unchanged = || result(document, Disposition::Unchanged, stands, Vec::new());
        match decide(&known, &new) {
            Decision::Take(disposition) => {
                sorted.taken.push(Taken { new, disposition, known: Some(known) });
            }
            Decision::Absorb => sorted.absorbed.push((new, known)),
            Decision::Renew => {
                results.set(index, unchanged());
                sorted.renewed.push(Renewal {
                    case_no: known.case_no,
                    as_of: document.as_of,
                    source_sequence: document.source_sequence,
                    known_case_seq: known.rank.case_seq,
                    known_as_of: known.as_of,
                });
            }
            Decision::Same => results.set(index, unchanged()),
            Decision::Stale => {
                results.set(index, result(document, Disposition::Stale, stands, Vec::new()));
            }
        }
    }
    sorted
}

/// The result of a document for a case that stands like this.
pub(super) fn result(
    document: &Document,
    disposition: Disposition,
    (state, rank): (CaseState, Rank),
    findings: Vec<Finding>,
) -> PushResult {
    PushResult {
        case_id: document.case_id.to_string(),
        disposition: Ok(disposition),
        state: Some(state),
        rank: (state != CaseState::Closed).then_some(rank),
        findings,
    }
}
