//! Activation: one switch of what ranks the cases of a portfolio.

use std::sync::Arc;

use crate::model::{
    Currency, DebtorKind, Micros, Part, Parts, PortfolioId, PortfolioNo, PortfolioSettings,
    RuleSetId,
};
use crate::scoring::card::Card;
use crate::scoring::{FEATURE_VERSION, InvalidScorecard, RuleSet};
use crate::store::activations::{self, Activation, RevisionName, RuleSetContent, ScorecardText};
use crate::store::portfolios::{self, StoredPortfolio};
use crate::store::proposals::Proposal;
use crate::store::{Damage, Tx, placing};

use super::super::audit::note;
use super::super::context::definition_of;
use super::super::page::PageToken;
use super::super::portfolio::{check_may_change_ranks, locked, stored};
use super::super::{Caller, Engine, Error, Resource};
use super::experiment::{ExperimentCommand, begin, odd_change};
use super::proposal::{self, Wish};
use super::{ScorecardFinding, find, freeze, odd};

/// What shall rank a portfolio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A revision, for a kind of debtor.
    Revision(RevisionName, DebtorKind),
    /// What ranked it at an earlier activation.
    Activation(i64),
}

/// An activation asked for.
#[derive(Clone, Debug)]
pub struct ActivateCommand {
    /// The portfolio.
    pub portfolio_id: PortfolioId,
    /// What shall rank it.
    pub target: Target,
    /// The activation that the decision was made from.
    pub expected_activation_id: i64,
    /// Why.
    pub reason: String,
    /// Whether nothing is to be changed.
    pub validate_only: bool,
    /// The earliest instant at which it shall take effect; nothing for at once.
    pub start_time: Option<Micros>,
    /// The experiment that runs beside a revision from then on.
    pub experiment: Option<ExperimentCommand>,
}

/// What an activation did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activated {
    /// The activation, or the proposal that waits to become one.
    pub effect: Effect,
    /// How far the cases are ranked by it, in thousandths.
    pub ranked_permille: i64,
    /// What is odd about the scorecards.
    pub findings: Vec<ScorecardFinding>,
}

/// What became of an activation that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It ranks.
    Activated(Box<Activation>),
    /// It waits for a second person, or for its time; amounts are in this currency.
    Proposed(Box<Proposal>, Currency),
}

/// A rule set about to be activated.
pub(in super::super) struct Change {
    pub(in super::super) content: RuleSetContent,
    pub(in super::super) scorecard: Option<RevisionName>,
    pub(in super::super) business_scorecard: Option<RevisionName>,
    /// The revision that the experiment of the content tries.
    pub(in super::super) challenger: Option<RevisionName>,
}

impl Change {
    /// What ranks a portfolio now.
    pub(in super::super) async fn of_active(
        tx: &mut Tx,
        part: Part,
        stored: &StoredPortfolio,
    ) -> Result<(Activation, Change), Error> {
        let before = activations::list(tx, part, stored.number, i64::MAX, 1).await?;
        let missing = || Damage::missing("activation", part, stored.number.0);
        let active = before.into_iter().next().ok_or_else(missing)?;
        let change = Change::of(tx, part, active.clone()).await?;
        Ok((active, change))
    }

    async fn of(tx: &mut Tx, part: Part, activation: Activation) -> Result<Change, Error> {
        let challenger = activation.experiment.and_then(|one| one.challenger);
        Ok(Change {
            challenger: challenger.map(|(_, name)| name),
            content: activations::load_rule_set(tx, part, activation.rule_set_id).await?,
            scorecard: activation.scorecard,
            business_scorecard: activation.business_scorecard,
        })
    }

    /// Has a scorecard rank the debtors of a kind, all of them: no experiment runs.
    pub(super) fn rank_by(&mut self, card: &Card, kind: DebtorKind) {
        let scorecard_id = card.scorecard_id.clone();
        let text = ScorecardText { scorecard_id, yaml: card.canonical() };
        self.content.experiment = None;
        self.challenger = None;
        match kind {
            DebtorKind::Person => self.content.scorecard = text,
            DebtorKind::Business => self.content.business_scorecard = Some(text),
        }
    }

    /// The activation that puts it to work behind another one. Times never fall with the
    /// numbers, so that an instant names one activation.
    pub(in super::super) fn next(
        &self,
        active: &Activation,
        rule_set_id: RuleSetId,
        (actor, now): (&str, Micros),
        reason: &str,
    ) -> Activation {
        Activation {
            activation_id: active.activation_id + 1,
            rule_set_id,
            scorecard: self.scorecard.clone(),
            business_scorecard: self.business_scorecard.clone(),
            actor: actor.to_owned(),
            reason: reason.to_owned(),
            activate_time: now.max(active.activate_time),
            approved_by: None,
            proposal_id: None,
            experiment: self.experiment(),
        }
    }

    /// Checks that it can rank.
    ///
    /// # Errors
    /// `RevisionInvalid` with every finding; `FeatureVersionRetired`.
    pub(in super::super) fn compile(&self) -> Result<RuleSet, Error> {
        let content = &self.content;
        if content.feature_version != FEATURE_VERSION {
            return Err(Error::FeatureVersionRetired(content.feature_version));
        }
        let findings =
            |found: Vec<InvalidScorecard>| found.into_iter().map(ScorecardFinding::from).collect();
        RuleSet::compile(content.rule_set_id(), &definition_of(content))
            .map_err(|found| Error::RevisionInvalid(findings(found)))
    }
}

/// Activates a revision for a portfolio, or goes back to an earlier activation. Where a
/// second person must approve it or it starts later, it becomes a proposal.
///
/// # Errors
/// `NotFound` for the portfolio, the revision or the activation; `RoleMissing` for whoever
/// may only propose where nothing waits for a second person; `ActivationChanged`;
/// `RevisionInvalid`; `FeatureVersionRetired`; `ProposalOpen`; `Invalid` for a time of
/// start that is past or too far ahead.
pub async fn activate_revision(
    engine: &Arc<Engine>,
    caller: &Caller,
    command: ActivateCommand,
) -> Result<Activated, Error> {
    let parts = engine.parts(caller).await?;
    let caller = caller.clone();
    engine
        .write_portfolio(move |tx, now| {
            Box::pin(async move { activate(tx, &parts, (&caller, now), &command).await })
        })
        .await
}

async fn activate(
    tx: &mut Tx,
    parts: &Parts,
    (caller, now): (&Caller, Micros),
    command: &ActivateCommand,
) -> Result<Activated, Error> {
    let (part, by) = (parts.first(), (caller.subject.as_str(), now));
    let stored = locked(tx, part, &command.portfolio_id).await?;
    check_may_change_ranks(caller, &stored, "ActivateRevision")?;
    let (active, mut change) = Change::of_active(tx, part, &stored).await?;
    if active.activation_id != command.expected_activation_id {
        return Err(Error::ActivationChanged(active.activation_id));
    }
    let mut drafts = Vec::new();
    match &command.target {
        Target::Activation(id) => change = earlier(tx, part, stored.number, *id).await?,
        Target::Revision(name, kind) => {
            let revision = find(tx, part, name).await?;
            change.rank_by(&revision.card, *kind);
            match kind {
                DebtorKind::Person => change.scorecard = Some(name.clone()),
                DebtorKind::Business => change.business_scorecard = Some(name.clone()),
            }
            drafts.push(revision.head);
            if let Some(asked) = &command.experiment {
                drafts.extend(begin(tx, part, &mut change, (asked, *kind)).await?);
            }
        }
    }
    let rules = change.compile()?;
    let activation = change.next(&active, rules.id(), by, &command.reason);
    let mut findings = odd(&rules);
    findings.extend(odd_change(&active, &activation));
    if proposal::waits(&stored, command.start_time) {
        let wish = Wish {
            change: &change,
            rule_set_id: rules.id(),
            expected_activation_id: active.activation_id,
            activation_approval: None,
            reason: &command.reason,
            start_time: command.start_time,
            start_field: "start_time",
            validate_only: command.validate_only,
        };
        let proposal = proposal::propose(tx, part, &stored, (caller, now), wish).await?;
        let effect = Effect::Proposed(Box::new(proposal), stored.settings.base_currency);
        return Ok(Activated { effect, ranked_permille: 0, findings });
    }
    findings.extend(proposal::ending(tx, part, stored.number).await?);
    let mut ranked_permille = 0;
    if !command.validate_only {
        freeze(tx, part, &drafts, now).await?;
        activate_in_all(tx, parts, (&command.portfolio_id, &activation), &change.content).await?;
        ranked_permille = ranked(tx, parts, stored.number).await?;
    }
    Ok(Activated { effect: Effect::Activated(Box::new(activation)), ranked_permille, findings })
}

/// What ranked a portfolio at an earlier activation.
async fn earlier(
    tx: &mut Tx,
    part: Part,
    number: PortfolioNo,
    activation_id: i64,
) -> Result<Change, Error> {
    let before = activation_id.saturating_add(1);
    let found = activations::list(tx, part, number, before, 1).await?;
    let found = found.into_iter().find(|one| one.activation_id == activation_id);
    let found = found.ok_or_else(|| Error::NotFound {
        resource: Resource::Activation,
        id: activation_id.to_string(),
    })?;
    Change::of(tx, part, found).await
}

/// Activates a rule set in all parts of a tenant, with the settings it was made of, and
/// has all cases ranked anew. A proposal that is open was decided from what is active no
/// longer, and ends.
///
/// # Errors
/// `ActivationChanged` where somebody else was first.
pub(in super::super) async fn activate_in_all(
    tx: &mut Tx,
    parts: &Parts,
    (portfolio_id, activation): (&PortfolioId, &Activation),
    content: &RuleSetContent,
) -> Result<(), Error> {
    let by = (activation.actor.as_str(), activation.activate_time);
    for part in parts.all() {
        let stored = portfolios::portfolio_by_id(tx, *part, portfolio_id.as_str()).await?;
        let stored = stored.ok_or_else(|| Damage::missing("portfolio", *part, 0))?;
        activations::save_rule_set(tx, *part, content, by.1).await?;
        if !activations::activate(tx, *part, stored.number, activation).await? {
            return Err(Error::ActivationChanged(activation.activation_id));
        }
        if stored.settings.ranking != content.ranking {
            let ranking = content.ranking.clone();
            settle(tx, *part, (&stored, by.1), |settings| settings.ranking = ranking).await?;
        }
        placing::begin(tx, *part, stored.number, by.1).await?;
        note(tx, *part, by, ("rule_set.activated", &(portfolio_id, activation))).await?;
    }
    let stored = stored(tx, parts.first(), portfolio_id).await?;
    let why = format!("activation {} came before it", activation.activation_id);
    proposal::supersede(tx, parts.first(), &stored, by, &why).await
}

/// Changes settings of a portfolio that go with an activation: those that ranks read are
/// always those of its rule set.
pub(super) async fn settle(
    tx: &mut Tx,
    part: Part,
    (stored, now): (&StoredPortfolio, Micros),
    change: impl FnOnce(&mut PortfolioSettings),
) -> Result<(), Error> {
    let mut settings = stored.settings.clone();
    change(&mut settings);
    if !portfolios::update_portfolio(tx, part, stored, &settings, now).await? {
        return Err(tx.conflict("the portfolio was changed meanwhile").into());
    }
    Ok(())
}

/// How far the cases of a portfolio are ranked by the active rule set, in thousandths:
/// that of the part that is least far.
pub(super) async fn ranked(tx: &mut Tx, parts: &Parts, number: PortfolioNo) -> Result<i64, Error> {
    let mut least = 1_000;
    for part in parts.all() {
        least = least.min(placing::permille_done(tx, *part, number).await?);
    }
    Ok(least)
}

/// A page of a portfolio's activations, the newest first, each with how far the cases are
/// ranked by it, and the token of the next one.
///
/// # Errors
/// `NotFound`; `PageTokenMalformed`, `PageTokenMismatch`.
pub async fn list_activations(
    engine: &Arc<Engine>,
    caller: &Caller,
    portfolio_id: &PortfolioId,
    (page_size, token): (usize, &str),
) -> Result<(Vec<(Activation, i64)>, String), Error> {
    let filters = [caller.tenant.as_str(), portfolio_id.as_str()];
    let request = PageToken::request("activations", &filters);
    let before = PageToken::read_before(token, request)?;
    let parts = engine.parts(caller).await?;
    let mut tx = engine.store.read().await?;
    let number = stored(&mut tx, parts.first(), portfolio_id).await?.number;
    let mut rows = activations::list(&mut tx, parts.first(), number, before, page_size + 1).await?;
    let next = PageToken::cut(&mut rows, page_size, request, |last| last.activation_id.to_string());
    let ranked = ranked(&mut tx, &parts, number).await?;
    // The first of the first page is the active one.
    let done = |at: usize| if before == i64::MAX && at == 0 { ranked } else { 0 };
    let rows = rows.into_iter().enumerate().map(|(at, row)| (row, done(at)));
    Ok((rows.collect(), next))
}
