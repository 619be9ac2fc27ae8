//! Portfolios and their settings over gRPC.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::engine::{self, Engine};
use crate::proto::{self, portfolio_service_server::PortfolioService};

use super::{auth, convert, listing, status};

/// PortfolioService.
pub(super) struct Portfolios(pub(super) Arc<Engine>);

#[tonic::async_trait]
impl PortfolioService for Portfolios {
    async fn create_portfolio(
        &self,
        request: Request<proto::CreatePortfolioRequest>,
    ) -> Result<Response<proto::CreatePortfolioResponse>, Status> {
        let caller = auth::caller(&request)?;
        let given = request.into_inner().portfolio;
        let (portfolio_id, settings) = convert::portfolio_from(given).map_err(status::invalid)?;
        let created =
            engine::portfolio::create_portfolio(&self.0, &caller, portfolio_id, settings).await;
        let created = created.map_err(status::plain)?;
        let portfolio = Some(convert::portfolio_to(&created));
        Ok(Response::new(proto::CreatePortfolioResponse { portfolio }))
    }

    async fn update_portfolio(
        &self,
        request: Request<proto::UpdatePortfolioRequest>,
    ) -> Result<Response<proto::UpdatePortfolioResponse>, Status> {
        let caller = auth::caller(&request)?;
        let command = convert::update_portfolio(request.into_inner()).map_err(status::invalid)?;
        let updated = engine::portfolio::update_portfolio(&self.0, &caller, command).await;
        let updated = updated.map_err(status::plain)?;
        let (portfolio, proposal) = (&updated.portfolio, &updated.proposal);
        let (id, currency) = (&portfolio.portfolio_id, portfolio.settings.base_currency);
        let proposal = proposal.as_ref();
        Ok(Response::new(proto::UpdatePortfolioResponse {
            portfolio: Some(convert::portfolio_to(portfolio)),
            proposal: proposal.map(|proposal| convert::proposal_to((id, currency), proposal)),
        }))
    }

    async fn get_portfolio(
        &self,
        request: Request<proto::GetPortfolioRequest>,
    ) -> Result<Response<proto::GetPortfolioResponse>, Status> {
        let caller = auth::caller(&request)?;
        let portfolio_id =
            convert::portfolio_id(&request.into_inner().portfolio_id).map_err(status::invalid)?;
        let found = engine::portfolio::get_portfolio(&self.0, &caller, portfolio_id).await;
        let portfolio = Some(convert::portfolio_to(&found.map_err(status::plain)?));
        Ok(Response::new(proto::GetPortfolioResponse { portfolio }))
    }

    async fn list_portfolios(
        &self,
        request: Request<proto::ListPortfoliosRequest>,
    ) -> Result<Response<proto::ListPortfoliosResponse>, Status> {
        let caller = auth::caller(&request)?;
        let request = request.into_inner();
        let page = convert::Page::alone(request.page_size, request.page_token);
        let (engine, caller) = (&self.0, &caller);
        listing::answer(page.map_err(status::invalid)?, |size, token| async move {
            let (found, next_page_token) =
                engine::portfolio::list_portfolios(engine, caller, size, &token).await?;
            let portfolios = found.iter().map(convert::portfolio_to).collect();
            Ok(proto::ListPortfoliosResponse { portfolios, next_page_token })
        })
        .await
    }
}
