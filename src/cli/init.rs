//! `arrears init`: from nothing to a portfolio and a work list, by a few
//! questions or by flags.

use std::fs;
use std::io::{ErrorKind, IsTerminal, stdin};
use std::path::Path;

use clap::{Args, ValueEnum};

use super::CONFIG_FILE;
use super::client::Context;
use super::failure::{Exit, Failure};
use super::output::{self, Format};
use super::portfolio::{Policy, create_portfolio};
use super::view::PortfolioView;
use super::work_list::create_list;
use crate::model::Currency;
use crate::proto;

mod ask;

/// The work list over everything.
pub(super) const WORK_LIST_ID: &str = "all";

/// The portfolio of those who do not name one.
const PORTFOLIO_ID: &str = "main";

#[derive(Args, Debug)]
pub(super) struct InitArgs {
    /// The id of the new portfolio [default: main]
    #[arg(long)]
    portfolio_id: Option<String>,
    /// The IANA time zone in which days are counted, such as Europe/Berlin; it
    /// never changes [default: this machine's]
    #[arg(long)]
    time_zone: Option<String>,
    /// The ISO 4217 code of every amount, such as EUR; it never changes
    #[arg(long)]
    currency: Option<String>,
    /// When debtors may be contacted [default: plain]
    #[arg(long, value_enum)]
    policy: Option<Policy>,
    /// Asks nothing: takes the flags, and the defaults for what is left out
    #[arg(short, long)]
    yes: bool,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Choice {
    portfolio_id: String,
    time_zone: String,
    currency: String,
    policy: Policy,
}

/// Creates a portfolio and the work list `all`, and writes `arrears.toml`.
pub(super) async fn run(context: &Context, args: InitArgs) -> Result<(), Failure> {
    let choice = args.choose()?;
    let client = context.connect().await?;
    let portfolio = proto::Portfolio {
        portfolio_id: choice.portfolio_id.clone(),
        time_zone: choice.time_zone.clone(),
        base_currency: choice.currency.clone(),
        contact_policy: Some(choice.policy.to_proto()),
        ..Default::default()
    };
    let portfolio = create_portfolio(&client, portfolio).await?;
    let work_list_id = WORK_LIST_ID.to_owned();
    create_list(&client, proto::WorkList { work_list_id, ..Default::default() }).await?;
    let path = context.config_file.clone().unwrap_or_else(|| CONFIG_FILE.into());
    let written = write_settings(&path, &context.server, &choice)?;
    output::records(context.format, &[PortfolioView::new(&portfolio)])?;
    if context.format == Format::Table {
        let path = path.display();
        output::note(&match written {
            true => format!("{path} names this server and portfolio; commands here need not"),
            false => format!("{path} has a table `client` already and was left as it is"),
        });
        output::note(choice.policy.meaning());
        output::note("next: arrears import cases FILE.csv");
        output::note(&format!("then: arrears worklist lease {WORK_LIST_ID}"));
    }
    Ok(())
}

impl InitArgs {
    /// What was decided: by flags, by questions for the rest where somebody can
    /// answer, by defaults otherwise.
    fn choose(self) -> Result<Choice, Failure> {
        let ask = !self.yes && stdin().is_terminal();
        let zone = iana_time_zone::get_timezone().unwrap_or_else(|_| "UTC".to_owned());
        let choice = if ask { ask::choose(self, &zone)? } else { self.without_asking(zone)? };
        if Currency::from_code(&choice.currency).is_none() {
            let code = &choice.currency;
            let message = format!("currency {code:?} is not a code of ISO 4217, such as EUR");
            return Err(Failure::new(Exit::Usage, message));
        }
        Ok(choice)
    }

    fn without_asking(self, zone: String) -> Result<Choice, Failure> {
        let missing = || {
            let message = "--currency is needed where nothing is asked: it never changes later";
            Failure::new(Exit::Usage, message)
        };
        Ok(Choice {
            portfolio_id: self.portfolio_id.unwrap_or_else(|| PORTFOLIO_ID.to_owned()),
            time_zone: self.time_zone.unwrap_or(zone),
            currency: self.currency.ok_or_else(missing)?,
            policy: self.policy.unwrap_or(Policy::Plain),
        })
    }
}

impl Policy {
    /// What the choice means.
    fn meaning(self) -> &'static str {
        match self {
            Policy::Plain => {
                "policy plain: Monday to Saturday 08:00 to 20:00 where the debtor is, one attempt \
                 a day, three in seven days; at night nothing is leased"
            }
            Policy::Always => {
                "policy always: anybody may be called at any time; it is for trying out. Before a \
                 real call: arrears portfolio update --policy plain"
            }
        }
    }
}

/// Writes the client's settings into a file, or adds them to it. Answers false
/// if the file has such settings already; they are left as they are.
fn write_settings(path: &Path, server: &str, choice: &Choice) -> Result<bool, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Failure, format!("{}: {error}", path.display()))
    };
    let before = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(&error)),
    };
    let table: toml::Table = toml::from_str(&before).map_err(|error| failed(&error))?;
    if table.contains_key("client") {
        return Ok(false);
    }
    let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let head = match before.as_str() {
        "" => {
            "# Settings of arrears. Flags win over ARREARS_* variables, and those over this file.\n"
        }
        _ => "",
    };
    let settings = format!(
        "{before}{head}\n[client]\nserver = {}\nportfolio = {}\n",
        text(server),
        text(&choice.portfolio_id),
    );
    fs::write(path, settings).map_err(|error| failed(&error))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn args() -> InitArgs {
        InitArgs { portfolio_id: None, time_zone: None, currency: None, policy: None, yes: true }
    }

    fn choice() -> Choice {
        Choice {
            portfolio_id: "north\"1".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            currency: "EUR".to_owned(),
            policy: Policy::Plain,
        }
    }

    #[test]
    fn without_questions_the_currency_must_be_given_and_the_policy_is_plain() {
        assert_eq!(args().choose().unwrap_err().exit(), 2);
        let choice = InitArgs { currency: Some("EUR".to_owned()), ..args() }.choose().unwrap();
        assert_eq!((choice.portfolio_id.as_str(), choice.policy), ("main", Policy::Plain));
        assert!(!choice.time_zone.is_empty());
        let wrong = InitArgs { currency: Some("euro".to_owned()), ..args() }.choose();
        assert_eq!(wrong.unwrap_err().exit(), 2);
    }

    #[test]
    fn what_is_written_is_read_as_settings() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CONFIG_FILE);
        assert!(write_settings(&path, "http://127.0.0.1:7", &choice()).unwrap());
        let client = Config::load(Some(&path), [], &[]).unwrap().client;
        assert_eq!(client.server, "http://127.0.0.1:7");
        assert_eq!(client.portfolio.as_deref(), Some("north\"1"));
    }

    #[test]
    fn settings_that_are_there_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CONFIG_FILE);
        fs::write(&path, "# mine\n[server]\ndrain_seconds = 3\n").unwrap();
        assert!(write_settings(&path, "http://127.0.0.1:7", &choice()).unwrap());
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# mine\n"), "{text}");
        assert_eq!(Config::load(Some(&path), [], &[]).unwrap().server.drain_seconds, 3);
        assert!(!write_settings(&path, "http://127.0.0.1:8", &choice()).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}
