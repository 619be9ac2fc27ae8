//! Points of a scorecard for some of the cases only, as analysts write them.

use serde::{Deserialize, Serialize};

use super::{Characteristic, Condition};

/// Cases that are ranked by points of their own, on the scale of the scorecard: the first
/// population of which all conditions hold; the characteristics of the scorecard itself
/// rank everybody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// Its name, as an explanation shows it.
    pub name: String,
    /// It is of the cases for which all of these hold, 1 to 16.
    pub when: Vec<Condition>,
    /// What every case of it starts with, -10,000 to 10,000.
    pub base_points: i32,
    /// The characteristics, 1 to 64.
    pub characteristics: Vec<Characteristic>,
}
