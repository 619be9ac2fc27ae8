//! A simulation as it is written out.

use serde::Serialize;

use super::super::super::output::Record;
use super::super::super::view::{amount, day, time};
use super::super::super::word;
use super::super::view::FindingView;
use crate::proto;

/// What a scorecard would make of a portfolio.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct SimulationView {
    pub(super) as_of_date: String,
    pub(super) read_time: String,
    pub(super) change_numbers: Vec<i64>,
    pub(super) cases: i64,
    pub(super) overdue_amount: String,
    pub(super) currency: String,
    pub(super) pre_due_cases: i64,
    pub(super) book_cases: i64,
    pub(super) sampled_one_in: i64,
    pub(super) unreadable_cases: i64,
    /// By group before, then after.
    pub(super) migration: Vec<MigrationView>,
    pub(super) group_changed_cases: i64,
    pub(super) score_changed_cases: i64,
    pub(super) priority_changed_cases: i64,
    pub(super) psi: f64,
    pub(super) priority_psi: f64,
    pub(super) scores: HistogramView,
    pub(super) priorities: HistogramView,
    pub(super) slices: Vec<Vec<SliceView>>,
    pub(super) movements: Vec<MovementView>,
    pub(super) cutoffs_by_share: Option<[i32; 2]>,
    pub(super) findings: Vec<FindingView>,
    pub(super) work_lists: Vec<WorkListView>,
    /// Whether slices or movements were left out.
    pub(super) truncated: bool,
}

/// What a work list would lease first.
#[derive(Clone, Debug, Serialize)]
pub(super) struct WorkListView {
    pub(super) work_list_id: String,
    pub(super) ready_cases_before: i64,
    pub(super) ready_cases_after: i64,
    pub(super) leases: Vec<LeaseView>,
}

/// A lease that may be granted; places count from 1, none is behind the last one shown.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LeaseView {
    pub(super) case_id: String,
    pub(super) place_before: Option<i32>,
    pub(super) place_after: Option<i32>,
    pub(super) group_before: String,
    pub(super) group_after: String,
    pub(super) priority_before: i32,
    pub(super) priority_after: i32,
}

/// The cases of one pair of groups.
#[derive(Clone, Debug, Serialize)]
pub(super) struct MigrationView {
    pub(super) before: String,
    pub(super) after: String,
    pub(super) cases: i64,
    pub(super) overdue_amount: String,
}

/// How many cases are in each range.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct HistogramView {
    pub(super) before: Vec<i64>,
    pub(super) after: Vec<i64>,
}

/// Cases that are alike in something.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SliceView {
    pub(super) label: String,
    pub(super) migration: Vec<MigrationView>,
}

/// A case that moves.
#[derive(Clone, Debug, Serialize)]
pub(super) struct MovementView {
    case_id: String,
    overdue_amount: String,
    group_before: String,
    group_after: String,
    score_before: i32,
    score_after: i32,
    priority_before: i32,
    priority_after: i32,
    lines: Vec<LineView>,
}

/// What moves a case.
#[derive(Clone, Debug, Serialize)]
struct LineView {
    characteristic: String,
    before: i32,
    after: i32,
}

fn migration(pairs: &[proto::GroupMigration]) -> Vec<MigrationView> {
    let pair = |pair: &proto::GroupMigration| {
        let count = pair.count.clone().unwrap_or_default();
        MigrationView {
            before: word::RECOVERY_GROUP.word(pair.before).to_owned(),
            after: word::RECOVERY_GROUP.word(pair.after).to_owned(),
            cases: count.cases,
            overdue_amount: amount(count.overdue_amount.as_ref()).0,
        }
    };
    pairs.iter().map(pair).collect()
}

impl SimulationView {
    pub(super) fn new(simulation: &proto::Simulation) -> SimulationView {
        let counted = simulation.counted.clone().unwrap_or_default();
        let (overdue_amount, currency) = amount(counted.overdue_amount.as_ref());
        let migration_of_all = migration(&simulation.migration);
        let changed = migration_of_all.iter().filter(|pair| pair.before != pair.after);
        let histogram = |histogram: &Option<proto::Histogram>| {
            let histogram = histogram.clone().unwrap_or_default();
            let index = histogram.stability_index_micros as f64 / 1e6;
            (HistogramView { before: histogram.before, after: histogram.after }, index)
        };
        let (scores, psi) = histogram(&simulation.scores);
        let (priorities, priority_psi) = histogram(&simulation.priorities);
        let slice = |slice: &proto::SimulationSlice| SliceView {
            label: slice.label.clone(),
            migration: migration(&slice.migration),
        };
        let slices = simulation.slices.iter();
        SimulationView {
            as_of_date: day(simulation.as_of_date.as_ref()),
            read_time: time(simulation.read_time.as_ref()),
            change_numbers: simulation.change_numbers.clone(),
            cases: counted.cases,
            overdue_amount,
            currency,
            pre_due_cases: simulation.pre_due_cases,
            book_cases: simulation.book_cases,
            sampled_one_in: simulation.sampled_one_in,
            unreadable_cases: simulation.unreadable_cases,
            group_changed_cases: changed.map(|pair| pair.cases).sum(),
            migration: migration_of_all,
            score_changed_cases: simulation.score_changed_cases,
            priority_changed_cases: simulation.priority_changed_cases,
            psi,
            priority_psi,
            scores,
            priorities,
            slices: slices.map(|one| one.slices.iter().map(slice).collect()).collect(),
            movements: simulation.movements.iter().map(MovementView::new).collect(),
            cutoffs_by_share: simulation.cutoffs_by_share.map(|cutoffs| [cutoffs.a, cutoffs.b]),
            findings: simulation.findings.iter().map(FindingView::new).collect(),
            work_lists: simulation.work_lists.iter().map(WorkListView::new).collect(),
            truncated: simulation.truncated,
        }
    }

    /// So many cases as a share of all that were counted.
    pub(super) fn share(&self, cases: i64) -> f64 {
        if self.cases == 0 { 0.0 } else { cases as f64 / self.cases as f64 }
    }

    /// The cases of each group by the scorecard tried.
    pub(super) fn groups_after(&self) -> [i64; 3] {
        ["A", "B", "C"].map(|group| {
            let of = self.migration.iter().filter(|pair| pair.after == group);
            of.map(|pair| pair.cases).sum()
        })
    }
}

impl WorkListView {
    fn new(list: &proto::SimulatedWorkList) -> WorkListView {
        WorkListView {
            work_list_id: list.work_list_id.clone(),
            ready_cases_before: list.ready_cases_before,
            ready_cases_after: list.ready_cases_after,
            leases: list.leases.iter().map(LeaseView::new).collect(),
        }
    }

    /// How many leases are granted first now, and how many of them would be still.
    pub(super) fn kept(&self) -> (usize, usize) {
        let before = self.leases.iter().filter(|lease| lease.place_before.is_some());
        (before.clone().count(), before.filter(|lease| lease.place_after.is_some()).count())
    }
}

impl LeaseView {
    fn new(lease: &proto::SimulatedLease) -> LeaseView {
        let place = |place: i32| Some(place).filter(|place| *place > 0);
        let before = lease.before.clone().unwrap_or_default();
        let after = lease.after.clone().unwrap_or_default();
        LeaseView {
            case_id: lease.case_id.clone(),
            place_before: place(lease.place_before),
            place_after: place(lease.place_after),
            group_before: word::RECOVERY_GROUP.word(before.group).to_owned(),
            group_after: word::RECOVERY_GROUP.word(after.group).to_owned(),
            priority_before: before.priority,
            priority_after: after.priority,
        }
    }
}

impl Record for LeaseView {
    const HEADER: &'static [&'static str] =
        &["place", "was", "case", "from", "to", "priority", "becomes"];

    fn cells(&self) -> Vec<String> {
        let place = |place: Option<i32>| place.map_or("-".to_owned(), |place| place.to_string());
        vec![
            place(self.place_after),
            place(self.place_before),
            self.case_id.clone(),
            self.group_before.clone(),
            self.group_after.clone(),
            self.priority_before.to_string(),
            self.priority_after.to_string(),
        ]
    }
}

impl MovementView {
    fn new(movement: &proto::CaseMovement) -> MovementView {
        let before = movement.before.clone().unwrap_or_default();
        let after = movement.after.clone().unwrap_or_default();
        let line = |line: &proto::MovementLine| LineView {
            characteristic: line.characteristic.clone(),
            before: line.contribution_before,
            after: line.contribution_after,
        };
        MovementView {
            case_id: movement.case_id.clone(),
            overdue_amount: amount(movement.overdue_amount.as_ref()).0,
            group_before: word::RECOVERY_GROUP.word(before.group).to_owned(),
            group_after: word::RECOVERY_GROUP.word(after.group).to_owned(),
            score_before: before.score,
            score_after: after.score,
            priority_before: before.priority,
            priority_after: after.priority,
            lines: movement.lines.iter().map(line).collect(),
        }
    }
}

impl Record for MovementView {
    const HEADER: &'static [&'static str] =
        &["case", "overdue", "from", "to", "score", "becomes", "priority", "becomes", "moved by"];

    fn cells(&self) -> Vec<String> {
        let line =
            |line: &LineView| format!("{} {:+}", line.characteristic, line.after - line.before);
        let lines: Vec<String> = self.lines.iter().take(3).map(line).collect();
        vec![
            self.case_id.clone(),
            self.overdue_amount.clone(),
            self.group_before.clone(),
            self.group_after.clone(),
            self.score_before.to_string(),
            self.score_after.to_string(),
            self.priority_before.to_string(),
            self.priority_after.to_string(),
            lines.join(", "),
        ]
    }
}
