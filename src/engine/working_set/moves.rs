//! Cases that leave a part, and cases that come to one.

use crate::model::{CaseNo, DebtorNo};
use crate::store::Damage;
use crate::store::cases::{CaseContent, CaseHead};
use crate::store::queue::QueueRow;
use crate::store::queue::lease::LeaseEnd;

use super::{CaseEntry, WorkingSet};

/// A case on its way to another part.
pub(in super::super) struct Leaving {
    /// Where it stood.
    pub(in super::super) head: CaseHead,
    /// The caller's id.
    pub(in super::super) case_id: String,
    content: CaseContent,
    queue: Option<QueueRow>,
}

impl Leaving {
    /// The number of the newest lease of the case; 0 before the first.
    pub(in super::super) fn lease_seq(&self) -> i64 {
        self.queue.as_ref().map_or(0, |row| row.lease_seq)
    }
}

impl WorkingSet {
    /// Lets a case go, for good: its place in the queue is free, and a lease on it ends,
    /// because whoever holds it would speak to the wrong person. Its rows are not touched.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(in super::super) fn let_go(&mut self, case_no: CaseNo) -> Result<Leaving, Damage> {
        self.check_readable(case_no)?;
        let debtor_no = self.in_hand(case_no)?.head.debtor_no;
        if self.debtor(debtor_no).lease.is_some_and(|(leased, _)| leased == case_no) {
            self.end_lease(debtor_no, LeaseEnd::Revoked, self.now);
        }
        let entry = self.cases.remove(&case_no).expect("a readable case is in hand");
        self.members.remove(&(debtor_no, case_no));
        if let Some(row) = &entry.queue_loaded {
            self.left_lanes.insert(row.lane_id);
        }
        self.left.insert(case_no, entry.head.case_seq);
        Ok(Leaving {
            head: entry.head,
            case_id: entry.case_id.expect("a readable case has its id"),
            content: entry.content.expect("a readable case has content"),
            queue: entry.queue,
        })
    }

    /// Takes a case of another part in hand, under a number of its own and as that of a
    /// debtor in hand. It goes on as it stood: its leases are numbered on, and it has waited
    /// as long.
    pub(in super::super) fn receive(
        &mut self,
        leaving: Leaving,
        (case_no, debtor_no): (CaseNo, DebtorNo),
    ) {
        let Leaving { head, case_id, content, queue } = leaving;
        let entry = CaseEntry {
            head: CaseHead { case_no, debtor_no, ..head },
            loaded: None,
            case_id: Some(case_id),
            content: Some(content),
            history_changed: true,
            document: None,
            queue: queue.map(|row| QueueRow { case_no, ..row }),
            queue_loaded: None,
        };
        self.members.insert((debtor_no, case_no));
        self.cases.insert(case_no, entry);
    }
}
