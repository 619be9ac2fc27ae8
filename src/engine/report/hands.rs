//! What a report has in hand: the debtors of its leases, with their cases, and cases of
//! their work items that were given to debtors of other parts since.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::{CaseNo, DebtorNo, Part};
use crate::store::Tx;

use super::super::Error;
use super::super::lease::LeaseToken;
use super::super::lease::token::Leases;
use super::super::stays::{self, Gone};
use super::super::working_set::{WorkingSet, WorkingSets};

/// Working sets, and where the cases of leases are in them. Cases are named by the numbers
/// that leases know them by.
pub(super) struct Hands<'a> {
    sets: &'a mut WorkingSets,
    /// The part in which the leases were granted.
    home: Part,
    gone: HashMap<CaseNo, Gone>,
}

impl<'a> Hands<'a> {
    /// Takes in hand what reports on some leases of a part speak of. Cases may have left it
    /// only where the tenant is spread.
    pub(super) async fn take(
        sets: &'a mut WorkingSets,
        tx: &mut Tx,
        (home, spread): (Part, bool),
        tokens: &[LeaseToken],
    ) -> Result<(Hands<'a>, Leases), Error> {
        let leases = Leases::read(tx, home, tokens).await?;
        let spoken_of: BTreeSet<CaseNo> =
            leases.iter().flat_map(|lease| lease.case_nos.iter().copied()).collect();
        let found = match spread {
            true => stays::gone(tx, home, spoken_of).await?,
            false => HashMap::new(),
        };
        let looked_up: BTreeSet<CaseNo> = found.keys().copied().collect();
        // One that cannot be found is not in hand.
        let gone: HashMap<CaseNo, Gone> =
            found.into_iter().filter_map(|(case_no, gone)| Some((case_no, gone.ok()?))).collect();
        let called: BTreeSet<DebtorNo> = leases.iter().map(|lease| lease.debtor_no).collect();
        let mut debtors: BTreeMap<Part, BTreeSet<DebtorNo>> = BTreeMap::from([(home, called)]);
        for Gone { lives_in, debtor_no, .. } in gone.values() {
            debtors.entry(*lives_in).or_default().insert(*debtor_no);
        }
        // Each at its turn, with those that the home part finds out then.
        let mut home_leases = Some(leases);
        let mut in_hand = None;
        for (part, debtor_nos) in debtors {
            sets.of(part).load_debtors(tx, debtor_nos).await?;
            if let Some(leases) = home_leases.take_if(|_| part == home) {
                in_hand = Some(Leases::of(sets.of(home), tx, leases).await?);
            }
        }
        let leases = in_hand.ok_or_else(|| Error::Internal("a report has no home".to_owned()))?;
        if leases.gone().any(|case_no| !looked_up.contains(&case_no)) {
            return Err(tx.conflict("a case was given to a debtor of another part").into());
        }
        let mut portfolios = BTreeSet::new();
        for Gone { lives_in, case_no, debtor_no, stay } in gone.values() {
            sets.of(*lives_in).check_members(tx, [(*case_no, *debtor_no)])?;
            sets.of(*lives_in).load_content(tx, [*case_no]).await?;
            portfolios.insert(stay.portfolio_no);
        }
        sets.of(home).load_portfolios(tx, portfolios).await?;
        Ok((Hands { sets, home, gone }, leases))
    }

    /// The set of the part in which the leases were granted.
    pub(super) fn home(&mut self) -> &mut WorkingSet {
        self.sets.of(self.home)
    }

    /// The set that has a case, and its number there.
    pub(super) fn of(&mut self, case_no: CaseNo) -> (&mut WorkingSet, CaseNo) {
        match self.gone.get(&case_no) {
            Some(gone) => (self.sets.of(gone.lives_in), gone.case_no),
            None => (self.sets.of(self.home), case_no),
        }
    }

    /// Cases that live in other parts now.
    pub(super) fn gone(&self) -> &HashMap<CaseNo, Gone> {
        &self.gone
    }
}
