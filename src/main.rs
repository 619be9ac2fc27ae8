//! The `arrears` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    arrears::cli::main()
}
