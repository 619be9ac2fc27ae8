//! The typed inputs of a case: one table, from which the contract's fields, the
//! stored form and the features are read. A number is never reused.

use super::Day;

/// What the integer of an input means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// `arrears.v1.Level`: 1 unknown, 2 none, 3 low, 4 medium, 5 high.
    Level,
    /// `arrears.v1.Answer`: 1 unknown, 2 no, 3 yes.
    Answer,
    /// An enum of the contract, by number up to this one; 1 = unknown where it has one.
    Enum(i64),
    /// A count or rating within bounds.
    Count {
        /// The largest value.
        max: i64,
    },
    /// An amount in smallest units.
    Amount,
    /// A day, in days since 1970.
    Date,
}

macro_rules! inputs {
    ($($number:literal $variant:ident $name:literal $kind:expr, $protected:literal;)+) => {
        /// One typed input; the number is the stored one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        pub enum Input {
            $(
                #[doc = concat!("`", $name, "`")]
                $variant = $number,
            )+
        }

        /// All inputs by number.
        pub const INPUTS: &[Input] = &[$(Input::$variant,)+];

        impl Input {
            /// The field name in the contract; also the feature's name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What the integer means.
            pub fn kind(self) -> InputKind {
                match self { $(Self::$variant => $kind,)+ }
            }

            /// Whether some jurisdictions forbid ranking by it.
            pub fn protected(self) -> bool {
                match self { $(Self::$variant => $protected,)+ }
            }
        }
    };
}

inputs! {
    1 Cooperation "cooperation" InputKind::Level, false;
    2 SeeksSolution "seeks_solution" InputKind::Answer, false;
    3 FalseInformation "false_information" InputKind::Answer, false;
    4 PromisesKept "promises_kept" InputKind::Count { max: 1_000 }, false;
    5 PromisesBroken "promises_broken" InputKind::Count { max: 1_000 }, false;
    6 OverdueReason "overdue_reason" InputKind::Enum(15), false;
    7 OverdueReasonState "overdue_reason_state" InputKind::Enum(3), false;
    8 CreditorCount "creditor_count" InputKind::Count { max: 1_000 }, false;
    9 AssetFlightRisk "asset_flight_risk" InputKind::Answer, false;
    10 CustomerSinceDate "customer_since_date" InputKind::Date, false;
    11 GuarantorPresent "guarantor_present" InputKind::Answer, false;
    12 GuarantorAbility "guarantor_ability" InputKind::Level, false;
    13 Reachable "reachable" InputKind::Answer, false;
    20 MaritalStatus "marital_status" InputKind::Enum(5), true;
    21 DependentChildren "dependent_children" InputKind::Count { max: 30 }, true;
    22 OwnsHome "owns_home" InputKind::Answer, false;
    23 AssetLevel "asset_level" InputKind::Level, false;
    24 ResidencyLocal "residency_local" InputKind::Answer, true;
    25 SocialStanding "social_standing" InputKind::Level, true;
    26 FamilyStanding "family_standing" InputKind::Level, true;
    27 EmploymentType "employment_type" InputKind::Enum(8), false;
    40 BusinessMonths "business_months" InputKind::Count { max: 12_000 }, false;
    41 MonthsAtLocation "months_at_location" InputKind::Count { max: 12_000 }, false;
    42 RegularCustomerDependence "regular_customer_dependence" InputKind::Level, false;
    43 RelocationDifficulty "relocation_difficulty" InputKind::Level, false;
    44 RelocationImpact "relocation_impact" InputKind::Level, false;
    45 StillOperating "still_operating" InputKind::Answer, false;
    60 BureauReported "bureau_reported" InputKind::Answer, false;
    61 FutureCreditNeed "future_credit_need" InputKind::Level, false;
    62 InternalRating "internal_rating" InputKind::Count { max: 1_000 }, false;
    63 RepeatBorrower "repeat_borrower" InputKind::Answer, false;
    64 CreditReliance "credit_reliance" InputKind::Level, false;
    65 PenaltyRateBps "penalty_rate_bps" InputKind::Count { max: 100_000 }, false;
    66 FeesContracted "fees_contracted" InputKind::Answer, false;
    67 TradeReputation "trade_reputation" InputKind::Level, false;
    80 MonthlyIncomeAmount "monthly_income_amount" InputKind::Amount, false;
    81 MonthlyObligationsAmount "monthly_obligations_amount" InputKind::Amount, false;
    82 IncomeState "income_state" InputKind::Enum(4), false;
    83 PayDay "pay_day" InputKind::Count { max: 31 }, false;
    84 LimitAmount "limit_amount" InputKind::Amount, false;
    85 LimitUsedPermille "limit_used_permille" InputKind::Count { max: 10_000 }, false;
}

impl Input {
    /// The input of a stored number.
    pub fn from_number(number: i32) -> Option<Input> {
        INPUTS.iter().copied().find(|input| *input as i32 == number)
    }

    /// The input of a name.
    pub fn from_name(name: &str) -> Option<Input> {
        INPUTS.iter().copied().find(|input| input.name() == name)
    }
}

/// The inputs that were given, by number. What was not given is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs(Vec<(Input, i64)>);

impl Inputs {
    /// Nothing given.
    pub fn new() -> Inputs {
        Inputs::default()
    }

    /// Sets an input, replacing an earlier value.
    pub fn set(&mut self, input: Input, value: i64) {
        match self.0.binary_search_by_key(&input, |entry| entry.0) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (input, value)),
        }
    }

    /// The value of an input, if it was given.
    pub fn get(&self, input: Input) -> Option<i64> {
        let at = self.0.binary_search_by_key(&input, |entry| entry.0).ok()?;
        Some(self.0[at].1)
    }

    /// The value of a date input.
    pub fn date(&self, input: Input) -> Option<Day> {
        self.get(input).and_then(|value| i32::try_from(value).ok()).map(Day)
    }

    /// The inputs given, by number.
    pub fn iter(&self) -> impl Iterator<Item = (Input, i64)> + '_ {
        self.0.iter().copied()
    }

    /// How many were given.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
