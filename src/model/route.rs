//! Routes: labels by which the queue keeps cases apart, and the rules that give them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The most bytes of a label.
const LABEL_BYTES_MAX: usize = 32;

/// The label that routing rules give a case, or none: that is a route as well.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// The label, zeros behind it: no label has any.
    bytes: [u8; LABEL_BYTES_MAX],
}

/// A text is no label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a route is 1 to {LABEL_BYTES_MAX} bytes of a-z, 0-9 and _")]
pub struct InvalidRoute;

impl Route {
    /// That of a case to which no rule gives a label.
    pub const NONE: Route = Route { bytes: [0; LABEL_BYTES_MAX] };
    /// How a list of routes names [`Route::NONE`]: no label is written like it.
    pub const NONE_WORD: &'static str = "-";

    /// The route of a label.
    ///
    /// # Errors
    /// A text that is not 1 to 32 bytes of a-z, 0-9 and _.
    pub fn new(label: &str) -> Result<Route, InvalidRoute> {
        let known = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
        if !(1..=LABEL_BYTES_MAX).contains(&label.len()) || !label.as_bytes().iter().all(known) {
            return Err(InvalidRoute);
        }
        let mut bytes = [0; LABEL_BYTES_MAX];
        bytes[..label.len()].copy_from_slice(label.as_bytes());
        Ok(Route { bytes })
    }

    /// The route that a list of routes names: a label, or [`Route::NONE_WORD`].
    ///
    /// # Errors
    /// A text that is neither.
    pub fn named(word: &str) -> Result<Route, InvalidRoute> {
        if word == Route::NONE_WORD { Ok(Route::NONE) } else { Route::new(word) }
    }

    /// The label; empty where there is none.
    pub fn label(&self) -> &str {
        let len = self.bytes.iter().position(|byte| *byte == 0).unwrap_or(LABEL_BYTES_MAX);
        std::str::from_utf8(&self.bytes[..len]).expect("labels are ASCII")
    }

    /// How a list of routes names it.
    pub fn word(&self) -> &str {
        if self.is_none() { Route::NONE_WORD } else { self.label() }
    }

    /// Whether no rule gave a label.
    pub fn is_none(&self) -> bool {
        *self == Route::NONE
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({self})")
    }
}

/// Gives a route to the cases for which all its conditions hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutingRule {
    /// The route; never [`Route::NONE`].
    pub route: Route,
    /// All of these hold, 1 to 16.
    pub when: Vec<Condition>,
}

impl RoutingRule {
    /// The most rules of a portfolio.
    pub const RULES_MAX: usize = 128;
    /// The most routes that they give: each may double the lanes of a work list.
    pub const ROUTES_MAX: usize = 64;
}

/// Something a case must be for a rule to match: of a number from `from` (inclusive) to
/// `to` (exclusive), one of the categories of `is`, not told, or asked and not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// What it looks at.
    pub feature: String,
    /// `NUMBER`, `TEXT` or `FLAG`: of custom features only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Whether the rule counts only where the portfolio has switched this input on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
    /// The lowest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The number behind the highest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The categories, or texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<Vec<String>>,
    /// Whether it must not have been told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
    /// Whether it must have been asked and be unknown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_short_and_plain() {
        for label in ["a", "legal", "over_90_days", "0", "_", &"x".repeat(32)] {
            let route = Route::new(label).expect("a label");
            assert_eq!((route.label(), route.word(), route.is_none()), (label, label, false));
            assert_eq!(Route::named(label), Ok(route));
        }
        for wrong in ["", "-", "A", "a b", "ä", "a-b", "a\0", "\0", &"x".repeat(33)] {
            assert_eq!(Route::new(wrong), Err(InvalidRoute), "{wrong:?}");
        }
        assert_eq!(Route::named("-"), Ok(Route::NONE));
        assert_eq!(Route::named(""), Err(InvalidRoute));
        assert_eq!((Route::NONE.label(), Route::NONE.to_string()), ("", "-".to_owned()));
    }

    #[test]
    fn routes_stand_in_the_order_of_their_labels() {
        let mut words = ["b", "-", "a_b", "ab", "a"];
        words.sort_unstable_by_key(|word| Route::named(word).expect("a route"));
        assert_eq!(words, ["-", "a", "a_b", "ab", "b"]);
    }
}
