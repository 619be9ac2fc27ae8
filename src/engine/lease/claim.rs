//! Granting leases: one transaction serves all waiting pulls of one work list.

use std::collections::{BTreeSet, HashMap};

use crate::model::{CaseNo, Micros, Part, RequestId, WorkListId, WorkListNo, WorkerId};
use crate::store::portfolios::{self, StoredWorkList};
use crate::store::queue::claim;
use crate::store::queue::lease::{self, LeaseRow};
use crate::store::queue::report::{self, PullKey};
use crate::store::{Tx, debtors};

use super::super::working_set::{NewLease, WorkingSet};
use super::super::{Error, Resource};
use super::guard;
use super::lanes::{self, Selection};
use super::pick::{self, Chosen};
use super::take::{self, Refusal};
use super::{LeaseToken, Take, WorkItem, item, release, token};

/// How long a named pull is remembered.
pub(in super::super) const PULL_KEPT: i64 = 15 * Micros::MINUTE;
/// The longest an empty answer tells to wait.
const RETRY_MAX: i64 = 30 * Micros::SECOND;
/// The warning of an answer that is empty because nothing is leased for a while.
const STOPPED: &str = "LEASING_STOPPED";
/// How long an empty answer tells to wait while hours of contact are open.
const RETRY_OPEN: i64 = 2 * Micros::SECOND;

/// What one pull asks for.
#[derive(Clone, Debug)]
pub(super) struct Pull {
    pub(super) worker_id: WorkerId,
    pub(super) max_items: usize,
    pub(super) lease_duration: i64,
    pub(super) request_id: Option<RequestId>,
    pub(super) take: Option<Take>,
    /// The language of the reasons, if one is asked for.
    pub(super) language: Option<String>,
}

/// What a pull holds so far.
pub(super) struct Given {
    pub(super) leases: Vec<LeaseRow>,
    /// Whether the pull was known: then nothing new is granted.
    retried: bool,
    /// Why a take was given nothing.
    pub(super) refusal: Option<Refusal>,
}

impl Pull {
    /// Whether both are the same named pull of one list.
    pub(super) fn is_same(&self, other: &Pull) -> bool {
        self.request_id.is_some()
            && self.request_id == other.request_id
            && self.worker_id == other.worker_id
            && self.take == other.take
    }
}

/// Pulls served together.
#[derive(Clone)]
pub(super) struct Claim {
    pub(super) work_list_id: WorkListId,
    /// In the order in which they came.
    pub(super) pulls: Vec<Pull>,
    /// How many leases of the list were granted so far: the reserved share is
    /// kept over all of them, not over each pull.
    pub(super) granted: i64,
    /// Work that no client took; it is given back first.
    pub(super) undelivered: Vec<Undelivered>,
}

/// What a pull was given and no client took: nobody has seen it.
#[derive(Clone, Debug)]
pub(super) struct Undelivered {
    pub(super) pull: Pull,
    pub(super) tokens: Vec<LeaseToken>,
    /// When the last of the leases ends by itself.
    pub(super) until: Micros,
}

/// What pulls were given.
pub(super) struct Claimed {
    /// One answer per pull.
    pub(super) answers: Vec<Answer>,
    /// New leases, for the reserved share.
    pub(super) granted: i64,
    /// Microseconds until asking again makes sense for those without work.
    pub(super) retry_after: i64,
    /// Code and text.
    pub(super) warnings: Vec<(&'static str, String)>,
    /// Whether nothing is leased for a while, however long a pull would wait.
    pub(super) stopped: bool,
}

/// What one pull was given.
pub(super) struct Answer {
    /// The most pressing first.
    pub(super) items: Vec<WorkItem>,
    /// Whether it was a retry of an earlier pull: that never waits.
    pub(super) retried: bool,
    /// Why a take was given nothing.
    pub(super) refusal: Option<Refusal>,
}

/// A work list as this transaction sees it.
pub(in super::super) async fn work_list(
    tx: &mut Tx,
    part: Part,
    work_list_id: &WorkListId,
) -> Result<StoredWorkList, Error> {
    let stored = portfolios::work_list_by_id(tx, part, work_list_id.as_str()).await?;
    stored.ok_or_else(|| Error::NotFound {
        resource: Resource::WorkList,
        id: work_list_id.to_string(),
    })
}

/// Serves pulls.
pub(super) async fn claim_into(
    set: &mut WorkingSet,
    tx: &mut Tx,
    claim: Claim,
) -> Result<Claimed, Error> {
    let list = work_list(tx, set.part, &claim.work_list_id).await?;
    let longest = claim.pulls.iter().map(|pull| pull.lease_duration).max();
    let stopped = match longest {
        Some(longest) => guard::stopped_until(set, tx, longest).await?,
        None => None,
    };
    let earlier = take_earlier(set, tx, &list, &claim).await?;
    if !claim.undelivered.is_empty() {
        give_back(set, tx, &list, &claim.undelivered).await?;
    }
    set.skip_locked();
    let selection = lanes::select(set, tx, &list.settings).await?;
    let mut given = Vec::with_capacity(claim.pulls.len());
    for (pull, earlier) in claim.pulls.iter().zip(earlier) {
        let retried = earlier.is_some();
        let leases = still_held(set, tx, earlier.unwrap_or_default()).await?;
        if retried && tx.is_shared() {
            note_retry(set, tx, (&list, pull), &leases).await?;
        }
        given.push(Given { leases, retried, refusal: None });
    }
    let new = claim.pulls.iter().zip(&mut given);
    let new = new.filter(|(_, given)| !given.retried && stopped.is_none());
    let (takes, pulls): (Vec<_>, Vec<_>) = new.partition(|(pull, _)| pull.take.is_some());
    // Takes go first: whoever asks for one debtor has no other to turn to.
    take::grant_all(set, tx, &list, takes).await?;
    let granted = grant_head(set, tx, (&list, &selection), (pulls, claim.granted)).await?;
    let leases = given.iter_mut().map(|given| std::mem::take(&mut given.leases));
    let languages = claim.pulls.iter().map(|pull| pull.language.as_deref());
    let leases: Vec<(Vec<LeaseRow>, Option<&str>)> = leases.zip(languages).collect();
    let (works, ageing) = items(set, tx, &leases).await?;
    let mut warnings = selection.warnings();
    if ageing {
        let text = "The ledger of some of this work has reached three quarters of the age at \
                    which it is too old to serve from.";
        warnings.push(("LEDGER_AGEING", text.to_owned()));
    }
    let retry_after = match stopped {
        None => retry_after(set, &selection),
        Some(until) => {
            warnings.push((STOPPED, stopped_text(until)));
            spread((until.0 - set.now.0).clamp(RETRY_OPEN, RETRY_MAX))
        }
    };
    let answer = |(items, given): (Vec<WorkItem>, Given)| Answer {
        items,
        retried: given.retried,
        refusal: given.refusal,
    };
    let answers = works.into_iter().zip(given).map(answer).collect();
    Ok(Claimed { answers, granted, retry_after, warnings, stopped: stopped.is_some() })
}

/// Grants pulls the head of the list; returns how many leases.
async fn grant_head(
    set: &mut WorkingSet,
    tx: &mut Tx,
    (list, selection): (&StoredWorkList, &Selection),
    (pulls, granted): (Vec<(&Pull, &mut Given)>, i64),
) -> Result<i64, Error> {
    let wanted: usize = pulls.iter().map(|(pull, _)| pull.max_items).sum();
    let counts = (wanted, granted);
    let chosen = pick::choose_readable(set, tx, &list.settings, selection, counts).await?;
    let granted = i64::try_from(chosen.len()).unwrap_or(i64::MAX);
    let mut chosen = chosen.into_iter();
    for (pull, given) in pulls {
        let of_pull = chosen.by_ref().take(pull.max_items);
        given.leases = of_pull.map(|chosen| grant(set, list, pull, chosen)).collect();
        save_pull(set, tx, list, pull, &given.leases).await?;
    }
    Ok(granted)
}

/// Reads what the pulls were given before, and takes the debtors of all that in hand,
/// of what is given back and of those that are asked for by name: the only ones that a
/// claim waits for. A pull that is not known, or whose work nobody has seen, was given
/// nothing.
async fn take_earlier(
    set: &mut WorkingSet,
    tx: &mut Tx,
    list: &StoredWorkList,
    claim: &Claim,
) -> Result<Vec<Option<Vec<LeaseRow>>>, Error> {
    let unseen = |pull: &Pull| claim.undelivered.iter().any(|work| work.pull.is_same(pull));
    let after = set.now.plus(-PULL_KEPT);
    let key = |pull| pull_key(list.number, pull).filter(|_| !unseen(pull));
    let named: Vec<PullKey> = claim.pulls.iter().filter_map(key).collect();
    let found = report::find_pulls(tx, set.part, &named, after).await?;
    let known: Vec<Option<Vec<(CaseNo, i64)>>> =
        claim.pulls.iter().map(|pull| found.get(&key(pull)?).cloned()).collect();
    let given_back = claim.undelivered.iter().flat_map(|work| &work.tokens);
    let given_back = given_back.map(|token| (CaseNo(token.case_no), token.lease_seq));
    let keys: Vec<(CaseNo, i64)> =
        known.iter().flatten().flatten().copied().chain(given_back).collect();
    let takes = claim.pulls.iter().filter_map(|pull| Some(pull.take.as_ref()?.debtor_id.as_str()));
    let takes: BTreeSet<&str> = takes.collect();
    if keys.is_empty() && takes.is_empty() {
        return Ok(known.into_iter().map(|keys| keys.map(|_| Vec::new())).collect());
    }
    let taken = debtors::numbers_of(tx, set.part, takes).await?;
    let leases = lease::load(tx, set.part, &keys).await?;
    let leased = leases.iter().map(|lease| lease.debtor_no);
    set.load_debtors(tx, leased.chain(taken.into_values())).await?;
    let by_key: HashMap<(CaseNo, i64), LeaseRow> =
        leases.into_iter().map(|lease| ((lease.case_no, lease.lease_seq), lease)).collect();
    let of_pull = |keys: Vec<_>| keys.iter().filter_map(|key| by_key.get(key).cloned()).collect();
    Ok(known.into_iter().map(|keys| keys.map(of_pull)).collect())
}

/// Notes that the leases of a pull were told to a retry, by an earlier time of the pull
/// than that of its leases: another server, on which nobody took them, must not give
/// them back.
async fn note_retry(
    set: &WorkingSet,
    tx: &mut Tx,
    (list, pull): (&StoredWorkList, &Pull),
    leases: &[LeaseRow],
) -> Result<(), Error> {
    let granted = leases.iter().map(|lease| lease.grant_time).max();
    let (Some(key), Some(granted)) = (pull_key(list.number, pull), granted) else { return Ok(()) };
    let keys: Vec<(CaseNo, i64)> =
        leases.iter().map(|lease| (lease.case_no, lease.lease_seq)).collect();
    // Hardly earlier, so that the pull is remembered as long as it was.
    Ok(report::save_pull(tx, set.part, key, &keys, granted.plus(-1)).await?)
}

/// What became of a pull on another server since it was given work that nobody took on
/// this one. The debtors of its leases are in hand: whoever told of them has committed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Since {
    Nothing,
    /// A retry was told of these leases.
    Told,
    /// A retry was given others.
    Other,
}

async fn since(
    set: &WorkingSet,
    tx: &mut Tx,
    list: &StoredWorkList,
    work: &Undelivered,
) -> Result<Since, Error> {
    let Some(key) = pull_key(list.number, &work.pull).filter(|_| tx.is_shared()) else {
        return Ok(Since::Nothing);
    };
    let keys: Vec<(CaseNo, i64)> =
        work.tokens.iter().map(|token| (CaseNo(token.case_no), token.lease_seq)).collect();
    let leases = lease::load(tx, set.part, &keys).await?;
    let Some(granted) = leases.iter().map(|lease| lease.grant_time).max() else {
        return Ok(Since::Nothing);
    };
    let named = |told: &Vec<(CaseNo, i64)>| told.iter().any(|lease| keys.contains(lease));
    let others = report::find_pulls(tx, set.part, &[key], granted.plus(-1)).await?;
    if let Some(others) = others.get(&key) {
        return Ok(if named(others) { Since::Nothing } else { Since::Other });
    }
    let told = report::find_pulls(tx, set.part, &[key], granted.plus(-2)).await?;
    Ok(if told.get(&key).is_some_and(named) { Since::Told } else { Since::Nothing })
}

/// Ends leases that nobody has seen, uncounted, and forgets the named ones of their
/// pulls: a retry shall be given work.
async fn give_back(
    set: &mut WorkingSet,
    tx: &mut Tx,
    list: &StoredWorkList,
    undelivered: &[Undelivered],
) -> Result<(), Error> {
    let mut unseen = Vec::with_capacity(undelivered.len());
    for work in undelivered {
        match since(set, tx, list, work).await? {
            Since::Told => {}
            other => unseen.push((work, other)),
        }
    }
    let tokens = unseen.iter().flat_map(|(work, _)| &work.tokens);
    let releases = tokens.map(|token| (Ok(*token), true)).enumerate().collect();
    release::release_into(set, tx, releases).await?;
    for (work, since) in unseen {
        if let Some(key) = pull_key(list.number, &work.pull).filter(|_| since == Since::Nothing) {
            report::forget_pull(tx, set.part, key).await?;
        }
    }
    Ok(())
}

/// What is still held of leases whose debtors are in hand.
async fn still_held(
    set: &mut WorkingSet,
    tx: &mut Tx,
    mut leases: Vec<LeaseRow>,
) -> Result<Vec<LeaseRow>, Error> {
    // Judged by the set: this transaction may have ended some of them already. What
    // cannot be read cannot be shown again; its lease runs on for whoever has it.
    leases.retain(|lease| set.check_debtor(lease.debtor_no).is_ok() && token::runs(set, lease));
    set.load_content(tx, leases.iter().map(|lease| lease.case_no)).await?;
    leases.retain(|lease| set.check_readable(lease.case_no).is_ok());
    Ok(leases)
}

/// How a named pull of a list is remembered.
pub(super) fn pull_key(work_list_no: WorkListNo, pull: &Pull) -> Option<PullKey<'_>> {
    let request_id = pull.request_id.as_ref()?.as_str();
    Some(PullKey { work_list_no, worker_id: pull.worker_id.as_str(), request_id })
}

/// Remembers what a named pull was given. An empty answer is not remembered: the
/// retry shall find the work that has come meanwhile.
pub(super) async fn save_pull(
    set: &WorkingSet,
    tx: &mut Tx,
    list: &StoredWorkList,
    pull: &Pull,
    leases: &[LeaseRow],
) -> Result<(), Error> {
    let Some(key) = pull_key(list.number, pull).filter(|_| !leases.is_empty()) else {
        return Ok(());
    };
    let keys: Vec<(CaseNo, i64)> =
        leases.iter().map(|lease| (lease.case_no, lease.lease_seq)).collect();
    Ok(report::save_pull(tx, set.part, key, &keys, set.now).await?)
}

/// Grants one pull the lease on a chosen case.
pub(super) fn grant(
    set: &mut WorkingSet,
    list: &StoredWorkList,
    pull: &Pull,
    chosen: Chosen,
) -> LeaseRow {
    let until = set.now.plus(pull.lease_duration).min(chosen.window_end);
    let case_nos = item::cases_of_item(set, chosen.case_no);
    let new = NewLease {
        work_list_no: list.number,
        worker_id: pull.worker_id.to_string(),
        until,
        case_nos,
        reserved: chosen.reserved,
        taken_for: pull.take.as_ref().map(|take| take.reason),
    };
    set.grant(chosen.case_no, new)
}

/// The items of the leases of each pull, in the language it asks for, and whether the
/// ledger of any is ageing.
pub(super) async fn items(
    set: &mut WorkingSet,
    tx: &mut Tx,
    leases: &[(Vec<LeaseRow>, Option<&str>)],
) -> Result<(Vec<Vec<WorkItem>>, bool), Error> {
    let all: Vec<LeaseRow> = leases.iter().flat_map(|(leases, _)| leases).cloned().collect();
    item::load(set, tx, &all).await?;
    let ageing = all.iter().any(|lease| item::ledger_is_ageing(set, lease.case_no));
    let items = leases
        .iter()
        .map(|(of_pull, language)| {
            of_pull.iter().map(|lease| item::item(set, lease, *language)).collect()
        })
        .collect::<Result<_, Error>>()?;
    Ok((items, ageing))
}

/// Microseconds until there may be work, spread out so that those who were told
/// together do not come back together.
fn retry_after(set: &WorkingSet, selection: &Selection) -> i64 {
    let wait = match selection.next_opening() {
        _ if !selection.open.is_empty() => RETRY_OPEN,
        Some(next) => (next.0 - set.now.0).clamp(RETRY_OPEN, RETRY_MAX),
        None => RETRY_MAX,
    };
    spread(wait)
}

fn spread(wait: i64) -> i64 {
    wait + rand::random_range(0..=wait / 4)
}

fn stopped_text(until: Micros) -> String {
    format!(
        "The database was switched to a standby that may lack the newest leases: nothing is \
         leased before {until}, when all of them are over."
    )
}

/// What a pull would meet.
pub(super) struct Looked {
    /// Whether a case is ready within hours of contact.
    pub(super) has_work: bool,
    /// As in [`Claimed`].
    pub(super) retry_after: i64,
    /// As in [`Claimed`].
    pub(super) warnings: Vec<(&'static str, String)>,
}

/// Looks whether there is work of a list, which costs less than to claim it.
pub(super) async fn look(
    set: &mut WorkingSet,
    tx: &mut Tx,
    work_list_id: &WorkListId,
) -> Result<Looked, Error> {
    let list = work_list(tx, set.part, work_list_id).await?;
    let selection = lanes::select(set, tx, &list.settings).await?;
    let heads = claim::heads(tx, set.part, selection.open.keys().copied()).await?;
    Ok(Looked {
        has_work: !heads.is_empty(),
        retry_after: retry_after(set, &selection),
        warnings: selection.warnings(),
    })
}
