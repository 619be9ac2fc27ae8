//! Ranking: from what is known of a case, the day and the rule set to a score,
//! a group and a priority. Integers only; the same input gives the same output
//! on every machine, for ever.
//!
//! A scorecard looks at features of the case (docs/FEATURES.md), each of which
//! falls into a bin; the bins' points, weighted, add up to the score. A rule set
//! has a scorecard for persons and one for businesses, on the same scale.

mod amount;
mod bins;
mod book;
mod calibration;
pub mod card;
mod compile;
mod derived;
mod experiment;
mod explain;
mod explanation;
mod feature;
pub mod format;
mod kernel;
mod language;
mod locked;
mod measure;
mod month;
mod movement;
mod reach;
mod route;
mod scorecard;
mod shape;
mod subject;
mod warn;

use std::fmt;

use crate::model::{
    CaseState, CloseReason, Day, DebtorKind, Facts, History, LocalDays, Micros, Rank,
    RankingSettings, Route, RuleSetId, Served, Stage,
};
use crate::yaml::Flaw;

pub use book::{
    Book, BookRow, Count, Filter, HISTOGRAM_BUCKETS, Mover, MoverLine, Simulated,
    SimulationRequest, Slice, SliceBy, Standing, Standings,
};
pub use calibration::ExpectedRecovery;
pub use explanation::{
    Audience, DerivedLine, Diagnosis, Dimension, DimensionSubtotal, Explanation, Family,
    FamilySubtotal, Finding, KnockOutLine, NextGroupBin, PriorityLine, RouteCondition, RouteLine,
    ScoreLine, ScoreReason,
};

pub use experiment::ExperimentDefinition;
pub use feature::is_custom_feature;
pub use locked::locked_changes;
pub use movement::{LineEnd, MovedLine, Movement, Split, Steps};
pub use route::{InvalidRouting, invalid_routing};
pub use warn::ScorecardWarning;

use bins::Value;
use compile::CHARACTERISTICS_MAX;
use experiment::{Arms, PlaceInArms};
use feature::Feature;
use scorecard::Scorecard;
use subject::Subject;

/// The version of the features' definitions; docs/FEATURES.md states them.
pub const FEATURE_VERSION: i32 = 1;

/// The scorecard for persons shipped with the program.
pub const CONSUMER_YAML: &str = include_str!("scoring/consumer.yaml");
/// The scorecard for businesses shipped with the program, on the scale of the one
/// for persons: equal scores are equally hard to recover.
pub const BUSINESS_YAML: &str = include_str!("scoring/business.yaml");

/// What a rule set is made of. Two equal definitions rank alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSetDefinition {
    /// The scorecard for persons as written; for businesses as well where they have
    /// none of their own.
    pub scorecard_yaml: String,
    /// The scorecard for businesses as written. Its id is another than that of the
    /// one for persons.
    pub business_scorecard_yaml: Option<String>,
    /// The portfolio's settings that ranks depend on.
    pub ranking: RankingSettings,
    /// The version of the features' definitions the card was written for.
    pub feature_version: i32,
    /// The experiment that runs.
    pub experiment: Option<ExperimentDefinition>,
}

/// A finding that keeps a scorecard from being used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct InvalidScorecard {
    /// Where, such as `characteristics[3].bins[2].to`; begins with `business.` in
    /// the scorecard for businesses and with `challenger.` in that of an experiment.
    /// Empty, `business` or `challenger` where the text as a whole is no scorecard.
    pub path: String,
    /// The line of the text, from 1, where known.
    pub line: Option<u64>,
    /// The column of the line, from 1, where known.
    pub column: Option<u64>,
    /// What is wrong, with the value and the bound.
    pub message: String,
}

impl From<Flaw> for InvalidScorecard {
    fn from(flaw: Flaw) -> InvalidScorecard {
        let Flaw { path, place, message } = flaw;
        let (line, column) = (place.map(|at| at.line), place.map(|at| at.column));
        InvalidScorecard { path, line, column, message }
    }
}

impl fmt::Display for InvalidScorecard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "line {line}, column {column}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}", self.message)
    }
}

/// A rule set, compiled: everything a rank depends on beside the case and the
/// day.
#[derive(Debug)]
pub struct RuleSet {
    id: RuleSetId,
    ranking: RankingSettings,
    person: Scorecard,
    business: Option<Scorecard>,
    arms: Option<Arms>,
}

/// What is ranked.
#[derive(Clone, Copy)]
pub struct CaseInput<'a> {
    /// The newest document.
    pub facts: &'a Facts,
    /// What happened.
    pub history: &'a History,
    /// The caller's id of the debtor: an experiment draws the arm from it.
    pub debtor_id: &'a str,
    /// The instant the document speaks of.
    pub as_of: Micros,
    /// The last event in the history.
    pub case_seq: i64,
    /// The day in the portfolio's zone as of which to rank.
    pub today: Day,
    /// The days of the portfolio's zone.
    pub days: &'a dyn LocalDays,
}

/// A case, ranked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// Score, group and priority.
    pub rank: Rank,
    /// What is overdue now.
    pub served: Served,
    /// The state as of the day.
    pub state: CaseState,
    /// Why the case is closed; set only when it is.
    pub close_reason: Option<CloseReason>,
    /// The stage; M1 before the due date.
    pub stage: Stage,
    /// Calendar days since the oldest due date; negative before it, 0 without one.
    pub days_past_due: i32,
    /// Whether payments the ledger does not know of settle the case.
    pub cured_provisional: bool,
    /// The earliest later day on which anything here but the days past due and
    /// the rank's date may change with no new event. A closed case has none: its
    /// rank stays that of the day it was ranked.
    pub review_day: Option<Day>,
    /// What is odd about the case.
    pub findings: Vec<Finding>,
}

/// The codes of the bins of one case, by characteristic.
type Codes = [u8; CHARACTERISTICS_MAX];

impl RuleSet {
    /// Checks and compiles a definition.
    ///
    /// # Errors
    /// Every finding, each with its path.
    pub fn compile(
        id: RuleSetId,
        definition: &RuleSetDefinition,
    ) -> Result<RuleSet, Vec<InvalidScorecard>> {
        if definition.feature_version != FEATURE_VERSION {
            let version = definition.feature_version;
            return Err(vec![InvalidScorecard {
                path: "feature_version".to_owned(),
                line: None,
                column: None,
                message: format!("is {version}; this program computes {FEATURE_VERSION}"),
            }]);
        }
        let challenger = definition.challenger();
        let texts = [
            Some(&definition.scorecard_yaml),
            definition.business_scorecard_yaml.as_ref(),
            challenger.map(|(_, yaml)| yaml),
        ];
        let kind = challenger.map(|(kind, _)| kind);
        let cards = compile::compile(texts, kind, &definition.ranking)?;
        let [person, business, challenger] = cards.map(|card| card.map(Scorecard::new));
        let person = person.expect("a definition has a card for persons");
        let arms = definition.experiment.as_ref().map(|one| Arms {
            experiment: one.experiment.clone(),
            challenger: kind.zip(challenger),
        });
        Ok(RuleSet { id, ranking: definition.ranking.clone(), person, business, arms })
    }

    /// The id of the rule set.
    pub fn id(&self) -> RuleSetId {
        self.id
    }

    /// The settings of the portfolio that it ranks by.
    pub fn ranking(&self) -> &RankingSettings {
        &self.ranking
    }

    /// The id of the scorecard that ranks a kind of debtor.
    pub fn scorecard_id(&self, kind: DebtorKind) -> &str {
        &self.scorecard(kind).card.scorecard_id
    }

    /// How the bins of a characteristic are labelled, by any of its scorecards; nothing
    /// where none has one of the name. Where only populations have one, it is that of the
    /// first of them.
    pub fn bin_labels(&self, characteristic: &str) -> Vec<&str> {
        let named = self.scorecards().filter_map(|(_, one)| one.card.named(characteristic));
        named.flat_map(|one| one.by_code.iter().map(|bin| bin.label.as_str())).collect()
    }

    /// The populations of the scorecard that ranks a kind of debtor, also those that are off.
    pub fn populations(&self, kind: DebtorKind) -> impl Iterator<Item = &str> {
        self.scorecard(kind).card.populations.iter().map(|one| one.name.as_str())
    }

    /// The scorecard that ranks a kind of debtor, the challenger aside.
    fn scorecard(&self, kind: DebtorKind) -> &Scorecard {
        match kind {
            DebtorKind::Person => &self.person,
            DebtorKind::Business => self.business.as_ref().unwrap_or(&self.person),
        }
    }

    /// Ranks a case as of a day.
    pub fn rank(&self, case: &CaseInput<'_>) -> Ranked {
        let mut subject = Subject::new(case, &self.ranking);
        let place = self.place(case, subject.debtor_kind);
        let rank = self.rank_subject(&mut subject, (case, &place), &mut [0; CHARACTERISTICS_MAX]);
        let (state, close_reason) = subject.state();
        let review_day = match state {
            CaseState::Closed => None,
            CaseState::PreDue | CaseState::Open => {
                let drawn_anew = place.lot.map(|lot| lot.drawn_anew(case.today));
                [place.scorecard.review_day(&subject), drawn_anew].into_iter().flatten().min()
            }
        };
        Ranked {
            rank,
            state,
            close_reason,
            stage: subject.stage,
            days_past_due: subject.days_past_due.unwrap_or(0),
            cured_provisional: subject.cured_provisional(),
            review_day,
            findings: findings(&subject),
            served: subject.served,
        }
    }

    /// Says why a case is ranked as it is: by the same tables and sums as
    /// [`RuleSet::rank`]. `language` is the one asked for, as in [`RuleSet::language`].
    pub fn explain(&self, case: &CaseInput<'_>, language: Option<&str>) -> Explanation {
        let mut subject = Subject::new(case, &self.ranking);
        let mut codes = [0; CHARACTERISTICS_MAX];
        let place = self.place(case, subject.debtor_kind);
        let rank = self.rank_subject(&mut subject, (case, &place), &mut codes);
        explain::explain(&place, &subject, (&codes, rank), self.language(language))
    }

    /// The language in which reasons are told, a BCP 47 tag: the one asked for, else that
    /// of the portfolio. A scorecard without texts in it speaks English.
    pub fn language<'a>(&'a self, asked: Option<&'a str>) -> &'a str {
        asked.unwrap_or(&self.ranking.default_language)
    }

    /// The reasons of [`RuleSet::explain`] without the rest of it.
    pub fn reasons(&self, case: &CaseInput<'_>, language: Option<&str>) -> Vec<ScoreReason> {
        let subject = Subject::new(case, &self.ranking);
        let scorecard = self.place(case, subject.debtor_kind).scorecard;
        let mut codes = [0; CHARACTERISTICS_MAX];
        scorecard.part(&subject).codes(&subject, &mut codes);
        explain::reasons_of(scorecard, (&subject, &codes), self.language(language))
    }

    fn rank_subject(
        &self,
        subject: &mut Subject<'_>,
        (case, place): (&CaseInput<'_>, &PlaceInArms<'_>),
        codes: &mut Codes,
    ) -> Rank {
        let scorecard = place.scorecard;
        let part = scorecard.part(subject);
        part.codes(subject, codes);
        let score = scorecard.score(&part, subject, codes);
        subject.score = score;
        let priority = match place.lot {
            Some(lot) => lot.priority(case.today),
            None => scorecard.priority_sum(subject).clamp(0, 1_000),
        };
        Rank {
            group: scorecard.group(score, subject.stage),
            score,
            priority,
            rule_set_id: self.id,
            rank_date: case.today,
            case_seq: case.case_seq,
            arm: place.arm,
            route: scorecard.routed(subject).map_or(Route::NONE, |(_, rule)| rule.route),
        }
    }
}

/// The value of a feature for a case.
fn value<'a>(feature: &Feature, subject: &Subject<'a>) -> Value<'a> {
    match feature.measure() {
        Some(measure) => measure.value(subject),
        None => Value::Number(i64::from(subject.score)),
    }
}

fn findings(subject: &Subject<'_>) -> Vec<Finding> {
    let disagreement = subject.disagreement.iter();
    disagreement.map(|text| Finding { code: "HISTORY_DISAGREES", text: text.clone() }).collect()
}

#[cfg(test)]
mod tests;
