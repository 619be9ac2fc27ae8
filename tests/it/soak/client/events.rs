//! What a loan system tells between two files: money, money taken back, holds and
//! their end.

use arrears::model::{Clock, SystemClock};
use arrears::proto;
use rand::RngExt;

use super::super::{PORTFOLIO, debtor_of, numbered};
use super::{Client, Placed};
use crate::support::{euro, hold, instant, lift, payment};

/// Events of a call.
const EVENTS: usize = 4;

impl Client {
    /// Tells of a few things at once, now and then twice.
    pub(super) async fn record(&mut self) {
        let mut events = Vec::new();
        let mut lifted = Vec::new();
        for _ in 0..EVENTS {
            let event = match self.dice.random_range(0..10) {
                0..5 => self.money(),
                5..6 => self.money_back(),
                6..8 => self.new_hold(),
                _ => self.end_of_hold(&mut lifted),
            };
            events.extend(event);
        }
        if events.is_empty() {
            return;
        }
        // From here on somebody may be served again.
        for placed in &lifted {
            self.note_hold(placed, self.run.now());
        }
        self.run.note("lifted", lifted.len());
        let request = proto::RecordEventsRequest { portfolio_id: PORTFOLIO.to_owned(), events };
        self.send(&request, proto::EventDisposition::Recorded).await;
        let since = self.run.now();
        for event in &request.events {
            self.run.acknowledge(event.event_id.clone());
            self.remember(event, since);
        }
        if self.dice.random_bool(0.1) {
            self.send(&request, proto::EventDisposition::Duplicate).await;
        }
    }

    async fn send(
        &mut self,
        request: &proto::RecordEventsRequest,
        expected: proto::EventDisposition,
    ) {
        let answer = self.cases.record_events(request.clone()).await.expect("events are answered");
        for result in answer.into_inner().results {
            assert_eq!(result.disposition(), expected, "{result:?}");
        }
        self.run.count("events", request.events.len());
    }

    fn event(&mut self, case: i64, kind: proto::event::Kind) -> proto::Event {
        proto::Event {
            event_id: self.next_name(),
            event_time: instant(SystemClock.now()),
            case_ids: vec![format!("c{case}")],
            debtor_id: String::new(),
            kind: Some(kind),
        }
    }

    fn money(&mut self) -> Option<proto::Event> {
        let (case, amount) = (self.any_case(), self.dice.random_range(1..3_000));
        Some(self.event(case, payment(euro(amount))))
    }

    fn money_back(&mut self) -> Option<proto::Event> {
        let reversal = proto::Reversal { reversed_event_id: self.paid.pop()? };
        let event = self.event(0, proto::event::Kind::Reversal(reversal));
        Some(proto::Event { case_ids: Vec::new(), ..event })
    }

    fn new_hold(&mut self) -> Option<proto::Event> {
        let case = self.any_case();
        if self.dice.random_bool(0.5) {
            return Some(self.event(case, hold(proto::HoldKind::Dispute)));
        }
        let of_debtor = self.event(case, hold(proto::HoldKind::Complaint));
        let debtor_id = format!("d{}", debtor_of(case));
        Some(proto::Event { case_ids: Vec::new(), debtor_id, ..of_debtor })
    }

    fn end_of_hold(&mut self, lifted: &mut Vec<Placed>) -> Option<proto::Event> {
        if self.placed.is_empty() {
            return None;
        }
        let placed = self.placed.swap_remove(self.dice.random_range(0..self.placed.len()));
        let event = self.event(placed.case, lift(&placed.event_id));
        let debtor_id = format!("d{}", debtor_of(placed.case));
        let of_debtor = placed.of_debtor;
        lifted.push(placed);
        Some(match of_debtor {
            true => proto::Event { case_ids: Vec::new(), debtor_id, ..event },
            false => event,
        })
    }

    fn remember(&mut self, event: &proto::Event, since: i64) {
        let event_id = event.event_id.clone();
        match &event.kind {
            Some(proto::event::Kind::Payment(_)) => {
                self.paid.push(event_id);
                // Only money of late is taken back.
                if self.paid.len() > 50 {
                    self.paid.remove(0);
                }
            }
            Some(proto::event::Kind::Hold(_)) => {
                let of_debtor = event.case_ids.is_empty();
                let case = match event.case_ids.first() {
                    Some(case_id) => numbered(case_id),
                    None => case_of(numbered(&event.debtor_id)),
                };
                self.placed.push(Placed { event_id, case, of_debtor, since });
            }
            _ => {}
        }
    }

    /// Writes down how long a debtor was on hold for certain.
    pub(super) fn note_hold(&self, placed: &Placed, until: i64) {
        if placed.of_debtor {
            self.run.held(debtor_of(placed.case), placed.since, until);
        }
    }
}

/// A case of a debtor.
fn case_of(debtor: i64) -> i64 {
    debtor / 4 * 5 + debtor % 4
}
