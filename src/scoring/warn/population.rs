//! Populations that no case can be of: their conditions contradict each other or what
//! their features can be, or an earlier one takes every case.

use super::super::bins::{Bins, FIRST, MISSING, OTHER, UNKNOWN};
use super::super::compile::{Compiled, CompiledPopulation, Condition};

/// The values for which a condition holds.
#[derive(PartialEq, Eq)]
enum Held<'a> {
    Missing,
    Unknown,
    /// Numbers from the first to before the second, as wide as they can be.
    Range(i128, i128),
    /// Categories, by number.
    Categories(Vec<usize>),
    Texts(Vec<&'a str>),
}

fn held(one: &Condition) -> Held<'_> {
    match (one.code, &one.bins) {
        (MISSING, _) => Held::Missing,
        (UNKNOWN, _) => Held::Unknown,
        (code, Bins::Ranges(ranges)) => {
            let at = usize::from(code - FIRST);
            let starts = ranges.starts();
            let (least, most) = one.feature.range();
            let from = at.checked_sub(1).map_or(i128::MIN, |before| i128::from(starts[before]));
            let to = starts.get(at).map_or(i128::MAX, |to| i128::from(*to));
            Held::Range(from.max(i128::from(least)), to.min(i128::from(most) + 1))
        }
        (_, Bins::Categories(codes)) => {
            Held::Categories((0..codes.len()).filter(|at| codes[*at] != OTHER).collect())
        }
        (_, Bins::Texts(texts)) => Held::Texts(texts.iter().map(|one| one.0.as_ref()).collect()),
    }
}

impl Held<'_> {
    fn is_empty(&self) -> bool {
        matches!(self, Held::Range(from, to) if from >= to)
    }

    /// Whether no value is in both.
    fn excludes(&self, other: &Held<'_>) -> bool {
        match (self, other) {
            (Held::Range(from, to), Held::Range(other_from, other_to)) => {
                from.max(other_from) >= to.min(other_to)
            }
            (Held::Categories(one), Held::Categories(two)) => {
                !one.iter().any(|at| two.contains(at))
            }
            (Held::Texts(one), Held::Texts(two)) => !one.iter().any(|text| two.contains(text)),
            (one, two) => one != two,
        }
    }

    /// Whether every value of it is one of the other.
    fn is_within(&self, other: &Held<'_>) -> bool {
        match (self, other) {
            (Held::Range(from, to), Held::Range(other_from, other_to)) => {
                other_from <= from && to <= other_to
            }
            (Held::Categories(one), Held::Categories(two)) => one.iter().all(|at| two.contains(at)),
            (Held::Texts(one), Held::Texts(two)) => one.iter().all(|text| two.contains(text)),
            (one, two) => one == two,
        }
    }
}

/// Populations that no case can be of. Those that are off are so by intent.
pub(super) fn out_of_reach(card: &Compiled) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let all = &card.populations;
    for (at, one) in all.iter().enumerate().filter(|(_, one)| one.active) {
        let before = all[..at].iter().filter(|before| before.active);
        let why = match (contradiction(one), before.into_iter().find(|before| takes(before, one))) {
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

/// The first condition that cannot hold where those before it do.
fn contradiction(one: &CompiledPopulation) -> Option<usize> {
    let conditions = one.conditions.iter().enumerate();
    let impossible = |(at, condition): &(usize, &Condition)| {
        let own = held(condition);
        let same = one.conditions[..*at].iter().filter(|other| other.feature == condition.feature);
        own.is_empty() || same.into_iter().any(|other| own.excludes(&held(other)))
    };
    conditions.filter(impossible).map(|(at, _)| at).next()
}

/// Whether every case of which the conditions of the second hold is one of the first.
fn takes(first: &CompiledPopulation, second: &CompiledPopulation) -> bool {
    first.conditions.iter().all(|wide| {
        let same = second.conditions.iter().filter(|narrow| narrow.feature == wide.feature);
        same.into_iter().any(|narrow| held(narrow).is_within(&held(wide)))
    })
}
