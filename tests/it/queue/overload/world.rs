//! The debtors and what they do, drawn from a fixed seed.

use std::collections::{BTreeMap, BTreeSet};

use arrears::engine::lease::Promised;
use arrears::engine::read::{ListCasesQuery, list_cases};
use arrears::model::{CaseState, Input, Inputs};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::super::*;

/// The cases at the beginning: five days' capacity, and a tenth for those that
/// rest after an attempt.
const CASES: i64 = 3_900;
/// Documents of one push.
const CHUNK: usize = 1_000;

pub(super) struct World {
    rng: StdRng,
    /// What every case owes; paid ones leave in the next night.
    owed: BTreeMap<i64, i64>,
    paid: BTreeSet<i64>,
    next: i64,
    /// Who promised for which day.
    promises: BTreeMap<Day, Vec<i64>>,
}

impl World {
    pub(super) fn new() -> World {
        World {
            rng: StdRng::seed_from_u64(30),
            owed: BTreeMap::new(),
            paid: BTreeSet::new(),
            next: 1,
            promises: BTreeMap::new(),
        }
    }

    pub(super) fn minute(&mut self) -> i64 {
        self.rng.random_range(5..60)
    }

    fn today(desk: &Desk) -> Day {
        Day((desk.now() / DAY) as i32)
    }

    /// The night's file: who has paid is closed, and as many new cases come.
    pub(super) async fn night(&mut self, desk: &mut Desk) {
        let today = World::today(desk);
        let mut documents: Vec<(i64, Facts)> = std::mem::take(&mut self.paid)
            .into_iter()
            .map(|case| (case, Facts { overdue_amount_minor: 0, ..Facts::default() }))
            .collect();
        for case in documents.iter().map(|(case, _)| *case) {
            self.owed.remove(&case);
        }
        while (self.owed.len() as i64) < CASES {
            let amount = 10_f64.powf(self.rng.random_range(3.0..7.0)) as i64;
            let days = self.rng.random_range(1..400);
            documents.push((self.next, facts(amount, today.plus(-days))));
            self.owed.insert(self.next, amount);
            self.next += 1;
        }
        self.push(desk, documents).await;
        self.pay(desk, today).await;
    }

    /// One or two cases that nothing is more pressing than: a large amount, days
    /// before the next stage, and assets on the move.
    pub(super) async fn fresh(&mut self, desk: &mut Desk) -> Vec<i64> {
        let today = World::today(desk);
        let mut documents = Vec::new();
        for _ in 0..self.rng.random_range(1..3) {
            if debtor_of(self.next) != self.next {
                self.next += 1;
            }
            let mut facts = facts(9_000_000, today.plus(-58));
            let mut inputs = Inputs::new();
            inputs.set(Input::AssetFlightRisk, 3);
            facts.inputs = inputs;
            documents.push((self.next, facts));
            self.owed.insert(self.next, 9_000_000);
            self.next += 1;
        }
        let cases = documents.iter().map(|(case, _)| *case).collect();
        self.push(desk, documents).await;
        cases
    }

    async fn push(&mut self, desk: &mut Desk, documents: Vec<(i64, Facts)>) {
        let as_of = desk.stamp();
        let document = |(number, facts): &(i64, Facts)| {
            let debtor = debtor_of(*number);
            Ok(Document {
                case_id: case(&format!("c{number}")),
                debtor_id: id(DebtorId::new(format!("d{debtor}"))),
                source_sequence: None,
                as_of,
                facts: facts.clone(),
            })
        };
        for chunk in documents.chunks(CHUNK) {
            let command = PushCommand {
                portfolio_id: portfolio("p"),
                documents: chunk.iter().map(document).collect(),
                atomic: true,
                validate_only: false,
            };
            push_cases(&desk.engine, &desk.caller, command).await.expect("a push is answered");
        }
    }

    /// Half of those who promised for today pay, and a few others.
    async fn pay(&mut self, desk: &mut Desk, today: Day) {
        let mut payers: BTreeSet<i64> = BTreeSet::new();
        for case in self.promises.remove(&today).unwrap_or_default() {
            if self.rng.random_bool(0.5) {
                payers.insert(case);
            }
        }
        let others: Vec<i64> = self.owed.keys().copied().collect();
        for _ in 0..10 {
            payers.insert(others[self.rng.random_range(0..others.len())]);
        }
        for number in payers {
            let Some(owed) = self.owed.get(&number).copied() else { continue };
            if self.paid.insert(number) {
                desk.pay(&format!("c{number}"), owed).await;
            }
        }
    }

    /// The open cases of the tenth with the highest priority.
    pub(super) async fn top_tenth(&self, desk: &Desk) -> BTreeSet<i64> {
        let mut open: Vec<(i32, i64)> = Vec::new();
        let mut page_token = String::new();
        loop {
            let query = ListCasesQuery {
                portfolio_id: portfolio("p"),
                page_size: 1_000,
                page_token,
                states: vec![CaseState::Open],
                groups: Vec::new(),
                stages: Vec::new(),
                arms: Vec::new(),
                routes: Vec::new(),
                debtor_id: None,
                full: false,
            };
            let listed = list_cases(&desk.engine, &desk.caller, query).await;
            let (listed, next) = listed.expect("the portfolio is stored");
            let ranked = listed
                .iter()
                .map(|listed| listed.read.as_ref().expect("nothing is damaged"))
                .filter_map(|view| Some((view.rank?.priority, number(view.case_id.as_str()))));
            open.extend(ranked);
            if next.is_empty() {
                break;
            }
            page_token = next;
        }
        open.sort_by_key(|(priority, case)| (-priority, *case));
        open.truncate(open.len() / 10);
        open.into_iter().map(|(_, case)| case).collect()
    }

    /// Reports on all of a pull: mostly nobody answers.
    pub(super) async fn report(&mut self, desk: &Desk, work: &LeasedWork) {
        let promised = World::today(desk).plus(3);
        let outcomes = work.items.iter().map(|item| {
            let code = match self.rng.random_range(0..100) {
                0..70 => "no_answer",
                70..80 => "busy",
                80..88 => "voicemail",
                88..92 => "callback",
                92..95 => "contacted",
                95..99 => "promise",
                _ => "refusal",
            };
            let promise = (code == "promise").then_some(Promised { amount: None, date: promised });
            if promise.is_some() {
                self.promises
                    .entry(promised)
                    .or_default()
                    .push(number(item.lead_case.case_id.as_str()));
            }
            Ok(Outcome { promise, ..outcome(item.token, code) })
        });
        let command = ReportCommand { outcomes: outcomes.collect() };
        let results = report_outcomes(&desk.engine, &desk.caller, command).await;
        for result in results.expect("reports are answered") {
            assert_eq!(result.disposition, Ok(ReportDisposition::Accepted));
        }
    }
}

/// Of a case, by its id.
pub(super) fn number(case_id: &str) -> i64 {
    case_id[1..].parse().expect("names end in numbers")
}

/// Of twenty cases the last belongs to the debtor of the one before.
fn debtor_of(case: i64) -> i64 {
    if case % 20 == 19 { case - 1 } else { case }
}

fn facts(amount: i64, due: Day) -> Facts {
    Facts { overdue_amount_minor: amount, oldest_due_date: Some(due), ..Facts::default() }
}
