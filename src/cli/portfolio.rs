//! `arrears portfolio`: the portfolios of the server.

use clap::{Args, Subcommand, ValueEnum};
use serde::Deserialize;

use super::client::{Client, Context};
use super::failure::Failure;
use super::output;
use super::view::PortfolioView;
use crate::proto;

mod ranking;
mod routing;
mod update;

pub(super) use routing::RuleView;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists the portfolios
    #[command(after_help = "Example:\n  arrears portfolio list -o json")]
    List,
    /// Creates a portfolio
    #[command(after_help = "Example:\n  \
        arrears portfolio create north --time-zone Europe/Oslo --currency NOK")]
    Create(CreateArgs),
    /// Changes settings of a portfolio; those that ranks read with a reason
    #[command(after_help = "Examples:\n  arrears portfolio update --policy plain\n  \
        arrears portfolio update --hours mon-fri=08:00-20:00 --hours sat=09:00-14:00\n  \
        arrears portfolio update --portfolio north --file north.toml\n  \
        arrears portfolio update --protected-input marital_status --reason approved\n  \
        arrears portfolio update --routing-rules routes.yaml --reason approved")]
    Update(Box<update::UpdateArgs>),
    /// Shows the rules that give cases their routes, as JSON in the form of a file of rules
    #[command(after_help = "Examples:\n  arrears portfolio routes\n  \
        arrears portfolio routes north -o json")]
    Routes(routing::RoutesArgs),
}

#[derive(Args, Debug)]
pub(super) struct CreateArgs {
    /// The id of the new portfolio
    portfolio_id: String,
    /// The IANA time zone in which days are counted, such as Europe/Berlin; it
    /// never changes
    #[arg(long)]
    time_zone: String,
    /// The ISO 4217 code of every amount, such as EUR; it never changes
    #[arg(long)]
    currency: String,
    /// When debtors may be contacted
    #[arg(long, value_enum, default_value_t = Policy::Plain)]
    policy: Policy,
}

/// When debtors may be contacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Policy {
    /// Monday to Saturday 08:00 to 20:00 where the debtor is, at most one attempt
    /// a day and three in seven days
    Plain,
    /// At any time and any number of times: for trying out only; change to plain
    /// before a real call
    Always,
}

impl Policy {
    /// The policy in the contract.
    pub(super) fn to_proto(self) -> proto::ContactPolicy {
        use proto::contact_policy::Policy as Kind;
        let policy = match self {
            Policy::Plain => Kind::Plain(proto::PlainPolicy::default()),
            Policy::Always => Kind::Always(proto::AlwaysPolicy {}),
        };
        proto::ContactPolicy { policy: Some(policy) }
    }
}

/// Runs a command.
pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let client = context.connect().await?;
    match command {
        Command::List => list(context, &client).await,
        Command::Update(args) => update::run(context, &client, *args).await,
        Command::Routes(args) => routing::run(context, &client, args).await,
        Command::Create(args) => {
            let portfolio = proto::Portfolio {
                portfolio_id: args.portfolio_id,
                time_zone: args.time_zone,
                base_currency: args.currency,
                contact_policy: Some(args.policy.to_proto()),
                ..Default::default()
            };
            let portfolio = create_portfolio(&client, portfolio).await?;
            output::records(context.format, &[PortfolioView::new(&portfolio)])
        }
    }
}

async fn list(context: &Context, client: &Client) -> Result<(), Failure> {
    let mut request = proto::ListPortfoliosRequest { page_size: 1_000, ..Default::default() };
    let mut portfolios = Vec::new();
    loop {
        let answer = client.portfolios().list_portfolios(request.clone()).await?.into_inner();
        portfolios.extend(answer.portfolios.iter().map(PortfolioView::new));
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            return output::records(context.format, &portfolios);
        }
    }
}

/// Creates a portfolio; the same request again answers with what there is.
pub(super) async fn create_portfolio(
    client: &Client,
    portfolio: proto::Portfolio,
) -> Result<proto::Portfolio, Failure> {
    let request = proto::CreatePortfolioRequest { portfolio: Some(portfolio) };
    let answer = client.portfolios().create_portfolio(request).await?.into_inner();
    Ok(answer.portfolio.unwrap_or_default())
}
