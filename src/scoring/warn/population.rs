//! Populations that no case can be of: their conditions contradict each other or what
//! their features can be, or an earlier one takes every case.

use super::super::compile::Compiled;
use super::super::reach::{contradiction, takes};

/// Populations that no case can be of. Those that are off are so by intent.
pub(super) fn out_of_reach(card: &Compiled) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let all = &card.populations;
    for (at, one) in all.iter().enumerate().filter(|(_, one)| one.active) {
        let before = all[..at].iter().filter(|before| before.active);
        let why = match (
            contradiction(&one.conditions),
            before.into_iter().find(|before| takes(&before.conditions, &one.conditions)),
        ) {
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
