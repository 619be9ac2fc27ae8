//! Running work in transactions: how many at once, and again where another came
//! between.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::model::BUCKETS_MAX;

use super::super::latency::{INTERACTIVE_P99_MAX, Latencies};
use super::super::{Class, StoreError, Tx, panic_text};
use super::transaction::{Lack, Retry};
use super::{PgTx, Postgres};

/// The most interactive writes that wait at one time.
const INTERACTIVE_WAITING_MAX: usize = 8_192;
/// How long a read waits for a place.
const READER_WAIT: Duration = Duration::from_secs(10);
/// The longest a transaction may take in all; settings that changed before it began
/// have no effect after.
pub(in super::super) const TRANSACTION_MAX: Duration = Duration::from_secs(30);
/// How often a transaction runs anew at most, and the first pause before.
const ATTEMPTS_MAX: u32 = 10;
/// How often it runs anew for want of numbers: of cases and debtors, in each of the parts
/// of a tenant.
const LACKS_MAX: i64 = 2 * BUCKETS_MAX + 10;
const PAUSE_FIRST: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// How long background work pauses while those at the telephone wait too long, and
/// how long it is put off at most.
const BACKGROUND_PAUSE: Duration = Duration::from_millis(20);
const BACKGROUND_PUT_OFF: Duration = Duration::from_secs(1);

/// Who may have a connection: reads and each class of writes have places of their
/// own, so that none can take all of them.
pub(super) struct Places {
    interactive: Arc<Semaphore>,
    ingest: Arc<Semaphore>,
    background: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    waiting: AtomicUsize,
    latencies: std::sync::Mutex<Latencies>,
}

impl Places {
    /// Shares `connections` out: one takes numbers, one works in the background, a
    /// quarter each ingests and reads, the others serve.
    pub(super) fn of(connections: u32) -> Places {
        let connections = usize::try_from(connections).unwrap_or(usize::MAX).max(4);
        let quarter = (connections / 4).max(1);
        let interactive = connections.saturating_sub(2 + 2 * quarter).max(1);
        let places = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        Places {
            interactive: places(interactive),
            ingest: places(quarter),
            background: places(1),
            readers: places(quarter),
            waiting: AtomicUsize::new(0),
            latencies: std::sync::Mutex::default(),
        }
    }

    /// A place to read.
    pub(super) async fn reader(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        let place = tokio::time::timeout(READER_WAIT, Arc::clone(&self.readers).acquire_owned());
        place.await.ok().and_then(Result::ok).ok_or_else(|| {
            let message = format!("no reader became free within {} s", READER_WAIT.as_secs());
            StoreError::Unavailable(message)
        })
    }

    async fn writer(&self, class: Class) -> Result<OwnedSemaphorePermit, StoreError> {
        let places = match class {
            Class::Interactive => &self.interactive,
            Class::Ingest => &self.ingest,
            Class::Background => &self.background,
        };
        let place = Arc::clone(places).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        if class == Class::Background {
            self.give_way().await;
        }
        Ok(place)
    }

    /// Puts background work off while interactive writes run and take too long.
    async fn give_way(&self) {
        let until = Instant::now() + BACKGROUND_PUT_OFF;
        while self.waiting.load(Ordering::Relaxed) > 0
            && self.latencies().p99() > INTERACTIVE_P99_MAX
            && Instant::now() < until
        {
            tokio::time::sleep(BACKGROUND_PAUSE).await;
        }
    }

    fn latencies(&self) -> std::sync::MutexGuard<'_, Latencies> {
        self.latencies.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Counts an interactive write from its arrival to its answer.
struct Interactive {
    store: Postgres,
    since: Instant,
}

impl Interactive {
    fn enter(store: &Postgres) -> Result<Interactive, StoreError> {
        let entered = Interactive { store: store.clone(), since: Instant::now() };
        match store.0.places.waiting.fetch_add(1, Ordering::Relaxed) {
            before if before >= INTERACTIVE_WAITING_MAX => {
                Err(StoreError::Overloaded(INTERACTIVE_WAITING_MAX))
            }
            _ => Ok(entered),
        }
    }
}

impl Drop for Interactive {
    fn drop(&mut self) {
        let places = &self.store.0.places;
        places.waiting.fetch_sub(1, Ordering::Relaxed);
        places.latencies().add(self.since.elapsed());
    }
}

impl Postgres {
    /// Runs work in a transaction of its own, in a task of its own: a client that
    /// leaves undoes nothing. Its answer comes after the commit.
    pub(in super::super) async fn write<T, E, F, A>(
        &self,
        class: Class,
        work: F,
        after: A,
    ) -> Result<oneshot::Receiver<Result<T, E>>, StoreError>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Clone + Send + 'static,
        A: FnOnce(&mut T) + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let entered = match class {
            Class::Interactive => Some(Interactive::enter(self)?),
            Class::Ingest | Class::Background => None,
        };
        let (sender, answer) = oneshot::channel();
        let store = self.clone();
        tokio::spawn(async move {
            let _entered = entered;
            let mut result = match store.0.places.writer(class).await {
                Ok(_place) => store.attempts(work).await,
                Err(error) => Err(error.into()),
            };
            if let Ok(value) = &mut result {
                after(value);
            }
            // The caller may have left; what was committed stays.
            let _ = sender.send(result);
        });
        Ok(answer)
    }

    /// Runs work until it is committed, or fails for a reason that will not pass.
    async fn attempts<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Clone + Send,
        T: Send,
        E: From<StoreError> + Send,
    {
        let (mut pause, mut attempt, mut lacked) = (PAUSE_FIRST, 0, 0);
        loop {
            let ended = match PgTx::begin(self, &self.0.pool, true).await {
                Ok(tx) => attempt_in(tx, work.clone()).await,
                Err(error) => return Err(error.into()),
            };
            match ended {
                Ended::Done(result) => return result,
                // Each takes numbers of another kind or part: a call may lack many.
                Ended::Again(_, Some(lack)) if lacked < LACKS_MAX => {
                    lacked += 1;
                    self.take_numbers(lack).await?;
                }
                Ended::Again(..) if attempt + 1 < ATTEMPTS_MAX => {
                    attempt += 1;
                    tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                Ended::Again(error, _) => return Err(error),
            }
        }
    }
}

enum Ended<T, E> {
    Done(Result<T, E>),
    /// Nothing was kept, and another attempt may succeed, once these numbers are taken.
    Again(E, Option<Lack>),
}

async fn attempt_in<T, E, F>(tx: PgTx, work: F) -> Ended<T, E>
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send,
    E: From<StoreError>,
{
    let mut tx = Tx::postgres(tx);
    let run = AssertUnwindSafe(work(&mut tx)).catch_unwind();
    let outcome = tokio::time::timeout(TRANSACTION_MAX, run).await;
    let tx = tx.into_pg().expect("the transaction was one on PostgreSQL");
    let (retry, lacks) = (tx.retry(), tx.lacks());
    match outcome {
        Ok(Ok(Ok(value))) => match tx.commit().await {
            Ok(()) => Ended::Done(Ok(value)),
            Err(error @ StoreError::Conflict(_)) => Ended::Again(error.into(), None),
            Err(error) => Ended::Done(Err(error.into())),
        },
        Ok(Ok(Err(error))) => {
            tx.rollback().await;
            match retry {
                Some(Retry::Conflict | Retry::Lost) => Ended::Again(error, lacks),
                None => Ended::Done(Err(error)),
            }
        }
        Ok(Err(panic)) => {
            tx.rollback().await;
            let text = panic_text(panic.as_ref());
            tracing::error!(panic = text, "a write panicked; its changes are undone");
            Ended::Done(Err(StoreError::Panicked(text).into()))
        }
        Err(_) => {
            tx.rollback().await;
            let message = format!("the write took more than {} s", TRANSACTION_MAX.as_secs());
            Ended::Done(Err(StoreError::Unavailable(message).into()))
        }
    }
}
