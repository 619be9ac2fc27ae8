//! Experiments, as rule sets and activations keep them.

use prost::Message;

use crate::model::{DebtorKind, Experiment, ExperimentId};

use super::super::StoreError;
use super::super::encode::{Place, stored};
use super::{RevisionName, ScorecardText};

/// An experiment as a rule set holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExperimentContent {
    /// Its name and its shares.
    pub experiment: Experiment,
    /// What is tried, and whose cases it ranks.
    pub challenger: Option<(DebtorKind, ScorecardText)>,
}

impl ExperimentContent {
    /// As a rule set stores it.
    pub(super) fn stored(&self) -> stored::Experiment {
        let (kind, challenger) = self.challenger.clone().unzip();
        let (challenger_id, challenger_yaml) =
            challenger.map(|text| (text.scorecard_id, text.yaml)).unwrap_or_default();
        stored::Experiment {
            experiment_id: self.experiment.experiment_id.to_string(),
            challenger_permille: self.experiment.challenger_permille,
            control_permille: self.experiment.control_permille,
            challenger_kind: kind.map_or(0, |kind| kind as i32),
            challenger_id,
            challenger_yaml,
        }
    }

    /// Reads what a rule set stores.
    pub(super) fn read(
        stored: stored::Experiment,
        place: Place,
    ) -> Result<ExperimentContent, StoreError> {
        let (scorecard_id, yaml) = (stored.challenger_id, stored.challenger_yaml);
        let kind = challenger_kind(stored.challenger_kind, place)?;
        let shares = (stored.challenger_permille, stored.control_permille);
        Ok(ExperimentContent {
            experiment: experiment(stored.experiment_id, shares, place)?,
            challenger: kind.map(|kind| (kind, ScorecardText { scorecard_id, yaml })),
        })
    }
}

/// The experiment of an activation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivatedExperiment {
    /// Its name and its shares.
    pub experiment: Experiment,
    /// The revision that is tried, and whose cases it ranks.
    pub challenger: Option<(DebtorKind, RevisionName)>,
}

impl ActivatedExperiment {
    /// As an activation stores it.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.stored().encode_to_vec()
    }

    /// As it is stored.
    pub(crate) fn stored(&self) -> stored::ActivatedExperiment {
        let (kind, name) = self.challenger.clone().unzip();
        stored::ActivatedExperiment {
            experiment_id: self.experiment.experiment_id.to_string(),
            challenger_permille: self.experiment.challenger_permille,
            control_permille: self.experiment.control_permille,
            challenger_kind: kind.map_or(0, |kind| kind as i32),
            challenger_revision_no: name.as_ref().map_or(0, |name| name.revision_no),
            challenger_id: name.map(|name| name.scorecard_id).unwrap_or_default(),
        }
    }

    /// Reads what an activation stores.
    pub(super) fn read(bytes: &[u8], place: Place) -> Result<ActivatedExperiment, StoreError> {
        ActivatedExperiment::of(place.decode(bytes)?, place)
    }

    /// Reads what is stored.
    pub(crate) fn of(
        stored: stored::ActivatedExperiment,
        place: Place,
    ) -> Result<ActivatedExperiment, StoreError> {
        let (scorecard_id, revision_no) = (stored.challenger_id, stored.challenger_revision_no);
        let kind = challenger_kind(stored.challenger_kind, place)?;
        let shares = (stored.challenger_permille, stored.control_permille);
        Ok(ActivatedExperiment {
            experiment: experiment(stored.experiment_id, shares, place)?,
            challenger: kind.map(|kind| (kind, RevisionName { scorecard_id, revision_no })),
        })
    }
}

fn experiment(
    id: String,
    (challenger_permille, control_permille): (i32, i32),
    place: Place,
) -> Result<Experiment, StoreError> {
    let experiment_id = ExperimentId::new(id).map_err(|error| place.corrupt(error))?;
    Ok(Experiment { experiment_id, challenger_permille, control_permille })
}

/// Whose cases a challenger ranks; nothing where there is none.
fn challenger_kind(number: i32, place: Place) -> Result<Option<DebtorKind>, StoreError> {
    let kind = DebtorKind::from_number(i64::from(number));
    if number != 0 && kind.is_none() {
        return Err(place.newer(format!("the challenger's kind {number} is not known")));
    }
    Ok(kind)
}
