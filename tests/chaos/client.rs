//! Calls through a real client, and what their failures prove.

use std::net::SocketAddr;
use std::time::Duration;

use arrears::proto;
use arrears::proto::case_service_client::CaseServiceClient;
use arrears::proto::portfolio_service_client::PortfolioServiceClient;
use arrears::proto::work_list_service_client::WorkListServiceClient;
use rand::RngExt;
use rand::rngs::StdRng;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

use crate::history::Step;
use crate::mover::MOVING;
use crate::world::{LIST, PORTFOLIO, World};

/// How long a client waits for an answer before it asks somebody else.
const ANSWER_DEADLINE: Duration = Duration::from_secs(4);
const CONNECT_DEADLINE: Duration = Duration::from_secs(2);

/// Connections to some servers, made when they are needed.
#[derive(Clone)]
pub(crate) struct Client {
    channels: Vec<Channel>,
}

impl Client {
    /// A client of servers over one database.
    pub(crate) fn of(addresses: &[SocketAddr]) -> Client {
        let connect = |address: &SocketAddr| {
            let endpoint: Endpoint = format!("http://{address}").parse().unwrap();
            endpoint.connect_timeout(CONNECT_DEADLINE).connect_lazy()
        };
        Client { channels: addresses.iter().map(connect).collect() }
    }

    /// One of the servers.
    pub(crate) fn any(&self, rng: &mut StdRng) -> Channel {
        self.channels[rng.random_range(0..self.channels.len())].clone()
    }

    fn first(&self) -> Channel {
        self.channels[0].clone()
    }

    /// The cases at the first server.
    pub(crate) fn cases(&self) -> CaseServiceClient<Channel> {
        CaseServiceClient::new(self.first())
    }

    /// The work lists at the first server.
    pub(crate) fn work_lists(&self) -> WorkListServiceClient<Channel> {
        WorkListServiceClient::new(self.first())
    }

    /// Creates the portfolios, where everybody may be called at every hour, and a list
    /// of all of the first.
    pub(crate) async fn set_up(&self) {
        let always = proto::contact_policy::Policy::Always(proto::AlwaysPolicy {});
        for portfolio_id in [PORTFOLIO, MOVING] {
            let portfolio = proto::Portfolio {
                portfolio_id: portfolio_id.to_owned(),
                time_zone: "Etc/UTC".to_owned(),
                base_currency: "EUR".to_owned(),
                contact_policy: Some(proto::ContactPolicy { policy: Some(always.clone()) }),
                // What is drained is drained much later.
                ledger: Some(proto::LedgerSettings {
                    max_ledger_age_hours: Some(0),
                    ..Default::default()
                }),
                ..Default::default()
            };
            let request = proto::CreatePortfolioRequest { portfolio: Some(portfolio) };
            PortfolioServiceClient::new(self.first()).create_portfolio(request).await.unwrap();
        }
        let portfolio_ids = vec![PORTFOLIO.to_owned()];
        let work_list_id = LIST.to_owned();
        let work_list = proto::WorkList { work_list_id, portfolio_ids, ..Default::default() };
        let request = proto::CreateWorkListRequest { work_list: Some(work_list) };
        self.work_lists().create_work_list(request).await.unwrap();
    }
}

/// Waits for an answer, or says what its lack proves.
pub(crate) async fn answer<T>(
    world: &World,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Step> {
    match tokio::time::timeout(ANSWER_DEADLINE, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(failure(world, &status)),
        Err(_) => Err(Step::Info("no answer in time".to_owned())),
    }
}

/// A failure that the service itself tells has a reason; any other is one of the
/// connection, and proves nothing.
fn failure(world: &World, status: &Status) -> Step {
    let details = status.get_error_details();
    let Some(info) = details.error_info() else { return Step::Info(status.to_string()) };
    let text = format!("{:?} {}: {}", status.code(), info.reason, status.message());
    match status.code() {
        Code::Unavailable | Code::Aborted | Code::ResourceExhausted
            if details.retry_info().is_none() =>
        {
            world.note_odd(format!("{text} does not say when to try again"));
            Step::Info(text)
        }
        // A commit without an answer may have been kept.
        Code::Unavailable | Code::DeadlineExceeded => Step::Info(text),
        Code::Aborted | Code::ResourceExhausted => Step::Fail(text),
        _ => {
            world.note_odd(text.clone());
            Step::Info(text)
        }
    }
}
