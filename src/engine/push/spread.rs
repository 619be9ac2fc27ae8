//! Pushing for a tenant that is spread over several parts: each document goes where its
//! debtor lives, and takes its case there if that lives elsewhere.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::{Part, Parts, PortfolioNo};
use crate::store::cases::source;
use crate::store::{Class, Damage, StoreError, Tx, case_parts};

use super::super::spread::{Items, in_order, over_parts};
use super::super::{Engine, Error, ItemError};
use super::documents::{Prepared, Push, Results, all_or_nothing};
use super::moves::EVENTS_MAX;
use super::{PushResult, push_over};

/// How often cases are looked up anew that others move at the same time.
const ROUNDS_MAX: usize = 8;
/// The most cases that move in one transaction, unless all or nothing is asked for.
const MOVES_AT_ONCE: usize = 100;
/// Their events, less than may move: some come while they are on their way.
const EVENTS_AT_ONCE: i64 = EVENTS_MAX / 10 * 9;

/// Whose documents, and how urgent.
#[derive(Clone)]
pub(super) struct Pusher {
    pub(super) engine: Arc<Engine>,
    pub(super) parts: Arc<Parts>,
    pub(super) actor: String,
    pub(super) class: Class,
}

/// Takes the documents of a call, those of each part in a transaction of its own, those of
/// cases that move in transactions of two parts; in one over all parts if one rejection
/// rejects all.
pub(super) async fn push(pusher: &Pusher, mut push: Push) -> Result<Items<PushResult>, Error> {
    let mut results = std::mem::take(&mut push.results).finish();
    let mut rounds = 0;
    loop {
        rounds += 1;
        let documents = match push.atomic {
            true => push.documents.clone(),
            false => std::mem::take(&mut push.documents),
        };
        let settled = settle(pusher, &push, documents).await?;
        if push.atomic {
            match push_as_one(pusher, (&push, settled), &results).await {
                Err(error) if rounds < ROUNDS_MAX && is_conflict(&error) => {
                    push.anew = true;
                    continue;
                }
                done => return done,
            }
        }
        let mut again = Vec::new();
        for (index, done) in take_apart(pusher, (&push, settled), rounds).await? {
            match done {
                Done::Taken(result) => results.push((index, result)),
                Done::Again(one) => again.push(*one),
            }
        }
        if again.is_empty() {
            return Ok(in_order(results));
        }
        (push.documents, push.anew) = (again, true);
    }
}

fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::Store(StoreError::Conflict(_)))
}

/// A document, the part in which it is taken, and how many events its case brings there.
struct Settled {
    part: Part,
    one: Prepared,
    events: i64,
}

/// Where each document is taken, and whether its case lives there.
async fn settle(
    pusher: &Pusher,
    push: &Push,
    mut documents: Vec<Prepared>,
) -> Result<Vec<Settled>, Error> {
    let Pusher { engine, parts, .. } = pusher;
    let mut tx = engine.store.read().await?;
    let context = engine.context_by_id(&mut tx, parts.first(), &push.portfolio_id).await?;
    let portfolio_no = context.portfolio.number;
    look_up(&mut tx, (parts, portfolio_no), &mut documents).await?;
    let mut settled = Vec::with_capacity(documents.len());
    let mut moving: BTreeMap<Part, BTreeSet<String>> = BTreeMap::new();
    for one in documents {
        if let Some(from) = one.lives_in {
            moving.entry(from).or_default().insert(one.document.case_id.to_string());
        }
        settled.push(Settled { part: parts.of_debtor(&one.document.debtor_id), one, events: 0 });
    }
    let mut events: HashMap<String, i64> = HashMap::new();
    for (from, case_ids) in moving {
        let named = case_ids.iter().map(String::as_str);
        let found = source::find_documents(&mut tx, from, portfolio_no, named).await?;
        let found = found.into_iter();
        events.extend(found.filter_map(|(id, read)| Some((id, read.ok()?.rank.case_seq))));
    }
    for one in &mut settled {
        one.events = events.get(one.one.document.case_id.as_str()).copied().unwrap_or(0);
    }
    Ok(settled)
}

/// Looks up which of the cases of documents live elsewhere than their debtors.
pub(super) async fn look_up(
    tx: &mut Tx,
    (parts, portfolio_no): (&Parts, PortfolioNo),
    documents: &mut [Prepared],
) -> Result<(), Error> {
    let mut by_directory: BTreeMap<Part, BTreeSet<&str>> = BTreeMap::new();
    for one in documents.iter() {
        let case_id = &one.document.case_id;
        by_directory.entry(parts.directory_of(case_id)).or_default().insert(case_id.as_str());
    }
    let mut known = HashMap::new();
    for (directory, case_ids) in by_directory {
        known.extend(case_parts::find(tx, directory, portfolio_no, case_ids).await?);
    }
    for one in documents {
        let lives_in = known.get(one.document.case_id.as_str()).copied();
        let part = parts.of_debtor(&one.document.debtor_id);
        one.lives_in = lives_in.filter(|lives_in| *lives_in != part);
    }
    Ok(())
}

/// An empty push of the same call.
fn empty(pusher: &Pusher, push: &Push) -> Push {
    Push {
        portfolio_id: push.portfolio_id.clone(),
        documents: Vec::new(),
        results: Results::default(),
        atomic: push.atomic,
        dry: push.dry,
        spread: Some(Arc::clone(&pusher.parts)),
        anew: push.anew,
    }
}

/// What became of a document.
enum Done {
    Taken(PushResult),
    /// Its case was moved by somebody else meanwhile.
    Again(Box<Prepared>),
}

/// Takes documents in transactions of their own.
async fn take_apart(
    pusher: &Pusher,
    (push, settled): (&Push, Vec<Settled>),
    rounds: usize,
) -> Result<Items<Done>, Error> {
    let batches = batches(settled).into_iter().map(|(part, documents)| {
        let kept: Vec<Prepared> = documents.clone();
        (part, (Push { documents, ..empty(pusher, push) }, kept))
    });
    over_parts(batches, |part, (batch, kept)| async move {
        match push_over(pusher, BTreeMap::from([(part, batch)])).await {
            Ok(results) => {
                Ok(results.into_iter().map(|(at, one)| (at, Done::Taken(one))).collect())
            }
            Err(error) if rounds < ROUNDS_MAX && is_conflict(&error) => {
                let again = kept.into_iter().map(|one| (one.index, Done::Again(Box::new(one))));
                Ok(again.collect())
            }
            Err(error) if is_conflict(&error) => one_by_one(pusher, (push, part), kept).await,
            Err(error) => Err(error),
        }
    })
    .await
}

/// Takes documents each by itself that could not be taken together: one whose case is not
/// where it is said to be is rejected, and keeps none of the others.
async fn one_by_one(
    pusher: &Pusher,
    (push, part): (&Push, Part),
    kept: Vec<Prepared>,
) -> Result<Items<Done>, Error> {
    let mut done = Vec::with_capacity(kept.len());
    for one in kept {
        if let Some(damage) = misplaced(pusher, push, &one).await? {
            let mut results = Results::default();
            results.reject(one.index, one.document.case_id.as_str(), ItemError::Unreadable(damage));
            done.extend(results.finish());
            continue;
        }
        let push = Push { documents: vec![one], ..empty(pusher, push) };
        done.extend(push_over(pusher, BTreeMap::from([(part, push)])).await?);
    }
    Ok(done.into_iter().map(|(at, one)| (at, Done::Taken(one))).collect())
}

/// What is wrong with where the case of a document lives: nothing is there.
async fn misplaced(pusher: &Pusher, push: &Push, one: &Prepared) -> Result<Option<Damage>, Error> {
    let Pusher { engine, parts, .. } = pusher;
    let case_id = &one.document.case_id;
    let directory = parts.directory_of(case_id);
    let mut tx = engine.store.read().await?;
    let context = engine.context_by_id(&mut tx, parts.first(), &push.portfolio_id).await?;
    let number = context.portfolio.number;
    let known = case_parts::find(&mut tx, directory, number, [case_id.as_str()]).await?;
    let Some(lives_in) = known.get(case_id.as_str()) else { return Ok(None) };
    let found = source::find_documents(&mut tx, *lives_in, number, [case_id.as_str()]).await?;
    Ok(found.is_empty().then(|| {
        let why = format!("the case is not in part {}, in which it is said to live", lives_in.0);
        Damage { table: "case_part", key: format!("{} {case_id}", directory.0), why }
    }))
}

/// Documents that go together: those whose cases live with their debtors by part; of those
/// that move, some of one way.
fn batches(settled: Vec<Settled>) -> Vec<(Part, Vec<Prepared>)> {
    let mut by_way: BTreeMap<(Part, Option<Part>), Vec<Settled>> = BTreeMap::new();
    for one in settled {
        by_way.entry((one.part, one.one.lives_in)).or_default().push(one);
    }
    let mut batches = Vec::with_capacity(by_way.len());
    for ((part, from), documents) in by_way {
        let mut batch = Vec::new();
        let mut room = EVENTS_AT_ONCE;
        for Settled { one, events, .. } in documents {
            let full = batch.len() >= MOVES_AT_ONCE || events > room;
            if from.is_some() && full && !batch.is_empty() {
                batches.push((part, std::mem::take(&mut batch)));
                room = EVENTS_AT_ONCE;
            }
            room -= events;
            batch.push(one);
        }
        batches.push((part, batch));
    }
    batches
}

/// All or none: one transaction over all parts.
async fn push_as_one(
    pusher: &Pusher,
    (push, settled): (&Push, Vec<Settled>),
    known: &Items<PushResult>,
) -> Result<Items<PushResult>, Error> {
    let mut pushes: BTreeMap<Part, Push> = BTreeMap::new();
    for Settled { part, one, .. } in settled {
        pushes.entry(part).or_insert_with(|| empty(pusher, push)).documents.push(one);
    }
    match pushes.values_mut().next() {
        Some(first) => first.results = Results::of(known.clone()),
        None => {
            all_or_nothing(known)?;
            return Ok(known.clone());
        }
    }
    push_over(pusher, pushes).await
}
