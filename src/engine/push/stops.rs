//! A push in stages: what is known is read, debtors are taken in hand, and what remains
//! changes the sets. A transaction over several parts goes through each stage in all of
//! them before the next one begins.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::{CaseNo, DebtorNo, DebtorRecord, Part, Parts};
use crate::store::cases::CaseHead;
use crate::store::cases::source::{self, StoredDocument};
use crate::store::debtors::Debtor;
use crate::store::numbers::{self, NumberKind};
use crate::store::{Damage, StoreError, Tx, debtors};

use super::super::Error;
use super::super::context::PortfolioContext;
use super::super::spread::{Items, in_order};
use super::super::working_set::{WorkingSet, WorkingSets};
use super::documents::{Prepared, Push, Results, all_or_nothing, check_numbering};
use super::sort::{Sorted, Taken, sort};
use super::spread::look_up;
use super::{PushResult, moves, take};

/// Numbers of a dry run: they are never written and meet no stored one.
const DRY_RUN_NUMBERS: i64 = 1 << 62;

/// The documents of a transaction whose debtors live in one part.
pub(super) struct Stop {
    pub(super) part: Part,
    pub(super) context: Arc<PortfolioContext>,
    pub(super) sorted: Sorted,
    pub(super) debtor_nos: HashMap<String, DebtorNo>,
    pub(super) results: Results,
    /// The parts of the tenant, where those are several.
    pub(super) spread: Option<Arc<Parts>>,
    pub(super) dry: bool,
}

/// Takes documents into working sets, those of each part in its own. Only reads when the
/// call is a dry run.
pub(super) async fn push_into(
    sets: &mut WorkingSets,
    tx: &mut Tx,
    pushes: BTreeMap<Part, Push>,
) -> Result<Items<PushResult>, Error> {
    let atomic = pushes.values().any(|push| push.atomic);
    let mut stops = Vec::with_capacity(pushes.len());
    for (part, push) in pushes {
        stops.push(Stop::read(sets, tx, (part, push)).await?);
    }
    take_in_hand(sets, tx, &mut stops).await?;
    for stop in &mut stops {
        stop.keep_readable(sets, tx).await?;
        let set = sets.of(stop.part);
        take::absorb(set, std::mem::take(&mut stop.sorted.absorbed), &mut stop.results)?;
        take::keep_within_bound(set, stop);
    }
    moves::keep_within_bound(&mut stops);
    moves::note_places(tx, &stops).await?;
    let left = moves::carry(sets, tx, &mut stops).await?;
    for stop in &mut stops {
        take::take(sets.of(stop.part), tx, stop).await?;
    }
    for (part, debtor_nos) in left {
        take::rezone_debtors(sets.of(part), tx, debtor_nos, &BTreeSet::new()).await?;
    }
    let mut results = Vec::new();
    let mut renewed = Vec::new();
    for stop in stops {
        results.extend(stop.results.finish());
        renewed.push((stop.part, stop.sorted.renewed, stop.dry));
    }
    let results = in_order(results);
    if atomic {
        all_or_nothing(&results)?;
    }
    // Last: rows that are only renewed are locked without their debtors, and whoever
    // has them waits for nothing more.
    for (part, renewed, _) in renewed.into_iter().filter(|(_, _, dry)| !dry) {
        sets.of(part).note_renewed(&renewed);
        source::renew(tx, part, &renewed).await?;
    }
    Ok(results)
}

impl Stop {
    /// Reads what is known of the cases of documents, each where it lives.
    async fn read(
        sets: &mut WorkingSets,
        tx: &mut Tx,
        (part, push): (Part, Push),
    ) -> Result<Stop, Error> {
        let Push { portfolio_id, documents, mut results, dry, spread, anew, .. } = push;
        let context = sets.engine.context_by_id(tx, part, &portfolio_id).await?;
        sets.of(part).add_portfolio(Arc::clone(&context));
        let portfolio_no = context.portfolio.number;
        // A source is one, over how many parts its documents may go.
        let source_part = spread.as_ref().map_or(part, |parts| parts.first());
        let source = (source_part, portfolio_no);
        let mut documents = check_numbering(tx, source, documents, (&mut results, dry)).await?;
        if let Some(parts) = spread.as_ref().filter(|_| anew) {
            look_up(tx, (parts, portfolio_no), &mut documents).await?;
        }
        let mut by_part: BTreeMap<Part, Vec<&str>> = BTreeMap::new();
        for one in &documents {
            let lives_in = one.lives_in.unwrap_or(part);
            by_part.entry(lives_in).or_default().push(one.document.case_id.as_str());
        }
        let mut known = HashMap::new();
        for (lives_in, case_ids) in by_part {
            let named = case_ids.iter().copied();
            let found = source::find_documents(tx, lives_in, portfolio_no, named).await?;
            if lives_in != part && found.len() < case_ids.len() {
                return Err(gone());
            }
            known.extend(found);
        }
        let sorted = sort(documents, known, &mut results);
        let debtor_nos = HashMap::new();
        Ok(Stop { part, context, sorted, debtor_nos, results, spread, dry })
    }

    /// Documents that change something, each with what is known and where that lies.
    fn touched(&self) -> impl Iterator<Item = (Part, &StoredDocument)> {
        let absorbed = self.sorted.absorbed.iter().map(|(new, known)| (new, known));
        let taken = &self.sorted.taken;
        let taken = taken.iter().filter_map(|one| Some((&one.new, one.known.as_ref()?)));
        absorbed.chain(taken).map(|(new, known)| (new.lives_in.unwrap_or(self.part), known))
    }

    /// Creates the debtors that are not known.
    async fn add_debtors(&mut self, set: &mut WorkingSet, tx: &mut Tx) -> Result<(), Error> {
        let taken = self.sorted.taken.iter();
        let named: BTreeSet<&str> =
            taken.map(|taken| taken.new.document.debtor_id.as_str()).collect();
        let missing: Vec<&str> =
            named.into_iter().filter(|id| !self.debtor_nos.contains_key(*id)).collect();
        let count = missing.len();
        let mut next = self.first_number(tx, NumberKind::Debtor, count).await?;
        let mut new = Vec::with_capacity(count);
        for debtor_id in missing {
            new.push((debtor_id.to_owned(), DebtorNo(next)));
            next += 1;
        }
        for (debtor_id, debtor_no) in new {
            set.add_debtor(Debtor {
                debtor_no,
                debtor_id: debtor_id.clone(),
                zone_set_id: 0,
                hold_until: None,
                cool_until: None,
                lease: None,
                salt: rand::random::<[u8; 16]>().to_vec(),
                record: DebtorRecord::default(),
            });
            self.debtor_nos.insert(debtor_id, debtor_no);
        }
        Ok(())
    }

    /// The first of so many new numbers.
    pub(super) async fn first_number(
        &self,
        tx: &mut Tx,
        kind: NumberKind,
        count: usize,
    ) -> Result<i64, Error> {
        match (count, self.dry) {
            (0, _) | (_, true) => Ok(DRY_RUN_NUMBERS),
            _ => Ok(numbers::take(tx, self.part, kind, count).await?),
        }
    }

    /// Rejects documents that touch a debtor or a case that cannot be read, before any
    /// is taken; the content of the cases of all others is loaded.
    async fn keep_readable(&mut self, sets: &mut WorkingSets, tx: &mut Tx) -> Result<(), Error> {
        let mut by_part: BTreeMap<Part, Vec<CaseNo>> = BTreeMap::new();
        for (lives_in, known) in self.touched() {
            by_part.entry(lives_in).or_default().push(known.case_no);
        }
        for (lives_in, case_nos) in by_part {
            sets.of(lives_in).load_content(tx, case_nos).await?;
        }
        let Stop { part, sorted, debtor_nos, results, .. } = self;
        let mut keep = |new: &Prepared, read: Result<(), Damage>| match read {
            Ok(()) => true,
            Err(damage) => {
                results.reject(new.index, new.document.case_id.as_str(), damage.into());
                false
            }
        };
        let set = sets.of(*part);
        sorted.absorbed.retain(|(new, known)| keep(new, set.check_readable(known.case_no)));
        sorted.taken.retain(|Taken { new, known, .. }| {
            let debtor_no = debtor_nos[new.document.debtor_id.as_str()];
            let read = sets.of(*part).check_debtor(debtor_no).and_then(|()| match known {
                Some(known) => sets.of(new.lives_in.unwrap_or(*part)).check_readable(known.case_no),
                None => Ok(()),
            });
            keep(new, read)
        });
        Ok(())
    }
}

/// A case is no longer where it was looked for: where it lives has to be looked up anew.
/// Nobody gains by running the transaction as it is once more.
pub(super) fn gone() -> Error {
    let why = "a case was given to a debtor of another part meanwhile";
    StoreError::Conflict(why.to_owned()).into()
}

/// Takes in hand the debtors of all documents that change something, those of each part
/// at once, creating those not known.
async fn take_in_hand(
    sets: &mut WorkingSets,
    tx: &mut Tx,
    stops: &mut [Stop],
) -> Result<(), Error> {
    let mut wanted: BTreeMap<Part, BTreeSet<DebtorNo>> = BTreeMap::new();
    for stop in stops.iter_mut() {
        let named = stop.sorted.taken.iter().map(|taken| taken.new.document.debtor_id.as_str());
        let named: BTreeSet<&str> = named.collect();
        stop.debtor_nos = debtors::numbers_of(tx, stop.part, named).await?;
        wanted.entry(stop.part).or_default().extend(stop.debtor_nos.values());
        for (lives_in, known) in stop.touched() {
            wanted.entry(lives_in).or_default().insert(known.debtor_no);
        }
    }
    for (part, debtor_nos) in wanted {
        sets.of(part).load_debtors(tx, debtor_nos).await?;
    }
    for stop in stops {
        for (lives_in, known) in stop.touched() {
            check_current(sets.of(lives_in), tx, known)?;
        }
        stop.add_debtors(sets.of(stop.part), tx).await?;
    }
    Ok(())
}

/// Makes sure that a case still stands as it did when its document was sorted: since then
/// its debtor was taken in hand, and another push may have been first.
fn check_current(set: &WorkingSet, tx: &mut Tx, known: &StoredDocument) -> Result<(), Error> {
    set.check_members(tx, [(known.case_no, known.debtor_no)])?;
    let head = set.case(known.case_no).map(|entry| &entry.head);
    let moved = |head: &CaseHead| {
        (head.case_seq, head.as_of, head.ledger_sequence)
            != (known.rank.case_seq, known.as_of, known.source_sequence)
    };
    if tx.is_shared() && head.is_some_and(moved) {
        return Err(tx.conflict("a case was changed by another push").into());
    }
    Ok(())
}
