//! Leases of the debtors in hand. What a debtor's row, the queue's rows and the
//! lease's own row say changes together, here and nowhere else.

use crate::model::{CaseNo, DebtorNo, LocalDays, Micros, ServedArm, TakeReason};
use crate::policy;
use crate::store::queue::lease::{LeaseEnd, LeaseRow};
use crate::store::{Damage, Tx, queue};

use super::super::Error;
use super::WorkingSet;

/// How long a debtor is left alone after a lease that ended without a report:
/// whoever held it may have called.
pub(in super::super) const UNREPORTED_COOLING: i64 = 30 * Micros::MINUTE;

/// What changed of leases.
#[derive(Default)]
pub(super) struct LeaseChanges {
    new: Vec<LeaseRow>,
    prolonged: Vec<(CaseNo, i64, Micros)>,
    ended: Vec<(CaseNo, i64, LeaseEnd, Micros)>,
}

impl LeaseChanges {
    pub(super) async fn save(&self, tx: &mut Tx, part: crate::model::Part) -> Result<(), Error> {
        queue::lease::insert(tx, part, &self.new).await?;
        queue::lease::prolong(tx, part, &self.prolonged).await?;
        queue::lease::end(tx, part, &self.ended).await?;
        Ok(())
    }
}

/// A lease to be granted.
pub(in super::super) struct NewLease {
    pub(in super::super) work_list_no: crate::model::WorkListNo,
    pub(in super::super) worker_id: String,
    pub(in super::super) until: Micros,
    /// The cases of the work item, the lead case first.
    pub(in super::super) case_nos: Vec<CaseNo>,
    pub(in super::super) reserved: bool,
    /// Why it is of this debtor; nothing for the head of the list.
    pub(in super::super) taken_for: Option<TakeReason>,
}

impl WorkingSet {
    /// The running lease on a debtor: the case, the number of the lease, its end.
    pub(in super::super) fn running_lease(
        &self,
        debtor_no: DebtorNo,
    ) -> Option<(CaseNo, i64, Micros)> {
        let (case_no, until) = self.debtor(debtor_no).lease?;
        Some((case_no, self.lease_seq(case_no), until))
    }

    /// The number of the newest lease of a case; 0 before the first.
    pub(in super::super) fn lease_seq(&self, case_no: CaseNo) -> i64 {
        self.case(case_no).and_then(|entry| entry.queue.as_ref()).map_or(0, |row| row.lease_seq)
    }

    /// Ends every lease in hand whose time is over. An expired lease counts as an
    /// attempt of unknown result, so the debtor is left alone from its end on; not
    /// so where it is none, because the debtor rang.
    pub(super) async fn expire_leases(&mut self, tx: &mut Tx) -> Result<(), Error> {
        let now = self.now;
        let over: Vec<(DebtorNo, (CaseNo, i64), Micros)> = self
            .debtors()
            .filter_map(|debtor| {
                let (case_no, lease_seq, until) = self.running_lease(debtor.debtor_no)?;
                (until <= now).then_some((debtor.debtor_no, (case_no, lease_seq), until))
            })
            .collect();
        if over.is_empty() {
            return Ok(());
        }
        let keys: Vec<(CaseNo, i64)> = over.iter().map(|(_, key, _)| *key).collect();
        let taken = queue::lease::taken(tx, self.part, &keys).await?;
        for (debtor_no, key, until) in over {
            self.end_lease(debtor_no, LeaseEnd::Expired, until);
            if policy::is_attempt(taken.get(&key).copied()) {
                self.cool(debtor_no, until.plus(UNREPORTED_COOLING));
            }
        }
        Ok(())
    }

    /// Grants a lease on a case that is placed and ranked. Granting counts as the
    /// attempt, if the lease is one.
    pub(in super::super) fn grant(&mut self, case_no: CaseNo, new: NewLease) -> LeaseRow {
        let now = self.now;
        let nonce = rand::random::<i64>();
        let entry = self.cases.get_mut(&case_no).expect("a case is in hand before it is leased");
        let row = entry.queue.as_mut().expect("a case is placed before it is leased");
        row.lease_seq += 1;
        row.lease_nonce = Some(nonce);
        let (debtor_no, lease_seq, rank) = (entry.head.debtor_no, row.lease_seq, entry.head.rank);
        // It is ranked by the active rule set, whose experiment this is.
        let experiment = self.portfolios[&entry.head.portfolio_no].rule_set.experiment();
        let arm = rank.arm.zip(experiment).map(|(arm, experiment)| ServedArm {
            experiment_id: experiment.experiment_id.clone(),
            arm,
        });
        let debtor = self.debtor_mut(debtor_no);
        debtor.lease = Some((case_no, new.until));
        if policy::is_attempt(new.taken_for) {
            debtor.record.count_attempt(now);
        }
        let lease = LeaseRow {
            case_no,
            lease_seq,
            debtor_no,
            lease_nonce: nonce,
            work_list_no: new.work_list_no,
            worker_id: new.worker_id,
            grant_time: now,
            expire_time: new.until,
            rule_set_id: rank.rule_set_id,
            rank_date: rank.rank_date,
            case_seq: rank.case_seq,
            served: Some((rank.group, rank.score, rank.priority)),
            arm,
            route: rank.route,
            case_nos: new.case_nos,
            reserved: new.reserved,
            taken_for: new.taken_for,
            end: None,
        };
        self.leases.new.push(lease.clone());
        lease
    }

    /// Moves the end of the running lease on a debtor.
    pub(in super::super) fn prolong_lease(&mut self, debtor_no: DebtorNo, until: Micros) {
        let Some((case_no, lease_seq, _)) = self.running_lease(debtor_no) else { return };
        self.debtor_mut(debtor_no).lease = Some((case_no, until));
        self.leases.prolonged.push((case_no, lease_seq, until));
    }

    /// Ends the running lease on a debtor.
    pub(in super::super) fn end_lease(&mut self, debtor_no: DebtorNo, end: LeaseEnd, at: Micros) {
        let Some((case_no, lease_seq, _)) = self.running_lease(debtor_no) else { return };
        self.debtor_mut(debtor_no).lease = None;
        self.leases.ended.push((case_no, lease_seq, end, at));
    }

    /// Leaves a debtor alone until an instant, or longer where that is so already.
    pub(in super::super) fn cool(&mut self, debtor_no: DebtorNo, until: Micros) {
        let debtor = self.debtor_mut(debtor_no);
        debtor.cool_until = debtor.cool_until.max(Some(until));
    }

    /// Ranks a case anew unless its rank is of today and of the active rule set.
    /// Its content is loaded.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(in super::super) fn freshen(&mut self, case_no: CaseNo) -> Result<(), Damage> {
        if self.is_stale(case_no) {
            self.rank(case_no)?;
        }
        Ok(())
    }

    /// Whether a case in hand was ranked on another day or by another rule set.
    pub(in super::super) fn is_stale(&self, case_no: CaseNo) -> bool {
        let Some(entry) = self.case(case_no) else { return false };
        let context = self.portfolio(entry.head.portfolio_no);
        let rank = &entry.head.rank;
        rank.rule_set_id != context.rule_set_id || rank.rank_date != context.zone.day_of(self.now)
    }
}
