//! Documents that are ranked and not stored: of cases nobody pushed, and of what a
//! case's document should say instead.

use crate::engine::explain::Asked;
use crate::engine::push::Document;
use crate::model::{Currency, DebtorKind, Facts, Micros, PortfolioId, Reason, Violations};
use crate::proto;

use super::case::{close, document};
use super::contact::{contact_points, custom_features};
use super::explanation::asked;
use super::field::{choice, id, language};
use super::history::{arrears_profile, instalments};
use super::money::{AmountRule, amount};
use super::path::{Path, ROOT};
use super::time::day;
use super::{Terms, inputs};

/// Reads the portfolio of a document to be ranked and not stored.
pub(in crate::grpc) fn score_portfolio(
    request: &proto::ScoreCaseRequest,
) -> Result<PortfolioId, Violations> {
    let mut broken = Violations::new();
    let at = ROOT.field("portfolio_id");
    let portfolio_id = id(&request.portfolio_id, PortfolioId::new, &at, &mut broken);
    if request.case.is_none() {
        broken.required(ROOT.field("case").to_string());
    }
    portfolio_id.filter(|_| broken.is_empty()).ok_or(broken)
}

/// Reads a document to be ranked and not stored, and as of which day and in which
/// language. A
/// case or debtor that is not named gets a name that no answer shows.
pub(in crate::grpc) fn score_request(
    request: proto::ScoreCaseRequest,
    terms: Terms,
) -> Result<(Document, Asked), Violations> {
    let given = request.case.unwrap_or_default();
    let mut broken = Violations::new();
    let asked = asked(request.as_of_date.as_ref(), &request.language_code, &mut broken);
    match unnamed(given, terms, terms.now) {
        Ok(document) if broken.is_empty() => Ok((document, asked)),
        Ok(_) => Err(broken),
        Err(mut of_document) => {
            of_document.0.extend(broken.0);
            Err(of_document)
        }
    }
}

/// Reads a document to be ranked on this side of the wire by the rules of a push; a
/// case or debtor that is not named gets a name that nothing shows. `as_of` is for one
/// that does not say.
///
/// # Errors
/// Every broken rule; the paths begin with `case`.
pub fn document_to_rank(
    given: proto::CaseDocument,
    (currency, tolerance_amount_minor): (Currency, i64),
    (as_of, now): (Micros, Micros),
) -> Result<Document, Violations> {
    unnamed(given, Terms { currency, tolerance_amount_minor, now }, as_of)
}

fn unnamed(
    mut given: proto::CaseDocument,
    terms: Terms,
    as_of: Micros,
) -> Result<Document, Violations> {
    for id in [&mut given.case_id, &mut given.debtor_id] {
        if id.is_empty() {
            "-".clone_into(id);
        }
    }
    document(given, as_of, terms, &ROOT.field("case"))
}

/// Reads what a document should say instead: what is set replaces what it says.
pub(in crate::grpc) fn what_if(
    given: &proto::CaseDocument,
    said: &Facts,
    terms: Terms,
) -> Result<Facts, Violations> {
    let at = &ROOT.field("what_if");
    let mut broken = Violations::new();
    let named = [
        ("case_id", !given.case_id.is_empty()),
        ("debtor_id", !given.debtor_id.is_empty()),
        ("source_sequence", given.source_sequence.is_some()),
        ("as_of_time", given.as_of_time.is_some()),
    ];
    for (field, _) in named.into_iter().filter(|(_, set)| *set) {
        let bound = "must be empty: the case explained is meant, as its ledger stands";
        broken.add(at.field(field).to_string(), Reason::FieldConflict, "", bound);
    }
    let mut facts = said.clone();
    replace_terms(given, &mut facts, (terms, at), &mut broken);
    for (input, value) in inputs::read(given, terms.currency, at, &mut broken).iter() {
        facts.inputs.set(input, value);
    }
    if !given.instalments.is_empty() {
        facts.instalments = instalments(&given.instalments, terms.currency, at, &mut broken);
    }
    if !given.arrears_profile.is_empty() {
        let months = &given.arrears_profile;
        facts.arrears_profile = arrears_profile(months, terms.currency, at, &mut broken);
    }
    if !given.contact_points.is_empty() {
        facts.contact_points = contact_points(given.contact_points.clone(), at, &mut broken);
    }
    if !given.custom_features.is_empty() {
        facts.custom_features = custom_features(given.custom_features.clone(), at, &mut broken);
    }
    if broken.is_empty() { Ok(facts) } else { Err(broken) }
}

/// Replaces what a document says of the debt itself.
fn replace_terms(
    given: &proto::CaseDocument,
    facts: &mut Facts,
    (terms, at): (Terms, &Path<'_>),
    broken: &mut Violations,
) {
    let amount = |money: &Option<proto::Money>, name: &'static str, broken: &mut Violations| {
        let rule = AmountRule::NotNegative;
        amount(money.as_ref()?, rule, terms.currency, &at.field(name), broken)
    };
    if let Some(overdue) = amount(&given.overdue_amount, "overdue_amount", broken) {
        facts.overdue_amount_minor = overdue;
    }
    if let Some(minor) = amount(&given.outstanding_amount, "outstanding_amount", broken) {
        facts.outstanding_amount_minor = Some(minor);
    }
    if let Some(date) = &given.oldest_due_date {
        facts.oldest_due_date = day(date, &at.field("oldest_due_date"), broken);
    }
    if given.close.is_some() {
        let close = close(given.close.as_ref(), &at.field("close"), broken);
        (facts.close_reason, facts.close_date) = close;
    }
    let kind = |number: i32| DebtorKind::from_number(i64::from(number));
    if let Some(kind) = choice(given.debtor_kind, kind, &at.field("debtor_kind"), broken) {
        facts.debtor_kind = Some(kind);
    }
    if !given.language.is_empty() {
        facts.language = language(&given.language, &at.field("language"), broken);
    }
}
