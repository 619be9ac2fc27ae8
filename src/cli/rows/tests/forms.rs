//! Files as other programs write them: encodings, decimal commas, and the rest of
//! a file of which an earlier run has taken the beginning.

use super::*;

fn rows_of(bytes: &[u8], mapping: &str) -> Vec<Row> {
    let mapping = Mapping::from_yaml(mapping).unwrap();
    Rows::new(bytes, &mapping, today()).unwrap().collect::<Result<_, _>>().unwrap()
}

/// The text of the custom feature of the first row.
fn branch(rows: &[Row]) -> String {
    let document = rows[0].document.as_ref().unwrap();
    match document.custom_features[0].value.clone().unwrap() {
        proto::custom_feature::Value::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

const BRANCH: &str = "case_id,debtor_id,overdue_amount,currency,oldest_due_date,\
                      custom_features.branch.text\nL,D,5,EUR,2025-10-01,M\u{fc}nchen \u{20ac}\n";

fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn text_of_other_encodings_is_read_as_what_it_means() {
    let marked = format!("\u{feff}{BRANCH}");
    let windows: Vec<u8> = BRANCH
        .chars()
        .map(|c| match c {
            '\u{20ac}' => 0x80,
            c => u8::try_from(u32::from(c)).unwrap(),
        })
        .collect();
    for (encoding, bytes) in [
        ("utf-8", BRANCH.as_bytes().to_vec()),
        ("utf-8", marked.as_bytes().to_vec()),
        ("windows-1252", windows.clone()),
        ("latin1", windows),
        ("windows-1252", marked.as_bytes().to_vec()),
        ("utf-16", utf_16(BRANCH, u16::to_le_bytes)),
        ("utf-16", utf_16(&marked, u16::to_le_bytes)),
        ("utf-16", utf_16(&marked, u16::to_be_bytes)),
    ] {
        let rows = rows_of(&bytes, &format!("encoding: {encoding}"));
        assert_eq!(branch(&rows), "M\u{fc}nchen \u{20ac}", "{encoding}");
    }
}

#[test]
fn a_cell_that_cannot_be_decoded_spoils_its_row_only() {
    let mut bytes = utf_16(BRANCH, u16::to_le_bytes);
    // Half of a pair.
    let broken = BRANCH.lines().nth(1).unwrap().replace('\u{20ac}', "?");
    let line = utf_16(&format!("{broken}\n"), u16::to_le_bytes);
    bytes.extend(line.chunks(2).flat_map(|unit| match unit {
        [b'?', 0] => [0x00, 0xd8],
        unit => [unit[0], unit[1]],
    }));
    let rows = rows_of(&bytes, "encoding: utf-16");
    assert!(rows[0].document.is_ok());
    let found = violations(&rows[1]);
    assert_eq!(found[0].field, "custom_features.branch.text");
    assert!(found[0].bound.contains("encoding"), "{found:?}");
}

#[test]
fn an_encoding_that_is_not_known_is_refused() {
    let error = Mapping::from_yaml("encoding: ebcdic").unwrap_err().to_string();
    assert!(error.contains("ebcdic") && error.contains("windows-1252"), "{error}");
    assert!(Mapping::from_yaml("decimal: dot").is_err());
}

#[test]
fn a_decimal_comma_is_read_and_a_point_beside_it_refused() {
    let header = "case_id;debtor_id;overdue_amount;currency;oldest_due_date;internal_rating;\
                  custom_features.share.number";
    let mapping = "{delimiter: ';', decimal: comma}";
    let read = |line: &str| rows_of(format!("{header}\n{line}\n").as_bytes(), mapping).remove(0);
    let row = read("L.1;D;1240,50;EUR;2025-10-01;640;0,5");
    let document = row.document.unwrap();
    let amount = document.overdue_amount.unwrap();
    assert_eq!((document.case_id.as_str(), amount.units, amount.nanos), ("L.1", 1240, 500_000_000));
    let share = document.custom_features[0].value.clone().unwrap();
    assert_eq!(share, proto::custom_feature::Value::Number(0.5));
    for (amount, share) in [("1.240,50", "0,5"), ("1240.50", "0,5"), ("1240,50", "0.5")] {
        let row = read(&format!("L;D;{amount};EUR;2025-10-01;640;{share}"));
        let found = violations(&row);
        assert_eq!((found.len(), found[0].reason), (1, Reason::FieldMalformed), "{amount} {share}");
        assert!(found[0].bound.contains("1240,50"), "{found:?}");
    }
}

#[test]
fn conditions_and_computed_fields_read_the_same_numbers() {
    let csv = "id;limit;late\nL-1;20000,0;0,5\nL-2;100;-1,5\n";
    let mapping = "
delimiter: ';'
decimal: comma
where: [{ column: late, at_least: 0.5 }]
constants: { currency: EUR, oldest_due_date: 2025-10-01 }
columns: { case_id: id, debtor_id: id }
computed:
  overdue_amount: { product: { columns: [limit, late], times: 0.01 } }
";
    let rows = rows_of(csv.as_bytes(), mapping);
    assert_eq!(rows.len(), 1);
    let amount = rows[0].document.as_ref().unwrap().overdue_amount.clone().unwrap();
    assert_eq!(amount.units, 100);
}

#[test]
fn what_an_earlier_run_has_taken_is_left_out() {
    let lines: Vec<String> = (2..=9).map(|at| format!("L-{at},D,5,EUR,2025-10-01")).collect();
    let csv = format!("{HEADER}\n{}\n", lines.join("\n"));
    let numbers = |behind: u64| {
        let mut rows =
            Rows::new(csv.as_bytes(), &Mapping::default(), today()).unwrap().behind(behind);
        let found: Vec<u64> = rows.by_ref().map(|row| row.unwrap().number).collect();
        assert_eq!(found.len() as u64 + rows.skipped_count(), 8);
        found
    };
    assert_eq!(numbers(0), (2..=9).collect::<Vec<u64>>());
    assert_eq!(numbers(7), [8, 9]);
    assert_eq!(numbers(99), [0; 0]);
}
