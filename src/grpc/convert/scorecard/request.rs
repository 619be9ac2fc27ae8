//! The requests of ScorecardService.

use crate::engine::scorecard::proposal::{DecideCommand, Decision};
use crate::engine::scorecard::{
    ActivateCommand, CardField, ExperimentCommand, Subject, Target, UpdateCommand,
};
use crate::model::{DebtorKind, Experiment, ExperimentId, PortfolioId, Reason, Violations};
use crate::proto;
use crate::scoring::card::Card;
use crate::store::activations::RevisionName;

use super::super::field::{
    TEXT_BYTES_MAX, choice, id, number, optional_id, required_choice, shown, text,
};
use super::super::path::{Path, ROOT};
use super::super::time::instant;
use super::card;

/// Reads the name of a revision. `newest`: whether 0 stands for the newest one.
fn name(
    given: Option<proto::RevisionName>,
    newest: bool,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<RevisionName> {
    let Some(given) = given else {
        broken.required(at.to_string());
        return None;
    };
    let field = at.field("scorecard_id");
    if given.scorecard_id.is_empty() {
        broken.required(field.to_string());
    }
    let scorecard_id = text(given.scorecard_id, TEXT_BYTES_MAX, &field, broken);
    let field = at.field("revision_no").to_string();
    match given.revision_no {
        0 if !newest => broken.required(field),
        number if number < 0 => {
            broken.add(field, Reason::FieldOutOfRange, number, "0 or more is allowed");
        }
        _ => {}
    }
    Some(RevisionName { scorecard_id, revision_no: given.revision_no })
}

/// Reads the name of a revision, the newest of which has the number 0.
pub(in crate::grpc::convert) fn revision_name_at(
    given: proto::RevisionName,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<RevisionName> {
    name(Some(given), true, at, broken)
}

/// Reads a scorecard that is not stored.
pub(in crate::grpc::convert) fn given_card(
    given: proto::Scorecard,
    broken: &mut Violations,
) -> Card {
    card(given, &CardField::ALL, &ROOT.field("scorecard"), broken)
}

/// Reads which revision is asked for.
pub(in crate::grpc) fn revision_name(
    given: Option<proto::RevisionName>,
) -> Result<RevisionName, Violations> {
    let mut broken = Violations::new();
    let name = name(given, true, &ROOT.field("name"), &mut broken);
    name.filter(|_| broken.is_empty()).ok_or(broken)
}

/// Reads of which scorecard revisions are listed.
pub(in crate::grpc) fn scorecard_filter(given: String) -> Result<Option<String>, Violations> {
    let mut broken = Violations::new();
    let id = text(given, TEXT_BYTES_MAX, &ROOT.field("scorecard_id"), &mut broken);
    broken.or(Some(id).filter(|id| !id.is_empty()))
}

/// Reads what a draft is made of: the base, the scorecard, the title.
pub(in crate::grpc) fn create_request(
    given: proto::CreateRevisionRequest,
) -> Result<(Option<RevisionName>, Option<Card>, String), Violations> {
    let mut broken = Violations::new();
    let title = text(given.title, TEXT_BYTES_MAX, &ROOT.field("title"), &mut broken);
    if given.base.is_none() && given.scorecard.is_none() {
        broken.required("scorecard");
    }
    let base = given.base.map(|base| name(Some(base), true, &ROOT.field("base"), &mut broken));
    let at = ROOT.field("scorecard");
    let read = given.scorecard.map(|given| card(given, &CardField::ALL, &at, &mut broken));
    if let Some(card) = &read {
        scorecard_id(card, &at, &mut broken);
    }
    broken.or((base.flatten(), read, title))
}

/// The id of a new scorecard is checked at once: it can never be changed.
fn scorecard_id(card: &Card, at: &Path<'_>, broken: &mut Violations) {
    let id = &card.scorecard_id;
    let field = at.field("scorecard_id").to_string();
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if id.is_empty() {
        broken.required(field);
    } else if id.len() > 64 || !id.bytes().all(known) {
        let bound = "1 to 64 bytes of a-z, 0-9 and _ are allowed";
        broken.add(field, Reason::FieldMalformed, shown(id), bound);
    }
}

/// The parts of a scorecard by the names that an update mask has for them.
const MASKED: [(&str, CardField); 11] = [
    ("base_points", CardField::BasePoints),
    ("cutoffs", CardField::Cutoffs),
    ("stage_cutoffs", CardField::CutoffsByStage),
    ("diagnosis", CardField::Diagnosis),
    ("reason_points_min", CardField::ReasonPointsMin),
    ("derived", CardField::Derived),
    ("knock_outs", CardField::KnockOuts),
    ("characteristics", CardField::Characteristics),
    ("populations", CardField::Populations),
    ("priority", CardField::Priority),
    ("calibration", CardField::Calibration),
];

/// Reads a change of a draft.
pub(in crate::grpc) fn update_command(
    given: proto::UpdateRevisionRequest,
) -> Result<UpdateCommand, Violations> {
    let mut broken = Violations::new();
    let at = ROOT.field("revision");
    let Some(revision) = given.revision else {
        broken.required(at.to_string());
        return Err(broken);
    };
    let name = name(revision.name, false, &at.field("name"), &mut broken);
    if revision.etag.is_empty() {
        broken.required(at.field("etag").to_string());
    }
    let etag = text(revision.etag, TEXT_BYTES_MAX, &at.field("etag"), &mut broken);
    let (with_title, fields) = masked(given.update_mask, &mut broken);
    let title = text(revision.title, TEXT_BYTES_MAX, &at.field("title"), &mut broken);
    let mut changed = None;
    if !fields.is_empty() {
        match revision.scorecard {
            Some(given) => {
                let card = card(given, &fields, &at.field("scorecard"), &mut broken);
                changed = Some((card, fields));
            }
            None => broken.required(at.field("scorecard").to_string()),
        }
    }
    let title = with_title.then_some(title);
    match name {
        Some(name) if broken.is_empty() => Ok(UpdateCommand { name, etag, title, card: changed }),
        _ => Err(broken),
    }
}

/// Whether a mask names the title, and the parts of the scorecard that it names.
fn masked(mask: Option<prost_types::FieldMask>, broken: &mut Violations) -> (bool, Vec<CardField>) {
    let paths = mask.unwrap_or_default().paths;
    if paths.is_empty() {
        return (true, CardField::ALL.to_vec());
    }
    let mut title = false;
    let mut fields = Vec::new();
    for (place, path) in paths.iter().enumerate() {
        let part = path.strip_prefix("scorecard.");
        let part = part.and_then(|part| MASKED.iter().find(|masked| masked.0 == part));
        match (path.as_str(), part) {
            ("title", _) => title = true,
            ("scorecard", _) => fields = CardField::ALL.to_vec(),
            (_, Some((_, field))) => fields.push(*field),
            (_, None) => {
                let names: Vec<String> =
                    MASKED.iter().map(|(name, _)| format!("scorecard.{name}")).collect();
                let bound = format!("one of title, scorecard, {}", names.join(", "));
                let field = format!("update_mask.paths[{place}]");
                broken.add(field, Reason::FieldOutOfRange, shown(path), bound);
            }
        }
    }
    (title, fields)
}

/// Reads what is validated, and by whose settings.
pub(in crate::grpc) fn validate_request(
    given: proto::ValidateRevisionRequest,
) -> Result<(Subject, Option<PortfolioId>), Violations> {
    use proto::validate_revision_request::Subject as Given;
    let mut broken = Violations::new();
    let field = ROOT.field("portfolio_id");
    let portfolio_id = optional_id(&given.portfolio_id, PortfolioId::new, &field, &mut broken);
    let subject = match given.subject {
        Some(Given::Name(given)) => {
            name(Some(given), true, &ROOT.field("name"), &mut broken).map(Subject::Stored)
        }
        Some(Given::Scorecard(given)) => {
            let at = ROOT.field("scorecard");
            Some(Subject::Given(Box::new(card(given, &CardField::ALL, &at, &mut broken))))
        }
        None => {
            broken.required("name");
            None
        }
    };
    match subject {
        Some(subject) if broken.is_empty() => Ok((subject, portfolio_id)),
        _ => Err(broken),
    }
}

/// Reads an activation.
pub(in crate::grpc) fn activate_command(
    given: proto::ActivateRevisionRequest,
) -> Result<ActivateCommand, Violations> {
    use proto::activate_revision_request::Target as Given;
    let mut broken = Violations::new();
    let field = ROOT.field("portfolio_id");
    let portfolio_id = id(&given.portfolio_id, PortfolioId::new, &field, &mut broken);
    let known = |number: i32| DebtorKind::from_number(i64::from(number));
    let kind = choice(given.debtor_kind, known, &ROOT.field("debtor_kind"), &mut broken);
    let kind = kind.unwrap_or(DebtorKind::Person);
    let target = match given.target {
        Some(Given::Revision(revision)) => {
            let name = name(Some(revision), false, &ROOT.field("revision"), &mut broken);
            name.map(|name| Target::Revision(name, kind))
        }
        Some(Given::RollbackToActivationId(id)) => {
            number_from_1(id, "rollback_to_activation_id", &mut broken);
            Some(Target::Activation(id))
        }
        None => {
            broken.required("revision");
            None
        }
    };
    let experiment = given.experiment.map(|given| {
        if matches!(target, Some(Target::Activation(_))) {
            let bound = "a rollback brings back the experiment that ran then, or none";
            let id = shown(&given.experiment_id);
            broken.add("experiment", Reason::FieldConflict, id, bound);
        }
        experiment(given, &mut broken)
    });
    number_from_1(given.expected_activation_id, "expected_activation_id", &mut broken);
    if given.reason.is_empty() {
        broken.required("reason");
    }
    let reason = text(given.reason, TEXT_BYTES_MAX, &ROOT.field("reason"), &mut broken);
    let field = ROOT.field("start_time");
    let start_time = given.start_time.and_then(|time| instant(&time, &field, &mut broken));
    match portfolio_id.zip(target) {
        Some((portfolio_id, target)) if broken.is_empty() => Ok(ActivateCommand {
            portfolio_id,
            target,
            expected_activation_id: given.expected_activation_id,
            reason,
            validate_only: given.validate_only,
            start_time,
            experiment: experiment.flatten(),
        }),
        _ => Err(broken),
    }
}

/// Reads a decision on a proposal.
pub(in crate::grpc) fn decide_command(
    given: proto::DecideActivationRequest,
) -> Result<DecideCommand, Violations> {
    use proto::ActivationDecision as Given;
    let mut broken = Violations::new();
    let field = ROOT.field("portfolio_id");
    let portfolio_id = id(&given.portfolio_id, PortfolioId::new, &field, &mut broken);
    number_from_1(given.proposal_id, "proposal_id", &mut broken);
    let known = |number: i32| match Given::try_from(number).ok()? {
        Given::Unspecified => None,
        Given::Approve => Some(Decision::Approve),
        Given::Reject => Some(Decision::Reject),
        Given::Withdraw => Some(Decision::Withdraw),
    };
    let decision = required_choice(given.decision, known, &ROOT.field("decision"), &mut broken);
    if given.reason.is_empty() {
        broken.required("reason");
    }
    let reason = text(given.reason, TEXT_BYTES_MAX, &ROOT.field("reason"), &mut broken);
    match portfolio_id.zip(decision) {
        Some((portfolio_id, decision)) if broken.is_empty() => Ok(DecideCommand {
            portfolio_id,
            proposal_id: given.proposal_id,
            decision,
            reason,
            validate_only: given.validate_only,
        }),
        _ => Err(broken),
    }
}

/// Reads an experiment. One has a challenger, or a control share, or both.
fn experiment(given: proto::Experiment, broken: &mut Violations) -> Option<ExperimentCommand> {
    let at = ROOT.field("experiment");
    let field = at.field("experiment_id");
    let experiment_id = id(&given.experiment_id, ExperimentId::new, &field, broken);
    let with_challenger = given.challenger.is_some() || given.challenger_permille != 0;
    if with_challenger && given.challenger.is_none() {
        broken.required(at.field("challenger").to_string());
    }
    let field = at.field("challenger");
    let challenger = given.challenger.and_then(|given| name(Some(given), false, &field, broken));
    let bounds = (i32::from(with_challenger), Experiment::CHALLENGER_PERMILLE_MAX);
    let field = at.field("challenger_permille");
    let challenger_permille = number(given.challenger_permille, bounds, &field, broken);
    let bounds = (i32::from(!with_challenger), Experiment::CONTROL_PERMILLE_MAX);
    let field = at.field("control_permille");
    let control_permille = number(given.control_permille, bounds, &field, broken);
    let experiment =
        Experiment { experiment_id: experiment_id?, challenger_permille, control_permille };
    Some(ExperimentCommand { experiment, challenger })
}

fn number_from_1(number: i64, field: &'static str, broken: &mut Violations) {
    match number {
        0 => broken.required(field),
        number if number < 0 => {
            broken.add(field, Reason::FieldOutOfRange, number, "1 or more is allowed");
        }
        _ => {}
    }
}
