//! Ranking what is not stored: documents of nobody's case, and of a case as if
//! its document said something else.

use arrears::proto;
use tonic::Code;

use crate::support::{TestServer, date, document, euro, portfolio, refusal};

async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.create(portfolio("cards")).await;
    server
}

fn behaviour(promises_broken: i32) -> Option<proto::BehaviourFacts> {
    Some(proto::BehaviourFacts { promises_broken: Some(promises_broken), ..Default::default() })
}

fn score(case: proto::CaseDocument) -> proto::ScoreCaseRequest {
    proto::ScoreCaseRequest {
        portfolio_id: "cards".to_owned(),
        case: Some(case),
        ..Default::default()
    }
}

fn explain(what_if: Option<proto::CaseDocument>) -> proto::ExplainCaseRequest {
    proto::ExplainCaseRequest {
        portfolio_id: "cards".to_owned(),
        case_id: "c".to_owned(),
        what_if,
        ..Default::default()
    }
}

#[tokio::test]
async fn a_document_is_scored_as_its_first_push_would_and_not_stored() {
    let server = server().await;
    let told = proto::CaseDocument { behaviour: behaviour(2), ..document("c") };
    let scored = server.cases().score_case(score(told.clone())).await.unwrap().into_inner();
    let key = proto::GetCaseRequest { portfolio_id: "cards".to_owned(), case_id: "c".to_owned() };
    assert_eq!(refusal(server.cases().get_case(key).await).reason, "CASE_NOT_FOUND");

    let pushed = server.push("cards", vec![told]).await;
    let explained = server.cases().explain_case(explain(None)).await.unwrap().into_inner();
    assert_eq!(scored.explanation, explained.explanation);
    assert_eq!(scored.case, explained.case);
    assert_eq!(scored.case.unwrap().rank, pushed[0].rank);

    let nobody =
        proto::CaseDocument { case_id: String::new(), debtor_id: String::new(), ..document("c") };
    let scored = server.cases().score_case(score(nobody)).await.unwrap().into_inner();
    let case = scored.case.unwrap();
    assert_eq!((case.case_id.as_str(), case.debtor_id.as_str()), ("", ""));
    let settled = proto::CaseDocument { overdue_amount: euro(0), ..document("c") };
    let scored = server.cases().score_case(score(settled)).await.unwrap().into_inner();
    let case = scored.case.unwrap();
    assert_eq!((case.state(), case.rank), (proto::CaseState::Closed, None));
}

#[tokio::test]
async fn a_document_to_score_is_checked_like_one_to_push() {
    let server = server().await;
    let refused = refusal(server.cases().score_case(proto::ScoreCaseRequest::default()).await);
    let missing = |field: &str| (field.to_owned(), "FIELD_REQUIRED".to_owned());
    assert_eq!(refused.violations, [missing("portfolio_id"), missing("case")]);
    let bad = proto::CaseDocument { overdue_amount: euro(-1), debtor_kind: 9, ..document("c") };
    let mut request = score(bad);
    request.as_of_date = date(2026, 2, 30);
    let refused = refusal(server.cases().score_case(request).await);
    assert_eq!(refused.fields(), ["case.overdue_amount", "case.debtor_kind", "as_of_date"]);
    let mut request = score(document("c"));
    request.as_of_date = date(2029, 1, 1);
    let refused = refusal(server.cases().score_case(request.clone()).await);
    assert_eq!(refused.violations, [("as_of_date".to_owned(), "FIELD_OUT_OF_RANGE".to_owned())]);
    request.portfolio_id = "loans".to_owned();
    let refused = refusal(server.cases().score_case(request).await);
    assert_eq!((refused.code, &*refused.reason), (Code::NotFound, "PORTFOLIO_NOT_FOUND"));
}

#[tokio::test]
async fn a_case_is_explained_as_if_its_document_said_something_else() {
    let server = server().await;
    let mut told = proto::CaseDocument { behaviour: behaviour(4), ..document("c") };
    server.push("cards", vec![told.clone()]).await;
    let other = proto::CaseDocument {
        behaviour: behaviour(0),
        overdue_amount: euro(60),
        oldest_due_date: date(2026, 2, 27),
        ..Default::default()
    };
    let request = explain(Some(other.clone()));
    let answer = server.cases().explain_case(request).await.unwrap().into_inner();
    let (now, what_if) = (answer.explanation.unwrap(), answer.what_if_explanation.unwrap());
    let score =
        |explanation: &proto::Explanation| explanation.rank.as_ref().unwrap().recovery_score;
    assert!(score(&what_if) > score(&now), "{} and {}", score(&now), score(&what_if));

    // Nothing was changed by asking, and saying it has the effect foretold.
    let plain = server.cases().explain_case(explain(None)).await.unwrap().into_inner();
    assert_eq!((plain.explanation, plain.what_if_explanation), (Some(now), None));
    told.behaviour = other.behaviour;
    told.overdue_amount = other.overdue_amount;
    told.oldest_due_date = other.oldest_due_date;
    server.push("cards", vec![told]).await;
    let plain = server.cases().explain_case(explain(None)).await.unwrap().into_inner();
    let mut said = plain.explanation.unwrap();
    said.rank.as_mut().unwrap().case_seq -= 1;
    assert_eq!(said, what_if);
}

#[tokio::test]
async fn what_lacks_for_the_next_group_is_told_and_suffices() {
    let server = server().await;
    server.push("cards", vec![document("c")]).await;
    let answer = server.cases().explain_case(explain(None)).await.unwrap().into_inner();
    let explanation = answer.explanation.unwrap();
    let rank = explanation.rank.unwrap();
    assert_ne!(rank.recovery_group(), proto::RecoveryGroup::A);
    let lacking = explanation.points_to_next_group;
    assert!(lacking > 0);
    let age = explanation.next_group_bins.iter().find(|bin| bin.characteristic == "overdue_age");
    let age = age.expect("a younger case is easier");
    assert_eq!((age.bin.as_str(), age.points_gained >= lacking), ("46 to 60", true));
    // 50 days before the day of the test.
    let other = proto::CaseDocument { oldest_due_date: date(2026, 1, 13), ..Default::default() };
    let answer = server.cases().explain_case(explain(Some(other))).await.unwrap().into_inner();
    let then = answer.what_if_explanation.unwrap().rank.unwrap();
    assert!(then.recovery_group < rank.recovery_group, "{then:?}");
}

#[tokio::test]
async fn what_a_document_should_say_instead_is_checked_by_its_path() {
    let server = server().await;
    server.push("cards", vec![document("c")]).await;
    let bad = proto::CaseDocument {
        overdue_amount: euro(-1),
        behaviour: behaviour(1_001),
        ..document("other")
    };
    let refused = refusal(server.cases().explain_case(explain(Some(bad))).await);
    let expected = ["case_id", "debtor_id", "overdue_amount", "behaviour.promises_broken"];
    assert_eq!(refused.fields(), expected.map(|field| format!("what_if.{field}")));
}

#[tokio::test]
async fn a_case_whose_document_says_business_is_ranked_by_the_other_scorecard() {
    let server = server().await;
    let closed = Some(proto::BusinessFacts {
        still_operating: proto::Answer::No as i32,
        ..Default::default()
    });
    let person = proto::CaseDocument { business: closed, ..document("c") };
    let business =
        proto::CaseDocument { debtor_kind: proto::DebtorKind::Business as i32, ..person.clone() };
    server.push("cards", vec![person]).await;
    let only_kind = proto::CaseDocument { debtor_kind: business.debtor_kind, ..Default::default() };
    let answer = server.cases().explain_case(explain(Some(only_kind))).await.unwrap().into_inner();
    let (now, what_if) = (answer.explanation.unwrap(), answer.what_if_explanation.unwrap());
    assert_eq!((&*now.scorecard_id, &*what_if.scorecard_id), ("consumer", "business"));

    let pushed = server.push("cards", vec![business]).await;
    let answer = server.cases().explain_case(explain(None)).await.unwrap().into_inner();
    let mut said = answer.explanation.unwrap();
    assert_eq!(said.rank, pushed[0].rank, "the push ranked by the card that explains");
    let score =
        |explanation: &proto::Explanation| explanation.rank.as_ref().unwrap().recovery_score;
    assert_eq!(score(&now) - score(&said), 200 - 130, "a closed business weighs more");
    said.rank.as_mut().unwrap().case_seq -= 1;
    assert_eq!(said, what_if);
}
