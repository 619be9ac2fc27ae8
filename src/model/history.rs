//! What happened to a case and its debtor, folded from events.

use super::{Day, Facts, LocalDays, Micros};

mod change;

pub use change::{HOLDS_MAX, holds_are_full};

/// What happened to a case, as far as ranking, serving and gating read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Payments by event time, the newest last; at most 256.
    pub payments: Vec<Payment>,
    /// Contact attempts by event time, the newest last; at most 64.
    pub attempts: Vec<Attempt>,
    /// Promises by time made, the newest last; at most 64.
    pub promises: Vec<Promise>,
    /// Holds not lifted, by event id.
    pub holds: Vec<Hold>,
    /// Payments no longer in the list.
    pub earlier_payment_count: i64,
    /// Attempts no longer in the list.
    pub earlier_attempt_count: i64,
    /// Right-party contacts over all time.
    pub right_party_contact_count: i64,
    /// Promises kept over all time.
    pub promises_kept_count: i64,
    /// Promises broken over all time.
    pub promises_broken_count: i64,
    /// Facts versions so far.
    pub facts_version_count: i64,
    /// Episodes that ended as cured.
    pub cured_count: i64,
}

/// A payment to a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The event that reported it.
    pub event_id: String,
    /// When it was made.
    pub event_time: Micros,
    /// Smallest units of the base currency, above 0.
    pub amount_minor: i64,
    /// When it was taken back, if it was.
    pub reversed_time: Option<Micros>,
}

/// A contact attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When.
    pub event_time: Micros,
    /// The row of the outcome table; empty = unknown result.
    pub outcome_code: String,
    /// Whether the right person was spoken to.
    pub right_party: bool,
    /// Whether the debtor used a right, or must not be worked: nothing that ranks
    /// counts such an attempt, neither as fruitless nor as a contact.
    pub gated: bool,
}

/// A promise to pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The lease it was made under.
    pub lease_seq: i64,
    /// When it was made.
    pub event_time: Micros,
    /// Smallest units; 0 = all that is overdue.
    pub promised_amount_minor: i64,
    /// For when.
    pub promised_date: Day,
    /// What came of it.
    pub state: PromiseState,
}

/// How many calendar days of the portfolio's zone a promise is given beyond its
/// own: money made on the promised day is often told a day later. The case is
/// parked as long.
pub const PROMISE_GRACE_DAYS: i32 = 1;

impl Promise {
    /// The day on which it is decided whether the promise is kept: the first one
    /// after its grace.
    pub fn judged_on(&self) -> Day {
        self.promised_date.plus(1 + PROMISE_GRACE_DAYS)
    }

    /// Whether the payments made since the promise and before the day on which it
    /// is judged do what was promised. One over all that is overdue wants nothing
    /// above the tolerance to be left of what the ledger says. A payment taken back
    /// was never made; one that was made later changes nothing.
    pub fn performed(&self, case: &PromiseInput<'_>) -> bool {
        let end = case.days.start_of(self.judged_on());
        let standing = |payment: &&Payment| payment.reversed_time.is_none();
        let sum = |from: Micros| -> i128 {
            let made = case.payments.iter().filter(standing);
            made.filter(|payment| payment.event_time >= from && payment.event_time < end)
                .map(|payment| i128::from(payment.amount_minor))
                .sum()
        };
        if self.promised_amount_minor > 0 {
            return sum(self.event_time) >= i128::from(self.promised_amount_minor);
        }
        // Of what the ledger has taken off already, what was taken back since.
        let taken_back: i128 = case
            .payments
            .iter()
            .filter(|payment| payment.event_time <= case.as_of)
            .filter(|payment| payment.reversed_time.is_some_and(|at| at > case.as_of))
            .map(|payment| i128::from(payment.amount_minor))
            .sum();
        let overdue = i128::from(case.facts.overdue_amount_minor) + taken_back;
        overdue - sum(case.as_of.plus(1)) <= i128::from(case.tolerance_minor)
    }
}

/// What a promise is judged by.
#[derive(Clone, Copy)]
pub struct PromiseInput<'a> {
    /// What the ledger says.
    pub facts: &'a Facts,
    /// The instant it speaks of.
    pub as_of: Micros,
    /// The payments to the case.
    pub payments: &'a [Payment],
    /// Up to this much overdue is nothing overdue, in smallest units.
    pub tolerance_minor: i64,
    /// The days of the portfolio's zone.
    pub days: &'a dyn LocalDays,
}

/// What came of a promise. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum PromiseState {
    /// It is not decided yet, or nothing happened since that would decide it.
    Open = 1,
    /// The money came.
    Kept = 2,
    /// Its day and its grace passed without the money.
    Broken = 3,
    /// A later promise or the end of the case replaced it.
    Cancelled = 4,
}

impl PromiseState {
    /// The state of a stored number.
    pub fn from_number(number: i32) -> Option<PromiseState> {
        [Self::Open, Self::Kept, Self::Broken, Self::Cancelled]
            .into_iter()
            .find(|state| *state as i32 == number)
    }
}

/// A hold on a case or a debtor: it gates and never ranks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The event that placed it.
    pub event_id: String,
    /// Why.
    pub kind: HoldKind,
    /// When it ends by itself, if it does.
    pub until: Option<Micros>,
    /// The caller's reference to the evidence, at most 128 bytes; empty = none.
    pub evidence_reference: String,
}

impl Hold {
    /// Whether it is in force at an instant.
    pub fn in_force(&self, now: Micros) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

/// The instant until which any of the holds is in force; nothing if none is.
pub fn held_until(holds: &[Hold], now: Micros) -> Option<Micros> {
    holds.iter().map(|hold| hold.until.unwrap_or(Micros::NEVER)).filter(|until| *until > now).max()
}

macro_rules! hold_kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)+) => {
        /// Why a debtor or case must not be worked. The numbers are stored and are
        /// those of the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum HoldKind {
            $($(#[$doc])* $name = $number,)+
        }

        impl HoldKind {
            /// All kinds.
            pub const ALL: &[HoldKind] = &[$(HoldKind::$name,)+];

            /// The name as in the contract, without its prefix.
            pub fn name(self) -> &'static str {
                match self {
                    $(HoldKind::$name => $text,)+
                }
            }
        }
    };
}

hold_kinds! {
    /// Contact must cease.
    Cease = 1, "CEASE";
    /// An adviser represents the debtor.
    Represented = 2, "REPRESENTED";
    /// The debt is disputed.
    Dispute = 3, "DISPUTE";
    /// The debtor is said to have died.
    Deceased = 4, "DECEASED";
    /// Insolvency proceedings.
    Bankrupt = 5, "BANKRUPT";
    /// A statutory breathing space.
    BreathingSpace = 6, "BREATHING_SPACE";
    /// A mental-health crisis.
    MentalHealthCrisis = 7, "MENTAL_HEALTH_CRISIS";
    /// Capacity is in doubt.
    Capacity = 8, "CAPACITY";
    /// A hardship request.
    Hardship = 9, "HARDSHIP";
    /// The debtor says the debt is not his.
    FraudClaim = 10, "FRAUD_CLAIM";
    /// The debtor is a minor.
    Minor = 11, "MINOR";
    /// In court.
    Litigation = 12, "LITIGATION";
    /// A disaster.
    Disaster = 13, "DISASTER";
    /// A bereavement.
    Bereavement = 14, "BEREAVEMENT";
    /// Asked not to be called.
    DoNotCall = 15, "DO_NOT_CALL";
    /// A complaint is open.
    Complaint = 16, "COMPLAINT";
}

impl HoldKind {
    /// The kind of a stored number.
    pub fn from_number(number: i32) -> Option<HoldKind> {
        Self::ALL.iter().copied().find(|kind| *kind as i32 == number)
    }
}

/// What is kept of a debtor across cases and episodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DebtorRecord {
    /// Holds of the whole debtor not lifted, by event id.
    pub holds: Vec<Hold>,
    /// The instants of counted attempts, the newest last; at most 100.
    pub attempts: Vec<Micros>,
    /// Counted attempts no longer in the list.
    pub earlier_attempt_count: i64,
}

impl DebtorRecord {
    /// The most instants kept: as many as a cap may allow.
    pub const ATTEMPTS_KEPT: usize = 100;

    /// Counts an attempt.
    pub fn count_attempt(&mut self, at: Micros) {
        let place = self.attempts.partition_point(|other| *other <= at);
        self.attempts.insert(place, at);
        if self.attempts.len() > Self::ATTEMPTS_KEPT {
            self.attempts.remove(0);
            self.earlier_attempt_count += 1;
        }
    }

    /// Takes a counted attempt back. One that was never counted, or is no longer
    /// in the list, changes nothing.
    pub fn uncount_attempt(&mut self, at: Micros) {
        if let Some(place) = self.attempts.iter().rposition(|other| *other == at) {
            self.attempts.remove(place);
        }
    }
}
