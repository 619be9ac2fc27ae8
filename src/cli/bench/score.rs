//! `arrears bench score`: having cases explained, which ranks them anew.

use std::time::Instant;

use clap::Args;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;

use super::measure::{Measured, Timings};
use super::{Common, Jobs, case_id};
use crate::cli::client::{Client, Context};
use crate::cli::failure::{Exit, Failure};
use crate::proto;

/// Which cases are drawn is the same in every run.
const SEED: u64 = 7;

#[derive(Args, Debug)]
pub(in crate::cli) struct ScoreArgs {
    #[command(flatten)]
    common: Common,
    /// How many cases `bench ingest` pushed; calls are drawn from all of them
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    cases: u64,
    /// How many calls to make
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..))]
    calls: u64,
}

/// Has cases explained.
pub(super) async fn run(context: &Context, args: &ScoreArgs) -> Result<Vec<Measured>, Failure> {
    let clients = args.common.connect(context).await?;
    if let Some(client) = clients.first() {
        args.common.own_portfolio(client).await?;
    }
    let mut random = StdRng::seed_from_u64(SEED);
    let requests = (0..args.calls).map(|_| proto::ExplainCaseRequest {
        portfolio_id: args.common.portfolio.clone(),
        case_id: case_id(random.random_range(1..=args.cases)),
        ..Default::default()
    });
    let jobs = Jobs::new(requests.collect());
    let (began, mut asking) = (Instant::now(), JoinSet::new());
    for client in clients {
        asking.spawn(explain(client, jobs.clone()));
    }
    let mut timings = Timings::default();
    while let Some(asked) = asking.join_next().await {
        timings.add(asked.map_err(|error| Failure::new(Exit::Failure, error))?);
    }
    Ok(vec![timings.measured("ExplainCase", began.elapsed())])
}

async fn explain(client: Client, jobs: Jobs<proto::ExplainCaseRequest>) -> Timings {
    let (mut timings, mut cases) = (Timings::default(), client.cases());
    while let Some(request) = jobs.take() {
        if timings.time(cases.explain_case(request)).await.is_some() {
            timings.count("explained", 1);
        }
    }
    timings
}
