//! Waiting for work: who is woken, who shares an answer, what becomes of work
//! that nobody took.

use std::collections::BTreeSet;

use tokio::task::JoinHandle;

use super::*;

/// Longer than any of these tests takes.
const LONG: i64 = 55_000_000;

/// Less than that, so that who waits in vain is not taken for who was answered.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(40);

impl Desk {
    /// Pulls in a task of its own, which can be given up.
    fn pulling(&self, command: LeaseCommand) -> JoinHandle<LeasedWork> {
        let (engine, caller) = (Arc::clone(&self.engine), self.caller.clone());
        tokio::spawn(async move {
            lease_work(&engine, &caller, command).await.expect("a pull is answered")
        })
    }
}

fn patient(command: LeaseCommand) -> LeaseCommand {
    LeaseCommand { wait: LONG, ..command }
}

#[tokio::test]
async fn who_waits_is_woken_by_a_push() {
    let mut desk = Desk::open().await;
    let waiting = desk.pulling(patient(pull(1)));
    desk.push("c", "d", 50_000).await;
    assert_eq!(ids(&waiting.await.expect("the task ends")), ["c"]);
}

#[tokio::test]
async fn who_waits_is_woken_when_a_case_comes_back() {
    let mut desk = Desk::with_policy(ContactPolicy::Always).await;
    desk.push("c", "d", 50_000).await;
    let item = desk.one().await;
    let waiting = desk.pulling(patient(pull(1)));
    desk.report(item.token, "busy").await.expect("the lease runs");
    // A claim that began before the clock moved still sees the debtor rest, and lays the
    // case aside again: a server sweeps on.
    let background = desk.engine.start_background();
    desk.advance(60 * MINUTE).await;
    assert_eq!(ids(&waiting.await.expect("the task ends")), ["c"]);
    background.stop().await;
}

#[tokio::test]
async fn a_retry_joins_the_pull_that_waits() {
    let mut desk = Desk::open().await;
    let first = desk.pulling(patient(named(1, "r")));
    let second = desk.pulling(patient(named(1, "r")));
    desk.push_many(2).await;
    let first = first.await.expect("the task ends");
    let second = second.await.expect("the task ends");
    assert_eq!(first.items[0].token, second.items[0].token);
    assert_eq!((first.items.len(), second.items.len()), (1, 1));
}

#[tokio::test]
async fn pulls_of_two_workers_are_two_whatever_they_are_called() {
    let mut desk = Desk::open().await;
    let first = desk.pulling(patient(named(1, "r")));
    let other = LeaseCommand { worker_id: id(WorkerId::new("v")), ..named(1, "r") };
    let second = desk.pulling(patient(other));
    desk.push_many(2).await;
    let first = first.await.expect("the task ends");
    let second = second.await.expect("the task ends");
    assert_ne!(first.items[0].token, second.items[0].token);
}

#[tokio::test]
async fn who_has_waited_long_enough_is_answered() {
    let desk = Desk::open().await;
    let waiting = desk.lease(LeaseCommand { wait: 1_000, ..pull(1) });
    let work = tokio::time::timeout(DEADLINE, waiting).await.expect("it is answered");
    assert!(work.items.is_empty());
}

/// It would be told nothing new however long it waited.
#[tokio::test]
async fn a_retry_whose_leases_are_all_over_does_not_wait() {
    let mut desk = Desk::open().await;
    desk.push("c", "d", 50_000).await;
    let work = desk.lease(named(1, "r")).await;
    desk.report(work.items[0].token, "no_answer").await.expect("the lease runs");
    let retry = desk.lease(patient(named(1, "r")));
    let work = tokio::time::timeout(DEADLINE, retry).await.expect("it is answered");
    assert!(work.items.is_empty());
}

#[tokio::test]
async fn more_than_five_thousand_do_not_wait() {
    let mut desk = Desk::open().await;
    // There is no work: the one that ends first is the one that may not wait.
    let pulls = (0..5_001).map(|_| {
        let (engine, caller) = (Arc::clone(&desk.engine), desk.caller.clone());
        tokio::spawn(async move { lease_work(&engine, &caller, patient(pull(1))).await })
    });
    let (refused, _, waiting) = futures::future::select_all(pulls).await;
    assert!(matches!(refused.expect("no pull panics"), Err(Error::Overloaded { bound: 5_000 })));
    for one in &waiting {
        one.abort();
    }
    desk.push("c", "d", 50_000).await;
    assert_eq!(ids(&desk.lease(patient(pull(1))).await), ["c"]);
}

#[tokio::test]
async fn who_has_left_is_leased_nothing() {
    // Where several write at once, the claim for who has left may run beside the push.
    if !only_on_sqlite("writes that run one after the other") {
        return;
    }
    let mut desk = Desk::open().await;
    let gone = desk.pulling(patient(pull(1)));
    tokio::task::yield_now().await;
    gone.abort();
    assert!(gone.await.is_err());
    desk.push("c", "d", 50_000).await;
    assert_eq!(desk.one().await.token.lease_seq, 1);
}

#[tokio::test]
async fn no_work_says_when_to_ask_again() {
    let desk = Desk::open().await;
    let work = desk.lease(pull(1)).await;
    assert!(work.items.is_empty());
    assert!(work.retry_after.is_some_and(|micros| micros > 0));
}

/// Half of a thousand pulls are given up at any moment of their life. Every case
/// is either in the hands of a client or comes back uncounted: one attempt a day
/// is allowed, so a case that was counted and lost would not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_pulls_given_up_by_half_no_case_is_lost() {
    const PULLS: usize = 1_000;
    let mut desk = Desk::open().await;
    let pulls: Vec<_> = (0..PULLS).map(|_| desk.pulling(patient(pull(1)))).collect();
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
    desk.push_many(PULLS).await;
    let mut got: Vec<String> = Vec::new();
    for (number, waiting) in pulls.into_iter().enumerate() {
        if number % 2 == 0 {
            waiting.abort();
        }
        if let Ok(work) = waiting.await {
            got.extend(ids(&work).into_iter().map(str::to_owned));
        }
    }
    assert!(got.len() >= PULLS / 2);
    while got.len() < PULLS {
        let work = desk.lease(patient(pull(100))).await;
        assert!(!work.items.is_empty(), "{} cases are lost", PULLS - got.len());
        got.extend(ids(&work).into_iter().map(str::to_owned));
    }
    let distinct: BTreeSet<&String> = got.iter().collect();
    assert_eq!(distinct.len(), PULLS);
    assert!(desk.lease(pull(1)).await.items.is_empty());
}
