//! Events of a tenant that is spread over several parts: each goes where the debtor
//! lives whom it speaks of. Its cases say so, or the event that it refers to. That one may
//! have been of several cases of which some were given to debtors of other parts since: what
//! takes it back then goes to all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::{CaseId, Part, Parts, PortfolioId, PortfolioNo, Reason, Violations};
use crate::store::{Tx, case_parts, events};

use super::super::spread::{Items, in_order, over_parts};
use super::super::{Caller, Engine, Error, ItemError};
use super::apply::{HOLD, NOT_COVERED, ONE_DEBTOR, PAYMENT, content_hash, kind_number, target};
use super::{Event, EventKind, HoldTarget, RecordCommand, RecordResult, record_in};

/// How often places are looked up anew that others change at the same time.
const ROUNDS_MAX: usize = 32;

/// An event on its way.
struct Pending {
    at: usize,
    event: Event,
    /// Where it has been.
    tried: BTreeSet<Part>,
    /// What came of it there.
    recorded: Option<Result<bool, ItemError>>,
}

impl Pending {
    /// Takes what came of it in one more part. It was recorded if any recorded it, and is
    /// refused if any refuses it: sent again, it is recorded where it was not.
    fn add(&mut self, part: Part, recorded: Result<bool, ItemError>) {
        self.tried.insert(part);
        self.recorded = Some(match (self.recorded.take(), recorded) {
            (Some(Ok(before)), Ok(now)) => Ok(before || now),
            (Some(Err(error)), Ok(_)) if !is_missing(&error) => Err(error),
            (_, now) => now,
        });
    }

    /// Whether it may belong to other parts than it has been in: what it speaks of may have
    /// gone there since it was looked up.
    fn is_open(&self) -> bool {
        match &self.recorded {
            None => true,
            Some(Ok(_)) => refers_to_all(&self.event.kind),
            Some(Err(error)) => is_missing(error),
        }
    }

    /// Where it goes next, of the parts that it belongs to now: to those where it has not
    /// been; and anywhere again if it was refused because what it names was not there, and
    /// all of that is somewhere.
    fn next(&mut self, parts: BTreeSet<Part>, places: &Places<'_>) -> BTreeSet<Part> {
        let refused = matches!(&self.recorded, Some(Err(_)));
        if refused && (parts != self.tried || places.know(&self.event)) {
            self.tried.clear();
        }
        &parts - &self.tried
    }
}

fn is_missing(error: &ItemError) -> bool {
    matches!(error, ItemError::CaseNotFound(_) | ItemError::EventNotFound(_))
}

/// Records the events of a call, those of each part in a transaction of its own.
pub(super) async fn record(
    engine: &Arc<Engine>,
    (caller, parts): (&Caller, &Parts),
    command: RecordCommand,
) -> Result<Items<RecordResult>, Error> {
    let RecordCommand { portfolio_id, events } = command;
    let mut results = Vec::new();
    let mut pending: BTreeMap<usize, Pending> = BTreeMap::new();
    for (at, event) in events.into_iter().enumerate() {
        match event {
            Ok(event) => {
                let (tried, recorded) = (BTreeSet::new(), None);
                pending.insert(at, Pending { at, event, tried, recorded });
            }
            Err(rejected) => {
                let recorded = Err(ItemError::Invalid(rejected.violations));
                results.push((at, RecordResult { event_id: rejected.event_id, recorded }));
            }
        }
    }
    let mut rounds = 0;
    loop {
        rounds += 1;
        let open = pending.values().filter(|one| one.is_open()).map(|one| &one.event);
        let mut places = Places::load(engine, parts, &portfolio_id, open.collect()).await?;
        let mut by_part: BTreeMap<Part, Items<Result<Event, _>>> = BTreeMap::new();
        for one in pending.values_mut().filter(|one| one.is_open()) {
            match places.parts_of(one.at, &one.event) {
                Ok(parts) => {
                    for part in one.next(parts, &places) {
                        by_part.entry(part).or_default().push((one.at, Ok(one.event.clone())));
                    }
                }
                Err(error) => one.recorded = Some(Err(error)),
            }
        }
        // What is nowhere although it is said to be somewhere is refused by itself: its case
        // goes from debtor to debtor all the time, or its row is damaged.
        if by_part.is_empty() || rounds > ROUNDS_MAX {
            break;
        }
        let work = |part, events| {
            let recorded = record_in(engine, (caller, part), (portfolio_id.clone(), events));
            async move {
                let recorded = recorded.await?.into_iter();
                Ok(recorded.map(|(at, one)| (at, (part, one.recorded))).collect())
            }
        };
        for (at, (part, recorded)) in over_parts(by_part, work).await? {
            if let Some(one) = pending.get_mut(&at) {
                one.add(part, recorded);
            }
        }
    }
    results.extend(pending.into_iter().map(|(at, one)| {
        let event_id = one.event.event_id.to_string();
        // Whatever named no place that is there was refused in one that is.
        let recorded =
            one.recorded.unwrap_or_else(|| Err(ItemError::EventNotFound(event_id.clone())));
        (at, RecordResult { event_id, recorded })
    }));
    Ok(in_order(results))
}

/// Where what the events of a call name lives.
struct Places<'a> {
    parts: &'a Parts,
    cases: HashMap<String, Part>,
    /// Events stored before, and those of this call as they are given a place.
    events: HashMap<String, Known>,
}

/// An event that is known.
#[derive(Clone, Debug, Default)]
struct Known {
    kind: i64,
    content_hash: Vec<u8>,
    parts: BTreeSet<Part>,
    /// Whether it was recorded before.
    stored: bool,
}

impl<'a> Places<'a> {
    async fn load(
        engine: &Engine,
        parts: &'a Parts,
        portfolio_id: &PortfolioId,
        events: Vec<&Event>,
    ) -> Result<Places<'a>, Error> {
        let mut tx = engine.store.read().await?;
        let context = engine.context_by_id(&mut tx, parts.first(), portfolio_id).await?;
        let number = context.portfolio.number;
        let mut cases: BTreeMap<Part, BTreeSet<&str>> = BTreeMap::new();
        let mut event_ids = BTreeSet::new();
        for event in events {
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
        if !event_ids.is_empty() {
            places.load_events(&mut tx, number, &event_ids).await?;
        }
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
            for (event_id, key) in found.await? {
                let known = self.events.entry(event_id).or_default();
                (known.kind, known.content_hash, known.stored) = (key.kind, key.content_hash, true);
                known.parts.insert(*part);
            }
        }
        Ok(())
    }

    /// Where an event goes. One whose id is known goes where that is: it is the same
    /// again, or refused. One that names nothing known goes anywhere to be refused.
    fn parts_of(&mut self, at: usize, event: &Event) -> Result<BTreeSet<Part>, ItemError> {
        let hash = content_hash(event);
        let known = self.events.get(event.event_id.as_str());
        let referred = referred(&event.kind).and_then(|event_id| self.events.get(event_id));
        let referred = referred.map(|referred| referred.parts.clone()).unwrap_or_default();
        let parts = match known {
            Some(known) if known.content_hash != hash => {
                return Ok(known.parts.first().copied().into_iter().collect());
            }
            Some(known) if refers_to_all(&event.kind) => &known.parts | &referred,
            Some(known) => known.parts.clone(),
            None if refers_to_all(&event.kind) && !referred.is_empty() => referred,
            None if referred.is_empty() => [self.part_of_target(at, event)?].into(),
            None => self.parts_of_lift(at, event, &referred)?,
        };
        let known = self.events.entry(event.event_id.to_string()).or_default();
        if !known.stored {
            (known.kind, known.content_hash) = (kind_number(&event.kind), hash);
            known.parts.extend(&parts);
        }
        Ok(parts)
    }

    /// Where the lift of a hold for some goes: the hold lies where all live whom it covers.
    fn parts_of_lift(
        &self,
        at: usize,
        event: &Event,
        held: &BTreeSet<Part>,
    ) -> Result<BTreeSet<Part>, ItemError> {
        let named = self.part_of_target(at, event)?;
        if held.contains(&named) {
            return Ok([named].into());
        }
        let elsewhere = |case_id: &&CaseId| self.cases.contains_key(case_id.as_str());
        match cases_of(&event.kind).into_iter().find(elsewhere) {
            Some(case_id) if self.is_stored(event) => Err(not_covered(at, case_id)),
            _ => Ok(held.first().copied().into_iter().collect()),
        }
    }

    /// Whether the event that an event refers to was recorded before, and is of the kind
    /// that it takes back.
    fn is_stored(&self, event: &Event) -> bool {
        let of_kind = match &event.kind {
            EventKind::Reversal { .. } => PAYMENT,
            _ => HOLD,
        };
        let known = referred(&event.kind).and_then(|event_id| self.events.get(event_id));
        known.is_some_and(|known| known.stored && known.kind == of_kind)
    }

    /// Whether all that an event names is known to be somewhere.
    fn know(&self, event: &Event) -> bool {
        let cases = cases_of(&event.kind);
        let refers = referred(&event.kind).is_some();
        (refers || !cases.is_empty())
            && cases.into_iter().all(|case_id| self.cases.contains_key(case_id.as_str()))
            && (!refers || self.is_stored(event))
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

/// Whether an event is of all cases of the one that it refers to.
fn refers_to_all(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Reversal { .. } | EventKind::Lift { target: None, .. })
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
    conflict(at, case_id, ONE_DEBTOR)
}

fn not_covered(at: usize, case_id: &CaseId) -> ItemError {
    conflict(at, case_id, NOT_COVERED)
}

fn conflict(at: usize, case_id: &CaseId, bound: &str) -> ItemError {
    let mut violations = Violations::new();
    let field = format!("events[{at}].case_ids");
    violations.add(field, Reason::FieldConflict, case_id, bound);
    ItemError::Invalid(violations)
}
