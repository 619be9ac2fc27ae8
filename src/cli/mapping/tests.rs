use super::*;

fn refused(yaml: &str) -> String {
    match Mapping::from_yaml(yaml) {
        Ok(mapping) => panic!("{yaml} was read as {mapping:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_part_of_a_mapping_is_read() {
    let mapping = Mapping::from_yaml(
        r#"
delimiter: ";"
scientific: true
where:
  - { column: LATE, at_least: 1, at_most: 9.5 }
  - { column: KIND, equals: loan }
constants: { currency: EUR, debtor_kind: person }
columns: { case_id: NO, debtor_id: NO }
computed:
  oldest_due_date: { days_before_today: { column: LATE } }
  employment_type: { translate: { column: JOB, values: { worker: MANUAL } } }
  overdue_amount:
    first_of:
      - largest_positive: [B1, B2]
      - product: { columns: [LATE, LIMIT], times: 0.01 }
arrears_profile:
  - { months_before: 1, months_past_due: LATE, billed_amount: B1 }
  - { months_before: 0, months_past_due: L0, paid_amount: P0 }
ignore: [AGE]
"#,
    )
    .unwrap();
    let read: Vec<&str> = mapping.columns_read().into_iter().collect();
    assert_eq!(read, ["B1", "B2", "JOB", "KIND", "L0", "LATE", "LIMIT", "NO", "P0"]);
    assert!(Mapping::from_yaml("{}").is_ok(), "a mapping may say nothing");
}

#[test]
fn what_a_mapping_does_not_know_is_refused_with_line_and_column() {
    for (yaml, place, text) in [
        ("colums:\n  case_id: ID\n", "at line 1, column 1", "colums"),
        (
            "columns:\n  case_id: ID\n  nr: ID\n",
            "at line 3, column 7",
            "nr is not a field of a case",
        ),
        ("columns:\n  case_id: A\n  case_id: B\n", "line 3", "case_id"),
        ("where:\n  - { column: A, above: 1 }\n", "line 2", "above"),
        ("where:\n  - { column: A }\n", "at line 2, column 15", "at_least, at_most or equals"),
        ("where:\n  - { column: A, at_least: x }\n", "line 2", "\"x\" is not a number"),
        ("computed:\n  case_id: { hash: ID }\n", "line 2", "hash"),
        ("computed:\n  case_id: { largest_positive: [] }\n", "line 2", "at least one column"),
        ("computed:\n  case_id: { first_of: [] }\n", "line 2", "at least one rule"),
        (
            "computed:\n  case_id: { first_of: [ { product: { columns: [] } } ] }\n",
            "line 2",
            "at least one column",
        ),
        ("computed:\n  case_id: { translate: { column: A, values: {} } }\n", "line 2", "values"),
        ("constants:\n  currency: EURO\n", "at line 2, column 13", "ISO 4217"),
        ("constants:\n  owns_home: perhaps\n", "at line 2, column 14", "UNKNOWN, NO, YES"),
        (
            "constants:\n  currency: JPY\n  limit_amount: 0.5\n",
            "at line 3, column 17",
            "0 decimal places",
        ),
        (
            "constants: { currency: EUR }\ncolumns:\n  currency: CUR\n",
            "at line 3, column 13",
            "more than one",
        ),
        (
            "arrears_profile:\n  - { months_before: 1, months_past_due: A }\n  - { months_before: 1, \
             months_past_due: B }\n",
            "line 3",
            "stands twice",
        ),
        (
            "arrears_profile:\n  - { months_before: 120, months_past_due: A }\n",
            "line 2",
            "at most 119",
        ),
        ("arrears_profile:\n  - { months_before: -1, months_past_due: A }\n", "line 2", ""),
        ("arrears_profile:\n  - { months_past_due: A }\n", "line 2", "months_before"),
        ("columns: [case_id]\n", "line 1", ""),
        ("columns: {case_id: ID\n", "line", ""),
    ] {
        let error = refused(yaml);
        assert!(error.contains(place), "{yaml}: {error}");
        assert!(error.contains(text), "{yaml}: {error}");
    }
}

#[test]
fn ranges_rise_and_days_are_told_once() {
    for (yaml, place, text) in [
        ("computed:\n  case_id: { ranges: { column: A, values: [] } }\n", "line 2", "the last one"),
        (
            "computed:\n  case_id: { ranges: { column: A, values: [ { below: 2, value: x } ] } }\n",
            "line 2",
            "the last one has none",
        ),
        (
            "computed:\n  case_id:\n    ranges: { column: A, values: [ { below: 2, value: x }, { below: \
             2, value: y }, { value: z } ] }\n",
            "line 3",
            "rise",
        ),
        (
            "computed:\n  case_id:\n    ranges: { column: A, values: [ { value: x }, { value: z } ] }\n",
            "line 3",
            "rise",
        ),
        ("computed:\n  case_id: { days_before_today: {} }\n", "line 2", "needs days, or a column"),
        (
            "computed:\n  case_id: { days_before_today: { days: 1, column: A } }\n",
            "line 2",
            "needs days, or a column",
        ),
        (
            "computed:\n  case_id: { days_before_today: { days: 1, times: 2 } }\n",
            "line 2",
            "needs days, or a column",
        ),
        (
            "computed:\n  case_id: { days_before_today: { days: 1.5 } }\n",
            "line 2",
            "days must be a whole number",
        ),
    ] {
        let error = refused(yaml);
        assert!(error.contains(place) && error.contains(text), "{yaml}: {error}");
    }
}

#[test]
fn an_amount_may_be_constant_while_its_currency_stands_in_the_rows() {
    assert!(Mapping::from_yaml("constants: { limit_amount: 0.5 }").is_ok());
}

/// Loan numbers and inputs of the business; nothing that came after, and nothing
/// that what came after has changed.
#[test]
fn the_example_of_sba_reads_no_outcome_and_nothing_that_knows_it() {
    let mapping = Mapping::from_yaml(include_str!("../../../examples/sba/mapping.yaml")).unwrap();
    let read: Vec<&str> = mapping.columns_read().into_iter().collect();
    let known = ["DisbursementGross", "FranchiseCode", "LoanNr_ChkDgt", "NewExist", "NoEmp"];
    assert_eq!(read, [&known[..], &["UrbanRural"]].concat());
    for knows in ["Term", "ChgOffDate", "MIS_Status", "ChgOffPrinGr", "charged_off"] {
        assert!(mapping.ignore.iter().any(|name| name == knows), "{knows} is named as left unread");
    }
}
