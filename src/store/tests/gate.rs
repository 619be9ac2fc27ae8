//! The gate of claims on PostgreSQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::postgres::Schema;
use super::*;
use crate::model::Part;
use crate::store::queue::gate;

const PART: Part = Part(-7);
const WAIT: Duration = Duration::from_millis(1);

/// The number of a claim and how long statements wait for a row after it; nothing where
/// the first attempt did not have the gate in time.
async fn pass(store: &Store) -> Result<Option<(i64, String)>, StoreError> {
    let missed = Arc::new(AtomicBool::new(false));
    store
        .write(
            Class::Interactive,
            move |tx| {
                Box::pin(async move {
                    if missed.swap(true, Ordering::SeqCst) {
                        return Ok(None);
                    }
                    let claim_no = gate::pass(tx, PART, WAIT).await?;
                    // Asked where the row is: on a cluster, nodes have settings of their own.
                    let text = "SELECT current_setting('lock_timeout') FROM claim_gate \
                                WHERE part = $1";
                    let found: Option<(String,)> = tx.fetch_optional(text, params![PART.0]).await?;
                    Ok(found.map(|(wait,)| (claim_no, wait)))
                })
            },
            |_| (),
        )
        .await
}

#[tokio::test]
async fn claims_are_numbered_and_wait_a_short_time_for_the_gate_alone() {
    let Some(mut schema) = Schema::of_several().await else { return };
    let store = schema.store().await;
    for claim_no in 1..=3 {
        assert_eq!(pass(&store).await.unwrap(), Some((claim_no, "5s".to_owned())));
    }
    let hold = format!("BEGIN; UPDATE claim_gate SET claim_no = 9 WHERE part = {}", PART.0);
    schema.run(&hold).await;
    assert_eq!(pass(&store).await.unwrap(), None);
    schema.run("ROLLBACK").await;
    assert_eq!(pass(&store).await.unwrap().map(|(claim_no, _)| claim_no), Some(4));
    drop(store);
    schema.end().await;
}
