//! What is asked of scorecards that are tried or compared.

use crate::engine::scorecard::Subject;
use crate::engine::scorecard::simulate::{FirstLeasesCommand, SimulateCommand, WORK_LISTS_MAX};
use crate::model::{Currency, DebtorKind, PortfolioId, Reason, Stage, Violations, WorkListId};
use crate::proto;
use crate::scoring::{Filter, SliceBy};
use crate::store::activations::RevisionName;

use super::field::{TEXT_BYTES_MAX, choice, id, number, required_choice, text};
use super::money::{AmountRule, amount};
use super::path::{Path, ROOT};
use super::route::routes;
use super::scorecard::{given_card, revision_name_at};
use super::time::day;

const SLICES_MAX: usize = 8;
const MOVEMENTS_MAX: i32 = 100;
const FIRST_LEASES_MAX: i32 = 100;
const CHARACTERISTICS_MAX: usize = 16;
/// The bins of a characteristic and the three special ones.
const BINS_MAX: usize = 203;

/// Reads which portfolio a scorecard is tried on: its currency is needed for the rest.
pub(in crate::grpc) fn simulate_portfolio(
    given: &proto::SimulateRevisionRequest,
) -> Result<PortfolioId, Violations> {
    let mut broken = Violations::new();
    let field = ROOT.field("portfolio_id");
    let read = id(&given.portfolio_id, PortfolioId::new, &field, &mut broken);
    read.ok_or(broken)
}

/// Reads what is tried.
pub(in crate::grpc) fn simulate_command(
    given: proto::SimulateRevisionRequest,
    portfolio_id: PortfolioId,
    currency: Currency,
) -> Result<SimulateCommand, Violations> {
    use proto::simulate_revision_request::Candidate as Given;
    let mut broken = Violations::new();
    let candidate = match given.candidate {
        Some(Given::Revision(name)) => Some(stored(name, "revision", &mut broken)),
        Some(Given::Scorecard(card)) => Some(card_given(card, &mut broken)),
        None => {
            broken.required("revision");
            None
        }
    };
    let compared = given.compared_with;
    let compared_with = compared.and_then(|name| name_of(name, "compared_with", &mut broken));
    let as_of = given.as_of_date;
    let as_of_date = as_of.and_then(|given| day(&given, &ROOT.field("as_of_date"), &mut broken));
    let kind = choice(given.debtor_kind, kind_of, &ROOT.field("debtor_kind"), &mut broken);
    let at = ROOT.field("filter");
    let filter = given.filter.map(|given| filter(given, currency, &at, &mut broken));
    let slices = slices(given.slices, &mut broken);
    let field = ROOT.field("movements_max");
    let movers = number(given.movements_max, (0, MOVEMENTS_MAX), &field, &mut broken);
    let leases = first_leases(given.first_leases_max, &given.work_list_ids, &mut broken);
    match candidate.flatten() {
        Some(candidate) if broken.is_empty() => Ok(SimulateCommand {
            portfolio_id,
            candidate,
            debtor_kind: kind.unwrap_or(DebtorKind::Person),
            compared_with,
            as_of_date,
            filter: filter.unwrap_or_default(),
            slices,
            movers: usize::try_from(movers).unwrap_or(0),
            whole: given.whole,
            first_leases: leases,
        }),
        _ => Err(broken),
    }
}

fn first_leases(
    count: i32,
    work_list_ids: &[String],
    broken: &mut Violations,
) -> FirstLeasesCommand {
    let field = ROOT.field("first_leases_max");
    let count = number(count, (0, FIRST_LEASES_MAX), &field, broken);
    at_most(work_list_ids.len(), WORK_LISTS_MAX, &ROOT.field("work_list_ids"), broken);
    let mut read: Vec<WorkListId> = Vec::new();
    for (place, given) in work_list_ids.iter().take(WORK_LISTS_MAX).enumerate() {
        let at = ROOT.item("work_list_ids", place);
        let Some(work_list_id) = id(given, WorkListId::new, &at, broken) else { continue };
        if read.contains(&work_list_id) {
            let bound = "each work list may stand once";
            broken.add(at.to_string(), Reason::FieldConflict, given, bound);
        }
        read.push(work_list_id);
    }
    FirstLeasesCommand { count: usize::try_from(count).unwrap_or(0), work_list_ids: read }
}

fn kind_of(number: i32) -> Option<DebtorKind> {
    DebtorKind::from_number(i64::from(number))
}

fn name_of(
    given: proto::RevisionName,
    field: &'static str,
    broken: &mut Violations,
) -> Option<RevisionName> {
    revision_name_at(given, &ROOT.field(field), broken)
}

fn stored(
    given: proto::RevisionName,
    field: &'static str,
    broken: &mut Violations,
) -> Option<Subject> {
    name_of(given, field, broken).map(Subject::Stored)
}

fn card_given(given: proto::Scorecard, broken: &mut Violations) -> Option<Subject> {
    Some(Subject::Given(Box::new(given_card(given, broken))))
}

fn at_most(count: usize, most: usize, at: &Path<'_>, broken: &mut Violations) {
    if count > most {
        let bound = format!("at most {most} entries are allowed");
        broken.add(at.to_string(), Reason::FieldOutOfRange, count, bound);
    }
}

fn filter(
    given: proto::SimulationFilter,
    currency: Currency,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Filter {
    let mut read = Filter::default();
    let known = |number: i32| Stage::from_number(i64::from(number));
    for (place, stage) in given.stages.into_iter().enumerate() {
        read.stages.extend(required_choice(stage, known, &at.item("stages", place), broken));
    }
    for (place, kind) in given.debtor_kinds.into_iter().enumerate() {
        let kind = required_choice(kind, kind_of, &at.item("debtor_kinds", place), broken);
        read.debtor_kinds.extend(kind);
    }
    let mut bound = |given: Option<proto::Money>, field: &'static str| {
        let at = at.field(field);
        given.and_then(|given| amount(&given, AmountRule::NotNegative, currency, &at, broken))
    };
    read.overdue_amount_minor_min = bound(given.overdue_amount_min, "overdue_amount_min");
    read.overdue_amount_minor_max = bound(given.overdue_amount_max, "overdue_amount_max");
    if let (Some(min), Some(max)) = (read.overdue_amount_minor_min, read.overdue_amount_minor_max)
        && min > max
    {
        let field = at.field("overdue_amount_max").to_string();
        let bound = format!("it must not be below overdue_amount_min, {min} smallest units");
        broken.add(field, Reason::FieldConflict, max, bound);
    }
    read.routes = routes(&given.routes, at, broken);
    let count = given.characteristics.len();
    at_most(count, CHARACTERISTICS_MAX, &at.field("characteristics"), broken);
    for (place, one) in given.characteristics.into_iter().enumerate() {
        let at = at.item("characteristics", place);
        let field = at.field("characteristic");
        if one.characteristic.is_empty() {
            broken.required(field.to_string());
        }
        if read.bins.iter().any(|(name, _)| *name == one.characteristic) {
            let bound = "each characteristic may stand once";
            broken.add(field.to_string(), Reason::FieldConflict, &one.characteristic, bound);
        }
        if one.bins.is_empty() {
            broken.required(at.field("bins").to_string());
        }
        at_most(one.bins.len(), BINS_MAX, &at.field("bins"), broken);
        let name = text(one.characteristic, TEXT_BYTES_MAX, &field, broken);
        read.bins.push((name, one.bins));
    }
    read
}

fn slices(given: Vec<proto::SliceBy>, broken: &mut Violations) -> Vec<SliceBy> {
    use proto::slice_by::By;
    at_most(given.len(), SLICES_MAX, &ROOT.field("slices"), broken);
    let mut read = Vec::new();
    for (place, one) in given.into_iter().enumerate() {
        let at = ROOT.item("slices", place);
        match one.by {
            Some(By::Stage(true)) => read.push(SliceBy::Stage),
            Some(By::DebtorKind(true)) => read.push(SliceBy::DebtorKind),
            Some(By::Population(true)) => read.push(SliceBy::Population),
            Some(By::Route(true)) => read.push(SliceBy::Route),
            Some(By::Characteristic(name)) if !name.is_empty() => {
                if read.contains(&SliceBy::Characteristic(name.clone())) {
                    let bound = "each characteristic may stand once";
                    let field = at.field("characteristic").to_string();
                    broken.add(field, Reason::FieldConflict, &name, bound);
                }
                let name = text(name, TEXT_BYTES_MAX, &at.field("characteristic"), broken);
                read.push(SliceBy::Characteristic(name));
            }
            _ => broken.required(at.to_string()),
        }
    }
    read
}

/// Reads what is compared with what.
pub(in crate::grpc) fn diff_request(
    given: proto::DiffRevisionsRequest,
) -> Result<(RevisionName, Subject), Violations> {
    use proto::diff_revisions_request::Subject as Given;
    let mut broken = Violations::new();
    let base = match given.base {
        Some(name) => name_of(name, "base", &mut broken),
        None => {
            broken.required("base");
            None
        }
    };
    let subject = match given.subject {
        Some(Given::Revision(name)) => stored(name, "revision", &mut broken),
        Some(Given::Scorecard(card)) => card_given(card, &mut broken),
        None => {
            broken.required("revision");
            None
        }
    };
    base.zip(subject).filter(|_| broken.is_empty()).ok_or(broken)
}
