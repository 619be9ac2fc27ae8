//! Work lists and how they stand.

use crate::engine::work_list::{FailingGate, WorkList, WorkListDescription};
use crate::model::{
    CaseId, PortfolioId, RecoveryGroup, Route, Stage, Violations, WorkListId, WorkListSettings,
};
use crate::proto;

use super::case_view::{case_key_at, entries};
use super::field::{TEXT_BYTES_MAX, count, id, language, number, text};
use super::lease::warnings;
use super::path::{Path, ROOT};
use super::route::routes;
use super::time::{duration_to, timestamp};

/// The most portfolios or languages a list names.
const CHOICES_MAX: usize = 64;

/// The share of leases kept for the longest waiting by default, in thousandths.
const RESERVED_SHARE_DEFAULT: i32 = 100;

/// Reads which work list is asked for.
pub(in crate::grpc) fn work_list_id(text: &str) -> Result<WorkListId, Violations> {
    let mut broken = Violations::new();
    id(text, WorkListId::new, &ROOT.field("work_list_id"), &mut broken).ok_or(broken)
}

/// Reads a work list to create or to update.
pub(in crate::grpc) fn work_list_from(
    given: Option<proto::WorkList>,
) -> Result<(WorkListId, WorkListSettings), Violations> {
    let mut broken = Violations::new();
    let at = ROOT.field("work_list");
    let Some(given) = given else {
        broken.required(at.to_string());
        return Err(broken);
    };
    let field = at.field("work_list_id");
    let work_list_id = id(&given.work_list_id, WorkListId::new, &field, &mut broken);
    let field = at.field("display_name");
    let display_name = text(given.display_name, TEXT_BYTES_MAX, &field, &mut broken);
    let portfolio_ids = portfolio_ids(&given.portfolio_ids, &at, &mut broken);
    let field = (&at, "recovery_groups");
    let mut groups =
        entries(&given.recovery_groups, field, RecoveryGroup::from_number, &mut broken);
    groups.sort_unstable();
    let mut stages = entries(&given.stages, (&at, "stages"), Stage::from_number, &mut broken);
    stages.sort_unstable();
    let languages = languages(&given.languages, &at, &mut broken);
    let mut routes = routes(&given.routes, &at, &mut broken);
    routes.sort_unstable();
    let share = given.reserved_share_permille.unwrap_or(RESERVED_SHARE_DEFAULT);
    let field = at.field("reserved_share_permille");
    let reserved_share_permille = number(share, (0, 1_000), &field, &mut broken);
    let Some(work_list_id) = work_list_id.filter(|_| broken.is_empty()) else {
        return Err(broken);
    };
    let settings = WorkListSettings {
        display_name,
        portfolio_ids,
        groups,
        stages,
        languages,
        routes,
        reserved_share_permille,
    };
    Ok((work_list_id, settings))
}

fn portfolio_ids(given: &[String], at: &Path<'_>, broken: &mut Violations) -> Vec<String> {
    let mut read = Vec::new();
    if count(given.len(), (0, CHOICES_MAX), &at.field("portfolio_ids"), broken) {
        for (place, text) in given.iter().enumerate() {
            let at = at.item("portfolio_ids", place);
            let id = id(text, PortfolioId::new, &at, broken);
            read.extend(id.map(|id| id.to_string()));
        }
    }
    read.sort_unstable();
    read.dedup();
    read
}

fn languages(given: &[String], at: &Path<'_>, broken: &mut Violations) -> Vec<String> {
    let mut read = Vec::new();
    if count(given.len(), (0, CHOICES_MAX), &at.field("languages"), broken) {
        for (place, tag) in given.iter().enumerate() {
            let at = at.item("languages", place);
            if tag.is_empty() {
                broken.required(at.to_string());
            }
            read.push(language(tag, &at, broken));
        }
    }
    read.sort_unstable();
    read.dedup();
    read
}

/// A work list as the contract writes it.
pub(in crate::grpc) fn work_list_to(list: &WorkList) -> proto::WorkList {
    let settings = &list.settings;
    let number = |group: &RecoveryGroup| i32::from(*group as i16);
    proto::WorkList {
        work_list_id: list.work_list_id.to_string(),
        display_name: settings.display_name.clone(),
        portfolio_ids: settings.portfolio_ids.clone(),
        recovery_groups: settings.groups.iter().map(number).collect(),
        stages: settings.stages.iter().map(|stage| i32::from(*stage as i16)).collect(),
        languages: settings.languages.clone(),
        reserved_share_permille: Some(settings.reserved_share_permille),
        routes: settings.routes.iter().map(Route::to_string).collect(),
        etag: list.version.to_string(),
        create_time: Some(timestamp(list.create_time)),
        update_time: Some(timestamp(list.update_time)),
    }
}

/// Reads which list to describe, and which case to explain as well.
pub(in crate::grpc) fn describe_request(
    request: &proto::DescribeWorkListRequest,
) -> Result<(WorkListId, Option<(PortfolioId, CaseId)>), Violations> {
    let mut broken = Violations::new();
    let at = ROOT.field("work_list_id");
    let work_list_id = id(&request.work_list_id, WorkListId::new, &at, &mut broken);
    let case = request.case.as_ref().and_then(|key| {
        case_key_at(&key.portfolio_id, &key.case_id, &ROOT.field("case"), &mut broken)
    });
    match work_list_id {
        Some(work_list_id) if broken.is_empty() => Ok((work_list_id, case)),
        _ => Err(broken),
    }
}

/// Failing gates as the contract writes them.
pub(super) fn failing_gates(failing: &[FailingGate]) -> Vec<proto::FailingGate> {
    let one = |failing: &FailingGate| proto::FailingGate {
        gate: i32::from(failing.gate as i16),
        until_time: failing.until.map(timestamp),
        text: failing.text.clone(),
    };
    failing.iter().map(one).collect()
}

/// How a list stands as the contract writes it.
pub(in crate::grpc) fn description_to(
    description: &WorkListDescription,
) -> proto::DescribeWorkListResponse {
    let gate_count = |(gate, case_count): &(crate::model::Gate, i64)| proto::GateCount {
        gate: i32::from(*gate as i16),
        case_count: *case_count,
    };
    proto::DescribeWorkListResponse {
        gate_counts: description.gate_counts.iter().map(gate_count).collect(),
        case_count: description.case_count,
        as_of_time: Some(timestamp(description.as_of)),
        leases_last_hour: description.leases_last_hour,
        longest_wait: description.longest_wait.map(duration_to),
        wait_bound: description.wait_bound.map(duration_to),
        next_window_time: description.next_window.map(timestamp),
        failing_gates: failing_gates(&description.failing_gates),
        warnings: warnings(&description.warnings),
    }
}
