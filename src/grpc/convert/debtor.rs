//! Debtors.

use crate::engine::debtor::DebtorView;
use crate::model::{DebtorId, Violations};
use crate::proto;

use super::case_view::hold_to;
use super::field::id;
use super::money::money;
use super::page::Page;
use super::path::ROOT;
use super::time::timestamp;

/// Reads which debtor is asked for, and which page of the cases.
pub(in crate::grpc) fn debtor_request(
    request: proto::GetDebtorRequest,
) -> Result<(DebtorId, Page), Violations> {
    let mut broken = Violations::new();
    let at = ROOT.field("debtor_id");
    let debtor_id = id(&request.debtor_id, DebtorId::new, &at, &mut broken);
    let page = Page::read(request.page_size, request.page_token, &mut broken);
    debtor_id.filter(|_| broken.is_empty()).map(|id| (id, page)).ok_or(broken)
}

/// A debtor as the contract writes it.
pub(in crate::grpc) fn debtor_to(view: &DebtorView) -> proto::Debtor {
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let lease = view.lease.as_ref().map(|(portfolio_id, case_id, until)| proto::DebtorLease {
        portfolio_id: portfolio_id.to_string(),
        case_id: case_id.to_string(),
        expire_time: Some(timestamp(*until)),
    });
    proto::Debtor {
        debtor_id: view.debtor_id.to_string(),
        holds: view.holds.iter().map(|hold| hold_to(hold, proto::HoldScope::Debtor)).collect(),
        cooling_until_time: view.cooling_until.map(timestamp),
        lease,
        attempt_times: view.attempts.iter().copied().map(timestamp).collect(),
        attempt_count: view.attempt_count,
        case_count: count(view.case_count),
        open_case_count: count(view.open_case_count),
        total_overdue_amounts: view.totals.iter().map(|(of, minor)| money(*of, *minor)).collect(),
    }
}
