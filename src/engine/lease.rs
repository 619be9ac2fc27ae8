//! Leasing work, and what comes back: renewals, reports, releases.

use crate::model::{
    CaseId, ContactPoint, Currency, Day, DebtorId, Micros, Part, PortfolioId, Rank, RequestId,
    Sealed, Stage, TakeReason, Violations, WorkListId, WorkListNo, WorkerId,
};

use std::sync::Arc;
use std::time::Duration;

use super::work_list::FailingGate;
use super::{Caller, Engine, Error, ItemError};

mod claim;
mod gate;
mod guard;
pub(super) mod heads;
mod item;
pub(super) mod lanes;
mod merge;
mod pick;
mod preview;
mod release;
mod renew;
mod spread;
mod take;
pub(super) mod token;
mod wait;

pub(super) use claim::{PULL_KEPT, work_list};
pub(super) use guard::Guards;
pub use preview::{PreviewedWork, preview_work};
pub use release::release_leases;
pub use renew::renew_leases;
pub(super) use spread::add_warnings;
pub(super) use wait::Waiting;

/// Leases the next work of a list, waiting for it where there is none; or one given
/// debtor, without waiting. No work is an empty answer. A client that leaves before
/// it is answered leaves nothing leased.
///
/// # Errors
/// `NotFound` for the list or the debtor; `Invalid` for a debtor of whom the list
/// selects nothing; `Overloaded` when too many wait already.
pub async fn lease_work(
    engine: &Arc<Engine>,
    caller: &Caller,
    command: LeaseCommand,
) -> Result<LeasedWork, Error> {
    let parts = engine.parts(caller).await?;
    let number = work_list_no(engine, parts.first(), &command.work_list_id).await?;
    let pull = claim::Pull {
        worker_id: command.worker_id,
        max_items: command.max_items,
        lease_duration: command.lease_duration,
        request_id: command.request_id,
        take: command.take,
        language: command.language,
    };
    let wait = Duration::from_micros(u64::try_from(command.wait).unwrap_or(0));
    wait::pull(engine, (parts, number), command.work_list_id, (pull, wait)).await
}

/// The number of a work list; read once, because it never changes.
async fn work_list_no(
    engine: &Engine,
    part: Part,
    work_list_id: &WorkListId,
) -> Result<WorkListNo, Error> {
    if let Some(number) = engine.directory.work_list(part, work_list_id) {
        return Ok(number);
    }
    let mut tx = engine.store.read().await?;
    let number = work_list(&mut tx, part, work_list_id).await?.number;
    engine.directory.add_work_list(part, work_list_id.clone(), number);
    Ok(number)
}

/// A pull of work.
#[derive(Clone, Debug)]
pub struct LeaseCommand {
    /// The list.
    pub work_list_id: WorkListId,
    /// Who works.
    pub worker_id: WorkerId,
    /// 1 to 500.
    pub max_items: usize,
    /// Microseconds, 10 s to 1 h.
    pub lease_duration: i64,
    /// Microseconds to wait for work, 0 to 55 s.
    pub wait: i64,
    /// Names the pull, so that it can be retried.
    pub request_id: Option<RequestId>,
    /// One given debtor instead of the head of the list: then one item is asked for,
    /// and nothing waits.
    pub take: Option<Take>,
    /// The language of the reasons, a BCP 47 tag in its usual spelling; nothing for that
    /// of the portfolio.
    pub language: Option<String>,
}

/// One debtor to be leased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    /// The debtor.
    pub debtor_id: DebtorId,
    /// Why: it decides which gates are passed, and whether it is an attempt.
    pub reason: TakeReason,
}

/// The answer to a pull.
#[derive(Clone, Debug)]
pub struct LeasedWork {
    /// The most pressing first.
    pub items: Vec<WorkItem>,
    /// Microseconds until asking again makes sense, if a pull was given nothing.
    pub retry_after: Option<i64>,
    /// Warnings: code and text.
    pub warnings: Vec<(&'static str, String)>,
    /// The gates that refused a take, in their order.
    pub failing_gates: Vec<FailingGate>,
}

/// Work leased to one worker.
#[derive(Clone, Debug)]
pub struct WorkItem {
    /// Proves the lease.
    pub token: LeaseToken,
    /// When it ends.
    pub expire_time: Micros,
    /// The debtor.
    pub debtor_id: DebtorId,
    /// The case the list chose.
    pub lead_case: WorkCase,
    /// The debtor's other open cases, at most 20.
    pub sibling_cases: Vec<WorkCase>,
    /// How many open cases the debtor has.
    pub case_count: usize,
    /// What is overdue over all of them, by currency, in smallest units.
    pub totals: Vec<(Currency, i128)>,
    /// The language to speak.
    pub language: String,
    /// Where the debtor can be reached.
    pub contact_points: Vec<ContactPoint>,
    /// Attempts before, over all episodes.
    pub earlier_attempt_count: i64,
    /// Served for having waited longest.
    pub from_reserved_share: bool,
}

/// A case as a worker sees it.
#[derive(Clone, Debug)]
pub struct WorkCase {
    /// The portfolio.
    pub portfolio_id: PortfolioId,
    /// The case.
    pub case_id: CaseId,
    /// The currency of the amount.
    pub currency: Currency,
    /// Smallest units; nothing where amounts are withheld.
    pub overdue_amount_minor: Option<i64>,
    /// Whether payments unknown to the ledger were taken off.
    pub provisional: bool,
    /// The instant the ledger speaks of.
    pub as_of: Micros,
    /// The oldest day on which something due is not paid.
    pub oldest_due_date: Option<Day>,
    /// Calendar days since then.
    pub days_past_due: i32,
    /// The stage.
    pub stage: Stage,
    /// The rank.
    pub rank: Rank,
    /// Reasons for agents: code, text, characteristic, points lost.
    pub reasons: Vec<AgentReason>,
    /// What the newest document brought sealed.
    pub sealed: Sealed,
}

/// A reason an agent may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentReason {
    /// The code.
    pub reason_code: String,
    /// One sentence.
    pub text: String,
    /// The characteristic.
    pub characteristic: String,
    /// Against the best bin.
    pub points_lost: i32,
}

/// Names a lease and proves it: 40 bytes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseToken {
    /// The part.
    pub part: i64,
    /// The lead case.
    pub case_no: i64,
    /// Rises with every lease of the case.
    pub lease_seq: i64,
    /// Random.
    pub nonce: i64,
}

/// What a worker shall do after a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directive {
    /// Go on until then.
    Continue(Micros),
    /// The debtor has paid, the case is closed, or nothing of it is due yet.
    StopPaid,
    /// A hold was placed.
    StopHold,
    /// The hours of contact are over.
    StopWindow,
}

/// What came of leased work.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The lease.
    pub token: LeaseToken,
    /// A row of the outcome table.
    pub outcome_code: String,
    /// When contact was tried; nothing = now.
    pub contact_time: Option<Micros>,
    /// What was promised.
    pub promise: Option<Promised>,
    /// The cases spoken of; empty = the lead case.
    pub cases: Vec<(PortfolioId, CaseId)>,
}

/// A promise as reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promised {
    /// Currency code and smallest units; nothing = all that is overdue.
    pub amount: Option<(Currency, i64)>,
    /// For when.
    pub date: Day,
}

/// The outcomes of one call, in the order of the request.
#[derive(Clone, Debug)]
pub struct ReportCommand {
    /// An outcome whose fields break rules stands here with its violations.
    pub outcomes: Vec<Result<Outcome, Violations>>,
}

/// What became of a report.
#[derive(Clone, Debug)]
pub struct ReportResult {
    /// What became of it, or why it was rejected.
    pub disposition: Result<ReportDisposition, ItemError>,
    /// When the debtor may be served again at the earliest.
    pub next_eligible: Option<Micros>,
}

/// What became of a report that was not rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportDisposition {
    /// Taken; the lease ended.
    Accepted,
    /// Taken before.
    Duplicate,
    /// The lease was over; kept.
    Late,
}

/// The renewal of one lease: what to do, or why the token was refused.
pub type Renewal = Result<Directive, ItemError>;
