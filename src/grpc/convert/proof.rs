//! Points of a case's life, why a rank moved between two of them, and what replay finds.

use crate::engine::explain::{ExplainCommand, Moved, Point};
use crate::engine::replay::{CaseReplay, ReplayedLease};
use crate::grpc::status::{ItemBudget, Named, item_error};
use crate::model::{CaseId, PortfolioId, Reason, ServedArm, Violations};
use crate::proto;
use crate::scoring::{LineEnd, MovedLine, Movement, Split};
use crate::store::events::EventMark;
use crate::store::queue::lease::LeaseRow;

use super::case_view::{arm_to, case_key_at, rank_to};
use super::field::language_asked;
use super::page::Page;
use super::path::{Path, ROOT};
use super::time::{day, instant, timestamp};

/// Reads which case to explain, at which point of its life, what to compare with, and the
/// language of the reasons.
pub(in crate::grpc) fn explain_request(
    request: &proto::ExplainCaseRequest,
) -> Result<ExplainCommand, Violations> {
    let mut broken = Violations::new();
    let key = case_key_at(&request.portfolio_id, &request.case_id, &ROOT, &mut broken);
    let asked = proto::CasePoint {
        known_at: request.known_at,
        as_of_date: request.as_of_date,
        lease_seq: request.lease_seq,
    };
    let point = point(&asked, &ROOT, &mut broken);
    let at = ROOT.field("compare_with");
    let other = request.compare_with.as_ref();
    let compare_with = other.and_then(|other| self::point(other, &at, &mut broken));
    let language = &request.language_code;
    let language = language_asked(language, &ROOT.field("language_code"), &mut broken);
    match key.zip(point) {
        Some(((portfolio_id, case_id), point)) if broken.is_empty() => {
            Ok(ExplainCommand { portfolio_id, case_id, point, compare_with, language })
        }
        _ => Err(broken),
    }
}

/// Reads a point of a case's life; whether the case was known there is for the engine to
/// say.
fn point(asked: &proto::CasePoint, at: &Path<'_>, broken: &mut Violations) -> Option<Point> {
    let known_at = asked.known_at.as_ref();
    let known_at = known_at.map(|time| instant(time, &at.field("known_at"), broken));
    let as_of_date = asked.as_of_date.as_ref();
    let as_of_date = as_of_date.map(|date| day(date, &at.field("as_of_date"), broken));
    let lease_seq = asked.lease_seq;
    if lease_seq == 0 {
        let as_of_date = as_of_date.flatten();
        return match known_at {
            None => Some(Point::Now { as_of_date }),
            Some(at) => at.map(|at| Point::Known { at, as_of_date }),
        };
    }
    if lease_seq < 0 {
        let bound = "the leases of a case are numbered from 1 on";
        let field = at.field("lease_seq").to_string();
        broken.add(field, Reason::FieldOutOfRange, lease_seq, bound);
    }
    let given = [("known_at", known_at.is_some()), ("as_of_date", as_of_date.is_some())];
    for (name, _) in given.into_iter().filter(|(_, given)| *given) {
        let bound = "must be unset with lease_seq: the lease tells what was known and the day";
        broken.add(at.field(name).to_string(), Reason::FieldConflict, "", bound);
    }
    Some(Point::Lease(lease_seq))
}

/// Reads which case to compute anew, and which page of its leases.
pub(in crate::grpc) fn replay_request(
    request: proto::ReplayCaseRequest,
) -> Result<(PortfolioId, CaseId, Page), Violations> {
    let mut broken = Violations::new();
    let key = case_key_at(&request.portfolio_id, &request.case_id, &ROOT, &mut broken);
    let page = Page::read(request.page_size, request.page_token, &mut broken);
    match key {
        Some((portfolio_id, case_id)) if broken.is_empty() => Ok((portfolio_id, case_id, page)),
        _ => Err(broken),
    }
}

/// What replay found as the contract writes it.
pub(in crate::grpc) fn replay_to(replay: CaseReplay) -> proto::ReplayCaseResponse {
    let (recomputed, differing, error) = match &replay.now {
        Ok(now) => (Some(rank_to(&now.ranked.rank)), now.differing_fields(), None),
        Err(error) => (None, Vec::new(), Some(error)),
    };
    let error = error.map(|error| item_error(error, Named::NOTHING, &mut ItemBudget::new()));
    proto::ReplayCaseResponse {
        stored_rank: Some(rank_to(&replay.stored_rank)),
        recomputed_rank: recomputed,
        differing_fields: differing.into_iter().map(str::to_owned).collect(),
        leases: replay.leases.iter().map(replayed_to).collect(),
        next_page_token: replay.next_page_token,
        error,
    }
}

fn replayed_to(one: &ReplayedLease) -> proto::ReplayedLease {
    let (rank, error) = match &one.recomputed {
        Ok(rank) => (Some(rank_to(rank)), None),
        Err(error) => (None, Some(item_error(error, Named::NOTHING, &mut ItemBudget::new()))),
    };
    let result = match one.equal() {
        _ if error.is_some() => proto::ReplayResult::Failed,
        Some(true) => proto::ReplayResult::Equal,
        Some(false) => proto::ReplayResult::Different,
        None => proto::ReplayResult::NotStored,
    };
    proto::ReplayedLease {
        lease: Some(lease_to(&one.lease)),
        recomputed_rank: rank,
        result: result.into(),
        error,
    }
}

/// A lease as the contract writes it: nothing that proves it.
pub(in crate::grpc) fn lease_to(lease: &LeaseRow) -> proto::CaseLease {
    let rests_on = proto::Rank {
        rule_set_id: lease.rule_set_id.to_string(),
        rank_date: Some(super::time::date(lease.rank_date)),
        case_seq: lease.case_seq,
        ..proto::Rank::default()
    };
    proto::CaseLease {
        lease_seq: lease.lease_seq,
        worker_id: lease.worker_id.clone(),
        grant_time: Some(timestamp(lease.grant_time)),
        end_time: lease.end.map(|(_, at)| timestamp(at)),
        served_rank: Some(lease.rank().as_ref().map_or(rests_on, rank_to)),
        experiment_id: experiment_id_to(lease.arm.as_ref()),
    }
}

/// Why a rank moved as the contract writes it.
pub(in crate::grpc) fn movement_to(moved: Moved) -> proto::Movement {
    let Movement { ranks, populations, score, priority, base, clamp, knock_out, lines, terms } =
        moved.movement;
    let [from_population, to_population] = populations;
    let [from, after_data, after_day, to] = ranks.map(|rank| Some(rank_to(&rank)));
    proto::Movement {
        from_rank: from,
        after_data_rank: after_data,
        after_day_rank: after_day,
        to_rank: to,
        score: Some(points_to(score)),
        priority: Some(points_to(priority)),
        base: Some(points_to(base)),
        clamp: Some(points_to(clamp)),
        knock_out: Some(points_to(knock_out)),
        lines: lines.into_iter().map(line_to).collect(),
        priority_lines: terms.into_iter().map(line_to).collect(),
        events: moved.events.iter().map(mark_to).collect(),
        event_count: moved.event_count,
        from_population,
        to_population,
    }
}

fn points_to(split: Split) -> proto::MovedPoints {
    proto::MovedPoints { data: split.data, day: split.day, rule_set: split.rule_set }
}

fn line_to(line: MovedLine) -> proto::MovedLine {
    let end = |end: Option<LineEnd>| {
        end.unwrap_or(LineEnd { value: String::new(), bin: String::new(), contribution: 0 })
    };
    let (from, to) = (end(line.from), end(line.to));
    proto::MovedLine {
        name: line.name,
        from_value: from.value,
        from_bin: from.bin,
        from_contribution: from.contribution,
        to_value: to.value,
        to_bin: to.bin,
        to_contribution: to.contribution,
        moved: Some(points_to(line.moved)),
    }
}

fn mark_to(mark: &EventMark) -> proto::CaseEventMark {
    proto::CaseEventMark {
        case_seq: mark.case_seq,
        kind: i32::from(mark.kind as i16),
        event_time: Some(timestamp(mark.event_time)),
        record_time: Some(timestamp(mark.record_time)),
        experiment_id: experiment_id_to(mark.served.as_ref()),
        arm: arm_to(mark.served.as_ref().map(|served| served.arm)),
    }
}

fn experiment_id_to(served: Option<&ServedArm>) -> String {
    served.map(|served| served.experiment_id.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::events::CaseEventKind;

    #[test]
    fn the_kinds_of_events_have_the_numbers_of_the_contract() {
        let names: Vec<_> = (1..=8)
            .map(|number| {
                let kind = CaseEventKind::from_number(i64::from(number)).unwrap();
                let name = proto::CaseEventKind::try_from(number).unwrap().as_str_name();
                (format!("{kind:?}").to_uppercase(), name.replace('_', ""))
            })
            .collect();
        assert_eq!(names[0], ("FACTS".to_owned(), "CASEEVENTKINDDOCUMENT".to_owned()));
        for (kind, name) in &names[1..] {
            assert_eq!(*name, format!("CASEEVENTKIND{kind}"));
        }
        assert_eq!(CaseEventKind::from_number(9), None);
    }

    #[test]
    fn a_point_that_says_two_things_is_refused_with_all_of_them() {
        let request = proto::ExplainCaseRequest {
            portfolio_id: "p".to_owned(),
            case_id: "c".to_owned(),
            lease_seq: 2,
            known_at: Some(prost_types::Timestamp { seconds: 5, nanos: 0 }),
            compare_with: Some(proto::CasePoint {
                lease_seq: -1,
                as_of_date: Some(proto::Date { year: 2026, month: 2, day: 30 }),
                ..Default::default()
            }),
            ..Default::default()
        };
        let broken = explain_request(&request).unwrap_err().0;
        let found: Vec<_> = broken.iter().map(|one| (one.field.as_str(), one.reason)).collect();
        let expected = [
            ("known_at", Reason::FieldConflict),
            ("compare_with.as_of_date", Reason::FieldMalformed),
            ("compare_with.lease_seq", Reason::FieldOutOfRange),
            ("compare_with.as_of_date", Reason::FieldConflict),
        ];
        assert_eq!(found, expected);
    }
}
