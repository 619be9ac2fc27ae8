//! Looking at the database of a service from outside, for somebody who wants to
//! know whether it can be served.

use crate::model::{Clock, Micros, RuleSetId};
pub use crate::store::inspect::{Schema, schema_version};
use crate::store::portfolios::portfolio_by_no;
use crate::store::{Damage, Database, activations, cases, inspect};
pub use crate::store::{Health, Holder};

use super::Error;
use super::context::compile_rule_set;

/// A database opened for looking; nothing is changed.
pub struct Inspector(inspect::Inspector);

/// By what the cases of a portfolio are ranked.
#[derive(Debug)]
pub struct ActiveRules {
    /// The portfolio.
    pub portfolio_id: String,
    /// The active rule set, read, compared with its hash and compiled; or why
    /// that cannot be done.
    pub rule_set: Result<RuleSetId, Error>,
}

/// A case that should have been ranked anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverdueReview {
    /// Its portfolio.
    pub portfolio_id: String,
    /// The case.
    pub case_id: String,
    /// Since when.
    pub since: Micros,
}

impl Inspector {
    /// Opens a database, read-only. Servers may run over it.
    ///
    /// # Errors
    /// Where there is none, or it cannot be opened.
    pub async fn open(database: impl Into<Database>) -> Result<Inspector, Error> {
        Ok(Inspector(inspect::Inspector::open(database).await?))
    }

    /// What a database server tells of itself; nothing for a file.
    ///
    /// # Errors
    /// Where the server does not answer.
    pub async fn health(&self, clock: &dyn Clock) -> Result<Option<Health>, Error> {
        Ok(self.0.health(clock).await?)
    }

    /// How the tables compare with those this program knows.
    ///
    /// # Errors
    /// Where the file is no database, or none of this service.
    pub async fn schema(&self) -> Result<Schema, Error> {
        Ok(self.0.schema().await?)
    }

    /// What is damaged in the file; nothing if it is whole. Reads all of it.
    ///
    /// # Errors
    /// Where so much is damaged that the check cannot run.
    pub async fn damage(&self) -> Result<Vec<String>, Error> {
        Ok(self.0.damage().await?)
    }

    /// The active rule set of every portfolio of every tenant.
    ///
    /// # Errors
    /// Where the portfolios cannot be read.
    pub async fn active_rules(&self) -> Result<Vec<ActiveRules>, Error> {
        let mut tx = self.0.read().await?;
        let mut found = Vec::new();
        for (part, portfolio_no, portfolio_id) in inspect::all_portfolios(&mut tx).await? {
            let rule_set = match activations::active(&mut tx, part, portfolio_no).await? {
                Some((_, id)) => compile_rule_set(&mut tx, part, id).await.map(|_| id),
                None => Err(Damage::missing("activation", part, portfolio_no.0).into()),
            };
            found.push(ActiveRules { portfolio_id, rule_set });
        }
        Ok(found)
    }

    /// The case that has waited the longest to be ranked anew at `now`.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn oldest_review(&self, now: Micros) -> Result<Option<OverdueReview>, Error> {
        let mut tx = self.0.read().await?;
        let Some((since, part, case_no)) = inspect::oldest_review(&mut tx, now).await? else {
            return Ok(None);
        };
        let ids = cases::load_ids(&mut tx, part, [case_no]).await?;
        let missing = |table, number| Damage::missing(table, part, number);
        let (portfolio_no, case_id) =
            ids.into_values().next().ok_or_else(|| missing("loan_case", case_no.0))?;
        let portfolio = portfolio_by_no(&mut tx, part, portfolio_no).await?;
        let portfolio = portfolio.ok_or_else(|| missing("portfolio", portfolio_no.0))?;
        Ok(Some(OverdueReview { portfolio_id: portfolio.id, case_id, since }))
    }
}
