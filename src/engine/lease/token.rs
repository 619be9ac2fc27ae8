//! Tokens: which lease one names, and whether that lease still runs.

use std::collections::{BTreeSet, HashMap};

use crate::model::{CaseNo, Part, Parts};
use crate::store::queue::lease::{self, LeaseRow};
use crate::store::{Tx, cases};

use super::super::working_set::WorkingSet;
use super::super::{Error, ItemError};
use super::LeaseToken;

/// The leases that tokens of one call name.
pub(in super::super) struct Leases(HashMap<(CaseNo, i64), LeaseRow>);

impl Leases {
    /// Loads the leases of tokens, and takes in hand their debtors: those they
    /// were granted on and those that the cases have now.
    pub(in super::super) async fn load<'a>(
        set: &mut WorkingSet,
        tx: &mut Tx,
        tokens: impl IntoIterator<Item = &'a LeaseToken>,
    ) -> Result<Leases, Error> {
        let part = set.part;
        let keys: BTreeSet<(CaseNo, i64)> = tokens
            .into_iter()
            .filter(|token| token.part == part.0)
            .map(|token| (CaseNo(token.case_no), token.lease_seq))
            .collect();
        let keys: Vec<(CaseNo, i64)> = keys.into_iter().collect();
        let leases = lease::load(tx, part, &keys).await?;
        set.load_debtors(tx, leases.iter().map(|lease| lease.debtor_no)).await?;
        let strayed = leases.iter().flat_map(|lease| lease.case_nos.iter().copied());
        let strayed: Vec<CaseNo> = strayed.filter(|case_no| set.case(*case_no).is_none()).collect();
        if !strayed.is_empty() {
            let now_of = cases::debtors_of(tx, part, strayed).await?;
            set.load_debtors(tx, now_of.into_values()).await?;
        }
        let leases = read_ended(set, tx, leases).await?;
        let by_key = leases.into_iter().map(|lease| ((lease.case_no, lease.lease_seq), lease));
        Ok(Leases(by_key.collect()))
    }

    /// The lease a token names.
    ///
    /// # Errors
    /// `LeaseTokenMalformed` when it names none of the caller's; `Unreadable` when its
    /// debtor or its case cannot be taken in hand.
    pub(in super::super) fn get(
        &self,
        set: &WorkingSet,
        token: &LeaseToken,
    ) -> Result<&LeaseRow, ItemError> {
        let lease = self
            .0
            .get(&(CaseNo(token.case_no), token.lease_seq))
            .filter(|lease| token.part == set.part.0 && lease.lease_nonce == token.nonce)
            .ok_or(ItemError::LeaseTokenMalformed)?;
        set.check_debtor(lease.debtor_no)?;
        set.in_hand(lease.case_no)?;
        Ok(lease)
    }
}

/// Reads leases again that have ended: whoever had their debtors may have done that, and
/// they were read before the debtors were in hand. Of one that runs nothing else changes
/// than how long.
async fn read_ended(
    set: &WorkingSet,
    tx: &mut Tx,
    mut leases: Vec<LeaseRow>,
) -> Result<Vec<LeaseRow>, Error> {
    if !tx.is_shared() {
        return Ok(leases);
    }
    let ended: Vec<(CaseNo, i64)> = leases
        .extract_if(.., |lease| set.check_debtor(lease.debtor_no).is_err() || !runs(set, lease))
        .map(|lease| (lease.case_no, lease.lease_seq))
        .collect();
    if !ended.is_empty() {
        leases.extend(lease::load(tx, set.part, &ended).await?);
    }
    Ok(leases)
}

/// The part whose leases can tell what a token names: its own if that is one of the
/// tenant's; any other of them refuses it.
pub(in super::super) fn part_of(parts: &Parts, token: Option<&LeaseToken>) -> Part {
    let named = token.map(|token| Part(token.part));
    named.filter(|part| parts.all().contains(part)).unwrap_or(parts.first())
}

/// Whether a lease runs.
pub(in super::super) fn runs(set: &WorkingSet, lease: &LeaseRow) -> bool {
    let running = set.running_lease(lease.debtor_no);
    running.is_some_and(|(case_no, seq, _)| (case_no, seq) == (lease.case_no, lease.lease_seq))
}

/// Refuses a lease that is over: `LeaseSuperseded` when the case was leased again
/// since, else `LeaseExpired`.
pub(super) fn check_running(set: &WorkingSet, lease: &LeaseRow) -> Result<(), ItemError> {
    if runs(set, lease) {
        return Ok(());
    }
    if set.lease_seq(lease.case_no) > lease.lease_seq {
        return Err(ItemError::LeaseSuperseded);
    }
    Err(ItemError::LeaseExpired(lease.end.map_or(lease.expire_time, |(_, at)| at)))
}
