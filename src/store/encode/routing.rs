//! Routing rules and routes as stored messages.

use crate::model::{Condition, Route, RoutingRule};

use super::super::StoreError;
use super::{Place, stored};

/// Routing rules as stored.
pub(crate) fn rules_to(rules: &[RoutingRule]) -> Vec<stored::RoutingRule> {
    let rule = |rule: &RoutingRule| stored::RoutingRule {
        route: rule.route.label().to_owned(),
        conditions: rule.when.iter().map(condition_to).collect(),
    };
    rules.iter().map(rule).collect()
}

fn condition_to(one: &Condition) -> stored::Condition {
    stored::Condition {
        feature: one.feature.clone(),
        kind: one.kind.clone(),
        protected: one.protected,
        from: one.from.clone(),
        to: one.to.clone(),
        is: one.is.clone().unwrap_or_default(),
        missing: one.missing,
        unknown: one.unknown,
    }
}

/// Stored routing rules.
pub(crate) fn rules_from(
    stored: Vec<stored::RoutingRule>,
    place: Place,
) -> Result<Vec<RoutingRule>, StoreError> {
    let rule = |rule: stored::RoutingRule| {
        let route = Route::new(&rule.route).map_err(|error| place.corrupt(error))?;
        Ok(RoutingRule { route, when: rule.conditions.into_iter().map(condition_from).collect() })
    };
    stored.into_iter().map(rule).collect()
}

fn condition_from(stored: stored::Condition) -> Condition {
    let stored::Condition { feature, kind, protected, from, to, is, missing, unknown } = stored;
    let is = Some(is).filter(|names| !names.is_empty());
    Condition { feature, kind, protected, from, to, is, missing, unknown }
}

/// The route of a column in which none is NULL, or empty as in lanes.
pub(crate) fn route_from(label: Option<&str>, place: Place) -> Result<Route, StoreError> {
    match label {
        None | Some("") => Ok(Route::NONE),
        Some(label) => Route::new(label).map_err(|error| place.corrupt(error)),
    }
}

/// The same as a value of the column.
pub(crate) fn route_to(route: Route) -> Option<String> {
    (!route.is_none()).then(|| route.label().to_owned())
}
