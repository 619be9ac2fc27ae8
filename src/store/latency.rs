//! How long interactive writes take: background work gives way to them.

use std::collections::VecDeque;
use std::time::Duration;

/// From which latency on background work gives way.
pub(super) const INTERACTIVE_P99_MAX: Duration = Duration::from_millis(20);

/// The latencies of the last interactive requests.
#[derive(Default)]
pub(super) struct Latencies(VecDeque<Duration>);

impl Latencies {
    const KEPT: usize = 200;

    pub(super) fn add(&mut self, latency: Duration) {
        if self.0.len() == Self::KEPT {
            self.0.pop_front();
        }
        self.0.push_back(latency);
    }

    /// The 99th percentile: the second longest of the last 200.
    pub(super) fn p99(&self) -> Duration {
        let mut longest = [Duration::ZERO; 2];
        for latency in &self.0 {
            if *latency > longest[0] {
                longest = [*latency, longest[0]];
            } else if *latency > longest[1] {
                longest[1] = *latency;
            }
        }
        longest[1]
    }
}
