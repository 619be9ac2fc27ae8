//! Counts and durations of calls, under the names that Prometheus dashboards
//! for gRPC expect.

use std::time::Instant;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tonic::Code;

use super::auth;

type Labels = Vec<(&'static str, &'static str)>;

/// The metrics of one server.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    started: Family<Labels, Counter>,
    handled: Family<Labels, Counter>,
    seconds: Family<Labels, Histogram>,
}

impl Metrics {
    pub(super) fn new() -> Metrics {
        let mut registry = Registry::default();
        let started = Family::<Labels, Counter>::default();
        let handled = Family::<Labels, Counter>::default();
        // 1 ms to 65 s: the longest call waits 55 s for work.
        let seconds = Family::<Labels, Histogram>::new_with_constructor(|| {
            Histogram::new(exponential_buckets(0.001, 2.0, 17))
        });
        registry.register("grpc_server_started", "Calls begun", started.clone());
        registry.register("grpc_server_handled", "Calls ended, by code", handled.clone());
        registry.register_with_unit(
            "grpc_server_handling",
            "How long calls took",
            Unit::Seconds,
            seconds.clone(),
        );
        Metrics { registry, started, handled, seconds }
    }

    /// Counts a call that begins.
    pub(super) fn started(&self, path: &str) -> Tally {
        let labels = labels(path);
        self.started.get_or_create(&labels).inc();
        Tally {
            seconds: self.seconds.get_or_create(&labels).clone(),
            handled: self.handled.clone(),
            labels,
            began: Instant::now(),
        }
    }

    /// All metrics as the OpenMetrics text.
    pub(super) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// A call that has begun.
#[derive(Debug)]
pub(super) struct Tally {
    labels: Labels,
    handled: Family<Labels, Counter>,
    seconds: Histogram,
    began: Instant,
}

impl Tally {
    /// Counts the call as ended.
    pub(super) fn handled(self, code: Code) {
        let mut labels = self.labels;
        labels.push(("grpc_code", code_name(code)));
        self.handled.get_or_create(&labels).inc();
        self.seconds.observe(self.began.elapsed().as_secs_f64());
    }
}

/// The labels of a method. Paths outside the contract share one pair, so that a
/// caller cannot make labels up.
fn labels(path: &str) -> Labels {
    let known = auth::METHODS.iter().find(|row| row.0 == path);
    let parts = known.and_then(|row| row.0.strip_prefix('/')?.split_once('/'));
    let (service, method) = parts.unwrap_or(("other", "other"));
    let kind = if method == "WatchCases" { "server_stream" } else { "unary" };
    vec![("grpc_type", kind), ("grpc_service", service), ("grpc_method", method)]
}

fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}
