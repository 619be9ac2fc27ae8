//! Populations that no case can be of, and knock-out rules that never match: their
//! conditions contradict each other or what their features can be, or an earlier one takes
//! every case.

use super::super::compile::Compiled;
use super::super::reach::{contradiction, holds_where_known, takes};

/// Populations that no case can be of. Those that are off are so by intent.
pub(super) fn out_of_reach(card: &Compiled) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let all = &card.populations;
    for (at, one) in all.iter().enumerate().filter(|(_, one)| one.active) {
        let mut before = all[..at].iter().filter(|before| before.active);
        let first = before.find(|before| takes(&before.conditions, &one.conditions));
        let why = match (contradiction(&one.conditions), first) {
            (Some(place), _) => {
                format!("no case can be of it: when[{place}] cannot hold beside the others")
            }
            (None, Some(before)) => {
                format!("no case can be of it: {} takes all of its cases", before.name)
            }
            (None, None) => continue,
        };
        found.push((format!("populations[{at}]"), why));
    }
    found
}

/// Knock-out rules that never match, and such as leave nearly nothing to what is behind
/// them. Those that are off are so by intent.
pub(super) fn rules_out_of_reach(card: &Compiled) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let all = &card.knock_outs;
    for (at, rule) in all.iter().enumerate().filter(|(_, rule)| rule.active) {
        let mut before = all[..at].iter().filter(|before| before.active);
        let first = before.find(|before| takes(&before.conditions, &rule.conditions));
        let why = match (contradiction(&rule.conditions), first) {
            (Some(place), _) => {
                format!("never matches: when[{place}] cannot hold beside the others")
            }
            (None, Some(before)) => {
                format!("never decides: {} matches all of its cases before it", before.name)
            }
            (None, None) if rule.conditions.iter().all(holds_where_known) => {
                "matches every case of which is known what it looks at: to those the points and \
                 the rules behind it mean nothing"
                    .to_owned()
            }
            (None, None) => continue,
        };
        found.push((format!("knock_outs[{at}]"), why));
    }
    found
}
