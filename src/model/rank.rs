//! What a case stands at.

use std::fmt;

use super::{Arm, Day, Route};

/// How hard a case is to recover: A easy, C hard. The numbers are stored and are
/// those of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum RecoveryGroup {
    /// Easy to recover.
    A = 1,
    /// Some difficulty.
    B = 2,
    /// Hard to recover.
    C = 3,
}

impl RecoveryGroup {
    /// All groups, the easiest first.
    pub const ALL: [RecoveryGroup; 3] = [Self::A, Self::B, Self::C];

    /// The group of a stored number.
    pub fn from_number(number: i64) -> Option<RecoveryGroup> {
        Self::ALL.into_iter().find(|group| *group as i64 == number)
    }

    /// The letter.
    pub fn letter(self) -> &'static str {
        ["A", "B", "C"][self as usize - 1]
    }
}

/// The first 8 bytes of the content hash of a rule set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RuleSetId(pub i64);

impl fmt::Display for RuleSetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What a case stands at, and what that depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    /// How hard.
    pub group: RecoveryGroup,
    /// 0 to 1,000, higher = easier to recover.
    pub score: i32,
    /// 0 to 1,000, higher = sooner.
    pub priority: i32,
    /// The rule set that ranked.
    pub rule_set_id: RuleSetId,
    /// The day as of which it ranked.
    pub rank_date: Day,
    /// The last event it knows.
    pub case_seq: i64,
    /// In which arm of the rule set's experiment the debtor is, where it has one.
    pub arm: Option<Arm>,
    /// The route that the rule set's routing rules give it.
    pub route: Route,
}
