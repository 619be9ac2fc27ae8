//! How much one caller may ask for.

use serde::{Deserialize, Serialize};

use super::Problem;

/// How much one caller may ask for. Limits of single messages are part of the
/// contract and stand there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The largest request in bytes, 65,536 to 4,194,304. Default 4,194,304.
    /// `ARREARS_REQUEST_BYTES_MAX`.
    pub request_bytes_max: usize,
    /// The most calls in flight on one connection, 1 to 100,000. Default 2,000.
    /// `ARREARS_CONCURRENT_STREAMS_MAX`.
    pub concurrent_streams_max: u32,
    /// Mebibytes of memory for the cases of portfolios on which scorecards are tried, 16
    /// to 1,048,576. Default 1,024. Beyond it they are tried on a sample.
    /// `ARREARS_BOOK_MEMORY_MIB`.
    pub book_memory_mib: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            request_bytes_max: 4 * 1024 * 1024,
            concurrent_streams_max: 2_000,
            book_memory_mib: 1_024,
        }
    }
}

impl Limits {
    pub(super) fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !(64 * 1024..=4 * 1024 * 1024).contains(&self.request_bytes_max) {
            problems.push(Problem {
                setting: "limits.request_bytes_max",
                value: self.request_bytes_max.to_string(),
                bound: "65,536 to 4,194,304 are allowed",
            });
        }
        if !(1..=100_000).contains(&self.concurrent_streams_max) {
            problems.push(Problem {
                setting: "limits.concurrent_streams_max",
                value: self.concurrent_streams_max.to_string(),
                bound: "1 to 100,000 are allowed",
            });
        }
        if !(16..=1_048_576).contains(&self.book_memory_mib) {
            problems.push(Problem {
                setting: "limits.book_memory_mib",
                value: self.book_memory_mib.to_string(),
                bound: "16 to 1,048,576 are allowed",
            });
        }
        problems
    }
}
