//! A pull gets what it asks for as long as there is work, whatever stands in its
//! way.

use std::collections::BTreeSet;

use super::*;

impl Desk {
    /// Debtors with so many cases each, all ranked alike and in the order of their
    /// debtors.
    async fn push_alike(&mut self, debtors: usize, cases: usize) {
        let as_of = self.stamp();
        let document = |number: usize| Document {
            case_id: case(&format!("c{number}")),
            debtor_id: id(DebtorId::new(format!("d{}", number / cases))),
            source_sequence: None,
            as_of,
            facts: Facts {
                overdue_amount_minor: 50_000,
                oldest_due_date: Some(Day(20_000 - 40)),
                ..Facts::default()
            },
        };
        let command = PushCommand {
            portfolio_id: portfolio("p"),
            documents: (0..debtors * cases).map(|number| Ok(document(number))).collect(),
            atomic: true,
            validate_only: false,
        };
        push_cases(&self.engine, &self.caller, command).await.expect("a push is answered");
    }
}

#[tokio::test]
async fn a_pull_is_filled_although_every_debtor_has_twenty_cases_alike() {
    let mut desk = Desk::open().await;
    desk.push_alike(50, 20).await;
    let work = desk.lease(pull(50)).await;
    assert_eq!(work.items.len(), 50);
    let debtors: BTreeSet<&str> = work.items.iter().map(|item| item.debtor_id.as_str()).collect();
    assert_eq!(debtors.len(), 50);
    assert!(work.items.iter().all(|item| item.sibling_cases.len() == 19));
    assert!(desk.lease(pull(1)).await.items.is_empty());
}

#[tokio::test]
async fn a_pull_finds_the_case_behind_those_that_may_not_be_served() {
    let mut desk = Desk::open().await;
    let aged = PortfolioSettings { max_ledger_age_hours: 12, ..settings(around_the_clock()) };
    desk.portfolio("q", aged).await;
    for number in 0..30 {
        desk.push_to("q", (&format!("old{number}"), &format!("d{number}"), 50_000)).await;
    }
    desk.clock.advance(6 * 60 * MINUTE);
    desk.push_to("q", ("new", "d", 50_000)).await;
    // It is Friday evening: the first thirty are too old by now, and nobody has
    // put them where they belong.
    desk.clock.advance(7 * 60 * MINUTE);
    assert_eq!(ids(&desk.lease(pull(1)).await), ["new"]);
}
