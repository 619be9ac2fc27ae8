//! The first leases of a list, of many that go by.

use crate::model::{CaseNo, DebtorNo, Part, QueueRank};
use crate::scoring::Standing;

/// A case that a list may lease early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lead {
    pub part: Part,
    pub case_no: CaseNo,
    pub debtor_no: DebtorNo,
    pub standing: Standing,
}

/// The place of a case in the order of a claim.
type Place = (QueueRank, CaseNo, Part);

/// What a list leases first by one of the rule sets, of the cases offered so far: in the
/// order of a claim, one lease a debtor. No more is kept than was asked for: who is not
/// among the first now will not be when others have come.
pub(super) struct First {
    count: usize,
    seen: u64,
    leads: Vec<(Place, Lead)>,
}

impl First {
    /// Nothing yet, and so many at most.
    pub fn new(count: usize) -> First {
        First { count, seen: 0, leads: Vec::new() }
    }

    /// How many cases were offered.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Those that are leased first, in their order.
    pub fn leads(self) -> impl Iterator<Item = Lead> {
        self.leads.into_iter().map(|(_, lead)| lead)
    }

    /// Looks at a case.
    pub fn offer(&mut self, rank: QueueRank, lead: Lead) {
        self.seen += 1;
        let place = (rank, lead.case_no, lead.part);
        let full = self.leads.len() >= self.count;
        if full && self.leads.last().is_none_or(|(last, _)| *last <= place) {
            return;
        }
        let debtor = (lead.part, lead.debtor_no);
        let known = self.leads.iter().position(|(_, one)| (one.part, one.debtor_no) == debtor);
        if let Some(known) = known {
            if self.leads[known].0 <= place {
                return;
            }
            self.leads.remove(known);
        }
        let at = self.leads.partition_point(|(before, _)| *before < place);
        self.leads.insert(at, (place, lead));
        self.leads.truncate(self.count);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use crate::model::{RecoveryGroup, Route, Stage};

    use super::*;

    fn lead((case_no, debtor_no, part): (i64, i64, i64)) -> Lead {
        let standing = Standing {
            at: 0,
            stage: Stage::M1,
            groups: [RecoveryGroup::A; 2],
            scores: [0; 2],
            priorities: [0; 2],
            arms: [None; 2],
            routes: [Route::NONE; 2],
        };
        let (case_no, debtor_no) = (CaseNo(case_no), DebtorNo(debtor_no));
        Lead { part: Part(part), case_no, debtor_no, standing }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// In whatever order they go by, the first of all are found, and no more are kept.
        #[test]
        fn the_first_of_all_are_kept_and_no_more(
            offered in proptest::collection::vec((0..9_i64, 0..12_i64, 0..2_i64), 0..120),
            count in 0..8_usize,
        ) {
            let mut first = First::new(count);
            let mut all = Vec::new();
            for (case_no, (rank, debtor_no, part)) in (1..).zip(offered) {
                let lead = lead((case_no, debtor_no, part));
                first.offer(QueueRank(rank), lead);
                prop_assert!(first.leads.len() <= count);
                all.push(((QueueRank(rank), lead.case_no, lead.part), lead));
            }
            prop_assert_eq!(first.seen(), all.len() as u64);
            all.sort_unstable_by_key(|(place, _)| *place);
            let mut debtors = HashSet::new();
            all.retain(|(_, one)| debtors.insert((one.part, one.debtor_no)));
            all.truncate(count);
            prop_assert_eq!(first.leads, all);
        }
    }
}
