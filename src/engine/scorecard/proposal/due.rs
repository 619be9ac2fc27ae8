//! Proposals whose time has come: scheduled ones take effect, undecided ones expire.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{Micros, PortfolioId};
use crate::scoring::FEATURE_VERSION;
use crate::store::proposals::{self, ProposalKey, ProposalState};
use crate::store::{Damage, StoreError, Tx, portfolios, tenants};

use super::super::super::portfolio::locked;
use super::super::super::{Engine, Error};
use super::{PROGRAM_VERSION, UNAPPROVED, carry_out, end, needs_second_person, ready};

/// How many proposals are seen to at once.
const AT_ONCE: usize = 100;

/// How long a proposal is left alone that this server does not understand: what it needs
/// may be mended meanwhile.
const LEFT_FOR: i64 = Micros::HOUR;

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
        self.left.forget(now);
        // Those that are left stay due, and must not crowd out others.
        let due = proposals::due(&mut tx, now, AT_ONCE + self.left.count()).await?;
        drop(tx);
        let mut done = 0;
        let mut failed = None;
        for key in due.into_iter().filter(|key| !self.left.has(key)) {
            match self.write_portfolio(move |tx, now| Box::pin(start(tx, key, now))).await {
                Ok(Outcome::Done) => done += 1,
                Ok(Outcome::Gone) => {}
                Ok(Outcome::Left(why)) => self.left.add(key, now, &why),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(done), Err)
    }
}

/// Proposals that this server does not understand, and since when it leaves them alone.
#[derive(Default)]
pub(in super::super::super) struct Left(Mutex<HashMap<ProposalKey, Micros>>);

impl Left {
    fn keys(&self) -> MutexGuard<'_, HashMap<ProposalKey, Micros>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks again at what has been left for long.
    fn forget(&self, now: Micros) {
        self.keys().retain(|_, since| now < since.plus(LEFT_FOR));
    }

    fn count(&self) -> usize {
        self.keys().len()
    }

    fn has(&self, key: &ProposalKey) -> bool {
        self.keys().contains_key(key)
    }

    fn add(&self, key: ProposalKey, now: Micros, why: &str) {
        let ProposalKey { part, portfolio_no, proposal_id } = key;
        let (part, portfolio_no) = (part.0, portfolio_no.0);
        tracing::warn!(part, portfolio_no, proposal_id, why, "left to a newer server");
        self.keys().insert(key, now);
    }
}

/// What became of a proposal that was due.
enum Outcome {
    /// It has ended, or has taken effect.
    Done,
    /// Somebody else was first.
    Gone,
    /// A newer server has to see to it: why this one cannot.
    Left(String),
}

/// Does with a proposal what its time demands.
async fn start(tx: &mut Tx, key: ProposalKey, now: Micros) -> Result<Outcome, Error> {
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
    let Some((_, read)) = found.filter(|(due_at, _)| is_due(*due_at)) else {
        return Ok(Outcome::Gone);
    };
    let by = ("", now);
    let why = match read {
        Ok(proposal) if proposal.state == ProposalState::Proposed => {
            let expired = (ProposalState::Expired, by, UNDECIDED);
            end(tx, part, &stored, proposal_id, expired).await?;
            return Ok(Outcome::Done);
        }
        Ok(proposal) => match ready(tx, part, &stored, (&proposal, now)).await {
            _ if needs_second_person(&stored) && proposal.approved.is_none() => {
                UNAPPROVED.to_owned()
            }
            Ok(ready) => {
                carry_out(tx, &parts, &stored, proposal, (&ready, now)).await?;
                let activation_id = ready.activation.activation_id;
                tracing::info!(portfolio_id = %id, proposal_id, activation_id, "its time has come");
                return Ok(Outcome::Done);
            }
            Err(error) if is_for_newer(&error, &proposal.program_version) => {
                return Ok(Outcome::Left(error.to_string()));
            }
            Err(error @ Error::Store(_)) => unreadable(error)?,
            Err(error) => error.to_string(),
        },
        Err(error @ StoreError::Newer { .. }) => return Ok(Outcome::Left(error.to_string())),
        Err(error) => unreadable(error.into())?,
    };
    tracing::warn!(portfolio_id = %id, proposal_id, why, "a scheduled activation is superseded");
    end(tx, part, &stored, proposal_id, (ProposalState::Superseded, by, &why)).await?;
    Ok(Outcome::Done)
}

/// Whether what keeps this server from carrying out a proposal need not keep a newer one. Of
/// a proposal that a newer program made it may all be for want of knowing better.
fn is_for_newer(error: &Error, program_version: &str) -> bool {
    match error {
        Error::Store(StoreError::Newer { .. }) => true,
        Error::FeatureVersionRetired(version) if *version > FEATURE_VERSION => true,
        Error::Store(StoreError::Corrupt { .. })
        | Error::RevisionInvalid(_)
        | Error::FeatureVersionRetired(_)
        | Error::DraftChanged(_) => is_newer(program_version, PROGRAM_VERSION),
        _ => false,
    }
}

/// Whether a version such as `1.4.0` comes after another one; what is none comes after none.
fn is_newer(version: &str, than: &str) -> bool {
    let numbers = |text: &str| {
        let parts = text.split(['.', '-', '+']).take(3);
        parts.map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<_>>>()
    };
    numbers(version) > numbers(than)
}

/// Why a proposal ends that cannot be read, which the log tells in full. What a later try
/// may put right is tried again.
fn unreadable(error: Error) -> Result<String, Error> {
    let Damage { table, key, why } = error.into_damage()?;
    tracing::error!(table, key, why, "a scheduled activation cannot be read");
    Ok(UNREADABLE.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_go_by_their_numbers() {
        for (newer, older) in
            [("1.0.0", "0.9.9"), ("0.10.0", "0.9.0"), ("1.2.10", "1.2.9-rc.1"), ("0.1.0", "")]
        {
            assert!(is_newer(newer, older), "{newer} {older}");
            assert!(!is_newer(older, newer), "{older} {newer}");
        }
        for same in [("1.2.3", "1.2.3"), ("1.2.3-rc.1", "1.2.3"), ("", "0.1.0"), ("x.y", "0.1.0")] {
            assert!(!is_newer(same.0, same.1), "{same:?}");
        }
    }

    #[test]
    fn what_a_newer_program_may_know_better_is_left_to_it() {
        let corrupt = || {
            let (table, key, why) = ("scorecard_revision", String::new(), String::new());
            Error::Store(StoreError::Corrupt { table, key, why })
        };
        let newer = || Error::Store(StoreError::newer("rule_set", crate::model::Part(1), 1));
        let doubtful = [
            corrupt(),
            Error::RevisionInvalid(Vec::new()),
            Error::FeatureVersionRetired(FEATURE_VERSION - 1),
            Error::DraftChanged(String::new()),
        ];
        for error in doubtful {
            for (version, left) in [("999.0.0", true), (PROGRAM_VERSION, false), ("", false)] {
                assert_eq!(is_for_newer(&error, version), left, "{error} {version}");
            }
        }
        for error in [newer(), Error::FeatureVersionRetired(FEATURE_VERSION + 1)] {
            assert!(is_for_newer(&error, ""), "{error}");
        }
        let away = Error::Store(StoreError::Unavailable(String::new()));
        for error in [away, Error::ActivationChanged(1)] {
            assert!(!is_for_newer(&error, "999.0.0"), "{error}");
        }
    }
}
