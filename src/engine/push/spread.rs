//! Pushing for a tenant that is spread over several parts: each document goes where its
//! debtor lives, once it is settled that its case lives there too.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::{CaseId, Part, Parts, PortfolioNo, Reason, Violations};
use crate::store::{Class, Tx, case_parts};

use super::super::spread::{Items, in_order, over_parts};
use super::super::working_set::{Effects, WorkingSet};
use super::super::{Engine, Error, ItemError};
use super::documents::{Prepared, Push, Results, all_or_nothing};
use super::sort::Taken;
use super::{PushResult, push_in, take};

/// Whose documents, and how urgent.
#[derive(Clone)]
pub(super) struct Pusher {
    pub(super) engine: Arc<Engine>,
    pub(super) parts: Arc<Parts>,
    pub(super) actor: String,
    pub(super) class: Class,
}

/// Takes the documents of a call, those of each part in a transaction of its own; in one
/// over all parts if one rejection rejects all.
pub(super) async fn push(pusher: Pusher, mut push: Push) -> Result<Items<PushResult>, Error> {
    let mut results = std::mem::take(&mut push.results);
    let atomic = push.atomic;
    let by_part = settle(&pusher, push, &mut results).await?;
    if atomic {
        return push_as_one(pusher, by_part, results).await;
    }
    let taken = over_parts(by_part, |part, push| push_in(&pusher, part, push)).await?;
    let known = results.finish();
    Ok(in_order(known.into_iter().chain(taken).collect()))
}

/// The documents by the part in which they are taken; those of cases that live with a
/// debtor of another part are rejected.
async fn settle(
    pusher: &Pusher,
    push: Push,
    results: &mut Results,
) -> Result<BTreeMap<Part, Push>, Error> {
    let Pusher { engine, parts, .. } = pusher;
    let mut tx = engine.store.read().await?;
    let context = engine.context_by_id(&mut tx, parts.first(), &push.portfolio_id).await?;
    let portfolio_no = context.portfolio.number;
    let case_ids = push.documents.iter().map(|one| &one.document.case_id);
    let known = find_all(&mut tx, (parts, portfolio_no), case_ids).await?;
    drop(tx);
    let mut by_part: BTreeMap<Part, Push> = BTreeMap::new();
    for one in push.documents {
        let document = &one.document;
        let part = parts.of_debtor(&document.debtor_id);
        if known.get(document.case_id.as_str()).is_some_and(|lives_in| *lives_in != part) {
            results.reject(one.index, document.case_id.as_str(), lives_elsewhere(&one));
            continue;
        }
        let spread = Some(Arc::clone(parts));
        let empty = || Push {
            portfolio_id: push.portfolio_id.clone(),
            documents: Vec::new(),
            results: Results::default(),
            atomic: false,
            dry: push.dry,
            spread,
        };
        by_part.entry(part).or_insert_with(empty).documents.push(one);
    }
    Ok(by_part)
}

/// Where cases live, those that are known.
async fn find_all<'a>(
    tx: &mut Tx,
    (parts, portfolio_no): (&Parts, PortfolioNo),
    case_ids: impl Iterator<Item = &'a CaseId>,
) -> Result<HashMap<String, Part>, Error> {
    let mut by_directory: BTreeMap<Part, BTreeSet<&str>> = BTreeMap::new();
    for case_id in case_ids {
        by_directory.entry(parts.directory_of(case_id)).or_default().insert(case_id.as_str());
    }
    let mut known = HashMap::new();
    for (directory, case_ids) in by_directory {
        known.extend(case_parts::find(tx, directory, portfolio_no, case_ids).await?);
    }
    Ok(known)
}

/// Notes that new cases live in the part in hand, in the transaction that makes them;
/// rejects those that another push has made elsewhere meanwhile.
pub(super) async fn note_new(
    set: &WorkingSet,
    tx: &mut Tx,
    (parts, portfolio_no): (&Parts, PortfolioNo),
    (mut taken, results): (Vec<Taken>, &mut Results),
) -> Result<Vec<Taken>, Error> {
    let new = || taken.iter().filter(|one| one.known.is_none()).map(|one| &one.new.document);
    let cases = new().map(|one| (parts.directory_of(&one.case_id), one.case_id.as_str()));
    let noted = case_parts::insert(tx, portfolio_no, set.part, cases).await?;
    if usize::try_from(noted) == Ok(new().count()) {
        return Ok(taken);
    }
    let case_ids = new().map(|one| &one.case_id);
    let known = find_all(tx, (parts, portfolio_no), case_ids).await?;
    taken.retain(|one| {
        let lives_in = known.get(one.new.document.case_id.as_str());
        let here = one.known.is_some() || lives_in == Some(&set.part);
        if !here {
            let case_id = one.new.document.case_id.as_str();
            results.reject(one.new.index, case_id, lives_elsewhere(&one.new));
        }
        here
    });
    Ok(taken)
}

/// A case cannot go to a debtor of another part: its events, leases and locks lie with
/// those of the debtor it has.
fn lives_elsewhere(one: &Prepared) -> ItemError {
    let mut violations = Violations::new();
    let field = format!("cases[{}].debtor_id", one.index);
    let bound = "the case belongs to a debtor of another bucket of this spread tenant and cannot \
                 be moved; close it and push it under a new case_id";
    violations.add(field, Reason::FieldImmutable, &one.document.debtor_id, bound);
    ItemError::Invalid(violations)
}

/// All or none: one transaction, part by part in the order of their numbers, so that no
/// two such pushes wait for each other.
async fn push_as_one(
    pusher: Pusher,
    by_part: BTreeMap<Part, Push>,
    known: Results,
) -> Result<Items<PushResult>, Error> {
    let dry = by_part.values().any(|push| push.dry);
    let Pusher { engine, actor, class, .. } = pusher;
    let known = known.finish();
    if dry {
        let mut tx = engine.store.read().await?;
        let (results, _) = take_all(&engine, &actor, &mut tx, (by_part, known)).await?;
        return Ok(results);
    }
    let (writer, published) = (Arc::clone(&engine), Arc::clone(&engine));
    let work = (by_part, known);
    let (results, _) = engine
        .store
        .write(
            class,
            move |tx| {
                Box::pin(async move {
                    let (results, sets) = take_all(&writer, &actor, tx, work).await?;
                    let mut effects = Vec::with_capacity(sets.len());
                    for set in sets {
                        effects.push(set.save(tx).await?);
                    }
                    Ok::<_, Error>((results, effects))
                })
            },
            move |(_, effects): &mut (Items<PushResult>, Vec<Effects>)| {
                for effects in std::mem::take(effects) {
                    effects.publish(&published);
                }
            },
        )
        .await?;
    Ok(results)
}

async fn take_all(
    engine: &Arc<Engine>,
    actor: &str,
    tx: &mut Tx,
    (by_part, mut results): (BTreeMap<Part, Push>, Items<PushResult>),
) -> Result<(Items<PushResult>, Vec<WorkingSet>), Error> {
    let now = engine.now_of(tx);
    let mut sets = Vec::with_capacity(by_part.len());
    for (part, push) in by_part {
        let mut set = WorkingSet::of_part(engine, part, actor, now);
        results.extend(take::push_into(&mut set, tx, push).await?);
        sets.push(set);
    }
    let results = in_order(results);
    all_or_nothing(&results)?;
    Ok((results, sets))
}
