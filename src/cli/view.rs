//! What the commands show of a case, a work item and the like. The names of the
//! fields are those of the JSON and CSV output and stay as they are.

use std::fmt::Write;

use prost_types::{Duration, Timestamp};
use serde::Serialize;

use super::output::Record;
use super::portfolio::RuleView;
use super::word;
use crate::model::{Currency, MoneyParts};
use crate::proto;

/// A case.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct CaseView {
    portfolio_id: String,
    case_id: String,
    debtor_id: String,
    state: String,
    close_reason: String,
    overdue_amount: String,
    currency: String,
    provisional: bool,
    oldest_due_date: String,
    days_past_due: Option<i32>,
    stage: String,
    recovery_group: String,
    recovery_score: Option<i32>,
    priority: Option<i32>,
    /// Empty where no experiment runs.
    #[serde(skip_serializing_if = "str::is_empty")]
    arm: &'static str,
    /// Empty where it has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    route: String,
    holds: Vec<String>,
    as_of_time: String,
}

impl CaseView {
    pub(super) fn new(case: &proto::Case) -> CaseView {
        let (overdue_amount, currency) = amount(case.overdue_amount.as_ref());
        let rank = case.rank.as_ref();
        let hold = |hold: &proto::ActiveHold| word::HOLD_KIND.word(hold.kind).to_owned();
        CaseView {
            portfolio_id: case.portfolio_id.clone(),
            case_id: case.case_id.clone(),
            debtor_id: case.debtor_id.clone(),
            state: word::CASE_STATE.word(case.state).to_owned(),
            close_reason: word::CLOSE_REASON.word(case.close_reason).to_owned(),
            overdue_amount,
            currency,
            provisional: case.provisional,
            oldest_due_date: day(case.oldest_due_date.as_ref()),
            days_past_due: case.oldest_due_date.map(|_| case.days_past_due),
            stage: word::STAGE.word(case.stage).to_owned(),
            recovery_group: group(rank),
            recovery_score: rank.map(|rank| rank.recovery_score),
            priority: rank.map(|rank| rank.priority),
            arm: arm(rank),
            route: route(rank),
            holds: case.holds.iter().map(hold).collect(),
            as_of_time: time(case.as_of_time.as_ref()),
        }
    }

    /// One line that names the case and says how it stands.
    pub(super) fn headline(&self) -> String {
        let mut line = format!("{} {}: ", self.portfolio_id, self.case_id);
        let _ = write!(line, "{} {} overdue", self.overdue_amount, self.currency);
        if let Some(days) = self.days_past_due {
            let _ = write!(line, " since {days} days ({})", self.stage);
        }
        let _ = write!(line, ", {}", self.state);
        if let (Some(score), Some(priority)) = (self.recovery_score, self.priority) {
            let group = &self.recovery_group;
            let _ = write!(line, ", group {group}, score {score}, priority {priority}");
        }
        if !self.arm.is_empty() {
            let _ = write!(line, ", arm {}", self.arm);
        }
        if !self.route.is_empty() {
            let _ = write!(line, ", route {}", self.route);
        }
        line
    }
}

impl Record for CaseView {
    const HEADER: &'static [&'static str] = &[
        "case_id",
        "debtor_id",
        "state",
        "overdue",
        "currency",
        "due_since",
        "dpd",
        "stage",
        "group",
        "score",
        "priority",
        "holds",
    ];

    fn cells(&self) -> Vec<String> {
        let state = match self.close_reason.as_str() {
            "" => self.state.clone(),
            reason => format!("{} {reason}", self.state),
        };
        vec![
            self.case_id.clone(),
            self.debtor_id.clone(),
            state,
            self.overdue_amount.clone(),
            self.currency.clone(),
            self.oldest_due_date.clone(),
            number(self.days_past_due),
            self.stage.clone(),
            self.recovery_group.clone(),
            number(self.recovery_score),
            number(self.priority),
            self.holds.join(" "),
        ]
    }
}

/// A portfolio.
#[derive(Clone, Debug, Serialize)]
pub(super) struct PortfolioView {
    portfolio_id: String,
    display_name: String,
    time_zone: String,
    base_currency: String,
    contact_policy: &'static str,
    max_ledger_age_hours: Option<i32>,
    stage_bounds: Vec<i32>,
    tolerance_amount: String,
    protected_inputs_on: Vec<String>,
    default_debtor_kind: &'static str,
    default_language: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routing_rules: Vec<RuleView>,
    activation_approval: &'static str,
    settings_version: i64,
    etag: String,
    rule_set_id: String,
}

impl PortfolioView {
    pub(super) fn new(portfolio: &proto::Portfolio) -> PortfolioView {
        use proto::contact_policy::Policy;
        let ranking = portfolio.ranking.clone().unwrap_or_default();
        let policy = portfolio.contact_policy.as_ref().and_then(|policy| policy.policy.as_ref());
        PortfolioView {
            portfolio_id: portfolio.portfolio_id.clone(),
            display_name: portfolio.display_name.clone(),
            time_zone: portfolio.time_zone.clone(),
            base_currency: portfolio.base_currency.clone(),
            contact_policy: match policy {
                Some(Policy::Plain(_)) => "plain",
                Some(Policy::Always(_)) => "always",
                None => "",
            },
            max_ledger_age_hours: portfolio.ledger.and_then(|ledger| ledger.max_ledger_age_hours),
            routing_rules: RuleView::all(&ranking),
            stage_bounds: ranking.stage_bounds,
            tolerance_amount: amount(ranking.tolerance_amount.as_ref()).0,
            protected_inputs_on: ranking.protected_inputs_on,
            default_debtor_kind: word::DEBTOR_KIND.word(ranking.default_debtor_kind),
            default_language: ranking.default_language,
            activation_approval: word::ACTIVATION_APPROVAL.word(portfolio.activation_approval),
            settings_version: portfolio.settings_version,
            etag: portfolio.etag.clone(),
            rule_set_id: portfolio.rule_set_id.clone(),
        }
    }
}

impl Record for PortfolioView {
    const HEADER: &'static [&'static str] =
        &["portfolio_id", "time_zone", "currency", "policy", "settings", "rule_set", "name"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.portfolio_id.clone(),
            self.time_zone.clone(),
            self.base_currency.clone(),
            self.contact_policy.to_owned(),
            self.settings_version.to_string(),
            self.rule_set_id.clone(),
            self.display_name.clone(),
        ]
    }
}

/// A work list.
#[derive(Clone, Debug, Serialize)]
pub(super) struct WorkListView {
    work_list_id: String,
    display_name: String,
    portfolio_ids: Vec<String>,
    recovery_groups: Vec<String>,
    stages: Vec<String>,
    languages: Vec<String>,
    /// `-` for the cases that have none.
    routes: Vec<String>,
    reserved_share_permille: Option<i32>,
}

impl WorkListView {
    pub(super) fn new(list: &proto::WorkList) -> WorkListView {
        let words = |words: word::Words, numbers: &[i32]| {
            numbers.iter().map(|number| words.word(*number).to_owned()).collect()
        };
        WorkListView {
            work_list_id: list.work_list_id.clone(),
            display_name: list.display_name.clone(),
            portfolio_ids: list.portfolio_ids.clone(),
            recovery_groups: words(word::RECOVERY_GROUP, &list.recovery_groups),
            stages: words(word::STAGE, &list.stages),
            languages: list.languages.clone(),
            routes: list.routes.clone(),
            reserved_share_permille: list.reserved_share_permille,
        }
    }
}

impl Record for WorkListView {
    const HEADER: &'static [&'static str] = &[
        "work_list_id",
        "portfolios",
        "groups",
        "stages",
        "languages",
        "routes",
        "reserved",
        "name",
    ];

    fn cells(&self) -> Vec<String> {
        let all = |list: &[String]| match list {
            [] => "all".to_owned(),
            some => some.join(" "),
        };
        vec![
            self.work_list_id.clone(),
            all(&self.portfolio_ids),
            all(&self.recovery_groups),
            all(&self.stages),
            all(&self.languages),
            all(&self.routes),
            number(self.reserved_share_permille),
            self.display_name.clone(),
        ]
    }
}

/// The arm that a rank tells; empty where no experiment ran.
pub(super) fn arm(rank: Option<&proto::Rank>) -> &'static str {
    rank.map_or("", |rank| word::ARM.word(rank.arm))
}

/// The route that a rank tells; empty where it has none.
pub(super) fn route(rank: Option<&proto::Rank>) -> String {
    rank.map(|rank| rank.route.clone()).unwrap_or_default()
}

/// The letter of the group of a rank.
pub(super) fn group(rank: Option<&proto::Rank>) -> String {
    rank.map_or("", |rank| word::RECOVERY_GROUP.word(rank.recovery_group)).to_owned()
}

/// An amount as text and its currency; both empty if there is none.
pub(super) fn amount(money: Option<&proto::Money>) -> (String, String) {
    let Some(money) = money else { return Default::default() };
    let code = money.currency_code.clone();
    let parts = MoneyParts { units: money.units, nanos: money.nanos };
    let known = Currency::from_code(&code)
        .and_then(|currency| Some((currency, currency.minor(parts).ok()?)))
        .and_then(|(currency, minor)| {
            currency.text(minor).strip_suffix(&format!(" {code}")).map(str::to_owned)
        });
    // A sum beyond the bound of single amounts, or a currency this version does
    // not know, is shown as sent.
    (known.unwrap_or_else(|| format!("{}.{:09}", money.units, money.nanos.abs())), code)
}

/// A day as text; empty if there is none.
pub(super) fn day(date: Option<&proto::Date>) -> String {
    date.map_or_else(String::new, |date| {
        format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
    })
}

/// An instant as text; empty if there is none.
pub(super) fn time(instant: Option<&Timestamp>) -> String {
    instant.map(Timestamp::to_string).unwrap_or_default()
}

/// Whole seconds.
pub(super) fn seconds(duration: Option<&Duration>) -> Option<i64> {
    duration.map(|duration| duration.seconds)
}

/// A number of seconds for people.
pub(super) fn duration_text(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A number as text; empty if there is none.
pub(super) fn number(number: Option<i32>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(currency_code: &str, units: i64, nanos: i32) -> proto::Money {
        proto::Money { currency_code: currency_code.to_owned(), units, nanos }
    }

    #[test]
    fn amounts_are_shown_in_the_places_of_their_currency() {
        let text = |money: proto::Money| amount(Some(&money)).0;
        assert_eq!(text(money("EUR", 1_240, 500_000_000)), "1240.50");
        assert_eq!(text(money("JPY", 5, 0)), "5");
        assert_eq!(text(money("BHD", 0, 1_000_000)), "0.001");
        assert_eq!(text(money("XYZ", 1, 0)), "1.000000000", "not known here");
        assert_eq!(amount(None), (String::new(), String::new()));
    }

    #[test]
    fn a_case_without_a_rank_shows_none() {
        let view = CaseView::new(&proto::Case { state: 7, close_reason: 1, ..Default::default() });
        let cells = view.cells();
        assert_eq!(cells.len(), CaseView::HEADER.len());
        assert_eq!(cells[2], "CLOSED CURED");
        assert_eq!(cells[6..11], ["", "", "", "", ""]);
    }

    #[test]
    fn durations_are_readable() {
        let shown = [0, 119, 120, 7_199, 7_200, 172_799, 172_800].map(duration_text);
        assert_eq!(shown, ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days"]);
    }
}
