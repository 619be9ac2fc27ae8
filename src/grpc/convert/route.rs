//! Routes and the rules that give them.

use crate::model::{RankingSettings, Reason, Route, RoutingRule, Violations};
use crate::proto;
use crate::scoring::card::Routing;
use crate::scoring::invalid_routing;

use super::field::{count, shown};
use super::path::{Path, ROOT};
use super::scorecard::{condition_to, conditions, path_to};

/// The most routes that a filter names: all of a portfolio, and none.
const NAMED_MAX: usize = RoutingRule::ROUTES_MAX + 1;

/// Reads the field `routes`: labels, or `-` for the cases that have none. Naming one twice
/// says nothing new.
pub(super) fn routes(given: &[String], at: &Path<'_>, broken: &mut Violations) -> Vec<Route> {
    let mut read = Vec::new();
    if !count(given.len(), (0, NAMED_MAX), &at.field("routes"), broken) {
        return read;
    }
    for (place, word) in given.iter().enumerate() {
        match Route::named(word) {
            Ok(route) if !read.contains(&route) => read.push(route),
            Ok(_) => {}
            Err(error) => {
                let bound = format!("{error}, or {} for none", Route::NONE_WORD);
                let field = at.item("routes", place).to_string();
                broken.add(field, Reason::FieldMalformed, shown(word), bound);
            }
        }
    }
    read
}

/// Reads routing rules; whether their conditions make sense shows in [`check`].
pub(super) fn rules_from(
    given: Vec<proto::RoutingRule>,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Vec<RoutingRule> {
    let field = at.field("routing_rules");
    if !count(given.len(), (0, RoutingRule::RULES_MAX), &field, broken) {
        return Vec::new();
    }
    let mut read: Vec<RoutingRule> = Vec::with_capacity(given.len());
    let mut labels: Vec<Route> = Vec::new();
    for (place, rule) in given.into_iter().enumerate() {
        let at = at.item("routing_rules", place);
        let route = Route::new(&rule.route).map_err(|error| {
            let field = at.field("route").to_string();
            match rule.route.as_str() {
                "" => broken.required(field),
                label => {
                    broken.add(field, Reason::FieldMalformed, shown(label), error.to_string());
                }
            }
        });
        let route = route.unwrap_or(Route::NONE);
        if !labels.contains(&route) {
            labels.push(route);
        }
        read.push(RoutingRule { route, when: conditions(rule.when, &at, broken) });
    }
    if labels.len() > RoutingRule::ROUTES_MAX {
        let bound = format!("at most {} different routes are allowed", RoutingRule::ROUTES_MAX);
        broken.add(field.to_string(), Reason::FieldOutOfRange, labels.len(), bound);
    }
    read
}

/// Finds what is wrong with the routing rules of settings at a path, as far as it can be
/// told without their scorecards.
pub(super) fn check(settings: &RankingSettings, at: &Path<'_>, broken: &mut Violations) {
    let invalid = invalid_routing(settings);
    let found = invalid.broken.into_iter().map(|found| (found, Reason::FieldMalformed));
    let unreachable = invalid.unreachable.into_iter().map(|found| (found, Reason::FieldConflict));
    for (finding, reason) in found.chain(unreachable) {
        // It begins with the name of the settings, which stand at the path.
        let within = finding.path.split_once('.').map_or("", |(_, within)| within);
        let field = format!("{at}.{}", path_to(within));
        // What could not even be read was told then.
        if !broken.0.iter().any(|known| known.field == field) {
            let value = value_at(settings, within);
            let told = finding.message.strip_prefix(&format!("is {value}; "));
            let bound = told.unwrap_or(&finding.message);
            broken.add(field, reason, shown(&value), bound);
        }
    }
}

/// What stands at a place such as `routing_rules[3].when[0].to`.
fn value_at(settings: &RankingSettings, place: &str) -> String {
    let index = |part: Option<&str>| -> Option<usize> {
        part?.split_once('[')?.1.strip_suffix(']')?.parse().ok()
    };
    let mut parts = place.split('.');
    let rule = index(parts.next()).and_then(|at| settings.routing_rules.get(at));
    let Some(rule) = rule else { return String::new() };
    let when = parts.next();
    let Some(one) = index(when).and_then(|at| rule.when.get(at)) else {
        return if when.is_some() { rule.when.len().to_string() } else { rule.route.to_string() };
    };
    match parts.next() {
        Some("kind") => one.kind.clone().unwrap_or_default(),
        Some("from") => one.from.clone().unwrap_or_default(),
        Some("to") => one.to.clone().unwrap_or_default(),
        Some("is") => one.is.clone().unwrap_or_default().join(", "),
        _ => one.feature.clone(),
    }
}

/// Routing rules as the contract writes them.
pub(super) fn rules_to(rules: &[RoutingRule]) -> Vec<proto::RoutingRule> {
    let rule = |rule: &RoutingRule| proto::RoutingRule {
        route: rule.route.label().to_owned(),
        when: rule.when.iter().map(condition_to).collect(),
    };
    rules.iter().map(rule).collect()
}

/// Routing rules of a file as the contract writes them.
pub fn routing_rules_of(rules: &[Routing]) -> Vec<proto::RoutingRule> {
    let rule = |rule: &Routing| proto::RoutingRule {
        route: rule.route.clone(),
        when: rule.when.iter().map(condition_to).collect(),
    };
    rules.iter().map(rule).collect()
}

/// Routing rules of the contract as a file has them; what makes no sense is left out.
pub fn written_routing_rules(rules: &[proto::RoutingRule]) -> Vec<Routing> {
    let rule = |rule: &proto::RoutingRule| Routing {
        route: rule.route.clone(),
        when: conditions(rule.when.clone(), &ROOT, &mut Violations::new()),
    };
    rules.iter().map(rule).collect()
}
