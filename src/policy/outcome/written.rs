//! The outcome table as written: read, checked, turned into rows.

use serde::Deserialize;

use crate::model::{HoldKind, Reason, Violations};

use super::{Cooling, Effect, HoldScope, OutcomeRow};

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenTable {
    schema: String,
    outcomes: Vec<WrittenRow>,
}

impl WrittenTable {
    /// The rows, or all broken rules.
    pub(super) fn rows(self) -> Result<Vec<OutcomeRow>, Violations> {
        let mut found = Violations::new();
        if self.schema != SCHEMA {
            found.add("schema", Reason::FieldOutOfRange, &self.schema, one_of(&[SCHEMA]));
        }
        let count = self.outcomes.len();
        if !(1..=ROWS_MAX).contains(&count) {
            let bound = format!("the number of rows must be 1 to {ROWS_MAX}");
            found.add("outcomes", Reason::FieldOutOfRange, count, bound);
        }
        let mut rows: Vec<OutcomeRow> = Vec::with_capacity(count);
        for (index, written) in self.outcomes.into_iter().enumerate() {
            let row = written.check(&format!("outcomes[{index}]"), &mut found);
            if rows.iter().any(|earlier| earlier.code == row.code) {
                let field = format!("outcomes[{index}].code");
                found.add(field, Reason::FieldConflict, &row.code, "each code may stand once");
            }
            rows.push(row);
        }
        found.or(rows)
    }
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
            found.add(format!("{path}.scope"), Reason::FieldConflict, scope.name(), bound);
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
