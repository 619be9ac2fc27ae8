//! `arrears scorecard diff`: in what two scorecards differ.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::super::client::Context;
use super::super::failure::Failure;
use super::super::output::{self, Format, Record};
use super::card_in;
use super::validate::revision_name;
use crate::grpc::scorecard_of;
use crate::proto;
use proto::diff_revisions_request::Subject;

#[derive(Args, Debug)]
pub(in super::super) struct DiffArgs {
    /// What to compare with, such as consumer/1, or consumer for its newest revision
    #[arg(value_name = "BASE", value_parser = revision_name)]
    base: proto::RevisionName,
    /// The scorecard, YAML or JSON
    #[arg(required_unless_present = "revision")]
    file: Option<PathBuf>,
    /// A stored revision instead, such as consumer/2
    #[arg(long, value_name = "ID/NUMBER", conflicts_with = "file", value_parser = revision_name)]
    revision: Option<proto::RevisionName>,
}

/// A difference.
#[derive(Clone, Debug, Serialize)]
struct DifferenceView {
    path: String,
    before: String,
    after: String,
}

impl Record for DifferenceView {
    const HEADER: &'static [&'static str] = &["path", "before", "after"];

    fn cells(&self) -> Vec<String> {
        vec![self.path.clone(), self.before.clone(), self.after.clone()]
    }
}

pub(super) async fn diff(context: &Context, args: DiffArgs) -> Result<(), Failure> {
    let subject = match (&args.file, args.revision) {
        (Some(file), _) => Subject::Scorecard(scorecard_of(&card_in(file)?)),
        (None, name) => Subject::Revision(name.unwrap_or_default()),
    };
    let client = context.connect().await?;
    let request = proto::DiffRevisionsRequest { base: Some(args.base), subject: Some(subject) };
    let answer = client.scorecards().diff_revisions(request).await?.into_inner();
    let differences = answer.differences.into_iter().map(|found| {
        let proto::ScorecardDifference { path, before, after } = found;
        DifferenceView { path, before, after }
    });
    let differences: Vec<DifferenceView> = differences.collect();
    if !differences.is_empty() || context.format != Format::Table {
        output::records(context.format, &differences)?;
    }
    let shown = differences.len();
    output::note(&match answer.difference_count {
        0 => "they are equal".to_owned(),
        count if count == shown as i64 => format!("{count} differences"),
        count => format!("{shown} of {count} differences"),
    });
    Ok(())
}
