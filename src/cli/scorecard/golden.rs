//! `arrears scorecard test`: golden cases, ranked here and compared.

use std::path::PathBuf;

use clap::Args;

use super::super::client::Context;
use super::super::failure::{Exit, Failure};
use super::super::output::{self, Format};
use super::super::suite::{Suite, Verdict, junit};
use super::card_in_answer;
use super::validate::revision_name;
use crate::proto;
use crate::scoring::card::Card;

#[derive(Args, Debug)]
pub(in super::super) struct TestArgs {
    /// The suites
    #[arg(required = true, value_name = "SUITE")]
    suites: Vec<PathBuf>,
    /// A stored revision instead of the file that a suite names, such as consumer/2; asks
    /// the server
    #[arg(long, value_name = "ID/NUMBER", value_parser = revision_name)]
    revision: Option<proto::RevisionName>,
    /// Also writes the results here, in the XML of JUnit
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

pub(super) async fn test(context: &Context, args: TestArgs) -> Result<(), Failure> {
    let instead = match &args.revision {
        Some(name) => Some(stored(context, name).await?),
        None => None,
    };
    let (mut suites, mut findings) = (Vec::new(), Vec::new());
    for file in &args.suites {
        match Suite::read(file, instead.as_ref()) {
            Ok(suite) => suites.push(suite),
            Err(found) => findings.extend(found),
        }
    }
    if !findings.is_empty() {
        output::records(context.format, &findings)?;
        let message = format!("no case was run: {} errors in the suites", findings.len());
        return Err(Failure::new(Exit::Invalid, message));
    }
    let told: Vec<(String, Vec<Verdict>)> =
        suites.iter().map(|suite| (suite.file().to_owned(), suite.run())).collect();
    if let Some(file) = &args.junit {
        let written = junit::document(&told).and_then(|text| std::fs::write(file, text));
        written
            .map_err(|error| Failure::new(Exit::Failure, format!("{}: {error}", file.display())))?;
    }
    let all: Vec<&Verdict> = told.iter().flat_map(|(_, verdicts)| verdicts).collect();
    match context.format {
        Format::Table => output::write_out(&all.iter().map(|one| one.text()).collect::<String>())?,
        format => output::records(format, &all.iter().map(|one| one.view()).collect::<Vec<_>>())?,
    }
    let failed = all.iter().filter(|one| !one.passed()).count();
    if failed > 0 {
        let message = format!("{failed} of {} golden cases failed", all.len());
        return Err(Failure::new(Exit::Check, message));
    }
    output::note(&format!("{} golden cases passed", all.len()));
    Ok(())
}

/// The scorecard of a stored revision.
async fn stored(context: &Context, name: &proto::RevisionName) -> Result<Card, Failure> {
    let client = context.connect().await?;
    card_in_answer(super::revision(&client, &name.scorecard_id, name.revision_no).await?)
}
