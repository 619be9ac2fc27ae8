//! Routing rules: they are the portfolio's, and compiled with each of its scorecards,
//! because their conditions may look at features that a scorecard derives.

use crate::model::{RankingSettings, Route};

use super::super::InvalidRouting;
use super::super::explanation::Audience;
use super::super::reach::{contradiction, takes};
use super::super::subject::Subject;
use super::{Compiler, Condition, marked};

/// A routing rule, compiled.
#[derive(Clone, Debug)]
pub(in super::super) struct CompiledRoute {
    pub route: Route,
    pub conditions: Vec<Condition>,
    /// No condition of it looks at a protected input that is off.
    pub active: bool,
    /// Who may be told that it matched.
    pub audience: Audience,
}

impl CompiledRoute {
    /// Whether the rule gives a case its route, if none before it does.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        self.active && self.conditions.iter().all(|one| one.holds(subject))
    }
}

impl Compiler<'_> {
    pub(super) fn routing(&mut self) -> Vec<CompiledRoute> {
        let settings = self.settings;
        let mut compiled = Vec::with_capacity(settings.routing_rules.len());
        for (at, rule) in settings.routing_rules.iter().enumerate() {
            self.path = format!("ranking.routing_rules[{at}]");
            let (conditions, active, withheld) = self.when(&rule.when);
            let audience = if withheld { Audience::Analyst } else { Audience::Agent };
            compiled.push(CompiledRoute { route: rule.route, conditions, active, audience });
        }
        self.path = String::new();
        compiled
    }
}

/// What is wrong with the routing rules of settings, as far as it can be told without a
/// scorecard: what they look at of one is told when they are compiled with it.
pub(in super::super) fn check(settings: &RankingSettings) -> InvalidRouting {
    let marked = marked(&[const { None }; 3], settings);
    let mut compiler = Compiler::new(settings, marked, None);
    let rules = compiler.routing();
    let broken = std::mem::take(&mut compiler.findings);
    // Of a rule that looks at a derived feature, or is wrong, not all is known.
    let whole = |at: usize| rules[at].conditions.len() == settings.routing_rules[at].when.len();
    for (at, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.active) {
        compiler.path = format!("ranking.routing_rules[{at}]");
        if let Some(place) = contradiction(&rule.conditions) {
            let message = "no case matches: it cannot hold beside the conditions before it";
            let field = if whole(at) { format!("when[{place}]") } else { "when".to_owned() };
            compiler.find(&field, message.to_owned());
            continue;
        }
        let all = |at: &usize| {
            let before = &rules[*at];
            before.active && whole(*at) && takes(&before.conditions, &rule.conditions)
        };
        if let Some(before) = (0..at).find(all) {
            let message =
                format!("no case matches: routing_rules[{before}] takes all of its cases");
            compiler.find("when", message);
        }
    }
    InvalidRouting { broken, unreachable: compiler.findings }
}
