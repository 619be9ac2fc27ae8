//! Portfolios and their settings.

use std::sync::Arc;

use crate::model::{
    ActivationApproval, Micros, Part, Parts, PortfolioId, PortfolioNo, PortfolioSettings, Reason,
    RuleSetId, Violations,
};
use crate::policy::OUTCOMES_YAML;
use crate::scoring::FEATURE_VERSION;
use crate::store::activations::{self, Activation, RevisionName, RuleSetContent, ScorecardText};
use crate::store::numbers::{self, NumberKind};
use crate::store::portfolios::{self, StoredPortfolio};
use crate::store::proposals::Proposal;
use crate::store::{self, Damage, Tx};

use super::audit::note;
use super::page::PageToken;
use super::scorecard::proposal::{self, Wish};
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
/// scorecards cannot rank by them; `ApprovalNeedsCredentials`.
pub async fn create_portfolio(
    engine: &Arc<Engine>,
    caller: &Caller,
    portfolio_id: PortfolioId,
    settings: PortfolioSettings,
) -> Result<Portfolio, Error> {
    let (owner, caller) = (Arc::clone(engine), caller.clone());
    engine
        .write(move |tx, now| {
            Box::pin(
                async move { create(tx, (&owner, &caller, now), (&portfolio_id, &settings)).await },
            )
        })
        .await
}

async fn create(
    tx: &mut Tx,
    (engine, caller, now): (&Engine, &Caller, Micros),
    (portfolio_id, settings): (&PortfolioId, &PortfolioSettings),
) -> Result<Portfolio, Error> {
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
    if settings.activation_approval == ActivationApproval::Required {
        check_may_begin_approval(caller)?;
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
        approved_by: None,
        proposal_id: None,
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

/// A change of a portfolio's settings.
#[derive(Clone, Debug)]
pub struct UpdateCommand {
    /// The portfolio.
    pub portfolio_id: PortfolioId,
    /// All settings as they shall be.
    pub settings: PortfolioSettings,
    /// Whether it stays as it is who approves what changes ranks, whatever `settings` says.
    pub keeps_approval: bool,
    /// The version it was read with.
    pub etag: String,
    /// Why what ranks read is changed; empty where it is not.
    pub activation_reason: String,
    /// The earliest instant at which that shall take effect; nothing for at once.
    pub start_time: Option<Micros>,
}

impl UpdateCommand {
    /// A change of settings that no rank reads.
    pub fn new(
        portfolio_id: PortfolioId,
        settings: PortfolioSettings,
        etag: &str,
    ) -> UpdateCommand {
        UpdateCommand {
            portfolio_id,
            settings,
            keeps_approval: true,
            etag: etag.to_owned(),
            activation_reason: String::new(),
            start_time: None,
        }
    }
}

/// What a change of settings did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updated {
    /// The portfolio as it stands.
    pub portfolio: Portfolio,
    /// What waits for a second person or for its time.
    pub proposal: Option<Proposal>,
}

/// Replaces a portfolio's settings. Claims judge by the new ones at once; where cases
/// stand in the queue follows in slices. What ranks read changes by an activation, which
/// needs a reason; where a second person must approve it, or it starts later, it becomes a
/// proposal, while the rest changes at once. To do without the second person is such a
/// change as well.
///
/// # Errors
/// `NotFound`; `EtagMismatch`; `Invalid` when the time zone or currency would
/// change, or for a time of start; `NeedsActivation` when something that ranks read would,
/// without a reason; `RoleMissing` for whoever may neither activate nor propose it; `RevisionInvalid` when the
/// scorecards cannot rank by the new settings; `ProposalOpen`; `ApprovalNeedsCredentials`.
pub async fn update_portfolio(
    engine: &Arc<Engine>,
    caller: &Caller,
    command: UpdateCommand,
) -> Result<Updated, Error> {
    let parts = engine.parts(caller).await?;
    let caller = caller.clone();
    engine
        .write_portfolio(move |tx, now| {
            Box::pin(async move { change(tx, &parts, (&caller, now), &command).await })
        })
        .await
}

async fn change(
    tx: &mut Tx,
    parts: &Parts,
    (caller, now): (&Caller, Micros),
    command: &UpdateCommand,
) -> Result<Updated, Error> {
    let (part, by) = (parts.first(), (caller.subject.as_str(), now));
    let portfolio_id = &command.portfolio_id;
    let old = locked(tx, part, portfolio_id).await?;
    let mut settings = command.settings.clone();
    if command.keeps_approval {
        settings.activation_approval = old.settings.activation_approval;
    }
    let asked = settings.clone();
    let approval = (old.settings.activation_approval, asked.activation_approval);
    let ends_approval = approval == (ActivationApproval::Required, ActivationApproval::NotRequired);
    let begins_approval =
        approval == (ActivationApproval::NotRequired, ActivationApproval::Required);
    let activates = old.settings.ranking != asked.ranking || ends_approval;
    let waits = activates && proposal::waits(&old, command.start_time);
    if waits {
        settings.ranking = old.settings.ranking.clone();
    }
    if ends_approval {
        settings.activation_approval = old.settings.activation_approval;
    }
    for part in parts.all() {
        update(tx, *part, by, (portfolio_id, &settings, &command.etag), waits).await?;
    }
    if begins_approval {
        check_may_begin_approval(caller)?;
        proposal::supersede_unapproved(tx, part, &old, by).await?;
    }
    let mut proposed = None;
    if activates {
        check_may_change_ranks(caller, &old, "UpdatePortfolio")?;
        if command.activation_reason.is_empty() {
            let ranks = old.settings.ranking != asked.ranking;
            let field = if ranks { "ranking" } else { "activation_approval" };
            return Err(Error::NeedsActivation { field: format!("portfolio.{field}") });
        }
        proposed = rerank(tx, parts, (caller, now), (command, &asked, waits)).await?;
    } else if command.start_time.is_some() {
        return Err(nothing_to_start());
    }
    let new = stored(tx, part, portfolio_id).await?;
    Ok(Updated { portfolio: portfolio(tx, part, new).await?, proposal: proposed })
}

fn nothing_to_start() -> Error {
    let mut violations = Violations::new();
    let bound = "nothing of `portfolio` changes that ranks read";
    violations.add("activation_start_time", Reason::FieldConflict, "", bound);
    Error::Invalid(violations)
}

/// Changes settings in one part. Where the rest waits and nothing else changes, the
/// portfolio stays as it is.
async fn update(
    tx: &mut Tx,
    part: Part,
    by: (&str, Micros),
    change: (&PortfolioId, &PortfolioSettings, &str),
    rest_waits: bool,
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
    if rest_waits && old.settings == *settings {
        return Ok(());
    }
    if !portfolios::update_portfolio(tx, part, &old, settings, now).await? {
        return Err(mismatch());
    }
    if placing::moves_cases(&old.settings, settings) {
        store::placing::begin(tx, part, old.number, now).await?;
    }
    note(tx, part, by, ("portfolio.updated", settings)).await
}

/// A second person can be asked for by those who approve, where there can be one: without
/// credentials nobody could ever approve anything again, nor switch that off.
fn check_may_begin_approval(caller: &Caller) -> Result<(), Error> {
    proposal::check_is_somebody(caller)?;
    check_approves(caller, "UpdatePortfolio with another activation_approval")
}

/// What ranks cases changes by those who approve, on whatever way. Where a second person has
/// to approve it, whoever may draft it may propose it.
pub(super) fn check_may_change_ranks(
    caller: &Caller,
    stored: &StoredPortfolio,
    method: &str,
) -> Result<(), Error> {
    if proposal::needs_second_person(stored) {
        return Ok(());
    }
    check_approves(caller, &format!("{method}, where no second person approves what ranks,"))
}

/// Whether a caller approves what ranks cases; `method` is what it asked for.
pub(super) fn check_approves(caller: &Caller, method: &str) -> Result<(), Error> {
    if caller.roles.contains(&Role::Approver) {
        return Ok(());
    }
    let roles = Role::Approver.name().to_owned();
    Err(Error::RoleMissing { method: method.to_owned(), roles })
}

/// Activates the scorecards that are active with other settings, or proposes that.
async fn rerank(
    tx: &mut Tx,
    parts: &Parts,
    (caller, now): (&Caller, Micros),
    (command, asked, waits): (&UpdateCommand, &PortfolioSettings, bool),
) -> Result<Option<Proposal>, Error> {
    let (part, portfolio_id) = (parts.first(), &command.portfolio_id);
    let stored = stored(tx, part, portfolio_id).await?;
    let (active, mut change) = Change::of_active(tx, part, &stored).await?;
    change.content.ranking = asked.ranking.clone();
    let rule_set_id = change.compile()?.id();
    let reason = &command.activation_reason;
    if !waits {
        let by = (caller.subject.as_str(), now);
        let activation = change.next(&active, rule_set_id, by, reason);
        let named = (portfolio_id, &activation);
        scorecard::activate_in_all(tx, parts, named, &change.content).await?;
        return Ok(None);
    }
    let approval = asked.activation_approval;
    let wish = Wish {
        change: &change,
        rule_set_id,
        expected_activation_id: active.activation_id,
        activation_approval: Some(approval)
            .filter(|approval| *approval != stored.settings.activation_approval),
        reason,
        start_time: command.start_time,
        start_field: "activation_start_time",
        validate_only: false,
    };
    Ok(Some(proposal::propose(tx, part, &stored, (caller, now), wish).await?))
}

/// Refuses changes of what never changes.
fn check_change(old: &PortfolioSettings, new: &PortfolioSettings) -> Result<(), Error> {
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

/// The same, and nobody else changes it or what ranks it until this transaction ends.
pub(super) async fn locked(
    tx: &mut Tx,
    part: Part,
    portfolio_id: &PortfolioId,
) -> Result<StoredPortfolio, Error> {
    portfolios::lock(tx, part, portfolio_id.as_str()).await?;
    stored(tx, part, portfolio_id).await
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
