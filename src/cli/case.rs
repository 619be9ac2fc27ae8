//! `arrears case`: cases as they stand, and why.

use clap::{Args, Subcommand};

use super::client::{Client, Context};
use super::decimal::{date, parse_day};
use super::explanation::ExplanationView;
use super::failure::{Exit, Failure};
use super::output::{self, Format};
use super::view::CaseView;
use super::word::{self, Words};
use crate::proto;
use explain::ExplainArgs;
use full::FullCaseView;
use replay::ReplayArgs;
use watch::WatchArgs;
use what_if::{Assignment, assignment};

mod explain;
mod full;
mod replay;
mod watch;
mod what_if;

/// The most cases of one answer.
const PAGE_SIZE: i32 = 1_000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists the cases of a portfolio
    #[command(
        after_help = "Examples:\n  arrears case list --group C --state OPEN --limit 0 -o csv\n  \
        arrears case list --arm CONTROL --arm CHALLENGER\n  \
        arrears case list --route legal --state OPEN"
    )]
    List(ListArgs),
    /// Shows all that is known of a case: the document, holds and payments
    #[command(after_help = "Examples:\n  arrears case get 4713\n  \
        arrears case get 4713 -o json")]
    Get(GetArgs),
    /// Explains, line by line, why a case is ranked as it is
    #[command(after_help = "Examples:\n  arrears case explain 4713\n  \
        arrears case explain 4713 --as-of 2025-11-21 -o json\n  \
        arrears case explain 4713 --what-if promises_kept=3 --what-if overdue_amount=120.50\n  \
        arrears case explain 4713 --known-at 2025-11-21T04:00:00Z\n  \
        arrears case explain 4713 --lease 2 -o json\n  \
        arrears case explain 4713 --compare-lease 2")]
    Explain(ExplainArgs),
    /// Computes the rank of a case and of every lease of it anew from its events, and
    /// fails where one differs from what is stored or was served
    #[command(after_help = "Examples:\n  arrears case replay 4713\n  \
        arrears case replay 4713 -o json")]
    Replay(ReplayArgs),
    /// Ranks a case that is not stored, and explains the rank
    #[command(after_help = "Example:\n  \
        arrears case score overdue_amount=1240.50 oldest_due_date=2025-10-01 promises_broken=2")]
    Score(ScoreArgs),
    /// Shows cases as they change, until it is interrupted
    #[command(after_help = "Examples:\n  arrears case watch\n  \
        arrears case watch -o jsonl")]
    Watch(WatchArgs),
}

#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// The portfolio
    #[arg(short, long, env = "ARREARS_PORTFOLIO")]
    portfolio: Option<String>,
    /// Only cases of this recovery group: A, B or C; may be repeated
    #[arg(short, long = "group", value_parser = group)]
    groups: Vec<i32>,
    /// Only cases of this stage: M1 to M5; may be repeated
    #[arg(long = "stage", value_parser = stage)]
    stages: Vec<i32>,
    /// Only cases of this state: PRE_DUE, OPEN or CLOSED; may be repeated
    #[arg(long = "state", value_parser = state)]
    states: Vec<i32>,
    /// Only cases in this arm of the experiment: CHAMPION, CHALLENGER or CONTROL; may be
    /// repeated
    #[arg(long = "arm", value_parser = arm)]
    arms: Vec<i32>,
    /// Only cases with this route, `-` for those without one; may be repeated
    #[arg(long = "route")]
    routes: Vec<String>,
    /// Only cases of this debtor
    #[arg(short, long, default_value = "")]
    debtor: String,
    /// The most cases to list; 0 lists all
    #[arg(short, long, default_value_t = 20)]
    limit: usize,
}

#[derive(Args, Debug)]
pub(super) struct GetArgs {
    /// The case
    case_id: String,
    /// The portfolio
    #[arg(short, long, env = "ARREARS_PORTFOLIO")]
    portfolio: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct ScoreArgs {
    /// What a document would say, such as `promises_kept=3`; names and values are
    /// those of a file to import
    #[arg(required = true, value_name = "FIELD=VALUE", value_parser = assignment)]
    fields: Vec<Assignment>,
    /// The portfolio
    #[arg(short, long, env = "ARREARS_PORTFOLIO")]
    portfolio: Option<String>,
    /// The day as of which to rank, such as 2025-11-21; today if not given
    #[arg(long, value_parser = day)]
    as_of: Option<proto::Date>,
    /// The language of the reasons, such as es; that of the portfolio if not given
    #[arg(long, default_value = "")]
    language: String,
}

/// The number of a word given as an argument.
fn one_of(words: Words, text: &str) -> Result<i32, String> {
    words.number(text).ok_or_else(|| format!("must be one of {}", words.all()))
}

/// The recovery group of an argument.
pub(super) fn group(text: &str) -> Result<i32, String> {
    one_of(word::RECOVERY_GROUP, text)
}

/// The stage of an argument.
pub(super) fn stage(text: &str) -> Result<i32, String> {
    one_of(word::STAGE, text)
}

fn arm(text: &str) -> Result<i32, String> {
    one_of(word::ARM, text)
}

fn state(text: &str) -> Result<i32, String> {
    one_of(word::CASE_STATE, text)
}

/// The date of an argument.
pub(super) fn day(text: &str) -> Result<proto::Date, String> {
    parse_day(text).map(date).ok_or_else(|| "must be a day such as 2025-11-21".to_owned())
}

/// Runs a command.
pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(args) => list(context, args).await,
        Command::Get(args) => get(context, args).await,
        Command::Explain(args) => explain::explain(context, args).await,
        Command::Replay(args) => replay::replay(context, args).await,
        Command::Score(args) => score(context, args).await,
        Command::Watch(args) => watch::watch(context, args).await,
    }
}

async fn list(context: &Context, args: ListArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let most = if args.limit == 0 { usize::MAX } else { args.limit };
    let mut request = proto::ListCasesRequest {
        portfolio_id: context.portfolio(&client, args.portfolio.as_deref()).await?,
        states: args.states,
        recovery_groups: args.groups,
        stages: args.stages,
        arms: args.arms,
        routes: args.routes,
        debtor_id: args.debtor,
        ..Default::default()
    };
    let mut cases = Vec::new();
    let mut unreadable = Vec::new();
    let more = loop {
        let missing = i32::try_from(most - cases.len()).unwrap_or(i32::MAX);
        request.page_size = missing.min(PAGE_SIZE);
        let answer = client.cases().list_cases(request.clone()).await?.into_inner();
        cases.extend(answer.cases.iter().map(CaseView::new));
        unreadable.extend(answer.unreadable_cases);
        request.page_token = answer.next_page_token;
        if cases.len() >= most || request.page_token.is_empty() {
            break !request.page_token.is_empty();
        }
    };
    output::records(context.format, &cases)?;
    tell_progress(context, &client, request.portfolio_id).await;
    if more {
        output::note(&format!("{} cases shown; --limit 0 shows all", cases.len()));
    }
    told_of(&unreadable)
}

/// Says so where an activation has not reached all cases: those that it has not are listed,
/// and chosen, as an earlier one has ranked them. Who may not read activations is not told.
async fn tell_progress(context: &Context, client: &Client, portfolio_id: String) {
    if context.format != Format::Table {
        return;
    }
    let request =
        proto::ListActivationsRequest { portfolio_id, page_size: 1, ..Default::default() };
    let Ok(answer) = client.scorecards().list_activations(request).await else { return };
    let newest = answer.into_inner().activations.into_iter().next();
    if let Some(one) = newest.filter(|one| one.ranked_permille < 1_000) {
        output::note(&format!(
            "activation {} has ranked {} % of the cases; the others stand as they were before it",
            one.activation_id,
            one.ranked_permille / 10
        ));
    }
}

/// Names the cases that the server could not read back. What is printed is not all
/// that was asked for, and a script must not take it for that.
fn told_of(unreadable: &[proto::UnreadableCase]) -> Result<(), Failure> {
    for case in unreadable {
        let why = case.error.as_ref().map(|error| error.message.as_str()).unwrap_or_default();
        output::note(&format!("case {} is not shown: {why}", case.case_id));
    }
    match unreadable.len() {
        0 => Ok(()),
        count => {
            let text = format!("{count} cases are stored and cannot be read back");
            Err(Failure::new(Exit::Failure, text))
        }
    }
}

async fn get(context: &Context, args: GetArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let request = proto::GetCaseRequest {
        portfolio_id: context.portfolio(&client, args.portfolio.as_deref()).await?,
        case_id: args.case_id,
    };
    let answer = client.cases().get_case(request).await?.into_inner();
    let case = answer.case.ok_or_else(|| Failure::new(Exit::Failure, "the server sent no case"))?;
    FullCaseView::new(&case).print(context.format)
}

async fn score(context: &Context, args: ScoreArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let portfolio_id = context.portfolio(&client, args.portfolio.as_deref()).await?;
    let case = what_if::document(&client, &portfolio_id, &args.fields).await?;
    let request = proto::ScoreCaseRequest {
        portfolio_id,
        case: Some(case),
        as_of_date: args.as_of,
        language_code: args.language,
    };
    let answer = client.cases().score_case(request).await?.into_inner();
    view(answer.case.as_ref(), answer.explanation.as_ref())?.print(context.format)
}

fn view(
    case: Option<&proto::Case>,
    explanation: Option<&proto::Explanation>,
) -> Result<ExplanationView, Failure> {
    let missing = || Failure::new(Exit::Failure, "the server sent no explanation");
    let (case, explanation) = case.zip(explanation).ok_or_else(missing)?;
    Ok(ExplanationView::new(case, explanation))
}
