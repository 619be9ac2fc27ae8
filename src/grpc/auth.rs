//! Who may call what. One layer makes the caller and holds the table of methods
//! and roles; no handler decides on access.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::{Request, Status};
use tower::{Layer, Service};

use crate::engine::{Caller, Error, Role};
use crate::proto::ErrorReason;

use super::edge::BoxFuture;
use super::status::{self, Named};

use Role::{Analyst, Approver, Auditor, Dialer, LoanSystem, Operator};

/// The methods of the contract, each with the roles that may call it. The
/// comments of the contract say the same; a test compares the two.
pub(super) const METHODS: &[(&str, &[Role])] = &[
    ("/arrears.v1.PortfolioService/CreatePortfolio", &[Analyst]),
    ("/arrears.v1.PortfolioService/UpdatePortfolio", &[Analyst]),
    ("/arrears.v1.PortfolioService/GetPortfolio", &Role::ALL),
    ("/arrears.v1.PortfolioService/ListPortfolios", &Role::ALL),
    ("/arrears.v1.ScorecardService/CreateRevision", &[Analyst]),
    ("/arrears.v1.ScorecardService/UpdateRevision", &[Analyst]),
    ("/arrears.v1.ScorecardService/GetRevision", &[Analyst, Approver, Auditor, Operator]),
    ("/arrears.v1.ScorecardService/ListRevisions", &[Analyst, Approver, Auditor, Operator]),
    ("/arrears.v1.ScorecardService/ValidateRevision", &[Analyst, Approver, Auditor, Operator]),
    ("/arrears.v1.ScorecardService/SimulateRevision", &[Analyst, Approver, Auditor, Operator]),
    ("/arrears.v1.ScorecardService/DiffRevisions", &[Analyst, Approver, Auditor, Operator]),
    ("/arrears.v1.ScorecardService/ActivateRevision", &[Analyst, Approver]),
    ("/arrears.v1.ScorecardService/DecideActivation", &[Analyst, Approver]),
    (
        "/arrears.v1.ScorecardService/ListActivationProposals",
        &[Analyst, Approver, Auditor, Operator],
    ),
    ("/arrears.v1.ScorecardService/ListActivations", &[Analyst, Approver, Auditor, Operator]),
    ("/arrears.v1.CaseService/PushCases", &[LoanSystem]),
    ("/arrears.v1.CaseService/RecordEvents", &[LoanSystem]),
    ("/arrears.v1.CaseService/GetCase", &[LoanSystem, Analyst, Approver, Auditor, Operator]),
    ("/arrears.v1.CaseService/ListCases", &[LoanSystem, Analyst, Approver, Auditor, Operator]),
    ("/arrears.v1.CaseService/ExplainCase", &[Analyst, Approver, Auditor, Operator]),
    ("/arrears.v1.CaseService/ReplayCase", &[Analyst, Approver, Auditor, Operator]),
    ("/arrears.v1.CaseService/ScoreCase", &[LoanSystem, Analyst, Approver, Auditor, Operator]),
    ("/arrears.v1.CaseService/GetDebtor", &[LoanSystem, Analyst, Approver, Auditor, Operator]),
    ("/arrears.v1.CaseService/WatchCases", &[LoanSystem, Analyst, Approver, Auditor, Operator]),
    ("/arrears.v1.WorkListService/CreateWorkList", &[Analyst, Operator]),
    ("/arrears.v1.WorkListService/UpdateWorkList", &[Analyst, Operator]),
    ("/arrears.v1.WorkListService/GetWorkList", &Role::ALL),
    ("/arrears.v1.WorkListService/ListWorkLists", &Role::ALL),
    ("/arrears.v1.WorkListService/LeaseWork", &[Dialer]),
    ("/arrears.v1.WorkListService/RenewLeases", &[Dialer]),
    ("/arrears.v1.WorkListService/ReportOutcomes", &[Dialer]),
    ("/arrears.v1.WorkListService/ReleaseLeases", &[Dialer]),
    (
        "/arrears.v1.WorkListService/DescribeWorkList",
        &[Dialer, Analyst, Approver, Auditor, Operator],
    ),
    ("/arrears.v1.WorkListService/PreviewWork", &[Dialer, Analyst, Approver, Auditor, Operator]),
];

/// The roles that may call a method of the contract; nothing for any other path.
pub(super) fn roles(path: &str) -> Option<&'static [Role]> {
    METHODS.iter().find(|row| row.0 == path).map(|row| row.1)
}

/// An address the service may not listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is not a loopback address, and without TLS and authentication everybody who reaches it \
     could read and change every case: listen on 127.0.0.1 or [::1], and let a proxy that \
     terminates TLS and authenticates forward to it"
)]
pub struct NotLoopback(pub SocketAddr);

/// Refuses every address but those of this machine alone.
pub fn check_loopback(address: SocketAddr) -> Result<(), NotLoopback> {
    // An IPv4 loopback address written as IPv6 is one as well.
    if address.ip().to_canonical().is_loopback() { Ok(()) } else { Err(NotLoopback(address)) }
}

/// The caller of a request, put there by [`AuthLayer`].
pub(super) fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    request.extensions().get::<Caller>().cloned().ok_or_else(|| {
        status::fault(ErrorReason::Internal, "a call came in around the layer of access").status()
    })
}

/// The layer that makes the caller and refuses what the caller may not do.
#[derive(Clone, Debug)]
pub(super) struct AuthLayer {
    caller: Caller,
}

impl AuthLayer {
    /// A layer without credentials: every call is `caller`'s.
    pub(super) fn without_credentials(caller: Caller) -> AuthLayer {
        AuthLayer { caller }
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> AuthService<S> {
        AuthService { inner, caller: self.caller.clone() }
    }
}

/// The service behind [`AuthLayer`].
#[derive(Clone, Debug)]
pub(super) struct AuthService<S> {
    inner: S,
    caller: Caller,
}

impl<S> Service<http::Request<Body>> for AuthService<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>>,
    S::Error: Send + 'static,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        // A path without a row is no method of the contract: health and
        // reflection are for everybody, anything else is answered as unknown.
        let path = request.uri().path();
        if let Some(roles) = roles(path)
            && !roles.iter().any(|role| self.caller.roles.contains(role))
        {
            let refused = refusal(path, roles).into_http();
            return Box::pin(async move { Ok(refused) });
        }
        request.extensions_mut().insert(self.caller.clone());
        Box::pin(self.inner.call(request))
    }
}

fn refusal(path: &str, roles: &[Role]) -> Status {
    let names: Vec<_> = roles.iter().map(|role| role.name()).collect();
    let error = Error::RoleMissing { method: path.to_owned(), roles: names.join(", ") };
    status::from_error(error, Named::NOTHING)
}

#[cfg(test)]
mod tests;
