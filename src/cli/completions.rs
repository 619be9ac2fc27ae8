//! `arrears completions`: scripts that complete the program's commands.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::Cli;
use super::failure::Failure;
use super::output;

#[derive(Args, Debug)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Writes the script for a shell.
pub(super) fn print(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "arrears", &mut script);
    output::write_out(&String::from_utf8_lossy(&script))
}
