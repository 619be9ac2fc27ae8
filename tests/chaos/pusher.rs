//! A loan system: new cases where there is too little work, newer documents of the
//! others, over and over until they are acknowledged.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrears::proto;
use arrears::proto::case_service_client::CaseServiceClient;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;

use crate::client::{Client, answer};
use crate::history::{Answer, Request, Step};
use crate::world::{PORTFOLIO, World, debtor_of};

/// New cases of a push; all cases of a debtor come together.
const NEW: i64 = 30;
/// Known cases of a push.
const KNOWN: usize = 8;
/// How often a push is tried.
const TRIES: usize = 6;

/// Somebody who pushes.
pub(crate) struct Pusher {
    pub(crate) client: Client,
    pub(crate) world: Arc<World>,
    pub(crate) rng: StdRng,
}

impl Pusher {
    /// Pushes until the clients shall end.
    pub(crate) async fn run(mut self) {
        while !self.world.stop.is_cancelled() {
            let mut cases = self.some_known();
            if self.world.hungry.swap(false, Ordering::SeqCst) {
                let first = self.world.next_case.fetch_add(NEW, Ordering::SeqCst);
                cases.extend(first..first + NEW);
            }
            self.push(cases).await;
            self.world.pause().await;
        }
    }

    fn some_known(&mut self) -> BTreeSet<i64> {
        let known = self.world.known();
        let all = known.cases.keys().copied().sample(&mut self.rng, KNOWN / 2);
        let held = known.held.keys().map(|lease| lease.case).sample(&mut self.rng, KNOWN / 2);
        all.into_iter().chain(held).collect()
    }

    /// Pushes the cases that are being worked.
    pub(crate) async fn push_held(mut self) {
        let held: BTreeSet<i64> = self.world.known().held.keys().map(|lease| lease.case).collect();
        self.push(held).await;
    }

    /// Pushes newer documents of cases until that is acknowledged.
    async fn push(&mut self, cases: BTreeSet<i64>) {
        if cases.is_empty() {
            return;
        }
        let sequence = self.world.next_sequence.fetch_add(1, Ordering::SeqCst);
        for case in &cases {
            self.world.known().cases.entry(*case).or_default();
        }
        for _ in 0..TRIES {
            let calls: Vec<_> =
                cases.iter().map(|case| self.world.invoke(Request::Push { case: *case })).collect();
            let request = proto::PushCasesRequest {
                portfolio_id: PORTFOLIO.to_owned(),
                cases: cases.iter().map(|case| document(*case, sequence)).collect(),
                ..Default::default()
            };
            let mut client = CaseServiceClient::new(self.client.any(&mut self.rng));
            match answer(&self.world, client.push_cases(request)).await {
                Ok(answer) => {
                    let results = answer.results.iter().zip(calls).zip(&cases);
                    for ((result, call), case) in results {
                        self.world.end(call, self.acknowledged(result, *case, sequence));
                    }
                    return;
                }
                Err(step) => {
                    for call in calls {
                        self.world.end(call, step.clone());
                    }
                    self.world.pause().await;
                }
            }
        }
    }

    fn acknowledged(&self, result: &proto::PushResult, case: i64, sequence: i64) -> Step {
        if result.disposition() == proto::PushDisposition::Rejected {
            self.world.note_odd(format!("a document was rejected: {result:?}"));
            return Step::Fail(format!("{result:?}"));
        }
        let mut known = self.world.known();
        let newest = known.cases.entry(case).or_default();
        *newest = (*newest).max(Some(sequence));
        Step::Ok(Answer::Pushed)
    }
}

/// A document of a case.
pub(crate) fn document(case: i64, sequence: i64) -> proto::CaseDocument {
    let units = 500 + case * 37 % 4_000 + sequence % 100;
    proto::CaseDocument {
        case_id: format!("c{case}"),
        debtor_id: format!("d{}", debtor_of(case)),
        source_sequence: Some(sequence),
        overdue_amount: euro(units),
        oldest_due_date: Some(proto::Date { year: 2026, month: 1, day: 1 }),
        ..Default::default()
    }
}

/// An amount.
pub(crate) fn euro(units: i64) -> Option<proto::Money> {
    Some(proto::Money { currency_code: "EUR".to_owned(), units, nanos: 0 })
}
