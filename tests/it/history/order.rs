//! The best first, and the same answer to the same question.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Batch, Breach, Change, History, Invariant, Transition};

/// Checks every claim against the ready rows it left, and previews among each
/// other.
pub fn check(history: &History, breaches: &mut Vec<Breach>) {
    claims(history, breaches);
    let mut answers: BTreeMap<&str, &[i64]> = BTreeMap::new();
    for preview in &history.previews {
        let first = *answers.entry(&preview.question).or_insert(&preview.cases);
        if first != preview.cases {
            breaches.push(Breach::new(
                Invariant::Repeatable,
                format!("{} gives {first:?} and {:?}", preview.question, preview.cases),
            ));
        }
    }
}

/// The place of a ready case among all: rank, then number.
type Key = (i64, i64);

/// The ready rows by lane, as committed so far.
#[derive(Default)]
struct Ready {
    lanes: BTreeMap<i64, BTreeSet<Key>>,
    /// By waiting time: since when, then number.
    waiting: BTreeMap<i64, BTreeSet<Key>>,
    places: HashMap<i64, (i64, i64, i64)>,
}

impl Ready {
    fn remove(&mut self, case: i64) -> Option<(i64, i64, i64)> {
        let (lane, rank, since) = self.places.remove(&case)?;
        self.lanes.entry(lane).or_default().remove(&(rank, case));
        self.waiting.entry(lane).or_default().remove(&(since, case));
        Some((lane, rank, since))
    }

    fn insert(&mut self, case: i64, place: (i64, i64, i64)) {
        self.remove(case);
        self.lanes.entry(place.0).or_default().insert((place.1, case));
        self.waiting.entry(place.0).or_default().insert((place.2, case));
        self.places.insert(case, place);
    }

    fn first(rows: &BTreeMap<i64, BTreeSet<Key>>, lanes: &[i64]) -> Option<Key> {
        lanes.iter().filter_map(|lane| rows.get(lane)?.first().copied()).min()
    }
}

fn claims(history: &History, breaches: &mut Vec<Breach>) {
    let mut batches: Vec<&Batch> = history.batches.iter().collect();
    batches.sort_by_key(|batch| batch.transaction);
    let mut batches = batches.into_iter().peekable();
    let mut ready = Ready::default();
    for group in history.transitions.chunk_by(|a, b| a.transaction == b.transaction) {
        let transaction = group[0].transaction;
        // A claim that took nothing leaves no transition.
        while let Some(empty) = batches.next_if(|batch| batch.transaction < transaction) {
            judge(empty, &ready, &Taken::default(), breaches);
        }
        let taken = apply(&mut ready, group);
        if let Some(batch) = batches.next_if(|batch| batch.transaction == transaction) {
            judge(batch, &ready, &taken, breaches);
        }
    }
    for empty in batches {
        judge(empty, &ready, &Taken::default(), breaches);
    }
}

#[derive(Default)]
struct Taken {
    count: usize,
    /// The last by rank, and the last by waiting time of the reserved share.
    worst: Option<Key>,
    youngest: Option<Key>,
}

fn apply(ready: &mut Ready, group: &[Transition]) -> Taken {
    let mut taken = Taken::default();
    for transition in group {
        let case = transition.case;
        match transition.change {
            Change::Ready { lane, rank, since } => ready.insert(case, (lane, rank, since)),
            Change::Leased { reserved, .. } => {
                taken.count += 1;
                let Some((_, rank, since)) = ready.remove(case) else { continue };
                if reserved {
                    taken.youngest = taken.youngest.max(Some((since, case)));
                } else {
                    taken.worst = taken.worst.max(Some((rank, case)));
                }
            }
            _ => {
                ready.remove(case);
            }
        }
    }
    taken
}

fn judge(batch: &Batch, ready: &Ready, taken: &Taken, breaches: &mut Vec<Breach>) {
    let mut breach = |text: String| breaches.push(Breach::new(Invariant::BestFirst, text));
    let transaction = batch.transaction;
    let Some(best) = Ready::first(&ready.lanes, &batch.lanes) else { return };
    if taken.count < batch.wanted {
        let (got, wanted) = (taken.count, batch.wanted);
        breach(format!("claim {transaction} got {got} of {wanted} and left case {}", best.1));
    }
    if taken.worst.is_some_and(|worst| best < worst) {
        breach(format!("claim {transaction} took {:?} and left {best:?}", taken.worst));
    }
    let longest = Ready::first(&ready.waiting, &batch.lanes);
    if taken.youngest.is_some() && longest < taken.youngest {
        breach(format!("claim {transaction} reserved {:?}, left {longest:?}", taken.youngest));
    }
}
