//! Leases last their time, lie within the hours of contact and the caps, and
//! cases return soon after.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Breach, Change, Invariant, Rules, Transition};

/// Checks the committed transitions by the server's clock.
pub fn check(transitions: &[Transition], rules: &Rules<'_>, breaches: &mut Vec<Breach>) {
    returns(transitions, rules.sweep_slack, breaches);
    hours(transitions, rules, breaches);
    caps(transitions, rules, breaches);
}

/// When rows are due: those leased and those waiting for a time.
#[derive(Default)]
struct Due {
    by_time: BTreeSet<(i64, i64)>,
    by_case: HashMap<i64, i64>,
}

impl Due {
    fn set(&mut self, case: i64, time: Option<i64>) {
        if let Some(old) = self.by_case.remove(&case) {
            self.by_time.remove(&(old, case));
        }
        if let Some(time) = time {
            self.by_case.insert(case, time);
            self.by_time.insert((time, case));
        }
    }
}

fn returns(transitions: &[Transition], slack: i64, breaches: &mut Vec<Breach>) {
    let mut due = Due::default();
    for transition in transitions {
        let (case, at) = (transition.case, transition.at);
        let mut breach = |text: String| {
            breaches.push(Breach::new(Invariant::ReturnsInTime, text));
        };
        while let Some((time, late)) = due.by_time.first().copied() {
            if time + slack >= at {
                break;
            }
            breach(format!("case {late} was due at {time} and still lies at {at}"));
            due.set(late, None);
        }
        let end = due.by_case.get(&case).copied();
        match transition.change {
            Change::Expired { .. } if end.is_some_and(|end| at < end) => {
                breach(format!("the lease of case {case} until {end:?} expired at {at}"));
            }
            Change::Renewed { .. } | Change::Reported { .. }
                if end.is_some_and(|end| at >= end) =>
            {
                breach(format!("the lease of case {case} ended at {end:?} and is used at {at}"));
            }
            _ => {}
        }
        match transition.change {
            Change::Leased { until, .. } | Change::Renewed { until, .. } => {
                if until <= at {
                    breach(format!("case {case} is leased at {at} until {until}"));
                }
                due.set(case, Some(until));
            }
            Change::Waiting { wake_at } => due.set(case, wake_at),
            Change::Late { .. } => {}
            _ => due.set(case, None),
        }
    }
}

fn hours(transitions: &[Transition], rules: &Rules<'_>, breaches: &mut Vec<Breach>) {
    let Some(hours) = rules.hours else { return };
    for transition in transitions {
        let (Change::Leased { until, .. } | Change::Renewed { until, .. }) = transition.change
        else {
            continue;
        };
        if !hours(transition.case, transition.at, until) {
            breaches.push(Breach::new(
                Invariant::WithinHours,
                format!("case {} is held from {} to {until}", transition.case, transition.at),
            ));
        }
    }
}

/// Granting counts; a release of what was not dialled takes the count back.
fn caps(transitions: &[Transition], rules: &Rules<'_>, breaches: &mut Vec<Breach>) {
    let mut counted: BTreeMap<i64, BTreeMap<(i64, i64), i64>> = BTreeMap::new();
    for transition in transitions {
        let leases = counted.entry(transition.debtor).or_default();
        match transition.change {
            Change::Leased { seq, .. } => {
                leases.insert((transition.case, seq), transition.at);
            }
            Change::Released { seq, counted: false } => {
                leases.remove(&(transition.case, seq));
            }
            _ => {}
        }
    }
    for (debtor, leases) in counted {
        let mut times: Vec<i64> = leases.into_values().collect();
        times.sort_unstable();
        for (most, window) in &rules.caps {
            let broken = times.windows(most + 1).find(|run| run[*most] - run[0] < *window);
            if let Some(run) = broken {
                breaches.push(Breach::new(
                    Invariant::WithinCaps,
                    format!("debtor {debtor} was attempted at {run:?}, at most {most} in {window}"),
                ));
            }
        }
    }
}
