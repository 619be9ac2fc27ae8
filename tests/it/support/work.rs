//! Work lists, leases, events and reports through a real client.

use arrears::model::Micros;
use arrears::proto;

use super::{NOW, TestServer, instant, portfolio};

/// A portfolio in Berlin and euros whose debtors may be called at every hour.
pub(crate) fn always(portfolio_id: &str) -> proto::Portfolio {
    let always = proto::contact_policy::Policy::Always(proto::AlwaysPolicy {});
    let contact_policy = Some(proto::ContactPolicy { policy: Some(always) });
    proto::Portfolio { contact_policy, ..portfolio(portfolio_id) }
}

/// A list of everything.
pub(crate) fn work_list(work_list_id: &str) -> proto::WorkList {
    proto::WorkList { work_list_id: work_list_id.to_owned(), ..Default::default() }
}

/// A pull by the worker `w1` that does not wait.
pub(crate) fn pull(work_list_id: &str, max_items: i32) -> proto::LeaseWorkRequest {
    proto::LeaseWorkRequest {
        work_list_id: work_list_id.to_owned(),
        worker_id: "w1".to_owned(),
        max_items,
        wait: Some(prost_types::Duration::default()),
        ..Default::default()
    }
}

/// What came of leased work.
pub(crate) fn outcome(item: &proto::WorkItem, outcome_code: &str) -> proto::Outcome {
    proto::Outcome {
        lease_token: item.lease_token.clone(),
        outcome_code: outcome_code.to_owned(),
        ..Default::default()
    }
}

/// An event of now on cases; a hold or lift of a whole debtor names none.
pub(crate) fn event(event_id: &str, case_ids: &[&str], kind: proto::event::Kind) -> proto::Event {
    proto::Event {
        event_id: event_id.to_owned(),
        event_time: instant(NOW.plus(Micros::SECOND)),
        case_ids: case_ids.iter().map(|case_id| (*case_id).to_owned()).collect(),
        debtor_id: String::new(),
        kind: Some(kind),
    }
}

/// A hold without an end.
pub(crate) fn hold(kind: proto::HoldKind) -> proto::event::Kind {
    proto::event::Kind::Hold(proto::Hold { kind: kind.into(), ..Default::default() })
}

/// The end of a hold.
pub(crate) fn lift(hold_event_id: &str) -> proto::event::Kind {
    proto::event::Kind::Lift(proto::Lift { hold_event_id: hold_event_id.to_owned() })
}

/// Money for one case.
pub(crate) fn payment(amount: Option<proto::Money>) -> proto::event::Kind {
    proto::event::Kind::Payment(proto::Payment { amount, shares: Vec::new() })
}

impl TestServer {
    /// Creates a work list.
    pub(crate) async fn create_list(&self, work_list: proto::WorkList) -> proto::WorkList {
        let request = proto::CreateWorkListRequest { work_list: Some(work_list) };
        let answer = self.work_lists().create_work_list(request).await.unwrap();
        answer.into_inner().work_list.unwrap()
    }

    /// Pulls work.
    pub(crate) async fn lease(&self, pull: proto::LeaseWorkRequest) -> proto::LeaseWorkResponse {
        self.work_lists().lease_work(pull).await.unwrap().into_inner()
    }

    /// Records events; all of them are new.
    pub(crate) async fn record(&self, portfolio_id: &str, events: Vec<proto::Event>) {
        let portfolio_id = portfolio_id.to_owned();
        let request = proto::RecordEventsRequest { portfolio_id, events };
        let results = self.cases().record_events(request).await.unwrap().into_inner().results;
        for result in results {
            assert_eq!(result.disposition(), proto::EventDisposition::Recorded, "{result:?}");
        }
    }

    /// Reports an outcome.
    pub(crate) async fn report(&self, outcome: proto::Outcome) -> proto::OutcomeResult {
        let request = proto::ReportOutcomesRequest { outcomes: vec![outcome] };
        let answer = self.work_lists().report_outcomes(request).await.unwrap();
        answer.into_inner().results.remove(0)
    }

    /// What to do with leased work.
    pub(crate) async fn renew(&self, items: &[proto::WorkItem]) -> Vec<proto::LeaseRenewal> {
        let lease_tokens = items.iter().map(|item| item.lease_token.clone()).collect();
        let request = proto::RenewLeasesRequest { lease_tokens, lease_duration: None };
        self.work_lists().renew_leases(request).await.unwrap().into_inner().renewals
    }
}
