//! Ctrl-C during an import, and the command that goes on.

use tokio_util::sync::CancellationToken;

use crate::cli::failure::{Exit, Failure};

/// What Ctrl-C asks for: the first time to end behind the push under way, the
/// second time to end at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupts {
    /// Ends behind the push under way.
    pub stop: CancellationToken,
    /// Ends at once.
    pub abort: CancellationToken,
}

impl Interrupts {
    /// Listens from now on.
    pub(super) fn listen() -> Interrupts {
        let interrupts = Interrupts::default();
        let Interrupts { stop, abort } = interrupts.clone();
        tokio::spawn(async move {
            for token in [stop, abort] {
                // Where nobody can be listened to, nobody is.
                if tokio::signal::ctrl_c().await.is_err() {
                    return;
                }
                token.cancel();
            }
            // Somebody who asks a third time waits for a pipe that says nothing, and
            // reading it cannot be given up.
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(i32::from(Exit::Interrupted as u8));
            }
        });
        interrupts
    }
}

/// The failure of an import that was interrupted behind a row.
pub(super) fn interrupted(row: u64) -> Failure {
    let message = match row {
        0 => "interrupted before any row was acknowledged".to_owned(),
        row => format!("interrupted; everything up to row {row} is kept"),
    };
    Failure::new(Exit::Interrupted, message)
}

/// The command that goes on behind a row: the arguments of this one, for a shell,
/// and the instant as of which the rows before were read.
pub(super) fn command(
    args: impl IntoIterator<Item = String>,
    as_of: Option<&str>,
    row: u64,
) -> String {
    let mut words = vec!["arrears".to_owned()];
    let mut args = args.into_iter().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--resume-after" | "--as-of" => drop(args.next()),
            arg if arg.starts_with("--resume-after=") || arg.starts_with("--as-of=") => {}
            arg => words.push(quoted(arg)),
        }
    }
    words.extend(as_of.iter().flat_map(|as_of| ["--as-of".to_owned(), quoted(as_of)]));
    if row > 0 {
        words.extend(["--resume-after".to_owned(), row.to_string()]);
    }
    words.join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(args: &[&str], row: u64) -> String {
        as_of(args, None, row)
    }

    fn as_of(args: &[&str], as_of: Option<&str>, row: u64) -> String {
        let args = [&["/usr/bin/arrears", "import", "cases"], args].concat();
        command(args.into_iter().map(str::to_owned), as_of, row)
    }

    #[test]
    fn the_command_that_goes_on_can_be_typed() {
        assert_eq!(of(&["a.csv"], 1_001), "arrears import cases a.csv --resume-after 1001");
        assert_eq!(
            of(&["it's.csv", "--delimiter", ";", "--ignore", "my column"], 7),
            r"arrears import cases 'it'\''s.csv' --delimiter ';' --ignore 'my column' --resume-after 7"
        );
    }

    #[test]
    fn an_earlier_place_is_replaced() {
        let twice = "arrears import cases a.csv -p x --resume-after 20";
        assert_eq!(of(&["a.csv", "--resume-after", "10", "-p", "x"], 20), twice);
        assert_eq!(of(&["a.csv", "--resume-after=10", "-p", "x"], 20), twice);
        assert_eq!(of(&["a.csv"], 0), "arrears import cases a.csv");
    }

    #[test]
    fn the_rest_is_read_as_of_the_instant_of_the_rows_before() {
        let now = Some("2025-11-21T23:30:00+09:30");
        assert_eq!(
            as_of(&["a.csv", "-m", "m.yaml"], now, 0),
            "arrears import cases a.csv -m m.yaml --as-of 2025-11-21T23:30:00+09:30"
        );
        let given = "arrears import cases a.csv -d --as-of 2025-11-21 --resume-after 20";
        assert_eq!(as_of(&["a.csv", "--as-of", "2025-11-21", "-d"], Some("2025-11-21"), 20), given);
        assert_eq!(as_of(&["a.csv", "--as-of=2025-11-21", "-d"], Some("2025-11-21"), 20), given);
    }
}
