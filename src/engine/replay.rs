//! Replay: a case computed anew from its events alone. It must give what is
//! stored; that is what makes a rank provable afterwards.

use std::sync::Arc;

use crate::model::{CaseId, CaseNo, CaseState, CloseReason, Day, Part, PortfolioId, Rank};
use crate::scoring::{CaseInput, Ranked};
use crate::store::cases::{self, CaseContent, CaseHead};
use crate::store::debtors::{self, Debtor};
use crate::store::queue::lease::LeaseRow;
use crate::store::{Damage, Lock, Tx};

use super::audit::note_read;
use super::context::PortfolioContext;
use super::fold::Folder;
use super::page::PageToken;
use super::stays::{self, FoundCase};
use super::{Caller, Engine, Error, ItemError};

pub use super::fold::Folded;

/// A case as stored and as computed anew.
#[derive(Clone, Debug)]
pub struct Replay {
    /// From the events.
    pub folded: Folded,
    /// Ranked from `folded`, as of the day of the stored rank and by its rule set.
    pub ranked: Ranked,
    /// How many events there are of each kind, by the number of the kind less one.
    pub kinds: [usize; 8],
    head: CaseHead,
    content: CaseContent,
    debtor_id: String,
}

/// A case and all that was served of it, computed anew.
#[derive(Clone, Debug)]
pub struct CaseReplay {
    /// The rank as stored.
    pub stored_rank: Rank,
    /// The case as stored and as computed anew; or why that cannot be computed any more.
    pub now: Result<Replay, ItemError>,
    /// A page of the leases, by their numbers.
    pub leases: Vec<ReplayedLease>,
    /// The token of the next page.
    pub next_page_token: String,
}

/// A lease and what the case it was of is ranked as, computed anew.
#[derive(Clone, Debug)]
pub struct ReplayedLease {
    /// The lease, with the rank that was served.
    pub lease: LeaseRow,
    /// From the events that the lease knew, by its rule set and as of its day; or why
    /// that cannot be computed any more.
    pub recomputed: Result<Rank, ItemError>,
}

/// Computes a case anew from its events, in one view of the database.
///
/// # Errors
/// `NotFound`; `FeatureVersionRetired` where the rank's rule set can no longer be
/// computed; what the store says of events that cannot be read.
pub async fn replay_case(
    engine: &Arc<Engine>,
    caller: &Caller,
    portfolio_id: PortfolioId,
    case_id: CaseId,
) -> Result<Replay, Error> {
    let found = engine.find_case(caller, (&portfolio_id, &case_id)).await?;
    let FoundCase { mut tx, context, known } = found;
    let (part, head) = (context.part, known.head);
    let folder = Folder::new(&mut tx, &context, &head).await?;
    let debtor = debtor_of(&mut tx, part, &head).await?;
    replay(engine, &mut tx, (&context, head, &debtor), folder).await
}

/// The same, and a page of all leases ever granted of the case, each with its rank
/// computed anew. What can no longer be computed fails by itself. It is audited.
///
/// # Errors
/// `NotFound`; `PageTokenMalformed`, `PageTokenMismatch`; what the store says of events
/// that cannot be read.
pub async fn replay_leases(
    engine: &Arc<Engine>,
    caller: &Caller,
    (portfolio_id, case_id): (PortfolioId, CaseId),
    (page_size, token): (usize, &str),
) -> Result<CaseReplay, Error> {
    let names = [caller.tenant.as_str(), portfolio_id.as_str(), case_id.as_str()];
    let request = PageToken::request("replay", &names);
    let after = PageToken::read_number(token, request)?;
    let found = engine.find_case(caller, (&portfolio_id, &case_id)).await?;
    let FoundCase { mut tx, context, known } = found;
    let (part, head) = (context.part, known.head);
    let case_no = head.case_no;
    let limits = (after, page_size + 1);
    let mut leases = stays::leases_of_case(&mut tx, (part, case_no), limits).await?;
    let next = PageToken::cut(&mut leases, page_size, request, |last| last.lease_seq.to_string());
    let mut folder = Folder::new(&mut tx, &context, &head).await?;
    let mut replayed = Vec::with_capacity(leases.len());
    for lease in leases {
        let recomputed = rank_of(engine, &mut tx, &context, (&mut folder, &lease)).await?;
        replayed.push(ReplayedLease { lease, recomputed });
    }
    let debtor = debtor_of(&mut tx, part, &head).await?;
    let stored_rank = head.rank;
    let now = replay(engine, &mut tx, (&context, head, &debtor), folder).await;
    let now = now.map(Ok).or_else(|error| uncomputable(error).map(Err))?;
    drop(tx);
    note_read(engine, caller, (part, case_no, debtor.salt), ("replay", after)).await?;
    Ok(CaseReplay { stored_rank, now, leases: replayed, next_page_token: next })
}

/// That a rank cannot be computed any more, because its rule set cannot; other failures
/// are those of the call.
fn uncomputable(error: Error) -> Result<ItemError, Error> {
    match error {
        Error::FeatureVersionRetired(version) => Ok(ItemError::FeatureVersionRetired(version)),
        other => Ok(ItemError::Unreadable(other.into_damage()?)),
    }
}

/// The debtor of a case.
pub(super) async fn debtor_of(tx: &mut Tx, part: Part, head: &CaseHead) -> Result<Debtor, Error> {
    let debtors = debtors::load(tx, part, [head.debtor_no], Lock::None).await?;
    let missing = || Damage::missing("debtor", part, head.debtor_no.0);
    Ok(debtors.into_iter().next().ok_or_else(missing)?.read?)
}

/// The rank of the case of a lease, from the events that the lease knew.
async fn rank_of(
    engine: &Engine,
    tx: &mut Tx,
    context: &PortfolioContext,
    (folder, lease): (&mut Folder<'_>, &LeaseRow),
) -> Result<Result<Rank, ItemError>, Error> {
    let rule_set = match engine.rule_set(tx, context.part, lease.rule_set_id).await {
        Ok(rule_set) => rule_set,
        Err(error) => return Ok(Err(uncomputable(error)?)),
    };
    let folded = folder.up_to_event(tx, lease.case_seq).await?;
    Ok(Ok(rule_set.rank(&input(folded, lease.rank_date, context)).rank))
}

fn input<'a>(folded: &'a Folded, today: Day, context: &'a PortfolioContext) -> CaseInput<'a> {
    let Folded { facts, history, debtor_id, as_of, case_seq, .. } = folded;
    let days = &context.zone;
    CaseInput { facts, history, debtor_id, as_of: *as_of, case_seq: *case_seq, today, days }
}

/// Folds what is left and compares it with what is stored.
async fn replay(
    engine: &Engine,
    tx: &mut Tx,
    (context, head, debtor): (&PortfolioContext, CaseHead, &Debtor),
    folder: Folder<'_>,
) -> Result<Replay, Error> {
    let rule_set = engine.rule_set(tx, context.part, head.rank.rule_set_id).await?;
    let (folded, kinds) = folder.fold_all(tx).await?;
    let (_, content) = cases::load_content_of(tx, context.part, head.case_no).await?;
    let ranked = rule_set.rank(&input(&folded, head.rank.rank_date, context));
    Ok(Replay { folded, ranked, kinds, head, content, debtor_id: debtor.debtor_id.clone() })
}

impl ReplayedLease {
    /// Whether what was served is what is computed; nothing where it was not stored or
    /// cannot be computed.
    pub fn equal(&self) -> Option<bool> {
        Some(self.lease.rank()? == *self.recomputed.as_ref().ok()?)
    }
}

impl Replay {
    /// The service's number of the case.
    pub fn case_no(&self) -> CaseNo {
        self.head.case_no
    }

    /// The state and, if it is closed, why, as stored.
    pub fn state(&self) -> (CaseState, Option<CloseReason>) {
        (self.head.state, self.head.close_reason)
    }

    /// The names of everything in which the case as stored differs from the case as
    /// computed anew. Empty = proven.
    pub fn differing_fields(&self) -> Vec<&'static str> {
        self.compared().into_iter().map(|(name, _)| name).collect()
    }

    /// The same: the field, what is stored, what was computed.
    pub fn differences(&self) -> Vec<String> {
        self.compared().into_iter().map(|(name, text)| format!("{name}: {text}")).collect()
    }

    fn compared(&self) -> Vec<(&'static str, String)> {
        let (head, ranked, folded) = (&self.head, &self.ranked, &self.folded);
        let mut found = Vec::new();
        macro_rules! compare {
            ($($name:literal: $stored:expr, $computed:expr;)+) => {$(
                if $stored != $computed {
                    let text = format!("stored {:?}, computed {:?}", $stored, $computed);
                    found.push(($name, text));
                }
            )+};
        }
        compare! {
            "facts": self.content.facts, folded.facts;
            "history": self.content.history, folded.history;
            "case_seq": head.case_seq, folded.case_seq;
            "record_time": head.record_time, folded.record_time;
            "debtor_id": self.debtor_id, folded.debtor_id;
            "rank": head.rank, ranked.rank;
            "state": head.state, ranked.state;
            "close_reason": head.close_reason, ranked.close_reason;
            "stage": head.stage, ranked.stage;
            "overdue_amount_minor": head.overdue_amount_minor, ranked.served.overdue_amount_minor;
            "oldest_due_date": head.oldest_due_date, ranked.served.oldest_due_date;
            "absorb_at": head.absorb_at, ranked.served.absorb_at;
        }
        found
    }
}
