//! Features of a scorecard's own, as analysts write them.

use serde::{Deserialize, Serialize};

/// A feature that the scorecard defines: one formula over other features, or over derived
/// ones defined before it. It is looked at as `derived.` and its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derived {
    /// 1 to 64 bytes of a-z, 0-9 and _; each once.
    pub name: String,
    /// Whether it looks at protected inputs. Where none of those is known as one, the
    /// custom features that it looks at become protected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
    /// One number in thousandths of another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Ratio>,
    /// One number less another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
    /// Calendar months from one date to another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub months_between: Option<MonthsBetween>,
    /// The least of 2 to 16 numbers, of those known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Vec<String>>,
    /// The greatest of 2 to 16 numbers, of those known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Vec<String>>,
    /// How many of 1 to 16 features are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Vec<String>>,
    /// What a feature has moved by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
}

/// One number in thousandths of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// The part.
    pub of: String,
    /// The whole.
    pub to: String,
}

/// One number less another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// That from which is taken.
    pub of: String,
    /// That which is taken.
    pub less: String,
}

/// Calendar months from one date to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonthsBetween {
    /// The earlier date: `today`, `oldest_due_date`, `customer_since_date`, or `custom.`
    /// and the feature_id of a text such as `2026-03-20`.
    pub from: String,
    /// The later date.
    pub to: String,
}

/// What a feature has moved by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// A feature of the months of the payment history.
    pub of: String,
    /// Since how many months, 1 to 6.
    pub months: i32,
}

impl Derived {
    /// All names that it looks at, each with its field.
    pub fn looks_at(&self) -> Vec<(String, &str)> {
        let mut all = Vec::new();
        let mut put = |field: &str, name| all.push((field.to_owned(), name));
        if let Some(Ratio { of, to }) = &self.ratio {
            put("ratio.of", of.as_str());
            put("ratio.to", to);
        }
        if let Some(Difference { of, less }) = &self.difference {
            put("difference.of", of);
            put("difference.less", less);
        }
        if let Some(MonthsBetween { from, to }) = &self.months_between {
            put("months_between.from", from);
            put("months_between.to", to);
        }
        for (field, names) in [("min", &self.min), ("max", &self.max), ("known", &self.known)] {
            for (at, name) in names.iter().flatten().enumerate() {
                put(&format!("{field}[{at}]"), name);
            }
        }
        if let Some(Change { of, .. }) = &self.change {
            put("change.of", of);
        }
        all
    }
}
