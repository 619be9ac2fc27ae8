//! Giving leases back.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::CaseNo;
use crate::policy;
use crate::store::queue::lease::{LeaseEnd, LeaseRow};
use crate::store::{Class, Tx};

use super::super::spread::{Items, by_part, over_parts, values};
use super::super::working_set::{UNREPORTED_COOLING, WorkingSet};
use super::super::{Caller, Engine, Error, ItemError};
use super::LeaseToken;
use super::token::{self, Leases};

/// Gives leases back, each with whether nobody was dialled: then the attempt is
/// not counted and the case is ready again at once; otherwise it counts and the
/// debtor is left alone for half an hour. Where the debtor rang there is no attempt
/// either way. The same release again changes nothing.
///
/// # Errors
/// What the store says. Of single leases: `LeaseTokenMalformed`, `LeaseExpired`,
/// `LeaseSuperseded`.
pub async fn release_leases(
    engine: &Arc<Engine>,
    caller: &Caller,
    releases: Vec<(Result<LeaseToken, ItemError>, bool)>,
) -> Result<Vec<Result<(), ItemError>>, Error> {
    let parts = engine.parts(caller).await?;
    let releases = by_part(releases, |(token, _)| token::part_of(&parts, token.as_ref().ok()));
    let released = over_parts(releases, |part, releases| {
        engine.transact_in(part, &caller.subject, Class::Interactive, move |set, tx| {
            Box::pin(release_into(set, tx, releases))
        })
    });
    Ok(values(released.await?))
}

pub(super) async fn release_into(
    set: &mut WorkingSet,
    tx: &mut Tx,
    releases: Items<(Result<LeaseToken, ItemError>, bool)>,
) -> Result<Items<Result<(), ItemError>>, Error> {
    let tokens = releases.iter().filter_map(|(_, (token, _))| token.as_ref().ok());
    let leases = Leases::load(set, tx, tokens).await?;
    let mut released = HashMap::new();
    Ok(releases
        .into_iter()
        .map(|(at, (token, not_dialled))| {
            let lease = token.and_then(|token| leases.get(set, &token));
            let result =
                lease.and_then(|lease| release(set, (&leases, lease), not_dialled, &mut released));
            (at, result)
        })
        .collect())
}

fn release(
    set: &mut WorkingSet,
    (leases, lease): (&Leases, &LeaseRow),
    not_dialled: bool,
    released: &mut HashMap<(CaseNo, i64), LeaseEnd>,
) -> Result<(), ItemError> {
    let end = if not_dialled { LeaseEnd::ReleasedUndialled } else { LeaseEnd::Released };
    let key = (lease.case_no, lease.lease_seq);
    let before = released.get(&key).copied().or(lease.end.map(|(end, _)| end));
    if before == Some(end) {
        return Ok(());
    }
    leases.check_running(set, lease)?;
    let now = set.now;
    set.end_lease(lease.debtor_no, end, now);
    released.insert(key, end);
    if !policy::is_attempt(lease.taken_for) {
        return Ok(());
    }
    if not_dialled {
        set.debtor_mut(lease.debtor_no).record.uncount_attempt(lease.grant_time);
    } else {
        set.cool(lease.debtor_no, now.plus(UNREPORTED_COOLING));
    }
    Ok(())
}
