//! Proposals: activations that wait for a second person, for their time, or for both. What
//! would rank is stored whole with the proposal, so that what is approved is what becomes
//! active. Whoever makes, decides on or carries out one has the portfolio's row, and so has
//! whoever activates at once: of all that happens to a portfolio one comes after the other.

use std::sync::Arc;

use crate::model::{
    ActivationApproval, Currency, Micros, Part, Parts, PortfolioId, PortfolioNo, PortfolioSettings,
    Reason, RuleSetId, Violations,
};
use crate::scoring::RuleSet;
use crate::store::activations::{self, Activation};
use crate::store::portfolios::StoredPortfolio;
use crate::store::proposals::{self, Proposal, ProposalKey, ProposalState, Signature};
use crate::store::revisions::RevisionHead;
use crate::store::{Readable, StoreError, Tx};

use super::super::audit::note;
use super::super::page::PageToken;
use super::super::portfolio::stored;
use super::super::{Caller, Engine, Error, Resource, Role};
use super::activate::settle;
use super::{Change, ScorecardFinding, activate_in_all, find, freeze};

mod decide;
mod due;

pub use decide::{DecideCommand, Decided, Decision, decide_activation};
pub(in super::super) use due::Left;

/// How far ahead an activation may start.
const START_AHEAD_MAX: i64 = 90 * Micros::DAY;
/// How long a proposal waits for a second person.
const UNDECIDED_KEPT: i64 = 30 * Micros::DAY;

/// The version of this program.
const PROGRAM_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What shall become a proposal.
pub(in super::super) struct Wish<'a> {
    pub(in super::super) change: &'a Change,
    pub(in super::super) rule_set_id: RuleSetId,
    pub(in super::super) expected_activation_id: i64,
    /// What shall become of the second person; nothing where that stays.
    pub(in super::super) activation_approval: Option<ActivationApproval>,
    pub(in super::super) reason: &'a str,
    pub(in super::super) start_time: Option<Micros>,
    /// What the caller calls that time.
    pub(in super::super) start_field: &'static str,
    pub(in super::super) validate_only: bool,
}

/// Whether an activation waits: for a second person, or for its time.
pub(in super::super) fn waits(stored: &StoredPortfolio, start_time: Option<Micros>) -> bool {
    start_time.is_some() || needs_second_person(stored)
}

pub(in super::super) fn needs_second_person(stored: &StoredPortfolio) -> bool {
    stored.settings.activation_approval == ActivationApproval::Required
}

/// Two persons can be told apart only where credentials say who they are.
pub(in super::super) fn check_is_somebody(caller: &Caller) -> Result<(), Error> {
    match caller.authenticated {
        true => Ok(()),
        false => Err(Error::ApprovalNeedsCredentials { field: "portfolio.activation_approval" }),
    }
}

/// Makes a proposal of a change that can rank.
///
/// # Errors
/// `Invalid` for a time of start that is past or too far ahead; `ProposalOpen`, unless that one
/// cannot be read back and an approver proposes;
/// `ApprovalNeedsCredentials`.
pub(in super::super) async fn propose(
    tx: &mut Tx,
    part: Part,
    stored: &StoredPortfolio,
    (caller, now): (&Caller, Micros),
    wish: Wish<'_>,
) -> Result<Proposal, Error> {
    let by = (caller.subject.as_str(), now);
    if let Some(start_time) = wish.start_time {
        check_start(start_time, wish.start_field, now)?;
    }
    if needs_second_person(stored) {
        check_is_somebody(caller)?;
    }
    if let Some(open) = proposals::open(tx, part, stored.number).await? {
        let key = ProposalKey { part, portfolio_no: stored.number, proposal_id: open };
        check_gives_way(tx, key, caller).await?;
        if !wish.validate_only {
            end(tx, part, stored, open, (ProposalState::Superseded, by, UNDECIDABLE)).await?;
        }
    }
    let (state, due_at) = match needs_second_person(stored) {
        true => (ProposalState::Proposed, Some(now.plus(UNDECIDED_KEPT))),
        false => (ProposalState::Scheduled, wish.start_time),
    };
    let proposal = Proposal {
        proposal_id: proposals::newest(tx, part, stored.number).await? + 1,
        state,
        due_at,
        expected_activation_id: wish.expected_activation_id,
        rule_set_id: wish.rule_set_id,
        scorecard: wish.change.scorecard.clone(),
        business_scorecard: wish.change.business_scorecard.clone(),
        ranking: wish.change.content.ranking.clone(),
        activation_approval: wish.activation_approval,
        proposed: signature(by, wish.reason),
        start_time: wish.start_time,
        approved: None,
        ended: None,
        activation_id: None,
        experiment: wish.change.experiment(),
        program_version: PROGRAM_VERSION.to_owned(),
        says_more: false,
    };
    if !wish.validate_only {
        activations::save_rule_set(tx, part, &wish.change.content, now).await?;
        proposals::insert(tx, (part, stored.number), &proposal).await?;
        let told = (&stored.id, &proposal);
        note(tx, part, by, ("activation.proposed", &told)).await?;
    }
    Ok(proposal)
}

/// Why an open proposal ends that nobody could have decided on.
const UNDECIDABLE: &str = "it cannot be read back, and something else was proposed";

/// An open proposal is in the way of another one, unless it cannot be read back: then nobody
/// can decide on it, and where a second person must approve everything, nothing could ever
/// supersede it. It gives way to those who approve.
async fn check_gives_way(tx: &mut Tx, key: ProposalKey, caller: &Caller) -> Result<(), Error> {
    let found = proposals::find_due(tx, key).await?;
    let unreadable =
        |error: &StoreError| matches!(error, StoreError::Corrupt { .. } | StoreError::Newer { .. });
    let cannot_be_read = found.is_some_and(|(_, read)| read.is_err_and(|error| unreadable(&error)));
    match cannot_be_read && caller.roles.contains(&Role::Approver) {
        true => Ok(()),
        false => Err(Error::ProposalOpen(key.proposal_id)),
    }
}

fn check_start(start_time: Micros, field: &'static str, now: Micros) -> Result<(), Error> {
    let latest = now.plus(START_AHEAD_MAX);
    let bound = match start_time {
        early if early <= now => format!("it must lie ahead of the server's time, {now}"),
        late if late > latest => format!("at most 90 days ahead, {latest}, are allowed"),
        _ => return Ok(()),
    };
    let mut violations = Violations::new();
    violations.add(field, Reason::FieldOutOfRange, start_time, bound);
    Err(Error::Invalid(violations))
}

fn signature((subject, time): (&str, Micros), reason: &str) -> Signature {
    Signature { subject: subject.to_owned(), reason: reason.to_owned(), time }
}

/// Ends the open proposal of a portfolio, if it has one: it cannot take effect any more.
pub(in super::super) async fn supersede(
    tx: &mut Tx,
    part: Part,
    stored: &StoredPortfolio,
    by: (&str, Micros),
    why: &str,
) -> Result<(), Error> {
    if let Some(open) = proposals::open(tx, part, stored.number).await? {
        end(tx, part, stored, open, (ProposalState::Superseded, by, why)).await?;
    }
    Ok(())
}

/// Says which open proposal ends because something else becomes active.
pub(super) async fn ending(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
) -> Result<Option<ScorecardFinding>, Error> {
    let open = proposals::open(tx, part, portfolio_no).await?;
    Ok(open.map(|proposal_id| {
        let message = format!(
            "proposal {proposal_id} ends as superseded: what it was decided from is active no longer"
        );
        ScorecardFinding { is_error: false, path: "proposal".to_owned(), message }
    }))
}

/// The same when a second person has become necessary for what nobody has approved.
pub(in super::super) async fn supersede_unapproved(
    tx: &mut Tx,
    part: Part,
    stored: &StoredPortfolio,
    by: (&str, Micros),
) -> Result<(), Error> {
    supersede(tx, part, stored, by, UNAPPROVED).await
}

/// Why a scheduled proposal ends when a second person has become necessary since.
const UNAPPROVED: &str = "a second person has to approve it since, and nobody has";

/// What a proposal ends as, by whom and when, and why.
type End<'a> = (ProposalState, (&'a str, Micros), &'a str);

/// Ends a proposal that is open, whatever it says.
async fn end(
    tx: &mut Tx,
    part: Part,
    stored: &StoredPortfolio,
    proposal_id: i64,
    (state, by, why): End<'_>,
) -> Result<(), Error> {
    let ended = signature(by, why);
    let changed = proposals::end(tx, (part, stored.number), proposal_id, (state, &ended)).await?;
    note_change(tx, part, by, (state, changed), &(&stored.id, proposal_id, &ended)).await
}

/// A proposal as it is read once it has ended.
fn ended(open: Proposal, (state, by, why): End<'_>) -> Proposal {
    Proposal { state, due_at: None, ended: Some(signature(by, why)), ..open }
}

/// A proposal as it is once it has taken effect.
fn carried_out(open: Proposal, activation: &Activation, now: Micros) -> Proposal {
    let proposal = ended(open, (ProposalState::Activated, ("", now), ""));
    Proposal { activation_id: Some(activation.activation_id), ..proposal }
}

/// Writes a proposal whose state has changed.
async fn keep(
    tx: &mut Tx,
    part: Part,
    stored: &StoredPortfolio,
    by: (&str, Micros),
    proposal: &Proposal,
) -> Result<(), Error> {
    let changed = proposals::change(tx, (part, stored.number), proposal).await?;
    note_change(tx, part, by, (proposal.state, changed), &(&stored.id, proposal)).await
}

/// Notes in the audit what became of a proposal, unless it was open no longer.
async fn note_change(
    tx: &mut Tx,
    part: Part,
    (actor, now): (&str, Micros),
    (state, changed): (ProposalState, bool),
    content: &(impl std::fmt::Debug + Sync),
) -> Result<(), Error> {
    if !changed {
        return Err(tx.conflict("a proposal was ended by somebody else").into());
    }
    let kind = match state {
        ProposalState::Proposed | ProposalState::Scheduled => "activation.approved",
        ProposalState::Activated => "activation.carried_out",
        ProposalState::Rejected => "activation.rejected",
        ProposalState::Withdrawn => "activation.withdrawn",
        ProposalState::Superseded => "activation.superseded",
        ProposalState::Expired => "activation.expired",
    };
    let actor = if actor.is_empty() { SERVICE } else { actor };
    note(tx, part, (actor, now), (kind, content)).await
}

/// The name in the audit for what the service does by itself.
const SERVICE: &str = "arrears";

/// A proposal that can take effect.
struct Ready {
    /// What is active before it.
    active: Activation,
    /// The activation that it becomes.
    activation: Activation,
    change: Change,
    rules: RuleSet,
    /// Revisions that nobody can change from then on.
    drafts: Vec<RevisionHead>,
}

/// Checks again all that was checked when it was proposed.
///
/// # Errors
/// `ActivationChanged`, `RevisionInvalid`, `FeatureVersionRetired`, `DraftChanged`; `Newer`
/// where it says more than this program knows.
async fn ready(
    tx: &mut Tx,
    part: Part,
    stored: &StoredPortfolio,
    (proposal, now): (&Proposal, Micros),
) -> Result<Ready, Error> {
    let (active, _) = Change::of_active(tx, part, stored).await?;
    if active.activation_id != proposal.expected_activation_id {
        return Err(Error::ActivationChanged(active.activation_id));
    }
    if proposal.says_more {
        return Err(StoreError::newer("activation_proposal", part, proposal.proposal_id).into());
    }
    let tried = proposal.experiment.clone().and_then(|one| one.challenger);
    let change = Change {
        content: activations::load_rule_set(tx, part, proposal.rule_set_id).await?,
        scorecard: proposal.scorecard.clone(),
        business_scorecard: proposal.business_scorecard.clone(),
        challenger: tried.map(|(_, name)| name),
    };
    let rules = change.compile()?;
    let business = change.content.business_scorecard.as_ref();
    let challenger = change.content.experiment.as_ref().and_then(|one| one.challenger.as_ref());
    let named = [
        (&change.scorecard, Some(&change.content.scorecard)),
        (&change.business_scorecard, business),
        (&change.challenger, challenger.map(|(_, text)| text)),
    ];
    let mut drafts = Vec::new();
    for (name, text) in named {
        let Some((name, text)) = name.as_ref().zip(text) else { continue };
        let revision = find(tx, part, name).await?;
        if revision.head.activate_time.is_some() {
            continue;
        }
        if revision.card.canonical() != text.yaml {
            return Err(Error::DraftChanged(name.to_string()));
        }
        drafts.push(revision.head);
    }
    let Signature { subject, reason, .. } = &proposal.proposed;
    let activation = Activation {
        approved_by: proposal.approved.as_ref().map(|approved| approved.subject.clone()),
        proposal_id: Some(proposal.proposal_id),
        ..change.next(&active, rules.id(), (subject, now), reason)
    };
    Ok(Ready { active, activation, change, rules, drafts })
}

/// Has a proposal take effect.
///
/// # Errors
/// `ActivationChanged` where somebody else was first.
async fn carry_out(
    tx: &mut Tx,
    parts: &Parts,
    stored: &StoredPortfolio,
    proposal: Proposal,
    (ready, now): (&Ready, Micros),
) -> Result<Proposal, Error> {
    let part = parts.first();
    freeze(tx, part, &ready.drafts, now).await?;
    let proposal = carried_out(proposal, &ready.activation, now);
    keep(tx, part, stored, ("", now), &proposal).await?;
    let id = PortfolioId::new(stored.id.as_str())
        .map_err(|error| crate::store::Damage::of("portfolio", part, stored.number.0, error))?;
    activate_in_all(tx, parts, (&id, &ready.activation), &ready.change.content).await?;
    if let Some(approval) = proposal.activation_approval {
        for part in parts.all() {
            let old = self::stored(tx, *part, &id).await?;
            let change = |settings: &mut PortfolioSettings| settings.activation_approval = approval;
            settle(tx, *part, (&old, now), change).await?;
        }
    }
    Ok(proposal)
}

/// A page of a portfolio's proposals, the newest first and each with its number, the currency
/// of their amounts, and the token of the next page. One that cannot be read back says why.
///
/// # Errors
/// `NotFound`; `PageTokenMalformed`, `PageTokenMismatch`.
pub async fn list_proposals(
    engine: &Arc<Engine>,
    caller: &Caller,
    portfolio_id: &PortfolioId,
    (page_size, token): (usize, &str),
) -> Result<(Vec<(i64, Readable<Proposal>)>, Currency, String), Error> {
    let filters = [caller.tenant.as_str(), portfolio_id.as_str()];
    let request = PageToken::request("proposals", &filters);
    let before = PageToken::read_before(token, request)?;
    let part = engine.parts(caller).await?.first();
    let mut tx = engine.store.read().await?;
    let stored = stored(&mut tx, part, portfolio_id).await?;
    let page = (before, page_size + 1);
    let mut rows = proposals::list(&mut tx, part, stored.number, page).await?;
    let next = PageToken::cut(&mut rows, page_size, request, |last| last.0.to_string());
    Ok((rows, stored.settings.base_currency, next))
}

/// A proposal by its number.
async fn found(
    tx: &mut Tx,
    part: Part,
    stored: &StoredPortfolio,
    proposal_id: i64,
) -> Result<Proposal, Error> {
    let found = proposals::find(tx, part, stored.number, proposal_id).await?;
    let id = proposal_id.to_string();
    found.ok_or(Error::NotFound { resource: Resource::Proposal, id })
}
