//! The outcome table.

use super::{calendar, instant};
use crate::model::{ContactPolicy, HoldKind, Micros};
use crate::policy::{Cooling, Effect, HoldScope, OUTCOMES_YAML, OutcomeTable, OutcomeTableError};

const ROW: &str = "{code: no_answer, effect: NO_CONTACT, counted: true, right_party: false, \
                   cooling_minutes: 240}";

fn table(rows: &[&str]) -> String {
    let rows: Vec<String> = rows.iter().map(|row| format!("  - {row}\n")).collect();
    format!("schema: outcomes/1\noutcomes:\n{}", rows.concat())
}

fn refusal(yaml: &str) -> String {
    OutcomeTable::parse(yaml).expect_err(yaml).to_string()
}

#[test]
fn the_shipped_table_is_read() {
    let table = OutcomeTable::shipped();
    assert_eq!(table, OutcomeTable::parse(OUTCOMES_YAML).expect("the same text"));
    assert_eq!(table.codes().count(), table.rows().len());
    let promise = table.get("promise").expect("named in the contract");
    assert_eq!((promise.effect, promise.counted), (Effect::Promise, true));
    assert!(table.get("no_answer").is_some() && table.get("NO_ANSWER").is_none());
}

#[test]
fn using_a_right_places_a_hold_and_is_no_refusal() {
    let table = OutcomeTable::shipped();
    let rights = [
        ("dispute", HoldKind::Dispute, HoldScope::Case),
        ("hardship", HoldKind::Hardship, HoldScope::Debtor),
        ("complaint", HoldKind::Complaint, HoldScope::Debtor),
        ("do_not_call", HoldKind::DoNotCall, HoldScope::Debtor),
        ("cease", HoldKind::Cease, HoldScope::Debtor),
        ("represented", HoldKind::Represented, HoldScope::Debtor),
        ("breathing_space", HoldKind::BreathingSpace, HoldScope::Debtor),
    ];
    for (code, kind, scope) in rights {
        let row = table.get(code).expect(code);
        assert_eq!(row.effect, Effect::Hold { kind, scope }, "{code}");
        assert!(row.effect.strong(), "{code}");
    }
}

#[test]
fn late_reports_move_a_case_only_by_strong_effects() {
    let table = OutcomeTable::shipped();
    let strong = |code: &str| table.get(code).expect(code).effect.strong();
    assert!(
        strong("promise") && strong("claims_paid") && strong("do_not_call") && strong("dispute")
    );
    for code in ["not_dialled", "no_answer", "third_party", "number_dead", "contacted", "refusal"] {
        assert!(!strong(code), "{code}");
    }
}

#[test]
fn the_hash_is_that_of_the_content() {
    let hash = |yaml: &str| OutcomeTable::parse(yaml).expect(yaml).content_hash();
    let same = "outcomes:\n - code: 'no_answer'\n   counted: true\n   effect: NO_CONTACT\n   \
                right_party: false\n   cooling_minutes: 240\nschema: outcomes/1";
    assert_eq!(hash(&table(&[ROW])), hash(same));
    assert_ne!(hash(&table(&[ROW])), hash(&table(&[&ROW.replace("240", "241")])));
    assert_ne!(hash(&table(&[ROW])), hash(&table(&[&ROW.replace("minutes: 240", "days: 24")])));
    let text = "no_answer|NO_CONTACT||true|false|240 minutes\n";
    assert_eq!(hash(&table(&[ROW])), *blake3::hash(text.as_bytes()).as_bytes());
}

#[test]
fn cooling_ends_after_minutes_or_with_the_debtors_day() {
    let calendar = calendar(&ContactPolicy::Always, &["America/New_York", "America/Los_Angeles"]);
    let at = instant("2026-11-21T12:00Z");
    assert_eq!(Cooling::Minutes(90).until(at, &calendar), at.plus(90 * Micros::MINUTE));
    assert_eq!(Cooling::Days(1).until(at, &calendar), instant("2026-11-22T08:00Z"));
    // It is Saturday in New York already, still Friday in Los Angeles.
    let night = instant("2026-11-21T06:00Z");
    assert_eq!(Cooling::Days(1).until(night, &calendar), instant("2026-11-22T05:00Z"));
}

#[test]
fn texts_that_are_no_table_are_refused() {
    let bad = [
        ("", "cannot be read"),
        ("schema: outcomes/1\noutcomes: 7\n", "cannot be read"),
        (&table(&[&ROW.replace("cooling_minutes", "cooling")]), "unknown field `cooling`"),
        (&table(&[&ROW.replace("NO_CONTACT", "SHOUTED")]), "SHOUTED"),
        (&table(&[&ROW.replace("counted: true, ", "")]), "counted"),
        (&table(&[&ROW.replace("counted: true", "counted: perhaps")]), "cannot be read"),
        (&table(&[&ROW.replace("code:", "code: x, code:")]), "cannot be read"),
    ];
    for (yaml, part) in bad {
        let text = refusal(yaml);
        assert!(text.contains(part), "{text:?} says nothing of {part:?}");
    }
    assert!(refusal(bad[2].0).contains("line 3"), "{}", refusal(bad[2].0));
}

#[test]
fn rows_that_break_rules_are_refused_with_field_value_and_bound() {
    let hold = "{code: dispute, effect: HOLD, hold: DISPUTE, scope: CASE, counted: true, \
                right_party: true, cooling_days: 1}";
    let bad = [
        (ROW.replace("no_answer", "No-Answer"), "outcomes[0].code is \"No-Answer\"; a-z, 0-9"),
        (ROW.replace("no_answer", &"x".repeat(65)), "at most 64 bytes"),
        (ROW.replace("no_answer", "''"), "outcomes[0].code is \"\""),
        (ROW.replace("240", "43201"), "cooling_minutes is \"43201\"; it must be 0 to 43200"),
        (ROW.replace("240", "-1"), "cooling_minutes is \"-1\""),
        (ROW.replace("minutes: 240", "days: 0"), "cooling_days is \"0\"; it must be 1 to 60"),
        (ROW.replace("minutes: 240", "days: 61"), "cooling_days is \"61\""),
        (ROW.replace(", cooling_minutes: 240", ""), "cooling_minutes is required"),
        (ROW.replace("240", "240, cooling_days: 1"), "cooling_days is given too"),
        (ROW.replace("party: false", "party: true"), "right_party is \"true\"; it contradicts"),
        (ROW.replace("NO_CONTACT", "PROMISE"), "right_party is \"false\"; it contradicts"),
        (ROW.replace("NO_CONTACT", "NOT_DIALLED"), "counted is \"true\"; an attempt that was not"),
        (ROW.replace("NO_CONTACT", "NO_CONTACT, hold: CEASE"), "only the effect HOLD takes it"),
        (ROW.replace("NO_CONTACT", "NO_CONTACT, scope: CASE"), "scope is \"CASE\"; only"),
        (hold.replace("hold: DISPUTE, ", ""), "outcomes[0].hold is required"),
        (hold.replace("scope: CASE, ", ""), "outcomes[0].scope is required"),
        (hold.replace("hold: DISPUTE", "hold: SULKING"), "one of CEASE, REPRESENTED, DISPUTE"),
    ];
    for (row, part) in bad {
        let text = refusal(&table(&[&row]));
        assert!(text.contains(part), "{text:?} says nothing of {part:?}");
    }
    assert!(OutcomeTable::parse(&table(&[ROW, hold])).is_ok());
    assert!(refusal(&table(&[ROW, hold, ROW])).contains("outcomes[2].code is \"no_answer\"; each"));
    assert!(refusal("schema: outcomes/1\noutcomes: []\n").contains("must be 1 to 256"));
    assert!(refusal(&table(&[ROW]).replace("outcomes/1", "outcomes/9")).contains("\"outcomes/9\""));
}

#[test]
fn all_broken_rules_are_found_at_once() {
    let row = ROW.replace("no_answer", "NO").replace("240", "-5");
    let Err(OutcomeTableError::Invalid(found)) = OutcomeTable::parse(&table(&[&row])) else {
        panic!("two rules are broken");
    };
    let fields: Vec<&str> = found.0.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["outcomes[0].code", "outcomes[0].cooling_minutes"]);
}
