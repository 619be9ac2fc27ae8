//! Which documents of a call count: one a case, numbered or not as the source is.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{CaseId, Part, Parts, PortfolioId, PortfolioNo};
use crate::store::cases::source::EncodedFacts;
use crate::store::{Tx, portfolios};

use super::super::spread::{Items, in_order};
use super::super::{Error, ItemError};
use super::{Disposition, Document, PushCommand, PushResult, Rejected};

/// The results of a call as they come to be known, with their places in the request.
#[derive(Clone, Default)]
pub(super) struct Results(Items<PushResult>);

impl Results {
    /// Results that are known already.
    pub(super) fn of(known: Items<PushResult>) -> Results {
        Results(known)
    }

    pub(super) fn set(&mut self, index: usize, result: PushResult) {
        self.0.push((index, result));
    }

    pub(super) fn reject(&mut self, index: usize, case_id: &str, error: ItemError) {
        self.set(index, PushResult::bare(case_id, Err(error)));
    }

    /// All results in the order of the request.
    pub(super) fn finish(self) -> Items<PushResult> {
        in_order(self.0)
    }
}

/// In an atomic call one rejection rejects all.
pub(super) fn all_or_nothing(results: &Items<PushResult>) -> Result<(), Error> {
    let rejected = |(index, result): &(usize, PushResult)| {
        result.disposition.as_ref().err().map(|error| (*index, error.clone()))
    };
    let rejected: Vec<(usize, ItemError)> = results.iter().filter_map(rejected).collect();
    if rejected.is_empty() { Ok(()) } else { Err(Error::AtomicRejected(rejected)) }
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

/// A document that counts, ready to be written.
#[derive(Clone)]
pub(super) struct Prepared {
    /// Its place in the request.
    pub(super) index: usize,
    pub(super) document: Document,
    pub(super) encoded: EncodedFacts,
    /// Where its case lives, where that is another part than the one of its debtor.
    pub(super) lives_in: Option<Part>,
}

/// The documents of a call, as they are handed to the writer.
#[derive(Clone)]
pub(super) struct Push {
    pub(super) portfolio_id: PortfolioId,
    /// Those that count, one a case.
    pub(super) documents: Vec<Prepared>,
    /// What is known of the others.
    pub(super) results: Results,
    pub(super) atomic: bool,
    /// Check and rank, store nothing.
    pub(super) dry: bool,
    /// The parts of the tenant, where those are several.
    pub(super) spread: Option<Arc<Parts>>,
    /// Where cases live is looked up within the transaction: what was known before it
    /// was wrong.
    pub(super) anew: bool,
}

impl Push {
    /// Finds the documents that count and encodes them, so that the writer need
    /// not: of two for one case the one with the higher number, else the later one.
    pub(super) fn prepare(command: PushCommand) -> Push {
        let mut results = Results::default();
        let wins = winners(&command.documents, &mut results);
        let documents = command.documents.into_iter().zip(wins).enumerate();
        let prepared = documents.filter(|(_, (_, wins))| *wins).filter_map(|(index, (one, _))| {
            let document = one.ok()?;
            let encoded = EncodedFacts::new(&document.debtor_id, &document.facts);
            Some(Prepared { index, document, encoded, lives_in: None })
        });
        Push {
            portfolio_id: command.portfolio_id,
            documents: prepared.collect(),
            results,
            atomic: command.atomic,
            dry: command.validate_only,
            spread: None,
            anew: false,
        }
    }
}

/// Which documents count; the others get their results.
fn winners(documents: &[Result<Document, Rejected>], results: &mut Results) -> Vec<bool> {
    let mut wins = vec![false; documents.len()];
    let mut by_case: HashMap<&CaseId, (usize, Option<i64>)> = HashMap::new();
    for (index, document) in documents.iter().enumerate() {
        let document = match document {
            Ok(document) => document,
            Err(rejected) => {
                let error = ItemError::Invalid(rejected.violations.clone());
                results.reject(index, &rejected.case_id, error);
                continue;
            }
        };
        let this = (index, document.source_sequence);
        let winner = by_case.entry(&document.case_id).or_insert(this);
        if winner.0 != index {
            let loser = if winner.1 > this.1 { this } else { std::mem::replace(winner, this) };
            wins[loser.0] = false;
            let superseded = Ok(Disposition::Superseded);
            results.set(loser.0, PushResult::bare(document.case_id.as_str(), superseded));
        }
        wins[winner.0] = true;
    }
    wins
}

/// Rejects documents that have a number where the source does not number, or the
/// other way round. The first document a source ever sends decides.
pub(super) async fn check_numbering(
    tx: &mut Tx,
    (part, portfolio_no): (Part, PortfolioNo),
    documents: Vec<Prepared>,
    mode: (&mut Results, bool),
) -> Result<Vec<Prepared>, Error> {
    let (results, validate_only) = mode;
    let Some(first) = documents.first().map(|first| &first.document) else {
        return Ok(documents);
    };
    let numbered = match portfolios::source_numbered(tx, part, portfolio_no).await? {
        Some(numbered) => numbered,
        None => {
            let numbered = first.source_sequence.is_some();
            if !validate_only {
                portfolios::insert_source(tx, part, portfolio_no, numbered).await?;
            }
            // Another push may have been the first.
            let first = portfolios::source_numbered(tx, part, portfolio_no).await?;
            first.unwrap_or(numbered)
        }
    };
    let fits = |one: &Prepared| one.document.source_sequence.is_some() == numbered;
    let (fitting, others): (Vec<_>, Vec<_>) = documents.into_iter().partition(fits);
    for Prepared { index, document, .. } in others {
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
