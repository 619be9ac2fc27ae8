//! Reports on leased work.

use crate::engine::ItemError;
use crate::engine::lease::{
    LeaseToken, Outcome, Promised, ReportCommand, ReportDisposition, ReportResult,
};
use crate::grpc::status::ItemBudget;
use crate::model::{Micros, Violations};
use crate::proto;

use super::case_view::case_key_at;
use super::field::{TEXT_BYTES_MAX, count, text};
use super::lease::{Places, lease_error, token_from, token_given};
use super::money::{AmountRule, amount_in_its_currency};
use super::path::{Path, ROOT};
use super::time::{day, past_instant, timestamp};

/// The most outcomes of a call.
const OUTCOMES_MAX: usize = 500;

/// The most cases of an outcome: the lead case and its siblings.
const CASES_MAX: usize = 21;

/// Reads the outcomes; one that breaks rules keeps its place with all of them.
pub(in crate::grpc) fn report_command(
    request: proto::ReportOutcomesRequest,
    now: Micros,
) -> Result<(ReportCommand, Places), Violations> {
    let mut broken = Violations::new();
    count(request.outcomes.len(), (1, OUTCOMES_MAX), &ROOT.field("outcomes"), &mut broken);
    if !broken.is_empty() {
        return Err(broken);
    }
    let read = |(place, mut given): (usize, proto::Outcome)| {
        let sent = std::mem::take(&mut given.lease_token);
        let at = ROOT.item("outcomes", place);
        let outcome = match token_from(&sent) {
            Ok(token) => Some(outcome(given, token, now, &at)),
            Err(_) if sent.is_empty() => Some(no_token(&at)),
            Err(_) => None,
        };
        (sent, outcome)
    };
    let (outcomes, places) = Places::part(request.outcomes.into_iter().enumerate().map(read));
    Ok((ReportCommand { outcomes }, places))
}

fn no_token(at: &Path<'_>) -> Result<Outcome, Violations> {
    let mut broken = Violations::new();
    token_given(&[], at, &mut broken);
    Err(broken)
}

fn outcome(
    given: proto::Outcome,
    token: LeaseToken,
    now: Micros,
    at: &Path<'_>,
) -> Result<Outcome, Violations> {
    let mut broken = Violations::new();
    let field = at.field("outcome_code");
    if given.outcome_code.is_empty() {
        broken.required(field.to_string());
    }
    let outcome_code = text(given.outcome_code, TEXT_BYTES_MAX, &field, &mut broken);
    let contact_time = given
        .contact_time
        .as_ref()
        .and_then(|time| past_instant(time, now, &at.field("contact_time"), &mut broken));
    let promise = given.promise.as_ref();
    let promise = promise.and_then(|given| promised(given, &at.field("promise"), &mut broken));
    let mut cases = Vec::new();
    if count(given.cases.len(), (0, CASES_MAX), &at.field("cases"), &mut broken) {
        for (place, key) in given.cases.iter().enumerate() {
            let at = at.item("cases", place);
            cases.extend(case_key_at(&key.portfolio_id, &key.case_id, &at, &mut broken));
        }
    }
    broken.or(Outcome { token, outcome_code, contact_time, promise, cases })
}

fn promised(
    given: &proto::PromiseToPay,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<Promised> {
    let amount = given.promised_amount.as_ref().and_then(|amount| {
        let at = at.field("promised_amount");
        amount_in_its_currency(amount, AmountRule::Positive, &at, broken)
    });
    match &given.promised_date {
        Some(date) => {
            let date = day(date, &at.field("promised_date"), broken)?;
            Some(Promised { amount, date })
        }
        None => {
            broken.required(at.field("promised_date").to_string());
            None
        }
    }
}

/// Writes what became of the reports.
pub(in crate::grpc) fn report_response(
    places: Places,
    results: Vec<ReportResult>,
) -> proto::ReportOutcomesResponse {
    let mut budget = ItemBudget::new();
    let answer = |(token, result): (Vec<u8>, Option<ReportResult>)| {
        let result = result.unwrap_or(ReportResult {
            disposition: Err(ItemError::LeaseTokenMalformed),
            next_eligible: None,
        });
        let disposition = match &result.disposition {
            Ok(ReportDisposition::Accepted) => proto::OutcomeDisposition::Accepted,
            Ok(ReportDisposition::Duplicate) => proto::OutcomeDisposition::Duplicate,
            Ok(ReportDisposition::Late) => proto::OutcomeDisposition::Late,
            Err(_) => proto::OutcomeDisposition::Rejected,
        };
        let error = result.disposition.err();
        proto::OutcomeResult {
            disposition: disposition.into(),
            error: error.map(|error| lease_error(&error, &token, &mut budget)),
            next_eligible_time: result.next_eligible.map(timestamp),
        }
    };
    proto::ReportOutcomesResponse { results: places.join(results).map(answer).collect() }
}
