//! The change log: nothing is numbered before it is visible, and nothing is missed.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::postgres::Schema;
use super::*;
use crate::model::{CaseNo, Micros, Part};
use crate::store::audit::{self, NewAuditRow};
use crate::store::changes::{self, ChangedCases};

const PART: Part = Part(7);

async fn publish(tx: &mut Tx, cases: &[(i64, i64)]) -> Result<(), StoreError> {
    let cases: ChangedCases =
        cases.iter().map(|(case_no, case_seq)| (CaseNo(*case_no), *case_seq)).collect();
    let content = format!("{cases:?}");
    let row = NewAuditRow { kind: "test", case_no: None, content: content.as_bytes(), salt: &[] };
    changes::publish(tx, PART, ("tester", Micros(1)), cases, &[row]).await
}

async fn write(store: &Store, cases: &'static [(i64, i64)]) {
    let written: Result<(), StoreError> =
        store.write(Class::Interactive, move |tx| Box::pin(publish(tx, cases)), |()| ()).await;
    written.unwrap();
}

async fn number(store: &Store) {
    let numbered: Result<(), StoreError> = store
        .write(
            Class::Interactive,
            |tx| Box::pin(changes::number(tx, PART, Micros(2), Lock::Wait)),
            |()| (),
        )
        .await;
    numbered.unwrap();
}

/// The log behind a number, as number, case and event.
async fn after(store: &Store, change_no: i64) -> Vec<(i64, Vec<(i64, i64)>)> {
    let mut tx = store.read().await.unwrap();
    let rows = changes::after(&mut tx, PART, change_no).await.unwrap();
    let plain = |cases: ChangedCases| cases.into_iter().map(|(no, seq)| (no.0, seq)).collect();
    rows.into_iter().map(|(change_no, cases)| (change_no, plain(cases))).collect()
}

#[tokio::test]
async fn one_writer_numbers_its_changes_at_once() {
    let (_folder, store) = store().await;
    write(&store, &[(3, 1), (1, 1)]).await;
    write(&store, &[]).await;
    write(&store, &[(3, 2)]).await;
    assert_eq!(after(&store, 0).await, [(1, vec![(1, 1), (3, 1)]), (2, vec![(3, 2)])]);
    assert_eq!(after(&store, 1).await, [(2, vec![(3, 2)])]);
    let mut tx = store.read().await.unwrap();
    assert_eq!(changes::last(&mut tx, PART).await.unwrap(), 2);
    assert_eq!(audit::verify(&mut tx, PART).await.unwrap(), 3);
}

#[tokio::test]
async fn a_large_change_takes_several_numbers() {
    let (_folder, store) = store().await;
    let written: Result<(), StoreError> = store
        .write(
            Class::Ingest,
            |tx| {
                Box::pin(async move {
                    let cases = (1..=20_001).map(|number| (CaseNo(number), 1)).collect();
                    changes::publish(tx, PART, ("tester", Micros(1)), cases, &[]).await
                })
            },
            |()| (),
        )
        .await;
    written.unwrap();
    let rows = after(&store, 0).await;
    let counts: Vec<usize> = rows.iter().map(|(_, cases)| cases.len()).collect();
    assert_eq!(counts, [10_000, 10_000, 1]);
    assert_eq!(rows[2].1, [(20_001, 1)]);
}

#[tokio::test]
async fn old_changes_are_forgotten_and_their_numbers_are_not_given_again() {
    let (_folder, store) = store().await;
    write(&store, &[(1, 1)]).await;
    let pruned: Result<bool, StoreError> =
        store.write(Class::Background, |tx| Box::pin(changes::prune(tx, Micros(1))), |_| ()).await;
    assert!(!pruned.unwrap());
    let mut tx = store.read().await.unwrap();
    assert_eq!(changes::oldest(&mut tx, PART).await.unwrap(), None);
    drop(tx);
    write(&store, &[(1, 2)]).await;
    assert_eq!(after(&store, 0).await, [(2, vec![(1, 2)])]);
}

#[tokio::test]
async fn a_damaged_change_is_named() {
    let (folder, store) = store().await;
    write(&store, &[(1, 1)]).await;
    for body in ["X'0A0101'", "X'0A020100120101'", "X'FF'"] {
        connection(&folder).execute(&format!("UPDATE change_log SET body = {body}"), []).unwrap();
        let mut tx = store.read().await.unwrap();
        let error = changes::after(&mut tx, PART, 0).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { table: "change_log", .. }), "{error}");
    }
}

/// A transaction that is held open while others commit: what it changed has no number
/// until it commits, and then one behind all that was numbered before.
#[tokio::test]
async fn a_commit_that_comes_late_is_not_missed() {
    let Some(schema) = Schema::of_several().await else { return };
    let store = Arc::new(schema.store().await);
    let (holding, held) = oneshot::channel::<()>();
    let (begun, has_begun) = oneshot::channel::<()>();
    let gate = Arc::new(tokio::sync::Mutex::new(Some((begun, held))));
    let late = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            let late: Result<(), StoreError> = store
                .write(
                    Class::Interactive,
                    move |tx| {
                        Box::pin(async move {
                            publish(tx, &[(1, 5), (2, 1)]).await?;
                            let (begun, held) = gate.lock().await.take().expect("it runs once");
                            begun.send(()).expect("the test waits for it");
                            held.await.expect("the test lets go of it");
                            Ok(())
                        })
                    },
                    |()| (),
                )
                .await;
            late.unwrap();
        }
    });
    has_begun.await.unwrap();
    for cases in [&[(3, 1)], &[(4, 1)], &[(3, 2)]] {
        write(&store, cases).await;
    }
    number(&store).await;
    assert_eq!(after(&store, 0).await, [(1, vec![(3, 2), (4, 1)])]);
    write(&store, &[(5, 1)]).await;
    number(&store).await;
    assert_eq!(after(&store, 1).await, [(2, vec![(5, 1)])]);
    number(&store).await;
    assert_eq!(after(&store, 2).await, [], "nothing is numbered twice");
    holding.send(()).unwrap();
    late.await.unwrap();
    write(&store, &[(1, 6)]).await;
    number(&store).await;
    assert_eq!(after(&store, 2).await, [(3, vec![(1, 6), (2, 1)])]);
    let mut tx = store.read().await.unwrap();
    assert_eq!(audit::verify(&mut tx, PART).await.unwrap(), 6);
    assert_eq!(changes::waiting(&mut tx).await.unwrap(), []);
    drop(tx);
    drop(store);
    schema.end().await;
}

/// Several that number at once give every change one number.
#[tokio::test]
async fn several_servers_number_without_gap_or_repetition() {
    let Some(schema) = Schema::of_several().await else { return };
    let stores = [Arc::new(schema.store().await), Arc::new(schema.store().await)];
    let mut tasks = Vec::new();
    for (server, store) in stores.iter().cloned().enumerate() {
        tasks.push(tokio::spawn(async move {
            for step in 1..=40 {
                let case_no = 1 + (server * 40 + step) as i64;
                let written: Result<(), StoreError> = store
                    .write(
                        Class::Interactive,
                        move |tx| {
                            Box::pin(async move { publish(tx, &[(case_no, 1), (1, 1)]).await })
                        },
                        |()| (),
                    )
                    .await;
                written.unwrap();
                number(&store).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    number(&stores[0]).await;
    let (mut change_no, mut told) = (0, Vec::new());
    loop {
        let rows = after(&stores[1], change_no).await;
        let Some((last, _)) = rows.last() else { break };
        let numbers: Vec<i64> = rows.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (change_no + 1..=*last).collect::<Vec<i64>>());
        change_no = *last;
        told.extend(rows.into_iter().flat_map(|(_, cases)| cases).filter(|(no, _)| *no > 1));
    }
    told.sort_unstable();
    assert_eq!(told, (2..=81).map(|case_no| (case_no, 1)).collect::<Vec<_>>());
    let mut tx = stores[0].read().await.unwrap();
    assert_eq!(audit::verify(&mut tx, PART).await.unwrap(), 80);
    drop(tx);
    drop(stores);
    schema.end().await;
}
