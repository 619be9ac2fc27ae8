//! The commands of the `arrears` program. Data goes to standard output, and
//! progress, warnings and errors to standard error; the exit codes are those of
//! `failure`.

mod bench;
mod case;
mod client;
mod completions;
mod database;
mod debtor;
mod decimal;
pub mod demo;
mod doctor;
mod explanation;
mod failure;
mod field;
mod import;
mod init;
pub mod mapping;
mod migrate;
mod output;
mod portfolio;
mod push;
pub mod rows;
mod scorecard;
mod serve;
mod settings;
mod suite;
mod transfer;
mod version;
mod view;
mod word;
mod work_item;
mod work_list;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Settings;
use client::Context;
use failure::{Exit, Failure};
use output::Format;

/// The settings file that is read when no other is named.
const CONFIG_FILE: &str = "arrears.toml";

/// Stores overdue loan cases, ranks each into a recovery group A (easy), B or C
/// (hard), and leases the work, most pressing first
#[derive(Debug, Parser)]
#[command(name = "arrears", version, max_term_width = 100)]
pub struct Cli {
    /// The settings file; arrears.toml in this folder if it is there
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The server's address [env: ARREARS_SERVER] [default: http://127.0.0.1:50051]
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    /// How data is written
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Settled(Settled),
    /// Shows the settings and where they come from, and checks a settings file
    #[command(subcommand)]
    Config(settings::Command),
    /// Writes the script that completes commands in a shell
    #[command(after_help = "Example:\n  arrears completions bash > \
        ~/.local/share/bash-completion/completions/arrears")]
    Completions(completions::CompletionsArgs),
    /// Tells the versions of the program and of what it carries
    #[command(after_help = "Example:\n  arrears version -o json")]
    Version,
}

/// The commands that go by the settings.
#[derive(Debug, Subcommand)]
enum Settled {
    /// Runs the service; with --demo it has something to look at
    #[command(after_help = "Examples:\n  arrears serve --demo\n  \
        arrears serve --data-dir /var/lib/arrears --grpc-addr 127.0.0.1:50051\n  \
        arrears serve --database-url postgres://arrears@db/arrears")]
    Serve(serve::ServeArgs),
    /// Creates a portfolio and the work list `all` on the running server, and
    /// writes arrears.toml
    #[command(after_help = "Examples:\n  arrears init\n  \
        arrears init --currency EUR --time-zone Europe/Madrid --policy plain --yes")]
    Init(init::InitArgs),
    /// Pushes the cases of a file
    #[command(subcommand)]
    Import(import::Command),
    /// Leases work, reports on it, and says why there is none
    #[command(subcommand, name = "worklist")]
    WorkList(work_list::Command),
    /// Lists and shows cases, and explains how they are ranked
    #[command(subcommand)]
    Case(case::Command),
    /// Shows a debtor over all portfolios
    #[command(subcommand)]
    Debtor(debtor::Command),
    /// Lists, creates and changes portfolios
    #[command(subcommand)]
    Portfolio(portfolio::Command),
    /// Changes what ranks cases: drafts of scorecards, activation and the way back
    #[command(subcommand)]
    Scorecard(scorecard::Command),
    /// Measures how fast a running server is, over generated cases
    #[command(subcommand)]
    Bench(bench::Command),
    /// Shows the migrations of the tables, applies them, or checks that they are
    /// applied
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Moves a service from a folder to PostgreSQL, compared in the end; goes on where it
    /// broke off
    #[command(after_help = "Example:\n  \
        arrears transfer --from sqlite:arrears-data --to postgres://arrears:secret@db/arrears")]
    Transfer(transfer::TransferArgs),
    /// Checks a server and its data, each check with what mends it; ends with 1 if
    /// one fails
    #[command(after_help = "Examples:\n  arrears doctor\n  \
        arrears doctor --data-dir /var/lib/arrears -o json")]
    Doctor(doctor::DoctorArgs),
}

/// Runs the program with the arguments it was started with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let format = cli.output;
    let ended = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => Err(Failure::new(Exit::Failure, error)),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(format);
            ExitCode::from(failure.exit())
        }
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    let command = match cli.command {
        Command::Completions(args) => return completions::print(&args),
        Command::Version => return version::print(cli.output),
        Command::Config(settings::Command::Check(args)) => return settings::check(&args),
        Command::Config(settings::Command::Show) => None,
        Command::Settled(command) => Some(command),
    };
    // The file of the default name is read only if it is there; a named one must be.
    let here = || Some(PathBuf::from(CONFIG_FILE)).filter(|path| path.exists());
    let config_file = cli.config.or_else(here);
    let flags: Vec<_> = cli.server.map(|server| ("client.server", server)).into_iter().collect();
    let settings = Settings::load(config_file.as_deref(), settings::variables(), &flags)
        .map_err(|error| Failure::of_settings(Exit::Usage, error))?;
    let Some(command) = command else { return settings::show(cli.output, &settings) };
    let config = settings.config;
    let context =
        Context { format: cli.output, server: config.client.server.clone(), config_file, config };
    match command {
        Settled::Serve(args) => serve::run(&context, args).await,
        Settled::Init(args) => init::run(&context, args).await,
        Settled::Import(command) => import::run(&context, command).await,
        Settled::WorkList(command) => work_list::run(&context, command).await,
        Settled::Case(command) => case::run(&context, command).await,
        Settled::Debtor(command) => debtor::run(&context, command).await,
        Settled::Portfolio(command) => portfolio::run(&context, command).await,
        Settled::Scorecard(command) => scorecard::run(&context, command).await,
        Settled::Bench(command) => bench::run(&context, command).await,
        Settled::Migrate(command) => migrate::run(&context, command).await,
        Settled::Transfer(args) => transfer::run(&context, args).await,
        Settled::Doctor(args) => doctor::run(&context, args).await,
    }
}

#[cfg(test)]
mod tests;
