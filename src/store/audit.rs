//! The audit: appended only, each row chained to the one before it. A row holds
//! no content, only a hash of it. Rows come by way of `store::changes`.

use crate::model::{CaseNo, Micros, Part};

use super::StoreError;
use super::db::{Batch, Column, Tx, params, statements};
use super::encode::stored::AuditNote;
use super::numbers::{self, NumberKind};

statements! {
    LAST = "SELECT audit_no, chain_hash FROM audit WHERE part = $1 ORDER BY audit_no DESC LIMIT 1";
    PAGE = "SELECT audit_no, kind, case_no, actor, record_time, content_hash, chain_hash \
        FROM audit WHERE part = $1 AND audit_no > $2 ORDER BY audit_no LIMIT 1000";
}

const INT: Column = Column::Int;

pub(crate) const INSERT: Batch = Batch {
    text: "INSERT INTO audit (part, audit_no, kind, case_no, actor, record_time, content_hash, \
        chain_hash) VALUES {rows}",
    fixed: 0,
    columns: &[INT, INT, Column::Text, INT, Column::Text, INT, Column::Blob, Column::Blob],
};

/// All batches of this file.
#[cfg(test)]
pub(crate) const BATCHES: &[Batch] = &[INSERT];

/// Something to note.
#[derive(Clone, Debug)]
pub struct NewAuditRow<'a> {
    /// What was done, such as `hold.placed`.
    pub kind: &'static str,
    /// To which case, if to one.
    pub case_no: Option<CaseNo>,
    /// The content, never stored: only its hash is.
    pub content: &'a [u8],
    /// Keys the hash; empty for what is not personal.
    pub salt: &'a [u8],
}

/// A row before it has a number and is chained.
pub(super) fn note(row: &NewAuditRow<'_>, actor: &str, now: Micros) -> AuditNote {
    AuditNote {
        kind: row.kind.to_owned(),
        case_no: row.case_no.map_or(0, |case_no| case_no.0),
        actor: actor.to_owned(),
        record_time: now.0,
        content_hash: keyed_hash(row.salt, row.content),
    }
}

/// Numbers notes and chains them to the audit of a part. One at a time does so: the
/// writer, or whoever has the part's outbox in hand.
pub(super) async fn append(tx: &mut Tx, part: Part, notes: &[AuditNote]) -> Result<(), StoreError> {
    if notes.is_empty() {
        return Ok(());
    }
    let last: Option<(i64, Vec<u8>)> = tx.fetch_optional(LAST, params![part.0]).await?;
    let (mut audit_no, mut chain_hash) = last.unwrap_or((0, vec![0; 32]));
    let mut values = Vec::with_capacity(notes.len() * INSERT.columns.len());
    for note in notes {
        audit_no += 1;
        let (kind, actor, time) = (note.kind.as_str(), note.actor.as_str(), note.record_time);
        let case_no = (note.case_no != 0).then_some(note.case_no);
        let said = (kind, case_no, actor, Micros(time));
        chain_hash = link(&chain_hash, audit_no, said, &note.content_hash);
        values.extend(params![
            part.0,
            audit_no,
            kind,
            case_no,
            actor,
            time,
            note.content_hash.as_slice(),
            chain_hash.as_slice(),
        ]);
    }
    tx.execute_batch(INSERT, vec![], values).await?;
    numbers::note_last(tx, part, NumberKind::Audit, audit_no).await
}

/// Checks the chain of a part; returns how many rows it has. Rows gone from its end
/// leave the chain whole, so the number of the last one is noted beside it.
pub(crate) async fn verify(tx: &mut Tx, part: Part) -> Result<i64, StoreError> {
    type Row = (i64, String, Option<i64>, String, i64, Vec<u8>, Vec<u8>);
    let (mut audit_no, mut chain_hash) = (0, vec![0; 32]);
    loop {
        let rows: Vec<Row> = tx.fetch_all(PAGE, params![part.0, audit_no]).await?;
        if rows.is_empty() {
            let last = numbers::last(tx, part, NumberKind::Audit).await?;
            return if last == audit_no { Ok(audit_no) } else { Err(broken(part, audit_no + 1)) };
        }
        for (number, kind, case_no, actor, time, content_hash, stored) in rows {
            let said = (kind.as_str(), case_no, actor.as_str(), Micros(time));
            let expected = link(&chain_hash, audit_no + 1, said, &content_hash);
            // No case is 0, and the chain reads it like no case.
            if number != audit_no + 1 || stored != expected || case_no == Some(0) {
                return Err(broken(part, number));
            }
            (audit_no, chain_hash) = (number, stored);
        }
    }
}

fn broken(part: Part, audit_no: i64) -> StoreError {
    StoreError::Corrupt {
        table: "audit",
        key: format!("({part}, {audit_no})"),
        why: "the chain is broken".to_owned(),
    }
}

fn keyed_hash(salt: &[u8], content: &[u8]) -> Vec<u8> {
    let key = blake3::derive_key("arrears audit content", salt);
    blake3::keyed_hash(&key, content).as_bytes().to_vec()
}

/// The chain's hash over a row: kind, case, actor and time are `said`.
fn link(
    before: &[u8],
    audit_no: i64,
    said: (&str, Option<i64>, &str, Micros),
    content_hash: &[u8],
) -> Vec<u8> {
    let (kind, case_no, actor, time) = said;
    let mut hasher = blake3::Hasher::new();
    hasher.update(before);
    hasher.update(&audit_no.to_be_bytes());
    for text in [kind, actor] {
        hasher.update(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.update(&case_no.unwrap_or(0).to_be_bytes());
    hasher.update(&time.0.to_be_bytes());
    hasher.update(content_hash);
    hasher.finalize().as_bytes().to_vec()
}
