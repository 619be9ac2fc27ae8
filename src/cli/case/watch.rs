//! `arrears case watch`: cases as they change.

use clap::Args;

use super::super::client::Context;
use super::super::failure::{Exit, Failure};
use super::super::output::{self, Format};
use super::super::view::CaseView;
use crate::proto;

#[derive(Args, Debug)]
pub(in super::super) struct WatchArgs {
    /// The portfolio
    #[arg(short, long, env = "ARREARS_PORTFOLIO")]
    portfolio: Option<String>,
    /// Goes on behind what an earlier watch has shown, by the token it ended with
    #[arg(long, default_value = "", value_name = "TOKEN")]
    behind: String,
    /// Ends after so many cases; 0 goes on until it is interrupted
    #[arg(short, long, default_value_t = 0)]
    limit: usize,
}

/// Shows cases as they change, a line each, until it is interrupted.
pub(super) async fn watch(context: &Context, args: WatchArgs) -> Result<(), Failure> {
    if context.format == Format::Csv {
        let text = "a watch has no end, and a table none either: use -o table or -o jsonl";
        return Err(Failure::new(Exit::Usage, text));
    }
    let client = context.connect().await?;
    let portfolio_id = context.portfolio(&client, args.portfolio.as_deref()).await?;
    let mut token = args.behind;
    let request = proto::WatchCasesRequest {
        portfolio_id: portfolio_id.clone(),
        resume_token: token.clone(),
    };
    let mut answers = client.cases().watch_cases(request).await?.into_inner();
    let mut left = if args.limit == 0 { usize::MAX } else { args.limit };
    while left > 0 {
        let answer = tokio::select! {
            answer = answers.message() => answer?,
            _ = tokio::signal::ctrl_c() => None,
        };
        let Some(answer) = answer else { break };
        for unreadable in &answer.unreadable_cases {
            let why = unreadable.error.as_ref().map_or("", |error| error.message.as_str());
            output::note(&format!("case {} is not shown: {why}", unreadable.case_id));
        }
        // A token stands behind a whole answer, so that is shown whole.
        let views = answer.cases.iter().map(CaseView::new);
        let lines = views.map(|view| match context.format {
            Format::Table => Ok(format!("{}\n", view.headline())),
            _ => output::json_text(Format::Jsonl, &view),
        });
        if !output::write_on(&lines.collect::<Result<String, Failure>>()?)? {
            return Ok(());
        }
        left = left.saturating_sub(answer.cases.len());
        token = answer.resume_token;
    }
    if !token.is_empty() {
        output::note(&format!("go on with: arrears case watch -p {portfolio_id} --behind {token}"));
    }
    Ok(())
}
