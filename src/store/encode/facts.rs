//! Facts as stored messages.

use prost::Message;

use crate::model::{
    ArrearsMonth, CloseReason, ContactPoint, ContactPointKind, ContactPointState, CustomFeature,
    CustomValue, Day, DebtorId, DebtorKind, Facts, Input, Inputs, Instalment, Sealed,
};

use super::super::StoreError;
use super::{Place, stored};

/// The stored form; equal facts give equal bytes.
pub(crate) fn facts_to(facts: &Facts) -> stored::CaseFacts {
    stored::CaseFacts {
        overdue_amount_minor: facts.overdue_amount_minor,
        oldest_due_date: facts.oldest_due_date.map(|day| day.0),
        outstanding_amount_minor: facts.outstanding_amount_minor,
        close_reason: facts.close_reason.map_or(0, |reason| reason as i32),
        close_date: facts.close_date.map(|day| day.0),
        debtor_kind: facts.debtor_kind.map_or(0, |kind| kind as i32),
        language: facts.language.clone(),
        instalments: facts.instalments.iter().map(instalment_to).collect(),
        arrears_profile: facts.arrears_profile.iter().map(month_to).collect(),
        inputs: facts
            .inputs
            .iter()
            .map(|(input, value)| stored::Input { input_no: input as i32, value })
            .collect(),
        contact_points: facts.contact_points.iter().map(contact_to).collect(),
        custom_features: facts.custom_features.iter().map(custom_to).collect(),
        sealed: facts.sealed.0.clone(),
    }
}

fn instalment_to(instalment: &Instalment) -> stored::Instalment {
    stored::Instalment {
        due_date: instalment.due_date.0,
        due_amount_minor: instalment.due_amount_minor,
        paid_amount_minor: instalment.paid_amount_minor,
        paid_date: instalment.paid_date.map(|day| day.0),
    }
}

fn month_to(month: &ArrearsMonth) -> stored::ArrearsMonth {
    stored::ArrearsMonth {
        month: month.month.0,
        months_past_due: month.months_past_due,
        billed_amount_minor: month.billed_amount_minor,
        paid_amount_minor: month.paid_amount_minor,
    }
}

fn contact_to(point: &ContactPoint) -> stored::ContactPoint {
    stored::ContactPoint {
        contact_point_id: point.contact_point_id.clone(),
        kind: point.kind.map_or(0, |kind| kind as i32),
        time_zone: point.time_zone.clone(),
        jurisdiction: point.jurisdiction.clone(),
        state: point.state.map_or(0, |state| state as i32),
    }
}

fn custom_to(feature: &CustomFeature) -> stored::CustomFeature {
    use stored::custom_feature::Value;
    let value = match &feature.value {
        CustomValue::Number(micros) => Value::NumberMicros(*micros),
        CustomValue::Text(text) => Value::Text(text.clone()),
        CustomValue::Flag(flag) => Value::Flag(*flag),
    };
    stored::CustomFeature { feature_id: feature.feature_id.clone(), value: Some(value) }
}

/// The facts of stored bytes.
pub(crate) fn facts_from(bytes: &[u8], place: Place) -> Result<Facts, StoreError> {
    facts_of(place.decode(bytes)?, place)
}

/// The facts of a stored message.
pub(crate) fn facts_of(stored: stored::CaseFacts, place: Place) -> Result<Facts, StoreError> {
    let mut inputs = Inputs::new();
    for input in &stored.inputs {
        let known = Input::from_number(input.input_no)
            .ok_or_else(|| place.corrupt(format!("input {} is not known", input.input_no)))?;
        inputs.set(known, input.value);
    }
    let close_reason = known(stored.close_reason, "close reason", place, |number| {
        CloseReason::from_number(i64::from(number))
    })?;
    let debtor_kind = known(stored.debtor_kind, "debtor kind", place, |number| {
        DebtorKind::from_number(i64::from(number))
    })?;
    Ok(Facts {
        overdue_amount_minor: stored.overdue_amount_minor,
        oldest_due_date: stored.oldest_due_date.map(Day),
        outstanding_amount_minor: stored.outstanding_amount_minor,
        close_reason,
        close_date: stored.close_date.map(Day),
        debtor_kind,
        language: stored.language,
        instalments: stored.instalments.iter().map(instalment_from).collect(),
        arrears_profile: stored.arrears_profile.iter().map(month_from).collect(),
        inputs,
        contact_points: stored
            .contact_points
            .into_iter()
            .map(|point| contact_from(point, place))
            .collect::<Result<_, _>>()?,
        custom_features: stored
            .custom_features
            .into_iter()
            .map(|feature| custom_from(feature, place))
            .collect::<Result<_, _>>()?,
        sealed: Sealed(stored.sealed),
    })
}

/// A number that stands for something known, or 0 for nothing.
fn known<T>(
    number: i32,
    what: &str,
    place: Place,
    find: impl FnOnce(i32) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    if number == 0 {
        return Ok(None);
    }
    match find(number) {
        Some(value) => Ok(Some(value)),
        None => Err(place.corrupt(format!("{what} {number} is not known"))),
    }
}

fn instalment_from(stored: &stored::Instalment) -> Instalment {
    Instalment {
        due_date: Day(stored.due_date),
        due_amount_minor: stored.due_amount_minor,
        paid_amount_minor: stored.paid_amount_minor,
        paid_date: stored.paid_date.map(Day),
    }
}

fn month_from(stored: &stored::ArrearsMonth) -> ArrearsMonth {
    ArrearsMonth {
        month: Day(stored.month),
        months_past_due: stored.months_past_due,
        billed_amount_minor: stored.billed_amount_minor,
        paid_amount_minor: stored.paid_amount_minor,
    }
}

fn contact_from(stored: stored::ContactPoint, place: Place) -> Result<ContactPoint, StoreError> {
    Ok(ContactPoint {
        kind: known(stored.kind, "contact point kind", place, ContactPointKind::from_number)?,
        state: known(stored.state, "contact point state", place, ContactPointState::from_number)?,
        contact_point_id: stored.contact_point_id,
        time_zone: stored.time_zone,
        jurisdiction: stored.jurisdiction,
    })
}

fn custom_from(stored: stored::CustomFeature, place: Place) -> Result<CustomFeature, StoreError> {
    use stored::custom_feature::Value;
    let value = match stored.value {
        Some(Value::NumberMicros(micros)) => CustomValue::Number(micros),
        Some(Value::Text(text)) => CustomValue::Text(text),
        Some(Value::Flag(flag)) => CustomValue::Flag(flag),
        None => return Err(place.corrupt(format!("{} has no value", stored.feature_id))),
    };
    Ok(CustomFeature { feature_id: stored.feature_id, value })
}

/// The stored bytes of facts.
pub(crate) fn encode_facts(facts: &Facts) -> Vec<u8> {
    facts_to(facts).encode_to_vec()
}

/// The hash of what a document says, the debtor included, from the stored bytes of
/// its facts; sequence and instant are not content.
pub(crate) fn content_hash(debtor_id: &DebtorId, facts: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let id = debtor_id.as_str();
    hasher.update(&u32::try_from(id.len()).unwrap_or(u32::MAX).to_be_bytes());
    hasher.update(id.as_bytes());
    hasher.update(facts);
    hasher.finalize().into()
}

/// [`stored::EventBody`] of a document whose facts are kept whole and are encoded
/// already: a message and its bytes look the same within another message.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WholeFactsBody {
    /// As `EventBody.facts`.
    #[prost(message, optional, tag = "1")]
    pub(crate) facts: Option<WholeFacts>,
    /// As `EventBody.tolerance_amount_minor`.
    #[prost(int64, optional, tag = "10")]
    pub(crate) tolerance_amount_minor: Option<i64>,
}

/// [`stored::FactsDelta`] with its whole facts as bytes.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WholeFacts {
    /// As `FactsDelta.full`.
    #[prost(bytes = "vec", optional, tag = "1")]
    pub(crate) full: Option<Vec<u8>>,
    /// As `FactsDelta.as_of_micros`.
    #[prost(int64, tag = "4")]
    pub(crate) as_of_micros: i64,
    /// As `FactsDelta.source_sequence`.
    #[prost(int64, optional, tag = "5")]
    pub(crate) source_sequence: Option<i64>,
    /// As `FactsDelta.debtor_id`.
    #[prost(string, tag = "6")]
    pub(crate) debtor_id: String,
}

/// Hands the fields of facts, with their numbers, to a macro.
macro_rules! with_fields {
    ($macro:ident) => {
        $macro! {
            1 overdue_amount_minor;
            2 oldest_due_date;
            3 outstanding_amount_minor;
            4 close_reason;
            5 close_date;
            6 debtor_kind;
            7 language;
            8 instalments;
            9 arrears_profile;
            10 inputs;
            11 contact_points;
            12 custom_features;
            13 sealed;
        }
    };
}

/// What changed between two versions of facts: the fields that differ, each
/// whole, and their numbers.
pub(crate) fn changed_fields(
    old: &stored::CaseFacts,
    new: &stored::CaseFacts,
) -> (stored::CaseFacts, Vec<i32>) {
    let mut changed = stored::CaseFacts::default();
    let mut numbers = Vec::new();
    macro_rules! compare {
        ($($number:literal $field:ident;)+) => {$(
            if old.$field != new.$field {
                changed.$field = new.$field.clone();
                numbers.push($number);
            }
        )+};
    }
    with_fields!(compare);
    (changed, numbers)
}

/// The inverse of [`changed_fields`]: puts what changed over what was.
pub(crate) fn apply_changed(
    facts: &mut stored::CaseFacts,
    changed: &stored::CaseFacts,
    numbers: &[i32],
    place: Place,
) -> Result<(), StoreError> {
    for number in numbers {
        macro_rules! replace {
            ($($number:literal $field:ident;)+) => {
                match number {
                    $($number => facts.$field = changed.$field.clone(),)+
                    other => {
                        return Err(place.corrupt(format!("changed field {other} is not known")));
                    }
                }
            };
        }
        with_fields!(replace);
    }
    Ok(())
}
