//! Where the data lies.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Problem;

/// Where the data lies.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// The folder of the embedded database; created if it does not exist.
    /// Default `arrears-data` in the current folder. `ARREARS_DATA_DIR`.
    pub data_dir: PathBuf,
}

impl Default for Store {
    fn default() -> Store {
        Store { data_dir: PathBuf::from("arrears-data") }
    }
}

impl Store {
    pub(super) fn validate(&self) -> Vec<Problem> {
        if !self.data_dir.as_os_str().is_empty() {
            return Vec::new();
        }
        let bound = "a folder must be named";
        vec![Problem { setting: "store.data_dir", value: String::new(), bound }]
    }
}
