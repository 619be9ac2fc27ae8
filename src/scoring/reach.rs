//! Which cases conditions leave to those that come after them: none, where they contradict
//! each other or what their features can be, or where earlier ones take every case.

use super::bins::{Bins, FIRST, MISSING, OTHER, UNKNOWN};
use super::compile::Condition;
use super::feature::FeatureKind;

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

/// The first condition that cannot hold where those before it do.
pub(super) fn contradiction(conditions: &[Condition]) -> Option<usize> {
    let impossible = |(at, condition): &(usize, &Condition)| {
        let own = held(condition);
        let same = conditions[..*at].iter().filter(|other| other.feature == condition.feature);
        own.is_empty() || same.into_iter().any(|other| own.excludes(&held(other)))
    };
    conditions.iter().enumerate().find(impossible).map(|(at, _)| at)
}

/// Whether the first conditions hold of every case of which the second do.
pub(super) fn takes(first: &[Condition], second: &[Condition]) -> bool {
    first.iter().all(|wide| {
        let same = second.iter().filter(|narrow| narrow.feature == wide.feature);
        same.into_iter().any(|narrow| held(narrow).is_within(&held(wide)))
    })
}

/// Whether a condition holds for everything that its feature can be, if it is known.
pub(super) fn holds_where_known(one: &Condition) -> bool {
    match (held(one), one.feature.kind().0) {
        (Held::Range(from, to), FeatureKind::Number { .. }) => {
            let (least, most) = one.feature.range();
            from <= i128::from(least) && to > i128::from(most)
        }
        (Held::Categories(held), FeatureKind::Category(names)) => held.len() == names.len(),
        _ => false,
    }
}
