//! Who calls.

/// Who calls, as made by the one layer that reads credentials. The tenant comes
/// from credentials, never from a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant; `default` where there are no credentials.
    pub tenant: String,
    /// The name for the audit.
    pub subject: String,
    /// What the caller may do.
    pub roles: Vec<Role>,
    /// Whether credentials prove that the caller is the subject. Without them every caller
    /// is the same one, so that a second person cannot be told from the first.
    pub authenticated: bool,
}

impl Caller {
    /// The caller of a server without credentials: everything is allowed, and
    /// such a server listens on the loopback address only.
    pub fn local() -> Caller {
        Caller {
            tenant: "default".to_owned(),
            subject: "local".to_owned(),
            roles: Role::ALL.to_vec(),
            authenticated: false,
        }
    }
}

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Pushes cases and events.
    LoanSystem,
    /// Leases and reports work.
    Dialer,
    /// Tunes scorecards and settings.
    Analyst,
    /// Approves activations.
    Approver,
    /// Reads everything.
    Auditor,
    /// Runs the service.
    Operator,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 6] = [
        Self::LoanSystem,
        Self::Dialer,
        Self::Analyst,
        Self::Approver,
        Self::Auditor,
        Self::Operator,
    ];

    /// The name in configuration and errors.
    pub fn name(self) -> &'static str {
        match self {
            Self::LoanSystem => "loan_system",
            Self::Dialer => "dialer",
            Self::Analyst => "analyst",
            Self::Approver => "approver",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
        }
    }
}
