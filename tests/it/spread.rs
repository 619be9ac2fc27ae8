//! A tenant that is spread over several parts is the same service.

use std::collections::{BTreeMap, BTreeSet};

use arrears::model::{DebtorId, Part, Parts};
use arrears::proto;

use crate::support::{NOW, TestDatabase, TestServer, always, document, work_list};

mod cases;
mod moves;
mod work;

/// Over how many parts the tenant is spread.
const BUCKETS: i64 = 4;

/// A server whose tenant is spread, with a portfolio `p` and a list `l` of everything.
async fn spread() -> TestServer {
    let clock = std::sync::Arc::new(arrears::model::TestClock::new(NOW));
    let server = TestServer::over_spread(TestDatabase::new(), clock, BUCKETS).await;
    server.create(always("p")).await;
    server.create_list(work_list("l")).await;
    server
}

/// Two cases each of so many debtors.
fn documents(debtors: usize) -> Vec<proto::CaseDocument> {
    let of_debtor = |debtor: usize| {
        ["a", "b"].map(|letter| proto::CaseDocument {
            debtor_id: format!("d{debtor}"),
            ..document(&format!("c{debtor}{letter}"))
        })
    };
    (0..debtors).flat_map(of_debtor).collect()
}

fn part_of(debtor_id: &str) -> Part {
    let debtor_id = DebtorId::new(debtor_id).unwrap();
    Parts::of_tenant("default", BUCKETS).of_debtor(&debtor_id)
}

/// One debtor of each part, of those named `d0`, `d1` and so on.
fn one_of_each_part() -> Vec<String> {
    let mut found = BTreeMap::new();
    for number in 0..100 {
        let debtor_id = format!("d{number}");
        found.entry(part_of(&debtor_id).0).or_insert(debtor_id);
    }
    assert_eq!(found.len(), usize::try_from(BUCKETS).unwrap());
    found.into_values().collect()
}

/// The ids of lead and sibling cases of items, in order; each may be there once.
fn cases_of(items: &[proto::WorkItem]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for item in items {
        for case in item.lead_case.iter().chain(&item.sibling_cases) {
            assert!(found.insert(case.case_id.clone()), "{} was served twice", case.case_id);
        }
    }
    found
}
