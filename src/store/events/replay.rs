//! Reading events back: those of one case in their order, each checked as hard
//! as what callers send. Documents come whole, whatever was stored of them.

use crate::model::{Attempt, CaseNo, Facts, Hold, Micros, Part, Payment, Promise};

use super::super::StoreError;
use super::super::db::{Tx, params};
use super::super::encode::{
    Place, apply_changed, attempt_from, facts_of, hold_from, payment_from, promise_from, stored,
};
use super::READ;

/// Something that happened to a case, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastEvent {
    /// Its number within the case: 1, 2, 3 and so on.
    pub case_seq: i64,
    /// When it happened.
    pub event_time: Micros,
    /// When it was recorded.
    pub record_time: Micros,
    /// The caller's id, if it has one.
    pub event_id: Option<String>,
    /// The instant of the ledger once it had happened.
    pub ledger_as_of: Micros,
    /// The tolerance of the rule set that took it in; nothing where that is the one of
    /// the portfolio's first activation.
    pub tolerance_amount_minor: Option<i64>,
    /// What happened.
    pub body: PastBody,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PastBody {
    /// A document.
    Facts {
        /// All that it says.
        facts: Box<Facts>,
        /// Its number.
        source_sequence: Option<i64>,
        /// The debtor it names.
        debtor_id: String,
    },
    /// A payment.
    Payment(Payment),
    /// A payment taken back.
    Reversal {
        /// The event of the payment.
        payment_event_id: String,
        /// When.
        reversed: Micros,
    },
    /// A hold.
    Hold(Hold),
    /// A hold lifted, by the event that placed it.
    Lift(String),
    /// The ledger reached a payment without saying anything new.
    AsOf,
    /// A contact attempt.
    Attempt(Attempt),
    /// A promise.
    Promise(Promise),
}

/// Reads the events of one case, a page at a time.
pub(crate) struct Reader {
    part: Part,
    case_no: CaseNo,
    case_seq: i64,
    ledger_as_of: Micros,
    /// The newest document so far.
    facts: Option<stored::CaseFacts>,
}

type Row = (i64, i64, i64, i64, Option<String>, Vec<u8>);

impl Reader {
    /// Begins before the first event.
    pub(crate) fn new(part: Part, case_no: CaseNo) -> Reader {
        Reader { part, case_no, case_seq: 0, ledger_as_of: Micros(0), facts: None }
    }

    /// The next events; none at the end.
    pub(crate) async fn next_page(&mut self, tx: &mut Tx) -> Result<Vec<PastEvent>, StoreError> {
        let after = params![self.part.0, self.case_no.0, self.case_seq];
        let rows: Vec<Row> = tx.fetch_all(READ, after).await?;
        rows.into_iter().map(|row| self.read(row)).collect()
    }

    fn read(&mut self, row: Row) -> Result<PastEvent, StoreError> {
        let (case_seq, kind, event_time, record_time, event_id, body) = row;
        let place = Place { table: "case_event", part: self.part.0, key: self.case_no.0 };
        if case_seq != self.case_seq + 1 {
            return Err(place.corrupt(format!("event {} is missing", self.case_seq + 1)));
        }
        let read = self.body(kind, &body, place).map_err(|error| of_event(error, case_seq));
        let (body, tolerance_amount_minor) = read?;
        self.case_seq = case_seq;
        Ok(PastEvent {
            case_seq,
            event_time: Micros(event_time),
            record_time: Micros(record_time),
            event_id,
            ledger_as_of: self.ledger_as_of,
            tolerance_amount_minor,
            body,
        })
    }

    /// What happened, and the tolerance where the event says it.
    fn body(
        &mut self,
        kind: i64,
        bytes: &[u8],
        place: Place,
    ) -> Result<(PastBody, Option<i64>), StoreError> {
        use stored::event_body::Kind;
        let stored: stored::EventBody = place.decode(bytes)?;
        let tolerance_amount_minor = stored.tolerance_amount_minor;
        let body = stored.kind.ok_or_else(|| place.corrupt("it has no body"))?;
        let told = match &body {
            Kind::Facts(delta) => Some(delta.as_of_micros),
            Kind::AsOfMicros(as_of) => Some(*as_of),
            _ => stored.ledger_as_of_micros,
        };
        let (number, body) = match body {
            Kind::Facts(delta) => (1, self.document(delta, place)?),
            _ if self.facts.is_none() => {
                return Err(place.corrupt("no document comes before it"));
            }
            Kind::Payment(payment) => (2, PastBody::Payment(payment_from(payment))),
            Kind::Reversal(reversal) => {
                let reversed = Micros(reversal.reversed_micros);
                (3, PastBody::Reversal { payment_event_id: reversal.event_id, reversed })
            }
            Kind::Hold(hold) => (4, PastBody::Hold(hold_from(hold, place)?)),
            Kind::LiftedEventId(event_id) => (5, PastBody::Lift(event_id)),
            Kind::AsOfMicros(_) => (6, PastBody::AsOf),
            Kind::Attempt(attempt) => (7, PastBody::Attempt(attempt_from(attempt))),
            Kind::Promise(promise) => (8, PastBody::Promise(promise_from(&promise, place)?)),
        };
        if number != kind {
            return Err(place.corrupt(format!("its kind is {kind} and its body is of {number}")));
        }
        let missing = || place.corrupt("it does not say the ledger's instant");
        self.ledger_as_of = Micros(told.ok_or_else(missing)?);
        Ok((body, tolerance_amount_minor))
    }

    /// A document whole: as stored, or what changed over the one before.
    fn document(
        &mut self,
        delta: stored::FactsDelta,
        place: Place,
    ) -> Result<PastBody, StoreError> {
        let facts = match (delta.full, delta.changed, self.facts.take()) {
            (Some(full), None, _) => full,
            (None, Some(changed), Some(mut facts)) => {
                apply_changed(&mut facts, &changed, &delta.changed_fields, place)?;
                facts
            }
            (None, Some(_), None) => {
                return Err(place.corrupt("it says what changed, and no document comes before it"));
            }
            _ => return Err(place.corrupt("it says all or what changed, one of the two")),
        };
        self.facts = Some(facts.clone());
        Ok(PastBody::Facts {
            facts: Box::new(facts_of(facts, place)?),
            source_sequence: delta.source_sequence,
            debtor_id: delta.debtor_id,
        })
    }
}

/// Says which event of the case an error is about.
fn of_event(error: StoreError, case_seq: i64) -> StoreError {
    match error {
        StoreError::Corrupt { table, key, why } => {
            StoreError::Corrupt { table, key, why: format!("event {case_seq}: {why}") }
        }
        other => other,
    }
}
