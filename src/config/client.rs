//! What the commands that talk to a server take for granted.

use serde::{Deserialize, Serialize};

/// What the commands that talk to a server take for granted. Flags and the
/// environment win over it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Client {
    /// The server's address. Default `http://127.0.0.1:50051`. `ARREARS_SERVER`.
    pub server: String,
    /// The portfolio of commands that do not name one. `ARREARS_PORTFOLIO`.
    pub portfolio: Option<String>,
    /// Who leases work. `ARREARS_WORKER`.
    pub worker: Option<String>,
}

impl Default for Client {
    fn default() -> Client {
        Client { server: "http://127.0.0.1:50051".to_owned(), portfolio: None, worker: None }
    }
}
