//! `arrears config`: every setting with where its value came from, and whether a
//! settings file could be used.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::failure::{Exit, Failure};
use super::output::{self, Format, Record};
use crate::config::{Config, Setting, Settings};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Shows every setting with its value and where that came from: default,
    /// file, variable or flag
    #[command(after_help = "Examples:\n  arrears config show\n  \
        arrears config show --config staging.toml -o json")]
    Show,
    /// Checks a settings file by itself, without variables and flags; ends with 3
    /// if it cannot be used
    #[command(after_help = "Example:\n  arrears config check arrears.toml")]
    Check(CheckArgs),
}

#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    /// The file
    file: PathBuf,
}

/// A setting as it is shown.
#[derive(Debug, Serialize)]
struct SettingView {
    setting: String,
    value: serde_json::Value,
    /// One of default, file, variable, flag.
    origin: &'static str,
    /// The file and the line, or the variable.
    place: String,
    /// The variable that can set it.
    variable: String,
}

impl SettingView {
    fn new(setting: Setting) -> SettingView {
        let origin = setting.origin.name();
        let place = setting.origin.to_string();
        SettingView {
            setting: setting.name,
            value: setting.value,
            origin,
            place: if place == origin { String::new() } else { place },
            variable: setting.variable,
        }
    }
}

impl Record for SettingView {
    const HEADER: &'static [&'static str] = &["setting", "value", "origin", "place"];

    fn cells(&self) -> Vec<String> {
        let value = match &self.value {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        vec![self.setting.clone(), value, self.origin.to_owned(), self.place.clone()]
    }
}

/// The variables of the environment that are text.
pub(super) fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Shows every setting.
pub(super) fn show(format: Format, settings: &Settings) -> Result<(), Failure> {
    let views: Vec<SettingView> = settings.list().into_iter().map(SettingView::new).collect();
    output::records(format, &views)
}

/// Checks a settings file.
pub(super) fn check(args: &CheckArgs) -> Result<(), Failure> {
    Config::load(Some(&args.file), [], &[])
        .map_err(|error| Failure::of_settings(Exit::Invalid, error))?;
    output::note(&format!("{} can be used", args.file.display()));
    Ok(())
}
