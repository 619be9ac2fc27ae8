//! What protects from giving a debtor to two workers after the database was switched to
//! a standby: leases that had been acknowledged and had not reached it are unknown
//! there. Nothing is leased then until the longest of them is over.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::model::{Micros, Part};
use crate::store::Tx;
use crate::store::queue::guard::{self, Guard, Lineage};

use super::super::Error;
use super::super::working_set::WorkingSet;

/// What this server knows of each part.
#[derive(Default)]
pub(in super::super) struct Guards(Mutex<HashMap<Part, Known>>);

#[derive(Clone, Copy)]
struct Known {
    guard: Guard,
    /// Whether the database has it: it was read there behind its lock.
    stored: bool,
}

impl Guards {
    fn get(&self, part: Part) -> Option<Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&part).copied()
    }

    fn set(&self, part: Part, known: Known) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(part, known);
    }
}

/// Until when nothing may be leased, if that has not come. Leases of `longest`
/// microseconds are to be granted or prolonged, which is remembered before.
pub(super) async fn stopped_until(
    set: &WorkingSet,
    tx: &mut Tx,
    longest: i64,
) -> Result<Option<Micros>, Error> {
    let Some(lineage) = tx.lineage() else { return Ok(None) };
    let (engine, part, now) = (set.engine.clone(), set.part, set.now);
    let known = engine.guards.get(part);
    let current = match known {
        Some(Known { guard, stored: true })
            if guard.lineage == lineage && guard.longest_lease >= longest =>
        {
            guard
        }
        _ => {
            let stored = guard::load(tx, part).await?;
            let next = next(stored, known.map(|known| known.guard), (lineage, longest), now);
            if stored != Some(next) {
                guard::save(tx, part, &next).await?;
            }
            engine.guards.set(part, Known { guard: next, stored: stored == Some(next) });
            tell(stored, &next, now);
            next
        }
    };
    Ok(Some(current.leases_from).filter(|from| *from > now))
}

/// What is to be remembered from now on. What a server knows by itself counts as well:
/// the standby may not have received what the database had stored.
fn next(
    stored: Option<Guard>,
    known: Option<Guard>,
    (lineage, longest): (Lineage, i64),
    now: Micros,
) -> Guard {
    let before: Vec<Guard> = stored.into_iter().chain(known).collect();
    let lasting = before.iter().map(|guard| guard.longest_lease);
    let longest_lease = lasting.fold(longest, i64::max);
    let mut leases_from = before.iter().map(|guard| guard.leases_from).max().unwrap_or(Micros(0));
    // Of what is stored under this timeline, somebody has judged the switch already.
    let settled = stored.is_some_and(|guard| guard.lineage.timeline == lineage.timeline);
    let lost =
        |guard: &Guard| guard.lineage.timeline != lineage.timeline && !guard.lineage.synchronous;
    if !settled && before.iter().any(lost) {
        leases_from = leases_from.max(now.plus(longest_lease));
    }
    Guard { lineage, longest_lease, leases_from }
}

/// Logs what a switch means.
fn tell(stored: Option<Guard>, next: &Guard, now: Micros) {
    let Some(before) = stored.filter(|guard| guard.lineage.timeline != next.lineage.timeline)
    else {
        return;
    };
    let (from, to) = (before.lineage.timeline, next.lineage.timeline);
    match next.leases_from > now {
        false => tracing::warn!(from, to, "the database was switched to a synchronous standby"),
        true => {
            let seconds = (next.leases_from.0 - now.0) / Micros::SECOND;
            tracing::error!(
                from,
                to,
                seconds,
                "the database was switched to a standby that may lack what was acknowledged \
                 last; nothing is leased until the leases are over that it may lack"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = Micros(1_000 * Micros::SECOND);
    const MINUTE: i64 = Micros::MINUTE;

    fn guard(timeline: i64, synchronous: bool, longest_lease: i64) -> Guard {
        let lineage = Lineage { timeline, synchronous };
        Guard { lineage, longest_lease, leases_from: Micros(0) }
    }

    fn after(stored: Option<Guard>, known: Option<Guard>, timeline: i64, longest: i64) -> Guard {
        next(stored, known, (Lineage { timeline, synchronous: false }, longest), NOW)
    }

    #[test]
    fn a_switch_stops_leasing_for_the_longest_lease_unless_it_was_synchronous() {
        assert_eq!(after(None, None, 1, MINUTE), guard(1, false, MINUTE));
        let old = Some(guard(1, false, 5 * MINUTE));
        assert_eq!(after(old, None, 1, MINUTE), guard(1, false, 5 * MINUTE));
        let from = NOW.plus(5 * MINUTE);
        assert_eq!(after(old, None, 2, MINUTE).leases_from, from);
        assert_eq!(after(old, None, 2, 60 * MINUTE).leases_from, NOW.plus(60 * MINUTE));
        let synchronous = Some(guard(1, true, 5 * MINUTE));
        assert_eq!(after(synchronous, None, 2, MINUTE).leases_from, Micros(0));
    }

    #[test]
    fn a_stop_is_neither_forgotten_nor_begun_anew() {
        let stopped = after(Some(guard(1, false, MINUTE)), None, 2, MINUTE);
        let later = Micros(NOW.0 + MINUTE / 2);
        let lineage = Lineage { timeline: 2, synchronous: true };
        let other = next(Some(stopped), Some(guard(1, false, MINUTE)), (lineage, MINUTE), later);
        assert_eq!(other.leases_from, stopped.leases_from);
        assert!(other.lineage.synchronous);
    }

    #[test]
    fn a_server_remembers_what_the_standby_has_not_received() {
        let known = Some(guard(1, false, 10 * MINUTE));
        assert_eq!(after(None, known, 2, MINUTE).leases_from, NOW.plus(10 * MINUTE));
        let older = Some(guard(1, true, MINUTE));
        assert_eq!(after(older, known, 2, MINUTE).leases_from, NOW.plus(10 * MINUTE));
    }
}
