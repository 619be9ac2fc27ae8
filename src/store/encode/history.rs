//! Histories as stored messages.

use prost::Message;

use crate::model::{
    Arm, Attempt, Day, DebtorRecord, ExperimentId, History, Hold, HoldKind, Micros, Payment,
    Promise, PromiseState, ServedArm,
};

use super::super::StoreError;
use super::{Place, stored};

/// The stored bytes of a history.
pub(crate) fn history_to(history: &History) -> Vec<u8> {
    stored::CaseHistory {
        payments: history.payments.iter().map(payment_to).collect(),
        attempts: history.attempts.iter().map(attempt_to).collect(),
        promises: history.promises.iter().map(promise_to).collect(),
        holds: history.holds.iter().map(hold_to).collect(),
        earlier_payment_count: history.earlier_payment_count,
        earlier_attempt_count: history.earlier_attempt_count,
        right_party_contact_count: history.right_party_contact_count,
        promises_kept_count: history.promises_kept_count,
        promises_broken_count: history.promises_broken_count,
        facts_version_count: history.facts_version_count,
        cured_count: history.cured_count,
    }
    .encode_to_vec()
}

/// The history of stored bytes.
pub(crate) fn history_from(bytes: &[u8], place: Place) -> Result<History, StoreError> {
    let stored: stored::CaseHistory = place.decode(bytes)?;
    Ok(History {
        payments: stored.payments.into_iter().map(payment_from).collect(),
        attempts: stored.attempts.into_iter().map(attempt_from).collect(),
        promises: stored
            .promises
            .into_iter()
            .map(|promise| promise_from(&promise, place))
            .collect::<Result<_, _>>()?,
        holds: holds_from(stored.holds, place)?,
        earlier_payment_count: stored.earlier_payment_count,
        earlier_attempt_count: stored.earlier_attempt_count,
        right_party_contact_count: stored.right_party_contact_count,
        promises_kept_count: stored.promises_kept_count,
        promises_broken_count: stored.promises_broken_count,
        facts_version_count: stored.facts_version_count,
        cured_count: stored.cured_count,
    })
}

/// The stored bytes of what is kept of a debtor.
pub(crate) fn debtor_to(debtor: &DebtorRecord) -> Vec<u8> {
    stored::DebtorState {
        holds: debtor.holds.iter().map(hold_to).collect(),
        attempt_micros: debtor.attempts.iter().map(|attempt| attempt.0).collect(),
        earlier_attempt_count: debtor.earlier_attempt_count,
    }
    .encode_to_vec()
}

/// What is kept of a debtor.
pub(crate) fn debtor_from(bytes: &[u8], place: Place) -> Result<DebtorRecord, StoreError> {
    let stored: stored::DebtorState = place.decode(bytes)?;
    Ok(DebtorRecord {
        holds: holds_from(stored.holds, place)?,
        attempts: stored.attempt_micros.into_iter().map(Micros).collect(),
        earlier_attempt_count: stored.earlier_attempt_count,
    })
}

/// A payment as stored.
pub(crate) fn payment_to(payment: &Payment) -> stored::Payment {
    stored::Payment {
        event_id: payment.event_id.clone(),
        event_micros: payment.event_time.0,
        amount_minor: payment.amount_minor,
        reversed_micros: payment.reversed_time.map(|time| time.0),
    }
}

/// An attempt as stored.
pub(crate) fn attempt_to(attempt: &Attempt) -> stored::Attempt {
    stored::Attempt {
        event_micros: attempt.event_time.0,
        outcome_code: attempt.outcome_code.clone(),
        right_party: attempt.right_party,
        gated: attempt.gated,
    }
}

/// The arm that a lease was served in, as stored.
pub(crate) fn served_to(served: &ServedArm) -> stored::ServedArm {
    stored::ServedArm {
        experiment_id: served.experiment_id.to_string(),
        arm: i32::from(served.arm as i16),
    }
}

/// A stored arm.
pub(crate) fn served_from(
    stored: stored::ServedArm,
    place: Place,
) -> Result<ServedArm, StoreError> {
    let arm = Arm::from_number(i64::from(stored.arm));
    Ok(ServedArm {
        experiment_id: ExperimentId::new(stored.experiment_id)
            .map_err(|error| place.corrupt(error))?,
        arm: arm.ok_or_else(|| place.corrupt(format!("arm {} is not known", stored.arm)))?,
    })
}

/// A promise as stored.
pub(crate) fn promise_to(promise: &Promise) -> stored::Promise {
    stored::Promise {
        lease_seq: promise.lease_seq,
        event_micros: promise.event_time.0,
        promised_amount_minor: promise.promised_amount_minor,
        promised_date: promise.promised_date.0,
        state: promise.state as i32,
    }
}

/// A hold as stored.
pub(crate) fn hold_to(hold: &Hold) -> stored::Hold {
    stored::Hold {
        event_id: hold.event_id.clone(),
        kind: hold.kind as i32,
        until_micros: hold.until.map(|until| until.0),
        evidence_reference: hold.evidence_reference.clone(),
    }
}

/// A stored payment.
pub(crate) fn payment_from(stored: stored::Payment) -> Payment {
    Payment {
        event_id: stored.event_id,
        event_time: Micros(stored.event_micros),
        amount_minor: stored.amount_minor,
        reversed_time: stored.reversed_micros.map(Micros),
    }
}

/// A stored attempt.
pub(crate) fn attempt_from(stored: stored::Attempt) -> Attempt {
    Attempt {
        event_time: Micros(stored.event_micros),
        outcome_code: stored.outcome_code,
        right_party: stored.right_party,
        gated: stored.gated,
    }
}

/// A stored promise.
pub(crate) fn promise_from(stored: &stored::Promise, place: Place) -> Result<Promise, StoreError> {
    let state = PromiseState::from_number(stored.state)
        .ok_or_else(|| place.corrupt(format!("promise state {} is not known", stored.state)))?;
    Ok(Promise {
        lease_seq: stored.lease_seq,
        event_time: Micros(stored.event_micros),
        promised_amount_minor: stored.promised_amount_minor,
        promised_date: Day(stored.promised_date),
        state,
    })
}

/// A stored hold.
pub(crate) fn hold_from(stored: stored::Hold, place: Place) -> Result<Hold, StoreError> {
    let kind = HoldKind::from_number(stored.kind)
        .ok_or_else(|| place.corrupt(format!("hold kind {} is not known", stored.kind)))?;
    Ok(Hold {
        event_id: stored.event_id,
        kind,
        until: stored.until_micros.map(Micros),
        evidence_reference: stored.evidence_reference,
    })
}

fn holds_from(stored: Vec<stored::Hold>, place: Place) -> Result<Vec<Hold>, StoreError> {
    stored.into_iter().map(|hold| hold_from(hold, place)).collect()
}
