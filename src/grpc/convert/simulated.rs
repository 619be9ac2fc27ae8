//! What is told of scorecards that are tried or compared.

use crate::engine::scorecard::diff::Difference;
use crate::engine::scorecard::simulate::{Answer, FirstLease, FirstLeases, Simulation};
use crate::model::{Currency, Rank, RecoveryGroup};
use crate::proto;
use crate::scoring::{Count, Mover, MoverLine};

use super::case_view::arm_to;
use super::money::money;
use super::scorecard::finding_to;
use super::time::{date, timestamp};

/// A difference of two scorecards.
pub(in crate::grpc) fn difference_to(found: Difference) -> proto::ScorecardDifference {
    let Difference { path, before, after } = found;
    proto::ScorecardDifference { path, before, after }
}

/// An answer to somebody who tries a scorecard.
pub(in crate::grpc) fn simulate_response(answer: Answer) -> proto::SimulateRevisionResponse {
    let (simulation, runs_ahead) = match answer {
        Answer::Waits { runs_ahead } => (proto::Simulation::default(), runs_ahead),
        Answer::Told(simulation) => (simulation_to(&simulation), 0),
    };
    proto::SimulateRevisionResponse {
        simulation: Some(simulation),
        runs_ahead: i32::try_from(runs_ahead).unwrap_or(i32::MAX),
    }
}

/// What came of trying a scorecard.
fn simulation_to(simulation: &Simulation) -> proto::Simulation {
    let told = &simulation.told;
    let currency = simulation.currency;
    let histogram = |[before, after]: &[[u64; 20]; 2], stability: f64| proto::Histogram {
        before: before.iter().map(|cases| cases.cast_signed()).collect(),
        after: after.iter().map(|cases| cases.cast_signed()).collect(),
        stability_index_micros: (stability * 1e6).round() as i64,
    };
    let slices = told.slices.iter().map(|slices| proto::SimulationSlices {
        slices: slices
            .iter()
            .map(|slice| proto::SimulationSlice {
                label: slice.label.clone(),
                migration: migration_to(&slice.migration, currency),
            })
            .collect(),
    });
    proto::Simulation {
        is_final: simulation.is_final,
        as_of_date: Some(date(simulation.as_of_date)),
        counted: Some(count_to(told.total(), currency)),
        pre_due_cases: told.pre_due.cast_signed(),
        book_cases: simulation.book_cases.cast_signed(),
        sampled_one_in: simulation.one_in,
        loaded_permille: i32::try_from(simulation.loaded_permille).unwrap_or(1_000),
        unreadable_cases: simulation.unreadable.cast_signed(),
        change_numbers: simulation.change_nos.clone(),
        read_time: Some(timestamp(simulation.read_time)),
        migration: migration_to(&told.migration, currency),
        scores: Some(histogram(&told.score_histograms, simulation.stability[0])),
        priorities: Some(histogram(&told.priority_histograms, simulation.stability[1])),
        score_changed_cases: told.score_changed.cast_signed(),
        priority_changed_cases: told.priority_changed.cast_signed(),
        slices: slices.collect(),
        movements: simulation
            .movers
            .iter()
            .map(|(case_id, mover)| movement_to(case_id, mover, currency))
            .collect(),
        cutoffs_by_share: simulation
            .cutoffs_by_share
            .map(|cutoffs| proto::Cutoffs { a: cutoffs.a, b: cutoffs.b }),
        findings: simulation.findings.iter().map(finding_to).collect(),
        work_lists: simulation.work_lists.iter().map(work_list_to).collect(),
    }
}

fn work_list_to(list: &FirstLeases) -> proto::SimulatedWorkList {
    let place = |place: Option<usize>| place.map_or(0, |at| i32::try_from(at).unwrap_or(i32::MAX));
    let lease = |lease: &FirstLease| {
        let standing = &lease.standing;
        let rank = |at: usize| proto::SimulatedRank {
            group: standing.groups[at] as i32,
            score: standing.scores[at].into(),
            priority: standing.priorities[at].into(),
            arm: arm_to(standing.arms[at]),
        };
        proto::SimulatedLease {
            case_id: lease.case_id.clone(),
            place_before: place(lease.places[0]),
            place_after: place(lease.places[1]),
            before: Some(rank(0)),
            after: Some(rank(1)),
        }
    };
    proto::SimulatedWorkList {
        work_list_id: list.work_list_id.clone(),
        ready_cases_before: list.ready[0].cast_signed(),
        ready_cases_after: list.ready[1].cast_signed(),
        leases: list.leases.iter().map(lease).collect(),
    }
}

fn count_to(count: Count, currency: Currency) -> proto::CaseCount {
    proto::CaseCount {
        cases: count.cases.cast_signed(),
        overdue_amount: Some(money(currency, count.overdue_amount_minor)),
    }
}

fn migration_to(migration: &[[Count; 3]; 3], currency: Currency) -> Vec<proto::GroupMigration> {
    let pair = |(at, count): (usize, &Count)| proto::GroupMigration {
        before: RecoveryGroup::ALL[at / 3] as i32,
        after: RecoveryGroup::ALL[at % 3] as i32,
        count: Some(count_to(*count, currency)),
    };
    migration.as_flattened().iter().enumerate().map(pair).collect()
}

fn movement_to(case_id: &str, mover: &Mover, currency: Currency) -> proto::CaseMovement {
    let rank = |rank: &Rank| proto::SimulatedRank {
        group: rank.group as i32,
        score: rank.score,
        priority: rank.priority,
        arm: arm_to(rank.arm),
    };
    let [before, after] = mover.ranks.each_ref().map(rank);
    let line = |line: &MoverLine| proto::MovementLine {
        characteristic: line.characteristic.clone(),
        contribution_before: line.contributions[0],
        contribution_after: line.contributions[1],
    };
    proto::CaseMovement {
        case_id: case_id.to_owned(),
        debtor_kind: mover.debtor_kind as i32,
        overdue_amount: Some(money(currency, mover.overdue_amount_minor)),
        before: Some(before),
        after: Some(after),
        lines: mover.lines.iter().map(line).collect(),
    }
}
