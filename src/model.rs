//! Pure types: what a case is, with every rule that can be checked without a
//! clock, a database or a scorecard. Everybody may import it; it imports nobody.

mod case;
mod experiment;
mod facts;
mod history;
mod id;
mod input;
mod ledger;
mod money;
mod parts;
mod portfolio;
mod queue;
mod rank;
mod route;
mod time;
mod violation;

pub use case::{CaseState, CloseReason, DebtorKind, Stage, StageBounds};
pub use experiment::{Arm, Experiment, Lot, ServedArm};
pub use facts::{
    ArrearsMonth, ContactPoint, ContactPointKind, ContactPointState, CustomFeature, CustomValue,
    Facts, Instalment, Sealed,
};
pub use history::{
    Attempt, DebtorRecord, HOLDS_MAX, History, Hold, HoldKind, Payment, Promise, PromiseInput,
    PromiseState, held_until, holds_are_full,
};
pub use id::{
    CaseId, CaseNo, DebtorId, DebtorNo, EventId, ExperimentId, InvalidId, Part, PortfolioId,
    PortfolioNo, RequestId, WorkListId, WorkListNo, WorkerId, check_id, h64,
};
pub use input::{INPUTS, Input, InputKind, Inputs};
pub use ledger::{Served, serve};
pub use money::{AMOUNT_MINOR_MAX, Currency, InvalidMoney, MoneyParts};
pub use parts::{BUCKETS_MAX, Parts};
pub use portfolio::{
    ActivationApproval, ContactPolicy, DayHours, OldLedgerRule, PlainPolicy, PortfolioSettings,
    RankingSettings,
};
pub use queue::{Gate, LaneKey, QueueRank, QueueState, TakeReason, WorkKind, WorkListSettings};
pub use rank::{Rank, RecoveryGroup, RuleSetId};
pub use route::{Condition, InvalidRoute, Route, RoutingRule};
pub use time::{Clock, Day, LocalDays, Micros, SystemClock, TestClock};
pub use violation::{Reason, VIOLATIONS_MAX, Violation, Violations};
