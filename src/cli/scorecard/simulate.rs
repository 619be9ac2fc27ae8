//! `arrears scorecard simulate`: what a scorecard would make of a portfolio, and whether
//! that stays within bounds.

use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::super::client::Context;
use super::super::decimal::{date, parse_day};
use super::super::failure::{Exit, Failure};
use super::super::output::{self, Format};
use super::super::word;
use super::activate::{Kind, kind_of};
use super::card_in;
use super::validate::revision_name;
use crate::grpc::scorecard_of;
use crate::proto;
use proto::simulate_revision_request::Candidate;

mod picture;
mod threshold;
mod view;

use threshold::Threshold;
use view::SimulationView;

#[derive(Args, Debug)]
pub(in super::super) struct SimulateArgs {
    /// The scorecard, YAML or JSON
    #[arg(required_unless_present = "revision")]
    file: Option<PathBuf>,
    /// A stored revision instead, such as consumer/2
    #[arg(long, value_name = "ID/NUMBER", conflicts_with = "file", value_parser = revision_name)]
    revision: Option<proto::RevisionName>,
    /// The portfolio; the one of the settings, or the only one, if not given
    #[arg(short, long)]
    portfolio: Option<String>,
    /// Whose cases it would rank; those that the scorecard ranks already, else persons
    #[arg(long = "for", value_enum)]
    kind: Option<Kind>,
    /// What it is compared with, such as consumer/1; what is active if not given
    #[arg(long, value_name = "ID/NUMBER", value_parser = revision_name)]
    compare_with: Option<proto::RevisionName>,
    /// As of which day, up to a year ahead, if nothing happens until then; today if not
    /// given
    #[arg(long, value_name = "YYYY-MM-DD")]
    as_of: Option<String>,
    /// Only cases of these stages, M1 to M5
    #[arg(long = "stage", value_name = "STAGE")]
    stages: Vec<String>,
    /// Only cases with these routes; `-` for none
    #[arg(long = "route", value_name = "ROUTE")]
    routes: Vec<String>,
    /// Only cases in a bin, such as cooperation=HIGH; several of one characteristic add up
    #[arg(long = "bin", value_name = "CHARACTERISTIC=LABEL")]
    bins: Vec<String>,
    /// Counts cases apart: stage, debtor_kind, population, route, or a characteristic
    #[arg(long = "slice", value_name = "WHAT")]
    slices: Vec<String>,
    /// How many of the cases that move most to show, up to 100
    #[arg(long, default_value_t = 10)]
    movements: i32,
    /// How many of the first leases of each work list to show, before and after, up to 100
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    first_leases: i32,
    /// Of these work lists; of all that serve the portfolio if none is given
    #[arg(long = "work-list", value_name = "ID", requires = "first_leases")]
    work_lists: Vec<String>,
    /// Refuses a sample where the cases do not all fit into the server's memory
    #[arg(long)]
    whole: bool,
    /// Ends with 5 where this holds, such as "psi > 0.25": psi, priority_psi,
    /// group_changed, score_changed, share_a, share_b or share_c, all but the first two
    /// shares from 0 to 1
    #[arg(long = "fail-if", value_name = "CONDITION", value_parser = Threshold::read)]
    fail_if: Vec<Threshold>,
}

pub(super) async fn simulate(context: &Context, args: SimulateArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let portfolio_id = context.portfolio(&client, args.portfolio.as_deref()).await?;
    let candidate = match (&args.file, args.revision.clone()) {
        (Some(file), _) => Candidate::Scorecard(scorecard_of(&card_in(file)?)),
        (None, name) => Candidate::Revision(name.unwrap_or_default()),
    };
    let id = match &candidate {
        Candidate::Scorecard(card) => &card.scorecard_id,
        Candidate::Revision(name) => &name.scorecard_id,
    };
    let debtor_kind = kind_of(&client, (&portfolio_id, id), args.kind).await? as i32;
    let request = proto::SimulateRevisionRequest {
        portfolio_id,
        debtor_kind,
        compared_with: args.compare_with.clone(),
        as_of_date: args.as_of.as_deref().map(day).transpose()?,
        filter: Some(filter(&args)?),
        slices: args.slices.iter().map(|what| slice(what)).collect(),
        movements_max: args.movements,
        whole: args.whole,
        first_leases_max: args.first_leases,
        work_list_ids: args.work_lists.clone(),
        candidate: Some(candidate),
    };
    let mut answers = client.scorecards().simulate_revision(request).await?.into_inner();
    let progress = ProgressBar::new(1_000);
    if let Ok(style) = ProgressStyle::with_template("loading cases {bar:40} {percent} % {msg}") {
        progress.set_style(style);
    }
    let mut last = None;
    while let Some(answer) = answers.message().await? {
        progress.set_message(match answer.runs_ahead {
            0 => String::new(),
            ahead => format!("{ahead} other runs go first"),
        });
        let simulation = answer.simulation.unwrap_or_default();
        if !simulation.is_final {
            progress.set_position(u64::try_from(simulation.loaded_permille).unwrap_or(0));
        }
        last = Some(simulation);
    }
    progress.finish_and_clear();
    let whole = last.filter(|simulation| simulation.is_final);
    let whole = whole.ok_or_else(|| Failure::new(Exit::Failure, "the server gave no answer"))?;
    show(context, &args, &SimulationView::new(&whole))
}

fn show(context: &Context, args: &SimulateArgs, view: &SimulationView) -> Result<(), Failure> {
    match context.format {
        Format::Json | Format::Jsonl => output::json(context.format, view)?,
        Format::Csv => output::records(context.format, &view.movements)?,
        Format::Table => output::write_out(&picture::of(view, &args.slices))?,
    }
    for finding in &view.findings {
        output::note(&format!("warning: {}: {}", finding.path, finding.message));
    }
    if view.sampled_one_in > 1 {
        let one_in = view.sampled_one_in;
        output::note(&format!("of a sample: one of {one_in} cases fits into the server's memory"));
        if args.first_leases > 0 {
            output::note("a sample does not tell what work lists would lease first");
        }
    }
    if view.truncated {
        output::note("not all slices and movements fit into one answer: ask for fewer at once");
    }
    if view.unreadable_cases > 0 {
        output::note(&format!("{} cases could not be read", view.unreadable_cases));
    }
    if view.cases == 0 && !args.fail_if.is_empty() {
        return Err(Failure::new(Exit::Check, "no case was counted, so nothing can be said"));
    }
    let broken: Vec<String> = args.fail_if.iter().filter_map(|bound| bound.broken(view)).collect();
    match broken.as_slice() {
        [] => Ok(()),
        broken => Err(Failure::new(Exit::Check, broken.join("; "))),
    }
}

fn day(text: &str) -> Result<proto::Date, Failure> {
    let wrong = || Failure::new(Exit::Usage, format!("--as-of {text:?} is not a day, YYYY-MM-DD"));
    parse_day(text).map(date).ok_or_else(wrong)
}

fn slice(what: &str) -> proto::SliceBy {
    use proto::slice_by::By;
    let by = match what {
        "stage" => By::Stage(true),
        "debtor_kind" => By::DebtorKind(true),
        "population" => By::Population(true),
        "route" => By::Route(true),
        name => By::Characteristic(name.to_owned()),
    };
    proto::SliceBy { by: Some(by) }
}

fn filter(args: &SimulateArgs) -> Result<proto::SimulationFilter, Failure> {
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let mut filter = proto::SimulationFilter { routes: args.routes.clone(), ..Default::default() };
    for stage in &args.stages {
        let number = word::STAGE.number(stage);
        let known = || format!("--stage {stage:?} is none of {}", word::STAGE.all());
        filter.stages.push(number.ok_or_else(|| usage(known()))?);
    }
    for bin in &args.bins {
        let wrong = || usage(format!("--bin {bin:?} is not a characteristic=label"));
        let (name, label) = bin.split_once('=').ok_or_else(wrong)?;
        let known = filter.characteristics.iter_mut().find(|one| one.characteristic == name);
        match known {
            Some(one) => one.bins.push(label.to_owned()),
            None => filter.characteristics.push(proto::CharacteristicFilter {
                characteristic: name.to_owned(),
                bins: vec![label.to_owned()],
            }),
        }
    }
    Ok(filter)
}
