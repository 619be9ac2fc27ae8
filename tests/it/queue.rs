//! The queue through the engine, in process: a temporary folder, a clock that
//! stands still until it is moved, no background work but what a test asks for.

mod against_model;
mod fill;
mod gate;
mod grants;
mod lists;
mod mishaps;
mod outcomes;
mod overload;
mod rights;
mod routes;
mod settings;
mod take;
mod waiting;
mod workers;
mod zones;

use std::sync::Arc;

use arrears::engine::lease::{
    Directive, LeaseCommand, LeaseToken, LeasedWork, Outcome, ReportCommand, ReportDisposition,
    ReportResult, WorkItem, lease_work, release_leases, renew_leases,
};
use arrears::engine::portfolio::create_portfolio;
use arrears::engine::push::{Document, PushCommand, PushResult, push_cases};
use arrears::engine::record::{Event, EventKind, HoldTarget, RecordCommand, record_events};
use arrears::engine::report::report_outcomes;
use arrears::engine::work_list::{WorkListDescription, create_work_list, describe_work_list};
use arrears::engine::{Caller, Engine, Error, ItemError};
use arrears::model::{
    ActivationApproval, CaseId, Clock, ContactPolicy, Currency, Day, DayHours, DebtorId, EventId,
    Facts, Gate, HoldKind, Micros, OldLedgerRule, PlainPolicy, PortfolioId, PortfolioSettings,
    RankingSettings, RequestId, TestClock, WorkListId, WorkListSettings, WorkerId,
};

use crate::support::{TestDatabase, only_on_sqlite};

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 86_400_000_000;
/// 08:00 on a Friday.
const START: i64 = 20_000 * DAY + DAY / 3;

/// A service with one portfolio `p` and one work list `l` over everything.
struct Desk {
    engine: Arc<Engine>,
    clock: Arc<TestClock>,
    caller: Caller,
    /// Raised with every document and event, so that each is newer than the last.
    stamp: i64,
    events: usize,
    database: TestDatabase,
}

fn id<T>(made: Result<T, arrears::model::InvalidId>) -> T {
    made.expect("the ids of tests are well formed")
}

fn portfolio(name: &str) -> PortfolioId {
    id(PortfolioId::new(name))
}

fn case(name: &str) -> CaseId {
    id(CaseId::new(name))
}

fn list(name: &str) -> WorkListId {
    id(WorkListId::new(name))
}

/// Contact at every hour, one attempt a day and three a week.
fn around_the_clock() -> ContactPolicy {
    let day = |weekday| DayHours { weekday, start_minute: 0, end_minute: 1_440 };
    ContactPolicy::Plain(PlainPolicy {
        hours: (1..=7).map(day).collect(),
        attempts_per_day: 1,
        attempts_per_week: 3,
    })
}

fn settings(contact_policy: ContactPolicy) -> PortfolioSettings {
    PortfolioSettings {
        display_name: String::new(),
        time_zone: "Etc/UTC".to_owned(),
        base_currency: Currency::from_code("EUR").expect("EUR is a currency"),
        ranking: RankingSettings {
            default_language: "en".to_owned(),
            ..RankingSettings::default()
        },
        contact_policy,
        max_ledger_age_hours: 0,
        old_ledger_rule: OldLedgerRule::Deny,
        activation_approval: ActivationApproval::default(),
    }
}

fn everything() -> WorkListSettings {
    WorkListSettings {
        display_name: String::new(),
        portfolio_ids: Vec::new(),
        groups: Vec::new(),
        stages: Vec::new(),
        languages: Vec::new(),
        routes: Vec::new(),
        reserved_share_permille: 100,
    }
}

/// A pull of `l` by worker `w` for five minutes that does not wait.
fn pull(max_items: usize) -> LeaseCommand {
    LeaseCommand {
        work_list_id: list("l"),
        worker_id: id(WorkerId::new("w")),
        max_items,
        lease_duration: 5 * MINUTE,
        wait: 0,
        request_id: None,
        take: None,
        language: None,
    }
}

fn named(max_items: usize, request_id: &str) -> LeaseCommand {
    LeaseCommand { request_id: Some(id(RequestId::new(request_id))), ..pull(max_items) }
}

impl Desk {
    async fn open() -> Desk {
        Desk::with_policy(around_the_clock()).await
    }

    async fn with_policy(contact_policy: ContactPolicy) -> Desk {
        let database = TestDatabase::new();
        let clock = Arc::new(TestClock::new(Micros(START)));
        let engine =
            Engine::open_spreading(database.location(), clock.clone(), crate::support::buckets())
                .await
                .expect("a new database opens");
        let desk =
            Desk { engine, clock, caller: Caller::local(), stamp: START, events: 0, database };
        desk.portfolio("p", settings(contact_policy)).await;
        create_work_list(&desk.engine, &desk.caller, list("l"), everything())
            .await
            .expect("the list is new");
        desk
    }

    async fn portfolio(&self, name: &str, settings: PortfolioSettings) {
        create_portfolio(&self.engine, &self.caller, portfolio(name), settings)
            .await
            .expect("the portfolio is new");
    }

    fn now(&self) -> i64 {
        self.engine.now().0
    }

    /// An instant after every earlier one and not before now.
    fn stamp(&mut self) -> Micros {
        self.stamp = (self.stamp + 1).max(self.now());
        Micros(self.stamp)
    }

    /// A document of a case of portfolio `p`, overdue for 40 days.
    async fn push(&mut self, case_id: &str, debtor: &str, amount: i64) -> PushResult {
        self.push_to("p", (case_id, debtor, amount)).await
    }

    async fn push_to(&mut self, to: &str, document: (&str, &str, i64)) -> PushResult {
        let (case_id, debtor, amount) = document;
        let document = Document {
            case_id: case(case_id),
            debtor_id: id(DebtorId::new(debtor)),
            source_sequence: None,
            as_of: self.stamp(),
            facts: Facts {
                overdue_amount_minor: amount,
                oldest_due_date: (amount > 0).then_some(Day(20_000 - 40)),
                ..Facts::default()
            },
        };
        let command = PushCommand {
            portfolio_id: portfolio(to),
            documents: vec![Ok(document)],
            atomic: false,
            validate_only: false,
        };
        let mut results =
            push_cases(&self.engine, &self.caller, command).await.expect("a push is answered");
        results.pop().expect("one document has one result")
    }

    /// Many cases at once, each of a debtor of its own.
    async fn push_many(&mut self, count: usize) {
        let as_of = self.stamp();
        let document = |number| Document {
            case_id: case(&format!("c{number}")),
            debtor_id: id(DebtorId::new(format!("d{number}"))),
            source_sequence: None,
            as_of,
            facts: Facts {
                overdue_amount_minor: 10_000 + 10 * number as i64,
                oldest_due_date: Some(Day(20_000 - 1 - (number % 150) as i32)),
                ..Facts::default()
            },
        };
        let command = PushCommand {
            portfolio_id: portfolio("p"),
            documents: (0..count).map(|number| Ok(document(number))).collect(),
            atomic: true,
            validate_only: false,
        };
        push_cases(&self.engine, &self.caller, command).await.expect("a push is answered");
    }

    async fn record(&mut self, kind: EventKind) {
        self.events += 1;
        let event = Event {
            event_id: id(EventId::new(format!("e{}", self.events))),
            event_time: self.stamp(),
            kind,
        };
        let command = RecordCommand { portfolio_id: portfolio("p"), events: vec![Ok(event)] };
        let results = record_events(&self.engine, &self.caller, command).await;
        let result = results.expect("events are answered").pop().expect("one event, one result");
        assert_eq!(result.recorded, Ok(true));
    }

    async fn pay(&mut self, case_id: &str, amount: i64) {
        self.record(EventKind::Payment { shares: vec![(case(case_id), amount)] }).await;
    }

    async fn hold(&mut self, debtor: &str) {
        let target = HoldTarget::Debtor(id(DebtorId::new(debtor)));
        self.record(held(target, HoldKind::Complaint)).await;
    }

    async fn lease(&self, command: LeaseCommand) -> LeasedWork {
        lease_work(&self.engine, &self.caller, command).await.expect("a pull is answered")
    }

    /// Leases one case, which must be there.
    async fn one(&self) -> WorkItem {
        let mut work = self.lease(pull(1)).await;
        work.items.pop().expect("a case is ready")
    }

    async fn renew(&self, token: LeaseToken) -> Result<Directive, ItemError> {
        let renewed = renew_leases(&self.engine, &self.caller, vec![Ok(token)], 5 * MINUTE).await;
        renewed.expect("a renewal is answered").pop().expect("one token, one renewal")
    }

    async fn release(&self, token: LeaseToken, not_dialled: bool) -> Result<(), ItemError> {
        let releases = vec![(Ok(token), not_dialled)];
        let released = release_leases(&self.engine, &self.caller, releases).await;
        released.expect("a release is answered").pop().expect("one token, one result")
    }

    async fn report(&self, token: LeaseToken, code: &str) -> Result<ReportDisposition, ItemError> {
        self.report_outcome(outcome(token, code)).await.disposition
    }

    async fn report_outcome(&self, outcome: Outcome) -> ReportResult {
        let command = ReportCommand { outcomes: vec![Ok(outcome)] };
        let results = report_outcomes(&self.engine, &self.caller, command).await;
        results.expect("a report is answered").pop().expect("one outcome, one result")
    }

    async fn describe(&self, asked: Option<&str>) -> WorkListDescription {
        let asked = asked.map(|name| (portfolio("p"), case(name)));
        describe_work_list(&self.engine, &self.caller, list("l"), asked)
            .await
            .expect("the list is stored")
    }

    /// Every gate that a case fails, or `Ready`.
    async fn gates(&self, case_id: &str) -> Vec<Gate> {
        let description = self.describe(Some(case_id)).await;
        description.failing_gates.iter().map(|failing| failing.gate).collect()
    }

    /// Moves the clock and lets everything happen that time brings.
    async fn advance(&self, micros: i64) {
        self.clock.advance(micros);
        self.engine.sweep().await.expect("a sweep runs");
        self.engine.review().await.expect("the roll-over runs");
    }
}

/// A hold until it is lifted.
fn held(target: HoldTarget, kind: HoldKind) -> EventKind {
    EventKind::Hold { target, kind, until: None, evidence_reference: String::new() }
}

fn outcome(token: LeaseToken, code: &str) -> Outcome {
    Outcome {
        token,
        outcome_code: code.to_owned(),
        contact_time: None,
        promise: None,
        cases: Vec::new(),
    }
}

fn ids(work: &LeasedWork) -> Vec<&str> {
    work.items.iter().map(|item| item.lead_case.case_id.as_str()).collect()
}
