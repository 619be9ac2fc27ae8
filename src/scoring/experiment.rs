//! Which scorecard ranks a case while an experiment runs, and by which lot.

use crate::model::{Arm, DebtorKind, Experiment, Lot, RoutingRule};

use super::scorecard::Scorecard;
use super::{CaseInput, RuleSet, RuleSetDefinition};

/// An experiment, as a rule set is made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExperimentDefinition {
    /// Its name and its shares.
    pub experiment: Experiment,
    /// The scorecard that is tried, as written, and whose cases it ranks; nothing where
    /// there is a control share alone.
    pub challenger: Option<(DebtorKind, String)>,
}

impl RuleSetDefinition {
    pub(super) fn challenger(&self) -> Option<(DebtorKind, &String)> {
        let (kind, yaml) = self.experiment.as_ref()?.challenger.as_ref()?;
        Some((*kind, yaml))
    }
}

/// An experiment with its challenger.
#[derive(Debug)]
pub(super) struct Arms {
    pub experiment: Experiment,
    pub challenger: Option<(DebtorKind, Scorecard)>,
}

/// Where a case stands among the arms of a rule set.
pub(super) struct PlaceInArms<'a> {
    /// What ranks it.
    pub scorecard: &'a Scorecard,
    /// The arm, where there is an experiment.
    pub arm: Option<Arm>,
    /// What the priority is drawn by, in the control share.
    pub lot: Option<Lot>,
    /// The name of the experiment.
    pub experiment_id: Option<&'a str>,
    /// The routing rules as written.
    pub routing_rules: &'a [RoutingRule],
}

impl RuleSet {
    /// The experiment that runs.
    pub fn experiment(&self) -> Option<&Experiment> {
        self.arms.as_ref().map(|arms| &arms.experiment)
    }

    /// The scorecard that ranks a kind of debtor in an arm.
    pub(super) fn scorecard_in(&self, kind: DebtorKind, arm: Arm) -> &Scorecard {
        let challenger = self.arms.as_ref().and_then(|arms| arms.challenger.as_ref());
        match challenger {
            Some((of, challenger)) if arm == Arm::Challenger && *of == kind => challenger,
            _ => self.scorecard(kind),
        }
    }

    /// Whose cases the scorecard of an id ranks; persons' if it ranks none.
    pub fn kind_ranked_by(&self, scorecard_id: &str) -> DebtorKind {
        let challenger = self.arms.as_ref().and_then(|arms| arms.challenger.as_ref());
        let challenger = challenger.filter(|(_, one)| one.card.scorecard_id == scorecard_id);
        let business = self.business.as_ref();
        match business.is_some_and(|one| one.card.scorecard_id == scorecard_id) {
            true => DebtorKind::Business,
            false => challenger.map_or(DebtorKind::Person, |(kind, _)| *kind),
        }
    }

    /// Where a case of a kind of debtor stands.
    pub(super) fn place(&self, case: &CaseInput<'_>, kind: DebtorKind) -> PlaceInArms<'_> {
        let routing_rules = self.ranking.routing_rules.as_slice();
        let Some(experiment) = self.experiment() else {
            let scorecard = self.scorecard(kind);
            return PlaceInArms {
                scorecard,
                arm: None,
                lot: None,
                experiment_id: None,
                routing_rules,
            };
        };
        let (arm, lot) = experiment.draw(case.debtor_id);
        PlaceInArms {
            scorecard: self.scorecard_in(kind, arm),
            arm: Some(arm),
            lot: (arm == Arm::Control).then_some(lot),
            experiment_id: Some(experiment.experiment_id.as_str()),
            routing_rules,
        }
    }

    /// Its scorecards, each once, with what the paths of findings in them begin with.
    pub(super) fn scorecards(&self) -> impl Iterator<Item = (&'static str, &Scorecard)> {
        let challenger = self.arms.as_ref().and_then(|arms| arms.challenger.as_ref());
        let business = self.business.as_ref().map(|one| ("business.", one));
        let challenger = challenger.map(|(_, one)| ("challenger.", one));
        [Some(("", &self.person)), business, challenger].into_iter().flatten()
    }
}
