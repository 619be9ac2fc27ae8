//! Documents, events and what is read of them.

use std::collections::BTreeSet;

use arrears::proto;

use super::{documents, one_of_each_part, part_of, spread};
use crate::support::{
    TestServer, always, document, euro, event, hold, lift, payment, refusal, work_list,
};

pub(super) async fn list(
    server: &TestServer,
    request: proto::ListCasesRequest,
) -> (Vec<String>, Vec<usize>) {
    let (mut ids, mut pages) = (Vec::new(), Vec::new());
    let mut page_token = String::new();
    loop {
        let request = proto::ListCasesRequest { page_token, ..request.clone() };
        let page = server.cases().list_cases(request).await.unwrap().into_inner();
        assert!(page.unreadable_cases.is_empty());
        pages.push(page.cases.len());
        ids.extend(page.cases.into_iter().map(|case| case.case_id));
        if page.next_page_token.is_empty() {
            return (ids, pages);
        }
        page_token = page.next_page_token;
    }
}

pub(super) fn dispositions(results: &[proto::PushResult]) -> BTreeSet<proto::PushDisposition> {
    results.iter().map(proto::PushResult::disposition).collect()
}

#[tokio::test]
async fn every_case_is_found_wherever_it_lives() {
    let server = spread().await;
    let pushed = documents(20);
    let results = server.push("p", pushed.clone()).await;
    let ids: Vec<&str> = results.iter().map(|result| result.case_id.as_str()).collect();
    assert_eq!(ids, pushed.iter().map(|case| case.case_id.as_str()).collect::<Vec<_>>());
    assert_eq!(dispositions(&results), BTreeSet::from([proto::PushDisposition::Created]));
    assert_eq!(server.database().count("SELECT COUNT(DISTINCT part) FROM case_head"), 4);
    assert_eq!(dispositions(&server.push("p", pushed.clone()).await).len(), 1);
    let again = server.push("p", pushed.clone()).await;
    assert_eq!(dispositions(&again), BTreeSet::from([proto::PushDisposition::Unchanged]));

    for (case, result) in pushed.iter().zip(&results) {
        let read = server.get("p", &case.case_id).await;
        assert_eq!((read.debtor_id, read.rank), (case.debtor_id.clone(), result.rank.clone()));
    }
    let request =
        proto::ListCasesRequest { portfolio_id: "p".into(), page_size: 7, ..Default::default() };
    let (listed, pages) = list(&server, request.clone()).await;
    assert_eq!(pages, [7, 7, 7, 7, 7, 5]);
    assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), 40);
    let of_debtor = proto::ListCasesRequest { debtor_id: "d7".into(), page_size: 1, ..request };
    assert_eq!(list(&server, of_debtor).await, (vec!["c7a".into(), "c7b".into()], vec![1, 1]));

    let request = proto::GetDebtorRequest { debtor_id: "d3".into(), ..Default::default() };
    let debtor = server.cases().get_debtor(request).await.unwrap().into_inner();
    assert_eq!(debtor.cases.len(), 2);
    let request = proto::ExplainCaseRequest {
        portfolio_id: "p".into(),
        case_id: "c19b".into(),
        ..Default::default()
    };
    let explained = server.cases().explain_case(request).await.unwrap().into_inner();
    assert_eq!(explained.case.unwrap().rank, results[39].rank);
    let request = proto::GetCaseRequest { portfolio_id: "p".into(), case_id: "nobody".into() };
    assert_eq!(refusal(server.cases().get_case(request).await).reason, "CASE_NOT_FOUND");
}

/// The tables say for good over how many parts a tenant lies; the setting is for new ones.
#[tokio::test]
async fn a_tenant_stays_as_it_was_spread() {
    let server = spread().await;
    server.push("p", documents(20)).await;
    let clock = server.clock.clone();
    let server = TestServer::over_spread(server.end().await, clock, 1).await;
    assert_eq!(server.get("p", "c11b").await.debtor_id, "d11");
    server.create(always("q")).await;
    server.push("q", documents(20)).await;
    let parts = "SELECT COUNT(DISTINCT part) FROM case_head";
    assert_eq!(server.database().count(parts), 4);
    assert_eq!(server.database().count("SELECT COUNT(DISTINCT portfolio_no) FROM portfolio"), 2);
    assert_eq!(server.database().count("SELECT COUNT(*) FROM portfolio"), 8);
}

#[tokio::test]
async fn settings_change_in_all_parts_at_once_and_are_told_once() {
    let server = spread().await;
    let portfolio = server.create(always("p")).await;
    let changed = proto::Portfolio { display_name: "Cards".into(), ..portfolio.clone() };
    let request =
        proto::UpdatePortfolioRequest { portfolio: Some(changed.clone()), ..Default::default() };
    let answer = server.portfolios().update_portfolio(request.clone()).await.unwrap();
    let stored = answer.into_inner().portfolio.unwrap();
    assert_eq!(stored.display_name, "Cards");
    let stale = refusal(server.portfolios().update_portfolio(request).await);
    assert_eq!(stale.reason, "ETAG_MISMATCH");
    let all = proto::ListPortfoliosRequest::default();
    let listed = server.portfolios().list_portfolios(all).await;
    assert_eq!(listed.unwrap().into_inner().portfolios, [stored]);
    let all = proto::ListWorkListsRequest::default();
    let lists = server.work_lists().list_work_lists(all).await;
    assert_eq!(lists.unwrap().into_inner().work_lists.len(), 1);
    assert_eq!(server.create_list(work_list("l")).await.work_list_id, "l");
    let versions = "SELECT COUNT(*) FROM portfolio WHERE settings_version = 2";
    assert_eq!(server.database().count(versions), 4);
}

#[tokio::test]
async fn a_case_id_is_one_case_whoever_it_is_said_to_belong_to() {
    let server = spread().await;
    let debtors = one_of_each_part();
    let of =
        |debtor_id: &str| proto::CaseDocument { debtor_id: debtor_id.to_owned(), ..document("c") };
    server.push("p", vec![of(&debtors[0])]).await;
    let elsewhere = vec![document("other"), of(&debtors[1])];
    let results = server.push("p", elsewhere).await;
    assert_eq!(results[0].disposition(), proto::PushDisposition::Created);
    assert_eq!(results[1].disposition(), proto::PushDisposition::Corrected);
    assert_eq!(server.get("p", "c").await.debtor_id, debtors[1]);
    let sql = "SELECT COUNT(*) FROM loan_case WHERE case_id = 'c'";
    assert_eq!(server.database().count(sql), 1);

    // A debtor of the same part may have it.
    let same = (0..100).map(|number| format!("e{number}"));
    let same = same.into_iter().find(|id| part_of(id) == part_of(&debtors[1])).unwrap();
    let results = server.push("p", vec![of(&same)]).await;
    assert_eq!(results[0].disposition(), proto::PushDisposition::Corrected);
    assert_eq!(server.get("p", "c").await.debtor_id, same);
    // Of two in one call the later one counts, in whatever part the first would lie.
    let twice = |debtor: &str| proto::CaseDocument { case_id: "n".into(), ..of(debtor) };
    let results = server.push("p", vec![twice(&debtors[2]), twice(&debtors[3])]).await;
    let told: Vec<_> = results.iter().map(proto::PushResult::disposition).collect();
    assert_eq!(told, [proto::PushDisposition::Superseded, proto::PushDisposition::Created]);
}

#[tokio::test]
async fn all_or_nothing_holds_over_parts_and_a_dry_run_leaves_nothing() {
    let server = spread().await;
    let mut cases = documents(20);
    cases[33].source_sequence = Some(7);
    let push = proto::PushCasesRequest {
        portfolio_id: "p".into(),
        cases: cases.clone(),
        atomic: true,
        ..Default::default()
    };
    let refused = refusal(server.cases().push_cases(push.clone()).await);
    assert_eq!(refused.reason, "ATOMIC_REJECTED");
    assert_eq!(server.database().count("SELECT COUNT(*) FROM loan_case"), 0);
    // Nor is any case id given to the debtor of a document that was refused.
    assert_eq!(server.database().count("SELECT COUNT(*) FROM case_part"), 0);
    let debtors = one_of_each_part();
    for debtor_id in &debtors[..2] {
        let atomic = proto::PushCasesRequest {
            cases: vec![
                proto::CaseDocument { debtor_id: debtor_id.clone(), ..document("moved") },
                cases[33].clone(),
            ],
            ..push.clone()
        };
        let refused = refusal(server.cases().push_cases(atomic).await);
        assert_eq!(refused.value("rejected_count"), "1");
    }
    let dry = proto::PushCasesRequest { cases: documents(20), validate_only: true, ..push.clone() };
    let results = server.cases().push_cases(dry).await.unwrap().into_inner().results;
    assert_eq!(dispositions(&results), BTreeSet::from([proto::PushDisposition::Created]));
    assert_eq!(server.database().count("SELECT COUNT(*) FROM loan_case"), 0);
    let whole = proto::PushCasesRequest { cases: documents(20), ..push };
    let results = server.cases().push_cases(whole).await.unwrap().into_inner().results;
    assert_eq!(dispositions(&results), BTreeSet::from([proto::PushDisposition::Created]));
    assert_eq!(server.database().count("SELECT COUNT(DISTINCT part) FROM case_head"), 4);
}

pub(super) async fn record(
    server: &TestServer,
    events: Vec<proto::Event>,
) -> Vec<Result<bool, String>> {
    let request = proto::RecordEventsRequest { portfolio_id: "p".into(), events };
    let results = server.cases().record_events(request).await.unwrap().into_inner().results;
    let told = |result: proto::EventResult| match result.disposition() {
        proto::EventDisposition::Recorded => Ok(true),
        proto::EventDisposition::Duplicate => Ok(false),
        _ => Err(result.error.unwrap().reason),
    };
    results.into_iter().map(told).collect()
}

#[tokio::test]
async fn events_go_where_their_debtors_live_and_are_one_each() {
    let server = spread().await;
    let debtors = one_of_each_part();
    let of = |at: usize| {
        let case_id = format!("c{at}");
        proto::CaseDocument { debtor_id: debtors[at].clone(), ..document(&case_id) }
    };
    server.push("p", (0..4).map(of).collect()).await;
    let of_debtor = proto::Event {
        debtor_id: debtors[3].clone(),
        ..event("h3", &[], hold(proto::HoldKind::Dispute))
    };
    let pays = |id: &str, case_id: &str| event(id, &[case_id], payment(euro(100)));
    let refused = |reason: &str| Err(reason.to_owned());
    let first = vec![
        pays("e0", "c0"),
        pays("e1", "c1"),
        pays("e2", "nobody"),
        of_debtor.clone(),
        event("h1", &["c0", "c1"], hold(proto::HoldKind::Dispute)),
        pays("e0", "c0"),
        pays("e0", "c2"),
    ];
    let told = record(&server, first).await;
    let clash = refused("EVENT_ALREADY_EXISTS");
    let unknown = refused("CASE_NOT_FOUND");
    assert_eq!(told[..2], [Ok(true), Ok(true)]);
    assert_eq!(told[2..4], [unknown, Ok(true)]);
    assert_eq!(told[4], refused("FIELD_CONFLICT"));
    assert_eq!(told[5..], [Ok(false), clash.clone()]);
    assert_eq!(server.get("p", "c0").await.overdue_amount, euro(1_100));
    assert_eq!(server.get("p", "c2").await.overdue_amount, euro(1_200));

    // The id of an event is known in all parts, and so is what another one refers to.
    let reversal = |of: &str| {
        proto::event::Kind::Reversal(proto::Reversal { reversed_event_id: of.to_owned() })
    };
    let second = vec![
        pays("e1", "c3"),
        event("r1", &[], reversal("e1")),
        event("r2", &[], reversal("e9")),
        event("l3", &[], lift("h3")),
        of_debtor,
    ];
    let told = record(&server, second).await;
    let missing = refused("EVENT_NOT_FOUND");
    assert_eq!(told, [clash, Ok(true), missing, Ok(true), Ok(false)]);
    assert_eq!(server.get("p", "c1").await.overdue_amount, euro(1_200));
    assert!(server.get("p", "c3").await.holds.is_empty());
}

#[tokio::test]
async fn the_past_of_a_case_is_told_from_the_part_it_lies_in() {
    let server = spread().await;
    server.push("p", documents(20)).await;
    let items = server.lease(crate::support::pull("l", 20)).await.work_items;
    assert_eq!(items.len(), 20);
    server.clock.advance(arrears::model::Micros::DAY);
    let dearer = documents(20).into_iter();
    let dearer =
        dearer.map(|case| proto::CaseDocument { overdue_amount: euro(99_000), ..case }).collect();
    server.push("p", dearer).await;
    for item in items {
        let served = item.lead_case.unwrap();
        let request = proto::ExplainCaseRequest {
            portfolio_id: "p".into(),
            case_id: served.case_id,
            lease_seq: item.lease_seq,
            compare_with: Some(proto::CasePoint::default()),
            ..Default::default()
        };
        let told = server.cases().explain_case(request).await.unwrap().into_inner();
        assert_eq!(told.explanation.unwrap().rank, served.rank);
        assert_eq!(told.lease.unwrap().served_rank, served.rank);
        assert_eq!(told.movement.unwrap().event_count, 1);
        let request = proto::ReplayCaseRequest {
            portfolio_id: "p".into(),
            case_id: told.case.unwrap().case_id,
            ..Default::default()
        };
        let replayed = server.cases().replay_case(request).await.unwrap().into_inner();
        assert_eq!(replayed.leases[0].result(), proto::ReplayResult::Equal);
        assert!(replayed.differing_fields.is_empty());
    }
}
