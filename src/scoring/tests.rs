//! What the tests of this layer share: cases with defaults, and the rule set of
//! the shipped scorecards.

mod amounts;
mod books;
mod business;
mod data_cases;
mod experiments;
mod explanations;
mod formats;
mod generate;
mod histories;
mod naive;
mod properties;
mod routes;
mod shipped;
mod taiwan;
mod validation;
mod warnings;
mod wrong_forms;

use std::sync::OnceLock;

use crate::model::{
    Day, Facts, History, LocalDays, Micros, RankingSettings, RoutingRule, RuleSetId,
};

use super::{
    BUSINESS_YAML, CONSUMER_YAML, CaseInput, Explanation, FEATURE_VERSION, Ranked, RuleSet,
    RuleSetDefinition,
};

/// Days of a zone a fixed number of hours ahead of UTC: the zones themselves are
/// tested where they are known.
pub(super) struct FixedDays(pub i64);

impl LocalDays for FixedDays {
    fn day_of(&self, instant: Micros) -> Day {
        let local = instant.0.saturating_add(self.0 * Micros::HOUR);
        Day(i32::try_from(local.div_euclid(Micros::DAY)).expect("instants of the tests"))
    }

    fn start_of(&self, day: Day) -> Micros {
        Micros(i64::from(day.0) * Micros::DAY - self.0 * Micros::HOUR)
    }
}

pub(super) const DAYS: FixedDays = FixedDays(8);

pub(super) fn day(year: i32, month: u32, day: u32) -> Day {
    Day::from_ymd(year, month, day).expect("a date of a test")
}

/// Noon of a day in the zone of the tests.
pub(super) fn noon(day: Day) -> Micros {
    DAYS.start_of(day).plus(12 * Micros::HOUR)
}

pub(super) fn settings() -> RankingSettings {
    RankingSettings::default()
}

/// A rule set of one scorecard, which ranks both kinds of debtor.
pub(super) fn definition(yaml: &str) -> RuleSetDefinition {
    RuleSetDefinition {
        scorecard_yaml: yaml.to_owned(),
        business_scorecard_yaml: None,
        ranking: settings(),
        feature_version: FEATURE_VERSION,
        experiment: None,
    }
}

/// The same with routing rules.
pub(super) fn routed(definition: RuleSetDefinition, rules: &[RoutingRule]) -> RuleSetDefinition {
    let ranking = RankingSettings { routing_rules: rules.to_vec(), ..definition.ranking };
    RuleSetDefinition { ranking, ..definition }
}

/// The rule set that a portfolio begins with.
pub(super) fn shipped_definition() -> RuleSetDefinition {
    let business_scorecard_yaml = Some(BUSINESS_YAML.to_owned());
    RuleSetDefinition { business_scorecard_yaml, ..definition(CONSUMER_YAML) }
}

pub(super) fn compiled(definition: &RuleSetDefinition) -> RuleSet {
    match RuleSet::compile(RuleSetId(7), definition) {
        Ok(rules) => rules,
        Err(findings) => {
            let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
            panic!("the scorecard must compile:\n{}", findings.join("\n"))
        }
    }
}

pub(super) fn shipped() -> &'static RuleSet {
    static SHIPPED: OnceLock<RuleSet> = OnceLock::new();
    SHIPPED.get_or_init(|| compiled(&shipped_definition()))
}

/// A case of five columns, `days` past due on `today`.
pub(super) fn basic(today: Day, days: i32) -> Facts {
    Facts {
        overdue_amount_minor: 124_050,
        oldest_due_date: Some(today.plus(-days)),
        ..Facts::default()
    }
}

/// A case with its history, as of a day.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub facts: Facts,
    pub history: History,
    pub debtor_id: String,
    pub as_of: Micros,
    pub today: Day,
}

impl Case {
    pub fn new(facts: Facts, today: Day) -> Case {
        let as_of = DAYS.start_of(today);
        Case { facts, history: History::default(), debtor_id: "d-1".to_owned(), as_of, today }
    }

    pub fn input(&self) -> CaseInput<'_> {
        CaseInput {
            facts: &self.facts,
            history: &self.history,
            debtor_id: &self.debtor_id,
            as_of: self.as_of,
            case_seq: 3,
            today: self.today,
            days: &DAYS,
        }
    }

    pub fn rank(&self, rules: &RuleSet) -> Ranked {
        rules.rank(&self.input())
    }

    pub fn explain(&self, rules: &RuleSet) -> Explanation {
        rules.explain(&self.input(), None)
    }
}
