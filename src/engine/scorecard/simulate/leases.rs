//! What work lists would lease first by the scorecard tried, beside what they lease now.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{
    CaseNo, LaneKey, Micros, Part, QueueRank, Reason, Violations, WorkListId, WorkListSettings,
};
use crate::policy::oldest_served;
use crate::scoring::{Book, Standing, Standings};
use crate::store::cases;
use crate::store::portfolios::{self, StoredWorkList};
use crate::store::queue::ready::{self, ReadyCase};
use crate::store::{Damage, Tx};

use super::super::super::book::Volume;
use super::super::super::lease::lanes::selects_alike;
use super::super::super::lease::work_list;
use super::super::super::{Engine, Error};
use super::{Sender, Trial, ids_of, outside};

mod first;

use first::{First, Lead};

/// The most work lists of one answer.
pub const WORK_LISTS_MAX: usize = 16;
/// Work lists read at once.
const PAGE: usize = 100;
/// So many numbers of cases are looked at in one read.
const SLICE: i64 = 20_000;

/// Which first leases are asked for.
#[derive(Clone, Debug, Default)]
pub struct FirstLeasesCommand {
    /// How many of each list; 0 = none are asked for.
    pub count: usize,
    /// Of which lists; empty = of all that serve the portfolio, as many as are allowed.
    pub work_list_ids: Vec<WorkListId>,
}

/// What a list leases first, and would.
#[derive(Clone, Debug)]
pub struct FirstLeases {
    /// The list.
    pub work_list_id: String,
    /// How many ready cases it selects now, and would.
    pub ready: [u64; 2],
    /// The lead cases of what it would lease first, in that order; behind them those that it
    /// would no longer lease as early, in the order of now.
    pub leases: Vec<FirstLease>,
}

/// A lease that may be granted.
#[derive(Clone, Debug)]
pub struct FirstLease {
    /// The lead case.
    pub case_id: String,
    /// At which place it is leased now, and would be: 1 is first. Nothing behind the last
    /// place asked for.
    pub places: [Option<usize>; 2],
    /// What it stands at now, and would.
    pub standing: Standing,
}

/// The lists to look at. One that does not serve the portfolio is a violation.
///
/// # Errors
/// `NotFound`.
pub(super) async fn lists(
    tx: &mut Tx,
    part: Part,
    (portfolio_id, wanted): (&str, &FirstLeasesCommand),
    violations: &mut Violations,
) -> Result<Vec<StoredWorkList>, Error> {
    let serves = |list: &StoredWorkList| {
        let portfolios = &list.settings.portfolio_ids;
        portfolios.is_empty() || portfolios.iter().any(|id| id == portfolio_id)
    };
    let mut lists = Vec::new();
    if wanted.count == 0 {
        return Ok(lists);
    }
    for (at, id) in wanted.work_list_ids.iter().enumerate() {
        let list = work_list(tx, part, id).await?;
        if serves(&list) {
            lists.push(list);
        } else {
            let bound = format!("a work list that serves portfolio {portfolio_id}");
            violations.add(format!("work_list_ids[{at}]"), Reason::FieldConflict, id, bound);
        }
    }
    let mut after = Some(String::new()).filter(|_| wanted.work_list_ids.is_empty());
    while let Some(from) = after.take().filter(|_| lists.len() < WORK_LISTS_MAX) {
        let page = portfolios::list_work_lists(tx, part, &from, PAGE).await?;
        after = page.last().map(|list| list.id.clone()).filter(|_| page.len() == PAGE);
        lists.extend(page.into_iter().filter(serves));
    }
    lists.truncate(WORK_LISTS_MAX);
    Ok(lists)
}

/// What the lists asked for choose.
#[derive(Default)]
pub(super) struct Chosen(Vec<OfList>);

/// What lists lease first, and would. The first of a sample are not the first of all. Hours
/// of contact are not looked at: at night there would be nothing to see.
///
/// The ready cases go by in slices; of those behind only the first of each list are kept, so
/// that beside the book there is never more than a slice in memory.
pub(super) async fn choose(
    engine: &Arc<Engine>,
    trial: &Trial,
    (volume, sender): (&mut Volume, &Sender),
) -> Result<Chosen, Error> {
    if volume.one_in > 1 || trial.work_lists.is_empty() {
        return Ok(Chosen::default());
    }
    let (rule_sets, day) = (trial.rule_sets.clone(), trial.day);
    let tables = move |volume: &mut Volume| {
        let rules = rule_sets.each_ref().map(Arc::as_ref);
        let standings =
            volume.books().map(|(part, book)| Some((part, book.standings(rules, day)?)));
        standings.collect::<Option<HashMap<Part, Standings>>>()
    };
    let standings = engine.books.on(volume, tables).await?.ok_or_else(|| outside(day))?;
    let standings = Arc::new(standings);
    let count = trial.command.first_leases.count;
    let lists = trial.work_lists.iter();
    let mut lists: Vec<OfList> =
        lists.map(|list| OfList::new(list.settings.clone(), count)).collect();
    for part in trial.parts.iter().copied() {
        let mut slices = Slices::new(engine, trial, part).await?;
        while let Some(ready) = slices.next(engine, trial).await?.filter(|_| !sender.is_closed()) {
            let standings = Arc::clone(&standings);
            let look = move |volume: &mut Volume| {
                if let Some((book, standings)) = volume.book(part).zip(standings.get(&part)) {
                    let candidates = candidates((part, book), standings, &ready);
                    lists.iter_mut().for_each(|list| list.look(&candidates));
                }
                lists
            };
            lists = engine.books.on(volume, look).await?;
        }
    }
    Ok(Chosen(lists))
}

/// What was chosen, with the callers' ids of the cases.
pub(super) async fn named(
    engine: &Engine,
    trial: &Trial,
    Chosen(lists): Chosen,
) -> Result<Vec<FirstLeases>, Error> {
    let ready: Vec<[u64; 2]> =
        lists.iter().map(|list| list.first.each_ref().map(First::seen)).collect();
    let leases: Vec<Vec<Lease>> = lists.into_iter().map(OfList::leases).collect();
    let cases = leases.iter().flatten().map(|(one, _)| (one.part, one.case_no));
    let ids = ids_of(engine, cases).await?;
    let lease = |(one, places): Lease| {
        let case_id = ids.get(&(one.part, one.case_no))?.clone();
        Some(FirstLease { case_id, places, standing: one.standing })
    };
    let lists = trial.work_lists.iter().zip(ready).zip(leases);
    let named = lists.map(|((list, ready), leases)| FirstLeases {
        work_list_id: list.id.clone(),
        ready,
        leases: leases.into_iter().filter_map(lease).collect(),
    });
    Ok(named.collect())
}

/// The ready cases of the portfolio in a part, with their lanes, by number. Each slice is
/// read in a transaction of its own: no read lasts long.
struct Slices {
    part: Part,
    /// Behind which number the next slice begins.
    after: i64,
    /// The highest number.
    last: i64,
    /// Cases of a ledger that speaks of this or earlier are not served.
    old: Option<Micros>,
    lanes: HashMap<i64, Arc<LaneKey>>,
}

/// A ready case and its lane.
type InLane = (ReadyCase, Arc<LaneKey>);

impl Slices {
    async fn new(engine: &Engine, trial: &Trial, part: Part) -> Result<Slices, Error> {
        let mut tx = engine.store.read().await?;
        let (portfolio, zone) = (&trial.context.portfolio, &trial.context.zone);
        let old = oldest_served(&portfolio.settings, zone, engine.now_of(&tx));
        let last = cases::last_case(&mut tx, part, portfolio.number).await?.0;
        Ok(Slices { part, after: 0, last, old, lanes: HashMap::new() })
    }

    /// The next slice; nothing behind the last one.
    async fn next(&mut self, engine: &Engine, trial: &Trial) -> Result<Option<Vec<InLane>>, Error> {
        if self.after >= self.last {
            return Ok(None);
        }
        let (part, number) = (self.part, trial.context.portfolio.number);
        let slice = (CaseNo(self.after), CaseNo(self.after + SLICE));
        self.after += SLICE;
        let mut tx = engine.store.read().await?;
        let ready = ready::ready_slice(&mut tx, part, number, slice, self.old).await?;
        if ready.iter().any(|case| !self.lanes.contains_key(&case.lane_id)) {
            engine.learn_directory(&mut tx, part).await?;
            self.lanes.extend(engine.directory.lanes_of(part));
        }
        let in_lane = |case: ReadyCase| match self.lanes.get(&case.lane_id) {
            Some(lane) => Ok((case, Arc::clone(lane))),
            None => Err(Damage::missing("lane", part, case.lane_id).into()),
        };
        ready.into_iter().map(in_lane).collect::<Result<_, Error>>().map(Some)
    }
}

/// A ready case, and what it stands at.
#[derive(Clone, Copy, Debug)]
struct Candidate<'a> {
    part: Part,
    case: &'a ReadyCase,
    language: &'a String,
    standing: Standing,
}

/// Those of some ready cases that are in the book.
fn candidates<'a>(
    (part, book): (Part, &Book),
    standings: &Standings,
    ready: &'a [InLane],
) -> Vec<Candidate<'a>> {
    let case_nos: Vec<CaseNo> = ready.iter().map(|(case, _)| case.case_no).collect();
    let stood = book.stand(standings, &case_nos).into_iter();
    let candidate = |standing: Standing| {
        let (case, lane) = &ready[standing.at];
        Candidate { part, case, language: &lane.language, standing }
    };
    stood.map(candidate).collect()
}

/// A lead case with its places, now and then.
type Lease = (Lead, [Option<usize>; 2]);

/// What a list leases first by either rule set.
struct OfList {
    settings: WorkListSettings,
    first: [First; 2],
}

impl OfList {
    fn new(settings: WorkListSettings, count: usize) -> OfList {
        OfList { settings, first: [First::new(count), First::new(count)] }
    }

    /// Looks which of some cases are leased early.
    fn look(&mut self, candidates: &[Candidate<'_>]) {
        for Candidate { part, case, language, standing } in candidates.iter().copied() {
            let ReadyCase { case_no, debtor_no, ready_since, rank, .. } = *case;
            for (side, first) in self.first.iter_mut().enumerate() {
                let lane = (standing.stage, standing.groups[side], standing.routes[side]);
                if selects_alike(&self.settings, lane, language) {
                    let priority = standing.priorities[side].into();
                    let rank = QueueRank::new(rank.class(), priority, ready_since);
                    first.offer(rank, Lead { part, case_no, debtor_no, standing });
                }
            }
        }
    }

    /// The leases that would be the first, in their order; then those that are now.
    fn leases(self) -> Vec<Lease> {
        let mut leases: HashMap<(Part, CaseNo), Lease> = HashMap::new();
        for (side, first) in self.first.into_iter().enumerate() {
            for (place, lead) in first.leads().enumerate() {
                let lease = leases.entry((lead.part, lead.case_no)).or_insert((lead, [None; 2]));
                lease.1[side] = Some(place + 1);
            }
        }
        let mut leases: Vec<Lease> = leases.into_values().collect();
        leases.sort_unstable_by_key(|(_, [before, after])| (after.unwrap_or(usize::MAX), *before));
        leases
    }
}
