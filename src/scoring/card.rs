//! A scorecard as analysts write it, before it is checked. Written out again it has one
//! form, and by that it is stored and hashed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Day, Reason, Violations};
use crate::yaml;

mod derived;
mod population;
mod routing;

pub use derived::{Change, Derived, Difference, MonthsBetween, Ratio};
pub use population::Population;
pub use routing::Routing;

pub use crate::model::Condition;

use super::InvalidScorecard;
use super::explanation::{Audience, Dimension, Family};

/// A scorecard as written. Whether it makes sense shows when it is compiled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Names the scorecard, such as `consumer`: 1 to 64 bytes of a-z, 0-9 and _.
    pub scorecard_id: String,
    /// What every case starts with, -10,000 to 10,000.
    pub base_points: i32,
    /// Where the groups begin.
    pub cutoffs: Cutoffs,
    /// Cutoffs of single stages, `M1` to `M5`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cutoffs_by_stage: BTreeMap<String, Cutoffs>,
    /// When a side of paying counts as known, and as standing in the way.
    pub diagnosis: DiagnosisRule,
    /// A characteristic that cost fewer points than this is no reason; 1 to 1,000.
    #[serde(default = "one_point")]
    pub reason_points_min: i32,
    /// Features of its own, at most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub derived: Vec<Derived>,
    /// Rules that decide the score instead of the points, at most 32: the first that
    /// matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub knock_outs: Vec<KnockOut>,
    /// The characteristics, 1 to 64.
    pub characteristics: Vec<Characteristic>,
    /// Cases that are ranked by points of their own, at most 8 populations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub populations: Vec<Population>,
    /// The work order.
    pub priority: Priority,
    /// What share is recovered at which score, where that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// Where the groups begin: 0 < b < a <= 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cutoffs {
    /// The lowest score of group A.
    pub a: i32,
    /// The lowest score of group B.
    pub b: i32,
}

/// When a side of paying counts as known, and as standing in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiagnosisRule {
    /// A side stands in the way when its known inputs reach less than this
    /// share of the way from their worst to their best, in thousandths.
    pub low_below_permille: i32,
    /// A side is known from this confidence on, in thousandths.
    pub known_from_permille: i32,
}

/// One characteristic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Characteristic {
    /// Its name, as an explanation shows it.
    pub name: String,
    /// What it looks at: a name of docs/FEATURES.md, `custom.` and a feature_id, or
    /// `derived.` and the name of a feature of the scorecard's own.
    pub feature: String,
    /// `NUMBER`, `TEXT` or `FLAG`: of custom features only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What kind of thing it looks at.
    pub family: Family,
    /// Which side of paying it speaks of.
    pub dimension: Dimension,
    /// Thousandths by which the points count, 0 to 10,000.
    #[serde(default = "one")]
    pub weight_milli: i32,
    /// Which way its points go with higher numbers; free where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Whether it counts only where the portfolio has switched its input on.
    #[serde(default)]
    pub protected: bool,
    /// What is said when it costs points.
    pub reason: ReasonText,
    /// The points of what nobody told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Points>,
    /// The points of what was asked and is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Points>,
    /// The points of what no bin lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<Points>,
    /// Single numbers that mean something else, at most 32; looked for before the bins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub special: Vec<Special>,
    /// The bins, 1 to 200, of numbers in ascending order.
    pub bins: Vec<Bin>,
}

fn one_point() -> i32 {
    1
}

fn one() -> i32 {
    1_000
}

/// Which way the points of a characteristic of numbers go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[repr(i32)]
pub enum Direction {
    /// Higher numbers have no fewer points.
    Up = 1,
    /// Higher numbers have no more points.
    Down = 2,
}

impl Direction {
    /// Both.
    pub const ALL: [Direction; 2] = [Self::Up, Self::Down];
}

/// The points of a bin that has no range of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Points {
    /// -1,000 to 1,000.
    pub points: i32,
    /// Whether an analyst means the points to stay as they are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
}

/// One bin: a range from `from` (inclusive) to `to` (exclusive), or the
/// categories of `is`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bin {
    /// The first number; the first bin has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The number behind the last; the last bin has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The categories, or texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<Vec<String>>,
    /// -1,000 to 1,000.
    pub points: i32,
    /// Whether an analyst means the points to stay as they are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// A reason of the bin's own, in place of the characteristic's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonText>,
}

/// A number that stands for something else, such as -999 for no record: it is told, and
/// is no number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Special {
    /// The number.
    pub value: String,
    /// -1,000 to 1,000.
    pub points: i32,
    /// Whether an analyst means the points to stay as they are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// What it stands for, as explanations show it; 1 to 100 bytes.
    pub label: String,
    /// A reason of its own, in place of the characteristic's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonText>,
}

/// What share of what is overdue was recovered at which score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Within how many calendar days, 1 to 3,650.
    pub horizon_days: i32,
    /// What was measured, for people; 1 to 200 bytes.
    pub source: String,
    /// The day as of which the cases were scored, such as `2026-06-30`.
    pub as_of_date: String,
    /// 2 to 64, the lowest score first.
    pub points: Vec<CalibrationPoint>,
}

/// The share recovered at one score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationPoint {
    /// 0 to 1,000, above that of the point before.
    pub score: i32,
    /// Thousandths, 0 to 1,000, not below that of the point before.
    pub recovered_permille: i32,
}

impl Calibration {
    /// The day of `as_of_date`, if it is one.
    pub fn as_of_day(&self) -> Option<Day> {
        Day::from_text(&self.as_of_date)
    }
}

/// What is said when a characteristic costs points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonText {
    /// 1 to 64 bytes of A-Z, 0-9 and _.
    pub code: String,
    /// English, 1 to 200 bytes.
    pub text: String,
    /// Who may read it.
    pub audience: Audience,
    /// The same in other languages, by BCP 47 tag such as `es`; at most 16.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<String, String>,
}

/// A rule that decides the score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnockOut {
    /// Its name, as an explanation shows it.
    pub name: String,
    /// The rule matches where all of these hold, 1 to 16.
    pub when: Vec<Condition>,
    /// The score, 0 to 1,000.
    pub score: i32,
    /// What is said before all other reasons.
    pub reason: ReasonText,
}

/// The work order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Priority {
    /// What every case starts with, 0 to 1,000.
    pub base_points: i32,
    /// The terms, at most 32.
    pub terms: Vec<Term>,
}

/// One term of the priority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// Its name, as an explanation shows it.
    pub term: String,
    /// What it looks at; `recovery_score` as well.
    pub feature: String,
    /// `NUMBER`, `TEXT` or `FLAG`: of custom features only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The term counts only while the case is fewer days past due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_below_days_past_due: Option<i32>,
    /// Whether it counts only where the portfolio has switched its input on.
    #[serde(default)]
    pub protected: bool,
    /// The points of what nobody told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Points>,
    /// The points of what was asked and is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Points>,
    /// The points of what no bin lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<Points>,
    /// Single numbers that mean something else, at most 32; looked for before the bins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub special: Vec<Special>,
    /// The bins, 1 to 200, of numbers in ascending order. They have no reasons.
    pub bins: Vec<Bin>,
}

impl Card {
    /// Reads a scorecard: YAML, or JSON.
    ///
    /// # Errors
    /// Everything that has another form than a scorecard's, with its place; of a text that
    /// is neither, the first place where it is none.
    pub fn read(text: &str) -> Result<Card, Vec<InvalidScorecard>> {
        yaml::read(text).map_err(|flaws| flaws.into_iter().map(InvalidScorecard::from).collect())
    }

    /// The one form of the scorecard: JSON on one line, its fields in the order in which
    /// they are declared. Two scorecards are equal where this is.
    pub fn canonical(&self) -> String {
        serde_json::to_string(self).expect("a scorecard has text keys only")
    }

    /// The most bytes of a scorecard, as [`Card::canonical`] writes it.
    pub const BYTES_MAX: usize = 256 * 1024;

    /// Whether it can be stored, however wrong it may be otherwise.
    ///
    /// # Errors
    /// It is too large, or has bytes that could not be read back from a file.
    pub fn storable(&self) -> Result<(), Violations> {
        let mut violations = Violations::new();
        let bytes = self.canonical().len();
        if bytes > Self::BYTES_MAX {
            let bound = format!("at most {} bytes, written as JSON, are allowed", Self::BYTES_MAX);
            let bytes = format!("{bytes} bytes");
            violations.add("scorecard", Reason::FieldOutOfRange, bytes, bound);
        }
        let value = serde_json::to_value(self).expect("a scorecard has text keys only");
        if let Some(found) = unprintable_in(&value) {
            let bound = "its texts must be printable";
            violations.add("scorecard", Reason::FieldMalformed, found.escape_unicode(), bound);
        }
        violations.or(())
    }

    /// The BLAKE3 hash of [`Card::canonical`].
    pub fn content_hash(&self) -> [u8; 32] {
        *blake3::hash(self.canonical().as_bytes()).as_bytes()
    }
}

/// The first character of any text that is neither printable nor a line break or tab.
fn unprintable_in(value: &serde_json::Value) -> Option<char> {
    let odd = |c: &char| {
        (c.is_control() && !['\n', '\t'].contains(c)) || ['\u{FFFE}', '\u{FFFF}'].contains(c)
    };
    match value {
        serde_json::Value::String(text) => text.chars().find(odd),
        serde_json::Value::Array(items) => items.iter().find_map(unprintable_in),
        serde_json::Value::Object(fields) => fields.values().find_map(unprintable_in),
        _ => None,
    }
}
