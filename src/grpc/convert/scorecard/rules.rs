//! Derived features, knock-out rules, populations and the calibration of a scorecard, in both directions.

use crate::model::Violations;
use crate::proto;
use crate::scoring::card::{
    Calibration, CalibrationPoint, Change, Condition, Derived, Difference, KnockOut, MonthsBetween,
    Population, Ratio,
};

use super::super::path::Path;
use super::super::time::{date, day};
use super::write::{characteristic_to, kind_to, reason_to};
use super::{characteristics, custom_kind, reason_text, required};

/// Reads a derived feature.
pub(super) fn derived(
    given: proto::DerivedFeature,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<Derived> {
    use proto::derived_feature::Formula;
    let formula = required(given.formula, &at.field("formula"), broken)?;
    let mut read =
        Derived { name: given.name, protected: given.protected_input, ..Derived::default() };
    match formula {
        Formula::Ratio(proto::RatioFormula { of, to }) => read.ratio = Some(Ratio { of, to }),
        Formula::Difference(proto::DifferenceFormula { of, less }) => {
            read.difference = Some(Difference { of, less });
        }
        Formula::MonthsBetween(proto::MonthsBetweenFormula { from, to }) => {
            read.months_between = Some(MonthsBetween { from, to });
        }
        Formula::Min(list) => read.min = Some(list.features),
        Formula::Max(list) => read.max = Some(list.features),
        Formula::Known(list) => read.known = Some(list.features),
        Formula::Change(proto::ChangeFormula { of, months }) => {
            read.change = Some(Change { of, months });
        }
    }
    Some(read)
}

/// A derived feature. Where a file has several formulas, none is sent: the server then says
/// that one is required, and nothing else is stored than what the file says.
pub(super) fn derived_to(one: &Derived) -> proto::DerivedFeature {
    use proto::derived_feature::Formula;
    let Derived { ratio, difference, months_between, min, max, known, change, .. } = one.clone();
    let list = |features: Vec<String>| proto::FeatureList { features };
    let formulas = [
        ratio.map(|Ratio { of, to }| Formula::Ratio(proto::RatioFormula { of, to })),
        difference.map(|Difference { of, less }| {
            Formula::Difference(proto::DifferenceFormula { of, less })
        }),
        months_between.map(|MonthsBetween { from, to }| {
            Formula::MonthsBetween(proto::MonthsBetweenFormula { from, to })
        }),
        min.map(list).map(Formula::Min),
        max.map(list).map(Formula::Max),
        known.map(list).map(Formula::Known),
        change.map(|Change { of, months }| Formula::Change(proto::ChangeFormula { of, months })),
    ];
    let mut formulas = formulas.into_iter().flatten();
    let formula = formulas.next().filter(|_| formulas.next().is_none());
    proto::DerivedFeature { name: one.name.clone(), protected_input: one.protected, formula }
}

/// Reads a knock-out rule.
pub(super) fn knock_out(
    given: proto::KnockOut,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<KnockOut> {
    let reason = required(given.reason, &at.field("reason"), broken);
    let reason = reason.and_then(|reason| reason_text(reason, &at.field("reason"), broken));
    let when = conditions(given.when, at, broken);
    Some(KnockOut { name: given.name, when, score: given.score, reason: reason? })
}

/// Reads a population.
pub(super) fn population(
    given: proto::Population,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Population {
    Population {
        name: given.name,
        when: conditions(given.when, at, broken),
        base_points: given.base_points,
        characteristics: characteristics(given.characteristics, at, broken),
    }
}

/// A population.
pub(super) fn population_to(one: &Population) -> proto::Population {
    proto::Population {
        name: one.name.clone(),
        when: one.when.iter().map(condition_to).collect(),
        base_points: one.base_points,
        characteristics: one.characteristics.iter().map(characteristic_to).collect(),
    }
}

/// Reads conditions.
pub(in super::super) fn conditions(
    given: Vec<proto::Condition>,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Vec<Condition> {
    let mut when = Vec::with_capacity(given.len());
    for (place, one) in given.into_iter().enumerate() {
        when.push(condition(one, &at.item("when", place), broken));
    }
    when
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

/// A condition.
pub(in super::super) fn condition_to(one: &Condition) -> proto::Condition {
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
