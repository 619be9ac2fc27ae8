//! Watching cases: which of them changed since, in the order of the change log.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::{CaseNo, Micros, Part, PortfolioId, Reason, Violations};
use crate::store::{Class, Lock, StoreError, cases, changes};

use super::page::PageToken;
use super::read::{self, ListedCase};
use super::{Caller, Engine, Error};

/// How long changes are kept.
pub(super) const CHANGES_KEPT: i64 = 7 * 24 * Micros::HOUR;

/// How far somebody has watched a portfolio.
#[derive(Clone, Debug)]
pub struct CaseWatch {
    part: Part,
    portfolio_id: PortfolioId,
    place: Place,
}

/// Behind which change, and behind which case of the one that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    change_no: i64,
    case_no: CaseNo,
}

/// What a step of a watch has found.
pub struct Watched {
    /// The cases as they are now.
    pub cases: Vec<ListedCase>,
    /// Whether there was nothing left to look at.
    pub caught_up: bool,
}

/// Begins to watch a portfolio: behind `resume_token`, or from now on where it is empty.
///
/// # Errors
/// `NotFound` for the portfolio; `Invalid` for a token that is not one of a watch of it;
/// `WatchTokenExpired` for one that is older than changes are kept, or newer than the
/// newest, as after a restore.
pub async fn watch_cases(
    engine: &Arc<Engine>,
    caller: &Caller,
    portfolio_id: PortfolioId,
    resume_token: &str,
) -> Result<CaseWatch, Error> {
    let part = caller.part;
    let mut tx = engine.store.read().await?;
    engine.context_by_id(&mut tx, part, &portfolio_id).await?;
    let newest = changes::last(&mut tx, part).await?;
    let from_now = Place { change_no: newest, case_no: CaseNo(0) };
    let mut watch = CaseWatch { part, portfolio_id, place: from_now };
    if !resume_token.is_empty() {
        watch.place = watch.place_of(resume_token)?;
        let oldest = changes::oldest(&mut tx, part).await?.unwrap_or(newest + 1);
        if !(oldest - 1..=newest).contains(&watch.place.change_no) {
            return Err(Error::WatchTokenExpired);
        }
    }
    Ok(watch)
}

impl CaseWatch {
    /// Goes on behind what has been seen.
    pub fn token(&self) -> String {
        let Place { change_no, case_no } = self.place;
        PageToken::write(&format!("{change_no} {case_no}"), self.request())
    }

    /// Looks at the next changes, at most `most` cases of them, and goes on behind them.
    ///
    /// # Errors
    /// `WatchTokenExpired` for one who has fallen behind by more than is kept.
    pub async fn step(&mut self, engine: &Arc<Engine>, most: usize) -> Result<Watched, Error> {
        let mut tx = engine.store.read().await?;
        let rows = changes::after(&mut tx, self.part, self.place.change_no).await?;
        if rows.first().is_some_and(|(change_no, _)| *change_no != self.place.change_no + 1) {
            return Err(Error::WatchTokenExpired);
        }
        let mut found = BTreeSet::new();
        let mut place = self.place;
        'rows: for (change_no, cases) in &rows {
            let seen = place.case_no;
            for case_no in cases.keys().filter(|case_no| **case_no > seen) {
                if found.len() == most && !found.contains(case_no) {
                    break 'rows;
                }
                found.insert(*case_no);
                place.case_no = *case_no;
            }
            place = Place { change_no: *change_no, case_no: CaseNo(0) };
        }
        if rows.is_empty() {
            return Ok(Watched { cases: Vec::new(), caught_up: true });
        }
        let context = engine.context_by_id(&mut tx, self.part, &self.portfolio_id).await?;
        let number = context.portfolio.number;
        let heads = cases::heads_of(&mut tx, self.part, number, found).await?;
        let cases = read::views(engine, &mut tx, &context, heads, false).await?;
        self.place = place;
        Ok(Watched { cases, caught_up: false })
    }

    fn place_of(&self, token: &str) -> Result<Place, Error> {
        let cursor = PageToken::read(token, self.request()).ok();
        let place = cursor.and_then(|cursor| {
            let (change_no, case_no) = cursor.split_once(' ')?;
            Some(Place {
                change_no: change_no.parse().ok()?,
                case_no: CaseNo(case_no.parse().ok()?),
            })
        });
        place.ok_or_else(|| {
            let mut violations = Violations::new();
            let bound = "it must be one that a watch of the same portfolio has sent";
            violations.add("resume_token", Reason::FieldMalformed, token, bound);
            Error::Invalid(violations)
        })
    }

    fn request(&self) -> i64 {
        PageToken::request("watch", &[&self.part.0.to_string(), self.portfolio_id.as_str()])
    }
}

impl Engine {
    /// Numbers what transactions have changed, and chains what they noted for the audit,
    /// where that does not happen within them. Runs every quarter of a second.
    ///
    /// # Errors
    /// What the store says; what was done before stays done.
    pub async fn number_changes(self: &Arc<Self>) -> Result<(), Error> {
        let mut tx = self.store.read().await?;
        let parts = changes::waiting(&mut tx).await?;
        drop(tx);
        let mut failed = None;
        for part in parts {
            // What keeps one tenant back must not keep the others.
            if let Err(error) = self.number_changes_of(part, Lock::Skip).await {
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// The same for one part; waits for whoever is doing so if `lock` says so.
    pub(super) async fn number_changes_of(
        self: &Arc<Self>,
        part: Part,
        lock: Lock,
    ) -> Result<(), StoreError> {
        let engine = Arc::clone(self);
        self.store
            .write(
                Class::Interactive,
                move |tx| {
                    Box::pin(async move {
                        let now = engine.now_of(tx);
                        changes::number(tx, part, now, lock).await
                    })
                },
                |()| (),
            )
            .await
    }
}
