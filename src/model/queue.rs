//! The words of the queue: lanes, the rank within a lane, gates, work lists.

use super::{Micros, PortfolioNo, RecoveryGroup, Route, Stage, h64};

/// What a lane is made of: cases alike in everything a work list selects by and
/// a calling window depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LaneKey {
    /// The debtor's zones as an interned set; 0 = the portfolio's own zone. With
    /// the portfolio's policy it is the calendar.
    pub zone_set_id: i64,
    /// The portfolio.
    pub portfolio_no: PortfolioNo,
    /// A BCP 47 tag.
    pub language: String,
    /// The stage.
    pub stage: Stage,
    /// The group.
    pub group: RecoveryGroup,
    /// The kind of work.
    pub work_kind: WorkKind,
    /// The route that routing rules give.
    pub route: Route,
}

/// The kind of work a lane holds. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum WorkKind {
    /// Speaking to the debtor about what is overdue.
    Collect = 1,
}

impl LaneKey {
    /// The number of the lane, computed from what it is made of.
    pub fn lane_id(&self) -> i64 {
        h64(&[
            &self.zone_set_id.to_be_bytes(),
            &self.portfolio_no.0.to_be_bytes(),
            self.language.as_bytes(),
            &[self.stage as u8, self.group as u8, self.work_kind as u8],
            self.route.label().as_bytes(),
        ])
    }
}

/// The place of a ready case within its lane, packed into one integer: smaller
/// is sooner. Precedence class, then priority in steps of 20, then the instant
/// (in milliseconds) since which it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueRank(pub i64);

impl QueueRank {
    /// The class of work without a deadline of its own.
    pub const CLASS_NORMAL: i64 = 2;

    /// Packs a place. `priority` is 0 to 1,000.
    pub fn new(class: i64, priority: i32, ready_since: Micros) -> QueueRank {
        let step = i64::from((1_000 - priority.clamp(0, 1_000)) / 20);
        let millis = ready_since.millis().clamp(0, (1 << 48) - 1);
        QueueRank((class << 56) | (step << 48) | millis)
    }

    /// The precedence class.
    pub fn class(self) -> i64 {
        self.0 >> 56
    }
}

/// Why a case is not served. The numbers are stored and are those of the
/// contract; the order of [`Gate::ALL`] is the order in which the gates are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum Gate {
    /// The case is closed.
    Closed = 1,
    /// Missing from its source.
    Missing = 2,
    /// Nothing is due yet.
    PreDue = 3,
    /// The portfolio is paused.
    PortfolioPaused = 4,
    /// A hold.
    Held = 5,
    /// A promise runs, or payments cover what is overdue.
    Parked = 6,
    /// Another case of the debtor is leased.
    DebtorLeased = 7,
    /// The case is leased.
    Leased = 8,
    /// The ledger is too old.
    LedgerOld = 9,
    /// Contacted or attempted a short while ago.
    Cooling = 10,
    /// A cap is reached.
    Limit = 11,
    /// No policy applies.
    PolicyMissing = 12,
    /// A zone is not known.
    ZoneUnknown = 13,
    /// Outside the hours of contact.
    Window = 14,
    /// Nothing withholds it.
    Ready = 15,
    /// Stored data of the case or of its debtor cannot be read back. Added last, and
    /// tried before the holds.
    Unreadable = 16,
}

impl Gate {
    /// All gates in their order.
    pub const ALL: [Gate; 16] = [
        Self::Closed,
        Self::Missing,
        Self::PreDue,
        Self::PortfolioPaused,
        Self::Unreadable,
        Self::Held,
        Self::Parked,
        Self::DebtorLeased,
        Self::Leased,
        Self::LedgerOld,
        Self::Cooling,
        Self::Limit,
        Self::PolicyMissing,
        Self::ZoneUnknown,
        Self::Window,
        Self::Ready,
    ];

    /// The gate of a stored number.
    pub fn from_number(number: i64) -> Option<Gate> {
        Self::ALL.into_iter().find(|gate| *gate as i64 == number)
    }
}

/// The state of a case's row in the queue. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum QueueState {
    /// Served to whoever asks within the lane's hours of contact.
    Ready = 1,
    /// Leased; wakes at the end of the lease.
    Leased = 2,
    /// Withheld by a gate that opens at a known time; wakes then.
    Waiting = 3,
    /// Withheld by a gate that waits for an event.
    Withheld = 4,
    /// Not in the queue: closed, or nothing is due yet.
    Absent = 5,
}

impl QueueState {
    /// All states.
    pub const ALL: [QueueState; 5] =
        [Self::Ready, Self::Leased, Self::Waiting, Self::Withheld, Self::Absent];

    /// The state of a stored number.
    pub fn from_number(number: i64) -> Option<QueueState> {
        Self::ALL.into_iter().find(|state| *state as i64 == number)
    }
}

/// Why one given debtor was leased instead of the head of a list. The numbers are
/// stored and are those of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum TakeReason {
    /// The debtor rang.
    Inbound = 1,
    /// A worker chose the debtor.
    Manual = 2,
    /// A supervisor chose the debtor.
    Supervisor = 3,
    /// Somebody visits the debtor.
    Field = 4,
}

impl TakeReason {
    /// All reasons.
    pub const ALL: [TakeReason; 4] = [Self::Inbound, Self::Manual, Self::Supervisor, Self::Field];

    /// The reason of a stored number.
    pub fn from_number(number: i64) -> Option<TakeReason> {
        Self::ALL.into_iter().find(|reason| *reason as i64 == number)
    }
}

/// What a work list selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkListSettings {
    /// For people.
    pub display_name: String,
    /// By id, sorted; empty = all portfolios of the tenant.
    pub portfolio_ids: Vec<String>,
    /// Sorted; empty = all.
    pub groups: Vec<RecoveryGroup>,
    /// Sorted; empty = all.
    pub stages: Vec<Stage>,
    /// Sorted; empty = all.
    pub languages: Vec<String>,
    /// Sorted, [`Route::NONE`] among them for the cases without a label; empty = all.
    pub routes: Vec<Route>,
    /// The share of leases kept for the longest waiting, in thousandths.
    pub reserved_share_permille: i32,
}
