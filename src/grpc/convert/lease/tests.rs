use super::*;
use crate::engine::lease::{ReportDisposition, ReportResult};
use crate::grpc::convert::outcome::{report_command, report_response};
use crate::grpc::convert::work_list::work_list_from;
use crate::model::Reason;

/// A change to a good message, the field it breaks, and how.
type Broken<T> = (fn(&mut T), &'static str, Reason);

const NOW: Micros = Micros(1_750_000_000 * Micros::SECOND);

fn token(case_no: i64) -> LeaseToken {
    LeaseToken { part: i64::MIN, case_no, lease_seq: 3, nonce: -9 }
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn found(broken: Violations) -> Vec<(String, Reason)> {
    broken.0.into_iter().map(|violation| (violation.field, violation.reason)).collect()
}

#[test]
fn a_token_is_read_as_it_was_written_and_nothing_else_is_one() {
    let bytes = token_to(token(7));
    assert_eq!(bytes.len(), TOKEN_BYTES);
    assert_eq!(token_from(&bytes), Ok(token(7)));
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 1;
        assert_eq!(token_from(&other), Err(ItemError::LeaseTokenMalformed), "byte {at}");
        assert_eq!(token_from(&bytes[..at]), Err(ItemError::LeaseTokenMalformed));
    }
    let longer = [bytes, vec![0]].concat();
    assert_eq!(token_from(&longer), Err(ItemError::LeaseTokenMalformed));
}

fn pull(change: fn(&mut proto::LeaseWorkRequest)) -> Result<LeaseCommand, Vec<(String, Reason)>> {
    let mut request = proto::LeaseWorkRequest {
        work_list_id: "all".to_owned(),
        worker_id: "w1".to_owned(),
        ..Default::default()
    };
    change(&mut request);
    lease_command(&request).map_err(found)
}

#[test]
fn a_pull_has_the_published_defaults() {
    let command = pull(|_| ()).unwrap();
    assert_eq!((command.max_items, command.request_id), (1, None));
    assert_eq!(command.lease_duration, 300 * Micros::SECOND);
    assert_eq!(command.wait, 20 * Micros::SECOND);
    let command = pull(|r| {
        r.max_items = 500;
        r.lease_duration = seconds(3_600);
        r.wait = seconds(0);
        r.request_id = "r".to_owned();
    });
    let command = command.unwrap();
    assert_eq!((command.max_items, command.wait), (500, 0));
}

#[test]
fn each_broken_rule_of_a_pull_is_told_by_its_path() {
    use Reason::{FieldMalformed, FieldOutOfRange, FieldRequired};
    let cases: &[Broken<proto::LeaseWorkRequest>] = &[
        (|r| r.work_list_id.clear(), "work_list_id", FieldRequired),
        (|r| r.worker_id.clear(), "worker_id", FieldRequired),
        (|r| r.worker_id = "w 1".to_owned(), "worker_id", FieldMalformed),
        (|r| r.request_id = "r".repeat(129), "request_id", FieldOutOfRange),
        (|r| r.max_items = -1, "max_items", FieldOutOfRange),
        (|r| r.max_items = 501, "max_items", FieldOutOfRange),
        (|r| r.lease_duration = seconds(9), "lease_duration", FieldOutOfRange),
        (|r| r.lease_duration = seconds(3_601), "lease_duration", FieldOutOfRange),
        (|r| r.wait = seconds(56), "wait", FieldOutOfRange),
        (|r| r.wait = seconds(-1), "wait", FieldOutOfRange),
    ];
    for (change, field, reason) in cases {
        assert_eq!(pull(*change).unwrap_err(), [((*field).to_owned(), *reason)]);
    }
}

#[test]
fn what_is_no_token_keeps_its_place_and_never_reaches_the_engine() {
    let request = proto::RenewLeasesRequest {
        lease_tokens: vec![token_to(token(1)), b"forged".to_vec(), token_to(token(2)), vec![]],
        lease_duration: None,
    };
    let (tokens, places, duration) = renew_command(request).unwrap();
    assert_eq!(tokens, [token(1), token(2)]);
    assert_eq!(duration, 300 * Micros::SECOND);
    let renewals = vec![Ok(Directive::Continue(NOW)), Ok(Directive::StopPaid)];
    let answer = renew_response(places, renewals).renewals;
    let directives: Vec<_> = answer.iter().map(proto::LeaseRenewal::directive).collect();
    use proto::LeaseDirective::{Continue, StopExpired, StopPaid};
    assert_eq!(directives, [Continue, StopExpired, StopPaid, StopExpired]);
    assert_eq!(answer[0].lease_expire_time.unwrap().seconds, 1_750_000_000);
    let error = answer[1].error.as_ref().unwrap();
    assert_eq!(error.reason, "LEASE_TOKEN_MALFORMED");
    assert_eq!(error.metadata["lease_token"], "666f72676564");
    for count in [0, 501] {
        let lease_tokens = vec![token_to(token(1)); count];
        let request = proto::RenewLeasesRequest { lease_tokens, lease_duration: None };
        assert!(renew_command(request).is_err());
    }
}

#[test]
fn releases_say_whether_nobody_was_dialled() {
    let release =
        |lease_token: Vec<u8>, not_dialled| proto::LeaseRelease { lease_token, not_dialled };
    let releases = vec![
        release(token_to(token(1)), true),
        release(vec![1], true),
        release(token_to(token(2)), false),
    ];
    let (taken, places) = release_command(proto::ReleaseLeasesRequest { releases }).unwrap();
    assert_eq!(taken, [(token(1), true), (token(2), false)]);
    let results = vec![Ok(()), Err(ItemError::LeaseSuperseded)];
    let answer = release_response(places, results).results;
    let reasons: Vec<_> =
        answer.iter().map(|result| result.error.as_ref().map(|error| &*error.reason)).collect();
    assert_eq!(reasons, [None, Some("LEASE_TOKEN_MALFORMED"), Some("LEASE_SUPERSEDED")]);
    let empty = proto::ReleaseLeasesRequest { releases: vec![release(vec![], true)] };
    let broken = release_command(empty).unwrap_err();
    assert_eq!(found(broken), [("releases[0].lease_token".to_owned(), Reason::FieldRequired)]);
}

fn outcome(change: fn(&mut proto::Outcome)) -> proto::Outcome {
    let mut outcome = proto::Outcome {
        lease_token: token_to(token(1)),
        outcome_code: "no_answer".to_owned(),
        ..Default::default()
    };
    change(&mut outcome);
    outcome
}

fn promise(date: Option<proto::Date>, units: i64) -> Option<proto::PromiseToPay> {
    let promised_amount = Some(proto::Money { currency_code: "EUR".into(), units, nanos: 0 });
    Some(proto::PromiseToPay { promised_amount, promised_date: date })
}

const DATE: Option<proto::Date> = Some(proto::Date { year: 2025, month: 7, day: 1 });

#[test]
fn each_broken_rule_of_a_report_is_told_by_its_path() {
    use Reason::{FieldOutOfRange, FieldRequired};
    let cases: &[Broken<proto::Outcome>] = &[
        (|o| o.lease_token.clear(), "lease_token", FieldRequired),
        (|o| o.outcome_code.clear(), "outcome_code", FieldRequired),
        (|o| o.outcome_code = "x".repeat(1_025), "outcome_code", FieldOutOfRange),
        (
            |o| o.contact_time = Some(prost_types::Timestamp { seconds: 1_750_086_401, nanos: 0 }),
            "contact_time",
            FieldOutOfRange,
        ),
        (|o| o.promise = promise(None, 5), "promise.promised_date", FieldRequired),
        (|o| o.promise = promise(DATE, 0), "promise.promised_amount", FieldOutOfRange),
        (
            |o| o.cases = vec![proto::CaseKey { portfolio_id: "p".into(), case_id: "".into() }],
            "cases[0].case_id",
            FieldRequired,
        ),
        (
            |o| {
                let key = proto::CaseKey { portfolio_id: "p".into(), case_id: "c".into() };
                o.cases = vec![key; 22];
            },
            "cases",
            FieldOutOfRange,
        ),
    ];
    for (change, field, reason) in cases {
        let outcomes = vec![outcome(|_| ()), outcome(*change)];
        let (command, _) = report_command(proto::ReportOutcomesRequest { outcomes }, NOW).unwrap();
        assert!(command.outcomes[0].is_ok());
        let broken = command.outcomes[1].clone().unwrap_err();
        assert_eq!(found(broken), [(format!("outcomes[1].{field}"), *reason)]);
    }
    for count in [0, 501] {
        let outcomes = vec![outcome(|_| ()); count];
        assert!(report_command(proto::ReportOutcomesRequest { outcomes }, NOW).is_err());
    }
}

#[test]
fn reports_are_answered_in_their_order() {
    let outcomes = vec![
        outcome(|o| o.promise = promise(DATE, 5)),
        outcome(|o| o.lease_token = vec![7; 40]),
        outcome(|_| ()),
    ];
    let request = proto::ReportOutcomesRequest { outcomes };
    let (command, places) = report_command(request, NOW).unwrap();
    let promised = command.outcomes[0].as_ref().unwrap().promise.clone().unwrap();
    assert_eq!(promised.amount.unwrap().1, 500);
    let result = |disposition| ReportResult { disposition, next_eligible: Some(NOW) };
    let results =
        vec![result(Ok(ReportDisposition::Late)), result(Err(ItemError::ReportAlreadyExists))];
    let answer = report_response(places, results).results;
    let dispositions: Vec<_> = answer.iter().map(proto::OutcomeResult::disposition).collect();
    use proto::OutcomeDisposition::{Late, Rejected};
    assert_eq!(dispositions, [Late, Rejected, Rejected]);
    assert_eq!(answer[1].error.as_ref().unwrap().reason, "LEASE_TOKEN_MALFORMED");
    assert_eq!(answer[2].error.as_ref().unwrap().reason, "REPORT_ALREADY_EXISTS");
    assert_eq!(answer[2].error.as_ref().unwrap().metadata["lease_token"].len(), 80);
}

#[test]
fn each_broken_rule_of_a_work_list_is_told_by_its_path() {
    use Reason::{FieldMalformed, FieldOutOfRange, FieldRequired};
    let read = |change: fn(&mut proto::WorkList)| {
        let mut list = proto::WorkList { work_list_id: "all".to_owned(), ..Default::default() };
        change(&mut list);
        work_list_from(Some(list)).map(|(_, settings)| settings).map_err(found)
    };
    let settings = read(|l| {
        l.portfolio_ids = vec!["q".into(), "p".into(), "q".into()];
        l.recovery_groups = vec![3, 1, 3];
        l.stages = vec![2, 1];
        l.languages = vec!["PT-br".into(), "de".into()];
    });
    let settings = settings.unwrap();
    assert_eq!(settings.portfolio_ids, ["p", "q"]);
    assert_eq!(settings.groups.len(), 2);
    assert_eq!(settings.languages, ["de", "pt-BR"]);
    assert_eq!(settings.reserved_share_permille, 100);
    let cases: &[Broken<proto::WorkList>] = &[
        (|l| l.work_list_id.clear(), "work_list_id", FieldRequired),
        (|l| l.display_name = "x".repeat(1_025), "display_name", FieldOutOfRange),
        (|l| l.portfolio_ids = vec!["p".into(); 65], "portfolio_ids", FieldOutOfRange),
        (|l| l.portfolio_ids = vec!["".into()], "portfolio_ids[0]", FieldRequired),
        (|l| l.recovery_groups = vec![1, 4], "recovery_groups[1]", FieldOutOfRange),
        (|l| l.stages = vec![0], "stages[0]", FieldRequired),
        (|l| l.languages = vec!["de".into(); 65], "languages", FieldOutOfRange),
        (|l| l.languages = vec!["".into()], "languages[0]", FieldRequired),
        (|l| l.languages = vec!["d".into()], "languages[0]", FieldMalformed),
        (|l| l.reserved_share_permille = Some(-1), "reserved_share_permille", FieldOutOfRange),
        (|l| l.reserved_share_permille = Some(1_001), "reserved_share_permille", FieldOutOfRange),
    ];
    for (change, field, reason) in cases {
        assert_eq!(read(*change).unwrap_err(), [(format!("work_list.{field}"), *reason)]);
    }
    assert!(work_list_from(None).is_err());
}
