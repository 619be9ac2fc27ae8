//! Clients that leave at the worst moment, a database that refuses, settings that
//! were undone: nothing is lost and nobody is served wrongly.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use rusqlite::Connection;

use super::*;

/// Longer than any of these tests waits for work that comes.
const WAIT: i64 = 10_000_000;

fn patient(command: LeaseCommand) -> LeaseCommand {
    LeaseCommand { wait: WAIT, ..command }
}

type Pulling = Pin<Box<dyn Future<Output = Result<LeasedWork, Error>>>>;

impl Desk {
    /// The database beside the service.
    fn file(&self) -> Connection {
        self.database.file()
    }

    /// A service whose list has been pulled from, so that the next pull stands in
    /// its queue at once.
    async fn warm() -> Desk {
        let desk = Desk::open().await;
        desk.lease(pull(1)).await;
        desk
    }

    /// A pull that stands in the queue of its list, its client about to leave.
    async fn waiting(&self, command: LeaseCommand) -> Pulling {
        let (engine, caller) = (Arc::clone(&self.engine), self.caller.clone());
        let mut pulling: Pulling =
            Box::pin(async move { lease_work(&engine, &caller, command).await });
        assert!(futures::poll!(pulling.as_mut()).is_pending());
        pulling
    }

    /// Pulls while the database is locked, and leaves before the answer comes.
    async fn pull_and_leave(&self, command: LeaseCommand) {
        let database = self.file();
        database.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
        let pulling = self.waiting(command).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        drop(pulling);
        database.execute_batch("COMMIT").expect("nothing was written");
    }

    /// Waits until so many leases were granted.
    async fn granted(&self, count: i64) {
        let database = self.file();
        let all = || -> i64 {
            database
                .query_row("SELECT COUNT(*) FROM lease", [], |row| row.get(0))
                .expect("leases can be counted")
        };
        let granted = async {
            while all() < count {
                tokio::task::yield_now().await;
            }
        };
        let granted = tokio::time::timeout(Duration::from_secs(10), granted).await;
        granted.expect("the lease is granted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_nobody_took_is_given_back_after_a_failure() {
    if !only_on_sqlite("a writer that is held, or a row replaced in the file") {
        return;
    }
    let mut desk = Desk::warm().await;
    let pulling = desk.waiting(patient(pull(1))).await;
    desk.push("c", "d", 50_000).await;
    desk.granted(1).await;

    let database = desk.file();
    let settings: Vec<u8> = database
        .query_row("SELECT settings FROM work_list", [], |row| row.get(0))
        .expect("there is one list");
    let set = "UPDATE work_list SET settings = ?";
    database.execute(set, [&[0xFF_u8, 0xFF][..]]).expect("the row can be spoiled");
    // The lease is handed to nobody, and giving it back fails as long as the list
    // cannot be read.
    drop(pulling);
    let refused = lease_work(&desk.engine, &desk.caller, pull(1)).await;
    assert!(matches!(refused, Err(Error::Internal(_) | Error::Store(_))), "{refused:?}");
    database.execute(set, [settings]).expect("the row can be mended");

    let work = desk.lease(patient(pull(1))).await;
    assert_eq!(ids(&work), ["c"]);
    assert_eq!(work.items[0].token.lease_seq, 2);
}

#[tokio::test]
async fn a_retry_of_a_pull_whose_answer_nobody_saw_gets_work() {
    if !only_on_sqlite("a writer that is held, or a row replaced in the file") {
        return;
    }
    let mut desk = Desk::warm().await;
    desk.push("c", "d", 50_000).await;
    desk.pull_and_leave(patient(named(1, "r"))).await;
    desk.granted(1).await;

    let work = desk.lease(patient(named(1, "r"))).await;
    assert_eq!(ids(&work), ["c"]);
    assert_eq!(work.items[0].token.lease_seq, 2);
}

#[tokio::test]
async fn a_retry_that_nobody_waits_for_leaves_the_work_to_whoever_has_it() {
    if !only_on_sqlite("a writer that is held, or a row replaced in the file") {
        return;
    }
    let mut desk = Desk::warm().await;
    desk.push("c", "d", 50_000).await;
    let work = desk.lease(named(1, "r")).await;
    desk.pull_and_leave(named(1, "r")).await;
    desk.lease(pull(1)).await;
    assert!(matches!(desk.renew(work.items[0].token).await, Ok(Directive::Continue(_))));
}

/// The number of a version comes again when the change that had it was undone.
#[tokio::test]
async fn hours_of_contact_go_with_the_settings_they_were_computed_from() {
    if !only_on_sqlite("a writer that is held, or a row replaced in the file") {
        return;
    }
    let mut desk = Desk::open().await;
    let sunday = DayHours { weekday: 7, start_minute: 0, end_minute: 1_440 };
    let plain = PlainPolicy { hours: vec![sunday], attempts_per_day: 1, attempts_per_week: 3 };
    desk.portfolio("q", settings(ContactPolicy::Plain(plain))).await;
    desk.push("c1", "d1", 50_000).await;
    assert_eq!(ids(&desk.lease(pull(1)).await), ["c1"]);

    let set = "UPDATE portfolio SET settings = \
        (SELECT settings FROM portfolio WHERE portfolio_id = 'q') WHERE portfolio_id = 'p'";
    desk.file().execute(set, []).expect("the row can be replaced");
    desk.push("c2", "d2", 50_000).await;
    assert!(desk.lease(pull(1)).await.items.is_empty());
}
