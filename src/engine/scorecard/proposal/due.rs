//! Proposals whose time has come: scheduled ones take effect, undecided ones expire.

use std::sync::Arc;

use crate::model::{Micros, PortfolioId};
use crate::store::proposals::{self, ProposalKey, ProposalState};
use crate::store::{Damage, Tx, portfolios, tenants};

use super::super::super::portfolio::locked;
use super::super::super::{Engine, Error};
use super::{UNAPPROVED, carry_out, end, needs_second_person, ready};

/// Why a proposal ends on which nobody decided.
const UNDECIDED: &str = "nobody decided on it within 30 days";

/// Why one ends whose row or rule set, or another row it needs, is damaged.
const UNREADABLE: &str = "a stored row that it needs cannot be read back; the log says which";

impl Engine {
    /// Has every scheduled activation take effect whose time has come, and ends the
    /// proposals that nobody decided on in time. Returns how many there were. Any number of
    /// servers may do so at once: each proposal is looked at again by whoever has the
    /// portfolio's row. Runs twice a second; a test that moves the clock may call it.
    ///
    /// # Errors
    /// What the store says; one proposal goes on when another fails.
    pub async fn start_due(self: &Arc<Self>) -> Result<usize, Error> {
        let mut tx = self.store.read().await?;
        let now = self.now_of(&tx);
        let due = proposals::due(&mut tx, now).await?;
        drop(tx);
        let mut done = 0;
        let mut failed = None;
        for key in due {
            match self.write_portfolio(move |tx, now| Box::pin(start(tx, key, now))).await {
                Ok(true) => done += 1,
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(done), Err)
    }
}

/// Does with a proposal what its time demands; says whether there was something to do.
async fn start(tx: &mut Tx, key: ProposalKey, now: Micros) -> Result<bool, Error> {
    let ProposalKey { part, portfolio_no, proposal_id } = key;
    let parts = tenants::owning(tx, part).await?;
    let damaged = |error| Error::from(Damage::of("portfolio", part, portfolio_no.0, error));
    let named = portfolios::portfolio_by_no(tx, part, portfolio_no).await?;
    let id = named.ok_or_else(|| Damage::missing("portfolio", part, portfolio_no.0))?.id;
    let id = PortfolioId::new(id).map_err(|error| damaged(error.to_string()))?;
    let stored = locked(tx, part, &id).await?;
    let found = proposals::find_due(tx, key).await?;
    // Somebody else may have been first.
    let is_due = |due_at: Option<Micros>| due_at.is_some_and(|at| at <= now);
    let Some((_, read)) = found.filter(|(due_at, _)| is_due(*due_at)) else { return Ok(false) };
    let by = ("", now);
    let why = match read {
        Ok(proposal) if proposal.state == ProposalState::Proposed => {
            let expired = (ProposalState::Expired, by, UNDECIDED);
            end(tx, part, &stored, proposal_id, expired).await?;
            return Ok(true);
        }
        Ok(proposal) => match ready(tx, part, &stored, (&proposal, now)).await {
            _ if needs_second_person(&stored) && proposal.approved.is_none() => {
                UNAPPROVED.to_owned()
            }
            Ok(ready) => {
                carry_out(tx, &parts, &stored, proposal, (&ready, now)).await?;
                let activation_id = ready.activation.activation_id;
                tracing::info!(portfolio_id = %id, proposal_id, activation_id, "its time has come");
                return Ok(true);
            }
            Err(error @ Error::Store(_)) => unreadable(error)?,
            Err(error) => error.to_string(),
        },
        Err(error) => unreadable(error.into())?,
    };
    tracing::warn!(portfolio_id = %id, proposal_id, why, "a scheduled activation is superseded");
    end(tx, part, &stored, proposal_id, (ProposalState::Superseded, by, &why)).await?;
    Ok(true)
}

/// Why a proposal ends that cannot be read, which the log tells in full. What a later try
/// may put right is tried again.
fn unreadable(error: Error) -> Result<String, Error> {
    let Damage { table, key, why } = error.into_damage()?;
    tracing::error!(table, key, why, "a scheduled activation cannot be read");
    Ok(UNREADABLE.to_owned())
}
