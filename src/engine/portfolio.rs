//! Portfolios and their settings.

use std::sync::Arc;

use crate::model::{Micros, Part, Parts, PortfolioId, PortfolioNo, PortfolioSettings, RuleSetId};
use crate::policy::OUTCOMES_YAML;
use crate::scoring::FEATURE_VERSION;
use crate::store::activations::{self, Activation, RevisionName, RuleSetContent, ScorecardText};
use crate::store::numbers::{self, NumberKind};
use crate::store::portfolios::{self, StoredPortfolio};
use crate::store::{self, Class, Damage, Tx};

use super::audit::note;
use super::page::PageToken;
use super::scorecard::{self, Change, shipped};
use super::{Caller, Engine, Error, Resource, Role, placing};

/// A portfolio as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portfolio {
    /// The caller's id.
    pub portfolio_id: PortfolioId,
    /// The settings.
    pub settings: PortfolioSettings,
    /// 1 at creation, raised by every change; also the etag.
    pub settings_version: i64,
    /// The active rule set.
    pub rule_set_id: RuleSetId,
    /// When it was created.
    pub create_time: Micros,
    /// When it was last changed.
    pub update_time: Micros,
}

/// Creates a portfolio and activates the shipped scorecards for it. The same
/// settings under the same id again answer with what is stored.
///
/// # Errors
/// `AlreadyExists` when the id has other settings; `RevisionInvalid` when the shipped
/// scorecards cannot rank by them.
pub async fn create_portfolio(
    engine: &Arc<Engine>,
    caller: &Caller,
    portfolio_id: PortfolioId,
    settings: PortfolioSettings,
) -> Result<Portfolio, Error> {
    let (owner, caller) = (Arc::clone(engine), caller.clone());
    engine
        .store
        .write(
            Class::Interactive,
            move |tx| {
                Box::pin(async move { create(tx, &owner, &caller, &portfolio_id, &settings).await })
            },
            |_| (),
        )
        .await
}

async fn create(
    tx: &mut Tx,
    engine: &Engine,
    caller: &Caller,
    portfolio_id: &PortfolioId,
    settings: &PortfolioSettings,
) -> Result<Portfolio, Error> {
    let now = engine.now();
    let parts = engine.tenants.claim(tx, caller, now).await?;
    let part = parts.first();
    if let Some(stored) = portfolios::portfolio_by_id(tx, part, portfolio_id.as_str()).await? {
        if stored.settings == *settings {
            return portfolio(tx, part, stored).await;
        }
        return Err(Error::AlreadyExists {
            resource: Resource::Portfolio,
            id: portfolio_id.to_string(),
        });
    }
    let content = shipped_rule_set(settings);
    // A new portfolio may ask for what the shipped scorecards do not know.
    Change { content, scorecard: None, business_scorecard: None, challenger: None }.compile()?;
    // One number in all parts, so that what is found in one can be asked for in another.
    let number = numbers::take(tx, parts.home(), NumberKind::Portfolio, 1).await?;
    let new = (PortfolioNo(number), portfolio_id.as_str(), settings);
    let revisions = shipped::activated(tx, part, now).await?;
    for part in parts.all() {
        create_in(tx, *part, (&caller.subject, now), new, &revisions).await?;
    }
    let stored = portfolios::portfolio_by_no(tx, part, new.0).await?;
    let stored = stored.ok_or_else(|| Damage::missing("portfolio", part, number))?;
    portfolio(tx, part, stored).await
}

async fn create_in(
    tx: &mut Tx,
    part: Part,
    (actor, now): (&str, Micros),
    new: (PortfolioNo, &str, &PortfolioSettings),
    [person, business]: &[RevisionName; 2],
) -> Result<(), Error> {
    let (number, _, settings) = new;
    portfolios::insert_portfolio(tx, part, new, now).await?;
    let rule_set_id =
        activations::save_rule_set(tx, part, &shipped_rule_set(settings), now).await?;
    let activation = Activation {
        activation_id: 1,
        rule_set_id,
        scorecard: Some(person.clone()),
        business_scorecard: Some(business.clone()),
        actor: actor.to_owned(),
        reason: "the portfolio was created with the shipped scorecards".to_owned(),
        activate_time: now,
        experiment: None,
    };
    activations::activate(tx, part, number, &activation).await?;
    note(tx, part, (actor, now), ("portfolio.created", settings)).await?;
    note(tx, part, (actor, now), ("rule_set.activated", &rule_set_id)).await
}

/// The rule set that a new portfolio begins with.
fn shipped_rule_set(settings: &PortfolioSettings) -> RuleSetContent {
    let [scorecard, business] = shipped::CARDS.each_ref().map(|shipped| ScorecardText {
        scorecard_id: shipped.card.scorecard_id.clone(),
        yaml: shipped.text.clone(),
    });
    RuleSetContent {
        scorecard,
        business_scorecard: Some(business),
        outcomes_yaml: OUTCOMES_YAML.to_owned(),
        ranking: settings.ranking.clone(),
        feature_version: FEATURE_VERSION,
        base_currency: settings.base_currency.code().to_owned(),
        time_zone: settings.time_zone.clone(),
        experiment: None,
    }
}

async fn portfolio(tx: &mut Tx, part: Part, stored: StoredPortfolio) -> Result<Portfolio, Error> {
    let active = activations::active(tx, part, stored.number).await?;
    let number = stored.number.0;
    let (_, rule_set_id) = active.ok_or_else(|| Damage::missing("activation", part, number))?;
    let portfolio_id = PortfolioId::new(stored.id.as_str())
        .map_err(|error| Damage::of("portfolio", part, number, error))?;
    Ok(Portfolio {
        portfolio_id,
        settings: stored.settings,
        settings_version: stored.version,
        rule_set_id,
        create_time: stored.create_time,
        update_time: stored.update_time,
    })
}

/// Replaces a portfolio's settings. Claims judge by the new ones at once; where cases
/// stand in the queue follows in slices. What ranks read changes by an activation, which
/// needs a reason.
///
/// # Errors
/// `NotFound`; `EtagMismatch`; `Invalid` when the time zone or currency would
/// change; `NeedsActivation` when something that ranks read would, without a reason;
/// `RoleMissing` for whoever may not activate; `RevisionInvalid` when the scorecards
/// cannot rank by the new settings.
pub async fn update_portfolio(
    engine: &Arc<Engine>,
    caller: &Caller,
    portfolio_id: PortfolioId,
    settings: PortfolioSettings,
    (etag, activation_reason): (&str, &str),
) -> Result<Portfolio, Error> {
    let parts = engine.parts(caller).await?;
    let (clock, caller, etag) = (Arc::clone(engine), caller.clone(), etag.to_owned());
    let reason = activation_reason.to_owned();
    let changed = Arc::clone(engine);
    engine
        .store
        .write(
            Class::Interactive,
            move |tx| {
                Box::pin(async move {
                    let by = (caller.subject.as_str(), clock.now_of(tx));
                    let part = parts.first();
                    portfolios::lock(tx, part, portfolio_id.as_str()).await?;
                    let old = stored(tx, part, &portfolio_id).await?;
                    for part in parts.all() {
                        update(tx, *part, by, (&portfolio_id, &settings, &etag)).await?;
                    }
                    if old.settings.ranking != settings.ranking {
                        check_may_activate(&caller)?;
                        rerank(tx, &parts, by, (&portfolio_id, &settings, &reason)).await?;
                    }
                    let new = stored(tx, part, &portfolio_id).await?;
                    portfolio(tx, part, new).await
                })
            },
            move |_| changed.latest.forget(),
        )
        .await
}

async fn update(
    tx: &mut Tx,
    part: Part,
    by: (&str, Micros),
    change: (&PortfolioId, &PortfolioSettings, &str),
) -> Result<(), Error> {
    let (portfolio_id, settings, etag) = change;
    let (_, now) = by;
    let old = stored(tx, part, portfolio_id).await?;
    let mismatch = || Error::EtagMismatch {
        resource: Resource::Portfolio,
        id: portfolio_id.to_string(),
        etag: etag.to_owned(),
    };
    if old.version.to_string() != etag {
        return Err(mismatch());
    }
    check_change(&old.settings, settings)?;
    if !portfolios::update_portfolio(tx, part, &old, settings, now).await? {
        return Err(mismatch());
    }
    if placing::moves_cases(&old.settings, settings) {
        store::placing::begin(tx, part, old.number, now).await?;
    }
    note(tx, part, by, ("portfolio.updated", settings)).await
}

/// What ranks cases changes by those who approve, on whatever way.
fn check_may_activate(caller: &Caller) -> Result<(), Error> {
    if caller.roles.contains(&Role::Approver) {
        return Ok(());
    }
    let method = "UpdatePortfolio with another ranking".to_owned();
    Err(Error::RoleMissing { method, roles: Role::Approver.name().to_owned() })
}

/// Activates the scorecards that are active with other settings.
async fn rerank(
    tx: &mut Tx,
    parts: &Parts,
    (actor, now): (&str, Micros),
    (portfolio_id, settings, reason): (&PortfolioId, &PortfolioSettings, &str),
) -> Result<(), Error> {
    if reason.is_empty() {
        return Err(Error::NeedsActivation { field: "portfolio.ranking".to_owned() });
    }
    let stored = stored(tx, parts.first(), portfolio_id).await?;
    let (active, mut change) = Change::of_active(tx, parts.first(), &stored).await?;
    change.content.ranking = settings.ranking.clone();
    let rule_set_id = change.compile()?.id();
    let activation = change.next(&active, rule_set_id, (actor, now), reason);
    scorecard::activate_in_all(tx, parts, (portfolio_id, &activation), &change.content).await
}

/// Refuses changes of what never changes.
fn check_change(old: &PortfolioSettings, new: &PortfolioSettings) -> Result<(), Error> {
    use crate::model::{Reason, Violations};
    let mut violations = Violations::new();
    let bound = |value: &str| format!("it is {value} and never changes");
    if old.time_zone != new.time_zone {
        let bound = bound(&old.time_zone);
        violations.add("portfolio.time_zone", Reason::FieldImmutable, &new.time_zone, bound);
    }
    if old.base_currency != new.base_currency {
        let bound = bound(old.base_currency.code());
        let field = "portfolio.base_currency";
        violations.add(field, Reason::FieldImmutable, new.base_currency, bound);
    }
    violations.or(()).map_err(Error::Invalid)
}

/// A portfolio as this transaction sees it.
pub(super) async fn stored(
    tx: &mut Tx,
    part: Part,
    portfolio_id: &PortfolioId,
) -> Result<StoredPortfolio, Error> {
    let stored = portfolios::portfolio_by_id(tx, part, portfolio_id.as_str()).await?;
    stored.ok_or_else(|| Error::NotFound {
        resource: Resource::Portfolio,
        id: portfolio_id.to_string(),
    })
}

/// One portfolio.
///
/// # Errors
/// `NotFound`.
pub async fn get_portfolio(
    engine: &Arc<Engine>,
    caller: &Caller,
    portfolio_id: PortfolioId,
) -> Result<Portfolio, Error> {
    let part = engine.parts(caller).await?.first();
    let mut tx = engine.store.read().await?;
    let stored = stored(&mut tx, part, &portfolio_id).await?;
    portfolio(&mut tx, part, stored).await
}

/// A page of the tenant's portfolios by id, and the token of the next one.
///
/// # Errors
/// `PageTokenMalformed`, `PageTokenMismatch`.
pub async fn list_portfolios(
    engine: &Arc<Engine>,
    caller: &Caller,
    page_size: usize,
    token: &str,
) -> Result<(Vec<Portfolio>, String), Error> {
    let request = PageToken::request("portfolios", &[&caller.tenant]);
    let after = PageToken::read(token, request)?;
    let part = engine.parts(caller).await?.first();
    let mut tx = engine.store.read().await?;
    let mut rows = portfolios::list_portfolios(&mut tx, part, &after, page_size + 1).await?;
    let next = PageToken::cut(&mut rows, page_size, request, |last| last.id.clone());
    let mut page = Vec::with_capacity(rows.len());
    for row in rows {
        page.push(portfolio(&mut tx, part, row).await?);
    }
    Ok((page, next))
}
