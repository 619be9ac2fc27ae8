//! Every published bound, crossed: what reaches it is taken, what is one beyond it is
//! refused by a text that names the bound.

use arrears::proto;
use proto::custom_feature::Value;
use tonic::{Response, Status};

use crate::support::{
    TestServer, always, date, document, euro, event, hold, pull, refusal, work_list,
};

fn text(length: usize) -> String {
    "x".repeat(length)
}

fn feature(feature_id: &str, value: Value) -> proto::CustomFeature {
    proto::CustomFeature { feature_id: feature_id.to_owned(), value: Some(value) }
}

fn point(contact_point_id: &str, time_zone: &str) -> proto::ContactPoint {
    proto::ContactPoint {
        contact_point_id: contact_point_id.to_owned(),
        time_zone: time_zone.to_owned(),
        ..Default::default()
    }
}

/// The n-th month from 2010 on.
fn month(n: usize) -> Option<proto::Date> {
    date(2010 + (n / 12) as i32, 1 + (n % 12) as i32, 1)
}

const ZONES: [&str; 9] = [
    "Europe/Berlin",
    "Europe/London",
    "Europe/Athens",
    "Asia/Tokyo",
    "Asia/Taipei",
    "Asia/Kolkata",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
];

/// A language tag of so many bytes.
fn language(length: usize) -> String {
    let mut tag = "de".to_owned();
    while tag.len() < length {
        let rest = (length - tag.len()).min(9);
        tag.push('-');
        tag.push_str(&"a".repeat(rest - 1));
    }
    tag
}

/// A bound of documents: the field that is refused, the bound, and how a document is
/// given a value of a size.
type OfDocument = (&'static str, usize, fn(&mut proto::CaseDocument, usize));

const OF_DOCUMENTS: &[OfDocument] = &[
    ("case_id", 128, |one, n| one.case_id = text(n)),
    ("debtor_id", 128, |one, n| one.debtor_id = text(n)),
    ("sealed", 512, |one, n| one.sealed = vec![7; n]),
    ("language", 35, |one, n| one.language = language(n)),
    ("custom_features", 200, |one, n| {
        let features = (0..n).map(|at| feature(&format!("f{at}"), Value::Flag(true)));
        one.custom_features = features.collect();
    }),
    ("custom_features[0].feature_id", 64, |one, n| {
        one.custom_features = vec![feature(&text(n), Value::Flag(true))];
    }),
    ("custom_features[0].text", 128, |one, n| {
        one.custom_features = vec![feature("f", Value::Text(text(n)))];
    }),
    ("contact_points", 16, |one, n| {
        one.contact_points = (0..n).map(|at| point(&format!("p{at}"), "")).collect();
    }),
    ("contact_points", 8, |one, n| {
        one.contact_points = ZONES[..n].iter().map(|zone| point(zone, zone)).collect();
    }),
    ("contact_points[0].contact_point_id", 128, |one, n| {
        one.contact_points = vec![point(&text(n), "")];
    }),
    ("contact_points[0].jurisdiction", 16, |one, n| {
        let jurisdiction = format!("US-{}", "N".repeat(n - 3));
        one.contact_points = vec![proto::ContactPoint { jurisdiction, ..point("p", "") }];
    }),
    ("instalments", 600, |one, n| {
        one.instalments = (0..n)
            .map(|at| proto::Instalment {
                due_date: date(1971 + (at / 12) as i32, 1 + (at % 12) as i32, 1),
                due_amount: euro(1),
                ..Default::default()
            })
            .collect();
    }),
    ("arrears_profile", 120, |one, n| {
        one.arrears_profile = (0..n)
            .map(|at| proto::ArrearsMonth {
                month: month(at),
                months_past_due: Some(0),
                ..Default::default()
            })
            .collect();
    }),
];

#[tokio::test]
async fn a_document_is_refused_beyond_each_bound_and_taken_at_it() {
    let server = TestServer::start().await;
    server.create(always("cards")).await;
    for (place, (field, bound, set)) in OF_DOCUMENTS.iter().enumerate() {
        for (size, taken) in [(*bound, true), (bound + 1, false)] {
            let mut given = document(&format!("c{place}"));
            set(&mut given, size);
            let result = server.push("cards", vec![given]).await.remove(0);
            if taken {
                assert_eq!(result.error, None, "{field} of {size}");
                continue;
            }
            assert_eq!(result.disposition(), proto::PushDisposition::Rejected, "{field} of {size}");
            let broken = result.error.unwrap().violations;
            let path = format!("cases[0].{field}");
            let told = broken.iter().find(|one| one.field == path);
            let told = told.unwrap_or_else(|| panic!("{path} is not in {broken:?}"));
            assert!(told.description.contains(&bound.to_string()), "{told:?}");
        }
    }
}

#[tokio::test]
async fn an_event_is_refused_beyond_each_bound_and_taken_at_it() {
    let server = TestServer::start().await;
    server.create(always("cards")).await;
    let of_one = |n: usize| proto::CaseDocument {
        debtor_id: "one".to_owned(),
        ..document(&format!("c{n:02}"))
    };
    server.push("cards", (0..21).map(of_one).collect()).await;
    let ids: Vec<String> = (0..21).map(|n| format!("c{n:02}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let evidence = |event_id: &str, length: usize| {
        let evidence_reference = text(length);
        let kind = proto::HoldKind::Dispute.into();
        let hold = proto::Hold { kind, evidence_reference, ..Default::default() };
        event(event_id, &["c00"], proto::event::Kind::Hold(hold))
    };
    let dispute = || hold(proto::HoldKind::Dispute);
    let cases = [
        (event(&text(128), &["c00"], dispute()), ""),
        (event(&text(129), &["c00"], dispute()), "events[1].event_id 128"),
        (evidence("e3", 128), ""),
        (evidence("e4", 129), "events[3].hold.evidence_reference 128"),
        (event("e5", &ids[..20], dispute()), ""),
        (event("e6", &ids, dispute()), "events[5].case_ids 20"),
    ];
    let (events, expected): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let request = proto::RecordEventsRequest { portfolio_id: "cards".to_owned(), events };
    let results = server.cases().record_events(request).await.unwrap().into_inner().results;
    for (result, expected) in results.into_iter().zip(expected) {
        let Some((field, bound)) = expected.split_once(' ') else {
            assert_eq!(result.error, None);
            continue;
        };
        let broken = result.error.unwrap().violations;
        assert_eq!(broken[0].field, field);
        assert!(broken[0].description.contains(bound), "{broken:?}");
    }
}

/// A refusal names the field, and the bound in its metadata.
fn refused<T: std::fmt::Debug>(answer: Result<Response<T>, Status>, (field, bound): (&str, &str)) {
    let refused = refusal(answer);
    assert_eq!(refused.reason, "FIELD_OUT_OF_RANGE", "{field}");
    assert_eq!(refused.value("field"), field);
    assert!(refused.value("bound").contains(bound), "{refused:?}");
}

#[tokio::test]
async fn settings_are_refused_beyond_each_bound_and_taken_at_it() {
    let server = TestServer::start().await;
    for (id, name) in [(128, 1_024), (128, 1_025), (129, 0)] {
        let portfolio = proto::Portfolio { display_name: text(name), ..always(&text(id)) };
        let request = proto::CreatePortfolioRequest { portfolio: Some(portfolio) };
        let answer = server.portfolios().create_portfolio(request).await;
        match (id, name) {
            (128, 1_024) => assert!(answer.is_ok(), "{answer:?}"),
            (128, _) => refused(answer, ("portfolio.display_name", "1024")),
            _ => refused(answer, ("portfolio.portfolio_id", "128")),
        }
    }
    for n in 0..65 {
        server.create(always(&format!("p{n}"))).await;
    }
    type Change = fn(&mut proto::WorkList, usize);
    let bounds: [(&str, usize, Change); 5] = [
        ("work_list_id", 128, |list, n| list.work_list_id = text(n)),
        ("display_name", 1_024, |list, n| list.display_name = text(n)),
        ("portfolio_ids", 64, |list, n| {
            list.portfolio_ids = (0..n).map(|at| format!("p{at}")).collect();
        }),
        ("languages", 64, |list, n| {
            let letter = |at: usize| char::from(b'a' + at as u8);
            list.languages =
                (0..n).map(|at| format!("{}{}", letter(at / 26), letter(at % 26))).collect();
        }),
        ("reserved_share_permille", 1_000, |list, n| {
            list.reserved_share_permille = Some(n as i32);
        }),
    ];
    for (field, bound, change) in bounds {
        for size in [bound, bound + 1] {
            let mut list = work_list(field);
            change(&mut list, size);
            let request = proto::CreateWorkListRequest { work_list: Some(list) };
            let answer = server.work_lists().create_work_list(request).await;
            if size == bound {
                assert!(answer.is_ok(), "{field}: {answer:?}");
            } else {
                let digits = bound.to_string();
                refused(answer, (&format!("work_list.{field}"), &digits));
            }
        }
    }
}

fn seconds(seconds: usize) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds: seconds as i64, nanos: 0 })
}

#[tokio::test]
async fn a_pull_is_refused_beyond_each_bound_and_taken_at_it() {
    let server = TestServer::start().await;
    server.create(always("cards")).await;
    server.create_list(work_list("all")).await;
    // One case for each pull that is taken, so that none of them waits.
    server.push("cards", (0..5).map(|n| document(&format!("c{n}"))).collect()).await;
    type Change = fn(&mut proto::LeaseWorkRequest, usize);
    let bounds: [(&str, usize, Change); 5] = [
        ("worker_id", 128, |pull, n| pull.worker_id = text(n)),
        ("request_id", 128, |pull, n| pull.request_id = text(n)),
        ("lease_duration", 3_600, |pull, n| pull.lease_duration = seconds(n)),
        ("wait", 55, |pull, n| pull.wait = seconds(n)),
        // Last, because it takes all that is left.
        ("max_items", 500, |pull, n| pull.max_items = n as i32),
    ];
    for (field, bound, change) in bounds {
        for size in [bound, bound + 1] {
            let mut request = pull("all", 1);
            change(&mut request, size);
            let answer = server.work_lists().lease_work(request).await;
            if size == bound {
                assert_eq!(answer.unwrap().into_inner().work_items.len(), 1, "{field}");
            } else {
                let shown = if field == "lease_duration" { "1 hour" } else { "" };
                let digits = bound.to_string();
                let bound = if shown.is_empty() { digits.as_str() } else { shown };
                let refused = refusal(answer);
                assert_eq!(refused.value("field"), field);
                let told = refused.value("bound");
                assert!(told.contains(bound) || told.contains(&digits), "{field}: {told}");
            }
        }
    }
}

#[tokio::test]
async fn a_call_of_too_many_items_is_refused_whole_and_of_as_many_as_allowed_is_answered() {
    let server = TestServer::start().await;
    server.create(always("cards")).await;
    for count in [500, 501] {
        let lease_tokens = vec![b"made up".to_vec(); count];
        let request = proto::RenewLeasesRequest { lease_tokens, lease_duration: None };
        let renewed = server.work_lists().renew_leases(request).await;
        let outcomes = vec![proto::Outcome::default(); count];
        let request = proto::ReportOutcomesRequest { outcomes };
        let reported = server.work_lists().report_outcomes(request).await;
        let lease_token = b"made up".to_vec();
        let releases = vec![proto::LeaseRelease { lease_token, not_dialled: true }; count];
        let request = proto::ReleaseLeasesRequest { releases };
        let released = server.work_lists().release_leases(request).await;
        if count == 500 {
            assert_eq!(renewed.unwrap().into_inner().renewals.len(), count);
            assert_eq!(reported.unwrap().into_inner().results.len(), count);
            assert_eq!(released.unwrap().into_inner().results.len(), count);
        } else {
            refused(renewed, ("lease_tokens", "500"));
            refused(reported, ("outcomes", "500"));
            refused(released, ("releases", "500"));
        }
    }
    for count in [1_000, 1_001] {
        let events = vec![event("e", &["unknown"], hold(proto::HoldKind::Cease)); count];
        let request = proto::RecordEventsRequest { portfolio_id: "cards".to_owned(), events };
        let recorded = server.cases().record_events(request).await;
        let cases = (0..count).map(|n| document(&format!("c{n}"))).collect();
        let portfolio_id = "cards".to_owned();
        let request = proto::PushCasesRequest { portfolio_id, cases, ..Default::default() };
        let pushed = server.cases().push_cases(request).await;
        if count == 1_000 {
            assert_eq!(recorded.unwrap().into_inner().results.len(), count);
            assert_eq!(pushed.unwrap().into_inner().results.len(), count);
        } else {
            refused(recorded, ("events", "1000"));
            refused(pushed, ("cases", "1000"));
        }
    }
}

#[tokio::test]
async fn a_page_has_at_most_a_thousand_entries_however_many_are_asked_for() {
    let server = TestServer::start().await;
    server.create(always("cards")).await;
    for half in [0..1_000, 1_000..1_001] {
        server.push("cards", half.map(|n| document(&format!("c{n}"))).collect()).await;
    }
    for page_size in [1_000, 1_001, i32::MAX] {
        let portfolio_id = "cards".to_owned();
        let request = proto::ListCasesRequest { portfolio_id, page_size, ..Default::default() };
        let page = server.cases().list_cases(request).await.unwrap().into_inner();
        assert_eq!(page.cases.len(), 1_000, "{page_size}");
        assert!(!page.next_page_token.is_empty());
    }
}

#[tokio::test]
async fn a_request_of_more_than_four_mebibytes_is_refused_with_the_bound() {
    let server = TestServer::start().await;
    let portfolio_id = text(4 * 1_024 * 1_024);
    let request = proto::PushCasesRequest { portfolio_id, ..Default::default() };
    let refused = refusal(server.cases().push_cases(request).await);
    assert_eq!((&*refused.reason, refused.value("bound")), ("REQUEST_TOO_LARGE", "4194304"));
}
