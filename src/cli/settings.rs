//! The client's part of `arrears.toml`, so that commands need not repeat which
//! server and portfolio are meant.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::failure::{Exit, Failure};

/// The file that is read when no other is named.
pub(super) const FILE: &str = "arrears.toml";

/// What `arrears.toml` says in its table `client`; flags and environment
/// variables win over it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientSettings {
    /// The server's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The portfolio of commands that do not name one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub portfolio: Option<String>,
    /// Who leases work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
}

/// The tables of the file; those of the server are read by the server.
#[derive(Debug, Default, Deserialize)]
struct File {
    #[serde(default)]
    client: ClientSettings,
}

impl ClientSettings {
    /// Reads a file. That the file of the default name is not there is no
    /// failure; that a named one is not, is.
    pub(super) fn read(named: Option<&Path>) -> Result<ClientSettings, Failure> {
        let path = named.unwrap_or(Path::new(FILE));
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => {
                return Ok(ClientSettings::default());
            }
            Err(error) => {
                return Err(Failure::new(Exit::Usage, format!("{}: {error}", path.display())));
            }
        };
        let invalid = |error| Failure::new(Exit::Usage, format!("{}: {error}", path.display()));
        toml::from_str::<File>(&text).map(|file| file.client).map_err(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_reads_its_own_table_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        fs::write(&path, "[server]\ngrpc_addr = \"x\"\n[client]\nportfolio = \"north\"\n").unwrap();
        let settings = ClientSettings::read(Some(&path)).unwrap();
        assert_eq!(settings.portfolio.as_deref(), Some("north"));
        assert_eq!(settings.server, None);
    }

    #[test]
    fn a_wrong_setting_and_a_missing_named_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        assert_eq!(ClientSettings::read(Some(&path)).unwrap_err().exit(), 2);
        fs::write(&path, "[client]\nportfolios = \"north\"\n").unwrap();
        assert_eq!(ClientSettings::read(Some(&path)).unwrap_err().exit(), 2);
    }
}
