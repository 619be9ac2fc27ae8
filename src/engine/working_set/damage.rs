//! Stored data that cannot be read back. A verb goes on without it, so that one
//! damaged row keeps nobody else from being written or served; the debtor it belongs
//! to is withheld until the data can be read again, and is looked at now and then.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{CaseNo, DebtorNo, Micros};
use crate::store::queue::withhold;
use crate::store::{Damage, Tx};

use super::super::Error;
use super::{CaseEntry, WorkingSet};

/// How long a case is withheld before it is tried again: somebody may have mended
/// the data. Each try writes a line to the log.
pub(super) const TRIED_EVERY: i64 = Micros::HOUR;

/// What could not be read.
#[derive(Default)]
pub(super) struct Damaged {
    /// Debtors that cannot be taken in hand.
    debtors: BTreeMap<DebtorNo, Damage>,
    /// Cases that cannot be taken in hand, or whose content cannot be read.
    cases: BTreeMap<CaseNo, Damage>,
    /// Debtors in hand of whom something cannot be read.
    withheld: BTreeSet<DebtorNo>,
    /// Cases to be withheld that are not in hand.
    absent: BTreeSet<CaseNo>,
}

impl WorkingSet {
    /// Notes that a debtor cannot be taken in hand, and lets go of what is in hand
    /// of it.
    pub(super) fn leave_out(&mut self, debtor_no: DebtorNo, damage: Damage) {
        if !self.damaged.debtors.contains_key(&debtor_no) {
            tell(&damage);
        }
        let case_nos: Vec<CaseNo> =
            self.cases_of(debtor_no).map(|entry| entry.head.case_no).collect();
        for case_no in case_nos {
            self.cases.remove(&case_no);
            self.members.remove(&(debtor_no, case_no));
            self.damaged.cases.insert(case_no, damage.clone());
        }
        self.debtors.remove(&debtor_no);
        self.damaged.debtors.insert(debtor_no, damage);
    }

    /// Notes that a case is not in hand because its debtor was left out.
    pub(super) fn note_case_of(&mut self, debtor_no: DebtorNo, case_no: CaseNo) {
        if let Some(damage) = self.damaged.debtors.get(&debtor_no) {
            self.damaged.cases.insert(case_no, damage.clone());
        }
    }

    /// Notes that a case which was to be taken in hand is of a damaged debtor, or is
    /// damaged itself: it is withheld when the set is saved.
    pub(super) fn withhold_absent(&mut self, case_no: CaseNo, of: Option<DebtorNo>) {
        let known = of.and_then(|debtor_no| self.damaged.debtors.get(&debtor_no)).cloned();
        let damage = known.unwrap_or_else(|| {
            let damage = match of {
                Some(debtor_no) => Damage::missing("debtor", self.part, debtor_no.0),
                None => Damage::missing("case_head", self.part, case_no.0),
            };
            tell(&damage);
            damage
        });
        self.damaged.cases.insert(case_no, damage);
        self.damaged.absent.insert(case_no);
    }

    /// Notes that the content of a case in hand cannot be read: its debtor is
    /// withheld.
    pub(super) fn note_unreadable(&mut self, case_no: CaseNo, damage: Damage) {
        let Some(entry) = self.cases.get(&case_no) else { return };
        self.damaged.withheld.insert(entry.head.debtor_no);
        if self.damaged.cases.insert(case_no, damage.clone()).is_none() {
            tell(&damage);
        }
    }

    /// Whether a case is known not to be readable.
    pub(super) fn is_damaged(&self, case_no: CaseNo) -> bool {
        self.damaged.cases.contains_key(&case_no)
    }

    /// Whether a case is known to be one that cannot be taken in hand, and withheld.
    pub(super) fn is_absent(&self, case_no: CaseNo) -> bool {
        self.damaged.absent.contains(&case_no)
    }

    /// Whether a debtor is known not to be readable.
    pub(super) fn is_left_out(&self, debtor_no: DebtorNo) -> bool {
        self.damaged.debtors.contains_key(&debtor_no)
    }

    /// A case in hand.
    ///
    /// # Errors
    /// Why it is not.
    pub(in super::super) fn in_hand(&self, case_no: CaseNo) -> Result<&CaseEntry, Damage> {
        self.cases.get(&case_no).ok_or_else(|| {
            let known = self.damaged.cases.get(&case_no).cloned();
            known.unwrap_or_else(|| Damage::missing("case_head", self.part, case_no.0))
        })
    }

    /// Refuses a debtor that is not in hand.
    ///
    /// # Errors
    /// Why it is not.
    pub(in super::super) fn check_debtor(&self, debtor_no: DebtorNo) -> Result<(), Damage> {
        if self.debtors.contains_key(&debtor_no) {
            return Ok(());
        }
        let known = self.damaged.debtors.get(&debtor_no).cloned();
        Err(known.unwrap_or_else(|| Damage::missing("debtor", self.part, debtor_no.0)))
    }

    /// Refuses a case that is not in hand, or whose content could not be read.
    ///
    /// # Errors
    /// Why.
    pub(in super::super) fn check_readable(&self, case_no: CaseNo) -> Result<(), Damage> {
        if self.in_hand(case_no)?.content.is_some() {
            return Ok(());
        }
        let known = self.damaged.cases.get(&case_no).cloned();
        Err(known.unwrap_or_else(|| Damage::missing("loan_case", self.part, case_no.0)))
    }

    /// Whether something of a debtor in hand cannot be read.
    pub(in super::super) fn is_withheld(&self, debtor_no: DebtorNo) -> bool {
        self.damaged.withheld.contains(&debtor_no)
    }

    /// Until when a debtor in hand is withheld because something of it cannot be
    /// read.
    pub(super) fn unreadable_until(&self, debtor_no: DebtorNo) -> Option<Micros> {
        self.is_withheld(debtor_no).then(|| self.now.plus(TRIED_EVERY))
    }

    /// When a case in hand whose review has come is reviewed instead, because it
    /// cannot be read.
    pub(super) fn review_put_off(&self, case_no: CaseNo) -> Option<Micros> {
        let head = &self.cases.get(&case_no)?.head;
        let due = self.is_damaged(case_no) && head.review_at.is_some_and(|at| at <= self.now);
        due.then(|| self.now.plus(TRIED_EVERY))
    }

    /// Writes that cases which could not be taken in hand are withheld, so that the
    /// next claim, sweep or roll-over does not meet them again at once.
    pub(super) async fn save_withheld(&self, tx: &mut Tx) -> Result<(), Error> {
        let absent = &self.damaged.absent;
        if absent.is_empty() {
            return Ok(());
        }
        let lanes = withhold::lanes_of(tx, self.part, absent.iter().copied()).await?;
        self.engine.heads.forget(self.part, &lanes);
        let absent: Vec<CaseNo> = absent.iter().copied().collect();
        let until = self.now.plus(TRIED_EVERY);
        Ok(withhold::withhold(tx, self.part, &absent, (self.now, until)).await?)
    }
}

fn tell(damage: &Damage) {
    let Damage { table, key, why } = damage;
    tracing::error!(table, key, why, "stored data cannot be read back: the debtor is withheld");
}
