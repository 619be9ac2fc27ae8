//! Scorecards, their revisions and activations over gRPC.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::engine::Engine;
use crate::engine::scorecard::diff::diff_revisions;
use crate::engine::scorecard::proposal::{decide_activation, list_proposals};
use crate::engine::scorecard::simulate::simulate_revision;
use crate::engine::scorecard::{
    Effect, activate_revision, create_revision, get_revision, list_activations, list_revisions,
    update_revision, validate_revision,
};
use crate::proto::{self, scorecard_service_server::ScorecardService};

use super::{ANSWER_BYTES_MAX, auth, convert, listing, status};

/// The answers of one simulation.
type SimulateRevisionStream =
    Pin<Box<dyn Stream<Item = Result<proto::SimulateRevisionResponse, Status>> + Send>>;

/// ScorecardService.
pub(super) struct Scorecards(pub(super) Arc<Engine>);

#[tonic::async_trait]
impl ScorecardService for Scorecards {
    async fn create_revision(
        &self,
        request: Request<proto::CreateRevisionRequest>,
    ) -> Result<Response<proto::CreateRevisionResponse>, Status> {
        let caller = auth::caller(&request)?;
        let read = convert::create_request(request.into_inner());
        let (base, card, title) = read.map_err(status::invalid)?;
        let made = create_revision(&self.0, &caller, base, card, title).await;
        let revision = Some(convert::revision_to(&made.map_err(status::plain)?));
        Ok(Response::new(proto::CreateRevisionResponse { revision }))
    }

    async fn update_revision(
        &self,
        request: Request<proto::UpdateRevisionRequest>,
    ) -> Result<Response<proto::UpdateRevisionResponse>, Status> {
        let caller = auth::caller(&request)?;
        let command = convert::update_command(request.into_inner()).map_err(status::invalid)?;
        let updated = update_revision(&self.0, &caller, command).await;
        let revision = Some(convert::revision_to(&updated.map_err(status::plain)?));
        Ok(Response::new(proto::UpdateRevisionResponse { revision }))
    }

    async fn get_revision(
        &self,
        request: Request<proto::GetRevisionRequest>,
    ) -> Result<Response<proto::GetRevisionResponse>, Status> {
        let caller = auth::caller(&request)?;
        let name = convert::revision_name(request.into_inner().name).map_err(status::invalid)?;
        let found = get_revision(&self.0, &caller, name).await;
        let revision = Some(convert::revision_to(&found.map_err(status::plain)?));
        Ok(Response::new(proto::GetRevisionResponse { revision }))
    }

    async fn list_revisions(
        &self,
        request: Request<proto::ListRevisionsRequest>,
    ) -> Result<Response<proto::ListRevisionsResponse>, Status> {
        let caller = auth::caller(&request)?;
        let request = request.into_inner();
        let page = convert::Page::alone(request.page_size, request.page_token);
        let read = convert::both(page, convert::scorecard_filter(request.scorecard_id));
        let (page, filter) = read.map_err(status::invalid)?;
        let (engine, caller, filter) = (&self.0, &caller, &filter);
        listing::answer(page, |size, token| async move {
            let listed = list_revisions(engine, caller, filter.as_deref(), (size, &token));
            let (found, next_page_token) = listed.await?;
            let revisions = found.iter().map(convert::head_to).collect();
            Ok(proto::ListRevisionsResponse { revisions, next_page_token })
        })
        .await
    }

    async fn validate_revision(
        &self,
        request: Request<proto::ValidateRevisionRequest>,
    ) -> Result<Response<proto::ValidateRevisionResponse>, Status> {
        let caller = auth::caller(&request)?;
        let read = convert::validate_request(request.into_inner());
        let (subject, portfolio_id) = read.map_err(status::invalid)?;
        let found = validate_revision(&self.0, &caller, subject, portfolio_id).await;
        let (findings, hash) = found.map_err(status::plain)?;
        let findings = convert::findings_to(&findings);
        let content_hash = convert::hex(&hash);
        Ok(Response::new(proto::ValidateRevisionResponse { findings, content_hash }))
    }

    type SimulateRevisionStream = SimulateRevisionStream;

    async fn simulate_revision(
        &self,
        request: Request<proto::SimulateRevisionRequest>,
    ) -> Result<Response<SimulateRevisionStream>, Status> {
        let caller = auth::caller(&request)?;
        let request = request.into_inner();
        let id = convert::simulate_portfolio(&request).map_err(status::invalid)?;
        let terms = self.0.money_terms(&caller, &id).await;
        let (currency, _) = terms.map_err(status::plain)?;
        let command = convert::simulate_command(request, id, currency).map_err(status::invalid)?;
        let answers = simulate_revision(&self.0, &caller, command).await;
        let answers = ReceiverStream::new(answers.map_err(status::plain)?);
        let write = |answer| convert::simulate_response(answer, ANSWER_BYTES_MAX);
        let answers = answers.map(move |answer| answer.map(write).map_err(status::plain));
        Ok(Response::new(Box::pin(answers)))
    }

    async fn diff_revisions(
        &self,
        request: Request<proto::DiffRevisionsRequest>,
    ) -> Result<Response<proto::DiffRevisionsResponse>, Status> {
        let caller = auth::caller(&request)?;
        let (base, subject) =
            convert::diff_request(request.into_inner()).map_err(status::invalid)?;
        let found = diff_revisions(&self.0, &caller, base, subject).await;
        let found = found.map_err(status::plain)?;
        Ok(Response::new(convert::diff_response(found)))
    }

    async fn activate_revision(
        &self,
        request: Request<proto::ActivateRevisionRequest>,
    ) -> Result<Response<proto::ActivateRevisionResponse>, Status> {
        let caller = auth::caller(&request)?;
        let command = convert::activate_command(request.into_inner()).map_err(status::invalid)?;
        let portfolio_id = command.portfolio_id.clone();
        let done = activate_revision(&self.0, &caller, command).await.map_err(status::plain)?;
        let findings = convert::findings_to(&done.findings);
        let (mut activation, mut proposal) = (None, None);
        match &done.effect {
            Effect::Activated(active) => {
                let ranked = done.ranked_permille;
                activation = Some(convert::activation_to(&portfolio_id, active, ranked));
            }
            Effect::Proposed(waits, currency) => {
                proposal = Some(convert::proposal_to((&portfolio_id, *currency), waits));
            }
        }
        Ok(Response::new(proto::ActivateRevisionResponse { activation, findings, proposal }))
    }

    async fn decide_activation(
        &self,
        request: Request<proto::DecideActivationRequest>,
    ) -> Result<Response<proto::DecideActivationResponse>, Status> {
        let caller = auth::caller(&request)?;
        let command = convert::decide_command(request.into_inner()).map_err(status::invalid)?;
        let id = command.portfolio_id.clone();
        let done = decide_activation(&self.0, &caller, command).await.map_err(status::plain)?;
        let findings = convert::findings_to(&done.findings);
        let activation = done.activation.as_ref();
        Ok(Response::new(proto::DecideActivationResponse {
            proposal: Some(convert::proposal_to((&id, done.currency), &done.proposal)),
            activation: activation.map(|(one, ranked)| convert::activation_to(&id, one, *ranked)),
            findings,
        }))
    }

    async fn list_activation_proposals(
        &self,
        request: Request<proto::ListActivationProposalsRequest>,
    ) -> Result<Response<proto::ListActivationProposalsResponse>, Status> {
        let caller = auth::caller(&request)?;
        let request = request.into_inner();
        let page = (request.page_size, request.page_token);
        let read = convert::Page::of_portfolio(&request.portfolio_id, page);
        let (page, id) = read.map_err(status::invalid)?;
        let (engine, caller, id) = (&self.0, &caller, &id);
        listing::answer(page, |size, token| async move {
            let (found, currency, next_page_token) =
                list_proposals(engine, caller, id, (size, &token)).await?;
            Ok(convert::proposals_to((id, currency), &found, next_page_token))
        })
        .await
    }

    async fn list_activations(
        &self,
        request: Request<proto::ListActivationsRequest>,
    ) -> Result<Response<proto::ListActivationsResponse>, Status> {
        let caller = auth::caller(&request)?;
        let request = request.into_inner();
        let page = (request.page_size, request.page_token);
        let read = convert::Page::of_portfolio(&request.portfolio_id, page);
        let (page, id) = read.map_err(status::invalid)?;
        let (engine, caller, id) = (&self.0, &caller, &id);
        listing::answer(page, |size, token| async move {
            let (found, next_page_token) =
                list_activations(engine, caller, id, (size, &token)).await?;
            let activation =
                |(activation, ranked): &(_, i64)| convert::activation_to(id, activation, *ranked);
            let activations = found.iter().map(activation).collect();
            Ok(proto::ListActivationsResponse { activations, next_page_token })
        })
        .await
    }
}
