//! A scorecard as written: the YAML of analysts, before it is checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::explanation::{Audience, Dimension, Family};

/// A scorecard as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Card {
    /// Names the scorecard, such as `consumer`.
    pub scorecard_id: String,
    /// What every case starts with.
    pub base_points: i32,
    /// Where the groups begin.
    pub cutoffs: Cutoffs,
    /// Cutoffs of single stages, `M1` to `M5`.
    #[serde(default)]
    pub cutoffs_by_stage: BTreeMap<String, Cutoffs>,
    /// When a side of paying counts as known, and as standing in the way.
    pub diagnosis: DiagnosisRule,
    /// A characteristic that cost fewer points than this is no reason.
    #[serde(default = "one_point")]
    pub reason_points_min: i32,
    /// The characteristics.
    pub characteristics: Vec<Spanned<Characteristic>>,
    /// The work order.
    pub priority: Priority,
}

/// Where the groups begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cutoffs {
    /// The lowest score of group A.
    pub a: i32,
    /// The lowest score of group B.
    pub b: i32,
}

/// When a side of paying counts as known, and as standing in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DiagnosisRule {
    /// A side stands in the way when its known inputs reach less than this
    /// share of the way from their worst to their best, in thousandths.
    pub low_below_permille: i32,
    /// A side is known from this confidence on, in thousandths.
    pub known_from_permille: i32,
}

/// One characteristic.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Characteristic {
    pub name: String,
    pub feature: String,
    /// `NUMBER`, `TEXT` or `FLAG`: of custom features only.
    pub kind: Option<String>,
    pub family: Family,
    pub dimension: Dimension,
    #[serde(default = "one")]
    pub weight_milli: i32,
    #[serde(default)]
    pub protected: bool,
    pub reason: ReasonText,
    pub missing: Option<Points>,
    pub unknown: Option<Points>,
    pub other: Option<Points>,
    pub bins: Vec<Spanned<Bin>>,
}

fn one_point() -> i32 {
    1
}

fn one() -> i32 {
    1_000
}

/// The points of a bin that has no range of its own.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Points {
    pub points: i32,
}

/// One bin: a range from `from` (inclusive) to `to` (exclusive), or the
/// categories of `is`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bin {
    pub from: Option<String>,
    pub to: Option<String>,
    pub is: Option<Vec<String>>,
    pub points: i32,
    /// A reason of the bin's own, in place of the characteristic's.
    pub reason: Option<ReasonText>,
}

/// What is said when a characteristic costs points.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReasonText {
    pub code: String,
    pub text: String,
    pub audience: Audience,
}

/// The work order.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Priority {
    pub base_points: i32,
    pub terms: Vec<Spanned<Term>>,
}

/// One term of the priority.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Term {
    pub term: String,
    pub feature: String,
    pub kind: Option<String>,
    /// The term counts only while the case is fewer days past due.
    pub only_below_days_past_due: Option<i32>,
    #[serde(default)]
    pub protected: bool,
    pub missing: Option<Points>,
    pub unknown: Option<Points>,
    pub other: Option<Points>,
    pub bins: Vec<Spanned<Bin>>,
}
