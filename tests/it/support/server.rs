//! A server with a folder, a clock and free ports of its own.

use std::sync::Arc;

use arrears::config::Config;
use arrears::engine::{Engine, EngineOptions};
use arrears::grpc::{Listeners, ServeError, serve};
use arrears::model::{Clock, Micros, TestClock};
use arrears::proto::{
    self, case_service_client::CaseServiceClient, portfolio_service_client::PortfolioServiceClient,
    scorecard_service_client::ScorecardServiceClient,
    work_list_service_client::WorkListServiceClient,
};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;

use super::TestDatabase;

/// Where the clock of a test server stands at first: Wednesday 2026-03-04,
/// 10:00 UTC.
pub(crate) const NOW: Micros = Micros(1_772_618_400 * Micros::SECOND);

/// A running server. Its database goes when it is dropped.
pub(crate) struct TestServer {
    /// The server's clock.
    pub(crate) clock: Arc<TestClock>,
    /// A connection to gRPC.
    pub(crate) channel: Channel,
    database: TestDatabase,
    shutdown: CancellationToken,
    _stop_when_dropped: DropGuard,
    served: JoinHandle<Result<(), ServeError>>,
}

impl TestServer {
    /// Starts a server over an empty database.
    pub(crate) async fn start() -> TestServer {
        let clock = Arc::new(TestClock::new(NOW));
        TestServer::over(TestDatabase::new(), clock).await
    }

    /// Starts a server over a database.
    pub(crate) async fn over(database: TestDatabase, clock: Arc<TestClock>) -> TestServer {
        TestServer::over_spread(database, clock, super::buckets()).await
    }

    /// The same; new tenants are spread over so many parts.
    pub(crate) async fn over_spread(
        database: TestDatabase,
        clock: Arc<TestClock>,
        tenant_buckets: i64,
    ) -> TestServer {
        let options = EngineOptions { tenant_buckets, ..EngineOptions::default() };
        TestServer::over_with(database, clock, options).await
    }

    /// The same with other options.
    pub(crate) async fn over_with(
        database: TestDatabase,
        clock: Arc<TestClock>,
        options: EngineOptions,
    ) -> TestServer {
        let engine = Engine::open_with(database.location(), clock.clone(), options);
        let engine = engine.await.unwrap();
        let mut config = Config::default();
        config.server.grpc_addr.set_port(0);
        config.server.http_addr.set_port(0);
        let listeners = Listeners::bind(&config).await.unwrap();
        let address = format!("http://{}", listeners.grpc_addr().unwrap());
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let served = tokio::spawn(async move { serve(engine, listeners, &config, stop).await });
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        let _stop_when_dropped = shutdown.clone().drop_guard();
        TestServer { clock, channel, database, shutdown, _stop_when_dropped, served }
    }

    /// Stops the server and starts another over the same database, with the clock
    /// where it stands.
    pub(crate) async fn restart(self) -> TestServer {
        let clock = Arc::clone(&self.clock);
        TestServer::over(self.end().await, clock).await
    }

    /// Microseconds by which its clock was moved since the start.
    pub(crate) fn elapsed(&self) -> i64 {
        self.clock.now().0 - NOW.0
    }

    /// Stops the server and waits until it has; its database is left.
    pub(crate) async fn end(self) -> TestDatabase {
        self.shutdown.cancel();
        drop(self.channel);
        self.served.await.unwrap().unwrap();
        self.database
    }

    /// Tells the server to stop; open calls may end.
    pub(crate) fn stop(&self) {
        self.shutdown.cancel();
    }

    /// The database beside the server.
    pub(crate) fn database(&self) -> &TestDatabase {
        &self.database
    }

    pub(crate) fn portfolios(&self) -> PortfolioServiceClient<Channel> {
        PortfolioServiceClient::new(self.channel.clone())
    }

    pub(crate) fn cases(&self) -> CaseServiceClient<Channel> {
        CaseServiceClient::new(self.channel.clone())
    }

    pub(crate) fn scorecards(&self) -> ScorecardServiceClient<Channel> {
        ScorecardServiceClient::new(self.channel.clone())
    }

    pub(crate) fn work_lists(&self) -> WorkListServiceClient<Channel> {
        WorkListServiceClient::new(self.channel.clone())
    }

    /// Creates a portfolio.
    pub(crate) async fn create(&self, portfolio: proto::Portfolio) -> proto::Portfolio {
        let request = proto::CreatePortfolioRequest { portfolio: Some(portfolio) };
        let answer = self.portfolios().create_portfolio(request).await.unwrap();
        answer.into_inner().portfolio.unwrap()
    }

    /// Pushes documents and returns the result of each.
    pub(crate) async fn push(
        &self,
        portfolio_id: &str,
        cases: Vec<proto::CaseDocument>,
    ) -> Vec<proto::PushResult> {
        let portfolio_id = portfolio_id.to_owned();
        let request = proto::PushCasesRequest { portfolio_id, cases, ..Default::default() };
        self.cases().push_cases(request).await.unwrap().into_inner().results
    }

    /// Reads a case.
    pub(crate) async fn get(&self, portfolio_id: &str, case_id: &str) -> proto::Case {
        let request = proto::GetCaseRequest {
            portfolio_id: portfolio_id.to_owned(),
            case_id: case_id.to_owned(),
        };
        self.cases().get_case(request).await.unwrap().into_inner().case.unwrap()
    }
}
