//! Why a use case failed.

use crate::model::{Micros, Violations};
use crate::store::proposals::ProposalState;
use crate::store::{Damage, StoreError};

use super::scorecard::ScorecardFinding;

/// A failure of a whole call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields break rules; all of them are here.
    #[error("{} fields break rules", .0.0.len())]
    Invalid(Violations),
    /// Something named does not exist.
    #[error("{} {id} does not exist", .resource.name())]
    NotFound {
        /// What.
        resource: Resource,
        /// Its id.
        id: String,
    },
    /// Something of this id exists with other content.
    #[error("{} {id} exists with other content", .resource.name())]
    AlreadyExists {
        /// What.
        resource: Resource,
        /// Its id.
        id: String,
    },
    /// The resource has changed since it was read.
    #[error("{} {id} has changed since etag {etag} was read", .resource.name())]
    EtagMismatch {
        /// What.
        resource: Resource,
        /// Its id.
        id: String,
        /// The etag given.
        etag: String,
    },
    /// The change touches what a rank depends on.
    #[error("{field} is read by ranks; changing it needs an activation")]
    NeedsActivation {
        /// The field.
        field: String,
    },
    /// An activated revision never changes.
    #[error("revision {0} was activated and never changes again")]
    RevisionNotDraft(String),
    /// A scorecard cannot rank as it stands.
    #[error("the scorecard cannot rank: {} findings", .0.len())]
    RevisionInvalid(Vec<ScorecardFinding>),
    /// Another activation is active than the one expected.
    #[error("activation {0} is active, not the one expected")]
    ActivationChanged(i64),
    /// The portfolio has an open proposal.
    #[error("proposal {0} of the portfolio is open; it has to be decided on or withdrawn first")]
    ProposalOpen(i64),
    /// The proposal is no longer one to decide on.
    #[error("proposal {proposal_id} is {} and no longer to be decided on", .state.name())]
    ProposalDecided {
        /// Its number.
        proposal_id: i64,
        /// What became of it.
        state: ProposalState,
    },
    /// Whoever proposed cannot decide.
    #[error("{subject} has made proposal {proposal_id}; another person has to decide on it")]
    SecondPersonRequired {
        /// Its number.
        proposal_id: i64,
        /// Who proposed it and called.
        subject: String,
    },
    /// A second person is asked for where nobody can be told from anybody.
    #[error("{field} needs a server with credentials: without them everybody is one person")]
    ApprovalNeedsCredentials {
        /// The field.
        field: &'static str,
    },
    /// A draft is not what it was when it was proposed.
    #[error("revision {0} was changed after it was proposed")]
    DraftChanged(String),
    /// A document of an atomic push was rejected.
    #[error("{} of the documents were rejected; nothing was stored", .0.len())]
    AtomicRejected(Vec<(usize, ItemError)>),
    /// The page token was not made by this service.
    #[error("the page token was not made by this service")]
    PageTokenMalformed,
    /// The page token belongs to another request.
    #[error("the page token belongs to another request")]
    PageTokenMismatch,
    /// What a watcher has not seen yet is no longer kept, or never was.
    #[error("the changes behind the token are no longer kept")]
    WatchTokenExpired,
    /// The caller has none of the roles the call needs.
    #[error("{method} needs one of the roles {roles}")]
    RoleMissing {
        /// The method.
        method: String,
        /// The roles, by name.
        roles: String,
    },
    /// The cases of a portfolio do not fit into memory, and a sample was refused.
    #[error("the cases do not fit into {bytes_max} bytes")]
    BookTooLarge {
        /// How much memory all books may take.
        bytes_max: u64,
    },
    /// The rank was made by features this server no longer computes.
    #[error("feature version {0} is retired")]
    FeatureVersionRetired(i32),
    /// Too many calls wait already.
    #[error("{bound} calls are waiting already")]
    Overloaded {
        /// The bound.
        bound: usize,
    },
    /// The server is stopping.
    #[error("the server is stopping")]
    ShuttingDown,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A fault of the server.
    #[error("{0}")]
    Internal(String),
}

impl From<Damage> for Error {
    fn from(damage: Damage) -> Error {
        Error::Store(damage.into())
    }
}

impl Error {
    /// The row that cannot be read, where that is what failed.
    pub(super) fn into_damage(self) -> Result<Damage, Error> {
        match self {
            Error::Store(
                StoreError::Corrupt { table, key, why } | StoreError::Newer { table, key, why },
            ) => Ok(Damage { table, key, why }),
            other => Err(other),
        }
    }
}

/// What an error speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A portfolio.
    Portfolio,
    /// A case.
    Case,
    /// A debtor.
    Debtor,
    /// An event.
    Event,
    /// A work list.
    WorkList,
    /// A revision of a scorecard.
    Revision,
    /// An activation of a portfolio.
    Activation,
    /// An activation that waits.
    Proposal,
}

impl Resource {
    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portfolio => "portfolio",
            Self::Case => "case",
            Self::Debtor => "debtor",
            Self::Event => "event",
            Self::WorkList => "work list",
            Self::Revision => "revision",
            Self::Activation => "activation",
            Self::Proposal => "proposal",
        }
    }
}

/// Why one item of a call was not taken. Its neighbours are not affected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// Fields break rules.
    #[error("{} fields break rules", .0.0.len())]
    Invalid(Violations),
    /// The case does not exist.
    #[error("case {0} does not exist in the portfolio")]
    CaseNotFound(String),
    /// The debtor does not exist.
    #[error("debtor {0} does not exist")]
    DebtorNotFound(String),
    /// The event referred to does not exist or is of another kind.
    #[error("event {0} does not exist or is of another kind")]
    EventNotFound(String),
    /// An event of this id exists with other content.
    #[error("event {0} exists with other content")]
    EventAlreadyExists(String),
    /// The source numbers its documents and this one has no number.
    #[error("the source numbers its documents; case {0} came without a source_sequence")]
    SequenceRequired(String),
    /// The source does not number its documents and this one has a number.
    #[error("the source does not number its documents; case {0} came with a source_sequence")]
    SequenceUnexpected(String),
    /// The lease token was not made by this service.
    #[error("the lease token was not made by this service")]
    LeaseTokenMalformed,
    /// The lease has ended.
    #[error("the lease ended at {0}")]
    LeaseExpired(Micros),
    /// The case has been leased again since.
    #[error("the case has been leased again since")]
    LeaseSuperseded,
    /// Another report on this lease was taken before.
    #[error("another report on this lease was taken before")]
    ReportAlreadyExists,
    /// The rank was made by features this server no longer computes.
    #[error("feature version {0} is retired")]
    FeatureVersionRetired(i32),
    /// A stored row that the item touches cannot be read back; nothing of the item
    /// was kept. What is wrong with the row is in the log.
    #[error("the stored row {} {} cannot be read back; nothing was changed", .0.table, .0.key)]
    Unreadable(#[from] Damage),
}
