//! The writer: groups, savepoints, failures.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::model::Part;
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
