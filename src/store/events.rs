//! Events: everything that happened to cases, in the order it was known, and the
//! callers' event ids.

use std::collections::HashMap;

use prost::Message;

use crate::model::{
    Attempt, CaseNo, DebtorNo, Facts, Hold, Micros, Part, Payment, PortfolioNo, Promise, ServedArm,
};

use super::StoreError;
use super::cases::source::EncodedFacts;
use super::db::{Batch, Column, Tx, params, statements, text_list};
use super::encode::{
    Place, WholeFacts, WholeFactsBody, attempt_to, changed_fields, facts_to, hold_to, payment_to,
    promise_to, served_from, served_to, stored,
};

pub mod replay;

/// Every how many versions the facts are kept whole instead of as a difference.
const FULL_FACTS_EVERY: i64 = 64;

/// What happened to one case.
#[derive(Clone, Debug)]
pub enum CaseEventBody<'a> {
    /// A document: what it says now, what it said before, and its version count.
    Facts {
        /// What it says.
        new: &'a Facts,
        /// The same as it is stored.
        encoded: &'a EncodedFacts,
        /// What it said before, if it did.
        old: Option<&'a Facts>,
        /// Versions before this one.
        earlier_versions: i64,
        /// The instant of the document.
        as_of: Micros,
        /// Its number.
        source_sequence: Option<i64>,
        /// The debtor it names.
        debtor_id: &'a str,
    },
    /// A payment.
    Payment(&'a Payment),
    /// A payment taken back.
    Reversal {
        /// The event of the payment.
        event_id: &'a str,
        /// When.
        reversed: Micros,
    },
    /// A hold.
    Hold(&'a Hold),
    /// A hold lifted.
    Lift(&'a str),
    /// The ledger reached a payment without saying anything new.
    AsOf(Micros),
    /// A contact attempt, and in which arm of an experiment its lease was served.
    Attempt(&'a Attempt, Option<&'a ServedArm>),
    /// A promise.
    Promise(&'a Promise),
}

/// An event to append.
#[derive(Clone, Debug)]
pub struct NewCaseEvent<'a> {
    /// The case.
    pub case_no: CaseNo,
    /// One above the event before.
    pub case_seq: i64,
    /// When it happened.
    pub event_time: Micros,
    /// When it was recorded.
    pub record_time: Micros,
    /// The instant of the ledger that it came upon.
    pub ledger_as_of: Micros,
    /// The caller's id, if it has one.
    pub event_id: Option<&'a str>,
    /// The tolerance of the rule set that took it in; nothing where that is the one of
    /// the portfolio's first activation.
    pub tolerance_amount_minor: Option<i64>,
    /// What happened.
    pub body: CaseEventBody<'a>,
}

impl CaseEventBody<'_> {
    fn kind(&self) -> CaseEventKind {
        match self {
            Self::Facts { .. } => CaseEventKind::Facts,
            Self::Payment(_) => CaseEventKind::Payment,
            Self::Reversal { .. } => CaseEventKind::Reversal,
            Self::Hold(_) => CaseEventKind::Hold,
            Self::Lift(_) => CaseEventKind::Lift,
            Self::AsOf(_) => CaseEventKind::AsOf,
            Self::Attempt(..) => CaseEventKind::Attempt,
            Self::Promise(_) => CaseEventKind::Promise,
        }
    }

    fn bytes(&self, ledger_as_of: Micros, tolerance_amount_minor: Option<i64>) -> Vec<u8> {
        use stored::event_body::Kind;
        let kind = match self {
            Self::Facts {
                new,
                encoded,
                old,
                earlier_versions,
                as_of,
                source_sequence,
                debtor_id,
            } => {
                let old = old.filter(|_| earlier_versions % FULL_FACTS_EVERY != 0);
                let (source_sequence, debtor_id) = (*source_sequence, (*debtor_id).to_owned());
                let Some(old) = old else {
                    let full = Some(encoded.bytes.clone());
                    let as_of_micros = as_of.0;
                    let facts = WholeFacts { full, as_of_micros, source_sequence, debtor_id };
                    let facts = Some(facts);
                    return WholeFactsBody { facts, tolerance_amount_minor }.encode_to_vec();
                };
                let (changed, changed_fields) = changed_fields(&facts_to(old), &facts_to(new));
                Kind::Facts(stored::FactsDelta {
                    full: None,
                    changed: Some(changed),
                    changed_fields,
                    as_of_micros: as_of.0,
                    source_sequence,
                    debtor_id,
                })
            }
            Self::Payment(payment) => Kind::Payment(payment_to(payment)),
            Self::Reversal { event_id, reversed } => Kind::Reversal(stored::Reversal {
                event_id: (*event_id).to_owned(),
                reversed_micros: reversed.0,
            }),
            Self::Hold(hold) => Kind::Hold(hold_to(hold)),
            Self::Lift(event_id) => Kind::LiftedEventId((*event_id).to_owned()),
            Self::AsOf(as_of) => Kind::AsOfMicros(as_of.0),
            Self::Attempt(attempt, _) => Kind::Attempt(attempt_to(attempt)),
            Self::Promise(promise) => Kind::Promise(promise_to(promise)),
        };
        let told = matches!(self, Self::Facts { .. } | Self::AsOf(_));
        let ledger_as_of_micros = (!told).then_some(ledger_as_of.0);
        let served = match self {
            Self::Attempt(_, served) => served.map(served_to),
            _ => None,
        };
        stored::EventBody { kind: Some(kind), ledger_as_of_micros, tolerance_amount_minor, served }
            .encode_to_vec()
    }
}

statements! {
    FIND_KEYS = "SELECT event_id, kind, content_hash, debtor_no, case_nos FROM event_key \
        WHERE part = $1 AND portfolio_no = $2 AND event_id IN {texts:$3}";
    READ = "SELECT case_seq, kind, event_time, record_time, event_id, body FROM case_event \
        WHERE part = $1 AND case_no = $2 AND case_seq > $3 ORDER BY case_seq LIMIT 256";
    // Of attempts the body says by what they were served; the others are told by their kind.
    BETWEEN = "SELECT case_seq, kind, event_time, record_time, \
        CASE WHEN kind = 7 THEN body END FROM case_event \
        WHERE part = $1 AND case_no = $2 AND case_seq > $3 AND case_seq <= $4 \
        ORDER BY case_seq LIMIT 256";
}

const INT: Column = Column::Int;

pub(crate) const APPEND: Batch = Batch {
    text: "INSERT INTO case_event (part, case_no, case_seq, kind, event_time, record_time, \
        event_id, body) VALUES {rows}",
    fixed: 0,
    columns: &[INT, INT, INT, INT, INT, INT, Column::Text, Column::Blob],
};

pub(crate) const INSERT_KEYS: Batch = Batch {
    text: "INSERT INTO event_key (part, portfolio_no, event_id, kind, content_hash, debtor_no, \
        case_nos, record_time) VALUES {rows}",
    fixed: 0,
    columns: &[INT, INT, Column::Text, INT, Column::Blob, INT, Column::Text, INT],
};

/// All batches of this file.
#[cfg(test)]
pub(crate) const BATCHES: &[Batch] = &[APPEND, INSERT_KEYS];

/// Appends events; each case's in the order of its numbers.
pub(crate) async fn append(
    tx: &mut Tx,
    part: Part,
    events: &[NewCaseEvent<'_>],
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(events.len() * APPEND.columns.len());
    for event in events {
        rows.extend(params![
            part.0,
            event.case_no.0,
            event.case_seq,
            event.body.kind() as i16,
            event.event_time.0,
            event.record_time.0,
            event.event_id.map(str::to_owned),
            event.body.bytes(event.ledger_as_of, event.tolerance_amount_minor),
        ]);
    }
    tx.execute_batch(APPEND, vec![], rows).await?;
    Ok(())
}

/// What kind of event it is. The numbers are stored and are those of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum CaseEventKind {
    /// A document.
    Facts = 1,
    /// A payment.
    Payment = 2,
    /// A payment taken back.
    Reversal = 3,
    /// A hold.
    Hold = 4,
    /// A hold lifted.
    Lift = 5,
    /// The ledger reached a payment without saying anything new.
    AsOf = 6,
    /// A contact attempt.
    Attempt = 7,
    /// A promise.
    Promise = 8,
}

impl CaseEventKind {
    /// The kind of a stored number.
    pub fn from_number(number: i64) -> Option<CaseEventKind> {
        use CaseEventKind::{AsOf, Attempt, Facts, Hold, Lift, Payment, Promise, Reversal};
        let all = [Facts, Payment, Reversal, Hold, Lift, AsOf, Attempt, Promise];
        all.into_iter().find(|kind| *kind as i64 == number)
    }
}

/// That something happened to a case, and nothing of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventMark {
    /// Its number within the case.
    pub case_seq: i64,
    /// Its kind.
    pub kind: CaseEventKind,
    /// When it happened.
    pub event_time: Micros,
    /// When it was recorded.
    pub record_time: Micros,
    /// Of an attempt: in which arm of an experiment its lease was served.
    pub served: Option<ServedArm>,
}

type MarkRow = (i64, i64, i64, i64, Option<Vec<u8>>);

/// The events of a case behind one of them up to another, in their order, the first 256.
pub(crate) async fn between(
    tx: &mut Tx,
    part: Part,
    case_no: CaseNo,
    (after, to): (i64, i64),
) -> Result<Vec<EventMark>, StoreError> {
    let place = Place { table: "case_event", part: part.0, key: case_no.0 };
    let rows: Vec<MarkRow> = tx.fetch_all(BETWEEN, params![part.0, case_no.0, after, to]).await?;
    let mark = |(case_seq, kind, event_time, record_time, body): MarkRow| {
        let unknown = || place.corrupt(format!("event {case_seq} is of kind {kind}"));
        let body: Option<stored::EventBody> = body.map(|body| place.decode(&body)).transpose()?;
        let served = body.and_then(|body| body.served);
        Ok(EventMark {
            case_seq,
            kind: CaseEventKind::from_number(kind).ok_or_else(unknown)?,
            event_time: Micros(event_time),
            record_time: Micros(record_time),
            served: served.map(|served| served_from(served, place)).transpose()?,
        })
    };
    rows.into_iter().map(mark).collect()
}

/// What a caller's event id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventKey {
    /// The caller's id.
    pub event_id: String,
    /// 2 payment, 3 reversal, 4 hold, 5 lift, as in `case_event`.
    pub kind: i64,
    /// The hash of the event's content.
    pub content_hash: Vec<u8>,
    /// Whom it happened to.
    pub debtor_no: DebtorNo,
    /// The cases it was written to; empty when it was the debtor as a whole.
    pub case_nos: Vec<CaseNo>,
}

/// Finds events of a portfolio by the callers' ids.
pub(crate) async fn find_keys<'a>(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
    event_ids: impl IntoIterator<Item = &'a str>,
) -> Result<HashMap<String, EventKey>, StoreError> {
    let rows: Vec<(String, i64, Vec<u8>, i64, String)> =
        tx.fetch_all(FIND_KEYS, params![part.0, portfolio_no.0, text_list(event_ids)]).await?;
    rows.into_iter()
        .map(|(event_id, kind, content_hash, debtor_no, case_nos)| {
            let case_nos = case_nos_of((part, portfolio_no, &event_id), &case_nos)?;
            let key = EventKey {
                event_id: event_id.clone(),
                kind,
                content_hash,
                debtor_no: DebtorNo(debtor_no),
                case_nos,
            };
            Ok((event_id, key))
        })
        .collect()
}

/// The cases of a key, as they are stored.
pub(super) fn case_nos_of(
    (part, portfolio_no, event_id): (Part, PortfolioNo, &str),
    stored: &str,
) -> Result<Vec<CaseNo>, StoreError> {
    let numbers: Vec<i64> = serde_json::from_str(stored).map_err(|error| StoreError::Corrupt {
        table: "event_key",
        key: format!("({part}, {portfolio_no}, {event_id})"),
        why: error.to_string(),
    })?;
    Ok(numbers.into_iter().map(CaseNo).collect())
}

/// Writes the ids of new events.
pub(crate) async fn insert_keys(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
    keys: &[EventKey],
    now: Micros,
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(keys.len() * INSERT_KEYS.columns.len());
    for key in keys {
        let numbers: Vec<i64> = key.case_nos.iter().map(|case_no| case_no.0).collect();
        rows.extend(params![
            part.0,
            portfolio_no.0,
            key.event_id.as_str(),
            key.kind,
            key.content_hash.as_slice(),
            key.debtor_no.0,
            serde_json::Value::from(numbers).to_string(),
            now.0,
        ]);
    }
    tx.execute_batch(INSERT_KEYS, vec![], rows).await?;
    Ok(())
}
