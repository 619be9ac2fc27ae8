//! Settings of a portfolio that ranks read, as flags and as the table `ranking` of a file.

use clap::Args;
use serde::Deserialize;

use super::Failure;
use super::routing::Rules;
use crate::cli::decimal::Decimal;
use crate::cli::failure::Exit;
use crate::cli::word;
use crate::model::Currency;
use crate::proto;

/// What shall change; all else stays.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct RankingChanges {
    /// The last days past due of the stages M1 to M4, such as 30,60,90,120; needs
    /// --reason, as all that follow
    #[arg(long, value_name = "DAYS", value_delimiter = ',')]
    stage_bounds: Option<Vec<i32>>,
    /// The overdue amount up to which a case counts as settled, such as 5.00
    #[arg(long, value_name = "AMOUNT")]
    tolerance_amount: Option<String>,
    /// A protected input to switch on, such as marital_status or custom.area; may be
    /// repeated, and replaces all that are on; `none` switches all off
    #[arg(long = "protected-input", value_name = "FEATURE")]
    #[serde(rename = "protected_inputs_on")]
    protected_inputs: Option<Vec<String>>,
    /// The kind of a debtor who is not told: person or business
    #[arg(long, value_name = "KIND")]
    default_debtor_kind: Option<String>,
    /// The language of a debtor who is not told, and of reasons: a tag such as es
    #[arg(long, value_name = "TAG")]
    default_language: Option<String>,
    /// What gives cases their routes: a file of rules, which replaces all there are, or
    /// `none`; a settings file lists the rules themselves
    #[arg(long, value_name = "FILE")]
    routing_rules: Option<Rules>,
}

impl RankingChanges {
    /// These, and those of `other` for what these leave out.
    pub(super) fn or(self, other: RankingChanges) -> RankingChanges {
        RankingChanges {
            stage_bounds: self.stage_bounds.or(other.stage_bounds),
            tolerance_amount: self.tolerance_amount.or(other.tolerance_amount),
            protected_inputs: self.protected_inputs.or(other.protected_inputs),
            default_debtor_kind: self.default_debtor_kind.or(other.default_debtor_kind),
            default_language: self.default_language.or(other.default_language),
            routing_rules: self.routing_rules.or(other.routing_rules),
        }
    }

    /// Makes the changes to a portfolio as read.
    pub(super) fn make(&self, portfolio: &mut proto::Portfolio) -> Result<(), Failure> {
        let currency = Currency::from_code(&portfolio.base_currency);
        let ranking = portfolio.ranking.get_or_insert_default();
        if let Some(bounds) = &self.stage_bounds {
            ranking.stage_bounds.clone_from(bounds);
        }
        if let Some(text) = &self.tolerance_amount {
            let wrong = |bound: String| {
                Failure::new(Exit::Usage, format!("tolerance amount {text:?}: {bound}"))
            };
            let amount = Decimal::parse(text).zip(currency);
            let (amount, currency) =
                amount.ok_or_else(|| wrong("must be an amount such as 5.00".to_owned()))?;
            let money = amount.money(currency).map_err(|(_, bound)| wrong(bound))?;
            ranking.tolerance_amount = Some(money);
        }
        if let Some(names) = &self.protected_inputs {
            ranking.protected_inputs_on =
                names.iter().filter(|name| *name != "none").cloned().collect();
        }
        if let Some(word) = &self.default_debtor_kind {
            let words = word::DEBTOR_KIND;
            let kind = words.number(word);
            ranking.default_debtor_kind = kind.ok_or_else(|| {
                let message = format!("{word:?} must be one of {}", words.all().to_lowercase());
                Failure::new(Exit::Usage, message)
            })?;
        }
        if let Some(tag) = &self.default_language {
            ranking.default_language.clone_from(tag);
        }
        if let Some(rules) = &self.routing_rules {
            ranking.routing_rules = rules.read()?;
        }
        Ok(())
    }
}
