//! Identity: the callers' ids, which stay as given, and the service's own
//! numbers, which keys are made of.

use std::fmt;

/// The longest id, in bytes.
pub const ID_LENGTH_MAX: usize = 128;

/// An id that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Nothing was given.
    #[error("is required")]
    Empty,
    /// Longer than 128 bytes.
    #[error("has {0} bytes; at most 128 are allowed")]
    TooLong(usize),
    /// A byte outside printable ASCII.
    #[error("contains byte 0x{0:02X}; only printable ASCII 0x21 to 0x7E is allowed")]
    Byte(u8),
}

/// Whether a text can be an id: 1 to 128 bytes of printable ASCII 0x21 to 0x7E.
pub fn check_id(text: &str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty);
    }
    if text.len() > ID_LENGTH_MAX {
        return Err(InvalidId::TooLong(text.len()));
    }
    match text.bytes().find(|byte| !(0x21..=0x7E).contains(byte)) {
        Some(byte) => Err(InvalidId::Byte(byte)),
        None => Ok(()),
    }
}

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        /// 1 to 128 bytes of printable ASCII 0x21 to 0x7E, case-sensitive,
        /// never normalised.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes an id as the caller gave it.
            pub fn new(text: impl Into<String>) -> Result<$name, InvalidId> {
                let text = text.into();
                check_id(&text)?;
                Ok($name(text))
            }

            /// The id as the caller gave it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

text_id! {
    /// A portfolio, unique within the tenant.
    PortfolioId;
    /// A case, unique within its portfolio.
    CaseId;
    /// A debtor, unique within the tenant.
    DebtorId;
    /// A work list, unique within the tenant.
    WorkListId;
    /// Who works leased cases.
    WorkerId;
    /// An event, unique within its portfolio.
    EventId;
    /// A pull of work that may be retried.
    RequestId;
    /// An experiment; what it draws depends on it.
    ExperimentId;
}

macro_rules! number {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    )+};
}

number! {
    /// What every key of tenant data begins with: a tenant, or one of its buckets.
    Part;
    /// The service's number of a case, unique within its part.
    CaseNo;
    /// The service's number of a debtor, unique within its part.
    DebtorNo;
    /// The service's number of a portfolio, unique within its part.
    PortfolioNo;
    /// The service's number of a work list, unique within its part.
    WorkListNo;
}

impl Part {
    /// The part of a tenant's name, in which all of it lives unless it is spread.
    pub fn of_tenant(tenant: &str) -> Part {
        Part(h64(&[tenant.as_bytes()]))
    }

    /// One bucket of a tenant that is spread over several.
    pub fn of_bucket(tenant: &str, bucket: i64) -> Part {
        Part(h64(&[tenant.as_bytes(), &bucket.to_be_bytes()]))
    }
}

/// The first 8 bytes, big-endian, of the BLAKE3 hash of the inputs, each behind
/// its length as a big-endian u32.
pub fn h64(inputs: &[&[u8]]) -> i64 {
    let mut hasher = blake3::Hasher::new();
    for input in inputs {
        let length = u32::try_from(input.len()).unwrap_or(u32::MAX);
        hasher.update(&length.to_be_bytes());
        hasher.update(input);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    i64::from_be_bytes(first)
}
