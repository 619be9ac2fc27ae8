//! `arrears import`: pushing the cases of a file.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::client::{Client, Context};
use super::decimal::parse_day;
use super::failure::{Exit, Failure};
use super::field;
use super::mapping::Mapping;
use super::rows::{DecimalMark, Encoding, InvalidFile, Rows};
use crate::model::{Clock, Day, Micros, SystemClock};
use crate::policy::Zone;
use crate::proto;
use interrupt::Interrupts;
use limit::RejectLimit;
use progress::Import;

mod interrupt;
mod limit;
mod progress;
mod rejects;
mod summary;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Pushes the cases of a CSV file
    ///
    /// Ctrl-C ends the import behind the push under way, with exit code 130 and the
    /// command that goes on there; a second one ends it at once.
    #[command(after_help = "Examples:\n  arrears import cases cases.csv\n  \
        arrears import cases export.csv --mapping core.yaml --as-of 2025-11-21 --dry-run\n  \
        arrears import cases excel.csv --delimiter ';' --decimal comma --encoding windows-1252\n  \
        arrears import cases cases.csv --max-rejects 1% --resume-after 25001")]
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
    /// 2025-11-21T04:00:00Z; now if not given. Needed to go on with a file whose
    /// mapping counts back from today
    #[arg(long, value_parser = AsOf::parse)]
    as_of: Option<AsOf>,
    /// A column not to read; may be repeated
    #[arg(long = "ignore", value_name = "COLUMN")]
    ignore: Vec<String>,
    /// What stands between two cells: a character, or `tab` [default: ,]
    #[arg(long, value_parser = delimiter)]
    delimiter: Option<char>,
    /// How the file is encoded [default: utf-8]
    #[arg(long, value_enum)]
    encoding: Option<Encoding>,
    /// What stands before the decimal places of a number [default: point]
    #[arg(long, value_enum)]
    decimal: Option<DecimalMark>,
    /// Ends the import as soon as more rows are rejected: a number, or a share of
    /// the rows read such as 1%
    #[arg(long, value_name = "N|P%", value_parser = RejectLimit::parse)]
    max_rejects: Option<RejectLimit>,
    /// Goes on behind this row; an import that was interrupted says which
    #[arg(long, value_name = "ROW", default_value_t = 0)]
    resume_after: u64,
    /// Check and rank everything, store nothing
    #[arg(long)]
    dry_run: bool,
}

/// The instant of which a file speaks, and the day on which it was written.
#[derive(Clone, Debug)]
struct AsOf {
    time: prost_types::Timestamp,
    day: Day,
    /// As it is given to `--as-of`.
    text: String,
}

impl AsOf {
    fn parse(text: &str) -> Result<AsOf, String> {
        let time = field::instant(text).map_err(|(_, bound)| bound)?;
        let day = text.get(..10).and_then(parse_day);
        let day = day.ok_or("it must lie between 1970 and 2199")?;
        Ok(AsOf { time, day, text: text.to_owned() })
    }
}

/// The delimiter of an argument.
fn delimiter(text: &str) -> Result<char, String> {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) => Ok(letter),
        _ if text == "tab" => Ok('\t'),
        _ => Err("must be one character, or `tab`".to_owned()),
    }
}

/// Runs a command.
pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let Command::Cases(args) = command;
    let interrupts = Interrupts::listen();
    let mapping = mapping(&args)?;
    let invalid = |error: InvalidFile| of_file(&args.file, error);
    let file = File::open(&args.file).map_err(|error| of_file(&args.file, error))?;
    let bar = bar(file.metadata().map_or(0, |metadata| metadata.len()));
    let named = args.portfolio.as_deref();
    // Only a mapping can speak of today; any other file is looked at before a
    // server is needed.
    let mut target = None;
    let as_of = match args.as_of.clone() {
        None if mapping.counts_from_today() => {
            check_as_of_needed(args.resume_after)?;
            Some(target.insert(Target::find(context, named).await?).as_of_now().await?)
        }
        given => given,
    };
    let today = as_of.as_ref().map_or_else(today, |as_of| as_of.day);
    let file = BufReader::new(bar.wrap_read(file));
    let rows = Rows::new(file, &mapping, today).map_err(invalid)?.behind(args.resume_after);
    let target = match target {
        Some(target) => target,
        None => Target::find(context, named).await?,
    };
    let mut import = Import::new(target, &args, as_of, interrupts.stop);
    let ended = tokio::select! {
        ended = import.push_rows(rows, &bar, &args.file) => ended,
        () = interrupts.abort.cancelled() => Err(interrupt::interrupted(import.acknowledged)),
    };
    bar.finish_and_clear();
    if ended.is_ok() || import.summary.rows_read > 0 {
        import.summary.print(context.format)?;
    }
    ended.map_err(|failure| import.way_on(failure))?;
    import.finish(context.format)
}

/// The mapping of the file; flags win over what stands in it.
fn mapping(args: &CasesArgs) -> Result<Mapping, Failure> {
    let mut mapping = match &args.mapping {
        None => Mapping::default(),
        Some(path) => read_mapping(path)?,
    };
    mapping.ignore.extend(args.ignore.iter().cloned());
    mapping.delimiter = args.delimiter.or(mapping.delimiter);
    mapping.encoding = args.encoding.unwrap_or(mapping.encoding);
    mapping.decimal = args.decimal.unwrap_or(mapping.decimal);
    Ok(mapping)
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

    /// Now, and the day it is in the portfolio's zone, where the server counts days
    /// past due.
    async fn as_of_now(&self) -> Result<AsOf, Failure> {
        let request = proto::GetPortfolioRequest { portfolio_id: self.portfolio_id.clone() };
        let answer = self.client.portfolios().get_portfolio(request).await?.into_inner();
        let name = answer.portfolio.unwrap_or_default().time_zone;
        let zone = Zone::new(&name).map_err(|error| Failure::new(Exit::Failure, error))?;
        AsOf::parse(&zone.local_time(SystemClock.now()))
            .map_err(|error| Failure::new(Exit::Failure, error))
    }
}

/// Refuses to go on with a file that counts back from today without being told
/// which day the rows before were read as of: the rest would mean other dates.
fn check_as_of_needed(resume_after: u64) -> Result<(), Failure> {
    if resume_after == 0 {
        return Ok(());
    }
    let message = format!(
        "the mapping counts back from today, and --resume-after {resume_after} does not say which \
         day the rows before were read as of"
    );
    let next = "give --as-of as the import that ended early printed it, or import the whole file";
    Err(Failure::new(Exit::Usage, message).with_next(next))
}

/// The day it is in UTC.
pub(super) fn today() -> Day {
    let days = SystemClock.now().0.div_euclid(Micros::DAY);
    Day(i32::try_from(days).unwrap_or(i32::MAX))
}

/// A bar over the bytes of the file; hidden where nobody watches.
fn bar(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  {eta} left");
    let bar = ProgressBar::new(length);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}
