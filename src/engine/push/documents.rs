//! Which documents of a call count: one a case, numbered or not as the source is.

use std::collections::HashMap;

use crate::model::CaseId;
use crate::store::Tx;
use crate::store::portfolios;

use super::super::working_set::WorkingSet;
use super::super::{Error, ItemError};
use super::{Disposition, Document, PushCommand, PushResult};
use crate::model::PortfolioNo;

/// The results of a call as they come to be known, in the order of the request.
pub(super) struct Results(Vec<Option<PushResult>>);

impl Results {
    pub(super) fn new(count: usize) -> Results {
        Results((0..count).map(|_| None).collect())
    }

    pub(super) fn set(&mut self, index: usize, result: PushResult) {
        self.0[index] = Some(result);
    }

    pub(super) fn reject(&mut self, index: usize, case_id: &str, error: ItemError) {
        self.set(index, PushResult::bare(case_id, Err(error)));
    }

    /// All results; in an atomic call one rejection rejects all.
    pub(super) fn finish(self, atomic: bool) -> Result<Vec<PushResult>, Error> {
        let results: Vec<PushResult> = self
            .0
            .into_iter()
            .map(|result| result.expect("every document is rejected, superseded or decided"))
            .collect();
        if atomic {
            let rejected: Vec<(usize, ItemError)> = results
                .iter()
                .enumerate()
                .filter_map(|(index, result)| {
                    result.disposition.as_ref().err().map(|error| (index, error.clone()))
                })
                .collect();
            if !rejected.is_empty() {
                return Err(Error::AtomicRejected(rejected));
            }
        }
        Ok(results)
    }
}

impl PushResult {
    pub(super) fn bare(case_id: &str, disposition: Result<Disposition, ItemError>) -> PushResult {
        PushResult {
            case_id: case_id.to_owned(),
            disposition,
            state: None,
            rank: None,
            findings: Vec::new(),
        }
    }
}

/// The documents that count, with their places in the request: of two for one
/// case the one with the higher number, else the later one.
pub(super) fn winners(command: PushCommand, results: &mut Results) -> Vec<(usize, Document)> {
    let mut by_case: HashMap<CaseId, (usize, Document)> = HashMap::new();
    for (index, document) in command.documents.into_iter().enumerate() {
        let document = match document {
            Ok(document) => document,
            Err(rejected) => {
                let error = ItemError::Invalid(rejected.violations);
                results.reject(index, &rejected.case_id, error);
                continue;
            }
        };
        match by_case.remove(&document.case_id) {
            Some((other, earlier)) if earlier.source_sequence > document.source_sequence => {
                superseded(index, &document, results);
                by_case.insert(earlier.case_id.clone(), (other, earlier));
            }
            Some((other, earlier)) => {
                superseded(other, &earlier, results);
                by_case.insert(document.case_id.clone(), (index, document));
            }
            None => {
                by_case.insert(document.case_id.clone(), (index, document));
            }
        }
    }
    let mut winners: Vec<(usize, Document)> = by_case.into_values().collect();
    winners.sort_by_key(|(index, _)| *index);
    winners
}

fn superseded(index: usize, document: &Document, results: &mut Results) {
    let result = PushResult::bare(document.case_id.as_str(), Ok(Disposition::Superseded));
    results.set(index, result);
}

/// Rejects documents that have a number where the source does not number, or the
/// other way round. The first document a source ever sends decides.
pub(super) async fn check_numbering(
    set: &WorkingSet,
    tx: &mut Tx,
    portfolio_no: PortfolioNo,
    documents: Vec<(usize, Document)>,
    mode: (&mut Results, bool),
) -> Result<Vec<(usize, Document)>, Error> {
    let (results, validate_only) = mode;
    let Some((_, first)) = documents.first() else { return Ok(documents) };
    let numbered = match portfolios::source_numbered(tx, set.part, portfolio_no).await? {
        Some(numbered) => numbered,
        None => {
            let numbered = first.source_sequence.is_some();
            if !validate_only {
                portfolios::insert_source(tx, set.part, portfolio_no, numbered).await?;
            }
            numbered
        }
    };
    let fits = |document: &Document| document.source_sequence.is_some() == numbered;
    let (fitting, others): (Vec<_>, Vec<_>) =
        documents.into_iter().partition(|(_, document)| fits(document));
    for (index, document) in others {
        let id = document.case_id.to_string();
        let error = if numbered {
            ItemError::SequenceRequired(id.clone())
        } else {
            ItemError::SequenceUnexpected(id.clone())
        };
        results.reject(index, &id, error);
    }
    Ok(fitting)
}
