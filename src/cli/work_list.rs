//! `arrears worklist`: leasing work, reporting on it, and why there is none.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::case;
use super::client::{Client, Context};
use super::decimal::Decimal;
use super::failure::{Exit, Failure};
use super::output::{self, Format};
use super::view::{self, WorkListView};
use super::word;
use super::work_item::{WorkItemView, from_hex};
use crate::model::Currency;
use crate::proto;

mod gates;
mod preview;
mod take;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists the work lists
    #[command(after_help = "Example:\n  arrears worklist list")]
    List,
    /// Creates a work list: over everything, or a choice of it
    #[command(after_help = "Examples:\n  arrears worklist create north --portfolio north\n  \
        arrears worklist create hard --group C --stage M3 --stage M4 --language es\n  \
        arrears worklist create office --route legal --route -")]
    Create(CreateArgs),
    /// Leases the most pressing work of a list; this counts as a contact attempt
    #[command(after_help = "Example:\n  arrears worklist lease all --worker maria --max 3")]
    Lease(LeaseArgs),
    /// Leases one given debtor, or says which gates refuse that; with --reason inbound
    /// it is no contact attempt
    #[command(after_help = "Examples:\n  \
        arrears worklist take all D-1007 --reason inbound --worker maria\n  \
        arrears worklist take all D-1007 --reason supervisor -o json")]
    Take(take::TakeArgs),
    /// Shows what a lease would give now, in the same order, and leases nothing
    #[command(after_help = "Example:\n  arrears worklist preview all -n 50 -o csv")]
    Preview(preview::PreviewArgs),
    /// Reports what came of leased work and ends the lease
    #[command(after_help = "Examples:\n  arrears worklist report 0a1f no_answer\n  \
        arrears worklist report 0a1f promise --promise-date 2026-01-05 --promise-amount 120.50")]
    Report(ReportArgs),
    /// Gives leased work back
    #[command(after_help = "Example:\n  arrears worklist release 0a1f --not-dialled")]
    Release(ReleaseArgs),
    /// Says how many cases each gate withholds, and why one case is not served
    #[command(after_help = "Examples:\n  arrears worklist why all\n  \
        arrears worklist why all 4713")]
    Why(gates::WhyArgs),
}

#[derive(Args, Debug)]
pub(super) struct CreateArgs {
    /// The id of the new list
    work_list_id: String,
    /// A portfolio to serve from; may be repeated; all if none is named
    #[arg(short, long = "portfolio")]
    portfolios: Vec<String>,
    /// A recovery group to serve: A, B or C; may be repeated; all if none is named
    #[arg(short, long = "group", value_parser = case::group)]
    groups: Vec<i32>,
    /// A stage to serve: M1 to M5; may be repeated; all if none is named
    #[arg(long = "stage", value_parser = case::stage)]
    stages: Vec<i32>,
    /// A language to serve, a BCP 47 tag such as es; may be repeated; all if none
    /// is named
    #[arg(long = "language")]
    languages: Vec<String>,
    /// A route to serve, as routing rules of the portfolio give it, or `-` for the cases
    /// that have none; may be repeated; all if none is named
    #[arg(long = "route")]
    routes: Vec<String>,
    /// The share of leases kept for the cases that have waited longest, in
    /// thousandths, 0 to 1000 [default: 100]
    #[arg(long, value_name = "PERMILLE")]
    reserved_share_permille: Option<i32>,
    /// A name for people
    #[arg(long, default_value = "")]
    display_name: String,
}

#[derive(Args, Debug)]
pub(super) struct LeaseArgs {
    /// The list
    work_list_id: String,
    /// Who works: a person or a line. The user's name if not given
    #[arg(short, long, env = "ARREARS_WORKER")]
    worker: Option<String>,
    /// The most items to lease, 1 to 500
    #[arg(short = 'n', long, default_value_t = 1)]
    max: i32,
    /// How long the lease lasts, in seconds, 10 to 3600
    #[arg(long, default_value_t = 300)]
    lease_seconds: u32,
    /// How long to wait for work when there is none, in seconds, 0 to 55
    #[arg(long, default_value_t = 0)]
    wait_seconds: u32,
    /// Names this pull: the same name within 15 minutes returns the same work
    #[arg(long, default_value = "")]
    request_id: String,
    /// The language of the reasons, such as es; that of the portfolio if not given
    #[arg(long, default_value = "")]
    language: String,
}

#[derive(Args, Debug)]
pub(super) struct ReportArgs {
    /// The token that `worklist lease` printed
    #[arg(value_parser = from_hex)]
    token: std::vec::Vec<u8>,
    /// What came of it, such as no_answer, contacted, promise or refusal; a wrong
    /// one is answered with all there are
    code: String,
    /// The day a promise was made for; required by the code promise
    #[arg(long, value_parser = super::case::day)]
    promise_date: Option<proto::Date>,
    /// What was promised, such as 120.50; all that is overdue if not given
    #[arg(long, requires = "promise_date")]
    promise_amount: Option<String>,
    /// The currency of the promise; that of the portfolio if not given
    #[arg(long, requires = "promise_amount")]
    promise_currency: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct ReleaseArgs {
    /// The token that `worklist lease` printed
    #[arg(value_parser = from_hex)]
    token: std::vec::Vec<u8>,
    /// Nobody was dialled: the attempt does not count
    #[arg(long)]
    not_dialled: bool,
}

/// Runs a command.
pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::List => list(context).await,
        Command::Create(args) => create(context, args).await,
        Command::Lease(args) => lease(context, args).await,
        Command::Take(args) => take::take(context, args).await,
        Command::Preview(args) => preview::preview(context, args).await,
        Command::Report(args) => report(context, args).await,
        Command::Release(args) => release(context, args).await,
        Command::Why(args) => gates::why(context, args).await,
    }
}

async fn list(context: &Context) -> Result<(), Failure> {
    let client = context.connect().await?;
    let mut request = proto::ListWorkListsRequest { page_size: 1_000, ..Default::default() };
    let mut lists = Vec::new();
    loop {
        let answer = client.work_lists().list_work_lists(request.clone()).await?.into_inner();
        lists.extend(answer.work_lists.iter().map(WorkListView::new));
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            return output::records(context.format, &lists);
        }
    }
}

async fn create(context: &Context, args: CreateArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let list = proto::WorkList {
        work_list_id: args.work_list_id,
        display_name: args.display_name,
        portfolio_ids: args.portfolios,
        recovery_groups: args.groups,
        stages: args.stages,
        languages: args.languages,
        routes: args.routes,
        reserved_share_permille: args.reserved_share_permille,
        ..Default::default()
    };
    let list = create_list(&client, list).await?;
    output::records(context.format, &[WorkListView::new(&list)])
}

/// Creates a work list; the same request again answers with what there is.
pub(super) async fn create_list(
    client: &Client,
    list: proto::WorkList,
) -> Result<proto::WorkList, Failure> {
    let request = proto::CreateWorkListRequest { work_list: Some(list) };
    let answer = client.work_lists().create_work_list(request).await?.into_inner();
    Ok(answer.work_list.unwrap_or_default())
}

async fn lease(context: &Context, args: LeaseArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let request = proto::LeaseWorkRequest {
        work_list_id: args.work_list_id.clone(),
        worker_id: worker_id(context, args.worker),
        max_items: args.max,
        lease_duration: Some(duration(args.lease_seconds)),
        wait: Some(duration(args.wait_seconds)),
        request_id: args.request_id,
        take: None,
        language_code: args.language,
    };
    let answer = client.work_lists().lease_work(request).await?.into_inner();
    warn(&answer.warnings);
    if answer.work_items.is_empty() && context.format == Format::Table {
        let list = &args.work_list_id;
        output::note(&format!("no work is ready; `arrears worklist why {list}` says why"));
        return Ok(());
    }
    write_leased(context.format, &answer.work_items)
}

/// The person or line that works: as told, as set, or the user.
fn worker_id(context: &Context, told: Option<String>) -> String {
    let user = || std::env::var("USER").or_else(|_| std::env::var("USERNAME"));
    let known = told.or_else(|| context.config.client.worker.clone());
    known.or_else(|| user().ok()).unwrap_or_else(|| "cli".to_owned())
}

/// Writes leased work, and as a table what comes next.
fn write_leased(format: Format, items: &[proto::WorkItem]) -> Result<(), Failure> {
    let items: Vec<WorkItemView> = items.iter().map(WorkItemView::new).collect();
    match (format, items.as_slice()) {
        (Format::Table, [first, ..]) => {
            let blocks: Vec<String> = items.iter().map(WorkItemView::text).collect();
            output::write_out(&blocks.join("\n"))?;
            let token = first.lease_token();
            output::note(&format!("next: arrears worklist report {token} no_answer"));
            Ok(())
        }
        (format, items) => output::records(format, items),
    }
}

fn duration(seconds: u32) -> prost_types::Duration {
    prost_types::Duration { seconds: i64::from(seconds), nanos: 0 }
}

/// Writes what the server warns of.
pub(super) fn warn(warnings: &[proto::Warning]) {
    for warning in warnings {
        output::note(&format!("warning: {} ({})", warning.text, warning.code));
    }
}

/// What became of a report.
#[derive(Debug, Serialize)]
struct ReportView {
    disposition: &'static str,
    next_eligible_time: String,
}

impl output::Record for ReportView {
    const HEADER: &'static [&'static str] = &["disposition", "next_eligible_time"];

    fn cells(&self) -> Vec<String> {
        vec![self.disposition.to_owned(), self.next_eligible_time.clone()]
    }
}

async fn report(context: &Context, args: ReportArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let promised_amount = promised_amount(context, &client, &args).await?;
    let promise = args.promise_date.map(|promised_date| proto::PromiseToPay {
        promised_amount,
        promised_date: Some(promised_date),
    });
    let outcome = proto::Outcome {
        lease_token: args.token,
        outcome_code: args.code,
        promise,
        ..Default::default()
    };
    let request = proto::ReportOutcomesRequest { outcomes: vec![outcome] };
    let answer = client.work_lists().report_outcomes(request).await?.into_inner();
    let result = answer.results.into_iter().next().unwrap_or_default();
    if let Some(error) = result.error {
        return Err(Failure::of_item(error));
    }
    let view = ReportView {
        disposition: word::OUTCOME_DISPOSITION.word(result.disposition),
        next_eligible_time: view::time(result.next_eligible_time.as_ref()),
    };
    output::records(context.format, &[view])
}

async fn promised_amount(
    context: &Context,
    client: &Client,
    args: &ReportArgs,
) -> Result<Option<proto::Money>, Failure> {
    let Some(text) = &args.promise_amount else { return Ok(None) };
    let invalid = |name: &str, value: &str, bound: &str| {
        Failure::new(Exit::Usage, format!("--{name} is {value:?}; {bound}"))
    };
    let code = match &args.promise_currency {
        Some(code) => code.clone(),
        None => {
            let portfolio_id = context.portfolio(client, None).await?;
            let request = proto::GetPortfolioRequest { portfolio_id };
            let answer = client.portfolios().get_portfolio(request).await?.into_inner();
            answer.portfolio.unwrap_or_default().base_currency
        }
    };
    let currency = Currency::from_code(&code)
        .ok_or_else(|| invalid("promise-currency", &code, "it must be a code of ISO 4217"))?;
    let number = Decimal::parse(text)
        .ok_or_else(|| invalid("promise-amount", text, "it must be a number such as 120.50"))?;
    let money = number.money(currency);
    money.map(Some).map_err(|(_, bound)| invalid("promise-amount", text, &bound))
}

async fn release(context: &Context, args: ReleaseArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let release = proto::LeaseRelease { lease_token: args.token, not_dialled: args.not_dialled };
    let request = proto::ReleaseLeasesRequest { releases: vec![release] };
    let answer = client.work_lists().release_leases(request).await?.into_inner();
    match answer.results.into_iter().next().and_then(|result| result.error) {
        Some(error) => Err(Failure::of_item(error)),
        None => {
            output::note("released");
            Ok(())
        }
    }
}
