use super::*;

fn set(name: &str, text: &str) -> Result<proto::CaseDocument, Refusal> {
    let mut draft = Draft { currency: Currency::from_code("EUR"), ..Draft::default() };
    Field::from_name(name).expect(name).set(&mut draft, text)?;
    Ok(draft.document)
}

#[test]
fn every_input_of_the_model_is_a_column_with_and_without_its_group() {
    for input in INPUTS {
        let field = Some(Field::Input(*input));
        assert_eq!(Field::from_name(input.name()), field);
        let path = format!("{}.{}", input::group(*input), input.name());
        assert_eq!(Field::from_name(&path), field, "{path}");
        assert_eq!(Field::from_name(&format!("elsewhere.{}", input.name())), None);
    }
}

#[test]
fn every_input_of_an_enum_kind_has_words() {
    for input in INPUTS {
        let words = input_words(*input);
        match input.kind() {
            InputKind::Level | InputKind::Answer => assert!(words.is_some(), "{input:?}"),
            InputKind::Enum(max) => {
                let words = words.unwrap();
                let max = i32::try_from(max).unwrap();
                assert_ne!(words.word(max), "", "{input:?}");
                assert_eq!(words.word(max + 1), "", "{input:?}");
            }
            _ => assert!(words.is_none(), "{input:?}"),
        }
    }
}

#[test]
fn names_and_fields_lead_to_one_another() {
    let names = [
        "currency",
        "case_id",
        "as_of_time",
        "close_reason",
        "owns_home",
        "contact_points.16.time_zone",
        "custom_features.app_logins.number",
    ];
    for name in names {
        assert_eq!(Field::from_name(name).unwrap().name(), name);
    }
    for name in [
        "",
        "Case_Id",
        "case id",
        "contact_points.0.kind",
        "contact_points.17.kind",
        "contact_points.1.phone",
        "contact_points.1",
        "custom_features.x",
        "custom_features.x.double",
        "instalments",
    ] {
        assert_eq!(Field::from_name(name), None, "{name}");
    }
}

#[test]
fn cells_become_values_of_the_contract() {
    let document = set("owns_home", "yes").unwrap();
    assert_eq!(document.household.unwrap().owns_home, proto::Answer::Yes as i32);
    let document = set("owns_home", "Unknown").unwrap();
    assert_eq!(document.household.unwrap().owns_home, proto::Answer::Unknown as i32);
    let document = set("internal_rating", "640").unwrap();
    assert_eq!(document.credit_record.unwrap().internal_rating, Some(640));
    let document = set("monthly_income_amount", "2400.10").unwrap();
    let income = document.ability.unwrap().monthly_income_amount.unwrap();
    assert_eq!((income.units, income.nanos), (2400, 100_000_000));
    let document = set("customer_since_date", "2019-05-04").unwrap();
    let since = document.behaviour.unwrap().customer_since_date.unwrap();
    assert_eq!(since, proto::Date { year: 2019, month: 5, day: 4 });
    let document = set("overdue_reason", "own_debtor_late").unwrap();
    let reason = document.behaviour.unwrap().overdue_reason;
    assert_eq!(reason, proto::OverdueReason::OwnDebtorLate as i32);
    let document = set("overdue_reason", "false_or_changed_address").unwrap();
    let reason = document.behaviour.unwrap().overdue_reason;
    assert_eq!(reason, proto::OverdueReason::FalseOrChangedAddress as i32);
    let document = set("source_sequence", "17").unwrap();
    assert_eq!(document.source_sequence, Some(17));
    let document = set("as_of_time", "2025-11-21").unwrap();
    assert_eq!(document.as_of_time.unwrap().to_string(), "2025-11-21T00:00:00Z");
    let document = set("as_of_time", "2025-11-21T06:00:00+08:00").unwrap();
    assert_eq!(document.as_of_time.unwrap().to_string(), "2025-11-20T22:00:00Z");
    let document = set("contact_points.2.time_zone", "Asia/Taipei").unwrap();
    assert_eq!(document.contact_points[1].time_zone, "Asia/Taipei");
    let document = set("custom_features.app_logins.number", "3.5").unwrap();
    let value = document.custom_features[0].value.clone().unwrap();
    assert_eq!(value, proto::custom_feature::Value::Number(3.5));
    let document = set("custom_features.vip.flag", "no").unwrap();
    let value = document.custom_features[0].value.clone().unwrap();
    assert_eq!(value, proto::custom_feature::Value::Flag(false));
}

#[test]
fn a_bad_cell_is_refused_with_its_rule_and_what_holds() {
    use Reason::{AmountTooFine, CurrencyUnknown, FieldMalformed, FieldOutOfRange};
    let long_id = "x".repeat(129);
    for (name, text, reason, bound) in [
        ("case_id", "A 1", FieldMalformed, "0x21 to 0x7E"),
        ("debtor_id", long_id.as_str(), FieldMalformed, "at most 128"),
        ("currency", "eur", CurrencyUnknown, "ISO 4217"),
        ("currency", "XAU", CurrencyUnknown, "ISO 4217"),
        ("overdue_amount", "1.240,50", FieldMalformed, "no grouping"),
        ("overdue_amount", "-1", FieldOutOfRange, "between 0 and"),
        ("overdue_amount", "0.001", AmountTooFine, "2 decimal places"),
        ("oldest_due_date", "21.11.2025", FieldMalformed, "2025-11-21"),
        ("oldest_due_date", "2025-02-30", FieldMalformed, "2025-11-21"),
        ("source_sequence", "1.5", FieldMalformed, "whole number"),
        ("as_of_time", "yesterday", FieldMalformed, "2025-11-21T04:00:00Z"),
        ("close_reason", "GONE", FieldOutOfRange, "WRITTEN_OFF"),
        ("owns_home", "maybe", FieldOutOfRange, "UNKNOWN, NO, YES"),
        ("asset_level", "5", FieldOutOfRange, "HIGH"),
        ("internal_rating", "1001", FieldOutOfRange, "between 0 and 1000"),
        ("creditor_count", "-1", FieldOutOfRange, "between 0 and 1000"),
        ("creditor_count", "99999999999", FieldOutOfRange, "between 0 and 1000"),
        ("creditor_count", "two", FieldMalformed, "whole number"),
        ("contact_points.1.kind", "FAX", FieldOutOfRange, "MOBILE"),
        ("custom_features.vip.flag", "perhaps", FieldOutOfRange, "true"),
        ("custom_features.n.number", "NaN", FieldMalformed, "a number"),
    ] {
        let (found, text_found) = set(name, text).expect_err(name);
        assert_eq!(found, reason, "{name} {text}");
        assert!(text_found.contains(bound), "{name} {text}: {text_found}");
    }
}

#[test]
fn an_amount_without_a_currency_cannot_be_read() {
    let mut draft = Draft::default();
    let field = Field::from_name("overdue_amount").unwrap();
    assert_eq!(field.set(&mut draft, "5").unwrap_err().0, Reason::FieldConflict);
}
