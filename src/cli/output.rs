//! What the commands write: data to standard output, everything else to
//! standard error.

use std::io::{self, ErrorKind, Write};

use clap::ValueEnum;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::failure::{Exit, Failure};

/// How data is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table for people.
    Table,
    /// JSON with field names that stay.
    Json,
    /// JSON, one object a line.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
}

/// Something written as a row of a table or of a CSV file.
pub(super) trait Record: Serialize {
    /// The names of the columns.
    const HEADER: &'static [&'static str];

    /// The cells, one for each column.
    fn cells(&self) -> Vec<String>;
}

impl Format {
    /// Whether errors are written as objects, too.
    pub(super) fn is_json(self) -> bool {
        matches!(self, Format::Json | Format::Jsonl)
    }
}

/// Writes records: a table, a JSON array, JSON lines, or CSV.
pub(super) fn records<R: Record>(format: Format, records: &[R]) -> Result<(), Failure> {
    match format {
        Format::Table => {
            write_out(&format!("{}\n", table(R::HEADER, records.iter().map(R::cells))))
        }
        Format::Json => json(format, &records),
        Format::Jsonl => {
            let lines = records.iter().map(|record| json_text(format, record));
            write_out(&lines.collect::<Result<String, Failure>>()?)
        }
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            let mut write = |cells: &[String]| writer.write_record(cells);
            write(&R::HEADER.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
                .and_then(|()| records.iter().try_for_each(|record| write(&record.cells())))
                .map_err(|error| Failure::new(Exit::Failure, error))?;
            let bytes = writer.into_inner().map_err(|error| Failure::new(Exit::Failure, error))?;
            write_out(&String::from_utf8_lossy(&bytes))
        }
    }
}

/// Writes one value as JSON: on one line where lines are asked for, else for
/// people as well.
pub(super) fn json<T: Serialize>(format: Format, value: &T) -> Result<(), Failure> {
    write_out(&json_text(format, value)?)
}

/// The text of that.
pub(super) fn json_text<T: Serialize>(format: Format, value: &T) -> Result<String, Failure> {
    let text = match format {
        Format::Jsonl => serde_json::to_string(value),
        Format::Json | Format::Table | Format::Csv => serde_json::to_string_pretty(value),
    };
    let text = text.map_err(|error| Failure::new(Exit::Failure, error))?;
    Ok(format!("{text}\n"))
}

/// A table as text. Columns of numbers only are set to the right.
pub(super) fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    let mut table = Table::new();
    // Columns without lines between them are read by people and by `awk`.
    table.load_style(NOTHING).set_header(header.to_vec());
    let numeric = |at: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(at)).filter(|cell| !cell.is_empty());
        cells.all(|cell| cell.bytes().all(|byte| byte.is_ascii_digit() || b"+-.,".contains(&byte)))
    };
    let numeric: Vec<bool> = (0..header.len()).map(numeric).collect();
    for row in rows {
        table.add_row(row);
    }
    for (at, numeric) in numeric.into_iter().enumerate() {
        if let Some(column) = table.column_mut(at) {
            column.set_padding((0, 2));
            if numeric {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    table.trim_fmt()
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no
/// failure.
pub(super) fn write_out(text: &str) -> Result<(), Failure> {
    write_on(text).map(|_| ())
}

/// The same; says whether anybody goes on reading.
pub(super) fn write_on(text: &str) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(Exit::Failure, format!("standard output: {error}"))),
    }
}

/// Writes a line to standard error. That nobody reads it is no failure.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
