//! What sources say of cases (`case_source`), and what a push compares its
//! documents with.

use std::collections::HashMap;

use crate::model::{
    Arm, CaseNo, CaseState, Day, DebtorId, DebtorNo, Facts, Gate, Micros, Part, PortfolioNo, Rank,
    RecoveryGroup, RuleSetId,
};

use super::super::db::{Batch, Column, Lock, Tx, int_list, params, statements, text_list};
use super::super::encode::{FACTS_VERSION, Place, content_hash, encode_facts, route_from};
use super::super::error::readable;
use super::super::row::row;
use super::super::{Damage, Readable, StoreError};
use super::head::route_column;

/// The source every case has; more sources come with later settings.
const SOURCE_DEFAULT: i64 = 1;

/// The facts of a document as they are stored. Made once and before the writer is
/// taken: its row and its event hold the same bytes, and the hash is over them.
#[derive(Clone, Debug)]
pub struct EncodedFacts {
    pub(in super::super) bytes: Vec<u8>,
    /// The hash of what the document says, the debtor included; sequence and
    /// instant are not content.
    pub content_hash: [u8; 32],
}

impl EncodedFacts {
    /// Encodes what a document says of a case of this debtor.
    pub fn new(debtor_id: &DebtorId, facts: &Facts) -> EncodedFacts {
        let bytes = encode_facts(facts);
        EncodedFacts { content_hash: content_hash(debtor_id, &bytes), bytes }
    }
}

/// The newest document of a case and where it has put it: what a push needs to
/// know of a document that changes nothing.
#[derive(Clone, Debug)]
pub struct StoredDocument {
    /// The case.
    pub case_no: CaseNo,
    /// Who owes.
    pub debtor_no: DebtorNo,
    /// The hash of what it says.
    pub content_hash: Vec<u8>,
    /// The instant the ledger speaks of.
    pub as_of: Micros,
    /// Its number.
    pub source_sequence: Option<i64>,
    /// The earliest payment or reversal the ledger does not know of.
    pub absorb_at: Option<Micros>,
    /// The state of the case.
    pub state: CaseState,
    /// Its rank.
    pub rank: Rank,
    /// The gate that withholds it, as last placed.
    pub withheld_by: Option<Gate>,
}

/// A document to be written.
#[derive(Clone, Debug)]
pub struct SourceDocument<'a> {
    /// The case.
    pub case_no: CaseNo,
    /// The instant it speaks of.
    pub as_of: Micros,
    /// Its number.
    pub source_sequence: Option<i64>,
    /// What it says.
    pub facts: &'a EncodedFacts,
}

/// A document that says what is stored, of a later instant or with another number.
#[derive(Clone, Copy, Debug)]
pub struct Renewal {
    /// The case.
    pub case_no: CaseNo,
    /// The instant it speaks of.
    pub as_of: Micros,
    /// Its number.
    pub source_sequence: Option<i64>,
    /// The last event of the case when it was compared.
    pub known_case_seq: i64,
    /// The instant of the ledger when it was compared.
    pub known_as_of: Micros,
}

statements! {
    LOCK_HEADS = "SELECT case_no FROM case_head WHERE part = $1 AND case_no IN {ints:$2} \
        ORDER BY case_no {lock:case_head}";
    TOO_OLD = "SELECT case_no FROM case_q WHERE part = $1 AND case_no IN {ints:$2} \
        AND withheld_by = 9 LIMIT 1";
    // A row that is missing reads as a state of 0 or as no hash, which none has.
    FIND_DOCUMENTS = concat!("SELECT c.case_id, s.content_hash, c.case_no, \
        COALESCE(h.debtor_no, 0) AS debtor_no, COALESCE(h.as_of, 0) AS as_of, \
        h.ledger_sequence, h.absorb_at, COALESCE(h.state, 0) AS state, \
        COALESCE(h.recovery_group, 0) AS recovery_group, COALESCE(h.score, 0) AS score, \
        COALESCE(h.priority, 0) AS priority, COALESCE(h.rule_set_id, 0) AS rule_set_id, \
        COALESCE(h.rank_date, 0) AS rank_date, COALESCE(h.case_seq, 0) AS case_seq, \
        h.arm, ", route_column!(), ", q.withheld_by FROM loan_case c \
        LEFT JOIN case_head h ON h.part = $1 AND h.case_no = c.case_no \
        LEFT JOIN case_source s ON s.part = $1 AND s.case_no = c.case_no AND s.source_no = 1 \
        LEFT JOIN case_q q ON q.part = $1 AND q.case_no = c.case_no \
        WHERE c.part = $1 AND c.portfolio_no = $2 AND c.case_id IN {texts:$3}");
}

const INT: Column = Column::Int;

pub(crate) const SAVE_SOURCES: Batch = Batch {
    text: "INSERT INTO case_source (part, case_no, source_no, content_hash, as_of, \
        source_sequence, facts, facts_version) VALUES {rows} \
        ON CONFLICT (part, case_no, source_no) DO UPDATE SET \
        content_hash = excluded.content_hash, as_of = excluded.as_of, \
        source_sequence = excluded.source_sequence, facts = excluded.facts, \
        facts_version = excluded.facts_version",
    fixed: 0,
    columns: &[INT, INT, INT, Column::Blob, INT, INT, Column::Blob, INT],
};

// The numbers stand in an IN besides the join; see `SAVE_HISTORIES`.
pub(crate) const RENEW: Batch = Batch {
    text: "WITH v(case_no, as_of, ledger_sequence, case_seq, known_as_of) AS (VALUES {rows}) \
        UPDATE case_head SET as_of = v.as_of, ledger_sequence = v.ledger_sequence FROM v \
        WHERE case_head.part = $1 AND case_head.case_no = v.case_no \
        AND case_head.case_seq = v.case_seq AND case_head.as_of = v.known_as_of \
        {sqlite:AND case_head.case_no IN (SELECT case_no FROM v)}",
    fixed: 1,
    columns: &[INT, INT, INT, INT, INT],
};

/// All batches of this file.
#[cfg(test)]
pub(crate) const BATCHES: &[Batch] = &[SAVE_SOURCES, RENEW];

row! {
    struct DocumentRow {
        case_id: String,
        content_hash: Option<Vec<u8>>,
        case_no: i64,
        debtor_no: i64,
        as_of: i64,
        ledger_sequence: Option<i64>,
        absorb_at: Option<i64>,
        state: i64,
        recovery_group: i64,
        score: i64,
        priority: i64,
        rule_set_id: i64,
        rank_date: i64,
        case_seq: i64,
        arm: Option<i64>,
        route: Option<String>,
        withheld_by: Option<i64>,
    }
}

/// Finds the newest documents of cases of a portfolio by the callers' ids; cases
/// that are not stored are left out.
pub(crate) async fn find_documents<'a>(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
    case_ids: impl IntoIterator<Item = &'a str>,
) -> Result<HashMap<String, Readable<StoredDocument>>, StoreError> {
    let rows: Vec<DocumentRow> =
        tx.fetch_all(FIND_DOCUMENTS, params![part.0, portfolio_no.0, text_list(case_ids)]).await?;
    rows.into_iter().map(|row| Ok((row.case_id.clone(), readable(document(row, part))?))).collect()
}

fn document(row: DocumentRow, part: Part) -> Result<StoredDocument, StoreError> {
    if row.state == 0 {
        return Err(Damage::missing("case_head", part, row.case_no).into());
    }
    let Some(content_hash) = row.content_hash else {
        return Err(Damage::missing("case_source", part, row.case_no).into());
    };
    let place = Place { table: "case_head", part: part.0, key: row.case_no };
    let int = |name: &str, value: i64| {
        i32::try_from(value).map_err(|_| place.corrupt(format!("{name} is {value}")))
    };
    let unknown = |name: &str, value: i64| place.corrupt(format!("{name} {value} is not known"));
    let withheld_by = match row.withheld_by {
        Some(gate) => Some(Gate::from_number(gate).ok_or_else(|| unknown("withheld_by", gate))?),
        None => None,
    };
    let arm = match row.arm {
        Some(arm) => Some(Arm::from_number(arm).ok_or_else(|| unknown("arm", arm))?),
        None => None,
    };
    Ok(StoredDocument {
        case_no: CaseNo(row.case_no),
        debtor_no: DebtorNo(row.debtor_no),
        content_hash,
        as_of: Micros(row.as_of),
        source_sequence: row.ledger_sequence,
        absorb_at: row.absorb_at.map(Micros),
        state: CaseState::from_number(row.state).ok_or_else(|| unknown("state", row.state))?,
        rank: Rank {
            group: RecoveryGroup::from_number(row.recovery_group)
                .ok_or_else(|| unknown("recovery_group", row.recovery_group))?,
            score: int("score", row.score)?,
            priority: int("priority", row.priority)?,
            rule_set_id: RuleSetId(row.rule_set_id),
            rank_date: Day(int("rank_date", row.rank_date)?),
            case_seq: row.case_seq,
            arm,
            route: route_from(row.route.as_deref(), place)?,
        },
        withheld_by,
    })
}

/// Writes or replaces what the source says of cases.
pub(crate) async fn save_sources(
    tx: &mut Tx,
    part: Part,
    documents: &[SourceDocument<'_>],
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(documents.len() * SAVE_SOURCES.columns.len());
    for document in documents {
        rows.extend(params![
            part.0,
            document.case_no.0,
            SOURCE_DEFAULT,
            &document.facts.content_hash[..],
            document.as_of.0,
            document.source_sequence,
            document.facts.bytes.as_slice(),
            FACTS_VERSION,
        ]);
    }
    tx.execute_batch(SAVE_SOURCES, vec![], rows).await?;
    Ok(())
}

/// Notes that the ledger said the same anew: the narrowest write there is. Where others
/// write too, the rows are locked first, and none that somebody has is waited for.
///
/// # Errors
/// `Conflict` where a case has changed since it was compared.
pub(crate) async fn renew(tx: &mut Tx, part: Part, renewals: &[Renewal]) -> Result<(), StoreError> {
    if renewals.is_empty() {
        return Ok(());
    }
    if tx.is_shared() {
        let case_nos = int_list(renewals.iter().map(|renewal| renewal.case_no.0));
        let params = params![part.0, case_nos];
        let locked: Vec<(i64,)> = tx.fetch_locked(LOCK_HEADS, params.clone(), Lock::Skip).await?;
        let too_old: Vec<(i64,)> = tx.fetch_all(TOO_OLD, params).await?;
        if locked.len() < renewals.len() || !too_old.is_empty() {
            return Err(tx.conflict("a case was changed while its document was compared"));
        }
    }
    let mut rows = Vec::with_capacity(renewals.len() * RENEW.columns.len());
    for renewal in renewals {
        rows.extend(params![
            renewal.case_no.0,
            renewal.as_of.0,
            renewal.source_sequence,
            renewal.known_case_seq,
            renewal.known_as_of.0,
        ]);
    }
    let touched = tx.execute_batch(RENEW, params![part.0], rows).await?;
    if usize::try_from(touched).ok() != Some(renewals.len()) {
        return Err(tx.conflict("a case was changed while its document was compared"));
    }
    Ok(())
}
