//! Events and what became of them.

use crate::engine::record::{
    Event, EventKind, HoldTarget, RecordCommand, RecordResult, RejectedEvent,
};
use crate::grpc::status::{ItemBudget, Named, item_error};
use crate::model::{CaseId, DebtorId, EventId, HoldKind, PortfolioId, Reason, Violations};
use crate::proto;

use super::Terms;
use super::field::{count, id, optional_id, required_choice, shown, text};
use super::money::{AmountRule, amount};
use super::path::{Path, ROOT};
use super::time::{instant, past_instant};

/// The most events of a call.
const EVENTS_MAX: usize = 1_000;

/// The most cases of one event.
const CASES_MAX: usize = 20;

/// The longest reference to evidence, in bytes.
const EVIDENCE_BYTES_MAX: usize = 128;

/// What of a call must be right before its events are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::grpc) struct RecordHead {
    /// The portfolio.
    pub(in crate::grpc) portfolio_id: PortfolioId,
}

/// Reads what concerns the call as a whole.
pub(in crate::grpc) fn record_head(
    request: &proto::RecordEventsRequest,
) -> Result<RecordHead, Violations> {
    let mut broken = Violations::new();
    let at = ROOT.field("portfolio_id");
    let portfolio_id = id(&request.portfolio_id, PortfolioId::new, &at, &mut broken);
    count(request.events.len(), (1, EVENTS_MAX), &ROOT.field("events"), &mut broken);
    match portfolio_id {
        Some(portfolio_id) if broken.is_empty() => Ok(RecordHead { portfolio_id }),
        _ => Err(broken),
    }
}

/// Reads the events; one that breaks rules keeps its place with all of them.
pub(in crate::grpc) fn record_command(
    request: proto::RecordEventsRequest,
    head: RecordHead,
    terms: Terms,
) -> RecordCommand {
    let read = |(place, given): (usize, proto::Event)| {
        event(&given, terms, &ROOT.item("events", place))
            .map_err(|violations| RejectedEvent { event_id: shown(&given.event_id), violations })
    };
    RecordCommand {
        events: request.events.into_iter().enumerate().map(read).collect(),
        portfolio_id: head.portfolio_id,
    }
}

fn event(given: &proto::Event, terms: Terms, at: &Path<'_>) -> Result<Event, Violations> {
    let mut broken = Violations::new();
    let event_id = id(&given.event_id, EventId::new, &at.field("event_id"), &mut broken);
    let event_time = match &given.event_time {
        Some(time) => past_instant(time, terms.now, &at.field("event_time"), &mut broken),
        None => {
            broken.required(at.field("event_time").to_string());
            None
        }
    };
    let cases = cases(given, at, &mut broken);
    let kind = match &given.kind {
        Some(proto::event::Kind::Payment(payment)) => {
            no_debtor(given, "a payment names cases", at, &mut broken);
            payment_kind(payment, cases, terms, at, &mut broken)
        }
        Some(proto::event::Kind::Reversal(reversal)) => {
            no_debtor(given, "a reversal names a payment", at, &mut broken);
            if !given.case_ids.is_empty() {
                let bound = "a reversal takes back the whole payment: it names no cases";
                let field = at.field("case_ids").to_string();
                broken.add(field, Reason::FieldConflict, given.case_ids.len(), bound);
            }
            let at = at.field("reversal");
            let field = at.field("reversed_event_id");
            id(&reversal.reversed_event_id, EventId::new, &field, &mut broken)
                .map(|reversed_event_id| EventKind::Reversal { reversed_event_id })
        }
        Some(proto::event::Kind::Hold(hold)) => {
            let target = target(given, cases, at, &mut broken);
            if target.is_none() && given.case_ids.is_empty() && given.debtor_id.is_empty() {
                broken.required(at.field("case_ids").to_string());
            }
            hold_kind(hold, target, event_time, &at.field("hold"), &mut broken)
        }
        Some(proto::event::Kind::Lift(lift)) => {
            let target = target(given, cases, at, &mut broken);
            let at = at.field("lift");
            let field = at.field("hold_event_id");
            id(&lift.hold_event_id, EventId::new, &field, &mut broken)
                .map(|hold_event_id| EventKind::Lift { hold_event_id, target })
        }
        None => {
            broken.required(at.field("kind").to_string());
            None
        }
    };
    match (event_id, event_time, kind) {
        (Some(event_id), Some(event_time), Some(kind)) if broken.is_empty() => {
            Ok(Event { event_id, event_time, kind })
        }
        _ => Err(broken),
    }
}

/// Reads the cases of an event: at most 20, each once.
fn cases(given: &proto::Event, at: &Path<'_>, broken: &mut Violations) -> Vec<CaseId> {
    let mut read = Vec::new();
    if !count(given.case_ids.len(), (0, CASES_MAX), &at.field("case_ids"), broken) {
        return read;
    }
    for (place, case_id) in given.case_ids.iter().enumerate() {
        let at = at.item("case_ids", place);
        let Some(case_id) = id(case_id, CaseId::new, &at, broken) else { continue };
        if read.contains(&case_id) {
            let bound = "each may occur once";
            broken.add(at.to_string(), Reason::FieldConflict, case_id, bound);
        } else {
            read.push(case_id);
        }
    }
    read
}

fn no_debtor(given: &proto::Event, why: &str, at: &Path<'_>, broken: &mut Violations) {
    if !given.debtor_id.is_empty() {
        let field = at.field("debtor_id").to_string();
        broken.add(field, Reason::FieldConflict, shown(&given.debtor_id), why);
    }
}

fn payment_kind(
    payment: &proto::Payment,
    cases: Vec<CaseId>,
    terms: Terms,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<EventKind> {
    if cases.is_empty() {
        broken.required(at.field("case_ids").to_string());
    }
    let at = at.field("payment");
    let total = match &payment.amount {
        Some(total) => {
            amount(total, AmountRule::Positive, terms.currency, &at.field("amount"), broken)
        }
        None => {
            broken.required(at.field("amount").to_string());
            None
        }
    };
    let parts: Vec<_> = payment
        .shares
        .iter()
        .take(CASES_MAX)
        .enumerate()
        .map(|(place, share)| {
            let at = at.item("shares", place);
            amount(share, AmountRule::Positive, terms.currency, &at, broken)
        })
        .collect();
    let field = at.field("shares");
    if payment.shares.is_empty() {
        return match (cases.len(), total) {
            (1, Some(total)) => {
                Some(EventKind::Payment { shares: cases.into_iter().zip([total]).collect() })
            }
            (count, _) => {
                if count > 1 {
                    broken.required(field.to_string());
                }
                None
            }
        };
    }
    if payment.shares.len() != cases.len() {
        let bound = format!("one for each of the {} case_ids", cases.len());
        broken.add(field.to_string(), Reason::FieldConflict, payment.shares.len(), bound);
    }
    let parts: Option<Vec<i64>> = parts.into_iter().collect();
    let (parts, total) = parts.zip(total)?;
    let sum: i64 = parts.iter().sum();
    if sum != total {
        let bound = format!("they must add up to {}", terms.currency.text(total));
        broken.add(field.to_string(), Reason::FieldConflict, terms.currency.text(sum), bound);
    }
    Some(EventKind::Payment { shares: cases.into_iter().zip(parts).collect() })
}

/// Whom a hold covers or a lift names: cases or a debtor, and not both.
fn target(
    given: &proto::Event,
    cases: Vec<CaseId>,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<HoldTarget> {
    let field = at.field("debtor_id");
    let debtor_id = optional_id(&given.debtor_id, DebtorId::new, &field, broken);
    match (given.case_ids.is_empty(), debtor_id) {
        (true, Some(debtor_id)) => Some(HoldTarget::Debtor(debtor_id)),
        (true, None) => None,
        (false, None) => Some(HoldTarget::Cases(cases)),
        (false, Some(debtor_id)) => {
            let bound = "it concerns case_ids or a debtor, not both";
            broken.add(field.to_string(), Reason::FieldConflict, debtor_id, bound);
            None
        }
    }
}

fn hold_kind(
    hold: &proto::Hold,
    target: Option<HoldTarget>,
    event_time: Option<crate::model::Micros>,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<EventKind> {
    let kind = required_choice(hold.kind, HoldKind::from_number, &at.field("kind"), broken);
    let field = at.field("until_time");
    let until = hold.until_time.as_ref().and_then(|time| instant(time, &field, broken));
    if let Some((until, begin)) = until.zip(event_time).filter(|(until, begin)| until <= begin) {
        let bound = format!("it must be after the event_time, {begin}");
        broken.add(field.to_string(), Reason::FieldConflict, until, bound);
    }
    let field = at.field("evidence_reference");
    let evidence_reference =
        text(hold.evidence_reference.clone(), EVIDENCE_BYTES_MAX, &field, broken);
    let (target, kind) = target.zip(kind)?;
    Some(EventKind::Hold { target, kind, until, evidence_reference })
}

/// Writes what became of the events.
pub(in crate::grpc) fn record_response(
    results: &[RecordResult],
    portfolio_id: &PortfolioId,
) -> proto::RecordEventsResponse {
    let mut budget = ItemBudget::new();
    let named = [("portfolio_id", portfolio_id.as_str())];
    let answer = |result: &RecordResult| {
        let disposition = match &result.recorded {
            Ok(true) => proto::EventDisposition::Recorded,
            Ok(false) => proto::EventDisposition::Duplicate,
            Err(_) => proto::EventDisposition::Rejected,
        };
        let error = result.recorded.as_ref().err();
        proto::EventResult {
            event_id: result.event_id.clone(),
            disposition: disposition.into(),
            error: error.map(|error| item_error(error, Named(&named), &mut budget)),
        }
    };
    proto::RecordEventsResponse { results: results.iter().map(answer).collect() }
}

#[cfg(test)]
mod tests;
