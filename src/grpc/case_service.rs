//! Cases over gRPC.

use std::sync::Arc;

use prost::Message;
use tonic::{Request, Response, Status};

use crate::engine::{self, Caller, Engine};
use crate::model::PortfolioId;
use crate::proto::{self, case_service_server::CaseService};

use super::convert::{self, Terms};
use super::status::{self, Named};
use super::watch::{WatchCasesStream, Watchers};
use super::{ANSWER_BYTES_MAX, auth, listing};

/// What a case costs in an answer beside its own bytes: a tag and a length.
const CASE_TAG_BYTES: usize = 8;

/// CaseService.
pub(super) struct Cases {
    pub(super) engine: Arc<Engine>,
    pub(super) watchers: Watchers,
}

impl Cases {
    /// What the amounts and times of a portfolio's cases are read against.
    async fn terms(&self, caller: &Caller, portfolio_id: &PortfolioId) -> Result<Terms, Status> {
        let terms = self.engine.money_terms(caller, portfolio_id).await.map_err(status::plain)?;
        let (currency, tolerance_amount_minor) = terms;
        Ok(Terms { currency, tolerance_amount_minor, now: self.engine.now() })
    }
}

#[tonic::async_trait]
impl CaseService for Cases {
    async fn push_cases(
        &self,
        request: Request<proto::PushCasesRequest>,
    ) -> Result<Response<proto::PushCasesResponse>, Status> {
        let caller = auth::caller(&request)?;
        let request = request.into_inner();
        let head = convert::push_head(&request, self.engine.now()).map_err(status::invalid)?;
        let portfolio_id = head.portfolio_id.clone();
        let terms = self.terms(&caller, &portfolio_id).await?;
        let sequences: Vec<_> = request.cases.iter().map(|case| case.source_sequence).collect();
        let command = convert::push_command(request, head, terms);
        let named = [("portfolio_id", portfolio_id.as_str())];
        let results = engine::push::push_cases(&self.engine, &caller, command).await;
        let results = results.map_err(|error| status::from_error(error, Named(&named)))?;
        Ok(Response::new(convert::push_response(&results, &portfolio_id, &sequences)))
    }

    async fn record_events(
        &self,
        request: Request<proto::RecordEventsRequest>,
    ) -> Result<Response<proto::RecordEventsResponse>, Status> {
        let caller = auth::caller(&request)?;
        let request = request.into_inner();
        let head = convert::record_head(&request).map_err(status::invalid)?;
        let portfolio_id = head.portfolio_id.clone();
        let terms = self.terms(&caller, &portfolio_id).await?;
        let command = convert::record_command(request, head, terms);
        let named = [("portfolio_id", portfolio_id.as_str())];
        let results = engine::record::record_events(&self.engine, &caller, command).await;
        let results = results.map_err(|error| status::from_error(error, Named(&named)))?;
        Ok(Response::new(convert::record_response(&results, &portfolio_id)))
    }

    async fn get_case(
        &self,
        request: Request<proto::GetCaseRequest>,
    ) -> Result<Response<proto::GetCaseResponse>, Status> {
        let caller = auth::caller(&request)?;
        let request = request.into_inner();
        let named = [("portfolio_id", request.portfolio_id.as_str())];
        let key = convert::case_key(&request.portfolio_id, &request.case_id);
        let (portfolio_id, case_id) = key.map_err(status::invalid)?;
        let found = engine::read::get_case(&self.engine, &caller, portfolio_id, case_id).await;
        let found = found.map_err(|error| status::from_error(error, Named(&named)))?;
        let case = Some(convert::case_to(&found));
        Ok(Response::new(proto::GetCaseResponse { case }))
    }

    async fn list_cases(
        &self,
        request: Request<proto::ListCasesRequest>,
    ) -> Result<Response<proto::ListCasesResponse>, Status> {
        let caller = auth::caller(&request)?;
        let query = convert::list_cases_query(request.into_inner()).map_err(status::invalid)?;
        let named =
            [("portfolio_id", query.portfolio_id.as_str()), ("page_token", &*query.page_token)];
        let listed = engine::read::list_cases(&self.engine, &caller, query.clone()).await;
        let (listed, next) = listed.map_err(|error| status::from_error(error, Named(&named)))?;
        let mut answer = proto::ListCasesResponse { next_page_token: next, ..Default::default() };
        let written = listed.iter().map(convert::listed_to);
        let size = |case: &Result<_, Box<proto::UnreadableCase>>| match case {
            Ok(case) => proto::Case::encoded_len(case) + CASE_TAG_BYTES,
            Err(unreadable) => unreadable.encoded_len() + CASE_TAG_BYTES,
        };
        let fitting = listing::as_many_as_fit(written, ANSWER_BYTES_MAX, size);
        if let Some(last) = listing::last_of_some(&listed, fitting.len()) {
            answer.next_page_token = engine::read::page_after(&caller, &query, last);
        }
        for case in fitting {
            match case {
                Ok(case) => answer.cases.push(case),
                Err(unreadable) => answer.unreadable_cases.push(*unreadable),
            }
        }
        Ok(Response::new(answer))
    }

    async fn explain_case(
        &self,
        request: Request<proto::ExplainCaseRequest>,
    ) -> Result<Response<proto::ExplainCaseResponse>, Status> {
        let caller = auth::caller(&request)?;
        let request = request.into_inner();
        let named = [("portfolio_id", request.portfolio_id.as_str())];
        let command = convert::explain_request(&request).map_err(status::invalid)?;
        let terms = match request.what_if {
            Some(_) => Some(self.terms(&caller, &command.portfolio_id).await?),
            None => None,
        };
        let explained = engine::explain::explain_case(&self.engine, &caller, command).await;
        let explained = explained.map_err(|error| status::from_error(error, Named(&named)))?;
        let what_if_explanation = match request.what_if.as_ref().zip(terms) {
            Some((given, terms)) => {
                let facts = convert::what_if(given, explained.facts(), terms);
                let what_if = explained.what_if(&facts.map_err(status::invalid)?);
                Some(convert::explanation_to(what_if, explained.view.currency))
            }
            None => None,
        };
        Ok(Response::new(proto::ExplainCaseResponse {
            case: Some(convert::case_to(&explained.view)),
            explanation: Some(convert::explanation_to(
                explained.explanation,
                explained.view.currency,
            )),
            what_if_explanation,
            lease: explained.lease.as_ref().map(convert::lease_to),
            lease_count: explained.lease_count,
            movement: explained.moved.map(convert::movement_to),
        }))
    }

    async fn replay_case(
        &self,
        request: Request<proto::ReplayCaseRequest>,
    ) -> Result<Response<proto::ReplayCaseResponse>, Status> {
        let caller = auth::caller(&request)?;
        let read = convert::replay_request(request.into_inner());
        let (portfolio_id, case_id, page) = read.map_err(status::invalid)?;
        let named = portfolio_id.to_string();
        let named = [("portfolio_id", named.as_str()), ("page_token", &*page.token)];
        let key = (portfolio_id, case_id);
        let asked = (page.size, &*page.token);
        let replayed = engine::replay::replay_leases(&self.engine, &caller, key, asked).await;
        let replayed = replayed.map_err(|error| status::from_error(error, Named(&named)))?;
        Ok(Response::new(convert::replay_to(replayed)))
    }

    async fn score_case(
        &self,
        request: Request<proto::ScoreCaseRequest>,
    ) -> Result<Response<proto::ScoreCaseResponse>, Status> {
        let caller = auth::caller(&request)?;
        let request = request.into_inner();
        let portfolio_id = convert::score_portfolio(&request).map_err(status::invalid)?;
        let terms = self.terms(&caller, &portfolio_id).await?;
        let given = request.case.as_ref();
        let ids = given.map(|case| (case.case_id.clone(), case.debtor_id.clone()));
        let (document, asked) = convert::score_request(request, terms).map_err(status::invalid)?;
        let scored =
            engine::explain::score_case(&self.engine, &caller, portfolio_id, document, asked).await;
        let (view, explanation) = scored.map_err(status::plain)?;
        let mut case = convert::case_to(&view);
        (case.case_id, case.debtor_id) = ids.unwrap_or_default();
        let explanation = Some(convert::explanation_to(explanation, view.currency));
        Ok(Response::new(proto::ScoreCaseResponse { case: Some(case), explanation }))
    }

    type WatchCasesStream = WatchCasesStream;

    async fn watch_cases(
        &self,
        request: Request<proto::WatchCasesRequest>,
    ) -> Result<Response<WatchCasesStream>, Status> {
        let caller = auth::caller(&request)?;
        let request = request.into_inner();
        let portfolio_id = convert::portfolio_id(&request.portfolio_id);
        let portfolio_id = portfolio_id.map_err(status::invalid)?;
        let named = [("resume_token", request.resume_token.as_str())];
        let watch =
            engine::watch::watch_cases(&self.engine, &caller, portfolio_id, named[0].1).await;
        let watch = watch.map_err(|error| status::from_error(error, Named(&named)))?;
        Ok(Response::new(self.watchers.stream(Arc::clone(&self.engine), watch)?))
    }

    async fn get_debtor(
        &self,
        request: Request<proto::GetDebtorRequest>,
    ) -> Result<Response<proto::GetDebtorResponse>, Status> {
        let caller = auth::caller(&request)?;
        let read = convert::debtor_request(request.into_inner());
        let (debtor_id, page) = read.map_err(status::invalid)?;
        let named = [("debtor_id", debtor_id.as_str()), ("page_token", &*page.token)];
        let asked = (page.size, page.token.as_str());
        let found =
            engine::debtor::get_debtor(&self.engine, &caller, debtor_id.clone(), asked).await;
        let (debtor, views, next_page_token) =
            found.map_err(|error| status::from_error(error, Named(&named)))?;
        let debtor = Some(convert::debtor_to(&debtor));
        let mut answer = proto::GetDebtorResponse { debtor, cases: Vec::new(), next_page_token };
        let room = ANSWER_BYTES_MAX.saturating_sub(answer.encoded_len());
        let size = |case: &proto::Case| case.encoded_len() + CASE_TAG_BYTES;
        answer.cases = listing::as_many_as_fit(views.iter().map(convert::case_to), room, size);
        if let Some(last) = listing::last_of_some(&views, answer.cases.len()) {
            answer.next_page_token = engine::debtor::page_after(&caller, &debtor_id, last);
        }
        Ok(Response::new(answer))
    }
}
