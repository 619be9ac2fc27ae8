//! What a source says of a case: the content of one document.

use std::fmt;

use super::{CloseReason, Day, DebtorKind, Inputs};

/// The content of a case document, checked and in smallest units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What is overdue, 0 to 10^15.
    pub overdue_amount_minor: i64,
    /// The oldest day on which something due was not paid.
    pub oldest_due_date: Option<Day>,
    /// Everything still owed.
    pub outstanding_amount_minor: Option<i64>,
    /// Why the case ended, if the document says so.
    pub close_reason: Option<CloseReason>,
    /// The day it ended.
    pub close_date: Option<Day>,
    /// Who owes; nothing = the portfolio's default.
    pub debtor_kind: Option<DebtorKind>,
    /// A BCP 47 tag; empty = the portfolio's default.
    pub language: String,
    /// Ascending by due date, each once.
    pub instalments: Vec<Instalment>,
    /// Ascending by month, each once.
    pub arrears_profile: Vec<ArrearsMonth>,
    /// The typed inputs.
    pub inputs: Inputs,
    /// Ascending by id, each once.
    pub contact_points: Vec<ContactPoint>,
    /// Ascending by id, each once.
    pub custom_features: Vec<CustomFeature>,
    /// What the caller encrypted for whoever works the case.
    pub sealed: Sealed,
}

/// Bytes that the caller encrypted: kept, returned with the lease, read by nobody.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl Sealed {
    /// The most bytes.
    pub const BYTES_MAX: usize = 512;
}

impl fmt::Debug for Sealed {
    /// How many bytes there are and no more: they are of no use in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

impl Facts {
    /// Why the document closes its case: the reason it names, or that what is
    /// overdue is within the tolerance. Nothing if it leaves the case open.
    pub fn closing(&self, tolerance_amount_minor: i64) -> Option<CloseReason> {
        let settled = self.overdue_amount_minor <= tolerance_amount_minor;
        self.close_reason.or(settled.then_some(CloseReason::Cured))
    }
}

/// One instalment of the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instalment {
    /// The day it was due.
    pub due_date: Day,
    /// What was due.
    pub due_amount_minor: i64,
    /// What has been paid of it.
    pub paid_amount_minor: i64,
    /// The day of the last payment to it.
    pub paid_date: Option<Day>,
}

/// One month of the account as the books had it at the month's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArrearsMonth {
    /// The first of the month.
    pub month: Day,
    /// How many months behind, 0 to 120.
    pub months_past_due: i32,
    /// What was billed.
    pub billed_amount_minor: Option<i64>,
    /// What was paid.
    pub paid_amount_minor: Option<i64>,
}

/// Where a debtor can be reached, by the caller's opaque id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactPoint {
    /// The caller's id.
    pub contact_point_id: String,
    /// What it is; nothing = not told.
    pub kind: Option<ContactPointKind>,
    /// The canonical IANA name; empty = not known.
    pub time_zone: String,
    /// An ISO 3166 code; empty = not told.
    pub jurisdiction: String,
    /// Whether it works; nothing = not told.
    pub state: Option<ContactPointState>,
}

impl ContactPoint {
    /// Whether it may be used: not known to be dead.
    pub fn usable(&self) -> bool {
        self.state != Some(ContactPointState::Invalid)
    }
}

/// What a contact point is. The numbers are stored and are those of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum ContactPointKind {
    /// A mobile phone.
    Mobile = 1,
    /// A phone at home.
    Home = 2,
    /// A phone at work.
    Work = 3,
    /// Anything else.
    Other = 4,
}

impl ContactPointKind {
    /// The kind of a stored number.
    pub fn from_number(number: i32) -> Option<ContactPointKind> {
        [Self::Mobile, Self::Home, Self::Work, Self::Other]
            .into_iter()
            .find(|kind| *kind as i32 == number)
    }
}

/// Whether a contact point works. The numbers are stored and are those of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum ContactPointState {
    /// It works.
    Valid = 1,
    /// It does not.
    Invalid = 2,
}

impl ContactPointState {
    /// The state of a stored number.
    pub fn from_number(number: i32) -> Option<ContactPointState> {
        [Self::Valid, Self::Invalid].into_iter().find(|state| *state as i32 == number)
    }
}

/// An input of the caller's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomFeature {
    /// The name: a-z, 0-9 and _, starting with a letter, at most 64 bytes.
    pub feature_id: String,
    /// The value.
    pub value: CustomValue,
}

/// The value of a custom feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomValue {
    /// A number in millionths.
    Number(i64),
    /// A text of at most 128 bytes.
    Text(String),
    /// A yes or no.
    Flag(bool),
}
