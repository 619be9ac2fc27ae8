//! Leasing one given debtor instead of the head of a list.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::{
    CaseNo, CaseState, DebtorNo, Gate, Micros, QueueRank, Reason, TakeReason, Violations,
};
use crate::policy::{Window, failing_gates, passes};
use crate::store::portfolios::StoredWorkList;
use crate::store::{Tx, debtors};

use super::super::work_list::FailingGate;
use super::super::working_set::{WorkingSet, gate_input};
use super::super::{Error, Resource};
use super::claim::{self, Given, Pull};
use super::pick::Chosen;
use super::{Take, lanes};

/// Why a take was given nothing.
pub(super) enum Refusal {
    /// These gates fail and are not passed, in their order.
    Gates(Vec<FailingGate>),
    /// There is no such debtor, or the list selects nothing of it.
    Error(Error),
}

/// Grants new takes, in their order; a second one of the same debtor meets the lease
/// of the first.
pub(super) async fn grant_all(
    set: &mut WorkingSet,
    tx: &mut Tx,
    list: &StoredWorkList,
    takes: Vec<(&Pull, &mut Given)>,
) -> Result<(), Error> {
    let ids = takes.iter().filter_map(|(pull, _)| Some(pull.take.as_ref()?.debtor_id.as_str()));
    let ids: BTreeSet<&str> = ids.collect();
    if ids.is_empty() {
        return Ok(());
    }
    let numbers = debtors::numbers_of(tx, set.part, ids).await?;
    set.load_debtors(tx, numbers.values().copied()).await?;
    let case_nos: Vec<CaseNo> = numbers.values().flat_map(|no| living(set, *no)).collect();
    set.load_content(tx, case_nos).await?;
    for (pull, given) in takes {
        let Some(take) = &pull.take else { continue };
        let debtor_no = numbers.get(take.debtor_id.as_str()).copied();
        match choose(set, list, take, debtor_no)? {
            Ok(chosen) => {
                given.leases = vec![claim::grant(set, list, pull, chosen)];
                claim::save_pull(set, tx, list, pull, &given.leases).await?;
            }
            Err(refusal) => given.refusal = Some(refusal),
        }
    }
    Ok(())
}

/// The cases of a debtor in hand that are not closed.
fn living(set: &WorkingSet, debtor_no: DebtorNo) -> Vec<CaseNo> {
    let cases = set.cases_of(debtor_no).filter(|entry| entry.head.state != CaseState::Closed);
    cases.map(|entry| entry.head.case_no).collect()
}

/// Chooses the case that leads the work item of a debtor.
fn choose(
    set: &mut WorkingSet,
    list: &StoredWorkList,
    take: &Take,
    debtor_no: Option<DebtorNo>,
) -> Result<Result<Chosen, Refusal>, Error> {
    let Some(debtor_no) = debtor_no else {
        let (resource, id) = (Resource::Debtor, take.debtor_id.to_string());
        return Ok(Err(Refusal::Error(Error::NotFound { resource, id })));
    };
    // Before anything is leased, all that the work item will show has been read.
    if set.check_debtor(debtor_no).is_err() || set.is_withheld(debtor_no) {
        return Ok(Err(Refusal::Gates(vec![unreadable()])));
    }
    let mut candidates = Vec::new();
    for case_no in living(set, debtor_no) {
        set.freshen(case_no)?;
        set.settle_case(case_no)?;
        if is_selected(set, list, case_no) {
            candidates.push(candidate(set, case_no, take.reason)?);
        }
    }
    Ok(match candidates.into_iter().min_by_key(Candidate::place) {
        None => Err(Refusal::Error(Error::Invalid(nothing_selected(list, take)))),
        Some(best) if best.failing.is_empty() => Ok(best.chosen),
        Some(best) => Err(Refusal::Gates(best.failing)),
    })
}

fn unreadable() -> FailingGate {
    let text = "Stored data of the debtor or of one of its cases cannot be read back.".to_owned();
    FailingGate { gate: Gate::Unreadable, until: None, text }
}

fn nothing_selected(list: &StoredWorkList, take: &Take) -> Violations {
    let mut violations = Violations::new();
    let bound = format!("it must have a case that is not closed and that {} selects", list.id);
    violations.add("take.debtor_id", Reason::FieldOutOfRange, &take.debtor_id, bound);
    violations
}

/// Whether a list selects a case in hand that is ranked as of today.
fn is_selected(set: &WorkingSet, list: &StoredWorkList, case_no: CaseNo) -> bool {
    let Some(entry) = set.case(case_no) else { return false };
    let lane = set.lane(entry.head.lane_id);
    let selected = lane.is_some_and(|lane| lanes::selected(set, &list.settings, &lane));
    selected && entry.head.state != CaseState::Closed
}

/// A case that may lead the work item.
struct Candidate {
    chosen: Chosen,
    /// The gates that refuse it.
    failing: Vec<FailingGate>,
    /// The first gate that it fails, passed or not.
    first: Gate,
}

impl Candidate {
    /// Smaller is better: what may be served, then what fails at a later gate, then by
    /// rank.
    fn place(&self) -> (bool, Reverse<Option<usize>>, QueueRank, CaseNo) {
        let gate = Gate::ALL.iter().position(|gate| *gate == self.first);
        (!self.failing.is_empty(), Reverse(gate), self.chosen.rank, self.chosen.case_no)
    }
}

/// Asks the gates about a case that is placed.
fn candidate(
    set: &mut WorkingSet,
    case_no: CaseNo,
    reason: TakeReason,
) -> Result<Candidate, Error> {
    let entry = set.in_hand(case_no)?;
    let (portfolio_no, debtor_no) = (entry.head.portfolio_no, entry.head.debtor_no);
    let priority = entry.head.rank.priority;
    let zone_set_id = set.debtor(debtor_no).zone_set_id;
    let calendar = set.calendar(portfolio_no, zone_set_id)?;
    let context = Arc::clone(set.portfolio(portfolio_no));
    let entry = set.in_hand(case_no)?;
    let input = gate_input(&entry.head, set.debtor(debtor_no));
    let settings = &context.portfolio.settings;
    let mut failing: Vec<FailingGate> = failing_gates(&input, settings, &calendar, set.now)
        .into_iter()
        .map(|failed| FailingGate { gate: failed.gate, until: failed.until, text: failed.text })
        .collect();
    let window_end = match lanes::window(set, &context, zone_set_id)? {
        _ if passes(Some(reason), Gate::Window) => Micros::NEVER,
        Window::Open { until } => until,
        Window::Closed { next } => {
            let of_calendar =
                |failed: &FailingGate| matches!(failed.gate, Gate::ZoneUnknown | Gate::Window);
            if !failing.iter().any(of_calendar) {
                failing.push(ends_soon(next));
            }
            set.now
        }
    };
    let first = failing.first().map_or(Gate::Ready, |failed| failed.gate);
    failing.retain(|failed| !passes(Some(reason), failed.gate));
    let class = QueueRank::CLASS_NORMAL;
    let row = entry.queue.as_ref();
    let rank = row.map_or(QueueRank::new(class, priority, Micros(0)), |row| row.rank);
    let chosen = Chosen { rank, case_no, window_end, reserved: false };
    Ok(Candidate { chosen, failing, first })
}

/// The hours of contact are open and too near to their end for a call.
fn ends_soon(next: Option<Micros>) -> FailingGate {
    let text = "Less than a minute is left of the hours of contact.".to_owned();
    FailingGate { gate: Gate::Window, until: next, text }
}
