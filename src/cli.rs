//! The commands of the `arrears` program. Data goes to standard output, and
//! progress, warnings and errors to standard error; the exit codes are those of
//! `failure`.

mod case;
mod client;
mod decimal;
pub mod demo;
mod explanation;
mod failure;
mod field;
mod import;
pub mod mapping;
mod output;
mod portfolio;
pub mod rows;
mod settings;
mod view;
mod word;
mod work_item;
mod work_list;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use client::{Context, DEFAULT_SERVER};
use failure::{Exit, Failure};
use output::Format;
use settings::ClientSettings;

/// Stores overdue loan cases, ranks each into a recovery group A (easy), B or C
/// (hard), and leases the work, most pressing first
#[derive(Debug, Parser)]
#[command(name = "arrears", version, max_term_width = 100)]
pub struct Cli {
    /// The settings file; arrears.toml in this folder if it is there
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The server's address [default: http://127.0.0.1:50051]
    #[arg(long, global = true, env = "ARREARS_SERVER", value_name = "URL")]
    server: Option<String>,
    /// How data is written
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pushes the cases of a file
    #[command(subcommand)]
    Import(import::Command),
    /// Leases work, reports on it, and says why there is none
    #[command(subcommand, name = "worklist")]
    WorkList(work_list::Command),
    /// Lists cases and explains how they are ranked
    #[command(subcommand)]
    Case(case::Command),
    /// Lists and creates portfolios
    #[command(subcommand)]
    Portfolio(portfolio::Command),
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
    let settings = ClientSettings::read(cli.config.as_deref())?;
    let server = cli.server.or_else(|| settings.server.clone());
    let context = Context {
        format: cli.output,
        server: server.unwrap_or_else(|| DEFAULT_SERVER.to_owned()),
        settings,
    };
    match cli.command {
        Command::Import(command) => import::run(&context, command).await,
        Command::WorkList(command) => work_list::run(&context, command).await,
        Command::Case(command) => case::run(&context, command).await,
        Command::Portfolio(command) => portfolio::run(&context, command).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
