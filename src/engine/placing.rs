//! Placing the cases of a portfolio anew after its settings have changed: a longer
//! age of the ledger or higher caps free what they withheld, a shorter one or lower
//! caps withhold what was ready. After an activation they are ranked anew first. In
//! slices that give way to everybody else.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::{CloseReason, PortfolioSettings};
use crate::store::placing::{self, Pending};
use crate::store::{Class, Damage, Tx, activations};

use super::review::review_into;
use super::working_set::WorkingSet;
use super::{Engine, Error};

/// The most cases of one transaction.
const SLICE: usize = 200;
/// The name under which places change.
const ACTOR: &str = "settings";

/// Whether a change of settings may change where cases stand in the queue: anything
/// but the name and who approves does.
pub(super) fn moves_cases(old: &PortfolioSettings, new: &PortfolioSettings) -> bool {
    let (display_name, activation_approval) = (old.display_name.clone(), old.activation_approval);
    PortfolioSettings { display_name, activation_approval, ..new.clone() } != *old
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

/// Places the next cases of a portfolio, and ranks those by the active rule set that
/// another one has ranked. To place one, taking it in hand is enough, because every case
/// in hand is placed when the set is saved.
/// Nothing where another server has them.
async fn place_slice(
    set: &mut WorkingSet,
    tx: &mut Tx,
    from: Pending,
) -> Result<Option<usize>, Error> {
    if !placing::claim(tx, from).await? {
        return Ok(None);
    }
    let active = activations::active(tx, from.part, from.portfolio_no).await?;
    let number = from.portfolio_no.0;
    let (_, rule_set_id) =
        active.ok_or_else(|| Damage::missing("activation", from.part, number))?;
    let slice = placing::next_slice(tx, from, rule_set_id, SLICE).await?;
    let count = slice.case_nos.len();
    set.load_debtors_of(tx, slice.case_nos.iter().copied()).await?;
    let mut stale = slice.case_nos;
    stale.retain(|case_no| {
        let head = set.case(*case_no).map(|entry| &entry.head);
        // Whether a case is settled, the rule set says; what else closed it stands.
        let by_rule = |reason: Option<_>| reason.is_none_or(|reason| reason == CloseReason::Cured);
        head.is_some_and(|head| by_rule(head.close_reason) && head.rank.rule_set_id != rule_set_id)
    });
    review_into(set, tx, stale).await?;
    placing::advance(tx, from, slice.next).await?;
    Ok(Some(count))
}
