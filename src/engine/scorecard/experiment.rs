//! Experiments: what is tried beside a champion, on which shares, and what is odd about
//! beginning or ending one.

use crate::model::{DebtorKind, Experiment, Part, Reason, Violations};
use crate::store::Tx;
use crate::store::activations::{
    ActivatedExperiment, Activation, ExperimentContent, RevisionName, ScorecardText,
};
use crate::store::revisions::RevisionHead;

use super::super::Error;
use super::{Change, ScorecardFinding, find};

/// An experiment asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExperimentCommand {
    /// Its name and its shares.
    pub experiment: Experiment,
    /// The revision that is tried; nothing where there is a control share alone.
    pub challenger: Option<RevisionName>,
}

impl Change {
    /// The experiment as an activation tells it.
    pub(super) fn experiment(&self) -> Option<ActivatedExperiment> {
        let content = self.content.experiment.as_ref()?;
        let kind = content.challenger.as_ref().map(|(kind, _)| *kind);
        let challenger = kind.zip(self.challenger.clone());
        Some(ActivatedExperiment { experiment: content.experiment.clone(), challenger })
    }
}

/// Has an experiment run beside the champion for a kind of debtor; returns the revision that
/// is tried.
///
/// # Errors
/// `NotFound` for the challenger; `Invalid` where it is what ranks already.
pub(super) async fn begin(
    tx: &mut Tx,
    part: Part,
    change: &mut Change,
    (asked, kind): (&ExperimentCommand, DebtorKind),
) -> Result<Option<RevisionHead>, Error> {
    let mut content = ExperimentContent { experiment: asked.experiment.clone(), challenger: None };
    let mut tried = None;
    if let Some(name) = &asked.challenger {
        let revision = find(tx, part, name).await?;
        let scorecard_id = revision.card.scorecard_id.clone();
        let text = ScorecardText { scorecard_id, yaml: revision.card.canonical() };
        if text == *change.content.scorecard_of(kind) {
            let mut violations = Violations::new();
            let bound = "it must say something else than the champion";
            violations.add("experiment.challenger", Reason::FieldOutOfRange, name, bound);
            return Err(Error::Invalid(violations));
        }
        content.challenger = Some((kind, text));
        tried = Some(revision.head);
    }
    change.challenger.clone_from(&asked.challenger);
    change.content.experiment = Some(content);
    Ok(tried)
}

/// What is odd about going from one activation to another: experiments that end by it, or go
/// on otherwise.
pub(super) fn odd_change(before: &Activation, after: &Activation) -> Option<ScorecardFinding> {
    let ran = before.experiment.as_ref()?;
    let id = &ran.experiment.experiment_id;
    let same = after.experiment.as_ref().filter(|one| one.experiment.experiment_id == *id);
    let message = match same {
        Some(one) if one == ran => return None,
        Some(_) => format!(
            "{id} goes on otherwise: what was done with debtors who change their arm counts to \
             both; another experiment_id draws anew"
        ),
        None => format!("{id} ends"),
    };
    Some(ScorecardFinding { is_error: false, path: "experiment".to_owned(), message })
}
