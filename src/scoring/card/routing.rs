//! Routing rules as analysts write them.

use serde::{Deserialize, Serialize};

use super::super::InvalidScorecard;
use super::{Condition, read_text};

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
    /// One finding where the text is none, with its line and column.
    pub fn read_all(text: &str) -> Result<Vec<Routing>, InvalidScorecard> {
        read_text(text)
    }
}
