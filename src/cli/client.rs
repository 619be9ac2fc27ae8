//! The connection to a running server, and what commands share of it.

use std::path::PathBuf;
use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

use super::failure::{Exit, Failure};
use super::output::Format;
use crate::config::Config;
use crate::proto;

/// The generated clients over one connection.
pub(super) type Portfolios = proto::portfolio_service_client::PortfolioServiceClient<Channel>;
pub(super) type Cases = proto::case_service_client::CaseServiceClient<Channel>;
pub(super) type Scorecards = proto::scorecard_service_client::ScorecardServiceClient<Channel>;
pub(super) type WorkLists = proto::work_list_service_client::WorkListServiceClient<Channel>;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longer than the longest wait for work, 55 seconds, by more than the contract
/// asks for.
const CALL_TIMEOUT: Duration = Duration::from_secs(90);

/// What every command that talks to a server knows.
#[derive(Clone, Debug)]
pub(super) struct Context {
    /// How data is written.
    pub format: Format,
    /// The server's address.
    pub server: String,
    /// The settings file, where there is one.
    pub config_file: Option<PathBuf>,
    /// What it says.
    pub config: Config,
}

/// A connected client.
#[derive(Clone, Debug)]
pub(super) struct Client(Channel);

impl Context {
    /// Connects to the server.
    pub(super) async fn connect(&self) -> Result<Client, Failure> {
        let server = &self.server;
        let endpoint = endpoint(server)?.connect_timeout(CONNECT_TIMEOUT).timeout(CALL_TIMEOUT);
        match endpoint.connect().await {
            Ok(channel) => Ok(Client(channel)),
            Err(_) => {
                let message = format!("no server answers at {server}");
                let next = "start one with `arrears serve`, or name another with --server or \
                            ARREARS_SERVER";
                Err(Failure::new(Exit::Unavailable, message).with_next(next))
            }
        }
    }

    /// The portfolio that is meant: the one named, else that of the settings,
    /// else the only one there is.
    pub(super) async fn portfolio(
        &self,
        client: &Client,
        named: Option<&str>,
    ) -> Result<String, Failure> {
        if let Some(portfolio_id) = named.or(self.config.client.portfolio.as_deref()) {
            return Ok(portfolio_id.to_owned());
        }
        let request = proto::ListPortfoliosRequest { page_size: 2, ..Default::default() };
        let answer = client.portfolios().list_portfolios(request).await?.into_inner();
        match answer.portfolios.as_slice() {
            [only] => Ok(only.portfolio_id.clone()),
            [] => Err(Failure::new(Exit::Usage, "the server has no portfolio yet")
                .with_next("create one with `arrears init`")),
            _ => Err(Failure::new(Exit::Usage, "the server has several portfolios")
                .with_next("name one with --portfolio; `arrears portfolio list` shows them")),
        }
    }
}

/// The endpoint at an address. What would be sent in the clear is not taken for protected.
fn endpoint(server: &str) -> Result<Endpoint, Failure> {
    let usage = |why: &str, next: &str| {
        Err(Failure::new(Exit::Usage, format!("server {server}: {why}")).with_next(next))
    };
    match server.split_once("://") {
        Some(("http", _)) => Endpoint::from_shared(server.to_owned())
            .map_err(|error| Failure::new(Exit::Usage, format!("server {server}: {error}"))),
        Some(("https", _)) => usage(
            "this program does not speak TLS",
            "run it where the server is, or through an encrypted tunnel, and say http://",
        ),
        _ => usage(
            "an address begins with http://",
            "say http:// and the host and port, such as http://127.0.0.1:50051",
        ),
    }
}

impl Client {
    /// The connection itself.
    pub(super) fn channel(&self) -> Channel {
        self.0.clone()
    }

    /// Portfolios.
    pub(super) fn portfolios(&self) -> Portfolios {
        Portfolios::new(self.0.clone())
    }

    /// Cases.
    pub(super) fn cases(&self) -> Cases {
        Cases::new(self.0.clone())
    }

    /// Scorecards.
    pub(super) fn scorecards(&self) -> Scorecards {
        Scorecards::new(self.0.clone())
    }

    /// Work lists.
    pub(super) fn work_lists(&self) -> WorkLists {
        WorkLists::new(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_that_it_is_not_protected() {
        assert!(endpoint("http://127.0.0.1:50051").is_ok());
        for (wrong, why) in [
            ("https://loans.example", "does not speak TLS"),
            ("ftp://loans.example", "begins with http://"),
            ("127.0.0.1:50051", "begins with http://"),
            ("loans", "begins with http://"),
            ("", "begins with http://"),
            ("http://", "invalid"),
        ] {
            let refused = endpoint(wrong).expect_err("it is none");
            assert_eq!(refused.exit(), Exit::Usage as u8, "{wrong}");
            assert!(refused.told().0.contains(why), "{wrong}: {:?}", refused.told());
        }
    }
}
