//! Work lists.

use crate::model::{Gate, Micros, WorkListId, WorkListSettings};

/// A work list as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkList {
    /// The caller's id.
    pub work_list_id: WorkListId,
    /// What it selects.
    pub settings: WorkListSettings,
    /// 1 at creation, raised by every change; also the etag.
    pub version: i64,
    /// When it was created.
    pub create_time: Micros,
    /// When it was last changed.
    pub update_time: Micros,
}

/// How a work list stands.
#[derive(Clone, Debug)]
pub struct WorkListDescription {
    /// Cases by first failing gate, `Ready` last; they add up to `case_count`.
    pub gate_counts: Vec<(Gate, i64)>,
    /// The cases the list selects, closed ones left out.
    pub case_count: i64,
    /// The instant of the counts.
    pub as_of: Micros,
    /// Leases granted in the last hour.
    pub leases_last_hour: i64,
    /// How long the longest waiting ready case has waited, in microseconds.
    pub longest_wait: Option<i64>,
    /// Ready cases over reserved leases an hour, in microseconds.
    pub wait_bound: Option<i64>,
    /// When hours of contact begin next, where all are closed.
    pub next_window: Option<Micros>,
    /// Every gate the asked-for case fails; `Ready` alone if none.
    pub failing_gates: Vec<FailingGate>,
    /// Warnings: code and text.
    pub warnings: Vec<(&'static str, String)>,
}

/// One gate that a case does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingGate {
    /// The gate.
    pub gate: Gate,
    /// When it opens by itself, where that is known.
    pub until: Option<Micros>,
    /// One sentence.
    pub text: String,
}
