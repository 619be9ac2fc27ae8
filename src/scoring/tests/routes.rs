//! Routes: which rule gives them, who is told, and what rules are refused.

use crate::model::{Condition, DebtorKind, Input, RankingSettings, Route, RoutingRule, RuleSetId};
use crate::scoring::card::Routing;
use crate::scoring::{
    Audience, InvalidRouting, InvalidScorecard, RouteCondition, RuleSet, RuleSetDefinition,
    invalid_routing,
};

use super::validation::SMALL;
use super::{Case, basic, compiled, day, definition, settings, shipped_definition};

fn rules(yaml: &str) -> Vec<RoutingRule> {
    let written = Routing::read_all(yaml).expect("rules of a test");
    let rule = |rule: Routing| RoutingRule {
        route: Route::new(&rule.route).expect("a label"),
        when: rule.when,
    };
    written.into_iter().map(rule).collect()
}

fn routed(definition: RuleSetDefinition, yaml: &str) -> RuleSetDefinition {
    super::routed(definition, &rules(yaml))
}

/// What keeps a rule set from being used: paths and messages.
fn findings(definition: &RuleSetDefinition) -> Vec<(String, String)> {
    let found = RuleSet::compile(RuleSetId(1), definition).err().unwrap_or_default();
    found.into_iter().map(|one| (one.path, one.message)).collect()
}

/// What is wrong with rules whatever scorecards there are.
fn found(routing_rules: Vec<RoutingRule>) -> InvalidRouting {
    invalid_routing(&RankingSettings { routing_rules, ..settings() })
}

fn due(days: i32) -> Case {
    let today = day(2026, 3, 20);
    Case::new(basic(today, days), today)
}

const BY_AGE: &str = "
- { route: legal, when: [{ feature: days_past_due, from: 91 }] }
- { route: single, when: [{ feature: marital_status, protected: true, is: [SINGLE] }] }
- { route: late, when: [{ feature: days_past_due, from: 31 }, { feature: owns_home, is: [YES] }] }
- { route: late, when: [{ feature: days_past_due, from: 61 }] }
";

#[test]
fn the_first_rule_that_matches_gives_the_route() {
    let rules = compiled(&routed(shipped_definition(), BY_AGE));
    let mut owner = due(40);
    owner.facts.inputs.set(Input::OwnsHome, 3);
    owner.facts.inputs.set(Input::MaritalStatus, 2);
    let cases =
        [(due(30), "-"), (due(40), "-"), (owner, "late"), (due(61), "late"), (due(91), "legal")];
    for (case, route) in cases {
        assert_eq!(case.rank(&rules).rank.route.word(), route);
        assert_eq!(case.explain(&rules).rank.route.word(), route);
    }
}

#[test]
fn a_case_is_reviewed_when_its_route_ends() {
    // On days on which neither a bin nor the stage changes.
    let yaml = "- { route: legal, when: [{ feature: days_past_due, from: 101 }] }\n\
                - { route: late, when: [{ feature: days_past_due, from: 75 }] }\n";
    let rules = compiled(&routed(definition(SMALL), yaml));
    for (days, next) in [(70, 75), (95, 101), (110, 121)] {
        let case = due(days);
        assert_eq!(case.rank(&rules).review_day, Some(case.today.plus(next - days)), "{days}");
    }
    // A rule behind the one that matches is not waited for.
    let yaml = "- { route: all, when: [{ feature: days_past_due, from: 0 }] }\n\
                - { route: never, when: [{ feature: days_past_due, from: 77 }] }\n";
    let rules = compiled(&routed(definition(SMALL), yaml));
    let case = due(70);
    assert_eq!(case.rank(&rules).review_day, Some(case.today.plus(21)));
}

#[test]
fn an_explanation_names_the_rule_and_what_it_met() {
    let mut definition = routed(shipped_definition(), BY_AGE);
    definition.ranking.protected_inputs_on = vec!["marital_status".to_owned()];
    let rules = compiled(&definition);
    let mut case = due(40);
    case.facts.inputs.set(Input::MaritalStatus, 2);
    let line = case.explain(&rules).route.expect("a rule matches");
    assert_eq!((line.route.label(), line.rule, line.audience), ("single", 1, Audience::Analyst));
    let met = RouteCondition { feature: "marital_status".to_owned(), value: "SINGLE".to_owned() };
    assert_eq!(line.conditions, [met]);
    let line = due(70).explain(&rules).route.expect("a rule matches");
    assert_eq!((line.route.label(), line.rule, line.audience), ("late", 3, Audience::Agent));
    assert_eq!(due(1).explain(&rules).route, None);
}

/// Also where another rule gives it that anybody may know of: a label that is told at times
/// only would say which rule gave it.
#[test]
fn agents_are_not_told_a_route_that_may_rest_on_what_they_must_not_know() {
    let yaml = "
- { route: open, when: [{ feature: days_past_due, from: 91 }] }
- { route: mixed, when: [{ feature: days_past_due, from: 61 }] }
- { route: mixed, when: [{ feature: trade_reputation, is: [LOW] }] }
- { route: home, when: [{ feature: dependent_children, protected: true, from: 1 }] }
- { route: area, when: [{ feature: custom.area, kind: TEXT, protected: true, is: [north] }] }
- { route: fraud, when: [{ feature: overdue_reason, is: [FRAUD] }] }
- { route: forgot, when: [{ feature: overdue_reason, is: [FORGOT] }] }
";
    let rules = compiled(&routed(definition(SMALL), yaml));
    let told = |label: &str| {
        let route = Route::new(label).expect("a label");
        rules.route_for_agents(route).word().to_owned()
    };
    for withheld in ["mixed", "home", "area", "fraud"] {
        assert_eq!(told(withheld), "-", "{withheld}");
    }
    for open in ["open", "forgot"] {
        assert_eq!(told(open), open);
    }
    assert!(rules.route_for_agents(Route::NONE).is_none());
}

const DERIVED: &str = "derived:\n- { name: x, min: [days_past_due, late_months_12] }\n";

/// Rules may look at what scorecards derive, if all of them do.
#[test]
fn every_scorecard_must_derive_what_a_rule_looks_at() {
    let yaml = "- { route: few, when: [{ feature: derived.x, to: 3 }] }\n";
    let with = SMALL.replacen("characteristics:", &format!("{DERIVED}characteristics:"), 1);
    let alone = routed(definition(&with), yaml);
    assert_eq!(invalid_routing(&alone.ranking), InvalidRouting::default());
    assert_eq!(due(2).rank(&compiled(&alone)).rank.route.label(), "few");
    let business = with.replacen("small", "firms", 1).replacen(DERIVED, "", 1);
    let both = RuleSetDefinition { business_scorecard_yaml: Some(business), ..alone };
    let found = findings(&both);
    let path = "ranking.routing_rules[0].when[0].feature";
    let message = "\"derived.x\" is not defined by scorecard firms; defined are none";
    assert_eq!(found, [(path.to_owned(), message.to_owned())]);
}

/// What a rule marks as protected is protected wherever it is looked at.
#[test]
fn what_a_rule_marks_as_protected_is_so_in_scorecards() {
    let yaml = "- { route: north, when: [{ feature: custom.area, kind: TEXT, protected: true, is: [n] }] }\n";
    let mut definition = routed(definition(SMALL), yaml);
    definition.ranking.protected_inputs_on = vec!["custom.area".to_owned()];
    assert!(findings(&definition).is_empty(), "it is known as protected");
    let looks = SMALL.replacen("feature: days_past_due", "feature: custom.area\n    kind: TEXT", 1);
    assert_ne!(looks, SMALL);
    definition.scorecard_yaml = looks;
    let found = findings(&definition);
    let says = |one: &(String, String)| one.1.contains("custom.area is marked as protected");
    assert!(found.iter().any(says), "{found:?}");
}

#[test]
fn every_wrong_rule_is_told_with_its_path() {
    let wrong = [
        ("{ feature: nothing, from: 1 }", "when[0].feature", "\"nothing\" is not a feature"),
        ("{ feature: recovery_score, from: 1 }", "when[0].feature", "recovery_score is what"),
        ("{ feature: custom.dispute_open, kind: FLAG, is: [YES] }", "when[0].feature", "right"),
        ("{ feature: marital_status, is: [SINGLE] }", "when[0].protected", "say so"),
        ("{ feature: days_past_due }", "when[0]", "has 0 of a range"),
        ("{ feature: days_past_due, from: 1, missing: true }", "when[0]", "has 2 of a range"),
        ("{ feature: days_past_due, from: 9, to: 9 }", "when[0].to", "must be above from"),
        ("{ feature: days_past_due, from: x }", "when[0].from", "x"),
        ("{ feature: owns_home, is: [MAYBE] }", "when[0].is[0]", "\"MAYBE\" is none of NO, YES"),
        ("{ feature: owns_home, from: 1 }", "when[0].from", "only numbers have a range"),
        ("{ feature: owns_home, is: [] }", "when[0].is", "must name at least one"),
        ("{ feature: days_past_due, unknown: true }", "when[0].unknown", "cannot occur"),
        ("{ feature: custom.x, is: [a] }", "when[0].kind", "custom feature"),
        ("{ feature: derived., from: 1 }", "when[0].feature", "is not `derived.`"),
    ];
    for (condition, path, message) in wrong {
        let before = "- { route: a, when: [{ feature: late_months_12, from: 11 }] }\n";
        let written = rules(&format!("{before}- {{ route: b, when: [{condition}] }}\n"));
        let found = found(written).broken;
        let path = format!("ranking.routing_rules[1].{path}");
        let told = |one: &&InvalidScorecard| one.path == path;
        let text = &found.iter().find(told).unwrap_or_else(|| panic!("{path}: {found:?}")).message;
        assert!(text.contains(message), "{condition}: {text}");
    }
    let none = RoutingRule { route: Route::new("a").expect("a label"), when: Vec::new() };
    let many = RoutingRule { when: vec![Condition::default(); 17], ..none.clone() };
    let found = found(vec![none, many]);
    let counts = found.broken.iter().filter(|one| one.path.ends_with(".when"));
    let counts: Vec<&str> = counts.map(|one| one.message.as_str()).collect();
    assert_eq!(
        counts,
        ["has 0 entries; 1 to 16 are allowed", "has 17 entries; 1 to 16 are allowed"]
    );
}

#[test]
fn a_rule_that_matches_no_case_is_refused() {
    let cases = [
        ("days_past_due, from: 31", "days_past_due, from: 91", Some("when")),
        ("days_past_due, from: 91", "days_past_due, from: 31", None),
        ("days_past_due, from: 31", "days_past_due, from: 31", Some("when")),
        ("owns_home, is: [YES, NO]", "owns_home, is: [NO]", Some("when")),
        ("owns_home, is: [NO]", "owns_home, is: [YES, NO]", None),
        ("owns_home, missing: true", "owns_home, missing: true", Some("when")),
        ("late_months_12, from: 1", "late_months_12, from: 13", Some("when[0]")),
        // Of what a scorecard derives nothing is known here.
        ("derived.x, from: 1", "derived.x, from: 1", None),
        // One that is off takes nothing, and matches nothing by intent.
        (
            "marital_status, protected: true, is: [SINGLE]",
            "marital_status, protected: true, is: [SINGLE]",
            None,
        ),
    ];
    for (first, second, place) in cases {
        let yaml = format!(
            "- {{ route: a, when: [{{ feature: {first} }}] }}\n\
             - {{ route: b, when: [{{ feature: {second} }}] }}\n"
        );
        let found = found(rules(&yaml));
        assert_eq!(found.broken, [], "{yaml}");
        let paths: Vec<&str> = found.unreachable.iter().map(|one| one.path.as_str()).collect();
        let expected = place.map(|place| format!("ranking.routing_rules[1].{place}"));
        assert_eq!(paths, expected.as_deref().into_iter().collect::<Vec<_>>(), "{yaml}");
    }
    let yaml = "- { route: a, when: [{ feature: days_past_due, from: 9 }, { feature: days_past_due, to: 9 }] }\n";
    let found = found(rules(yaml)).unreachable;
    assert_eq!(found[0].path, "ranking.routing_rules[0].when[1]");
}

/// A business has its rules too, whose features its own scorecard defines.
#[test]
fn both_kinds_of_debtor_have_routes() {
    let yaml = "- { route: firm, when: [{ feature: debtor_kind, is: [BUSINESS] }] }\n";
    let rules = compiled(&routed(shipped_definition(), yaml));
    let mut case = due(9);
    case.facts.debtor_kind = Some(DebtorKind::Business);
    assert_eq!(case.rank(&rules).rank.route.label(), "firm");
    case.facts.debtor_kind = Some(DebtorKind::Person);
    assert_eq!(case.rank(&rules).rank.route, Route::NONE);
}
