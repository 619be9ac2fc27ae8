//! The outcome table: what a worker may report, and what follows from it.

mod written;

use serde::Deserialize;

use crate::model::{HoldKind, Micros, Violations};

use super::Calendar;
use written::WrittenTable;

/// The table shipped with the service.
pub const OUTCOMES_YAML: &str = include_str!("outcomes.yaml");

/// What an outcome does. A closed set: the code acts on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nobody tried: within the lease, the attempt is taken back.
    NotDialled,
    /// Nobody was reached.
    NoContact,
    /// Somebody else was reached.
    WrongParty,
    /// The debtor cannot be reached there any more.
    LostContact,
    /// The debtor was spoken to, without a commitment.
    Contact,
    /// The debtor asked to be called another time.
    Callback,
    /// The debtor promised to pay: the case is parked.
    Promise,
    /// The debtor says that it is paid. Only a payment or the ledger closes a case.
    Paid,
    /// The debtor will not pay.
    Refusal,
    /// A right was used, or the debtor must not be worked: a hold is placed. Never
    /// a refusal and never fruitless.
    Hold {
        /// The kind of hold.
        kind: HoldKind,
        /// Whom it covers.
        scope: HoldScope,
    },
}

/// Whom a hold placed by an outcome covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HoldScope {
    /// The cases spoken of.
    Case,
    /// The debtor with all cases.
    Debtor,
}

/// How long a debtor is left alone after an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cooling {
    /// Minutes, 0 to 43,200.
    Minutes(i64),
    /// Until the start of the n-th local day after, 1 to 60.
    Days(i32),
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeRow {
    /// What is reported.
    pub code: String,
    /// What it does.
    pub effect: Effect,
    /// Whether the attempt counts against the caps.
    pub counted: bool,
    /// Whether the debtor or a representative was spoken to.
    pub right_party: bool,
    /// How long the debtor is left alone.
    pub cooling: Cooling,
}

/// A table of outcomes: at least one row, each code once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeTable {
    rows: Vec<OutcomeRow>,
}

/// Why a text is not a table of outcomes.
#[derive(Debug, thiserror::Error)]
pub enum OutcomeTableError {
    /// It is not YAML of this form; the text names line and column.
    #[error("the outcome table cannot be read: {0}")]
    Malformed(String),
    /// Rows break rules.
    #[error("the outcome table breaks rules: {}", texts(.0))]
    Invalid(Violations),
}

impl Effect {
    /// The word of the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotDialled => "NOT_DIALLED",
            Self::NoContact => "NO_CONTACT",
            Self::WrongParty => "WRONG_PARTY",
            Self::LostContact => "LOST_CONTACT",
            Self::Contact => "CONTACT",
            Self::Callback => "CALLBACK",
            Self::Promise => "PROMISE",
            Self::Paid => "PAID",
            Self::Refusal => "REFUSAL",
            Self::Hold { .. } => "HOLD",
        }
    }

    /// Whether a report that comes after the end of its lease still moves the
    /// case: the debtor paid, promised or must not be called.
    pub fn strong(self) -> bool {
        matches!(self, Self::Promise | Self::Paid | Self::Hold { .. })
    }

    /// Whether the debtor must have been spoken to, must not have been, or either.
    fn needs_right_party(self) -> Option<bool> {
        match self {
            Self::NotDialled | Self::NoContact | Self::WrongParty | Self::LostContact => {
                Some(false)
            }
            Self::Contact | Self::Callback | Self::Promise | Self::Paid | Self::Refusal => {
                Some(true)
            }
            Self::Hold { .. } => None,
        }
    }
}

impl OutcomeRow {
    /// All columns as text by the words of the table, so that the hash of a table
    /// does not depend on how the code spells them.
    fn canonical(&self) -> String {
        let hold = match self.effect {
            Effect::Hold { kind, scope } => format!("{} {}", kind.name(), scope.name()),
            _ => String::new(),
        };
        let cooling = match self.cooling {
            Cooling::Minutes(minutes) => format!("{minutes} minutes"),
            Cooling::Days(days) => format!("{days} days"),
        };
        let OutcomeRow { code, effect, counted, right_party, .. } = self;
        format!("{code}|{}|{hold}|{counted}|{right_party}|{cooling}\n", effect.name())
    }
}

impl HoldScope {
    /// The word of the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Case => "CASE",
            Self::Debtor => "DEBTOR",
        }
    }
}

impl Cooling {
    /// The end of a cooling that begins at `at`. Days are those of the debtor's
    /// zones; the last of them decides.
    pub fn until(self, at: Micros, calendar: &Calendar) -> Micros {
        match self {
            Self::Minutes(minutes) => at.plus(minutes * Micros::MINUTE),
            Self::Days(days) => calendar.day_after(at, days),
        }
    }
}

impl OutcomeTable {
    /// The table shipped with the service.
    pub fn shipped() -> OutcomeTable {
        OutcomeTable::parse(OUTCOMES_YAML).expect("a test reads the shipped outcome table")
    }

    /// Reads a table. Unknown keys are refused; all broken rules are found at once.
    pub fn parse(yaml: &str) -> Result<OutcomeTable, OutcomeTableError> {
        let written: WrittenTable = serde_saphyr::from_str(yaml)
            .map_err(|error| OutcomeTableError::Malformed(error.to_string()))?;
        written.rows().map(|rows| OutcomeTable { rows }).map_err(OutcomeTableError::Invalid)
    }

    /// The row of a code.
    pub fn get(&self, code: &str) -> Option<&OutcomeRow> {
        self.rows.iter().find(|row| row.code == code)
    }

    /// The rows in the order of the table.
    pub fn rows(&self) -> &[OutcomeRow] {
        &self.rows
    }

    /// The codes in the order of the table.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| row.code.as_str())
    }

    /// BLAKE3 of what the table says, whatever its text looks like: the version of
    /// the table within a rule set.
    pub fn content_hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for row in &self.rows {
            hasher.update(row.canonical().as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

fn texts(found: &Violations) -> String {
    found.0.iter().map(|violation| violation.text()).collect::<Vec<_>>().join("; ")
}
