//! `arrears doctor`: what is right, what is worth a look and what is wrong with a
//! server and its data, each with what mends it.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::client::Context;
use super::failure::{Exit, Failure};
use super::output::{self, Format, Record};
use crate::model::{Clock, SystemClock};
use crate::policy::{ZONE_DATA_MAX_AGE_DAYS, zone_data};

mod folder;
mod ports;
mod postgres;
mod server;

#[derive(Args, Debug)]
pub(super) struct DoctorArgs {
    /// The folder of the database, on this machine: all of the file is checked
    /// for damage, too. The database of the settings is looked at without that
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "fail",
        }
    }
}

/// What one check found.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    check: String,
    state: State,
    text: String,
    /// What to do about it; empty where nothing is to be done.
    mend: String,
}

impl Finding {
    fn ok(check: impl Into<String>, text: impl Into<String>) -> Finding {
        let mend = String::new();
        Finding { check: check.into(), state: State::Ok, text: text.into(), mend }
    }

    fn warn(check: impl Into<String>, text: impl Into<String>, mend: &str) -> Finding {
        Finding { state: State::Warn, mend: mend.to_owned(), ..Finding::ok(check, text) }
    }

    fn fail(check: impl Into<String>, text: impl Into<String>, mend: &str) -> Finding {
        Finding { state: State::Fail, mend: mend.to_owned(), ..Finding::ok(check, text) }
    }
}

impl Record for Finding {
    const HEADER: &'static [&'static str] = &["state", "check", "text", "mend"];

    fn cells(&self) -> Vec<String> {
        let Finding { check, state, text, mend } = self;
        [state.name(), check, text, mend].map(str::to_owned).to_vec()
    }
}

/// Checks the server, the data and this program.
pub(super) async fn run(context: &Context, args: DoctorArgs) -> Result<(), Failure> {
    let (reached, mut findings) = server::check(context).await;
    findings.extend(ports::check(&context.config.server, reached).await);
    let store = &context.config.store;
    findings.extend(match store.database_url.is_some() && args.data_dir.is_none() {
        true => postgres::check(store, reached).await,
        false => folder::check(&store.data_dir, args.data_dir, reached).await,
    });
    findings.push(zones());
    match context.format {
        Format::Table => output::write_out(&text(&findings))?,
        format => output::records(format, &findings)?,
    }
    match findings.iter().filter(|finding| finding.state == State::Fail).count() {
        0 => Ok(()),
        failed => {
            let message = format!("{failed} of {} checks failed", findings.len());
            Err(Failure::new(Exit::Failure, message))
        }
    }
}

/// One line for each finding, with what mends it on the next.
fn text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.check.chars().count()).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    for Finding { check, state, text: found, mend } in findings {
        text.push_str(&format!("{:<4}  {check:<width$}  {found}\n", state.name()));
        if !mend.is_empty() {
            text.push_str(&format!("      {:<width$}  mend: {mend}\n", ""));
        }
    }
    text
}

/// The zone data that this program carries.
fn zones() -> Finding {
    let data = zone_data(SystemClock.now());
    let text = format!("{}, released {} days ago", data.version, data.age_days);
    if data.old {
        let mend = format!(
            "upgrade: countries change their rules at short notice, and more than \
             {ZONE_DATA_MAX_AGE_DAYS} days is long"
        );
        return Finding::warn("zone data", text, &mend);
    }
    Finding::ok("zone data", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_is_a_line_and_its_mend_stands_below() {
        let findings =
            [Finding::ok("server", "it answers"), Finding::fail("clock", "90 s off", "set it")];
        assert_eq!(
            text(&findings),
            "ok    server  it answers\nfail  clock   90 s off\n              mend: set it\n"
        );
    }
}
