//! Where the value of each setting came from.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::{Config, ConfigError, SETTINGS, env_name, gather};

/// Where the value of a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody gave one.
    Default,
    /// The settings file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// A variable of the environment, by its name.
    Variable(String),
    /// A flag of the command.
    Flag,
}

impl Origin {
    /// One word: `default`, `file`, `variable` or `flag`.
    pub fn name(&self) -> &'static str {
        match self {
            Origin::Default => "default",
            Origin::File { .. } => "file",
            Origin::Variable(_) => "variable",
            Origin::Flag => "flag",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Variable(name) => f.write_str(name),
            Origin::Default | Origin::Flag => f.write_str(self.name()),
        }
    }
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, such as `server.drain_seconds`.
    pub name: String,
    /// The variable that sets it.
    pub variable: String,
    /// Its value; null where there is none.
    pub value: serde_json::Value,
    /// Where the value came from.
    pub origin: Origin,
}

/// All settings with where their values came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The values.
    pub config: Config,
    origins: Origins,
}

/// The origin of each setting that somebody gave, by section and name.
pub(super) type Origins = HashMap<(&'static str, &'static str), Origin>;

impl Settings {
    /// Reads the settings as [`Config::load`] does.
    ///
    /// # Errors
    /// When the file cannot be read, or a value breaks a rule.
    pub fn load(
        path: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
        overrides: &[(&str, String)],
    ) -> Result<Settings, ConfigError> {
        let (config, origins) = gather(path, env, overrides)?;
        match config.validate() {
            problems if problems.is_empty() => Ok(Settings { config, origins }),
            problems => Err(ConfigError::Invalid(problems)),
        }
    }

    /// Every setting, in the order of the manual.
    pub fn list(&self) -> Vec<Setting> {
        let values = serde_json::to_value(&self.config).unwrap_or_default();
        let setting = |(section, field, _): &(&'static str, &'static str, bool)| Setting {
            name: format!("{section}.{field}"),
            variable: format!("{}{}", super::ENV_PREFIX, env_name(section, field)),
            value: values[section][field].clone(),
            origin: self.origins.get(&(*section, *field)).cloned().unwrap_or(Origin::Default),
        };
        SETTINGS.iter().map(setting).collect()
    }
}

/// Notes the lines of a file on which settings are given.
pub(super) fn of_file(path: &Path, text: &str, origins: &mut Origins) {
    // The file has been read as settings before, so this cannot fail in another
    // way; a file without lines would only be told less of.
    let Ok(table) = DeTable::parse(text) else { return };
    for (section, field, _) in SETTINGS {
        let section_table = table.get_ref().get(*section).and_then(|s| s.get_ref().as_table());
        if let Some((key, _)) = section_table.and_then(|fields| fields.get_key_value(*field)) {
            let before = text.get(..key.span().start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            origins.insert((*section, *field), Origin::File { path: path.to_owned(), line });
        }
    }
}
