//! Populations of a scorecard, through the service: kept, validated, ranked by, explained,
//! compared and tried.

use std::collections::BTreeMap;

use arrears::engine::EngineOptions;
use arrears::proto;

use super::simulation::{migration, moved, ranks, request, simulate, with_portfolio};
use super::{
    DAYS, TestServer, activate, activation, draft, findings, number, rank, ranked, with_cases,
};
use crate::support::{date, document, refusal};

fn from_days(days: i32) -> proto::Condition {
    let (feature, lower_bound) = ("days_past_due".to_owned(), days.to_string());
    proto::Condition { feature, lower_bound, ..Default::default() }
}

/// Whoever is overdue for so long starts lower and is looked at by few characteristics.
fn late(card: &proto::Scorecard, name: &str, days: i32, base_points: i32) -> proto::Population {
    let few = ["days_past_due", "cooperation", "owns_home"];
    let own = card.characteristics.iter().filter(|one| few.contains(&one.feature.as_str()));
    let name = name.to_owned();
    let characteristics: Vec<_> = own.cloned().collect();
    assert_eq!(characteristics.len(), 3);
    proto::Population { name, when: vec![from_days(days)], base_points, characteristics }
}

async fn explain(
    server: &TestServer,
    ahead: i32,
    compare_with: Option<proto::CasePoint>,
) -> proto::ExplainCaseResponse {
    // A year is ahead of every test.
    let today = server.get("cards", "c").await.rank.unwrap().rank_date.unwrap();
    let day = arrears::model::Day::from_ymd(today.year, today.month as u32, today.day as u32);
    let (year, month, day) = day.unwrap().plus(ahead).ymd();
    let request = proto::ExplainCaseRequest {
        portfolio_id: "cards".to_owned(),
        case_id: "c".to_owned(),
        as_of_date: date(year, month as i32, day as i32),
        compare_with,
        ..Default::default()
    };
    server.cases().explain_case(request).await.unwrap().into_inner()
}

fn sum_of(told: &proto::Explanation) -> i32 {
    let lines: i32 = told.lines.iter().map(|line| line.contribution).sum();
    told.base_points + lines + told.clamp_points
}

#[tokio::test]
async fn the_first_population_that_holds_ranks_a_case_by_its_own_points() {
    let server = with_cases(&["c"]).await;
    let plain = explain(&server, 0, None).await.explanation.unwrap();
    assert_eq!(plain.population, "");
    let made = draft(&server, "consumer", |card| {
        let populations = [("later", DAYS + 10, 300), ("late", DAYS + 5, 350)];
        let own = populations.map(|(name, days, base)| late(card, name, days, base));
        card.populations = own.into();
    })
    .await;
    assert_eq!(made.scorecard.as_ref().unwrap().populations.len(), 2);
    assert_eq!(findings(&server, number(&made)).await, []);
    activate(&server, activation(number(&made), 1)).await.unwrap();
    ranked(&server).await;

    let now = explain(&server, 0, None).await.explanation.unwrap();
    assert_eq!((now.population.as_str(), now.lines.len()), ("", plain.lines.len()));
    assert_eq!(now.rank.as_ref().unwrap().recovery_score, rank(&server, "c").await.recovery_score);
    for (ahead, population, base_points) in [(4, "", 500), (5, "late", 350), (10, "later", 300)] {
        let told = explain(&server, ahead, None).await.explanation.unwrap();
        assert_eq!((told.population.as_str(), told.base_points), (population, base_points));
        let lines = if population.is_empty() { plain.lines.len() } else { 3 };
        assert_eq!((told.lines.len(), sum_of(&told)), (lines, told.rank.unwrap().recovery_score));
    }

    let answer = explain(&server, 10, Some(proto::CasePoint::default())).await;
    let (told, moved) = (answer.explanation.unwrap(), answer.movement.unwrap());
    assert_eq!((&*moved.from_population, &*moved.to_population), ("", "later"));
    let whole = |points: &proto::MovedPoints| points.data + points.day + points.rule_set;
    let parts = [moved.base.as_ref(), moved.clamp.as_ref(), moved.knock_out.as_ref()];
    let lines = moved.lines.iter().map(|line| line.moved.as_ref());
    let sum: i32 = parts.into_iter().chain(lines).map(|points| whole(points.unwrap())).sum();
    let [from, to] = [&now, &told].map(|one| one.rank.as_ref().unwrap().recovery_score);
    assert_eq!((sum, whole(moved.score.as_ref().unwrap())), (to - from, to - from));
    assert_eq!(moved.base.unwrap().day, -200);

    let request = proto::ScoreCaseRequest {
        portfolio_id: "cards".to_owned(),
        case: Some(proto::CaseDocument { oldest_due_date: date(2024, 1, 1), ..document("any") }),
        ..Default::default()
    };
    let scored = server.cases().score_case(request).await.unwrap().into_inner();
    assert_eq!(scored.explanation.unwrap().population, "later");
}

#[tokio::test]
async fn what_is_wrong_or_odd_with_populations_is_told_with_the_paths_of_the_contract() {
    let server = TestServer::start().await;
    let odd = draft(&server, "consumer", |card| {
        card.populations = vec![late(card, "late", 60, 300), late(card, "later", 90, 300)];
    })
    .await;
    let told = findings(&server, number(&odd)).await;
    let taken = "no case can be of it: late takes all of its cases".to_owned();
    assert_eq!(told, [(false, "populations[1]".to_owned(), taken)]);
    let wrong = draft(&server, "consumer", |card| {
        let mut one = late(card, "late", 60, 10_001);
        one.when[0].feature = "complaints".to_owned();
        one.characteristics[1].missing_points = None;
        one.characteristics[2].bins.clear();
        card.populations = vec![one];
    })
    .await;
    let told = findings(&server, number(&wrong)).await;
    let paths: Vec<_> = told.iter().filter(|one| one.0).map(|one| &*one.1).collect();
    assert_eq!(
        paths,
        [
            "populations[0].base_points",
            "populations[0].when[0].feature",
            "populations[0].characteristics[1].missing_points",
            "populations[0].characteristics[2].bins",
        ]
    );
    let mut scorecard = wrong.scorecard.unwrap();
    scorecard.populations[0].characteristics[0].family = 99;
    let request = proto::CreateRevisionRequest { scorecard: Some(scorecard), ..Default::default() };
    let refused = refusal(server.scorecards().create_revision(request).await);
    let field = "scorecard.populations[0].characteristics[0].family".to_owned();
    assert_eq!(refused.violations, [(field, "FIELD_OUT_OF_RANGE".to_owned())]);
}

#[tokio::test]
async fn what_is_simulated_by_populations_is_what_an_activation_brings() {
    let server = with_portfolio(EngineOptions::default()).await;
    let made = draft(&server, "consumer", |card| {
        let populations = [("oldest", 250, 100), ("older", 120, 250)];
        let own = populations.map(|(name, days, base)| late(card, name, days, base));
        card.populations = own.into();
    })
    .await;
    let by = proto::slice_by::By::Population;
    let mut asked = request(number(&made));
    asked.slices = vec![proto::SliceBy { by: Some(by(true)) }];
    let told = simulate(&server, asked.clone()).await.unwrap();
    for movement in &told.movements {
        let (from, to) = (movement.before.as_ref().unwrap(), movement.after.as_ref().unwrap());
        let by = |line: &proto::MovementLine| line.contribution_after - line.contribution_before;
        assert_eq!(movement.lines.iter().map(by).sum::<i32>(), to.score - from.score);
    }
    assert_eq!(told.movements.len(), 10);
    let before = ranks(&server).await;
    activate(&server, activation(number(&made), 1)).await.unwrap();
    ranked(&server).await;
    let after = ranks(&server).await;
    assert_eq!(migration(&told.migration), moved(&before, &after));
    let scores = |ranks: &BTreeMap<String, proto::Rank>| -> Vec<i32> {
        ranks.values().map(|rank| rank.recovery_score).collect()
    };
    let changed = scores(&before).into_iter().zip(scores(&after)).filter(|(one, two)| one != two);
    assert_eq!(told.score_changed_cases, changed.count() as i64);
    assert!(told.score_changed_cases > 20);

    // Of whoever is no person, none is of these populations.
    let mut populations = BTreeMap::new();
    for case_id in after.into_keys() {
        let request = proto::ExplainCaseRequest {
            portfolio_id: "cards".to_owned(),
            case_id,
            ..Default::default()
        };
        let answer = server.cases().explain_case(request).await.unwrap().into_inner();
        *populations.entry(answer.explanation.unwrap().population).or_default() += 1;
    }
    let cases = |slice: &proto::SimulationSlice| migration(&slice.migration).into_values().sum();
    let slices = told.slices[0].slices.iter();
    let counted: BTreeMap<String, i64> =
        slices.map(|slice| (slice.label.clone(), cases(slice))).collect();
    assert_eq!((counted.len(), &counted), (3, &populations));

    asked.slices = vec![proto::SliceBy { by: Some(by(false)) }];
    let refused = refusal(server.scorecards().simulate_revision(asked).await);
    assert_eq!(refused.violations, [("slices[0]".to_owned(), "FIELD_REQUIRED".to_owned())]);
}
