//! Features of a scorecard's own, through the service: kept, validated, ranked by, shown,
//! tried, and off where what they look at is.

use arrears::proto;
use proto::derived_feature::Formula;

use super::simulation::{migration, simulate, with_portfolio};
use super::{TestServer, activate, activation, draft, findings, number, rank, ranked, with_cases};
use crate::support::{document, refusal};
use arrears::engine::EngineOptions;

fn derived(name: &str, formula: Formula) -> proto::DerivedFeature {
    let protected_input = false;
    proto::DerivedFeature { name: name.to_owned(), protected_input, formula: Some(formula) }
}

fn share() -> proto::DerivedFeature {
    let (of, to) = ("custom.paid".to_owned(), "custom.credit".to_owned());
    derived("paid_of_limit", Formula::Ratio(proto::RatioFormula { of, to }))
}

fn booked() -> proto::DerivedFeature {
    let (from, to) = ("custom.begun".to_owned(), "today".to_owned());
    derived("on_books", Formula::MonthsBetween(proto::MonthsBetweenFormula { from, to }))
}

fn known(features: &[&str]) -> Formula {
    let features = features.iter().map(|name| (*name).to_owned()).collect();
    Formula::Known(proto::FeatureList { features })
}

/// Whoever has paid a quarter of the limit or more has 90 points more than who has not.
fn looks_at(feature: &str) -> proto::Characteristic {
    let bin = |lower: &str, upper: &str, points| proto::Bin {
        lower_bound: lower.to_owned(),
        upper_bound: upper.to_owned(),
        points,
        ..Default::default()
    };
    proto::Characteristic {
        name: "own".to_owned(),
        feature: feature.to_owned(),
        family: proto::Family::Custom as i32,
        dimension: proto::Dimension::Ability as i32,
        reason: Some(proto::ReasonText {
            code: "PAID_LITTLE".to_owned(),
            text: "Little of the limit is paid".to_owned(),
            audience: proto::Audience::Analyst as i32,
            ..Default::default()
        }),
        missing_points: Some(0),
        bins: vec![bin("", "250", -60), bin("250", "", 30)],
        ..Default::default()
    }
}

fn with_numbers(case_id: &str, paid: f64, begun: &str) -> proto::CaseDocument {
    use proto::custom_feature::Value;
    let feature = |feature_id: &str, value| proto::CustomFeature {
        feature_id: feature_id.to_owned(),
        value: Some(value),
    };
    let custom_features = vec![
        feature("paid", Value::Number(paid)),
        feature("credit", Value::Number(1_000.0)),
        feature("begun", Value::Text(begun.to_owned())),
    ];
    proto::CaseDocument { custom_features, ..document(case_id) }
}

async fn explain(server: &TestServer, case_id: &str) -> proto::Explanation {
    let request = proto::ExplainCaseRequest {
        portfolio_id: "cards".to_owned(),
        case_id: case_id.to_owned(),
        ..Default::default()
    };
    server.cases().explain_case(request).await.unwrap().into_inner().explanation.unwrap()
}

#[tokio::test]
async fn a_derived_feature_ranks_is_shown_and_moves_with_its_inputs() {
    let server = with_cases(&["plain"]).await;
    let documents =
        vec![with_numbers("little", 249.999, "2020-01-31"), with_numbers("much", 250.0, "soon")];
    server.push("cards", documents).await;
    let before = rank(&server, "much").await.recovery_score;
    let made = draft(&server, "consumer", |card| {
        card.derived = vec![share(), booked()];
        card.characteristics.push(looks_at("derived.paid_of_limit"));
    })
    .await;
    assert_eq!(made.scorecard.as_ref().unwrap().derived, [share(), booked()]);
    let told = findings(&server, number(&made)).await;
    let unused = (false, "derived[1]".to_owned());
    assert_eq!(told.iter().map(|one| (one.0, one.1.clone())).collect::<Vec<_>>(), [unused]);
    activate(&server, activation(number(&made), 1)).await.unwrap();
    ranked(&server).await;

    let scores = [("plain", before), ("little", before - 60), ("much", before + 30)];
    for (case_id, score) in scores {
        assert_eq!(rank(&server, case_id).await.recovery_score, score, "{case_id}");
    }
    let little = explain(&server, "little").await;
    let line = little.lines.last().unwrap();
    assert_eq!((&*line.value, &*line.bin, line.contribution), ("249", "below 250", -60));
    let lines: Vec<_> =
        little.derived.iter().map(|one| (&*one.name, &*one.value, &*one.unit)).collect();
    let months = lines[1].1;
    assert_eq!(
        lines,
        [("derived.paid_of_limit", "249", "permille"), ("derived.on_books", months, "months"),]
    );
    assert!(months.parse::<i32>().unwrap() >= 60, "{months}");
    assert_eq!(little.derived[0].text, "custom.paid (249.999) / custom.credit (1000)");
    let much = explain(&server, "much").await;
    assert_eq!((&*much.derived[0].value, &*much.derived[1].value), ("250", ""));
    assert!(much.derived[1].text.starts_with("from custom.begun (not told) to today ("));
    let plain = explain(&server, "plain").await;
    assert_eq!((&*plain.derived[0].value, plain.lines.last().unwrap().missing), ("", true));

    let request = proto::ScoreCaseRequest {
        portfolio_id: "cards".to_owned(),
        case: Some(with_numbers("any", 999.0, "")),
        ..Default::default()
    };
    let told = server.cases().score_case(request).await.unwrap().into_inner().explanation.unwrap();
    assert_eq!(told.derived[0].value, "999");
}

#[tokio::test]
async fn what_is_wrong_with_a_derived_feature_is_told_with_the_paths_of_the_contract() {
    let server = TestServer::start().await;
    let wrong = draft(&server, "consumer", |card| {
        let mut twice = share();
        twice.formula = Some(known(&["reachable", "marital_status"]));
        let ratio = proto::RatioFormula { of: "derived.b".to_owned(), to: "dispute".to_owned() };
        let list = vec!["reachable".to_owned(), "attempt_count".to_owned()];
        let min = Formula::Min(proto::FeatureList { features: list });
        let (of, months) = ("tenure_months".to_owned(), 3);
        let change = Formula::Change(proto::ChangeFormula { of, months });
        card.derived = vec![
            share(),
            twice,
            derived("a", Formula::Ratio(ratio)),
            derived("b", min),
            derived("c", change),
        ];
    })
    .await;
    let told = findings(&server, number(&wrong)).await;
    let paths: Vec<_> = told.iter().filter(|one| one.0).map(|one| &*one.1).collect();
    assert_eq!(
        paths,
        [
            "derived[1].name",
            "derived[1].protected_input",
            "derived[2].ratio.of",
            "derived[2].ratio.to",
            "derived[3].min.features[0]",
            "derived[4].change.of",
        ]
    );
    let allowed = "late_months_6, worst_months_past_due_6, arrears_trend";
    assert!(told[5].2.contains(allowed), "{told:?}");

    let mut scorecard = wrong.scorecard.clone().unwrap();
    scorecard.derived[0].formula = None;
    let request = proto::CreateRevisionRequest { scorecard: Some(scorecard), ..Default::default() };
    let refused = refusal(server.scorecards().create_revision(request).await);
    let field = "scorecard.derived[0].formula".to_owned();
    assert_eq!(refused.violations, [(field, "FIELD_REQUIRED".to_owned())]);

    let mut revision = wrong.clone();
    revision.scorecard.as_mut().unwrap().derived = vec![booked()];
    revision.scorecard.as_mut().unwrap().base_points = 1;
    let paths = vec!["scorecard.derived".to_owned()];
    let update_mask = Some(prost_types::FieldMask { paths });
    let request = proto::UpdateRevisionRequest { revision: Some(revision), update_mask };
    let updated = server.scorecards().update_revision(request).await.unwrap().into_inner();
    let card = updated.revision.unwrap().scorecard.unwrap();
    assert_eq!((card.derived, card.base_points), (vec![booked()], 500));
}

#[tokio::test]
async fn what_looks_at_a_protected_input_is_off_until_the_portfolio_says_otherwise() {
    let server = with_cases(&["plain"]).await;
    let mut case = document("one");
    let household = proto::HouseholdFacts {
        marital_status: proto::MaritalStatus::Married as i32,
        ..Default::default()
    };
    case.household = Some(household);
    server.push("cards", vec![case]).await;
    let before = rank(&server, "one").await.recovery_score;
    let made = draft(&server, "consumer", |card| {
        let protected = |name: &str, formula| proto::DerivedFeature {
            protected_input: true,
            ..derived(name, formula)
        };
        card.derived = vec![
            protected("inner", known(&["marital_status"])),
            protected("outer", known(&["derived.inner", "attempt_count"])),
        ];
        let mut own = looks_at("derived.outer");
        own.protected_input = true;
        own.bins[0].upper_bound = "2".to_owned();
        own.bins[1].lower_bound = "2".to_owned();
        card.characteristics.push(own);
    })
    .await;
    assert_eq!(findings(&server, number(&made)).await, []);
    activate(&server, activation(number(&made), 1)).await.unwrap();
    ranked(&server).await;
    let told = explain(&server, "one").await;
    assert_eq!(told.rank.unwrap().recovery_score, before);
    assert_eq!((told.derived.len(), &*told.lines.last().unwrap().bin), (0, "off"));
}

#[tokio::test]
async fn what_is_simulated_by_derived_features_is_what_an_activation_brings() {
    let server = with_portfolio(EngineOptions::default()).await;
    let numbers = (0..40).map(|at| {
        let mut case = with_numbers(&format!("c{at:03}"), f64::from(at) * 13.7, "2021-02-03");
        case.debtor_id = format!("d{at:03}");
        case
    });
    server.push("cards", numbers.collect()).await;
    let made = draft(&server, "consumer", |card| {
        card.derived = vec![share(), booked()];
        let (of, less) = ("derived.paid_of_limit".to_owned(), "days_past_due".to_owned());
        let gap = Formula::Difference(proto::DifferenceFormula { of, less });
        card.derived.push(derived("gap", gap));
        card.characteristics.push(looks_at("derived.gap"));
    })
    .await;
    let request = super::simulation::request(number(&made));
    let told = simulate(&server, request).await.unwrap();
    let before = super::simulation::ranks(&server).await;
    activate(&server, activation(number(&made), 1)).await.unwrap();
    ranked(&server).await;
    let after = super::simulation::ranks(&server).await;
    let moved = super::simulation::moved(&before, &after);
    assert_eq!(migration(&told.migration), moved);
    let changed =
        |case_id: &&String| before[*case_id].recovery_score != after[*case_id].recovery_score;
    assert_eq!(told.score_changed_cases, before.keys().filter(changed).count() as i64);
    assert!(told.score_changed_cases > 10);
}
