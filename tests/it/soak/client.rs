//! One client of a soak: a loan system and a dialer in one, drawing what it does.

mod events;
mod leases;

use std::collections::VecDeque;
use std::sync::Arc;

use arrears::model::{Clock, Micros, SystemClock};
use arrears::proto;
use proto::case_service_client::CaseServiceClient;
use proto::work_list_service_client::WorkListServiceClient;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tonic::transport::Channel;

use super::run::Run;
use super::{PORTFOLIO, debtor_of};
use crate::history::{Answer, LeaseId, Request, Step};
use crate::support::{date, document, euro};

/// Beyond so many leases a client works before it pulls more.
const HELD_MAX: usize = 30;
/// Documents of a push.
const PUSH: usize = 10;

/// A lease as a client knows it.
#[derive(Clone, Debug)]
struct Held {
    token: Vec<u8>,
    lease: LeaseId,
}

/// A hold that a client placed: on a debtor, or on one case.
struct Placed {
    event_id: String,
    case: i64,
    of_debtor: bool,
    /// When it was acknowledged.
    since: i64,
}

pub(super) struct Client {
    cases: CaseServiceClient<Channel>,
    lists: WorkListServiceClient<Channel>,
    run: Arc<Run>,
    dice: StdRng,
    name: String,
    /// Numbers pulls and events, so that each has a name of its own.
    named: u64,
    /// The cases that this client works on: those that all know, and those that it
    /// pushed itself.
    own: Vec<i64>,
    held: Vec<Held>,
    /// Leases left to expire or given back, and used all the same.
    left: VecDeque<Held>,
    placed: Vec<Placed>,
    /// Payments that may be taken back.
    paid: Vec<String>,
}

impl Client {
    /// A client that knows of some cases.
    pub(super) fn new(
        (number, seed): (u64, u64),
        channel: Channel,
        run: Arc<Run>,
        own: Vec<i64>,
    ) -> Client {
        Client {
            cases: CaseServiceClient::new(channel.clone()),
            lists: WorkListServiceClient::new(channel),
            run,
            dice: StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(number)),
            name: format!("w{number}"),
            named: 0,
            own,
            held: Vec::new(),
            left: VecDeque::new(),
            placed: Vec::new(),
            paid: Vec::new(),
        }
    }

    /// Works until as much is done as shall be.
    pub(super) async fn work(mut self) {
        self.push_new().await;
        while self.run.goes_on() {
            match self.dice.random_range(0..100) {
                0..5 => self.push_new().await,
                5..10 => self.push_again().await,
                10..22 => self.record().await,
                22..42 if self.held.len() < HELD_MAX => self.pull().await,
                42..56 if !self.held.is_empty() => self.renew().await,
                56..68 if !self.held.is_empty() => self.report().await,
                68..73 if !self.left.is_empty() => self.act_late().await,
                73..82 if !self.held.is_empty() => self.release().await,
                82..84 if !self.held.is_empty() => self.give_up(),
                84..100 => self.explain().await,
                _ => {}
            }
        }
        for placed in std::mem::take(&mut self.placed) {
            self.note_hold(&placed, i64::MAX);
        }
    }

    /// Pushes the cases that are there from the beginning and that all know.
    pub(super) async fn push_stock(mut self, count: u64) -> Vec<i64> {
        for _ in 0..count.div_ceil(PUSH as u64) {
            self.push_new().await;
        }
        self.own
    }

    fn next_name(&mut self) -> String {
        self.named += 1;
        format!("{}-{}", self.name, self.named)
    }

    /// A case that the client knows.
    fn any_case(&mut self) -> i64 {
        self.own[self.dice.random_range(0..self.own.len())]
    }

    async fn push_new(&mut self) {
        let numbers: Vec<i64> =
            (0..PUSH / 5).flat_map(|_| self.run.five_cases().collect::<Vec<_>>()).collect();
        self.push(&numbers).await;
        self.own.extend(numbers);
    }

    /// Newer documents of known cases; one in eight shows that nothing is overdue
    /// any more.
    async fn push_again(&mut self) {
        let numbers: Vec<i64> = (0..PUSH).map(|_| self.any_case()).collect();
        self.push(&numbers).await;
    }

    async fn push(&mut self, numbers: &[i64]) {
        let fresh = self.own.last() < numbers.first();
        let cases: Vec<_> = numbers.iter().map(|number| self.document(*number, fresh)).collect();
        let calls: Vec<u64> =
            numbers.iter().map(|case| self.run.invoke(Request::Push { case: *case })).collect();
        let request = proto::PushCasesRequest {
            portfolio_id: PORTFOLIO.to_owned(),
            cases,
            ..Default::default()
        };
        let answer = self.cases.push_cases(request).await.expect("a push is answered");
        for (call, result) in calls.into_iter().zip(answer.into_inner().results) {
            assert!(result.error.is_none(), "{result:?}");
            self.run.write(call, Step::Ok(Answer::Pushed));
        }
        self.run.count("documents", numbers.len());
    }

    fn document(&mut self, number: i64, fresh: bool) -> proto::CaseDocument {
        let closed = !fresh && self.dice.random_range(0..8) == 0;
        let amount = if closed { 0 } else { self.dice.random_range(10..20_000) };
        let month = self.dice.random_range(1..=12);
        let owns = [proto::Answer::Unspecified, proto::Answer::No, proto::Answer::Yes];
        let household = proto::HouseholdFacts {
            owns_home: owns[self.dice.random_range(0..3)].into(),
            ..Default::default()
        };
        proto::CaseDocument {
            debtor_id: format!("d{}", debtor_of(number)),
            overdue_amount: euro(amount),
            oldest_due_date: if closed { None } else { date(2025, month, 1) },
            household: Some(household),
            ..document(&format!("c{number}"))
        }
    }

    /// Has a case explained; the lines must add up to the score.
    async fn explain(&mut self) {
        let case = self.any_case();
        let request = proto::ExplainCaseRequest {
            portfolio_id: PORTFOLIO.to_owned(),
            case_id: format!("c{case}"),
            ..Default::default()
        };
        let answer = self.cases.explain_case(request).await.expect("it is explained").into_inner();
        let explanation = answer.explanation.expect("an answer has an explanation");
        let lines: i32 = explanation.lines.iter().map(|line| line.contribution).sum();
        let score = explanation.rank.as_ref().map(|rank| rank.recovery_score);
        let sum = explanation.base_points + lines + explanation.clamp_points;
        assert_eq!(Some(sum), score, "the lines of case {case} do not add up");
        self.run.count("explained", 1);
    }
}

/// The day it is, and days from it, as the contract writes them.
fn day_ahead(days: i64) -> Option<proto::Date> {
    let day = SystemClock.now().0.div_euclid(Micros::DAY) + days;
    let (year, month, day) = arrears::model::Day(i32::try_from(day).unwrap()).ymd();
    date(year, month as i32, day as i32)
}
