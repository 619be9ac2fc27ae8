//! The same report or the same pull again: one effect, one answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Answer, Breach, Call, Change, Disposition, Invariant, LeaseId, Request, Rules, Transition,
};

/// Checks reports by lease and pulls by name.
pub fn check(
    calls: &[Call<'_>],
    transitions: &[Transition],
    rules: &Rules<'_>,
    breaches: &mut Vec<Breach>,
) {
    let mut breach = |text: String| breaches.push(Breach::new(Invariant::OneEffect, text));
    reports(calls, &mut breach);
    effects(transitions, &mut breach);
    pulls(calls, rules, &mut breach);
}

/// Of all reports on a lease one content is taken, and taken once.
fn reports(calls: &[Call<'_>], breach: &mut impl FnMut(String)) {
    let mut taken: HashMap<LeaseId, (u64, Option<i64>, usize)> = HashMap::new();
    for call in calls {
        let Request::Report { lease, content } = call.opening.request else { continue };
        let Some((_, Answer::Reported { disposition, next })) = call.answer() else { continue };
        let entry = taken.entry(*lease).or_insert((*content, *next, 0));
        if entry.0 != *content {
            breach(format!("two different reports on {lease:?} were taken"));
        }
        if entry.1 != *next {
            breach(format!("the same report on {lease:?} was answered in two ways"));
        }
        entry.2 += usize::from(*disposition != Disposition::Duplicate);
        if entry.2 == 2 {
            breach(format!("the same report on {lease:?} was taken twice"));
        }
    }
}

fn effects(transitions: &[Transition], breach: &mut impl FnMut(String)) {
    let mut seen = BTreeSet::new();
    for transition in transitions {
        let (Change::Reported { seq, .. } | Change::Late { seq, .. }) = transition.change else {
            continue;
        };
        let lease = LeaseId { case: transition.case, seq };
        if !seen.insert(lease) {
            breach(format!("a report on {lease:?} had two effects"));
        }
    }
}

struct Pull {
    asked: i64,
    received: i64,
    leases: BTreeSet<LeaseId>,
}

/// A retry returns what is still held of the pull: the same leases or fewer. One
/// that may have come after the pull was forgotten proves nothing.
fn pulls(calls: &[Call<'_>], rules: &Rules<'_>, breach: &mut impl FnMut(String)) {
    let mut named: BTreeMap<&str, Vec<Pull>> = BTreeMap::new();
    for call in calls {
        let Request::Lease { request_id: Some(name), .. } = call.opening.request else { continue };
        let Some((received, Answer::Leased(grants))) = call.answer() else { continue };
        if grants.is_empty() {
            continue;
        }
        let leases = grants.iter().map(|grant| grant.lease).collect();
        named.entry(name).or_default().push(Pull { asked: call.opening.time, received, leases });
    }
    for (name, mut pulls) in named {
        pulls.sort_by_key(|pull| pull.received);
        for pair in pulls.windows(2) {
            let (first, second) = (&pair[0], &pair[1]);
            let fewer = second.leases.is_subset(&first.leases);
            let forgotten =
                rules.pull_kept.is_some_and(|kept| second.received >= first.asked + kept);
            let together = second.asked <= first.received;
            let same_answer = together && first.leases.is_subset(&second.leases);
            if !(fewer || same_answer || forgotten) {
                breach(format!("pull {name} got {:?}, then {:?}", first.leases, second.leases));
            }
        }
    }
}
