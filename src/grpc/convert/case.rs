//! Case documents and what became of them.

use crate::engine::ItemError;
use crate::engine::push::{Disposition, Document, PushCommand, PushResult, Rejected};
use crate::grpc::status::{ItemBudget, Named, item_error};
use crate::model::{
    CaseId, CloseReason, DebtorId, DebtorKind, Facts, Micros, PortfolioId, Reason, Sealed,
    Violations,
};
use crate::proto;

use super::case_view::rank_to;
use super::contact::{contact_points, custom_features};
use super::field::{choice, count, id, language, required_choice, shown};
use super::history::{arrears_profile, instalments};
use super::money::{AmountRule, amount};
use super::path::{Path, ROOT};
use super::time::{day, past_instant};
use super::{Terms, inputs};

/// The most documents of a push.
const CASES_MAX: usize = 1_000;

/// What of a push must be right before its documents are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::grpc) struct PushHead {
    /// The portfolio.
    pub(in crate::grpc) portfolio_id: PortfolioId,
    /// The instant of documents that do not say.
    as_of: Micros,
}

/// Reads what concerns the push as a whole.
pub(in crate::grpc) fn push_head(
    request: &proto::PushCasesRequest,
    now: Micros,
) -> Result<PushHead, Violations> {
    let mut broken = Violations::new();
    let at = ROOT.field("portfolio_id");
    let portfolio_id = id(&request.portfolio_id, PortfolioId::new, &at, &mut broken);
    count(request.cases.len(), (1, CASES_MAX), &ROOT.field("cases"), &mut broken);
    let as_of = request
        .as_of_time
        .as_ref()
        .and_then(|time| past_instant(time, now, &ROOT.field("as_of_time"), &mut broken));
    match portfolio_id {
        Some(portfolio_id) if broken.is_empty() => {
            Ok(PushHead { portfolio_id, as_of: as_of.unwrap_or(now) })
        }
        _ => Err(broken),
    }
}

/// Reads the documents; one that breaks rules keeps its place with all of them.
pub(in crate::grpc) fn push_command(
    request: proto::PushCasesRequest,
    head: PushHead,
    terms: Terms,
) -> PushCommand {
    let read = |(place, given): (usize, proto::CaseDocument)| {
        let case_id = given.case_id.clone();
        document(given, head.as_of, terms, &ROOT.item("cases", place))
            .map_err(|violations| Rejected { case_id: shown(&case_id), violations })
    };
    PushCommand {
        documents: request.cases.into_iter().enumerate().map(read).collect(),
        portfolio_id: head.portfolio_id,
        atomic: request.atomic,
        validate_only: request.validate_only,
    }
}

/// Reads one document; `as_of` is for one that does not say.
pub(super) fn document(
    given: proto::CaseDocument,
    as_of: Micros,
    terms: Terms,
    at: &Path<'_>,
) -> Result<Document, Violations> {
    let mut broken = Violations::new();
    let case_id = id(&given.case_id, CaseId::new, &at.field("case_id"), &mut broken);
    let debtor_id = id(&given.debtor_id, DebtorId::new, &at.field("debtor_id"), &mut broken);
    if let Some(sequence) = given.source_sequence.filter(|sequence| *sequence < 0) {
        let field = at.field("source_sequence").to_string();
        broken.add(field, Reason::FieldOutOfRange, sequence, "0 or more");
    }
    let as_of = match &given.as_of_time {
        Some(time) => past_instant(time, terms.now, &at.field("as_of_time"), &mut broken),
        None => Some(as_of),
    };
    let source_sequence = given.source_sequence;
    let facts = facts(given, terms, at, &mut broken);
    match (case_id, debtor_id, as_of) {
        (Some(case_id), Some(debtor_id), Some(as_of)) if broken.is_empty() => {
            Ok(Document { case_id, debtor_id, source_sequence, as_of, facts })
        }
        _ => Err(broken),
    }
}

fn facts(
    given: proto::CaseDocument,
    terms: Terms,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Facts {
    let currency = terms.currency;
    let inputs = inputs::read(&given, currency, at, broken);
    let (close_reason, close_date) = close(given.close.as_ref(), &at.field("close"), broken);
    let ended = given.close.is_some();
    let overdue = overdue_amount(&given, terms, at, broken);
    let settled = overdue.is_some_and(|minor| minor <= terms.tolerance_amount_minor);
    let oldest_due_date = match &given.oldest_due_date {
        Some(date) => day(date, &at.field("oldest_due_date"), broken),
        None => {
            if !ended && !settled {
                broken.required(at.field("oldest_due_date").to_string());
            }
            None
        }
    };
    let outstanding = given.outstanding_amount.as_ref().and_then(|outstanding| {
        let at = at.field("outstanding_amount");
        amount(outstanding, AmountRule::NotNegative, currency, &at, broken)
    });
    let kind = |number: i32| DebtorKind::from_number(i64::from(number));
    if given.sealed.len() > Sealed::BYTES_MAX {
        let field = at.field("sealed").to_string();
        let value = format!("{} bytes", given.sealed.len());
        broken.add(field, Reason::FieldOutOfRange, value, "at most 512 bytes");
    }
    Facts {
        overdue_amount_minor: overdue.unwrap_or(0),
        oldest_due_date,
        outstanding_amount_minor: outstanding,
        close_reason,
        close_date,
        debtor_kind: choice(given.debtor_kind, kind, &at.field("debtor_kind"), broken),
        language: language(&given.language, &at.field("language"), broken),
        instalments: instalments(&given.instalments, currency, at, broken),
        arrears_profile: arrears_profile(&given.arrears_profile, currency, at, broken),
        inputs,
        contact_points: contact_points(given.contact_points, at, broken),
        custom_features: custom_features(given.custom_features, at, broken),
        sealed: Sealed(given.sealed),
    }
}

fn overdue_amount(
    given: &proto::CaseDocument,
    terms: Terms,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<i64> {
    let at = at.field("overdue_amount");
    match &given.overdue_amount {
        Some(overdue) => amount(overdue, AmountRule::NotNegative, terms.currency, &at, broken),
        None => {
            if given.close.is_none() {
                broken.required(at.to_string());
            }
            None
        }
    }
}

/// Reads why and when a case ended.
pub(super) fn close(
    given: Option<&proto::CaseClose>,
    at: &Path<'_>,
    broken: &mut Violations,
) -> (Option<CloseReason>, Option<crate::model::Day>) {
    let Some(given) = given else { return (None, None) };
    let field = at.field("reason");
    let find = |number: i32| CloseReason::from_number(i64::from(number));
    let reason = required_choice(given.reason, find, &field, broken);
    if reason == Some(CloseReason::Cured) {
        let bound = "a cured case is told by an overdue_amount of 0";
        broken.add(field.to_string(), Reason::FieldOutOfRange, "CLOSE_REASON_CURED", bound);
    }
    let date = given.date.as_ref().and_then(|date| day(date, &at.field("date"), broken));
    (reason, date)
}

/// Writes what became of the documents. `sequences` are those of the request, in
/// its order: an error about one names it.
pub(in crate::grpc) fn push_response(
    results: &[PushResult],
    portfolio_id: &PortfolioId,
    sequences: &[Option<i64>],
) -> proto::PushCasesResponse {
    let mut budget = ItemBudget::new();
    let answer = |(place, result): (usize, &PushResult)| {
        let error = result.disposition.as_ref().err().map(|error| {
            let sequence = sequences.get(place).copied().flatten();
            rejected(error, portfolio_id, sequence, &mut budget)
        });
        let finding = |finding: &crate::engine::push::Finding| proto::Finding {
            code: finding.code.to_owned(),
            text: finding.text.clone(),
        };
        proto::PushResult {
            case_id: result.case_id.clone(),
            disposition: disposition(&result.disposition).into(),
            error,
            state: result.state.map_or(0, |state| i32::from(state as i16)),
            rank: result.rank.as_ref().map(rank_to),
            findings: result.findings.iter().map(finding).collect(),
        }
    };
    proto::PushCasesResponse { results: results.iter().enumerate().map(answer).collect() }
}

fn rejected(
    error: &ItemError,
    portfolio_id: &PortfolioId,
    sequence: Option<i64>,
    budget: &mut ItemBudget,
) -> proto::ItemError {
    let sequence = sequence.map(|sequence| sequence.to_string()).unwrap_or_default();
    let named = [("portfolio_id", portfolio_id.as_str()), ("source_sequence", &*sequence)];
    item_error(error, Named(&named), budget)
}

fn disposition(given: &Result<Disposition, ItemError>) -> proto::PushDisposition {
    match given {
        Ok(Disposition::Created) => proto::PushDisposition::Created,
        Ok(Disposition::Updated) => proto::PushDisposition::Updated,
        Ok(Disposition::Corrected) => proto::PushDisposition::Corrected,
        Ok(Disposition::Unchanged) => proto::PushDisposition::Unchanged,
        Ok(Disposition::Stale) => proto::PushDisposition::Stale,
        Ok(Disposition::Superseded) => proto::PushDisposition::Superseded,
        Err(_) => proto::PushDisposition::Rejected,
    }
}

#[cfg(test)]
mod tests;
