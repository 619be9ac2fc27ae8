//! Claims over the parts of a tenant: one part where it is not spread. Else each claim
//! begins with another part and goes on to the next ones while its pulls want more, so
//! the order of work holds within a part, and the parts take turns.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::model::{Part, Parts, WorkListId, WorkListNo};
use crate::store::Class;
use crate::store::queue::report::{self, PullKey};

use super::super::working_set::WorkingSet;
use super::super::{Engine, Error};
use super::claim::{self, Answer, Claim, Claimed, Looked, PULL_KEPT, Pull, Undelivered};
use super::gate;
use super::take::Refusal;
use super::wait::retold;

/// The name under which the service itself acts on leases.
const ACTOR: &str = "lease";

/// How long a claim goes on to further parts once it has granted something: the leases
/// run, and who is to work them waits.
const ENOUGH: Duration = Duration::from_secs(1);

/// The parts in the order in which the claim of a turn goes through them.
pub(super) fn of_turn(parts: &Parts, turn: usize) -> impl Iterator<Item = Part> {
    let all = parts.all();
    all.iter().cycle().skip(turn % all.len()).take(all.len()).copied()
}

/// Serves pulls; also returns the work that nobody took and that could not be given back.
///
/// # Errors
/// What the store says, if no pull was given anything in any part.
pub(super) async fn claim(
    engine: &Arc<Engine>,
    (parts, number): (&Parts, WorkListNo),
    claim: Claim,
    (turn, idle): (usize, bool),
) -> Result<(Claimed, Vec<Undelivered>), Error> {
    if let Some(part) = parts.only() {
        let gated = is_worth_it(engine, part, (&claim, idle)).await;
        return Ok((claim_in(engine, part, (claim, gated)).await?, Vec::new()));
    }
    let given = given_before(engine, parts, number, &claim).await?;
    let mut claiming = Claiming::new(parts, claim, given);
    let mut failed = None;
    let began = Instant::now();
    for (at, part) in of_turn(parts, turn).enumerate() {
        let Some((sub, of_pulls)) = claiming.of_part(part) else { continue };
        // A transaction that finds nothing costs more than a look; the first part is claimed
        // from in any case, so that there is an answer.
        let needless = at > 0 && claiming.only_wants_more(&of_pulls) && sub.undelivered.is_empty();
        if needless && claiming.granted > 0 && began.elapsed() > ENOUGH {
            continue;
        }
        if needless && let Ok(looked) = look(engine, part, &sub.work_list_id).await {
            claiming.hear(looked.retry_after, looked.warnings);
            if !looked.has_work {
                continue;
            }
        }
        // Of further parts a look has just said that they have work.
        let gated = is_worth_it(engine, part, (&sub, idle && at == 0)).await;
        match claim_in(engine, part, (sub.clone(), gated)).await {
            Ok(claimed) => claiming.take(claimed, of_pulls),
            Err(error) => {
                // What another part has granted must reach its worker.
                tracing::warn!(part = part.0, %error, "a part of a tenant could not be claimed from");
                claiming.left.extend(sub.undelivered);
                claiming.miss(&of_pulls, &error);
                failed = Some(error);
            }
        }
    }
    claiming.finish(failed)
}

/// Whether a claim is to go through the gate of a part, which writes to the database:
/// where there are other servers, and there may be work for its pulls. Takes of given debtors
/// alone come in nobody's way but that of those. Where the last claim found nothing, a look
/// tells whether there is something now.
async fn is_worth_it(engine: &Arc<Engine>, part: Part, (claim, idle): (&Claim, bool)) -> bool {
    engine.store.is_shared()
        && claim.pulls.iter().any(|pull| pull.take.is_none())
        && (!idle || has_work(engine, &[part], &claim.work_list_id).await.unwrap_or(true))
}

/// Serves pulls in one part.
async fn claim_in(
    engine: &Arc<Engine>,
    part: Part,
    (claim, gated): (Claim, bool),
) -> Result<Claimed, Error> {
    let first = match gated {
        true => gate::stand_in(engine.waiting.line(part)).await,
        false => None,
    };
    let past = Arc::new(AtomicBool::new(first.is_none()));
    let claimed = engine
        .transact_in(part, ACTOR, Class::Interactive, move |set, tx| {
            Box::pin(async move {
                gate::pass(set, tx, &past).await?;
                claim::claim_into(set, tx, claim).await
            })
        })
        .await;
    // The next one may go only now that it is known here which claim this was.
    drop(first);
    claimed
}

/// Whether any of these parts has a ready case of a list within hours of contact now.
pub(super) async fn has_work(
    engine: &Arc<Engine>,
    parts: &[Part],
    work_list_id: &WorkListId,
) -> Result<bool, Error> {
    for part in parts {
        if look(engine, *part, work_list_id).await?.has_work {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn look(
    engine: &Arc<Engine>,
    part: Part,
    work_list_id: &WorkListId,
) -> Result<Looked, Error> {
    let mut tx = engine.store.read().await?;
    let mut set = WorkingSet::of_part(engine, part, ACTOR, engine.now_of(&tx));
    claim::look(&mut set, &mut tx, work_list_id).await
}

/// The parts in which each pull was given work before: a retry is shown that, and is
/// given nothing new anywhere.
async fn given_before(
    engine: &Engine,
    parts: &Parts,
    number: WorkListNo,
    claim: &Claim,
) -> Result<Vec<BTreeSet<Part>>, Error> {
    let mut given = vec![BTreeSet::new(); claim.pulls.len()];
    // Work that nobody has seen is given back, and its pull is a new one.
    let unseen = |pull: &Pull| claim.undelivered.iter().any(|work| work.pull.is_same(pull));
    let named: Vec<(usize, PullKey)> = (claim.pulls.iter().enumerate())
        .filter(|(_, pull)| !unseen(pull))
        .filter_map(|(at, pull)| Some((at, claim::pull_key(number, pull)?)))
        .collect();
    if named.is_empty() {
        return Ok(given);
    }
    let names: Vec<PullKey> = named.iter().map(|(_, key)| *key).collect();
    for part in parts.all() {
        let mut tx = engine.store.read().await?;
        let after = engine.now_of(&tx).plus(-PULL_KEPT);
        let known = report::find_pulls(&mut tx, *part, &names, after).await?;
        for (at, _) in named.iter().filter(|(_, key)| known.contains_key(key)) {
            given[*at].insert(*part);
        }
    }
    Ok(given)
}

/// Adds the warnings of another part: one of each code, because each names the
/// portfolios that the part has work of, which are nearly the same in all.
pub(in super::super) fn add_warnings(
    all: &mut Vec<(&'static str, String)>,
    of_part: Vec<(&'static str, String)>,
) {
    for (code, text) in of_part {
        if !all.iter().any(|(known, _)| *known == code) {
            all.push((code, text));
        }
    }
}

/// A claim on its way through the parts.
struct Claiming<'a> {
    parts: &'a Parts,
    claim: Claim,
    given: Vec<BTreeSet<Part>>,
    answers: Vec<Answer>,
    granted: i64,
    /// What the parts have said beside that.
    said: Option<Claimed>,
    left: Vec<Undelivered>,
}

impl<'a> Claiming<'a> {
    fn new(parts: &'a Parts, claim: Claim, given: Vec<BTreeSet<Part>>) -> Claiming<'a> {
        let empty = || Answer { items: Vec::new(), retried: false, refusal: None };
        let answers = claim.pulls.iter().map(|_| empty()).collect();
        Claiming { parts, claim, given, answers, granted: 0, said: None, left: Vec::new() }
    }

    /// What is asked of a part, and for which pulls; nothing where that is nothing.
    fn of_part(&self, part: Part) -> Option<(Claim, Vec<usize>)> {
        let wanting = |at: &usize| self.wants(*at, part);
        let of_pulls: Vec<usize> = (0..self.claim.pulls.len()).filter(wanting).collect();
        let pulls = of_pulls.iter().map(|at| {
            let pull = &self.claim.pulls[*at];
            // A retry may have had more than it asks for now.
            let max_items = pull.max_items.saturating_sub(self.answers[*at].items.len());
            Pull { max_items, ..pull.clone() }
        });
        let undelivered = self.claim.undelivered.iter().filter_map(|work| {
            let tokens: Vec<_> =
                work.tokens.iter().filter(|token| token.part == part.0).copied().collect();
            (!tokens.is_empty()).then(|| Undelivered { tokens, ..work.clone() })
        });
        let claim = Claim {
            work_list_id: self.claim.work_list_id.clone(),
            pulls: pulls.collect(),
            granted: self.claim.granted + self.granted,
            undelivered: undelivered.collect(),
        };
        (!claim.pulls.is_empty() || !claim.undelivered.is_empty()).then_some((claim, of_pulls))
    }

    /// Whether a pull asks a part: a take that of its debtor, a retry those that gave it
    /// work, any other all until it has enough.
    fn wants(&self, at: usize, part: Part) -> bool {
        let (pull, answer, given) = (&self.claim.pulls[at], &self.answers[at], &self.given[at]);
        match &pull.take {
            Some(take) => self.parts.of_debtor(&take.debtor_id) == part,
            None if !given.is_empty() => given.contains(&part),
            None => answer.items.len() < pull.max_items,
        }
    }

    /// Whether these pulls want nothing but any work there is.
    fn only_wants_more(&self, of_pulls: &[usize]) -> bool {
        of_pulls.iter().all(|at| self.claim.pulls[*at].take.is_none() && self.given[*at].is_empty())
    }

    fn take(&mut self, mut claimed: Claimed, of_pulls: Vec<usize>) {
        for (at, new) in of_pulls.into_iter().zip(std::mem::take(&mut claimed.answers)) {
            let answer = &mut self.answers[at];
            answer.items.extend(new.items);
            answer.retried |= new.retried;
            answer.refusal = answer.refusal.take().or(new.refusal);
        }
        self.granted += claimed.granted;
        match &mut self.said {
            None => self.said = Some(claimed),
            Some(said) => {
                said.stopped |= claimed.stopped;
                self.hear(claimed.retry_after, claimed.warnings);
            }
        }
    }

    /// A part could not be asked: a take has no other, and a retry would be told less
    /// than it holds.
    fn miss(&mut self, of_pulls: &[usize], error: &Error) {
        for at in of_pulls {
            if self.claim.pulls[*at].take.is_some() || !self.given[*at].is_empty() {
                self.answers[*at].refusal = Some(Refusal::Error(retold(error)));
            }
        }
    }

    /// Keeps what a part has said beside its work.
    fn hear(&mut self, retry_after: i64, warnings: Vec<(&'static str, String)>) {
        if let Some(said) = &mut self.said {
            said.retry_after = said.retry_after.min(retry_after);
            add_warnings(&mut said.warnings, warnings);
        }
    }

    fn finish(self, failed: Option<Error>) -> Result<(Claimed, Vec<Undelivered>), Error> {
        let nothing = self.answers.iter().all(|answer| answer.items.is_empty());
        match (self.said, failed) {
            (_, Some(error)) if nothing => Err(error),
            (None, Some(error)) => Err(error),
            (None, None) => Err(Error::Internal("a claim asked no part".to_owned())),
            (Some(said), _) => {
                let claimed = Claimed { answers: self.answers, granted: self.granted, ..said };
                Ok((claimed, self.left))
            }
        }
    }
}
