//! The outcome table: what a worker may report, and what follows from it.

use serde::Deserialize;

use crate::model::{HoldKind, Micros, Reason, Violations};

use super::Calendar;

/// The table shipped with the service.
pub const OUTCOMES_YAML: &str = include_str!("outcomes.yaml");

/// The form of table that this version reads.
const SCHEMA: &str = "outcomes/1";
/// The longest code, in bytes.
const CODE_MAX: usize = 64;
/// The most rows of a table.
const ROWS_MAX: usize = 256;
/// The longest cooling in minutes: 30 days.
const COOLING_MINUTES_MAX: i64 = 43_200;
/// The longest cooling in local days.
const COOLING_DAYS_MAX: i64 = 60;

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
        let mut found = Violations::new();
        if written.schema != SCHEMA {
            found.add("schema", Reason::FieldOutOfRange, &written.schema, one_of(&[SCHEMA]));
        }
        let count = written.outcomes.len();
        if !(1..=ROWS_MAX).contains(&count) {
            let bound = format!("the number of rows must be 1 to {ROWS_MAX}");
            found.add("outcomes", Reason::FieldOutOfRange, count, bound);
        }
        let mut rows: Vec<OutcomeRow> = Vec::with_capacity(count);
        for (index, written) in written.outcomes.into_iter().enumerate() {
            let row = written.check(&format!("outcomes[{index}]"), &mut found);
            if rows.iter().any(|earlier| earlier.code == row.code) {
                let field = format!("outcomes[{index}].code");
                found.add(field, Reason::FieldConflict, &row.code, "each code may stand once");
            }
            rows.push(row);
        }
        found.or(OutcomeTable { rows }).map_err(OutcomeTableError::Invalid)
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
            // The derived text spells out every column and its variant.
            hasher.update(format!("{row:?}\n").as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTable {
    schema: String,
    outcomes: Vec<WrittenRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRow {
    code: String,
    effect: WrittenEffect,
    hold: Option<String>,
    scope: Option<HoldScope>,
    counted: bool,
    right_party: bool,
    cooling_minutes: Option<i64>,
    cooling_days: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum WrittenEffect {
    NotDialled,
    NoContact,
    WrongParty,
    LostContact,
    Contact,
    Callback,
    Promise,
    Paid,
    Refusal,
    Hold,
}

impl WrittenRow {
    /// The row; where rules are broken they are noted and the row is not used.
    fn check(self, path: &str, found: &mut Violations) -> OutcomeRow {
        if !well_formed(&self.code) {
            let bound = format!("a-z, 0-9 and _, a letter first, at most {CODE_MAX} bytes");
            found.add(format!("{path}.code"), Reason::FieldMalformed, &self.code, bound);
        }
        let effect = self.effect(path, found);
        if effect.needs_right_party().is_some_and(|needed| needed != self.right_party) {
            let bound = format!("it contradicts the effect of {:?}", self.code);
            let field = format!("{path}.right_party");
            found.add(field, Reason::FieldConflict, self.right_party, bound);
        }
        if effect == Effect::NotDialled && self.counted {
            let bound = "an attempt that was not made must not count";
            found.add(format!("{path}.counted"), Reason::FieldConflict, true, bound);
        }
        let cooling = self.cooling(path, found);
        OutcomeRow {
            code: self.code,
            effect,
            counted: self.counted,
            right_party: self.right_party,
            cooling,
        }
    }

    fn effect(&self, path: &str, found: &mut Violations) -> Effect {
        let plain = match self.effect {
            WrittenEffect::NotDialled => Effect::NotDialled,
            WrittenEffect::NoContact => Effect::NoContact,
            WrittenEffect::WrongParty => Effect::WrongParty,
            WrittenEffect::LostContact => Effect::LostContact,
            WrittenEffect::Contact => Effect::Contact,
            WrittenEffect::Callback => Effect::Callback,
            WrittenEffect::Promise => Effect::Promise,
            WrittenEffect::Paid => Effect::Paid,
            WrittenEffect::Refusal => Effect::Refusal,
            WrittenEffect::Hold => return self.hold(path, found),
        };
        let bound = "only the effect HOLD takes it";
        if let Some(hold) = &self.hold {
            found.add(format!("{path}.hold"), Reason::FieldConflict, hold, bound);
        }
        if let Some(scope) = self.scope {
            let value = format!("{scope:?}");
            found.add(format!("{path}.scope"), Reason::FieldConflict, value, bound);
        }
        plain
    }

    fn hold(&self, path: &str, found: &mut Violations) -> Effect {
        let name = self.hold.as_deref().unwrap_or_default();
        let known = HoldKind::ALL.iter().copied().find(|kind| kind.name() == name);
        let field = format!("{path}.hold");
        match known {
            Some(_) => {}
            None if name.is_empty() => found.required(field),
            None => {
                let names: Vec<&str> = HoldKind::ALL.iter().map(|kind| kind.name()).collect();
                found.add(field, Reason::FieldOutOfRange, name, one_of(&names));
            }
        }
        if self.scope.is_none() {
            found.required(format!("{path}.scope"));
        }
        Effect::Hold {
            kind: known.unwrap_or(HoldKind::Cease),
            scope: self.scope.unwrap_or(HoldScope::Debtor),
        }
    }

    fn cooling(&self, path: &str, found: &mut Violations) -> Cooling {
        let mut within = |name: &str, value: i64, low: i64, high: i64| {
            if !(low..=high).contains(&value) {
                let bound = format!("it must be {low} to {high}");
                found.add(format!("{path}.{name}"), Reason::FieldOutOfRange, value, bound);
            }
            value.clamp(low, high)
        };
        match (self.cooling_minutes, self.cooling_days) {
            (Some(minutes), None) => {
                Cooling::Minutes(within("cooling_minutes", minutes, 0, COOLING_MINUTES_MAX))
            }
            (None, Some(days)) => {
                let days = within("cooling_days", days, 1, COOLING_DAYS_MAX);
                Cooling::Days(i32::try_from(days).expect("days are at most COOLING_DAYS_MAX"))
            }
            (None, None) => {
                found.required(format!("{path}.cooling_minutes"));
                Cooling::Minutes(0)
            }
            (Some(minutes), Some(_)) => {
                let field = format!("{path}.cooling_minutes");
                found.add(field, Reason::FieldConflict, minutes, "cooling_days is given too");
                Cooling::Minutes(0)
            }
        }
    }
}

fn well_formed(code: &str) -> bool {
    code.len() <= CODE_MAX
        && code.starts_with(|first: char| first.is_ascii_lowercase())
        && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn one_of(names: &[&str]) -> String {
    format!("it must be one of {}", names.join(", "))
}

fn texts(found: &Violations) -> String {
    found.0.iter().map(|violation| violation.text()).collect::<Vec<_>>().join("; ")
}
