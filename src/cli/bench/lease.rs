//! `arrears bench lease`: leasing work, and giving it back or reporting on it.

use std::time::Instant;

use clap::Args;
use tokio::task::JoinSet;

use super::measure::{Measured, Timings};
use super::{Common, Jobs};
use crate::cli::client::{Client, Context};
use crate::cli::failure::{Exit, Failure};
use crate::cli::work_list::create_list;
use crate::proto;

#[derive(Args, Debug)]
pub(in crate::cli) struct LeaseArgs {
    #[command(flatten)]
    common: Common,
    /// How many pulls to make
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..))]
    pulls: u64,
    /// The most items of one pull
    #[arg(short = 'n', long, default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=500))]
    max: i32,
    /// Reports this outcome instead of giving work back undialled; the debtors
    /// then cool, and a later run finds fewer
    #[arg(long, value_name = "CODE")]
    report: Option<String>,
}

/// One pull.
#[derive(Clone, Debug)]
struct Pull {
    request: proto::LeaseWorkRequest,
    report: Option<String>,
}

/// Leases work and ends the leases.
pub(super) async fn run(context: &Context, args: &LeaseArgs) -> Result<Vec<Measured>, Failure> {
    let clients = args.common.connect(context).await?;
    if let Some(client) = clients.first() {
        args.common.own_portfolio(client).await?;
        let list = proto::WorkList {
            work_list_id: args.common.portfolio.clone(),
            portfolio_ids: vec![args.common.portfolio.clone()],
            ..Default::default()
        };
        create_list(client, list).await?;
    }
    let request = proto::LeaseWorkRequest {
        work_list_id: args.common.portfolio.clone(),
        worker_id: "bench".to_owned(),
        max_items: args.max,
        wait: Some(prost_types::Duration::default()),
        ..Default::default()
    };
    let pull = Pull { request, report: args.report.clone() };
    let jobs = Jobs::new((0..args.pulls).map(|_| pull.clone()).collect());
    let (began, mut working) = (Instant::now(), JoinSet::new());
    for client in clients {
        working.spawn(work(client, jobs.clone()));
    }
    let (mut leased, mut ended) = (Timings::default(), Timings::default());
    while let Some(worked) = working.join_next().await {
        let worked = worked.map_err(|error| Failure::new(Exit::Failure, error))?;
        leased.add(worked.0);
        ended.add(worked.1);
    }
    let elapsed = began.elapsed();
    let end = if args.report.is_some() { "ReportOutcomes" } else { "ReleaseLeases" };
    Ok(vec![leased.measured("LeaseWork", elapsed), ended.measured(end, elapsed)])
}

/// Pulls until there are no more jobs; answers with the timings of the pulls and of
/// what ended the leases.
async fn work(client: Client, jobs: Jobs<Pull>) -> (Timings, Timings) {
    let (mut leased, mut ended) = (Timings::default(), Timings::default());
    let mut lists = client.work_lists();
    while let Some(Pull { request, report }) = jobs.take() {
        let Some(answer) = leased.time(lists.lease_work(request)).await else { continue };
        let tokens: Vec<Vec<u8>> =
            answer.work_items.into_iter().map(|item| item.lease_token).collect();
        leased.count("leased", tokens.len() as u64);
        if tokens.is_empty() {
            leased.note("empty");
            continue;
        }
        match report {
            None => release(&mut lists, tokens, &mut ended).await,
            Some(code) => report_all(&mut lists, tokens, &code, &mut ended).await,
        }
    }
    (leased, ended)
}

type WorkLists = crate::cli::client::WorkLists;

async fn release(lists: &mut WorkLists, tokens: Vec<Vec<u8>>, timings: &mut Timings) {
    let release = |lease_token| proto::LeaseRelease { lease_token, not_dialled: true };
    let request =
        proto::ReleaseLeasesRequest { releases: tokens.into_iter().map(release).collect() };
    let Some(answer) = timings.time(lists.release_leases(request)).await else { return };
    for result in answer.results {
        match result.error {
            None => timings.count("released", 1),
            Some(error) => timings.fail(&Failure::of_item(error)),
        }
    }
}

async fn report_all(
    lists: &mut WorkLists,
    tokens: Vec<Vec<u8>>,
    code: &str,
    timings: &mut Timings,
) {
    let outcome = |lease_token| proto::Outcome {
        lease_token,
        outcome_code: code.to_owned(),
        ..Default::default()
    };
    let request =
        proto::ReportOutcomesRequest { outcomes: tokens.into_iter().map(outcome).collect() };
    let Some(answer) = timings.time(lists.report_outcomes(request)).await else { return };
    for result in answer.results {
        match result.error {
            None => timings.count("reported", 1),
            Some(error) => timings.fail(&Failure::of_item(error)),
        }
    }
}
