//! Cases that are given to a debtor of another part.

use std::collections::BTreeSet;

use arrears::model::Micros;
use arrears::proto;

use super::cases::{dispositions, list, record};
use super::work::{told, watch};
use super::{one_of_each_part, part_of, spread};
use crate::support::{
    NOW, TestServer, document, euro, event, hold, instant, lift, outcome, payment, pull, refusal,
};

fn of(case_id: &str, debtor_id: &str) -> proto::CaseDocument {
    proto::CaseDocument { debtor_id: debtor_id.to_owned(), ..document(case_id) }
}

fn numbered(case_id: &str, debtor_id: &str, sequence: i64) -> proto::CaseDocument {
    proto::CaseDocument { source_sequence: Some(sequence), ..of(case_id, debtor_id) }
}

async fn push_one(server: &TestServer, case: proto::CaseDocument) -> proto::PushDisposition {
    server.push("p", vec![case]).await[0].disposition()
}

/// A debtor, and the ids of its cases.
async fn debtor(server: &TestServer, debtor_id: &str) -> (proto::Debtor, Vec<String>) {
    let request = proto::GetDebtorRequest { debtor_id: debtor_id.to_owned(), ..Default::default() };
    let answer = server.cases().get_debtor(request).await.unwrap().into_inner();
    let ids = answer.cases.into_iter().map(|case| case.case_id).collect();
    let debtor = answer.debtor.unwrap();
    assert_eq!(usize::try_from(debtor.case_count).unwrap(), Vec::len(&ids));
    (debtor, ids)
}

async fn all_cases(server: &TestServer) -> Vec<String> {
    let request = proto::ListCasesRequest {
        portfolio_id: "p".into(),
        page_size: 1_000,
        ..Default::default()
    };
    list(server, request).await.0
}

async fn replay(server: &TestServer, case_id: &str) -> proto::ReplayCaseResponse {
    let request = proto::ReplayCaseRequest {
        portfolio_id: "p".into(),
        case_id: case_id.to_owned(),
        ..Default::default()
    };
    server.cases().replay_case(request).await.unwrap().into_inner()
}

fn seq_of(replayed: &proto::ReplayedLease) -> i64 {
    replayed.lease.as_ref().unwrap().lease_seq
}

/// Every case is proven by its events and all its leases by theirs, each row of a case lies
/// where the case lives, and it lives where its debtor does.
async fn check(server: &TestServer) {
    for case_id in all_cases(server).await {
        let replayed = replay(server, &case_id).await;
        assert_eq!(replayed.differing_fields, Vec::<String>::new(), "{case_id}");
        for lease in &replayed.leases {
            assert_eq!(lease.result(), proto::ReplayResult::Equal, "{case_id}: {lease:?}");
        }
    }
    let count = |sql: &str| server.database().count(sql);
    let heads = count("SELECT COUNT(*) FROM case_head");
    for table in ["loan_case", "case_source", "case_part"] {
        assert_eq!(count(&format!("SELECT COUNT(*) FROM {table}")), heads, "{table}");
    }
    for table in ["case_q", "case_event", "case_source", "loan_case"] {
        let sql = format!(
            "SELECT COUNT(*) FROM {table} r WHERE NOT EXISTS (SELECT 1 FROM case_head h \
             WHERE h.part = r.part AND h.case_no = r.case_no)"
        );
        assert_eq!(count(&sql), 0, "{table}");
    }
    let elsewhere = "SELECT COUNT(*) FROM case_part d WHERE NOT EXISTS (SELECT 1 \
        FROM loan_case c WHERE c.part = d.lives_in AND c.portfolio_no = d.portfolio_no \
        AND c.case_id = d.case_id)";
    assert_eq!(count(elsewhere), 0);
}

#[tokio::test]
async fn a_case_goes_to_a_debtor_of_another_part_with_all_that_happened() {
    let server = spread().await;
    let debtors = one_of_each_part();
    push_one(&server, of("c", &debtors[0])).await;
    server.record("p", vec![event("e1", &["c"], payment(euro(100)))]).await;
    server.record("p", vec![event("h1", &["c"], hold(proto::HoldKind::Dispute))]).await;
    let before = server.get("p", "c").await;
    let results = server.push("p", vec![of("c", &debtors[1])]).await;
    assert_eq!(results[0].disposition(), proto::PushDisposition::Corrected);
    let after = server.get("p", "c").await;
    assert_eq!(after.debtor_id, debtors[1]);
    assert_eq!(after.overdue_amount, euro(1_100));
    assert!(after.provisional);
    assert_eq!((&after.holds, &after.payments), (&before.holds, &before.payments));
    assert_eq!((after.episode, &after.rank), (before.episode, &results[0].rank));
    assert_eq!(all_cases(&server).await, ["c"]);
    assert_eq!(debtor(&server, &debtors[0]).await.1, Vec::<String>::new());
    assert_eq!(debtor(&server, &debtors[1]).await.1, ["c"]);

    // What was told is known: the same document, an older one, the same event.
    assert_eq!(push_one(&server, of("c", &debtors[1])).await, proto::PushDisposition::Unchanged);
    let old =
        proto::CaseDocument { as_of_time: instant(NOW.plus(-Micros::DAY)), ..of("c", &debtors[0]) };
    assert_eq!(push_one(&server, old).await, proto::PushDisposition::Stale);
    let reversal = |of: &str| {
        proto::event::Kind::Reversal(proto::Reversal { reversed_event_id: of.to_owned() })
    };
    let events = vec![
        event("e1", &["c"], payment(euro(100))),
        event("e1", &["c"], payment(euro(101))),
        event("r1", &[], reversal("e1")),
        event("l1", &[], lift("h1")),
    ];
    let clash = Err("EVENT_ALREADY_EXISTS".to_owned());
    assert_eq!(record(&server, events).await, [Ok(false), clash, Ok(true), Ok(true)]);
    let mended = server.get("p", "c").await;
    assert_eq!((mended.overdue_amount, mended.holds.len()), (euro(1_200), 0));
    check(&server).await;

    // There and back, and around.
    for round in 0..2 {
        for debtor_id in [&debtors[0], &debtors[2], &debtors[0], &debtors[3]] {
            push_one(&server, of("c", debtor_id)).await;
            assert_eq!(server.get("p", "c").await.debtor_id, *debtor_id, "{round}");
        }
    }
    assert_eq!(server.get("p", "c").await.payments.len(), 1);
    check(&server).await;
}

#[tokio::test]
async fn numbers_of_documents_go_along() {
    let server = spread().await;
    let debtors = one_of_each_part();
    push_one(&server, numbered("c", &debtors[0], 5)).await;
    let moved = numbered("c", &debtors[1], 6);
    assert_eq!(push_one(&server, moved.clone()).await, proto::PushDisposition::Updated);
    assert_eq!(push_one(&server, moved).await, proto::PushDisposition::Unchanged);
    let stale = proto::PushDisposition::Stale;
    assert_eq!(push_one(&server, numbered("c", &debtors[0], 5)).await, stale);
    assert_eq!(push_one(&server, numbered("c", &debtors[2], 4)).await, stale);
    let later = numbered("c", &debtors[1], 7);
    assert_eq!(push_one(&server, later).await, proto::PushDisposition::Unchanged);
    assert_eq!(server.get("p", "c").await.debtor_id, debtors[1]);
    check(&server).await;
}

/// A push of new cases, unchanged ones, and ones that move every way.
#[tokio::test]
async fn many_move_at_once_beside_others() {
    let server = spread().await;
    let debtor_of = |at: usize| format!("d{at}");
    let push: Vec<_> = (0..40).map(|at| of(&format!("c{at}"), &debtor_of(at / 2))).collect();
    server.push("p", push).await;
    let lived = |at: usize| part_of(&debtor_of(at / 2));
    let moved: Vec<_> = (0..60).map(|at| of(&format!("c{at}"), &debtor_of(at / 3))).collect();
    let away = (0..40).filter(|at| lived(*at) != part_of(&debtor_of(at / 3))).count();
    assert!(away > 20, "{away}");

    let request = proto::PushCasesRequest {
        portfolio_id: "p".to_owned(),
        cases: moved.clone(),
        ..Default::default()
    };
    let dry = proto::PushCasesRequest { validate_only: true, ..request.clone() };
    let as_one = proto::PushCasesRequest { atomic: true, ..dry.clone() };
    let foretold = server.cases().push_cases(dry).await.unwrap().into_inner().results;
    let foretold_as_one = server.cases().push_cases(as_one).await.unwrap().into_inner().results;
    assert_eq!(foretold_as_one, foretold);
    assert_eq!(server.get("p", "c39").await.debtor_id, "d19");
    assert_eq!(server.database().count("SELECT COUNT(*) FROM case_stay"), 0);
    // One that is rejected keeps all where they are, if that is asked for.
    let mut wrong = moved.clone();
    wrong.push(numbered("wrong", "d0", 1));
    let atomic = proto::PushCasesRequest { cases: wrong, atomic: true, ..request.clone() };
    let refused = refusal(server.cases().push_cases(atomic).await);
    assert_eq!(refused.reason, "ATOMIC_REJECTED");
    assert_eq!(server.database().count("SELECT COUNT(*) FROM case_stay"), 0);

    let results = server.cases().push_cases(request.clone()).await.unwrap().into_inner().results;
    assert_eq!(results, foretold);
    for (case, result) in moved.iter().zip(&results) {
        let stored = server.get("p", &case.case_id).await;
        assert_eq!((&stored.debtor_id, &stored.rank), (&case.debtor_id, &result.rank));
    }
    assert_eq!(all_cases(&server).await.len(), 60);
    let again = server.push("p", moved.clone()).await;
    assert_eq!(dispositions(&again), BTreeSet::from([proto::PushDisposition::Unchanged]));
    check(&server).await;

    // All back, or none.
    let back = (0..40).map(|at| of(&format!("c{at}"), &debtor_of(at / 2))).collect();
    let request = proto::PushCasesRequest { cases: back, atomic: true, ..request };
    let results = server.cases().push_cases(request).await.unwrap().into_inner().results;
    assert!(results.iter().all(|result| result.error.is_none()));
    assert_eq!(server.get("p", "c39").await.debtor_id, "d19");
    assert_eq!(debtor(&server, "d7").await.1.len(), 2);
    check(&server).await;
}

#[tokio::test]
async fn a_lease_ends_when_its_case_goes_and_its_late_report_follows() {
    let server = spread().await;
    let debtors = one_of_each_part();
    push_one(&server, of("c", &debtors[0])).await;
    let item = server.lease(pull("l", 1)).await.work_items.remove(0);
    let served = item.lead_case.clone().unwrap();
    push_one(&server, proto::CaseDocument { overdue_amount: euro(90_000), ..of("c", &debtors[2]) })
        .await;
    let renewal = server.renew(std::slice::from_ref(&item)).await.remove(0);
    assert_eq!(renewal.error.unwrap().reason, "LEASE_EXPIRED");
    // The new debtor is free at once; the old one has nothing more.
    let next = server.lease(pull("l", 9)).await.work_items;
    assert_eq!((next.len(), &next[0].debtor_id, next[0].lease_seq), (1, &debtors[2], 2));
    let release = proto::LeaseRelease { lease_token: item.lease_token.clone(), not_dialled: true };
    let request = proto::ReleaseLeasesRequest { releases: vec![release] };
    let released = server.work_lists().release_leases(request).await.unwrap().into_inner();
    // It has been leased again since, if by another number of another part.
    assert_eq!(released.results[0].error.as_ref().unwrap().reason, "LEASE_SUPERSEDED");

    let promise = proto::Outcome {
        promise: Some(proto::PromiseToPay {
            promised_amount: euro(50),
            promised_date: crate::support::date(2026, 3, 20),
        }),
        ..outcome(&item, "promise")
    };
    let report = server.report(promise.clone()).await;
    assert_eq!(report.disposition(), proto::OutcomeDisposition::Late, "{report:?}");
    let report = server.report(promise).await;
    assert_eq!(report.disposition(), proto::OutcomeDisposition::Duplicate);
    let other = server.report(outcome(&item, "no_answer")).await;
    assert_eq!(other.error.unwrap().reason, "REPORT_ALREADY_EXISTS");
    // The call was to the old debtor; what was promised is of the case.
    assert_eq!(debtor(&server, &debtors[0]).await.0.attempt_count, 1);
    assert_eq!(debtor(&server, &debtors[2]).await.0.attempt_count, 1);
    server.report(outcome(&next[0], "no_answer")).await;
    check(&server).await;
    let replayed = replay(&server, "c").await;
    let leases: Vec<i64> = replayed.leases.iter().map(seq_of).collect();
    assert_eq!(leases, [1, 2]);

    // And when it goes on: every lease is explained as it was served, page by page too.
    push_one(&server, of("c", &debtors[0])).await;
    push_one(&server, of("c", &debtors[1])).await;
    for (lease_seq, rank) in [(1, &served.rank), (2, &next[0].lead_case.as_ref().unwrap().rank)] {
        let request = proto::ExplainCaseRequest {
            portfolio_id: "p".into(),
            case_id: "c".into(),
            lease_seq,
            ..Default::default()
        };
        let told = server.cases().explain_case(request).await.unwrap().into_inner();
        assert_eq!(told.explanation.unwrap().rank, *rank);
        assert_eq!(told.lease_count, 2);
    }
    let request = proto::ReplayCaseRequest {
        portfolio_id: "p".into(),
        case_id: "c".into(),
        page_size: 1,
        ..Default::default()
    };
    let first = server.cases().replay_case(request.clone()).await.unwrap().into_inner();
    let request = proto::ReplayCaseRequest { page_token: first.next_page_token, ..request };
    let second = server.cases().replay_case(request).await.unwrap().into_inner();
    assert_eq!((seq_of(&first.leases[0]), seq_of(&second.leases[0])), (1, 2));
    assert_eq!(second.next_page_token, "");
    let never = proto::ExplainCaseRequest {
        portfolio_id: "p".into(),
        case_id: "c".into(),
        lease_seq: 3,
        ..Default::default()
    };
    let refused = refusal(server.cases().explain_case(never).await);
    assert_eq!(refused.reason, "FIELD_OUT_OF_RANGE");
    check(&server).await;
}

/// A case of a work item goes while the worker speaks about all of them: the lease of the
/// others runs on, and what is reported of it follows.
#[tokio::test]
async fn a_report_speaks_of_cases_of_two_parts() {
    for outcome_code in ["no_answer", "dispute"] {
        let server = spread().await;
        let debtors = one_of_each_part();
        server.push("p", vec![of("a", &debtors[1]), of("b", &debtors[1])]).await;
        let item = server.lease(pull("l", 1)).await.work_items.remove(0);
        let lead = item.lead_case.as_ref().unwrap().case_id.clone();
        let sibling = item.sibling_cases[0].case_id.clone();
        for debtor_id in [&debtors[0], &debtors[3]] {
            push_one(&server, of(&sibling, debtor_id)).await;
        }
        let named = |case_id: &str| proto::CaseKey {
            portfolio_id: "p".to_owned(),
            case_id: case_id.to_owned(),
        };
        let both = proto::Outcome {
            cases: vec![named(&lead), named(&sibling)],
            ..outcome(&item, outcome_code)
        };
        let report = server.report(both).await;
        assert_eq!(report.disposition(), proto::OutcomeDisposition::Accepted, "{report:?}");
        let attempts = "SELECT COUNT(DISTINCT part) FROM case_event WHERE kind = 7";
        assert_eq!(server.database().count(attempts), 2);
        let holds = i64::from(outcome_code == "dispute") * 2;
        let held =
            server.get("p", &lead).await.holds.len() + server.get("p", &sibling).await.holds.len();
        assert_eq!(i64::try_from(held).unwrap(), holds);
        check(&server).await;
    }
}

#[tokio::test]
async fn an_event_of_cases_that_have_parted_is_one_event() {
    let server = spread().await;
    let debtors = one_of_each_part();
    server.push("p", ["a", "b", "c"].map(|id| of(id, &debtors[0])).to_vec()).await;
    let shares = [10, 10, 10].map(|units| euro(units).unwrap()).to_vec();
    let paid = proto::event::Kind::Payment(proto::Payment { amount: euro(30), shares });
    let paid = event("e", &["a", "b", "c"], paid);
    let held = event("h", &["a", "b", "c"], hold(proto::HoldKind::Dispute));
    server.record("p", vec![paid.clone(), held.clone()]).await;
    server.push("p", vec![of("b", &debtors[2]), of("c", &debtors[3])]).await;
    push_one(&server, of("c", &debtors[2])).await;
    assert_eq!(record(&server, vec![paid, held]).await, [Ok(false), Ok(false)]);
    let reversal =
        proto::event::Kind::Reversal(proto::Reversal { reversed_event_id: "e".to_owned() });
    let of_b = proto::Event { case_ids: vec!["b".to_owned()], ..event("l1", &[], lift("h")) };
    let of_two = proto::Event {
        case_ids: vec!["a".to_owned(), "c".to_owned()],
        ..event("l2", &[], lift("h"))
    };
    let conflict = Err("FIELD_CONFLICT".to_owned());
    let events = vec![event("r", &[], reversal), of_b, of_two, event("l3", &[], lift("h"))];
    let told = record(&server, events.clone()).await;
    assert_eq!(told, [Ok(true), Ok(true), conflict.clone(), Ok(true)]);
    for case_id in ["a", "b", "c"] {
        let case = server.get("p", case_id).await;
        assert_eq!((case.overdue_amount, case.holds.len()), (euro(1_200), 0), "{case_id}");
        assert!(case.payments[0].reversed);
    }
    assert_eq!(record(&server, events).await, [Ok(false), Ok(false), conflict, Ok(false)]);
    check(&server).await;
    // Once more together, one by one into a part where the others are.
    for case_id in ["a", "b", "c"] {
        push_one(&server, of(case_id, &debtors[1])).await;
    }
    let keys = "SELECT COUNT(*) FROM event_key WHERE event_id = 'e'";
    assert_eq!(server.database().count(keys), 1);
    check(&server).await;
}

#[tokio::test]
async fn who_watches_is_told_of_the_case_where_it_is() {
    let server = spread().await;
    let debtors = one_of_each_part();
    push_one(&server, of("c", &debtors[0])).await;
    let (_, token) = told(&mut watch(&server, "").await, 0).await;
    server.record("p", vec![event("e", &["c"], payment(euro(1)))]).await;
    for debtor_id in &debtors[1..] {
        push_one(&server, of("c", debtor_id)).await;
    }
    let mut watch = watch(&server, &token).await;
    let (mut debtor_ids, mut behind) = (Vec::new(), token);
    while debtor_ids.last() != Some(&debtors[3]) {
        let answer = watch.message().await.unwrap().unwrap();
        assert!(answer.unreadable_cases.is_empty());
        debtor_ids.extend(answer.cases.into_iter().map(|case| case.debtor_id));
        behind = answer.resume_token;
    }
    assert_eq!(debtor_ids, [debtors[3].clone()], "it is told once");
    push_one(&server, of("other", &debtors[0])).await;
    let (found, _) = told(&mut super::work::watch(&server, &behind).await, 1).await;
    assert_eq!(found, BTreeSet::from(["other".to_owned()]));
}

/// What would take too long is refused, by itself.
#[tokio::test]
async fn a_case_with_too_many_events_stays_where_it_is() {
    let server = spread().await;
    let debtors = one_of_each_part();
    server.push("p", vec![of("c", &debtors[0]), of("b", &debtors[0])]).await;
    let sql = "UPDATE case_head SET case_seq = 50001 WHERE case_no = (SELECT case_no \
        FROM loan_case WHERE case_id = 'c')";
    assert_eq!(server.database().execute(sql), 1);
    let moved = ["c", "b"].map(|id| of(id, &debtors[1])).to_vec();
    let results = server.push("p", moved).await;
    let violation = &results[0].error.as_ref().unwrap().violations[0];
    assert_eq!(violation.field, "cases[0].debtor_id");
    assert_eq!(violation.reason, "FIELD_IMMUTABLE");
    assert!(violation.description.contains("50000 move in one"), "{violation:?}");
    assert_eq!(results[1].disposition(), proto::PushDisposition::Corrected);
    assert_eq!(server.get("p", "c").await.debtor_id, debtors[0]);
}

/// Within one part nothing leaves it.
#[tokio::test]
async fn another_debtor_of_the_same_part_is_an_event() {
    let server = TestServer::over_spread(
        crate::support::TestDatabase::new(),
        std::sync::Arc::new(arrears::model::TestClock::new(NOW)),
        1,
    )
    .await;
    server.create(crate::support::always("p")).await;
    push_one(&server, of("c", "d0")).await;
    push_one(&server, of("c", "d1")).await;
    assert_eq!(server.get("p", "c").await.debtor_id, "d1");
    let count = |table: &str| server.database().count(&format!("SELECT COUNT(*) FROM {table}"));
    assert_eq!((count("case_stay"), count("case_part"), count("case_event")), (0, 0, 2));
}

/// Pushers give the same cases to other debtors while workers lease and report them and
/// money comes in.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pushes_that_move_the_same_cases_come_one_after_the_other() {
    let server = std::sync::Arc::new(spread().await);
    let debtors = one_of_each_part();
    let cases: Vec<String> = (0..6).map(|at| format!("c{at}")).collect();
    server.push("p", cases.iter().map(|id| of(id, &debtors[0])).collect()).await;
    let mut tasks = Vec::new();
    for pusher in 0..4_usize {
        let (server, debtors, cases) = (server.clone(), debtors.clone(), cases.clone());
        tasks.push(tokio::spawn(async move {
            for round in 0..6_usize {
                let to = |at: usize| &debtors[(at + pusher + round * (pusher + 1)) % 4];
                let push = cases.iter().enumerate().map(|(at, id)| of(id, to(at))).collect();
                for result in server.push("p", push).await {
                    assert_eq!(result.error, None);
                }
            }
        }));
    }
    let (worker, ids) = (server.clone(), cases.clone());
    tasks.push(tokio::spawn(async move {
        for round in 0..12 {
            let items = worker.lease(pull("l", 3)).await.work_items;
            let id = format!("e{round}");
            worker.record("p", vec![event(&id, &[&ids[round % 6]], payment(euro(1)))]).await;
            for item in items {
                let report = worker.report(outcome(&item, "no_answer")).await;
                assert_eq!(report.error, None);
            }
            worker.clock.advance(Micros::HOUR);
        }
    }));
    for task in tasks {
        task.await.unwrap();
    }
    let mut found = all_cases(&server).await;
    found.sort();
    assert_eq!(found, cases);
    let mut payments = 0;
    for case_id in &cases {
        payments += server.get("p", case_id).await.payments.len();
    }
    assert_eq!(payments, 12);
    check(&server).await;
}

#[tokio::test]
async fn a_case_that_is_not_where_it_is_said_to_be_hides_no_others() {
    let server = spread().await;
    let debtors = one_of_each_part();
    server.push("p", vec![of("a", &debtors[0]), of("b", &debtors[0])]).await;
    let case_no = server.database().count("SELECT case_no FROM loan_case WHERE case_id = 'a'");
    let part = part_of(&debtors[0]).0;
    for table in ["case_q", "case_event", "case_source", "case_head", "loan_case"] {
        let sql = format!("DELETE FROM {table} WHERE part = {part} AND case_no = {case_no}");
        assert_eq!(server.database().execute(&sql), 1, "{table}");
    }
    for (number, debtor_id) in [&debtors[1], &debtors[0]].into_iter().enumerate() {
        let new = format!("n{number}");
        let cases = ["a", "b", &new].map(|case_id| of(case_id, debtor_id));
        let results = server.push("p", cases.to_vec()).await;
        assert_eq!(results[0].error.as_ref().unwrap().reason, "STORE_CORRUPT");
        assert_eq!(results[1].disposition(), proto::PushDisposition::Corrected);
        assert_eq!(results[2].disposition(), proto::PushDisposition::Created);
    }
    let events = ["a", "b"].map(|case_id| event(case_id, &[case_id], payment(euro(1))));
    let results = record(&server, events.to_vec()).await;
    assert_eq!(results, [Err("CASE_NOT_FOUND".to_owned()), Ok(true)]);
}
