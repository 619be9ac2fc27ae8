use arrears::model::Micros;
use arrears::proto;
use proto::PushDisposition::{Created, Rejected, Unchanged};
use tonic::Code;

use crate::support::{NOW, TestServer, date, document, euro, instant, portfolio, refusal};

async fn with_portfolio() -> TestServer {
    let server = TestServer::start().await;
    server.create(portfolio("cards")).await;
    server
}

fn push(cases: Vec<proto::CaseDocument>) -> proto::PushCasesRequest {
    proto::PushCasesRequest { portfolio_id: "cards".to_owned(), cases, ..Default::default() }
}

fn dispositions(results: &[proto::PushResult]) -> Vec<proto::PushDisposition> {
    results.iter().map(proto::PushResult::disposition).collect()
}

#[tokio::test]
async fn a_first_push_of_five_columns_is_ranked_and_kept() {
    let server = with_portfolio().await;
    let results = server.push("cards", vec![document("c1")]).await;
    assert_eq!(dispositions(&results), [Created]);
    assert_eq!(results[0].state(), proto::CaseState::Open);
    let rank = results[0].rank.clone().unwrap();
    assert!((0..=1_000).contains(&rank.recovery_score) && (0..=1_000).contains(&rank.priority));
    assert_ne!(rank.recovery_group(), proto::RecoveryGroup::Unspecified);

    let server = server.restart().await;
    let case = server.get("cards", "c1").await;
    assert_eq!(case.rank, Some(rank));
    assert_eq!(case.stage(), proto::Stage::M3);
    assert_eq!((case.overdue_amount, case.days_past_due), (euro(1_200), 62));
    assert_eq!(case.document.unwrap().oldest_due_date, date(2026, 1, 1));
}

#[tokio::test]
async fn a_bad_document_is_rejected_and_its_neighbours_are_taken() {
    let server = with_portfolio().await;
    let bad = proto::CaseDocument { overdue_amount: euro(-1), debtor_kind: 9, ..document("c2") };
    let results = server.push("cards", vec![document("c1"), bad, document("c3")]).await;
    assert_eq!(dispositions(&results), [Created, Rejected, Created]);
    assert_eq!(results[1].case_id, "c2");
    let error = results[1].error.as_ref().unwrap();
    assert_eq!(error.reason, "FIELD_OUT_OF_RANGE");
    let fields: Vec<_> = error.violations.iter().map(|violation| &*violation.field).collect();
    assert_eq!(fields, ["cases[1].overdue_amount", "cases[1].debtor_kind"]);

    let again = server.push("cards", vec![document("c1"), document("c3")]).await;
    assert_eq!(dispositions(&again), [Unchanged, Unchanged]);
}

#[tokio::test]
async fn one_bad_document_refuses_an_atomic_push_whole() {
    let server = with_portfolio().await;
    let bad = proto::CaseDocument { debtor_id: String::new(), ..document("c2") };
    let request = proto::PushCasesRequest { atomic: true, ..push(vec![document("c1"), bad]) };
    let refused = refusal(server.cases().push_cases(request).await);
    assert_eq!((refused.code, &*refused.reason), (Code::InvalidArgument, "ATOMIC_REJECTED"));
    assert_eq!(refused.value("rejected_count"), "1");
    assert_eq!(
        refused.violations,
        [("cases[1].debtor_id".to_owned(), "FIELD_REQUIRED".to_owned())]
    );
    let get = proto::GetCaseRequest { portfolio_id: "cards".into(), case_id: "c1".into() };
    assert_eq!(refusal(server.cases().get_case(get).await).reason, "CASE_NOT_FOUND");
}

#[tokio::test]
async fn what_concerns_the_whole_push_refuses_it() {
    let server = with_portfolio().await;
    let refused = refusal(server.cases().push_cases(push(Vec::new())).await);
    assert_eq!(refused.violations, [("cases".to_owned(), "FIELD_REQUIRED".to_owned())]);
    let many = vec![document("c"); 1_001];
    let refused = refusal(server.cases().push_cases(push(many)).await);
    assert_eq!((refused.value("field"), refused.value("value")), ("cases", "1001"));
    let elsewhere =
        proto::PushCasesRequest { portfolio_id: "x".into(), ..push(vec![document("c")]) };
    let refused = refusal(server.cases().push_cases(elsewhere).await);
    assert_eq!((refused.code, &*refused.reason), (Code::NotFound, "PORTFOLIO_NOT_FOUND"));
}

#[tokio::test]
async fn answers_to_a_thousand_hopeless_documents_stay_within_the_limit() {
    let server = with_portfolio().await;
    let instalments = vec![proto::Instalment::default(); 400];
    let hopeless = proto::CaseDocument { instalments, ..Default::default() };
    let results = server.push("cards", vec![hopeless; 1_000]).await;
    assert!(results.iter().all(|result| result.disposition() == Rejected));
    let counts = results.iter().map(|result| &result.error.as_ref().unwrap().metadata);
    assert!(counts.into_iter().all(|metadata| metadata["violation_count"] == "100"));
}

#[tokio::test]
async fn a_payment_lowers_what_is_overdue_and_is_known_again() {
    let server = with_portfolio().await;
    let as_of_time = instant(NOW.plus(-2 * Micros::DAY));
    server.push("cards", vec![proto::CaseDocument { as_of_time, ..document("c1") }]).await;
    let payment = proto::Payment { amount: euro(200), shares: Vec::new() };
    let event = |event_id: &str, case_id: &str| proto::Event {
        event_id: event_id.to_owned(),
        event_time: instant(NOW.plus(-Micros::HOUR)),
        case_ids: vec![case_id.to_owned()],
        debtor_id: String::new(),
        kind: Some(proto::event::Kind::Payment(payment.clone())),
    };
    let events = vec![event("e1", "c1"), event("e1", "c1"), event("e2", "c9"), event("", "c1")];
    let request = proto::RecordEventsRequest { portfolio_id: "cards".into(), events };
    let results = server.cases().record_events(request).await.unwrap().into_inner().results;
    use proto::EventDisposition::{Duplicate, Recorded, Rejected};
    let became: Vec<_> = results.iter().map(proto::EventResult::disposition).collect();
    assert_eq!(became, [Recorded, Duplicate, Rejected, Rejected]);
    let reasons: Vec<_> = results[2..].iter().map(|r| &*r.error.as_ref().unwrap().reason).collect();
    assert_eq!(reasons, ["CASE_NOT_FOUND", "FIELD_REQUIRED"]);
    let case = server.get("cards", "c1").await;
    assert_eq!((case.overdue_amount, case.provisional), (euro(1_000), true));
    assert_eq!(case.payments[0].event_id, "e1");
}

#[tokio::test]
async fn cases_are_listed_page_by_page_and_a_page_ends_before_it_is_too_large() {
    let server = with_portfolio().await;
    let custom_features: Vec<_> = (0..200)
        .map(|n| proto::CustomFeature {
            feature_id: format!("feature_{n}"),
            value: Some(proto::custom_feature::Value::Text("x".repeat(128))),
        })
        .collect();
    let large = |n: usize| proto::CaseDocument {
        custom_features: custom_features.clone(),
        ..document(&format!("c{n:03}"))
    };
    for half in [0..100, 100..200] {
        server.push("cards", half.map(large).collect()).await;
    }
    let mut request = proto::ListCasesRequest {
        portfolio_id: "cards".to_owned(),
        page_size: 1_000,
        view: proto::View::Full.into(),
        ..Default::default()
    };
    let mut pages = Vec::new();
    loop {
        let page = server.cases().list_cases(request.clone()).await.unwrap().into_inner();
        assert!(prost::Message::encoded_len(&page) <= 3 * 1_024 * 1_024);
        pages.push(page.cases.iter().map(|case| case.case_id.clone()).collect::<Vec<_>>());
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert!(pages.len() > 1, "one page held all");
    let all: Vec<_> = (0..200).map(|n| format!("c{n:03}")).collect();
    assert_eq!(pages.concat(), all);

    request.states = vec![proto::CaseState::Open.into()];
    let refused = refusal(server.cases().list_cases(request).await);
    assert_eq!((refused.code, &*refused.reason), (Code::InvalidArgument, "PAGE_TOKEN_MISMATCH"));
}

#[tokio::test]
async fn an_explanation_adds_up_to_the_score() {
    let server = with_portfolio().await;
    server.push("cards", vec![document("c1")]).await;
    let request = |as_of_date| proto::ExplainCaseRequest {
        portfolio_id: "cards".to_owned(),
        case_id: "c1".to_owned(),
        as_of_date,
        ..Default::default()
    };
    let answer = server.cases().explain_case(request(None)).await.unwrap().into_inner();
    let explanation = answer.explanation.unwrap();
    let lines: i32 = explanation.lines.iter().map(|line| line.contribution).sum();
    let rank = explanation.rank.unwrap();
    assert_eq!(explanation.base_points + lines + explanation.clamp_points, rank.recovery_score);
    assert_eq!(Some(rank), answer.case.unwrap().rank);
    let refused = refusal(server.cases().explain_case(request(date(2026, 2, 30))).await);
    assert_eq!(refused.violations, [("as_of_date".to_owned(), "FIELD_MALFORMED".to_owned())]);
}

#[tokio::test]
async fn sealed_bytes_are_kept_as_content_and_bounded() {
    let server = with_portfolio().await;
    let sealed = |bytes: &[u8]| proto::CaseDocument { sealed: bytes.to_vec(), ..document("c1") };
    let longest: Vec<u8> = (0..512).map(|at| at as u8).collect();
    assert_eq!(dispositions(&server.push("cards", vec![sealed(b"one")]).await), [Created]);
    assert_eq!(dispositions(&server.push("cards", vec![sealed(b"one")]).await), [Unchanged]);
    let changed = server.push("cards", vec![sealed(&longest)]).await;
    assert_eq!(dispositions(&changed), [proto::PushDisposition::Corrected]);
    let server = server.restart().await;
    let case = server.get("cards", "c1").await;
    assert_eq!(case.document.unwrap().sealed, longest);
    let refused = server.push("cards", vec![sealed(&[0; 513])]).await;
    assert_eq!(dispositions(&refused), [Rejected]);
    let violation = &refused[0].error.as_ref().unwrap().violations[0];
    assert_eq!(violation.field, "cases[0].sealed");
    assert!(violation.description.contains("513 bytes"), "{violation:?}");
}

#[tokio::test]
async fn a_hold_in_force_shows_the_reference_to_its_evidence() {
    let server = with_portfolio().await;
    server.push("cards", vec![document("c1")]).await;
    let hold = |event_id: &str, case_ids: &[&str], debtor_id: &str| proto::Event {
        event_id: event_id.to_owned(),
        event_time: instant(NOW),
        case_ids: case_ids.iter().map(|case_id| (*case_id).to_owned()).collect(),
        debtor_id: debtor_id.to_owned(),
        kind: Some(proto::event::Kind::Hold(proto::Hold {
            kind: proto::HoldKind::Dispute.into(),
            until_time: None,
            evidence_reference: format!("file-of-{event_id}"),
        })),
    };
    let events = vec![hold("e1", &["c1"], ""), hold("e2", &[], "debtor-of-c1")];
    let request = proto::RecordEventsRequest { portfolio_id: "cards".to_owned(), events };
    server.cases().record_events(request).await.unwrap();
    let holds = server.get("cards", "c1").await.holds;
    let shown: Vec<_> =
        holds.iter().map(|hold| (hold.scope(), &*hold.evidence_reference)).collect();
    use proto::HoldScope::{Case, Debtor};
    assert_eq!(shown, [(Case, "file-of-e1"), (Debtor, "file-of-e2")]);
}
