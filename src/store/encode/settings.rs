//! Settings as stored messages.

use prost::Message;

use crate::model::{
    ActivationApproval, ContactPolicy, Currency, DayHours, DebtorKind, OldLedgerRule, PlainPolicy,
    PortfolioSettings, RankingSettings, RecoveryGroup, Route, Stage, StageBounds, WorkListSettings,
};

use super::super::StoreError;
use super::{Place, routing, stored};

/// The stored bytes of a portfolio's settings.
pub(crate) fn settings_to(settings: &PortfolioSettings) -> Vec<u8> {
    let ranking = &settings.ranking;
    let kind = ranking.default_debtor_kind as i32;
    let has_rules = !ranking.routing_rules.is_empty();
    stored::PortfolioSettings {
        display_name: settings.display_name.clone(),
        time_zone: settings.time_zone.clone(),
        base_currency: settings.base_currency.code().to_owned(),
        stage_bounds: ranking.stage_bounds.0.to_vec(),
        tolerance_amount_minor: ranking.tolerance_amount_minor,
        protected_inputs_on: ranking.protected_inputs_on.clone(),
        default_debtor_kind: if has_rules { 0 } else { kind },
        default_language: ranking.default_language.clone(),
        contact_policy: Some(policy_to(&settings.contact_policy)),
        max_ledger_age_hours: settings.max_ledger_age_hours,
        old_ledger_rule: settings.old_ledger_rule as i32,
        activation_approval: match settings.activation_approval {
            // As in settings from before there was any.
            ActivationApproval::NotRequired => 0,
            ActivationApproval::Required => ActivationApproval::Required as i32,
        },
        routing_rules: routing::rules_to(&ranking.routing_rules),
        default_debtor_kind_beside_rules: if has_rules { kind } else { 0 },
    }
    .encode_to_vec()
}

fn policy_to(policy: &ContactPolicy) -> stored::ContactPolicy {
    match policy {
        ContactPolicy::Always => {
            stored::ContactPolicy { always: true, ..stored::ContactPolicy::default() }
        }
        ContactPolicy::Plain(plain) => stored::ContactPolicy {
            always: false,
            hours: plain.hours.iter().map(hours_to).collect(),
            attempts_per_day: plain.attempts_per_day,
            attempts_per_week: plain.attempts_per_week,
        },
    }
}

fn hours_to(hours: &DayHours) -> stored::DayHours {
    stored::DayHours {
        weekday: hours.weekday,
        start_minute: hours.start_minute,
        end_minute: hours.end_minute,
    }
}

/// The settings of stored bytes.
pub(crate) fn settings_from(bytes: &[u8], place: Place) -> Result<PortfolioSettings, StoreError> {
    let stored: stored::PortfolioSettings = place.decode(bytes)?;
    let base_currency = Currency::from_code(&stored.base_currency)
        .ok_or_else(|| place.corrupt(format!("currency {} is not known", stored.base_currency)))?;
    let old_ledger_rule = [OldLedgerRule::Deny, OldLedgerRule::ServeWithoutAmounts]
        .into_iter()
        .find(|rule| *rule as i32 == stored.old_ledger_rule)
        .ok_or_else(|| place.corrupt("the rule for an old ledger is not known"))?;
    let policy = stored.contact_policy.ok_or_else(|| place.corrupt("no contact policy"))?;
    let kind = match stored.routing_rules.is_empty() {
        true => stored.default_debtor_kind,
        false => stored.default_debtor_kind_beside_rules,
    };
    let settings = PortfolioSettings {
        display_name: stored.display_name,
        time_zone: stored.time_zone,
        base_currency,
        ranking: RankingSettings {
            stage_bounds: stage_bounds_from(stored.stage_bounds, place)?,
            tolerance_amount_minor: stored.tolerance_amount_minor,
            protected_inputs_on: stored.protected_inputs_on,
            default_debtor_kind: default_kind_from(kind, place)?,
            default_language: stored.default_language,
            routing_rules: routing::rules_from(stored.routing_rules, place)?,
        },
        contact_policy: policy_from(policy),
        max_ledger_age_hours: stored.max_ledger_age_hours,
        old_ledger_rule,
        activation_approval: approval_from(stored.activation_approval, place)?.unwrap_or_default(),
    };
    // To write them again would lose what this program does not know.
    match settings_to(&settings) == bytes {
        true => Ok(settings),
        false => Err(place.newer(SAYS_MORE)),
    }
}

/// Why settings are refused that a newer program wrote.
const SAYS_MORE: &str = "it says more than this program knows: a newer one wrote it";

/// The last days of M1 to M4.
pub(crate) fn stage_bounds_from(days: Vec<i32>, place: Place) -> Result<StageBounds, StoreError> {
    let bounds = days.try_into().map(StageBounds);
    bounds.map_err(|days| place.corrupt(format!("stage bounds are {days:?}")))
}

/// What debtors are that nothing is told of.
pub(crate) fn default_kind_from(number: i32, place: Place) -> Result<DebtorKind, StoreError> {
    let kind = DebtorKind::from_number(i64::from(number));
    kind.ok_or_else(|| place.newer("the default debtor kind is not known"))
}

/// Whether a second person is asked for; nothing where nothing is said.
pub(crate) fn approval_from(
    number: i32,
    place: Place,
) -> Result<Option<ActivationApproval>, StoreError> {
    match (number, ActivationApproval::from_number(number)) {
        (0, _) => Ok(None),
        (_, Some(approval)) => Ok(Some(approval)),
        (_, None) => Err(place.newer("whether a second person approves is not known")),
    }
}

fn policy_from(stored: stored::ContactPolicy) -> ContactPolicy {
    if stored.always {
        return ContactPolicy::Always;
    }
    let hours = stored
        .hours
        .into_iter()
        .map(|hours| DayHours {
            weekday: hours.weekday,
            start_minute: hours.start_minute,
            end_minute: hours.end_minute,
        })
        .collect();
    ContactPolicy::Plain(PlainPolicy {
        hours,
        attempts_per_day: stored.attempts_per_day,
        attempts_per_week: stored.attempts_per_week,
    })
}

/// The number of no group.
const NO_GROUP: i32 = 0;

/// The stored bytes of a work list's settings.
pub(crate) fn work_list_to(settings: &WorkListSettings) -> Vec<u8> {
    let groups = settings.groups.iter().map(|group| *group as i32).collect();
    let (recovery_groups, recovery_groups_beside_routes) = match settings.routes.is_empty() {
        true => (groups, Vec::new()),
        false => (vec![NO_GROUP], groups),
    };
    stored::WorkListSettings {
        display_name: settings.display_name.clone(),
        portfolio_ids: settings.portfolio_ids.clone(),
        recovery_groups,
        stages: settings.stages.iter().map(|stage| *stage as i32).collect(),
        languages: settings.languages.clone(),
        reserved_share_permille: settings.reserved_share_permille,
        routes: settings.routes.iter().map(Route::to_string).collect(),
        recovery_groups_beside_routes,
    }
    .encode_to_vec()
}

/// A work list's settings of stored bytes.
pub(crate) fn work_list_from(bytes: &[u8], place: Place) -> Result<WorkListSettings, StoreError> {
    let stored: stored::WorkListSettings = place.decode(bytes)?;
    let groups = match stored.routes.is_empty() {
        true => &stored.recovery_groups,
        false => &stored.recovery_groups_beside_routes,
    };
    let groups = groups
        .iter()
        .map(|number| RecoveryGroup::from_number(i64::from(*number)))
        .collect::<Option<_>>()
        .ok_or_else(|| place.corrupt("a recovery group is not known"))?;
    let stages = stored
        .stages
        .iter()
        .map(|number| Stage::from_number(i64::from(*number)))
        .collect::<Option<_>>()
        .ok_or_else(|| place.corrupt("a stage is not known"))?;
    let routes = stored.routes.iter().map(|word| Route::named(word)).collect::<Result<_, _>>();
    let settings = WorkListSettings {
        display_name: stored.display_name,
        portfolio_ids: stored.portfolio_ids,
        groups,
        stages,
        languages: stored.languages,
        routes: routes.map_err(|error| place.corrupt(error))?,
        reserved_share_permille: stored.reserved_share_permille,
    };
    match work_list_to(&settings) == bytes {
        true => Ok(settings),
        false => Err(place.newer(SAYS_MORE)),
    }
}
