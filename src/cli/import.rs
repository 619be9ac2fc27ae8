//! `arrears import`: pushing the cases of a file.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use prost::Message;

use super::client::{Client, Context};
use super::decimal::parse_day;
use super::failure::{Exit, Failure};
use super::field;
use super::mapping::Mapping;
use super::output::{self, Format};
use super::push::{CHUNK_CASES_MAX, push};
use super::rows::{InvalidFile, Row, Rows};
use crate::model::{Clock, Day, LocalDays, Micros, SystemClock};
use crate::policy::Zone;
use crate::proto;
use rejects::{Reject, Rejects};
use summary::Summary;

mod rejects;
mod summary;

/// The most bytes of the documents of one push: the contract's limit of 4 MiB a
/// request, with room for what surrounds them.
const CHUNK_BYTES_MAX: usize = 3_500_000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Pushes the cases of a CSV file
    #[command(after_help = "Examples:\n  arrears import cases cases.csv\n  \
        arrears import cases export.csv --delimiter ';' --mapping core.yaml --dry-run")]
    Cases(CasesArgs),
}

#[derive(Args, Debug)]
pub(super) struct CasesArgs {
    /// The file, with a header row. Columns are named like the fields of a case:
    /// case_id, debtor_id, overdue_amount, currency and oldest_due_date are
    /// needed, any other is taken as well
    file: PathBuf,
    /// How other columns become fields (YAML)
    #[arg(short, long)]
    mapping: Option<PathBuf>,
    /// The portfolio
    #[arg(short, long, env = "ARREARS_PORTFOLIO")]
    portfolio: Option<String>,
    /// Where rejected rows are written; FILE with `.rejects.csv` if not given
    #[arg(short, long)]
    rejects: Option<PathBuf>,
    /// The day or instant of which the file speaks, such as 2025-11-21 or
    /// 2025-11-21T04:00:00Z; now if not given
    #[arg(long, value_parser = AsOf::parse)]
    as_of: Option<AsOf>,
    /// A column not to read; may be repeated
    #[arg(long = "ignore", value_name = "COLUMN")]
    ignore: Vec<String>,
    /// What stands between two cells
    #[arg(long)]
    delimiter: Option<char>,
    /// Check and rank everything, store nothing
    #[arg(long)]
    dry_run: bool,
}

/// The instant of which a file speaks, and the day on which it was written.
#[derive(Clone, Debug)]
struct AsOf {
    time: prost_types::Timestamp,
    day: Day,
}

impl AsOf {
    fn parse(text: &str) -> Result<AsOf, String> {
        let time = field::instant(text).map_err(|(_, bound)| bound)?;
        let day = text.get(..10).and_then(parse_day);
        Ok(AsOf { time, day: day.ok_or("it must lie between 1970 and 2199")? })
    }
}

/// Runs a command.
pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let Command::Cases(args) = command;
    let mut mapping = match &args.mapping {
        None => Mapping::default(),
        Some(path) => read_mapping(path)?,
    };
    mapping.ignore.extend(args.ignore.iter().cloned());
    mapping.delimiter = args.delimiter.or(mapping.delimiter);
    let invalid = |error: InvalidFile| of_file(&args.file, error);
    let file = File::open(&args.file).map_err(|error| of_file(&args.file, error))?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let named = args.portfolio.as_deref();
    // Only a mapping can speak of today; any other file is looked at before a
    // server is needed.
    let mut target = None;
    let today = match (&args.as_of, &args.mapping) {
        (Some(as_of), _) => as_of.day,
        (None, None) => today(),
        (None, Some(_)) => target.insert(Target::find(context, named).await?).today().await?,
    };
    let rows = Rows::new(BufReader::new(file), &mapping, today).map_err(invalid)?;
    let target = match target {
        Some(target) => target,
        None => Target::find(context, named).await?,
    };
    let default_rejects = || args.file.with_extension("rejects.csv");
    let mut import = Import {
        target,
        as_of_time: args.as_of.as_ref().map(|as_of| as_of.time),
        dry_run: args.dry_run,
        rejects: Rejects::new(args.rejects.clone().unwrap_or_else(default_rejects)),
        summary: Summary::default(),
        chunk: Chunk::default(),
    };
    let bar = progress(length);
    let ended = tokio::select! {
        ended = import.push_rows(rows, &bar, &args.file) => ended,
        _ = tokio::signal::ctrl_c() => Err(interrupted()),
    };
    bar.finish_and_clear();
    if ended.is_ok() || import.summary.rows_read > 0 {
        import.summary.print(context.format)?;
    }
    ended?;
    import.finish(context.format)
}

fn interrupted() -> Failure {
    let next = "the same command again goes on: rows already taken are UNCHANGED";
    Failure::new(Exit::Interrupted, "interrupted; what was acknowledged is kept").with_next(next)
}

fn of_file(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Invalid, format!("{}: {error}", path.display()))
}

fn read_mapping(path: &Path) -> Result<Mapping, Failure> {
    let yaml = std::fs::read_to_string(path).map_err(|error| of_file(path, error))?;
    Mapping::from_yaml(&yaml).map_err(|error| of_file(path, error))
}

/// The portfolio that a file goes to, and the server that holds it.
struct Target {
    client: Client,
    portfolio_id: String,
}

impl Target {
    async fn find(context: &Context, named: Option<&str>) -> Result<Target, Failure> {
        let client = context.connect().await?;
        let portfolio_id = context.portfolio(&client, named).await?;
        Ok(Target { client, portfolio_id })
    }

    /// The day it is in the portfolio's zone, where the server counts days past due.
    async fn today(&self) -> Result<Day, Failure> {
        let request = proto::GetPortfolioRequest { portfolio_id: self.portfolio_id.clone() };
        let answer = self.client.portfolios().get_portfolio(request).await?.into_inner();
        let name = answer.portfolio.unwrap_or_default().time_zone;
        let zone = Zone::new(&name).map_err(|error| Failure::new(Exit::Failure, error))?;
        Ok(zone.day_of(SystemClock.now()))
    }
}

/// The day it is in UTC.
pub(super) fn today() -> Day {
    let days = SystemClock.now().0.div_euclid(Micros::DAY);
    Day(i32::try_from(days).unwrap_or(i32::MAX))
}

/// A bar over the bytes of the file; hidden where nobody watches.
fn progress(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  {eta} left");
    let bar = ProgressBar::new(length);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

/// An import under way.
struct Import {
    target: Target,
    as_of_time: Option<prost_types::Timestamp>,
    dry_run: bool,
    rejects: Rejects,
    summary: Summary,
    chunk: Chunk,
}

/// The rows of the next push.
#[derive(Default)]
struct Chunk {
    rows: Vec<Row>,
    documents: Vec<proto::CaseDocument>,
    rejects: Vec<Reject>,
    bytes: usize,
}

impl Import {
    async fn push_rows(
        &mut self,
        mut rows: Rows<BufReader<File>>,
        bar: &ProgressBar,
        path: &Path,
    ) -> Result<(), Failure> {
        while let Some(row) = rows.next() {
            let mut row = row.map_err(|error| of_file(path, error))?;
            self.summary.rows_read += 1;
            let empty = Ok(proto::CaseDocument::default());
            match std::mem::replace(&mut row.document, empty) {
                Err(violations) => {
                    self.summary.rejected += 1;
                    let number = row.number;
                    let rejects = violations.0.into_iter();
                    self.chunk.rejects.extend(rejects.map(|v| Reject::of_cell(number, v)));
                }
                Ok(document) => {
                    let bytes = document.encoded_len() + 8;
                    if self.chunk.rows.len() >= CHUNK_CASES_MAX
                        || self.chunk.bytes + bytes > CHUNK_BYTES_MAX
                    {
                        self.push_chunk(&rows).await?;
                    }
                    self.chunk.bytes += bytes;
                    self.chunk.rows.push(row);
                    self.chunk.documents.push(document);
                }
            }
            bar.set_position(rows.position());
            bar.set_message(format!("{} rows", self.summary.rows_read));
        }
        self.push_chunk(&rows).await?;
        self.summary.rows_filtered = rows.filtered_count();
        Ok(())
    }

    /// Pushes the chunk and writes its rejects in the order of the rows.
    async fn push_chunk(&mut self, rows: &Rows<BufReader<File>>) -> Result<(), Failure> {
        let Chunk { rows: sent, documents, mut rejects, .. } = std::mem::take(&mut self.chunk);
        if !documents.is_empty() {
            let request = proto::PushCasesRequest {
                portfolio_id: self.target.portfolio_id.clone(),
                cases: documents,
                as_of_time: self.as_of_time,
                validate_only: self.dry_run,
                ..Default::default()
            };
            let results = push(&self.target.client, request).await?;
            for (row, result) in sent.iter().zip(results) {
                self.summary.count(&result);
                if let Some(error) = result.error {
                    rejects.extend(Reject::of_item(row.number, error, |f| rows.cell(row, f)));
                }
            }
        }
        rejects.sort_by_key(|reject| reject.row);
        self.rejects.write(&rejects)
    }

    /// Ends the import: rejects are a failure with an exit code of its own.
    fn finish(self, format: Format) -> Result<(), Failure> {
        if self.dry_run && format == Format::Table {
            output::note("nothing was stored: this was a dry run");
        }
        let rejected = self.summary.rejected;
        if rejected == 0 {
            return Ok(());
        }
        let failure = Failure::new(Exit::Rejects, format!("{rejected} rows were rejected"));
        let next = |path: &Path| format!("{} says for each what is wrong", path.display());
        Err(failure.with_next(self.rejects.path().map(next).unwrap_or_default()))
    }
}
