//! Knock-out rules and the calibration of a scorecard, in both directions.

use crate::model::Violations;
use crate::proto;
use crate::scoring::card::{Calibration, CalibrationPoint, Condition, KnockOut};

use super::super::path::Path;
use super::super::time::{date, day};
use super::write::{kind_to, reason_to};
use super::{custom_kind, reason_text, required};

/// Reads a knock-out rule.
pub(super) fn knock_out(
    given: proto::KnockOut,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<KnockOut> {
    let reason = required(given.reason, &at.field("reason"), broken);
    let reason = reason.and_then(|reason| reason_text(reason, &at.field("reason"), broken));
    let mut when = Vec::with_capacity(given.when.len());
    for (place, one) in given.when.into_iter().enumerate() {
        when.push(condition(one, &at.item("when", place), broken));
    }
    Some(KnockOut { name: given.name, when, score: given.score, reason: reason? })
}

fn condition(given: proto::Condition, at: &Path<'_>, broken: &mut Violations) -> Condition {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    Condition {
        kind: custom_kind(given.custom_kind, at, broken),
        feature: given.feature,
        protected: given.protected_input,
        from: some(given.lower_bound),
        to: some(given.upper_bound),
        is: Some(given.categories).filter(|names| !names.is_empty()),
        missing: given.missing,
        unknown: given.unknown,
    }
}

/// A knock-out rule.
pub(super) fn knock_out_to(rule: &KnockOut) -> proto::KnockOut {
    proto::KnockOut {
        name: rule.name.clone(),
        when: rule.when.iter().map(condition_to).collect(),
        score: rule.score,
        reason: Some(reason_to(&rule.reason)),
    }
}

fn condition_to(one: &Condition) -> proto::Condition {
    proto::Condition {
        feature: one.feature.clone(),
        custom_kind: kind_to(one.kind.as_deref()),
        protected_input: one.protected,
        lower_bound: one.from.clone().unwrap_or_default(),
        upper_bound: one.to.clone().unwrap_or_default(),
        categories: one.is.clone().unwrap_or_default(),
        missing: one.missing,
        unknown: one.unknown,
    }
}

/// Reads a calibration.
pub(super) fn calibration(
    given: proto::Calibration,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<Calibration> {
    let field = at.field("as_of_date");
    let as_of = required(given.as_of_date, &field, broken);
    let as_of = as_of.and_then(|date| day(&date, &field, broken))?;
    let points = given.points.iter().map(|point| CalibrationPoint {
        score: point.score,
        recovered_permille: point.recovered_permille,
    });
    Some(Calibration {
        horizon_days: given.horizon_days,
        source: given.source,
        as_of_date: as_of.to_string(),
        points: points.collect(),
    })
}

/// A calibration. A date that is none is left out; such a scorecard was never stored.
pub(super) fn calibration_to(written: &Calibration) -> proto::Calibration {
    let points = written.points.iter().map(|point| proto::CalibrationPoint {
        score: point.score,
        recovered_permille: point.recovered_permille,
    });
    proto::Calibration {
        horizon_days: written.horizon_days,
        source: written.source.clone(),
        as_of_date: written.as_of_day().map(date),
        points: points.collect(),
    }
}
