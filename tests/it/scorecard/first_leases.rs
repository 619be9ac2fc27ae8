//! What work lists would lease first: what is told beforehand is what they lease.

use arrears::engine::EngineOptions;
use arrears::proto;
use tonic::Code;

use super::simulation::{changed, documents, request, simulate, with_portfolio};
use super::{activate, activation, draft, number, ranked};
use crate::support::{TestServer, always, outcome, pull, refusal, work_list};

/// A list that leases by nothing but the order.
fn ordered(work_list_id: &str) -> proto::WorkList {
    proto::WorkList { reserved_share_permille: Some(0), ..work_list(work_list_id) }
}

/// Lists of everything, of the hard cases, and of a portfolio that has none.
async fn server() -> TestServer {
    let options = EngineOptions { tenant_buckets: 1, ..EngineOptions::default() };
    let server = with_portfolio(options).await;
    server.create(always("other")).await;
    server.create_list(ordered("all")).await;
    let recovery_groups = vec![proto::RecoveryGroup::C as i32];
    server.create_list(proto::WorkList { recovery_groups, ..ordered("hard") }).await;
    let portfolio_ids = vec!["other".to_owned()];
    server.create_list(proto::WorkList { portfolio_ids, ..ordered("other") }).await;
    server
}

fn first(revision_no: i64, count: i32) -> proto::SimulateRevisionRequest {
    proto::SimulateRevisionRequest { first_leases_max: count, ..request(revision_no) }
}

/// The lead cases that a list gives next.
async fn previewed(server: &TestServer, work_list_id: &str, max_items: i32) -> Vec<String> {
    let request = proto::PreviewWorkRequest {
        work_list_id: work_list_id.to_owned(),
        max_items,
        ..Default::default()
    };
    let answer = server.work_lists().preview_work(request).await.unwrap().into_inner();
    answer.work_items.into_iter().map(|item| item.lead_case.unwrap().case_id).collect()
}

/// The cases with a place, in its order.
fn placed(
    list: &proto::SimulatedWorkList,
    place: fn(&proto::SimulatedLease) -> i32,
) -> Vec<String> {
    let mut leases: Vec<_> = list.leases.iter().filter(|lease| place(lease) > 0).collect();
    leases.sort_by_key(|lease| place(lease));
    leases.into_iter().map(|lease| lease.case_id.clone()).collect()
}

fn before(list: &proto::SimulatedWorkList) -> Vec<String> {
    placed(list, |lease| lease.place_before)
}

fn after(list: &proto::SimulatedWorkList) -> Vec<String> {
    placed(list, |lease| lease.place_after)
}

#[tokio::test]
async fn the_first_leases_told_are_those_of_the_lists() {
    let server = server().await;
    // A second case of a debtor is spoken of with the first, and is no lease of its own.
    let second = proto::CaseDocument { case_id: "more".to_owned(), ..documents().swap_remove(9) };
    server.push("cards", vec![second]).await;
    let made = number(&draft(&server, "consumer", changed).await);
    let simulation = simulate(&server, first(made, 30)).await.unwrap();
    let ids: Vec<&str> = simulation.work_lists.iter().map(|list| &*list.work_list_id).collect();
    assert_eq!(ids, ["all", "hard"], "the third serves another portfolio");
    for list in &simulation.work_lists {
        assert_eq!(before(list), previewed(&server, &list.work_list_id, 30).await);
    }
    assert_eq!(simulation.work_lists[0].ready_cases_before, 121);
    assert_eq!(simulation.work_lists[0].ready_cases_after, 121);
    let hard = &simulation.work_lists[1];
    assert!(hard.ready_cases_before < hard.ready_cases_after, "{hard:?}");

    activate(&server, activation(made, 1)).await.unwrap();
    ranked(&server).await;
    for list in &simulation.work_lists {
        assert_eq!(after(list), previewed(&server, &list.work_list_id, 30).await);
        assert_ne!(after(list), before(list));
        let places = list.leases.iter().map(|lease| lease.place_after);
        let tail = places.skip(30).all(|place| place == 0);
        assert!(tail, "those of now that fall behind stand last");
    }
}

#[tokio::test]
async fn what_is_not_ready_is_no_first_lease() {
    let server = server().await;
    let asked =
        || proto::SimulateRevisionRequest { work_list_ids: vec!["all".to_owned()], ..first(1, 5) };
    let told = simulate(&server, asked()).await.unwrap().work_lists.swap_remove(0);
    let leased = server.lease(pull("all", 3)).await.work_items;
    server.report(outcome(&leased[0], "no_answer")).await;
    let then = simulate(&server, asked()).await.unwrap().work_lists.swap_remove(0);
    assert_eq!(then.ready_cases_before, told.ready_cases_before - 3);
    assert_eq!(before(&then)[..2], before(&told)[3..]);
    assert_eq!(before(&then), after(&then), "nothing is tried that does not rank");
    let none = simulate(&server, request(1)).await.unwrap();
    assert_eq!(none.work_lists, [], "nobody asked");
}

#[tokio::test]
async fn wrong_wishes_for_first_leases_are_refused() {
    let server = server().await;
    let lists = |ids: &[&str]| proto::SimulateRevisionRequest {
        work_list_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        ..first(1, 5)
    };
    for (asked, path, reason) in [
        (first(1, 101), "first_leases_max", "FIELD_OUT_OF_RANGE"),
        (first(1, -1), "first_leases_max", "FIELD_OUT_OF_RANGE"),
        (lists(&["all", "other"]), "work_list_ids[1]", "FIELD_CONFLICT"),
        (lists(&["all", "all"]), "work_list_ids[1]", "FIELD_CONFLICT"),
        (lists(&["all", ""]), "work_list_ids[1]", "FIELD_REQUIRED"),
        (lists(&["all"; 17]), "work_list_ids", "FIELD_OUT_OF_RANGE"),
    ] {
        let refused = refusal(server.scorecards().simulate_revision(asked).await);
        assert_eq!((refused.code, &*refused.reason), (Code::InvalidArgument, reason), "{path}");
        assert_eq!(refused.violations[0].0, path);
    }
    let refused = refusal(server.scorecards().simulate_revision(lists(&["none"])).await);
    assert_eq!(refused.reason, "WORK_LIST_NOT_FOUND");
}
