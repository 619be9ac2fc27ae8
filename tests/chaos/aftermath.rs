//! What is found when the chaos is over: everything that was acknowledged, once.

use std::collections::BTreeMap;

use arrears::proto;

use crate::client::Client;
use crate::cluster::Cluster;
use crate::dialer::report_of;
use crate::history::{Closing, Found, LeaseId, Place};
use crate::world::{LIST, PORTFOLIO, World, number};

/// How many are asked for at once.
const CHUNK: usize = 500;
/// How many cases are looked at one by one.
const ONE_BY_ONE: usize = 100;

/// Leases of each debtor that counted as an attempt.
const ATTEMPTED: &str = "SELECT d.debtor_id, count(*) FROM lease l JOIN debtor d \
    ON d.part = l.part AND d.debtor_no = l.debtor_no WHERE l.end_kind <> 2 GROUP BY d.debtor_id";

/// What was found.
pub(crate) struct Aftermath {
    pub(crate) problems: Vec<String>,
    pub(crate) closing: Closing,
    /// The most attempts that each debtor can have had, and the least.
    granted: BTreeMap<i64, i64>,
    acknowledged: BTreeMap<i64, i64>,
}

impl Aftermath {
    /// Asks a server for all that was acknowledged.
    pub(crate) async fn read(client: &Client, world: &World, cluster: &Cluster) -> Aftermath {
        let granted = cluster.counts(ATTEMPTED).await;
        let mut after = Aftermath {
            problems: Vec::new(),
            closing: Closing::default(),
            granted: granted.into_iter().map(|(debtor, count)| (number(&debtor), count)).collect(),
            acknowledged: acknowledged(world),
        };
        after.cases(client, world).await;
        after.explained(client, world).await;
        after.reports(client, world).await;
        after.events(client, world).await;
        after.counts(client).await;
        after
    }

    /// Every case, with a document at least as new as the newest acknowledged, and every
    /// payment at most once.
    async fn cases(&mut self, client: &Client, world: &World) {
        let known = world.known().cases.clone();
        let mut page_token = String::new();
        loop {
            let request = proto::ListCasesRequest {
                portfolio_id: PORTFOLIO.to_owned(),
                page_size: 1_000,
                page_token,
                view: proto::View::Full.into(),
                ..Default::default()
            };
            let page = client.cases().list_cases(request).await.unwrap().into_inner();
            if !page.unreadable_cases.is_empty() {
                self.problems.push(format!("not readable: {:?}", page.unreadable_cases));
            }
            for case in page.cases {
                let case_no = number(&case.case_id);
                let stored = case.document.as_ref().and_then(|document| document.source_sequence);
                let newest = known.get(&case_no).copied().flatten();
                if stored < newest {
                    let text = format!("case {case_no}: {stored:?} is stored, {newest:?} was told");
                    self.problems.push(text);
                }
                let mut ids: Vec<&str> =
                    case.payments.iter().map(|payment| payment.event_id.as_str()).collect();
                ids.sort_unstable();
                if ids.windows(2).any(|pair| pair[0] == pair[1]) {
                    self.problems.push(format!("case {case_no} has a payment twice: {ids:?}"));
                }
                let found = Found { case: case_no, place: Place::Waiting, servable: true };
                self.closing.found.push(found);
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return;
            }
        }
    }

    /// Some cases are got and explained one by one.
    async fn explained(&mut self, client: &Client, world: &World) {
        let known = world.known().cases.clone();
        let acknowledged = known.into_iter().filter(|(_, sequence)| sequence.is_some());
        let step = self.closing.found.len() / ONE_BY_ONE + 1;
        for (case, _) in acknowledged.step_by(step) {
            let (portfolio_id, case_id) = (PORTFOLIO.to_owned(), format!("c{case}"));
            let request = proto::GetCaseRequest {
                portfolio_id: portfolio_id.clone(),
                case_id: case_id.clone(),
            };
            let got = client.cases().get_case(request).await;
            let request = proto::ExplainCaseRequest { portfolio_id, case_id, ..Default::default() };
            let explained = client.cases().explain_case(request).await;
            if let Some(status) = got.err().or(explained.err()) {
                self.problems.push(format!("case {case}: {status}"));
            }
        }
    }

    /// Every acknowledged report is known.
    async fn reports(&mut self, client: &Client, world: &World) {
        let known: Vec<(LeaseId, Vec<u8>)> = {
            let known = world.known();
            known.reports.iter().map(|(lease, (token, _))| (*lease, token.clone())).collect()
        };
        for chunk in known.chunks(CHUNK) {
            let outcomes = chunk.iter().map(|(_, token)| report_of(token)).collect();
            let request = proto::ReportOutcomesRequest { outcomes };
            let answer = client.work_lists().report_outcomes(request).await.unwrap().into_inner();
            for ((lease, _), result) in chunk.iter().zip(answer.results) {
                if result.disposition() != proto::OutcomeDisposition::Duplicate {
                    self.problems.push(format!("the report on {lease:?} was lost: {result:?}"));
                }
            }
        }
    }

    /// Every acknowledged payment is known.
    async fn events(&mut self, client: &Client, world: &World) {
        let known: Vec<proto::Event> = world.known().payments.values().cloned().collect();
        for chunk in known.chunks(CHUNK) {
            let request = proto::RecordEventsRequest {
                portfolio_id: PORTFOLIO.to_owned(),
                events: chunk.to_vec(),
            };
            let answer = client.cases().record_events(request).await.unwrap().into_inner();
            let lost = answer
                .results
                .into_iter()
                .filter(|result| result.disposition() != proto::EventDisposition::Duplicate);
            self.problems.extend(lost.map(|result| format!("a payment was lost: {result:?}")));
        }
    }

    async fn counts(&mut self, client: &Client) {
        let request = proto::DescribeWorkListRequest { work_list_id: LIST.to_owned(), case: None };
        let told = client.work_lists().describe_work_list(request).await.unwrap().into_inner();
        self.closing.gate_counts = told.gate_counts.iter().map(|gate| gate.case_count).collect();
        self.closing.case_count = told.case_count;
    }

    /// Holds counted attempts against what was granted, and against what was
    /// acknowledged.
    pub(crate) fn attempts(&self, counted: &BTreeMap<i64, i64>) -> Vec<String> {
        let mut problems = Vec::new();
        for (debtor, count) in counted {
            let granted = self.granted.get(debtor).copied().unwrap_or(0);
            let least = self.acknowledged.get(debtor).copied().unwrap_or(0);
            if *count > granted || *count < least {
                problems.push(format!(
                    "debtor {debtor} was attempted {count} times: {granted} leases counted, \
                     {least} were acknowledged"
                ));
            }
        }
        problems
    }
}

/// Attempts that were acknowledged, by debtor.
fn acknowledged(world: &World) -> BTreeMap<i64, i64> {
    let known = world.known();
    let reported = known.reports.values().map(|(_, debtor)| debtor);
    let mut counts = BTreeMap::new();
    for debtor in reported.chain(known.dialled.values()) {
        *counts.entry(*debtor).or_default() += 1;
    }
    counts
}
