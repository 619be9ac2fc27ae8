//! The language of reasons: asked for, else the portfolio's, else English.

use arrears::proto;
use tonic::Code;

use super::{TestServer, activate, activation, draft, number};
use crate::support::{always, date, document, pull, refusal, work_list};

const ENGLISH: &str = "The account has been overdue for long";
const SPANISH: &str = "La cuenta lleva mucho tiempo vencida";
const CHINESE: &str = "账户逾期时间较长";

/// A server whose portfolio speaks a language, with a case a year overdue.
async fn speaking(default_language: &str) -> TestServer {
    let server = TestServer::start().await;
    let ranking = proto::RankingSettings {
        default_language: default_language.to_owned(),
        ..Default::default()
    };
    server.create(proto::Portfolio { ranking: Some(ranking), ..always("cards") }).await;
    let old = proto::CaseDocument { oldest_due_date: date(2025, 1, 2), ..document("old") };
    server.push("cards", vec![old]).await;
    server.create_list(work_list("all")).await;
    server
}

fn explain(language_code: &str) -> proto::ExplainCaseRequest {
    proto::ExplainCaseRequest {
        portfolio_id: "cards".to_owned(),
        case_id: "old".to_owned(),
        language_code: language_code.to_owned(),
        ..Default::default()
    }
}

fn score(language_code: &str) -> proto::ScoreCaseRequest {
    let case = proto::CaseDocument { oldest_due_date: date(2025, 1, 2), ..document("any") };
    proto::ScoreCaseRequest {
        portfolio_id: "cards".to_owned(),
        case: Some(case),
        language_code: language_code.to_owned(),
        ..Default::default()
    }
}

fn preview(language_code: &str) -> proto::PreviewWorkRequest {
    let language_code = language_code.to_owned();
    proto::PreviewWorkRequest {
        work_list_id: "all".to_owned(),
        language_code,
        ..Default::default()
    }
}

fn text_of(reasons: &[proto::Reason]) -> String {
    let age = reasons.iter().find(|reason| reason.reason_code == "OVERDUE_AGE");
    age.expect("a year is a reason").text.clone()
}

async fn told(server: &TestServer, language: &str) -> [String; 3] {
    let explained = server.cases().explain_case(explain(language)).await.unwrap().into_inner();
    let scored = server.cases().score_case(score(language)).await.unwrap().into_inner();
    let shown = server.work_lists().preview_work(preview(language)).await.unwrap().into_inner();
    let lead = shown.work_items[0].lead_case.clone().unwrap();
    [
        text_of(&explained.explanation.unwrap().reasons),
        text_of(&scored.explanation.unwrap().reasons),
        text_of(&lead.reasons),
    ]
}

#[tokio::test]
async fn reasons_are_told_in_the_language_asked_for_else_in_that_of_the_portfolio() {
    let server = speaking("es").await;
    for (asked, text) in [
        ("", SPANISH),
        ("es-MX", SPANISH),
        ("zh", CHINESE),
        ("ZH-hans-cn", CHINESE),
        ("en", ENGLISH),
        ("fr", ENGLISH),
    ] {
        assert_eq!(told(&server, asked).await, [text, text, text], "{asked:?}");
    }
    let request = proto::ExplainCaseRequest {
        what_if: Some(proto::CaseDocument { language: "fr".to_owned(), ..Default::default() }),
        ..explain("zh")
    };
    let what_if = server.cases().explain_case(request).await.unwrap().into_inner();
    assert_eq!(text_of(&what_if.what_if_explanation.unwrap().reasons), CHINESE);

    let request = proto::LeaseWorkRequest { language_code: "zh".to_owned(), ..pull("all", 1) };
    let leased = server.lease(request).await;
    let lead = leased.work_items[0].lead_case.clone().unwrap();
    assert_eq!((leased.work_items[0].language.as_str(), &*text_of(&lead.reasons)), ("es", CHINESE));
}

#[tokio::test]
async fn a_portfolio_that_names_no_language_is_told_in_english() {
    let server = speaking("").await;
    assert_eq!(told(&server, "").await, [ENGLISH, ENGLISH, ENGLISH]);
}

#[tokio::test]
async fn a_reason_without_a_text_in_a_language_is_told_in_english_beside_others_that_have_one() {
    let server = speaking("es").await;
    let made = draft(&server, "consumer", |card| {
        card.characteristics[0].reason.as_mut().unwrap().texts.clear();
    })
    .await;
    activate(&server, activation(number(&made), 1)).await.unwrap();
    assert_eq!(told(&server, "").await, [ENGLISH, ENGLISH, ENGLISH]);
    let texts = made.scorecard.unwrap().characteristics[1].reason.clone().unwrap().texts;
    assert_eq!(texts["es"], "Atrasos frecuentes en los últimos doce meses");
}

#[tokio::test]
async fn a_language_that_is_none_is_refused_wherever_it_can_be_asked_for() {
    let server = speaking("es").await;
    let bad = "es_MX";
    let lease = proto::LeaseWorkRequest { language_code: bad.to_owned(), ..pull("all", 1) };
    let refused = [
        refusal(server.cases().explain_case(explain(bad)).await),
        refusal(server.cases().score_case(score(bad)).await),
        refusal(server.work_lists().preview_work(preview(bad)).await),
        refusal(server.work_lists().lease_work(lease).await),
    ];
    for refused in refused {
        assert_eq!(refused.code, Code::InvalidArgument);
        assert_eq!(
            refused.violations,
            [("language_code".to_owned(), "FIELD_MALFORMED".to_owned())]
        );
    }
}
