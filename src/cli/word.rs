//! The words of the contract's enums as people write them: `HIGH` for
//! `LEVEL_HIGH`, in any case.

use crate::proto;

/// The largest number any enum of the contract uses, with room to spare.
const NUMBER_MAX: i32 = 63;

/// The words of one enum.
#[derive(Clone, Copy)]
pub(super) struct Words(fn(i32) -> Option<&'static str>);

macro_rules! words {
    ($($(#[$doc:meta])* $constant:ident = $name:ident;)+) => {$(
        $(#[$doc])*
        pub(super) const $constant: Words =
            Words(|number| Some(proto::$name::try_from(number).ok()?.as_str_name()));
    )+};
}

words! {
    /// Graded inputs.
    LEVEL = Level;
    /// Yes-or-no inputs.
    ANSWER = Answer;
    /// Why a debtor is overdue.
    OVERDUE_REASON = OverdueReason;
    /// What is known of that reason.
    REASON_STATE = ReasonState;
    /// Whether the debtor is married.
    MARITAL_STATUS = MaritalStatus;
    /// The kind of work.
    EMPLOYMENT_TYPE = EmploymentType;
    /// How the income stands.
    INCOME_STATE = IncomeState;
    /// Person or business.
    DEBTOR_KIND = DebtorKind;
    /// Whether a revision can still be changed.
    REVISION_STATE = RevisionState;
    /// Whether a second person approves what changes ranks.
    ACTIVATION_APPROVAL = ActivationApproval;
    /// What became of a proposal.
    PROPOSAL_STATE = ProposalState;
    /// How much a finding weighs.
    FINDING_SEVERITY = FindingSeverity;
    /// Why a case ended.
    CLOSE_REASON = CloseReason;
    /// What a contact point is.
    CONTACT_POINT_KIND = ContactPointKind;
    /// Whether a contact point works.
    CONTACT_POINT_STATE = ContactPointState;
    /// A, B or C.
    RECOVERY_GROUP = RecoveryGroup;
    /// M1 to M5.
    STAGE = Stage;
    /// The state of a case.
    CASE_STATE = CaseState;
    /// What became of a document.
    PUSH_DISPOSITION = PushDisposition;
    /// What became of a report.
    OUTCOME_DISPOSITION = OutcomeDisposition;
    /// Why a case must not be worked.
    HOLD_KIND = HoldKind;
    /// Whom a hold covers.
    HOLD_SCOPE = HoldScope;
    /// Why a case is not served.
    GATE = Gate;
    /// Why one given debtor is leased.
    TAKE_REASON = TakeReason;
    /// What kind of thing a characteristic looks at.
    FAMILY = Family;
    /// Which side of paying a characteristic speaks of.
    DIMENSION = Dimension;
    /// What a difficulty comes from.
    DIAGNOSIS = Diagnosis;
    /// Who may read a reason.
    AUDIENCE = Audience;
    /// What can happen to a case.
    CASE_EVENT_KIND = CaseEventKind;
    /// The arm of an experiment.
    ARM = Arm;
    /// What came of computing a rank anew.
    REPLAY_RESULT = ReplayResult;
}

impl Words {
    fn prefix(self) -> &'static str {
        (self.0)(0).and_then(|name| name.strip_suffix("UNSPECIFIED")).unwrap_or("")
    }

    /// The word of a number; empty for "unspecified" and for a number that this
    /// version does not know.
    pub(super) fn word(self, number: i32) -> &'static str {
        let word = (self.0)(number).and_then(|name| name.strip_prefix(self.prefix()));
        word.filter(|word| *word != "UNSPECIFIED").unwrap_or("")
    }

    /// The number of a word, with or without its prefix, in any case.
    pub(super) fn number(self, text: &str) -> Option<i32> {
        let text = text.to_ascii_uppercase();
        let text = text.strip_prefix(self.prefix()).unwrap_or(&text);
        (1..=NUMBER_MAX).find(|number| self.word(*number) == text && !text.is_empty())
    }

    /// All words, for messages.
    pub(super) fn all(self) -> String {
        let words = (1..=NUMBER_MAX).map(|number| self.word(number));
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_any_case_and_with_its_prefix() {
        for text in ["high", "HIGH", "LEVEL_HIGH", "Level_High"] {
            assert_eq!(LEVEL.number(text), Some(proto::Level::High as i32), "{text}");
        }
        assert_eq!(CASE_STATE.number("closed"), Some(7), "numbers may have gaps");
    }

    #[test]
    fn what_is_no_word_is_refused() {
        for text in ["", "UNSPECIFIED", "LEVEL_", "VERY_HIGH", "5", "LEVEL_UNSPECIFIED"] {
            assert_eq!(LEVEL.number(text), None, "{text}");
        }
        assert_eq!(LEVEL.word(0), "");
        assert_eq!(LEVEL.word(99), "");
        assert_eq!(ANSWER.all(), "UNKNOWN, NO, YES");
    }
}
