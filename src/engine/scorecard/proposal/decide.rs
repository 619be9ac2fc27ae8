//! Deciding on a proposal: approve, reject, withdraw.

use std::sync::Arc;

use crate::model::{Currency, Micros, Parts, PortfolioId};
use crate::store::Tx;
use crate::store::portfolios::StoredPortfolio;
use crate::store::proposals::{Proposal, ProposalState};

use super::super::super::portfolio::{check_approves, locked};
use super::super::super::{Caller, Engine, Error};
use super::super::activate::ranked;
use super::super::experiment::odd_change;
use super::super::{ScorecardFinding, odd};
use super::{
    Activation, carried_out, carry_out, check_is_somebody, end, ended, found, keep, ready,
    signature,
};

/// What becomes of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It takes effect, at its time.
    Approve,
    /// It does not.
    Reject,
    /// It is taken back.
    Withdraw,
}

/// A decision on a proposal.
#[derive(Clone, Debug)]
pub struct DecideCommand {
    /// The portfolio.
    pub portfolio_id: PortfolioId,
    /// The proposal.
    pub proposal_id: i64,
    /// What becomes of it.
    pub decision: Decision,
    /// Why.
    pub reason: String,
    /// Whether nothing is to be changed.
    pub validate_only: bool,
}

/// What a decision did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The proposal as it stands now.
    pub proposal: Proposal,
    /// The currency of its amounts.
    pub currency: Currency,
    /// The activation, where it took effect, and how far the cases are ranked by it, in
    /// thousandths.
    pub activation: Option<(Activation, i64)>,
    /// What is odd about the scorecards of an approved one.
    pub findings: Vec<ScorecardFinding>,
}

/// Approves, rejects or withdraws a proposal.
///
/// # Errors
/// `NotFound` for the portfolio or the proposal; `RoleMissing` for whoever neither approves
/// nor takes back what is theirs; `ProposalDecided`; `SecondPersonRequired`;
/// `ApprovalNeedsCredentials`; of an approval `ActivationChanged`, `RevisionInvalid`,
/// `FeatureVersionRetired`, `DraftChanged`.
pub async fn decide_activation(
    engine: &Arc<Engine>,
    caller: &Caller,
    command: DecideCommand,
) -> Result<Decided, Error> {
    let parts = engine.parts(caller).await?;
    let caller = caller.clone();
    engine
        .write_portfolio(move |tx, now| {
            Box::pin(async move { decide(tx, &parts, (&caller, now), &command).await })
        })
        .await
}

async fn decide(
    tx: &mut Tx,
    parts: &Parts,
    (caller, now): (&Caller, Micros),
    command: &DecideCommand,
) -> Result<Decided, Error> {
    let (part, by) = (parts.first(), (caller.subject.as_str(), now));
    let stored = locked(tx, part, &command.portfolio_id).await?;
    let proposal = found(tx, part, &stored, command.proposal_id).await?;
    check_role(&proposal, command.decision, caller)?;
    check_may_decide(&proposal, command.decision, (caller, now))?;
    let state = match command.decision {
        Decision::Approve => {
            let proposal = Proposal { approved: Some(signature(by, &command.reason)), ..proposal };
            return approve(tx, parts, &stored, proposal, (by, command.validate_only)).await;
        }
        Decision::Reject => ProposalState::Rejected,
        Decision::Withdraw => ProposalState::Withdrawn,
    };
    let as_decided = (state, by, command.reason.as_str());
    if !command.validate_only {
        end(tx, part, &stored, proposal.proposal_id, as_decided).await?;
    }
    let proposal = ended(proposal, as_decided);
    let currency = stored.settings.base_currency;
    Ok(Decided { proposal, currency, activation: None, findings: Vec::new() })
}

/// Whoever made a proposal takes it back with the role that it took; all else is for those
/// who approve.
fn check_role(proposal: &Proposal, decision: Decision, caller: &Caller) -> Result<(), Error> {
    if decision == Decision::Withdraw && proposal.proposed.subject == caller.subject {
        return Ok(());
    }
    check_approves(caller, "DecideActivation on what others proposed, or to approve it,")
}

/// To stop a change never takes two; to let it take effect does.
fn check_may_decide(
    proposal: &Proposal,
    decision: Decision,
    (caller, now): (&Caller, Micros),
) -> Result<(), Error> {
    let subject = caller.subject.as_str();
    let proposal_id = proposal.proposal_id;
    let decided = |state| Err(Error::ProposalDecided { proposal_id, state });
    match (proposal.state, decision) {
        // Whoever ends those whose time is over may be late.
        (ProposalState::Proposed, _) if proposal.due_at.is_none_or(|at| at <= now) => {
            decided(ProposalState::Expired)
        }
        (ProposalState::Proposed | ProposalState::Scheduled, Decision::Withdraw) => Ok(()),
        (ProposalState::Proposed, _) if proposal.proposed.subject == subject => {
            Err(Error::SecondPersonRequired { proposal_id, subject: subject.to_owned() })
        }
        (ProposalState::Proposed, _) => check_is_somebody(caller),
        (state, _) => decided(state),
    }
}

/// Has an approved proposal take effect, or wait for its time.
async fn approve(
    tx: &mut Tx,
    parts: &Parts,
    stored: &StoredPortfolio,
    mut proposal: Proposal,
    (by, validate_only): ((&str, Micros), bool),
) -> Result<Decided, Error> {
    let (part, (_, now)) = (parts.first(), by);
    let ready = ready(tx, part, stored, (&proposal, now)).await?;
    let mut findings = odd(&ready.rules);
    findings.extend(odd_change(&ready.active, &ready.activation));
    proposal.state = ProposalState::Scheduled;
    proposal.due_at = Some(proposal.start_time.unwrap_or(now));
    let waits = proposal.due_at.is_some_and(|at| at > now);
    if !validate_only {
        // Noted as approved before it is noted as carried out.
        keep(tx, part, stored, by, &proposal).await?;
    }
    let (proposal, activation) = if waits {
        (proposal, None)
    } else if validate_only {
        (carried_out(proposal, &ready.activation, now), Some((ready.activation, 0)))
    } else {
        let proposal = carry_out(tx, parts, stored, proposal, (&ready, now)).await?;
        (proposal, Some((ready.activation, ranked(tx, parts, stored.number).await?)))
    };
    let currency = stored.settings.base_currency;
    Ok(Decided { proposal, currency, activation, findings })
}
