//! How long calls took, and what became of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use tonic::{Response, Status};

use crate::cli::failure::Failure;
use crate::cli::output::Record;

/// The calls of one kind so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Timings {
    /// How long each call took that was answered, in microseconds.
    micros: Vec<u64>,
    /// What the calls moved, such as cases pushed.
    items: u64,
    /// What became of the items, by word.
    outcome: BTreeMap<String, u64>,
    /// What failed, by reason.
    errors: BTreeMap<String, u64>,
}

/// What was measured of one kind of call. The names are those of the JSON and CSV
/// output and stay as they are.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Measured {
    call: &'static str,
    calls: u64,
    items: u64,
    seconds: f64,
    calls_per_second: f64,
    items_per_second: f64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    outcome: BTreeMap<String, u64>,
    errors: BTreeMap<String, u64>,
}

impl Timings {
    /// Makes a call and notes how long it took; nothing if it failed.
    pub(super) async fn time<T>(
        &mut self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Option<T> {
        let began = Instant::now();
        match call.await {
            Ok(answer) => {
                let micros = began.elapsed().as_micros();
                self.micros.push(u64::try_from(micros).unwrap_or(u64::MAX));
                Some(answer.into_inner())
            }
            Err(status) => {
                self.fail(&Failure::from(status));
                None
            }
        }
    }

    /// Notes what became of items.
    pub(super) fn count(&mut self, word: &str, items: u64) {
        self.items += items;
        if items > 0 {
            *self.outcome.entry(word.to_lowercase()).or_default() += items;
        }
    }

    /// Notes what became of a call that moved nothing.
    pub(super) fn note(&mut self, word: &str) {
        *self.outcome.entry(word.to_owned()).or_default() += 1;
    }

    /// Notes a call or an item that failed.
    pub(super) fn fail(&mut self, failure: &Failure) {
        *self.errors.entry(failure.key().to_owned()).or_default() += 1;
    }

    /// Adds what another client has measured.
    pub(super) fn add(&mut self, other: Timings) {
        self.micros.extend(other.micros);
        self.items += other.items;
        for (into, from) in [(&mut self.outcome, other.outcome), (&mut self.errors, other.errors)] {
            for (word, count) in from {
                *into.entry(word).or_default() += count;
            }
        }
    }

    /// What was measured, over the time in which all clients called.
    pub(super) fn measured(mut self, call: &'static str, elapsed: Duration) -> Measured {
        self.micros.sort_unstable();
        let seconds = elapsed.as_secs_f64();
        // Nothing takes no time at all; a clock may be coarse.
        let rate = |count: u64| rounded(count as f64 / seconds.max(1e-6));
        let calls = self.micros.len() as u64;
        let ms = |permille: u64| rounded(nearest_rank(&self.micros, permille) as f64 / 1_000.0);
        Measured {
            call,
            calls,
            items: self.items,
            seconds: rounded(seconds),
            calls_per_second: rate(calls),
            items_per_second: rate(self.items),
            p50_ms: ms(500),
            p95_ms: ms(950),
            p99_ms: ms(990),
            max_ms: ms(1_000),
            outcome: self.outcome,
            errors: self.errors,
        }
    }
}

/// Three places are more than any run repeats.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

/// The smallest of sorted values that at least so many thousandths do not exceed;
/// 0 without values.
fn nearest_rank(sorted: &[u64], permille: u64) -> u64 {
    let rank = (sorted.len() as u64 * permille).div_ceil(1_000).max(1);
    let at = usize::try_from(rank - 1).unwrap_or(usize::MAX);
    sorted.get(at).copied().unwrap_or_default()
}

impl Measured {
    /// How many calls and items failed.
    pub(super) fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }
}

/// The reasons of all that failed, with how often.
pub(super) fn reasons(measured: &[Measured]) -> String {
    let all = measured.iter().flat_map(|of_call| &of_call.errors);
    words(all)
}

fn words<'a>(counts: impl IntoIterator<Item = (&'a String, &'a u64)>) -> String {
    let words = counts.into_iter().map(|(word, count)| format!("{count} {word}"));
    words.collect::<Vec<_>>().join(", ")
}

impl Record for Measured {
    const HEADER: &'static [&'static str] = &[
        "call", "calls", "items", "seconds", "calls/s", "items/s", "p50_ms", "p95_ms", "p99_ms",
        "max_ms", "outcome", "errors",
    ];

    fn cells(&self) -> Vec<String> {
        let ms = |number: f64| format!("{number:.2}");
        vec![
            self.call.to_owned(),
            self.calls.to_string(),
            self.items.to_string(),
            format!("{:.2}", self.seconds),
            format!("{:.0}", self.calls_per_second),
            format!("{:.0}", self.items_per_second),
            ms(self.p50_ms),
            ms(self.p95_ms),
            ms(self.p99_ms),
            ms(self.max_ms),
            words(&self.outcome),
            words(&self.errors),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let sorted: Vec<u64> = (1..=200).collect();
        let at = [500, 950, 990, 1_000].map(|permille| nearest_rank(&sorted, permille));
        assert_eq!(at, [100, 190, 198, 200]);
        assert_eq!(nearest_rank(&[7], 10), 7);
        assert_eq!(nearest_rank(&[], 500), 0);
    }

    #[tokio::test]
    async fn what_clients_measured_is_added_up() {
        let mut one = Timings::default();
        assert_eq!(one.time(async { Ok(Response::new(5)) }).await, Some(5));
        one.count("CREATED", 3);
        let mut two = Timings::default();
        assert_eq!(two.time::<()>(async { Err(Status::unavailable("gone")) }).await, None);
        two.count("CREATED", 1);
        two.count("UNCHANGED", 0);
        one.add(two);
        let measured = one.measured("PushCases", Duration::from_millis(500));
        assert_eq!((measured.calls, measured.items, measured.error_count()), (1, 4, 1));
        assert_eq!((measured.calls_per_second, measured.items_per_second), (2.0, 8.0));
        assert_eq!(
            (words(&measured.outcome), reasons(&[measured])),
            ("4 created".to_owned(), "1 UNAVAILABLE".to_owned())
        );
    }

    #[test]
    fn nothing_measured_is_no_division_by_zero() {
        let measured = Timings::default().measured("LeaseWork", Duration::ZERO);
        assert_eq!((measured.calls_per_second, measured.max_ms), (0.0, 0.0));
    }
}
