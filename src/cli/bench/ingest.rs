//! `arrears bench ingest`: pushing generated cases.

use std::time::{Duration, Instant};

use clap::Args;
use indicatif::ProgressBar;
use tokio::task::JoinSet;

use super::measure::{Measured, Timings};
use super::{Common, Jobs, PREFIX, case_id};
use crate::cli::client::{Client, Context};
use crate::cli::demo::Demo;
use crate::cli::failure::{Exit, Failure};
use crate::cli::import::today;
use crate::cli::word;
use crate::proto;

/// How many cases are generated before they are pushed: generating them must not
/// be measured, and a million of them need not be kept.
const WAVE_CASES: usize = 20_000;

#[derive(Args, Debug)]
pub(in crate::cli) struct IngestArgs {
    #[command(flatten)]
    common: Common,
    /// How many cases to push
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    cases: u64,
    /// How many cases one call pushes
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    chunk: u64,
}

/// Pushes generated cases.
pub(super) async fn run(context: &Context, args: &IngestArgs) -> Result<Vec<Measured>, Failure> {
    let clients = args.common.connect(context).await?;
    if let Some(client) = clients.first() {
        args.common.own_portfolio(client).await?;
    }
    let chunk = usize::try_from(args.chunk).unwrap_or(usize::MAX);
    let count = usize::try_from(args.cases).unwrap_or(usize::MAX);
    let mut cases = Demo::new(today(), count).enumerate().map(generated);
    let bar = ProgressBar::new(args.cases);
    let (mut timings, mut elapsed) = (Timings::default(), Duration::ZERO);
    loop {
        let wave: Vec<proto::CaseDocument> = cases.by_ref().take(WAVE_CASES).collect();
        if wave.is_empty() {
            break;
        }
        let size = wave.len() as u64;
        let requests = wave.chunks(chunk).map(|cases| proto::PushCasesRequest {
            portfolio_id: args.common.portfolio.clone(),
            cases: cases.to_vec(),
            ..Default::default()
        });
        let jobs = Jobs::new(requests.collect());
        let began = Instant::now();
        let mut pushing = JoinSet::new();
        for client in &clients {
            pushing.spawn(push(client.clone(), jobs.clone()));
        }
        while let Some(pushed) = pushing.join_next().await {
            timings.add(pushed.map_err(|error| Failure::new(Exit::Failure, error))?);
        }
        elapsed += began.elapsed();
        bar.inc(size);
    }
    bar.finish_and_clear();
    Ok(vec![timings.measured("PushCases", elapsed)])
}

/// An invented case under ids that no other case has.
fn generated((at, mut case): (usize, proto::CaseDocument)) -> proto::CaseDocument {
    case.case_id = case_id(at as u64 + 1);
    case.debtor_id = format!("{PREFIX}{}", case.debtor_id);
    case
}

async fn push(client: Client, jobs: Jobs<proto::PushCasesRequest>) -> Timings {
    let (mut timings, mut cases) = (Timings::default(), client.cases());
    while let Some(request) = jobs.take() {
        let Some(answer) = timings.time(cases.push_cases(request)).await else { continue };
        for result in answer.results {
            timings.count(word::PUSH_DISPOSITION.word(result.disposition), 1);
            if let Some(error) = result.error {
                timings.fail(&Failure::of_item(error));
            }
        }
    }
    timings
}
