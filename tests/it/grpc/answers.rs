//! No answer is larger than 3 MiB, whatever is asked for and however broken it is.

use arrears::proto;
use prost::Message;

use crate::support::{
    NOW, TestServer, always, date, document, euro, event, hold, instant, payment, portfolio, pull,
    work_list,
};

const ANSWER_MAX: usize = 3 * 1_024 * 1_024;

fn long(kind: &str, n: usize) -> String {
    format!("{kind}{n:-<127}")
}

#[tokio::test]
async fn work_lists_are_listed_whole_over_pages_that_fit() {
    let server = TestServer::start().await;
    let portfolio_ids: Vec<String> = (0..64).map(|n| long("p", n)).collect();
    for portfolio_id in &portfolio_ids {
        server.create(always(portfolio_id)).await;
    }
    let count = 400;
    for n in 0..count {
        let list = proto::WorkList {
            portfolio_ids: portfolio_ids.clone(),
            display_name: "x".repeat(1_024),
            ..work_list(&long("l", n))
        };
        server.create_list(list).await;
    }
    let mut ids = Vec::new();
    let mut largest = 0;
    let mut page_token = String::new();
    loop {
        let request = proto::ListWorkListsRequest { page_size: 1_000, page_token };
        let page = server.work_lists().list_work_lists(request).await.unwrap().into_inner();
        largest = largest.max(page.encoded_len());
        assert!(page.encoded_len() <= ANSWER_MAX, "{}", page.encoded_len());
        ids.extend(page.work_lists.into_iter().map(|list| list.work_list_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert!(largest > ANSWER_MAX / 4, "no page was near the limit: {largest}");
    let mut expected: Vec<String> = (0..count).map(|n| long("l", n)).collect();
    expected.sort_unstable();
    assert_eq!(ids, expected);
}

/// Hours of contact may be cut into as many ranges as a week has.
#[tokio::test]
async fn portfolios_are_listed_whole_over_pages_that_fit() {
    let server = TestServer::start().await;
    let range = |n: i32| proto::DayHours {
        weekday: 1 + n / 720,
        start_minute: n % 720 * 2,
        end_minute: n % 720 * 2 + 1,
    };
    let hours: Vec<_> = (0..7 * 720).map(range).collect();
    let plain = proto::PlainPolicy { hours, ..Default::default() };
    let policy = Some(proto::contact_policy::Policy::Plain(plain));
    let count = 90;
    for n in 0..count {
        let contact_policy = Some(proto::ContactPolicy { policy: policy.clone() });
        server.create(proto::Portfolio { contact_policy, ..portfolio(&long("p", n)) }).await;
    }
    let mut ids = Vec::new();
    let mut pages = 0;
    let mut page_token = String::new();
    loop {
        let request = proto::ListPortfoliosRequest { page_size: 1_000, page_token };
        let page = server.portfolios().list_portfolios(request).await.unwrap().into_inner();
        assert!(page.encoded_len() <= ANSWER_MAX, "{}", page.encoded_len());
        ids.extend(page.portfolios.into_iter().map(|portfolio| portfolio.portfolio_id));
        pages += 1;
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert!(pages > 1, "one page held all");
    let mut expected: Vec<String> = (0..count).map(|n| long("p", n)).collect();
    expected.sort_unstable();
    assert_eq!(ids, expected);
}

/// As much as can be wrong with a call, in a request as large as one may be.
#[tokio::test]
async fn hopeless_calls_are_answered_within_the_limit() {
    let server = TestServer::start().await;
    server.create(always("cards")).await;
    let huge = "\u{1f4a9}".repeat(900);

    let instalments = vec![proto::Instalment::default(); 100];
    let hopeless = proto::CaseDocument { case_id: huge.clone(), instalments, ..Default::default() };
    let portfolio_id = "cards".to_owned();
    let cases = vec![hopeless; 800];
    let request = proto::PushCasesRequest { portfolio_id, cases, ..Default::default() };
    let answer = server.cases().push_cases(request).await.unwrap().into_inner();
    assert_eq!(answer.results.len(), 800);
    assert!(answer.encoded_len() <= ANSWER_MAX, "push: {}", answer.encoded_len());

    let events = vec![event(&huge, &[&huge], hold(proto::HoldKind::Cease)); 500];
    let request = proto::RecordEventsRequest { portfolio_id: "cards".to_owned(), events };
    let answer = server.cases().record_events(request).await.unwrap().into_inner();
    assert_eq!(answer.results.len(), 500);
    assert!(answer.encoded_len() <= ANSWER_MAX, "events: {}", answer.encoded_len());

    let cases =
        vec![proto::CaseKey { portfolio_id: "a b".to_owned(), case_id: "a b".to_owned() }; 20];
    let outcome = proto::Outcome {
        lease_token: vec![7; 4_000],
        outcome_code: huge.clone(),
        cases,
        ..Default::default()
    };
    let request = proto::ReportOutcomesRequest { outcomes: vec![outcome; 450] };
    let answer = server.work_lists().report_outcomes(request).await.unwrap().into_inner();
    assert_eq!(answer.results.len(), 450);
    assert!(answer.encoded_len() <= ANSWER_MAX, "reports: {}", answer.encoded_len());

    let lease_tokens = vec![vec![7; 8_000]; 500];
    let request =
        proto::RenewLeasesRequest { lease_tokens: lease_tokens.clone(), lease_duration: None };
    let answer = server.work_lists().renew_leases(request).await.unwrap().into_inner();
    assert!(answer.encoded_len() <= ANSWER_MAX, "renewals: {}", answer.encoded_len());
    let release = |lease_token| proto::LeaseRelease { lease_token, not_dialled: false };
    let releases = lease_tokens.into_iter().map(release).collect();
    let request = proto::ReleaseLeasesRequest { releases };
    let answer = server.work_lists().release_leases(request).await.unwrap().into_inner();
    assert!(answer.encoded_len() <= ANSWER_MAX, "releases: {}", answer.encoded_len());
}

/// Of the holds of a case those that end first give way to new ones; where none ends
/// by itself the next one is refused, and the case stays held by all the others.
#[tokio::test]
async fn a_case_has_at_most_64_holds_of_its_own_and_64_of_its_debtor() {
    let server = TestServer::start().await;
    server.create(always("cards")).await;
    server.push("cards", vec![document("c")]).await;
    let of_debtor = |event_id: &str| proto::Event {
        debtor_id: "debtor-of-c".to_owned(),
        ..event(event_id, &[], hold(proto::HoldKind::Cease))
    };
    for n in 0..64 {
        let of_case = event(&long("h", n), &["c"], hold(proto::HoldKind::Dispute));
        server.record("cards", vec![of_case, of_debtor(&long("d", n))]).await;
    }
    let more = vec![event("more", &["c"], hold(proto::HoldKind::Dispute)), of_debtor("dmore")];
    let request = proto::RecordEventsRequest { portfolio_id: "cards".to_owned(), events: more };
    let results = server.cases().record_events(request.clone()).await.unwrap().into_inner().results;
    for (place, result) in results.into_iter().enumerate() {
        let error = result.error.unwrap();
        assert_eq!(error.reason, "FIELD_OUT_OF_RANGE");
        assert_eq!(error.metadata["field"], format!("events[{place}].hold"));
        assert!(error.metadata["bound"].contains("64"), "{error:?}");
    }
    let case = server.get("cards", "c").await;
    assert_eq!(case.holds.len(), 128);
    assert!(case.encoded_len() < 64 * 1_024);

    let lift = |hold: &str| {
        let lift = proto::Lift { hold_event_id: hold.to_owned() };
        event(&format!("lift-{}", &hold[..1]), &[], proto::event::Kind::Lift(lift))
    };
    server.record("cards", vec![lift(&long("h", 0)), lift(&long("d", 0))]).await;
    server.record("cards", request.events).await;
    assert_eq!(server.get("cards", "c").await.holds.len(), 128);
}

#[tokio::test]
async fn holds_that_end_give_way_to_those_that_end_later() {
    let server = TestServer::start().await;
    server.create(always("cards")).await;
    server.create_list(work_list("all")).await;
    server.push("cards", vec![document("c")]).await;
    let until = |seconds: i64| {
        let until_time = instant(NOW.plus(seconds * 1_000_000));
        let kind = proto::HoldKind::Dispute.into();
        proto::event::Kind::Hold(proto::Hold { kind, until_time, ..Default::default() })
    };
    let holds = (2..=200).map(|n| event(&format!("h{n}"), &["c"], until(n))).collect();
    server.record("cards", holds).await;
    let case = server.get("cards", "c").await;
    assert_eq!(case.holds.len(), 64);
    let ends = case.holds.iter().map(|hold| hold.until_time.unwrap().seconds);
    let start = NOW.0 / 1_000_000;
    assert_eq!(
        ends.map(|end| end - start).collect::<std::collections::BTreeSet<_>>(),
        (137..=200).collect()
    );
    server.clock.advance(199_999_999);
    assert_eq!(server.lease(pull("all", 1)).await.work_items, []);
    server.clock.advance(1);
    let wait = Some(prost_types::Duration { seconds: 20, nanos: 0 });
    let patient = proto::LeaseWorkRequest { wait, ..pull("all", 1) };
    assert_eq!(server.lease(patient).await.work_items.len(), 1);
}

/// A warning names some portfolios and counts the others.
#[tokio::test]
async fn a_warning_is_short_however_many_portfolios_it_is_about() {
    let server = TestServer::start().await;
    server.create_list(work_list("all")).await;
    for n in 0..30 {
        server.create(always(&long("p", n))).await;
        server.push(&long("p", n), vec![document(&format!("c{n}"))]).await;
    }
    let request = proto::DescribeWorkListRequest { work_list_id: "all".to_owned(), case: None };
    let described = server.work_lists().describe_work_list(request).await.unwrap().into_inner();
    for warnings in [described.warnings, server.lease(pull("all", 1)).await.warnings] {
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].text.len() < 2_048, "{}", warnings[0].text);
        assert!(warnings[0].text.contains("and 22 more"), "{}", warnings[0].text);
    }
}

/// All that a case may hold: still one answer.
#[tokio::test]
async fn the_largest_case_is_read_and_explained_within_the_limit() {
    let server = TestServer::start().await;
    server.create(always("cards")).await;
    let text = |n: usize| proto::CustomFeature {
        feature_id: format!("f{n:0>63}"),
        value: Some(proto::custom_feature::Value::Text("x".repeat(128))),
    };
    let instalment = |n: usize| proto::Instalment {
        due_date: date(1971 + (n / 12) as i32, 1 + (n % 12) as i32, 1),
        due_amount: euro(1_000_000_000),
        paid_amount: euro(999_999_999),
        paid_date: date(2026, 1, 1),
    };
    let point = |n: usize| proto::ContactPoint {
        contact_point_id: long("p", n),
        time_zone: "America/Argentina/ComodRivadavia".to_owned(),
        jurisdiction: "US-NY".to_owned(),
        ..Default::default()
    };
    let month = |n: usize| proto::ArrearsMonth {
        month: date(2016 + (n / 12) as i32, 1 + (n % 12) as i32, 1),
        months_past_due: Some(120),
        billed_amount: euro(1_000_000_000),
        paid_amount: euro(1_000_000_000),
    };
    let case = proto::CaseDocument {
        custom_features: (0..200).map(text).collect(),
        instalments: (0..600).map(instalment).collect(),
        arrears_profile: (0..120).map(month).collect(),
        contact_points: (0..16).map(point).collect(),
        ..document("c")
    };
    let result = server.push("cards", vec![case]).await.remove(0);
    assert_eq!(result.disposition(), proto::PushDisposition::Created, "{result:?}");
    for n in 0..300 {
        let paid = payment(euro(1));
        server.record("cards", vec![event(&long("e", n), &["c"], paid)]).await;
    }
    let case = server.get("cards", "c").await;
    assert_eq!(case.payments.len(), 64);
    assert!(case.encoded_len() <= ANSWER_MAX / 8, "{}", case.encoded_len());
    let request = proto::ExplainCaseRequest {
        portfolio_id: "cards".to_owned(),
        case_id: "c".to_owned(),
        ..Default::default()
    };
    let explained = server.cases().explain_case(request).await.unwrap().into_inner();
    assert!(explained.encoded_len() <= ANSWER_MAX / 8, "{}", explained.encoded_len());
}
