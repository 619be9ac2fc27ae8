//! The two listeners: gRPC for callers, and HTTP for those who watch the service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::config::Config;
use crate::engine::{Caller, Engine};
use crate::proto;
use crate::proto::case_service_server::CaseServiceServer;
use crate::proto::portfolio_service_server::PortfolioServiceServer;
use crate::proto::scorecard_service_server::ScorecardServiceServer;
use crate::proto::work_list_service_server::WorkListServiceServer;

use super::auth::{self, AuthLayer, NotLoopback};
use super::case_service::Cases;
use super::edge::EdgeLayer;
use super::metrics::Metrics;
use super::portfolio_service::Portfolios;
use super::ready::{Probe, Readiness};
use super::scorecard_service::Scorecards;
use super::watch::Watchers;
use super::work_list_service::WorkLists;

/// The largest response in bytes. Answers stop at 3 MiB by themselves, and most
/// clients refuse more than this.
const RESPONSE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How often an idle connection is asked whether its other end still lives, and
/// how long the answer may take.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Sets what the size limits of the configuration mean for one service.
macro_rules! limited {
    ($service:expr, $limits:expr) => {
        $service
            .max_decoding_message_size($limits.request_bytes_max)
            .max_encoding_message_size(RESPONSE_BYTES_MAX)
    };
}
/// The services of the contract, as health and reflection name them.
const SERVICES: [&str; 4] = [
    proto::portfolio_service_server::SERVICE_NAME,
    proto::scorecard_service_server::SERVICE_NAME,
    proto::case_service_server::SERVICE_NAME,
    proto::work_list_service_server::SERVICE_NAME,
];

/// Why the service cannot listen or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is open to others.
    #[error(transparent)]
    NotLoopback(#[from] NotLoopback),
    /// The address is taken, or is not one of this machine.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The contract's descriptors cannot be read: a fault of the build.
    #[error("reflection cannot read the contract: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// gRPC stopped.
    #[error("the gRPC listener failed: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// HTTP stopped.
    #[error("the HTTP listener failed: {0}")]
    Http(std::io::Error),
}

/// Both listeners, bound and not yet served.
#[derive(Debug)]
pub struct Listeners {
    grpc: TcpListener,
    http: TcpListener,
}

impl Listeners {
    /// Binds both addresses of the configuration; only addresses of this machine
    /// alone are accepted.
    pub async fn bind(config: &Config) -> Result<Listeners, ServeError> {
        let grpc = bind(config.server.grpc_addr).await?;
        let http = bind(config.server.http_addr).await?;
        Ok(Listeners { grpc, http })
    }

    /// The address gRPC listens on.
    pub fn grpc_addr(&self) -> std::io::Result<SocketAddr> {
        self.grpc.local_addr()
    }

    /// The address HTTP listens on.
    pub fn http_addr(&self) -> std::io::Result<SocketAddr> {
        self.http.local_addr()
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    auth::check_loopback(address)?;
    TcpListener::bind(address).await.map_err(|source| ServeError::Bind { address, source })
}

/// Serves the engine until `shutdown`, then lets open calls end for the time the
/// configuration allows. While it serves, sweeps and the roll-over run.
///
/// # Errors
/// When a listener fails, or the contract cannot be described by reflection.
pub async fn serve(
    engine: Arc<Engine>,
    listeners: Listeners,
    config: &Config,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let limits = &config.limits;
    let portfolios = PortfolioServiceServer::new(Portfolios(Arc::clone(&engine)));
    let cases = CaseServiceServer::new(Cases {
        engine: Arc::clone(&engine),
        watchers: Watchers::new(shutdown.clone()),
    });
    let background = engine.start_background();
    let watched = Arc::clone(&engine);
    let probe: Probe = Box::new(move || {
        let engine = Arc::clone(&watched);
        Box::pin(async move { engine.is_reachable().await })
    });
    let scorecards = ScorecardServiceServer::new(Scorecards(Arc::clone(&engine)));
    let work_lists = WorkLists { engine, shutdown: shutdown.clone() };
    let work_lists = WorkListServiceServer::new(work_lists);
    let routes = Routes::new(limited!(portfolios, limits))
        .add_service(limited!(cases, limits))
        .add_service(limited!(work_lists, limits))
        .add_service(limited!(scorecards, limits));
    let served = run((routes, probe), Caller::local(), listeners, config, shutdown).await;
    background.stop().await;
    served
}

/// Serves `routes` for `caller` until `shutdown`, then lets open calls end for
/// the time the configuration allows. HTTP answers until the last call has
/// ended, so that a watcher sees the draining; it is ready while `probe` says so.
async fn run(
    (routes, probe): (Routes, Probe),
    caller: Caller,
    listeners: Listeners,
    config: &Config,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let metrics = Arc::new(Metrics::new());
    let (health, health_service) = tonic_health::server::health_reporter();
    report(&health, ServingStatus::Serving).await;
    let routes = routes
        .add_service(health_service)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    let grpc = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .max_concurrent_streams(config.limits.concurrent_streams_max)
        .layer(EdgeLayer::new(Arc::clone(&metrics), config.limits.request_bytes_max))
        .layer(AuthLayer::without_credentials(caller))
        .add_routes(routes)
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listeners.grpc).with_nodelay(Some(true)),
            shutdown.clone().cancelled_owned(),
        );

    let watch = Arc::new(Watch { metrics, readiness: Readiness::new(probe) });
    let drained = CancellationToken::new();
    let http = axum::serve(listeners.http, watch_routes(Arc::clone(&watch)))
        .with_graceful_shutdown(drained.clone().cancelled_owned());

    let grpc = async {
        let drain = async {
            shutdown.cancelled().await;
            tracing::info!("stopping; open calls may end");
            watch.readiness.stop();
            report(&health, ServingStatus::NotServing).await;
            tokio::time::sleep(Duration::from_secs(config.server.drain_seconds)).await;
            tracing::warn!("open calls did not end in time and are cut off");
        };
        let ended = tokio::select! {
            ended = grpc => ended,
            () = drain => Ok(()),
        };
        drained.cancel();
        ended
    };
    let (grpc, http) = tokio::join!(grpc, async { http.await });
    grpc?;
    http.map_err(ServeError::Http)
}

async fn report(health: &HealthReporter, status: ServingStatus) {
    for service in [""].into_iter().chain(SERVICES) {
        health.set_service_status(service, status).await;
    }
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

/// What those who watch the service may know.
struct Watch {
    metrics: Arc<Metrics>,
    readiness: Readiness,
}

fn watch_routes(watch: Arc<Watch>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(watch)
}

async fn readyz(State(watch): State<Arc<Watch>>) -> impl IntoResponse {
    watch.readiness.page().await
}

async fn metrics(State(watch): State<Arc<Watch>>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match watch.metrics.text() {
        Ok(text) => Ok(([(header::CONTENT_TYPE, kind)], text)),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

#[cfg(test)]
mod tests;
