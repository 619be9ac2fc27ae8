//! Recording events: payments, reversals, holds, lifts.

use std::sync::Arc;

use crate::model::{CaseId, DebtorId, EventId, HoldKind, Micros, Part, PortfolioId, Violations};
use crate::store::Class;

use super::spread::{Items, values};
use super::{Caller, Engine, Error, ItemError};

mod apply;
mod spread;

/// The events of one call.
#[derive(Clone, Debug)]
pub struct RecordCommand {
    /// The portfolio.
    pub portfolio_id: PortfolioId,
    /// In the order of the request.
    pub events: Vec<Result<Event, RejectedEvent>>,
}

/// An event that breaks field rules.
#[derive(Clone, Debug)]
pub struct RejectedEvent {
    /// The event, as far as it could be read.
    pub event_id: String,
    /// All broken rules.
    pub violations: Violations,
}

/// One event, its fields checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The caller's id.
    pub event_id: EventId,
    /// When it happened.
    pub event_time: Micros,
    /// What happened to whom.
    pub kind: EventKind,
}

/// What happened to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Money arrived: the part of each case in smallest units.
    Payment {
        /// 1 to 20 cases of one debtor with what each gets.
        shares: Vec<(CaseId, i64)>,
    },
    /// A payment is taken back.
    Reversal {
        /// The event of the payment.
        reversed_event_id: EventId,
    },
    /// Cases or a debtor must not be worked.
    Hold {
        /// Whom it covers.
        target: HoldTarget,
        /// Why.
        kind: HoldKind,
        /// When it ends by itself.
        until: Option<Micros>,
        /// The caller's reference to the evidence; empty = none.
        evidence_reference: String,
    },
    /// A hold ends.
    Lift {
        /// The event of the hold.
        hold_event_id: EventId,
        /// For whom: some of the cases it covers, or its debtor; nothing = for all
        /// it covers.
        target: Option<HoldTarget>,
    },
}

/// Whom a hold covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldTarget {
    /// 1 to 20 cases of one debtor.
    Cases(Vec<CaseId>),
    /// All cases of a debtor, in all portfolios.
    Debtor(DebtorId),
}

/// What became of one event.
#[derive(Clone, Debug)]
pub struct RecordResult {
    /// The event.
    pub event_id: String,
    /// Recorded (true) or known already (false), or why it was rejected.
    pub recorded: Result<bool, ItemError>,
}

/// Records events in the order given: the answer means that every one that was
/// not rejected is durable, and its cases are ranked and placed anew.
///
/// # Errors
/// `NotFound` for an unknown portfolio; what the store says.
pub async fn record_events(
    engine: &Arc<Engine>,
    caller: &Caller,
    command: RecordCommand,
) -> Result<Vec<RecordResult>, Error> {
    let parts = engine.parts(caller).await?;
    let results = match parts.only() {
        Some(part) => {
            let events = command.events.into_iter().enumerate().collect();
            record_in(engine, (caller, part), (command.portfolio_id, events)).await?
        }
        None => spread::record(engine, (caller, &parts), command).await?,
    };
    Ok(values(results))
}

/// Events with their places in the request.
type Events = Items<Result<Event, RejectedEvent>>;

/// Records events whose debtors all live in one part.
async fn record_in(
    engine: &Arc<Engine>,
    (caller, part): (&Caller, Part),
    events: (PortfolioId, Events),
) -> Result<Items<RecordResult>, Error> {
    engine
        .transact_in(part, &caller.subject, Class::Interactive, move |set, tx| {
            Box::pin(apply::record_into(set, tx, events))
        })
        .await
}
