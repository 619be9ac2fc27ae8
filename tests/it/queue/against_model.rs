//! The engine and the model of the queue are told the same and must answer alike.

use std::collections::BTreeMap;

use arrears::engine::read::{ListCasesQuery, get_case, list_cases};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::*;
use crate::history::Disposition;
use crate::queue_model::{self, Granted, Lease, Model, Queue, Refusal, Renewal, commands, drive};

/// `no_answer` of the shipped outcome table.
const COOLING: i64 = 240 * MINUTE;

struct Real {
    runtime: Runtime,
    desk: Desk,
    tokens: BTreeMap<Lease, LeaseToken>,
    debtors: BTreeMap<u8, u8>,
    /// What each case owes; nothing once it is paid.
    owed: BTreeMap<u8, i64>,
}

impl Real {
    fn new() -> Real {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let desk = runtime.block_on(Desk::open());
        let (tokens, debtors, owed) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Real { runtime, desk, tokens, debtors, owed }
    }

    fn case_of(&self, debtor: u8) -> u8 {
        let known = self.debtors.iter().find(|(_, other)| **other == debtor);
        *known.expect("a case of the debtor was pushed").0
    }
}

fn name(case: u8) -> String {
    format!("c{case}")
}

fn refusal(error: &ItemError) -> Refusal {
    match error {
        ItemError::LeaseExpired(_) => Refusal::Expired,
        ItemError::LeaseSuperseded => Refusal::Superseded,
        ItemError::ReportAlreadyExists => Refusal::ReportExists,
        other => panic!("{other}"),
    }
}

impl Queue for Real {
    fn push(&mut self, case: u8, debtor: u8, amount: i64) -> i32 {
        self.debtors.insert(case, debtor);
        self.owed.insert(case, amount);
        let (case_id, debtor_id) = (name(case), format!("d{debtor}"));
        let result = self.runtime.block_on(self.desk.push(&case_id, &debtor_id, amount));
        assert!(result.disposition.is_ok(), "{result:?}");
        result.rank.map_or(0, |rank| rank.priority)
    }

    fn pay(&mut self, case: u8) {
        let owed = self.owed.insert(case, 0).unwrap_or(0);
        if owed > 0 {
            self.runtime.block_on(self.desk.pay(&name(case), owed));
        }
    }

    fn hold(&mut self, debtor: u8) {
        self.runtime.block_on(self.desk.hold(&format!("d{debtor}")));
    }

    fn lift(&mut self, debtor: u8) {
        let case_id = case(&name(self.case_of(debtor)));
        let desk = &mut self.desk;
        self.runtime.block_on(async {
            let view = get_case(&desk.engine, &desk.caller, portfolio("p"), case_id).await;
            for hold in view.expect("the case is stored").debtor_holds {
                let hold_event_id = id(EventId::new(hold.event_id));
                desk.record(EventKind::Lift { hold_event_id, target: None }).await;
            }
        });
    }

    fn lease(&mut self, max: usize, ttl: i64) -> Vec<Granted> {
        let command = LeaseCommand { lease_duration: ttl, ..pull(max) };
        let work = self.runtime.block_on(self.desk.lease(command));
        let granted = |item: &WorkItem| {
            let case = item.lead_case.case_id.as_str()[1..].parse().expect("names end in numbers");
            let lease = (case, item.token.lease_seq);
            self.tokens.insert(lease, item.token);
            Granted { lease, until: item.expire_time.0, reserved: item.from_reserved_share }
        };
        work.items.iter().map(granted).collect()
    }

    fn renew(&mut self, lease: Lease, ttl: i64) -> Result<Renewal, Refusal> {
        let tokens = vec![Ok(self.tokens[&lease])];
        let renewed = renew_leases(&self.desk.engine, &self.desk.caller, tokens, ttl);
        let mut renewed = self.runtime.block_on(renewed).expect("a renewal is answered");
        match renewed.remove(0) {
            Ok(Directive::Continue(until)) => Ok(Renewal::Until(until.0)),
            Ok(Directive::StopPaid) => Ok(Renewal::StopPaid),
            Ok(Directive::StopHold) => Ok(Renewal::StopHold),
            Ok(Directive::StopWindow) => panic!("contact is allowed at every hour"),
            Err(error) => Err(refusal(&error)),
        }
    }

    fn report(
        &mut self,
        lease: Lease,
        outcome: queue_model::Outcome,
    ) -> Result<Disposition, Refusal> {
        let code = match outcome {
            queue_model::Outcome::NoAnswer => "no_answer",
            queue_model::Outcome::DoNotCall => "do_not_call",
        };
        let report = self.desk.report(self.tokens[&lease], code);
        match self.runtime.block_on(report) {
            Ok(ReportDisposition::Accepted) => Ok(Disposition::Accepted),
            Ok(ReportDisposition::Duplicate) => Ok(Disposition::Duplicate),
            Ok(ReportDisposition::Late) => Ok(Disposition::Late),
            Err(error) => Err(refusal(&error)),
        }
    }

    fn release(&mut self, lease: Lease, not_dialled: bool) -> Result<(), Refusal> {
        let release = self.desk.release(self.tokens[&lease], not_dialled);
        self.runtime.block_on(release).map_err(|error| refusal(&error))
    }

    fn advance(&mut self, micros: i64) {
        self.runtime.block_on(self.desk.advance(micros));
    }

    fn now(&mut self) -> i64 {
        self.desk.now()
    }

    fn priorities(&mut self) -> Vec<(u8, i32)> {
        let query = ListCasesQuery {
            portfolio_id: portfolio("p"),
            page_size: 1_000,
            page_token: String::new(),
            states: Vec::new(),
            groups: Vec::new(),
            stages: Vec::new(),
            arms: Vec::new(),
            routes: Vec::new(),
            debtor_id: None,
            full: false,
        };
        let listed = list_cases(&self.desk.engine, &self.desk.caller, query);
        let (cases, _) = self.runtime.block_on(listed).expect("the portfolio is stored");
        let number = |name: &str| name[1..].parse().expect("names end in numbers");
        let ranked = |listed: &arrears::engine::read::ListedCase| {
            let view = listed.read.as_ref().expect("nothing is damaged");
            Some((number(view.case_id.as_str()), view.rank?.priority))
        };
        cases.iter().filter_map(ranked).collect()
    }

    fn servable(&mut self) -> Vec<(u8, bool)> {
        let desk = &self.desk;
        let mut servable = Vec::new();
        for (case_number, owed) in &self.owed {
            let case_id = case(&name(*case_number));
            let view = get_case(&desk.engine, &desk.caller, portfolio("p"), case_id);
            let view = self.runtime.block_on(view).expect("the case is stored");
            servable.push((*case_number, *owed > 0 && view.debtor_holds.is_empty()));
        }
        servable
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(48)
    })]

    #[test]
    fn the_engine_answers_as_the_model(commands in commands(60)) {
        drive(&mut Real::new(), Model::new(START, COOLING), &commands)?;
    }
}
