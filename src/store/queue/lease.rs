//! Leases: granted, prolonged, ended. A row stays for good; it says what a case
//! was ranked by when it was served.

use std::collections::HashMap;

use serde_json::Value as Json;

use crate::model::{
    Arm, CaseNo, Day, DebtorNo, ExperimentId, Micros, Part, Rank, RecoveryGroup, Route, RuleSetId,
    ServedArm, TakeReason, WorkListNo,
};

use super::super::StoreError;
use super::super::db::{Batch, Column, Tx, int_list, params, statements};
use super::super::encode::{Place, route_from, route_to};
use super::super::row::row;

/// A lease as granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRow {
    /// The lead case.
    pub case_no: CaseNo,
    /// Rises with every lease of the case.
    pub lease_seq: i64,
    /// Whose case it was.
    pub debtor_no: DebtorNo,
    /// Random; proves the lease.
    pub lease_nonce: i64,
    /// The list it was served from.
    pub work_list_no: WorkListNo,
    /// Who works.
    pub worker_id: String,
    /// When it was granted; the instant of the attempt, where it counts as one.
    pub grant_time: Micros,
    /// When it ends or ended by itself.
    pub expire_time: Micros,
    /// What the lead case was ranked by.
    pub rule_set_id: RuleSetId,
    /// As of which day.
    pub rank_date: Day,
    /// Up to which event.
    pub case_seq: i64,
    /// The group, score and priority it was served with; nothing in leases from before
    /// they were kept.
    pub served: Option<(RecoveryGroup, i32, i32)>,
    /// In which arm it was served; nothing where no experiment ran.
    pub arm: Option<ServedArm>,
    /// The route it was served with.
    pub route: Route,
    /// The cases of the work item, the lead case first.
    pub case_nos: Vec<CaseNo>,
    /// Whether it was served for having waited longest.
    pub reserved: bool,
    /// Why it is of this debtor; nothing if it was the head of the list.
    pub taken_for: Option<TakeReason>,
    /// How and when it ended; nothing while it runs.
    pub end: Option<(LeaseEnd, Micros)>,
}

impl LeaseRow {
    /// The rank that the lead case was served with.
    pub fn rank(&self) -> Option<Rank> {
        let (group, score, priority) = self.served?;
        let LeaseRow { rule_set_id, rank_date, case_seq, route, .. } = *self;
        let arm = self.arm.as_ref().map(|served| served.arm);
        Some(Rank { group, score, priority, rule_set_id, rank_date, case_seq, arm, route })
    }
}

/// How a lease ended. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum LeaseEnd {
    /// An outcome was reported.
    Reported = 1,
    /// Given back without a call; the attempt is not counted.
    ReleasedUndialled = 2,
    /// Given back after a call.
    Released = 3,
    /// Its time was over.
    Expired = 4,
    /// The service took it back.
    Revoked = 5,
}

impl LeaseEnd {
    /// The end of a stored number.
    pub fn from_number(number: i64) -> Option<LeaseEnd> {
        [Self::Reported, Self::ReleasedUndialled, Self::Released, Self::Expired, Self::Revoked]
            .into_iter()
            .find(|end| *end as i64 == number)
    }
}

macro_rules! lease_columns {
    () => {
        "case_no, lease_seq, debtor_no, lease_nonce, work_list_no, worker_id, grant_time, \
         expire_time, rule_set_id, rank_date, case_seq, recovery_group, score, priority, \
         case_nos, reserved, taken_for, end_kind, end_time, experiment_id, arm, route"
    };
}

statements! {
    LOAD = concat!(
        "SELECT ", lease_columns!(), " FROM {pairs:$2,$3} AS l CROSS JOIN lease \
         WHERE part = $1 AND case_no = l.first AND lease_seq = l.second"
    );
    OF_CASE = concat!(
        "SELECT ", lease_columns!(), " FROM lease \
         WHERE part = $1 AND case_no = $2 AND lease_seq > $3 ORDER BY lease_seq LIMIT $4"
    );
    LAST_OF_CASE = "SELECT lease_seq FROM lease WHERE part = $1 AND case_no = $2 \
        ORDER BY lease_seq DESC LIMIT 1";
    TAKEN = "SELECT case_no, lease_seq, taken_for FROM {pairs:$2,$3} AS l CROSS JOIN lease \
        WHERE part = $1 AND case_no = l.first AND lease_seq = l.second AND taken_for <> 0";
}

const INT: Column = Column::Int;

pub(crate) const INSERT: Batch = Batch {
    text: "INSERT INTO lease (part, case_no, lease_seq, debtor_no, lease_nonce, work_list_no, \
        worker_id, grant_time, expire_time, rule_set_id, rank_date, case_seq, recovery_group, \
        score, priority, case_nos, reserved, taken_for, end_kind, experiment_id, arm, route) \
        VALUES {rows}",
    fixed: 0,
    columns: &[
        INT,
        INT,
        INT,
        INT,
        INT,
        INT,
        Column::Text,
        INT,
        INT,
        INT,
        INT,
        INT,
        INT,
        INT,
        INT,
        Column::Text,
        INT,
        INT,
        INT,
        Column::Text,
        INT,
        Column::Text,
    ],
};

// The numbers stand in an IN besides the join: SQLite takes a long list of rows for
// a huge one, and would walk through the tenant to join it.
pub(crate) const PROLONG: Batch = Batch {
    text: "WITH v(case_no, lease_seq, expire_time) AS (VALUES {rows}) \
        UPDATE lease SET expire_time = v.expire_time FROM v WHERE lease.part = $1 \
        AND lease.case_no = v.case_no AND lease.lease_seq = v.lease_seq \
        {sqlite:AND lease.case_no IN (SELECT case_no FROM v)}",
    fixed: 1,
    columns: &[INT, INT, INT],
};

pub(crate) const END: Batch = Batch {
    text: "WITH v(case_no, lease_seq, end_kind, end_time) AS (VALUES {rows}) \
        UPDATE lease SET end_kind = v.end_kind, end_time = v.end_time FROM v \
        WHERE lease.part = $1 AND lease.case_no = v.case_no \
        AND lease.lease_seq = v.lease_seq AND lease.end_kind = 0 \
        {sqlite:AND lease.case_no IN (SELECT case_no FROM v)}",
    fixed: 1,
    columns: &[INT, INT, INT, INT],
};

/// All batches of this file.
#[cfg(test)]
pub(crate) const BATCHES: &[Batch] = &[INSERT, PROLONG, END];

row! {
    struct Row {
        case_no: i64,
        lease_seq: i64,
        debtor_no: i64,
        lease_nonce: i64,
        work_list_no: i64,
        worker_id: String,
        grant_time: i64,
        expire_time: i64,
        rule_set_id: i64,
        rank_date: i64,
        case_seq: i64,
        recovery_group: Option<i64>,
        score: Option<i64>,
        priority: Option<i64>,
        case_nos: String,
        reserved: i64,
        taken_for: i64,
        end_kind: i64,
        end_time: Option<i64>,
        experiment_id: Option<String>,
        arm: Option<i64>,
        route: Option<String>,
    }
}

impl Row {
    fn lease(self, part: Part) -> Result<LeaseRow, StoreError> {
        let place = Place { table: "lease", part: part.0, key: self.case_no };
        let case_nos: Vec<i64> =
            serde_json::from_str(&self.case_nos).map_err(|error| place.corrupt(error))?;
        let end = match (self.end_kind, self.end_time) {
            (0, None) => None,
            (number, Some(at)) => {
                let end = LeaseEnd::from_number(number)
                    .ok_or_else(|| place.corrupt(format!("end_kind {number} is not known")))?;
                Some((end, Micros(at)))
            }
            (number, None) => {
                return Err(place.corrupt(format!("end_kind is {number} without an end_time")));
            }
        };
        let taken_for = match self.taken_for {
            0 => None,
            number => Some(
                TakeReason::from_number(number)
                    .ok_or_else(|| place.corrupt(format!("taken_for {number} is not known")))?,
            ),
        };
        let int = |name: &str, value: i64| {
            i32::try_from(value).map_err(|_| place.corrupt(format!("{name} is {value}")))
        };
        let served = match (self.recovery_group, self.score, self.priority) {
            (None, None, None) => None,
            (Some(number), Some(score), Some(priority)) => {
                let group = RecoveryGroup::from_number(number)
                    .ok_or_else(|| place.corrupt(format!("recovery_group is {number}")))?;
                Some((group, int("score", score)?, int("priority", priority)?))
            }
            _ => return Err(place.corrupt("it tells a part of the rank that was served")),
        };
        let arm = match (self.experiment_id, self.arm) {
            (None, None) => None,
            (Some(id), Some(number)) => Some(ServedArm {
                experiment_id: ExperimentId::new(id).map_err(|error| place.corrupt(error))?,
                arm: Arm::from_number(number)
                    .ok_or_else(|| place.corrupt(format!("arm {number} is not known")))?,
            }),
            _ => return Err(place.corrupt("it tells an experiment or an arm without the other")),
        };
        Ok(LeaseRow {
            case_no: CaseNo(self.case_no),
            lease_seq: self.lease_seq,
            debtor_no: DebtorNo(self.debtor_no),
            lease_nonce: self.lease_nonce,
            work_list_no: WorkListNo(self.work_list_no),
            worker_id: self.worker_id,
            grant_time: Micros(self.grant_time),
            expire_time: Micros(self.expire_time),
            rule_set_id: RuleSetId(self.rule_set_id),
            rank_date: Day(int("rank_date", self.rank_date)?),
            case_seq: self.case_seq,
            served,
            arm,
            route: route_from(self.route.as_deref(), place)?,
            case_nos: case_nos.into_iter().map(CaseNo).collect(),
            reserved: self.reserved != 0,
            taken_for,
            end,
        })
    }
}

/// Loads leases by case and number; those that never were are left out.
pub(crate) async fn load(
    tx: &mut Tx,
    part: Part,
    keys: &[(CaseNo, i64)],
) -> Result<Vec<LeaseRow>, StoreError> {
    let case_nos = int_list(keys.iter().map(|(case_no, _)| case_no.0));
    let numbers = int_list(keys.iter().map(|(_, lease_seq)| *lease_seq));
    let rows: Vec<Row> = tx.fetch_all(LOAD, params![part.0, case_nos, numbers]).await?;
    rows.into_iter().map(|row| row.lease(part)).collect()
}

/// The leases of a case behind one of them, at most so many, in their order.
pub(crate) async fn of_case(
    tx: &mut Tx,
    part: Part,
    (case_no, after): (CaseNo, i64),
    limit: usize,
) -> Result<Vec<LeaseRow>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows: Vec<Row> = tx.fetch_all(OF_CASE, params![part.0, case_no.0, after, limit]).await?;
    rows.into_iter().map(|row| row.lease(part)).collect()
}

/// The number of the newest lease of a case; 0 if it was never leased.
pub(crate) async fn last_of_case(
    tx: &mut Tx,
    part: Part,
    case_no: CaseNo,
) -> Result<i64, StoreError> {
    let row: Option<(i64,)> = tx.fetch_optional(LAST_OF_CASE, params![part.0, case_no.0]).await?;
    Ok(row.map_or(0, |(lease_seq,)| lease_seq))
}

/// Those of these leases that were taken, by case and number, with the reason; one
/// of an unknown reason is left out.
pub(crate) async fn taken(
    tx: &mut Tx,
    part: Part,
    keys: &[(CaseNo, i64)],
) -> Result<HashMap<(CaseNo, i64), TakeReason>, StoreError> {
    let case_nos = int_list(keys.iter().map(|(case_no, _)| case_no.0));
    let numbers = int_list(keys.iter().map(|(_, lease_seq)| *lease_seq));
    let rows: Vec<(i64, i64, i64)> =
        tx.fetch_all(TAKEN, params![part.0, case_nos, numbers]).await?;
    let taken = |(case_no, lease_seq, number)| {
        Some(((CaseNo(case_no), lease_seq), TakeReason::from_number(number)?))
    };
    Ok(rows.into_iter().filter_map(taken).collect())
}

/// Writes new leases.
pub(crate) async fn insert(tx: &mut Tx, part: Part, leases: &[LeaseRow]) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(leases.len() * INSERT.columns.len());
    for lease in leases {
        let case_nos: Vec<i64> = lease.case_nos.iter().map(|case_no| case_no.0).collect();
        rows.extend(params![
            part.0,
            lease.case_no.0,
            lease.lease_seq,
            lease.debtor_no.0,
            lease.lease_nonce,
            lease.work_list_no.0,
            lease.worker_id.as_str(),
            lease.grant_time.0,
            lease.expire_time.0,
            lease.rule_set_id.0,
            i64::from(lease.rank_date.0),
            lease.case_seq,
            lease.served.map(|(group, ..)| group as i32),
            lease.served.map(|(_, score, _)| score),
            lease.served.map(|(.., priority)| priority),
            Json::from(case_nos).to_string(),
            lease.reserved,
            lease.taken_for.map_or(0, |reason| reason as i64),
            0_i64,
            lease.arm.as_ref().map(|served| served.experiment_id.to_string()),
            lease.arm.as_ref().map(|served| served.arm as i64),
            route_to(lease.route),
        ]);
    }
    tx.execute_batch(INSERT, vec![], rows).await?;
    Ok(())
}

/// Sets when running leases end.
pub(crate) async fn prolong(
    tx: &mut Tx,
    part: Part,
    leases: &[(CaseNo, i64, Micros)],
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(leases.len() * PROLONG.columns.len());
    for (case_no, lease_seq, until) in leases {
        rows.extend(params![case_no.0, *lease_seq, until.0]);
    }
    tx.execute_batch(PROLONG, params![part.0], rows).await?;
    Ok(())
}

/// Ends running leases; one that has ended keeps its end.
pub(crate) async fn end(
    tx: &mut Tx,
    part: Part,
    leases: &[(CaseNo, i64, LeaseEnd, Micros)],
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(leases.len() * END.columns.len());
    for (case_no, lease_seq, end, at) in leases {
        rows.extend(params![case_no.0, *lease_seq, *end as i16, at.0]);
    }
    tx.execute_batch(END, params![part.0], rows).await?;
    Ok(())
}
