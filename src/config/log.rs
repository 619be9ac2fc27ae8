//! What is logged and how.

use serde::Deserialize;

/// What is logged and how. The log goes to standard error.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `text` for people or `json`, one object a line. Default `text`.
    /// `ARREARS_LOG_FORMAT`.
    pub format: LogFormat,
    /// What is logged, as `level` or `module=level,...`. Default `info`.
    /// `ARREARS_LOG_FILTER`.
    pub filter: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
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
