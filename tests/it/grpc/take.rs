//! Taking one given debtor: which gates refuse it for which reason, and what is no
//! take at all.

use arrears::model::Micros;
use arrears::proto;
use tonic::Code;

use crate::support::{
    NOW, TestServer, always, date, document, event, hold, instant, outcome, payment, portfolio,
    pull, refusal, work_list,
};

const DEBTOR: &str = "debtor-of-c1";

const REASONS: [proto::TakeReason; 4] = [
    proto::TakeReason::Inbound,
    proto::TakeReason::Manual,
    proto::TakeReason::Supervisor,
    proto::TakeReason::Field,
];

fn take(debtor_id: &str, reason: proto::TakeReason) -> proto::LeaseWorkRequest {
    let take = proto::DebtorTake { debtor_id: debtor_id.to_owned(), reason: reason.into() };
    proto::LeaseWorkRequest { wait: None, take: Some(take), ..pull("all", 1) }
}

fn gates(answer: &proto::LeaseWorkResponse) -> Vec<proto::Gate> {
    answer.failing_gates.iter().map(proto::FailingGate::gate).collect()
}

async fn release(server: &TestServer, item: &proto::WorkItem, not_dialled: bool) {
    let lease_token = item.lease_token.clone();
    let releases = vec![proto::LeaseRelease { lease_token, not_dialled }];
    let request = proto::ReleaseLeasesRequest { releases };
    let answer = server.work_lists().release_leases(request).await.unwrap().into_inner();
    assert_eq!(answer.results[0].error, None);
}

/// A server whose portfolio `cards` is worked by the hours and caps of the policy
/// `plain`, or always.
async fn with_policy(plain: bool) -> TestServer {
    let server = TestServer::start().await;
    let cards = if plain { portfolio("cards") } else { always("cards") };
    // Everything refuses work from a ledger that is a day old.
    let ledger = Some(proto::LedgerSettings {
        max_ledger_age_hours: Some(12),
        old_ledger_rule: proto::OldLedgerRule::Deny.into(),
    });
    server.create(proto::Portfolio { ledger, ..cards }).await;
    server.create_list(work_list("all")).await;
    server
}

/// A server with the case `c1` that fails one gate and no other.
async fn failing(gate: proto::Gate) -> TestServer {
    let plain = matches!(gate, proto::Gate::Limit | proto::Gate::ZoneUnknown | proto::Gate::Window);
    let server = with_policy(plain).await;
    let as_of_time = instant(NOW);
    let usual = proto::CaseDocument { as_of_time, ..document("c1") };
    let pushed = match gate {
        proto::Gate::PreDue => proto::CaseDocument { oldest_due_date: date(2026, 6, 1), ..usual },
        proto::Gate::LedgerOld => {
            let as_of_time = instant(NOW.plus(-20 * Micros::DAY));
            proto::CaseDocument { as_of_time, ..usual }
        }
        proto::Gate::ZoneUnknown => {
            let point = proto::ContactPoint {
                contact_point_id: "t1".to_owned(),
                time_zone: "Europe/Madrid".to_owned(),
                ..Default::default()
            };
            proto::CaseDocument { contact_points: vec![point], ..usual }
        }
        _ => usual,
    };
    let pushed = server.push("cards", vec![pushed]).await;
    assert_eq!(pushed[0].error, None, "{gate:?}");
    close_gate(&server, gate).await;
    // What a zone is called is read at the start.
    if gate == proto::Gate::ZoneUnknown { server.restart().await } else { server }
}

/// Makes the case `c1` of a server fail a gate that its document leaves open.
async fn close_gate(server: &TestServer, gate: proto::Gate) {
    match gate {
        proto::Gate::Unreadable => {
            let spoil = "UPDATE loan_case SET history = x'FF'";
            assert_eq!(server.database().execute(spoil), 1);
        }
        // As if the zone data of a later release lacked it.
        proto::Gate::ZoneUnknown => {
            let rename = "UPDATE zone_set SET zones = 'Europe/Atlantis'";
            assert_eq!(server.database().execute(rename), 1);
        }
        proto::Gate::Held => {
            let held = event("e1", &["c1"], hold(proto::HoldKind::Dispute));
            server.record("cards", vec![held]).await;
        }
        proto::Gate::Parked => {
            let paid = event("e1", &["c1"], payment(document("c1").overdue_amount));
            server.record("cards", vec![paid]).await;
        }
        proto::Gate::Leased => assert_eq!(server.lease(pull("all", 1)).await.work_items.len(), 1),
        proto::Gate::DebtorLeased => {
            server.create(always("loans")).await;
            let other = proto::CaseDocument { debtor_id: DEBTOR.to_owned(), ..document("c2") };
            server.push("loans", vec![other]).await;
            let portfolio_ids = vec!["loans".to_owned()];
            server.create_list(proto::WorkList { portfolio_ids, ..work_list("loans") }).await;
            assert_eq!(server.lease(pull("loans", 1)).await.work_items.len(), 1);
            let portfolio_ids = vec!["cards".to_owned()];
            server.create_list(proto::WorkList { portfolio_ids, ..work_list("cards") }).await;
        }
        proto::Gate::Cooling => {
            let item = server.lease(pull("all", 1)).await.work_items.remove(0);
            assert_eq!(server.report(outcome(&item, "no_answer")).await.error, None);
        }
        proto::Gate::Limit => {
            let item = server.lease(pull("all", 1)).await.work_items.remove(0);
            release(server, &item, false).await;
            server.clock.advance(31 * Micros::MINUTE);
        }
        // 20:00 in Berlin, to the minute.
        proto::Gate::Window => server.clock.advance(9 * Micros::HOUR),
        _ => {}
    }
}

/// Every gate that can fail, and the reasons that pass it.
const PASSED_BY: [(proto::Gate, &[proto::TakeReason]); 12] = [
    (proto::Gate::Ready, &REASONS),
    (proto::Gate::PreDue, &[]),
    (proto::Gate::Unreadable, &[]),
    (proto::Gate::Held, &[]),
    (proto::Gate::Parked, &[proto::TakeReason::Inbound, proto::TakeReason::Supervisor]),
    (proto::Gate::DebtorLeased, &[]),
    (proto::Gate::Leased, &[]),
    (proto::Gate::LedgerOld, &[proto::TakeReason::Inbound]),
    (proto::Gate::Cooling, &[proto::TakeReason::Inbound, proto::TakeReason::Supervisor]),
    (proto::Gate::Limit, &[proto::TakeReason::Inbound]),
    (proto::Gate::ZoneUnknown, &[proto::TakeReason::Inbound]),
    (proto::Gate::Window, &[proto::TakeReason::Inbound]),
];

#[tokio::test]
async fn every_gate_refuses_or_lets_pass_by_the_reason() {
    for (gate, passed_by) in PASSED_BY {
        let server = failing(gate).await;
        let list = if gate == proto::Gate::DebtorLeased { "cards" } else { "all" };
        for reason in REASONS {
            let work_list_id = list.to_owned();
            let asked = proto::LeaseWorkRequest { work_list_id, ..take(DEBTOR, reason) };
            let answer = server.lease(asked).await;
            let refused_by = if passed_by.contains(&reason) { Vec::new() } else { vec![gate] };
            assert_eq!(gates(&answer), refused_by, "{gate:?} {reason:?}");
            assert_eq!(answer.retry_after, None);
            let items = answer.work_items;
            assert_eq!(items.len(), usize::from(refused_by.is_empty()), "{gate:?} {reason:?}");
            for item in items {
                let shown = item.lead_case.as_ref().unwrap().overdue_amount.is_some();
                assert_eq!(shown, gate != proto::Gate::LedgerOld, "amounts of an old ledger");
                release(&server, &item, true).await;
            }
        }
    }
}

/// Refused by several gates, a take names each.
#[tokio::test]
async fn a_refused_take_says_all_gates_that_refuse_it_and_until_when() {
    let server = failing(proto::Gate::Limit).await;
    close_gate(&server, proto::Gate::Held).await;
    close_gate(&server, proto::Gate::Window).await;
    let answer = server.lease(take(DEBTOR, proto::TakeReason::Supervisor)).await;
    assert_eq!(gates(&answer), [proto::Gate::Held, proto::Gate::Limit, proto::Gate::Window]);
    let until: Vec<bool> =
        answer.failing_gates.iter().map(|failing| failing.until_time.is_some()).collect();
    assert_eq!(until, [false, true, true]);
    assert_eq!(
        gates(&server.lease(take(DEBTOR, proto::TakeReason::Inbound)).await),
        [proto::Gate::Held]
    );
}

#[tokio::test]
async fn a_debtor_whom_nobody_knows_or_the_list_does_not_select_is_an_error() {
    let server = failing(proto::Gate::Ready).await;
    let work_lists = server.work_lists();
    let unknown =
        refusal(work_lists.clone().lease_work(take("x", proto::TakeReason::Inbound)).await);
    assert_eq!((unknown.code, &*unknown.reason), (Code::NotFound, "DEBTOR_NOT_FOUND"));
    assert_eq!(unknown.value("debtor_id"), "x");

    let stages = vec![proto::Stage::M5.into()];
    server.create_list(proto::WorkList { stages, ..work_list("late") }).await;
    let asked = take(DEBTOR, proto::TakeReason::Inbound);
    let late = proto::LeaseWorkRequest { work_list_id: "late".to_owned(), ..asked.clone() };
    let closed = proto::CaseDocument {
        overdue_amount: crate::support::euro(0),
        oldest_due_date: None,
        as_of_time: instant(NOW.plus(Micros::SECOND)),
        ..document("c1")
    };
    for (asked, close) in [(late, false), (asked, true)] {
        if close {
            server.push("cards", vec![closed.clone()]).await;
        }
        let refused = refusal(work_lists.clone().lease_work(asked).await);
        assert_eq!(refused.code, Code::InvalidArgument);
        let field = ("take.debtor_id".to_owned(), "FIELD_OUT_OF_RANGE".to_owned());
        assert_eq!(refused.violations, [field]);
    }
}

#[tokio::test]
async fn a_take_that_contradicts_itself_is_refused_by_its_fields() {
    let server = failing(proto::Gate::Ready).await;
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let good = take(DEBTOR, proto::TakeReason::Manual);
    let of = |debtor_id: &str, reason: i32| {
        let take = Some(proto::DebtorTake { debtor_id: debtor_id.to_owned(), reason });
        proto::LeaseWorkRequest { take, ..good.clone() }
    };
    let cases = [
        (proto::LeaseWorkRequest { max_items: 2, ..good.clone() }, "max_items", "FIELD_CONFLICT"),
        (proto::LeaseWorkRequest { wait: seconds(1), ..good.clone() }, "wait", "FIELD_CONFLICT"),
        (of("", 1), "take.debtor_id", "FIELD_REQUIRED"),
        (of("\u{e9}", 1), "take.debtor_id", "FIELD_MALFORMED"),
        (of(DEBTOR, 0), "take.reason", "FIELD_REQUIRED"),
        (of(DEBTOR, 5), "take.reason", "FIELD_OUT_OF_RANGE"),
    ];
    for (asked, field, reason) in cases {
        let refused = refusal(server.work_lists().lease_work(asked).await);
        assert_eq!(refused.violations, [(field.to_owned(), reason.to_owned())]);
    }
    let allowed = proto::LeaseWorkRequest { max_items: 0, wait: seconds(0), ..good };
    assert_eq!(server.lease(allowed).await.work_items.len(), 1);
}

/// The kind of a lease lies in the database, not in the process.
#[tokio::test]
async fn a_restart_does_not_forget_that_the_debtor_rang() {
    let server = failing(proto::Gate::Limit).await;
    let inbound = take(DEBTOR, proto::TakeReason::Inbound);
    let lease_duration = Some(prost_types::Duration { seconds: 3_600, nanos: 0 });
    let inbound = proto::LeaseWorkRequest { lease_duration, ..inbound };
    let items = server.lease(inbound.clone()).await.work_items;
    let end = server.clock.clone();
    let server = server.restart().await;
    // After the hours of contact, and the lease goes on.
    end.advance(59 * Micros::MINUTE);
    assert_eq!(server.renew(&items).await[0].directive(), proto::LeaseDirective::Continue);
    let server = server.restart().await;
    end.advance(6 * Micros::MINUTE);
    // Over, and neither counted nor cooled: only the attempt of before stands.
    let refused = server.lease(take(DEBTOR, proto::TakeReason::Supervisor)).await;
    assert_eq!(gates(&refused), [proto::Gate::Limit]);
    let kind = "SELECT taken_for FROM lease ORDER BY lease_seq DESC LIMIT 1";
    let kind = server.database().count(kind);
    assert_eq!(kind, i64::from(i32::from(proto::TakeReason::Inbound)));
    let debtor = proto::GetDebtorRequest { debtor_id: DEBTOR.to_owned(), ..Default::default() };
    let debtor = server.cases().get_debtor(debtor).await.unwrap().into_inner().debtor.unwrap();
    assert_eq!((debtor.attempt_count, debtor.cooling_until_time), (1, None));
}
