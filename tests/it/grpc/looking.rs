//! Looking without touching: work before it is leased, and debtors.

use arrears::model::Micros;
use arrears::proto;
use tonic::Code;

use super::work::{lease, with_work};
use crate::support::{
    NOW, TestServer, date, document, euro, instant, outcome, portfolio, pull, refusal,
};

fn preview(max_items: i32) -> proto::PreviewWorkRequest {
    proto::PreviewWorkRequest { work_list_id: "all".to_owned(), max_items, ..Default::default() }
}

async fn previewed(server: &TestServer, max_items: i32) -> Vec<proto::WorkItem> {
    let answer = server.work_lists().preview_work(preview(max_items)).await.unwrap();
    answer.into_inner().work_items
}

fn leads(items: &[proto::WorkItem]) -> Vec<String> {
    items.iter().map(|item| item.lead_case.as_ref().unwrap().case_id.clone()).collect()
}

#[tokio::test]
async fn a_preview_shows_what_a_pull_would_give_and_leases_nothing() {
    let server = with_work(&["c1", "c2", "c3"]).await;
    let older = |case_id: &str, month| proto::CaseDocument {
        overdue_amount: euro(i64::from(month) * 900),
        oldest_due_date: date(2025, month, 1),
        ..document(case_id)
    };
    server.push("cards", vec![older("c4", 7), older("c5", 11)]).await;
    let answer = server.work_lists().preview_work(preview(0)).await.unwrap().into_inner();
    let codes: Vec<_> = answer.warnings.iter().map(|warning| &*warning.code).collect();
    assert_eq!((codes, answer.next_window_time), (vec!["POLICY_ALWAYS"], None));
    assert_eq!(answer.work_items.len(), 5);
    let first = leads(&previewed(&server, 2).await);
    assert_eq!(first, leads(&answer.work_items)[..2], "asking changes nothing");

    let leased = lease(&server, 5).await;
    assert!(leased.iter().all(|item| !item.lease_token.is_empty()));
    let bare = |item: &proto::WorkItem| proto::WorkItem {
        lease_token: Vec::new(),
        lease_expire_time: None,
        lease_seq: 0,
        ..item.clone()
    };
    let unleased: Vec<_> = leased.iter().map(bare).collect();
    assert_eq!(unleased, answer.work_items);
    assert_eq!(previewed(&server, 5).await, [], "what is leased is no longer to be had");
    assert_eq!(server.report(outcome(&leased[0], "no_answer")).await.error, None);
}

#[tokio::test]
async fn a_preview_outside_hours_of_contact_says_when_they_begin() {
    let server = TestServer::start().await;
    server.create(portfolio("cards")).await;
    server.push("cards", vec![document("c1")]).await;
    let work_list = proto::WorkList { work_list_id: "all".to_owned(), ..Default::default() };
    let request = proto::CreateWorkListRequest { work_list: Some(work_list) };
    server.work_lists().create_work_list(request).await.unwrap();
    let night = NOW.plus(14 * Micros::HOUR);
    server.clock.set(night);
    let answer = server.work_lists().preview_work(preview(1)).await.unwrap().into_inner();
    assert_eq!(answer.work_items, []);
    let next = answer.next_window_time.expect("hours begin in the morning");
    assert!(next.seconds > night.0 / Micros::SECOND, "{next:?}");
}

#[tokio::test]
async fn a_wrong_preview_is_refused_by_its_field() {
    let server = with_work(&[]).await;
    for max_items in [-1, 501] {
        let refused = refusal(server.work_lists().preview_work(preview(max_items)).await);
        assert_eq!(refused.violations, [("max_items".into(), "FIELD_OUT_OF_RANGE".into())]);
    }
    let other = proto::PreviewWorkRequest {
        work_list_id: "none".to_owned(),
        max_items: 1,
        ..Default::default()
    };
    let refused = refusal(server.work_lists().preview_work(other).await);
    assert_eq!((refused.code, &*refused.reason), (Code::NotFound, "WORK_LIST_NOT_FOUND"));
}

fn debtor(page_size: i32, page_token: &str) -> proto::GetDebtorRequest {
    proto::GetDebtorRequest {
        debtor_id: "anna".to_owned(),
        page_size,
        page_token: page_token.to_owned(),
    }
}

async fn get(server: &TestServer) -> proto::Debtor {
    let answer = server.cases().get_debtor(debtor(0, "")).await.unwrap();
    answer.into_inner().debtor.unwrap()
}

#[tokio::test]
async fn a_debtor_is_shown_over_all_portfolios() {
    let server = with_work(&[]).await;
    server.create(portfolio("loans")).await;
    let of_anna = |case_id: &str, units| proto::CaseDocument {
        debtor_id: "anna".to_owned(),
        overdue_amount: euro(units),
        ..document(case_id)
    };
    server.push("cards", vec![of_anna("c1", 100), of_anna("c2", 0), document("c3")]).await;
    server.push("loans", vec![of_anna("l1", 40)]).await;
    let shown = get(&server).await;
    assert_eq!((shown.case_count, shown.open_case_count), (3, 2));
    assert_eq!(shown.total_overdue_amounts, [euro(140).unwrap()]);
    assert_eq!((shown.attempt_count, shown.lease, shown.cooling_until_time), (0, None, None));

    let leased =
        server.work_lists().lease_work(pull("all", 5)).await.unwrap().into_inner().work_items;
    let item = leased.iter().find(|item| item.debtor_id == "anna").unwrap();
    let lead = item.lead_case.as_ref().unwrap();
    let shown = get(&server).await;
    let lease = shown.lease.unwrap();
    assert_eq!((&lease.portfolio_id, &lease.case_id), (&lead.portfolio_id, &lead.case_id));
    assert_eq!(lease.expire_time, item.lease_expire_time);
    assert_eq!((shown.attempt_count, shown.attempt_times), (1, vec![instant(NOW).unwrap()]));

    assert_eq!(server.report(outcome(item, "complaint")).await.error, None);
    let shown = get(&server).await;
    assert_eq!((shown.lease, shown.holds.len()), (None, 1));
    assert_eq!(shown.holds[0].scope(), proto::HoldScope::Debtor);
}

#[tokio::test]
async fn the_cases_of_a_debtor_come_page_by_page() {
    let server = with_work(&[]).await;
    let of_anna = |number: usize| proto::CaseDocument {
        debtor_id: "anna".to_owned(),
        ..document(&format!("c{number}"))
    };
    server.push("cards", (0..5).map(of_anna).collect()).await;
    let (mut token, mut found) = (String::new(), Vec::new());
    loop {
        let page = server.cases().get_debtor(debtor(2, &token)).await.unwrap().into_inner();
        assert_eq!(page.debtor.unwrap().case_count, 5);
        found.push(page.cases.into_iter().map(|case| case.case_id).collect::<Vec<_>>());
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        let mut other = debtor(2, &token);
        other.debtor_id = "debtor-of-x".to_owned();
        let refused = refusal(server.cases().get_debtor(other).await);
        assert_eq!(&*refused.reason, "PAGE_TOKEN_MISMATCH");
    }
    assert_eq!(found, [vec!["c0", "c1"], vec!["c2", "c3"], vec!["c4"]]);
    let mut nobody = debtor(0, "");
    nobody.debtor_id = "nobody".to_owned();
    let refused = refusal(server.cases().get_debtor(nobody).await);
    assert_eq!((refused.code, &*refused.reason), (Code::NotFound, "DEBTOR_NOT_FOUND"));
    let refused = refusal(server.cases().get_debtor(proto::GetDebtorRequest::default()).await);
    assert_eq!(refused.violations, [("debtor_id".into(), "FIELD_REQUIRED".into())]);
}
