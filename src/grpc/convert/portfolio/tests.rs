use super::*;
use crate::model::{Micros, RuleSetId};

fn good() -> proto::Portfolio {
    proto::Portfolio {
        portfolio_id: "p1".to_owned(),
        time_zone: "europe/berlin".to_owned(),
        base_currency: "EUR".to_owned(),
        ..Default::default()
    }
}

/// A rule whose conditions take every form.
fn legal() -> proto::RoutingRule {
    let condition = |feature: &str| proto::Condition {
        feature: feature.to_owned(),
        ..proto::Condition::default()
    };
    let area = proto::CustomFeatureKind::Text.into();
    let when = vec![
        proto::Condition { lower_bound: "91".into(), ..condition("days_past_due") },
        proto::Condition { upper_bound: "4".into(), ..condition("late_months_12") },
        proto::Condition { categories: vec!["YES".into()], ..condition("owns_home") },
        proto::Condition { unknown: true, ..condition("reachable") },
        proto::Condition {
            custom_kind: area,
            protected_input: true,
            missing: true,
            ..condition("custom.area")
        },
    ];
    proto::RoutingRule { route: "legal".to_owned(), when }
}

/// A rule for each of some labels, each of cases of another age.
fn ages(labels: &[&str]) -> Vec<proto::RoutingRule> {
    let rule = |(at, label): (usize, &&str)| {
        let condition = proto::Condition {
            feature: "days_past_due".to_owned(),
            lower_bound: at.to_string(),
            upper_bound: (at + 1).to_string(),
            ..proto::Condition::default()
        };
        proto::RoutingRule { route: (*label).to_owned(), when: vec![condition] }
    };
    labels.iter().enumerate().map(rule).collect()
}

fn ranking(portfolio: &mut proto::Portfolio) -> &mut proto::RankingSettings {
    portfolio.ranking.get_or_insert_default()
}

fn plain(policy: proto::PlainPolicy) -> Option<proto::ContactPolicy> {
    Some(proto::ContactPolicy { policy: Some(proto::contact_policy::Policy::Plain(policy)) })
}

fn hours(ranges: &[(i32, i32, i32)]) -> Option<proto::ContactPolicy> {
    let range = |&(weekday, start_minute, end_minute): &(i32, i32, i32)| proto::DayHours {
        weekday,
        start_minute,
        end_minute,
    };
    plain(proto::PlainPolicy { hours: ranges.iter().map(range).collect(), ..Default::default() })
}

fn attempts(day: i32, week: i32) -> Option<proto::ContactPolicy> {
    plain(proto::PlainPolicy {
        attempts_per_day: Some(day),
        attempts_per_week: Some(week),
        ..Default::default()
    })
}

fn read(change: impl FnOnce(&mut proto::Portfolio)) -> Result<PortfolioSettings, Violations> {
    let mut given = good();
    change(&mut given);
    portfolio_from(Some(given)).map(|(_, settings)| settings)
}

#[test]
fn what_is_left_out_has_the_published_defaults() {
    let settings = read(|_| ()).unwrap();
    assert_eq!(settings.time_zone, "Europe/Berlin");
    assert_eq!(settings.ranking.stage_bounds.0, [30, 60, 90, 120]);
    assert_eq!(settings.ranking.tolerance_amount_minor, 0);
    assert_eq!(settings.ranking.protected_inputs_on, [""; 0]);
    assert_eq!(settings.ranking.default_debtor_kind, DebtorKind::Person);
    assert_eq!(settings.ranking.default_language, "und");
    assert_eq!(settings.contact_policy, ContactPolicy::Plain(PlainPolicy::default()));
    assert_eq!(settings.max_ledger_age_hours, 36);
    assert_eq!(settings.old_ledger_rule, OldLedgerRule::Deny);
}

#[test]
fn everything_given_is_read_and_written_back() {
    let settings = read(|p| {
        p.display_name = "Cards".to_owned();
        p.ranking = Some(proto::RankingSettings {
            stage_bounds: vec![1, 2, 3, 3_650],
            tolerance_amount: Some(proto::Money {
                currency_code: "EUR".to_owned(),
                units: 5,
                nanos: 0,
            }),
            protected_inputs_on: vec!["marital_status".into(), "dependent_children".into()],
            default_debtor_kind: 2,
            default_language: "pt-br".to_owned(),
            routing_rules: vec![legal()],
        });
        p.contact_policy = hours(&[(7, 600, 700), (1, 700, 1_440), (1, 0, 700)]);
        p.ledger =
            Some(proto::LedgerSettings { max_ledger_age_hours: Some(0), old_ledger_rule: 2 });
    })
    .unwrap();
    assert_eq!(settings.ranking.protected_inputs_on, ["dependent_children", "marital_status"]);
    assert_eq!(settings.ranking.routing_rules[0].when.len(), 5);
    let ContactPolicy::Plain(plain) = &settings.contact_policy else { panic!("not plain") };
    let starts: Vec<_> = plain.hours.iter().map(|h| (h.weekday, h.start_minute)).collect();
    assert_eq!(starts, [(1, 0), (1, 700), (7, 600)]);
    let portfolio = Portfolio {
        portfolio_id: PortfolioId::new("p1").unwrap(),
        settings,
        settings_version: 4,
        rule_set_id: RuleSetId(10),
        create_time: Micros(1),
        update_time: Micros(2),
    };
    let written = portfolio_to(&portfolio);
    assert_eq!((written.etag.as_str(), written.rule_set_id.len()), ("4", 16));
    let (_, again) = portfolio_from(Some(written)).unwrap();
    assert_eq!(again, portfolio.settings);
}

/// A change to a good portfolio, the field it breaks, and how.
type Broken = (fn(&mut proto::Portfolio), &'static str, Reason);

fn check(cases: &[Broken]) {
    for (change, field, reason) in cases {
        let broken = read(change).unwrap_err().0;
        let found: Vec<_> = broken.iter().map(|v| (v.field.clone(), v.reason)).collect();
        assert_eq!(found, [(format!("portfolio.{field}"), *reason)]);
    }
}

#[test]
fn each_broken_rule_is_told_by_its_path() {
    use Reason::{
        CurrencyMismatch, CurrencyUnknown, FieldConflict, FieldMalformed, FieldOutOfRange,
        FieldRequired,
    };
    check(&[
        (|p| p.portfolio_id.clear(), "portfolio_id", FieldRequired),
        (|p| p.display_name = "x".repeat(1_025), "display_name", FieldOutOfRange),
        (|p| p.time_zone.clear(), "time_zone", FieldRequired),
        (|p| p.time_zone = "+02:00".into(), "time_zone", FieldMalformed),
        (|p| p.base_currency.clear(), "base_currency", FieldRequired),
        (|p| p.base_currency = "BTC".into(), "base_currency", CurrencyUnknown),
        (|p| ranking(p).stage_bounds = vec![30], "ranking.stage_bounds", FieldOutOfRange),
        (
            |p| ranking(p).stage_bounds = vec![0, 60, 90, 120],
            "ranking.stage_bounds[0]",
            FieldOutOfRange,
        ),
        (
            |p| ranking(p).stage_bounds = vec![30, 60, 90, 3_651],
            "ranking.stage_bounds[3]",
            FieldOutOfRange,
        ),
        (
            |p| ranking(p).stage_bounds = vec![30, 60, 60, 120],
            "ranking.stage_bounds[2]",
            FieldConflict,
        ),
        (
            |p| {
                ranking(p).tolerance_amount =
                    Some(proto::Money { currency_code: "USD".into(), units: 1, nanos: 0 })
            },
            "ranking.tolerance_amount.currency_code",
            CurrencyMismatch,
        ),
        (
            |p| {
                ranking(p).tolerance_amount =
                    Some(proto::Money { currency_code: "EUR".into(), units: -1, nanos: 0 })
            },
            "ranking.tolerance_amount",
            FieldOutOfRange,
        ),
        (
            |p| ranking(p).protected_inputs_on = vec!["owns_home".into()],
            "ranking.protected_inputs_on[0]",
            FieldOutOfRange,
        ),
        (
            |p| ranking(p).protected_inputs_on = vec!["marital_status".into(), "x".repeat(4_000)],
            "ranking.protected_inputs_on[1]",
            FieldOutOfRange,
        ),
        (
            |p| ranking(p).protected_inputs_on = vec!["custom.Area".into()],
            "ranking.protected_inputs_on[0]",
            FieldOutOfRange,
        ),
        (
            |p| ranking(p).protected_inputs_on = vec!["custom.".into()],
            "ranking.protected_inputs_on[0]",
            FieldOutOfRange,
        ),
        (|p| ranking(p).default_debtor_kind = 3, "ranking.default_debtor_kind", FieldOutOfRange),
        (|p| ranking(p).default_language = "?".into(), "ranking.default_language", FieldMalformed),
    ]);
    let nothing = portfolio_from(None).unwrap_err().0;
    assert_eq!((&*nothing[0].field, nothing[0].reason), ("portfolio", FieldRequired));
}

#[test]
fn each_broken_routing_rule_is_told_by_its_path() {
    use Reason::{FieldConflict, FieldMalformed, FieldOutOfRange, FieldRequired};
    check(&[
        (
            |p| ranking(p).routing_rules = ages(&["", "a"]),
            "ranking.routing_rules[0].route",
            FieldRequired,
        ),
        (
            |p| ranking(p).routing_rules = ages(&["a", "over 90"]),
            "ranking.routing_rules[1].route",
            FieldMalformed,
        ),
        (
            |p| ranking(p).routing_rules = ages(&["-"]),
            "ranking.routing_rules[0].route",
            FieldMalformed,
        ),
        (
            |p| ranking(p).routing_rules = ages(&["a"; 129]),
            "ranking.routing_rules",
            FieldOutOfRange,
        ),
        (
            |p| {
                let labels: Vec<String> = (0..65).map(|at| format!("r{at}")).collect();
                let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
                ranking(p).routing_rules = ages(&labels);
            },
            "ranking.routing_rules",
            FieldOutOfRange,
        ),
        (
            |p| {
                ranking(p).routing_rules = ages(&["a", "b"]);
                ranking(p).routing_rules[1].when[0].feature = "days".to_owned();
            },
            "ranking.routing_rules[1].when[0].feature",
            FieldMalformed,
        ),
        (
            |p| {
                ranking(p).routing_rules = ages(&["a"]);
                ranking(p).routing_rules[0].when[0].lower_bound = "1e3".to_owned();
            },
            "ranking.routing_rules[0].when[0].lower_bound",
            FieldMalformed,
        ),
        (
            |p| {
                ranking(p).routing_rules = vec![legal()];
                ranking(p).routing_rules[0].when[4].custom_kind = 9;
                ranking(p).routing_rules[0].when.truncate(5);
            },
            "ranking.routing_rules[0].when[4].custom_kind",
            FieldOutOfRange,
        ),
        (
            |p| {
                ranking(p).routing_rules = ages(&["a", "b"]);
                ranking(p).routing_rules[1].when = ranking(p).routing_rules[0].when.clone();
            },
            "ranking.routing_rules[1].when",
            FieldConflict,
        ),
    ]);
}

#[test]
fn as_many_routes_and_rules_as_there_may_be_are_read() {
    let labels: Vec<String> = (0..128).map(|at| format!("r{}", at / 2)).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let settings = read(|p| ranking(p).routing_rules = ages(&labels)).unwrap();
    assert_eq!(settings.ranking.routing_rules.len(), 128);
}

#[test]
fn each_broken_rule_of_the_contact_policy_is_told_by_its_path() {
    use Reason::{FieldConflict, FieldOutOfRange, FieldRequired};
    check(&[
        (
            |p| p.contact_policy = attempts(0, 3),
            "contact_policy.plain.attempts_per_day",
            FieldOutOfRange,
        ),
        (
            |p| p.contact_policy = attempts(101, 3),
            "contact_policy.plain.attempts_per_day",
            FieldOutOfRange,
        ),
        (
            |p| p.contact_policy = attempts(1, 0),
            "contact_policy.plain.attempts_per_week",
            FieldOutOfRange,
        ),
        (
            |p| p.contact_policy = attempts(1, 101),
            "contact_policy.plain.attempts_per_week",
            FieldOutOfRange,
        ),
        (
            |p| p.contact_policy = hours(&[(0, 1, 2)]),
            "contact_policy.plain.hours[0].weekday",
            FieldRequired,
        ),
        (
            |p| p.contact_policy = hours(&[(8, 1, 2)]),
            "contact_policy.plain.hours[0].weekday",
            FieldOutOfRange,
        ),
        (
            |p| p.contact_policy = hours(&[(1, -1, 2)]),
            "contact_policy.plain.hours[0].start_minute",
            FieldOutOfRange,
        ),
        (
            |p| p.contact_policy = hours(&[(1, 9, 9)]),
            "contact_policy.plain.hours[0].end_minute",
            FieldOutOfRange,
        ),
        (
            |p| p.contact_policy = hours(&[(1, 9, 1_441)]),
            "contact_policy.plain.hours[0].end_minute",
            FieldOutOfRange,
        ),
        (
            |p| p.contact_policy = hours(&[(1, 60, 90), (2, 0, 9), (1, 89, 100)]),
            "contact_policy.plain.hours[2].start_minute",
            FieldConflict,
        ),
    ]);
}

#[test]
fn each_broken_rule_of_the_ledger_is_told_by_its_path() {
    use Reason::FieldOutOfRange;
    check(&[
        (
            |p| {
                p.ledger = Some(proto::LedgerSettings {
                    max_ledger_age_hours: Some(8_761),
                    old_ledger_rule: 0,
                })
            },
            "ledger.max_ledger_age_hours",
            FieldOutOfRange,
        ),
        (
            |p| {
                p.ledger = Some(proto::LedgerSettings {
                    max_ledger_age_hours: Some(-1),
                    old_ledger_rule: 0,
                })
            },
            "ledger.max_ledger_age_hours",
            FieldOutOfRange,
        ),
        (
            |p| {
                p.ledger =
                    Some(proto::LedgerSettings { max_ledger_age_hours: None, old_ledger_rule: 3 })
            },
            "ledger.old_ledger_rule",
            FieldOutOfRange,
        ),
    ]);
}

#[test]
fn the_careful_policy_holds_unless_the_other_is_named() {
    let empty = read(|p| p.contact_policy = Some(proto::ContactPolicy { policy: None })).unwrap();
    assert!(matches!(empty.contact_policy, ContactPolicy::Plain(_)));
    let always = proto::contact_policy::Policy::Always(proto::AlwaysPolicy {});
    let named = read(|p| p.contact_policy = Some(proto::ContactPolicy { policy: Some(always) }));
    assert_eq!(named.unwrap().contact_policy, ContactPolicy::Always);
}
