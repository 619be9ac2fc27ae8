//! The questions of `arrears init`.

use dialoguer::{Input, Select};

use super::{Choice, Exit, Failure, InitArgs, PORTFOLIO_ID, Policy, ValueEnum};
use crate::model::{Currency, PortfolioId};

/// Asks for what the flags leave open.
pub(super) fn choose(args: InitArgs, zone: &str) -> Result<Choice, Failure> {
    let failed = |error: dialoguer::Error| Failure::new(Exit::Interrupted, error);
    let portfolio_id = match args.portfolio_id {
        Some(portfolio_id) => portfolio_id,
        None => Input::new()
            .with_prompt("Id of the portfolio")
            .default(PORTFOLIO_ID.to_owned())
            .validate_with(|text: &String| match PortfolioId::new(text.clone()) {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("it {error}")),
            })
            .interact_text()
            .map_err(failed)?,
    };
    let time_zone = match args.time_zone {
        Some(time_zone) => time_zone,
        None => Input::new()
            .with_prompt("Time zone in which days are counted (IANA name; it never changes)")
            .default(zone.to_owned())
            .interact_text()
            .map_err(failed)?,
    };
    let currency = match args.currency {
        Some(currency) => currency,
        None => Input::new()
            .with_prompt("Currency of every amount (ISO 4217; it never changes)")
            .validate_with(|text: &String| match Currency::from_code(text) {
                Some(_) => Ok(()),
                None => Err("it must be a code such as EUR"),
            })
            .interact_text()
            .map_err(failed)?,
    };
    let policy = match args.policy {
        Some(policy) => policy,
        None => {
            let policies = Policy::value_variants();
            let meanings: Vec<&str> = policies.iter().map(|policy| policy.meaning()).collect();
            let prompt = "When may debtors be contacted?";
            let chosen = Select::new().with_prompt(prompt).items(&meanings).default(0).interact();
            policies[chosen.map_err(failed)?]
        }
    };
    Ok(Choice { portfolio_id, time_zone, currency, policy })
}
