//! The bins of a characteristic: from the value of a feature to the code of a
//! bin, one byte.

/// The value of a feature for a case as of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Not told, or it cannot be computed.
    Missing,
    /// Asked, and not known.
    Unknown,
    /// A number in the unit of the feature.
    Number(i64),
    /// One of the feature's categories, by number.
    Category(i64),
    /// A text of the caller's own.
    Text(&'a str),
}

/// The code of the missing bin.
pub(super) const MISSING: u8 = 0;
/// The code of the unknown bin.
pub(super) const UNKNOWN: u8 = 1;
/// The code of the bin of what no other bin names.
pub(super) const OTHER: u8 = 2;
/// The code of the first bin of the card; the others follow in its order.
pub(super) const FIRST: u8 = 3;
/// The most bins a characteristic can have.
pub(super) const BINS_MAX: usize = 200;
/// The most special values: their codes follow those of the bins.
pub(super) const SPECIAL_MAX: usize = 32;
/// Category numbers lie below this.
pub(super) const CATEGORIES_MAX: usize = 16;

/// How a value finds its bin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bins {
    /// Numbers by their range.
    Ranges(Ranges),
    /// The code of each category.
    Categories([u8; CATEGORIES_MAX]),
    /// The code of each text, sorted by text.
    Texts(Vec<(Box<str>, u8)>),
}

/// Ranges of numbers, and single numbers that are looked for before them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    /// The lowest values of all ranges but the first, ascending.
    starts: Vec<i64>,
    /// The single numbers with their codes, ascending.
    special: Vec<(i64, u8)>,
    /// The lowest values of everything that has a code of its own but the first: the
    /// starts, the single numbers and what follows each of them, ascending.
    edges: Vec<i64>,
}

impl Ranges {
    /// Ranges that begin at `starts`, and single numbers with their codes.
    pub fn new(starts: Vec<i64>, mut special: Vec<(i64, u8)>) -> Ranges {
        special.sort_unstable();
        let around = special.iter().flat_map(|(number, _)| [*number, number.saturating_add(1)]);
        let mut edges: Vec<i64> = starts.iter().copied().chain(around).collect();
        edges.sort_unstable();
        edges.dedup();
        Ranges { starts, special, edges }
    }

    /// The lowest values of all ranges but the first, ascending.
    pub fn starts(&self) -> &[i64] {
        &self.starts
    }

    /// The single numbers with their codes, ascending.
    pub fn special(&self) -> &[(i64, u8)] {
        &self.special
    }

    fn code(&self, number: i64) -> u8 {
        match self.special.binary_search_by_key(&number, |one| one.0) {
            Ok(at) => self.special[at].1,
            Err(_) => FIRST + self.starts.partition_point(|start| *start <= number) as u8,
        }
    }

    /// The ranges, by their place, that hold no number from `least` to `most`.
    pub fn outside(&self, least: i64, most: i64) -> Vec<usize> {
        let starts = &self.starts;
        let empty = |at: &usize| {
            let first = at.checked_sub(1).map_or(i64::MIN, |before| starts[before]);
            // The first number behind it.
            let end = starts.get(*at).copied();
            end.is_some_and(|end| end <= least) || first > most
        };
        (0..=starts.len()).filter(empty).collect()
    }

    /// The single numbers, by their place, that are not from `least` to `most`.
    pub fn special_outside(&self, least: i64, most: i64) -> Vec<usize> {
        let first = usize::from(FIRST) + self.starts.len() + 1;
        let outside = self.special.iter().filter(|one| !(least..=most).contains(&one.0));
        outside.map(|one| usize::from(one.1) - first).collect()
    }
}

impl Bins {
    /// The code of the bin a value falls into.
    pub fn code(&self, value: &Value<'_>) -> u8 {
        match (value, self) {
            (Value::Missing, _) => MISSING,
            (Value::Unknown, _) => UNKNOWN,
            (Value::Number(number), Bins::Ranges(ranges)) => ranges.code(*number),
            (Value::Category(number), Bins::Categories(codes)) => {
                usize::try_from(*number).ok().and_then(|at| codes.get(at)).copied().unwrap_or(OTHER)
            }
            (Value::Text(text), Bins::Texts(texts)) => texts
                .binary_search_by(|entry| entry.0.as_ref().cmp(text))
                .map_or(OTHER, |at| texts[at].1),
            // The kind of a feature never changes, so a value always meets bins of its kind.
            _ => MISSING,
        }
    }

    /// The lowest value above `number` that falls into another bin.
    pub fn next_start(&self, number: i64) -> Option<i64> {
        match self {
            Bins::Ranges(Ranges { edges, .. }) => {
                edges.get(edges.partition_point(|edge| *edge <= number)).copied()
            }
            _ => None,
        }
    }

    /// The lowest value of the bin `number` is in; nothing in the first bin.
    pub fn own_start(&self, number: i64) -> Option<i64> {
        match self {
            Bins::Ranges(Ranges { edges, .. }) => {
                let at = edges.partition_point(|edge| *edge <= number);
                at.checked_sub(1).map(|at| edges[at])
            }
            _ => None,
        }
    }
}
