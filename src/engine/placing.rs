//! Placing the cases of a portfolio anew after its settings have changed: a longer
//! age of the ledger or higher caps free what they withheld, a shorter one or lower
//! caps withhold what was ready. In slices that give way to everybody else.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::PortfolioSettings;
use crate::store::placing::{self, Pending};
use crate::store::{Class, Tx};

use super::working_set::WorkingSet;
use super::{Engine, Error};

/// The most cases of one transaction.
const SLICE: usize = 200;
/// The name under which places change.
const ACTOR: &str = "settings";

/// Whether a change of settings may change where cases stand in the queue: anything
/// but the name does.
pub(super) fn moves_cases(old: &PortfolioSettings, new: &PortfolioSettings) -> bool {
    let display_name = old.display_name.clone();
    PortfolioSettings { display_name, ..new.clone() } != *old
}

impl Engine {
    /// Places the cases of all portfolios anew whose settings have changed. Returns
    /// how many cases were looked at. What was done before a stop stays done, and the
    /// next start goes on there.
    ///
    /// # Errors
    /// What the store says; one portfolio goes on when another fails.
    pub async fn place_anew(self: &Arc<Self>) -> Result<usize, Error> {
        let mut done = 0;
        let mut failed = BTreeSet::new();
        let mut error = None;
        loop {
            let mut tx = self.store.read().await?;
            let now = self.now_of(&tx);
            let mut pending = placing::pending(&mut tx, now).await?;
            drop(tx);
            pending.retain(|from| !failed.contains(&(from.part, from.portfolio_no)));
            if pending.is_empty() {
                return error.map_or(Ok(done), Err);
            }
            let mut moved = false;
            for from in pending {
                let placed = self
                    .transact_in(from.part, ACTOR, Class::Background, move |set, tx| {
                        Box::pin(place_slice(set, tx, from))
                    })
                    .await;
                match placed {
                    Ok(None) => {}
                    Ok(Some(count)) => {
                        done += count;
                        moved = true;
                    }
                    Err(why) => {
                        failed.insert((from.part, from.portfolio_no));
                        error = Some(why);
                    }
                }
            }
            if !moved {
                // Others have them in hand.
                return error.map_or(Ok(done), Err);
            }
        }
    }
}

/// Places the next cases of a portfolio: taking them in hand is enough, because every
/// case in hand is placed when the set is saved.
/// Nothing where another server has them.
async fn place_slice(
    set: &mut WorkingSet,
    tx: &mut Tx,
    from: Pending,
) -> Result<Option<usize>, Error> {
    if !placing::claim(tx, from).await? {
        return Ok(None);
    }
    let slice = placing::next_slice(tx, from, SLICE).await?;
    let count = slice.case_nos.len();
    set.load_debtors_of(tx, slice.case_nos).await?;
    placing::advance(tx, from, slice.next).await?;
    Ok(Some(count))
}
