//! Where the data of a tenant lies: in one part, or spread over several by debtor, so
//! that a debtor's cases, locks and limits stand together.

use super::{CaseId, DebtorId, Part, h64};

/// Into how many parts a tenant can be spread at most.
pub const BUCKETS_MAX: i64 = 128;

/// The parts of a tenant. Which one a debtor lives in is settled for good by the
/// debtor's id and the number of parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    home: Part,
    parts: Vec<Part>,
}

impl Parts {
    /// The parts of a tenant that is spread over so many buckets, 1 to [`BUCKETS_MAX`].
    pub fn of_tenant(tenant: &str, buckets: i64) -> Parts {
        let home = Part::of_tenant(tenant);
        let parts = match buckets {
            ..=1 => vec![home],
            _ => (0..buckets).map(|bucket| Part::of_bucket(tenant, bucket)).collect(),
        };
        Parts { home, parts }
    }

    /// The part of a tenant's name, in which it says how far it is spread.
    pub fn home(&self) -> Part {
        self.home
    }

    /// Into how many the tenant is spread.
    pub fn buckets(&self) -> i64 {
        i64::try_from(self.parts.len()).unwrap_or(BUCKETS_MAX)
    }

    /// All of them, in the order of their buckets.
    pub fn all(&self) -> &[Part] {
        &self.parts
    }

    /// The first: settings stand in each of them, and are read here.
    pub fn first(&self) -> Part {
        self.parts[0]
    }

    /// The one part of a tenant that is not spread.
    pub fn only(&self) -> Option<Part> {
        (self.parts.len() == 1).then(|| self.first())
    }

    /// Where a debtor lives, with all cases.
    pub fn of_debtor(&self, debtor_id: &DebtorId) -> Part {
        self.of_text(debtor_id.as_str())
    }

    /// Where it is noted in which part a case lives.
    pub fn directory_of(&self, case_id: &CaseId) -> Part {
        self.of_text(case_id.as_str())
    }

    fn of_text(&self, id: &str) -> Part {
        // By the bits, so that no hash is negative; their number fits any width.
        let hash = h64(&[id.as_bytes()]) as u64;
        self.parts[(hash % self.parts.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debtor(id: impl std::fmt::Display) -> DebtorId {
        DebtorId::new(id.to_string()).expect("an id")
    }

    #[test]
    fn a_tenant_that_is_not_spread_lies_in_the_part_of_its_name() {
        let parts = Parts::of_tenant("default", 1);
        assert_eq!(parts.only(), Some(Part::of_tenant("default")));
        assert_eq!(parts.of_debtor(&debtor("d-1")), parts.home());
    }

    #[test]
    fn debtors_are_spread_evenly_and_stay_where_they_are() {
        let parts = Parts::of_tenant("default", 16);
        assert_eq!(parts.only(), None);
        assert!(!parts.all().contains(&parts.home()));
        let mut counts = std::collections::HashMap::new();
        for number in 0..16_000 {
            *counts.entry(parts.of_debtor(&debtor(number))).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 16);
        assert!(counts.values().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }

    /// Stored rows lie where these numbers say: they never change.
    #[test]
    fn buckets_are_where_they_always_were() {
        let parts = Parts::of_tenant("default", 4);
        let all: Vec<i64> = parts.all().iter().map(|part| part.0).collect();
        let known = [
            -3_198_687_504_710_676_438,
            -2_545_914_526_405_743_858,
            -8_473_934_231_247_116_574,
            3_803_187_402_831_590_330,
        ];
        assert_eq!(all, known);
        let places = ["d-1", "d-2", "d-3"].map(|id| parts.of_debtor(&debtor(id)).0);
        assert_eq!(places, [known[3], known[2], known[0]]);
    }
}
