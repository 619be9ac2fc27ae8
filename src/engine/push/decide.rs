//! What becomes of a document for a case that is known.

use crate::model::{Gate, Micros};
use crate::store::cases::source::StoredDocument;

use super::documents::Prepared;
use super::{Disposition, Document};

/// What becomes of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It replaces what is stored.
    Take(Disposition),
    /// It says what is stored; the ledger's instant and number move on.
    Renew,
    /// It says what is stored, and that the ledger now knows of a payment or
    /// reversal it did not know of, or is no longer too old to serve the case.
    Absorb,
    /// It is what is stored, to the letter.
    Same,
    /// It is older than what is stored.
    Stale,
}

/// Compares by number where the source numbers its documents, else by instant.
/// The same number or instant with other content is a correction.
pub(super) fn decide(known: &StoredDocument, new: &Prepared) -> Decision {
    let document = &new.document;
    let order = match (document.source_sequence, known.source_sequence) {
        (Some(new), Some(old)) => new.cmp(&old),
        _ => document.as_of.cmp(&known.as_of),
    };
    let same_content = known.content_hash == new.encoded.content_hash;
    match order {
        std::cmp::Ordering::Less => Decision::Stale,
        std::cmp::Ordering::Equal if !same_content => Decision::Take(Disposition::Corrected),
        _ if !same_content => Decision::Take(Disposition::Updated),
        _ if changes_absorption(known, document.as_of) => Decision::Absorb,
        _ if !moved(known, document) => Decision::Same,
        _ if known.withheld_by == Some(Gate::LedgerOld) => Decision::Absorb,
        _ => Decision::Renew,
    }
}

fn moved(known: &StoredDocument, document: &Document) -> bool {
    document.as_of != known.as_of || document.source_sequence != known.source_sequence
}

/// Whether the new instant reaches the first payment or reversal that the old
/// one did not, or falls back behind the old one, so that payments between the
/// two are no longer known to the ledger.
fn changes_absorption(known: &StoredDocument, new: Micros) -> bool {
    new < known.as_of || known.absorb_at.is_some_and(|at| new >= at)
}
