//! The writer: groups, savepoints, failures.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::sync::oneshot;

use super::*;
use crate::model::Part;
use crate::store::job;
use crate::store::numbers::{self, NumberKind};

const PART: Part = Part(7);

async fn take_one(store: &Store, class: Class, fail: bool) -> Result<i64, StoreError> {
    store
        .write(
            class,
            move |tx: &mut Tx| {
                Box::pin(async move {
                    let number = numbers::take(tx, PART, NumberKind::Case, 1).await?;
                    if fail { Err(StoreError::Conflict("asked to".to_owned())) } else { Ok(number) }
                })
            },
            |_| (),
        )
        .await
}

#[tokio::test]
async fn a_failed_request_takes_nobody_with_it() {
    let (_folder, store) = store().await;
    let store = Arc::new(store);
    let tasks: Vec<_> = (0..60)
        .map(|index| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { take_one(&store, Class::Interactive, index % 3 == 0).await })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.extend(task.await.unwrap().ok());
    }
    numbers.sort_unstable();
    let expected: Vec<i64> = (1..=40).collect();
    assert_eq!(numbers, expected, "forty took a number each, twenty took none");
}

#[tokio::test]
async fn a_panic_undoes_its_own_changes_only() {
    let (_folder, store) = store().await;
    let result: Result<(), StoreError> = store
        .write(
            Class::Interactive,
            |tx: &mut Tx| {
                Box::pin(async move {
                    numbers::take(tx, PART, NumberKind::Case, 1).await?;
                    panic!("on purpose")
                })
            },
            |_| (),
        )
        .await;
    assert!(matches!(result, Err(StoreError::Panicked(text)) if text == "on purpose"));
    assert_eq!(take_one(&store, Class::Interactive, false).await.unwrap(), 1);
}

/// What was handed in is done even if nobody waits for the answer.
#[tokio::test]
async fn a_caller_who_leaves_aborts_nothing() {
    let (_folder, store) = store().await;
    let store = Arc::new(store);
    let published = Arc::new(AtomicUsize::new(0));
    for _ in 0..20 {
        let (store, published) = (Arc::clone(&store), Arc::clone(&published));
        let call = async move {
            let work = store.write(
                Class::Ingest,
                |tx: &mut Tx| {
                    Box::pin(async move { numbers::take(tx, PART, NumberKind::Case, 1).await })
                },
                move |_| {
                    published.fetch_add(1, Ordering::SeqCst);
                },
            );
            futures::pin_mut!(work);
            // One poll hands the work in; then the caller is gone.
            assert!(futures::poll!(work).is_pending());
        };
        call.await;
    }
    assert_eq!(take_one(&store, Class::Ingest, false).await.unwrap(), 21);
    assert_eq!(published.load(Ordering::SeqCst), 20);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named() {
    let (_folder, store) = store().await;
    store
        .write(
            Class::Interactive,
            |tx: &mut Tx| {
                Box::pin(async move {
                    tx.execute(
                        "INSERT INTO portfolio (part, portfolio_no, portfolio_id, settings, \
                         settings_version, create_time, update_time) \
                         VALUES ($1, 3, 'p', $2, 1, 0, 0)",
                        params![PART.0, Value::Blob(Some(vec![0xFF, 0xFF]))],
                    )
                    .await
                })
            },
            |_| (),
        )
        .await
        .unwrap();
    let mut tx = store.read().await.unwrap();
    let error = crate::store::portfolios::portfolio_by_id(&mut tx, PART, "p").await.unwrap_err();
    let StoreError::Corrupt { table, key, .. } = error else { panic!("{error}") };
    assert_eq!((table, key.as_str()), ("portfolio", "(7, 3)"));
}

type Answer<'a> = BoxFuture<'a, Result<i64, StoreError>>;

/// Writes what cannot be written a second time: a writer alone never has to.
async fn write_once(
    store: &Store,
    class: Class,
    work: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<i64, StoreError>> + Send + 'static,
) -> Result<i64, StoreError> {
    let Store::Sqlite(store) = store else { panic!("the writer is SQLite's") };
    let (job, answer) = job(work, |_| ());
    store.writer.submit(class, job).await?;
    answer.await.map_err(|_| StoreError::Closed)?
}

/// Hands work in and does not wait for its answer.
async fn hand_in<'a>(
    store: &'a Store,
    class: Class,
    work: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<i64, StoreError>> + Send + 'static,
) -> Answer<'a> {
    let mut answer: Answer<'a> = Box::pin(write_once(store, class, work));
    assert!(futures::poll!(&mut answer).is_pending(), "the writer is held");
    answer
}

/// Work that holds the writer until the sender says go, and tells when it has begun.
async fn hold<'a>(
    store: &'a Store,
    class: Class,
    sql: &'static str,
) -> (Answer<'a>, oneshot::Sender<()>) {
    let (go, gate) = oneshot::channel();
    let (tell, begun) = oneshot::channel();
    let answer = hand_in(store, class, move |tx: &mut Tx| {
        Box::pin(async move {
            tx.execute(sql, params![]).await?;
            let _ = tell.send(());
            let _ = gate.await;
            Ok(0)
        })
    });
    let answer = answer.await;
    begun.await.expect("the writer begins what it is handed");
    (answer, go)
}

/// Touches nothing.
const NOTHING: &str = "DELETE FROM audit WHERE part = 0";

/// The classes of jobs in the order in which they ran.
type Log = Arc<Mutex<Vec<Class>>>;

async fn log<'a>(store: &'a Store, class: Class, log: &Log) -> Answer<'a> {
    let log = Arc::clone(log);
    hand_in(store, class, move |_: &mut Tx| {
        Box::pin(async move {
            log.lock().expect("nobody panics with the log").push(class);
            Ok(0)
        })
    })
    .await
}

/// However many wait at a telephone, each group takes one push along; and however many
/// pushes wait, none goes before those at a telephone twice in a row.
#[tokio::test]
async fn interactive_work_goes_first_and_every_group_takes_one_push_along() {
    let (_folder, store) = store().await;
    let (held, go) = hold(&store, Class::Interactive, NOTHING).await;
    let order = Log::default();
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(log(&store, Class::Background, &order).await);
        answers.push(log(&store, Class::Ingest, &order).await);
    }
    // At least three groups: one holds 256 jobs.
    for _ in 0..600 {
        answers.push(log(&store, Class::Interactive, &order).await);
    }
    go.send(()).expect("the writer waits");
    held.await.expect("holding the writer is no failure");
    for answer in answers {
        answer.await.expect("nothing fails here");
    }
    let order = order.lock().expect("nobody panics with the log").clone();
    let last = order.iter().rposition(|class| *class == Class::Interactive).expect("600 ran");
    let busy = &order[..last];
    let pushes = busy.iter().filter(|class| **class == Class::Ingest).count();
    assert!(pushes >= 2, "{pushes} pushes ran while somebody waited at a telephone");
    let urgent: Vec<_> = busy.iter().filter(|class| **class != Class::Background).collect();
    for pair in urgent.windows(2) {
        assert!(pair.contains(&&Class::Interactive), "two pushes in a row kept others waiting");
    }
    assert_eq!(order.len(), 610);
}

/// Those at a telephone wait too long, and there is always one more of them: background
/// work is done all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn background_work_is_done_however_busy_the_others_are() {
    let (_folder, store) = store().await;
    let store = Arc::new(store);
    let done = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicUsize::new(0));
    let busy = |_| {
        let (store, done) = (Arc::clone(&store), Arc::clone(&done));
        let served = Arc::clone(&served);
        tokio::spawn(async move {
            while !done.load(Ordering::SeqCst) {
                let spent = store.write(
                    Class::Interactive,
                    |_: &mut Tx| {
                        Box::pin(async {
                            // Ten of these are more than those at a telephone shall wait.
                            let started = Instant::now();
                            while started.elapsed() < Duration::from_millis(4) {
                                std::hint::spin_loop();
                            }
                            Ok::<_, StoreError>(())
                        })
                    },
                    |_| (),
                );
                spent.await.expect("it does nothing");
                served.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    let floor: Vec<_> = (0..10).map(busy).collect();
    let background = async {
        // By now those at a telephone are known to wait too long.
        while served.load(Ordering::SeqCst) < 50 {
            tokio::task::yield_now().await;
        }
        take_one(&store, Class::Background, false).await.expect("nothing fails here")
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), background).await;
    done.store(true, Ordering::SeqCst);
    for task in floor {
        task.await.expect("the floor ends when it is told to");
    }
    ended.expect("background work starves");
}

/// Takes a number, and counts when it is told of as durable.
fn told_of<'a>(store: &'a Store, class: Class, published: &Arc<AtomicUsize>) -> Answer<'a> {
    let published = Arc::clone(published);
    Box::pin(store.write(
        class,
        |tx: &mut Tx| Box::pin(async move { numbers::take(tx, PART, NumberKind::Case, 1).await }),
        move |_| {
            published.fetch_add(1, Ordering::SeqCst);
        },
    ))
}

/// A reference to nothing is found by the commit only.
#[tokio::test]
async fn a_failed_commit_fails_the_whole_group_and_the_next_one_works() {
    let (_folder, store) = store().await;
    for table in [
        "CREATE TABLE whole (id INTEGER PRIMARY KEY)",
        "CREATE TABLE broken (id INTEGER REFERENCES whole (id) DEFERRABLE INITIALLY DEFERRED)",
    ] {
        let made = store.write(
            Class::Interactive,
            move |tx: &mut Tx| Box::pin(async move { tx.execute(table, params![]).await }),
            |_| (),
        );
        made.await.expect("tables can be made");
    }
    let published = Arc::new(AtomicUsize::new(0));
    for round in 0..3 {
        let bad = "INSERT INTO broken (id) VALUES (7)";
        let (held, go) = hold(&store, Class::Interactive, bad).await;
        // A group takes one push and background work along, however long it lasts.
        let mut push = told_of(&store, Class::Ingest, &published);
        let mut background = told_of(&store, Class::Background, &published);
        assert!(futures::poll!(&mut push).is_pending());
        assert!(futures::poll!(&mut background).is_pending());
        go.send(()).expect("the writer waits");
        for answer in [held.await, push.await, background.await] {
            let told = matches!(answer, Err(StoreError::Unavailable(_)));
            assert!(told, "{answer:?} although the commit failed");
        }
        assert_eq!(published.load(Ordering::SeqCst), 0, "what was not committed was told of");
        // Nothing of theirs is left, and the writer goes on.
        let next = take_one(&store, Class::Interactive, false).await;
        assert_eq!(next.expect("the next group works"), round + 1);
    }
}

#[tokio::test]
async fn interactive_work_beyond_the_bound_is_refused_and_pushes_wait_for_a_place() {
    let (_folder, store) = store().await;
    let (held, go) = hold(&store, Class::Interactive, NOTHING).await;
    let order = Log::default();
    let mut answers = Vec::new();
    for _ in 0..8_192 {
        answers.push(log(&store, Class::Interactive, &order).await);
    }
    let one_more = take_one(&store, Class::Interactive, false);
    futures::pin_mut!(one_more);
    let refused = futures::poll!(one_more);
    let told = matches!(refused, Poll::Ready(Err(StoreError::Overloaded(8_192))));
    assert!(told, "{refused:?}");
    for _ in 0..100 {
        answers.push(log(&store, Class::Ingest, &order).await);
    }
    go.send(()).expect("the writer waits");
    held.await.expect("holding the writer is no failure");
    for answer in futures::future::join_all(answers).await {
        answer.expect("what was taken is done");
    }
    assert_eq!(order.lock().expect("nobody panics with the log").len(), 8_292);
}
