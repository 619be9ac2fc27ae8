//! The one writer of an SQLite database. Requests queue up by class and are
//! committed in groups: each but the first runs inside a savepoint of its own, so
//! that one that fails takes nobody with it, and is answered only after the COMMIT.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::super::db::Tx;
use super::super::latency::{INTERACTIVE_P99_MAX, Latencies};
use super::super::{Class, StoreError, panic_text};

/// A job, and what remains to be done when its group's commit is decided.
pub(crate) type Job = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Done> + Send>;

/// What a job left: whether its changes stand, and who is told.
pub(crate) struct Done {
    pub(crate) keep: bool,
    pub(crate) answer: Box<dyn FnOnce(Option<StoreError>) + Send>,
}

struct Queued {
    job: Job,
    since: Instant,
}

const INTERACTIVE_WAITING_MAX: usize = 8_192;
const OTHER_WAITING_MAX: usize = 64;
const GROUP_JOBS_MAX: usize = 256;
const GROUP_TIME: Duration = Duration::from_millis(2);
const BACKGROUND_TIME: Duration = Duration::from_millis(5);
/// Background work gets this much of every second however busy the others are.
const BACKGROUND_FLOOR: Duration = Duration::from_millis(1);

/// Where writes are handed in. Dropping the last one ends the writer after what
/// is queued.
#[derive(Clone)]
pub(crate) struct Writer {
    interactive: mpsc::Sender<Queued>,
    ingest: mpsc::Sender<Queued>,
    background: mpsc::Sender<Queued>,
}

impl Writer {
    /// Starts the writer on its own connection and on a thread of its own: what it
    /// does waits for a disk.
    pub(crate) fn start(tx: Tx) -> Result<Writer, StoreError> {
        let (interactive, interactive_jobs) = mpsc::channel(INTERACTIVE_WAITING_MAX);
        let (ingest, ingest_jobs) = mpsc::channel(OTHER_WAITING_MAX);
        let (background, background_jobs) = mpsc::channel(OTHER_WAITING_MAX);
        let task = WriterTask {
            tx,
            interactive: interactive_jobs,
            ingest: ingest_jobs,
            background: background_jobs,
            latencies: Latencies::default(),
            background_turn: Instant::now(),
        };
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name("arrears-writer".to_owned())
            .spawn(move || runtime.block_on(task.run()))
            .map_err(|error| StoreError::Unavailable(format!("no thread to write on: {error}")))?;
        Ok(Writer { interactive, ingest, background })
    }

    /// Queues a job. Interactive ones are refused when too many wait; the others
    /// wait for a place.
    pub(crate) async fn submit(&self, class: Class, job: Job) -> Result<(), StoreError> {
        let queued = Queued { job, since: Instant::now() };
        let closed = |_| StoreError::Closed;
        match class {
            Class::Interactive => self.interactive.try_send(queued).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => {
                    StoreError::Overloaded(INTERACTIVE_WAITING_MAX)
                }
                mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
            }),
            Class::Ingest => self.ingest.send(queued).await.map_err(closed),
            Class::Background => self.background.send(queued).await.map_err(closed),
        }
    }
}

/// Wraps work that yields a value into a job, and the place where its answer
/// arrives after the commit.
///
/// `after` runs with the value once it is durable, whether or not anybody still
/// waits for it.
pub(crate) fn job<T, E, F, A>(work: F, after: A) -> (Job, oneshot::Receiver<Result<T, E>>)
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    A: FnOnce(&mut T) + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let job: Job = Box::new(move |tx| {
        Box::pin(async move {
            let outcome = AssertUnwindSafe(work(tx)).catch_unwind().await;
            let result = outcome.unwrap_or_else(|panic| {
                let text = panic_text(panic.as_ref());
                tracing::error!(panic = text, "a write panicked; its changes are undone");
                Err(E::from(StoreError::Panicked(text)))
            });
            let keep = result.is_ok();
            let answer = Box::new(move |failed: Option<StoreError>| {
                let mut result = match failed {
                    Some(error) if keep => Err(E::from(error)),
                    _ => result,
                };
                if let Ok(value) = &mut result {
                    after(value);
                }
                // The caller may have left; what was committed stays.
                let _ = sender.send(result);
            });
            Done { keep, answer }
        })
    });
    (job, receiver)
}

/// The requests that are committed together.
#[derive(Default)]
struct Group {
    done: Vec<Done>,
    /// Set when the database has undone the whole transaction by itself, as it
    /// does when the disk is full: nothing of the group stands.
    broken: Option<StoreError>,
}

struct WriterTask {
    tx: Tx,
    interactive: mpsc::Receiver<Queued>,
    ingest: mpsc::Receiver<Queued>,
    background: mpsc::Receiver<Queued>,
    latencies: Latencies,
    background_turn: Instant,
}

impl WriterTask {
    async fn run(mut self) {
        while let Some((class, first)) = self.next().await {
            self.group(class, first).await;
        }
    }

    /// The next job of the most urgent class that has one.
    async fn next(&mut self) -> Option<(Class, Queued)> {
        tokio::select! {
            biased;
            Some(job) = self.interactive.recv() => Some((Class::Interactive, job)),
            Some(job) = self.ingest.recv() => Some((Class::Ingest, job)),
            Some(job) = self.background.recv() => Some((Class::Background, job)),
            else => None,
        }
    }

    async fn group(&mut self, class: Class, first: Queued) {
        let started = Instant::now();
        if let Err(error) = self.statement("BEGIN IMMEDIATE").await {
            // Dropping the job tells whoever waits for it.
            tracing::error!(%error, "a group of writes could not begin");
            return;
        }
        let mut group = Group::default();
        let mut interactive_since = Vec::new();
        if class == Class::Interactive {
            interactive_since.push(first.since);
        }
        self.run_job(first, &mut group).await;
        while group.done.len() < GROUP_JOBS_MAX && started.elapsed() < GROUP_TIME {
            let Ok(job) = self.interactive.try_recv() else { break };
            interactive_since.push(job.since);
            self.run_job(job, &mut group).await;
        }
        if class != Class::Ingest
            && let Ok(job) = self.ingest.try_recv()
        {
            self.run_job(job, &mut group).await;
        }
        self.run_background(&mut group).await;
        let failed = match group.broken {
            Some(error) => Some(error),
            None => self.statement("COMMIT").await.err(),
        };
        if let Some(error) = &failed {
            tracing::error!(%error, requests = group.done.len(), "a commit failed");
            let _ = self.statement("ROLLBACK").await;
        }
        for entry in group.done {
            let error = failed.as_ref().map(|error| StoreError::Unavailable(error.to_string()));
            (entry.answer)(error);
        }
        for since in interactive_since {
            self.latencies.add(since.elapsed());
        }
    }

    /// Background work gets at most 5 ms of a group, none while those at the
    /// telephone wait too long, yet never less than its floor in each second.
    async fn run_background(&mut self, group: &mut Group) {
        let starved = self.background_turn.elapsed() > Duration::from_secs(1);
        let slow = self.latencies.p99() > INTERACTIVE_P99_MAX;
        let allowed = match (slow, starved) {
            (false, _) => BACKGROUND_TIME,
            (true, true) => BACKGROUND_FLOOR,
            (true, false) => return,
        };
        let started = Instant::now();
        while started.elapsed() < allowed {
            let Ok(job) = self.background.try_recv() else { return };
            self.background_turn = Instant::now();
            self.run_job(job, group).await;
        }
    }

    async fn run_job(&mut self, queued: Queued, group: &mut Group) {
        if group.broken.is_some() {
            // Dropping the job tells whoever waits for it.
            return;
        }
        // Behind a savepoint SQLite keeps a copy of every page it changes. The first
        // job needs none: what it began is undone by beginning anew.
        let first = group.done.is_empty();
        if !first && let Err(error) = self.statement("SAVEPOINT job").await {
            tracing::error!(%error, "a write could not begin");
            return;
        }
        let outcome = (queued.job)(&mut self.tx).await;
        let end = match (outcome.keep, first) {
            (true, true) => "",
            (false, true) => "ROLLBACK; BEGIN IMMEDIATE",
            (true, false) => "RELEASE job",
            (false, false) => "ROLLBACK TO job; RELEASE job",
        };
        if !end.is_empty() {
            group.broken = self.statement(end).await.err();
        }
        group.done.push(outcome);
    }

    async fn statement(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.tx.script(sql).await
    }
}
