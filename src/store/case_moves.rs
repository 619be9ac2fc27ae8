//! Rows of cases that go to another part: the events one by one as they are, the callers'
//! event ids with them, and what is left behind removed. What a case is ranked from and
//! where it stands is written where it arrives by whoever takes it there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::model::{CaseNo, DebtorNo, Part, PortfolioNo};

use super::db::{Batch, Column, Lock, Tx, Value, int_list, params, statements, text_list};
use super::events::{APPEND, INSERT_KEYS};
use super::{StoreError, events};

/// A case that goes to another part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    /// Where it lived.
    pub(crate) from: (Part, CaseNo),
    /// Where it lives from now on.
    pub(crate) to: (Part, CaseNo),
    /// Whose it is there.
    pub(crate) debtor_no: DebtorNo,
}

statements! {
    EVENTS = "SELECT case_seq, kind, event_time, record_time, event_id, body FROM case_event \
        WHERE part = $1 AND case_no = $2 AND case_seq > $3 ORDER BY case_seq LIMIT 1000";
    LOCK_KEYS = "SELECT event_id, kind, content_hash, case_nos, record_time FROM event_key \
        WHERE part = $1 AND portfolio_no = $2 AND event_id IN {texts:$3} \
        ORDER BY event_id {lock:event_key}";
    DROP_KEYS = "DELETE FROM event_key \
        WHERE part = $1 AND portfolio_no = $2 AND event_id IN {texts:$3}";
    DROP_EVENTS = "DELETE FROM case_event WHERE part = $1 AND case_no IN {ints:$2}";
    DROP_SOURCES = "DELETE FROM case_source WHERE part = $1 AND case_no IN {ints:$2}";
    DROP_PLACES = "DELETE FROM case_q WHERE part = $1 AND case_no IN {ints:$2}";
    DROP_HEADS = "DELETE FROM case_head WHERE part = $1 AND case_no IN {ints:$2}";
    DROP_CASES = "DELETE FROM loan_case WHERE part = $1 AND case_no IN {ints:$2}";
}

// The ids stand in an IN besides the join: SQLite takes a long list of rows for a huge one.
pub(crate) const CHANGE_KEYS: Batch = Batch {
    text: "WITH v(event_id, case_nos) AS (VALUES {rows}) \
        UPDATE event_key SET case_nos = v.case_nos FROM v WHERE event_key.part = $1 \
        AND event_key.portfolio_no = $2 AND event_key.event_id = v.event_id \
        {sqlite:AND event_key.event_id IN (SELECT event_id FROM v)}",
    fixed: 2,
    columns: &[Column::Text, Column::Text],
};

/// All batches of this file.
#[cfg(test)]
pub(crate) const BATCHES: &[Batch] = &[CHANGE_KEYS];

/// How many event ids are looked at in one statement.
const IDS_AT_ONCE: usize = 1_000;

/// Moves the rows of cases of a portfolio. Their debtors are in hand in both parts.
pub(crate) async fn carry(
    tx: &mut Tx,
    portfolio_no: PortfolioNo,
    moves: &[Move],
) -> Result<(), StoreError> {
    let mut told = Vec::with_capacity(moves.len());
    for one in moves {
        told.push((*one, copy_events(tx, one).await?));
    }
    move_keys(tx, portfolio_no, &told).await?;
    let mut by_part: BTreeMap<Part, Vec<i64>> = BTreeMap::new();
    for Move { from: (part, case_no), .. } in moves {
        by_part.entry(*part).or_default().push(case_no.0);
    }
    for (part, case_nos) in by_part {
        for sql in [DROP_EVENTS, DROP_SOURCES, DROP_PLACES, DROP_HEADS, DROP_CASES] {
            tx.execute(sql, params![part.0, int_list(case_nos.iter().copied())]).await?;
        }
    }
    Ok(())
}

type EventRow = (i64, i64, i64, i64, Option<String>, Vec<u8>);

/// Writes the events of a case where it goes; returns the callers' ids of them.
async fn copy_events(tx: &mut Tx, one: &Move) -> Result<BTreeSet<String>, StoreError> {
    let (from, to) = (one.from, one.to);
    let (mut after, mut ids) = (0, BTreeSet::new());
    loop {
        let page: Vec<EventRow> = tx.fetch_all(EVENTS, params![from.0.0, from.1.0, after]).await?;
        let Some((last, ..)) = page.last() else { return Ok(ids) };
        after = *last;
        let mut rows = Vec::with_capacity(page.len() * APPEND.columns.len());
        for (case_seq, kind, event_time, record_time, event_id, body) in page {
            ids.extend(event_id.clone());
            rows.extend(params![to.0.0, to.1.0, case_seq, kind]);
            rows.extend(params![event_time, record_time, event_id, body]);
        }
        tx.execute_batch(APPEND, vec![], rows).await?;
    }
}

/// What a caller's event id stands for in a part.
struct Key {
    kind: i64,
    content_hash: Vec<u8>,
    case_nos: BTreeSet<CaseNo>,
    record_time: i64,
    /// Whose the cases are; nothing for a key that is stored already.
    new_of: Option<DebtorNo>,
    changed: bool,
}

type Keys = BTreeMap<Part, BTreeMap<String, Key>>;

/// An event may be of several cases, of which some stay and some go: then its id stands in
/// several parts, in each for the cases that live there.
async fn move_keys(
    tx: &mut Tx,
    portfolio_no: PortfolioNo,
    told: &[(Move, BTreeSet<String>)],
) -> Result<(), StoreError> {
    let mut named: BTreeMap<Part, BTreeSet<&str>> = BTreeMap::new();
    for (one, ids) in told {
        for part in [one.from.0, one.to.0] {
            named.entry(part).or_default().extend(ids.iter().map(String::as_str));
        }
    }
    let mut keys = Keys::new();
    for (part, ids) in named {
        // A BTreeSet: in the order of their ids, so that no two wait for each other.
        let ids: Vec<&str> = ids.into_iter().collect();
        let mut found = BTreeMap::new();
        for ids in ids.chunks(IDS_AT_ONCE) {
            found.extend(lock_keys(tx, (part, portfolio_no), ids).await?);
        }
        keys.insert(part, found);
    }
    for (one, ids) in told {
        for event_id in ids {
            move_key(&mut keys, one, event_id);
        }
    }
    save_keys(tx, portfolio_no, keys).await
}

type KeyRow = (String, i64, Vec<u8>, String, i64);

async fn lock_keys(
    tx: &mut Tx,
    (part, portfolio_no): (Part, PortfolioNo),
    ids: &[&str],
) -> Result<Vec<(String, Key)>, StoreError> {
    let params = params![part.0, portfolio_no.0, text_list(ids.iter().copied())];
    let rows: Vec<KeyRow> = tx.fetch_locked(LOCK_KEYS, params, Lock::Wait).await?;
    let key = |(event_id, kind, content_hash, case_nos, record_time): KeyRow| {
        let case_nos = events::case_nos_of((part, portfolio_no, &event_id), &case_nos)?;
        let case_nos = case_nos.into_iter().collect();
        let (new_of, changed) = (None, false);
        Ok((event_id, Key { kind, content_hash, case_nos, record_time, new_of, changed }))
    };
    rows.into_iter().map(key).collect()
}

fn move_key(keys: &mut Keys, one: &Move, event_id: &str) {
    let (from, to) = (one.from, one.to);
    let before = keys.get_mut(&from.0).and_then(|keys| keys.get_mut(event_id));
    let Some(key) = before.filter(|key| key.case_nos.contains(&from.1)) else { return };
    key.case_nos.remove(&from.1);
    key.changed = true;
    let new = Key {
        kind: key.kind,
        content_hash: key.content_hash.clone(),
        case_nos: BTreeSet::new(),
        record_time: key.record_time,
        new_of: Some(one.debtor_no),
        changed: false,
    };
    let there = keys.entry(to.0).or_default().entry(event_id.to_owned()).or_insert(new);
    there.case_nos.insert(to.1);
    there.changed = true;
}

async fn save_keys(tx: &mut Tx, portfolio_no: PortfolioNo, keys: Keys) -> Result<(), StoreError> {
    for (part, keys) in keys {
        let changed: Vec<(String, Key)> = keys.into_iter().filter(|(_, key)| key.changed).collect();
        let (kept, empty): (Vec<_>, Vec<_>) =
            changed.into_iter().partition(|(_, key)| !key.case_nos.is_empty());
        let gone: Vec<&str> = empty
            .iter()
            .filter(|(_, key)| key.new_of.is_none())
            .map(|(event_id, _)| event_id.as_str())
            .collect();
        for ids in gone.chunks(IDS_AT_ONCE) {
            let ids = text_list(ids.iter().copied());
            tx.execute(DROP_KEYS, params![part.0, portfolio_no.0, ids]).await?;
        }
        let (mut new, mut other) = (Vec::new(), Vec::new());
        for (event_id, key) in kept {
            let case_nos: Vec<i64> = key.case_nos.iter().map(|case_no| case_no.0).collect();
            let case_nos = Json::from(case_nos).to_string();
            let Some(debtor_no) = key.new_of else {
                other.extend(params![event_id, case_nos]);
                continue;
            };
            let row: Vec<Value> = params![
                part.0,
                portfolio_no.0,
                event_id,
                key.kind,
                key.content_hash,
                debtor_no.0,
                case_nos,
                key.record_time,
            ];
            new.extend(row);
        }
        tx.execute_batch(INSERT_KEYS, vec![], new).await?;
        tx.execute_batch(CHANGE_KEYS, params![part.0, portfolio_no.0], other).await?;
    }
    Ok(())
}
