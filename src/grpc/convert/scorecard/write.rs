//! Scorecards, revisions and activations as the contract writes them.

use crate::engine::scorecard::{Revision, ScorecardFinding};
use crate::model::{Currency, Experiment, Micros, PortfolioId, Stage, VIOLATIONS_MAX};
use crate::proto;
use crate::scoring::card::{
    Bin, Card, Characteristic, Cutoffs, Points, Priority, ReasonText, Special, Term,
};
use crate::store::Damage;
use crate::store::activations::{ActivatedExperiment, Activation, RevisionName};
use crate::store::proposals::{Proposal, ProposalState, Signature};
use crate::store::revisions::RevisionHead;

use super::super::case_view::unreadable;
use super::super::portfolio::ranking_to;
use super::super::time::timestamp;
use super::CUSTOM_KINDS;
use super::rules::{calibration_to, derived_to, knock_out_to, population_to};

fn name_to(name: &RevisionName) -> proto::RevisionName {
    let RevisionName { scorecard_id, revision_no } = name.clone();
    proto::RevisionName { scorecard_id, revision_no }
}

/// A revision without its scorecard.
pub(in crate::grpc) fn head_to(head: &RevisionHead) -> proto::Revision {
    let state = match head.activate_time {
        Some(_) => proto::RevisionState::Activated,
        None => proto::RevisionState::Draft,
    };
    proto::Revision {
        name: Some(proto::RevisionName {
            scorecard_id: head.scorecard_id.clone(),
            revision_no: head.revision_no,
        }),
        state: state as i32,
        title: head.title.clone(),
        base_revision_no: head.base_revision_no,
        author: head.author.clone(),
        content_hash: hex(&head.content_hash),
        etag: head.version.to_string(),
        create_time: Some(timestamp(head.create_time)),
        update_time: Some(timestamp(head.update_time)),
        activate_time: head.activate_time.map(timestamp),
        scorecard: None,
    }
}

/// A revision with its scorecard.
pub(in crate::grpc) fn revision_to(revision: &Revision) -> proto::Revision {
    proto::Revision { scorecard: Some(card_to(&revision.card)), ..head_to(&revision.head) }
}

/// Bytes as two digits each.
pub(in crate::grpc) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A scorecard.
pub(super) fn card_to(card: &Card) -> proto::Scorecard {
    let by_stage = Stage::ALL.iter().filter_map(|stage| {
        let cutoffs = card.cutoffs_by_stage.get(stage.name())?;
        Some(proto::StageCutoffs { stage: *stage as i32, cutoffs: Some(cutoffs_to(*cutoffs)) })
    });
    proto::Scorecard {
        scorecard_id: card.scorecard_id.clone(),
        base_points: card.base_points,
        cutoffs: Some(cutoffs_to(card.cutoffs)),
        stage_cutoffs: by_stage.collect(),
        diagnosis: Some(proto::DiagnosisRule {
            low_below_permille: card.diagnosis.low_below_permille,
            known_from_permille: card.diagnosis.known_from_permille,
        }),
        reason_points_min: Some(card.reason_points_min),
        characteristics: card.characteristics.iter().map(characteristic_to).collect(),
        populations: card.populations.iter().map(population_to).collect(),
        priority: Some(formula_to(&card.priority)),
        derived: card.derived.iter().map(derived_to).collect(),
        knock_outs: card.knock_outs.iter().map(knock_out_to).collect(),
        calibration: card.calibration.as_ref().map(calibration_to),
    }
}

fn cutoffs_to(cutoffs: Cutoffs) -> proto::Cutoffs {
    proto::Cutoffs { a: cutoffs.a, b: cutoffs.b }
}

pub(super) fn characteristic_to(one: &Characteristic) -> proto::Characteristic {
    proto::Characteristic {
        name: one.name.clone(),
        feature: one.feature.clone(),
        custom_kind: kind_to(one.kind.as_deref()),
        family: one.family as i32,
        dimension: one.dimension as i32,
        weight_milli: Some(one.weight_milli),
        protected_input: one.protected,
        reason: Some(reason_to(&one.reason)),
        missing_points: points_to(one.missing),
        unknown_points: points_to(one.unknown),
        other_points: points_to(one.other),
        bins: one.bins.iter().map(bin_to).collect(),
        direction: one.direction.map_or(0, |direction| direction as i32),
        missing_locked: is_locked(one.missing),
        unknown_locked: is_locked(one.unknown),
        other_locked: is_locked(one.other),
        special_values: one.special.iter().map(special_to).collect(),
    }
}

/// 0 also for what is no kind; such a scorecard was never stored.
pub(super) fn kind_to(kind: Option<&str>) -> i32 {
    let at = CUSTOM_KINDS.iter().position(|known| Some(*known) == kind);
    at.and_then(|at| i32::try_from(at + 1).ok()).unwrap_or(0)
}

fn points_to(points: Option<Points>) -> Option<i32> {
    points.map(|points| points.points)
}

fn is_locked(points: Option<Points>) -> bool {
    points.is_some_and(|points| points.locked)
}

pub(super) fn reason_to(reason: &ReasonText) -> proto::ReasonText {
    let ReasonText { code, text, audience, texts } = reason.clone();
    let texts = texts.into_iter().collect();
    proto::ReasonText { code, text, audience: audience as i32, texts }
}

fn bin_to(bin: &Bin) -> proto::Bin {
    proto::Bin {
        lower_bound: bin.from.clone().unwrap_or_default(),
        upper_bound: bin.to.clone().unwrap_or_default(),
        categories: bin.is.clone().unwrap_or_default(),
        points: bin.points,
        reason: bin.reason.as_ref().map(reason_to),
        locked: bin.locked,
    }
}

fn special_to(one: &Special) -> proto::SpecialValue {
    proto::SpecialValue {
        value: one.value.clone(),
        points: one.points,
        label: one.label.clone(),
        reason: one.reason.as_ref().map(reason_to),
        locked: one.locked,
    }
}

fn formula_to(priority: &Priority) -> proto::PriorityFormula {
    let term = |term: &Term| proto::PriorityTerm {
        term: term.term.clone(),
        feature: term.feature.clone(),
        custom_kind: kind_to(term.kind.as_deref()),
        only_below_days_past_due: term.only_below_days_past_due,
        protected_input: term.protected,
        missing_points: points_to(term.missing),
        unknown_points: points_to(term.unknown),
        other_points: points_to(term.other),
        bins: term.bins.iter().map(bin_to).collect(),
        missing_locked: is_locked(term.missing),
        unknown_locked: is_locked(term.unknown),
        other_locked: is_locked(term.other),
        special_values: term.special.iter().map(special_to).collect(),
    };
    proto::PriorityFormula {
        base_points: priority.base_points,
        terms: priority.terms.iter().map(term).collect(),
    }
}

/// What is wrong or odd, as much of it as an answer tells.
pub(in crate::grpc) fn findings_to(findings: &[ScorecardFinding]) -> Vec<proto::ScorecardFinding> {
    findings.iter().take(VIOLATIONS_MAX).map(finding_to).collect()
}

/// Something wrong or odd.
pub(in crate::grpc) fn finding_to(finding: &ScorecardFinding) -> proto::ScorecardFinding {
    let severity = match finding.is_error {
        true => proto::FindingSeverity::Error,
        false => proto::FindingSeverity::Warning,
    };
    proto::ScorecardFinding {
        severity: severity as i32,
        path: path_to(&finding.path),
        message: finding.message.clone(),
    }
}

/// The names that fields have in a file, and in the contract.
const NAMES: [(&str, &str); 9] = [
    ("special", "special_values"),
    ("from", "lower_bound"),
    ("to", "upper_bound"),
    ("is", "categories"),
    ("missing", "missing_points"),
    ("unknown", "unknown_points"),
    ("other", "other_points"),
    ("kind", "custom_kind"),
    ("protected", "protected_input"),
];

/// A path within a scorecard as the contract has it.
pub(in crate::grpc) fn path_to(path: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for whole in path.split('.') {
        let (part, index) = whole.split_at(whole.find('[').unwrap_or(whole.len()));
        let last = parts.last().map(String::as_str);
        match NAMES.iter().find(|(name, _)| *name == part) {
            // Of a condition they are fields of their own.
            _ if ["missing", "unknown"].contains(&part)
                && last.is_some_and(|last| last.starts_with("when[")) =>
            {
                parts.push(whole.to_owned());
            }
            // Of a formula they are what it looks at.
            _ if ["from", "to"].contains(&part)
                && last.is_some_and(|last| ["ratio", "months_between"].contains(&last)) =>
            {
                parts.push(whole.to_owned());
            }
            _ if ["min", "max", "known"].contains(&part) && !index.is_empty() => {
                parts.push(format!("{part}.features{index}"));
            }
            // Its only field is the number itself.
            _ if part == "points" && last.is_some_and(|last| last.ends_with("_points")) => {}
            _ if last == Some("cutoffs_by_stage") => {
                parts.pop();
                parts.push(format!("stage_cutoffs[{part}]"));
            }
            Some((_, name)) => parts.push(format!("{name}{index}")),
            None => parts.push(whole.to_owned()),
        }
    }
    parts.join(".")
}

/// An activation.
pub(in crate::grpc) fn activation_to(
    portfolio_id: &PortfolioId,
    activation: &Activation,
    ranked_permille: i64,
) -> proto::Activation {
    proto::Activation {
        portfolio_id: portfolio_id.to_string(),
        activation_id: activation.activation_id,
        rule_set_id: activation.rule_set_id.to_string(),
        scorecard: activation.scorecard.as_ref().map(name_to),
        business_scorecard: activation.business_scorecard.as_ref().map(name_to),
        actor: activation.actor.clone(),
        reason: activation.reason.clone(),
        activate_time: Some(timestamp(activation.activate_time)),
        ranked_permille: i32::try_from(ranked_permille).unwrap_or(1_000),
        approved_by: activation.approved_by.clone().unwrap_or_default(),
        proposal_id: activation.proposal_id.unwrap_or(0),
        experiment: activation.experiment.as_ref().map(experiment_to),
    }
}

/// A page of proposals, those apart that cannot be read.
pub(in crate::grpc) fn proposals_to(
    of: (&PortfolioId, Currency),
    found: &[(i64, Result<Proposal, Damage>)],
    next_page_token: String,
) -> proto::ListActivationProposalsResponse {
    let mut answer =
        proto::ListActivationProposalsResponse { next_page_token, ..Default::default() };
    for (proposal_id, read) in found {
        match read {
            Ok(proposal) => answer.proposals.push(proposal_to(of, proposal)),
            Err(damage) => answer.unreadable_proposals.push(proto::UnreadableProposal {
                proposal_id: *proposal_id,
                error: Some(unreadable(damage)),
            }),
        }
    }
    answer
}

/// A proposal.
pub(in crate::grpc) fn proposal_to(
    (portfolio_id, currency): (&PortfolioId, Currency),
    proposal: &Proposal,
) -> proto::ActivationProposal {
    let nobody = Signature { subject: String::new(), reason: String::new(), time: Micros(0) };
    let signed = |signature: &Option<Signature>| {
        let time = signature.as_ref().map(|signature| timestamp(signature.time));
        (signature.clone().unwrap_or_else(|| nobody.clone()), time)
    };
    let (approved, approve_time) = signed(&proposal.approved);
    let (ended, end_time) = signed(&proposal.ended);
    let undecided = proposal.state == ProposalState::Proposed;
    proto::ActivationProposal {
        portfolio_id: portfolio_id.to_string(),
        proposal_id: proposal.proposal_id,
        state: proposal.state as i32,
        expected_activation_id: proposal.expected_activation_id,
        rule_set_id: proposal.rule_set_id.to_string(),
        scorecard: proposal.scorecard.as_ref().map(name_to),
        business_scorecard: proposal.business_scorecard.as_ref().map(name_to),
        ranking: Some(ranking_to(&proposal.ranking, currency)),
        activation_approval: proposal.activation_approval.map_or(0, |approval| approval as i32),
        proposed_by: proposal.proposed.subject.clone(),
        reason: proposal.proposed.reason.clone(),
        propose_time: Some(timestamp(proposal.proposed.time)),
        start_time: proposal.start_time.map(timestamp),
        expire_time: proposal.due_at.filter(|_| undecided).map(timestamp),
        approved_by: approved.subject,
        approval_reason: approved.reason,
        approve_time,
        ended_by: ended.subject,
        end_reason: ended.reason,
        end_time,
        activation_id: proposal.activation_id.unwrap_or(0),
        experiment: proposal.experiment.as_ref().map(experiment_to),
    }
}

fn experiment_to(activated: &ActivatedExperiment) -> proto::Experiment {
    let Experiment { experiment_id, challenger_permille, control_permille } = &activated.experiment;
    let challenger = activated.challenger.as_ref();
    proto::Experiment {
        experiment_id: experiment_id.to_string(),
        challenger: challenger.map(|(_, name)| name_to(name)),
        challenger_permille: *challenger_permille,
        control_permille: *control_permille,
        debtor_kind: challenger.map_or(0, |(kind, _)| *kind as i32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_the_names_of_the_contract() {
        let paths = [
            ("characteristics[3].bins[2].to", "characteristics[3].bins[2].upper_bound"),
            ("characteristics[0].missing.points", "characteristics[0].missing_points"),
            ("characteristics[0].bins[1].points", "characteristics[0].bins[1].points"),
            ("characteristics[1].special[2].value", "characteristics[1].special_values[2].value"),
            ("knock_outs[0].when[1].unknown", "knock_outs[0].when[1].unknown"),
            ("knock_outs[0].when[1].to", "knock_outs[0].when[1].upper_bound"),
            (
                "populations[1].characteristics[2].missing",
                "populations[1].characteristics[2].missing_points",
            ),
            ("populations[0].when[1].missing", "populations[0].when[1].missing"),
            ("derived[2].ratio.to", "derived[2].ratio.to"),
            ("derived[2].months_between.from", "derived[2].months_between.from"),
            ("derived[2].min[3]", "derived[2].min.features[3]"),
            ("derived[2].min", "derived[2].min"),
            ("derived[0].protected", "derived[0].protected_input"),
            ("cutoffs_by_stage.M2.a", "stage_cutoffs[M2].a"),
            ("priority.terms[1].kind", "priority.terms[1].custom_kind"),
            ("", ""),
        ];
        for (written, contract) in paths {
            assert_eq!(path_to(written), contract);
        }
    }
}
