//! Taking debtors in hand, with all that belongs to them. A debtor of whom a row is
//! missing or makes no sense is left out; the others are not touched by that.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::{CaseNo, DebtorNo, PortfolioNo};
use crate::policy::ZoneSet;
use crate::store::cases::{self, CaseHead};
use crate::store::debtors::{self, FoundDebtor};
use crate::store::queue::QueueRow;
use crate::store::{Damage, Lock, Tx, case_stays, lanes};

use super::super::Error;
use super::{CaseEntry, DebtorEntry, WorkingSet};

impl WorkingSet {
    /// Takes portfolios in hand, as this transaction sees them.
    ///
    /// # Errors
    /// `Corrupt` for one that is not stored.
    pub(in super::super) async fn load_portfolios(
        &mut self,
        tx: &mut Tx,
        numbers: impl IntoIterator<Item = PortfolioNo>,
    ) -> Result<(), Error> {
        let missing: BTreeSet<PortfolioNo> =
            numbers.into_iter().filter(|number| !self.portfolios.contains_key(number)).collect();
        if !missing.is_empty() {
            for context in self.engine.contexts_by_no(tx, self.part, &missing).await? {
                self.add_portfolio(context);
            }
        }
        Ok(())
    }

    /// Takes in hand those portfolios that can be read; returns what is wrong with
    /// the others.
    async fn load_readable_portfolios(
        &mut self,
        tx: &mut Tx,
        numbers: BTreeSet<PortfolioNo>,
    ) -> Result<BTreeMap<PortfolioNo, Damage>, Error> {
        let mut unread = BTreeMap::new();
        if let Err(error) = self.load_portfolios(tx, numbers.iter().copied()).await {
            error.into_damage()?;
            for number in numbers {
                if let Err(error) = self.load_portfolios(tx, [number]).await {
                    unread.insert(number, error.into_damage()?);
                }
            }
        }
        Ok(unread)
    }

    /// From now on, debtors that another transaction has are passed over: claims and
    /// sweeps find others, or come again.
    pub(in super::super) fn skip_locked(&mut self) {
        self.skips = true;
    }

    /// A transaction waits for debtors once, all in one order, before it has any: two
    /// can then never wait for each other.
    fn lock(&self) -> Lock {
        if self.skips || !self.debtors.is_empty() { Lock::Skip } else { Lock::Wait }
    }

    /// Which of these debtors, of whom nothing could be taken in hand, are there all the
    /// same: another transaction has them, or they had other cases a moment ago.
    ///
    /// # Errors
    /// `Conflict` where they cannot be passed over.
    async fn passed_over(
        &mut self,
        tx: &mut Tx,
        debtor_nos: BTreeSet<DebtorNo>,
    ) -> Result<BTreeSet<DebtorNo>, Error> {
        if !tx.is_shared() || debtor_nos.is_empty() {
            return Ok(BTreeSet::new());
        }
        let there = debtors::load(tx, self.part, debtor_nos, Lock::None).await?;
        let there: BTreeSet<DebtorNo> = there.into_iter().map(|one| one.debtor_no).collect();
        if !there.is_empty() && !self.skips {
            return Err(tx.conflict("another transaction has a debtor").into());
        }
        self.busy.extend(&there);
        Ok(there)
    }

    /// Makes sure that cases are of the debtors they were of before these were taken in
    /// hand.
    ///
    /// # Errors
    /// `Conflict` where one is not, because another transaction was first.
    pub(in super::super) fn check_members(
        &self,
        tx: &mut Tx,
        members: impl IntoIterator<Item = (CaseNo, DebtorNo)>,
    ) -> Result<(), Error> {
        let gone = |(case_no, debtor_no): (CaseNo, DebtorNo)| {
            self.debtors.contains_key(&debtor_no) && !self.members.contains(&(debtor_no, case_no))
        };
        if tx.is_shared() && members.into_iter().any(gone) {
            return Err(tx.conflict("a case was given to another debtor").into());
        }
        Ok(())
    }

    /// Loads debtors with all their cases and places in the queue.
    pub(in super::super) async fn load_debtors(
        &mut self,
        tx: &mut Tx,
        debtor_nos: impl IntoIterator<Item = DebtorNo>,
    ) -> Result<(), Error> {
        let missing: BTreeSet<DebtorNo> = debtor_nos
            .into_iter()
            .filter(|no| !self.debtors.contains_key(no) && !self.is_left_out(*no))
            .filter(|no| !self.busy.contains(no))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let loaded = debtors::load(tx, self.part, missing.iter().copied(), self.lock()).await?;
        let found: BTreeSet<DebtorNo> = loaded.iter().map(|debtor| debtor.debtor_no).collect();
        self.take_debtors(tx, loaded).await?;
        let lost: BTreeSet<DebtorNo> = missing.difference(&found).copied().collect();
        let busy = self.passed_over(tx, lost.clone()).await?;
        let lost: Vec<DebtorNo> = lost.difference(&busy).copied().collect();
        for debtor_no in &lost {
            self.leave_out(*debtor_no, Damage::missing("debtor", self.part, debtor_no.0));
        }
        self.note_cases_of(tx, lost).await
    }

    /// Notes whose fault it is that the cases of debtors who were left out are not in
    /// hand.
    async fn note_cases_of(&mut self, tx: &mut Tx, left_out: Vec<DebtorNo>) -> Result<(), Error> {
        if !left_out.is_empty() {
            for (debtor_no, case_no, _) in
                cases::load_of_debtors(tx, self.part, left_out, Lock::None).await?
            {
                self.note_case_of(debtor_no, case_no);
            }
        }
        Ok(())
    }

    /// Loads the debtors of cases, with all their cases. Those that cannot be taken
    /// in hand are withheld.
    pub(in super::super) async fn load_debtors_of(
        &mut self,
        tx: &mut Tx,
        case_nos: impl IntoIterator<Item = CaseNo>,
    ) -> Result<(), Error> {
        let missing: Vec<CaseNo> = case_nos
            .into_iter()
            .filter(|no| !self.cases.contains_key(no) && !self.is_absent(*no))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut loaded =
            debtors::load_of_cases(tx, self.part, missing.iter().copied(), self.lock()).await?;
        loaded.retain(|debtor| {
            let known = debtor.debtor_no;
            !self.debtors.contains_key(&known) && !self.is_left_out(known)
        });
        self.take_debtors(tx, loaded).await?;
        let lost: Vec<CaseNo> =
            missing.into_iter().filter(|case_no| !self.cases.contains_key(case_no)).collect();
        if !lost.is_empty() {
            let debtor_of = cases::debtors_of(tx, self.part, lost.iter().copied()).await?;
            let unknown =
                |of: &&DebtorNo| !self.debtors.contains_key(of) && !self.is_left_out(**of);
            let others = debtor_of.values().filter(unknown).copied().collect();
            let busy = self.passed_over(tx, others).await?;
            let unknown: Vec<CaseNo> =
                lost.iter().filter(|no| !debtor_of.contains_key(no)).copied().collect();
            let mut gone = match unknown.is_empty() {
                true => HashMap::new(),
                false => case_stays::load(tx, self.part, unknown).await?,
            };
            gone.retain(|_, stay| stay.leave_time.is_some());
            // What has gone to another part since it was found is not lost.
            for case_no in lost.into_iter().filter(|case_no| !gone.contains_key(case_no)) {
                let of = debtor_of.get(&case_no).copied();
                if of.is_none_or(|debtor_no| !busy.contains(&debtor_no)) {
                    self.withhold_absent(case_no, of);
                }
            }
        }
        Ok(())
    }

    /// Takes loaded debtors in hand, with all their cases.
    pub(in super::super) async fn take_debtors(
        &mut self,
        tx: &mut Tx,
        loaded: Vec<FoundDebtor>,
    ) -> Result<(), Error> {
        let mut taken = Vec::with_capacity(loaded.len());
        let mut left_out = Vec::new();
        for FoundDebtor { debtor_no, read, .. } in loaded {
            match read {
                Ok(debtor) => {
                    let entry = DebtorEntry { loaded: Some(debtor.clone()), debtor };
                    self.debtors.entry(debtor_no).or_insert(entry);
                    taken.push(debtor_no);
                }
                Err(damage) => {
                    self.leave_out(debtor_no, damage);
                    left_out.push(debtor_no);
                }
            }
        }
        self.note_cases_of(tx, left_out).await?;
        if taken.is_empty() {
            return Ok(());
        }
        let mut damaged: BTreeMap<DebtorNo, Damage> = BTreeMap::new();
        let mut rows: Vec<(CaseHead, Option<QueueRow>)> = Vec::new();
        let mut members = Vec::new();
        for (debtor_no, case_no, read) in
            cases::load_of_debtors(tx, self.part, taken.iter().copied(), Lock::Wait).await?
        {
            match read {
                Ok(row) => rows.push(row),
                Err(damage) => {
                    damaged.entry(debtor_no).or_insert(damage);
                    members.push((debtor_no, case_no));
                }
            }
        }
        let portfolio_nos = rows.iter().map(|(head, _)| head.portfolio_no).collect();
        let unread = self.load_readable_portfolios(tx, portfolio_nos).await?;
        for (head, row) in rows {
            if let Some(damage) = unread.get(&head.portfolio_no) {
                damaged.entry(head.debtor_no).or_insert(damage.clone());
                members.push((head.debtor_no, head.case_no));
                continue;
            }
            self.members.insert((head.debtor_no, head.case_no));
            self.cases.entry(head.case_no).or_insert_with(|| CaseEntry::stored(head, row));
        }
        self.learn_lanes(tx).await?;
        self.learn_zone_sets(tx).await?;
        for debtor_no in taken {
            let lost = damaged.remove(&debtor_no).or_else(|| self.lost_by(debtor_no));
            if let Some(damage) = lost {
                self.leave_out(debtor_no, damage);
            }
        }
        for (debtor_no, case_no) in members {
            self.note_case_of(debtor_no, case_no);
        }
        self.expire_leases(tx).await
    }

    /// A row that a debtor in hand or one of its cases speaks of and that is not
    /// there.
    fn lost_by(&self, debtor_no: DebtorNo) -> Option<Damage> {
        let debtor = self.debtor(debtor_no);
        if let Err(damage) = self.zone_set(debtor.zone_set_id) {
            return Some(damage);
        }
        let leased = debtor.lease.map(|(case_no, _)| case_no);
        if let Some(case_no) = leased.filter(|case_no| !self.cases.contains_key(case_no)) {
            return Some(Damage::missing("case_head", self.part, case_no.0));
        }
        let mut lanes = self.cases_of(debtor_no).map(|entry| entry.head.lane_id);
        let lane_id = lanes.find(|lane_id| self.lane(*lane_id).is_none())?;
        Some(Damage::missing("lane", self.part, lane_id))
    }

    /// Loads the lanes that another transaction wrote a moment ago: the directory
    /// hears of them only once they are durable.
    async fn learn_lanes(&mut self, tx: &mut Tx) -> Result<(), Error> {
        let ids: BTreeSet<i64> = self.cases.values().map(|entry| entry.head.lane_id).collect();
        let missing: Vec<i64> = ids.into_iter().filter(|id| self.lane(*id).is_none()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        for lane in lanes::load_lanes(tx, self.part, missing).await? {
            self.known_lanes.insert(lane.lane_id(), lane);
        }
        Ok(())
    }

    /// Likewise the zone sets.
    async fn learn_zone_sets(&mut self, tx: &mut Tx) -> Result<(), Error> {
        let ids: BTreeSet<i64> = self.debtors().map(|debtor| debtor.zone_set_id).collect();
        let missing: Vec<i64> = ids.into_iter().filter(|id| self.zone_set(*id).is_err()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        for (id, names) in lanes::load_zone_sets(tx, self.part, missing).await? {
            let zones = ZoneSet::stored(names.iter().map(String::as_str));
            self.known_zone_sets.insert(id, Arc::new(zones));
        }
        Ok(())
    }

    /// Loads what cases in hand are ranked from. What cannot be read is noted, and
    /// every change of such a case is refused.
    pub(in super::super) async fn load_content(
        &mut self,
        tx: &mut Tx,
        case_nos: impl IntoIterator<Item = CaseNo>,
    ) -> Result<(), Error> {
        let missing: Vec<CaseNo> = case_nos
            .into_iter()
            .filter(|no| self.cases.get(no).is_some_and(|entry| entry.content.is_none()))
            .filter(|no| !self.is_damaged(*no))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let loaded: HashMap<_, _> = cases::load_content(tx, self.part, missing).await?;
        for (case_no, read) in loaded {
            match (read, self.cases.get_mut(&case_no)) {
                (Ok((case_id, content)), Some(entry)) => {
                    entry.case_id = Some(case_id);
                    entry.content = Some(content);
                }
                (Err(damage), _) => self.note_unreadable(case_no, damage),
                (Ok(_), None) => {}
            }
        }
        Ok(())
    }
}
