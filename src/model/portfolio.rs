//! The settings of a portfolio.

use super::{Currency, DebtorKind, RoutingRule, StageBounds};

/// All settings of a portfolio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortfolioSettings {
    /// For people.
    pub display_name: String,
    /// The canonical IANA name of the zone in which days are counted.
    pub time_zone: String,
    /// The currency of every amount.
    pub base_currency: Currency,
    /// What a rank depends on.
    pub ranking: RankingSettings,
    /// When a debtor may be contacted.
    pub contact_policy: ContactPolicy,
    /// Hours of business days after which a ledger document is too old; 0 = never.
    pub max_ledger_age_hours: i32,
    /// What is done then.
    pub old_ledger_rule: OldLedgerRule,
    /// Whether a second person must approve what changes ranks.
    pub activation_approval: ActivationApproval,
}

/// What a rank depends on beside the scorecard, the case and the day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankingSettings {
    /// The bounds of the stages.
    pub stage_bounds: StageBounds,
    /// An overdue amount up to this one counts as settled, in smallest units.
    pub tolerance_amount_minor: i64,
    /// The protected inputs switched on, by feature name, sorted.
    pub protected_inputs_on: Vec<String>,
    /// The kind of a debtor who does not say.
    pub default_debtor_kind: DebtorKind,
    /// The language of a debtor who does not say, a BCP 47 tag.
    pub default_language: String,
    /// What gives cases their routes: the first that matches.
    pub routing_rules: Vec<RoutingRule>,
}

impl RankingSettings {
    /// The language of a debtor who does not say, by default: undetermined.
    pub const LANGUAGE_DEFAULT: &'static str = "und";
}

impl Default for RankingSettings {
    /// Those of a portfolio that says nothing: no tolerance, no protected input on, persons.
    fn default() -> RankingSettings {
        RankingSettings {
            stage_bounds: StageBounds::default(),
            tolerance_amount_minor: 0,
            protected_inputs_on: Vec::new(),
            default_debtor_kind: DebtorKind::Person,
            default_language: RankingSettings::LANGUAGE_DEFAULT.to_owned(),
            routing_rules: Vec::new(),
        }
    }
}

/// When a debtor may be contacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContactPolicy {
    /// Hours per weekday and caps per debtor.
    Plain(PlainPolicy),
    /// No restriction: demonstrations and tests.
    Always,
}

/// Hours per weekday and caps per debtor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainPolicy {
    /// By weekday and start; ranges of one day do not overlap.
    pub hours: Vec<DayHours>,
    /// Counted attempts per debtor and local calendar day.
    pub attempts_per_day: i32,
    /// Counted attempts per debtor in seven rolling days.
    pub attempts_per_week: i32,
}

impl Default for PlainPolicy {
    /// Monday to Saturday 08:00 to 20:00, one attempt a day, three a week.
    fn default() -> PlainPolicy {
        let hours = (1..=6)
            .map(|weekday| DayHours { weekday, start_minute: 480, end_minute: 1_200 })
            .collect();
        PlainPolicy { hours, attempts_per_day: 1, attempts_per_week: 3 }
    }
}

/// The hours of one weekday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayHours {
    /// 1 Monday to 7 Sunday.
    pub weekday: i32,
    /// Minute of the day, 0 to 1,439.
    pub start_minute: i32,
    /// Minute of the day, exclusive, up to 1,440.
    pub end_minute: i32,
}

/// What is done with a case whose ledger document is too old. The numbers are
/// stored and are those of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum OldLedgerRule {
    /// It is not served.
    Deny = 1,
    /// It is served without amounts.
    ServeWithoutAmounts = 2,
}

/// Whether a second person must approve what changes ranks. The numbers are stored and are
/// those of the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(i32)]
pub enum ActivationApproval {
    /// Whoever may activate does so alone.
    #[default]
    NotRequired = 1,
    /// Another person approves it.
    Required = 2,
}

impl ActivationApproval {
    /// The one with a number; nothing for any other number.
    pub fn from_number(number: i32) -> Option<ActivationApproval> {
        [Self::NotRequired, Self::Required].into_iter().find(|one| *one as i32 == number)
    }
}
