//! `arrears scorecard approve`, `reject`, `withdraw` and `proposals`.

use clap::Args;

use super::super::client::{Client, Context};
use super::super::failure::{Exit, Failure};
use super::super::output::{self, Format};
use super::activate::{self, HistoryArgs};
use super::view::ProposalView;
use crate::proto;
use proto::ActivationDecision as Decision;

#[derive(Args, Debug)]
pub(in super::super) struct DecideArgs {
    /// The proposal, as `proposals` numbers them
    proposal_id: i64,
    /// Why, for those who ask later
    #[arg(long)]
    reason: String,
    /// The portfolio; the one of the settings, or the only one, if not given
    #[arg(short, long)]
    portfolio: Option<String>,
    /// Says what would be and changes nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn approve(context: &Context, args: DecideArgs) -> Result<(), Failure> {
    decide(context, args, Decision::Approve).await
}

pub(super) async fn reject(context: &Context, args: DecideArgs) -> Result<(), Failure> {
    decide(context, args, Decision::Reject).await
}

pub(super) async fn withdraw(context: &Context, args: DecideArgs) -> Result<(), Failure> {
    decide(context, args, Decision::Withdraw).await
}

async fn decide(context: &Context, args: DecideArgs, decision: Decision) -> Result<(), Failure> {
    let client = context.connect().await?;
    let portfolio_id = context.portfolio(&client, args.portfolio.as_deref()).await?;
    let request = proto::DecideActivationRequest {
        portfolio_id,
        proposal_id: args.proposal_id,
        decision: decision.into(),
        reason: args.reason,
        validate_only: args.dry_run,
    };
    let answer = client.scorecards().decide_activation(request).await?.into_inner();
    activate::tell_findings(&answer.findings);
    match &answer.activation {
        Some(activation) => activate::tell(context, activation, args.dry_run),
        None => tell(context, &answer.proposal.unwrap_or_default(), args.dry_run),
    }
}

/// Shows a proposal as it stands, or would.
pub(super) fn tell(
    context: &Context,
    proposal: &proto::ActivationProposal,
    dry_run: bool,
) -> Result<(), Failure> {
    output::records(context.format, &[ProposalView::new(proposal)])?;
    if context.format == Format::Table {
        output::note(&if dry_run { "nothing was changed".to_owned() } else { next(proposal) });
    }
    Ok(())
}

/// What happens next with a proposal.
fn next(proposal: &proto::ActivationProposal) -> String {
    let id = proposal.proposal_id;
    match proposal.state() {
        proto::ProposalState::Proposed => format!(
            "it takes effect when another person runs `arrears scorecard approve {id}`, and not \
             before its time"
        ),
        proto::ProposalState::Scheduled => format!(
            "it takes effect at its time; `arrears scorecard withdraw {id}` takes it back until \
             then"
        ),
        _ => "what ranks the cases has not changed".to_owned(),
    }
}

/// Says below a history what is open. Programs ask for it by `proposals`.
pub(super) async fn tell_open(
    context: &Context,
    client: &Client,
    portfolio_id: String,
) -> Result<(), Failure> {
    if context.format != Format::Table {
        return Ok(());
    }
    let request =
        proto::ListActivationProposalsRequest { portfolio_id, page_size: 1, ..Default::default() };
    let answer = client.scorecards().list_activation_proposals(request).await?.into_inner();
    // Only the newest can be open.
    let open = |one: &&proto::ActivationProposal| {
        matches!(one.state(), proto::ProposalState::Proposed | proto::ProposalState::Scheduled)
    };
    if let Some(proposal) = answer.proposals.first().filter(open) {
        let by = &proposal.proposed_by;
        output::note(&format!("proposal {} of {by}: {}", proposal.proposal_id, next(proposal)));
    }
    Ok(())
}

pub(super) async fn list(context: &Context, args: HistoryArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let portfolio_id = context.portfolio(&client, args.portfolio.as_deref()).await?;
    let mut request = proto::ListActivationProposalsRequest {
        portfolio_id,
        page_size: 1_000,
        ..Default::default()
    };
    let (mut proposals, mut unreadable) = (Vec::new(), Vec::new());
    loop {
        let answer =
            client.scorecards().list_activation_proposals(request.clone()).await?.into_inner();
        proposals.extend(answer.proposals.iter().map(ProposalView::new));
        unreadable.extend(answer.unreadable_proposals);
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    output::records(context.format, &proposals)?;
    told_of(&unreadable)
}

/// Names the proposals that the server could not read back. What is printed is not all that
/// was asked for, and a script must not take it for that.
fn told_of(unreadable: &[proto::UnreadableProposal]) -> Result<(), Failure> {
    for one in unreadable {
        let why = one.error.as_ref().map(|error| error.message.as_str()).unwrap_or_default();
        output::note(&format!("proposal {} is not shown: {why}", one.proposal_id));
    }
    match unreadable.len() {
        0 => Ok(()),
        count => {
            let text = format!("{count} proposals are stored and cannot be read back");
            Err(Failure::new(Exit::Failure, text))
        }
    }
}
