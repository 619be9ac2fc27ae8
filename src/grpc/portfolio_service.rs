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
        let proto::UpdatePortfolioRequest { portfolio: given, activation_reason } =
            request.into_inner();
        let etag = given.as_ref().map(|given| given.etag.clone());
        let read = convert::both(convert::portfolio_from(given), convert::etag(etag, "portfolio"));
        let reason = convert::reason_text(activation_reason, "activation_reason");
        let (((portfolio_id, settings), etag), reason) =
            convert::both(read, reason).map_err(status::invalid)?;
        let why = (etag.as_str(), reason.as_str());
        let updated =
            engine::portfolio::update_portfolio(&self.0, &caller, portfolio_id, settings, why);
        let updated = updated.await.map_err(status::plain)?;
        let portfolio = Some(convert::portfolio_to(&updated));
        Ok(Response::new(proto::UpdatePortfolioResponse { portfolio }))
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
