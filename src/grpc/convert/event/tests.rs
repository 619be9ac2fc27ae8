use super::*;
use crate::engine::ItemError;
use crate::model::{Currency, Micros};
use proto::event::Kind;

const NOW: Micros = Micros(1_750_000_000 * Micros::SECOND);

fn euro(units: i64) -> proto::Money {
    proto::Money { currency_code: "EUR".to_owned(), units, nanos: 0 }
}

fn seconds(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 0 })
}

fn payment(units: i64, shares: &[i64]) -> Option<Kind> {
    let shares = shares.iter().map(|units| euro(*units)).collect();
    Some(Kind::Payment(proto::Payment { amount: Some(euro(units)), shares }))
}

fn hold(kind: i32) -> Option<Kind> {
    Some(Kind::Hold(proto::Hold { kind, until_time: None, evidence_reference: String::new() }))
}

fn lift(event: &str) -> Option<Kind> {
    Some(Kind::Lift(proto::Lift { hold_event_id: event.to_owned() }))
}

fn reversal(event: &str) -> Option<Kind> {
    Some(Kind::Reversal(proto::Reversal { reversed_event_id: event.to_owned() }))
}

fn given(cases: &[&str], debtor: &str, kind: Option<Kind>) -> proto::Event {
    proto::Event {
        event_id: "e1".to_owned(),
        event_time: seconds(1_749_999_000),
        case_ids: cases.iter().map(|id| (*id).to_owned()).collect(),
        debtor_id: debtor.to_owned(),
        kind,
    }
}

fn read(given: &proto::Event) -> Result<Event, Violations> {
    let currency = Currency::from_code("EUR").unwrap();
    let terms = Terms { currency, tolerance_amount_minor: 0, now: NOW };
    event(given, terms, &ROOT.item("events", 2))
}

fn broken(given: proto::Event) -> Vec<(String, Reason)> {
    let found = read(&given).err().unwrap_or_default();
    found.0.into_iter().map(|violation| (violation.field, violation.reason)).collect()
}

fn id<T>(new: fn(String) -> Result<T, crate::model::InvalidId>, text: &str) -> T {
    new(text.to_owned()).unwrap()
}

#[test]
fn good_events_are_read() {
    let case = |text| id(CaseId::new, text);
    let event = |text| id(EventId::new, text);
    let goods = [
        (given(&["c"], "", payment(5, &[])), EventKind::Payment { shares: vec![(case("c"), 500)] }),
        (
            given(&["c"], "", payment(5, &[5])),
            EventKind::Payment { shares: vec![(case("c"), 500)] },
        ),
        (
            given(&["c", "b"], "", payment(5, &[2, 3])),
            EventKind::Payment { shares: vec![(case("c"), 200), (case("b"), 300)] },
        ),
        (given(&[], "", reversal("e0")), EventKind::Reversal { reversed_event_id: event("e0") }),
        (
            given(&["c"], "", hold(3)),
            EventKind::Hold {
                target: HoldTarget::Cases(vec![case("c")]),
                kind: HoldKind::Dispute,
                until: None,
                evidence_reference: String::new(),
            },
        ),
        (
            given(&[], "d", hold(16)),
            EventKind::Hold {
                target: HoldTarget::Debtor(id(DebtorId::new, "d")),
                kind: HoldKind::Complaint,
                until: None,
                evidence_reference: String::new(),
            },
        ),
        (
            given(&[], "d", lift("e0")),
            EventKind::Lift {
                hold_event_id: event("e0"),
                target: Some(HoldTarget::Debtor(id(DebtorId::new, "d"))),
            },
        ),
        (
            given(&["c"], "", lift("e0")),
            EventKind::Lift {
                hold_event_id: event("e0"),
                target: Some(HoldTarget::Cases(vec![case("c")])),
            },
        ),
        (given(&[], "", lift("e0")), EventKind::Lift { hold_event_id: event("e0"), target: None }),
    ];
    for (given, kind) in goods {
        let read = read(&given).unwrap_or_else(|broken| panic!("{given:?}: {broken:?}"));
        assert_eq!(read.kind, kind);
        assert_eq!(read.event_time, Micros(1_749_999_000 * Micros::SECOND));
    }
    let twenty: Vec<_> = (0..20).map(|n| format!("c{n}")).collect();
    let twenty: Vec<_> = twenty.iter().map(String::as_str).collect();
    assert_eq!(broken(given(&twenty, "", hold(1))), []);
}

#[test]
fn each_broken_rule_is_told_by_its_path() {
    use Reason::{FieldConflict, FieldMalformed, FieldOutOfRange, FieldRequired};
    let until = |until| {
        Some(Kind::Hold(proto::Hold { kind: 1, until_time: seconds(until), ..Default::default() }))
    };
    let evidence = Some(Kind::Hold(proto::Hold {
        kind: 1,
        evidence_reference: "x".repeat(129),
        ..Default::default()
    }));
    let twenty_one: Vec<_> = (0..21).map(|n| format!("c{n}")).collect();
    let twenty_one: Vec<_> = twenty_one.iter().map(String::as_str).collect();
    let unset = |change: fn(&mut proto::Event)| {
        let mut event = given(&["c"], "", payment(5, &[]));
        change(&mut event);
        event
    };
    let cases = [
        (unset(|e| e.event_id.clear()), "event_id", FieldRequired),
        (unset(|e| e.event_id = "e\n".to_owned()), "event_id", FieldMalformed),
        (unset(|e| e.event_time = None), "event_time", FieldRequired),
        (unset(|e| e.event_time = seconds(-1)), "event_time", FieldOutOfRange),
        (unset(|e| e.event_time = seconds(1_750_086_401)), "event_time", FieldOutOfRange),
        (unset(|e| e.kind = None), "kind", FieldRequired),
        (given(&[], "", payment(5, &[])), "case_ids", FieldRequired),
        (given(&["c", "c"], "", hold(1)), "case_ids[1]", FieldConflict),
        (given(&["c", ""], "", hold(1)), "case_ids[1]", FieldRequired),
        (given(&twenty_one, "", hold(1)), "case_ids", FieldOutOfRange),
        (given(&["c"], "d", payment(5, &[])), "debtor_id", FieldConflict),
        (given(&[], "d", reversal("e0")), "debtor_id", FieldConflict),
        (given(&["c"], "", reversal("e0")), "case_ids", FieldConflict),
        (given(&["c"], "", payment(0, &[])), "payment.amount", FieldOutOfRange),
        (given(&["c"], "", payment(-5, &[])), "payment.amount", FieldOutOfRange),
        (
            given(&["c"], "", Some(Kind::Payment(proto::Payment::default()))),
            "payment.amount",
            FieldRequired,
        ),
        (given(&["c", "b"], "", payment(5, &[])), "payment.shares", FieldRequired),
        (given(&["c", "b"], "", payment(5, &[2, 2])), "payment.shares", FieldConflict),
        (given(&["c", "b"], "", payment(5, &[5])), "payment.shares", FieldConflict),
        (given(&["c"], "", payment(5, &[4])), "payment.shares", FieldConflict),
        (given(&["c", "b"], "", payment(5, &[5, 0])), "payment.shares[1]", FieldOutOfRange),
        (given(&[], "", reversal("")), "reversal.reversed_event_id", FieldRequired),
        (given(&[], "", hold(1)), "case_ids", FieldRequired),
        (given(&["c"], "d", hold(1)), "debtor_id", FieldConflict),
        (given(&["c"], "", hold(0)), "hold.kind", FieldRequired),
        (given(&["c"], "", hold(17)), "hold.kind", FieldOutOfRange),
        (given(&["c"], "", until(1_749_999_000)), "hold.until_time", FieldConflict),
        (given(&["c"], "", until(i64::MAX)), "hold.until_time", FieldOutOfRange),
        (given(&["c"], "", evidence), "hold.evidence_reference", FieldOutOfRange),
        (given(&[], "d", lift("")), "lift.hold_event_id", FieldRequired),
        (given(&["c"], "d", lift("e0")), "debtor_id", FieldConflict),
        (given(&["c", ""], "", lift("e0")), "case_ids[1]", FieldRequired),
    ];
    for (event, field, reason) in cases {
        let text = format!("{event:?}");
        assert_eq!(broken(event), [(format!("events[2].{field}"), reason)], "{text}");
    }
}

#[test]
fn the_evidence_of_a_hold_goes_with_it() {
    let hold = proto::Hold {
        kind: 3,
        evidence_reference: "letter 17 of May".to_owned(),
        ..Default::default()
    };
    let read = read(&given(&["c"], "", Some(Kind::Hold(hold)))).unwrap();
    let EventKind::Hold { evidence_reference, .. } = read.kind else { panic!("{read:?}") };
    assert_eq!(evidence_reference, "letter 17 of May");
}

#[test]
fn amounts_at_the_bound_add_up_without_overflow() {
    let most = 10_000_000_000_000;
    let shares = vec![most; 20];
    let cases: Vec<_> = (0..20).map(|n| format!("c{n}")).collect();
    let cases: Vec<_> = cases.iter().map(String::as_str).collect();
    let broken = broken(given(&cases, "", payment(most, &shares)));
    assert_eq!(broken, [("events[2].payment.shares".to_owned(), Reason::FieldConflict)]);
}

#[test]
fn results_stand_in_the_order_of_the_events() {
    let result =
        |event_id: &str, recorded| RecordResult { event_id: event_id.to_owned(), recorded };
    let results = [
        result("e1", Ok(true)),
        result("e2", Ok(false)),
        result("e3", Err(ItemError::CaseNotFound("c".to_owned()))),
    ];
    let answer = record_response(&results, &id(PortfolioId::new, "p")).results;
    let dispositions: Vec<_> = answer.iter().map(proto::EventResult::disposition).collect();
    use proto::EventDisposition::{Duplicate, Recorded, Rejected};
    assert_eq!(dispositions, [Recorded, Duplicate, Rejected]);
    let error = answer[2].error.as_ref().unwrap();
    assert_eq!(error.reason, "CASE_NOT_FOUND");
    assert_eq!((&*error.metadata["case_id"], &*error.metadata["portfolio_id"]), ("c", "p"));
}
