//! Writing a working set back: only what changed, a batch a table.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::{
    Attempt, CaseNo, DebtorNo, Facts, Hold, LaneKey, Micros, Part, Payment, Promise, QueueState,
    ServedArm,
};
use crate::policy::ZoneSet;
use crate::store::cases::source::{self, EncodedFacts, Renewal, SourceDocument};
use crate::store::cases::{CaseHead, NewCase};
use crate::store::changes::{self, ChangedCases};
use crate::store::events::{CaseEventBody, NewCaseEvent};
use crate::store::{Damage, Tx, audit, cases, debtors, events, lanes, queue};

use super::super::Error;
use super::super::context::Engine;
use super::super::lease::heads::Learned;
use super::{CaseEntry, WorkingSet};

/// A document to be written with its case.
#[derive(Clone, Debug)]
pub(in super::super) struct PendingDocument {
    pub(in super::super) facts: EncodedFacts,
    pub(in super::super) as_of: Micros,
    pub(in super::super) source_sequence: Option<i64>,
}

/// An event to be appended.
#[derive(Clone, Debug)]
pub(in super::super) struct PendingEvent {
    pub(super) case_no: CaseNo,
    pub(super) case_seq: i64,
    pub(super) event_time: Micros,
    pub(super) record_time: Micros,
    pub(super) ledger_as_of: Micros,
    pub(super) body: PendingBody,
}

/// What happened. The new facts of a document are those of the case in hand.
#[derive(Clone, Debug)]
pub(in super::super) enum PendingBody {
    Facts { old: Option<Box<Facts>>, earlier_versions: i64, debtor_id: String },
    Payment(Payment),
    Reversal { event_id: String, payment_event_id: String, reversed: Micros },
    Hold(Hold),
    Lift { event_id: String, hold_event_id: String },
    AsOf(Micros),
    Attempt(Attempt, Option<ServedArm>),
    Promise(Promise),
}

/// A row for the audit.
pub(super) struct PendingAudit {
    kind: &'static str,
    case_no: Option<CaseNo>,
    content: Vec<u8>,
    salt: Vec<u8>,
}

/// What others must hear of once the transaction is committed.
#[derive(Default)]
pub(in super::super) struct Effects {
    part: Option<Part>,
    lanes: Vec<LaneKey>,
    /// Lanes whose ready rows have changed.
    lanes_changed: BTreeSet<i64>,
    zone_sets: Vec<(i64, Arc<ZoneSet>)>,
    heads: Learned,
    /// Whether a case became ready.
    pub(in super::super) ready: bool,
}

impl Effects {
    /// Makes the committed lanes, zone sets and heads of lanes known.
    pub(in super::super) fn publish(self, engine: &Engine) {
        let Some(part) = self.part else { return };
        for (id, zones) in self.zone_sets {
            engine.directory.add_zone_set(part, id, zones);
        }
        for lane in self.lanes {
            engine.directory.add_lane(part, lane);
        }
        // Once more: a claim may have read them while they were not yet committed.
        engine.heads.forget(part, &self.lanes_changed);
        engine.heads.remember(part, self.heads);
        if self.ready {
            engine.waiting.wake(engine.tenants.home_of(part));
        }
    }
}

impl WorkingSet {
    /// Sets the document that a case's facts come from.
    pub(in super::super) fn set_document(
        &mut self,
        case_no: CaseNo,
        document: PendingDocument,
    ) -> Result<(), Damage> {
        self.check_readable(case_no)?;
        let entry = self.cases.get_mut(&case_no).expect("a readable case is in hand");
        entry.document = Some(document);
        Ok(())
    }

    /// Notes that the ledger said the same anew of cases, which is written apart: a head
    /// that is saved for another reason must not take that back.
    pub(in super::super) fn note_renewed(&mut self, renewals: &[Renewal]) {
        for Renewal { case_no, as_of, source_sequence, .. } in renewals {
            let Some(entry) = self.cases.get_mut(case_no) else { continue };
            for head in entry.loaded.iter_mut().chain([&mut entry.head]) {
                (head.as_of, head.ledger_sequence) = (*as_of, *source_sequence);
            }
        }
    }

    /// Notes something for the audit; the content is kept as a hash under the
    /// debtor's salt.
    pub(in super::super) fn note(
        &mut self,
        kind: &'static str,
        case_no: Option<CaseNo>,
        debtor_no: DebtorNo,
        content: Vec<u8>,
    ) {
        let salt = self.debtor(debtor_no).salt.clone();
        self.audit.push(PendingAudit { kind, case_no, content, salt });
    }

    /// Writes what changed.
    pub(in super::super) async fn save(mut self, tx: &mut Tx) -> Result<Effects, Error> {
        self.settle()?;
        let zone_sets: Vec<Vec<String>> = self
            .new_zone_sets
            .values()
            .map(|zones| zones.names().map(str::to_owned).collect())
            .collect();
        let ids: Vec<i64> = self.new_zone_sets.keys().copied().collect();
        lanes::insert_zone_sets(tx, self.part, &ids, &zone_sets).await?;
        let mut new_lanes: Vec<LaneKey> = self.new_lanes.values().cloned().collect();
        new_lanes.sort_by_key(LaneKey::lane_id);
        lanes::insert_lanes(tx, self.part, &new_lanes).await?;
        let changed = self
            .debtors
            .values()
            .filter(|entry| entry.loaded.as_ref() != Some(&entry.debtor))
            .map(|entry| &entry.debtor);
        debtors::save(tx, self.part, changed).await?;
        self.save_cases(tx).await?;
        self.save_heads(tx).await?;
        self.save_events(tx).await?;
        let lanes_changed = self.lanes_changed();
        self.engine.heads.forget(self.part, &lanes_changed);
        queue::save(tx, self.part, self.moved().filter_map(|entry| entry.queue.as_ref())).await?;
        self.save_withheld(tx).await?;
        self.leases.save(tx, self.part).await?;
        let rows: Vec<audit::NewAuditRow<'_>> = self
            .audit
            .iter()
            .map(|row| audit::NewAuditRow {
                kind: row.kind,
                case_no: row.case_no,
                content: &row.content,
                salt: &row.salt,
            })
            .collect();
        let by = (self.actor.as_str(), self.now);
        changes::publish(tx, self.part, by, self.changed_cases(), &rows).await?;
        Ok(Effects {
            part: Some(self.part),
            lanes: new_lanes,
            lanes_changed,
            heads: self.heads,
            ready: self.cases.values().any(became_ready),
            zone_sets: self.new_zone_sets.into_iter().collect(),
        })
    }

    /// The cases whose place in the queue has changed.
    fn moved(&self) -> impl Iterator<Item = &CaseEntry> {
        self.cases.values().filter(|entry| entry.queue != entry.queue_loaded)
    }

    /// The lanes whose ready rows change.
    fn lanes_changed(&self) -> BTreeSet<i64> {
        let rows = self.moved().flat_map(|entry| [&entry.queue_loaded, &entry.queue]);
        let ready = rows.flatten().filter(|row| row.state == QueueState::Ready);
        ready.map(|row| row.lane_id).chain(self.left_lanes.iter().copied()).collect()
    }

    async fn save_cases(&self, tx: &mut Tx) -> Result<(), Error> {
        let mut new = Vec::new();
        let mut histories = Vec::new();
        let mut documents = Vec::new();
        for entry in self.cases.values() {
            let Some(content) = &entry.content else { continue };
            match (&entry.loaded, &entry.case_id) {
                (None, Some(case_id)) => {
                    new.push(NewCase { case_id, head: &entry.head, history: &content.history });
                }
                _ if entry.history_changed => {
                    histories.push((entry.head.case_no, &content.history));
                }
                _ => {}
            }
            if let Some(document) = &entry.document {
                documents.push(SourceDocument {
                    case_no: entry.head.case_no,
                    as_of: document.as_of,
                    source_sequence: document.source_sequence,
                    facts: &document.facts,
                });
            }
        }
        cases::insert_cases(tx, self.part, &new).await?;
        cases::save_histories(tx, self.part, &histories).await?;
        source::save_sources(tx, self.part, &documents).await?;
        Ok(())
    }

    async fn save_heads(&self, tx: &mut Tx) -> Result<(), Error> {
        Ok(cases::save_heads(tx, self.part, self.changed_heads()).await?)
    }

    fn changed_heads(&self) -> impl Iterator<Item = &CaseHead> {
        let changed =
            self.cases.values().filter(|entry| entry.loaded.as_ref() != Some(&entry.head));
        changed.map(|entry| &entry.head)
    }

    /// What callers see otherwise than before: a case, or the holds of its debtor. A case
    /// that has gone to another part is among them: who looks finds it gone.
    fn changed_cases(&self) -> ChangedCases {
        let held_otherwise = |debtor_no: DebtorNo| {
            let entry = self.debtors.get(&debtor_no);
            entry.is_some_and(|entry| match &entry.loaded {
                Some(loaded) => loaded.record.holds != entry.debtor.record.holds,
                None => false,
            })
        };
        let heads = self.cases.values().map(|entry| &entry.head);
        let held = heads.filter(|head| held_otherwise(head.debtor_no));
        let changed = held.chain(self.changed_heads()).map(|head| (head.case_no, head.case_seq));
        changed.chain(self.left.iter().map(|(case_no, case_seq)| (*case_no, *case_seq))).collect()
    }

    async fn save_events(&self, tx: &mut Tx) -> Result<(), Error> {
        let rows: Vec<NewCaseEvent<'_>> = self
            .events
            .iter()
            .map(|event| {
                let entry = self.cases.get(&event.case_no);
                let entry = entry.expect("a case with an event stays in hand");
                let (event_id, body) = event_body(&event.body, entry);
                let context = self.portfolio(entry.head.portfolio_no);
                // The first one's is known.
                let tolerance = (context.activation_id > 1)
                    .then(|| context.rule_set.ranking().tolerance_amount_minor);
                NewCaseEvent {
                    case_no: event.case_no,
                    case_seq: event.case_seq,
                    event_time: event.event_time,
                    record_time: event.record_time,
                    ledger_as_of: event.ledger_as_of,
                    event_id,
                    tolerance_amount_minor: tolerance,
                    body,
                }
            })
            .collect();
        events::append(tx, self.part, &rows).await?;
        Ok(())
    }
}

fn became_ready(entry: &CaseEntry) -> bool {
    let ready = |row: &Option<queue::QueueRow>| {
        row.as_ref().is_some_and(|row| row.state == QueueState::Ready)
    };
    ready(&entry.queue) && !ready(&entry.queue_loaded)
}

fn event_body<'a>(
    body: &'a PendingBody,
    entry: &'a CaseEntry,
) -> (Option<&'a str>, CaseEventBody<'a>) {
    match body {
        PendingBody::Facts { old, earlier_versions, debtor_id } => {
            let content = entry.content.as_ref().expect("a case with a document has content");
            let document = entry.document.as_ref().expect("facts are recorded with a document");
            let body = CaseEventBody::Facts {
                new: &content.facts,
                encoded: &document.facts,
                old: old.as_deref(),
                earlier_versions: *earlier_versions,
                as_of: document.as_of,
                source_sequence: document.source_sequence,
                debtor_id,
            };
            (None, body)
        }
        PendingBody::Payment(payment) => {
            (Some(payment.event_id.as_str()), CaseEventBody::Payment(payment))
        }
        PendingBody::Reversal { event_id, payment_event_id, reversed } => (
            Some(event_id.as_str()),
            CaseEventBody::Reversal { event_id: payment_event_id, reversed: *reversed },
        ),
        PendingBody::Hold(hold) => (Some(hold.event_id.as_str()), CaseEventBody::Hold(hold)),
        PendingBody::Lift { event_id, hold_event_id } => {
            (Some(event_id.as_str()), CaseEventBody::Lift(hold_event_id))
        }
        PendingBody::AsOf(as_of) => (None, CaseEventBody::AsOf(*as_of)),
        PendingBody::Attempt(attempt, served) => {
            (None, CaseEventBody::Attempt(attempt, served.as_ref()))
        }
        PendingBody::Promise(promise) => (None, CaseEventBody::Promise(promise)),
    }
}
