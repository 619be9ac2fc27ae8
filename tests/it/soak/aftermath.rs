//! What a soak left: everything is held against everything.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use arrears::engine::audit::verify_audit;
use arrears::engine::lease::{LeaseCommand, LeasedWork, WorkItem, lease_work};
use arrears::engine::record::{Event, EventKind, RecordCommand, record_events};
use arrears::engine::replay::replay_case;
use arrears::engine::{Caller, Engine};
use arrears::model::{
    CaseId, Clock, EventId, Micros, PortfolioId, SystemClock, TestClock, WorkListId, WorkerId,
};
use arrears::proto;
use futures::StreamExt;
use proto::case_service_client::CaseServiceClient;
use proto::work_list_service_client::WorkListServiceClient;
use rusqlite::Connection;
use tonic::transport::Channel;

use super::run::Evidence;
use super::{LIST, PORTFOLIO, numbered};
use crate::history::{Answer, Closing, Found, History, Place, Request, Rules, Step, check};
use crate::store::QueueLog;

/// Beyond every cap, cooling and lease.
const LONG: i64 = 15 * Micros::DAY;
/// Named pulls are remembered for so long.
const PULL_KEPT: i64 = 15 * Micros::MINUTE;
/// Cases computed anew at once.
const AT_ONCE: usize = 4;

/// What the service said of its cases before it was killed.
pub(super) struct Seen {
    /// Every case, and whether it has to come back: open, not held, not paid.
    cases: BTreeMap<i64, bool>,
    /// Cases that are not closed, and how many of them stand at each gate.
    open_count: i64,
    gate_counts: Vec<i64>,
}

impl Seen {
    pub(super) async fn ask(channel: Channel, portfolio_id: &str, work_list_id: &str) -> Seen {
        let mut client = CaseServiceClient::new(channel.clone());
        let (mut cases, mut open_count) = (BTreeMap::new(), 0);
        let mut page_token = String::new();
        loop {
            let request = proto::ListCasesRequest {
                portfolio_id: portfolio_id.to_owned(),
                page_size: 1_000,
                page_token,
                ..Default::default()
            };
            let page = client.list_cases(request).await.unwrap().into_inner();
            assert_eq!(page.unreadable_cases, []);
            cases.extend(page.cases.iter().map(|case| (numbered(&case.case_id), servable(case))));
            let open = |case: &&proto::Case| case.state() != proto::CaseState::Closed;
            open_count += page.cases.iter().filter(open).count() as i64;
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let request = proto::DescribeWorkListRequest {
            work_list_id: work_list_id.to_owned(),
            ..Default::default()
        };
        let mut lists = WorkListServiceClient::new(channel);
        let described = lists.describe_work_list(request).await.unwrap().into_inner();
        let gate_counts = described.gate_counts.iter().map(|count| count.case_count).collect();
        Seen { cases, open_count, gate_counts }
    }
}

fn servable(case: &proto::Case) -> bool {
    let owes = case.overdue_amount.as_ref().is_some_and(|owed| owed.units > 0 || owed.nanos > 0);
    case.state() == proto::CaseState::Open && owes && case.holds.is_empty()
}

/// Everything in which a run is broken. Takes the folder's cases out of the queue.
pub(super) async fn judge(data: &Path, evidence: Evidence, seen: &Seen) -> Vec<String> {
    let mut breaches = Vec::new();
    let numbers = database(data, &evidence.events, &mut breaches);
    breaches.extend(served_on_hold(&evidence));
    let clock = Arc::new(TestClock::new(SystemClock.now()));
    let desk = Desk {
        engine: Engine::open(data, clock.clone()).await.expect("the folder opens"),
        clock,
        caller: Caller::local(),
    };
    let drained = desk.drain().await;
    desk.replay(seen.cases.keys().copied(), &mut breaches).await;
    if let Err(error) = verify_audit(&desk.engine, &desk.caller).await {
        breaches.push(format!("the audit is broken: {error}"));
    }
    drop(desk);
    let history = history(data, evidence, seen, (&numbers, drained));
    // Draining moves the clock by weeks at a time.
    let rules =
        Rules { sweep_slack: 365 * Micros::DAY, pull_kept: Some(PULL_KEPT), ..Rules::default() };
    breaches.extend(check(&history, &rules).iter().map(ToString::to_string));
    breaches
}

/// What can be asked of the tables alone. Returns the service's number of each
/// case.
fn database(data: &Path, events: &[String], breaches: &mut Vec<String>) -> HashMap<i64, i64> {
    let file = Connection::open(data.join("arrears.db")).unwrap();
    let whole: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    if whole != "ok" {
        breaches.push(format!("the file is damaged: {whole}"));
    }
    let gaps = "SELECT h.case_no FROM case_head h LEFT JOIN case_event e \
        ON e.part = h.part AND e.case_no = h.case_no GROUP BY h.part, h.case_no \
        HAVING COUNT(e.case_seq) <> h.case_seq OR MAX(e.case_seq) <> h.case_seq";
    let mut statement = file.prepare(gaps).unwrap();
    let gaps = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
    breaches.extend(gaps.map(|case| format!("events are numbered with gaps: {case:?}")));
    let mut statement = file.prepare("SELECT event_id FROM event_key").unwrap();
    let stored = statement.query_map([], |row| row.get(0)).unwrap();
    let stored: HashSet<String> = stored.collect::<Result<_, _>>().unwrap();
    let lost = events.iter().filter(|event_id| !stored.contains(*event_id));
    breaches.extend(lost.map(|event_id| format!("event {event_id} was acknowledged and is lost")));
    let mut statement = file.prepare("SELECT case_id, case_no FROM loan_case").unwrap();
    let numbers = statement
        .query_map([], |row| Ok((numbered(&row.get::<_, String>(0)?), row.get(1)?)))
        .unwrap();
    numbers.collect::<Result<_, _>>().unwrap()
}

/// Grants, as asked for and answered, of debtors who were on hold all the while.
fn served_on_hold(evidence: &Evidence) -> Vec<String> {
    let mut holds: HashMap<i64, Vec<(i64, i64)>> = HashMap::new();
    for (debtor, from, until) in &evidence.holds {
        holds.entry(*debtor).or_default().push((*from, *until));
    }
    let mut asked: HashMap<u64, i64> = HashMap::new();
    let mut names: HashSet<&str> = HashSet::new();
    let mut breaches = Vec::new();
    for record in &evidence.records {
        match &record.step {
            // A pull asked for again answers with what is held of the first.
            Step::Invoke(Request::Lease { request_id: Some(name), .. }) if names.insert(name) => {
                asked.insert(record.call, record.time);
            }
            Step::Ok(Answer::Leased(grants)) => {
                let Some(asked) = asked.remove(&record.call) else { continue };
                for debtor in grants.iter().map(|grant| grant.debtor) {
                    let held = holds.get(&debtor).into_iter().flatten();
                    let on_hold =
                        |(from, until): &&(i64, i64)| *from <= asked && record.time <= *until;
                    if held.clone().any(|hold| on_hold(&hold)) {
                        breaches
                            .push(format!("debtor {debtor} was served at {asked} while on hold"));
                    }
                }
            }
            _ => {}
        }
    }
    breaches
}

/// All that clients, tables and the service say, by the service's numbers.
fn history(
    data: &Path,
    evidence: Evidence,
    seen: &Seen,
    (numbers, drained): (&HashMap<i64, i64>, Vec<i64>),
) -> History {
    // A case without a row has no number; it shall be told apart from all others.
    let number = |case: &i64| numbers.get(case).copied().unwrap_or(-1 - case);
    let mut records = evidence.records;
    for record in &mut records {
        if let Step::Invoke(Request::Push { case }) = &mut record.step {
            *case = number(case);
        }
    }
    let found = |(case, servable): (&i64, &bool)| Found {
        case: number(case),
        // Everything that was ready is served, paid and waits.
        place: Place::Waiting,
        servable: *servable,
    };
    let closing = Closing {
        found: seen.cases.iter().map(found).collect(),
        drained,
        gate_counts: seen.gate_counts.clone(),
        case_count: seen.open_count,
    };
    let mut history = History { records, closing: Some(closing), ..History::default() };
    let claims = QueueLog::open(data).read_into(&mut history);
    assert!(claims.chose > 100, "only {} claims had a choice", claims.chose);
    history
}

/// The service over what is left, in this process and with a clock of its own.
struct Desk {
    engine: Arc<Engine>,
    clock: Arc<TestClock>,
    caller: Caller,
}

impl Desk {
    /// Serves all there is; what was served is paid and does not come back.
    async fn drain(&self) -> Vec<i64> {
        let mut drained = Vec::new();
        loop {
            self.clock.advance(LONG);
            // A row that cannot be read is told and left where it is.
            let _ = self.engine.sweep().await;
            let _ = self.engine.review().await;
            let before = drained.len();
            loop {
                let work = self.lease().await;
                if work.items.is_empty() {
                    break;
                }
                drained.extend(work.items.iter().map(|item| item.token.case_no));
                self.pay(&work).await;
            }
            if drained.len() == before {
                return drained;
            }
        }
    }

    async fn lease(&self) -> LeasedWork {
        let command = LeaseCommand {
            work_list_id: WorkListId::new(LIST).unwrap(),
            worker_id: WorkerId::new("judge").unwrap(),
            max_items: 500,
            lease_duration: Micros::HOUR,
            wait: 0,
            request_id: None,
            take: None,
            language: None,
        };
        lease_work(&self.engine, &self.caller, command).await.expect("a pull is answered")
    }

    async fn pay(&self, work: &LeasedWork) {
        self.clock.advance(Micros::SECOND);
        let event_time = self.clock.now();
        let payment = |item: &WorkItem| {
            let owed = item.lead_case.overdue_amount_minor.expect("amounts are shown");
            let name = format!("paid-{}-{}", item.token.case_no, item.token.lease_seq);
            let shares = vec![(item.lead_case.case_id.clone(), owed)];
            let event_id = EventId::new(name).unwrap();
            Ok(Event { event_id, event_time, kind: EventKind::Payment { shares } })
        };
        let events = work.items.iter().map(payment).collect();
        let command = RecordCommand { portfolio_id: PortfolioId::new(PORTFOLIO).unwrap(), events };
        let results = record_events(&self.engine, &self.caller, command).await;
        let results = results.expect("events are answered");
        assert!(results.iter().all(|result| result.recorded == Ok(true)), "{results:?}");
    }

    /// Computes every case anew from its events.
    async fn replay(&self, cases: impl Iterator<Item = i64>, breaches: &mut Vec<String>) {
        let one = |case: i64| async move {
            let portfolio_id = PortfolioId::new(PORTFOLIO).unwrap();
            let case_id = CaseId::new(format!("c{case}")).unwrap();
            match replay_case(&self.engine, &self.caller, portfolio_id, case_id).await {
                Ok(replay) => replay.differences(),
                Err(error) => vec![error.to_string()],
            }
            .into_iter()
            .map(|text| format!("case c{case}, computed anew: {text}"))
            .collect::<Vec<_>>()
        };
        let mut replays = futures::stream::iter(cases.map(one)).buffer_unordered(AT_ONCE);
        while let Some(differences) = replays.next().await {
            breaches.extend(differences);
        }
    }
}
