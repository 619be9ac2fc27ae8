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
    portfolio_id: PortfolioId,
    /// A place in the log of each part of the tenant.
    places: Vec<(Part, Place)>,
    /// Which part is looked at next, so that none waits for another.
    turn: usize,
    request: i64,
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
    let parts = engine.parts(caller).await?;
    let mut tx = engine.store.read().await?;
    engine.context_by_id(&mut tx, parts.first(), &portfolio_id).await?;
    let request = PageToken::request("watch", &[&caller.tenant, portfolio_id.as_str()]);
    let resumed = match resume_token {
        "" => None,
        token => Some(places_of(token, request, parts.all())?),
    };
    let mut places = Vec::with_capacity(parts.all().len());
    for (at, part) in parts.all().iter().enumerate() {
        let newest = changes::last(&mut tx, *part).await?;
        let place = match resumed.as_ref().map(|resumed| resumed[at]) {
            Some(place) => {
                let oldest = changes::oldest(&mut tx, *part).await?.unwrap_or(newest + 1);
                if !(oldest - 1..=newest).contains(&place.change_no) {
                    return Err(Error::WatchTokenExpired);
                }
                place
            }
            None => Place { change_no: newest, case_no: CaseNo(0) },
        };
        places.push((*part, place));
    }
    Ok(CaseWatch { portfolio_id, places, turn: 0, request })
}

impl CaseWatch {
    /// Goes on behind what has been seen.
    pub fn token(&self) -> String {
        let place =
            |(_, Place { change_no, case_no }): &(Part, Place)| format!("{change_no} {case_no}");
        let places: Vec<String> = self.places.iter().map(place).collect();
        PageToken::write(&places.join(" "), self.request)
    }

    /// Looks at the next changes, at most `most` cases of them, and goes on behind them.
    ///
    /// # Errors
    /// `WatchTokenExpired` for one who has fallen behind by more than is kept.
    pub async fn step(&mut self, engine: &Arc<Engine>, most: usize) -> Result<Watched, Error> {
        for _ in 0..self.places.len() {
            let at = self.turn % self.places.len();
            self.turn = at + 1;
            let watched = self.step_in(engine, at, most).await?;
            if !watched.caught_up {
                return Ok(watched);
            }
        }
        Ok(Watched { cases: Vec::new(), caught_up: true })
    }

    /// The same for one part.
    async fn step_in(
        &mut self,
        engine: &Arc<Engine>,
        at: usize,
        most: usize,
    ) -> Result<Watched, Error> {
        let (part, from) = self.places[at];
        let mut tx = engine.store.read().await?;
        let rows = changes::after(&mut tx, part, from.change_no).await?;
        if rows.first().is_some_and(|(change_no, _)| *change_no != from.change_no + 1) {
            return Err(Error::WatchTokenExpired);
        }
        let mut found = BTreeSet::new();
        let mut place = from;
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
        let context = engine.context_by_id(&mut tx, part, &self.portfolio_id).await?;
        let number = context.portfolio.number;
        let heads = cases::heads_of(&mut tx, part, number, found).await?;
        let cases = read::views(engine, &mut tx, &context, heads, false).await?;
        self.places[at].1 = place;
        Ok(Watched { cases, caught_up: false })
    }
}

/// The places that a token names, one for each part.
fn places_of(token: &str, request: i64, parts: &[Part]) -> Result<Vec<Place>, Error> {
    let numbers = PageToken::read(token, request).ok().and_then(|cursor| {
        let numbers = cursor.split(' ').map(|number| number.parse().ok());
        numbers.collect::<Option<Vec<i64>>>()
    });
    let numbers = numbers.filter(|numbers| numbers.len() == 2 * parts.len());
    let place = |pair: &[i64]| Place { change_no: pair[0], case_no: CaseNo(pair[1]) };
    match numbers {
        Some(numbers) => Ok(numbers.chunks(2).map(place).collect()),
        None => {
            let mut violations = Violations::new();
            let bound = "it must be one that a watch of the same portfolio has sent";
            violations.add("resume_token", Reason::FieldMalformed, token, bound);
            Err(Error::Invalid(violations))
        }
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
