//! Proof: why a case was ranked as it was, at any instant, by any lease, and why it moved.

use std::sync::Arc;

use arrears::model::Micros;
use arrears::proto;
use tonic::Code;

use crate::support::{
    NOW, TestServer, always, date, document, euro, event, instant, only_on_sqlite, payment, pull,
    refusal, work_list,
};

type Answer = proto::ExplainCaseResponse;

/// A server with a portfolio, a list of everything and a case.
async fn with_case() -> TestServer {
    let server = TestServer::start().await;
    server.create(always("cards")).await;
    server.create_list(work_list("all")).await;
    server.push("cards", vec![document("c")]).await;
    server
}

fn request() -> proto::ExplainCaseRequest {
    let (portfolio_id, case_id) = ("cards".to_owned(), "c".to_owned());
    proto::ExplainCaseRequest { portfolio_id, case_id, ..Default::default() }
}

async fn explain(server: &TestServer, request: proto::ExplainCaseRequest) -> Answer {
    server.cases().explain_case(request).await.unwrap().into_inner()
}

fn known(at: Micros) -> proto::ExplainCaseRequest {
    proto::ExplainCaseRequest { known_at: instant(at), ..request() }
}

fn leased(lease_seq: i64) -> proto::ExplainCaseRequest {
    proto::ExplainCaseRequest { lease_seq, ..request() }
}

async fn replay(server: &TestServer, page_size: i32, token: &str) -> proto::ReplayCaseResponse {
    let request = proto::ReplayCaseRequest {
        portfolio_id: "cards".to_owned(),
        case_id: "c".to_owned(),
        page_size,
        page_token: token.to_owned(),
    };
    server.cases().replay_case(request).await.unwrap().into_inner()
}

/// Makes every case harder by so many points, by an activation.
async fn harder(server: &TestServer, points: i32, expected_activation_id: i64) {
    changed(server, |card| card.base_points -= points, expected_activation_id).await;
}

/// Activates the newest scorecard with a change.
async fn changed(
    server: &TestServer,
    change: impl FnOnce(&mut proto::Scorecard),
    expected_activation_id: i64,
) {
    let base = Some(proto::RevisionName { scorecard_id: "consumer".to_owned(), revision_no: 0 });
    let newest = proto::GetRevisionRequest { name: base.clone() };
    let newest = server.scorecards().get_revision(newest).await.unwrap().into_inner();
    let mut card = newest.revision.unwrap().scorecard.unwrap();
    change(&mut card);
    let draft = proto::CreateRevisionRequest { base, scorecard: Some(card), title: String::new() };
    let made = server.scorecards().create_revision(draft).await.unwrap().into_inner();
    let name = made.revision.unwrap().name.unwrap();
    let request = proto::ActivateRevisionRequest {
        portfolio_id: "cards".to_owned(),
        target: Some(proto::activate_revision_request::Target::Revision(name)),
        expected_activation_id,
        reason: "a test".to_owned(),
        ..Default::default()
    };
    server.scorecards().activate_revision(request).await.unwrap();
}

fn score(answer: &Answer) -> i32 {
    answer.explanation.as_ref().unwrap().rank.as_ref().unwrap().recovery_score
}

#[tokio::test]
async fn what_was_said_at_an_instant_is_said_of_it_a_year_later() {
    let server = with_case().await;
    let first = explain(&server, request()).await;
    server.clock.advance(10 * Micros::DAY);
    let amount = proto::CaseDocument { overdue_amount: euro(9_000), ..document("c") };
    server.push("cards", vec![amount]).await;
    let second = explain(&server, request()).await;
    server.clock.advance(Micros::DAY);
    harder(&server, 70, 1).await;
    let third = explain(&server, request()).await;
    server.clock.advance(365 * Micros::DAY);

    for (days, was) in [(0, &first), (10, &second), (11, &third)] {
        let then = explain(&server, known(NOW.plus(days * Micros::DAY))).await;
        assert_eq!(then.explanation, was.explanation, "day {days}");
        // The rank that is stored may lag behind an activation.
        let (then, was) = (then.case.unwrap(), was.case.clone().unwrap());
        let then = proto::Case { episode: was.episode, rank: was.rank.clone(), ..then };
        assert_eq!(then, was, "day {days}");
    }
    // Between two changes it is as after the first of them.
    let between = explain(&server, known(NOW.plus(10 * Micros::DAY - Micros::SECOND))).await;
    assert_eq!(between.case.unwrap().overdue_amount, euro(1_200));
    let on_another_day = proto::ExplainCaseRequest { as_of_date: date(2026, 3, 14), ..known(NOW) };
    let other = explain(&server, on_another_day).await.explanation.unwrap().rank.unwrap();
    assert_eq!((other.rank_date, other.case_seq), (date(2026, 3, 14), 1));
}

#[tokio::test]
async fn of_several_activations_at_one_instant_the_last_one_ranked() {
    let server = with_case().await;
    let before = score(&explain(&server, request()).await);
    server.clock.advance(Micros::HOUR);
    harder(&server, 50, 1).await;
    harder(&server, 20, 2).await;
    server.clock.advance(Micros::HOUR);
    let at = |seconds| known(NOW.plus(Micros::HOUR + seconds * Micros::SECOND));
    assert_eq!(score(&explain(&server, at(-1)).await), before);
    assert_eq!(score(&explain(&server, at(0)).await), before - 70);
}

#[tokio::test]
async fn a_lease_is_explained_as_it_was_served() {
    let server = with_case().await;
    let mut served = Vec::new();
    for round in 0..3 {
        server.push("cards", vec![document("c")]).await;
        let item = server.lease(pull("all", 1)).await.work_items.remove(0);
        assert_eq!(item.lease_seq, round + 1);
        served.push(item.lead_case.unwrap());
        server.clock.advance(3 * Micros::DAY);
        harder(&server, 30, round + 1).await;
        let paid = proto::Event {
            event_time: instant(NOW.plus(server.elapsed())),
            ..event(&format!("e{round}"), &["c"], payment(euro(10)))
        };
        server.record("cards", vec![paid]).await;
    }
    server.clock.advance(300 * Micros::DAY);
    for (served, lease_seq) in served.iter().zip(1..) {
        let told = explain(&server, leased(lease_seq)).await;
        let lease = told.lease.unwrap();
        assert_eq!((lease.lease_seq, told.lease_count), (lease_seq, 3));
        assert_eq!((lease.served_rank.as_ref(), &*lease.worker_id), (served.rank.as_ref(), "w1"));
        let explanation = told.explanation.unwrap();
        assert_eq!(explanation.rank, served.rank);
        let for_agents = explanation.reasons.into_iter();
        let for_agents = for_agents.filter(|one| one.audience() == proto::Audience::Agent);
        let codes: Vec<_> = for_agents.map(|one| one.reason_code).collect();
        let shown: Vec<_> = served.reasons.iter().map(|one| one.reason_code.clone()).collect();
        assert_eq!(codes, shown);
        let case = told.case.unwrap();
        assert_eq!(
            (case.overdue_amount, case.stage),
            (served.overdue_amount.clone(), served.stage)
        );
        assert_eq!(case.days_past_due, served.days_past_due);
    }
    let first = replay(&server, 2, "").await;
    assert_eq!(
        (first.stored_rank.as_ref(), first.differing_fields.len()),
        (first.recomputed_rank.as_ref(), 0)
    );
    let last = replay(&server, 2, &first.next_page_token).await;
    let all: Vec<_> = first.leases.into_iter().chain(last.leases).collect();
    assert_eq!((all.len(), &*last.next_page_token), (3, ""));
    for (one, served) in all.iter().zip(&served) {
        assert_eq!(one.result(), proto::ReplayResult::Equal, "{one:?}");
        assert_eq!(one.recomputed_rank, served.rank);
    }
}

#[tokio::test]
async fn a_lease_that_was_altered_is_found() {
    let server = with_case().await;
    server.lease(pull("all", 1)).await;
    server.database().execute("UPDATE lease SET score = score + 1");
    assert_eq!(replay(&server, 0, "").await.leases[0].result(), proto::ReplayResult::Different);
    server
        .database()
        .execute("UPDATE lease SET score = NULL, priority = NULL, recovery_group = NULL");
    let old = replay(&server, 0, "").await.leases.remove(0);
    assert_eq!(old.result(), proto::ReplayResult::NotStored);
    let rests_on = old.lease.unwrap().served_rank.unwrap();
    assert_eq!((rests_on.recovery_group, rests_on.case_seq), (0, 1));
    assert_eq!(rests_on.rule_set_id, old.recomputed_rank.unwrap().rule_set_id);
    server.database().execute("UPDATE case_head SET score = score - 3");
    let found = replay(&server, 0, "").await;
    assert_eq!(found.differing_fields, ["rank"]);
    assert_ne!(found.stored_rank, found.recomputed_rank);
}

fn parts(moved: Option<&proto::MovedPoints>) -> [i32; 3] {
    let moved = moved.unwrap();
    [moved.data, moved.day, moved.rule_set]
}

/// What the parts of a score add up to.
fn sum_of_score(moved: &proto::Movement) -> [i32; 3] {
    let lines = moved.lines.iter().map(|line| line.moved.as_ref());
    let beside = [moved.base.as_ref(), moved.clamp.as_ref(), moved.knock_out.as_ref()];
    let all = lines.chain(beside).map(parts);
    all.fold([0; 3], |sum, part| [0, 1, 2].map(|at| sum[at] + part[at]))
}

#[tokio::test]
async fn a_rule_that_decides_is_a_part_of_why_a_rank_moved() {
    let server = with_case().await;
    let rule = proto::KnockOut {
        name: "long_overdue".to_owned(),
        when: vec![proto::Condition {
            feature: "days_past_due".to_owned(),
            lower_bound: "100".to_owned(),
            ..Default::default()
        }],
        score: 33,
        reason: Some(proto::ReasonText {
            code: "LONG_OVERDUE".to_owned(),
            text: "long overdue".to_owned(),
            audience: proto::Audience::Agent.into(),
            texts: [("es".to_owned(), "vencida".to_owned())].into(),
        }),
    };
    changed(&server, |card| card.knock_outs = vec![rule], 1).await;
    let before = score(&explain(&server, request()).await);
    let now = proto::ExplainCaseRequest {
        as_of_date: date(2026, 7, 1),
        language_code: "es".to_owned(),
        compare_with: Some(proto::CasePoint { known_at: instant(NOW), ..Default::default() }),
        ..request()
    };
    let answer = explain(&server, now).await;
    let moved = answer.movement.as_ref().unwrap();
    assert_eq!((score(&answer), parts(moved.score.as_ref())), (33, [0, 33 - before, 0]));
    assert_eq!(sum_of_score(moved), [0, 33 - before, 0]);
    let explanation = answer.explanation.unwrap();
    let points = explanation.knock_out.unwrap().points;
    assert_ne!(points, 0);
    assert_eq!(parts(moved.knock_out.as_ref()), [0, points, 0]);
    assert_eq!(explanation.reasons[0].text, "vencida");
}

#[tokio::test]
async fn a_lease_is_explained_in_the_language_it_was_served_in() {
    let server = with_case().await;
    let spanish = proto::LeaseWorkRequest { language_code: "es".to_owned(), ..pull("all", 1) };
    let served = server.lease(spanish).await.work_items.remove(0).lead_case.unwrap();
    let texts = |language: &str| {
        let language_code = language.to_owned();
        let request = proto::ExplainCaseRequest { language_code, ..leased(1) };
        async {
            let reasons = explain(&server, request).await.explanation.unwrap().reasons.into_iter();
            let shown = reasons.filter(|one| one.audience() == proto::Audience::Agent);
            shown.map(|one| one.text).collect::<Vec<_>>()
        }
    };
    let shown: Vec<_> = served.reasons.into_iter().map(|one| one.text).collect();
    assert_eq!(texts("es").await, shown);
    assert_ne!(texts("").await, shown);
}

#[tokio::test]
async fn why_a_rank_moved_is_told_in_parts_that_add_up() {
    let server = with_case().await;
    server.clock.advance(Micros::DAY);
    let promises = proto::BehaviourFacts { promises_broken: Some(3), ..Default::default() };
    let told = proto::CaseDocument { behaviour: Some(promises), ..document("c") };
    server.push("cards", vec![told]).await;
    server.clock.advance(60 * Micros::DAY);
    harder(&server, 40, 1).await;

    let compare = |known_at| Some(proto::CasePoint { known_at, ..Default::default() });
    let since = proto::ExplainCaseRequest { compare_with: compare(instant(NOW)), ..request() };
    let answer = explain(&server, since).await;
    let before = explain(&server, known(NOW)).await;
    let moved = answer.movement.clone().unwrap();
    let to = answer.explanation.as_ref().unwrap().rank.clone();
    assert_eq!((&moved.from_rank, &moved.to_rank), (&before.explanation.unwrap().rank, &to));
    assert_eq!(parts(moved.base.as_ref()), [0, 0, -40]);
    let score_parts = parts(moved.score.as_ref());
    assert!(score_parts.iter().all(|part| *part < 0), "{score_parts:?}");
    let both = [moved.from_rank.clone().unwrap(), to.unwrap()].map(|rank| rank.recovery_score);
    assert_eq!(score_parts.iter().sum::<i32>(), both[1] - both[0]);
    assert_eq!(sum_of_score(&moved), score_parts);
    assert_eq!(parts(moved.knock_out.as_ref()), [0; 3]);
    let terms = moved.priority_lines.iter().map(|line| parts(line.moved.as_ref()));
    let sum = terms.fold([0; 3], |sum, part| [0, 1, 2].map(|at| sum[at] + part[at]));
    assert_eq!(sum, parts(moved.priority.as_ref()));
    let broken = moved.lines.iter().find(|line| line.name == "promises_broken").unwrap();
    assert_eq!((&*broken.from_value, &*broken.to_value), ("", "3"));
    let events: Vec<_> = moved.events.iter().map(|one| (one.case_seq, one.kind())).collect();
    assert_eq!(events, [(2, proto::CaseEventKind::Document)]);
    assert_eq!(moved.events[0].record_time, instant(NOW.plus(Micros::DAY)));

    // The way back is the same with the other sign, where one thing changed.
    let back = proto::ExplainCaseRequest {
        compare_with: compare(instant(NOW.plus(Micros::DAY))),
        ..proto::ExplainCaseRequest { as_of_date: date(2026, 3, 5), ..known(NOW) }
    };
    let back = explain(&server, back).await.movement.unwrap();
    assert_eq!((parts(back.score.as_ref())[1..].to_vec(), back.event_count), (vec![0, 0], 1));
    assert!(parts(back.score.as_ref())[0] > 0, "{back:?}");
}

#[tokio::test]
async fn a_point_that_never_was_is_refused_with_its_bounds() {
    let server = with_case().await;
    let refused = |request| async { refusal(server.cases().explain_case(request).await) };
    let fields = |request| async { refused(request).await.violations };
    let out = |name: &str| vec![(name.to_owned(), "FIELD_OUT_OF_RANGE".to_owned())];
    let never = refused(leased(1)).await;
    assert_eq!(never.value("bound"), "the case was never leased");
    server.lease(pull("all", 1)).await;
    let never = refused(leased(2)).await;
    assert_eq!((never.code, never.value("value")), (Code::InvalidArgument, "2"));
    assert_eq!(never.value("bound"), "it must lie between 1 and 1");
    server.clock.advance(5 * Micros::DAY);
    assert_eq!(fields(known(NOW.plus(-Micros::SECOND))).await, out("known_at"));
    let ahead = refused(known(NOW.plus(5 * Micros::DAY + Micros::SECOND))).await;
    assert_eq!(ahead.value("value"), "2026-03-09T10:00:01Z");
    assert!(ahead.value("bound").contains("2026-03-09T10:00:00Z"), "{ahead:?}");
    assert_eq!(ahead.violations, out("known_at"));
    // As early as the case was known, and no earlier.
    let as_of = |day| proto::ExplainCaseRequest { as_of_date: day, ..known(NOW) };
    explain(&server, as_of(date(2026, 3, 4))).await;
    assert_eq!(fields(as_of(date(2026, 3, 3))).await, out("as_of_date"));
    assert_eq!(fields(as_of(date(2027, 3, 11))).await, out("as_of_date"));
    let two = proto::ExplainCaseRequest {
        compare_with: Some(proto::CasePoint {
            known_at: instant(NOW.plus(-Micros::DAY)),
            as_of_date: date(2020, 1, 1),
            ..Default::default()
        }),
        ..leased(7)
    };
    let names: Vec<_> = fields(two).await.into_iter().map(|one| one.0).collect();
    assert_eq!(names, ["lease_seq", "compare_with.as_of_date", "compare_with.known_at"]);
}

/// Sets the version of the features of the first rule set to 0.
fn retire_first_rule_set(file: &rusqlite::Connection) {
    let first = "rule_set_id = (SELECT rule_set_id FROM activation WHERE activation_id = 1)";
    let sql = format!("SELECT body FROM rule_set WHERE {first}");
    let mut body: Vec<u8> = file.query_row(&sql, [], |row| row.get(0)).unwrap();
    // A field of 0 is left out. Texts have no such bytes.
    let at = body.windows(2).position(|pair| pair == [9 << 3, 1]).unwrap();
    body.drain(at..at + 2);
    let hash = blake3::hash(&body).as_bytes().to_vec();
    let sql = format!("UPDATE rule_set SET body = ?1, content_hash = ?2 WHERE {first}");
    assert_eq!(file.execute(&sql, (body, hash)).unwrap(), 1);
}

#[tokio::test]
async fn a_rule_set_of_features_no_longer_computed_is_an_error_and_not_another_number() {
    if !only_on_sqlite("a row altered in the file") {
        return;
    }
    let server = with_case().await;
    server.lease(pull("all", 1)).await;
    server.clock.advance(Micros::DAY);
    harder(&server, 10, 1).await;
    let clock = Arc::clone(&server.clock);
    let database = server.end().await;
    retire_first_rule_set(&database.file());
    let server = TestServer::over(database, clock).await;
    for past in [known(NOW), leased(1)] {
        let refused = refusal(server.cases().explain_case(past).await);
        assert_eq!(refused.reason, "FEATURE_VERSION_RETIRED");
        assert_eq!(refused.value("feature_version"), "0");
    }
    let replayed = replay(&server, 0, "").await.leases.remove(0);
    assert_eq!(replayed.result(), proto::ReplayResult::Failed);
    assert_eq!(replayed.error.unwrap().reason, "FEATURE_VERSION_RETIRED");
    explain(&server, request()).await;
    server.database().execute(
        "DELETE FROM rule_set WHERE rule_set_id IN \
         (SELECT rule_set_id FROM activation WHERE activation_id = 1)",
    );
    let server = server.restart().await;
    let refused = refusal(server.cases().explain_case(leased(1)).await);
    assert_eq!((&*refused.reason, refused.value("table")), ("STORE_CORRUPT", "rule_set"));
}

#[tokio::test]
async fn a_case_of_thousands_of_events_is_explained_in_their_midst() {
    let server = with_case().await;
    for round in 0..5 {
        server.clock.advance(Micros::HOUR);
        let at = instant(NOW.plus(server.elapsed()));
        let paid = |number: i64| proto::Event {
            event_time: at,
            ..event(&format!("e{round}-{number}"), &["c"], payment(euro(1)))
        };
        server.record("cards", (0..1_000).map(paid).collect()).await;
    }
    let then = explain(&server, known(NOW.plus(2 * Micros::HOUR))).await;
    let rank = then.explanation.unwrap().rank.unwrap();
    assert_eq!((rank.case_seq, then.case.unwrap().state()), (2_001, proto::CaseState::Open));
    let last = explain(&server, known(NOW.plus(5 * Micros::HOUR))).await;
    assert_eq!(last.explanation, explain(&server, request()).await.explanation);
    let compared = proto::ExplainCaseRequest {
        compare_with: Some(proto::CasePoint { known_at: instant(NOW), ..Default::default() }),
        ..request()
    };
    let moved = explain(&server, compared).await.movement.unwrap();
    assert_eq!((moved.event_count, moved.events.len()), (5_000, 256));
}
