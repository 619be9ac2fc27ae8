//! Fencing: lease numbers only rise, and an older one moves nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Answer, Breach, Call, Change, Disposition, Invariant, LeaseId, Request, Transition};

/// Checks the committed order, then what the clients saw of it.
pub fn check(calls: &[Call<'_>], transitions: &[Transition], breaches: &mut Vec<Breach>) {
    committed(transitions, breaches);
    asked_for(calls, transitions, breaches);
    accepted_once(calls, breaches);
    seen_in_order(calls, breaches);
}

#[derive(Default)]
struct Fence {
    last: i64,
    /// The lease that runs.
    running: Option<i64>,
}

fn committed(transitions: &[Transition], breaches: &mut Vec<Breach>) {
    let mut fences: HashMap<i64, Fence> = HashMap::new();
    for transition in transitions {
        let fence = fences.entry(transition.case).or_default();
        let mut breach = |text: &str| {
            let text = format!("{text}: {transition:?}");
            breaches.push(Breach::new(Invariant::RisingSequence, text));
        };
        match transition.change {
            Change::Leased { seq, .. } => {
                if seq <= fence.last {
                    breach("the lease number does not rise");
                }
                if fence.running.is_some() {
                    breach("leased while it is leased");
                }
                *fence = Fence { last: seq.max(fence.last), running: Some(seq) };
            }
            Change::Renewed { seq, .. } => {
                if fence.running != Some(seq) {
                    breach("a lease that does not run is prolonged");
                }
            }
            Change::Reported { seq, .. }
            | Change::Released { seq, .. }
            | Change::Expired { seq } => {
                if fence.running != Some(seq) {
                    breach("a lease that does not run ends");
                }
                fence.running = None;
            }
            Change::Late { seq, .. } => {
                if fence.running == Some(seq) || seq > fence.last {
                    breach("late for a lease that is not over");
                }
            }
            Change::Ready { .. } | Change::Waiting { .. } => {
                if fence.running.is_some() {
                    breach("moved while it is leased");
                }
            }
        }
    }
}

/// A lease is prolonged, reported on or given back by its own token only: where
/// clients wrote down what they asked, somebody asked it of this very lease.
fn asked_for(calls: &[Call<'_>], transitions: &[Transition], breaches: &mut Vec<Breach>) {
    let asked: HashSet<(LeaseId, u8)> = calls
        .iter()
        .filter_map(|call| match call.opening.request {
            Request::Renew { lease, .. } => Some((*lease, 0)),
            Request::Report { lease, .. } => Some((*lease, 1)),
            Request::Release { lease } => Some((*lease, 2)),
            Request::Push { .. } | Request::Lease { .. } => None,
        })
        .collect();
    if calls.is_empty() {
        return;
    }
    for transition in transitions {
        let (seq, what) = match transition.change {
            Change::Renewed { seq, .. } => (seq, 0),
            Change::Reported { seq, .. } | Change::Late { seq, .. } => (seq, 1),
            Change::Released { seq, .. } => (seq, 2),
            _ => continue,
        };
        if !asked.contains(&(LeaseId { case: transition.case, seq }, what)) {
            let text = format!("nobody asked for this lease: {transition:?}");
            breaches.push(Breach::new(Invariant::RisingSequence, text));
        }
    }
}

fn accepted_once(calls: &[Call<'_>], breaches: &mut Vec<Breach>) {
    let mut accepted: HashMap<LeaseId, usize> = HashMap::new();
    for call in calls {
        let Request::Report { lease, .. } = call.opening.request else { continue };
        let accepts = matches!(
            call.answer(),
            Some((_, Answer::Reported { disposition: Disposition::Accepted, .. }))
        );
        if accepts {
            *accepted.entry(*lease).or_default() += 1;
        }
    }
    for (lease, count) in accepted.into_iter().filter(|(_, count)| *count > 1) {
        breaches.push(Breach::new(
            Invariant::RisingSequence,
            format!("{count} reports on {lease:?} were accepted"),
        ));
    }
}

/// A lease whose pull began after another's answer must have a higher number.
fn seen_in_order(calls: &[Call<'_>], breaches: &mut Vec<Breach>) {
    // By case: answers by time with the highest number seen so far, and pulls.
    let mut answered: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
    let mut first_asked: BTreeMap<LeaseId, i64> = BTreeMap::new();
    for call in calls {
        let Some((received, Answer::Leased(grants))) = call.answer() else { continue };
        for grant in grants {
            answered.entry(grant.lease.case).or_default().push((received, grant.lease.seq));
            let asked = first_asked.entry(grant.lease).or_insert(call.opening.time);
            *asked = call.opening.time.min(*asked);
        }
    }
    for list in answered.values_mut() {
        list.sort_unstable();
        let mut highest = i64::MIN;
        for (_, seq) in list {
            highest = highest.max(*seq);
            *seq = highest;
        }
    }
    for (lease, asked) in first_asked {
        let list = &answered[&lease.case];
        let before = list.partition_point(|(received, _)| *received < asked);
        if before > 0 && list[before - 1].1 >= lease.seq {
            breaches.push(Breach::new(
                Invariant::RisingSequence,
                format!("{lease:?} was given after number {}", list[before - 1].1),
            ));
        }
    }
}
