//! Applying events to the working set, one after another.

use std::collections::{BTreeSet, HashMap};

use crate::model::{
    CaseId, CaseNo, DebtorId, DebtorNo, EventId, HOLDS_MAX, Hold, Part, Payment, PortfolioId,
    PortfolioNo, Reason, Violations, held_until, holds_are_full,
};
use crate::store::events::EventKey;
use crate::store::{self, Damage, Tx, case_stays, cases, debtors};

use super::super::spread::Items;
use super::super::working_set::{PendingBody, WorkingSet};
use super::super::{Error, ItemError};
use super::{Event, EventKind, Events, HoldTarget, RecordResult};

/// What the events of a call speak of, as stored.
struct Known {
    cases: HashMap<String, Result<(CaseNo, DebtorNo), Damage>>,
    debtors: HashMap<String, DebtorNo>,
    /// Events stored before, and those of this call as they are taken.
    keys: HashMap<String, EventKey>,
    new_keys: Vec<EventKey>,
}

/// An event and its place in the request.
#[derive(Clone, Copy)]
struct Placed<'a> {
    at: usize,
    event: &'a Event,
}

impl Placed<'_> {
    /// Nobody is called meanwhile: as many others hold until they are lifted.
    fn too_many_holds(self) -> ItemError {
        let mut violations = Violations::new();
        let field = format!("events[{}].hold", self.at);
        let bound = format!("{HOLDS_MAX} are in force until they are lifted; at most as many");
        violations.add(field, Reason::FieldOutOfRange, HOLDS_MAX + 1, bound);
        ItemError::Invalid(violations)
    }

    fn conflict(self, field: &str, value: impl std::fmt::Display, bound: &str) -> ItemError {
        let mut violations = Violations::new();
        let field = format!("events[{}].{field}", self.at);
        violations.add(field, Reason::FieldConflict, value, bound);
        ItemError::Invalid(violations)
    }
}

/// What taking an event touched.
struct Touched {
    debtor_no: DebtorNo,
    case_nos: Vec<CaseNo>,
}

/// Applies the events of a call.
pub(super) async fn record_into(
    set: &mut WorkingSet,
    tx: &mut Tx,
    (portfolio_id, events): (PortfolioId, Events),
) -> Result<Items<RecordResult>, Error> {
    let context = set.engine.context_by_id(tx, set.part, &portfolio_id).await?;
    let portfolio_no = context.portfolio.number;
    set.add_portfolio(context);
    let mut known = load(set, tx, portfolio_no, &events).await?;
    let mut dirty = BTreeSet::new();
    let mut results = Vec::with_capacity(events.len());
    for (at, event) in events {
        let (event_id, recorded) = match event {
            Err(rejected) => (rejected.event_id, Err(ItemError::Invalid(rejected.violations))),
            Ok(event) => {
                let id = event.event_id.to_string();
                (id, record(set, &mut known, &mut dirty, Placed { at, event: &event }))
            }
        };
        results.push((at, RecordResult { event_id, recorded }));
    }
    for case_no in dirty {
        set.rank(case_no)?;
    }
    store::events::insert_keys(tx, set.part, portfolio_no, &known.new_keys, set.now).await?;
    Ok(results)
}

/// Loads everything the events name: cases, debtors, earlier events, and with
/// them the debtors' cases and histories.
async fn load(
    set: &mut WorkingSet,
    tx: &mut Tx,
    portfolio_no: PortfolioNo,
    events: &Events,
) -> Result<Known, Error> {
    let mut case_ids = BTreeSet::new();
    let mut debtor_ids = BTreeSet::new();
    let mut event_ids = BTreeSet::new();
    for event in events.iter().filter_map(|(_, event)| event.as_ref().ok()) {
        event_ids.insert(event.event_id.as_str());
        match &event.kind {
            EventKind::Payment { shares } => {
                case_ids.extend(shares.iter().map(|(case_id, _)| case_id.as_str()));
            }
            EventKind::Reversal { reversed_event_id: other }
            | EventKind::Lift { hold_event_id: other, .. } => {
                event_ids.insert(other.as_str());
            }
            EventKind::Hold { .. } => {}
        }
        match target(&event.kind) {
            Some(HoldTarget::Cases(ids)) => case_ids.extend(ids.iter().map(CaseId::as_str)),
            Some(HoldTarget::Debtor(debtor_id)) => {
                debtor_ids.insert(debtor_id.as_str());
            }
            None => {}
        }
    }
    let part = set.part;
    let keys = store::events::find_keys(tx, part, portfolio_no, event_ids).await?;
    let cases: HashMap<String, Result<(CaseNo, DebtorNo), Damage>> =
        cases::find_by_id(tx, part, portfolio_no, case_ids)
            .await?
            .into_iter()
            .map(|(id, read)| (id, read.map(|known| (known.head.case_no, known.head.debtor_no))))
            .collect();
    let debtors = debtors::numbers_of(tx, part, debtor_ids).await?;
    let of_keys = keys.values().flat_map(|key| key.case_nos.iter().copied());
    let debtor_of = cases::debtors_of(tx, part, of_keys.collect::<Vec<_>>()).await?;
    let mut debtor_nos: BTreeSet<DebtorNo> = debtors.values().copied().collect();
    debtor_nos.extend(cases.values().flatten().map(|(_, debtor_no)| *debtor_no));
    debtor_nos.extend(keys.values().map(|key| key.debtor_no));
    debtor_nos.extend(debtor_of.values());
    set.load_debtors(tx, debtor_nos).await?;
    let members =
        cases.values().flatten().copied().chain(debtor_of.iter().map(|(no, of)| (*no, *of)));
    set.check_members(tx, members)?;
    check_there(tx, part, (&keys, &debtor_of)).await?;
    let named = cases.values().flatten().map(|(case_no, _)| *case_no);
    let case_nos: Vec<CaseNo> = named.chain(debtor_of.into_keys()).collect();
    set.load_content(tx, case_nos).await?;
    Ok(Known { cases, debtors, keys, new_keys: Vec::new() })
}

/// Makes sure that the cases of earlier events have not gone to another part since those
/// were read; their debtors are in hand now.
async fn check_there(
    tx: &mut Tx,
    part: Part,
    (keys, debtor_of): (&HashMap<String, EventKey>, &HashMap<CaseNo, DebtorNo>),
) -> Result<(), Error> {
    let named = keys.values().flat_map(|key| key.case_nos.iter().copied());
    let missing: Vec<CaseNo> = named.filter(|no| !debtor_of.contains_key(no)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let stays = case_stays::load(tx, part, missing).await?;
    if stays.values().all(|stay| stay.leave_time.is_none()) {
        return Ok(());
    }
    Err(tx.conflict("a case was given to a debtor of another part").into())
}

/// The bound of an event that names cases of several debtors.
pub(super) const ONE_DEBTOR: &str = "all cases of one event must belong to one debtor";

/// The bound of a lift that names a case which its hold does not cover.
pub(super) const NOT_COVERED: &str = "the hold does not cover this case";

/// Whom a hold or lift names.
pub(super) fn target(kind: &EventKind) -> Option<&HoldTarget> {
    match kind {
        EventKind::Hold { target, .. } => Some(target),
        EventKind::Lift { target, .. } => target.as_ref(),
        EventKind::Payment { .. } | EventKind::Reversal { .. } => None,
    }
}

/// Takes one event: true if it is new, false if it was recorded before.
fn record(
    set: &mut WorkingSet,
    known: &mut Known,
    dirty: &mut BTreeSet<CaseNo>,
    placed: Placed<'_>,
) -> Result<bool, ItemError> {
    let event = placed.event;
    let content_hash = content_hash(event);
    if let Some(key) = known.keys.get(event.event_id.as_str()) {
        if key.content_hash == content_hash {
            return Ok(false);
        }
        return Err(ItemError::EventAlreadyExists(event.event_id.to_string()));
    }
    let touched = match &event.kind {
        EventKind::Payment { shares } => pay(set, known, placed, shares)?,
        EventKind::Reversal { reversed_event_id } => reverse(set, known, event, reversed_event_id)?,
        EventKind::Hold { target, kind, until, evidence_reference } => {
            let new = Hold {
                event_id: event.event_id.to_string(),
                kind: *kind,
                until: *until,
                evidence_reference: evidence_reference.clone(),
            };
            hold(set, known, placed, (target, new))?
        }
        EventKind::Lift { hold_event_id, target } => {
            lift(set, known, placed, (hold_event_id, target.as_ref()))?
        }
    };
    dirty.extend(touched.case_nos.iter().copied());
    let key = EventKey {
        event_id: event.event_id.to_string(),
        kind: kind_number(&event.kind),
        content_hash,
        debtor_no: touched.debtor_no,
        case_nos: touched.case_nos,
    };
    known.keys.insert(key.event_id.clone(), key.clone());
    known.new_keys.push(key);
    Ok(true)
}

pub(super) const PAYMENT: i64 = 2;
const REVERSAL: i64 = 3;
pub(super) const HOLD: i64 = 4;
const LIFT: i64 = 5;

pub(super) fn kind_number(kind: &EventKind) -> i64 {
    match kind {
        EventKind::Payment { .. } => PAYMENT,
        EventKind::Reversal { .. } => REVERSAL,
        EventKind::Hold { .. } => HOLD,
        EventKind::Lift { .. } => LIFT,
    }
}

/// The hash of all that an event says. The text form is stable because it is
/// spelled out here, field by field.
pub(super) fn content_hash(event: &Event) -> Vec<u8> {
    let text = match &event.kind {
        EventKind::Payment { shares } => {
            let shares: Vec<String> =
                shares.iter().map(|(case_id, amount)| format!("{case_id} {amount}")).collect();
            format!("payment {}", shares.join(" "))
        }
        EventKind::Reversal { reversed_event_id } => format!("reversal {reversed_event_id}"),
        EventKind::Hold { target, kind, until, evidence_reference } => {
            let until = until.map_or("open".to_owned(), |until| until.0.to_string());
            // Last, because only it may hold any character.
            format!("hold {} {until} {} {evidence_reference}", kind.name(), target_text(target))
        }
        EventKind::Lift { hold_event_id, target } => {
            let target = target.as_ref().map_or("all".to_owned(), target_text);
            format!("lift {hold_event_id} {target}")
        }
    };
    blake3::hash(format!("{} {text}", event.event_time.0).as_bytes()).as_bytes().to_vec()
}

fn target_text(target: &HoldTarget) -> String {
    match target {
        HoldTarget::Cases(ids) => {
            let ids: Vec<&str> = ids.iter().map(CaseId::as_str).collect();
            format!("cases {}", ids.join(" "))
        }
        HoldTarget::Debtor(debtor_id) => format!("debtor {debtor_id}"),
    }
}

/// The numbers of named cases, all of one debtor. Each of them can be read.
fn find_cases<'a>(
    set: &WorkingSet,
    known: &Known,
    placed: Placed<'_>,
    case_ids: impl Iterator<Item = &'a CaseId>,
) -> Result<Touched, ItemError> {
    let mut case_nos = Vec::new();
    let mut debtor_no = None;
    for case_id in case_ids {
        let Some(found) = known.cases.get(case_id.as_str()) else {
            return Err(ItemError::CaseNotFound(case_id.to_string()));
        };
        let (case_no, debtor) = found.as_ref().map_err(Damage::clone)?;
        if debtor_no.is_some_and(|other| other != *debtor) {
            return Err(placed.conflict("case_ids", case_id, ONE_DEBTOR));
        }
        set.check_readable(*case_no)?;
        debtor_no = Some(*debtor);
        case_nos.push(*case_no);
    }
    let debtor_no = debtor_no.ok_or_else(|| ItemError::CaseNotFound(String::new()))?;
    Ok(Touched { debtor_no, case_nos })
}

/// Refuses an event of which any case cannot be read, before it changes one.
fn check_readable(set: &WorkingSet, case_nos: &[CaseNo]) -> Result<(), Damage> {
    case_nos.iter().try_for_each(|case_no| set.check_readable(*case_no))
}

/// The number of a named debtor.
fn find_debtor(known: &Known, debtor_id: &DebtorId) -> Result<DebtorNo, ItemError> {
    let found = known.debtors.get(debtor_id.as_str()).copied();
    found.ok_or_else(|| ItemError::DebtorNotFound(debtor_id.to_string()))
}

fn pay(
    set: &mut WorkingSet,
    known: &Known,
    placed: Placed<'_>,
    shares: &[(CaseId, i64)],
) -> Result<Touched, ItemError> {
    let event = placed.event;
    let touched = find_cases(set, known, placed, shares.iter().map(|(case_id, _)| case_id))?;
    for (case_no, (_, amount_minor)) in touched.case_nos.iter().zip(shares) {
        let payment = Payment {
            event_id: event.event_id.to_string(),
            event_time: event.event_time,
            amount_minor: *amount_minor,
            reversed_time: None,
        };
        set.append(*case_no, PendingBody::Payment(payment.clone()), event.event_time)?;
        set.pay(*case_no, payment)?;
    }
    Ok(touched)
}

fn reverse(
    set: &mut WorkingSet,
    known: &Known,
    event: &Event,
    reversed: &EventId,
) -> Result<Touched, ItemError> {
    let key = known
        .keys
        .get(reversed.as_str())
        .filter(|key| key.kind == PAYMENT)
        .ok_or_else(|| ItemError::EventNotFound(reversed.to_string()))?;
    check_readable(set, &key.case_nos)?;
    for case_no in &key.case_nos {
        let body = PendingBody::Reversal {
            event_id: event.event_id.to_string(),
            payment_event_id: key.event_id.clone(),
            reversed: event.event_time,
        };
        set.append(*case_no, body, event.event_time)?;
        set.take_back(*case_no, &key.event_id, event.event_time)?;
    }
    Ok(Touched { debtor_no: key.debtor_no, case_nos: key.case_nos.clone() })
}

fn hold(
    set: &mut WorkingSet,
    known: &Known,
    placed: Placed<'_>,
    (target, hold): (&HoldTarget, Hold),
) -> Result<Touched, ItemError> {
    let content = format!("{hold:?}").into_bytes();
    match target {
        HoldTarget::Cases(case_ids) => {
            let touched = find_cases(set, known, placed, case_ids.iter())?;
            let holds =
                |case_no: &CaseNo| Some(&set.case(*case_no)?.content.as_ref()?.history.holds);
            if touched.case_nos.iter().filter_map(holds).any(|holds| holds_are_full(holds)) {
                return Err(placed.too_many_holds());
            }
            for case_no in &touched.case_nos {
                set.append(*case_no, PendingBody::Hold(hold.clone()), placed.event.event_time)?;
                set.change_history(*case_no, |history| history.hold(hold.clone()))?;
                set.note("hold.placed", Some(*case_no), touched.debtor_no, content.clone());
            }
            Ok(touched)
        }
        HoldTarget::Debtor(debtor_id) => {
            let debtor_no = find_debtor(known, debtor_id)?;
            set.check_debtor(debtor_no)?;
            if holds_are_full(&set.debtor(debtor_no).record.holds) {
                return Err(placed.too_many_holds());
            }
            let now = set.now;
            let debtor = set.debtor_mut(debtor_no);
            debtor.record.hold(hold);
            debtor.hold_until = held_until(&debtor.record.holds, now);
            set.note("hold.placed", None, debtor_no, content);
            Ok(Touched { debtor_no, case_nos: Vec::new() })
        }
    }
}

fn lift(
    set: &mut WorkingSet,
    known: &Known,
    placed: Placed<'_>,
    (hold_event_id, target): (&EventId, Option<&HoldTarget>),
) -> Result<Touched, ItemError> {
    let key = known
        .keys
        .get(hold_event_id.as_str())
        .filter(|key| key.kind == HOLD)
        .ok_or_else(|| ItemError::EventNotFound(hold_event_id.to_string()))?;
    let case_nos = lifted_cases(set, known, placed, (key, target))?;
    check_readable(set, &case_nos)?;
    set.check_debtor(key.debtor_no)?;
    if key.case_nos.is_empty() {
        let now = set.now;
        let debtor = set.debtor_mut(key.debtor_no);
        debtor.record.lift(&key.event_id);
        debtor.hold_until = held_until(&debtor.record.holds, now);
        set.note("hold.lifted", None, key.debtor_no, key.event_id.clone().into_bytes());
    }
    for case_no in &case_nos {
        let body = PendingBody::Lift {
            event_id: placed.event.event_id.to_string(),
            hold_event_id: key.event_id.clone(),
        };
        set.append(*case_no, body, placed.event.event_time)?;
        set.change_history(*case_no, |history| history.lift(&key.event_id))?;
        let content = key.event_id.clone().into_bytes();
        set.note("hold.lifted", Some(*case_no), key.debtor_no, content);
    }
    Ok(Touched { debtor_no: key.debtor_no, case_nos })
}

/// The cases for which a hold ends: those named, each of which it must cover, or
/// all that it covers. None for a hold of the whole debtor.
fn lifted_cases(
    set: &WorkingSet,
    known: &Known,
    placed: Placed<'_>,
    (key, target): (&EventKey, Option<&HoldTarget>),
) -> Result<Vec<CaseNo>, ItemError> {
    match target {
        None => Ok(key.case_nos.clone()),
        Some(HoldTarget::Cases(case_ids)) => {
            let named = find_cases(set, known, placed, case_ids.iter())?.case_nos;
            let covered = |(_, case_no): &(&CaseId, &CaseNo)| key.case_nos.contains(case_no);
            match case_ids.iter().zip(&named).find(|named| !covered(named)) {
                Some((case_id, _)) => Err(placed.conflict("case_ids", case_id, NOT_COVERED)),
                None => Ok(named),
            }
        }
        Some(HoldTarget::Debtor(debtor_id)) => {
            let covered = find_debtor(known, debtor_id)? == key.debtor_no;
            if !covered || !key.case_nos.is_empty() {
                let bound = "the hold does not cover this debtor as a whole";
                return Err(placed.conflict("debtor_id", debtor_id, bound));
            }
            Ok(Vec::new())
        }
    }
}
