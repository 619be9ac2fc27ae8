//! Rule sets and which of them is active.

use prost::Message;

use crate::model::{DebtorKind, Micros, Part, PortfolioNo, RankingSettings, RuleSetId};

use super::StoreError;
use super::db::{Tx, params, statements};
use super::encode::{Place, default_kind_from, rules_from, rules_to, stage_bounds_from, stored};
use super::row::row;

mod experiment;

pub use experiment::{ActivatedExperiment, ExperimentContent};

statements! {
    ACTIVE = "SELECT activation_id, rule_set_id FROM activation \
        WHERE part = $1 AND portfolio_no = $2 ORDER BY activation_id DESC LIMIT 1";
    ACTIVATE = "INSERT INTO activation (part, portfolio_no, activation_id, rule_set_id, actor, \
        reason, activate_time, scorecard_id, revision_no, business_scorecard_id, \
        business_revision_no, approved_by, proposal_no, experiment) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
        ON CONFLICT (part, portfolio_no, activation_id) DO NOTHING";
    LIST = "SELECT activation_id, rule_set_id, actor, reason, activate_time, scorecard_id, \
        revision_no, business_scorecard_id, business_revision_no, approved_by, proposal_no, \
        experiment FROM activation \
        WHERE part = $1 AND portfolio_no = $2 AND activation_id < $3 \
        ORDER BY activation_id DESC LIMIT $4";
    ACTIVE_AT = "SELECT activation_id, rule_set_id FROM activation \
        WHERE part = $1 AND portfolio_no = $2 AND (activate_time <= $3 OR activation_id = 1) \
        ORDER BY activation_id DESC LIMIT 1";
    SAVE_RULE_SET = "INSERT INTO rule_set (part, rule_set_id, content_hash, body, create_time) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (part, rule_set_id) DO NOTHING";
    LOAD_RULE_SET = "SELECT content_hash, body FROM rule_set WHERE part = $1 AND rule_set_id = $2";
}

/// All that a rank depends on beside the case and the day; never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSetContent {
    /// The scorecard for persons; for businesses as well where they have none.
    pub scorecard: ScorecardText,
    /// The scorecard for businesses. Rule sets from before there was one have none,
    /// and keep the id they had.
    pub business_scorecard: Option<ScorecardText>,
    /// The outcome table as text.
    pub outcomes_yaml: String,
    /// What the portfolio adds.
    pub ranking: RankingSettings,
    /// The definition of the features.
    pub feature_version: i32,
    /// ISO 4217.
    pub base_currency: String,
    /// IANA name.
    pub time_zone: String,
    /// The experiment that runs.
    pub experiment: Option<ExperimentContent>,
}

/// A scorecard as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScorecardText {
    /// Its id.
    pub scorecard_id: String,
    /// Its text, as it was activated.
    pub yaml: String,
}

impl RuleSetContent {
    /// The scorecard that ranks a kind of debtor, the challenger aside.
    pub fn scorecard_of(&self, kind: DebtorKind) -> &ScorecardText {
        match kind {
            DebtorKind::Person => &self.scorecard,
            DebtorKind::Business => self.business_scorecard.as_ref().unwrap_or(&self.scorecard),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let business = |field: fn(&ScorecardText) -> &String| {
            self.business_scorecard.as_ref().map(field).cloned().unwrap_or_default()
        };
        stored::RuleSet {
            scorecard_id: self.scorecard.scorecard_id.clone(),
            scorecard_yaml: self.scorecard.yaml.clone(),
            business_scorecard_id: business(|scorecard| &scorecard.scorecard_id),
            business_scorecard_yaml: business(|scorecard| &scorecard.yaml),
            outcomes_yaml: self.outcomes_yaml.clone(),
            stage_bounds: self.ranking.stage_bounds.0.to_vec(),
            tolerance_amount_minor: self.ranking.tolerance_amount_minor,
            protected_inputs_on: self.ranking.protected_inputs_on.clone(),
            default_debtor_kind: self.ranking.default_debtor_kind as i32,
            default_language: self.ranking.default_language.clone(),
            feature_version: self.feature_version,
            base_currency: self.base_currency.clone(),
            time_zone: self.time_zone.clone(),
            experiment: self.experiment.as_ref().map(ExperimentContent::stored),
            routing_rules: rules_to(&self.ranking.routing_rules),
        }
        .encode_to_vec()
    }

    /// The id: the first 8 bytes of the content hash.
    pub fn rule_set_id(&self) -> RuleSetId {
        let hash = blake3::hash(&self.bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash.as_bytes()[..8]);
        RuleSetId(i64::from_be_bytes(first))
    }
}

/// The active rule set of a portfolio, with the number of its activation.
pub(crate) async fn active(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
) -> Result<Option<(i64, RuleSetId)>, StoreError> {
    let row: Option<(i64, i64)> =
        tx.fetch_optional(ACTIVE, params![part.0, portfolio_no.0]).await?;
    Ok(row.map(|(activation_id, rule_set_id)| (activation_id, RuleSetId(rule_set_id))))
}

/// The rule set that was active at an instant, with the number of its activation: that of
/// the latest activation not after it, of several at one instant the last, and the first
/// one before all.
pub(crate) async fn active_at(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
    at: Micros,
) -> Result<Option<(i64, RuleSetId)>, StoreError> {
    let row: Option<(i64, i64)> =
        tx.fetch_optional(ACTIVE_AT, params![part.0, portfolio_no.0, at.0]).await?;
    Ok(row.map(|(activation_id, rule_set_id)| (activation_id, RuleSetId(rule_set_id))))
}

/// Names a revision of a scorecard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionName {
    /// The scorecard.
    pub scorecard_id: String,
    /// The number, from 1.
    pub revision_no: i64,
}

impl std::fmt::Display for RevisionName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.scorecard_id, self.revision_no)
    }
}

/// A change of the active rule set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// One above the activation it was decided from.
    pub activation_id: i64,
    /// What became active.
    pub rule_set_id: RuleSetId,
    /// The revision for persons; nothing before revisions were kept.
    pub scorecard: Option<RevisionName>,
    /// The revision for businesses; nothing where that for persons ranks them too.
    pub business_scorecard: Option<RevisionName>,
    /// Who did it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub activate_time: Micros,
    /// The second person who approved it; nothing where nobody had to.
    pub approved_by: Option<String>,
    /// The proposal that it was; nothing where it took effect at once.
    pub proposal_id: Option<i64>,
    /// The experiment that runs with it.
    pub experiment: Option<ActivatedExperiment>,
}

row! {
    struct ActivationRow {
        activation_id: i64,
        rule_set_id: i64,
        actor: String,
        reason: String,
        activate_time: i64,
        scorecard_id: Option<String>,
        revision_no: Option<i64>,
        business_scorecard_id: Option<String>,
        business_revision_no: Option<i64>,
        approved_by: Option<String>,
        proposal_no: Option<i64>,
        experiment: Option<Vec<u8>>,
    }
}

impl ActivationRow {
    fn activation(self, part: Part, portfolio_no: PortfolioNo) -> Result<Activation, StoreError> {
        let row = self;
        let place = Place { table: "activation", part: part.0, key: portfolio_no.0 };
        let name = |scorecard_id: Option<String>, revision_no: Option<i64>| {
            let (scorecard_id, revision_no) = scorecard_id.zip(revision_no)?;
            Some(RevisionName { scorecard_id, revision_no })
        };
        let experiment =
            row.experiment.map(|bytes| ActivatedExperiment::read(&bytes, place)).transpose()?;
        Ok(Activation {
            activation_id: row.activation_id,
            rule_set_id: RuleSetId(row.rule_set_id),
            scorecard: name(row.scorecard_id, row.revision_no),
            business_scorecard: name(row.business_scorecard_id, row.business_revision_no),
            actor: row.actor,
            reason: row.reason,
            activate_time: Micros(row.activate_time),
            approved_by: row.approved_by,
            proposal_id: row.proposal_no,
            experiment,
        })
    }
}

/// Activates a rule set, unless somebody else has taken the number meanwhile;
/// says whether it did.
pub(crate) async fn activate(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
    new: &Activation,
) -> Result<bool, StoreError> {
    let id = |name: &Option<RevisionName>| name.as_ref().map(|name| name.scorecard_id.clone());
    let no = |name: &Option<RevisionName>| name.as_ref().map(|name| name.revision_no);
    let params = params![
        part.0,
        portfolio_no.0,
        new.activation_id,
        new.rule_set_id.0,
        new.actor.as_str(),
        new.reason.as_str(),
        new.activate_time.0,
        id(&new.scorecard),
        no(&new.scorecard),
        id(&new.business_scorecard),
        no(&new.business_scorecard),
        new.approved_by.clone(),
        new.proposal_id,
        new.experiment.as_ref().map(ActivatedExperiment::bytes),
    ];
    Ok(tx.execute(ACTIVATE, params).await? == 1)
}

/// The activations of a portfolio before one, the newest first.
pub(crate) async fn list(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
    before: i64,
    limit: usize,
) -> Result<Vec<Activation>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let params = params![part.0, portfolio_no.0, before, limit];
    let rows: Vec<ActivationRow> = tx.fetch_all(LIST, params).await?;
    rows.into_iter().map(|row| row.activation(part, portfolio_no)).collect()
}

/// Writes a rule set that may exist already; refuses another content under the
/// same id.
pub(crate) async fn save_rule_set(
    tx: &mut Tx,
    part: Part,
    content: &RuleSetContent,
    now: Micros,
) -> Result<RuleSetId, StoreError> {
    let body = content.bytes();
    let hash = blake3::hash(&body);
    let id = content.rule_set_id();
    let params = params![part.0, id.0, &hash.as_bytes()[..], body, now.0];
    tx.execute(SAVE_RULE_SET, params).await?;
    load_rule_set(tx, part, id).await?;
    Ok(id)
}

/// Loads a rule set and checks its hash.
pub(crate) async fn load_rule_set(
    tx: &mut Tx,
    part: Part,
    id: RuleSetId,
) -> Result<RuleSetContent, StoreError> {
    let place = Place { table: "rule_set", part: part.0, key: id.0 };
    let row: Option<(Vec<u8>, Vec<u8>)> =
        tx.fetch_optional(LOAD_RULE_SET, params![part.0, id.0]).await?;
    let (content_hash, body) = row.ok_or_else(|| place.corrupt("it is missing"))?;
    if blake3::hash(&body).as_bytes()[..] != content_hash {
        return Err(place.corrupt("its content does not fit its hash"));
    }
    let stored: stored::RuleSet = place.decode(&body)?;
    let business = (stored.business_scorecard_id, stored.business_scorecard_yaml);
    let business_scorecard = match business {
        (id, yaml) if id.is_empty() && yaml.is_empty() => None,
        (id, yaml) if id.is_empty() || yaml.is_empty() => {
            return Err(place.corrupt("the scorecard for businesses has no id or no text"));
        }
        (scorecard_id, yaml) => Some(ScorecardText { scorecard_id, yaml }),
    };
    let content = RuleSetContent {
        scorecard: ScorecardText { scorecard_id: stored.scorecard_id, yaml: stored.scorecard_yaml },
        business_scorecard,
        outcomes_yaml: stored.outcomes_yaml,
        ranking: RankingSettings {
            stage_bounds: stage_bounds_from(stored.stage_bounds, place)?,
            tolerance_amount_minor: stored.tolerance_amount_minor,
            protected_inputs_on: stored.protected_inputs_on,
            default_debtor_kind: default_kind_from(stored.default_debtor_kind, place)?,
            default_language: stored.default_language,
            routing_rules: rules_from(stored.routing_rules, place)?,
        },
        feature_version: stored.feature_version,
        base_currency: stored.base_currency,
        time_zone: stored.time_zone,
        experiment: stored.experiment.map(|one| ExperimentContent::read(one, place)).transpose()?,
    };
    // What this program does not know has a say in ranks all the same.
    if content.bytes() != body {
        return Err(StoreError::newer(place.table, part, id.0));
    }
    Ok(content)
}
