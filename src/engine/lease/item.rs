//! Work items: what a worker is shown of a debtor. Nothing of household, standing
//! or suspicion, and no facts beyond these fields.

use crate::model::{
    CaseId, CaseNo, CaseState, ContactPoint, Currency, DebtorId, LocalDays, Micros, Rank,
};
use crate::policy::{ledger_expires, ledger_warns};
use crate::scoring::{Audience, CaseInput};
use crate::store::cases::CaseContent;
use crate::store::queue::lease::LeaseRow;
use crate::store::{Damage, Tx};

use super::super::Error;
use super::super::context::PortfolioContext;
use super::super::working_set::{CaseEntry, WorkingSet};
use super::{AgentReason, LeaseToken, WorkCase, WorkItem};

/// The most sibling cases of a work item.
const SIBLINGS_MAX: usize = 20;

/// The cases of the work item that a case leads: itself, then the debtor's other
/// open cases, the highest priority first. A case on hold of its own is not
/// shown, because it must not be spoken of.
pub(super) fn cases_of_item(set: &WorkingSet, lead: CaseNo) -> Vec<CaseNo> {
    let Some(entry) = set.case(lead) else { return vec![lead] };
    let mut siblings: Vec<&CaseEntry> = open_cases(set, entry)
        .filter(|other| other.head.case_no != lead && !held(set, other))
        .collect();
    siblings.sort_by_key(|other| (-other.head.rank.priority, other.head.case_no));
    let siblings = siblings.into_iter().take(SIBLINGS_MAX).map(|other| other.head.case_no);
    std::iter::once(lead).chain(siblings).collect()
}

fn open_cases<'a>(
    set: &'a WorkingSet,
    lead: &CaseEntry,
) -> impl Iterator<Item = &'a CaseEntry> + use<'a> {
    set.cases_of(lead.head.debtor_no).filter(|other| other.head.state == CaseState::Open)
}

fn held(set: &WorkingSet, entry: &CaseEntry) -> bool {
    entry.head.hold_until.is_some_and(|until| until > set.now)
}

/// Loads what items of these leases are made of: the content of all their cases,
/// ranked as of today.
pub(super) async fn load(
    set: &mut WorkingSet,
    tx: &mut Tx,
    leases: &[LeaseRow],
) -> Result<(), Error> {
    let case_nos: Vec<CaseNo> =
        leases.iter().flat_map(|lease| lease.case_nos.iter().copied()).collect();
    set.load_content(tx, case_nos.iter().copied()).await?;
    for case_no in case_nos {
        // A case that cannot be read is not shown.
        if set.check_readable(case_no).is_ok() {
            set.freshen(case_no)?;
        }
    }
    Ok(())
}

/// The work item of a lease whose cases are loaded, its reasons in the language asked for.
pub(super) fn item(
    set: &WorkingSet,
    lease: &LeaseRow,
    language: Option<&str>,
) -> Result<WorkItem, Error> {
    set.check_readable(lease.case_no)?;
    let lead = set.in_hand(lease.case_no)?;
    let debtor = set.debtor(lead.head.debtor_no);
    let mut siblings = Vec::with_capacity(lease.case_nos.len());
    for case_no in lease.case_nos.iter().filter(|case_no| **case_no != lease.case_no) {
        if let Some(entry) = set.case(*case_no)
            && set.check_readable(*case_no).is_ok()
        {
            siblings.push(work_case(set, entry, language)?);
        }
    }
    let record = &debtor.record;
    let before = record.attempts.iter().filter(|at| **at < lease.grant_time).count();
    Ok(WorkItem {
        token: LeaseToken {
            part: set.part.0,
            case_no: lease.case_no.0,
            lease_seq: lease.lease_seq,
            nonce: lease.lease_nonce,
        },
        expire_time: lease.expire_time,
        debtor_id: DebtorId::new(debtor.debtor_id.as_str())
            .map_err(|error| Damage::of("debtor", set.part, debtor.debtor_no.0, error))?,
        lead_case: work_case(set, lead, language)?,
        sibling_cases: siblings,
        case_count: open_cases(set, lead).count(),
        totals: totals(set, lead),
        language: set.lane(lead.head.lane_id).map(|lane| lane.language).unwrap_or_default(),
        contact_points: contact_points(set, &lease.case_nos),
        earlier_attempt_count: record.earlier_attempt_count
            + i64::try_from(before).unwrap_or(i64::MAX),
        from_reserved_share: lease.reserved,
    })
}

/// Whether amounts of a case must not be named: its ledger is too old.
fn ledger_is_old(context: &PortfolioContext, as_of: Micros, now: Micros) -> bool {
    let hours = context.portfolio.settings.max_ledger_age_hours;
    ledger_expires(&context.zone, as_of, hours).is_some_and(|at| at <= now)
}

/// Whether three quarters of the age at which a ledger is too old are reached.
pub(super) fn ledger_is_ageing(set: &WorkingSet, case_no: CaseNo) -> bool {
    let Some(entry) = set.case(case_no) else { return false };
    let context = set.portfolio(entry.head.portfolio_no);
    let hours = context.portfolio.settings.max_ledger_age_hours;
    ledger_warns(&context.zone, entry.head.as_of, hours).is_some_and(|at| at <= set.now)
}

/// What is overdue over the debtor's open cases that may be spoken of.
fn totals(set: &WorkingSet, lead: &CaseEntry) -> Vec<(Currency, i128)> {
    let spoken_of = open_cases(set, lead).filter(|entry| {
        let context = set.portfolio(entry.head.portfolio_no);
        !held(set, entry) && !ledger_is_old(context, entry.head.as_of, set.now)
    });
    set.totals(spoken_of.map(|entry| &entry.head))
}

/// The usable contact points that the shown cases name, each id once.
fn contact_points(set: &WorkingSet, case_nos: &[CaseNo]) -> Vec<ContactPoint> {
    let mut points: Vec<ContactPoint> = Vec::new();
    let contents = case_nos.iter().filter_map(|case_no| set.case(*case_no)?.content.as_ref());
    for point in contents.flat_map(|content| &content.facts.contact_points) {
        let known = points.iter().any(|other| other.contact_point_id == point.contact_point_id);
        if point.usable() && !known {
            points.push(point.clone());
        }
    }
    points
}

fn work_case(
    set: &WorkingSet,
    entry: &CaseEntry,
    language: Option<&str>,
) -> Result<WorkCase, Error> {
    let head = &entry.head;
    let context = set.portfolio(head.portfolio_no);
    let id = entry.case_id.as_deref().unwrap_or_default();
    let today = context.zone.day_of(set.now);
    let content = entry.content.as_ref();
    Ok(WorkCase {
        portfolio_id: context.portfolio_id.clone(),
        case_id: CaseId::new(id)
            .map_err(|error| Damage::of("loan_case", set.part, head.case_no.0, error))?,
        currency: context.currency(),
        overdue_amount_minor: (!ledger_is_old(context, head.as_of, set.now))
            .then_some(head.overdue_amount_minor),
        provisional: head.absorb_at.is_some(),
        as_of: head.as_of,
        oldest_due_date: head.oldest_due_date,
        days_past_due: head.oldest_due_date.map_or(0, |due| today.since(due)),
        stage: head.stage,
        rank: Rank { route: context.rule_set.route_for_agents(head.rank.route), ..head.rank },
        reasons: content
            .map(|content| reasons(set, (entry, content), language))
            .unwrap_or_default(),
        sealed: content.map(|content| content.facts.sealed.clone()).unwrap_or_default(),
    })
}

/// Why the score is not higher, as far as an agent may know.
fn reasons(
    set: &WorkingSet,
    (entry, content): (&CaseEntry, &CaseContent),
    language: Option<&str>,
) -> Vec<AgentReason> {
    let head = &entry.head;
    let context = set.portfolio(head.portfolio_no);
    let case = CaseInput {
        facts: &content.facts,
        history: &content.history,
        debtor_id: &set.debtor(head.debtor_no).debtor_id,
        as_of: head.as_of,
        case_seq: head.case_seq,
        today: context.zone.day_of(set.now),
        days: &context.zone,
    };
    let reasons = context.rule_set.reasons(&case, language).into_iter();
    reasons
        .filter(|reason| reason.audience == Audience::Agent)
        .map(|reason| AgentReason {
            reason_code: reason.reason_code,
            text: reason.text,
            characteristic: reason.characteristic,
            points_lost: reason.points_lost,
        })
        .collect()
}
