//! Scorecards tried on a portfolio: what is told beforehand is what comes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrears::engine::EngineOptions;
use arrears::proto;
use proto::simulate_revision_request::Candidate;
use tonic::{Code, Status};

use super::{activate, activation, draft, get, name, number, ranked};
use crate::support::{
    NOW, TestDatabase, TestServer, always, buckets, date, document, euro, event, payment, refusal,
};
use arrears::model::TestClock;

/// Groups before and after, with how many cases go from one to the other.
pub(super) type Migration = BTreeMap<(i32, i32), i64>;

/// Cases that differ in all that moves: how long they are overdue and by how much, how they
/// have paid, what they would lose, who owes.
pub(super) fn documents() -> Vec<proto::CaseDocument> {
    many_documents(120)
}

fn many_documents(count: i32) -> Vec<proto::CaseDocument> {
    let document = |at: i32| {
        let mut case = document(&format!("c{at:03}"));
        case.debtor_id = format!("d{at:03}");
        case.overdue_amount = euro(i64::from(at) * 37 + 5);
        case.oldest_due_date = date(2025, 1 + (at * 5) % 12, 1 + at % 28);
        let behaviour = proto::BehaviourFacts { cooperation: 1 + at % 5, ..Default::default() };
        case.behaviour = Some(behaviour);
        let household = proto::HouseholdFacts { owns_home: 1 + at % 3, ..Default::default() };
        case.household = Some(household);
        if at % 7 == 0 {
            case.debtor_kind = proto::DebtorKind::Business as i32;
        }
        case
    };
    (0..count).map(document).collect()
}

pub(super) async fn with_portfolio(options: EngineOptions) -> TestServer {
    let clock = Arc::new(TestClock::new(NOW));
    let server = TestServer::over_with(TestDatabase::new(), clock, options).await;
    server.create(always("cards")).await;
    server.push("cards", documents()).await;
    server
}

pub(super) async fn server() -> TestServer {
    let options = EngineOptions { tenant_buckets: buckets(), ..EngineOptions::default() };
    with_portfolio(options).await
}

/// A simulation of a revision of the scorecard for persons.
pub(super) fn request(revision_no: i64) -> proto::SimulateRevisionRequest {
    proto::SimulateRevisionRequest {
        portfolio_id: "cards".to_owned(),
        candidate: name("consumer", revision_no).map(Candidate::Revision),
        movements_max: 10,
        ..Default::default()
    }
}

/// The last answer.
pub(super) async fn simulate(
    server: &TestServer,
    request: proto::SimulateRevisionRequest,
) -> Result<proto::Simulation, Status> {
    let mut answers = server.scorecards().simulate_revision(request).await?.into_inner();
    let mut last = None;
    while let Some(answer) = answers.message().await? {
        last = answer.simulation;
    }
    let last = last.expect("there is an answer");
    assert!(last.is_final);
    Ok(last)
}

pub(super) fn migration(pairs: &[proto::GroupMigration]) -> Migration {
    let count = |pair: &proto::GroupMigration| pair.count.as_ref().unwrap().cases;
    let pairs = pairs.iter().map(|pair| ((pair.before, pair.after), count(pair)));
    pairs.filter(|(_, cases)| *cases > 0).collect()
}

/// The rank of every open case, by id.
pub(super) async fn ranks(server: &TestServer) -> BTreeMap<String, proto::Rank> {
    let request = proto::ListCasesRequest {
        portfolio_id: "cards".to_owned(),
        page_size: 1_000,
        states: vec![proto::CaseState::Open as i32],
        ..Default::default()
    };
    let listed = server.cases().list_cases(request).await.unwrap().into_inner();
    let cases = listed.cases.into_iter();
    cases.map(|case| (case.case_id, case.rank.unwrap())).collect()
}

pub(super) fn moved(
    before: &BTreeMap<String, proto::Rank>,
    after: &BTreeMap<String, proto::Rank>,
) -> Migration {
    let mut moved = Migration::new();
    for (case_id, rank) in before {
        *moved.entry((rank.recovery_group, after[case_id].recovery_group)).or_default() += 1;
    }
    moved
}

/// Fifty points less, and another bin of one characteristic.
pub(super) fn changed(card: &mut proto::Scorecard) {
    card.base_points -= 50;
    let cooperation = card.characteristics.iter_mut().find(|one| one.feature == "cooperation");
    cooperation.unwrap().bins[0].points -= 200;
}

#[tokio::test]
async fn what_is_simulated_is_what_an_activation_brings() {
    let server = server().await;
    let made = draft(&server, "consumer", changed).await;
    let simulation = simulate(&server, request(number(&made))).await.unwrap();
    let before = ranks(&server).await;
    activate(&server, activation(2, 1)).await.unwrap();
    ranked(&server).await;
    let after = ranks(&server).await;

    assert_eq!(migration(&simulation.migration), moved(&before, &after));
    let all = before.len() as i64;
    let counted = simulation.counted.clone().unwrap();
    assert_eq!((counted.cases, simulation.book_cases, all), (all, all, 120));
    assert_eq!((simulation.sampled_one_in, simulation.loaded_permille), (1, 1_000));
    let overdue: i64 =
        documents().iter().map(|case| case.overdue_amount.as_ref().unwrap().units).sum();
    assert_eq!(counted.overdue_amount.unwrap().units, overdue);
    let differs = |of: fn(&proto::Rank) -> i32| {
        before.iter().filter(|(id, rank)| of(rank) != of(&after[*id])).count() as i64
    };
    assert_eq!(simulation.score_changed_cases, differs(|rank| rank.recovery_score));
    assert_eq!(simulation.priority_changed_cases, differs(|rank| rank.priority));
    let scores = simulation.scores.unwrap();
    assert_eq!((scores.before.len(), scores.after.iter().sum::<i64>()), (20, all));
    assert!(scores.stability_index_micros > 0);

    assert_eq!(simulation.movements.len(), 10);
    for movement in &simulation.movements {
        let (one, two) = (&before[&movement.case_id], &after[&movement.case_id]);
        let (from, to) = (movement.before.as_ref().unwrap(), movement.after.as_ref().unwrap());
        assert_eq!((from.score, from.priority), (one.recovery_score, one.priority));
        assert_eq!((to.score, to.group), (two.recovery_score, two.recovery_group));
        let by = |line: &proto::MovementLine| line.contribution_after - line.contribution_before;
        assert_eq!(movement.lines.iter().map(by).sum::<i32>(), to.score - from.score);
    }
}

#[tokio::test]
async fn a_simulation_follows_what_happens() {
    let server = server().await;
    let made = number(&draft(&server, "consumer", changed).await);
    let cases = |simulation: &proto::Simulation| simulation.counted.clone().unwrap().cases;
    let first = simulate(&server, request(made)).await.unwrap();
    assert_eq!(cases(&first), 120);

    let mut more = documents().swap_remove(3);
    (more.case_id, more.debtor_id) = ("new".to_owned(), "new".to_owned());
    let mut settled = documents().swap_remove(4);
    settled.overdue_amount = euro(0);
    server.push("cards", vec![more]).await;
    server.push("cards", vec![settled]).await;
    server.record("cards", vec![event("e", &["c005"], payment(euro(100)))]).await;
    let second = simulate(&server, request(made)).await.unwrap();
    assert_eq!(cases(&second), 120, "one came, one was cured");
    assert!(second.change_numbers > first.change_numbers);
    let amount = |simulation: &proto::Simulation| {
        simulation.counted.clone().unwrap().overdue_amount.unwrap().units
    };
    assert_eq!(amount(&second), amount(&first) + (3 * 37 + 5) - (4 * 37 + 5) - 100);
    let before = ranks(&server).await;
    activate(&server, activation(made, 1)).await.unwrap();
    ranked(&server).await;
    assert_eq!(migration(&second.migration), moved(&before, &ranks(&server).await));

    // What is active now is what it is compared with from here on.
    let same = simulate(&server, request(made)).await.unwrap();
    assert_eq!((same.score_changed_cases, same.movements.len()), (0, 0));
    let mut back = request(1);
    back.compared_with = name("consumer", made);
    let back = simulate(&server, back).await.unwrap();
    let turned =
        migration(&back.migration).into_iter().map(|((from, to), cases)| ((to, from), cases));
    assert_eq!(turned.collect::<Migration>(), migration(&second.migration));
}

#[tokio::test]
async fn a_day_ahead_is_simulated_as_it_will_be() {
    let server = server().await;
    let made = number(&draft(&server, "consumer", changed).await);
    let mut asked = request(made);
    asked.as_of_date = date(2026, 12, 24);
    asked.slices = vec![proto::SliceBy { by: Some(proto::slice_by::By::Stage(true)) }];
    let simulation = simulate(&server, asked).await.unwrap();
    let mut expected = Migration::new();
    for case in documents() {
        let request = proto::ExplainCaseRequest {
            portfolio_id: "cards".to_owned(),
            case_id: case.case_id,
            as_of_date: date(2026, 12, 24),
            ..Default::default()
        };
        let answer = server.cases().explain_case(request).await.unwrap().into_inner();
        let rank = answer.explanation.unwrap().rank.unwrap();
        *expected.entry((rank.recovery_group, 0)).or_default() += 1;
    }
    let mut before = Migration::new();
    for ((from, _), cases) in migration(&simulation.migration) {
        *before.entry((from, 0)).or_default() += cases;
    }
    assert_eq!(before, expected);
    // Everybody is overdue for longer than four months by then.
    let slices = &simulation.slices[0].slices;
    assert_eq!(slices.iter().map(|slice| &*slice.label).collect::<Vec<_>>(), ["M5"]);
}

#[tokio::test]
async fn cases_are_filtered_and_counted_apart() {
    use proto::slice_by::By;
    let server = server().await;
    let made = number(&draft(&server, "consumer", changed).await);
    let mut asked = request(made);
    asked.filter = Some(proto::SimulationFilter {
        debtor_kinds: vec![proto::DebtorKind::Person as i32],
        overdue_amount_min: euro(1_000),
        overdue_amount_max: euro(3_000),
        characteristics: vec![proto::CharacteristicFilter {
            characteristic: "cooperation".to_owned(),
            bins: vec!["HIGH".to_owned(), "LOW".to_owned()],
        }],
        ..Default::default()
    });
    let by = |by| proto::SliceBy { by: Some(by) };
    asked.slices = vec![by(By::DebtorKind(true)), by(By::Characteristic("cooperation".to_owned()))];
    let simulation = simulate(&server, asked).await.unwrap();
    let wanted = (0..120).filter(|at| {
        let amount = at * 37 + 5;
        at % 7 != 0 && (1_000..=3_000).contains(&amount) && [5, 3].contains(&(1 + at % 5))
    });
    let wanted = wanted.count() as i64;
    assert_eq!(simulation.counted.unwrap().cases, wanted);
    let labels = |at: usize| -> Vec<&str> {
        simulation.slices[at].slices.iter().map(|slice| &*slice.label).collect()
    };
    assert_eq!((labels(0), labels(1)), (vec!["PERSON"], vec!["LOW", "HIGH"]));
    let cases = simulation.slices[1].slices.iter().flat_map(|slice| &slice.migration);
    assert_eq!(cases.map(|pair| pair.count.as_ref().unwrap().cases).sum::<i64>(), wanted);
}

const OUT_OF_RANGE: &str = "FIELD_OUT_OF_RANGE";

fn only(characteristic: &str, bin: &str) -> Option<proto::SimulationFilter> {
    let characteristics = vec![proto::CharacteristicFilter {
        characteristic: characteristic.to_owned(),
        bins: vec![bin.to_owned()],
    }];
    Some(proto::SimulationFilter { characteristics, ..Default::default() })
}

fn apart(characteristic: &str) -> proto::SliceBy {
    let by = proto::slice_by::By::Characteristic(characteristic.to_owned());
    proto::SliceBy { by: Some(by) }
}

#[tokio::test]
async fn a_book_that_missed_what_is_no_longer_remembered_is_loaded_anew() {
    let server = server().await;
    let made = number(&draft(&server, "consumer", changed).await);
    let first = simulate(&server, request(made)).await.unwrap();
    let mut more = documents().swap_remove(3);
    (more.case_id, more.debtor_id) = ("new".to_owned(), "new".to_owned());
    server.push("cards", vec![more]).await;
    // On PostgreSQL a change has its number once somebody has looked.
    simulate(&server, request(made)).await.unwrap();
    let mut another = documents().swap_remove(5);
    (another.case_id, another.debtor_id) = ("another".to_owned(), "another".to_owned());
    server.push("cards", vec![another]).await;
    server.database().execute("DELETE FROM change_log");
    let cases = |simulation: proto::Simulation| simulation.counted.unwrap().cases;
    let last = simulate(&server, request(made)).await.unwrap();
    assert_eq!((cases(first), cases(last)), (120, 122));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_path() {
    let server = server().await;
    let refused = [
        (|r| r.candidate = None, "revision", "FIELD_REQUIRED"),
        (|r| r.as_of_date = date(2026, 3, 3), "as_of_date", OUT_OF_RANGE),
        (|r| r.as_of_date = date(2027, 3, 6), "as_of_date", OUT_OF_RANGE),
        (|r| r.movements_max = 101, "movements_max", OUT_OF_RANGE),
        (|r| r.movements_max = -1, "movements_max", OUT_OF_RANGE),
        (|r| r.debtor_kind = 9, "debtor_kind", OUT_OF_RANGE),
        (|r| r.slices = vec![proto::SliceBy::default()], "slices[0]", "FIELD_REQUIRED"),
        (
            |r| r.slices = vec![proto::SliceBy { by: Some(proto::slice_by::By::Stage(true)) }; 9],
            "slices",
            OUT_OF_RANGE,
        ),
        (
            |r| {
                r.filter = Some(proto::SimulationFilter {
                    overdue_amount_min: euro(2),
                    overdue_amount_max: euro(1),
                    ..Default::default()
                });
            },
            "filter.overdue_amount_max",
            "FIELD_CONFLICT",
        ),
        (
            |r| {
                r.filter = Some(proto::SimulationFilter { stages: vec![0], ..Default::default() });
            },
            "filter.stages[0]",
            "FIELD_REQUIRED",
        ),
        (
            |r| {
                let twice = proto::CharacteristicFilter {
                    characteristic: "cooperation".to_owned(),
                    bins: vec!["HIGH".to_owned()],
                };
                let characteristics = vec![twice.clone(), twice];
                r.filter = Some(proto::SimulationFilter { characteristics, ..Default::default() });
            },
            "filter.characteristics[1].characteristic",
            "FIELD_CONFLICT",
        ),
        (
            |r| r.filter = only("hair", "RED"),
            "filter.characteristics[0].characteristic",
            OUT_OF_RANGE,
        ),
        (
            |r| r.filter = only("cooperation", "RED"),
            "filter.characteristics[0].bins[0]",
            OUT_OF_RANGE,
        ),
        (|r| r.slices = vec![apart("hair")], "slices[0].characteristic", OUT_OF_RANGE),
        (
            |r| r.slices = vec![apart("cooperation"), apart("cooperation")],
            "slices[1].characteristic",
            "FIELD_CONFLICT",
        ),
    ] as [(fn(&mut proto::SimulateRevisionRequest), &str, &str); 15];
    for (change, path, reason) in refused {
        let mut asked = request(1);
        change(&mut asked);
        let refused = refusal(server.scorecards().simulate_revision(asked).await);
        assert_eq!(refused.code, Code::InvalidArgument, "{path}");
        assert_eq!(refused.violations[0].0, path);
        assert_eq!(refused.reason, reason, "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_tried_is_named() {
    let server = server().await;
    let mut asked = request(7);
    let refused = refusal(server.scorecards().simulate_revision(asked.clone()).await);
    assert_eq!(refused.reason, "REVISION_NOT_FOUND");
    asked.portfolio_id = "nowhere".to_owned();
    let refused = refusal(server.scorecards().simulate_revision(asked).await);
    assert_eq!(refused.reason, "PORTFOLIO_NOT_FOUND");
    let wrong = draft(&server, "consumer", |card| card.characteristics[0].name.clear()).await;
    let refused = refusal(server.scorecards().simulate_revision(request(number(&wrong))).await);
    assert_eq!(refused.reason, "REVISION_INVALID");
}

#[tokio::test]
async fn all_that_makes_no_sense_is_told_at_once() {
    let server = server().await;
    let mut asked = request(1);
    asked.as_of_date = date(2026, 3, 3);
    asked.filter = only("cooperation", "RED");
    asked.slices = vec![apart("cooperation"), apart("hair")];
    let refused = refusal(server.scorecards().simulate_revision(asked).await);
    let all = ["as_of_date", "filter.characteristics[0].bins[0]", "slices[1].characteristic"];
    assert_eq!(refused.fields(), all);
}

#[tokio::test]
async fn a_scorecard_too_large_to_be_kept_is_too_large_to_be_tried() {
    let server = TestServer::start().await;
    server.create(always("cards")).await;
    let mut large = get(&server, "consumer", 1).await.scorecard.unwrap();
    let reason = large.characteristics[0].reason.as_mut().unwrap();
    reason.text = "x".repeat(256 * 1_024);
    let draft =
        proto::CreateRevisionRequest { scorecard: Some(large.clone()), ..Default::default() };
    let kept = refusal(server.scorecards().create_revision(draft).await);
    let candidate = Some(Candidate::Scorecard(large));
    let trial = proto::SimulateRevisionRequest { candidate, ..request(1) };
    let tried = refusal(server.scorecards().simulate_revision(trial).await);
    for refused in [kept, tried] {
        assert_eq!(refused.code, Code::InvalidArgument);
        assert_eq!(refused.violations, [("scorecard".to_owned(), OUT_OF_RANGE.to_owned())]);
    }
}

#[tokio::test]
async fn what_does_not_fit_into_memory_is_tried_on_a_sample() {
    let book_bytes_max = 64 * 1_024;
    let server = with_portfolio(EngineOptions { tenant_buckets: 1, book_bytes_max }).await;
    for documents in many_documents(2_000).chunks(1_000) {
        server.push("cards", documents.to_vec()).await;
    }
    let made = number(&draft(&server, "consumer", changed).await);
    let simulation = simulate(&server, request(made)).await.unwrap();
    let counted = simulation.counted.clone().unwrap().cases;
    let one_in = simulation.sampled_one_in;
    assert!(one_in > 1, "{counted} cases fit");
    assert!((2_000 / one_in / 2..=2_000 * 2 / one_in).contains(&counted), "{counted} of {one_in}");
    assert_eq!(simulation.book_cases, counted);

    let whole = proto::SimulateRevisionRequest { whole: true, ..request(made) };
    let answers = server.scorecards().simulate_revision(whole).await.unwrap();
    let refused = answers.into_inner().message().await.expect_err("it does not fit");
    let refused = refusal::<()>(Err(refused));
    assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "BOOK_TOO_LARGE"));
    assert_eq!(refused.value("bytes_max"), book_bytes_max.to_string());
}

#[tokio::test]
async fn groups_that_tell_nobody_apart_are_odd() {
    let server = server().await;
    let scorecard = get(&server, "consumer", 1).await.scorecard.unwrap();
    let easy = proto::Scorecard { cutoffs: Some(proto::Cutoffs { a: 2, b: 1 }), ..scorecard };
    let request = proto::ValidateRevisionRequest {
        subject: Some(proto::validate_revision_request::Subject::Scorecard(easy)),
        portfolio_id: "cards".to_owned(),
    };
    let found = server.scorecards().validate_revision(request.clone()).await.unwrap().into_inner();
    let found: Vec<_> = found.findings.iter().filter(|one| one.path == "cutoffs").collect();
    assert!(
        found.iter().any(|one| one.message.contains("group A would have 100.0 %")),
        "{found:?}"
    );
    assert!(found.iter().all(|one| one.message.contains("with a ")), "{found:?}");
    assert!(found.iter().all(|one| one.severity() == proto::FindingSeverity::Warning));
    let alone = proto::ValidateRevisionRequest { portfolio_id: String::new(), ..request };
    let found = server.scorecards().validate_revision(alone).await.unwrap().into_inner();
    assert!(found.findings.iter().all(|one| !one.message.contains('%')), "{:?}", found.findings);
}

#[tokio::test]
async fn differences_are_told_by_name() {
    use proto::diff_revisions_request::Subject;
    let server = TestServer::start().await;
    let made = draft(&server, "consumer", changed).await;
    let request = |subject| proto::DiffRevisionsRequest { base: name("consumer", 1), subject };
    let diff = |subject| {
        let mut client = server.scorecards();
        async move { client.diff_revisions(request(subject)).await }
    };
    let found = diff(name("consumer", number(&made)).map(Subject::Revision)).await;
    let found = found.unwrap().into_inner();
    let paths: Vec<&str> = found.differences.iter().map(|one| &*one.path).collect();
    assert_eq!(paths, ["base_points", "characteristics[cooperation].bins[0].points"]);
    assert_eq!((&*found.differences[0].before, &*found.differences[0].after), ("500", "450"));
    assert_eq!(found.difference_count, 2);
    let same = diff(name("consumer", 1).map(Subject::Revision)).await.unwrap().into_inner();
    assert_eq!((same.difference_count, same.differences.len()), (0, 0));
    let refused = refusal(diff(None).await);
    assert_eq!(refused.violations[0].0, "revision");
}
