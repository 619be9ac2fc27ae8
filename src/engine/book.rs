//! The books of portfolios: their open cases in memory, so that a scorecard can be tried on
//! all of them at once. A book is loaded page by page when it is first asked for, and then
//! follows the log of changes. All books share one budget; the one that nobody has asked
//! for the longest makes room. One that is too large alone is kept as a sample.

mod load;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OnceCell, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, oneshot};

use crate::model::{CaseNo, Day, Part, PortfolioNo, RankingSettings};
use crate::scoring::{Book, RuleSet};

use super::Error;

pub(super) use load::CaughtUp;

/// How many runs of a tenant may wait while another one has its books in hand.
const WAITING_MAX: usize = 8;

/// The books of all portfolios asked for of late.
pub(super) struct Books {
    /// Made when the first book is.
    pool: OnceCell<rayon::ThreadPool>,
    bytes_max: usize,
    /// By the first part of the tenant.
    shelves: Mutex<HashMap<Part, Arc<Shelf>>>,
    /// What every book takes and when it was asked for, counted in requests.
    sizes: Mutex<HashMap<(Part, PortfolioNo), (usize, u64)>>,
    requests: AtomicU64,
}

/// The books of a tenant. Whoever has them in hand is the only one to run anything: a tenant
/// has one run at a time, and a few others wait in line.
struct Shelf {
    volumes: Arc<tokio::sync::Mutex<HashMap<PortfolioNo, Volume>>>,
    /// Of the run that has them in hand, and of those that wait.
    places: Arc<Semaphore>,
}

/// The book of a portfolio, in as many pieces as its tenant has parts.
#[derive(Default)]
pub(super) struct Volume {
    pieces: Vec<Piece>,
    /// The settings by which its cases were read.
    ranking: RankingSettings,
    /// One of so many cases is in it.
    pub(super) one_in: i64,
}

/// The cases of one part.
struct Piece {
    part: Part,
    book: Book,
    /// The last change it knows of.
    change_no: i64,
    /// Ranges of cases that are not loaded yet: behind which, and up to which.
    strands: Vec<(i64, i64)>,
    /// The strand to go on with.
    turn: usize,
    /// How many numbers of cases there are, loaded or not.
    numbers: i64,
    /// Cases that could not be read, and are left out.
    unreadable: BTreeSet<CaseNo>,
}

/// A place in the line of a tenant's runs. Whoever drops it leaves the line.
pub(super) struct Place {
    shelf: Part,
    volumes: Arc<tokio::sync::Mutex<HashMap<PortfolioNo, Volume>>>,
    permit: OwnedSemaphorePermit,
    runs_ahead: usize,
}

/// A tenant's books in hand.
pub(super) struct Turn {
    shelf: Part,
    volumes: OwnedMutexGuard<HashMap<PortfolioNo, Volume>>,
    _permit: OwnedSemaphorePermit,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Books {
    /// No books yet, and so many bytes for all of them.
    pub(super) fn new(bytes_max: usize) -> Books {
        Books {
            pool: OnceCell::new(),
            bytes_max,
            shelves: Mutex::default(),
            sizes: Mutex::default(),
            requests: AtomicU64::new(0),
        }
    }

    /// The threads that books are worked on with.
    async fn pool(&self) -> Result<&rayon::ThreadPool, Error> {
        self.pool.get_or_try_init(|| async { Books::new_pool() }).await
    }

    fn new_pool() -> Result<rayon::ThreadPool, Error> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        rayon::ThreadPoolBuilder::new()
            .num_threads(cores.saturating_sub(1).max(1))
            .thread_name(|at| format!("book-{at}"))
            .panic_handler(|_| tracing::error!("work on a book panicked"))
            .build()
            .map_err(|error| Error::Internal(format!("no threads for books: {error}")))
    }

    /// Runs work beside the threads that answer calls.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (done, result) = oneshot::channel();
        self.pool().await?.spawn(move || {
            // Whoever asked may have gone.
            let _ = done.send(work());
        });
        result.await.map_err(|_| Error::Internal("work on a book ended badly".to_owned()))
    }

    /// Runs work on what is kept of a book and puts that back; if the work ends badly it is
    /// lost, and nothing stands in its place.
    pub(super) async fn on<B: Default + Send + 'static, T: Send + 'static>(
        &self,
        place: &mut B,
        work: impl FnOnce(&mut B) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let mut taken = std::mem::take(place);
        let work = move || {
            let done = work(&mut taken);
            (taken, done)
        };
        let (taken, done) = self.run(work).await?;
        *place = taken;
        Ok(done)
    }

    /// A place at the end of the line of a tenant's runs.
    ///
    /// # Errors
    /// `Overloaded` when too many wait already.
    pub(super) fn place(&self, shelf: Part) -> Result<Place, Error> {
        let mut shelves = lock(&self.shelves);
        let Shelf { volumes, places } = &**shelves.entry(shelf).or_default();
        let permit = Arc::clone(places).try_acquire_owned();
        let permit = permit.map_err(|_| Error::Overloaded { bound: WAITING_MAX })?;
        let runs_ahead = WAITING_MAX - places.available_permits();
        Ok(Place { shelf, volumes: Arc::clone(volumes), permit, runs_ahead })
    }

    /// Puts a book back.
    pub(super) fn put(&self, turn: &mut Turn, number: PortfolioNo, volume: Volume) {
        self.weigh(turn, (number, volume.bytes()));
        turn.volumes.insert(number, volume);
    }

    /// Ends a turn. A book that was taken and not put back takes no room any longer.
    pub(super) fn end(&self, turn: Turn, number: PortfolioNo) {
        if !turn.volumes.contains_key(&number) {
            lock(&self.sizes).remove(&(turn.shelf, number));
        }
    }

    /// Whether a sample would fit if it were whole, were there no other books.
    pub(super) fn fits_whole(&self, volume: &Volume) -> bool {
        let one_in = usize::try_from(volume.one_in).unwrap_or(usize::MAX);
        volume.bytes().saturating_mul(one_in) <= self.bytes_max
    }

    /// Notes what a book takes, and that it was asked for.
    fn weigh(&self, turn: &Turn, (number, bytes): (PortfolioNo, usize)) {
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        lock(&self.sizes).insert((turn.shelf, number), (bytes, request));
    }

    /// Makes room for a book; says whether there is enough.
    fn make_room(&self, turn: &mut Turn, (number, bytes): (PortfolioNo, usize)) -> bool {
        self.weigh(turn, (number, bytes));
        let mut sizes = lock(&self.sizes);
        let own = (turn.shelf, number);
        let mut kept = Vec::new();
        while sizes.values().map(|(bytes, _)| *bytes).sum::<usize>() > self.bytes_max {
            let others = sizes.iter().filter(|(key, _)| **key != own && !kept.contains(*key));
            let Some((oldest, _)) = others.min_by_key(|(_, (_, used))| *used) else { break };
            let oldest = *oldest;
            if self.take_away(turn, oldest) {
                sizes.remove(&oldest);
            } else {
                // Somebody has it in hand.
                kept.push(oldest);
            }
        }
        sizes.values().map(|(bytes, _)| *bytes).sum::<usize>() <= self.bytes_max
    }

    fn take_away(&self, turn: &mut Turn, (shelf, number): (Part, PortfolioNo)) -> bool {
        if shelf == turn.shelf {
            turn.volumes.remove(&number);
            return true;
        }
        let other = lock(&self.shelves).get(&shelf).map(|shelf| Arc::clone(&shelf.volumes));
        match other.as_ref().map(|volumes| volumes.try_lock()) {
            Some(Ok(mut volumes)) => {
                volumes.remove(&number);
                true
            }
            Some(Err(_)) => false,
            None => true,
        }
    }
}

impl Default for Shelf {
    fn default() -> Shelf {
        Shelf { volumes: Arc::default(), places: Arc::new(Semaphore::new(1 + WAITING_MAX)) }
    }
}

impl Place {
    /// How many runs stood in the line when this place was taken.
    pub(super) fn runs_ahead(&self) -> usize {
        self.runs_ahead
    }

    /// Waits until no other run of the tenant has its books in hand.
    pub(super) async fn turn(self) -> Turn {
        let Place { shelf, volumes, permit, .. } = self;
        Turn { shelf, volumes: volumes.lock_owned().await, _permit: permit }
    }
}

impl Turn {
    /// Takes the book of a portfolio off the shelf, if it serves.
    pub(super) fn take(
        &mut self,
        number: PortfolioNo,
        (rules, ranking, today): (&[&RuleSet], &RankingSettings, Day),
    ) -> Option<Volume> {
        let volume = self.volumes.remove(&number)?;
        let serves = |piece: &Piece| rules.iter().all(|rules| piece.book.serves(rules, today));
        (volume.ranking == *ranking && volume.pieces.iter().all(serves)).then_some(volume)
    }
}

impl Volume {
    fn bytes(&self) -> usize {
        self.pieces.iter().map(|piece| piece.book.bytes()).sum()
    }

    /// How many cases are in it.
    pub(super) fn cases(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.book.len() as u64).sum()
    }

    /// Whether it was lost with work that ended badly.
    pub(super) fn is_lost(&self) -> bool {
        self.pieces.is_empty()
    }

    /// How many cases could not be read.
    pub(super) fn unreadable(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.unreadable.len() as u64).sum()
    }

    /// How much of it is loaded, in thousandths.
    pub(super) fn loaded_permille(&self) -> i64 {
        let left =
            |piece: &Piece| piece.strands.iter().map(|(after, end)| end - after).sum::<i64>();
        let all: i64 = self.pieces.iter().map(|piece| piece.numbers).sum();
        let left: i64 = self.pieces.iter().map(left).sum();
        if all == 0 { 1_000 } else { (all - left) * 1_000 / all }
    }

    /// The last change of each part that it knows of.
    pub(super) fn change_nos(&self) -> Vec<i64> {
        self.pieces.iter().map(|piece| piece.change_no).collect()
    }

    /// The cases of a part.
    pub(super) fn book(&self, part: Part) -> Option<&Book> {
        self.pieces.iter().find(|piece| piece.part == part).map(|piece| &piece.book)
    }

    /// The parts, with the cases of each.
    pub(super) fn books(&mut self) -> impl Iterator<Item = (Part, &mut Book)> {
        self.pieces.iter_mut().map(|piece| (piece.part, &mut piece.book))
    }

    /// Whether a case is one of those that are kept.
    fn keeps(one_in: i64, case_no: CaseNo) -> bool {
        // Numbers are given out in blocks: neighbours must not be alike.
        let mixed = case_no.0.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed());
        (mixed.cast_unsigned() >> 32).is_multiple_of(one_in.cast_unsigned())
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const TENANT: Part = Part(1);

    #[tokio::test]
    async fn a_few_runs_wait_in_line_and_no_more() {
        let books = Books::new(1 << 20);
        let mut places: Vec<Place> =
            (0..=WAITING_MAX).map(|_| books.place(TENANT).expect("there is room")).collect();
        let ahead: Vec<usize> = places.iter().map(Place::runs_ahead).collect();
        assert_eq!(ahead, (0..=WAITING_MAX).collect::<Vec<_>>());
        let full = || matches!(books.place(TENANT), Err(Error::Overloaded { bound: WAITING_MAX }));
        assert!(full());
        assert!(books.place(Part(2)).is_ok(), "tenants do not wait for each other");

        let first = places.remove(0).turn().now_or_never().expect("nobody has the books in hand");
        let mut second = Box::pin(places.remove(0).turn());
        assert!(second.as_mut().now_or_never().is_none());
        assert!(full(), "whoever runs has a place as well");
        drop(places.pop());
        assert!(!full(), "somebody has left");
        books.end(first, PortfolioNo(1));
        assert!(second.now_or_never().is_some());
    }
}
