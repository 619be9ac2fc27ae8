//! Portfolios and their settings.

use crate::engine::portfolio::{Portfolio, UpdateCommand};
use crate::model::{
    ActivationApproval, ContactPolicy, Currency, DayHours, DebtorKind, DebtorRecord, Input,
    OldLedgerRule, PlainPolicy, PortfolioId, PortfolioSettings, RankingSettings, Reason,
    StageBounds, Violations,
};
use crate::proto;
use crate::scoring::is_custom_feature;

use super::contact::time_zone;
use super::field::{
    TEXT_BYTES_MAX, choice, count, id, language, number, required_choice, shown, text,
};
use super::money::{AmountRule, amount, currency_of, money};
use super::path::{Path, ROOT};
use super::route;
use super::time::{instant, timestamp};

/// Business hours after which a ledger document is too old, by default.
const LEDGER_HOURS_DEFAULT: i32 = 36;

/// Reads which portfolio is asked for.
pub(in crate::grpc) fn portfolio_id(text: &str) -> Result<PortfolioId, Violations> {
    let mut broken = Violations::new();
    id(text, PortfolioId::new, &ROOT.field("portfolio_id"), &mut broken).ok_or(broken)
}

/// Reads a portfolio to create or to update.
pub(in crate::grpc) fn portfolio_from(
    given: Option<proto::Portfolio>,
) -> Result<(PortfolioId, PortfolioSettings), Violations> {
    let mut broken = Violations::new();
    let at = ROOT.field("portfolio");
    let Some(given) = given else {
        broken.required(at.to_string());
        return Err(broken);
    };
    let field = at.field("portfolio_id");
    let portfolio_id = id(&given.portfolio_id, PortfolioId::new, &field, &mut broken);
    let zone = at.field("time_zone");
    if given.time_zone.is_empty() {
        broken.required(zone.to_string());
    }
    let time_zone = time_zone(&given.time_zone, &zone, &mut broken);
    let field = at.field("display_name");
    let display_name = text(given.display_name, TEXT_BYTES_MAX, &field, &mut broken);
    let base_currency = currency_of(&given.base_currency, &at.field("base_currency"), &mut broken);
    let ranking = given.ranking.unwrap_or_default();
    let ranking = ranking_from(ranking, base_currency, &at.field("ranking"), &mut broken);
    let field = at.field("contact_policy");
    let contact_policy = contact_policy(given.contact_policy.as_ref(), &field, &mut broken);
    let ledger = given.ledger.unwrap_or_default();
    let (max_ledger_age_hours, old_ledger_rule) =
        ledger_from(ledger, &at.field("ledger"), &mut broken);
    let field = at.field("activation_approval");
    let known = |number| match number {
        0 => Some(ActivationApproval::default()),
        number => ActivationApproval::from_number(number),
    };
    let activation_approval = choice(given.activation_approval, known, &field, &mut broken);
    match (portfolio_id, base_currency) {
        (Some(portfolio_id), Some(base_currency)) if broken.is_empty() => {
            let settings = PortfolioSettings {
                display_name,
                time_zone,
                base_currency,
                ranking,
                contact_policy,
                max_ledger_age_hours,
                old_ledger_rule,
                activation_approval: activation_approval.unwrap_or_default(),
            };
            Ok((portfolio_id, settings))
        }
        _ => Err(broken),
    }
}

/// Reads a change of a portfolio.
pub(in crate::grpc) fn update_portfolio(
    given: proto::UpdatePortfolioRequest,
) -> Result<UpdateCommand, Violations> {
    let portfolio = given.portfolio;
    let etag = super::etag(portfolio.as_ref().map(|given| given.etag.clone()), "portfolio");
    let keeps_approval = portfolio.as_ref().is_some_and(|given| given.activation_approval == 0);
    let reason = super::reason_text(given.activation_reason, "activation_reason");
    let mut broken = Violations::new();
    let field = ROOT.field("activation_start_time");
    let time = given.activation_start_time;
    let start_time = time.and_then(|time| instant(&time, &field, &mut broken));
    let read = super::both(portfolio_from(portfolio), etag);
    let rest = super::both(reason, broken.or(start_time));
    let (((portfolio_id, settings), etag), (activation_reason, start_time)) =
        super::both(read, rest)?;
    Ok(UpdateCommand {
        portfolio_id,
        settings,
        keeps_approval,
        etag,
        activation_reason,
        start_time,
    })
}

/// Reads what a rank depends on, for a program that ranks on this side of the wire.
///
/// # Errors
/// Every broken rule; the paths begin with `ranking`.
pub fn ranking_settings(
    given: proto::RankingSettings,
    currency: Currency,
) -> Result<RankingSettings, Violations> {
    let mut broken = Violations::new();
    let read = ranking_from(given, Some(currency), &ROOT.field("ranking"), &mut broken);
    broken.or(read)
}

fn ranking_from(
    given: proto::RankingSettings,
    currency: Option<Currency>,
    at: &Path<'_>,
    broken: &mut Violations,
) -> RankingSettings {
    let tolerance = given.tolerance_amount.as_ref().zip(currency).and_then(|(money, currency)| {
        let at = at.field("tolerance_amount");
        amount(money, AmountRule::NotNegative, currency, &at, broken)
    });
    let field = at.field("default_debtor_kind");
    let kind = |number: i32| DebtorKind::from_number(i64::from(number));
    let kind = choice(given.default_debtor_kind, kind, &field, broken);
    let language = language(&given.default_language, &at.field("default_language"), broken);
    let protected_inputs_on = protected_inputs(given.protected_inputs_on, at, broken);
    let settings = RankingSettings {
        stage_bounds: stage_bounds(&given.stage_bounds, at, broken),
        tolerance_amount_minor: tolerance.unwrap_or(0),
        routing_rules: route::rules_from(given.routing_rules, at, broken),
        protected_inputs_on,
        default_debtor_kind: kind.unwrap_or(DebtorKind::Person),
        default_language: match language.as_str() {
            "" => RankingSettings::LANGUAGE_DEFAULT.to_owned(),
            _ => language,
        },
    };
    route::check(&settings, at, broken);
    settings
}

fn stage_bounds(given: &[i32], at: &Path<'_>, broken: &mut Violations) -> StageBounds {
    if given.is_empty() {
        return StageBounds::default();
    }
    let &[m1, m2, m3, m4] = given else {
        let bound = "the last days of the four stages M1 to M4, or none";
        let field = at.field("stage_bounds").to_string();
        broken.add(field, Reason::FieldOutOfRange, given.len(), bound);
        return StageBounds::default();
    };
    for (place, bound) in given.iter().enumerate() {
        number(*bound, (1, 3_650), &at.item("stage_bounds", place), broken);
        if place > 0 && *bound <= given[place - 1] {
            let field = at.item("stage_bounds", place).to_string();
            let above = format!("it must be above the one before it, {}", given[place - 1]);
            broken.add(field, Reason::FieldConflict, bound, above);
        }
    }
    StageBounds([m1, m2, m3, m4])
}

/// The protected inputs switched on, sorted, each once. Whether a scorecard marks a custom
/// feature as protected shows when the rule set is compiled.
fn protected_inputs(given: Vec<String>, at: &Path<'_>, broken: &mut Violations) -> Vec<String> {
    for (place, name) in given.iter().enumerate() {
        if !Input::from_name(name).is_some_and(Input::protected) && !is_custom_feature(name) {
            let field = at.item("protected_inputs_on", place).to_string();
            let all = crate::model::INPUTS.iter().filter(|input| input.protected());
            let all: Vec<_> = all.map(|input| input.name()).collect();
            let bound = format!(
                "the protected inputs are {}, and any `custom.` feature that a scorecard marks",
                all.join(", ")
            );
            broken.add(field, Reason::FieldOutOfRange, shown(name), bound);
        }
    }
    let mut names = given;
    names.sort_unstable();
    names.dedup();
    names
}

fn contact_policy(
    given: Option<&proto::ContactPolicy>,
    at: &Path<'_>,
    broken: &mut Violations,
) -> ContactPolicy {
    match given.and_then(|given| given.policy.as_ref()) {
        Some(proto::contact_policy::Policy::Always(_)) => ContactPolicy::Always,
        Some(proto::contact_policy::Policy::Plain(plain)) => {
            ContactPolicy::Plain(plain_policy(plain, &at.field("plain"), broken))
        }
        // Who says nothing gets the careful one: `always` must be named.
        None => ContactPolicy::Plain(PlainPolicy::default()),
    }
}

fn plain_policy(given: &proto::PlainPolicy, at: &Path<'_>, broken: &mut Violations) -> PlainPolicy {
    let default = PlainPolicy::default();
    // A cap above what is kept of a debtor's attempts would never bind.
    let most = i32::try_from(DebtorRecord::ATTEMPTS_KEPT).unwrap_or(i32::MAX);
    let attempts = |given: Option<i32>, default, name, broken: &mut Violations| match given {
        Some(attempts) => number(attempts, (1, most), &at.field(name), broken),
        None => default,
    };
    PlainPolicy {
        attempts_per_day: attempts(
            given.attempts_per_day,
            default.attempts_per_day,
            "attempts_per_day",
            broken,
        ),
        attempts_per_week: attempts(
            given.attempts_per_week,
            default.attempts_per_week,
            "attempts_per_week",
            broken,
        ),
        hours: match given.hours.is_empty() {
            true => default.hours,
            false => hours(&given.hours, at, broken),
        },
    }
}

/// Reads the hours of contact, by weekday and start; ranges of one day must not
/// overlap.
fn hours(given: &[proto::DayHours], at: &Path<'_>, broken: &mut Violations) -> Vec<DayHours> {
    // Ranges of a minute each, with a minute between, are the most there can be.
    if !count(given.len(), (0, 7 * 720), &at.field("hours"), broken) {
        return Vec::new();
    }
    let mut read = Vec::with_capacity(given.len());
    for (place, range) in given.iter().enumerate() {
        let at = at.item("hours", place);
        let weekday = |number: i32| proto::Weekday::try_from(number).ok();
        let weekday = required_choice(range.weekday, weekday, &at.field("weekday"), broken);
        let start_minute =
            number(range.start_minute, (0, 1_439), &at.field("start_minute"), broken);
        let least = start_minute.clamp(0, 1_439) + 1;
        let end_minute = number(range.end_minute, (least, 1_440), &at.field("end_minute"), broken);
        let weekday = weekday.map_or(0, i32::from);
        read.push((DayHours { weekday, start_minute, end_minute }, place));
    }
    read.sort_unstable();
    for pair in read.windows(2) {
        let [(before, _), (after, place)] = pair else { continue };
        if before.weekday == after.weekday && after.start_minute < before.end_minute {
            let field = at.item("hours", *place).field("start_minute").to_string();
            let bound = format!("another range of the day ends at {}", before.end_minute);
            broken.add(field, Reason::FieldConflict, after.start_minute, bound);
        }
    }
    read.into_iter().map(|(range, _)| range).collect()
}

fn ledger_from(
    given: proto::LedgerSettings,
    at: &Path<'_>,
    broken: &mut Violations,
) -> (i32, OldLedgerRule) {
    let hours = given.max_ledger_age_hours.unwrap_or(LEDGER_HOURS_DEFAULT);
    let hours = number(hours, (0, 8_760), &at.field("max_ledger_age_hours"), broken);
    let known = |number: i32| match proto::OldLedgerRule::try_from(number).ok()? {
        proto::OldLedgerRule::ServeWithoutAmounts => Some(OldLedgerRule::ServeWithoutAmounts),
        proto::OldLedgerRule::Unspecified | proto::OldLedgerRule::Deny => Some(OldLedgerRule::Deny),
    };
    let rule = choice(given.old_ledger_rule, known, &at.field("old_ledger_rule"), broken);
    (hours, rule.unwrap_or(OldLedgerRule::Deny))
}

/// A portfolio as the contract writes it.
pub(in crate::grpc) fn portfolio_to(portfolio: &Portfolio) -> proto::Portfolio {
    let settings = &portfolio.settings;
    proto::Portfolio {
        portfolio_id: portfolio.portfolio_id.to_string(),
        display_name: settings.display_name.clone(),
        time_zone: settings.time_zone.clone(),
        base_currency: settings.base_currency.code().to_owned(),
        ranking: Some(ranking_to(&settings.ranking, settings.base_currency)),
        contact_policy: Some(contact_policy_to(&settings.contact_policy)),
        ledger: Some(proto::LedgerSettings {
            max_ledger_age_hours: Some(settings.max_ledger_age_hours),
            old_ledger_rule: settings.old_ledger_rule as i32,
        }),
        settings_version: portfolio.settings_version,
        etag: portfolio.settings_version.to_string(),
        rule_set_id: portfolio.rule_set_id.to_string(),
        create_time: Some(timestamp(portfolio.create_time)),
        update_time: Some(timestamp(portfolio.update_time)),
        activation_approval: settings.activation_approval as i32,
    }
}

/// What a rank depends on as the contract writes it.
pub(super) fn ranking_to(ranking: &RankingSettings, currency: Currency) -> proto::RankingSettings {
    proto::RankingSettings {
        stage_bounds: ranking.stage_bounds.0.to_vec(),
        tolerance_amount: Some(money(currency, ranking.tolerance_amount_minor)),
        protected_inputs_on: ranking.protected_inputs_on.clone(),
        default_debtor_kind: i32::from(ranking.default_debtor_kind as i16),
        default_language: ranking.default_language.clone(),
        routing_rules: route::rules_to(&ranking.routing_rules),
    }
}

fn contact_policy_to(policy: &ContactPolicy) -> proto::ContactPolicy {
    let hours = |hours: &DayHours| proto::DayHours {
        weekday: hours.weekday,
        start_minute: hours.start_minute,
        end_minute: hours.end_minute,
    };
    let policy = match policy {
        ContactPolicy::Always => proto::contact_policy::Policy::Always(proto::AlwaysPolicy {}),
        ContactPolicy::Plain(plain) => proto::contact_policy::Policy::Plain(proto::PlainPolicy {
            hours: plain.hours.iter().map(hours).collect(),
            attempts_per_day: Some(plain.attempts_per_day),
            attempts_per_week: Some(plain.attempts_per_week),
        }),
    };
    proto::ContactPolicy { policy: Some(policy) }
}

#[cfg(test)]
mod tests;
