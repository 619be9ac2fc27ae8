//! What an operator can set: a TOML file, above it the environment, above that
//! the flags. One struct per concern, each with its defaults and its rules.

mod client;
mod limits;
mod log;
mod origin;
mod server;
mod store;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use client::Client;
pub use limits::Limits;
pub use log::{Log, LogFormat};
pub use origin::{Origin, Setting, Settings};
pub use server::Server;
pub use store::{Commit, DatabaseUrl, Pooler, Store};

use origin::Origins;

/// The environment variable of a setting is this and its name in capitals.
const ENV_PREFIX: &str = "ARREARS_";

/// Every setting that the environment and the flags can give: its section in the
/// file, its name, and whether it is a number.
const SETTINGS: &[(&str, &str, bool)] = &[
    ("server", "grpc_addr", false),
    ("server", "http_addr", false),
    ("server", "drain_seconds", true),
    ("store", "data_dir", false),
    ("store", "database_url", false),
    ("store", "database_connections", true),
    ("store", "database_pooler", false),
    ("store", "statement_timeout_seconds", true),
    ("store", "lock_timeout_seconds", true),
    ("store", "idle_timeout_seconds", true),
    ("store", "database_commit", false),
    ("store", "tenant_buckets", true),
    ("log", "format", false),
    ("log", "filter", false),
    ("limits", "request_bytes_max", true),
    ("limits", "concurrent_streams_max", true),
    ("limits", "book_memory_mib", true),
    ("client", "server", false),
    ("client", "portfolio", false),
    ("client", "worker", false),
];

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the service listens.
    pub server: Server,
    /// Where the data lies.
    pub store: Store,
    /// What is logged and how.
    pub log: Log,
    /// How much one caller may ask for.
    pub limits: Limits,
    /// What the commands that talk to a server take for granted.
    pub client: Client,
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML, or names or values in it are not known.
    #[error("{origin}: {source}")]
    Malformed {
        /// The file, the variable or the flag.
        origin: String,
        /// What and where.
        source: toml::de::Error,
    },
    /// A flag names no setting.
    #[error("there is no setting {0}")]
    Unknown(String),
    /// Values break rules; all of them are here.
    #[error("{}", list(.0))]
    Invalid(Vec<Problem>),
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

/// A setting that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting, such as `server.drain_seconds`.
    pub setting: &'static str,
    /// Its value.
    pub value: String,
    /// The rule.
    pub bound: &'static str,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {:?}; {}", self.setting, self.value, self.bound)
    }
}

impl Config {
    /// Reads the settings: the file, then the environment, then the flags, each
    /// replacing what came before. A flag is a pair such as
    /// `("server.grpc_addr", "127.0.0.1:0")`.
    pub fn load(
        path: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
        overrides: &[(&str, String)],
    ) -> Result<Config, ConfigError> {
        Ok(Settings::load(path, env, overrides)?.config)
    }

    /// Every rule the settings break.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = self.server.validate();
        problems.extend(self.store.validate());
        problems.extend(self.log.validate());
        problems.extend(self.limits.validate());
        problems
    }
}

/// Puts the settings together, and notes where each was given.
fn gather(
    path: Option<&Path>,
    env: impl IntoIterator<Item = (String, String)>,
    overrides: &[(&str, String)],
) -> Result<(Config, Origins), ConfigError> {
    let mut origins = Origins::new();
    let mut table = path.map_or(Ok(toml::Table::new()), |path| read(path, &mut origins))?;
    for (name, value) in env {
        let Some(name) = name.strip_prefix(ENV_PREFIX) else { continue };
        let setting = SETTINGS.iter().find(|(section, field, _)| env_name(section, field) == name);
        if let Some((section, field, number)) = setting {
            let variable = format!("{ENV_PREFIX}{name}");
            set(&mut table, (section, field, *number), &value, &variable)?;
            origins.insert((*section, *field), Origin::Variable(variable));
        }
    }
    for (key, value) in overrides {
        let setting = key
            .split_once('.')
            .and_then(|key| SETTINGS.iter().find(|(section, field, _)| (*section, *field) == key));
        let Some((section, field, number)) = setting else {
            return Err(ConfigError::Unknown((*key).to_owned()));
        };
        set(&mut table, (section, field, *number), value, key)?;
        origins.insert((*section, *field), Origin::Flag);
    }
    Ok((parse(table, || "the settings".to_owned())?, origins))
}

/// `LOG_FORMAT` and the like; all other settings are known by their field alone.
fn env_name(section: &str, field: &str) -> String {
    match section {
        "log" => format!("LOG_{}", field.to_uppercase()),
        _ => field.to_uppercase(),
    }
}

fn read(path: &Path, origins: &mut Origins) -> Result<toml::Table, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    let malformed = |source| ConfigError::Malformed { origin: path.display().to_string(), source };
    // Read as the settings first: the error then has the line and the column.
    toml::from_str::<Config>(&text).map_err(malformed)?;
    origin::of_file(path, &text, origins);
    toml::from_str(&text).map_err(malformed)
}

fn set(
    table: &mut toml::Table,
    (section, field, number): (&str, &str, bool),
    text: &str,
    origin: &str,
) -> Result<(), ConfigError> {
    let value = match text.parse::<i64>() {
        Ok(value) if number => toml::Value::Integer(value),
        _ => toml::Value::String(text.to_owned()),
    };
    // Alone in a table, so that the error is about this value.
    let alone = toml::Table::from_iter([(field.to_owned(), value.clone())]);
    let alone = toml::Table::from_iter([(section.to_owned(), toml::Value::Table(alone))]);
    parse(alone, || origin.to_owned())?;
    let section = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    if let Some(section) = section.as_table_mut() {
        section.insert(field.to_owned(), value);
    }
    Ok(())
}

fn parse(table: toml::Table, origin: impl Fn() -> String) -> Result<Config, ConfigError> {
    table.try_into().map_err(|source| ConfigError::Malformed { origin: origin(), source })
}

#[cfg(test)]
mod tests;
