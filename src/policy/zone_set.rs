//! The zones a debtor may be in.

use crate::model::h64;

use super::{UnknownZone, Zone};

/// The most zones one debtor may bring.
pub const ZONE_SET_MAX: usize = 8;

/// How a set with places of no zone of their own is written.
const HOME: &str = "*";

/// The zones a debtor may be in: links resolved, sorted by name, each once.
/// Contact is allowed where it is allowed in all of them. A place that does not
/// say its zone is taken to be in the portfolio's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneSet {
    zones: Vec<Zone>,
    unknown: Vec<String>,
    /// Whether beside these zones there is a place that does not say its zone.
    home: bool,
}

/// Why names do not make a set of zones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneSetError {
    /// A name is not a zone.
    #[error(transparent)]
    Unknown(#[from] UnknownZone),
    /// More than [`ZONE_SET_MAX`] different zones.
    #[error("{count} different time zones; at most {ZONE_SET_MAX} are allowed")]
    TooMany {
        /// How many there are.
        count: usize,
    },
}

impl ZoneSet {
    /// The set of these names, in any order and case of letters; an empty name is a
    /// place that does not say its zone.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<ZoneSet, ZoneSetError> {
        let mut set = ZoneSet::default();
        for name in names {
            match name {
                "" => set.home = true,
                name => set.insert(&Zone::new(name)?),
            }
        }
        set.home &= !set.zones.is_empty();
        match set.zones.len() {
            0..=ZONE_SET_MAX => Ok(set),
            count => Err(ZoneSetError::TooMany { count }),
        }
    }

    /// The set of names that were checked when they were stored. A name that the
    /// zone data of this binary lacks is kept as unknown, and the debtor is not
    /// contacted until it is known (gate ZONE_UNKNOWN). More than
    /// [`ZONE_SET_MAX`] zones, as the union over a debtor's cases may have, all count.
    pub fn stored<'a>(names: impl IntoIterator<Item = &'a str>) -> ZoneSet {
        let mut set = ZoneSet::default();
        for name in names {
            match Zone::new(name) {
                _ if name.is_empty() || name == HOME => set.home = true,
                Ok(zone) => set.insert(&zone),
                Err(unknown) => set.unknown.push(unknown.name),
            }
        }
        set.unknown.sort();
        set.unknown.dedup();
        // Where no place says its zone, the set is the empty one.
        set.home &= !(set.zones.is_empty() && set.unknown.is_empty());
        set
    }

    fn insert(&mut self, zone: &Zone) {
        let zone = zone.resolved();
        if let Err(at) = self.zones.binary_search_by_key(&zone.name(), Zone::name) {
            self.zones.insert(at, zone);
        }
    }

    /// The zones, by name.
    pub fn zones(&self) -> &[Zone] {
        &self.zones
    }

    /// The stored names that the zone data of this binary lacks, sorted.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// Whether the portfolio's own zone counts beside those named here, because a
    /// place does not say its zone.
    pub fn with_home(&self) -> bool {
        self.home
    }

    /// Whether the debtor brings no zone: the portfolio's own then counts alone.
    pub fn is_empty(&self) -> bool {
        self.zones.is_empty() && self.unknown.is_empty()
    }

    /// All names, the known ones first: what to store, and what [`ZoneSet::stored`] takes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let zones = self.zones.iter().map(|zone| zone.name());
        let unknown = self.unknown.iter().map(String::as_str);
        zones.chain(unknown).chain(self.home.then_some(HOME))
    }

    /// A number for the set, computed from its names; 0 = empty.
    pub fn id(&self) -> i64 {
        let names: Vec<&[u8]> = self.names().map(str::as_bytes).collect();
        // A hash of 0 would read as "the portfolio's own zone".
        if names.is_empty() { 0 } else { Some(h64(&names)).filter(|id| *id != 0).unwrap_or(1) }
    }
}
