//! Where a case stands, and its row.

use crate::model::{
    Arm, CaseNo, CaseState, CloseReason, Day, DebtorNo, Micros, Part, PortfolioNo, Rank,
    RecoveryGroup, RuleSetId, Stage,
};

use super::super::StoreError;
use super::super::db::{Value, params};
use super::super::encode::{Place, route_from};
use super::super::row::row;

/// Where a case stands: everything lists, queues and gates go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseHead {
    /// The case.
    pub case_no: CaseNo,
    /// Its portfolio.
    pub portfolio_no: PortfolioNo,
    /// Who owes.
    pub debtor_no: DebtorNo,
    /// The last event; the rank knows it.
    pub case_seq: i64,
    /// When that event was recorded; never before the one before it.
    pub record_time: Micros,
    /// The instant the newest ledger document speaks of.
    pub as_of: Micros,
    /// The number of that document.
    pub ledger_sequence: Option<i64>,
    /// The earliest payment or reversal the ledger does not know of.
    pub absorb_at: Option<Micros>,
    /// 1 for the first time the case fell overdue.
    pub episode: i64,
    /// The state.
    pub state: CaseState,
    /// Why it ended; set exactly when closed.
    pub close_reason: Option<CloseReason>,
    /// What is overdue now, in smallest units.
    pub overdue_amount_minor: i64,
    /// The oldest day on which something due is not paid.
    pub oldest_due_date: Option<Day>,
    /// The stage.
    pub stage: Stage,
    /// The rank.
    pub rank: Rank,
    /// The lane it is served from.
    pub lane_id: i64,
    /// When time alone may change the rank or the place.
    pub review_at: Option<Micros>,
    /// Until when a hold on the case is in force; `NEVER` = until lifted.
    pub hold_until: Option<Micros>,
    /// Until when a promise or a covering payment parks it.
    pub park_until: Option<Micros>,
}

/// The columns of `case_head`, in the order of [`HeadRow`], which has the route behind them.
/// A constant of its own, so that every reader and the writer agree.
macro_rules! head_columns {
    ($prefix:literal) => {
        concat!(
            $prefix,
            "case_no, ",
            $prefix,
            "portfolio_no, ",
            $prefix,
            "debtor_no, ",
            $prefix,
            "case_seq, ",
            $prefix,
            "record_time, ",
            $prefix,
            "as_of, ",
            $prefix,
            "ledger_sequence, ",
            $prefix,
            "absorb_at, ",
            $prefix,
            "episode, ",
            $prefix,
            "state, ",
            $prefix,
            "close_reason, ",
            $prefix,
            "overdue_amount_minor, ",
            $prefix,
            "oldest_due_date, ",
            $prefix,
            "stage, ",
            $prefix,
            "recovery_group, ",
            $prefix,
            "score, ",
            $prefix,
            "priority, ",
            $prefix,
            "rule_set_id, ",
            $prefix,
            "rank_date, ",
            $prefix,
            "lane_id, ",
            $prefix,
            "review_at, ",
            $prefix,
            "hold_until, ",
            $prefix,
            "park_until, ",
            $prefix,
            "arm"
        )
    };
}

/// The route of a head `h`: that of its lane, so that no two rows can differ in it, also
/// where a program from before there were routes has ranked.
macro_rules! route_column {
    () => {
        "(SELECT l.route FROM lane l WHERE l.part = $1 AND l.lane_id = h.lane_id) AS route"
    };
}

pub(super) use {head_columns, route_column};

row! {
    pub(super) struct HeadRow {
        case_no: i64,
        portfolio_no: i64,
        debtor_no: i64,
        case_seq: i64,
        record_time: i64,
        as_of: i64,
        ledger_sequence: Option<i64>,
        absorb_at: Option<i64>,
        episode: i64,
        state: i64,
        close_reason: Option<i64>,
        overdue_amount_minor: i64,
        oldest_due_date: Option<i64>,
        stage: i64,
        recovery_group: i64,
        score: i64,
        priority: i64,
        rule_set_id: i64,
        rank_date: i64,
        lane_id: i64,
        review_at: Option<i64>,
        hold_until: Option<i64>,
        park_until: Option<i64>,
        arm: Option<i64>,
        route: Option<String>,
    }
}

impl HeadRow {
    /// Whose case it is and its number: no number is wrong by itself.
    pub(super) fn numbers(&self) -> (DebtorNo, CaseNo) {
        (DebtorNo(self.debtor_no), CaseNo(self.case_no))
    }

    pub(super) fn head(self, part: Part) -> Result<CaseHead, StoreError> {
        let place = Place { table: "case_head", part: part.0, key: self.case_no };
        let int = |name: &str, value: i64| {
            i32::try_from(value).map_err(|_| place.corrupt(format!("{name} is {value}")))
        };
        let unknown =
            |name: &str, value: i64| place.corrupt(format!("{name} {value} is not known"));
        let close_reason = match self.close_reason {
            Some(number) => Some(
                CloseReason::from_number(number).ok_or_else(|| unknown("close_reason", number))?,
            ),
            None => None,
        };
        Ok(CaseHead {
            case_no: CaseNo(self.case_no),
            portfolio_no: PortfolioNo(self.portfolio_no),
            debtor_no: DebtorNo(self.debtor_no),
            case_seq: self.case_seq,
            record_time: Micros(self.record_time),
            as_of: Micros(self.as_of),
            ledger_sequence: self.ledger_sequence,
            absorb_at: self.absorb_at.map(Micros),
            episode: self.episode,
            state: CaseState::from_number(self.state)
                .ok_or_else(|| unknown("state", self.state))?,
            close_reason,
            overdue_amount_minor: self.overdue_amount_minor,
            oldest_due_date: match self.oldest_due_date {
                Some(day) => Some(Day(int("oldest_due_date", day)?)),
                None => None,
            },
            stage: Stage::from_number(self.stage).ok_or_else(|| unknown("stage", self.stage))?,
            rank: Rank {
                group: RecoveryGroup::from_number(self.recovery_group)
                    .ok_or_else(|| unknown("recovery_group", self.recovery_group))?,
                score: int("score", self.score)?,
                priority: int("priority", self.priority)?,
                rule_set_id: RuleSetId(self.rule_set_id),
                rank_date: Day(int("rank_date", self.rank_date)?),
                case_seq: self.case_seq,
                arm: match self.arm {
                    Some(number) => {
                        Some(Arm::from_number(number).ok_or_else(|| unknown("arm", number))?)
                    }
                    None => None,
                },
                route: route_from(self.route.as_deref(), place)?,
            },
            lane_id: self.lane_id,
            review_at: self.review_at.map(Micros),
            hold_until: self.hold_until.map(Micros),
            park_until: self.park_until.map(Micros),
        })
    }
}

impl CaseHead {
    pub(super) fn values(&self, part: Part, row: &mut Vec<Value>) {
        let micros = |time: Option<Micros>| time.map(|time| time.0);
        row.extend(params![
            part.0,
            self.case_no.0,
            self.portfolio_no.0,
            self.debtor_no.0,
            self.case_seq,
            self.record_time.0,
            self.as_of.0,
            self.ledger_sequence,
            micros(self.absorb_at),
            self.episode,
            self.state as i16,
            self.close_reason.map(|reason| reason as i64),
            self.overdue_amount_minor,
            self.oldest_due_date.map(|day| i64::from(day.0)),
            self.stage as i16,
            self.rank.group as i16,
            self.rank.score,
            self.rank.priority,
            self.rank.rule_set_id.0,
            self.rank.rank_date.0,
            self.lane_id,
            micros(self.review_at),
            micros(self.hold_until),
            micros(self.park_until),
            self.rank.arm.map(|arm| arm as i64),
        ]);
    }
}
