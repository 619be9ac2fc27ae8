//! Portfolios as they were a moment ago, for what neither writes nor reads a row
//! besides them: a message is read against a portfolio's currency, and a document
//! that nobody stores is ranked by its rule set, without a look at the database.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use crate::model::{Part, PortfolioId};

use super::context::PortfolioContext;
use super::{Engine, Error};

/// How long a change that another server made may go unseen. What this server
/// changes is seen at once.
const SEEN_WITHIN: Duration = Duration::from_millis(250);

/// What is known of the portfolios asked for of late.
pub(super) struct Latest<T>(RwLock<State<T>>);

struct State<T> {
    /// How often this server has changed a portfolio: what was read before the last
    /// change is not kept after it.
    changes: u64,
    known: HashMap<(Part, PortfolioId), (Instant, Arc<T>)>,
}

impl<T> Default for Latest<T> {
    fn default() -> Latest<T> {
        Latest(RwLock::new(State { changes: 0, known: HashMap::new() }))
    }
}

impl<T> Latest<T> {
    /// Forgets all: a portfolio has been changed, and the change is committed.
    pub(super) fn forget(&self) {
        let mut state = self.write();
        state.changes += 1;
        state.known.clear();
    }

    /// One that was read within the time, else how often portfolios had changed.
    fn find(&self, key: &(Part, PortfolioId)) -> Result<Arc<T>, u64> {
        let state = self.read();
        match state.known.get(key) {
            Some((read_at, known)) if read_at.elapsed() < SEEN_WITHIN => Ok(Arc::clone(known)),
            _ => Err(state.changes),
        }
    }

    /// Keeps what was read when portfolios had changed `changes` times.
    fn keep(&self, key: (Part, PortfolioId), (read_at, changes): (Instant, u64), found: &Arc<T>) {
        let mut state = self.write();
        if state.changes == changes {
            state.known.insert(key, (read_at, Arc::clone(found)));
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State<T>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State<T>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// A portfolio as it was a moment ago.
    ///
    /// # Errors
    /// `NotFound`.
    pub(super) async fn latest(
        &self,
        part: Part,
        portfolio_id: &PortfolioId,
    ) -> Result<Arc<PortfolioContext>, Error> {
        let key = (part, portfolio_id.clone());
        let changes = match self.latest.find(&key) {
            Ok(known) => return Ok(known),
            Err(changes) => changes,
        };
        let read_at = Instant::now();
        let mut tx = self.store.read().await?;
        let context = self.context_by_id(&mut tx, part, portfolio_id).await?;
        drop(tx);
        self.latest.keep(key, (read_at, changes), &context);
        Ok(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> (Part, PortfolioId) {
        (Part(1), PortfolioId::new("cards").expect("an id"))
    }

    #[test]
    fn what_was_read_is_found_until_a_change_or_its_time_has_passed() {
        let (latest, context) = (Latest::default(), Arc::new(()));
        let now = Instant::now();
        assert_eq!(latest.find(&key()).err(), Some(0));
        latest.keep(key(), (now, 0), &context);
        assert!(latest.find(&key()).is_ok());
        latest.forget();
        assert_eq!(latest.find(&key()).err(), Some(1));
        let long_ago = now.checked_sub(SEEN_WITHIN).expect("the machine has run for a second");
        latest.keep(key(), (long_ago, 1), &context);
        assert_eq!(latest.find(&key()).err(), Some(1));
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let (latest, context) = (Latest::default(), Arc::new(()));
        let before = (Instant::now(), 0);
        latest.forget();
        latest.keep(key(), before, &context);
        assert_eq!(latest.find(&key()).err(), Some(1));
    }
}
