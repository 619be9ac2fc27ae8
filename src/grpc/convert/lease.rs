//! Leases: pulls, renewals, releases, and the work that is handed out.

use prost::Message;

use crate::engine::ItemError;
use crate::engine::lease::{
    AgentReason, Directive, LeaseCommand, LeaseToken, LeasedWork, PreviewedWork, Renewal, Take,
    WorkCase, WorkItem,
};
use crate::grpc::listing::as_many_as_fit;
use crate::grpc::status::{ItemBudget, Named, item_error};
use crate::model::{
    DebtorId, Micros, Reason, RequestId, TakeReason, Violations, WorkListId, WorkerId, h64,
};
use crate::proto;

use super::case_view::rank_to;
use super::contact::contact_points_to;
use super::field::{count, id, language_asked, number, optional_id, required_choice};
use super::money::money;
use super::path::{Path, ROOT};
use super::time::{date, duration, duration_to, timestamp};
use super::work_list::failing_gates;

/// The most leases of one call.
const LEASES_MAX: usize = 500;

/// How long a lease may last, in seconds.
const LEASE_SECONDS: (i64, i64) = (10, 3_600);

/// How long a lease lasts where the caller does not say.
const LEASE_DEFAULT: i64 = 5 * Micros::MINUTE;

/// How long a pull may wait, in seconds.
const WAIT_SECONDS: (i64, i64) = (0, 55);

/// How long a pull waits where the caller does not say.
const WAIT_DEFAULT: i64 = 20 * Micros::SECOND;

/// How many items a preview shows where the caller does not say.
const PREVIEW_DEFAULT: usize = 20;

/// What an item costs in an answer beside its own bytes: a tag and a length.
const ITEM_TAG_BYTES: usize = 6;

/// The bytes of a lease token: four numbers and a check.
const TOKEN_BYTES: usize = 40;

/// Reads a pull.
pub(in crate::grpc) fn lease_command(
    request: &proto::LeaseWorkRequest,
) -> Result<LeaseCommand, Violations> {
    let mut broken = Violations::new();
    let at = ROOT.field("work_list_id");
    let work_list_id = id(&request.work_list_id, WorkListId::new, &at, &mut broken);
    let at = ROOT.field("worker_id");
    let worker_id = id(&request.worker_id, WorkerId::new, &at, &mut broken);
    let at = ROOT.field("request_id");
    let request_id = optional_id(&request.request_id, RequestId::new, &at, &mut broken);
    let max_items = number(request.max_items, (0, 500), &ROOT.field("max_items"), &mut broken);
    let lease_duration = lease_duration(request.lease_duration.as_ref(), &mut broken);
    let default = if request.take.is_some() { 0 } else { WAIT_DEFAULT };
    let wait = request.wait.as_ref().map_or(Some(default), |wait| {
        duration(wait, WAIT_SECONDS, &ROOT.field("wait"), &mut broken)
    });
    let take = request.take.as_ref().and_then(|given| {
        not_with_take("max_items", max_items, max_items > 1, &mut broken);
        let millis = wait.unwrap_or(0) / 1_000;
        not_with_take("wait", format!("{millis} ms"), wait > Some(0), &mut broken);
        take(given, &mut broken)
    });
    let at = ROOT.field("language_code");
    let language = language_asked(&request.language_code, &at, &mut broken);
    match (work_list_id, worker_id, lease_duration, wait) {
        (Some(work_list_id), Some(worker_id), Some(lease_duration), Some(wait))
            if broken.is_empty() =>
        {
            let max_items = usize::try_from(max_items).unwrap_or(0).max(1);
            Ok(LeaseCommand {
                work_list_id,
                worker_id,
                max_items,
                lease_duration,
                wait,
                request_id,
                take,
                language,
            })
        }
        _ => Err(broken),
    }
}

/// Reads which debtor to take.
fn take(given: &proto::DebtorTake, broken: &mut Violations) -> Option<Take> {
    let at = ROOT.field("take");
    let debtor_id = id(&given.debtor_id, DebtorId::new, &at.field("debtor_id"), broken);
    let reason = |number| TakeReason::from_number(i64::from(number));
    let reason = required_choice(given.reason, reason, &at.field("reason"), broken);
    Some(Take { debtor_id: debtor_id?, reason: reason? })
}

/// Notes a field whose value contradicts a take.
fn not_with_take(
    field: &'static str,
    value: impl std::fmt::Display,
    contradicts: bool,
    broken: &mut Violations,
) {
    if contradicts {
        let bound = "`take` asks for one debtor at once: leave this out";
        broken.add(ROOT.field(field).to_string(), Reason::FieldConflict, value, bound);
    }
}

fn lease_duration(given: Option<&prost_types::Duration>, broken: &mut Violations) -> Option<i64> {
    let Some(given) = given else { return Some(LEASE_DEFAULT) };
    duration(given, LEASE_SECONDS, &ROOT.field("lease_duration"), broken)
}

/// Writes the work handed out, as many items as `bytes_max` holds and at least
/// one; the leases of the others, nobody having seen them, are to be given back.
pub(in crate::grpc) fn lease_response(
    work: &LeasedWork,
    bytes_max: usize,
) -> (proto::LeaseWorkResponse, Vec<LeaseToken>) {
    let mut answer = proto::LeaseWorkResponse {
        work_items: Vec::new(),
        retry_after: work.retry_after.map(duration_to),
        warnings: warnings(&work.warnings),
        failing_gates: failing_gates(&work.failing_gates),
    };
    let room = bytes_max.saturating_sub(answer.encoded_len());
    answer.work_items = as_many_as_fit(work.items.iter().map(work_item), room, item_bytes);
    let unseen = work.items.iter().skip(answer.work_items.len());
    let unseen = unseen.map(|item| item.token).collect();
    (answer, unseen)
}

fn item_bytes(item: &proto::WorkItem) -> usize {
    item.encoded_len() + ITEM_TAG_BYTES
}

/// Reads what to preview: the list, how many items, and the language of their reasons.
pub(in crate::grpc) fn preview_request(
    request: &proto::PreviewWorkRequest,
) -> Result<(WorkListId, (usize, Option<String>)), Violations> {
    let mut broken = Violations::new();
    let at = ROOT.field("work_list_id");
    let work_list_id = id(&request.work_list_id, WorkListId::new, &at, &mut broken);
    let max_items = number(request.max_items, (0, 500), &ROOT.field("max_items"), &mut broken);
    let max_items = match usize::try_from(max_items) {
        Ok(0) | Err(_) => PREVIEW_DEFAULT,
        Ok(max_items) => max_items,
    };
    let at = ROOT.field("language_code");
    let language = language_asked(&request.language_code, &at, &mut broken);
    work_list_id.filter(|_| broken.is_empty()).map(|id| (id, (max_items, language))).ok_or(broken)
}

/// Writes what a list would give, as many items as `bytes_max` holds and at least
/// one.
pub(in crate::grpc) fn preview_response(
    work: &PreviewedWork,
    bytes_max: usize,
) -> proto::PreviewWorkResponse {
    let mut answer = proto::PreviewWorkResponse {
        work_items: Vec::new(),
        warnings: warnings(&work.warnings),
        next_window_time: work.next_window.map(timestamp),
    };
    let unleased = |item: &WorkItem| proto::WorkItem {
        lease_token: Vec::new(),
        lease_expire_time: None,
        lease_seq: 0,
        ..work_item(item)
    };
    let room = bytes_max.saturating_sub(answer.encoded_len());
    answer.work_items = as_many_as_fit(work.items.iter().map(unleased), room, item_bytes);
    answer
}

/// Warnings as the contract writes them.
pub(super) fn warnings(warnings: &[(&'static str, String)]) -> Vec<proto::Warning> {
    let one = |(code, text): &(&str, String)| proto::Warning {
        code: (*code).to_owned(),
        text: text.clone(),
    };
    warnings.iter().map(one).collect()
}

fn work_item(item: &WorkItem) -> proto::WorkItem {
    let count = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    let total = |(currency, minor): &(_, i128)| money(*currency, *minor);
    proto::WorkItem {
        lease_token: token_to(item.token),
        lease_expire_time: Some(timestamp(item.expire_time)),
        debtor_id: item.debtor_id.to_string(),
        lead_case: Some(work_case(&item.lead_case)),
        sibling_cases: item.sibling_cases.iter().map(work_case).collect(),
        case_count: count(i64::try_from(item.case_count).unwrap_or(i64::MAX)),
        total_overdue_amounts: item.totals.iter().map(total).collect(),
        language: item.language.clone(),
        contact_points: contact_points_to(&item.contact_points),
        earlier_attempt_count: count(item.earlier_attempt_count),
        from_reserved_share: item.from_reserved_share,
        lease_seq: item.token.lease_seq,
    }
}

fn work_case(case: &WorkCase) -> proto::WorkCase {
    proto::WorkCase {
        portfolio_id: case.portfolio_id.to_string(),
        case_id: case.case_id.to_string(),
        overdue_amount: case.overdue_amount_minor.map(|minor| money(case.currency, minor)),
        provisional: case.provisional,
        as_of_time: Some(timestamp(case.as_of)),
        oldest_due_date: case.oldest_due_date.map(date),
        days_past_due: case.days_past_due,
        stage: i32::from(case.stage as i16),
        rank: Some(rank_to(&case.rank)),
        reasons: case.reasons.iter().map(reason).collect(),
        sealed: case.sealed.0.clone(),
    }
}

fn reason(reason: &AgentReason) -> proto::Reason {
    proto::Reason {
        reason_code: reason.reason_code.clone(),
        text: reason.text.clone(),
        characteristic: reason.characteristic.clone(),
        points_lost: reason.points_lost,
        audience: proto::Audience::Agent.into(),
    }
}

/// A lease token as it is sent: its four numbers, and a check that tells one the
/// service made from other bytes. What proves the lease is the random number
/// among the four, not the check.
pub(in crate::grpc) fn token_to(token: LeaseToken) -> Vec<u8> {
    let LeaseToken { part, case_no, lease_seq, nonce } = token;
    let mut bytes = Vec::with_capacity(TOKEN_BYTES);
    for number in [part, case_no, lease_seq, nonce] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.extend_from_slice(&token_check(&bytes).to_be_bytes());
    bytes
}

/// Reads a lease token.
pub(super) fn token_from(bytes: &[u8]) -> Result<LeaseToken, ItemError> {
    let (numbers, rest) = bytes.as_chunks::<8>();
    let &[part, case_no, lease_seq, nonce, check] = numbers else {
        return Err(ItemError::LeaseTokenMalformed);
    };
    if !rest.is_empty() || token_check(&bytes[..32]).to_be_bytes() != check {
        return Err(ItemError::LeaseTokenMalformed);
    }
    let number = i64::from_be_bytes;
    Ok(LeaseToken {
        part: number(part),
        case_no: number(case_no),
        lease_seq: number(lease_seq),
        nonce: number(nonce),
    })
}

fn token_check(numbers: &[u8]) -> i64 {
    h64(&[b"lease token", numbers])
}

/// An error about a lease, with its token in hex.
pub(super) fn lease_error(
    error: &ItemError,
    token: &[u8],
    budget: &mut ItemBudget,
) -> proto::ItemError {
    // A longer one is none of ours; its beginning tells enough.
    let shown = &token[..token.len().min(TOKEN_BYTES)];
    let hex: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    item_error(error, Named(&[("lease_token", &*hex)]), budget)
}

/// The tokens of a call in its order, each with whether it is one: only those
/// that are go to the engine.
#[derive(Clone, Debug)]
pub(in crate::grpc) struct Places(Vec<(Vec<u8>, bool)>);

impl Places {
    /// Parts what goes to the engine from the places of all.
    pub(super) fn part<T>(given: impl Iterator<Item = (Vec<u8>, Option<T>)>) -> (Vec<T>, Places) {
        let mut taken = Vec::new();
        let place = |(token, item): (Vec<u8>, Option<T>)| {
            let is_one = item.is_some();
            taken.extend(item);
            (token, is_one)
        };
        let places = given.map(place).collect();
        (taken, Places(places))
    }

    /// Pairs every token with the engine's answer; nothing for what is no token.
    pub(super) fn join<A>(self, answers: Vec<A>) -> impl Iterator<Item = (Vec<u8>, Option<A>)> {
        let mut answers = answers.into_iter();
        self.0.into_iter().map(move |(token, is_one)| {
            let answer = if is_one { answers.next() } else { None };
            (token, answer)
        })
    }
}

/// Reads a renewal: the leases, and for how many microseconds.
pub(in crate::grpc) fn renew_command(
    request: proto::RenewLeasesRequest,
) -> Result<(Vec<LeaseToken>, Places, i64), Violations> {
    let mut broken = Violations::new();
    let at = ROOT.field("lease_tokens");
    count(request.lease_tokens.len(), (1, LEASES_MAX), &at, &mut broken);
    let duration = lease_duration(request.lease_duration.as_ref(), &mut broken);
    let Some(duration) = duration.filter(|_| broken.is_empty()) else { return Err(broken) };
    let (tokens, places) = Places::part(request.lease_tokens.into_iter().map(|sent| {
        let token = token_from(&sent).ok();
        (sent, token)
    }));
    Ok((tokens, places, duration))
}

/// Writes what the workers shall do.
pub(in crate::grpc) fn renew_response(
    places: Places,
    renewals: Vec<Renewal>,
) -> proto::RenewLeasesResponse {
    let mut budget = ItemBudget::new();
    let answer = |(token, renewal): (Vec<u8>, Option<Renewal>)| {
        let renewal = renewal.unwrap_or(Err(ItemError::LeaseTokenMalformed));
        let (directive, until) = match &renewal {
            Ok(Directive::Continue(until)) => (proto::LeaseDirective::Continue, Some(*until)),
            Ok(Directive::StopPaid) => (proto::LeaseDirective::StopPaid, None),
            Ok(Directive::StopHold) => (proto::LeaseDirective::StopHold, None),
            Ok(Directive::StopWindow) => (proto::LeaseDirective::StopWindow, None),
            Err(_) => (proto::LeaseDirective::StopExpired, None),
        };
        proto::LeaseRenewal {
            directive: directive.into(),
            lease_expire_time: until.map(timestamp),
            error: renewal.err().map(|error| lease_error(&error, &token, &mut budget)),
        }
    };
    proto::RenewLeasesResponse { renewals: places.join(renewals).map(answer).collect() }
}

/// Reads what is given back: the leases, each with whether nobody was dialled.
pub(in crate::grpc) fn release_command(
    request: proto::ReleaseLeasesRequest,
) -> Result<(Vec<(LeaseToken, bool)>, Places), Violations> {
    let mut broken = Violations::new();
    count(request.releases.len(), (1, LEASES_MAX), &ROOT.field("releases"), &mut broken);
    for (place, release) in request.releases.iter().enumerate() {
        token_given(&release.lease_token, &ROOT.item("releases", place), &mut broken);
    }
    let parted = Places::part(request.releases.into_iter().map(|release| {
        let token = token_from(&release.lease_token).ok();
        (release.lease_token, token.map(|token| (token, release.not_dialled)))
    }));
    broken.or(parted)
}

/// Notes a token that was left out.
pub(super) fn token_given(token: &[u8], at: &Path<'_>, broken: &mut Violations) {
    if token.is_empty() {
        broken.required(at.field("lease_token").to_string());
    }
}

/// Writes what became of the releases.
pub(in crate::grpc) fn release_response(
    places: Places,
    results: Vec<Result<(), ItemError>>,
) -> proto::ReleaseLeasesResponse {
    let mut budget = ItemBudget::new();
    let answer = |(token, result): (Vec<u8>, Option<Result<(), ItemError>>)| {
        let result = result.unwrap_or(Err(ItemError::LeaseTokenMalformed));
        let error = result.err().map(|error| lease_error(&error, &token, &mut budget));
        proto::ReleaseResult { error }
    };
    proto::ReleaseLeasesResponse { results: places.join(results).map(answer).collect() }
}

#[cfg(test)]
mod tests;
