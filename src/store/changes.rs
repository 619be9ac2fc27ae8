//! What changed, in the order in which it became visible. A number that a transaction
//! takes for itself says nothing about when others see it: a reader behind number 7 would
//! miss number 6 that commits later. So where several transactions write at once each
//! leaves a row in the outbox, and one at a time moves what is committed into the log,
//! under consecutive numbers. Notes for the audit go the same way, so that its chain is
//! no lock that writers wait for. With one writer both happen in the transaction itself.

use std::collections::BTreeMap;

use prost::Message;

use crate::model::{CaseNo, Micros, Part};

use super::StoreError;
use super::audit::{self, NewAuditRow};
use super::db::{Lock, Tx, int_list, params, statements};
use super::encode::Place;
use super::encode::stored::{AuditNote, Changes, OutboxEntry};
use super::numbers::{self, NumberKind};

statements! {
    PUT = "INSERT INTO outbox (part, outbox_no, body) VALUES ($1, $2, $3)";
    // A named cross-part scan: rows are there for a moment only.
    WAITING = "SELECT DISTINCT part FROM outbox ORDER BY part";
    TAKE_UP = "INSERT INTO number_block (part, kind, next_no) VALUES ($1, 6, 1) \
        ON CONFLICT (part, kind) DO NOTHING";
    TURN = "SELECT n.next_no FROM number_block n WHERE n.part = $1 AND n.kind = 6 {lock:n}";
    VISIBLE = "SELECT outbox_no, body FROM outbox WHERE part = $1 ORDER BY outbox_no LIMIT 100000";
    TAKE_OUT = "DELETE FROM outbox WHERE part = $1 AND outbox_no IN {ints:$2}";
    APPEND = "INSERT INTO change_log (part, change_no, record_time, body) VALUES ($1, $2, $3, $4)";
    AFTER = "SELECT change_no, body FROM change_log WHERE part = $1 AND change_no > $2 \
        ORDER BY change_no LIMIT 16";
    OLDEST = "SELECT change_no FROM change_log WHERE part = $1 ORDER BY change_no LIMIT 1";
    PRUNE_CHANGES = "DELETE FROM change_log WHERE (part, change_no) IN (\
        SELECT part, change_no FROM change_log WHERE record_time <= $1 \
        ORDER BY record_time LIMIT 1000)";
}

/// Cases that changed, each with the number of its newest event.
pub(crate) type ChangedCases = BTreeMap<CaseNo, i64>;

/// The most cases of one row of the log.
const CASES_MAX: usize = 10_000;

/// Makes known, once this transaction is committed, which cases it changed, and what it
/// did for the audit.
pub(crate) async fn publish(
    tx: &mut Tx,
    part: Part,
    (actor, now): (&str, Micros),
    cases: ChangedCases,
    rows: &[NewAuditRow<'_>],
) -> Result<(), StoreError> {
    let notes: Vec<AuditNote> = rows.iter().map(|row| audit::note(row, actor, now)).collect();
    if !tx.is_shared() {
        audit::append(tx, part, &notes).await?;
        return append(tx, part, now, cases).await;
    }
    if cases.is_empty() && notes.is_empty() {
        return Ok(());
    }
    let changes = Some(changes_to(cases));
    let body = OutboxEntry { changes, audit_notes: notes }.encode_to_vec();
    tx.execute(PUT, params![part.0, outbox_no(tx.database_time().unwrap_or(now)), body]).await?;
    Ok(())
}

/// A key of the outbox: roughly by time, and no two alike but by a chance that runs the
/// transaction anew.
fn outbox_no(now: Micros) -> i64 {
    (now.0 << 12) | i64::from(rand::random_range(0..4_096_u16))
}

/// The parts with transactions that are not numbered yet.
pub(crate) async fn waiting(tx: &mut Tx) -> Result<Vec<Part>, StoreError> {
    let rows: Vec<(i64,)> = tx.fetch_all(WAITING, params![]).await?;
    Ok(rows.into_iter().map(|(part,)| Part(part)).collect())
}

/// Numbers the committed transactions of a part and chains their notes; where somebody
/// else is doing so, waits or leaves it to them.
pub(crate) async fn number(
    tx: &mut Tx,
    part: Part,
    now: Micros,
    lock: Lock,
) -> Result<(), StoreError> {
    tx.execute(TAKE_UP, params![part.0]).await?;
    let turn: Vec<(i64,)> = tx.fetch_locked(TURN, params![part.0], lock).await?;
    if turn.is_empty() {
        return Ok(());
    }
    let rows: Vec<(i64, Vec<u8>)> = tx.fetch_all(VISIBLE, params![part.0]).await?;
    let (mut cases, mut notes) = (ChangedCases::new(), Vec::new());
    for (outbox_no, body) in &rows {
        let place = Place { table: "outbox", part: part.0, key: *outbox_no };
        let entry: OutboxEntry = place.decode(body)?;
        notes.extend(entry.audit_notes);
        // Of two changes of a case the later one is the one with the later event.
        for (case_no, case_seq) in changes_from(&entry.changes.unwrap_or_default(), place)? {
            let newest = cases.entry(case_no).or_insert(case_seq);
            *newest = case_seq.max(*newest);
        }
    }
    audit::append(tx, part, &notes).await?;
    append(tx, part, now, cases).await?;
    let taken = int_list(rows.iter().map(|(outbox_no, _)| *outbox_no));
    tx.execute(TAKE_OUT, params![part.0, taken]).await?;
    Ok(())
}

async fn append(
    tx: &mut Tx,
    part: Part,
    now: Micros,
    mut cases: ChangedCases,
) -> Result<(), StoreError> {
    if cases.is_empty() {
        return Ok(());
    }
    let mut change_no = last(tx, part).await?;
    while !cases.is_empty() {
        let behind = cases.keys().nth(CASES_MAX).copied();
        let rest = behind.map(|behind| cases.split_off(&behind)).unwrap_or_default();
        change_no += 1;
        let body = changes_to(cases).encode_to_vec();
        tx.execute(APPEND, params![part.0, change_no, now.0, body]).await?;
        cases = rest;
    }
    numbers::note_last(tx, part, NumberKind::Change, change_no).await
}

/// The number of a part's newest change; 0 before the first.
pub(crate) async fn last(tx: &mut Tx, part: Part) -> Result<i64, StoreError> {
    numbers::last(tx, part, NumberKind::Change).await
}

/// The number of the oldest change that is kept.
pub(crate) async fn oldest(tx: &mut Tx, part: Part) -> Result<Option<i64>, StoreError> {
    let row: Option<(i64,)> = tx.fetch_optional(OLDEST, params![part.0]).await?;
    Ok(row.map(|(change_no,)| change_no))
}

/// Changes behind a number, at most 16, each with its number.
pub(crate) async fn after(
    tx: &mut Tx,
    part: Part,
    change_no: i64,
) -> Result<Vec<(i64, ChangedCases)>, StoreError> {
    let rows: Vec<(i64, Vec<u8>)> = tx.fetch_all(AFTER, params![part.0, change_no]).await?;
    let read = |(change_no, body): (i64, Vec<u8>)| {
        let place = Place { table: "change_log", part: part.0, key: change_no };
        Ok((change_no, changes_from(&place.decode(&body)?, place)?))
    };
    rows.into_iter().map(read).collect()
}

/// Removes changes up to an instant, at most 1,000; says whether there may be more.
pub(crate) async fn prune(tx: &mut Tx, until: Micros) -> Result<bool, StoreError> {
    Ok(tx.execute(PRUNE_CHANGES, params![until.0]).await? >= 1_000)
}

fn changes_to(cases: ChangedCases) -> Changes {
    let mut changes = Changes::default();
    let mut before = 0;
    for (case_no, case_seq) in cases {
        changes.case_no_steps.push(case_no.0 - before);
        changes.case_seqs.push(case_seq);
        before = case_no.0;
    }
    changes
}

fn changes_from(changes: &Changes, place: Place) -> Result<ChangedCases, StoreError> {
    if changes.case_no_steps.len() != changes.case_seqs.len() {
        return Err(place.corrupt("it has not as many cases as events"));
    }
    let mut cases = ChangedCases::new();
    let mut case_no = 0_i64;
    for (step, case_seq) in changes.case_no_steps.iter().zip(&changes.case_seqs) {
        let next = case_no.checked_add(*step).filter(|next| *next > case_no);
        case_no = next.ok_or_else(|| place.corrupt("its cases are not in order"))?;
        cases.insert(CaseNo(case_no), *case_seq);
    }
    Ok(cases)
}
