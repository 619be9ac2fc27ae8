use super::*;
use crate::model::{AMOUNT_MINOR_MAX, ContactPointState, Currency, CustomValue, Day, Input};

const NOW: Micros = Micros(1_750_000_000 * Micros::SECOND);

fn terms() -> Terms {
    let currency = Currency::from_code("EUR").unwrap();
    Terms { currency, tolerance_amount_minor: 500, now: NOW }
}

fn euro(units: i64, nanos: i32) -> Option<proto::Money> {
    Some(proto::Money { currency_code: "EUR".to_owned(), units, nanos })
}

fn date(year: i32, month: i32, day: i32) -> Option<proto::Date> {
    Some(proto::Date { year, month, day })
}

fn seconds(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 0 })
}

fn instalment(day: i32) -> proto::Instalment {
    proto::Instalment {
        due_date: date(2025, 1, day),
        due_amount: euro(100, 0),
        paid_amount: euro(40, 0),
        paid_date: date(2025, 1, 20),
    }
}

fn month(month: i32) -> proto::ArrearsMonth {
    proto::ArrearsMonth {
        month: date(2025, month, 1),
        months_past_due: Some(2),
        billed_amount: euro(-3, 0),
        paid_amount: None,
    }
}

fn point(id: &str, zone: &str) -> proto::ContactPoint {
    proto::ContactPoint {
        contact_point_id: id.to_owned(),
        kind: 1,
        time_zone: zone.to_owned(),
        jurisdiction: "US-NY".to_owned(),
        state: 0,
    }
}

fn feature(id: &str, value: proto::custom_feature::Value) -> proto::CustomFeature {
    proto::CustomFeature { feature_id: id.to_owned(), value: Some(value) }
}

fn number(value: f64) -> proto::custom_feature::Value {
    proto::custom_feature::Value::Number(value)
}

fn good() -> proto::CaseDocument {
    proto::CaseDocument {
        case_id: "c1".to_owned(),
        debtor_id: "d1".to_owned(),
        source_sequence: Some(7),
        as_of_time: seconds(1_749_000_000),
        overdue_amount: euro(1_240, 500_000_000),
        oldest_due_date: date(2025, 4, 1),
        outstanding_amount: euro(9_000, 0),
        debtor_kind: 2,
        language: "DE-at".to_owned(),
        instalments: vec![instalment(9), instalment(3)],
        arrears_profile: vec![month(5), month(4)],
        contact_points: vec![point("p2", "america/new_york"), point("p1", "")],
        custom_features: vec![
            feature("region_score", number(-1.5)),
            feature("vip", proto::custom_feature::Value::Flag(true)),
            feature("branch", proto::custom_feature::Value::Text("north".to_owned())),
        ],
        ..proto::CaseDocument::default()
    }
}

fn read(given: proto::CaseDocument) -> Result<Document, Violations> {
    document(given, NOW, terms(), &ROOT.item("cases", 3))
}

/// What a change to the good document breaks.
fn broken(change: impl FnOnce(&mut proto::CaseDocument)) -> Vec<(String, Reason)> {
    let mut document = good();
    change(&mut document);
    let found = read(document).err().unwrap_or_default().0;
    for violation in &found {
        assert!(!violation.bound.is_empty(), "{violation:?} names no bound");
    }
    found.into_iter().map(|violation| (violation.field, violation.reason)).collect()
}

macro_rules! breaks {
    ($($change:expr => $field:literal, $reason:ident;)+) => {$(
        let expected = vec![(format!("cases[3].{}", $field), Reason::$reason)];
        let change: fn(&mut proto::CaseDocument) = $change;
        assert_eq!(broken(change), expected, "{}", stringify!($change));
    )+};
}

#[test]
fn a_good_document_is_read_sorted_and_in_smallest_units() {
    let document = read(good()).unwrap();
    let facts = &document.facts;
    assert_eq!(document.source_sequence, Some(7));
    assert_eq!(document.as_of, Micros(1_749_000_000 * Micros::SECOND));
    assert_eq!(facts.overdue_amount_minor, 124_050);
    assert_eq!(facts.oldest_due_date, Day::from_ymd(2025, 4, 1));
    assert_eq!(facts.debtor_kind, Some(DebtorKind::Business));
    assert_eq!(facts.language, "de-AT");
    assert!(facts.instalments[0].due_date < facts.instalments[1].due_date);
    assert!(facts.arrears_profile[0].month < facts.arrears_profile[1].month);
    assert_eq!(facts.arrears_profile[0].billed_amount_minor, Some(-300));
    let points: Vec<_> = facts.contact_points.iter().map(|p| &*p.contact_point_id).collect();
    assert_eq!(points, ["p1", "p2"]);
    assert_eq!(facts.contact_points[1].time_zone, "America/New_York");
    let names: Vec<_> = facts.custom_features.iter().map(|f| &*f.feature_id).collect();
    assert_eq!(names, ["branch", "region_score", "vip"]);
    assert_eq!(facts.custom_features[1].value, CustomValue::Number(-1_500_000));
}

#[test]
fn what_is_left_out_is_not_known() {
    let smallest = proto::CaseDocument {
        case_id: "c".to_owned(),
        debtor_id: "d".to_owned(),
        overdue_amount: euro(9, 0),
        oldest_due_date: date(2025, 4, 1),
        ..proto::CaseDocument::default()
    };
    let document = read(smallest).unwrap();
    assert_eq!(document.as_of, NOW);
    assert_eq!(document.source_sequence, None);
    let expected = Facts {
        overdue_amount_minor: 900,
        oldest_due_date: Day::from_ymd(2025, 4, 1),
        ..Facts::default()
    };
    assert_eq!(document.facts, expected);
}

#[test]
fn each_broken_rule_is_told_by_its_path() {
    breaks! {
        |d| d.case_id = String::new() => "case_id", FieldRequired;
        |d| d.case_id = "x".repeat(129) => "case_id", FieldOutOfRange;
        |d| d.case_id = "with space".into() => "case_id", FieldMalformed;
        |d| d.debtor_id = String::new() => "debtor_id", FieldRequired;
        |d| d.debtor_id = "ö".into() => "debtor_id", FieldMalformed;
        |d| d.source_sequence = Some(-1) => "source_sequence", FieldOutOfRange;
        |d| d.as_of_time = seconds(-1) => "as_of_time", FieldOutOfRange;
        |d| d.as_of_time = seconds(1_750_086_401) => "as_of_time", FieldOutOfRange;
        |d| d.overdue_amount = None => "overdue_amount", FieldRequired;
        |d| d.overdue_amount = euro(-1, 0) => "overdue_amount", FieldOutOfRange;
        |d| d.overdue_amount = euro(0, 1) => "overdue_amount", AmountTooFine;
        |d| d.overdue_amount = euro(10_000_000_000_001, 0) => "overdue_amount", FieldOutOfRange;
        |d| d.overdue_amount.as_mut().unwrap().currency_code = "USD".into()
            => "overdue_amount.currency_code", CurrencyMismatch;
        |d| d.overdue_amount.as_mut().unwrap().currency_code = "eur".into()
            => "overdue_amount.currency_code", CurrencyUnknown;
        |d| d.overdue_amount.as_mut().unwrap().currency_code = String::new()
            => "overdue_amount.currency_code", FieldRequired;
        |d| d.oldest_due_date = None => "oldest_due_date", FieldRequired;
        |d| d.oldest_due_date = date(2025, 2, 29) => "oldest_due_date", FieldMalformed;
        |d| d.oldest_due_date = date(1969, 12, 31) => "oldest_due_date", FieldOutOfRange;
        |d| d.outstanding_amount = euro(-1, 0) => "outstanding_amount", FieldOutOfRange;
        |d| d.debtor_kind = 3 => "debtor_kind", FieldOutOfRange;
        |d| d.debtor_kind = -1 => "debtor_kind", FieldOutOfRange;
        |d| d.language = "de_AT".into() => "language", FieldMalformed;
        |d| d.close = Some(proto::CaseClose { reason: 0, date: None })
            => "close.reason", FieldRequired;
        |d| d.close = Some(proto::CaseClose { reason: 1, date: None })
            => "close.reason", FieldOutOfRange;
        |d| d.close = Some(proto::CaseClose { reason: 8, date: None })
            => "close.reason", FieldOutOfRange;
        |d| d.close = Some(proto::CaseClose { reason: 5, date: date(2025, 13, 1) })
            => "close.date", FieldMalformed;
    }
}

#[test]
fn each_broken_rule_of_the_history_is_told_by_its_path() {
    breaks! {
        |d| d.instalments[1].due_date = None => "instalments[1].due_date", FieldRequired;
        |d| d.instalments[1].due_amount = None => "instalments[1].due_amount", FieldRequired;
        |d| d.instalments[1].due_amount = euro(-5, 0)
            => "instalments[1].due_amount", FieldOutOfRange;
        |d| d.instalments[0].paid_amount = euro(-5, 0)
            => "instalments[0].paid_amount", FieldOutOfRange;
        |d| d.instalments[0].paid_amount = None => "instalments[0].paid_date", FieldConflict;
        |d| d.instalments[1].due_date = date(2025, 1, 9)
            => "instalments[1].due_date", FieldConflict;
        |d| d.instalments = vec![instalment(1); 601] => "instalments", FieldOutOfRange;
        |d| d.arrears_profile[1].month = None => "arrears_profile[1].month", FieldRequired;
        |d| d.arrears_profile[1].month = date(2025, 4, 2)
            => "arrears_profile[1].month", FieldMalformed;
        |d| d.arrears_profile[1].month = date(2025, 5, 1)
            => "arrears_profile[1].month", FieldConflict;
        |d| d.arrears_profile[0].months_past_due = None
            => "arrears_profile[0].months_past_due", FieldRequired;
        |d| d.arrears_profile[0].months_past_due = Some(121)
            => "arrears_profile[0].months_past_due", FieldOutOfRange;
        |d| d.arrears_profile[0].months_past_due = Some(-1)
            => "arrears_profile[0].months_past_due", FieldOutOfRange;
        |d| d.arrears_profile[0].paid_amount = euro(-1, 0)
            => "arrears_profile[0].paid_amount", FieldOutOfRange;
        |d| d.arrears_profile = vec![month(1); 121] => "arrears_profile", FieldOutOfRange;
    }
}

#[test]
fn each_broken_rule_of_the_callers_lists_is_told_by_its_path() {
    breaks! {
        |d| d.contact_points[0].contact_point_id = String::new()
            => "contact_points[0].contact_point_id", FieldRequired;
        |d| d.contact_points[0].contact_point_id = "p1".into()
            => "contact_points[1].contact_point_id", FieldConflict;
        |d| d.contact_points[0].kind = 5 => "contact_points[0].kind", FieldOutOfRange;
        |d| d.contact_points[0].state = 3 => "contact_points[0].state", FieldOutOfRange;
        |d| d.contact_points[0].time_zone = "Mars/Olympus".into()
            => "contact_points[0].time_zone", FieldMalformed;
        |d| d.contact_points[0].time_zone = "x".repeat(3_000)
            => "contact_points[0].time_zone", FieldMalformed;
        |d| d.contact_points[0].jurisdiction = "usa".into()
            => "contact_points[0].jurisdiction", FieldMalformed;
        |d| d.contact_points[0].jurisdiction = "US-ABCDEFGHIJKLMN".into()
            => "contact_points[0].jurisdiction", FieldMalformed;
        |d| d.contact_points = (0..17).map(|n| point(&format!("p{n}"), "")).collect()
            => "contact_points", FieldOutOfRange;
        |d| d.custom_features[0].feature_id = String::new()
            => "custom_features[0].feature_id", FieldRequired;
        |d| d.custom_features[0].feature_id = "Region".into()
            => "custom_features[0].feature_id", FieldMalformed;
        |d| d.custom_features[0].feature_id = "1st".into()
            => "custom_features[0].feature_id", FieldMalformed;
        |d| d.custom_features[0].feature_id = "a".repeat(65)
            => "custom_features[0].feature_id", FieldMalformed;
        |d| d.custom_features[0].feature_id = "vip".into()
            => "custom_features[1].feature_id", FieldConflict;
        |d| d.custom_features[0].value = None => "custom_features[0].value", FieldRequired;
        |d| d.custom_features[0].value = Some(number(f64::NAN))
            => "custom_features[0].number", FieldMalformed;
        |d| d.custom_features[0].value = Some(number(f64::NEG_INFINITY))
            => "custom_features[0].number", FieldMalformed;
        |d| d.custom_features[0].value = Some(number(9.000_001e12))
            => "custom_features[0].number", FieldOutOfRange;
        |d| d.custom_features[2].value = Some(proto::custom_feature::Value::Text("x".repeat(129)))
            => "custom_features[2].text", FieldOutOfRange;
        |d| d.custom_features = (0..201).map(|n| feature(&format!("f{n}"), number(1.0))).collect()
            => "custom_features", FieldOutOfRange;
    }
}

#[test]
fn values_at_their_bounds_are_taken() {
    let at_bounds: &[fn(&mut proto::CaseDocument)] = &[
        |d| d.case_id = "~".repeat(128),
        |d| d.source_sequence = Some(0),
        |d| d.source_sequence = Some(i64::MAX),
        |d| d.as_of_time = seconds(0),
        |d| d.as_of_time = seconds(1_750_086_400),
        |d| d.overdue_amount = euro(10_000_000_000_000, 0),
        |d| d.oldest_due_date = date(2199, 12, 31),
        |d| d.arrears_profile[0].months_past_due = Some(120),
        |d| {
            d.arrears_profile = (0..120)
                .map(|n| proto::ArrearsMonth {
                    month: date(2000 + n / 12, 1 + n % 12, 1),
                    ..month(1)
                })
                .collect()
        },
        |d| {
            d.instalments = (0..600)
                .map(|n| proto::Instalment {
                    due_date: date(2000 + n / 336, 1 + n / 28 % 12, 1 + n % 28),
                    ..instalment(1)
                })
                .collect()
        },
        |d| d.contact_points = (0..16).map(|n| point(&format!("p{n}"), "Asia/Tokyo")).collect(),
        |d| d.custom_features = (0..200).map(|n| feature(&format!("f{n}"), number(1.0))).collect(),
        |d| d.custom_features[0].value = Some(number(9e12)),
        |d| d.custom_features[0].value = Some(number(-9e12)),
        |d| d.custom_features[0].feature_id = "a".repeat(64),
    ];
    for (place, change) in at_bounds.iter().enumerate() {
        assert_eq!(broken(change), [], "change {place}");
    }
    let document =
        read(proto::CaseDocument { overdue_amount: euro(10_000_000_000_000, 0), ..good() });
    assert_eq!(document.unwrap().facts.overdue_amount_minor, AMOUNT_MINOR_MAX);
}

#[test]
fn eight_zones_may_be_in_use_and_dead_contact_points_do_not_count() {
    let zones = [
        "Europe/Berlin",
        "Europe/Rome",
        "Asia/Tokyo",
        "Asia/Seoul",
        "America/Lima",
        "America/Bogota",
        "Africa/Cairo",
        "Africa/Lagos",
        "Pacific/Auckland",
    ];
    let nine = |dead: bool| {
        move |d: &mut proto::CaseDocument| {
            let points = zones.iter().enumerate();
            d.contact_points = points.map(|(n, zone)| point(&format!("p{n}"), zone)).collect();
            if dead {
                d.contact_points[4].state = ContactPointState::Invalid as i32;
            }
        }
    };
    assert_eq!(
        broken(nine(false)),
        [("cases[3].contact_points".to_owned(), Reason::FieldOutOfRange)]
    );
    assert_eq!(broken(nine(true)), []);
}

#[test]
fn a_case_that_ends_needs_no_due_date() {
    let ends: &[fn(&mut proto::CaseDocument)] = &[
        |d| d.overdue_amount = euro(0, 0),
        |d| d.overdue_amount = euro(5, 0),
        |d| {
            d.close = Some(proto::CaseClose { reason: 5, date: None });
            d.overdue_amount = None;
        },
    ];
    for end in ends {
        assert_eq!(
            broken(|d| {
                end(d);
                d.oldest_due_date = None;
            }),
            []
        );
    }
    let open = broken(|d| {
        d.overdue_amount = euro(5, 10_000_000);
        d.oldest_due_date = None;
    });
    assert_eq!(open, [("cases[3].oldest_due_date".to_owned(), Reason::FieldRequired)]);
}

#[test]
fn all_broken_rules_are_told_at_once_up_to_a_hundred() {
    let found = broken(|d| {
        d.case_id = String::new();
        d.debtor_kind = 9;
        d.overdue_amount = None;
        d.household = Some(proto::HouseholdFacts { owns_home: 9, ..Default::default() });
        d.contact_points[1].kind = 9;
    });
    let fields: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
    for field in [
        "case_id",
        "debtor_kind",
        "overdue_amount",
        "household.owns_home",
        "contact_points[1].kind",
    ] {
        assert!(fields.contains(&&*format!("cases[3].{field}")), "{field} is not in {fields:?}");
    }
    let many = broken(|d| d.instalments = vec![proto::Instalment::default(); 600]);
    assert_eq!(many.len(), crate::model::VIOLATIONS_MAX);
}

#[test]
fn a_bad_document_keeps_its_place_among_its_neighbours() {
    let request = proto::PushCasesRequest {
        portfolio_id: "p".to_owned(),
        cases: vec![good(), proto::CaseDocument::default(), good()],
        atomic: true,
        ..Default::default()
    };
    let head = push_head(&request, NOW).unwrap();
    let command = push_command(request, head, terms());
    assert!(command.atomic && !command.validate_only);
    let places: Vec<_> = command.documents.iter().map(Result::is_ok).collect();
    assert_eq!(places, [true, false, true]);
    let rejected = command.documents[1].as_ref().unwrap_err();
    assert!(rejected.violations.0.iter().all(|v| v.field.starts_with("cases[1].")));
}

#[test]
fn what_concerns_the_whole_push_refuses_it() {
    let head = |change: fn(&mut proto::PushCasesRequest)| {
        let mut request = proto::PushCasesRequest {
            portfolio_id: "p".to_owned(),
            cases: vec![good()],
            ..Default::default()
        };
        change(&mut request);
        let broken = push_head(&request, NOW).err().unwrap_or_default();
        broken.0.into_iter().map(|v| (v.field, v.reason)).collect::<Vec<_>>()
    };
    let one = |field: &str, reason| vec![(field.to_owned(), reason)];
    assert_eq!(head(|_| ()), []);
    assert_eq!(head(|r| r.cases = vec![good(); 1_000]), []);
    assert_eq!(head(|r| r.cases.clear()), one("cases", Reason::FieldRequired));
    assert_eq!(head(|r| r.cases = vec![good(); 1_001]), one("cases", Reason::FieldOutOfRange));
    assert_eq!(head(|r| r.portfolio_id.clear()), one("portfolio_id", Reason::FieldRequired));
    assert_eq!(
        head(|r| r.as_of_time = seconds(1_750_086_401)),
        one("as_of_time", Reason::FieldOutOfRange)
    );
    assert_eq!(head(|r| *r = proto::PushCasesRequest::default()).len(), 2);
}

#[test]
fn a_document_is_written_as_it_was_read() {
    let mut given = good();
    given.behaviour = Some(proto::BehaviourFacts {
        cooperation: 5,
        promises_kept: Some(0),
        customer_since_date: date(2001, 2, 3),
        ..Default::default()
    });
    given.ability = Some(proto::AbilityFacts { limit_amount: euro(5, 0), ..Default::default() });
    let document = read(given.clone()).unwrap();
    assert_eq!(document.facts.inputs.get(Input::LimitAmount), Some(500));
    let view = crate::grpc::convert::case_view::tests::view(document);
    let written = crate::grpc::convert::case_to(&view).document.unwrap();
    let again = read(written.clone()).unwrap();
    assert_eq!((again.facts, again.source_sequence), (view.document.unwrap().0, Some(7)));
    assert_eq!(written.behaviour, given.behaviour);
    assert_eq!(written.household, None);
    assert_eq!(written.language, "de-AT");
}
