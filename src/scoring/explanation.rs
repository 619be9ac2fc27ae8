//! The words of an explanation. Their numbers are those of the contract.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{Rank, Route};

use super::calibration::ExpectedRecovery;

/// Why a case is ranked as it is. The base points, the contributions of the
/// lines, the clamp and the points of the knock-out rule add up to the score exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The rank explained.
    pub rank: Rank,
    /// The scorecard.
    pub scorecard_id: String,
    /// The population by whose points the case is ranked; empty where it is none.
    pub population: String,
    /// What every case of it starts with.
    pub base_points: i32,
    /// One per characteristic, in the order of the scorecard.
    pub lines: Vec<ScoreLine>,
    /// What holding the sum within 0 to 1,000 added.
    pub clamp_points: i32,
    /// The knock-out rule that decided the score, if one did; its points belong to the
    /// sum.
    pub knock_out: Option<KnockOutLine>,
    /// The features of the scorecard's own, in its order; not those that look at a
    /// protected input that is off.
    pub derived: Vec<DerivedLine>,
    /// The lowest score of group A.
    pub cutoff_a: i32,
    /// The lowest score of group B.
    pub cutoff_b: i32,
    /// The contributions by family, those the scorecard has.
    pub family_subtotals: Vec<FamilySubtotal>,
    /// The contributions by dimension, those the scorecard has.
    pub dimension_subtotals: Vec<DimensionSubtotal>,
    /// What the difficulty comes from.
    pub diagnosis: Diagnosis,
    /// Up to four: that of the knock-out rule, then the one that cost most points.
    pub reasons: Vec<ScoreReason>,
    /// The lines of the priority; they add up to it, with their clamp. In a control share
    /// there is one, `control`, for what was drawn.
    pub priority_lines: Vec<PriorityLine>,
    /// What the history says twice and not alike, and other oddities.
    pub findings: Vec<Finding>,
    /// What the sum of base points and contributions lacks for the next easier
    /// group, or the score that a knock-out rule has set; 0 in group A.
    pub points_to_next_group: i32,
    /// The characteristics that could make up for all of it alone, in the order of
    /// the scorecard, each with the bin that does so with the fewest points.
    pub next_group_bins: Vec<NextGroupBin>,
    /// What of the served amount is expected to be recovered: only where the scorecard
    /// carries a calibration, and the score is one that was measured.
    pub expected_recovery: Option<ExpectedRecovery>,
    /// The experiment of the rule set, if it has one; the rank tells the arm.
    pub experiment_id: Option<String>,
    /// The routing rule that gave the case its route, if one did.
    pub route: Option<RouteLine>,
}

/// A feature of the scorecard's own, of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedLine {
    /// Its name, as the scorecard's characteristics look at it.
    pub name: String,
    /// The value as text; empty when missing.
    pub value: String,
    /// What is counted; empty where it is what the inputs count.
    pub unit: &'static str,
    /// What it was made of, with the values, for people.
    pub text: String,
}

/// A routing rule that gave a case its route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteLine {
    /// The route.
    pub route: Route,
    /// The place of the rule among those of the rule set, from 0.
    pub rule: usize,
    /// Its conditions, all of which hold.
    pub conditions: Vec<RouteCondition>,
    /// Who may read it.
    pub audience: Audience,
}

/// A condition of a routing rule, with what it met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteCondition {
    /// What it looks at.
    pub feature: String,
    /// The value as text; empty when missing.
    pub value: String,
}

/// A rule that decided the score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnockOutLine {
    /// The rule.
    pub name: String,
    /// The score it sets.
    pub score: i32,
    /// What that adds to the score the points would give.
    pub points: i32,
}

/// A bin that would move a case to the next easier group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextGroupBin {
    /// The characteristic.
    pub characteristic: String,
    /// The bin.
    pub bin: String,
    /// How much more it contributes than the bin the input is in now.
    pub points_gained: i32,
}

/// What one characteristic contributed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScoreLine {
    /// The characteristic.
    pub characteristic: String,
    /// Its family.
    pub family: Family,
    /// Its dimension.
    pub dimension: Dimension,
    /// The input as text; empty when missing.
    pub value: String,
    /// The bin the input fell into.
    pub bin: String,
    /// The points of the bin.
    pub points: i32,
    /// The weight in thousandths.
    pub weight_milli: i32,
    /// weight_milli x points / 1,000, halves away from zero.
    pub contribution: i32,
    /// The most the characteristic could have contributed.
    pub best_contribution: i32,
    /// Whether the input is protected.
    pub protected_input: bool,
    /// Whether the input was missing.
    pub missing: bool,
}

/// The contributions of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilySubtotal {
    /// The family.
    pub family: Family,
    /// The sum.
    pub contribution: i32,
}

/// The contributions of one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DimensionSubtotal {
    /// The dimension.
    pub dimension: Dimension,
    /// The sum.
    pub contribution: i32,
    /// How much of the dimension's range rests on known inputs, in thousandths.
    pub confidence_permille: i32,
}

/// Why a score is low.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScoreReason {
    /// The code from the scorecard.
    pub reason_code: String,
    /// One sentence for people.
    pub text: String,
    /// The characteristic, or the knock-out rule.
    pub characteristic: String,
    /// How many points it cost against the best bin; a knock-out rule against the score
    /// without it, negative where it raised it.
    pub points_lost: i32,
    /// Who may read it.
    pub audience: Audience,
}

/// What one term contributed to the priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriorityLine {
    /// The term; `base`, `clamp` and `control` are terms as well.
    pub term: String,
    /// The input as text.
    pub value: String,
    /// The points.
    pub points: i32,
}

/// Something odd about a case that is no error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A stable code in capitals, such as `HISTORY_DISAGREES`.
    pub code: &'static str,
    /// One sentence for people.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}

/// What kind of thing a characteristic looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(i32)]
pub enum Family {
    /// How long the case is overdue.
    OverdueAge = 1,
    /// How the debtor has paid and behaved.
    PaymentHistory = 2,
    /// The household's cost of default.
    Household = 3,
    /// The business's cost of default.
    Business = 4,
    /// What default costs in credit record.
    CreditRecord = 5,
    /// Whether the debtor can pay.
    Ability = 6,
    /// Whether the debtor can be reached.
    Contact = 7,
    /// Inputs of the caller's own.
    Custom = 8,
}

impl Family {
    /// All families by number.
    pub const ALL: [Family; 8] = [
        Self::OverdueAge,
        Self::PaymentHistory,
        Self::Household,
        Self::Business,
        Self::CreditRecord,
        Self::Ability,
        Self::Contact,
        Self::Custom,
    ];
}

/// Which side of paying a characteristic speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[repr(i32)]
pub enum Dimension {
    /// How long it has been.
    Age = 1,
    /// Willingness by character: what the debtor does.
    WillingnessActive = 2,
    /// Willingness by cost: what the debtor would lose.
    WillingnessPassive = 3,
    /// Whether the debtor can.
    Ability = 4,
}

impl Dimension {
    /// All dimensions by number.
    pub const ALL: [Dimension; 4] =
        [Self::Age, Self::WillingnessActive, Self::WillingnessPassive, Self::Ability];

    /// The name as in the contract, without its prefix.
    pub fn name(self) -> &'static str {
        ["AGE", "WILLINGNESS_ACTIVE", "WILLINGNESS_PASSIVE", "ABILITY"][self as usize - 1]
    }
}

/// What a difficulty comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[repr(i32)]
pub enum Diagnosis {
    /// Too little is known.
    Unknown = 1,
    /// Able and not willing.
    Willingness = 2,
    /// Willing and not able.
    Ability = 3,
    /// Neither willing nor able.
    Both = 4,
    /// Willing and able: nothing stands in the way.
    None = 5,
}

/// Who may read a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[repr(i32)]
pub enum Audience {
    /// Agents, dialers and everybody below.
    Agent = 1,
    /// Analysts, approvers, auditors and operators only.
    Analyst = 2,
}
