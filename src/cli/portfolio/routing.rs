//! Routing rules of a portfolio: read from a file, and shown.

use std::convert::Infallible;
use std::fs;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::{Client, Context, Failure, output};
use crate::cli::failure::Exit;
use crate::cli::output::Record;
use crate::grpc::{routing_rules_of, written_routing_rules};
use crate::proto;
use crate::scoring::card::{Condition, Routing};

#[derive(Args, Debug)]
pub(in crate::cli) struct RoutesArgs {
    /// The portfolio; that of the settings or the only one if not given
    portfolio: Option<String>,
}

/// Rules that replace those there are: all of a file, or as the settings file lists them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<Routing>")]
pub(super) enum Rules {
    File(PathBuf),
    Listed(Vec<Routing>),
}

impl From<Vec<Routing>> for Rules {
    fn from(rules: Vec<Routing>) -> Rules {
        Rules::Listed(rules)
    }
}

impl FromStr for Rules {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Rules, Infallible> {
        Ok(match text {
            "none" => Rules::Listed(Vec::new()),
            file => Rules::File(PathBuf::from(file)),
        })
    }
}

impl Rules {
    /// The rules in the contract.
    pub(super) fn read(&self) -> Result<Vec<proto::RoutingRule>, Failure> {
        let read = |file: &PathBuf| {
            let failed = |error: &dyn std::fmt::Display| {
                Failure::new(Exit::Invalid, format!("{}: {error}", file.display()))
            };
            let text = fs::read_to_string(file).map_err(|error| failed(&error))?;
            Routing::read_all(&text).map_err(|found| Failure::of_file(file, found))
        };
        match self {
            Rules::File(file) => Ok(routing_rules_of(&read(file)?)),
            Rules::Listed(rules) => Ok(routing_rules_of(rules)),
        }
    }
}

/// A rule as it is shown, and can be read again.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(in crate::cli) struct RuleView(Routing);

impl RuleView {
    /// The rules of settings, in their order.
    pub(in crate::cli) fn all(ranking: &proto::RankingSettings) -> Vec<RuleView> {
        written_routing_rules(&ranking.routing_rules).into_iter().map(RuleView).collect()
    }
}

impl Record for RuleView {
    const HEADER: &'static [&'static str] = &["route", "when"];

    fn cells(&self) -> Vec<String> {
        let conditions: Vec<String> = self.0.when.iter().map(text_of).collect();
        vec![self.0.route.clone(), conditions.join(" and ")]
    }
}

/// A condition for people.
fn text_of(one: &Condition) -> String {
    let feature = &one.feature;
    match (&one.is, &one.from, &one.to) {
        _ if one.missing => format!("{feature} missing"),
        _ if one.unknown => format!("{feature} unknown"),
        (Some(names), ..) => format!("{feature} {}", names.join("|")),
        (None, Some(from), Some(to)) => format!("{feature} {from} to {to}"),
        (None, Some(from), None) => format!("{feature} from {from}"),
        (None, None, Some(to)) => format!("{feature} to {to}"),
        (None, None, None) => feature.clone(),
    }
}

/// Shows the rules of a portfolio.
pub(super) async fn run(
    context: &Context,
    client: &Client,
    args: RoutesArgs,
) -> Result<(), Failure> {
    let portfolio_id = context.portfolio(client, args.portfolio.as_deref()).await?;
    let request = proto::GetPortfolioRequest { portfolio_id };
    let read = client.portfolios().get_portfolio(request).await?.into_inner();
    let ranking = read.portfolio.unwrap_or_default().ranking.unwrap_or_default();
    output::records(context.format, &RuleView::all(&ranking))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_read_again() {
        let text = "- route: legal\n  when:\n    - { feature: days_past_due, from: 91 }\n    \
                    - { feature: marital_status, protected: true, is: [DIVORCED, WIDOWED] }\n\
                    - { route: quick, when: [{ feature: custom.web, kind: FLAG, missing: true }] }\n";
        let rules = routing_rules_of(&Routing::read_all(text).expect("rules"));
        let settings = proto::RankingSettings { routing_rules: rules, ..Default::default() };
        let shown = RuleView::all(&settings);
        assert_eq!(
            shown[0].cells(),
            ["legal", "days_past_due from 91 and marital_status DIVORCED|WIDOWED"]
        );
        assert_eq!(shown[1].cells(), ["quick", "custom.web missing"]);
        let json = serde_json::to_string_pretty(&shown).expect("JSON");
        let again = routing_rules_of(&Routing::read_all(&json).expect("rules"));
        assert_eq!(again, settings.routing_rules);
    }

    #[test]
    fn a_wrong_file_names_the_line() {
        let wrong = Routing::read_all("- route: legal\n  when: [{ feature: x, above: 3 }]\n");
        let wrong = wrong.expect_err("above is no field")[0].to_string();
        assert!(wrong.contains("line 2") && wrong.contains("above"), "{wrong}");
        assert!(Routing::read_all("route: legal\n").is_err(), "no list");
    }
}
