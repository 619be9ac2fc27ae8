//! What the database uses of processors.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::figures::processor_time;
use super::timed;

/// What some work took: time that passed, and time of processors, of this process and of
/// the database.
#[derive(Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    pub(crate) ours: Duration,
    pub(crate) theirs: Duration,
}

impl Spent {
    /// Seconds of processors for a thousand items: ours, and the database's.
    pub(crate) fn of_1000(&self, items: usize) -> (f64, f64) {
        let of = |time: Duration| time.as_secs_f64() / items as f64 * 1e3;
        (of(self.ours), of(self.theirs))
    }

    /// Items a second.
    pub(crate) fn pace(&self, items: usize) -> f64 {
        items as f64 / self.wall.as_secs_f64()
    }
}

/// Runs work and tells what it took.
pub(crate) async fn spent<T>(work: impl Future<Output = T>) -> (Spent, T) {
    let (ours, theirs) = (processor_time(), database_time());
    let (wall, done) = timed(work).await;
    let ours = processor_time().saturating_sub(ours);
    let theirs = database_time().saturating_sub(theirs);
    (Spent { wall, ours, theirs }, done)
}

/// Linux counts the time of processes that have ended in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// What the processes of the database on this machine have used of processors so far, as
/// Linux tells it: those of the server that `.ci/with-postgres` has started, and what
/// ended meanwhile, such as vacuums; else all of that name. Nothing elsewhere.
fn database_time() -> Duration {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Duration::ZERO };
    let main = main_process();
    let mut time = Duration::ZERO;
    for process in processes.flatten().map(|process| process.path()) {
        let Some(stat) = read(&process, "stat") else { continue };
        let Some((named, fields)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<u64> = fields.split(' ').map(|field| field.parse().unwrap_or(0)).collect();
        let is_main = main.as_deref().is_some_and(|main| named.split(' ').next() == Some(main));
        let is_ours = match main.as_deref().and_then(|main| main.parse().ok()) {
            Some(main) => is_main || fields.get(1) == Some(&main),
            None => named.ends_with("(postgres"),
        };
        if !is_ours {
            continue;
        }
        let nanos = read(&process, "schedstat");
        let nanos = nanos.and_then(|text| text.split(' ').next()?.parse().ok());
        time += Duration::from_nanos(nanos.unwrap_or(0));
        if is_main {
            let ended: u64 = fields.get(13..15).unwrap_or_default().iter().sum();
            time += TICK * u32::try_from(ended).unwrap_or(u32::MAX);
        }
    }
    time
}

fn read(process: &Path, name: &str) -> Option<String> {
    std::fs::read_to_string(process.join(name)).ok()
}

/// The number of the process from which those of the server come.
fn main_process() -> Option<String> {
    let data = PathBuf::from(std::env::var_os("ARREARS_TEST_POSTGRES_DATA")?);
    Some(read(&data, "postmaster.pid")?.lines().next()?.to_owned())
}
