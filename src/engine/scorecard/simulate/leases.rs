//! What work lists would lease first by the scorecard tried, beside what they lease now.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use crate::model::{
    CaseNo, DebtorNo, LaneKey, Micros, Part, QueueRank, Reason, Violations, WorkListId,
    WorkListSettings,
};
use crate::policy::oldest_served;
use crate::scoring::Standing;
use crate::store::cases;
use crate::store::portfolios::{self, StoredWorkList};
use crate::store::queue::ready::{self, ReadyCase};
use crate::store::{Damage, Tx};

use super::super::super::book::Volume;
use super::super::super::lease::lanes::selects_alike;
use super::super::super::lease::work_list;
use super::super::super::{Engine, Error};
use super::{Sender, Trial, ids_of};

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

/// The lists to look at.
///
/// # Errors
/// `NotFound`, or `Invalid` for one that does not serve the portfolio.
pub(super) async fn lists(
    tx: &mut Tx,
    part: Part,
    (portfolio_id, wanted): (&str, &FirstLeasesCommand),
) -> Result<Vec<StoredWorkList>, Error> {
    let serves = |list: &StoredWorkList| {
        let portfolios = &list.settings.portfolio_ids;
        portfolios.is_empty() || portfolios.iter().any(|id| id == portfolio_id)
    };
    let mut lists = Vec::new();
    if wanted.count == 0 {
        return Ok(lists);
    }
    let mut violations = Violations::new();
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
    violations.or(lists).map_err(Error::Invalid)
}

/// A ready case, and what it stands at.
struct Candidate {
    part: Part,
    case_no: CaseNo,
    debtor_no: DebtorNo,
    class: i64,
    ready_since: Micros,
    lane: Arc<LaneKey>,
    standing: Standing,
}

/// The ready cases of each part, with their lanes.
pub(super) type Ready = HashMap<Part, Vec<(ReadyCase, Arc<LaneKey>)>>;

/// What the lists asked for choose.
#[derive(Default)]
pub(super) struct Chosen {
    /// By list.
    lists: Vec<OfList>,
    /// The cases that any of them chose, by their place among all that are ready.
    cases: HashMap<usize, (Part, CaseNo, Standing)>,
}

/// The ready cases, where first leases are asked for; the first of a sample are not the
/// first of all. Hours of contact are not looked at: at night there would be nothing to see.
pub(super) async fn ready(
    engine: &Arc<Engine>,
    trial: &Trial,
    (volume, sender): (&Volume, &Sender),
) -> Result<Ready, Error> {
    let mut ready = Ready::new();
    if volume.one_in == 1 && !trial.work_lists.is_empty() {
        for part in &trial.parts {
            ready.insert(*part, ready_of(engine, trial, (*part, sender)).await?);
        }
    }
    Ok(ready)
}

/// What lists lease first, and would.
pub(super) async fn choose(
    engine: &Arc<Engine>,
    trial: &Trial,
    (mut volume, mut ready): (Volume, Ready),
) -> Result<(Volume, Chosen), Error> {
    if ready.is_empty() {
        return Ok((volume, Chosen::default()));
    }
    let (rule_sets, day) = (trial.rule_sets.clone(), trial.day);
    let (lists, count) = (trial.work_lists.clone(), trial.command.first_leases.count);
    let choose = move || {
        let rules = rule_sets.each_ref().map(Arc::as_ref);
        let mut candidates = Vec::new();
        for (part, book) in volume.books() {
            let ready = ready.remove(&part).unwrap_or_default();
            let case_nos: Vec<CaseNo> = ready.iter().map(|(case, _)| case.case_no).collect();
            let standings = book.stand(rules, day, &case_nos)?;
            candidates.extend(standings.into_iter().map(|standing| {
                let (case, lane) = &ready[standing.at];
                Candidate {
                    part,
                    case_no: case.case_no,
                    debtor_no: case.debtor_no,
                    class: case.rank.class(),
                    ready_since: case.ready_since,
                    lane: Arc::clone(lane),
                    standing,
                }
            }));
        }
        let lists: Vec<OfList> =
            lists.iter().map(|list| OfList::of(&candidates, &list.settings, count)).collect();
        let case = |(at, _): &(usize, _)| {
            let Candidate { part, case_no, standing, .. } = candidates[*at];
            (*at, (part, case_no, standing))
        };
        let cases = lists.iter().flat_map(|one| &one.leases).map(case).collect();
        Some((volume, Chosen { lists, cases }))
    };
    let chosen = engine.books.run(choose).await?;
    chosen.ok_or_else(|| Error::Internal(format!("the book does not reach {day}")))
}

/// What was chosen, with the callers' ids of the cases.
pub(super) async fn named(
    engine: &Engine,
    trial: &Trial,
    chosen: Chosen,
) -> Result<Vec<FirstLeases>, Error> {
    let Chosen { lists, cases } = chosen;
    let ids = ids_of(engine, cases.values().map(|(part, case_no, _)| (*part, *case_no))).await?;
    let lease = |(at, places): (usize, [Option<usize>; 2])| {
        let (part, case_no, standing) = cases[&at];
        let case_id = ids.get(&(part, case_no))?.clone();
        Some(FirstLease { case_id, places, standing })
    };
    let lists = trial.work_lists.iter().zip(lists).map(|(list, chosen)| FirstLeases {
        work_list_id: list.id.clone(),
        ready: chosen.ready,
        leases: chosen.leases.into_iter().filter_map(lease).collect(),
    });
    Ok(lists.collect())
}

/// All ready cases of the portfolio in a part; not all where nobody listens any longer.
async fn ready_of(
    engine: &Engine,
    trial: &Trial,
    (part, sender): (Part, &Sender),
) -> Result<Vec<(ReadyCase, Arc<LaneKey>)>, Error> {
    let mut tx = engine.store.read().await?;
    let (portfolio, zone) = (&trial.context.portfolio, &trial.context.zone);
    let old = oldest_served(&portfolio.settings, zone, engine.now_of(&tx));
    let mut found = Vec::new();
    let mut lanes: HashMap<i64, Arc<LaneKey>> = HashMap::new();
    let last = cases::last_case(&mut tx, part, portfolio.number).await?.0;
    let mut after = 0;
    while after < last && !sender.is_closed() {
        let slice = (CaseNo(after), CaseNo(after + SLICE));
        let slice = ready::ready_slice(&mut tx, part, portfolio.number, slice, old).await?;
        if slice.iter().any(|case| !lanes.contains_key(&case.lane_id)) {
            engine.learn_directory(&mut tx, part).await?;
            lanes.extend(engine.directory.lanes_of(part));
        }
        for case in slice {
            let lane = lanes.get(&case.lane_id);
            let lane = lane.ok_or_else(|| Damage::missing("lane", part, case.lane_id))?;
            found.push((case, Arc::clone(lane)));
        }
        after += SLICE;
        // A transaction of its own for each slice: no read lasts long.
        tx = engine.store.read().await?;
    }
    Ok(found)
}

/// What a list chooses among all candidates.
struct OfList {
    ready: [u64; 2],
    /// Candidates with their places.
    leases: Vec<(usize, [Option<usize>; 2])>,
}

impl OfList {
    fn of(candidates: &[Candidate], list: &WorkListSettings, count: usize) -> OfList {
        let mut ready = [0; 2];
        let mut places: HashMap<usize, [Option<usize>; 2]> = HashMap::new();
        for side in [0, 1] {
            let (all, first) = first(candidates, (list, side), count);
            ready[side] = all;
            for (place, at) in first.into_iter().enumerate() {
                places.entry(at).or_default()[side] = Some(place + 1);
            }
        }
        let mut leases: Vec<_> = places.into_iter().collect();
        leases.sort_unstable_by_key(|(_, [before, after])| (after.unwrap_or(usize::MAX), *before));
        OfList { ready, leases }
    }
}

/// How many candidates a list selects by one of the two rule sets, and which it leases
/// first: in the order of a claim, one lease a debtor.
fn first(
    candidates: &[Candidate],
    (list, side): (&WorkListSettings, usize),
    count: usize,
) -> (u64, Vec<usize>) {
    let selected = candidates.iter().enumerate().filter(|(_, one)| {
        let standing = &one.standing;
        selects_alike(list, (standing.stage, standing.groups[side]), &one.lane.language)
    });
    let place = |one: &Candidate| {
        let priority = i32::from(one.standing.priorities[side]);
        QueueRank::new(one.class, priority, one.ready_since)
    };
    let mut queue: BinaryHeap<_> =
        selected.map(|(at, one)| Reverse((place(one), one.case_no, at))).collect();
    let all = queue.len() as u64;
    let mut debtors = HashSet::new();
    let mut first = Vec::with_capacity(count);
    while first.len() < count
        && let Some(Reverse((_, _, at))) = queue.pop()
    {
        if debtors.insert((candidates[at].part, candidates[at].debtor_no)) {
            first.push(at);
        }
    }
    (all, first)
}
