//! Nothing acknowledged is lost, nothing comes back twice, the counts add up.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Breach, Call, Change, Closing, History, Invariant, Place, Request, Transition};

/// Compares what clients were promised and what the server committed with what
/// is found when the run is over.
pub fn check(history: &History, calls: &[Call<'_>], breaches: &mut Vec<Breach>) {
    let Some(closing) = &history.closing else { return };
    let mut breach = |text: String| breaches.push(Breach::new(Invariant::NothingLost, text));
    pushed(calls, closing, &mut breach);
    drained(closing, &mut breach);
    places(&history.transitions, closing, &mut breach);
    let sum: i64 = closing.gate_counts.iter().sum();
    if sum != closing.case_count {
        breach(format!("the gates count {sum} cases of {}", closing.case_count));
    }
}

fn pushed(calls: &[Call<'_>], closing: &Closing, breach: &mut impl FnMut(String)) {
    let found: BTreeSet<i64> = closing.found.iter().map(|found| found.case).collect();
    let mut asked = BTreeSet::new();
    for call in calls {
        let Request::Push { case } = call.opening.request else { continue };
        if !call.failed() {
            asked.insert(*case);
        }
        if call.answer().is_some() && !found.contains(case) {
            breach(format!("case {case} was acknowledged and is not found"));
        }
    }
    // A history may leave pushes out: then nobody can say what is too much.
    if !asked.is_empty() {
        for case in found.difference(&asked) {
            breach(format!("case {case} is found and was never pushed"));
        }
    }
}

fn drained(closing: &Closing, breach: &mut impl FnMut(String)) {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for case in &closing.drained {
        *counts.entry(*case).or_default() += 1;
    }
    for found in &closing.found {
        let count = counts.remove(&found.case).unwrap_or(0);
        if count != usize::from(found.servable) {
            let servable = found.servable;
            breach(format!("case {} (servable: {servable}) came back {count} times", found.case));
        }
    }
    for case in counts.keys() {
        breach(format!("case {case} came back and is not found"));
    }
}

/// The row of every case stands where its last committed transition put it.
fn places(transitions: &[Transition], closing: &Closing, breach: &mut impl FnMut(String)) {
    let mut last: HashMap<i64, Place> = HashMap::new();
    for transition in transitions {
        let place = match transition.change {
            Change::Ready { .. } => Place::Ready,
            Change::Leased { .. } => Place::Leased,
            Change::Waiting { .. } => Place::Waiting,
            // The row that says where the case went follows in the transaction.
            Change::Reported { .. } | Change::Released { .. } | Change::Expired { .. } => continue,
            Change::Renewed { .. } | Change::Late { .. } => continue,
        };
        last.insert(transition.case, place);
    }
    if transitions.is_empty() {
        return;
    }
    for found in &closing.found {
        let committed = last.get(&found.case);
        if committed != Some(&found.place) {
            let case = found.case;
            breach(format!("case {case} is {:?}, committed as {committed:?}", found.place));
        }
    }
}
