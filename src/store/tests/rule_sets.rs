//! Rule sets come back as they were written, also those of before there was a
//! scorecard for businesses.

use prost::Message;

use super::*;
use crate::model::{
    Condition, DebtorKind, Experiment, ExperimentId, Micros, Part, PortfolioNo, RankingSettings,
    Route, RoutingRule, RuleSetId, StageBounds,
};
use crate::store::activations::{
    self, ActivatedExperiment, Activation, ExperimentContent, RevisionName, RuleSetContent,
    ScorecardText,
};

const PART: Part = Part(7);

/// A rule set as it was stored while all debtors had one scorecard.
#[derive(Clone, PartialEq, Message)]
struct OfOneScorecard {
    #[prost(string, tag = "1")]
    scorecard_id: String,
    #[prost(string, tag = "2")]
    scorecard_yaml: String,
    #[prost(string, tag = "3")]
    outcomes_yaml: String,
    #[prost(int32, repeated, tag = "4")]
    stage_bounds: Vec<i32>,
    #[prost(int64, tag = "5")]
    tolerance_amount_minor: i64,
    #[prost(string, repeated, tag = "6")]
    protected_inputs_on: Vec<String>,
    #[prost(int32, tag = "7")]
    default_debtor_kind: i32,
    #[prost(string, tag = "8")]
    default_language: String,
    #[prost(int32, tag = "9")]
    feature_version: i32,
    #[prost(string, tag = "10")]
    base_currency: String,
    #[prost(string, tag = "11")]
    time_zone: String,
    /// What only half a scorecard for businesses leaves behind.
    #[prost(string, tag = "12")]
    business_scorecard_id: String,
}

fn of_one_scorecard() -> OfOneScorecard {
    OfOneScorecard {
        scorecard_id: "consumer".to_owned(),
        scorecard_yaml: "scorecard_id: consumer".to_owned(),
        outcomes_yaml: "outcomes: []".to_owned(),
        stage_bounds: vec![30, 60, 90, 120],
        tolerance_amount_minor: 500,
        protected_inputs_on: vec!["marital_status".to_owned()],
        default_debtor_kind: 2,
        default_language: "es".to_owned(),
        feature_version: 1,
        base_currency: "EUR".to_owned(),
        time_zone: "Europe/Madrid".to_owned(),
        business_scorecard_id: String::new(),
    }
}

fn content(business_scorecard: Option<ScorecardText>) -> RuleSetContent {
    let old = of_one_scorecard();
    RuleSetContent {
        scorecard: ScorecardText { scorecard_id: old.scorecard_id, yaml: old.scorecard_yaml },
        business_scorecard,
        outcomes_yaml: old.outcomes_yaml,
        ranking: RankingSettings {
            stage_bounds: StageBounds([30, 60, 90, 120]),
            tolerance_amount_minor: old.tolerance_amount_minor,
            protected_inputs_on: old.protected_inputs_on,
            default_debtor_kind: DebtorKind::Business,
            default_language: old.default_language,
            routing_rules: Vec::new(),
        },
        feature_version: old.feature_version,
        base_currency: old.base_currency,
        time_zone: old.time_zone,
        experiment: None,
    }
}

fn experiment(permille: i32, challenger: Option<(DebtorKind, &str)>) -> ExperimentContent {
    let text = |yaml: &str| {
        let scorecard_id = "consumer".to_owned();
        ScorecardText { scorecard_id, yaml: yaml.to_owned() }
    };
    ExperimentContent {
        experiment: Experiment {
            experiment_id: ExperimentId::new("autumn").expect("an id"),
            challenger_permille: permille,
            control_permille: 50,
        },
        challenger: challenger.map(|(kind, yaml)| (kind, text(yaml))),
    }
}

/// Stores the bytes of an older program and loads them.
async fn load(body: Vec<u8>) -> (RuleSetId, Result<RuleSetContent, StoreError>) {
    let (_folder, store) = store().await;
    let hash = blake3::hash(&body).as_bytes().to_vec();
    let id = i64::from_be_bytes(hash[..8].try_into().expect("a hash has 32 bytes"));
    let sql = "INSERT INTO rule_set (part, rule_set_id, content_hash, body, create_time) \
               VALUES ($1, $2, $3, $4, 0)";
    let loaded = store
        .write(
            Class::Interactive,
            move |tx| {
                Box::pin(async move {
                    tx.execute(sql, params![PART.0, id, &hash[..], body]).await?;
                    Ok::<_, StoreError>(activations::load_rule_set(tx, PART, RuleSetId(id)).await)
                })
            },
            |_| (),
        )
        .await;
    (RuleSetId(id), loaded.expect("it is written"))
}

#[tokio::test]
async fn a_rule_set_of_one_scorecard_still_reads_and_keeps_its_id() {
    let (id, loaded) = load(of_one_scorecard().encode_to_vec()).await;
    assert_eq!(loaded.expect("it reads"), content(None));
    assert_eq!(content(None).rule_set_id(), id);
}

#[tokio::test]
async fn half_a_scorecard_for_businesses_is_told() {
    let half =
        OfOneScorecard { business_scorecard_id: "business".to_owned(), ..of_one_scorecard() };
    let error = load(half.encode_to_vec()).await.1.expect_err("it has no text");
    assert!(error.to_string().contains("no id or no text"), "{error}");
}

/// What a newer program has added is no part of what this one would rank by.
#[tokio::test]
async fn a_rule_set_that_says_more_is_refused() {
    #[derive(Clone, PartialEq, Message)]
    struct Newer {
        #[prost(message, required, tag = "16")]
        more: OfOneScorecard,
    }
    let mut body = of_one_scorecard().encode_to_vec();
    body.extend(Newer { more: of_one_scorecard() }.encode_to_vec());
    let error = load(body).await.1.expect_err("it says more");
    assert!(error.to_string().contains("a newer one wrote it"), "{error}");
}

/// Saves a rule set and loads it again.
async fn saved(content: &RuleSetContent) -> (RuleSetId, RuleSetContent) {
    let (_folder, store) = store().await;
    let saved = content.clone();
    store
        .write(
            Class::Interactive,
            move |tx| {
                Box::pin(async move {
                    let id = activations::save_rule_set(tx, PART, &saved, Micros(0)).await?;
                    Ok::<_, StoreError>((id, activations::load_rule_set(tx, PART, id).await?))
                })
            },
            |_| (),
        )
        .await
        .expect("it is written")
}

#[tokio::test]
async fn an_experiment_is_kept_and_is_part_of_the_id() {
    let with = |experiment| RuleSetContent { experiment: Some(experiment), ..content(None) };
    let challenged = experiment(100, Some((DebtorKind::Business, "one")));
    let mut ids = vec![content(None).rule_set_id()];
    for experiment in [
        challenged,
        experiment(101, Some((DebtorKind::Business, "one"))),
        experiment(100, Some((DebtorKind::Person, "one"))),
        experiment(100, Some((DebtorKind::Business, "two"))),
        experiment(0, None),
    ] {
        let content = with(experiment);
        let (id, loaded) = saved(&content).await;
        assert_eq!((id, &loaded), (content.rule_set_id(), &content));
        assert!(!ids.contains(&id), "{loaded:?}");
        ids.push(id);
    }
}

/// Without any the id is that from before there were any; see the first test.
#[tokio::test]
async fn routing_rules_are_kept_and_are_part_of_the_id() {
    let rule = |label: &str, from: &str| RoutingRule {
        route: Route::new(label).expect("a label"),
        when: vec![Condition {
            feature: "days_past_due".to_owned(),
            from: Some(from.to_owned()),
            ..Condition::default()
        }],
    };
    let with = |routing_rules| {
        let mut content = content(None);
        content.ranking.routing_rules = routing_rules;
        content
    };
    let (one, other) = (rule("a", "1"), rule("b", "2"));
    let mut ids = vec![content(None).rule_set_id()];
    for rules in [
        vec![one.clone()],
        vec![rule("a", "2")],
        vec![rule("b", "1")],
        vec![one.clone(), other.clone()],
        vec![other, one],
    ] {
        let content = with(rules);
        let (id, loaded) = saved(&content).await;
        assert_eq!((id, &loaded), (content.rule_set_id(), &content));
        assert!(!ids.contains(&id), "{loaded:?}");
        ids.push(id);
    }
}

#[tokio::test]
async fn the_experiment_of_an_activation_comes_back() {
    let named = |revision_no| RevisionName { scorecard_id: "consumer".to_owned(), revision_no };
    let activation = |activation_id, experiment| Activation {
        activation_id,
        rule_set_id: RuleSetId(9),
        scorecard: Some(named(1)),
        business_scorecard: None,
        actor: "anna".to_owned(),
        reason: "trial".to_owned(),
        activate_time: Micros(activation_id),
        approved_by: None,
        proposal_id: None,
        experiment,
    };
    let activated = |challenger| ActivatedExperiment {
        experiment: experiment(if challenger { 100 } else { 0 }, None).experiment,
        challenger: challenger.then(|| (DebtorKind::Person, named(3))),
    };
    let all = vec![
        activation(3, Some(activated(false))),
        activation(2, Some(activated(true))),
        activation(1, None),
    ];
    let (_folder, store) = store().await;
    let written = all.clone();
    let listed = store
        .write(
            Class::Interactive,
            move |tx| {
                Box::pin(async move {
                    for one in &written {
                        assert!(activations::activate(tx, PART, PortfolioNo(5), one).await?);
                    }
                    activations::list(tx, PART, PortfolioNo(5), i64::MAX, 10).await
                })
            },
            |_| (),
        )
        .await;
    assert_eq!(listed.expect("they are written"), all);
}

#[tokio::test]
async fn both_scorecards_are_kept_and_are_part_of_the_id() {
    let business = |yaml: &str| {
        Some(ScorecardText { scorecard_id: "business".to_owned(), yaml: yaml.to_owned() })
    };
    let both = content(business("one"));
    let (id, loaded) = saved(&both).await;
    assert_eq!((id, loaded), (both.rule_set_id(), both));
    for other in [None, business("two")] {
        assert_ne!(content(other).rule_set_id(), id);
    }
}
