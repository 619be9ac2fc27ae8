//! Pushing a night: documents in, ranked cases out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{
    CaseId, CaseState, DebtorId, Facts, Micros, Part, PortfolioId, Rank, Violations,
};
use crate::store::Class;

use super::spread::{Items, values};
use super::working_set::WorkingSets;
use super::{Caller, Engine, Error, ItemError};

mod decide;
mod documents;
mod moves;
mod sort;
mod spread;
mod stops;
mod take;

use documents::Push;
use spread::Pusher;

/// From how many documents on a push gives way to those at the telephone.
const INGEST_FROM: usize = 50;

/// The documents of one call.
#[derive(Clone, Debug)]
pub struct PushCommand {
    /// The portfolio.
    pub portfolio_id: PortfolioId,
    /// In the order of the request; a document that breaks field rules stands
    /// here with its violations, so that its neighbours keep their places.
    pub documents: Vec<Result<Document, Rejected>>,
    /// One rejected document rejects all.
    pub atomic: bool,
    /// Check and rank, store nothing.
    pub validate_only: bool,
}

/// One document, its fields checked.
#[derive(Clone, Debug)]
pub struct Document {
    /// The case.
    pub case_id: CaseId,
    /// Who owes.
    pub debtor_id: DebtorId,
    /// The source's number of the document.
    pub source_sequence: Option<i64>,
    /// The instant it speaks of.
    pub as_of: Micros,
    /// The content.
    pub facts: Facts,
}

/// A document that breaks field rules.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// The case, as far as it could be read.
    pub case_id: String,
    /// All broken rules.
    pub violations: Violations,
}

/// What became of one document.
#[derive(Clone, Debug)]
pub struct PushResult {
    /// The case.
    pub case_id: String,
    /// What became of the document, or why it was rejected.
    pub disposition: Result<Disposition, ItemError>,
    /// The state of the case now.
    pub state: Option<CaseState>,
    /// The rank of the case now; nothing when it is closed.
    pub rank: Option<Rank>,
    /// What looks odd.
    pub findings: Vec<Finding>,
}

/// What became of a document that was not rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The case was not known.
    Created,
    /// It replaces an older one.
    Updated,
    /// It replaces one of the same sequence or instant.
    Corrected,
    /// The content is stored already.
    Unchanged,
    /// It is older than what is stored.
    Stale,
    /// Another document of the call won.
    Superseded,
}

/// Something odd that was taken all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A stable code.
    pub code: &'static str,
    /// One sentence.
    pub text: String,
}

/// Takes documents: the answer means that every one that was not rejected is
/// durable and ranked. Results stand in the order of the documents.
///
/// # Errors
/// `NotFound` for an unknown portfolio; `AtomicRejected` when all or nothing was
/// asked for; what the store says.
pub async fn push_cases(
    engine: &Arc<Engine>,
    caller: &Caller,
    command: PushCommand,
) -> Result<Vec<PushResult>, Error> {
    let interactive = command.documents.len() < INGEST_FROM;
    let pusher = Pusher {
        engine: Arc::clone(engine),
        parts: engine.parts(caller).await?,
        actor: caller.subject.clone(),
        class: if interactive { Class::Interactive } else { Class::Ingest },
    };
    let push = Push::prepare(command);
    let results = match pusher.parts.only() {
        Some(part) => push_over(&pusher, BTreeMap::from([(part, push)])).await?,
        None => spread::push(&pusher, push).await?,
    };
    Ok(values(results))
}

/// Takes documents in one transaction, by the parts that their debtors live in.
async fn push_over(
    pusher: &Pusher,
    pushes: BTreeMap<Part, Push>,
) -> Result<Items<PushResult>, Error> {
    let Pusher { engine, actor, class, .. } = pusher;
    if pushes.values().any(|push| push.dry) {
        let mut tx = engine.store.read().await?;
        let mut sets = WorkingSets::new(engine, actor, engine.now_of(&tx));
        return stops::push_into(&mut sets, &mut tx, pushes).await;
    }
    let parts: Vec<Part> = pushes.keys().copied().collect();
    engine
        .transact_over(parts, actor, *class, move |sets, tx| {
            Box::pin(stops::push_into(sets, tx, pushes))
        })
        .await
}
