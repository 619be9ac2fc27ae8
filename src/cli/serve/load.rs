//! Pushing the invented cases of a demonstration into a running server, the way
//! any loan system does.

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::client::Client;
use crate::cli::demo::{CASE_COUNT, CURRENCY, Demo, PORTFOLIO_ID, TIME_ZONE};
use crate::cli::failure::Failure;
use crate::cli::init::WORK_LIST_ID;
use crate::cli::portfolio::{Policy, create_portfolio};
use crate::cli::push::{CHUNK_CASES_MAX, push};
use crate::cli::work_list::create_list;
use crate::model::Day;
use crate::proto;

/// Creates the portfolio and the work list of the demonstration and pushes its
/// cases, unless they are all there. Answers how many were pushed.
pub(super) async fn load(client: &Client, today: Day) -> Result<usize, Failure> {
    let portfolio = proto::Portfolio {
        portfolio_id: PORTFOLIO_ID.to_owned(),
        display_name: "Invented cases".to_owned(),
        time_zone: TIME_ZONE.to_owned(),
        base_currency: CURRENCY.to_owned(),
        contact_policy: Some(Policy::Always.to_proto()),
        // A demonstration is looked at days later, and nobody pushes meanwhile.
        ledger: Some(proto::LedgerSettings { max_ledger_age_hours: Some(0), old_ledger_rule: 0 }),
        ..Default::default()
    };
    create_portfolio(client, portfolio).await?;
    let pushed = if loaded(client).await? { 0 } else { push_cases(client, today).await? };
    let work_list_id = WORK_LIST_ID.to_owned();
    create_list(client, proto::WorkList { work_list_id, ..Default::default() }).await?;
    Ok(pushed)
}

/// Pushes the cases with a bar that shows how far it is.
async fn push_cases(client: &Client, today: Day) -> Result<usize, Failure> {
    let bar = ProgressBar::new(CASE_COUNT as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} cases  {eta} left") {
        bar.set_style(style);
    }
    let mut cases = Demo::new(today, CASE_COUNT);
    loop {
        let chunk: Vec<proto::CaseDocument> = cases.by_ref().take(CHUNK_CASES_MAX).collect();
        if chunk.is_empty() {
            bar.finish_and_clear();
            return Ok(CASE_COUNT);
        }
        let count = chunk.len() as u64;
        let portfolio_id = PORTFOLIO_ID.to_owned();
        let request = proto::PushCasesRequest { portfolio_id, cases: chunk, ..Default::default() };
        let results = push(client, request).await?;
        if let Some(error) = results.into_iter().find_map(|result| result.error) {
            return Err(Failure::of_item(error));
        }
        bar.inc(count);
    }
}

/// Whether the last case of the demonstration is there: a load that was
/// interrupted is done again, which changes nothing about what is there.
async fn loaded(client: &Client) -> Result<bool, Failure> {
    let request = proto::GetCaseRequest {
        portfolio_id: PORTFOLIO_ID.to_owned(),
        case_id: Demo::case_id(CASE_COUNT),
    };
    match client.cases().get_case(request).await {
        Ok(_) => Ok(true),
        Err(status) if status.code() == tonic::Code::NotFound => Ok(false),
        Err(status) => Err(status.into()),
    }
}
