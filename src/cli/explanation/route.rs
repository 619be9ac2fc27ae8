//! The routing rule that gave a case its route.

use serde::Serialize;

use crate::cli::word;
use crate::proto;

/// A rule, with what its conditions met.
#[derive(Debug, Serialize)]
pub(super) struct RouteView {
    route: String,
    rule_index: i32,
    conditions: Vec<ConditionView>,
    audience: &'static str,
}

#[derive(Debug, Serialize)]
struct ConditionView {
    feature: String,
    value: String,
}

impl RouteView {
    pub(super) fn new(line: &proto::RouteLine) -> RouteView {
        let condition = |one: &proto::RouteCondition| ConditionView {
            feature: one.feature.clone(),
            value: one.value.clone(),
        };
        RouteView {
            route: line.route.clone(),
            rule_index: line.rule_index,
            conditions: line.conditions.iter().map(condition).collect(),
            audience: word::AUDIENCE.word(line.audience),
        }
    }

    pub(super) fn label(&self) -> &str {
        &self.route
    }

    pub(super) fn text(&self) -> String {
        let met = self.conditions.iter().map(|one| match one.value.as_str() {
            "" => format!("{} is missing", one.feature),
            value => format!("{} is {value}", one.feature),
        });
        let met: Vec<String> = met.collect();
        let RouteView { route, rule_index, audience, .. } = self;
        let whom = audience.to_lowercase();
        format!("route {route}, by routing rule [{rule_index}]: {} (for {whom})", met.join(", "))
    }
}
