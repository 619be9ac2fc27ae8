//! Replay: a case computed anew from its events alone. It must give what is
//! stored; that is what makes a rank provable afterwards.

use std::sync::Arc;

use crate::model::{
    CaseId, CaseNo, CaseState, CloseReason, Facts, History, LocalDays, Micros, Part, PortfolioId,
    PortfolioNo,
};
use crate::scoring::{CaseInput, Ranked};
use crate::store::cases::{self, CaseContent, CaseHead};
use crate::store::debtors;
use crate::store::events::replay::{PastBody, PastEvent, Reader};
use crate::store::{Damage, Lock, Tx, activations};

use super::{Caller, Engine, Error, read};

/// What the events of a case say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// The newest document.
    pub facts: Facts,
    /// What happened.
    pub history: History,
    /// The instant of the ledger as of the last event. Unchanged documents may
    /// have moved it on since; no rank depends on that.
    pub as_of: Micros,
    /// The last event.
    pub case_seq: i64,
    /// The debtor the newest document names.
    pub debtor_id: String,
}

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

/// Puts events, in their order, one on another. Whether a document closes its
/// case depends on the tolerance of the rule set of the time, which an event tells where
/// it is not that of the first one.
struct Fold<'a> {
    part: Part,
    case_no: CaseNo,
    first_tolerance_minor: i64,
    days: &'a dyn LocalDays,
    folded: Option<Folded>,
    kinds: [usize; 8],
}

impl Fold<'_> {
    fn add(&mut self, event: PastEvent) -> Result<(), Error> {
        self.kinds[kind(&event.body)] += 1;
        let tolerance_minor = event.tolerance_amount_minor.unwrap_or(self.first_tolerance_minor);
        let folded = match (&mut self.folded, event.body) {
            (known, PastBody::Facts { facts, debtor_id, .. }) => {
                let old = known.take();
                let mut history = old.as_ref().map(|old| old.history.clone()).unwrap_or_default();
                let before = old.as_ref().map(|old| &old.facts);
                let day = self.days.day_of(event.ledger_as_of);
                history.take_document(before, &facts, (tolerance_minor, day));
                known.insert(Folded {
                    facts: *facts,
                    history,
                    as_of: event.ledger_as_of,
                    case_seq: event.case_seq,
                    debtor_id,
                })
            }
            (Some(folded), body) => {
                apply(folded, body, event.ledger_as_of, (tolerance_minor, self.days));
                folded
            }
            (None, _) => {
                let why = "the case does not begin with a document";
                return Err(Damage::of("case_event", self.part, self.case_no.0, why).into());
            }
        };
        folded.as_of = event.ledger_as_of;
        folded.case_seq = event.case_seq;
        Ok(())
    }
}

fn kind(body: &PastBody) -> usize {
    match body {
        PastBody::Facts { .. } => 0,
        PastBody::Payment(_) => 1,
        PastBody::Reversal { .. } => 2,
        PastBody::Hold(_) => 3,
        PastBody::Lift(_) => 4,
        PastBody::AsOf => 5,
        PastBody::Attempt(_) => 6,
        PastBody::Promise(_) => 7,
    }
}

/// Applies an event that is no document.
fn apply(folded: &mut Folded, event: PastBody, as_of: Micros, by: (i64, &dyn LocalDays)) {
    let (tolerance_minor, days) = by;
    let history = &mut folded.history;
    match event {
        PastBody::Payment(payment) => {
            history.pay(payment);
            history.keep_promises(&folded.facts, as_of, (tolerance_minor, days));
        }
        PastBody::Reversal { payment_event_id, reversed } => {
            let payment = (payment_event_id.as_str(), reversed);
            history.take_back(payment, &folded.facts, as_of, (tolerance_minor, days));
        }
        PastBody::Hold(hold) => history.hold(hold),
        PastBody::Lift(event_id) => history.lift(&event_id),
        PastBody::Attempt(attempt) => history.attempt(attempt),
        PastBody::Promise(promise) => {
            let today = days.day_of(promise.event_time);
            history.promise(promise, today);
        }
        PastBody::Facts { .. } | PastBody::AsOf => {}
    }
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
    let part = engine.part_of_case(caller, &portfolio_id, &case_id).await?;
    let mut tx = engine.store.read().await?;
    let context = engine.context_by_id(&mut tx, part, &portfolio_id).await?;
    let head = read::find(&mut tx, part, &context, &case_id).await?.head;
    let rule_set = engine.rule_set(&mut tx, part, head.rank.rule_set_id).await?;
    let mut fold = Fold {
        part,
        case_no: head.case_no,
        first_tolerance_minor: first_tolerance(&mut tx, part, head.portfolio_no).await?,
        days: &context.zone,
        folded: None,
        kinds: [0; 8],
    };
    let mut reader = Reader::new(part, head.case_no);
    loop {
        let page = reader.next_page(&mut tx).await?;
        if page.is_empty() {
            break;
        }
        for event in page {
            fold.add(event)?;
        }
    }
    let missing = |table, number| Damage::missing(table, part, number);
    let folded = fold.folded.ok_or_else(|| missing("case_event", head.case_no.0))?;
    let (_, content) = cases::load_content_of(&mut tx, part, head.case_no).await?;
    let debtors = debtors::load(&mut tx, part, [head.debtor_no], Lock::None).await?;
    let debtor = debtors.into_iter().next();
    let debtor = debtor.ok_or_else(|| missing("debtor", head.debtor_no.0))?.read?;
    let ranked = rule_set.rank(&CaseInput {
        facts: &folded.facts,
        history: &folded.history,
        as_of: folded.as_of,
        case_seq: folded.case_seq,
        today: head.rank.rank_date,
        days: &context.zone,
    });
    let kinds = fold.kinds;
    Ok(Replay { folded, ranked, kinds, head, content, debtor_id: debtor.debtor_id })
}

/// The tolerance of the rule set that ranked a portfolio at first.
async fn first_tolerance(tx: &mut Tx, part: Part, number: PortfolioNo) -> Result<i64, Error> {
    let first = activations::list(tx, part, number, 2, 1).await?;
    let missing = || Damage::missing("activation", part, number.0);
    let first = first.first().ok_or_else(missing)?.rule_set_id;
    let content = activations::load_rule_set(tx, part, first).await?;
    Ok(content.ranking.tolerance_amount_minor)
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

    /// Everything in which the case as stored differs from the case as computed
    /// anew: the field, what is stored, what was computed. Empty = proven.
    pub fn differences(&self) -> Vec<String> {
        let (head, ranked, folded) = (&self.head, &self.ranked, &self.folded);
        let mut found = Vec::new();
        macro_rules! compare {
            ($($name:literal: $stored:expr, $computed:expr;)+) => {$(
                if $stored != $computed {
                    let name = $name;
                    found.push(format!("{name}: stored {:?}, computed {:?}", $stored, $computed));
                }
            )+};
        }
        compare! {
            "facts": self.content.facts, folded.facts;
            "history": self.content.history, folded.history;
            "case_seq": head.case_seq, folded.case_seq;
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
