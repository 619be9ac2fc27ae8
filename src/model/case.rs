//! What a case can be.

/// The state of a case. The numbers are stored and are those of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum CaseState {
    /// Nothing is due yet.
    PreDue = 1,
    /// Overdue and worked.
    Open = 2,
    /// Ended.
    Closed = 7,
}

impl CaseState {
    /// The state of a stored number.
    pub fn from_number(number: i64) -> Option<CaseState> {
        [Self::PreDue, Self::Open, Self::Closed].into_iter().find(|state| *state as i64 == number)
    }
}

/// Why a case ended. The numbers are stored and are those of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum CloseReason {
    /// Nothing is overdue any more.
    Cured = 1,
    /// The whole debt is paid.
    PaidOff = 2,
    /// A new schedule replaces the old one.
    Restructured = 3,
    /// Written off.
    WrittenOff = 4,
    /// Sold.
    Sold = 5,
    /// Placed with somebody else.
    Placed = 6,
    /// The debtor died.
    Deceased = 7,
}

impl CloseReason {
    /// All reasons.
    pub const ALL: [CloseReason; 7] = [
        Self::Cured,
        Self::PaidOff,
        Self::Restructured,
        Self::WrittenOff,
        Self::Sold,
        Self::Placed,
        Self::Deceased,
    ];

    /// The reason of a stored number.
    pub fn from_number(number: i64) -> Option<CloseReason> {
        Self::ALL.into_iter().find(|reason| *reason as i64 == number)
    }
}

/// Who owes. The numbers are stored and are those of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum DebtorKind {
    /// A natural person.
    Person = 1,
    /// A business.
    Business = 2,
}

impl DebtorKind {
    /// Both kinds by number.
    pub const ALL: [DebtorKind; 2] = [Self::Person, Self::Business];

    /// The kind of a stored number.
    pub fn from_number(number: i64) -> Option<DebtorKind> {
        Self::ALL.into_iter().find(|kind| *kind as i64 == number)
    }
}

/// A named range of days past due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum Stage {
    /// By default up to 30 days past due.
    M1 = 1,
    /// By default up to 60 days past due.
    M2 = 2,
    /// By default up to 90 days past due.
    M3 = 3,
    /// By default up to 120 days past due.
    M4 = 4,
    /// Beyond.
    M5 = 5,
}

impl Stage {
    /// All stages, the earliest first.
    pub const ALL: [Stage; 5] = [Self::M1, Self::M2, Self::M3, Self::M4, Self::M5];

    /// The stage of a stored number.
    pub fn from_number(number: i64) -> Option<Stage> {
        Self::ALL.into_iter().find(|stage| *stage as i64 == number)
    }

    /// The name, `M1` to `M5`.
    pub fn name(self) -> &'static str {
        ["M1", "M2", "M3", "M4", "M5"][self as usize - 1]
    }
}

/// The last days of stages M1 to M4, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageBounds(pub [i32; 4]);

impl Default for StageBounds {
    fn default() -> StageBounds {
        StageBounds([30, 60, 90, 120])
    }
}

impl StageBounds {
    /// The stage of a number of days past due. Before the due date it is M1.
    pub fn stage(&self, days_past_due: i32) -> Stage {
        let passed = self.0.iter().filter(|bound| days_past_due > **bound).count();
        Stage::ALL[passed]
    }

    /// The first number of days past due above `days_past_due` at which the
    /// stage changes, if it still does.
    pub fn next_change(&self, days_past_due: i32) -> Option<i32> {
        self.0.iter().find(|bound| days_past_due <= **bound).map(|bound| bound + 1)
    }
}
