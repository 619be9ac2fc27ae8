//! Routes of cases: which there are, who may be told of them, and why a case has its own.

use crate::model::{RankingSettings, Route, RoutingRule};

use super::compile::check_routing;
use super::explanation::{Audience, RouteCondition, RouteLine};
use super::scorecard::Scorecard;
use super::subject::Subject;
use super::{InvalidScorecard, RuleSet, value};

/// What keeps routing rules from being used, each finding with a path such as
/// `ranking.routing_rules[3].when[0].feature`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvalidRouting {
    /// What their conditions are not.
    pub broken: Vec<InvalidScorecard>,
    /// Rules that match no case beside the others. Those that look at a protected input
    /// that is off match none by intent.
    pub unreachable: Vec<InvalidScorecard>,
}

/// What is wrong with the routing rules of a portfolio. What they look at of a scorecard's
/// own features shows only when they are compiled with it.
pub fn invalid_routing(settings: &RankingSettings) -> InvalidRouting {
    check_routing(settings)
}

impl RuleSet {
    /// The route as agents may be told it: none in place of one that a rule gives whose
    /// conditions speak of what they must not learn. Which rule gave it does not matter, so
    /// that nothing can be read from a label that is told at times only.
    pub fn route_for_agents(&self, route: Route) -> Route {
        let of_all = self.scorecards().flat_map(|(_, scorecard)| &scorecard.card.routing);
        let mut given = of_all.filter(|rule| rule.route == route);
        match given.any(|rule| rule.audience == Audience::Analyst) {
            true => Route::NONE,
            false => route,
        }
    }
}

/// The rule that gives a case its route, with what it looks at.
pub(super) fn line(
    scorecard: &Scorecard,
    written: &[RoutingRule],
    subject: &Subject<'_>,
) -> Option<RouteLine> {
    let (at, rule) = scorecard.routed(subject)?;
    let names = written.get(at).map(|rule| rule.when.as_slice()).unwrap_or_default();
    let conditions = rule.conditions.iter().zip(names).map(|(one, written)| RouteCondition {
        feature: written.feature.clone(),
        value: one.feature.text(&value(&one.feature, subject)),
    });
    Some(RouteLine {
        route: rule.route,
        rule: at,
        conditions: conditions.collect(),
        audience: rule.audience,
    })
}
