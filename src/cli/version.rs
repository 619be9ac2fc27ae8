//! `arrears version`: what an answer to "which one do you run?" must hold.

use serde::Serialize;

use super::failure::Failure;
use super::output::{self, Format, Record};
use crate::engine::inspect::schema_version;
use crate::model::{Clock, SystemClock};
use crate::policy::zone_data;
use crate::scoring::FEATURE_VERSION;

/// The package of the contract that this program speaks.
const CONTRACT: &str = "arrears.v1";

#[derive(Debug, Serialize)]
struct VersionView {
    version: &'static str,
    /// The package of the contract.
    contract: &'static str,
    /// The version of the IANA time zone database that the program carries.
    zone_data: &'static str,
    /// The definition of the features of a scorecard.
    feature_version: i32,
    /// The newest version of the database's tables that the program knows.
    schema_version: i64,
}

impl Record for VersionView {
    const HEADER: &'static [&'static str] =
        &["version", "contract", "zone_data", "features", "schema"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.version.to_owned(),
            self.contract.to_owned(),
            self.zone_data.to_owned(),
            self.feature_version.to_string(),
            self.schema_version.to_string(),
        ]
    }
}

/// Writes the versions of the program and of what it carries.
pub(super) fn print(format: Format) -> Result<(), Failure> {
    let view = VersionView {
        version: env!("CARGO_PKG_VERSION"),
        contract: CONTRACT,
        zone_data: zone_data(SystemClock.now()).version,
        feature_version: FEATURE_VERSION,
        schema_version: schema_version(),
    };
    output::records(format, &[view])
}
