//! `arrears portfolio update`: changes settings of a portfolio by flags, by a file, or by
//! both. Those that ranks read need a reason: they are an activation.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueEnum};
use prost_types::Timestamp;
use serde::Deserialize;

use super::ranking::RankingChanges;
use super::{Client, Context, Failure, Policy, PortfolioView, output};
use crate::cli::decimal::instant;
use crate::cli::failure::Exit;
use crate::cli::scorecard;
use crate::proto;
use proto::contact_policy::Policy as Kind;

#[derive(Args, Debug)]
pub(in crate::cli) struct UpdateArgs {
    /// The portfolio; that of the settings or the only one if not given
    #[arg(short, long)]
    portfolio: Option<String>,
    /// Settings to change, a TOML file with the names of the flags, such as
    /// `attempts_per_day = 1`, those that ranks read in a table `[ranking]`; a flag wins
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Changes nothing unless the portfolio is still in this state, as `portfolio list
    /// -o json` shows it; the state just read if not given
    #[arg(long)]
    etag: Option<String>,
    /// Why, where settings change that ranks read: that is an activation
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// When settings that ranks read shall change, at most 90 days ahead; at once if not
    /// given
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    start_time: Option<Timestamp>,
    #[command(flatten)]
    changes: Changes,
}

/// What shall change; all else stays.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Changes {
    /// A name for people
    #[arg(long)]
    display_name: Option<String>,
    /// When debtors may be contacted
    #[arg(long, value_enum)]
    policy: Option<Policy>,
    /// Hours of the policy plain, such as mon-fri=08:00-20:00; may be repeated, and
    /// replaces all hours there are
    #[arg(long, value_name = "DAYS=FROM-TO")]
    hours: Option<Vec<Hours>>,
    /// Counted attempts per debtor and day under the policy plain, 1 to 100
    #[arg(long, value_name = "COUNT")]
    attempts_per_day: Option<i32>,
    /// Counted attempts per debtor in seven days under the policy plain, 1 to 100
    #[arg(long, value_name = "COUNT")]
    attempts_per_week: Option<i32>,
    /// Business hours after which a ledger is too old to speak from; 0 for never
    #[arg(long, value_name = "HOURS")]
    max_ledger_age_hours: Option<i32>,
    /// What is done with a case whose ledger is too old
    #[arg(long, value_enum)]
    old_ledger_rule: Option<OldLedger>,
    /// Whether a second person must approve what changes ranks; needs a server with
    /// credentials
    #[arg(long, value_enum)]
    activation_approval: Option<Approval>,
    #[command(flatten)]
    #[serde(default)]
    ranking: RankingChanges,
}

/// Whether a second person must approve what changes ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Approval {
    /// Whoever may activate does so alone; needs --reason, and a second person
    NotRequired,
    /// Another person approves it
    Required,
}

/// What is done with a case whose ledger is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum OldLedger {
    /// The case is not served
    Deny,
    /// The case is served without any amount
    ServeWithoutAmounts,
}

/// The same hours on some days of the week.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Hours(Vec<proto::DayHours>);

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Hours, String> {
        let read = || {
            let (days, hours) = text.split_once('=')?;
            let (first, last) = days.split_once('-').unwrap_or((days, days));
            let (from, to) = hours.split_once('-')?;
            Some(((weekday(first)?, weekday(last)?), (minute(from)?, minute(to)?)))
        };
        match read() {
            Some(((first, last), (start_minute, end_minute))) if first <= last => {
                let day = |weekday| proto::DayHours { weekday, start_minute, end_minute };
                Ok(Hours((first..=last).map(day).collect()))
            }
            _ => Err(format!("{text:?} is not of the form mon-fri=08:00-20:00")),
        }
    }
}

impl TryFrom<String> for Hours {
    type Error = String;

    fn try_from(text: String) -> Result<Hours, String> {
        text.parse()
    }
}

/// The number of a weekday in the contract: Monday is 1.
fn weekday(word: &str) -> Option<i32> {
    let place = DAYS.iter().position(|day| day.eq_ignore_ascii_case(word))?;
    i32::try_from(place + 1).ok()
}

/// The minute of the day of a time such as 08:30; 24:00 is its end.
fn minute(text: &str) -> Option<i32> {
    let (hours, minutes) = text.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
    let minute = i32::from(hours) * 60 + i32::from(minutes);
    (minutes < 60 && minute <= 24 * 60).then_some(minute)
}

impl Changes {
    /// Reads a file of changes.
    fn read(path: &Path) -> Result<Changes, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::Invalid, format!("{}: {error}", path.display()))
        };
        let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
        toml::from_str(&text).map_err(|error| failed(&error))
    }

    /// These, and those of `other` for what these leave out.
    fn or(self, other: Changes) -> Changes {
        Changes {
            display_name: self.display_name.or(other.display_name),
            policy: self.policy.or(other.policy),
            hours: self.hours.or(other.hours),
            attempts_per_day: self.attempts_per_day.or(other.attempts_per_day),
            attempts_per_week: self.attempts_per_week.or(other.attempts_per_week),
            max_ledger_age_hours: self.max_ledger_age_hours.or(other.max_ledger_age_hours),
            old_ledger_rule: self.old_ledger_rule.or(other.old_ledger_rule),
            activation_approval: self.activation_approval.or(other.activation_approval),
            ranking: self.ranking.or(other.ranking),
        }
    }

    /// Makes the changes to a portfolio as read.
    fn make(self, portfolio: &mut proto::Portfolio) -> Result<(), Failure> {
        if let Some(display_name) = &self.display_name {
            portfolio.display_name.clone_from(display_name);
        }
        if let Some(approval) = self.activation_approval {
            portfolio.set_activation_approval(match approval {
                Approval::NotRequired => proto::ActivationApproval::NotRequired,
                Approval::Required => proto::ActivationApproval::Required,
            });
        }
        self.ranking.make(portfolio)?;
        let ledger = portfolio.ledger.get_or_insert_default();
        if let Some(hours) = self.max_ledger_age_hours {
            ledger.max_ledger_age_hours = Some(hours);
        }
        if let Some(rule) = self.old_ledger_rule {
            let rule = match rule {
                OldLedger::Deny => proto::OldLedgerRule::Deny,
                OldLedger::ServeWithoutAmounts => proto::OldLedgerRule::ServeWithoutAmounts,
            };
            ledger.set_old_ledger_rule(rule);
        }
        self.make_policy(portfolio.contact_policy.get_or_insert_default())
    }

    /// A policy named anew begins with its defaults; hours and caps are those of
    /// `plain` only.
    fn make_policy(self, policy: &mut proto::ContactPolicy) -> Result<(), Failure> {
        let same = matches!(
            (self.policy, &policy.policy),
            (None, _)
                | (Some(Policy::Plain), Some(Kind::Plain(_)))
                | (Some(Policy::Always), Some(Kind::Always(_)))
        );
        if let Some(named) = self.policy.filter(|_| !same) {
            *policy = named.to_proto();
        }
        let of_plain = self.hours.is_some()
            || self.attempts_per_day.is_some()
            || self.attempts_per_week.is_some();
        match policy.policy.as_mut() {
            Some(Kind::Plain(plain)) => {
                if let Some(hours) = self.hours {
                    plain.hours = hours.into_iter().flat_map(|hours| hours.0).collect();
                }
                plain.attempts_per_day = self.attempts_per_day.or(plain.attempts_per_day);
                plain.attempts_per_week = self.attempts_per_week.or(plain.attempts_per_week);
                Ok(())
            }
            _ if of_plain => {
                let message = "the policy always knows neither hours nor caps";
                Err(Failure::new(Exit::Usage, message).with_next("add --policy plain"))
            }
            _ => Ok(()),
        }
    }
}

/// Changes a portfolio.
pub(super) async fn run(
    context: &Context,
    client: &Client,
    args: UpdateArgs,
) -> Result<(), Failure> {
    let of_file = args.file.as_deref().map(Changes::read).transpose()?;
    let changes = args.changes.or(of_file.unwrap_or_default());
    if changes == Changes::default() {
        let message = "nothing to change: neither a flag nor a setting of the file says what";
        return Err(Failure::new(Exit::Usage, message)
            .with_next("`arrears portfolio update --help` lists what may change"));
    }
    let portfolio_id = context.portfolio(client, args.portfolio.as_deref()).await?;
    let request = proto::GetPortfolioRequest { portfolio_id };
    let read = client.portfolios().get_portfolio(request).await?.into_inner();
    let mut portfolio = read.portfolio.unwrap_or_default();
    changes.make(&mut portfolio)?;
    if let Some(etag) = args.etag {
        portfolio.etag = etag;
    }
    let request = proto::UpdatePortfolioRequest {
        portfolio: Some(portfolio),
        activation_reason: args.reason,
        activation_start_time: args.start_time,
    };
    let updated = client.portfolios().update_portfolio(request).await?.into_inner();
    if let Some(proposal) = &updated.proposal {
        return scorecard::tell_proposal(context, proposal);
    }
    output::records(context.format, &[PortfolioView::new(&updated.portfolio.unwrap_or_default())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(weekday: i32, start_minute: i32, end_minute: i32) -> proto::DayHours {
        proto::DayHours { weekday, start_minute, end_minute }
    }

    #[test]
    fn hours_are_of_one_day_or_of_several() {
        assert_eq!("sun=00:00-24:00".parse(), Ok(Hours(vec![day(7, 0, 1_440)])));
        let three = Hours(vec![day(1, 545, 1_200), day(2, 545, 1_200), day(3, 545, 1_200)]);
        assert_eq!("Mon-WED=09:05-20:00".parse(), Ok(three));
        for wrong in [
            "",
            "mon",
            "mon=",
            "mon=08:00",
            "mon=8:00-20:00",
            "mon=08:00-24:01",
            "mon=08:60-20:00",
            "fri-mon=08:00-20:00",
            "monday=08:00-20:00",
            "mon-=08:00-20:00",
            "mon=-8:00-20:00",
        ] {
            assert!(wrong.parse::<Hours>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_has_the_names_of_the_flags_and_flags_win() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("north.toml");
        let text = "policy = \"plain\"\nhours = [\"sat=09:00-12:00\"]\nattempts_per_day = 2\n\
                    old_ledger_rule = \"serve-without-amounts\"\n";
        fs::write(&path, text).unwrap();
        let flags = Changes { attempts_per_day: Some(3), ..Changes::default() };
        let changes = flags.or(Changes::read(&path).unwrap());
        assert_eq!(changes.attempts_per_day, Some(3));
        assert_eq!(changes.policy, Some(Policy::Plain));
        assert_eq!(changes.hours, Some(vec![Hours(vec![day(6, 540, 720)])]));
        assert_eq!(changes.old_ledger_rule, Some(OldLedger::ServeWithoutAmounts));
        for wrong in ["colour = 1\n", "hours = [\"x\"]\n", "attempts_per_day = \"1\"\n", "=\n"] {
            fs::write(&path, wrong).unwrap();
            assert_eq!(Changes::read(&path).unwrap_err().exit(), 3, "{wrong}");
        }
        assert_eq!(Changes::read(&folder.path().join("none")).unwrap_err().exit(), 3);
    }

    #[test]
    fn what_is_not_named_stays_and_another_policy_begins_with_its_defaults() {
        let plain = proto::PlainPolicy {
            hours: vec![day(1, 0, 60)],
            attempts_per_day: Some(4),
            attempts_per_week: Some(5),
        };
        let policy = Some(Kind::Plain(plain.clone()));
        let mut portfolio = proto::Portfolio {
            contact_policy: Some(proto::ContactPolicy { policy }),
            ..Default::default()
        };
        let named = |policy| Changes { policy: Some(policy), ..Changes::default() };
        let policy_of = |portfolio: &proto::Portfolio| {
            portfolio.contact_policy.as_ref().and_then(|policy| policy.policy.clone())
        };
        let change = Changes { attempts_per_day: Some(1), ..named(Policy::Plain) };
        change.make(&mut portfolio).unwrap();
        let changed = proto::PlainPolicy { attempts_per_day: Some(1), ..plain };
        assert_eq!(policy_of(&portfolio), Some(Kind::Plain(changed)));
        named(Policy::Always).make(&mut portfolio).unwrap();
        assert!(matches!(policy_of(&portfolio), Some(Kind::Always(_))));
        let caps = Changes { attempts_per_week: Some(1), ..Changes::default() };
        assert_eq!(caps.clone().make(&mut portfolio).unwrap_err().exit(), 2);
        caps.or(named(Policy::Plain)).make(&mut portfolio).unwrap();
        let begun = proto::PlainPolicy { attempts_per_week: Some(1), ..Default::default() };
        assert_eq!(policy_of(&portfolio), Some(Kind::Plain(begun)));
    }
}
