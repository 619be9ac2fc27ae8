//! `arrears scorecard validate`: of a file on this side, of a revision by the server.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::client::Context;
use super::super::failure::{Exit, Failure};
use super::super::output::{self, Format};
use super::view::FindingView;
use super::{card_in, name, written_in};
use crate::grpc::scorecard_of;
use crate::model::{RankingSettings, RuleSetId};
use crate::proto;
use crate::scoring::card::Card;
use crate::scoring::{FEATURE_VERSION, RuleSet, RuleSetDefinition};
use crate::yaml::Tree;

#[derive(Args, Debug)]
pub(in super::super) struct ValidateArgs {
    /// The scorecard, YAML or JSON
    #[arg(required_unless_present = "revision")]
    file: Option<PathBuf>,
    /// A stored revision instead, such as consumer/2
    #[arg(long, value_name = "ID/NUMBER", conflicts_with = "file", value_parser = revision_name)]
    revision: Option<proto::RevisionName>,
    /// By the settings of this portfolio, which the server is asked for; those of a new
    /// one if not given
    #[arg(long)]
    portfolio: Option<String>,
}

/// Reads `consumer/2`, or `consumer` for its newest revision.
pub(super) fn revision_name(text: &str) -> Result<proto::RevisionName, String> {
    let Some((id, number)) = text.split_once('/') else { return Ok(name(text, 0)) };
    let number = number.parse().map_err(|_| format!("{number:?} is not a number"))?;
    Ok(name(id, number))
}

pub(super) async fn validate(context: &Context, args: ValidateArgs) -> Result<(), Failure> {
    let (what, findings) = match (&args.file, args.revision.clone()) {
        (Some(file), _) if args.portfolio.is_none() => (file.display().to_string(), here(file)?),
        (Some(file), _) => {
            let scorecard = scorecard_of(&card_in(file)?);
            let subject = proto::validate_revision_request::Subject::Scorecard(scorecard);
            (file.display().to_string(), there(context, &args, subject).await?)
        }
        (None, name) => {
            let name = name.unwrap_or_default();
            let what = format!("{}/{}", name.scorecard_id, name.revision_no);
            let subject = proto::validate_revision_request::Subject::Name(name);
            (what, there(context, &args, subject).await?)
        }
    };
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    if !findings.is_empty() || context.format != Format::Table {
        output::records(context.format, &findings)?;
    }
    if errors > 0 {
        return Err(Failure::new(Exit::Invalid, format!("{what} cannot rank: {errors} errors")));
    }
    output::note(&format!("{what} can rank; {} warnings", findings.len()));
    Ok(())
}

/// What is wrong or odd with a file, by the settings of a new portfolio.
fn here(file: &Path) -> Result<Vec<FindingView>, Failure> {
    Ok(findings_of(written_in(file)?))
}

/// What is wrong or odd with a text, by the settings of a new portfolio.
pub(super) fn findings_of(scorecard_yaml: String) -> Vec<FindingView> {
    let definition = RuleSetDefinition {
        scorecard_yaml,
        business_scorecard_yaml: None,
        ranking: RankingSettings::default(),
        feature_version: FEATURE_VERSION,
        experiment: None,
    };
    let view = |severity: &str, line, path, message| FindingView {
        severity: severity.to_owned(),
        line,
        path,
        message,
    };
    let text = &definition.scorecard_yaml;
    let tree = Tree::parse(text).ok();
    let line_of = |path: &str| tree.as_ref().map(|tree| tree.place_of(path).line);
    let card = Card::read(text);
    let broken = card.ok().and_then(|card| card.storable().err()).unwrap_or_default();
    let broken = broken.0.iter();
    let mut findings: Vec<FindingView> =
        broken.map(|one| view("ERROR", None, String::new(), one.text())).collect();
    match RuleSet::compile(RuleSetId(0), &definition) {
        Ok(rules) => {
            let warnings = rules.warnings().into_iter();
            let warnings = warnings.map(|one| {
                let line = line_of(&one.path);
                view("WARNING", line, one.path, one.message)
            });
            findings.extend(warnings);
        }
        Err(found) => {
            let errors = found.into_iter();
            findings.extend(errors.map(|one| view("ERROR", one.line, one.path, one.message)));
        }
    }
    findings
}

async fn there(
    context: &Context,
    args: &ValidateArgs,
    subject: proto::validate_revision_request::Subject,
) -> Result<Vec<FindingView>, Failure> {
    let client = context.connect().await?;
    let request = proto::ValidateRevisionRequest {
        subject: Some(subject),
        portfolio_id: args.portfolio.clone().unwrap_or_default(),
    };
    let answer = client.scorecards().validate_revision(request).await?.into_inner();
    Ok(answer.findings.iter().map(FindingView::new).collect())
}
