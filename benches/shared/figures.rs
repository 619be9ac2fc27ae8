//! How claims went, and how a program is told what to do.

use std::time::{Duration, Instant};

/// The arguments of the program without those meant for the harness.
pub(crate) fn arguments() -> impl Iterator<Item = String> {
    std::env::args().skip(1).filter(|argument| !argument.starts_with('-'))
}

/// What was measured of one side.
#[derive(Default)]
pub(crate) struct Figures {
    claims: Vec<Duration>,
    /// Since the last round ended: cases, wall time, processor time.
    leased: usize,
    wall: Duration,
    processor: Duration,
    /// Cases a second and processor seconds a case, by round.
    rounds: Vec<(f64, f64)>,
}

impl Figures {
    /// Times a claim, which says how many cases it leased.
    pub(crate) fn time(&mut self, claim: impl FnOnce() -> usize) {
        let (processor, began) = (processor_time(), Instant::now());
        self.leased += claim();
        self.claims.push(began.elapsed());
        self.wall += began.elapsed();
        self.processor += processor_time().saturating_sub(processor);
    }

    /// Closes a round: rates are medians over rounds.
    pub(crate) fn end_round(&mut self) {
        let leased = std::mem::take(&mut self.leased) as f64;
        let wall = std::mem::take(&mut self.wall).as_secs_f64();
        let processor = std::mem::take(&mut self.processor).as_secs_f64();
        self.rounds.push((leased / wall, processor / leased));
    }

    /// Cases a second.
    pub(crate) fn rate(&self) -> f64 {
        median(self.rounds.iter().map(|(rate, _)| *rate).collect())
    }

    /// Processor seconds a case.
    pub(crate) fn processor(&self) -> f64 {
        median(self.rounds.iter().map(|(_, processor)| *processor).collect())
    }

    pub(crate) fn print(&self, name: &str) {
        let mut claims = self.claims.clone();
        claims.sort();
        let part = |share: usize| claims[(claims.len() - 1) * share / 100];
        let rates = self.rounds.iter().map(|(rate, _)| *rate);
        println!(
            "{name:<5} {:>7.0} leases/s ({:.0} to {:.0})  p50 {:.2?}  p99 {:.2?}  processor {:.0} us a lease",
            self.rate(),
            rates.clone().fold(f64::INFINITY, f64::min),
            rates.fold(0.0, f64::max),
            part(50),
            part(99),
            self.processor() * 1e6,
        );
    }
}

/// The middle of some values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What all threads have used of processors so far, as Linux tells it; nothing
/// elsewhere.
pub(crate) fn processor_time() -> Duration {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let nanos = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}
