//! Routing rules and routes come back as they were written, and a program from before there
//! were any does not take what has them for something less.

use prost::Message;

use crate::model::{
    ActivationApproval, Condition, ContactPolicy, Currency, DebtorKind, OldLedgerRule,
    PortfolioSettings, RankingSettings, RecoveryGroup, Route, RoutingRule, WorkListSettings,
};
use crate::store::StoreError;
use crate::store::encode::{
    Place, settings_from, settings_to, stored, work_list_from, work_list_to,
};

const PLACE: Place = Place { table: "portfolio", part: 1, key: 2 };

/// What a program from before routes reads of a portfolio's settings and cannot do without.
#[derive(Clone, PartialEq, Message)]
struct OldSettings {
    #[prost(int32, tag = "7")]
    default_debtor_kind: i32,
}

/// The same of a work list.
#[derive(Clone, PartialEq, Message)]
struct OldWorkList {
    #[prost(int32, repeated, tag = "3")]
    recovery_groups: Vec<i32>,
}

fn rules() -> Vec<RoutingRule> {
    let condition = Condition { feature: "days_past_due".to_owned(), ..Condition::default() };
    let when = vec![
        Condition { from: Some("0".to_owned()), to: Some("91".to_owned()), ..condition.clone() },
        Condition { is: Some(vec!["a".to_owned(), "b".to_owned()]), ..condition.clone() },
        Condition { kind: Some("TEXT".to_owned()), protected: true, ..condition.clone() },
        Condition { missing: true, unknown: true, ..condition },
    ];
    vec![RoutingRule { route: Route::new("legal").expect("a label"), when }]
}

fn settings(routing_rules: Vec<RoutingRule>) -> PortfolioSettings {
    PortfolioSettings {
        display_name: "north".to_owned(),
        time_zone: "Europe/Oslo".to_owned(),
        base_currency: Currency::from_code("NOK").expect("a currency"),
        ranking: RankingSettings {
            default_debtor_kind: DebtorKind::Business,
            routing_rules,
            ..RankingSettings::default()
        },
        contact_policy: ContactPolicy::Always,
        max_ledger_age_hours: 36,
        old_ledger_rule: OldLedgerRule::Deny,
        activation_approval: ActivationApproval::Required,
    }
}

#[test]
fn settings_come_back_and_say_nothing_of_rules_where_there_are_none() {
    for rules in [Vec::new(), rules()] {
        let settings = settings(rules);
        let bytes = settings_to(&settings);
        assert_eq!(settings_from(&bytes, PLACE).expect("settings"), settings);
    }
    let plain = settings_to(&settings(Vec::new()));
    assert_eq!(OldSettings::decode(&*plain).expect("settings").default_debtor_kind, 2);
    let stored = stored::PortfolioSettings::decode(&*plain).expect("settings");
    assert_eq!(stored.default_debtor_kind_beside_rules, 0);
}

/// It would rank by the rule set all the same, or not at all; but it would write the settings
/// back without the rules.
#[test]
fn an_older_program_refuses_settings_with_rules() {
    let bytes = settings_to(&settings(rules()));
    let kind = OldSettings::decode(&*bytes).expect("settings").default_debtor_kind;
    assert_eq!(DebtorKind::from_number(kind.into()), None);
}

/// It would serve what the list does not select.
#[test]
fn an_older_program_refuses_a_work_list_of_routes() {
    let list = |routes| WorkListSettings {
        display_name: String::new(),
        portfolio_ids: Vec::new(),
        groups: vec![RecoveryGroup::A],
        stages: Vec::new(),
        languages: Vec::new(),
        routes,
        reserved_share_permille: 100,
    };
    let legal = Route::new("legal").expect("a label");
    for routes in [Vec::new(), vec![Route::NONE], vec![Route::NONE, legal]] {
        let list = list(routes);
        let bytes = work_list_to(&list);
        assert_eq!(work_list_from(&bytes, PLACE).expect("a list"), list);
        let old = OldWorkList::decode(&*bytes).expect("a list").recovery_groups;
        let known = old.iter().all(|one| RecoveryGroup::from_number((*one).into()).is_some());
        assert_eq!(known, list.routes.is_empty());
    }
}

/// From now on whatever a newer program adds is refused, as in rule sets.
#[test]
fn settings_that_say_more_are_refused() {
    #[derive(Clone, PartialEq, Message)]
    struct More {
        #[prost(string, tag = "4000")]
        more: String,
    }
    let more = More { more: "more".to_owned() }.encode_to_vec();
    let newer = |error: StoreError| assert!(matches!(error, StoreError::Newer { .. }), "{error}");
    let mut bytes = settings_to(&settings(Vec::new()));
    bytes.extend(&more);
    newer(settings_from(&bytes, PLACE).expect_err("it says more"));
    let list = stored::WorkListSettings { reserved_share_permille: 1, ..Default::default() };
    let mut bytes = list.encode_to_vec();
    work_list_from(&bytes, PLACE).expect("a list");
    bytes.extend(&more);
    newer(work_list_from(&bytes, PLACE).expect_err("it says more"));
}
