//! What is logged and how.

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use super::Problem;

/// What is logged and how. The log goes to standard error.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `text` for people or `json`, one object a line. Default `text`.
    /// `ARREARS_LOG_FORMAT`.
    pub format: LogFormat,
    /// What is logged, as `level` or `module=level,...`. Default `info`.
    /// `ARREARS_LOG_FILTER`.
    pub filter: String,
}

impl Log {
    pub(super) fn validate(&self) -> Vec<Problem> {
        if EnvFilter::try_new(&self.filter).is_ok() {
            return Vec::new();
        }
        let bound = "it must be a level such as `info`, or a list such as `info,arrears=debug`";
        vec![Problem { setting: "log.filter", value: self.filter.clone(), bound }]
    }
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

impl Default for Log {
    fn default() -> Log {
        Log { format: LogFormat::Text, filter: "info".to_owned() }
    }
}
