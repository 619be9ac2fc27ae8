//! A dialer: pulls work, has some of it in hand, and reports, renews, gives back or
//! forgets it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrears::model::{Clock, SystemClock};
use arrears::proto;
use arrears::proto::case_service_client::CaseServiceClient;
use arrears::proto::work_list_service_client::WorkListServiceClient;
use rand::RngExt;
use rand::rngs::StdRng;
use tonic::transport::Channel;

use crate::client::{Client, answer};
use crate::history::{Answer, Disposition, Grant, LeaseId, Request, Step};
use crate::pusher::euro;
use crate::world::{LEASE, LIST, PORTFOLIO, World, number};

/// How much a dialer has in hand before it pulls no more.
const HAND: usize = 6;
/// How often a call is tried whose answer was lost.
const TRIES: usize = 3;
/// Every report says the same.
const CONTENT: u64 = 1;

/// Somebody who calls debtors.
pub(crate) struct Dialer {
    pub(crate) client: Client,
    pub(crate) world: Arc<World>,
    pub(crate) rng: StdRng,
    pub(crate) name: String,
    pub(crate) hand: Vec<Held>,
    /// What is reported when its time is over.
    pub(crate) late: Vec<Held>,
    pub(crate) pulls: u64,
}

/// Leased work in hand.
#[derive(Clone)]
pub(crate) struct Held {
    lease: LeaseId,
    token: Vec<u8>,
    /// When the lease was over at the latest, on the clock of the clients, had nobody
    /// renewed it.
    over: i64,
}

impl Held {
    fn debtor(&self) -> i64 {
        crate::world::debtor_of(self.lease.case)
    }
}

impl Dialer {
    /// Works until the clients shall end; what is in hand then is forgotten.
    pub(crate) async fn run(mut self) {
        while !self.world.stop.is_cancelled() {
            if self.hand.len() < HAND {
                self.pull().await;
            }
            let now = self.world.now();
            if let Some(at) = self.late.iter().position(|held| held.over < now) {
                let held = self.late.swap_remove(at);
                self.report(&held).await;
            }
            if !self.hand.is_empty() {
                let held = self.hand.swap_remove(self.rng.random_range(0..self.hand.len()));
                self.work(held).await;
            }
        }
    }

    fn lists(&mut self) -> WorkListServiceClient<Channel> {
        WorkListServiceClient::new(self.client.any(&mut self.rng))
    }

    /// Pulls, and asks again under the same name where the answer was lost, and now and
    /// then where it was not.
    async fn pull(&mut self) {
        self.pulls += 1;
        let name = format!("{}-{}", self.name, self.pulls);
        let max = self.rng.random_range(1..4);
        let first = self.world.now();
        for attempt in 0..TRIES {
            let request = proto::LeaseWorkRequest {
                work_list_id: LIST.to_owned(),
                worker_id: self.name.clone(),
                max_items: max,
                lease_duration: Some(seconds(LEASE)),
                wait: Some(prost_types::Duration {
                    seconds: 0,
                    nanos: self.rng.random_range(0..500_000_000),
                }),
                request_id: name.clone(),
                take: None,
                language_code: String::new(),
            };
            let named = Request::Lease { request_id: Some(name.clone()), max: max as usize };
            let mut lists = self.lists();
            let call = self.world.invoke(named);
            match answer(&self.world, lists.lease_work(request)).await {
                Ok(answer) => {
                    self.take(call, first, &answer.work_items);
                    if attempt > 0 || !self.rng.random_bool(0.05) {
                        return;
                    }
                }
                Err(step) => {
                    self.world.end(call, step);
                    // Another server may be asked at once.
                    if self.rng.random() {
                        self.world.pause().await;
                    }
                }
            }
        }
    }

    /// Writes down what was given. Its time runs from the first time the pull was sent:
    /// that one may have been granted it.
    fn take(&mut self, call: (u64, i64), first: i64, items: &[proto::WorkItem]) {
        let lasts = micros(LEASE) - (call.1 - first);
        let held = items.iter().map(|item| Held {
            lease: lease_of(item),
            token: item.lease_token.clone(),
            over: call.1 + lasts,
        });
        let held: Vec<Held> = held.collect();
        let grants = items.iter().zip(&held).map(|(item, held)| Grant {
            lease: held.lease,
            debtor: number(&item.debtor_id),
            lasts,
        });
        self.world.end(call, Step::Ok(Answer::Leased(grants.collect())));
        if items.is_empty() {
            self.world.hungry.store(true, Ordering::SeqCst);
        }
        for held in held {
            self.world.known().held.insert(held.lease, ());
            if self.hand.iter().all(|other| other.lease != held.lease) {
                self.hand.push(held);
            }
        }
    }

    /// Does something with what is in hand.
    async fn work(&mut self, held: Held) {
        match self.rng.random_range(0..100) {
            0..66 => self.release(&held, true).await,
            66..72 => self.report(&held).await,
            72..80 => {
                if self.renew(&held).await {
                    return self.hand.push(held);
                }
            }
            80..84 => {}
            84..87 => self.release(&held, false).await,
            87..96 => {
                self.pay(&held).await;
                return self.hand.push(held);
            }
            _ => self.late.push(held.clone()),
        }
        self.world.known().held.remove(&held.lease);
    }

    /// Reports until that is acknowledged, and now and then once more.
    async fn report(&mut self, held: &Held) {
        let mut more = self.rng.random_bool(0.3);
        for _ in 0..TRIES {
            let outcome = report_of(&held.token);
            let request = proto::ReportOutcomesRequest { outcomes: vec![outcome] };
            let mut lists = self.lists();
            let call = self.world.invoke(Request::Report { lease: held.lease, content: CONTENT });
            match answer(&self.world, lists.report_outcomes(request)).await {
                Ok(answer) => {
                    let step = reported(&self.world, &answer.results[0]);
                    if matches!(step, Step::Ok(_)) {
                        let known = (held.token.clone(), held.debtor());
                        self.world.known().reports.insert(held.lease, known);
                    }
                    self.world.end(call, step);
                    if !std::mem::take(&mut more) {
                        return;
                    }
                }
                Err(step) => {
                    self.world.end(call, step);
                    self.world.pause().await;
                }
            }
        }
    }

    async fn release(&mut self, held: &Held, not_dialled: bool) {
        for _ in 0..TRIES {
            let release = proto::LeaseRelease { lease_token: held.token.clone(), not_dialled };
            let request = proto::ReleaseLeasesRequest { releases: vec![release] };
            let mut lists = self.lists();
            let call = self.world.invoke(Request::Release { lease: held.lease });
            match answer(&self.world, lists.release_leases(request)).await {
                Ok(answer) => {
                    let step = match &answer.results[0].error {
                        None => Step::Ok(Answer::Released),
                        Some(error) => Step::Fail(format!("{error:?}")),
                    };
                    if !not_dialled && matches!(step, Step::Ok(_)) {
                        self.world.known().dialled.insert(held.lease, held.debtor());
                    }
                    return self.world.end(call, step);
                }
                Err(step) => {
                    self.world.end(call, step);
                    self.world.pause().await;
                }
            }
        }
    }

    /// Renews; says whether work may go on.
    async fn renew(&mut self, held: &Held) -> bool {
        let request = proto::RenewLeasesRequest {
            lease_tokens: vec![held.token.clone()],
            lease_duration: Some(seconds(LEASE)),
        };
        let mut lists = self.lists();
        let call = self.world.invoke(Request::Renew { lease: held.lease, ttl: micros(LEASE) });
        let step = match answer(&self.world, lists.renew_leases(request)).await {
            Ok(answer) => match &answer.renewals[0] {
                renewal if renewal.error.is_some() => Step::Fail(format!("{renewal:?}")),
                renewal if renewal.directive() == proto::LeaseDirective::Continue => {
                    Step::Ok(Answer::Renewed)
                }
                _ => Step::Ok(Answer::Stopped),
            },
            Err(step) => step,
        };
        let goes_on = step == Step::Ok(Answer::Renewed);
        self.world.end(call, step);
        goes_on
    }

    /// Records a payment far below what is due, until that is acknowledged.
    async fn pay(&mut self, held: &Held) {
        let LeaseId { case, seq } = held.lease;
        let seconds = SystemClock.now().0 / 1_000_000;
        let payment = proto::Payment { amount: euro(1), shares: Vec::new() };
        let event = proto::Event {
            event_id: format!("paid-{case}-{seq}-{}", self.rng.random_range(0..1_000_000)),
            event_time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
            case_ids: vec![format!("c{case}")],
            debtor_id: String::new(),
            kind: Some(proto::event::Kind::Payment(payment)),
        };
        for _ in 0..TRIES {
            let request = proto::RecordEventsRequest {
                portfolio_id: PORTFOLIO.to_owned(),
                events: vec![event.clone()],
            };
            let mut cases = CaseServiceClient::new(self.client.any(&mut self.rng));
            match answer(&self.world, cases.record_events(request)).await {
                Ok(answer) => {
                    let result = &answer.results[0];
                    if result.disposition() == proto::EventDisposition::Rejected {
                        return self.world.note_odd(format!("{result:?}"));
                    }
                    self.world.known().payments.insert(event.event_id.clone(), event);
                    return;
                }
                Err(_) => self.world.pause().await,
            }
        }
    }
}

/// What every report says.
pub(crate) fn report_of(token: &[u8]) -> proto::Outcome {
    proto::Outcome {
        lease_token: token.to_vec(),
        outcome_code: "no_answer".to_owned(),
        ..Default::default()
    }
}

fn reported(world: &World, result: &proto::OutcomeResult) -> Step {
    let disposition = match result.disposition() {
        proto::OutcomeDisposition::Accepted => Disposition::Accepted,
        proto::OutcomeDisposition::Duplicate => Disposition::Duplicate,
        proto::OutcomeDisposition::Late => Disposition::Late,
        _ => {
            world.note_odd(format!("a report was rejected: {result:?}"));
            return Step::Fail(format!("{result:?}"));
        }
    };
    let next = result.next_eligible_time.map(|at| at.seconds * 1_000_000 + i64::from(at.nanos));
    Step::Ok(Answer::Reported { disposition, next })
}

/// The case by its own number, and the number of the lease, the third in the token.
pub(crate) fn lease_of(item: &proto::WorkItem) -> LeaseId {
    let seq: [u8; 8] = item.lease_token[16..24].try_into().unwrap();
    let case = number(&item.lead_case.as_ref().unwrap().case_id);
    LeaseId { case, seq: i64::from_be_bytes(seq) }
}

fn seconds(duration: std::time::Duration) -> prost_types::Duration {
    prost_types::Duration::try_from(duration).unwrap()
}

fn micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap()
}
