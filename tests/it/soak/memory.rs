//! The memory of the process, by how much was done and not by time.

use std::fmt;

/// What the writer keeps of the database in memory at most, by its `cache_size`.
/// Until the database is as large, memory grows with it and shall.
const CACHE_BYTES: u64 = 65_536 * 1_024;
/// By how much the last quarter may lie above the second beside that: what the
/// allocator keeps for itself varies by a few MiB.
const SLACK_BYTES: u64 = 16 * 1_048_576;
const MIB: f64 = 1_048_576.0;

/// One look at the process.
#[derive(Clone, Copy, Debug)]
struct Sample {
    operations: u64,
    resident: u64,
    database: u64,
}

/// The looks taken during a run.
#[derive(Debug, Default)]
pub(super) struct Memory {
    samples: Vec<Sample>,
}

/// The second quarter of a run beside the last: the highest of each, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    resident: [u64; 2],
    database: [u64; 2],
}

impl Memory {
    /// Notes what the process takes when so much is done; `database` is the size
    /// of its database in bytes. Nothing where the system does not tell.
    pub(super) fn look(&mut self, process: u32, operations: u64, database: u64) {
        let status = std::fs::read_to_string(format!("/proc/{process}/status"));
        if let Some(resident) = status.ok().as_deref().and_then(resident) {
            self.samples.push(Sample { operations, resident, database });
        }
    }

    /// The second quarter beside the last.
    pub(super) fn growth(&self) -> Growth {
        let total = self.samples.iter().map(|sample| sample.operations).max().unwrap_or(0);
        let highest = |quarter: u64, of: fn(&Sample) -> u64| {
            let within = self.samples.iter().filter(|sample| {
                let done = sample.operations * 4;
                done > (quarter - 1) * total && done <= quarter * total
            });
            within.map(of).max().unwrap_or(0)
        };
        Growth {
            resident: [highest(2, |s| s.resident), highest(4, |s| s.resident)],
            database: [highest(2, |s| s.database), highest(4, |s| s.database)],
        }
    }
}

impl Growth {
    /// How far the last quarter may lie above the second.
    fn allowed(&self) -> u64 {
        let [before, after] = self.database.map(|bytes| bytes.min(CACHE_BYTES));
        after.saturating_sub(before) + SLACK_BYTES
    }

    /// Whether memory has stayed where it was. Without a system that tells, it has.
    pub(super) fn flat(&self) -> bool {
        self.resident[1] <= self.resident[0] + self.allowed()
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / MIB;
        write!(
            f,
            "resident memory {:.1} MiB in the second quarter, {:.1} MiB in the last, at most {:.1} \
             MiB more are allowed; database {:.1} MiB, then {:.1} MiB",
            mib(self.resident[0]),
            mib(self.resident[1]),
            mib(self.allowed()),
            mib(self.database[0]),
            mib(self.database[1]),
        )
    }
}

/// The resident bytes in what Linux says of a process.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1_024)
}

#[test]
fn memory_that_grows_with_what_is_done_is_not_flat() {
    let run = |resident: fn(u64) -> u64, database: fn(u64) -> u64| {
        let samples = (1..=100).map(|at| Sample {
            operations: at * 1_000,
            resident: resident(at),
            database: database(at),
        });
        Memory { samples: samples.collect() }.growth()
    };
    let mib = 1_048_576;
    assert!(run(|_| 100 * 1_048_576, |at| at * 1_048_576).flat(), "it stays");
    assert!(run(|at| (20 + at.min(64)) * 1_048_576, |at| at * 1_048_576).flat(), "the cache fills");
    let leak = run(|at| (100 + at / 2) * 1_048_576, |at| (100 + at) * 1_048_576);
    assert_eq!((leak.resident, leak.allowed()), ([125 * mib, 150 * mib], 16 * mib));
    assert!(!leak.flat(), "25 MiB more in half of the run");
    assert_eq!(resident("VmPeak:\t  9 kB\nVmRSS:\t   1204 kB\n"), Some(1_204 * 1_024));
}
