//! Contact points and custom features: lists of the caller's own names.

use std::collections::HashSet;

use crate::model::{
    ContactPoint, ContactPointKind, ContactPointState, CustomFeature, CustomValue, Reason,
    Violations, check_id,
};
use crate::policy::{Zone, ZoneSet, ZoneSetError};
use crate::proto;

use super::field::{choice, count, id, shown, text};
use super::path::Path;

/// The most contact points of a document.
const CONTACT_POINTS_MAX: usize = 16;

/// The longest ISO 3166 code, in bytes.
const JURISDICTION_BYTES_MAX: usize = 16;

/// The most custom features of a document.
const CUSTOM_FEATURES_MAX: usize = 200;

/// The longest name of a custom feature, in bytes.
const FEATURE_ID_BYTES_MAX: usize = 64;

/// The longest text of a custom feature, in bytes.
const FEATURE_TEXT_BYTES_MAX: usize = 128;

/// The largest custom number; its millionths still fit into an i64.
const FEATURE_NUMBER_MAX: f64 = 9e12;

/// Reads contact points, sorted by id. At most eight zones among those in use.
pub(super) fn contact_points(
    given: Vec<proto::ContactPoint>,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Vec<ContactPoint> {
    if !count(given.len(), (0, CONTACT_POINTS_MAX), &at.field("contact_points"), broken) {
        return Vec::new();
    }
    let mut seen = HashSet::new();
    let mut read = Vec::with_capacity(given.len());
    for (place, given) in given.into_iter().enumerate() {
        let at = at.item("contact_points", place);
        let field = at.field("contact_point_id");
        let checked = |id: String| check_id(&id).map(|()| id);
        if let Some(id) = id(&given.contact_point_id, checked, &field, broken) {
            once(id, &mut seen, &field, broken);
        }
        read.push(contact_point(given, &at, broken));
    }
    let zones = read.iter().filter(|point| point.usable()).map(|point| point.time_zone.as_str());
    if let Err(error @ ZoneSetError::TooMany { count }) = ZoneSet::new(zones) {
        let field = at.field("contact_points").to_string();
        broken.add(field, Reason::FieldOutOfRange, count, error.to_string());
    }
    read.sort_unstable_by(|a, b| a.contact_point_id.cmp(&b.contact_point_id));
    read
}

fn contact_point(
    given: proto::ContactPoint,
    at: &Path<'_>,
    broken: &mut Violations,
) -> ContactPoint {
    let kind = choice(given.kind, ContactPointKind::from_number, &at.field("kind"), broken);
    let state = choice(given.state, ContactPointState::from_number, &at.field("state"), broken);
    ContactPoint {
        contact_point_id: given.contact_point_id,
        kind,
        time_zone: time_zone(&given.time_zone, &at.field("time_zone"), broken),
        jurisdiction: jurisdiction(given.jurisdiction, &at.field("jurisdiction"), broken),
        state,
    }
}

/// A time zone in its published spelling; empty stays empty.
pub(super) fn time_zone(name: &str, at: &Path<'_>, broken: &mut Violations) -> String {
    if name.is_empty() {
        return String::new();
    }
    match Zone::new(&shown(name)) {
        Ok(zone) => zone.name().to_owned(),
        Err(error) => {
            broken.add(at.to_string(), Reason::FieldMalformed, shown(name), error.to_string());
            String::new()
        }
    }
}

fn jurisdiction(code: String, at: &Path<'_>, broken: &mut Violations) -> String {
    let upper = |part: &str| part.bytes().all(|byte| byte.is_ascii_uppercase());
    let mixed =
        |part: &str| part.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let good = match code.split_once('-') {
        None => code.is_empty() || (code.len() == 2 && upper(&code)),
        Some((country, rest)) => {
            country.len() == 2 && upper(country) && !rest.is_empty() && mixed(rest)
        }
    };
    if !good || code.len() > JURISDICTION_BYTES_MAX {
        let bound = "an ISO 3166 code of at most 16 bytes, such as `DE` or `US-NY`";
        broken.add(at.to_string(), Reason::FieldMalformed, shown(&code), bound);
    }
    code
}

/// Reads custom features, sorted by name.
pub(super) fn custom_features(
    given: Vec<proto::CustomFeature>,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Vec<CustomFeature> {
    if !count(given.len(), (0, CUSTOM_FEATURES_MAX), &at.field("custom_features"), broken) {
        return Vec::new();
    }
    let mut seen = HashSet::new();
    let mut read = Vec::with_capacity(given.len());
    for (place, given) in given.into_iter().enumerate() {
        let at = at.item("custom_features", place);
        let field = at.field("feature_id");
        if feature_id(&given.feature_id, &field, broken) {
            once(given.feature_id.clone(), &mut seen, &field, broken);
        }
        let value = custom_value(given.value, &at, broken);
        read.extend(value.map(|value| CustomFeature { feature_id: given.feature_id, value }));
    }
    read.sort_unstable_by(|a, b| a.feature_id.cmp(&b.feature_id));
    read
}

fn feature_id(name: &str, at: &Path<'_>, broken: &mut Violations) -> bool {
    if name.is_empty() {
        broken.required(at.to_string());
        return false;
    }
    let good = name.len() <= FEATURE_ID_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !good {
        let bound = "1 to 64 bytes of a-z, 0-9 and _, starting with a letter";
        broken.add(at.to_string(), Reason::FieldMalformed, shown(name), bound);
    }
    good
}

fn custom_value(
    given: Option<proto::custom_feature::Value>,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<CustomValue> {
    use proto::custom_feature::Value;
    match given {
        None => {
            broken.required(at.field("value").to_string());
            None
        }
        Some(Value::Number(number)) => {
            let millionths = millionths(number);
            if millionths.is_none() {
                let field = at.field("number").to_string();
                let (reason, bound) = match number.is_finite() {
                    true => (Reason::FieldOutOfRange, "-9·10^12 to 9·10^12 are allowed"),
                    false => (Reason::FieldMalformed, "a finite number"),
                };
                broken.add(field, reason, number, bound);
            }
            millionths.map(CustomValue::Number)
        }
        Some(Value::Text(value)) => {
            let field = at.field("text");
            Some(CustomValue::Text(text(value, FEATURE_TEXT_BYTES_MAX, &field, broken)))
        }
        Some(Value::Flag(flag)) => Some(CustomValue::Flag(flag)),
    }
}

/// The nearest count of millionths, halves away from zero.
fn millionths(number: f64) -> Option<i64> {
    // Within the bound the product fits, so the cast cannot saturate.
    (number.abs() <= FEATURE_NUMBER_MAX).then(|| (number * 1e6).round() as i64)
}

fn once(name: String, seen: &mut HashSet<String>, at: &Path<'_>, broken: &mut Violations) {
    if let Some(name) = seen.replace(name) {
        let bound = "each may occur once";
        broken.add(at.to_string(), Reason::FieldConflict, shown(&name), bound);
    }
}

/// Contact points as the contract writes them.
pub(super) fn contact_points_to(points: &[ContactPoint]) -> Vec<proto::ContactPoint> {
    let one = |point: &ContactPoint| proto::ContactPoint {
        contact_point_id: point.contact_point_id.clone(),
        kind: point.kind.map_or(0, |kind| kind as i32),
        time_zone: point.time_zone.clone(),
        jurisdiction: point.jurisdiction.clone(),
        state: point.state.map_or(0, |state| state as i32),
    };
    points.iter().map(one).collect()
}

/// Custom features as the contract writes them.
pub(super) fn custom_features_to(features: &[CustomFeature]) -> Vec<proto::CustomFeature> {
    use proto::custom_feature::Value;
    let one = |feature: &CustomFeature| proto::CustomFeature {
        feature_id: feature.feature_id.clone(),
        value: Some(match &feature.value {
            CustomValue::Number(millionths) => Value::Number(*millionths as f64 / 1e6),
            CustomValue::Text(text) => Value::Text(text.clone()),
            CustomValue::Flag(flag) => Value::Flag(*flag),
        }),
    };
    features.iter().map(one).collect()
}
