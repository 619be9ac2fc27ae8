use arrears::model::Micros;
use arrears::proto;
use tonic::Code;

use crate::support::{
    NOW, TestServer, always, date, document, euro, instant, outcome, pull, refusal, work_list,
};

/// A server with a portfolio that may be called at any time, `cases`, and a list
/// of everything.
pub(super) async fn with_work(cases: &[&str]) -> TestServer {
    let server = TestServer::start().await;
    server.create(always("cards")).await;
    if !cases.is_empty() {
        server.push("cards", cases.iter().map(|case_id| document(case_id)).collect()).await;
    }
    server.create_list(work_list("all")).await;
    server
}

pub(super) async fn lease(server: &TestServer, max_items: i32) -> Vec<proto::WorkItem> {
    server.lease(pull("all", max_items)).await.work_items
}

#[tokio::test]
async fn leased_work_tells_what_a_worker_needs_and_warns_of_the_open_policy() {
    let server = with_work(&["c1"]).await;
    let answer = server.work_lists().lease_work(pull("all", 5)).await.unwrap().into_inner();
    let codes: Vec<_> = answer.warnings.iter().map(|warning| &*warning.code).collect();
    assert_eq!(codes, ["POLICY_ALWAYS"]);
    assert_eq!(answer.work_items.len(), 1);
    let item = &answer.work_items[0];
    assert_eq!((&*item.debtor_id, item.case_count), ("debtor-of-c1", 1));
    assert_eq!(item.lease_expire_time, instant(NOW.plus(5 * Micros::MINUTE)));
    assert_eq!(item.total_overdue_amounts, [euro(1_200).unwrap()]);
    let case = item.lead_case.clone().unwrap();
    assert_eq!((&*case.case_id, case.days_past_due), ("c1", 62));
    assert_eq!(case.rank, server.get("cards", "c1").await.rank);
    let audiences = case.reasons.iter().map(proto::Reason::audience);
    assert!(audiences.into_iter().all(|audience| audience == proto::Audience::Agent));

    let none = server.work_lists().lease_work(pull("all", 5)).await.unwrap().into_inner();
    assert_eq!(none.work_items, []);
    assert!(none.retry_after.is_some());
}

/// Whether there is work or not, and whether it was waited for or not.
#[tokio::test]
async fn an_empty_answer_warns_as_a_filled_one_does() {
    let server = with_work(&["c1"]).await;
    let codes = |answer: &proto::LeaseWorkResponse| -> Vec<String> {
        answer.warnings.iter().map(|warning| warning.code.clone()).collect()
    };
    let filled = server.lease(pull("all", 1)).await;
    assert_eq!((filled.work_items.len(), codes(&filled)), (1, vec!["POLICY_ALWAYS".to_owned()]));
    for nanos in [0, 30_000_000] {
        let wait = Some(prost_types::Duration { seconds: 0, nanos });
        let empty = server.lease(proto::LeaseWorkRequest { wait, ..pull("all", 1) }).await;
        assert_eq!((empty.work_items.len(), &empty.warnings), (0, &filled.warnings), "{nanos}");
        assert!(empty.retry_after.is_some());
    }
}

#[tokio::test]
async fn what_the_caller_sealed_comes_back_with_the_lease() {
    let server = with_work(&["c1"]).await;
    let sealed = proto::CaseDocument { sealed: b"\0\xFFsecret".to_vec(), ..document("c1") };
    server.push("cards", vec![sealed]).await;
    let item = lease(&server, 1).await.remove(0);
    assert_eq!(item.lead_case.unwrap().sealed, b"\0\xFFsecret");
}

#[tokio::test]
async fn a_report_ends_the_lease_once_and_wrong_ones_change_nothing() {
    let server = with_work(&["c1"]).await;
    let item = lease(&server, 1).await.remove(0);
    use proto::OutcomeDisposition::{Accepted, Duplicate, Rejected};

    let unknown = server.report(outcome(&item, "gone_fishing")).await;
    assert_eq!(unknown.disposition(), Rejected);
    let error = unknown.error.unwrap();
    assert_eq!(error.reason, "FIELD_OUT_OF_RANGE");
    assert!(error.violations[0].description.contains("no_answer"), "{error:?}");

    let broken = proto::Outcome { lease_token: vec![7; 40], ..outcome(&item, "no_answer") };
    let broken = server.report(broken).await;
    assert_eq!(broken.error.unwrap().reason, "LEASE_TOKEN_MALFORMED");

    let first = server.report(outcome(&item, "no_answer")).await;
    assert_eq!((first.disposition(), first.error), (Accepted, None));
    assert!(first.next_eligible_time.is_some());
    let again = server.report(outcome(&item, "no_answer")).await;
    assert_eq!(again.disposition(), Duplicate);
    let other = server.report(outcome(&item, "busy")).await;
    assert_eq!(other.error.unwrap().reason, "REPORT_ALREADY_EXISTS");
}

#[tokio::test]
async fn a_promise_in_another_currency_or_too_far_ahead_is_refused_by_its_field() {
    let server = with_work(&["c1"]).await;
    let item = lease(&server, 1).await.remove(0);
    let promise = |currency: &str, promised_date| proto::Outcome {
        promise: Some(proto::PromiseToPay {
            promised_amount: Some(proto::Money {
                currency_code: currency.to_owned(),
                units: 5,
                nanos: 0,
            }),
            promised_date,
        }),
        ..outcome(&item, "promise")
    };
    for (outcome, field) in [
        (promise("USD", date(2026, 3, 9)), "promised_amount"),
        (promise("EUR", date(2026, 6, 3)), "promised_date"),
        (promise("EUR", date(2026, 3, 3)), "promised_date"),
        (promise("XXX", date(2026, 3, 9)), "promised_amount"),
    ] {
        let result = server.report(outcome).await;
        assert_eq!(result.disposition(), proto::OutcomeDisposition::Rejected);
        let violations = result.error.unwrap().violations;
        assert!(violations[0].field.contains(field), "{violations:?}");
    }
    let result = server.report(promise("EUR", date(2026, 3, 9))).await;
    assert_eq!(result.disposition(), proto::OutcomeDisposition::Accepted);
}

#[tokio::test]
async fn work_given_back_undialled_is_ready_at_once() {
    let server = with_work(&["c1"]).await;
    let item = lease(&server, 1).await.remove(0);
    let release = |lease_token: &[u8]| proto::LeaseRelease {
        lease_token: lease_token.to_vec(),
        not_dialled: true,
    };
    let releases = vec![release(&item.lease_token), release(b"made up")];
    let request = proto::ReleaseLeasesRequest { releases };
    let results = server.work_lists().release_leases(request).await.unwrap().into_inner().results;
    assert_eq!(results[0].error, None);
    assert_eq!(results[1].error.as_ref().unwrap().reason, "LEASE_TOKEN_MALFORMED");
    let again = lease(&server, 1).await.remove(0);
    assert_ne!(again.lease_token, item.lease_token);
    assert_eq!(again.earlier_attempt_count, 0);
}

#[tokio::test]
async fn the_counts_of_a_list_add_up_and_a_case_says_why_it_waits() {
    let server = with_work(&["c1", "c2", "c3"]).await;
    let item = lease(&server, 1).await.remove(0);
    let case = item.lead_case.unwrap();
    let describe = |case: Option<proto::CaseKey>| proto::DescribeWorkListRequest {
        work_list_id: "all".to_owned(),
        case,
    };
    let key = |case_id: &str| proto::CaseKey {
        portfolio_id: case.portfolio_id.clone(),
        case_id: case_id.to_owned(),
    };
    let request = describe(Some(key(&case.case_id)));
    let answer = server.work_lists().describe_work_list(request).await.unwrap().into_inner();
    let sum: i64 = answer.gate_counts.iter().map(|count| count.case_count).sum();
    assert_eq!((sum, answer.case_count), (3, 3));
    assert_eq!(answer.failing_gates[0].gate(), proto::Gate::Leased);
    assert_eq!(answer.failing_gates[0].until_time, item.lease_expire_time);

    let unknown = server.work_lists().describe_work_list(describe(Some(key("c9")))).await;
    let refused = refusal(unknown);
    assert_eq!((refused.code, &*refused.reason), (Code::NotFound, "CASE_NOT_FOUND"));
    assert_eq!((refused.value("portfolio_id"), refused.value("case_id")), ("cards", "c9"));
}

#[tokio::test]
async fn lists_are_created_updated_and_refused_like_portfolios() {
    let server = with_work(&[]).await;
    let list = proto::WorkList {
        work_list_id: "hard".to_owned(),
        recovery_groups: vec![3],
        portfolio_ids: vec!["cards".to_owned()],
        ..Default::default()
    };
    let created = server.create_list(list.clone()).await;
    assert_eq!(server.create_list(list.clone()).await, created);
    assert_eq!(created.reserved_share_permille, Some(100));

    let request = |list: proto::WorkList| proto::CreateWorkListRequest { work_list: Some(list) };
    let other = proto::WorkList { recovery_groups: vec![1], ..list.clone() };
    let refused = refusal(server.work_lists().create_work_list(request(other)).await);
    assert_eq!((refused.code, &*refused.reason), (Code::AlreadyExists, "WORK_LIST_ALREADY_EXISTS"));
    let nowhere =
        proto::WorkList { portfolio_ids: vec!["x".into()], work_list_id: "y".into(), ..list };
    let refused = refusal(server.work_lists().create_work_list(request(nowhere)).await);
    assert_eq!((&*refused.reason, refused.value("portfolio_id")), ("PORTFOLIO_NOT_FOUND", "x"));

    let update = |list: proto::WorkList| proto::UpdateWorkListRequest { work_list: Some(list) };
    let change = proto::WorkList { recovery_groups: vec![2, 3], ..created.clone() };
    server.work_lists().update_work_list(update(change.clone())).await.unwrap();
    let refused = refusal(server.work_lists().update_work_list(update(change)).await);
    assert_eq!((&*refused.reason, refused.value("etag")), ("ETAG_MISMATCH", &*created.etag));

    let page = proto::ListWorkListsRequest { page_size: 1, page_token: String::new() };
    let page = server.work_lists().list_work_lists(page).await.unwrap().into_inner();
    assert_eq!(
        (&*page.work_lists[0].work_list_id, page.next_page_token.is_empty()),
        ("all", false)
    );
    let get = proto::GetWorkListRequest { work_list_id: "none".to_owned() };
    let refused = refusal(server.work_lists().get_work_list(get).await);
    assert_eq!((refused.code, &*refused.reason), (Code::NotFound, "WORK_LIST_NOT_FOUND"));
}

#[tokio::test]
async fn pulls_that_wait_are_let_go_when_the_server_stops() {
    let server = with_work(&[]).await;
    let mut client = server.work_lists();
    let wait = Some(prost_types::Duration { seconds: 55, nanos: 0 });
    let request = proto::LeaseWorkRequest { wait, ..pull("all", 1) };
    let waiting = tokio::spawn(async move { client.lease_work(request).await });
    // The list exists and is empty, so once another call has been answered on the
    // same connection the pull has been read as well.
    lease(&server, 1).await;
    server.stop();
    let answer = tokio::time::timeout(std::time::Duration::from_secs(10), waiting);
    let refused = refusal(answer.await.unwrap().unwrap());
    assert_eq!((refused.code, &*refused.reason), (Code::Unavailable, "SHUTTING_DOWN"));
}

#[tokio::test]
async fn an_answer_ends_before_it_is_too_large_and_the_rest_stays_ready() {
    let server = with_work(&[]).await;
    let long = |kind: &str, n: usize| format!("{kind}-{n:-<126}");
    let point = |n: usize| proto::ContactPoint {
        contact_point_id: long("p", n),
        time_zone: "Europe/Berlin".to_owned(),
        ..Default::default()
    };
    // The first of a debtor's 21 cases is the most pressing one, so that a pull
    // meets many debtors and every item shows twenty siblings.
    let case = |n: usize| proto::CaseDocument {
        debtor_id: long("d", n / 21),
        overdue_amount: euro(if n.is_multiple_of(21) { 90_000 } else { 20 }),
        contact_points: (0..16).map(point).collect(),
        ..document(&long("c", n))
    };
    for push in 0..10 {
        server.push("cards", (push * 945..(push + 1) * 945).map(case).collect()).await;
    }
    let mut debtors = std::collections::HashSet::new();
    let mut sizes = Vec::new();
    while debtors.len() < 450 {
        let answer = server.work_lists().lease_work(pull("all", 500)).await.unwrap().into_inner();
        sizes.push(prost::Message::encoded_len(&answer));
        assert!(!answer.work_items.is_empty(), "{} debtors in {sizes:?}", debtors.len());
        for item in answer.work_items {
            assert_eq!((item.sibling_cases.len(), item.earlier_attempt_count), (20, 0));
            assert!(debtors.insert(item.debtor_id));
        }
    }
    let limit = 3 * 1024 * 1024;
    assert!(sizes[0] > limit - 16 * 1024 && sizes[0] <= limit, "{sizes:?}");
}
