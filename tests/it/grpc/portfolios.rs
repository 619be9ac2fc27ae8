use arrears::proto;
use tonic::Code;

use crate::support::{TestServer, portfolio, refusal};

fn create(portfolio: proto::Portfolio) -> proto::CreatePortfolioRequest {
    proto::CreatePortfolioRequest { portfolio: Some(portfolio) }
}

fn update(portfolio: proto::Portfolio) -> proto::UpdatePortfolioRequest {
    proto::UpdatePortfolioRequest { portfolio: Some(portfolio), ..Default::default() }
}

#[tokio::test]
async fn the_same_request_again_answers_the_same_and_another_content_is_refused() {
    let server = TestServer::start().await;
    let first = server.create(portfolio("cards")).await;
    assert_eq!((first.settings_version, first.rule_set_id.len()), (1, 16));
    assert_eq!(server.create(portfolio("cards")).await, first);

    let other = proto::Portfolio { display_name: "Cards".to_owned(), ..portfolio("cards") };
    let refused = refusal(server.portfolios().create_portfolio(create(other)).await);
    assert_eq!((refused.code, &*refused.reason), (Code::AlreadyExists, "PORTFOLIO_ALREADY_EXISTS"));
    assert_eq!(refused.value("portfolio_id"), "cards");
}

#[tokio::test]
async fn all_that_is_wrong_with_a_portfolio_is_told_at_once() {
    let server = TestServer::start().await;
    let bad = proto::Portfolio {
        time_zone: "Atlantis".to_owned(),
        base_currency: String::new(),
        ..portfolio("with space")
    };
    let refused = refusal(server.portfolios().create_portfolio(create(bad)).await);
    assert_eq!(refused.code, Code::InvalidArgument);
    let told: Vec<_> = refused.violations.iter().map(|(f, r)| (&**f, &**r)).collect();
    assert_eq!(
        told,
        [
            ("portfolio.portfolio_id", "FIELD_MALFORMED"),
            ("portfolio.time_zone", "FIELD_MALFORMED"),
            ("portfolio.base_currency", "FIELD_REQUIRED"),
        ]
    );
    assert_eq!(
        (refused.value("field"), refused.value("violation_count")),
        (&*refused.violations[0].0, "3")
    );
}

#[tokio::test]
async fn an_update_needs_the_etag_it_was_read_with() {
    let server = TestServer::start().await;
    let read = server.create(portfolio("cards")).await;
    let change = proto::Portfolio { display_name: "Cards".to_owned(), ..read.clone() };
    let updated = server.portfolios().update_portfolio(update(change.clone())).await.unwrap();
    let updated = updated.into_inner().portfolio.unwrap();
    assert_eq!((&*updated.display_name, updated.settings_version), ("Cards", 2));
    assert_ne!(updated.etag, read.etag);

    let refused = refusal(server.portfolios().update_portfolio(update(change)).await);
    assert_eq!((refused.code, &*refused.reason), (Code::Aborted, "ETAG_MISMATCH"));
    assert_eq!(refused.value("etag"), read.etag);

    let without = proto::Portfolio { etag: String::new(), time_zone: "x".to_owned(), ..read };
    let refused = refusal(server.portfolios().update_portfolio(update(without)).await);
    assert_eq!(refused.fields(), ["portfolio.time_zone", "portfolio.etag"]);
}

#[tokio::test]
async fn what_ranks_depend_on_and_what_never_changes_is_refused_in_an_update() {
    let server = TestServer::start().await;
    let read = server.create(portfolio("cards")).await;
    let mut ranking = read.clone();
    ranking.ranking.as_mut().unwrap().stage_bounds = vec![10, 20, 30, 40];
    let refused = refusal(server.portfolios().update_portfolio(update(ranking)).await);
    assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "NEEDS_ACTIVATION"));
    assert!(!refused.value("field").is_empty());

    let zone = proto::Portfolio { time_zone: "Asia/Tokyo".to_owned(), ..read };
    let refused = refusal(server.portfolios().update_portfolio(update(zone)).await);
    assert_eq!((refused.code, &*refused.reason), (Code::InvalidArgument, "FIELD_IMMUTABLE"));
}

#[tokio::test]
async fn portfolios_are_listed_by_id_page_by_page() {
    let server = TestServer::start().await;
    for id in ["b", "a", "c"] {
        server.create(portfolio(id)).await;
    }
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = proto::ListPortfoliosRequest { page_size: 2, page_token };
        let page = server.portfolios().list_portfolios(request).await.unwrap().into_inner();
        seen.extend(page.portfolios.into_iter().map(|portfolio| portfolio.portfolio_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["a", "b", "c"]);

    let request = proto::ListPortfoliosRequest { page_size: 2, page_token: "made up".to_owned() };
    let refused = refusal(server.portfolios().list_portfolios(request).await);
    assert_eq!((refused.code, &*refused.reason), (Code::InvalidArgument, "PAGE_TOKEN_MALFORMED"));
    assert_eq!(refused.value("page_token"), "made up");
}

#[tokio::test]
async fn a_portfolio_survives_a_restart_and_an_unknown_one_is_named() {
    let server = TestServer::start().await;
    let created = server.create(portfolio("cards")).await;
    let server = server.restart().await;
    let get = |portfolio_id: &str| proto::GetPortfolioRequest { portfolio_id: portfolio_id.into() };
    let read = server.portfolios().get_portfolio(get("cards")).await.unwrap();
    assert_eq!(read.into_inner().portfolio.unwrap(), created);
    let refused = refusal(server.portfolios().get_portfolio(get("Cards")).await);
    assert_eq!((refused.code, &*refused.reason), (Code::NotFound, "PORTFOLIO_NOT_FOUND"));
    assert_eq!(refused.value("portfolio_id"), "Cards");
}
