//! Scorecards: drafts, their revisions, and what is wrong with one.

use std::sync::Arc;

use crate::model::{Micros, Part, PortfolioId, RankingSettings, Reason, RuleSetId, Violations};
use crate::scoring::card::Card;
use crate::scoring::{
    FEATURE_VERSION, InvalidScorecard, RuleSet, RuleSetDefinition, ScorecardWarning, locked_changes,
};
use crate::store::activations::RevisionName;
use crate::store::revisions::{self, NewRevision, RevisionHead};
use crate::store::{Damage, Tx};

use super::audit::note;
use super::page::PageToken;
use super::{Caller, Engine, Error, Resource};

mod activate;
pub mod diff;
mod experiment;
pub mod proposal;
pub(super) mod shipped;
pub mod simulate;

pub use activate::{
    ActivateCommand, Activated, Effect, Target, activate_revision, list_activations,
};
pub(super) use activate::{Change, activate_in_all};
pub use experiment::ExperimentCommand;

/// A revision with its scorecard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// All but the scorecard.
    pub head: RevisionHead,
    /// The scorecard.
    pub card: Card,
}

/// A part of a scorecard that changes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardField {
    /// `base_points`.
    BasePoints,
    /// `cutoffs`.
    Cutoffs,
    /// `cutoffs_by_stage`.
    CutoffsByStage,
    /// `diagnosis`.
    Diagnosis,
    /// `reason_points_min`.
    ReasonPointsMin,
    /// `derived`, all of them.
    Derived,
    /// `knock_outs`, all of them.
    KnockOuts,
    /// `characteristics`, all of them.
    Characteristics,
    /// `populations`, all of them.
    Populations,
    /// `priority`.
    Priority,
    /// `calibration`.
    Calibration,
}

impl CardField {
    /// All parts.
    pub const ALL: [CardField; 11] = [
        Self::BasePoints,
        Self::Cutoffs,
        Self::CutoffsByStage,
        Self::Diagnosis,
        Self::ReasonPointsMin,
        Self::Derived,
        Self::KnockOuts,
        Self::Characteristics,
        Self::Populations,
        Self::Priority,
        Self::Calibration,
    ];

    /// Copies the part from one scorecard to another.
    fn copy(self, from: &Card, to: &mut Card) {
        match self {
            Self::BasePoints => to.base_points = from.base_points,
            Self::Cutoffs => to.cutoffs = from.cutoffs,
            Self::CutoffsByStage => to.cutoffs_by_stage.clone_from(&from.cutoffs_by_stage),
            Self::Diagnosis => to.diagnosis = from.diagnosis,
            Self::ReasonPointsMin => to.reason_points_min = from.reason_points_min,
            Self::Derived => to.derived.clone_from(&from.derived),
            Self::KnockOuts => to.knock_outs.clone_from(&from.knock_outs),
            Self::Characteristics => to.characteristics.clone_from(&from.characteristics),
            Self::Populations => to.populations.clone_from(&from.populations),
            Self::Priority => to.priority = from.priority.clone(),
            Self::Calibration => to.calibration.clone_from(&from.calibration),
        }
    }
}

/// How a draft shall change.
#[derive(Clone, Debug)]
pub struct UpdateCommand {
    /// The draft.
    pub name: RevisionName,
    /// The version it was read with.
    pub etag: String,
    /// The new title; nothing leaves it as it is.
    pub title: Option<String>,
    /// A scorecard, and the parts of it to take.
    pub card: Option<(Card, Vec<CardField>)>,
}

/// What is validated.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A stored revision; a number of 0 is the newest.
    Stored(RevisionName),
    /// A scorecard that is not stored.
    Given(Box<Card>),
}

/// Something wrong or odd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScorecardFinding {
    /// Whether it keeps the scorecard from ranking.
    pub is_error: bool,
    /// Where.
    pub path: String,
    /// What.
    pub message: String,
}

impl From<InvalidScorecard> for ScorecardFinding {
    fn from(found: InvalidScorecard) -> ScorecardFinding {
        ScorecardFinding { is_error: true, path: found.path, message: found.message }
    }
}

/// Makes a draft of another revision, of a scorecard, or of the latter from the former.
///
/// # Errors
/// `NotFound` for the base; `Invalid` for a scorecard that is too large.
pub async fn create_revision(
    engine: &Arc<Engine>,
    caller: &Caller,
    base: Option<RevisionName>,
    card: Option<Card>,
    title: String,
) -> Result<Revision, Error> {
    let (owner, caller) = (Arc::clone(engine), caller.clone());
    engine
        .write(move |tx, now| {
            Box::pin(async move {
                let part = owner.tenants.claim(tx, &caller, now).await?.first();
                shipped::offer(tx, part, now).await?;
                let base = match &base {
                    Some(name) => Some(find(tx, part, name).await?),
                    None => None,
                };
                let of = base.as_ref().map(|base| base.head.clone());
                let card = card.or(base.map(|base| base.card));
                let card = card.ok_or_else(|| required("scorecard"))?;
                // A number says nothing of another scorecard.
                let of = of.filter(|base| base.scorecard_id == card.scorecard_id);
                let base_no = of.map_or(0, |base| base.revision_no);
                card.storable().map_err(Error::Invalid)?;
                let by = (caller.subject.as_str(), now);
                let made = insert(tx, part, by, (&card, &title), (base_no, false)).await?;
                note(tx, part, by, ("revision.created", &made)).await?;
                find(tx, part, &made).await
            })
        })
        .await
}

fn required(field: &str) -> Error {
    let mut violations = Violations::new();
    violations.required(field);
    Error::Invalid(violations)
}

/// Writes a draft under the next number of its scorecard.
async fn insert(
    tx: &mut Tx,
    part: Part,
    (author, now): (&str, Micros),
    (card, title): (&Card, &str),
    (base_revision_no, shipped): (i64, bool),
) -> Result<RevisionName, Error> {
    let scorecard_id = card.scorecard_id.as_str();
    let revision_no = revisions::newest(tx, part, scorecard_id).await? + 1;
    let scorecard = card.canonical();
    let new = NewRevision {
        scorecard_id,
        revision_no,
        title,
        base_revision_no,
        scorecard: &scorecard,
        shipped,
        author,
    };
    revisions::insert(tx, part, new, now).await?;
    Ok(RevisionName { scorecard_id: scorecard_id.to_owned(), revision_no })
}

/// A revision; the newest where the number is 0.
async fn find(tx: &mut Tx, part: Part, name: &RevisionName) -> Result<Revision, Error> {
    let id = name.scorecard_id.as_str();
    let number = match name.revision_no {
        0 => revisions::newest(tx, part, id).await?,
        number => number,
    };
    let found = revisions::find(tx, part, id, number).await?;
    let (head, text) = found
        .ok_or_else(|| Error::NotFound { resource: Resource::Revision, id: name.to_string() })?;
    let card = Card::read(&text)
        .map_err(|found| Damage::of("scorecard_revision", part, number, &found[0]))?;
    Ok(Revision { head, card })
}

/// Has those of the revisions that are drafts never change again.
async fn freeze(tx: &mut Tx, part: Part, heads: &[RevisionHead], now: Micros) -> Result<(), Error> {
    let mut drafts: Vec<_> = heads.iter().filter(|head| head.activate_time.is_none()).collect();
    // Rows of one table are locked in the order of their keys.
    drafts.sort_by_key(|draft| (draft.scorecard_id.as_str(), draft.revision_no));
    for draft in drafts {
        if !revisions::freeze(tx, part, draft, now).await? {
            return Err(tx.conflict("a draft was changed while it was activated").into());
        }
    }
    Ok(())
}

/// The scorecard of a stored revision, or one that is given and no larger than a stored one
/// may be.
async fn card_of(tx: &mut Tx, part: Part, subject: Subject) -> Result<Card, Error> {
    match subject {
        Subject::Given(card) => {
            card.storable().map_err(Error::Invalid)?;
            Ok(*card)
        }
        Subject::Stored(name) => Ok(find(tx, part, &name).await?.card),
    }
}

/// Changes a draft.
///
/// # Errors
/// `NotFound`; `EtagMismatch`; `RevisionNotDraft`; `Invalid` where its scorecard_id would
/// change or it would be too large.
pub async fn update_revision(
    engine: &Arc<Engine>,
    caller: &Caller,
    command: UpdateCommand,
) -> Result<Revision, Error> {
    let part = engine.parts(caller).await?.first();
    let caller = caller.clone();
    engine
        .write(move |tx, now| {
            Box::pin(async move { update(tx, part, (&caller.subject, now), command).await })
        })
        .await
}

async fn update(
    tx: &mut Tx,
    part: Part,
    by: (&str, Micros),
    command: UpdateCommand,
) -> Result<Revision, Error> {
    let old = find(tx, part, &command.name).await?;
    if old.head.activate_time.is_some() {
        return Err(Error::RevisionNotDraft(command.name.to_string()));
    }
    let mismatch = || Error::EtagMismatch {
        resource: Resource::Revision,
        id: command.name.to_string(),
        etag: command.etag.clone(),
    };
    if old.head.version.to_string() != command.etag {
        return Err(mismatch());
    }
    let mut card = old.card;
    if let Some((given, fields)) = &command.card {
        if !given.scorecard_id.is_empty() && given.scorecard_id != card.scorecard_id {
            let mut violations = Violations::new();
            let bound = format!("it is {} and never changes", card.scorecard_id);
            let field = "revision.scorecard.scorecard_id";
            violations.add(field, Reason::FieldImmutable, &given.scorecard_id, bound);
            return Err(Error::Invalid(violations));
        }
        for field in fields {
            field.copy(given, &mut card);
        }
    }
    card.storable().map_err(Error::Invalid)?;
    let title = command.title.as_ref().unwrap_or(&old.head.title);
    let new = (title.as_str(), card.canonical());
    if !revisions::update(tx, part, &old.head, (new.0, &new.1), by.1).await? {
        return Err(mismatch());
    }
    note(tx, part, by, ("revision.updated", &(&command.name, new))).await?;
    find(tx, part, &command.name).await
}

/// One revision; the newest where the number is 0.
///
/// # Errors
/// `NotFound`.
pub async fn get_revision(
    engine: &Arc<Engine>,
    caller: &Caller,
    name: RevisionName,
) -> Result<Revision, Error> {
    let part = shipped::offered(engine, caller).await?;
    let mut tx = engine.store.read().await?;
    find(&mut tx, part, &name).await
}

/// A page of revisions by scorecard and number, and the token of the next one.
///
/// # Errors
/// `PageTokenMalformed`, `PageTokenMismatch`.
pub async fn list_revisions(
    engine: &Arc<Engine>,
    caller: &Caller,
    scorecard_id: Option<&str>,
    (page_size, token): (usize, &str),
) -> Result<(Vec<RevisionHead>, String), Error> {
    let filter = scorecard_id.unwrap_or_default();
    let request = PageToken::request("revisions", &[&caller.tenant, filter]);
    let after = PageToken::read(token, request)?;
    let (id, number) = match after.rsplit_once('/') {
        Some((id, number)) => (id, number.parse().map_err(|_| Error::PageTokenMalformed)?),
        None => (filter, 0),
    };
    let part = shipped::offered(engine, caller).await?;
    let mut tx = engine.store.read().await?;
    let mut rows =
        revisions::list(&mut tx, part, scorecard_id, (id, number), page_size + 1).await?;
    let next = PageToken::cut(&mut rows, page_size, request, |last| {
        format!("{}/{}", last.scorecard_id, last.revision_no)
    });
    Ok((rows, next))
}

/// All that is wrong with a scorecard, then all that is odd, by the settings of a
/// portfolio or of a new one; and the hash of its one form.
///
/// # Errors
/// `NotFound` for the revision or the portfolio.
pub async fn validate_revision(
    engine: &Arc<Engine>,
    caller: &Caller,
    subject: Subject,
    portfolio_id: Option<PortfolioId>,
) -> Result<(Vec<ScorecardFinding>, [u8; 32]), Error> {
    let part = engine.parts(caller).await?.first();
    let ranking = match &portfolio_id {
        Some(id) => engine.latest(part, id).await?.portfolio.settings.ranking.clone(),
        None => RankingSettings::default(),
    };
    let (card, base) = match subject {
        Subject::Given(card) => {
            card.storable().map_err(Error::Invalid)?;
            (*card, None)
        }
        Subject::Stored(name) => with_base(engine, caller, name).await?,
    };
    let definition = RuleSetDefinition {
        scorecard_yaml: card.canonical(),
        business_scorecard_yaml: None,
        ranking,
        feature_version: FEATURE_VERSION,
        experiment: None,
    };
    let hash = card.content_hash();
    let compiled = RuleSet::compile(RuleSetId(0), &definition);
    let mut findings = match &compiled {
        Ok(rules) => odd(rules),
        Err(found) => found.iter().cloned().map(ScorecardFinding::from).collect(),
    };
    if let Some(base) = base {
        findings.extend(locked_changes(&card, &base).into_iter().map(warning));
    }
    if let (Ok(_), Some(id)) = (compiled, portfolio_id) {
        findings.extend(simulate::odd_groups(engine, caller, (card, id)).await?);
    }
    Ok((findings, hash))
}

/// The scorecard of a revision, and that of the revision it was made from.
async fn with_base(
    engine: &Arc<Engine>,
    caller: &Caller,
    name: RevisionName,
) -> Result<(Card, Option<Card>), Error> {
    let part = shipped::offered(engine, caller).await?;
    let mut tx = engine.store.read().await?;
    let Revision { head, card } = find(&mut tx, part, &name).await?;
    let base = match head.base_revision_no {
        0 => None,
        revision_no => {
            let base = RevisionName { scorecard_id: head.scorecard_id, revision_no };
            Some(find(&mut tx, part, &base).await?.card)
        }
    };
    Ok((card, base))
}

fn warning(found: ScorecardWarning) -> ScorecardFinding {
    ScorecardFinding { is_error: false, path: found.path, message: found.message }
}

/// What is odd about a rule set.
fn odd(rules: &RuleSet) -> Vec<ScorecardFinding> {
    rules.warnings().into_iter().map(warning).collect()
}
