//! What a dialer does: pulls, prolongs, reports, gives back, and forgets.

use arrears::proto;
use rand::RngExt;

use super::super::{LIST, numbered};
use super::{Client, Held, day_ahead};
use crate::history::{Answer, Disposition, Grant, LeaseId, Request, Step};
use crate::support::euro;

const SECOND: i64 = 1_000_000;
/// What is reported, the more often the more often it stands here.
const OUTCOMES: [&str; 10] = [
    "no_answer",
    "no_answer",
    "busy",
    "contacted",
    "promise",
    "promise",
    "claims_paid",
    "dispute",
    "do_not_call",
    "not_dialled",
];

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

/// The case and the number of a lease, which stand in its token behind the part.
/// To clients a token is opaque; a test may look.
fn lease_of(token: &[u8]) -> LeaseId {
    let number = |at: usize| i64::from_be_bytes(token[at..at + 8].try_into().unwrap());
    LeaseId { case: number(8), seq: number(16) }
}

impl Client {
    /// Pulls; now and then again, as if the answer had been lost.
    pub(super) async fn pull(&mut self) {
        let request = proto::LeaseWorkRequest {
            work_list_id: LIST.to_owned(),
            worker_id: self.name.clone(),
            max_items: self.dice.random_range(1..=6),
            lease_duration: seconds([10, 30, 300][self.dice.random_range(0..3)]),
            wait: seconds(0),
            request_id: self.next_name(),
            take: None,
            language_code: String::new(),
        };
        let mut granted = self.ask(&request).await;
        if self.dice.random_bool(0.1) {
            self.run.note("pulls again", 1);
            granted = self.ask(&request).await;
        }
        self.run.note("leased", granted.len());
        self.held.extend(granted);
    }

    async fn ask(&mut self, request: &proto::LeaseWorkRequest) -> Vec<Held> {
        let asked = Request::Lease {
            request_id: Some(request.request_id.clone()),
            max: request.max_items as usize,
        };
        let call = self.run.invoke(asked);
        let answer = self.lists.lease_work(request.clone()).await.expect("a pull is answered");
        let items = answer.into_inner().work_items;
        let lasts = request.lease_duration.map_or(0, |lasts| lasts.seconds * SECOND);
        let grants = items.iter().map(|item| Grant {
            lease: lease_of(&item.lease_token),
            debtor: numbered(&item.debtor_id),
            lasts,
        });
        self.run.write(call, Step::Ok(Answer::Leased(grants.collect())));
        self.run.count("pulls", 1);
        let held = |item: proto::WorkItem| Held {
            lease: lease_of(&item.lease_token),
            token: item.lease_token,
        };
        items.into_iter().map(held).collect()
    }

    /// Some of the leases that are held, taken out.
    fn take_some(&mut self, most: usize) -> Vec<Held> {
        let count = self.dice.random_range(1..=most.min(self.held.len()));
        let taken = |_| self.held.swap_remove(self.dice.random_range(0..self.held.len()));
        (0..count).map(taken).collect()
    }

    pub(super) async fn renew(&mut self) {
        let some = self.take_some(5);
        self.prolong(some).await;
    }

    async fn prolong(&mut self, some: Vec<Held>) {
        let ttl = [10, 60][self.dice.random_range(0..2)];
        let ask =
            |held: &Held| self.run.invoke(Request::Renew { lease: held.lease, ttl: ttl * SECOND });
        let calls: Vec<u64> = some.iter().map(ask).collect();
        let request = proto::RenewLeasesRequest {
            lease_tokens: some.iter().map(|held| held.token.clone()).collect(),
            lease_duration: seconds(ttl),
        };
        let answer = self.lists.renew_leases(request).await.expect("a renewal is answered");
        let renewals = answer.into_inner().renewals;
        self.run.count("renewals", some.len());
        for ((call, held), renewal) in calls.into_iter().zip(some).zip(renewals) {
            let step = match (renewal.directive(), renewal.error) {
                (proto::LeaseDirective::Continue, None) => Step::Ok(Answer::Renewed),
                (_, Some(error)) => Step::Fail(error.reason),
                (_, None) => Step::Ok(Answer::Stopped),
            };
            let goes_on = step == Step::Ok(Answer::Renewed);
            self.run.write(call, step);
            if goes_on {
                self.held.push(held);
            } else {
                self.run.note("stopped or over", 1);
                self.left.push_back(held);
            }
        }
    }

    pub(super) async fn report(&mut self) {
        let some = self.take_some(3);
        self.report_on(&some).await;
    }

    /// Acts on a lease that was given up or given back, as a dialer does that does not
    /// know; by now the case may be somebody else's.
    pub(super) async fn act_late(&mut self) {
        let late: Vec<Held> = self.left.pop_front().into_iter().collect();
        self.run.note("late", late.len());
        match self.dice.random_range(0..3) {
            0 => self.report_on(&late).await,
            1 => self.prolong(late).await,
            _ => self.give_back(late).await,
        }
    }

    async fn report_on(&mut self, leases: &[Held]) {
        let codes: Vec<usize> =
            leases.iter().map(|_| self.dice.random_range(0..OUTCOMES.len())).collect();
        self.tell(leases, &codes).await;
        if self.dice.random_bool(0.1) {
            self.run.note("same report again", 1);
            self.tell(leases, &codes).await;
        }
    }

    async fn tell(&mut self, leases: &[Held], codes: &[usize]) {
        let told = || leases.iter().zip(codes);
        let ask = |(held, code): (&Held, &usize)| {
            self.run.invoke(Request::Report { lease: held.lease, content: *code as u64 })
        };
        let calls: Vec<u64> = told().map(ask).collect();
        let outcomes = told().map(|(held, code)| outcome(held, OUTCOMES[*code])).collect();
        let request = proto::ReportOutcomesRequest { outcomes };
        let answer = self.lists.report_outcomes(request).await.expect("a report is answered");
        for (call, result) in calls.into_iter().zip(answer.into_inner().results) {
            self.run.write(call, reported(result));
        }
        self.run.count("reports", leases.len());
    }

    pub(super) async fn release(&mut self) {
        let some = self.take_some(5);
        let forgetful = self.dice.random_bool(0.3);
        self.left.extend(some.iter().filter(|_| forgetful).cloned());
        self.give_back(some).await;
    }

    async fn give_back(&mut self, some: Vec<Held>) {
        let calls: Vec<u64> = some
            .iter()
            .map(|held| self.run.invoke(Request::Release { lease: held.lease }))
            .collect();
        let release = |held: Held| proto::LeaseRelease {
            lease_token: held.token,
            not_dialled: self.dice.random_bool(0.9),
        };
        let releases: Vec<_> = some.into_iter().map(release).collect();
        self.run.count("releases", releases.len());
        let request = proto::ReleaseLeasesRequest { releases };
        let answer = self.lists.release_leases(request).await.expect("a release is answered");
        for (call, result) in calls.into_iter().zip(answer.into_inner().results) {
            let step = match result.error {
                None => Step::Ok(Answer::Released),
                Some(error) => Step::Fail(error.reason),
            };
            self.run.write(call, step);
        }
    }

    /// Leaves a lease to expire.
    pub(super) fn give_up(&mut self) {
        let some = self.take_some(1);
        self.run.note("given up", some.len());
        self.left.extend(some);
        // Nobody remembers a lease for ever.
        while self.left.len() > 100 {
            self.left.pop_front();
        }
    }
}

fn outcome(held: &Held, code: &str) -> proto::Outcome {
    let promise = proto::PromiseToPay { promised_amount: euro(5), promised_date: day_ahead(3) };
    proto::Outcome {
        lease_token: held.token.clone(),
        outcome_code: code.to_owned(),
        promise: (code == "promise").then_some(promise),
        ..Default::default()
    }
}

fn reported(result: proto::OutcomeResult) -> Step {
    let disposition = match result.disposition() {
        proto::OutcomeDisposition::Accepted => Disposition::Accepted,
        proto::OutcomeDisposition::Duplicate => Disposition::Duplicate,
        proto::OutcomeDisposition::Late => Disposition::Late,
        _ => return Step::Fail(result.error.unwrap_or_default().reason),
    };
    let micros =
        |time: prost_types::Timestamp| time.seconds * SECOND + i64::from(time.nanos) / 1_000;
    Step::Ok(Answer::Reported { disposition, next: result.next_eligible_time.map(micros) })
}
