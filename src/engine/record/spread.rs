//! Events of a tenant that is spread over several parts: each goes where the debtor
//! lives whom it speaks of. Its cases say so, or the event that it refers to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::{CaseId, Part, Parts, PortfolioNo, Reason, Violations};
use crate::store::{Tx, case_parts, events};

use super::super::spread::{Items, in_order, over_parts};
use super::super::{Caller, Engine, Error, ItemError};
use super::apply::target;
use super::{Event, EventKind, HoldTarget, RecordCommand, RecordResult, RejectedEvent, record_in};

/// Records the events of a call, those of each part in a transaction of its own.
pub(super) async fn record(
    engine: &Arc<Engine>,
    (caller, parts): (&Caller, &Parts),
    command: RecordCommand,
) -> Result<Items<RecordResult>, Error> {
    let mut places = Places::load(engine, parts, &command).await?;
    let mut by_part: BTreeMap<Part, Items<Result<Event, RejectedEvent>>> = BTreeMap::new();
    let mut results = Vec::new();
    for (at, event) in command.events.into_iter().enumerate() {
        let part = match &event {
            Ok(event) => places.part_of(at, event),
            // It is rejected wherever it goes.
            Err(_) => Ok(parts.first()),
        };
        match (part, event) {
            (Ok(part), event) => by_part.entry(part).or_default().push((at, event)),
            (Err(error), event) => {
                let event_id = event.map(|event| event.event_id.to_string()).unwrap_or_default();
                results.push((at, RecordResult { event_id, recorded: Err(error) }));
            }
        }
    }
    let portfolio_id = &command.portfolio_id;
    let work = |part, events| record_in(engine, (caller, part), (portfolio_id.clone(), events));
    results.extend(over_parts(by_part, work).await?);
    Ok(in_order(results))
}

/// Where what the events of a call name lives.
struct Places<'a> {
    parts: &'a Parts,
    cases: HashMap<String, Part>,
    /// Events stored before, and those of this call as they are given a place.
    events: HashMap<String, Part>,
}

impl<'a> Places<'a> {
    async fn load(
        engine: &Engine,
        parts: &'a Parts,
        command: &RecordCommand,
    ) -> Result<Places<'a>, Error> {
        let mut tx = engine.store.read().await?;
        let portfolio_id = &command.portfolio_id;
        let context = engine.context_by_id(&mut tx, parts.first(), portfolio_id).await?;
        let number = context.portfolio.number;
        let mut cases: BTreeMap<Part, BTreeSet<&str>> = BTreeMap::new();
        let mut event_ids = BTreeSet::new();
        for event in command.events.iter().flatten() {
            for case_id in cases_of(&event.kind) {
                let directory = parts.directory_of(case_id);
                cases.entry(directory).or_default().insert(case_id.as_str());
            }
            event_ids.insert(event.event_id.as_str());
            event_ids.extend(referred(&event.kind));
        }
        let mut places = Places { parts, cases: HashMap::new(), events: HashMap::new() };
        for (directory, case_ids) in cases {
            places.cases.extend(case_parts::find(&mut tx, directory, number, case_ids).await?);
        }
        places.load_events(&mut tx, number, &event_ids).await?;
        Ok(places)
    }

    /// An event lies where its debtor does, which its id does not tell: every part is
    /// asked.
    async fn load_events(
        &mut self,
        tx: &mut Tx,
        portfolio_no: PortfolioNo,
        event_ids: &BTreeSet<&str>,
    ) -> Result<(), Error> {
        for part in self.parts.all() {
            let found = events::find_keys(tx, *part, portfolio_no, event_ids.iter().copied());
            self.events.extend(found.await?.into_keys().map(|event_id| (event_id, *part)));
        }
        Ok(())
    }

    /// Where an event goes. One whose id is known goes where that is: it is the same
    /// again, or refused. One that names nothing known goes anywhere to be refused.
    fn part_of(&mut self, at: usize, event: &Event) -> Result<Part, ItemError> {
        let known = self.events.get(event.event_id.as_str());
        let referred = referred(&event.kind).and_then(|event_id| self.events.get(event_id));
        let part = match known.or(referred).copied() {
            Some(part) => part,
            None => self.part_of_target(at, event)?,
        };
        self.events.insert(event.event_id.to_string(), part);
        Ok(part)
    }

    fn part_of_target(&self, at: usize, event: &Event) -> Result<Part, ItemError> {
        if let Some(HoldTarget::Debtor(debtor_id)) = target(&event.kind) {
            return Ok(self.parts.of_debtor(debtor_id));
        }
        let mut part = None;
        for case_id in cases_of(&event.kind) {
            let Some(lives_in) = self.cases.get(case_id.as_str()).copied() else { continue };
            if part.is_some_and(|part| part != lives_in) {
                return Err(of_two_debtors(at, case_id));
            }
            part = Some(lives_in);
        }
        Ok(part.unwrap_or(self.parts.first()))
    }
}

/// The cases that an event names.
fn cases_of(kind: &EventKind) -> Vec<&CaseId> {
    match (kind, target(kind)) {
        (EventKind::Payment { shares }, _) => shares.iter().map(|(case_id, _)| case_id).collect(),
        (_, Some(HoldTarget::Cases(case_ids))) => case_ids.iter().collect(),
        _ => Vec::new(),
    }
}

/// The event that an event refers to.
fn referred(kind: &EventKind) -> Option<&str> {
    match kind {
        EventKind::Reversal { reversed_event_id: other }
        | EventKind::Lift { hold_event_id: other, .. } => Some(other.as_str()),
        EventKind::Payment { .. } | EventKind::Hold { .. } => None,
    }
}

/// Cases of two parts are of two debtors.
fn of_two_debtors(at: usize, case_id: &CaseId) -> ItemError {
    let mut violations = Violations::new();
    let field = format!("events[{at}].case_ids");
    violations.add(field, Reason::FieldConflict, case_id, super::apply::ONE_DEBTOR);
    ItemError::Invalid(violations)
}
