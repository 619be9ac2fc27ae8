//! Reading cases.

use crate::model::{
    CaseId, CaseState, CloseReason, Currency, Day, DebtorId, Facts, Hold, Micros, Payment,
    PortfolioId, Rank, RecoveryGroup, Stage,
};

/// A case as read.
#[derive(Clone, Debug)]
pub struct CaseView {
    /// The portfolio.
    pub portfolio_id: PortfolioId,
    /// The case.
    pub case_id: CaseId,
    /// The debtor.
    pub debtor_id: DebtorId,
    /// The currency of every amount.
    pub currency: Currency,
    /// The state.
    pub state: CaseState,
    /// Why it ended.
    pub close_reason: Option<CloseReason>,
    /// 1 for the first time it fell overdue.
    pub episode: i64,
    /// What is overdue now, in smallest units.
    pub overdue_amount_minor: i64,
    /// Whether payments unknown to the ledger were taken off.
    pub provisional: bool,
    /// The oldest day on which something due is not paid.
    pub oldest_due_date: Option<Day>,
    /// Calendar days since then, today; nothing without such a day.
    pub days_past_due: Option<i32>,
    /// The stage.
    pub stage: Option<Stage>,
    /// The rank; nothing when closed.
    pub rank: Option<Rank>,
    /// The instant the ledger speaks of.
    pub as_of: Micros,
    /// Holds in force on the case.
    pub case_holds: Vec<Hold>,
    /// Holds in force on the debtor.
    pub debtor_holds: Vec<Hold>,
    /// The newest document, and its sequence; in full views only.
    pub document: Option<(Facts, Option<i64>)>,
    /// Payments, newest first, at most 64; in full views only.
    pub payments: Vec<Payment>,
}

/// Which cases to list: all filters given must hold.
#[derive(Clone, Debug)]
pub struct ListCasesQuery {
    /// The portfolio.
    pub portfolio_id: PortfolioId,
    /// The most cases to return, 1 to 1,000.
    pub page_size: usize,
    /// Continues an earlier answer.
    pub page_token: String,
    /// Any of these; empty = all.
    pub states: Vec<CaseState>,
    /// Any of these; empty = all.
    pub groups: Vec<RecoveryGroup>,
    /// Any of these; empty = all.
    pub stages: Vec<Stage>,
    /// Only this debtor's.
    pub debtor_id: Option<DebtorId>,
    /// Whether documents and payments are wanted.
    pub full: bool,
}
