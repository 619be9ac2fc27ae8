//! Waiting for work. A waiting pull is an entry in a bounded table and holds no
//! connection; the pulls of one work list are served together, first come first
//! served, by one task that lives as long as somebody waits.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::model::{Micros, Part, Parts, WorkListId, WorkListNo};
use crate::store::StoreError;

use super::super::{Engine, Error};
use super::LeasedWork;
use super::claim::{Claim, Claimed, Pull, Undelivered};
use super::gate::Line;
use super::spread;
use super::take::Refusal;

/// The most pulls that wait at one time.
const WAITING_MAX: usize = 5_000;
/// The most items one transaction grants.
const CLAIM_MAX: usize = 1_000;
/// How often those who wait look for work that nobody told of, such as hours of
/// contact that begin.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How many parts of a tenant they look at then: of one that is spread over many each has
/// its turn, and what this server places in any of them is told at once.
const LOOK_AT: usize = 4;

/// The part of the tenant's name, and the list.
type Key = (Part, WorkListNo);

/// The pulls that wait, by work list.
#[derive(Default)]
pub(in super::super) struct Waiting(Mutex<State>);

#[derive(Default)]
struct State {
    lists: HashMap<Key, List>,
    count: usize,
    /// Where claims of a part stand in line, on a store with other servers.
    lines: HashMap<Part, Line>,
}

#[derive(Default)]
struct List {
    pulls: VecDeque<WaitingPull>,
    /// How many pulls a claim has in hand: most of them will wait on.
    claimed: usize,
    /// Whether a task serves the list.
    served: bool,
    /// Leases granted since the start: the reserved share is kept over them.
    granted: i64,
    /// Whether the last claim found nothing to grant.
    idle: bool,
    /// How many claims there were: each begins with another part of the tenant.
    turn: usize,
    /// Work that no client took.
    undelivered: Vec<Undelivered>,
    wake: Arc<Notify>,
}

impl List {
    /// Joins the retries that came while a claim had their pulls in hand to those: side
    /// by side both would be given work.
    fn join(&mut self, mut claimed: Vec<WaitingPull>) -> Vec<WaitingPull> {
        let name = |pull: &Pull| {
            let request_id = pull.request_id.clone()?;
            Some((request_id, pull.worker_id.clone()))
        };
        let named = claimed.iter().enumerate();
        let places: HashMap<_, _> =
            named.filter_map(|(at, waiting)| Some((name(&waiting.pull)?, at))).collect();
        if places.is_empty() {
            return claimed;
        }
        for waiting in std::mem::take(&mut self.pulls) {
            let place = name(&waiting.pull).and_then(|name| places.get(&name));
            match place.map(|at| &mut claimed[*at]).filter(|first| first.same(&waiting.pull)) {
                Some(first) => {
                    first.until = first.until.max(waiting.until);
                    first.clients.extend(waiting.clients);
                }
                None => self.pulls.push_back(waiting),
            }
        }
        claimed
    }
}

struct WaitingPull {
    pull: Pull,
    until: Instant,
    /// Whether a claim has looked for its work: nobody is told that there is none before.
    looked: bool,
    /// Who waits for it: more than one when it was retried meanwhile.
    clients: Vec<oneshot::Sender<Result<Delivery, Error>>>,
}

impl WaitingPull {
    /// Whether its time is over, and its work was looked for.
    fn is_over(&self, now: Instant) -> bool {
        self.looked && self.until <= now
    }

    fn left(&self) -> bool {
        self.clients.iter().all(oneshot::Sender::is_closed)
    }

    fn same(&self, pull: &Pull) -> bool {
        self.pull.is_same(pull)
    }
}

impl Waiting {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes everybody who waits for work of the tenant whose name has this part.
    pub(in super::super) fn wake(&self, home: Part) {
        for ((of_tenant, _), list) in &self.state().lists {
            if *of_tenant == home && list.served {
                list.wake.notify_one();
            }
        }
    }

    /// Where claims of a part stand in line.
    pub(super) fn line(&self, part: Part) -> Line {
        Arc::clone(self.state().lines.entry(part).or_default())
    }

    /// Adds a pull, or joins the same one that waits already.
    fn add(
        &self,
        key: Key,
        pull: Pull,
        until: Instant,
    ) -> Result<(oneshot::Receiver<Result<Delivery, Error>>, bool), Error> {
        let (client, answer) = oneshot::channel();
        let mut state = self.state();
        state.recount();
        if state.count >= WAITING_MAX {
            // Clients that left are counted until somebody looks.
            state.drop_left();
        }
        let full = state.count >= WAITING_MAX;
        let list = state.lists.entry(key).or_default();
        let known = list.pulls.iter_mut().find(|waiting| waiting.same(&pull));
        match known {
            Some(waiting) => {
                waiting.clients.push(client);
                waiting.until = waiting.until.max(until);
            }
            None if full => return Err(Error::Overloaded { bound: WAITING_MAX }),
            None => list.pulls.push_back(WaitingPull {
                pull,
                until,
                looked: false,
                clients: vec![client],
            }),
        }
        let start = !list.served;
        list.served = true;
        list.wake.notify_one();
        state.recount();
        Ok((answer, start))
    }

    /// Takes the next pulls to be served together; nothing ends the serving.
    fn take(&self, key: Key) -> Option<Batch> {
        let mut state = self.state();
        let list = state.lists.get_mut(&key)?;
        list.pulls.retain(|waiting| !waiting.left());
        let mut batch = Vec::new();
        let mut items = 0;
        while let Some(next) = list.pulls.front()
            && (batch.is_empty() || items + next.pull.max_items <= CLAIM_MAX)
        {
            items += next.pull.max_items;
            batch.extend(list.pulls.pop_front());
        }
        list.claimed = batch.len();
        let undelivered = std::mem::take(&mut list.undelivered);
        list.served = !batch.is_empty() || !undelivered.is_empty();
        let (granted, turn, wake) = (list.granted, list.turn, Arc::clone(&list.wake));
        list.turn = turn.wrapping_add(usize::from(list.served));
        let idle = list.idle;
        list.served.then_some(Batch { pulls: batch, granted, turn, idle, undelivered, wake })
    }

    /// Notes work that no client took; says whether a task must be started to give
    /// it back.
    fn add_undelivered(&self, key: Key, work: Undelivered) -> bool {
        let mut state = self.state();
        let list = state.lists.entry(key).or_default();
        list.undelivered.push(work);
        list.wake.notify_one();
        !std::mem::replace(&mut list.served, true)
    }

    /// Notes work again that could not be given back; what has expired meanwhile
    /// comes back by itself. Says whether there is any.
    fn keep_undelivered(&self, key: Key, mut work: Vec<Undelivered>, now: Micros) -> bool {
        work.retain(|work| work.until > now);
        let left = !work.is_empty();
        if let Some(list) = self.state().lists.get_mut(&key) {
            list.undelivered.append(&mut work);
        }
        left
    }

    /// Leases granted from a list since the start, and claims.
    pub(super) fn granted(&self, key: Key) -> (i64, usize) {
        self.state().lists.get(&key).map_or((0, 0), |list| (list.granted, list.turn))
    }

    /// Puts pulls that got nothing back to the head of the queue; nobody is left in
    /// the hands of the claim.
    fn put_back(&self, key: Key, pulls: Vec<WaitingPull>, granted: i64) {
        let mut state = self.state();
        if let Some(list) = state.lists.get_mut(&key) {
            list.claimed = 0;
            list.granted = list.granted.saturating_add(granted);
            list.idle = granted == 0;
            for mut waiting in list.join(pulls).into_iter().rev() {
                waiting.looked = true;
                list.pulls.push_front(waiting);
            }
        }
        state.recount();
    }

    /// Takes out the pulls whose time is over; also says when that of the next
    /// one will be.
    fn overdue(&self, key: Key, now: Instant) -> (Vec<WaitingPull>, Option<Instant>) {
        let mut state = self.state();
        let Some(list) = state.lists.get_mut(&key) else { return (Vec::new(), None) };
        let (over, waiting): (Vec<_>, Vec<_>) =
            list.pulls.drain(..).partition(|waiting| waiting.is_over(now) || waiting.left());
        list.pulls = waiting.into();
        let next = list.pulls.iter().map(|waiting| waiting.until).min();
        state.recount();
        (over, next)
    }
}

impl State {
    /// Lets go of pulls whose clients have left.
    fn drop_left(&mut self) {
        for list in self.lists.values_mut() {
            list.pulls.retain(|waiting| !waiting.left());
        }
        self.recount();
    }

    fn recount(&mut self) {
        self.count = self.lists.values().map(|list| list.pulls.len() + list.claimed).sum();
    }
}

struct Batch {
    pulls: Vec<WaitingPull>,
    granted: i64,
    turn: usize,
    idle: bool,
    undelivered: Vec<Undelivered>,
    wake: Arc<Notify>,
}

/// An answer on its way to a client. If no client takes it, its leases are given
/// back uncounted: nobody has seen them. Those of a named pull are kept for the
/// retry once they were on their way.
pub(super) struct Delivery(Arc<Parcel>);

struct Parcel {
    served: Served,
    pull: Pull,
    work: LeasedWork,
    /// Whether somebody has the leases, or may ask for them again.
    kept: AtomicBool,
}

impl Delivery {
    /// The work, which now is the client's.
    pub(super) fn take(self) -> LeasedWork {
        self.0.kept.store(true, Ordering::SeqCst);
        self.0.work.clone()
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        if self.kept.load(Ordering::SeqCst) || self.work.items.is_empty() {
            return;
        }
        let items = &self.work.items;
        let undelivered = Undelivered {
            pull: self.pull.clone(),
            tokens: items.iter().map(|item| item.token).collect(),
            until: items.iter().map(|item| item.expire_time).max().unwrap_or_default(),
        };
        let served = &self.served;
        let start = served.engine.waiting.add_undelivered(served.key(), undelivered);
        // Without a runtime the server has stopped: then the leases expire.
        if start && let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(serve(served.clone()));
        }
    }
}

/// Queues a pull and waits for its answer. Dropping this leaves the queue.
pub(super) async fn pull(
    engine: &Arc<Engine>,
    (parts, number): (Arc<Parts>, WorkListNo),
    work_list_id: WorkListId,
    (pull, wait): (Pull, Duration),
) -> Result<LeasedWork, Error> {
    let served = Served { engine: Arc::clone(engine), parts, number, work_list_id };
    let (answer, start) = engine.waiting.add(served.key(), pull, Instant::now() + wait)?;
    if start {
        tokio::spawn(serve(served));
    }
    match answer.await {
        Ok(delivery) => delivery.map(Delivery::take),
        Err(_) => Err(Error::ShuttingDown),
    }
}

/// Serves the pulls of one work list until nobody waits.
async fn serve(served: Served) {
    let key = served.key();
    while let Some(batch) = served.engine.waiting.take(key) {
        let claim = Claim {
            work_list_id: served.work_list_id.clone(),
            pulls: batch.pulls.iter().map(|waiting| waiting.pull.clone()).collect(),
            granted: batch.granted,
            undelivered: batch.undelivered.clone(),
        };
        let (list, of) = ((&*served.parts, served.number), (batch.turn, batch.idle));
        match spread::claim(&served.engine, list, claim, of).await {
            Ok((claimed, left)) => {
                let (waiting, now) = (&served.engine.waiting, served.engine.now());
                let left = waiting.keep_undelivered(key, left, now);
                let empty = LeasedWork {
                    items: Vec::new(),
                    retry_after: Some(claimed.retry_after),
                    warnings: claimed.warnings.clone(),
                    failing_gates: Vec::new(),
                };
                if !hand_out(&served, batch.pulls, claimed) {
                    look_for_work(&served, &batch.wake, empty).await;
                } else if left {
                    a_moment(&batch.wake).await;
                }
            }
            Err(error) => {
                for waiting in batch.pulls {
                    fail(waiting, &error);
                }
                served.engine.waiting.put_back(key, Vec::new(), 0);
                let closed = matches!(error, Error::Store(StoreError::Closed));
                let (waiting, now) = (&served.engine.waiting, served.engine.now());
                if !closed && waiting.keep_undelivered(key, batch.undelivered, now) {
                    a_moment(&batch.wake).await;
                }
            }
        }
    }
}

/// What failed once will fail again for a while.
async fn a_moment(wake: &Notify) {
    tokio::select! {
        () = wake.notified() => {}
        () = tokio::time::sleep(LOOK_EVERY) => {}
    }
}

/// A work list that is being served.
#[derive(Clone)]
struct Served {
    engine: Arc<Engine>,
    parts: Arc<Parts>,
    number: WorkListNo,
    work_list_id: WorkListId,
}

impl Served {
    fn key(&self) -> Key {
        (self.parts.home(), self.number)
    }
}

/// Answers the pulls that got work, and those that do not want to wait. Says
/// whether all were answered.
fn hand_out(served: &Served, pulls: Vec<WaitingPull>, claimed: Claimed) -> bool {
    let now = Instant::now();
    let mut waiting = Vec::new();
    for (pull, answer) in pulls.into_iter().zip(claimed.answers) {
        let (items, retried) = (answer.items, answer.retried);
        let failing_gates = match answer.refusal {
            Some(Refusal::Error(error)) => {
                fail(pull, &error);
                continue;
            }
            Some(Refusal::Gates(gates)) => gates,
            None => Vec::new(),
        };
        // A retry whose leases are all over gets nothing however long it waits, and a
        // take never waits.
        let taken = pull.pull.take.is_some();
        if items.is_empty() && !retried && !taken && !claimed.stopped && pull.until > now {
            waiting.push(pull);
            continue;
        }
        let again = items.is_empty() && (!taken || claimed.stopped);
        let retry_after = again.then_some(claimed.retry_after);
        let warnings = claimed.warnings.clone();
        let work = LeasedWork { items, retry_after, warnings, failing_gates };
        // What a retry is told of may be in the hands of whoever asked first.
        deliver(served, pull, work, retried);
    }
    let all = waiting.is_empty();
    served.engine.waiting.put_back(served.key(), waiting, claimed.granted);
    all
}

fn deliver(served: &Served, waiting: WaitingPull, work: LeasedWork, kept: bool) {
    let named = waiting.pull.request_id.is_some();
    let parcel = Arc::new(Parcel {
        served: served.clone(),
        pull: waiting.pull,
        work,
        kept: AtomicBool::new(kept),
    });
    for client in waiting.clients {
        let sent = client.send(Ok(Delivery(Arc::clone(&parcel)))).is_ok();
        if sent && named {
            parcel.kept.store(true, Ordering::SeqCst);
        }
    }
}

fn fail(waiting: WaitingPull, error: &Error) {
    for client in waiting.clients {
        let _ = client.send(Err(retold(error)));
    }
}

/// An error for one more of those whom it concerns.
pub(super) fn retold(error: &Error) -> Error {
    match error {
        Error::NotFound { resource, id } => Error::NotFound { resource: *resource, id: id.clone() },
        Error::Invalid(violations) => Error::Invalid(violations.clone()),
        Error::AlreadyExists { resource, id } => {
            Error::AlreadyExists { resource: *resource, id: id.clone() }
        }
        Error::EtagMismatch { resource, id, etag } => {
            Error::EtagMismatch { resource: *resource, id: id.clone(), etag: etag.clone() }
        }
        Error::NeedsActivation { field } => Error::NeedsActivation { field: field.clone() },
        Error::RevisionNotDraft(name) => Error::RevisionNotDraft(name.clone()),
        Error::RevisionInvalid(findings) => Error::RevisionInvalid(findings.clone()),
        Error::ActivationChanged(active) => Error::ActivationChanged(*active),
        Error::ProposalOpen(open) => Error::ProposalOpen(*open),
        Error::ProposalDecided { proposal_id, state } => {
            Error::ProposalDecided { proposal_id: *proposal_id, state: *state }
        }
        Error::SecondPersonRequired { proposal_id, subject } => {
            Error::SecondPersonRequired { proposal_id: *proposal_id, subject: subject.clone() }
        }
        Error::ApprovalNeedsCredentials { field } => Error::ApprovalNeedsCredentials { field },
        Error::DraftChanged(name) => Error::DraftChanged(name.clone()),
        Error::AtomicRejected(items) => Error::AtomicRejected(items.clone()),
        Error::PageTokenMalformed => Error::PageTokenMalformed,
        Error::PageTokenMismatch => Error::PageTokenMismatch,
        Error::WatchTokenExpired => Error::WatchTokenExpired,
        Error::RoleMissing { method, roles } => {
            Error::RoleMissing { method: method.clone(), roles: roles.clone() }
        }
        Error::BookTooLarge { bytes_max } => Error::BookTooLarge { bytes_max: *bytes_max },
        Error::FeatureVersionRetired(version) => Error::FeatureVersionRetired(*version),
        Error::Overloaded { bound } => Error::Overloaded { bound: *bound },
        Error::ShuttingDown => Error::ShuttingDown,
        Error::Store(error) => retold_of_store(error),
        Error::Internal(why) => Error::Internal(why.clone()),
    }
}

/// What a driver says cannot be told twice; its text can.
fn retold_of_store(error: &StoreError) -> Error {
    Error::Store(match error {
        StoreError::Corrupt { table, key, why } => {
            StoreError::Corrupt { table, key: key.clone(), why: why.clone() }
        }
        StoreError::Newer { table, key, why } => {
            StoreError::Newer { table, key: key.clone(), why: why.clone() }
        }
        StoreError::Unavailable(text) => StoreError::Unavailable(text.clone()),
        StoreError::Conflict(text) => StoreError::Conflict(text.clone()),
        StoreError::Overloaded(bound) => StoreError::Overloaded(*bound),
        StoreError::Panicked(text) => StoreError::Panicked(text.clone()),
        StoreError::Closed => StoreError::Closed,
        StoreError::Cluster(text) => StoreError::Cluster(text.clone()),
        StoreError::Migration(why) => return Error::Internal(why.to_string()),
        StoreError::Database(why) => return Error::Internal(format!("{why}: {why:?}")),
    })
}

/// Returns when there may be work for those who wait, or nobody waits. Answers
/// those whose time is over meanwhile as an empty claim would.
async fn look_for_work(served: &Served, wake: &Notify, empty: LeasedWork) {
    let engine = &served.engine;
    let slices = served.parts.all().chunks(LOOK_AT);
    for parts in slices.cycle() {
        let now = Instant::now();
        let (over, next) = engine.waiting.overdue(served.key(), now);
        for waiting in over {
            deliver(served, waiting, empty.clone(), false);
        }
        let Some(next) = next else { return };
        tokio::select! {
            () = wake.notified() => return,
            () = tokio::time::sleep_until(next.min(now + LOOK_EVERY)) => {}
        }
        // An error here is told by the claim.
        if spread::has_work(engine, parts, &served.work_list_id).await.unwrap_or(true) {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
