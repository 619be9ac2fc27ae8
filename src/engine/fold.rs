//! Putting the events of a case one on another, up to any of them.

use std::collections::VecDeque;

use crate::model::{CaseNo, Facts, History, LocalDays, Micros, Part, PortfolioNo};
use crate::policy::Zone;
use crate::store::cases::{CaseContent, CaseHead};
use crate::store::events::replay::{PastBody, PastEvent, Reader};
use crate::store::{Damage, Tx, activations};

use super::Error;
use super::context::PortfolioContext;

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
    /// When the last event was recorded.
    pub record_time: Micros,
    /// The debtor the newest document names.
    pub debtor_id: String,
}

/// How far to fold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    /// Up to an event, by its number.
    Event(i64),
    /// Up to the last event recorded at an instant or before. Record times never fall, so
    /// that is one prefix of the events.
    Time(Micros),
    /// All there are.
    Last,
}

/// Folds the events of a case as far as asked, and farther when asked again. Each is
/// read once, from the first on: the history is kept nowhere but at its end.
pub(super) struct Folder<'a> {
    reader: Reader,
    /// What was read and is not folded.
    ahead: VecDeque<PastEvent>,
    fold: Fold<'a>,
}

impl<'a> Folder<'a> {
    /// Begins before the first event of a case.
    pub(super) async fn new(
        tx: &mut Tx,
        context: &'a PortfolioContext,
        head: &CaseHead,
    ) -> Result<Folder<'a>, Error> {
        let part = context.part;
        let fold = Fold {
            part,
            case_no: head.case_no,
            first_tolerance_minor: first_tolerance(tx, part, head.portfolio_no).await?,
            days: &context.zone,
            folded: None,
            kinds: [0; 8],
        };
        Ok(Folder { reader: Reader::new(part, head.case_no), ahead: VecDeque::new(), fold })
    }

    /// When the first event was recorded, and the instant its document speaks of.
    ///
    /// # Errors
    /// `Corrupt` where there is none.
    pub(super) async fn first(&mut self, tx: &mut Tx) -> Result<(Micros, Micros), Error> {
        debug_assert!(self.fold.folded.is_none(), "the first event is folded already");
        self.read_on(tx).await?;
        let first = self.ahead.front().ok_or_else(|| self.missing())?;
        Ok((first.record_time, first.ledger_as_of))
    }

    /// Folds on; nothing where no event lies so early.
    pub(super) async fn to(&mut self, tx: &mut Tx, until: Until) -> Result<Option<&Folded>, Error> {
        loop {
            self.read_on(tx).await?;
            let reached = |event: &mut PastEvent| match until {
                Until::Event(case_seq) => event.case_seq <= case_seq,
                Until::Time(at) => event.record_time <= at,
                Until::Last => true,
            };
            match self.ahead.pop_front_if(reached) {
                Some(event) => self.fold.add(event)?,
                None => return Ok(self.fold.folded.as_ref()),
            }
        }
    }

    /// Folds up to an event that somebody's row names.
    ///
    /// # Errors
    /// `Corrupt` where it is missing.
    pub(super) async fn up_to_event(
        &mut self,
        tx: &mut Tx,
        case_seq: i64,
    ) -> Result<&Folded, Error> {
        let missing = self.missing();
        let folded = self.to(tx, Until::Event(case_seq)).await?;
        Ok(folded.filter(|folded| folded.case_seq == case_seq).ok_or(missing)?)
    }

    /// Folds all events.
    ///
    /// # Errors
    /// `Corrupt` where there is none.
    pub(super) async fn fold_all(mut self, tx: &mut Tx) -> Result<(Folded, [usize; 8]), Error> {
        self.to(tx, Until::Last).await?;
        let missing = self.missing();
        Ok((self.fold.folded.ok_or(missing)?, self.fold.kinds))
    }

    async fn read_on(&mut self, tx: &mut Tx) -> Result<(), Error> {
        if self.ahead.is_empty() {
            self.ahead = self.reader.next_page(tx).await?.into();
        }
        Ok(())
    }

    fn missing(&self) -> Damage {
        Damage::missing("case_event", self.fold.part, self.fold.case_no.0)
    }
}

impl Folded {
    /// What the case is ranked from.
    pub(super) fn content(&self) -> CaseContent {
        CaseContent { facts: self.facts.clone(), history: self.history.clone() }
    }
}

/// Puts events, in their order, one on another. Whether a document closes its
/// case depends on the tolerance of the rule set of the time, which an event tells where
/// it is not that of the first one.
struct Fold<'a> {
    part: Part,
    case_no: CaseNo,
    first_tolerance_minor: i64,
    days: &'a Zone,
    folded: Option<Folded>,
    kinds: [usize; 8],
}

impl Fold<'_> {
    fn add(&mut self, event: PastEvent) -> Result<(), Error> {
        self.kinds[kind(&event.body)] += 1;
        let tolerance_minor = event.tolerance_amount_minor.unwrap_or(self.first_tolerance_minor);
        let folded = match (&mut self.folded, event.body) {
            (known, PastBody::Facts { facts, debtor_id, .. }) => {
                let old = known.take().map(|old| (old.facts, old.history));
                let (before, mut history) = old.unzip();
                let history = history.get_or_insert_default();
                let day = self.days.day_of(event.ledger_as_of);
                history.take_document(before.as_ref(), &facts, (tolerance_minor, day));
                known.insert(Folded {
                    facts: *facts,
                    history: std::mem::take(history),
                    as_of: event.ledger_as_of,
                    case_seq: event.case_seq,
                    record_time: event.record_time,
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
        folded.record_time = event.record_time;
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

/// The tolerance of the rule set that ranked a portfolio at first.
async fn first_tolerance(tx: &mut Tx, part: Part, number: PortfolioNo) -> Result<i64, Error> {
    let first = activations::list(tx, part, number, 2, 1).await?;
    let missing = || Damage::missing("activation", part, number.0);
    let first = first.first().ok_or_else(missing)?.rule_set_id;
    let content = activations::load_rule_set(tx, part, first).await?;
    Ok(content.ranking.tolerance_amount_minor)
}
