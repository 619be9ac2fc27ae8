//! Messages of the contract and the engine's words. Reading collects every
//! broken rule with its path before it gives up; writing cannot fail.

mod case;
mod case_view;
mod contact;
mod debtor;
mod event;
mod explanation;
mod field;
mod history;
mod inputs;
mod lease;
mod money;
mod outcome;
mod page;
mod path;
mod portfolio;
mod proof;
mod route;
mod scorecard;
mod simulated;
mod simulation;
mod time;
mod what_if;
mod work_list;

use crate::model::{Currency, Micros, Violations};

pub(super) use case::{push_command, push_head, push_response};
pub(super) use case_view::{case_key, case_to, list_cases_query, listed_to};
pub(super) use debtor::{debtor_request, debtor_to};
pub(super) use event::{record_command, record_head, record_response};
pub(super) use explanation::explanation_to;
pub(super) use lease::{
    lease_command, lease_response, preview_request, preview_response, release_command,
    release_response, renew_command, renew_response,
};
pub(super) use outcome::{report_command, report_response};
pub(super) use page::Page;
pub use portfolio::ranking_settings;
pub(super) use portfolio::{portfolio_from, portfolio_id, portfolio_to, update_portfolio};
pub(super) use proof::{explain_request, lease_to, movement_to, replay_request, replay_to};
pub use route::{routing_rules_of, written_routing_rules};
pub(super) use scorecard::{
    activate_command, activation_to, create_request, decide_command, findings_to, head_to, hex,
    path_to, proposal_to, proposals_to, revision_name, revision_to, scorecard_filter,
    update_command, validate_request,
};
pub use scorecard::{card_of, scorecard_of};
pub(super) use simulated::{diff_response, simulate_response};
pub(super) use simulation::{diff_request, simulate_command, simulate_portfolio};
pub use what_if::document_to_rank;
pub(super) use what_if::{score_portfolio, score_request, what_if};
pub(super) use work_list::{
    describe_request, description_to, work_list_from, work_list_id, work_list_to,
};

/// What the fields of a case are read against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// The portfolio's currency.
    pub(super) currency: Currency,
    /// An overdue amount up to this one, in smallest units, closes the case.
    pub(super) tolerance_amount_minor: i64,
    /// The server's time.
    pub(super) now: Micros,
}

/// Reads the etag that an update must have been read with. Nothing is wrong with
/// it where the resource itself was left out.
pub(super) fn etag(given: Option<String>, resource: &'static str) -> Result<String, Violations> {
    let mut broken = Violations::new();
    let given = given.map(|etag| {
        let resource = path::ROOT.field(resource);
        let at = resource.field("etag");
        if etag.is_empty() {
            broken.required(at.to_string());
        }
        field::text(etag, field::TEXT_BYTES_MAX, &at, &mut broken)
    });
    broken.or(given.unwrap_or_default())
}

/// Reads why something is done; it may be left out.
pub(super) fn reason_text(given: String, name: &'static str) -> Result<String, Violations> {
    let mut broken = Violations::new();
    let at = path::ROOT.field(name);
    let read = field::text(given, field::TEXT_BYTES_MAX, &at, &mut broken);
    broken.or(read)
}

/// Two readings of one request as one, with what is wrong in either.
pub(super) fn both<A, B>(
    first: Result<A, Violations>,
    second: Result<B, Violations>,
) -> Result<(A, B), Violations> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(mut first), Err(second)) => {
            first.0.extend(second.0);
            Err(first)
        }
        (Err(broken), Ok(_)) | (Ok(_), Err(broken)) => Err(broken),
    }
}
