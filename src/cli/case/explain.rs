//! `arrears case explain`: why a case is ranked as it is, was at an instant, or was served.

use clap::{Args, value_parser};
use prost_types::Timestamp;

use super::what_if::{self, Assignment, assignment};
use super::{day, view};
use crate::cli::client::Context;
use crate::cli::decimal::instant;
use crate::cli::explanation::{ExplanationView, MovementView};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::proto;

#[derive(Args, Debug)]
pub(in crate::cli) struct ExplainArgs {
    /// The case
    case_id: String,
    /// The portfolio
    #[arg(short, long, env = "ARREARS_PORTFOLIO")]
    portfolio: Option<String>,
    /// The day as of which to rank, such as 2025-11-21; today, or the day of --known-at,
    /// if not given
    #[arg(long, value_parser = day, conflicts_with = "lease")]
    as_of: Option<proto::Date>,
    /// Explains what was known at this instant, such as 2025-11-21T04:00:00Z
    #[arg(long, value_name = "INSTANT", value_parser = instant, conflicts_with = "lease")]
    known_at: Option<Timestamp>,
    /// Explains what was served by this lease of the case, as `replay` numbers them
    #[arg(long, value_name = "LEASE_SEQ", value_parser = value_parser!(i64).range(1..))]
    lease: Option<i64>,
    /// What the document should say instead, such as `promises_kept=3`; names and
    /// values are those of a file to import; may be repeated
    #[arg(long = "what-if", value_name = "FIELD=VALUE", value_parser = assignment)]
    what_if: Vec<Assignment>,
    /// The language of the reasons, such as es; that of the portfolio if not given
    #[arg(long, default_value = "")]
    language: String,
    #[command(flatten)]
    compare: Compare,
}

/// The other point to tell the way from.
#[derive(Args, Debug)]
struct Compare {
    /// Says why the rank moved since it was what was known at this instant
    #[arg(long, value_name = "INSTANT", value_parser = instant,
        conflicts_with_all = ["compare_lease", "what_if"])]
    compare_known_at: Option<Timestamp>,
    /// Says why the rank moved since this day, by what is known now or was known at
    /// --compare-known-at
    #[arg(long, value_name = "DAY", value_parser = day,
        conflicts_with_all = ["compare_lease", "what_if"])]
    compare_as_of: Option<proto::Date>,
    /// Says why the rank moved since it was what this lease served
    #[arg(long, value_name = "LEASE_SEQ", value_parser = value_parser!(i64).range(1..),
        conflicts_with = "what_if")]
    compare_lease: Option<i64>,
    /// Says why the rank is another one today
    #[arg(long, conflicts_with_all = ["compare_known_at", "compare_as_of", "compare_lease", "what_if"])]
    compare_now: bool,
}

impl Compare {
    fn point(self) -> Option<proto::CasePoint> {
        let point = proto::CasePoint {
            known_at: self.compare_known_at,
            as_of_date: self.compare_as_of,
            lease_seq: self.compare_lease.unwrap_or_default(),
        };
        (self.compare_now || point != proto::CasePoint::default()).then_some(point)
    }
}

/// Says so where a case still stands where an earlier activation has put it.
fn stands_where(answer: &proto::ExplainCaseResponse) -> Option<String> {
    let stands = answer.case.as_ref()?.rank.as_ref()?;
    let ranks = answer.explanation.as_ref()?.rank.as_ref()?;
    (stands.rule_set_id != ranks.rule_set_id).then(|| {
        "what ranks the cases has changed: the headline is where this one stands until its turn \
         comes, below it is ranked by what is active, as it is before it is leased"
            .to_owned()
    })
}

pub(super) async fn explain(context: &Context, args: ExplainArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let portfolio_id = context.portfolio(&client, args.portfolio.as_deref()).await?;
    let what_if = match args.what_if.as_slice() {
        [] => None,
        fields => Some(what_if::document(&client, &portfolio_id, fields).await?),
    };
    let is_of_now = args.known_at.is_none() && args.lease.is_none();
    let request = proto::ExplainCaseRequest {
        portfolio_id,
        case_id: args.case_id,
        as_of_date: args.as_of,
        what_if,
        known_at: args.known_at,
        lease_seq: args.lease.unwrap_or_default(),
        compare_with: args.compare.point(),
        language_code: args.language,
    };
    let answer = client.cases().explain_case(request).await?.into_inner();
    if let Some(activated) = stands_where(&answer).filter(|_| is_of_now) {
        output::note(&activated);
    }
    let view = view(answer.case.as_ref(), answer.explanation.as_ref())?;
    let view = view.served_by(answer.lease.as_ref());
    match (&answer.what_if_explanation, &answer.movement) {
        (None, None) => view.print(context.format),
        (None, Some(movement)) => view.print_moved(&MovementView::new(movement), context.format),
        (Some(other), _) => {
            let other = ExplanationView::new(&answer.case.unwrap_or_default(), other);
            view.print_beside(&other, context.format)
        }
    }
}
