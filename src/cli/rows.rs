//! The rows of a file as case documents: pure, so that it can be tested and used
//! without a server.

use std::borrow::Cow;
use std::io::Read;

use csv::{ByteRecord, ReaderBuilder};

use super::mapping::Mapping;
use crate::model::{Day, Violations};
use crate::proto;

mod columns;
mod encoding;
mod numbers;
mod plan;
mod profile;
mod source;

pub use encoding::Encoding;
pub use numbers::DecimalMark;

use encoding::Utf8Reader;
use plan::Plan;

/// The columns every file has, or its mapping fills.
pub const REQUIRED: [&str; 5] =
    ["case_id", "debtor_id", "overdue_amount", "currency", "oldest_due_date"];

/// A file that cannot be read as cases at all.
#[derive(Debug, thiserror::Error)]
pub enum InvalidFile {
    /// The header row does not fit.
    #[error("{0}")]
    Header(String),
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Csv(#[from] csv::Error),
}

/// One row that is a case.
#[derive(Clone, Debug)]
pub struct Row {
    /// The line of the file on which the row begins, with the empty lines just
    /// before it; the header is line 1.
    pub number: u64,
    /// The document, or every rule the row breaks.
    pub document: Result<proto::CaseDocument, Violations>,
    cells: ByteRecord,
}

/// Reads a file row by row.
pub struct Rows<R> {
    reader: csv::Reader<Utf8Reader<R>>,
    plan: Plan,
    /// Rows up to this one are left out.
    behind: u64,
    skipped_count: u64,
    filtered_count: u64,
}

impl<R: Read> Rows<R> {
    /// Reads the header and checks it against the mapping. `today` is the day
    /// from which the mapping counts back.
    pub fn new(source: R, mapping: &Mapping, today: Day) -> Result<Rows<R>, InvalidFile> {
        let delimiter = mapping.delimiter.unwrap_or(',');
        let delimiter = u8::try_from(delimiter).map_err(|_| {
            InvalidFile::Header(format!("the delimiter {delimiter:?} is not an ASCII character"))
        })?;
        let source = Utf8Reader::new(source, mapping.encoding);
        let mut reader =
            ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(source);
        let header: Vec<String> =
            reader.byte_headers()?.iter().map(|name| cell_text(name).trim().to_owned()).collect();
        let plan = Plan::new(&header, mapping, today).map_err(InvalidFile::Header)?;
        Ok(Rows { reader, plan, behind: 0, skipped_count: 0, filtered_count: 0 })
    }

    /// The same rows without those up to a row, which an earlier run has taken.
    pub fn behind(self, row: u64) -> Rows<R> {
        Rows { behind: row, ..self }
    }

    /// How many rows were left out for having been taken earlier.
    pub fn skipped_count(&self) -> u64 {
        self.skipped_count
    }

    /// How many rows so far are no cases by the mapping's conditions.
    pub fn filtered_count(&self) -> u64 {
        self.filtered_count
    }

    /// The text of the cell that fills a field of a row, where one cell does.
    pub fn cell(&self, row: &Row, field: &str) -> Option<String> {
        let column = self.plan.column_of(field)?;
        row.cells.get(column).map(|cell| cell_text(cell).into_owned())
    }
}

impl<R: Read> Iterator for Rows<R> {
    type Item = Result<Row, InvalidFile>;

    fn next(&mut self) -> Option<Result<Row, InvalidFile>> {
        loop {
            let mut cells = ByteRecord::new();
            match self.reader.read_byte_record(&mut cells) {
                Ok(false) => return None,
                Err(error) => return Some(Err(error.into())),
                Ok(true) => {}
            }
            let number = cells.position().map_or(0, csv::Position::line);
            if number <= self.behind {
                self.skipped_count += 1;
                continue;
            }
            if let Some(document) = self.plan.convert(&cells) {
                return Some(Ok(Row { number, document, cells }));
            }
            self.filtered_count += 1;
        }
    }
}

fn cell_text(cell: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(cell)
}

#[cfg(test)]
mod tests;
