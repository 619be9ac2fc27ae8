//! A proxy that stands before the service and knows nobody: it answers every call
//! itself, as one that terminates TLS and authenticates does without credentials.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use tokio::runtime::Runtime;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::transport::Server;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use tower::{Layer, Service};

use super::program::{Printed, run_alone};

/// What is answered to every call.
#[derive(Clone)]
pub(super) enum Refusal {
    /// By HTTP alone, as a proxy that does not know gRPC.
    Http(u16),
    /// By gRPC.
    Grpc(Status),
}

/// A refusal by HTTP alone.
pub(super) fn http_status(code: u16) -> Refusal {
    Refusal::Http(code)
}

/// A refusal with a reason of the contract.
pub(super) fn role_missing() -> Refusal {
    let mut details = ErrorDetails::new();
    details.set_error_info("ROLE_MISSING", "arrears", [("role".to_owned(), "dialer".to_owned())]);
    let text = "the role dialer is needed";
    Refusal::Grpc(Status::with_error_details(Code::PermissionDenied, text, details))
}

/// A running proxy. It ends when it is dropped.
pub(super) struct Proxy {
    _runtime: Runtime,
    address: String,
    folder: tempfile::TempDir,
}

impl Proxy {
    pub(super) fn new(refusal: Refusal) -> Proxy {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (_, health) = tonic_health::server::health_reporter();
        let server = Server::builder().layer(Refusing(refusal)).add_service(health);
        runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Proxy { _runtime: runtime, address, folder: tempfile::tempdir().unwrap() }
    }

    /// Runs a command against the proxy.
    pub(super) fn run(&self, args: &[&str]) -> Printed {
        run_alone(self.folder.path(), &[&["--server", &self.address], args].concat())
    }
}

#[derive(Clone)]
struct Refusing(Refusal);

impl<S> Layer<S> for Refusing {
    type Service = Refusing;

    fn layer(&self, _behind: S) -> Refusing {
        self.clone()
    }
}

impl Service<http::Request<Body>> for Refusing {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        ready(Ok(match &self.0 {
            Refusal::Grpc(status) => status.clone().into_http(),
            Refusal::Http(code) => {
                let mut answer = http::Response::new(Body::default());
                *answer.status_mut() = http::StatusCode::from_u16(*code).unwrap();
                answer
            }
        }))
    }
}
