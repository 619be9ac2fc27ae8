//! Cases that are given to a debtor of another part: they go there with all that happened
//! to them, in the transaction that takes the document.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{CaseNo, DebtorNo, Part, PortfolioNo, Reason, Violations};
use crate::store::case_moves::{self, Move};
use crate::store::case_stays::{self, Stay};
use crate::store::numbers::NumberKind;
use crate::store::{Tx, case_parts};

use super::super::working_set::{Leaving, WorkingSets};
use super::super::{Error, ItemError};
use super::documents::Prepared;
use super::sort::Taken;
use super::stops::{Stop, gone};

/// The most events that go to other parts in one transaction: each is read and written
/// while debtors are in hand. A case with more stays where it is.
pub(super) const EVENTS_MAX: i64 = 50_000;

/// By how much numbers of a dry run lie apart from those of new cases.
const DRY_RUN_APART: i64 = 1 << 40;

/// Rejects documents whose cases would bring more events than one transaction moves.
pub(super) fn keep_within_bound(stops: &mut [Stop]) {
    let mut room = EVENTS_MAX;
    for Stop { sorted, results, .. } in stops {
        sorted.taken.retain(|Taken { new, known, .. }| {
            let events = known.as_ref().filter(|_| new.lives_in.is_some());
            let events = events.map_or(0, |known| known.rank.case_seq);
            let fits = events <= room;
            if fits {
                room -= events;
            } else {
                results.reject(new.index, new.document.case_id.as_str(), too_many(new, events));
            }
            fits
        });
    }
}

fn too_many(one: &Prepared, events: i64) -> ItemError {
    let mut violations = Violations::new();
    let field = format!("cases[{}].debtor_id", one.index);
    let bound = format!(
        "the debtor lives in another bucket of this spread tenant, and the case has {events} \
         events: at most {EVENTS_MAX} move in one transaction, of an atomic push in all"
    );
    violations.add(field, Reason::FieldImmutable, &one.document.debtor_id, bound);
    ItemError::Invalid(violations)
}

/// Notes where new cases live, and those that move, in the transaction that does so: once
/// all debtors are in hand, and in one order.
///
/// # Errors
/// `Conflict` where one lives elsewhere than was thought.
pub(super) async fn note_places(tx: &mut Tx, stops: &[Stop]) -> Result<(), Error> {
    let Some(first) = stops.iter().find(|stop| !stop.dry) else { return Ok(()) };
    let Some(parts) = &first.spread else { return Ok(()) };
    let portfolio_no = first.context.portfolio.number;
    let mut new = Vec::new();
    let mut moved: BTreeMap<(Part, Part, Part), BTreeSet<&str>> = BTreeMap::new();
    for stop in stops {
        for one in &stop.sorted.taken {
            let case_id = &one.new.document.case_id;
            let directory = parts.directory_of(case_id);
            match (&one.known, one.new.lives_in) {
                (None, _) => new.push((directory, case_id.as_str(), stop.part)),
                (Some(_), Some(from)) => {
                    let way = (directory, from, stop.part);
                    moved.entry(way).or_default().insert(case_id.as_str());
                }
                (Some(_), None) => {}
            }
        }
    }
    let count = new.len();
    let noted = case_parts::insert(tx, portfolio_no, new).await?;
    if usize::try_from(noted) != Ok(count) {
        return Err(gone());
    }
    for ((directory, from, to), case_ids) in moved {
        let count = case_ids.len();
        let place = (directory, portfolio_no);
        let noted = case_parts::move_all(tx, place, case_ids, (from, to)).await?;
        if usize::try_from(noted) != Ok(count) {
            return Err(gone());
        }
    }
    Ok(())
}

/// Debtors whose cases have left, by part.
type Left = BTreeMap<Part, BTreeSet<DebtorNo>>;

/// Has the cases of documents that name debtors of other parts go there, so that the
/// documents find them like any other. Returns the debtors they have left.
pub(super) async fn carry(
    sets: &mut WorkingSets,
    tx: &mut Tx,
    stops: &mut [Stop],
) -> Result<Left, Error> {
    let mut left = Left::new();
    let mut moves: Vec<(Move, Leaving)> = Vec::new();
    for stop in stops.iter_mut() {
        let count = stop.sorted.taken.iter().filter(|one| one.new.lives_in.is_some()).count();
        if count == 0 {
            continue;
        }
        let mut next = stop.first_number(tx, NumberKind::Case, count).await?;
        if stop.dry {
            next += DRY_RUN_APART;
        }
        for Taken { new, known, .. } in &mut stop.sorted.taken {
            let (Some(from), Some(known)) = (new.lives_in, known) else { continue };
            let debtor_no = stop.debtor_nos[new.document.debtor_id.as_str()];
            left.entry(from).or_default().insert(known.debtor_no);
            let to = (stop.part, CaseNo(next));
            next += 1;
            let leaving = sets.of(from).let_go(known.case_no)?;
            moves.push((Move { from: (from, known.case_no), to, debtor_no }, leaving));
            (known.case_no, known.debtor_no) = (to.1, debtor_no);
        }
    }
    if let Some(first) = stops.iter().find(|stop| !stop.dry && !moves.is_empty()) {
        let portfolio_no = first.context.portfolio.number;
        note_stays(sets, tx, portfolio_no, &moves).await?;
        let rows: Vec<Move> = moves.iter().map(|(one, _)| *one).collect();
        case_moves::carry(tx, portfolio_no, &rows).await?;
    }
    for (Move { to: (part, case_no), debtor_no, .. }, leaving) in moves {
        sets.of(part).receive(leaving, (case_no, debtor_no));
    }
    Ok(left)
}

/// Writes that stays end, and that others begin of cases that were leased before.
async fn note_stays(
    sets: &mut WorkingSets,
    tx: &mut Tx,
    portfolio_no: PortfolioNo,
    moves: &[(Move, Leaving)],
) -> Result<(), Error> {
    let mut by_part: BTreeMap<Part, Vec<CaseNo>> = BTreeMap::new();
    for (Move { from: (part, case_no), .. }, _) in moves {
        by_part.entry(*part).or_default().push(*case_no);
    }
    let mut begun = BTreeMap::new();
    for (part, case_nos) in by_part {
        let found = case_stays::load(tx, part, case_nos).await?;
        begun.extend(found.into_values().map(|stay| (stay.place, stay)));
    }
    let mut stays = Vec::with_capacity(2 * moves.len());
    for (Move { from, to, .. }, leaving) in moves {
        let ended = begun.remove(from).unwrap_or_else(|| Stay {
            place: *from,
            portfolio_no,
            case_id: leaving.case_id.clone(),
            leases_before: 0,
            came_from: None,
            leave_time: None,
        });
        let leases_before = leaving.lease_seq().max(ended.leases_before);
        // A stay without a lease is passed over by whoever looks for one.
        let leased_here = leases_before > ended.leases_before;
        let came_from = if leased_here { Some(*from) } else { ended.came_from };
        if came_from.is_some() {
            stays.push(Stay { place: *to, leases_before, came_from, ..ended.clone() });
        }
        stays.push(Stay { leave_time: Some(sets.of(from.0).now), ..ended });
    }
    stays.sort_by_key(|stay| stay.place);
    Ok(case_stays::save(tx, &stays).await?)
}
