//! One claim of a tenant at a time, over all servers: what that gives, and that nobody
//! waits for it long.

use std::collections::BTreeSet;
use std::time::Duration;

use arrears::engine::lease::{Take, preview_work};
use arrears::model::TakeReason;
use sqlx::Connection as _;

use super::*;

/// How often servers pull at the same time, and for how many cases each.
const ROUNDS: usize = 10;
const PULL: usize = 20;
/// Longer than a claim may be held up by whoever stands still within the gate.
const DEADLINE: Duration = Duration::from_secs(40);

impl Desk {
    /// A list over everything in the order of rank alone.
    async fn list_by_rank(&self) {
        let settings = WorkListSettings { reserved_share_permille: 0, ..everything() };
        let created = create_work_list(&self.engine, &self.caller, list("ranked"), settings).await;
        created.expect("the list is new");
    }

    /// Another server over the same database; nothing where a database has one server.
    #[expect(clippy::print_stderr, reason = "the reason why a test does nothing is for people")]
    async fn beside(&self) -> Option<Arc<Engine>> {
        if self.database.url().is_none() {
            eprintln!("skipped on SQLite: it is about several servers");
            return None;
        }
        let opened = Engine::open(self.database.location(), self.clock.clone()).await;
        Some(opened.expect("a database of a server opens for another one"))
    }

    /// How many claims have gone through the gate.
    fn claims(&self) -> i64 {
        self.database.count("SELECT CAST(COALESCE(SUM(claim_no), 0) AS bigint) FROM claim_gate")
    }
}

/// What a server is given of the list by rank.
async fn pulled(engine: &Arc<Engine>, max_items: usize) -> Vec<String> {
    let command = LeaseCommand { work_list_id: list("ranked"), ..pull(max_items) };
    let work = lease_work(engine, &Caller::local(), command).await.expect("a pull is answered");
    ids(&work).into_iter().map(str::to_owned).collect()
}

/// What the list by rank would give.
async fn next(engine: &Arc<Engine>, max_items: usize) -> Vec<String> {
    let work = preview_work(engine, &Caller::local(), list("ranked"), (max_items, None)).await;
    let items = work.expect("a preview is answered").items;
    items.iter().map(|item| item.lead_case.case_id.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_pull_at_once_are_given_the_best_in_order_and_in_full() {
    let mut desk = Desk::open().await;
    desk.list_by_rank().await;
    desk.push_many(ROUNDS * 2 * PULL).await;
    let Some(other) = desk.beside().await else { return };
    let mut all = BTreeSet::new();
    let mut gated = 0;
    for round in 0..ROUNDS {
        // In the last round as many are left as are asked for.
        let best = next(&other, 2 * PULL).await;
        let before = desk.claims();
        let (left, right) = tokio::join!(pulled(&desk.engine, PULL), pulled(&other, PULL));
        for case_id in left.iter().chain(&right) {
            assert!(all.insert(case_id.clone()), "{case_id} is leased twice");
        }
        // Where this machine was too busy to claim in time, one went without the gate.
        if desk.claims() == before + 2 {
            gated += 1;
            let (first, second) =
                if left.first() == best.first() { (left, right) } else { (right, left) };
            assert_eq!((&first[..], &second[..]), best.split_at(PULL), "round {round}");
        }
    }
    assert!(gated > 0, "no two claims went through the gate");
}

#[tokio::test]
async fn a_server_that_stands_still_within_the_gate_stops_nobody() {
    let mut desk = Desk::open().await;
    desk.push_many(30).await;
    assert_eq!(desk.lease(pull(10)).await.items.len(), 10);
    let before = desk.claims();
    let held = desk.database.hold("UPDATE claim_gate SET claim_no = claim_no").await;
    let Some(held) = held else { return };
    let work = tokio::time::timeout(DEADLINE, desk.lease(pull(10))).await;
    assert_eq!(work.expect("a pull does not wait for the gate").items.len(), 10);
    assert_eq!(desk.claims(), before);
    held.close().await.expect("the connection is there");
    assert_eq!(desk.lease(pull(10)).await.items.len(), 10);
    assert_eq!(desk.claims(), before + 1);
}

#[tokio::test]
async fn who_takes_one_debtor_goes_past_the_gate() {
    let mut desk = Desk::open().await;
    desk.push_many(2).await;
    let take = Take { debtor_id: id(DebtorId::new("d1")), reason: TakeReason::Inbound };
    let work = desk.lease(LeaseCommand { take: Some(take), ..pull(1) }).await;
    assert_eq!((work.items.len(), desk.claims()), (1, 0));
    // A file has one writer and needs none.
    desk.one().await;
    assert_eq!(desk.claims(), i64::from(desk.database.url().is_some()));
}
