//! `arrears scorecard activate`, `rollback` and `history`.

use clap::{Args, ValueEnum};
use prost_types::Timestamp;

use super::super::client::{Client, Context};
use super::super::decimal::instant;
use super::super::failure::{Exit, Failure};
use super::super::output::{self, Format};
use super::validate::revision_name;
use super::view::{ActivationView, FindingView};
use super::{name, proposal};
use crate::proto;
use proto::activate_revision_request::Target;

#[derive(Args, Debug)]
pub(in super::super) struct ActivateArgs {
    /// The scorecard
    scorecard_id: String,
    /// The number of the revision
    revision_no: i64,
    #[command(flatten)]
    how: How,
    /// Whose cases it ranks; those that the scorecard ranks already, else persons
    #[arg(long = "for", value_enum)]
    kind: Option<Kind>,
    #[command(flatten)]
    experiment: ExperimentArgs,
}

/// An experiment beside the revision, which is its champion. Without one, none runs from
/// then on.
#[derive(Args, Debug)]
struct ExperimentArgs {
    /// Begins an experiment of this name, or changes the shares of the one that runs. The
    /// name and a debtor's id draw the arm of the debtor
    #[arg(long, value_name = "ID")]
    experiment_id: Option<String>,
    /// The revision that is tried
    #[arg(long, value_name = "ID/NUMBER", requires = "experiment_id", value_parser = revision_name)]
    challenger: Option<proto::RevisionName>,
    /// Which share of the debtors outside the control share the challenger ranks, in
    /// thousandths, 1 to 500
    #[arg(long, value_name = "PERMILLE", requires = "challenger", default_value_t = 0)]
    challenger_permille: i32,
    /// Which share of the debtors is served in an order drawn by lot, in thousandths, 0 to
    /// 200
    #[arg(long, value_name = "PERMILLE", requires = "experiment_id", default_value_t = 0)]
    control_permille: i32,
}

impl ExperimentArgs {
    fn experiment(self) -> Option<proto::Experiment> {
        Some(proto::Experiment {
            experiment_id: self.experiment_id?,
            challenger: self.challenger,
            challenger_permille: self.challenger_permille,
            control_permille: self.control_permille,
            ..Default::default()
        })
    }
}

#[derive(Args, Debug)]
pub(in super::super) struct RollbackArgs {
    /// The activation to go back to, as `history` numbers them
    activation_id: i64,
    #[command(flatten)]
    how: How,
}

#[derive(Args, Debug)]
struct How {
    /// Why, for those who ask later
    #[arg(long)]
    reason: String,
    /// The portfolio; the one of the settings, or the only one, if not given
    #[arg(short, long)]
    portfolio: Option<String>,
    /// The activation that the decision was made from: refused where another one is
    /// active. The active one if not given
    #[arg(long, value_name = "ACTIVATION_ID")]
    expected: Option<i64>,
    /// When it shall take effect, at most 90 days ahead; at once if not given
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    start_time: Option<Timestamp>,
    /// Says what would be and changes nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args, Debug)]
pub(in super::super) struct HistoryArgs {
    /// The portfolio; the one of the settings, or the only one, if not given
    #[arg(short, long)]
    pub(super) portfolio: Option<String>,
}

/// Whose cases a scorecard ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Natural persons.
    Person,
    /// Businesses.
    Business,
}

/// The activation that ranks a portfolio now.
async fn active(client: &Client, portfolio_id: &str) -> Result<proto::Activation, Failure> {
    let portfolio_id = portfolio_id.to_owned();
    let request =
        proto::ListActivationsRequest { portfolio_id, page_size: 1, ..Default::default() };
    let answer = client.scorecards().list_activations(request).await?.into_inner();
    let newest = answer.activations.into_iter().next();
    newest.ok_or_else(|| Failure::new(Exit::Failure, "the portfolio has no activation"))
}

/// Whose cases a scorecard ranks: as said, else those that it ranks already, else persons.
fn ranked_kind(
    active: &proto::Activation,
    scorecard_id: &str,
    said: Option<Kind>,
) -> proto::DebtorKind {
    let of_businesses = active.business_scorecard.as_ref();
    let ranks_them = of_businesses.is_some_and(|name| name.scorecard_id == scorecard_id);
    // A challenger may have an id of its own; it ranks whom the experiment says.
    let tried = active.experiment.as_ref().filter(|one| {
        one.challenger.as_ref().is_some_and(|name| name.scorecard_id == scorecard_id)
    });
    let ranks_them =
        ranks_them || tried.is_some_and(|one| one.debtor_kind() == proto::DebtorKind::Business);
    match said {
        Some(Kind::Person) => proto::DebtorKind::Person,
        Some(Kind::Business) => proto::DebtorKind::Business,
        None if ranks_them => proto::DebtorKind::Business,
        None => proto::DebtorKind::Person,
    }
}

/// The same, where it is not known yet what is active.
pub(super) async fn kind_of(
    client: &Client,
    (portfolio_id, scorecard_id): (&str, &str),
    said: Option<Kind>,
) -> Result<proto::DebtorKind, Failure> {
    let active = active(client, portfolio_id).await?;
    Ok(ranked_kind(&active, scorecard_id, said))
}

pub(super) async fn activate(context: &Context, args: ActivateArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let portfolio_id = context.portfolio(&client, args.how.portfolio.as_deref()).await?;
    let active = active(&client, &portfolio_id).await?;
    let debtor_kind = ranked_kind(&active, &args.scorecard_id, args.kind);
    let request = proto::ActivateRevisionRequest {
        target: Some(Target::Revision(name(&args.scorecard_id, args.revision_no))),
        experiment: args.experiment.experiment(),
        debtor_kind: debtor_kind as i32,
        ..request(portfolio_id, args.how, &active)
    };
    put_to_work(context, &client, request).await
}

pub(super) async fn rollback(context: &Context, args: RollbackArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let portfolio_id = context.portfolio(&client, args.how.portfolio.as_deref()).await?;
    let active = active(&client, &portfolio_id).await?;
    let request = proto::ActivateRevisionRequest {
        target: Some(Target::RollbackToActivationId(args.activation_id)),
        ..request(portfolio_id, args.how, &active)
    };
    put_to_work(context, &client, request).await
}

fn request(
    portfolio_id: String,
    how: How,
    active: &proto::Activation,
) -> proto::ActivateRevisionRequest {
    proto::ActivateRevisionRequest {
        portfolio_id,
        expected_activation_id: how.expected.unwrap_or(active.activation_id),
        reason: how.reason,
        validate_only: how.dry_run,
        start_time: how.start_time,
        ..Default::default()
    }
}

async fn put_to_work(
    context: &Context,
    client: &Client,
    request: proto::ActivateRevisionRequest,
) -> Result<(), Failure> {
    let dry_run = request.validate_only;
    let answer = client.scorecards().activate_revision(request).await?.into_inner();
    tell_findings(&answer.findings);
    if let Some(proposal) = &answer.proposal {
        return proposal::tell(context, proposal, dry_run);
    }
    tell(context, &answer.activation.unwrap_or_default(), dry_run)
}

/// What is odd about the scorecards of an activation.
pub(super) fn tell_findings(findings: &[proto::ScorecardFinding]) {
    for finding in findings.iter().map(FindingView::new) {
        output::note(&format!("warning: {}: {}", finding.path, finding.message));
    }
}

/// Shows an activation that has taken effect, or would.
pub(super) fn tell(
    context: &Context,
    activation: &proto::Activation,
    dry_run: bool,
) -> Result<(), Failure> {
    output::records(context.format, &[ActivationView::new(activation)])?;
    if context.format == Format::Table {
        output::note(match dry_run {
            true => "nothing was changed",
            false => {
                "every lease is ranked by it from now on; `arrears scorecard history` tells \
                      how far the other cases are"
            }
        });
    }
    Ok(())
}

pub(super) async fn history(context: &Context, args: HistoryArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let portfolio_id = context.portfolio(&client, args.portfolio.as_deref()).await?;
    let mut request =
        proto::ListActivationsRequest { portfolio_id, page_size: 1_000, ..Default::default() };
    let mut activations = Vec::new();
    loop {
        let answer = client.scorecards().list_activations(request.clone()).await?.into_inner();
        activations.extend(answer.activations.iter().map(ActivationView::new));
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            output::records(context.format, &activations)?;
            return proposal::tell_open(context, &client, request.portfolio_id).await;
        }
    }
}
