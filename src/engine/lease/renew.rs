//! Prolonging leases, or telling the worker to stop.

use std::sync::Arc;

use crate::model::{CaseState, Gate, Micros};
use crate::policy::{Window, passes};
use crate::store::queue::lease::LeaseRow;
use crate::store::{Class, Tx};

use super::super::spread::{Items, by_part, over_parts, values};
use super::super::working_set::WorkingSet;
use super::super::{Caller, Engine, Error, ItemError};
use super::guard;
use super::token::{self, Leases};
use super::{Directive, LeaseToken, Renewal};

/// Prolongs leases to `duration` microseconds from now, or to the end of the
/// hours of contact where that comes first. A gate that a taken lease passes does not
/// stop it. A worker told to stop keeps the lease
/// until reporting or its end. Renewals stand in the order of the tokens.
///
/// # Errors
/// What the store says. Of single leases: `LeaseTokenMalformed`, `LeaseExpired`,
/// `LeaseSuperseded`.
pub async fn renew_leases(
    engine: &Arc<Engine>,
    caller: &Caller,
    tokens: Vec<Result<LeaseToken, ItemError>>,
    duration: i64,
) -> Result<Vec<Renewal>, Error> {
    let parts = engine.parts(caller).await?;
    let tokens = by_part(tokens, |token| token::part_of(&parts, token.as_ref().ok()));
    let renewed = over_parts(tokens, |part, tokens| {
        engine.transact_in(part, &caller.subject, Class::Interactive, move |set, tx| {
            Box::pin(renew_into(set, tx, tokens, duration))
        })
    });
    Ok(values(renewed.await?))
}

async fn renew_into(
    set: &mut WorkingSet,
    tx: &mut Tx,
    tokens: Items<Result<LeaseToken, ItemError>>,
    duration: i64,
) -> Result<Items<Renewal>, Error> {
    // What runs may be prolonged while nothing new is leased.
    guard::stopped_until(set, tx, duration).await?;
    let known = tokens.iter().filter_map(|(_, token)| token.as_ref().ok());
    let leases = Leases::load(set, tx, known).await?;
    let mut renewals = Vec::with_capacity(tokens.len());
    for (at, token) in tokens {
        let lease = match token.and_then(|token| leases.get(set, &token)) {
            Ok(lease) => lease,
            Err(error) => {
                renewals.push((at, Err(error)));
                continue;
            }
        };
        let renewal = match leases.check_running(set, lease) {
            Ok(()) => Ok(renew(set, lease, duration)?),
            Err(error) => Err(error),
        };
        renewals.push((at, renewal));
    }
    Ok(renewals)
}

/// What the worker of a running lease shall do: paid before hold before hours.
fn renew(set: &mut WorkingSet, lease: &LeaseRow, duration: i64) -> Result<Directive, Error> {
    let (head, now) = (&set.in_hand(lease.case_no)?.head, set.now);
    let stops = |gate: Gate| !passes(lease.taken_for, gate);
    let paid = head.park_until == Some(Micros::NEVER) && stops(Gate::Parked);
    if head.state != CaseState::Open || paid {
        return Ok(Directive::StopPaid);
    }
    let debtor = set.debtor(head.debtor_no);
    if head.hold_until.max(debtor.hold_until).is_some_and(|until| until > now) {
        return Ok(Directive::StopHold);
    }
    let (portfolio_no, zone_set_id) = (head.portfolio_no, debtor.zone_set_id);
    let end = now.plus(duration);
    let until = match set.calendar(portfolio_no, zone_set_id)?.window(now) {
        _ if !stops(Gate::Window) => end,
        Window::Open { until } => until.min(end),
        Window::Closed { .. } => return Ok(Directive::StopWindow),
    };
    set.prolong_lease(lease.debtor_no, until);
    Ok(Directive::Continue(until))
}
