//! Scorecards as the contract speaks of them. What is read here is only whether the
//! message is one; whether the scorecard makes sense shows when it is compiled.

use std::collections::BTreeMap;

use crate::engine::scorecard::CardField;
use crate::model::{Reason, Stage, Violations};
use crate::proto;
use crate::scoring::card::{
    Bin, Card, Characteristic, Cutoffs, DiagnosisRule, Direction, Points, Priority, ReasonText,
    Special, Term,
};
use crate::scoring::{Audience, Dimension, Family};

use super::field::{TEXT_BYTES_MAX, choice, required_choice, text};
use super::path::{Path, ROOT};

mod request;
mod rules;
mod write;

pub(in crate::grpc) use request::{
    activate_command, create_request, decide_command, revision_name, scorecard_filter,
    update_command, validate_request,
};
pub(super) use request::{given_card, revision_name_at};
pub(super) use rules::{condition_to, conditions};
pub(in crate::grpc) use write::{
    activation_to, finding_to, findings_to, head_to, hex, path_to, proposal_to, proposals_to,
    revision_to,
};

const CUSTOM_KINDS: [&str; 3] = ["NUMBER", "TEXT", "FLAG"];

/// Reads a scorecard as the contract writes it.
///
/// # Errors
/// Every field that makes no sense by itself; whether the scorecard can rank shows when
/// it is compiled.
pub fn card_of(scorecard: proto::Scorecard) -> Result<Card, Violations> {
    let mut broken = Violations::new();
    let read = card(scorecard, &CardField::ALL, &ROOT.field("scorecard"), &mut broken);
    broken.or(read)
}

/// A scorecard as the contract writes it.
pub fn scorecard_of(card: &Card) -> proto::Scorecard {
    write::card_to(card)
}

/// Reads the parts of a scorecard that are asked for; the others are left empty.
fn card(
    given: proto::Scorecard,
    fields: &[CardField],
    at: &Path<'_>,
    broken: &mut Violations,
) -> Card {
    let asked = |field| fields.contains(&field);
    let cutoffs = match asked(CardField::Cutoffs) {
        true => required(given.cutoffs, &at.field("cutoffs"), broken),
        false => None,
    };
    let diagnosis = match asked(CardField::Diagnosis) {
        true => required(given.diagnosis, &at.field("diagnosis"), broken),
        false => None,
    };
    let priority = match asked(CardField::Priority) {
        true => required(given.priority, &at.field("priority"), broken),
        false => None,
    };
    let mut characteristics = Vec::new();
    if asked(CardField::Characteristics) {
        characteristics = self::characteristics(given.characteristics, at, broken);
    }
    let mut derived = Vec::new();
    if asked(CardField::Derived) {
        for (place, one) in given.derived.into_iter().enumerate() {
            derived.extend(rules::derived(one, &at.item("derived", place), broken));
        }
    }
    let mut knock_outs = Vec::new();
    if asked(CardField::KnockOuts) {
        for (place, one) in given.knock_outs.into_iter().enumerate() {
            knock_outs.extend(rules::knock_out(one, &at.item("knock_outs", place), broken));
        }
    }
    let mut populations = Vec::new();
    if asked(CardField::Populations) {
        for (place, one) in given.populations.into_iter().enumerate() {
            populations.push(rules::population(one, &at.item("populations", place), broken));
        }
    }
    let calibration = match asked(CardField::Calibration) {
        true => given.calibration,
        false => None,
    };
    let calibration =
        calibration.and_then(|one| rules::calibration(one, &at.field("calibration"), broken));
    let cutoffs_by_stage = match asked(CardField::CutoffsByStage) {
        true => stage_cutoffs(&given.stage_cutoffs, at, broken),
        false => BTreeMap::new(),
    };
    let diagnosis = diagnosis.unwrap_or_default();
    Card {
        scorecard_id: text(given.scorecard_id, TEXT_BYTES_MAX, &at.field("scorecard_id"), broken),
        base_points: given.base_points,
        cutoffs: cutoffs_of(cutoffs.unwrap_or_default()),
        cutoffs_by_stage,
        diagnosis: DiagnosisRule {
            low_below_permille: diagnosis.low_below_permille,
            known_from_permille: diagnosis.known_from_permille,
        },
        reason_points_min: given.reason_points_min.unwrap_or(1),
        derived,
        knock_outs,
        characteristics,
        populations,
        priority: formula(priority.unwrap_or_default(), &at.field("priority"), broken),
        calibration,
    }
}

fn required<T>(given: Option<T>, at: &Path<'_>, broken: &mut Violations) -> Option<T> {
    if given.is_none() {
        broken.required(at.to_string());
    }
    given
}

fn cutoffs_of(given: proto::Cutoffs) -> Cutoffs {
    Cutoffs { a: given.a, b: given.b }
}

fn stage_cutoffs(
    given: &[proto::StageCutoffs],
    at: &Path<'_>,
    broken: &mut Violations,
) -> BTreeMap<String, Cutoffs> {
    let mut read = BTreeMap::new();
    for (place, one) in given.iter().enumerate() {
        let at = at.item("stage_cutoffs", place);
        let known = |number: i32| Stage::from_number(i64::from(number));
        let stage = required_choice(one.stage, known, &at.field("stage"), broken);
        let cutoffs = required(one.cutoffs, &at.field("cutoffs"), broken);
        let Some((stage, cutoffs)) = stage.zip(cutoffs) else { continue };
        if read.insert(stage.name().to_owned(), cutoffs_of(cutoffs)).is_some() {
            let field = at.field("stage").to_string();
            broken.add(field, Reason::FieldConflict, stage.name(), "each stage may stand once");
        }
    }
    read
}

fn characteristics(
    given: Vec<proto::Characteristic>,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Vec<Characteristic> {
    let mut read = Vec::with_capacity(given.len());
    for (place, one) in given.into_iter().enumerate() {
        read.extend(characteristic(one, &at.item("characteristics", place), broken));
    }
    read
}

fn characteristic(
    given: proto::Characteristic,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<Characteristic> {
    let known = |number: i32| Family::ALL.into_iter().find(|family| *family as i32 == number);
    let family = required_choice(given.family, known, &at.field("family"), broken);
    let known = |number: i32| Dimension::ALL.into_iter().find(|one| *one as i32 == number);
    let dimension = required_choice(given.dimension, known, &at.field("dimension"), broken);
    let kind = custom_kind(given.custom_kind, at, broken);
    let reason = required(given.reason, &at.field("reason"), broken);
    let reason = reason.and_then(|reason| reason_text(reason, &at.field("reason"), broken));
    let bins = bins(given.bins, at, broken);
    let special = special_values(given.special_values, at, broken);
    let known = |number: i32| Direction::ALL.into_iter().find(|one| *one as i32 == number);
    let direction = choice(given.direction, known, &at.field("direction"), broken);
    let without_range = [
        (given.missing_points, given.missing_locked),
        (given.unknown_points, given.unknown_locked),
        (given.other_points, given.other_locked),
    ];
    let [missing, unknown, other] = points(without_range, at, broken);
    Some(Characteristic {
        name: given.name,
        feature: given.feature,
        kind,
        family: family?,
        dimension: dimension?,
        weight_milli: given.weight_milli.unwrap_or(1_000),
        direction,
        protected: given.protected_input,
        reason: reason?,
        missing,
        unknown,
        other,
        special,
        bins,
    })
}

/// The points of missing, unknown and other, in this order, each with whether they are
/// locked.
fn points(
    given: [(Option<i32>, bool); 3],
    at: &Path<'_>,
    broken: &mut Violations,
) -> [Option<Points>; 3] {
    let fields = ["missing_locked", "unknown_locked", "other_locked"];
    for (field, (given, locked)) in fields.into_iter().zip(given) {
        if given.is_none() && locked {
            let bound = "there are no points to lock";
            broken.add(at.field(field).to_string(), Reason::FieldConflict, locked, bound);
        }
    }
    given.map(|(given, locked)| given.map(|points| Points { points, locked }))
}

fn custom_kind(given: i32, at: &Path<'_>, broken: &mut Violations) -> Option<String> {
    let known = |number: i32| CUSTOM_KINDS.get(usize::try_from(number).ok()?.checked_sub(1)?);
    let kind = choice(given, known, &at.field("custom_kind"), broken);
    kind.map(|kind| (*kind).to_owned())
}

fn reason_text(
    given: proto::ReasonText,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<ReasonText> {
    let all = [Audience::Agent, Audience::Analyst];
    let known = |number: i32| all.into_iter().find(|audience| *audience as i32 == number);
    let audience = required_choice(given.audience, known, &at.field("audience"), broken);
    let texts = given.texts.into_iter().collect();
    Some(ReasonText { code: given.code, text: given.text, audience: audience?, texts })
}

fn bins(given: Vec<proto::Bin>, at: &Path<'_>, broken: &mut Violations) -> Vec<Bin> {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let mut read = Vec::with_capacity(given.len());
    for (place, one) in given.into_iter().enumerate() {
        let at = at.item("bins", place);
        let reason = one.reason.and_then(|reason| reason_text(reason, &at.field("reason"), broken));
        read.push(Bin {
            from: some(one.lower_bound),
            to: some(one.upper_bound),
            is: Some(one.categories).filter(|names| !names.is_empty()),
            points: one.points,
            locked: one.locked,
            reason,
        });
    }
    read
}

fn special_values(
    given: Vec<proto::SpecialValue>,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Vec<Special> {
    let mut read = Vec::with_capacity(given.len());
    for (place, one) in given.into_iter().enumerate() {
        let item = at.item("special_values", place);
        let at = item.field("reason");
        let reason = one.reason.and_then(|reason| reason_text(reason, &at, broken));
        let proto::SpecialValue { value, points, label, locked, .. } = one;
        read.push(Special { value, points, locked, label, reason });
    }
    read
}

fn formula(given: proto::PriorityFormula, at: &Path<'_>, broken: &mut Violations) -> Priority {
    let mut terms = Vec::with_capacity(given.terms.len());
    for (place, one) in given.terms.into_iter().enumerate() {
        let at = at.item("terms", place);
        let without_range = [
            (one.missing_points, one.missing_locked),
            (one.unknown_points, one.unknown_locked),
            (one.other_points, one.other_locked),
        ];
        let [missing, unknown, other] = points(without_range, &at, broken);
        terms.push(Term {
            kind: custom_kind(one.custom_kind, &at, broken),
            bins: bins(one.bins, &at, broken),
            special: special_values(one.special_values, &at, broken),
            term: one.term,
            feature: one.feature,
            only_below_days_past_due: one.only_below_days_past_due,
            protected: one.protected_input,
            missing,
            unknown,
            other,
        });
    }
    Priority { base_points: given.base_points, terms }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::{BUSINESS_YAML, CONSUMER_YAML};

    #[test]
    fn a_scorecard_written_as_a_message_reads_back_the_same() {
        let whole = include_str!("../../../tests/testdata/scorecards/whole.yaml");
        for yaml in [CONSUMER_YAML, BUSINESS_YAML, whole] {
            let shipped = Card::read(yaml).expect("it is a scorecard");
            assert_eq!(card_of(scorecard_of(&shipped)), Ok(shipped));
        }
    }
}
