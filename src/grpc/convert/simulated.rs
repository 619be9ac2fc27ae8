//! What is told of scorecards that are tried or compared.

use prost::Message;

use crate::engine::scorecard::diff::{Difference, Differences};
use crate::engine::scorecard::simulate::{Answer, FirstLease, FirstLeases, Simulation};
use crate::grpc::listing::as_many_as_fit;
use crate::model::{Currency, Rank, RecoveryGroup};
use crate::proto;
use crate::scoring::{Count, Mover, MoverLine};

use super::case_view::arm_to;
use super::money::money;
use super::scorecard::finding_to;
use super::time::{date, timestamp};

/// What stands before an entry of a list in a message: its field and its length.
const ENTRY_TAG_BYTES: usize = 8;

/// In what two scorecards differ.
pub(in crate::grpc) fn diff_response(found: Differences) -> proto::DiffRevisionsResponse {
    let difference = |found: Difference| {
        let Difference { path, before, after } = found;
        proto::ScorecardDifference { path, before, after }
    };
    proto::DiffRevisionsResponse {
        differences: found.told.into_iter().map(difference).collect(),
        difference_count: i64::try_from(found.count).unwrap_or(i64::MAX),
    }
}

/// An answer to somebody who tries a scorecard, of about so many bytes at most.
pub(in crate::grpc) fn simulate_response(
    answer: Answer,
    bytes_max: usize,
) -> proto::SimulateRevisionResponse {
    let (simulation, runs_ahead) = match answer {
        Answer::Waits { runs_ahead } => (proto::Simulation::default(), runs_ahead),
        Answer::Told(simulation) => (fitting(simulation_to(&simulation), bytes_max), 0),
    };
    proto::SimulateRevisionResponse {
        simulation: Some(simulation),
        runs_ahead: i32::try_from(runs_ahead).unwrap_or(i32::MAX),
    }
}

/// Leaves out what an answer has no room for. Eight ways to count apart by 235 bins, of three
/// scorecards that have none in common, take 2.5 MB, their labels another 0.8, and a hundred
/// cases that move by 131 lines 1.2: more together than clients take by default. All else,
/// 3,200 leases among it, stays below 0.6.
fn fitting(mut simulation: proto::Simulation, bytes_max: usize) -> proto::Simulation {
    let mut slices = std::mem::take(&mut simulation.slices);
    let mut movements = std::mem::take(&mut simulation.movements);
    let mut room = bytes_max.saturating_sub(simulation.encoded_len());
    // What was counted comes first; cases that move are examples.
    for slices in &mut slices {
        simulation.truncated |= cut(&mut slices.slices, &mut room);
    }
    simulation.truncated |= cut(&mut movements, &mut room);
    proto::Simulation { slices, movements, ..simulation }
}

/// Leaves out the last entries, if they do not all fit; at least one is kept. Says whether
/// any are left out.
fn cut<T: Message>(entries: &mut Vec<T>, room: &mut usize) -> bool {
    let size = |entry: &T| entry.encoded_len() + ENTRY_TAG_BYTES;
    let count = entries.len();
    *entries = as_many_as_fit(std::mem::take(entries).into_iter(), *room, size);
    *room = room.saturating_sub(entries.iter().map(size).sum());
    entries.len() < count
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
        truncated: false,
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
            route: standing.routes[at].label().to_owned(),
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
        route: rank.route.label().to_owned(),
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

#[cfg(test)]
mod tests {
    use crate::grpc::ANSWER_BYTES_MAX;
    use crate::model::{CaseNo, Day, DebtorKind, Micros, Route, RuleSetId};
    use crate::scoring::{Simulated, Slice};

    use super::*;

    /// As many slices of each of eight ways, and a hundred cases that move by as many lines.
    fn answer(slices: usize, lines: usize) -> Answer {
        let count = Count { cases: 1 << 40, overdue_amount_minor: 1 << 60 };
        let slice = |at| Slice { label: format!("{at:08} to {at:08}"), migration: [[count; 3]; 3] };
        let line = |at| MoverLine { characteristic: format!("{at:064}"), contributions: [-9, -8] };
        let rank = Rank {
            group: RecoveryGroup::C,
            score: 1,
            priority: 2,
            rule_set_id: RuleSetId(1),
            rank_date: Day(1),
            case_seq: 0,
            arm: None,
            route: Route::NONE,
        };
        let mover = Mover {
            case_no: CaseNo(1),
            debtor_kind: DebtorKind::Person,
            ranks: [rank; 2],
            overdue_amount_minor: 1 << 40,
            lines: (0..lines).map(line).collect(),
        };
        let slices: Vec<Slice> = (0..slices).map(slice).collect();
        Answer::Told(Box::new(Simulation {
            is_final: true,
            told: Simulated { slices: vec![slices; 8], ..Simulated::default() },
            movers: vec![("c".repeat(128), mover); 100],
            currency: Currency::from_code("EUR").expect("it is one"),
            as_of_date: Day(1),
            book_cases: 1,
            one_in: 1,
            loaded_permille: 1_000,
            unreadable: 0,
            change_nos: vec![1],
            read_time: Micros(1),
            stability: [0.0; 2],
            cutoffs_by_share: None,
            findings: Vec::new(),
            work_lists: Vec::new(),
        }))
    }

    #[test]
    fn an_answer_tells_what_it_has_no_room_for() {
        let most = simulate_response(answer(705, 131), ANSWER_BYTES_MAX);
        assert!(most.encoded_len() <= ANSWER_BYTES_MAX, "{} bytes", most.encoded_len());
        let told = most.simulation.expect("it is told");
        assert!(told.truncated);
        assert!(told.slices.iter().all(|one| one.slices.len() == 705), "they are counted");
        assert!((1..100).contains(&told.movements.len()), "{} movements", told.movements.len());

        let few = simulate_response(answer(235, 20), ANSWER_BYTES_MAX);
        let told = few.simulation.expect("it is told");
        assert_eq!((told.truncated, told.movements.len()), (false, 100));

        let least = simulate_response(answer(705, 131), 1 << 20).simulation.expect("it is told");
        let lengths: Vec<usize> = least.slices.iter().map(|one| one.slices.len()).collect();
        assert!(least.truncated && lengths[0] == 705 && lengths[7] == 1, "{lengths:?}");
    }
}
