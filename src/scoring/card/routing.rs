//! Routing rules as analysts write them.

use serde::{Deserialize, Serialize};

use super::super::InvalidScorecard;
use super::Condition;
use crate::yaml;

/// Gives a route to the cases for which all its conditions hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Routing {
    /// The route: 1 to 32 bytes of a-z, 0-9 and _.
    pub route: String,
    /// All of these hold, 1 to 16.
    pub when: Vec<Condition>,
}

impl Routing {
    /// Reads a list of rules: YAML, or JSON.
    ///
    /// # Errors
    /// Everything that has another form than that of rules, with its place.
    pub fn read_all(text: &str) -> Result<Vec<Routing>, Vec<InvalidScorecard>> {
        yaml::read(text).map_err(|flaws| flaws.into_iter().map(InvalidScorecard::from).collect())
    }
}
