//! The file of what was rejected: row, field, value, reason and a sentence.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use crate::cli::failure::{Exit, Failure};
use crate::cli::field::Field;
use crate::model::Violation;
use crate::proto;

const HEADER: [&str; 5] = ["row", "field", "value", "reason", "message"];

/// One broken rule of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reject {
    /// The line of the row.
    pub row: u64,
    field: String,
    value: String,
    reason: String,
    message: String,
}

impl Reject {
    /// A rule broken by a cell.
    pub(super) fn of_cell(row: u64, violation: Violation) -> Reject {
        Reject {
            row,
            message: violation.text(),
            field: violation.field,
            value: violation.value,
            reason: violation.reason.name().to_owned(),
        }
    }

    /// What the server found wrong with a row; `cell` knows what stood there.
    pub(super) fn of_item(
        row: u64,
        error: proto::ItemError,
        cell: impl Fn(&str) -> Option<String>,
    ) -> Vec<Reject> {
        if error.violations.is_empty() {
            let (field, value) = (String::new(), String::new());
            return vec![Reject {
                row,
                field,
                value,
                reason: error.reason,
                message: error.message,
            }];
        }
        let reject = |violation: proto::FieldViolation| {
            let path = violation.field;
            let within = path.split_once("].").filter(|(of, _)| of.starts_with("cases["));
            let field = within.map_or(path.as_str(), |(_, field)| field).to_owned();
            Reject {
                row,
                value: cell(&column(&field)).unwrap_or_default(),
                reason: violation.reason,
                message: violation.description.replace(&path, &field),
                field,
            }
        };
        error.violations.into_iter().map(reject).collect()
    }

    fn cells(&self) -> [String; 5] {
        let Reject { row, field, value, reason, message } = self.clone();
        [row.to_string(), field, value, reason, message]
    }
}

/// The column that fills a field of the contract, by the field's path within the
/// document.
fn column(path: &str) -> String {
    // Every amount has its currency from the one column.
    if path.ends_with(".currency_code") {
        return "currency".to_owned();
    }
    let point = path.strip_prefix("contact_points[").and_then(|rest| rest.split_once("]."));
    if let Some((at, part)) = point
        && let Ok(at) = at.parse::<usize>()
    {
        return format!("contact_points.{}.{part}", at + 1);
    }
    Field::from_name(path).map_or_else(|| path.to_owned(), |field| field.name())
}

/// Where rejects are written: the file is made with the first one.
pub(super) struct Rejects {
    path: PathBuf,
    /// Whether the rejects of an earlier run stay in the file.
    append: bool,
    writer: Option<csv::Writer<File>>,
}

impl Rejects {
    /// Rejects that will stand at a path, behind those that stand there or instead
    /// of them.
    pub(super) fn new(path: PathBuf, append: bool) -> Rejects {
        Rejects { path, append, writer: None }
    }

    /// The file, if something was rejected.
    pub(super) fn path(&self) -> Option<&Path> {
        self.writer.is_some().then_some(self.path.as_path())
    }

    /// Writes rejects, in the order given.
    pub(super) fn write(&mut self, rejects: &[Reject]) -> Result<(), Failure> {
        let failed = |path: &Path, error: csv::Error| {
            Failure::new(Exit::Failure, format!("{}: {error}", path.display()))
        };
        if rejects.is_empty() {
            return Ok(());
        }
        if self.writer.is_none() {
            let mut options = OpenOptions::new();
            options.create(true).write(true).append(self.append).truncate(!self.append);
            let file =
                options.open(&self.path).map_err(|error| failed(&self.path, error.into()))?;
            let empty = file.metadata().map_or(true, |metadata| metadata.len() == 0);
            let mut writer = csv::Writer::from_writer(file);
            if empty {
                writer.write_record(HEADER).map_err(|error| failed(&self.path, error))?;
            }
            self.writer = Some(writer);
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        for reject in rejects {
            writer.write_record(reject.cells()).map_err(|error| failed(&self.path, error))?;
        }
        writer.flush().map_err(|error| failed(&self.path, error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;

    fn violation(field: &str) -> Violation {
        Violation {
            field: field.to_owned(),
            reason: Reason::FieldOutOfRange,
            value: "-5".to_owned(),
            bound: "it must lie between 0 and 9".to_owned(),
        }
    }

    #[test]
    fn no_reject_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.csv");
        let mut rejects = Rejects::new(path.clone(), false);
        rejects.write(&[]).unwrap();
        assert_eq!(rejects.path(), None);
        assert!(!path.exists());
    }

    #[test]
    fn rejects_are_written_with_row_field_value_reason_and_message() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.csv");
        let mut rejects = Rejects::new(path.clone(), false);
        rejects.write(&[Reject::of_cell(7, violation("overdue_amount"))]).unwrap();
        rejects.write(&[Reject::of_cell(9, violation("creditor_count"))]).unwrap();
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            "row,field,value,reason,message\n\
             7,overdue_amount,-5,FIELD_OUT_OF_RANGE,\"overdue_amount is \"\"-5\"\"; it must lie \
             between 0 and 9\"\n\
             9,creditor_count,-5,FIELD_OUT_OF_RANGE,\"creditor_count is \"\"-5\"\"; it must lie \
             between 0 and 9\"\n"
        );
    }

    #[test]
    fn paths_of_the_contract_lead_to_columns() {
        for (path, name) in [
            ("overdue_amount", "overdue_amount"),
            ("overdue_amount.currency_code", "currency"),
            ("ability.limit_amount.currency_code", "currency"),
            ("behaviour.creditor_count", "creditor_count"),
            ("contact_points[0].time_zone", "contact_points.1.time_zone"),
            ("instalments[3].due_date", "instalments[3].due_date"),
        ] {
            assert_eq!(column(path), name);
        }
    }

    #[test]
    fn what_the_server_rejects_is_led_back_to_the_cell() {
        let error = proto::ItemError {
            reason: "FIELD_OUT_OF_RANGE".to_owned(),
            violations: vec![proto::FieldViolation {
                field: "cases[17].behaviour.creditor_count".to_owned(),
                reason: "FIELD_OUT_OF_RANGE".to_owned(),
                description: "cases[17].behaviour.creditor_count is 2000".to_owned(),
            }],
            ..Default::default()
        };
        let cell = |field: &str| (field == "creditor_count").then(|| "2000".to_owned());
        let rejects = Reject::of_item(4, error, cell);
        assert_eq!(rejects[0].field, "behaviour.creditor_count");
        assert_eq!(rejects[0].value, "2000");
        assert_eq!(rejects[0].message, "behaviour.creditor_count is 2000");
        let error =
            proto::ItemError { reason: "SEQUENCE_REQUIRED".to_owned(), ..Default::default() };
        assert_eq!(Reject::of_item(5, error, |_| None)[0].reason, "SEQUENCE_REQUIRED");
    }
}
