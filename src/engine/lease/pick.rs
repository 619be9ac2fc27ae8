//! Choosing the cases that are leased: most by rank, a share by waiting time, one
//! of a debtor.

use std::collections::{HashSet, VecDeque};

use crate::model::{CaseNo, DebtorNo, Micros, Part, QueueRank, QueueState, WorkListSettings};
use crate::store::Tx;
use crate::store::queue::claim::{LaneHead, Order};

use super::super::Error;
use super::super::working_set::WorkingSet;
use super::heads;
use super::item;
use super::lanes::{self, Selection};
use super::merge::Merge;

/// How many cases that may not be served after all are looked at. Each is put where
/// it belongs, so that the next claim does not meet it again.
const REFUSED_MAX: usize = 1_000;
/// How often the choice is made anew because something of the chosen debtors cannot
/// be read.
const ROUNDS_MAX: usize = 8;
/// How many candidates are read at once beyond the first ones.
const READ_MAX: usize = 1_024;

/// A case chosen to be leased.
#[derive(Clone, Copy)]
pub(super) struct Chosen {
    pub(super) rank: QueueRank,
    pub(super) case_no: CaseNo,
    /// The end of the hours of contact, which the lease does not outlast.
    pub(super) window_end: Micros,
    /// Whether it was chosen for having waited longest.
    pub(super) reserved: bool,
}

/// How many of `wanted` leases belong to the longest waiting: the share of all
/// leases of the list, those granted so far included.
fn reserved_of(wanted: usize, granted: i64, permille: i32) -> usize {
    let share = |count: i64| count.saturating_mul(i64::from(permille)) / 1_000;
    let after = granted.saturating_add(i64::try_from(wanted).unwrap_or(i64::MAX));
    usize::try_from(share(after) - share(granted)).unwrap_or(0)
}

/// Chooses up to `wanted` cases, one of a debtor, in the order in which they are
/// handed out.
async fn choose(
    set: &mut WorkingSet,
    tx: &mut Tx,
    settings: &WorkListSettings,
    selection: &Selection,
    counts: (usize, i64),
) -> Result<Vec<Chosen>, Error> {
    let (wanted, granted) = counts;
    if wanted == 0 || selection.open.is_empty() {
        return Ok(Vec::new());
    }
    let part = set.part;
    let heads = heads::heads(set, tx, selection.open.keys().copied()).await?;
    let reserved = reserved_of(wanted, granted, settings.reserved_share_permille);
    let pressing = wanted - reserved;
    let mut by_rank = Source::new(Order::Rank, &heads);
    let mut by_waiting = Source::new(Order::Waiting, &heads);
    by_rank.read(tx, part, some_more(pressing), &HashSet::new()).await?;
    let first: HashSet<CaseNo> = by_rank.rows.iter().take(pressing).copied().collect();
    by_waiting.read(tx, part, some_more(reserved), &first).await?;
    load(set, tx, by_rank.rows.iter().chain(&by_waiting.rows).copied().collect()).await?;
    let mut picker = Picker::new(settings);
    picker.pick(set, tx, &mut by_rank, pressing).await?;
    picker.pick(set, tx, &mut by_waiting, wanted).await?;
    let mut chosen = picker.chosen;
    chosen.sort_by_key(|chosen| (chosen.rank, chosen.case_no));
    Ok(chosen)
}

/// How many candidates are read for so many leases: now and then one debtor has
/// two of them, and reading again costs more than a few too many.
fn some_more(wanted: usize) -> usize {
    wanted + wanted.div_ceil(8)
}

/// Chooses cases like [`choose`], of debtors of whom all can be read that their work
/// items show. What cannot be read is met here before it is granted, and withheld.
pub(super) async fn choose_readable(
    set: &mut WorkingSet,
    tx: &mut Tx,
    settings: &WorkListSettings,
    selection: &Selection,
    counts: (usize, i64),
) -> Result<Vec<Chosen>, Error> {
    let mut rounds = 0;
    loop {
        let mut chosen = choose(set, tx, settings, selection, counts).await?;
        let shown = chosen.iter().flat_map(|chosen| item::cases_of_item(set, chosen.case_no));
        let shown: Vec<CaseNo> = shown.collect();
        set.load_content(tx, shown).await?;
        let before = chosen.len();
        chosen.retain(|chosen| may_be_shown(set, chosen));
        rounds += 1;
        // Where so much is damaged, the next claim looks on.
        if chosen.len() == before || rounds == ROUNDS_MAX {
            return Ok(chosen);
        }
    }
}

fn may_be_shown(set: &WorkingSet, chosen: &Chosen) -> bool {
    let entry = set.case(chosen.case_no);
    entry.is_some_and(|entry| !set.is_withheld(entry.head.debtor_no))
}

/// Takes the debtors of candidates in hand, and what those candidates are ranked
/// from whose rank is not of today.
async fn load(set: &mut WorkingSet, tx: &mut Tx, mut case_nos: Vec<CaseNo>) -> Result<(), Error> {
    set.load_debtors_of(tx, case_nos.iter().copied()).await?;
    case_nos.retain(|case_no| set.is_stale(*case_no));
    set.load_content(tx, case_nos).await
}

/// Candidates in one order.
struct Source {
    order: Order,
    merge: Merge,
    /// Read and not considered yet.
    rows: VecDeque<CaseNo>,
}

impl Source {
    fn new(order: Order, heads: &[LaneHead]) -> Source {
        Source { order, merge: Merge::new(order, heads), rows: VecDeque::new() }
    }

    /// Reads so many more candidates that are none of `except`; fewer at the end.
    async fn read(
        &mut self,
        tx: &mut Tx,
        part: Part,
        wanted: usize,
        except: &HashSet<CaseNo>,
    ) -> Result<(), Error> {
        let full = self.rows.len() + wanted;
        while self.rows.len() < full {
            let found = self.merge.next(tx, part, full - self.rows.len()).await?;
            if found.is_empty() {
                break;
            }
            self.rows.extend(found.into_iter().filter(|case_no| !except.contains(case_no)));
        }
        Ok(())
    }
}

struct Picker<'a> {
    settings: &'a WorkListSettings,
    chosen: Vec<Chosen>,
    considered: HashSet<CaseNo>,
    /// The debtors of the chosen cases.
    debtors: HashSet<DebtorNo>,
    /// How many cases could not be served.
    refused: usize,
}

impl<'a> Picker<'a> {
    fn new(settings: &'a WorkListSettings) -> Picker<'a> {
        let (considered, debtors) = (HashSet::new(), HashSet::new());
        Picker { settings, chosen: Vec::new(), considered, debtors, refused: 0 }
    }

    /// Picks from candidates that are loaded, then from those that follow, until
    /// `full` cases are chosen or none are left.
    async fn pick(
        &mut self,
        set: &mut WorkingSet,
        tx: &mut Tx,
        source: &mut Source,
        full: usize,
    ) -> Result<(), Error> {
        let mut passed_over = 0;
        while self.chosen.len() < full {
            let before = self.chosen.len();
            if let Some(case_no) = source.rows.pop_front() {
                self.consider(set, case_no, source.order == Order::Waiting)?;
                passed_over += usize::from(self.chosen.len() == before);
                continue;
            }
            if self.refused >= REFUSED_MAX {
                break;
            }
            // Where many were passed over, many more will be: debtors may have
            // dozens of cases that are ranked alike.
            let next = (full - before + passed_over).min(READ_MAX);
            source.read(tx, set.part, next, &self.considered).await?;
            if source.rows.is_empty() {
                break;
            }
            load(set, tx, source.rows.iter().copied().collect()).await?;
        }
        Ok(())
    }

    /// Chooses a case if it may be served now: placed anew, ranked by the active
    /// rule set as of today, in a lane of the list. What may not be served is
    /// written to where it belongs when the transaction is saved.
    fn consider(
        &mut self,
        set: &mut WorkingSet,
        case_no: CaseNo,
        reserved: bool,
    ) -> Result<(), Error> {
        if !self.considered.insert(case_no) {
            return Ok(());
        }
        // What cannot be taken in hand is withheld when the set is saved.
        let Some(entry) = set.case(case_no) else {
            self.refused += 1;
            return Ok(());
        };
        let debtor_no = entry.head.debtor_no;
        if self.debtors.contains(&debtor_no) {
            return Ok(());
        }
        if set.is_stale(case_no) && set.check_readable(case_no).is_ok() {
            set.rank(case_no)?;
        }
        set.settle_case(case_no)?;
        match self.served(set, case_no)? {
            Some((rank, window_end)) => {
                self.chosen.push(Chosen { rank, case_no, window_end, reserved });
                self.debtors.insert(debtor_no);
            }
            None => self.refused += 1,
        }
        Ok(())
    }

    /// The rank of a case that may be served from the list now, and the end of its
    /// hours of contact.
    fn served(
        &self,
        set: &WorkingSet,
        case_no: CaseNo,
    ) -> Result<Option<(QueueRank, Micros)>, Error> {
        let row = set.case(case_no).and_then(|entry| entry.queue.as_ref());
        let Some(row) = row.filter(|row| row.state == QueueState::Ready) else { return Ok(None) };
        let Some(lane) = set.lane(row.lane_id) else { return Ok(None) };
        let window_end = lanes::serves(set, self.settings, &lane)?;
        Ok(window_end.map(|window_end| (row.rank, window_end)))
    }
}
