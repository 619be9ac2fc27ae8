//! What happened to a golden case, folded by the steps that events take on the server.

use serde_saphyr::Spanned;

use super::Findings;
use super::case::Terms;
use super::written::{Case, Outcome, Promise, place, read_day, read_instant, read_money};
use crate::model::{
    Attempt, Facts, History, LocalDays, Micros, MoneyParts, Payment, Promise as Promised,
    PromiseState,
};
use crate::policy::{Effect, OutcomeTable};

/// A history and how many events made it.
pub(super) struct Told {
    pub history: History,
    pub event_count: i64,
}

/// One thing that happened.
enum Event {
    Payment(Payment),
    Reversal(String),
    Attempt(Attempt, Option<Promised>),
}

/// Folds what happened in the order in which it did.
pub(super) fn fold(
    case: &Case,
    (facts, as_of): (&Facts, Micros),
    terms: &Terms,
    findings: &mut Findings,
) -> Told {
    let mut events: Vec<(Micros, Event)> = Vec::new();
    for (at, payment) in case.payments.iter().enumerate() {
        events.extend(read_payment(at, &payment.value, terms, findings));
    }
    let table = OutcomeTable::shipped();
    for outcome in &case.outcomes {
        events.extend(read_outcome(outcome, &table, terms, findings));
    }
    events.sort_by_key(|(time, _)| *time);
    let event_count = i64::try_from(events.len()).unwrap_or(i64::MAX);
    let zone = &terms.zone;
    let tolerance_minor = terms.ranking.tolerance_amount_minor;
    let mut history = History::default();
    history.take_document(None, facts, (tolerance_minor, zone.day_of(as_of)));
    for (time, event) in events {
        match event {
            Event::Payment(payment) => {
                history.pay(payment);
                history.keep_promises(facts, as_of, (tolerance_minor, zone));
            }
            Event::Reversal(id) => {
                history.take_back((&id, time), facts, as_of, (tolerance_minor, zone));
            }
            Event::Attempt(attempt, promise) => {
                history.attempt(attempt);
                if let Some(promise) = promise {
                    history.promise(promise, zone.day_of(time));
                }
            }
        }
    }
    Told { history, event_count }
}

fn read_payment(
    at: usize,
    written: &super::written::Payment,
    terms: &Terms,
    findings: &mut Findings,
) -> Vec<(Micros, Event)> {
    let amount_minor = minor(&written.amount, "amount", terms, findings);
    let Some(event_time) = read_instant(&written.event_time, "event_time", terms, findings) else {
        return Vec::new();
    };
    let event_id = format!("payment-{}", at + 1);
    let reversed = written.reversed_time.as_ref().and_then(|text| {
        let time = read_instant(text, "reversed_time", terms, findings)?;
        if time < event_time {
            findings.add(place(text), "reversed_time is before the event_time of the payment");
        }
        Some((time, Event::Reversal(event_id.clone())))
    });
    let Some(amount_minor) = amount_minor else { return Vec::new() };
    let payment =
        Payment { event_id: event_id.clone(), event_time, amount_minor, reversed_time: None };
    [(event_time, Event::Payment(payment))].into_iter().chain(reversed).collect()
}

fn read_outcome(
    outcome: &Spanned<Outcome>,
    table: &OutcomeTable,
    terms: &Terms,
    findings: &mut Findings,
) -> Option<(Micros, Event)> {
    let Outcome { contact_time, outcome_code, promise } = &outcome.value;
    let time = read_instant(contact_time, "contact_time", terms, findings);
    let Some(row) = table.get(&outcome_code.value) else {
        let known: Vec<&str> = table.codes().collect();
        let code = &outcome_code.value;
        let message = format!("outcome_code {code:?} must be one of {}", known.join(", "));
        findings.add(place(outcome_code), message);
        return None;
    };
    let time = time?;
    let promised = match (promise, row.effect == Effect::Promise) {
        (Some(promise), true) => read_promise(promise, time, terms, findings),
        (None, true) => {
            findings.add(place(outcome), format!("{} needs a promise", row.code));
            None
        }
        (Some(promise), false) => {
            findings.add(place(promise), format!("{} has no promise", row.code));
            None
        }
        (None, false) => None,
    };
    if row.effect == Effect::NotDialled {
        findings.add(place(outcome_code), format!("{} leaves nothing in a history", row.code));
        return None;
    }
    let attempt = Attempt {
        event_time: time,
        outcome_code: row.code.clone(),
        right_party: row.right_party,
        gated: matches!(row.effect, Effect::Hold { .. }),
    };
    Some((time, Event::Attempt(attempt, promised)))
}

/// How far ahead a promise may lie, by the contract.
const PROMISE_DAYS_MAX: i32 = 90;

fn read_promise(
    written: &Spanned<Promise>,
    event_time: Micros,
    terms: &Terms,
    findings: &mut Findings,
) -> Option<Promised> {
    let Promise { promised_amount, promised_date } = &written.value;
    let promised_amount_minor = match promised_amount {
        None => Some(0),
        Some(text) => minor(text, "promised_amount", terms, findings),
    };
    let date = read_day(promised_date, "promised_date", findings)?;
    let made = terms.zone.day_of(event_time);
    if !(0..=PROMISE_DAYS_MAX).contains(&date.since(made)) {
        let message =
            format!("promised_date must lie from {made} to {PROMISE_DAYS_MAX} days later");
        findings.add(place(promised_date), message);
    }
    Some(Promised {
        lease_seq: 1,
        event_time,
        promised_amount_minor: promised_amount_minor?,
        promised_date: date,
        state: PromiseState::Open,
    })
}

/// An amount above 0 in smallest units.
fn minor(
    text: &Spanned<String>,
    name: &str,
    terms: &Terms,
    findings: &mut Findings,
) -> Option<i64> {
    let money = read_money(text, name, terms.currency, findings)?;
    let parts = MoneyParts { units: money.units, nanos: money.nanos };
    let minor = terms.currency.minor(parts).ok().filter(|minor| *minor > 0);
    if minor.is_none() {
        findings.add(place(text), format!("{name} {:?} must be above 0", text.value));
    }
    minor
}
