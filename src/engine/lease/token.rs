//! Tokens: which lease one names, and whether that lease still runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::{CaseNo, Part, Parts};
use crate::store::queue::lease::{self, LeaseRow};
use crate::store::{Tx, cases};

use super::super::stays;
use super::super::working_set::WorkingSet;
use super::super::{Error, ItemError};
use super::LeaseToken;

/// The leases that tokens of one call name.
pub(in super::super) struct Leases {
    rows: HashMap<(CaseNo, i64), LeaseRow>,
    /// Their cases that were given to debtors of other parts since, each with the number of
    /// its newest lease.
    gone: BTreeMap<CaseNo, i64>,
}

impl Leases {
    /// Loads the leases of tokens, and takes in hand their debtors: those they
    /// were granted on and those that the cases have now.
    pub(in super::super) async fn load<'a>(
        set: &mut WorkingSet,
        tx: &mut Tx,
        tokens: impl IntoIterator<Item = &'a LeaseToken>,
    ) -> Result<Leases, Error> {
        let leases = Leases::read(tx, set.part, tokens).await?;
        Leases::of(set, tx, leases).await
    }

    /// The rows of the leases that tokens name, as they are; nothing is taken in hand.
    pub(in super::super) async fn read<'a>(
        tx: &mut Tx,
        part: Part,
        tokens: impl IntoIterator<Item = &'a LeaseToken>,
    ) -> Result<Vec<LeaseRow>, Error> {
        let keys: BTreeSet<(CaseNo, i64)> = tokens
            .into_iter()
            .filter(|token| token.part == part.0)
            .map(|token| (CaseNo(token.case_no), token.lease_seq))
            .collect();
        let keys: Vec<(CaseNo, i64)> = keys.into_iter().collect();
        Ok(lease::load(tx, part, &keys).await?)
    }

    /// The same for leases that were read.
    pub(in super::super) async fn of(
        set: &mut WorkingSet,
        tx: &mut Tx,
        leases: Vec<LeaseRow>,
    ) -> Result<Leases, Error> {
        set.load_debtors(tx, leases.iter().map(|lease| lease.debtor_no)).await?;
        let strayed = leases.iter().flat_map(|lease| lease.case_nos.iter().copied());
        let mut strayed: BTreeSet<CaseNo> =
            strayed.filter(|case_no| set.case(*case_no).is_none()).collect();
        let mut gone = BTreeMap::new();
        if !strayed.is_empty() {
            let now_of = cases::debtors_of(tx, set.part, strayed.iter().copied()).await?;
            strayed.retain(|case_no| !now_of.contains_key(case_no));
            set.load_debtors(tx, now_of.into_values()).await?;
        }
        if !strayed.is_empty() {
            for (case_no, found) in stays::gone(tx, set.part, strayed).await? {
                let newest = match found {
                    Ok(found) => stays::lease_count(tx, (found.lives_in, found.case_no)).await?,
                    Err(_) => 0,
                };
                gone.insert(case_no, newest);
            }
        }
        let leases = read_ended(set, tx, leases).await?;
        let by_key = leases.into_iter().map(|lease| ((lease.case_no, lease.lease_seq), lease));
        Ok(Leases { rows: by_key.collect(), gone })
    }

    /// Cases of the leases that live in other parts now.
    pub(in super::super) fn gone(&self) -> impl Iterator<Item = CaseNo> {
        self.gone.keys().copied()
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
            .rows
            .get(&(CaseNo(token.case_no), token.lease_seq))
            .filter(|lease| token.part == set.part.0 && lease.lease_nonce == token.nonce)
            .ok_or(ItemError::LeaseTokenMalformed)?;
        set.check_debtor(lease.debtor_no)?;
        if !self.gone.contains_key(&lease.case_no) {
            set.in_hand(lease.case_no)?;
        }
        Ok(lease)
    }

    /// Refuses a lease that is over: `LeaseSuperseded` when the case was leased again
    /// since, wherever it lives, else `LeaseExpired`.
    pub(in super::super) fn check_running(
        &self,
        set: &WorkingSet,
        lease: &LeaseRow,
    ) -> Result<(), ItemError> {
        if runs(set, lease) {
            return Ok(());
        }
        let elsewhere = self.gone.get(&lease.case_no).copied();
        if elsewhere.unwrap_or_else(|| set.lease_seq(lease.case_no)) > lease.lease_seq {
            return Err(ItemError::LeaseSuperseded);
        }
        Err(ItemError::LeaseExpired(lease.end.map_or(lease.expire_time, |(_, at)| at)))
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
