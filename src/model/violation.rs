//! Broken rules of single fields, collected before a request is refused.

/// The most broken rules noted of one thing that is read. A small request can
/// break a million; nobody reads more than these.
pub const VIOLATIONS_MAX: usize = 100;

/// Which rule of a field was broken; part of the published reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Not given.
    FieldRequired,
    /// Outside its bounds, or not a known value.
    FieldOutOfRange,
    /// Not of the form the field demands.
    FieldMalformed,
    /// Contradicts another field.
    FieldConflict,
    /// Never changes.
    FieldImmutable,
    /// Not a currency.
    CurrencyUnknown,
    /// Not the portfolio's currency.
    CurrencyMismatch,
    /// Finer than the currency's smallest unit.
    AmountTooFine,
}

impl Reason {
    /// The name as in the contract, without its prefix.
    pub fn name(self) -> &'static str {
        match self {
            Self::FieldRequired => "FIELD_REQUIRED",
            Self::FieldOutOfRange => "FIELD_OUT_OF_RANGE",
            Self::FieldMalformed => "FIELD_MALFORMED",
            Self::FieldConflict => "FIELD_CONFLICT",
            Self::FieldImmutable => "FIELD_IMMUTABLE",
            Self::CurrencyUnknown => "CURRENCY_UNKNOWN",
            Self::CurrencyMismatch => "CURRENCY_MISMATCH",
            Self::AmountTooFine => "AMOUNT_TOO_FINE",
        }
    }
}

/// One broken rule of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The path from the request, such as `cases[17].overdue_amount`.
    pub field: String,
    /// Which rule.
    pub reason: Reason,
    /// The value given, as text; empty where none was.
    pub value: String,
    /// The bound or form that holds, as text.
    pub bound: String,
}

impl Violation {
    /// One sentence for people.
    pub fn text(&self) -> String {
        match self.reason {
            Reason::FieldRequired => format!("{} is required", self.field),
            _ => format!("{} is {:?}; {}", self.field, self.value, self.bound),
        }
    }
}

/// All broken rules found so far, under the path being read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations(pub Vec<Violation>);

impl Violations {
    /// Nothing found yet.
    pub fn new() -> Violations {
        Violations::default()
    }

    /// Notes a broken rule, unless [`VIOLATIONS_MAX`] are noted already.
    pub fn add(
        &mut self,
        field: impl Into<String>,
        reason: Reason,
        value: impl ToString,
        bound: impl Into<String>,
    ) {
        if self.0.len() < VIOLATIONS_MAX {
            let (field, bound) = (field.into(), bound.into());
            self.0.push(Violation { field, reason, value: value.to_string(), bound });
        }
    }

    /// Notes a field that was not given.
    pub fn required(&mut self, field: impl Into<String>) {
        self.add(field, Reason::FieldRequired, "", "it must be given");
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `value` if nothing was found, all that was found otherwise.
    pub fn or<T>(self, value: T) -> Result<T, Violations> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}
