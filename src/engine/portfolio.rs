//! Portfolios and their settings.

use crate::model::{Micros, PortfolioId, PortfolioSettings, RuleSetId};

/// A portfolio as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portfolio {
    /// The caller's id.
    pub portfolio_id: PortfolioId,
    /// The settings.
    pub settings: PortfolioSettings,
    /// 1 at creation, raised by every change; also the etag.
    pub settings_version: i64,
    /// The active rule set.
    pub rule_set_id: RuleSetId,
    /// When it was created.
    pub create_time: Micros,
    /// When it was last changed.
    pub update_time: Micros,
}
