//! Activations that wait for a second person or for their time. They lie in the first part
//! of a tenant, as revisions do; the rule set that one would activate is stored with it.

use prost::Message;

use crate::model::{ActivationApproval, Micros, Part, PortfolioNo, RankingSettings, RuleSetId};

use super::activations::{ActivatedExperiment, RevisionName};
use super::db::{Tx, Value, params, statements};
use super::encode::{
    Place, approval_from, default_kind_from, rules_from, rules_to, stage_bounds_from, stored,
};
use super::error::readable;
use super::{Readable, StoreError};

statements! {
    INSERT_PROPOSAL = "INSERT INTO activation_proposal (part, portfolio_no, proposal_no, state, \
        due_at, body) VALUES ($1, $2, $3, $4, $5, $6)";
    CHANGE_PROPOSAL = "UPDATE activation_proposal SET state = $4, due_at = $5, body = $6 \
        WHERE part = $1 AND portfolio_no = $2 AND proposal_no = $3 AND due_at IS NOT NULL";
    FIND_PROPOSAL = "SELECT proposal_no, state, due_at, body FROM activation_proposal \
        WHERE part = $1 AND portfolio_no = $2 AND proposal_no = $3";
    OPEN_PROPOSAL = "SELECT proposal_no FROM activation_proposal \
        WHERE part = $1 AND portfolio_no = $2 AND due_at IS NOT NULL";
    NEWEST_PROPOSAL = "SELECT COALESCE(MAX(proposal_no), 0) FROM activation_proposal \
        WHERE part = $1 AND portfolio_no = $2";
    LIST_PROPOSALS = "SELECT proposal_no, state, due_at, body FROM activation_proposal \
        WHERE part = $1 AND portfolio_no = $2 AND proposal_no < $3 \
        ORDER BY proposal_no DESC LIMIT $4";
    // A named cross-part scan: only open ones are in its index, one a portfolio at most.
    DUE_PROPOSALS = "SELECT part, portfolio_no, proposal_no FROM activation_proposal \
        WHERE due_at <= $1 ORDER BY due_at LIMIT $2";
}

/// How a proposal stands. The numbers are stored and are those of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub enum ProposalState {
    /// It waits for a second person.
    Proposed = 1,
    /// It waits for its time.
    Scheduled = 2,
    /// It has taken effect.
    Activated = 3,
    /// A second person rejected it.
    Rejected = 4,
    /// It was taken back.
    Withdrawn = 5,
    /// It could not take effect.
    Superseded = 6,
    /// Nobody decided on it in time.
    Expired = 7,
}

impl ProposalState {
    const ALL: [ProposalState; 7] = [
        Self::Proposed,
        Self::Scheduled,
        Self::Activated,
        Self::Rejected,
        Self::Withdrawn,
        Self::Superseded,
        Self::Expired,
    ];

    /// The name in errors, as the contract has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Proposed => "PROPOSED",
            Self::Scheduled => "SCHEDULED",
            Self::Activated => "ACTIVATED",
            Self::Rejected => "REJECTED",
            Self::Withdrawn => "WITHDRAWN",
            Self::Superseded => "SUPERSEDED",
            Self::Expired => "EXPIRED",
        }
    }
}

/// Who did something, why, when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The name for the audit; empty for the service itself.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// When.
    pub time: Micros,
}

/// A change of the active rule set that waits, or waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// From 1, per portfolio.
    pub proposal_id: i64,
    /// How it stands.
    pub state: ProposalState,
    /// The instant at which time alone changes its state; nothing once it has ended.
    pub due_at: Option<Micros>,
    /// The activation it was decided from.
    pub expected_activation_id: i64,
    /// What would rank.
    pub rule_set_id: RuleSetId,
    /// The revision for persons; nothing before revisions were kept.
    pub scorecard: Option<RevisionName>,
    /// The revision for businesses; nothing where that for persons ranks them too.
    pub business_scorecard: Option<RevisionName>,
    /// The settings that ranks would read.
    pub ranking: RankingSettings,
    /// Whether a second person would be asked for; nothing where that stays.
    pub activation_approval: Option<ActivationApproval>,
    /// Who proposed it, why, when.
    pub proposed: Signature,
    /// The earliest instant at which it may take effect; nothing for at once.
    pub start_time: Option<Micros>,
    /// Who approved it.
    pub approved: Option<Signature>,
    /// Who or what ended it.
    pub ended: Option<Signature>,
    /// The activation it became.
    pub activation_id: Option<i64>,
    /// The experiment that would run.
    pub experiment: Option<ActivatedExperiment>,
    /// The version of the program that made it; empty before that was kept.
    pub program_version: String,
    /// Whether it is open and says more than this program knows: a newer one wrote it.
    pub says_more: bool,
}

/// Names a proposal over all tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ProposalKey {
    pub(crate) part: Part,
    pub(crate) portfolio_no: PortfolioNo,
    pub(crate) proposal_id: i64,
}

/// Number, state, when it is due, body.
type Row = (i64, i64, Option<i64>, Vec<u8>);

/// Writes a new proposal. A portfolio has one open one at most: an index holds that, too.
pub(crate) async fn insert(
    tx: &mut Tx,
    (part, portfolio_no): (Part, PortfolioNo),
    new: &Proposal,
) -> Result<(), StoreError> {
    tx.execute(INSERT_PROPOSAL, row_of((part, portfolio_no), new)).await?;
    Ok(())
}

/// Replaces a proposal that is still open; says whether it was.
pub(crate) async fn change(
    tx: &mut Tx,
    (part, portfolio_no): (Part, PortfolioNo),
    new: &Proposal,
) -> Result<bool, StoreError> {
    Ok(tx.execute(CHANGE_PROPOSAL, row_of((part, portfolio_no), new)).await? == 1)
}

fn row_of((part, portfolio_no): (Part, PortfolioNo), proposal: &Proposal) -> Vec<Value> {
    params![
        part.0,
        portfolio_no.0,
        proposal.proposal_id,
        proposal.state as i64,
        proposal.due_at.map(|at| at.0),
        body(proposal),
    ]
}

/// Ends a proposal that is still open; says whether it was. What it says is not read: a
/// message may be stored in pieces, and its end is one. So one ends as well that is damaged
/// or that says more than this program knows, and nothing of it is lost.
pub(crate) async fn end(
    tx: &mut Tx,
    (part, portfolio_no): (Part, PortfolioNo),
    proposal_id: i64,
    (state, ended): (ProposalState, &Signature),
) -> Result<bool, StoreError> {
    let row: Option<Row> =
        tx.fetch_optional(FIND_PROPOSAL, params![part.0, portfolio_no.0, proposal_id]).await?;
    let Some((.., mut body)) = row else { return Ok(false) };
    let end = Some(signature_to(ended));
    let piece = stored::ActivationProposal { end, ..stored::ActivationProposal::default() };
    body.extend(piece.encode_to_vec());
    let none: Option<i64> = None;
    let params = params![part.0, portfolio_no.0, proposal_id, state as i64, none, body];
    Ok(tx.execute(CHANGE_PROPOSAL, params).await? == 1)
}

/// Finds a proposal by its number.
pub(crate) async fn find(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
    proposal_id: i64,
) -> Result<Option<Proposal>, StoreError> {
    let key = ProposalKey { part, portfolio_no, proposal_id };
    find_due(tx, key).await?.map(|(_, proposal)| proposal).transpose()
}

/// When a proposal is due, and what was read of it: time ends also one that cannot be read.
pub(crate) async fn find_due(
    tx: &mut Tx,
    ProposalKey { part, portfolio_no, proposal_id }: ProposalKey,
) -> Result<Option<(Option<Micros>, Result<Proposal, StoreError>)>, StoreError> {
    let params = params![part.0, portfolio_no.0, proposal_id];
    let row: Option<Row> = tx.fetch_optional(FIND_PROPOSAL, params).await?;
    Ok(row.map(|row| (row.2.map(Micros), proposal(part, row))))
}

/// The number of the open proposal of a portfolio.
pub(crate) async fn open(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
) -> Result<Option<i64>, StoreError> {
    let row: Option<(i64,)> =
        tx.fetch_optional(OPEN_PROPOSAL, params![part.0, portfolio_no.0]).await?;
    Ok(row.map(|(proposal_id,)| proposal_id))
}

/// The highest number of a portfolio's proposals; 0 where it has none.
pub(crate) async fn newest(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
) -> Result<i64, StoreError> {
    let row: Option<(i64,)> =
        tx.fetch_optional(NEWEST_PROPOSAL, params![part.0, portfolio_no.0]).await?;
    Ok(row.map_or(0, |(number,)| number))
}

/// The proposals of a portfolio before one, the newest first, each with its number: one that
/// cannot be read hides no others.
pub(crate) async fn list(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
    (before, limit): (i64, usize),
) -> Result<Vec<(i64, Readable<Proposal>)>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let params = params![part.0, portfolio_no.0, before, limit];
    let rows: Vec<Row> = tx.fetch_all(LIST_PROPOSALS, params).await?;
    let read = |row: Row| Ok((row.0, readable(proposal(part, row))?));
    rows.into_iter().map(read).collect()
}

/// Open proposals of all tenants whose state changes by time now, at most so many.
pub(crate) async fn due(
    tx: &mut Tx,
    now: Micros,
    limit: usize,
) -> Result<Vec<ProposalKey>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows: Vec<(i64, i64, i64)> = tx.fetch_all(DUE_PROPOSALS, params![now.0, limit]).await?;
    let key = |(part, portfolio_no, proposal_id)| ProposalKey {
        part: Part(part),
        portfolio_no: PortfolioNo(portfolio_no),
        proposal_id,
    };
    Ok(rows.into_iter().map(key).collect())
}

fn body(proposal: &Proposal) -> Vec<u8> {
    let name = |name: &Option<RevisionName>| {
        name.as_ref().map(|name| (name.scorecard_id.clone(), name.revision_no)).unwrap_or_default()
    };
    let (scorecard_id, revision_no) = name(&proposal.scorecard);
    let (business_scorecard_id, business_revision_no) = name(&proposal.business_scorecard);
    let ranking = &proposal.ranking;
    stored::ActivationProposal {
        expected_activation_id: proposal.expected_activation_id,
        rule_set_id: proposal.rule_set_id.0,
        scorecard_id,
        revision_no,
        business_scorecard_id,
        business_revision_no,
        stage_bounds: ranking.stage_bounds.0.to_vec(),
        tolerance_amount_minor: ranking.tolerance_amount_minor,
        protected_inputs_on: ranking.protected_inputs_on.clone(),
        default_debtor_kind: ranking.default_debtor_kind as i32,
        default_language: ranking.default_language.clone(),
        activation_approval: proposal.activation_approval.map_or(0, |approval| approval as i32),
        proposal: Some(signature_to(&proposal.proposed)),
        start_time: proposal.start_time.map_or(0, |time| time.0),
        approval: proposal.approved.as_ref().map(signature_to),
        end: proposal.ended.as_ref().map(signature_to),
        activation_id: proposal.activation_id.unwrap_or(0),
        experiment: proposal.experiment.as_ref().map(ActivatedExperiment::stored),
        program_version: proposal.program_version.clone(),
        routing_rules: rules_to(&ranking.routing_rules),
    }
    .encode_to_vec()
}

fn signature_to(signature: &Signature) -> stored::Signature {
    stored::Signature {
        subject: signature.subject.clone(),
        reason: signature.reason.clone(),
        time: signature.time.0,
    }
}

fn signature_from(stored: stored::Signature) -> Signature {
    let stored::Signature { subject, reason, time } = stored;
    Signature { subject, reason, time: Micros(time) }
}

fn proposal(part: Part, (proposal_id, state, due_at, bytes): Row) -> Result<Proposal, StoreError> {
    let place = Place { table: "activation_proposal", part: part.0, key: proposal_id };
    let state = ProposalState::ALL.into_iter().find(|one| *one as i64 == state);
    let state = state.ok_or_else(|| place.newer("its state is not known"))?;
    let stored: stored::ActivationProposal = place.decode(&bytes)?;
    let proposed = stored.proposal.ok_or_else(|| place.corrupt("nobody proposed it"))?;
    let name = |scorecard_id: String, revision_no| {
        (!scorecard_id.is_empty()).then_some(RevisionName { scorecard_id, revision_no })
    };
    let mut read = Proposal {
        proposal_id,
        state,
        due_at: due_at.map(Micros),
        expected_activation_id: stored.expected_activation_id,
        rule_set_id: RuleSetId(stored.rule_set_id),
        scorecard: name(stored.scorecard_id, stored.revision_no),
        business_scorecard: name(stored.business_scorecard_id, stored.business_revision_no),
        ranking: RankingSettings {
            stage_bounds: stage_bounds_from(stored.stage_bounds, place)?,
            tolerance_amount_minor: stored.tolerance_amount_minor,
            protected_inputs_on: stored.protected_inputs_on,
            default_debtor_kind: default_kind_from(stored.default_debtor_kind, place)?,
            default_language: stored.default_language,
            routing_rules: rules_from(stored.routing_rules, place)?,
        },
        activation_approval: approval_from(stored.activation_approval, place)?,
        proposed: signature_from(proposed),
        start_time: Some(stored.start_time).filter(|time| *time != 0).map(Micros),
        approved: stored.approval.map(signature_from),
        ended: stored.end.map(signature_from),
        activation_id: Some(stored.activation_id).filter(|id| *id != 0),
        experiment: stored
            .experiment
            .map(|stored| ActivatedExperiment::of(stored, place))
            .transpose()?,
        program_version: stored.program_version,
        says_more: false,
    };
    // The end of one that has ended is a piece of its own.
    read.says_more = read.due_at.is_some() && body(&read) != bytes;
    Ok(read)
}
