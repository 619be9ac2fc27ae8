//! `arrears scorecard`: drafts, what is wrong with one, activation and the way back.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::client::{Client, Context};
use super::failure::{Exit, Failure};
use super::output::{self, Format};
use crate::grpc::{card_of, scorecard_of};
use crate::model::RankingSettings;
use crate::proto;
use crate::scoring::card::Card;
use crate::scoring::format;

mod activate;
mod diff;
mod files;
mod golden;
mod proposal;
mod simulate;
mod validate;
mod view;

use view::RevisionView;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists the revisions of all scorecards, or of one
    #[command(visible_alias = "list", after_help = "Example:\n  arrears scorecard ls consumer")]
    Ls(LsArgs),
    /// Writes a revision as YAML, to be edited; with -o json as JSON
    #[command(after_help = "Example:\n  arrears scorecard get consumer > consumer.yaml")]
    Get(GetArgs),
    /// Tells everything that is wrong or odd with a scorecard; needs no server for a file.
    /// Ends with 3 if it cannot rank
    #[command(after_help = "Examples:\n  arrears scorecard validate consumer.yaml\n  \
        arrears scorecard validate --revision consumer/2 --portfolio north")]
    Validate(validate::ValidateArgs),
    /// Tries a scorecard on all open cases of a portfolio: who would change group, how
    /// scores would be spread, which cases would move most and why. Nothing is stored
    #[command(after_help = "Examples:\n  arrears scorecard simulate consumer.yaml\n  \
        arrears scorecard simulate --revision consumer/2 --as-of 2026-12-24 --slice stage")]
    Simulate(Box<simulate::SimulateArgs>),
    /// Tells in what two scorecards differ
    #[command(after_help = "Examples:\n  arrears scorecard diff consumer/1 consumer.yaml\n  \
        arrears scorecard diff consumer/1 --revision consumer/2")]
    Diff(diff::DiffArgs),
    /// Ranks golden cases and compares them with what their files expect; needs no server
    /// for files. Ends with 5 if a case is ranked otherwise, with 3 if a suite is wrong
    #[command(after_help = "Examples:\n  arrears scorecard test suite.yaml\n  \
        arrears scorecard test suite.yaml --junit results.xml\n  \
        arrears scorecard test suite.yaml --revision consumer/2")]
    Test(golden::TestArgs),
    /// Writes a scorecard in the form of another program; needs no server for a file
    #[command(after_help = "Examples:\n  \
        arrears scorecard export consumer.yaml --out consumer.csv\n  \
        arrears scorecard export consumer/2 --format pmml --out consumer.pmml\n  \
        arrears scorecard export consumer.yaml --format sql-postgres")]
    Export(files::ExportArgs),
    /// Reads a scorecard that another program has written; what is left to do is said, and
    /// stands in the file. Ends with 3 if a row cannot be read
    #[command(after_help = "Examples:\n  \
        arrears scorecard import consumer.csv --out consumer.yaml\n  \
        arrears scorecard import table.csv --format optbinning --points higher-is-easier")]
    Import(files::ImportArgs),
    /// Makes a draft of a file
    #[command(after_help = "Example:\n  \
        arrears scorecard new consumer.yaml --title harder --base 1")]
    New(NewArgs),
    /// Changes a draft to what a file says
    #[command(after_help = "Example:\n  arrears scorecard update consumer.yaml --revision 2")]
    Update(UpdateArgs),
    /// Makes a revision rank the cases of a portfolio
    #[command(after_help = "Examples:\n  \
        arrears scorecard activate consumer 2 --reason approved\n  \
        arrears scorecard activate business 3 --for business --reason trial --dry-run\n  \
        arrears scorecard activate consumer 2 --reason approved --start-time 2026-12-01T06:00:00Z\n  \
        arrears scorecard activate consumer 2 --experiment-id autumn --challenger consumer/3 \
        --challenger-permille 100 --control-permille 50 --reason trial")]
    Activate(activate::ActivateArgs),
    /// Goes back to what ranked a portfolio at an earlier activation
    #[command(after_help = "Example:\n  arrears scorecard rollback 1 --reason mistaken")]
    Rollback(activate::RollbackArgs),
    /// Approves what another person has proposed: it ranks at once, or from its time on
    #[command(after_help = "Examples:\n  arrears scorecard approve 3 --reason checked\n  \
        arrears scorecard approve 3 --reason checked --dry-run")]
    Approve(proposal::DecideArgs),
    /// Rejects what another person has proposed
    #[command(after_help = "Example:\n  arrears scorecard reject 3 --reason premature")]
    Reject(proposal::DecideArgs),
    /// Takes back a proposal that is not decided on, or an activation that has not begun
    #[command(after_help = "Example:\n  arrears scorecard withdraw 3 --reason mistaken")]
    Withdraw(proposal::DecideArgs),
    /// Lists what waits for a second person or for its time, and what became of what did,
    /// the newest first
    #[command(after_help = "Example:\n  arrears scorecard proposals --portfolio north")]
    Proposals(activate::HistoryArgs),
    /// Lists what has ranked a portfolio, the newest first
    #[command(after_help = "Example:\n  arrears scorecard history -o json")]
    History(activate::HistoryArgs),
}

#[derive(Args, Debug)]
pub(super) struct LsArgs {
    /// The scorecard; all if none is named
    #[arg(default_value = "")]
    scorecard_id: String,
}

#[derive(Args, Debug)]
pub(super) struct GetArgs {
    /// The scorecard
    scorecard_id: String,
    /// The number of the revision; 0 is the newest
    #[arg(default_value_t = 0)]
    revision_no: i64,
}

#[derive(Args, Debug)]
pub(super) struct NewArgs {
    /// The scorecard, YAML or JSON
    file: PathBuf,
    /// A name for people
    #[arg(long, default_value = "")]
    title: String,
    /// The number of the revision of the same scorecard that it was made from
    #[arg(long, value_name = "REVISION_NO")]
    base: Option<i64>,
}

#[derive(Args, Debug)]
pub(super) struct UpdateArgs {
    /// The scorecard, YAML or JSON
    file: PathBuf,
    /// The number of the draft
    #[arg(long, value_name = "REVISION_NO")]
    revision: i64,
    /// A new name for people; the one there is if not given
    #[arg(long)]
    title: Option<String>,
    /// The etag that the draft was read with: refused if somebody else has changed it
    /// since
    #[arg(long)]
    etag: Option<String>,
}

/// Runs a command.
pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Ls(args) => ls(context, args).await,
        Command::Get(args) => get(context, args).await,
        Command::Validate(args) => validate::validate(context, args).await,
        Command::Simulate(args) => simulate::simulate(context, *args).await,
        Command::Diff(args) => diff::diff(context, args).await,
        Command::Test(args) => golden::test(context, args).await,
        Command::Export(args) => files::export(context, args).await,
        Command::Import(args) => files::import(context, args).await,
        Command::New(args) => new(context, args).await,
        Command::Update(args) => update(context, args).await,
        Command::Activate(args) => activate::activate(context, args).await,
        Command::Rollback(args) => activate::rollback(context, args).await,
        Command::Approve(args) => proposal::approve(context, args).await,
        Command::Reject(args) => proposal::reject(context, args).await,
        Command::Withdraw(args) => proposal::withdraw(context, args).await,
        Command::Proposals(args) => proposal::list(context, args).await,
        Command::History(args) => activate::history(context, args).await,
    }
}

/// Shows a proposal that another command has made.
pub(super) fn tell_proposal(
    context: &Context,
    proposal: &proto::ActivationProposal,
) -> Result<(), Failure> {
    proposal::tell(context, proposal, false)
}

async fn ls(context: &Context, args: LsArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let mut request = proto::ListRevisionsRequest {
        scorecard_id: args.scorecard_id,
        page_size: 1_000,
        ..Default::default()
    };
    let mut revisions = Vec::new();
    loop {
        let answer = client.scorecards().list_revisions(request.clone()).await?.into_inner();
        revisions.extend(answer.revisions.iter().map(RevisionView::new));
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            return output::records(context.format, &revisions);
        }
    }
}

async fn get(context: &Context, args: GetArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let revision = revision(&client, &args.scorecard_id, args.revision_no).await?;
    let card = card_in_answer(revision)?;
    match context.format {
        Format::Json | Format::Jsonl => output::json(context.format, &card),
        Format::Table | Format::Csv => {
            let yaml = format::export(&card, format::Format::Yaml, &RankingSettings::default());
            output::write_out(&yaml.map_err(|found| Failure::new(Exit::Failure, &found[0]))?)
        }
    }
}

/// The scorecard of a revision that the server sent.
fn card_in_answer(revision: proto::Revision) -> Result<Card, Failure> {
    card_of(revision.scorecard.unwrap_or_default()).map_err(|found| {
        let count = found.0.len();
        Failure::new(Exit::Failure, format!("{count} fields of the answer make no sense"))
    })
}

async fn revision(
    client: &Client,
    scorecard_id: &str,
    revision_no: i64,
) -> Result<proto::Revision, Failure> {
    let request = proto::GetRevisionRequest { name: Some(name(scorecard_id, revision_no)) };
    let answer = client.scorecards().get_revision(request).await?.into_inner();
    Ok(answer.revision.unwrap_or_default())
}

fn name(scorecard_id: &str, revision_no: i64) -> proto::RevisionName {
    proto::RevisionName { scorecard_id: scorecard_id.to_owned(), revision_no }
}

/// Reads a file; a program that wrote another encoding is told what to do.
fn text_of(file: &Path) -> Result<String, Failure> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let bytes = std::fs::read(file).map_err(|error| Failure::new(Exit::Failure, failed(&error)))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let message = failed(&format_args!("byte {} is not UTF-8", at + 1));
        Failure::new(Exit::Invalid, message).with_next("save the file as UTF-8 (\"CSV UTF-8\")")
    })
}

/// Reads a file that is to be a scorecard as people write it.
fn written_in(file: &Path) -> Result<String, Failure> {
    let shown = file.display();
    if file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) {
        let message = format!("{shown} is a table; a scorecard in YAML or JSON is read here");
        let next = format!("arrears scorecard import {shown} --out FILE.yaml");
        return Err(Failure::new(Exit::Invalid, message).with_next(next));
    }
    text_of(file)
}

/// Reads a scorecard; whether it can rank is for others to say.
fn card_in(file: &Path) -> Result<Card, Failure> {
    Card::read(&written_in(file)?).map_err(|found| Failure::of_file(file, found))
}

async fn new(context: &Context, args: NewArgs) -> Result<(), Failure> {
    let card = card_in(&args.file)?;
    let client = context.connect().await?;
    let request = proto::CreateRevisionRequest {
        base: args.base.map(|number| name(&card.scorecard_id, number)),
        scorecard: Some(scorecard_of(&card)),
        title: args.title,
    };
    let answer = client.scorecards().create_revision(request).await?.into_inner();
    let made = RevisionView::new(&answer.revision.unwrap_or_default());
    output::records(context.format, std::slice::from_ref(&made))?;
    if context.format == Format::Table {
        let next = format!("next: arrears scorecard validate --revision {}", made.name());
        output::note(&next);
    }
    Ok(())
}

async fn update(context: &Context, args: UpdateArgs) -> Result<(), Failure> {
    let card = card_in(&args.file)?;
    let client = context.connect().await?;
    let mut revision = revision(&client, &card.scorecard_id, args.revision).await?;
    revision.scorecard = Some(scorecard_of(&card));
    revision.title = args.title.unwrap_or(revision.title);
    revision.etag = args.etag.unwrap_or(revision.etag);
    let request = proto::UpdateRevisionRequest { revision: Some(revision), update_mask: None };
    let answer = client.scorecards().update_revision(request).await?.into_inner();
    output::records(context.format, &[RevisionView::new(&answer.revision.unwrap_or_default())])
}
