use super::*;
use crate::model::{Reason, Violation};

mod forms;
mod taiwan;

const HEADER: &str = "case_id,debtor_id,overdue_amount,currency,oldest_due_date";

fn today() -> Day {
    Day::from_ymd(2025, 11, 21).unwrap()
}

fn read_with(csv: &str, mapping: &str) -> Result<Vec<Row>, InvalidFile> {
    let mapping = Mapping::from_yaml(mapping).unwrap();
    Rows::new(csv.as_bytes(), &mapping, today())?.collect()
}

fn read(csv: &str) -> Vec<Row> {
    read_with(csv, "{}").unwrap()
}

fn refused_file(csv: &str, mapping: &str) -> String {
    read_with(csv, mapping).map(|rows| rows.len()).expect_err(csv).to_string()
}

fn violations(row: &Row) -> &[Violation] {
    &row.document.as_ref().unwrap_err().0
}

#[test]
fn five_columns_need_no_mapping() {
    let rows = read(&format!("{HEADER}\nL-1,D-9,1240.50,EUR,2025-10-01\n"));
    let document = rows[0].document.as_ref().unwrap();
    assert_eq!(rows[0].number, 2);
    assert_eq!((document.case_id.as_str(), document.debtor_id.as_str()), ("L-1", "D-9"));
    let amount = document.overdue_amount.clone().unwrap();
    assert_eq!(
        (amount.currency_code.as_str(), amount.units, amount.nanos),
        ("EUR", 1240, 500_000_000)
    );
    assert_eq!(document.oldest_due_date, Some(proto::Date { year: 2025, month: 10, day: 1 }));
    assert_eq!(document.behaviour, None, "what was not told is not set");
}

#[test]
fn columns_may_stand_in_any_order_behind_a_byte_order_mark_and_spaces() {
    let rows = read(
        "\u{feff}oldest_due_date, currency ,overdue_amount,debtor_id,case_id,owns_home\r\n\
         2025-10-01, EUR ,\" 5 \",D-1,L-1,\r\n",
    );
    let document = rows[0].document.as_ref().unwrap();
    assert_eq!(document.case_id, "L-1");
    assert_eq!(document.overdue_amount.clone().unwrap().units, 5);
    assert_eq!(document.household, None, "an empty cell is not told");
}

#[test]
fn every_bad_cell_is_named_with_its_row_field_value_and_reason() {
    let cases = [
        ("case_id", "L 1,D,5,EUR,2025-10-01", "L 1", Reason::FieldMalformed),
        ("case_id", ",D,5,EUR,2025-10-01", "", Reason::FieldRequired),
        ("debtor_id", "L,D\u{e4},5,EUR,2025-10-01", "D\u{e4}", Reason::FieldMalformed),
        ("debtor_id", "L,,5,EUR,2025-10-01", "", Reason::FieldRequired),
        ("overdue_amount", "L,D,\"1,240\",EUR,2025-10-01", "1,240", Reason::FieldMalformed),
        ("overdue_amount", "L,D,1e3,EUR,2025-10-01", "1e3", Reason::FieldMalformed),
        ("overdue_amount", "L,D,-5,EUR,2025-10-01", "-5", Reason::FieldOutOfRange),
        ("overdue_amount", "L,D,0.001,EUR,2025-10-01", "0.001", Reason::AmountTooFine),
        ("overdue_amount", "L,D,,EUR,2025-10-01", "", Reason::FieldRequired),
        ("currency", "L,D,5,EURO,2025-10-01", "EURO", Reason::CurrencyUnknown),
        ("currency", "L,D,5,,2025-10-01", "", Reason::FieldRequired),
        ("oldest_due_date", "L,D,5,EUR,2025-02-29", "2025-02-29", Reason::FieldMalformed),
        ("oldest_due_date", "L,D,5,EUR,10/01/2025", "10/01/2025", Reason::FieldMalformed),
        ("row", "L,D,5,EUR", "4 cells", Reason::FieldMalformed),
        ("row", "L,D,5,EUR,2025-10-01,x", "6 cells", Reason::FieldMalformed),
    ];
    let bad: Vec<&str> = cases.iter().map(|case| case.1).collect();
    let rows = read(&format!("{HEADER}\n{}\nL,D,5,EUR,2025-10-01\n", bad.join("\n")));
    assert_eq!(rows.len(), cases.len() + 1);
    for (at, (field, line, value, reason)) in cases.into_iter().enumerate() {
        let found = violations(&rows[at]);
        assert_eq!(rows[at].number, at as u64 + 2, "{line}");
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert_eq!((found[0].field.as_str(), found[0].reason), (field, reason), "{line}");
        assert_eq!(found[0].value, value, "{line}");
    }
    assert!(rows.last().unwrap().document.is_ok(), "a good row after bad ones is taken");
}

#[test]
fn all_bad_cells_of_a_row_are_named_at_once() {
    let rows = read(&format!("{HEADER},owns_home\nL 1,D 2,x,EUR,y,perhaps\n"));
    let fields: Vec<&str> = violations(&rows[0]).iter().map(|v| v.field.as_str()).collect();
    let expected = ["case_id", "debtor_id", "overdue_amount", "oldest_due_date", "owns_home"];
    assert_eq!(fields, expected);
}

#[test]
fn a_cell_that_is_not_utf_8_spoils_its_row_only() {
    let mut csv = format!("{HEADER}\n").into_bytes();
    csv.extend(b"L-\xe4,D,5,EUR,2025-10-01\nL-2,D,5,EUR,2025-10-01\n");
    let rows = Rows::new(csv.as_slice(), &Mapping::default(), today()).unwrap();
    let rows: Vec<Row> = rows.collect::<Result<_, _>>().unwrap();
    assert_eq!(violations(&rows[0])[0].reason, Reason::FieldMalformed);
    assert!(violations(&rows[0])[0].bound.contains("UTF-8"));
    assert!(rows[1].document.is_ok());
}

#[test]
fn a_row_keeps_its_number_behind_quoted_line_breaks_and_empty_lines() {
    let rows = read(&format!("{HEADER},language\n\"L\n1\",D,5,EUR,2025-10-01,\n\nL,D,5,EUR,x,\n"));
    assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), [2, 4]);
}

#[test]
fn a_closed_case_needs_no_amount() {
    let rows = read(&format!("{HEADER},close_reason,close_date\nL,D,,,,SOLD,2025-11-20\n"));
    let close = rows[0].document.as_ref().unwrap().close.unwrap();
    assert_eq!(close.reason, proto::CloseReason::Sold as i32);
}

#[test]
fn an_unknown_column_is_refused_and_the_known_ones_are_named() {
    let csv = format!("{HEADER},phone\nL,D,5,EUR,2025-10-01,1\n");
    let error = refused_file(&csv, "{}");
    assert!(error.contains("\"phone\"") && error.contains("monthly_income_amount"), "{error}");
    assert!(read_with(&csv, "ignore: [phone]").unwrap()[0].document.is_ok());
    assert!(read_with(&csv, "ignore_others: true").is_err(), "the five are then not read");
}

#[test]
fn a_file_without_the_five_columns_is_refused() {
    for (csv, mapping, text) in [
        ("", "{}", "nothing fills case_id"),
        ("case_id,debtor_id,overdue_amount,oldest_due_date\n", "{}", "nothing fills currency:"),
        ("a;b\n", "{}", "\"a;b\""),
        ("case_id,case_id\n", "{}", "stands twice"),
        ("case_id\n", "columns: { debtor_id: NO }", "reads column \"NO\""),
        (
            "case_id,debtor_id,overdue_amount,currency,oldest_due_date,NO\n",
            "columns: { case_id: NO }",
            "case_id is filled twice",
        ),
        (
            "case_id,debtor_id,overdue_amount,currency,oldest_due_date,owns_home,household.owns_home\n",
            "{}",
            "owns_home is filled twice",
        ),
    ] {
        let error = refused_file(csv, mapping);
        assert!(error.contains(text), "{csv}: {error}");
    }
}

#[test]
fn rules_compute_fields_exactly() {
    let mapping = "
delimiter: ';'
where: [ { column: late, at_least: 0 } ]
constants: { currency: TWD }
columns: { case_id: no, debtor_id: no }
computed:
  oldest_due_date: { days_before_today: { column: late, times: 30 } }
  employment_type: { translate: { column: job, values: { w: MANUAL } } }
  overdue_amount:
    first_of:
      - largest_positive: [b1, b2]
      - product: { columns: [late, limit], times: 0.01 }
";
    let csv = "no;late;job;b1;b2;limit\n\
               1;2;w;-5;7.50;900\n\
               2;1;;0;-1;900\n\
               3;-1;w;1;1;900\n\
               4;;w;1;1;900\n\
               5;x;w;1;1;900\n\
               6;1;boss;1;1;900\n\
               7;0.01;w;1;1;900\n\
               8;99999999;w;1;1;900\n\
               9;1;w;1;many;900\n\
               10;1;w;;;0.5\n";
    let rows = read_with(csv, mapping).unwrap();
    let document = |at: usize| rows[at].document.as_ref().unwrap();
    assert_eq!(document(0).oldest_due_date.unwrap(), proto::Date { year: 2025, month: 9, day: 22 });
    assert_eq!(document(0).overdue_amount.clone().unwrap().nanos, 500_000_000);
    let employment = document(0).household.unwrap().employment_type;
    assert_eq!(employment, proto::EmploymentType::Manual as i32);
    assert_eq!(document(1).overdue_amount.clone().unwrap().units, 9, "1 % of 900");
    let numbers: Vec<u64> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, [2, 3, 6, 7, 8, 9, 10, 11], "rows 4 and 5 are no cases");
    for (at, field, value, bound) in [
        (2, "late", "x", "must be a number"),
        (3, "employment_type", "boss", "translates these of column job: w"),
        (4, "oldest_due_date", "0.01", "whole number of days"),
        (5, "oldest_due_date", "99999999", "between 1970-01-01"),
        (6, "overdue_amount", "many", "column b2 must be a number"),
        (7, "overdue_amount", "0.005", "2 decimal places"),
    ] {
        let found = &violations(&rows[at])[0];
        assert_eq!((found.field.as_str(), found.value.as_str()), (field, value));
        assert!(found.bound.contains(bound), "{}", found.bound);
    }
}

#[test]
fn a_day_may_be_constant_and_numbers_fall_into_ranges() {
    let mapping = "
constants: { currency: USD, overdue_amount: 5 }
columns: { case_id: no, debtor_id: no }
computed:
  oldest_due_date: { days_before_today: { days: 45 } }
  relocation_difficulty:
    ranges: { column: staff, values: [ { below: 2, value: '' }, { below: 9.5, value: LOW }, { value: HIGH } ] }
  business_months: { translate: { column: new, values: { '1': 60, '0': '' } } }
";
    let csv = "no;staff;new\n1;1;1\n2;2;0\n3;9.5;1\n4;;\n5;many;1\n6;1;7\n".replace(';', ",");
    let rows = read_with(&csv, mapping).unwrap();
    let told = |at: usize| {
        let document = rows[at].document.as_ref().unwrap();
        let business = document.business.unwrap_or_default();
        assert_eq!(document.oldest_due_date, Some(proto::Date { year: 2025, month: 10, day: 7 }));
        (business.relocation_difficulty(), business.business_months)
    };
    use proto::Level;
    assert_eq!(told(0), (Level::Unspecified, Some(60)), "an empty value is not told");
    assert_eq!(told(1), (Level::Low, None));
    assert_eq!(told(2), (Level::High, Some(60)), "an end is not included");
    assert_eq!(told(3), (Level::Unspecified, None), "an empty cell is not told");
    assert_eq!(violations(&rows[4])[0].field, "relocation_difficulty");
    assert!(violations(&rows[5])[0].bound.contains("translates these of column new: 0, 1"));
}

#[test]
fn a_profile_counts_months_back_from_today() {
    let mapping = "
arrears_profile:
  - { months_before: 0, months_past_due: a, billed_amount: b, paid_amount: p }
  - { months_before: 11, months_past_due: c }
";
    let csv = format!(
        "{HEADER},a,b,p,c\nL,D,5,EUR,2025-10-01,-2,-3,4.5,3\nM,D,5,EUR,2025-10-01,,1,1,121\n"
    );
    let rows = read_with(&csv, mapping).unwrap();
    let profile = &rows[0].document.as_ref().unwrap().arrears_profile;
    assert_eq!(profile[0].month, Some(proto::Date { year: 2025, month: 11, day: 1 }));
    assert_eq!(profile[0].months_past_due, Some(0), "codes below 0 are 0 months");
    assert_eq!(profile[0].billed_amount.clone().unwrap().units, 0, "a credit is nothing billed");
    assert_eq!(profile[0].paid_amount.clone().unwrap().nanos, 500_000_000);
    assert_eq!(profile[1].month, Some(proto::Date { year: 2024, month: 12, day: 1 }));
    assert_eq!(violations(&rows[1])[0].field, "arrears_profile");
    assert_eq!(violations(&rows[1])[0].value, "121");
}
