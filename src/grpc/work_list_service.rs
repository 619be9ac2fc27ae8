//! Work lists and leases over gRPC.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::engine::lease::LeaseToken;
use crate::engine::{self, Caller, Engine, Error};
use crate::proto::{self, work_list_service_server::WorkListService};

use super::status::{self, Named};
use super::{ANSWER_BYTES_MAX, auth, convert, listing};

/// WorkListService.
pub(super) struct WorkLists {
    pub(super) engine: Arc<Engine>,
    /// Ends the waiting of pulls when the server stops.
    pub(super) shutdown: CancellationToken,
}

impl WorkLists {
    /// Gives leases back that an answer had no room for: nobody was dialled. If
    /// that fails they end by their time.
    async fn give_back(&self, caller: &Caller, leases: Vec<LeaseToken>) {
        if leases.is_empty() {
            return;
        }
        let count = leases.len();
        let releases = leases.into_iter().map(|token| (Ok(token), true)).collect();
        if let Err(error) = engine::lease::release_leases(&self.engine, caller, releases).await {
            tracing::warn!(%error, count, "leases that nobody got could not be given back");
        }
    }
}

#[tonic::async_trait]
impl WorkListService for WorkLists {
    async fn create_work_list(
        &self,
        request: Request<proto::CreateWorkListRequest>,
    ) -> Result<Response<proto::CreateWorkListResponse>, Status> {
        let caller = auth::caller(&request)?;
        let read = convert::work_list_from(request.into_inner().work_list);
        let (id, settings) = read.map_err(status::invalid)?;
        let created = engine::work_list::create_work_list(&self.engine, &caller, id, settings);
        let created = created.await.map_err(status::plain)?;
        let work_list = Some(convert::work_list_to(&created));
        Ok(Response::new(proto::CreateWorkListResponse { work_list }))
    }

    async fn update_work_list(
        &self,
        request: Request<proto::UpdateWorkListRequest>,
    ) -> Result<Response<proto::UpdateWorkListResponse>, Status> {
        let caller = auth::caller(&request)?;
        let given = request.into_inner().work_list;
        let etag = given.as_ref().map(|given| given.etag.clone());
        let read = convert::both(convert::work_list_from(given), convert::etag(etag, "work_list"));
        let ((id, settings), etag) = read.map_err(status::invalid)?;
        let updated =
            engine::work_list::update_work_list(&self.engine, &caller, id, settings, &etag).await;
        let work_list = Some(convert::work_list_to(&updated.map_err(status::plain)?));
        Ok(Response::new(proto::UpdateWorkListResponse { work_list }))
    }

    async fn get_work_list(
        &self,
        request: Request<proto::GetWorkListRequest>,
    ) -> Result<Response<proto::GetWorkListResponse>, Status> {
        let caller = auth::caller(&request)?;
        let id = convert::work_list_id(&request.into_inner().work_list_id);
        let id = id.map_err(status::invalid)?;
        let found = engine::work_list::get_work_list(&self.engine, &caller, id).await;
        let work_list = Some(convert::work_list_to(&found.map_err(status::plain)?));
        Ok(Response::new(proto::GetWorkListResponse { work_list }))
    }

    async fn list_work_lists(
        &self,
        request: Request<proto::ListWorkListsRequest>,
    ) -> Result<Response<proto::ListWorkListsResponse>, Status> {
        let caller = auth::caller(&request)?;
        let request = request.into_inner();
        let page = convert::Page::alone(request.page_size, request.page_token);
        let (engine, caller) = (&self.engine, &caller);
        listing::answer(page.map_err(status::invalid)?, |size, token| async move {
            let (found, next_page_token) =
                engine::work_list::list_work_lists(engine, caller, size, &token).await?;
            let work_lists = found.iter().map(convert::work_list_to).collect();
            Ok(proto::ListWorkListsResponse { work_lists, next_page_token })
        })
        .await
    }

    async fn lease_work(
        &self,
        request: Request<proto::LeaseWorkRequest>,
    ) -> Result<Response<proto::LeaseWorkResponse>, Status> {
        let caller = auth::caller(&request)?;
        let command = convert::lease_command(request.get_ref()).map_err(status::invalid)?;
        // A server that stops lets go of the pulls that wait: to the engine it is
        // as if the client had left.
        let leased = tokio::select! {
            leased = engine::lease::lease_work(&self.engine, &caller, command) => leased,
            () = self.shutdown.cancelled() => Err(Error::ShuttingDown),
        };
        let leased = leased.map_err(status::plain)?;
        let (answer, unseen) = convert::lease_response(&leased, ANSWER_BYTES_MAX);
        self.give_back(&caller, unseen).await;
        Ok(Response::new(answer))
    }

    async fn renew_leases(
        &self,
        request: Request<proto::RenewLeasesRequest>,
    ) -> Result<Response<proto::RenewLeasesResponse>, Status> {
        let caller = auth::caller(&request)?;
        let read = convert::renew_command(request.into_inner());
        let (tokens, places, duration) = read.map_err(status::invalid)?;
        let tokens = tokens.into_iter().map(Ok).collect();
        let renewed = engine::lease::renew_leases(&self.engine, &caller, tokens, duration).await;
        let renewed = renewed.map_err(status::plain)?;
        Ok(Response::new(convert::renew_response(places, renewed)))
    }

    async fn report_outcomes(
        &self,
        request: Request<proto::ReportOutcomesRequest>,
    ) -> Result<Response<proto::ReportOutcomesResponse>, Status> {
        let caller = auth::caller(&request)?;
        let read = convert::report_command(request.into_inner(), self.engine.now());
        let (command, places) = read.map_err(status::invalid)?;
        let reported = engine::report::report_outcomes(&self.engine, &caller, command).await;
        let reported = reported.map_err(status::plain)?;
        Ok(Response::new(convert::report_response(places, reported)))
    }

    async fn release_leases(
        &self,
        request: Request<proto::ReleaseLeasesRequest>,
    ) -> Result<Response<proto::ReleaseLeasesResponse>, Status> {
        let caller = auth::caller(&request)?;
        let read = convert::release_command(request.into_inner());
        let (releases, places) = read.map_err(status::invalid)?;
        let releases = releases.into_iter().map(|(token, free)| (Ok(token), free)).collect();
        let released = engine::lease::release_leases(&self.engine, &caller, releases).await;
        let released = released.map_err(status::plain)?;
        Ok(Response::new(convert::release_response(places, released)))
    }

    async fn describe_work_list(
        &self,
        request: Request<proto::DescribeWorkListRequest>,
    ) -> Result<Response<proto::DescribeWorkListResponse>, Status> {
        let caller = auth::caller(&request)?;
        let request = request.into_inner();
        let portfolio_id = request.case.as_ref().map_or("", |case| &case.portfolio_id);
        let named = [("portfolio_id", portfolio_id)];
        let (id, case) = convert::describe_request(&request).map_err(status::invalid)?;
        let described = engine::work_list::describe_work_list(&self.engine, &caller, id, case);
        let described =
            described.await.map_err(|error| status::from_error(error, Named(&named)))?;
        Ok(Response::new(convert::description_to(&described)))
    }

    async fn preview_work(
        &self,
        request: Request<proto::PreviewWorkRequest>,
    ) -> Result<Response<proto::PreviewWorkResponse>, Status> {
        let caller = auth::caller(&request)?;
        let read = convert::preview_request(request.get_ref());
        let (id, asked) = read.map_err(status::invalid)?;
        let previewed = engine::lease::preview_work(&self.engine, &caller, id, asked).await;
        let previewed = previewed.map_err(status::plain)?;
        Ok(Response::new(convert::preview_response(&previewed, ANSWER_BYTES_MAX)))
    }
}
