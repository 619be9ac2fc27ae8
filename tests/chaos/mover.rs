//! A loan system that gives the same few cases to debtor after debtor: where the tenant is
//! spread, they go from part to part.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrears::proto;
use arrears::proto::case_service_client::CaseServiceClient;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::client::{Client, answer};
use crate::pusher::euro;
use crate::world::World;

/// The portfolio of these cases: nobody works it, so that no debtor of others is touched.
pub(crate) const MOVING: &str = "moving";
const CASES: usize = 8;
const DEBTORS: usize = 8;

/// Somebody who moves cases.
pub(crate) struct Mover {
    pub(crate) client: Client,
    pub(crate) world: Arc<World>,
    pub(crate) rng: StdRng,
    /// Tells movers apart: each has payments of its own.
    pub(crate) number: usize,
}

impl Mover {
    /// Moves cases and tells of payments until the clients shall end.
    pub(crate) async fn run(mut self) {
        let mut paid = 0;
        while !self.world.stop.is_cancelled() {
            self.push().await;
            self.pay(&mut paid).await;
            self.world.pause().await;
        }
    }

    async fn push(&mut self) {
        let sequence = self.world.next_sequence.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let document = |case: usize| proto::CaseDocument {
            case_id: format!("m{case}"),
            debtor_id: format!("n{}", self.rng.random_range(0..DEBTORS)),
            source_sequence: Some(sequence),
            overdue_amount: euro(1_000),
            oldest_due_date: Some(proto::Date { year: 2026, month: 1, day: 1 }),
            ..Default::default()
        };
        let cases: Vec<_> = (0..CASES).map(document).collect();
        let request = proto::PushCasesRequest {
            portfolio_id: MOVING.to_owned(),
            cases,
            atomic: self.rng.random_bool(0.2),
            ..Default::default()
        };
        let mut client = CaseServiceClient::new(self.client.any(&mut self.rng));
        let Ok(answer) = answer(&self.world, client.push_cases(request)).await else { return };
        let mut known = self.world.known();
        for result in answer.results {
            match result.error {
                None => {
                    let newest = known.moved.entry(result.case_id).or_default();
                    *newest = (*newest).max(sequence);
                }
                Some(error) => {
                    self.world.note_odd(format!("a move was rejected: {error:?}"));
                }
            }
        }
    }

    async fn pay(&mut self, paid: &mut usize) {
        let event_id = format!("paid-{}-{paid}", self.number);
        let event = proto::Event {
            event_id: event_id.clone(),
            event_time: Some(prost_types::Timestamp::from(std::time::SystemTime::UNIX_EPOCH)),
            case_ids: vec![format!("m{}", *paid % CASES)],
            kind: Some(proto::event::Kind::Payment(proto::Payment {
                amount: euro(1),
                shares: Vec::new(),
            })),
            ..Default::default()
        };
        let (portfolio_id, events) = (MOVING.to_owned(), vec![event]);
        let request = proto::RecordEventsRequest { portfolio_id, events };
        let mut client = CaseServiceClient::new(self.client.any(&mut self.rng));
        // The same is told until it is known to be recorded.
        let Ok(answer) = answer(&self.world, client.record_events(request)).await else { return };
        match &answer.results[0].error {
            None => {
                let case_id = format!("m{}", *paid % CASES);
                *self.world.known().paid.entry(case_id).or_default() += 1;
                *paid += 1;
            }
            // Before the first document is kept there is none.
            Some(error) if error.reason == "CASE_NOT_FOUND" && *paid < CASES => {}
            Some(error) => self.world.note_odd(format!("{event_id}: {error:?}")),
        }
    }
}

/// What is wrong with the cases that were moved: each is there once, as the newest document
/// that was acknowledged says or a newer one, with every payment once, and its events prove
/// it.
pub(crate) async fn problems(client: &Client, world: &World) -> Vec<String> {
    let (moved, paid) = {
        let known = world.known();
        (known.moved.clone(), known.paid.clone())
    };
    let mut problems = Vec::new();
    let request = proto::ListCasesRequest {
        portfolio_id: MOVING.to_owned(),
        page_size: 1_000,
        view: proto::View::Full.into(),
        ..Default::default()
    };
    let page = client.cases().list_cases(request).await.unwrap().into_inner();
    if !page.unreadable_cases.is_empty() {
        problems.push(format!("not readable: {:?}", page.unreadable_cases));
    }
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for case in &page.cases {
        *found.entry(case.case_id.clone()).or_default() += 1;
        let document = case.document.as_ref().unwrap();
        let newest = moved.get(&case.case_id).copied();
        if document.source_sequence < newest {
            problems.push(format!("{} is older than {newest:?}: {document:?}", case.case_id));
        }
        let payments = case.payments.len();
        let told = paid.get(&case.case_id).copied().unwrap_or_default();
        // Of more only the newest are shown; the last one may not have been acknowledged.
        if payments < told.min(64) || payments > told + 2 {
            problems.push(format!("{} has {payments} payments of {told}", case.case_id));
        }
        let request = proto::ReplayCaseRequest {
            portfolio_id: MOVING.to_owned(),
            case_id: case.case_id.clone(),
            ..Default::default()
        };
        match client.cases().replay_case(request).await {
            Ok(replayed) => {
                let differing = replayed.into_inner().differing_fields;
                if !differing.is_empty() {
                    problems.push(format!("{} differs in {differing:?}", case.case_id));
                }
            }
            Err(status) => problems.push(format!("{}: {status}", case.case_id)),
        }
    }
    if found.values().any(|count| *count > 1) || moved.keys().any(|id| !found.contains_key(id)) {
        problems.push(format!("of {:?} there are {found:?}", moved.keys()));
    }
    problems
}
