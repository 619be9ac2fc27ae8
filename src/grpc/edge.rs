//! What every call passes through: its deadline, the catching of panics, the
//! completion of what the transport itself answers, and the metrics.

mod body;
mod complete;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use http::HeaderMap;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::proto::ErrorReason;

use super::metrics::{Metrics, Tally};
use super::status::{self, Failure};

use body::EdgeBody;
use complete::{Call, Place};

/// A future on the heap.
pub(super) type BoxFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// The layer.
#[derive(Clone, Debug)]
pub(super) struct EdgeLayer {
    metrics: Arc<Metrics>,
    request_bytes_max: usize,
}

impl EdgeLayer {
    pub(super) fn new(metrics: Arc<Metrics>, request_bytes_max: usize) -> EdgeLayer {
        EdgeLayer { metrics, request_bytes_max }
    }
}

impl<S> Layer<S> for EdgeLayer {
    type Service = EdgeService<S>;

    fn layer(&self, inner: S) -> EdgeService<S> {
        EdgeService { inner, layer: self.clone() }
    }
}

/// The service behind [`EdgeLayer`].
#[derive(Clone, Debug)]
pub(super) struct EdgeService<S> {
    inner: S,
    layer: EdgeLayer,
}

impl<S> Service<http::Request<Body>> for EdgeService<S>
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

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let call = Call::new(request.uri().path(), self.layer.request_bytes_max);
        let tally = self.layer.metrics.started(call.method());
        let deadline = answer_within(request.headers());
        let answer = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Box::pin(async move {
            let answer = match deadline {
                None => Some(answer.await),
                Some(within) => tokio::time::timeout(within, answer).await.ok(),
            };
            let response = match answer {
                Some(Ok(response)) => response?,
                Some(Err(panic)) => panicked(&call, panic.as_ref()).into_http(),
                None => deadline_exceeded().into_http(),
            };
            Ok(finish(response, call, tally))
        })
    }
}

/// Completes and counts an answer that is all head, and hands any other to a
/// body that does so at its end.
fn finish(mut response: http::Response<Body>, call: Call, tally: Tally) -> http::Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(status) => {
            let code = call.complete(&status, Place::Head, response.headers_mut());
            tally.handled(code);
            response
        }
        None => response.map(|body| Body::new(EdgeBody::new(body, call, tally))),
    }
}

fn panicked(call: &Call, panic: &(dyn std::any::Any + Send)) -> Status {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let why = format!("{} panicked: {}", call.method(), text.unwrap_or("without a text"));
    status::fault(ErrorReason::Internal, &why).status()
}

fn deadline_exceeded() -> Status {
    let text = "the call did not end before its deadline".to_owned();
    Failure::new(Code::DeadlineExceeded, ErrorReason::DeadlineExceeded, text).status()
}

/// How long a call with a deadline may take: a little less than the client
/// waits, because an answer at the deadline itself would reach nobody.
fn answer_within(headers: &HeaderMap) -> Option<Duration> {
    let timeout = parse_timeout(headers.get("grpc-timeout")?.to_str().ok()?)?;
    Some(timeout - (timeout / 10).min(Duration::from_millis(20)))
}

/// Reads a timeout as gRPC writes it: up to eight digits and a unit.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3_600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
