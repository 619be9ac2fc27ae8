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
/// Category numbers lie below this.
pub(super) const CATEGORIES_MAX: usize = 16;

/// How a value finds its bin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bins {
    /// The lowest values of all bins but the first, ascending.
    Ranges(Vec<i64>),
    /// The code of each category.
    Categories([u8; CATEGORIES_MAX]),
    /// The code of each text, sorted by text.
    Texts(Vec<(Box<str>, u8)>),
}

impl Bins {
    /// The code of the bin a value falls into.
    pub fn code(&self, value: &Value<'_>) -> u8 {
        match (value, self) {
            (Value::Missing, _) => MISSING,
            (Value::Unknown, _) => UNKNOWN,
            (Value::Number(number), Bins::Ranges(starts)) => {
                FIRST + starts.partition_point(|start| start <= number) as u8
            }
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

    /// The ranges, by their place, that hold no number from `least` to `most`.
    pub fn outside(&self, least: i64, most: i64) -> Vec<usize> {
        let Bins::Ranges(starts) = self else { return Vec::new() };
        let empty = |at: &usize| {
            let first = at.checked_sub(1).map_or(i64::MIN, |before| starts[before]);
            // The first number behind it.
            let end = starts.get(*at).copied();
            end.is_some_and(|end| end <= least) || first > most
        };
        (0..=starts.len()).filter(empty).collect()
    }

    /// The lowest value above `number` that falls into another bin.
    pub fn next_start(&self, number: i64) -> Option<i64> {
        match self {
            Bins::Ranges(starts) => {
                starts.get(starts.partition_point(|start| *start <= number)).copied()
            }
            _ => None,
        }
    }

    /// The lowest value of the bin `number` is in; nothing in the first bin.
    pub fn own_start(&self, number: i64) -> Option<i64> {
        match self {
            Bins::Ranges(starts) => {
                let at = starts.partition_point(|start| *start <= number);
                at.checked_sub(1).map(|at| starts[at])
            }
            _ => None,
        }
    }
}
