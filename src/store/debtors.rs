//! Debtors: whom leases, caps, holds and cooling belong to.

use std::collections::HashMap;

use crate::model::{CaseNo, DebtorNo, DebtorRecord, Micros, Part};

use super::db::{Batch, Column, Lock, Tx, int_list, params, statements, text_list};
use super::encode::{FACTS_VERSION, Place, debtor_from, debtor_to};
use super::error::readable;
use super::row::row;
use super::{Readable, StoreError};

/// A debtor as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debtor {
    /// The service's number.
    pub debtor_no: DebtorNo,
    /// The caller's id.
    pub debtor_id: String,
    /// The zones of all usable contact points; 0 = none known.
    pub zone_set_id: i64,
    /// Until when a hold on the debtor is in force.
    pub hold_until: Option<Micros>,
    /// Until when the debtor is left alone after a contact.
    pub cool_until: Option<Micros>,
    /// The leased case and when its lease ends.
    pub lease: Option<(CaseNo, Micros)>,
    /// Keys content hashes of the audit.
    pub salt: Vec<u8>,
    /// Holds and attempts.
    pub record: DebtorRecord,
}

/// A debtor that was asked for and whose row is there.
#[derive(Clone, Debug)]
pub(crate) struct FoundDebtor {
    /// The service's number.
    pub(crate) debtor_no: DebtorNo,
    /// The row, or what is wrong with it.
    pub(crate) read: Readable<Debtor>,
}

statements! {
    IDS_OF = "SELECT debtor_no, debtor_id FROM debtor \
        WHERE part = $1 AND debtor_no IN {ints:$2}";
    // Joined from the list: with an IN the planner would rather walk the tenant.
    NUMBERS_OF = "SELECT d.debtor_id, d.debtor_no \
        FROM {texts:$2} AS l CROSS JOIN debtor d WHERE d.part = $1 AND d.debtor_id = l.value";
    LOAD = "SELECT debtor_no, debtor_id, zone_set_id, hold_until, cool_until, \
        lease_case_no, lease_until, salt, body FROM debtor \
        WHERE part = $1 AND debtor_no IN {ints:$2} ORDER BY debtor_no {lock:debtor}";
    LOAD_OF_CASES = "SELECT debtor_no, debtor_id, zone_set_id, hold_until, cool_until, \
        lease_case_no, lease_until, salt, body FROM debtor \
        WHERE part = $1 AND debtor_no IN \
        (SELECT debtor_no FROM case_head WHERE part = $1 AND case_no IN {ints:$2}) \
        ORDER BY debtor_no {lock:debtor}";
}

const INT: Column = Column::Int;

pub(crate) const SAVE: Batch = Batch {
    text: "INSERT INTO debtor (part, debtor_no, debtor_id, zone_set_id, hold_until, cool_until, \
        lease_case_no, lease_until, salt, body, body_version) VALUES {rows} \
        ON CONFLICT (part, debtor_no) DO UPDATE SET \
        zone_set_id = excluded.zone_set_id, hold_until = excluded.hold_until, \
        cool_until = excluded.cool_until, lease_case_no = excluded.lease_case_no, \
        lease_until = excluded.lease_until, body = excluded.body, \
        body_version = excluded.body_version",
    fixed: 0,
    columns: &[INT, INT, Column::Text, INT, INT, INT, INT, INT, Column::Blob, Column::Blob, INT],
};

/// All batches of this file.
#[cfg(test)]
pub(crate) const BATCHES: &[Batch] = &[SAVE];

row! {
    struct DebtorRow {
        debtor_no: i64,
        debtor_id: String,
        zone_set_id: i64,
        hold_until: Option<i64>,
        cool_until: Option<i64>,
        lease_case_no: Option<i64>,
        lease_until: Option<i64>,
        salt: Vec<u8>,
        body: Vec<u8>,
    }
}

impl DebtorRow {
    fn found(self, part: Part) -> Result<FoundDebtor, StoreError> {
        let debtor_no = DebtorNo(self.debtor_no);
        Ok(FoundDebtor { debtor_no, read: readable(self.debtor(part))? })
    }

    fn debtor(self, part: Part) -> Result<Debtor, StoreError> {
        let place = Place { table: "debtor", part: part.0, key: self.debtor_no };
        Ok(Debtor {
            debtor_no: DebtorNo(self.debtor_no),
            debtor_id: self.debtor_id,
            zone_set_id: self.zone_set_id,
            hold_until: self.hold_until.map(Micros),
            cool_until: self.cool_until.map(Micros),
            lease: self.lease_case_no.map(CaseNo).zip(self.lease_until.map(Micros)),
            salt: self.salt,
            record: debtor_from(&self.body, place)?,
        })
    }
}

/// The numbers of debtors by the callers' ids; those that are not stored are left out.
pub(crate) async fn numbers_of<'a>(
    tx: &mut Tx,
    part: Part,
    debtor_ids: impl IntoIterator<Item = &'a str>,
) -> Result<HashMap<String, DebtorNo>, StoreError> {
    let rows: Vec<(String, i64)> =
        tx.fetch_all(NUMBERS_OF, params![part.0, text_list(debtor_ids)]).await?;
    Ok(rows.into_iter().map(|(id, debtor_no)| (id, DebtorNo(debtor_no))).collect())
}

/// The callers' ids of debtors by number; those that are not stored are left out.
pub(crate) async fn ids_of(
    tx: &mut Tx,
    part: Part,
    debtor_nos: impl IntoIterator<Item = DebtorNo>,
) -> Result<HashMap<DebtorNo, String>, StoreError> {
    let list = int_list(debtor_nos.into_iter().map(|debtor_no| debtor_no.0));
    let rows: Vec<(i64, String)> = tx.fetch_all(IDS_OF, params![part.0, list]).await?;
    Ok(rows.into_iter().map(|(debtor_no, id)| (DebtorNo(debtor_no), id)).collect())
}

/// Loads debtors by number; the caller knows which were to be there.
pub(crate) async fn load(
    tx: &mut Tx,
    part: Part,
    debtor_nos: impl IntoIterator<Item = DebtorNo>,
    lock: Lock,
) -> Result<Vec<FoundDebtor>, StoreError> {
    let list = int_list(debtor_nos.into_iter().map(|debtor_no| debtor_no.0));
    let rows: Vec<DebtorRow> = tx.fetch_locked(LOAD, params![part.0, list], lock).await?;
    rows.into_iter().map(|row| row.found(part)).collect()
}

/// Loads the debtors of cases; the caller knows which were to be there.
pub(crate) async fn load_of_cases(
    tx: &mut Tx,
    part: Part,
    case_nos: impl IntoIterator<Item = CaseNo>,
    lock: Lock,
) -> Result<Vec<FoundDebtor>, StoreError> {
    let list = int_list(case_nos.into_iter().map(|case_no| case_no.0));
    let rows: Vec<DebtorRow> = tx.fetch_locked(LOAD_OF_CASES, params![part.0, list], lock).await?;
    rows.into_iter().map(|row| row.found(part)).collect()
}

/// Writes or replaces debtors.
pub(crate) async fn save<'a>(
    tx: &mut Tx,
    part: Part,
    debtors: impl IntoIterator<Item = &'a Debtor>,
) -> Result<(), StoreError> {
    let micros = |time: Option<Micros>| time.map(|time| time.0);
    let mut rows = Vec::new();
    for debtor in debtors {
        rows.extend(params![
            part.0,
            debtor.debtor_no.0,
            debtor.debtor_id.as_str(),
            debtor.zone_set_id,
            micros(debtor.hold_until),
            micros(debtor.cool_until),
            debtor.lease.map(|(case_no, _)| case_no.0),
            debtor.lease.map(|(_, until)| until.0),
            debtor.salt.as_slice(),
            debtor_to(&debtor.record),
            FACTS_VERSION,
        ]);
    }
    tx.execute_batch(SAVE, vec![], rows).await?;
    Ok(())
}
