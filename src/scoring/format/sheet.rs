//! A table as spreadsheets save it: with a mark at its beginning or without, with
//! commas, semicolons or tabs, with any ends of lines.

use csv::ReaderBuilder;

use super::FormatFinding;

/// The most rows that are read.
const ROWS_MAX: usize = 50_000;

/// A table with a header.
pub(super) struct Sheet {
    columns: Vec<String>,
    pub rows: Vec<Row>,
}

/// One row.
pub(super) struct Row {
    /// The line on which it begins, from 1; the header is line 1.
    pub line: u64,
    cells: Vec<String>,
}

impl Sheet {
    /// Reads a table. Rows and columns that are empty throughout are left out.
    pub(super) fn read(text: &str) -> Result<Sheet, Vec<FormatFinding>> {
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let header = text.lines().next().unwrap_or_default();
        let count = |mark: char| header.chars().filter(|c| *c == mark).count();
        let delimiters = [',', ';', '\t'];
        // The first of equals: `max_by_key` would take the last.
        let delimiter = delimiters.into_iter().rev().max_by_key(|mark| count(*mark)).unwrap_or(',');
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter as u8)
            .flexible(true)
            .has_headers(false)
            .from_reader(text.as_bytes());
        let mut records = Vec::new();
        for record in reader.records().take(ROWS_MAX + 2) {
            let record = record.map_err(|error| vec![super::finding(error)])?;
            let line = record.position().map_or(0, csv::Position::line);
            let cells: Vec<String> = record.iter().map(str::to_owned).collect();
            if cells.iter().any(|cell| !cell.trim().is_empty()) {
                records.push(Row { line, cells });
            }
        }
        if records.len() > ROWS_MAX + 1 {
            return Err(vec![super::finding(format!("more than {ROWS_MAX} rows"))]);
        }
        let mut records = records.into_iter();
        let Some(header) = records.next() else {
            return Err(vec![super::finding("the table is empty")]);
        };
        let columns: Vec<String> = header.cells.iter().map(|name| name.trim().to_owned()).collect();
        let sheet = Sheet { columns, rows: records.collect() };
        let found = sheet.stray_cells();
        if found.is_empty() { Ok(sheet) } else { Err(found) }
    }

    /// What stands beside the columns belongs nowhere.
    fn stray_cells(&self) -> Vec<FormatFinding> {
        let mut found = Vec::new();
        for row in &self.rows {
            let beside = row.cells.iter().skip(self.columns.len());
            if let Some(cell) = beside.clone().find(|cell| !cell.trim().is_empty()) {
                let message = format!("{cell:?} stands beside the columns of the header");
                found.push(FormatFinding { line: Some(row.line), column: None, message });
            }
        }
        found
    }

    /// The names of the columns.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Where a column is.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|known| known == name)
    }
}

impl Row {
    /// The cell of a column; empty where the row ends before it.
    pub(super) fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }
}

/// The cells of the first row that has any, of a text that may be no table at all.
pub(super) fn header(text: &str) -> Vec<&str> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    first.split([',', ';', '\t']).map(|cell| cell.trim().trim_matches('"')).collect()
}

/// Why a text is no number, if it is none; what a spreadsheet does to numbers has
/// messages of its own.
pub(super) fn not_a_number(text: &str) -> Option<String> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if digits(whole) && digits(rest) {
        return None;
    }
    let digits_and = |marks: &[char]| {
        text.contains(marks) && text.chars().all(|c| c.is_ascii_digit() || "-+eE,. ".contains(c))
    };
    Some(if digits_and(&[',']) {
        format!("{text:?} has a comma: write numbers with a point and without grouping")
    } else if digits_and(&['e', 'E']) {
        format!("{text:?} has a power of ten: a spreadsheet that wrote it may have rounded it")
    } else {
        format!("{text:?} is not a number")
    })
}

/// A whole number within 32 bits.
pub(super) fn whole(text: &str) -> Result<i32, String> {
    match not_a_number(text) {
        Some(why) => Err(why),
        None => text.parse().map_err(|_| format!("{text:?} is not a whole number of this size")),
    }
}

/// A text as a cell that no spreadsheet takes for a formula, a number, a date or a truth
/// value: an apostrophe at the beginning, which is not part of the text.
pub(super) fn guarded(text: &str) -> String {
    let first = text.chars().next();
    let digits = text.chars().any(|c| c.is_ascii_digit());
    let odd_begin = first.is_some_and(|c| "=+-@'\t\r\n ".contains(c) || c.is_ascii_digit());
    let odd_end = text.chars().next_back().is_some_and(char::is_whitespace);
    let truth = ["true", "false"].contains(&text.to_lowercase().as_str());
    // "Mar 3" becomes a date.
    let month = digits && first.is_some_and(|c| c.is_alphabetic()) && text.len() <= 12 && {
        let begin: String = text.chars().take(3).collect::<String>().to_lowercase();
        MONTHS.contains(&begin.as_str())
    };
    if odd_begin || odd_end || truth || month { format!("'{text}") } else { text.to_owned() }
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The text of a guarded cell.
pub(super) fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').unwrap_or(cell)
}

/// Several texts in one cell, with `|` between them.
pub(super) fn list(texts: &[String]) -> String {
    let escaped = texts.iter().map(|text| text.replace('\\', "\\\\").replace('|', "\\|"));
    guarded(&escaped.collect::<Vec<_>>().join("|"))
}

/// The texts of such a cell.
pub(super) fn unlist(cell: &str) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut characters = unguarded(cell).chars();
    while let Some(c) = characters.next() {
        let last = texts.last_mut().expect("there is always a text");
        match c {
            '\\' => last.extend(characters.next()),
            '|' => texts.push(String::new()),
            c => last.push(c),
        }
    }
    texts
}
