//! What the commands show of revisions, findings and activations.

use serde::Serialize;

use super::super::output::Record;
use super::super::view::{amount, time};
use super::super::word;
use crate::proto;

/// A revision.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RevisionView {
    scorecard_id: String,
    revision_no: i64,
    state: String,
    title: String,
    base_revision_no: i64,
    author: String,
    create_time: String,
    activate_time: String,
    content_hash: String,
    etag: String,
}

impl RevisionView {
    pub(super) fn new(revision: &proto::Revision) -> RevisionView {
        let name = revision.name.clone().unwrap_or_default();
        RevisionView {
            scorecard_id: name.scorecard_id,
            revision_no: name.revision_no,
            state: word::REVISION_STATE.word(revision.state).to_owned(),
            title: revision.title.clone(),
            base_revision_no: revision.base_revision_no,
            author: revision.author.clone(),
            create_time: time(revision.create_time.as_ref()),
            activate_time: time(revision.activate_time.as_ref()),
            content_hash: revision.content_hash.clone(),
            etag: revision.etag.clone(),
        }
    }

    /// As commands take it.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.scorecard_id, self.revision_no)
    }
}

impl Record for RevisionView {
    const HEADER: &'static [&'static str] =
        &["scorecard", "revision", "state", "title", "author", "created", "activated"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.scorecard_id.clone(),
            self.revision_no.to_string(),
            self.state.clone(),
            self.title.clone(),
            self.author.clone(),
            self.create_time.clone(),
            self.activate_time.clone(),
        ]
    }
}

/// Something wrong or odd.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FindingView {
    pub(super) severity: String,
    /// The line of the file, from 1, where known.
    pub(super) line: Option<u64>,
    pub(super) path: String,
    pub(super) message: String,
}

impl FindingView {
    pub(super) fn new(finding: &proto::ScorecardFinding) -> FindingView {
        FindingView {
            severity: word::FINDING_SEVERITY.word(finding.severity).to_owned(),
            line: None,
            path: finding.path.clone(),
            message: finding.message.clone(),
        }
    }

    pub(super) fn is_error(&self) -> bool {
        self.severity == "ERROR"
    }
}

impl Record for FindingView {
    const HEADER: &'static [&'static str] = &["severity", "line", "path", "message"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.severity.clone(),
            self.line.map_or_else(String::new, |line| line.to_string()),
            self.path.clone(),
            self.message.clone(),
        ]
    }
}

/// A revision as commands take it; empty where there is none.
fn name(name: &Option<proto::RevisionName>) -> String {
    let name = name.as_ref();
    name.map(|name| format!("{}/{}", name.scorecard_id, name.revision_no)).unwrap_or_default()
}

/// An activation.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ActivationView {
    portfolio_id: String,
    activation_id: i64,
    scorecard: String,
    business_scorecard: String,
    actor: String,
    approved_by: String,
    activate_time: String,
    ranked_permille: i32,
    reason: String,
    rule_set_id: String,
    /// 0 where it took effect at once.
    proposal_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    experiment: Option<ExperimentView>,
}

/// An experiment that runs with an activation.
#[derive(Clone, Debug, Serialize)]
struct ExperimentView {
    experiment_id: String,
    /// Empty where there is a control share alone.
    challenger: String,
    challenger_permille: i32,
    control_permille: i32,
    debtor_kind: &'static str,
}

impl ExperimentView {
    fn new(experiment: &proto::Experiment) -> ExperimentView {
        ExperimentView {
            experiment_id: experiment.experiment_id.clone(),
            challenger: revision_name(experiment.challenger.as_ref()),
            challenger_permille: experiment.challenger_permille,
            control_permille: experiment.control_permille,
            debtor_kind: word::DEBTOR_KIND.word(experiment.debtor_kind),
        }
    }

    /// Its name and its shares, such as `autumn: consumer/3 100, control 50`.
    fn text(&self) -> String {
        let mut shares = Vec::new();
        if !self.challenger.is_empty() {
            shares.push(format!("{} {}", self.challenger, self.challenger_permille));
        }
        if self.control_permille > 0 {
            shares.push(format!("control {}", self.control_permille));
        }
        format!("{}: {}", self.experiment_id, shares.join(", "))
    }
}

fn revision_name(name: Option<&proto::RevisionName>) -> String {
    name.map(|name| format!("{}/{}", name.scorecard_id, name.revision_no)).unwrap_or_default()
}

impl ActivationView {
    pub(super) fn new(activation: &proto::Activation) -> ActivationView {
        ActivationView {
            portfolio_id: activation.portfolio_id.clone(),
            activation_id: activation.activation_id,
            scorecard: revision_name(activation.scorecard.as_ref()),
            business_scorecard: revision_name(activation.business_scorecard.as_ref()),
            actor: activation.actor.clone(),
            approved_by: activation.approved_by.clone(),
            activate_time: time(activation.activate_time.as_ref()),
            ranked_permille: activation.ranked_permille,
            reason: activation.reason.clone(),
            rule_set_id: activation.rule_set_id.clone(),
            proposal_id: activation.proposal_id,
            experiment: activation.experiment.as_ref().map(ExperimentView::new),
        }
    }
}

impl Record for ActivationView {
    const HEADER: &'static [&'static str] = &[
        "activation",
        "persons",
        "businesses",
        "experiment",
        "by",
        "approved by",
        "at",
        "ranked",
        "reason",
    ];

    fn cells(&self) -> Vec<String> {
        let ranked = match self.ranked_permille {
            0 => String::new(),
            permille => format!("{} %", permille / 10),
        };
        vec![
            self.activation_id.to_string(),
            self.scorecard.clone(),
            self.business_scorecard.clone(),
            self.experiment.as_ref().map(ExperimentView::text).unwrap_or_default(),
            self.actor.clone(),
            self.approved_by.clone(),
            self.activate_time.clone(),
            ranked,
            self.reason.clone(),
        ]
    }
}

/// A proposal.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ProposalView {
    portfolio_id: String,
    proposal_id: i64,
    state: String,
    scorecard: String,
    business_scorecard: String,
    stage_bounds: Vec<i32>,
    tolerance_amount: String,
    protected_inputs_on: Vec<String>,
    default_debtor_kind: &'static str,
    default_language: String,
    /// Empty where it stays.
    activation_approval: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    experiment: Option<ExperimentView>,
    proposed_by: String,
    reason: String,
    propose_time: String,
    start_time: String,
    expire_time: String,
    approved_by: String,
    approval_reason: String,
    approve_time: String,
    ended_by: String,
    end_reason: String,
    end_time: String,
    expected_activation_id: i64,
    activation_id: i64,
    rule_set_id: String,
}

impl ProposalView {
    pub(super) fn new(proposal: &proto::ActivationProposal) -> ProposalView {
        let ranking = proposal.ranking.clone().unwrap_or_default();
        let approval = match proposal.activation_approval {
            0 => "",
            number => word::ACTIVATION_APPROVAL.word(number),
        };
        ProposalView {
            portfolio_id: proposal.portfolio_id.clone(),
            proposal_id: proposal.proposal_id,
            state: word::PROPOSAL_STATE.word(proposal.state).to_owned(),
            scorecard: name(&proposal.scorecard),
            business_scorecard: name(&proposal.business_scorecard),
            stage_bounds: ranking.stage_bounds,
            tolerance_amount: amount(ranking.tolerance_amount.as_ref()).0,
            protected_inputs_on: ranking.protected_inputs_on,
            default_debtor_kind: word::DEBTOR_KIND.word(ranking.default_debtor_kind),
            default_language: ranking.default_language,
            activation_approval: approval.to_owned(),
            experiment: proposal.experiment.as_ref().map(ExperimentView::new),
            proposed_by: proposal.proposed_by.clone(),
            reason: proposal.reason.clone(),
            propose_time: time(proposal.propose_time.as_ref()),
            start_time: time(proposal.start_time.as_ref()),
            expire_time: time(proposal.expire_time.as_ref()),
            approved_by: proposal.approved_by.clone(),
            approval_reason: proposal.approval_reason.clone(),
            approve_time: time(proposal.approve_time.as_ref()),
            ended_by: proposal.ended_by.clone(),
            end_reason: proposal.end_reason.clone(),
            end_time: time(proposal.end_time.as_ref()),
            expected_activation_id: proposal.expected_activation_id,
            activation_id: proposal.activation_id,
            rule_set_id: proposal.rule_set_id.clone(),
        }
    }
}

impl Record for ProposalView {
    const HEADER: &'static [&'static str] = &[
        "proposal",
        "state",
        "persons",
        "businesses",
        "experiment",
        "second person",
        "by",
        "starts",
        "expires",
        "approved by",
        "reason",
        "ended",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.proposal_id.to_string(),
            self.state.clone(),
            self.scorecard.clone(),
            self.business_scorecard.clone(),
            self.experiment.as_ref().map(ExperimentView::text).unwrap_or_default(),
            self.activation_approval.clone(),
            self.proposed_by.clone(),
            self.start_time.clone(),
            self.expire_time.clone(),
            self.approved_by.clone(),
            self.reason.clone(),
            self.end_reason.clone(),
        ]
    }
}
