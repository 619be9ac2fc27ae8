//! Where cases of a spread tenant live now, and where they have lived: a case that is given
//! to a debtor of another part leaves its leases behind, with the debtors who were called.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::{CaseId, CaseNo, DebtorNo, Part, PortfolioId};
use crate::store::case_stays::{self, Stay};
use crate::store::cases::KnownCase;
use crate::store::queue::lease::{self, LeaseRow};
use crate::store::{Damage, Readable, Tx, case_parts, cases, tenants};

use super::context::PortfolioContext;
use super::read::find;
use super::{Caller, Engine, Error, Resource};

/// How often a case is looked up anew that somebody moves meanwhile.
const ROUNDS_MAX: usize = 32;

/// A case as found by its ids.
pub(super) struct FoundCase {
    /// A view of the database in which it is there.
    pub(super) tx: Tx,
    pub(super) context: Arc<PortfolioContext>,
    pub(super) known: KnownCase,
}

impl Engine {
    /// Finds a case of a caller where it lives.
    ///
    /// # Errors
    /// `NotFound` for the portfolio or the case; `Corrupt` where it cannot be read.
    pub(super) async fn find_case(
        &self,
        caller: &Caller,
        (portfolio_id, case_id): (&PortfolioId, &CaseId),
    ) -> Result<FoundCase, Error> {
        let mut rounds = 0;
        loop {
            rounds += 1;
            let part = self.part_of_case(caller, portfolio_id, case_id).await?;
            let mut tx = self.store.read().await?;
            let context = self.context_by_id(&mut tx, part, portfolio_id).await?;
            match find(&mut tx, part, &context, case_id).await {
                Ok(known) => return Ok(FoundCase { tx, context, known }),
                // Between the two looks it may have moved.
                Err(Error::NotFound { resource: Resource::Case, .. })
                    if rounds < ROUNDS_MAX
                        && part != self.part_of_case(caller, portfolio_id, case_id).await? => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// A case that has left a part.
#[derive(Clone, Debug)]
pub(super) struct Gone {
    /// The stay that has ended.
    pub(super) stay: Stay,
    /// Where it lives now, and whose it is there.
    pub(super) lives_in: Part,
    pub(super) case_no: CaseNo,
    pub(super) debtor_no: DebtorNo,
}

/// Those of some cases that have left a part, by their numbers in it, with where they live
/// now, or what is wrong where that cannot be told.
pub(super) async fn gone(
    tx: &mut Tx,
    part: Part,
    case_nos: impl IntoIterator<Item = CaseNo>,
) -> Result<HashMap<CaseNo, Readable<Gone>>, Error> {
    let mut found = look_up(tx, part, case_nos).await?;
    let lost = found.iter().filter(|(_, gone)| gone.is_err());
    let lost: Vec<CaseNo> = lost.map(|(case_no, _)| *case_no).collect();
    if tx.is_shared() && !lost.is_empty() {
        // It may have gone on between one look and the next.
        found.extend(look_up(tx, part, lost).await?);
    }
    Ok(found)
}

async fn look_up(
    tx: &mut Tx,
    part: Part,
    case_nos: impl IntoIterator<Item = CaseNo>,
) -> Result<HashMap<CaseNo, Readable<Gone>>, Error> {
    let mut stays = case_stays::load(tx, part, case_nos).await?;
    stays.retain(|_, stay| stay.leave_time.is_some());
    if stays.is_empty() {
        return Ok(HashMap::new());
    }
    let parts = tenants::owning(tx, part).await?;
    let mut by_directory: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for stay in stays.values() {
        // What is no id is noted nowhere.
        let Ok(case_id) = CaseId::new(stay.case_id.as_str()) else { continue };
        let key = (parts.directory_of(&case_id), stay.portfolio_no);
        by_directory.entry(key).or_default().insert(stay.case_id.as_str());
    }
    let mut by_part: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for ((directory, portfolio_no), case_ids) in by_directory {
        let found = case_parts::find(tx, directory, portfolio_no, case_ids).await?;
        for (case_id, lives_in) in found {
            by_part.entry((lives_in, portfolio_no)).or_default().insert(case_id);
        }
    }
    let mut places = HashMap::new();
    for ((lives_in, portfolio_no), case_ids) in by_part {
        let named = case_ids.iter().map(String::as_str);
        for (case_id, read) in cases::find_by_id(tx, lives_in, portfolio_no, named).await? {
            let place = read.map(|known| (lives_in, known.head.case_no, known.head.debtor_no));
            places.insert((portfolio_no, case_id), place);
        }
    }
    let gone = |(number, stay): (CaseNo, Stay)| {
        let place = places.get(&(stay.portfolio_no, stay.case_id.clone())).cloned();
        let place = place.unwrap_or_else(|| Err(Damage::missing("case_part", part, number.0)));
        let gone =
            place.map(|(lives_in, case_no, debtor_no)| Gone { stay, lives_in, case_no, debtor_no });
        (number, gone)
    };
    Ok(stays.into_iter().map(gone).collect())
}

/// The leases of a case that were granted while it lived in one place.
#[derive(Clone, Copy, Debug)]
struct Span {
    place: (Part, CaseNo),
    /// The number of the newest lease of before.
    after: i64,
}

/// Where the leases of a case lie, the earliest first.
async fn spans(tx: &mut Tx, place: (Part, CaseNo)) -> Result<Vec<Span>, Error> {
    let mut spans = Vec::new();
    let mut next = Some(place);
    while let Some(place) = next {
        let stay = case_stays::load(tx, place.0, [place.1]).await?.remove(&place.1);
        let after = stay.as_ref().map_or(0, |stay| stay.leases_before);
        // Each stay on the way has a lease more than the one before: it comes to an end.
        if spans.last().is_some_and(|span: &Span| span.after <= after) {
            return Err(Damage::of("case_stay", place.0, place.1.0, "it leads in a circle").into());
        }
        spans.push(Span { place, after });
        next = stay.and_then(|stay| stay.came_from);
    }
    spans.reverse();
    Ok(spans)
}

/// The number of the newest lease of a case, wherever it was granted; 0 if it was never
/// leased.
pub(super) async fn lease_count(
    tx: &mut Tx,
    (part, case_no): (Part, CaseNo),
) -> Result<i64, Error> {
    let here = lease::last_of_case(tx, part, case_no).await?;
    if here > 0 {
        return Ok(here);
    }
    let stay = case_stays::load(tx, part, [case_no]).await?.remove(&case_no);
    Ok(stay.map_or(0, |stay| stay.leases_before))
}

/// A lease of a case by its number, wherever it was granted.
pub(super) async fn lease_of_case(
    tx: &mut Tx,
    (part, case_no): (Part, CaseNo),
    lease_seq: i64,
) -> Result<Option<LeaseRow>, Error> {
    let here = lease::load(tx, part, &[(case_no, lease_seq)]).await?;
    if let Some(lease) = here.into_iter().next() {
        return Ok(Some(lease));
    }
    let spans = spans(tx, (part, case_no)).await?;
    let Some(span) = spans.iter().rev().find(|span| span.after < lease_seq) else {
        return Ok(None);
    };
    let (part, case_no) = span.place;
    Ok(lease::load(tx, part, &[(case_no, lease_seq)]).await?.into_iter().next())
}

/// The leases of a case behind one of them, wherever they were granted, at most so many, in
/// their order.
pub(super) async fn leases_of_case(
    tx: &mut Tx,
    place: (Part, CaseNo),
    (after, limit): (i64, usize),
) -> Result<Vec<LeaseRow>, Error> {
    let mut leases: Vec<LeaseRow> = Vec::new();
    for Span { place: (part, case_no), after: before } in spans(tx, place).await? {
        if leases.len() == limit {
            break;
        }
        let from = (case_no, after.max(before));
        leases.extend(lease::of_case(tx, part, from, limit - leases.len()).await?);
    }
    Ok(leases)
}
