//! The catalogue of features: what a scorecard may look at. docs/FEATURES.md
//! defines each of them.

use std::sync::Arc;

use crate::model::{INPUTS, Input, InputKind};

use super::bins::Value;
use super::derived::Derived;
use super::explanation::Audience;
use super::measure::{Age, Dealing, Given, Means, Measure, PERMILLE_MAX, Paying};

/// Something a characteristic can look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Feature {
    /// As the document gives it.
    Given(Given),
    /// How long it has been.
    Age(Age),
    /// How the debtor has paid.
    Paying(Paying),
    /// Promises, attempts and contacts.
    Dealing(Dealing),
    /// Shares and sums of amounts, and how long the debtor is a customer.
    Means(Means),
    /// Defined by the scorecard itself.
    Derived(Arc<Derived>),
    /// The score itself: for the priority only.
    Score,
}

/// What values a feature takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FeatureKind {
    /// A number; thresholds are multiplied by `scale`.
    Number {
        /// 1, or 1,000,000 for the caller's own numbers.
        scale: i64,
    },
    /// One of these categories.
    Category(&'static [(&'static str, i64)]),
    /// A text of the caller's own.
    Text,
}

const LEVEL: &[(&str, i64)] = &[("NONE", 2), ("LOW", 3), ("MEDIUM", 4), ("HIGH", 5)];
const ANSWER: &[(&str, i64)] = &[("NO", 2), ("YES", 3)];
const FLAG: &[(&str, i64)] = &[("NO", 0), ("YES", 1)];
const DEBTOR_KIND: &[(&str, i64)] = &[("PERSON", 1), ("BUSINESS", 2)];
const OVERDUE_REASON: &[(&str, i64)] = &[
    ("FORGOT", 2),
    ("PAYMENT_MISHAP", 3),
    ("TEMPORARY_SHORTAGE", 4),
    ("OWN_DEBTOR_LATE", 5),
    ("POOR_MANAGEMENT", 6),
    ("FAMILY_CHANGE", 7),
    ("INCOME_LOSS", 8),
    ("HABITUAL", 9),
    ("DISSATISFIED", 10),
    ("GAMBLING_OR_LUXURY", 11),
    ("FRAUD", 12),
    ("BUSINESS_FAILED", 13),
    ("AMOUNT_TOO_SMALL", 14),
    ("FALSE_OR_CHANGED_ADDRESS", 15),
];
const REASON_STATE: &[(&str, i64)] = &[("CLAIMED", 1), ("VERIFIED", 2), ("REFUTED", 3)];
const MARITAL_STATUS: &[(&str, i64)] =
    &[("SINGLE", 2), ("MARRIED", 3), ("DIVORCED", 4), ("WIDOWED", 5)];
const EMPLOYMENT_TYPE: &[(&str, i64)] = &[
    ("UNEMPLOYED", 2),
    ("CASUAL", 3),
    ("SELF_EMPLOYED", 4),
    ("MANUAL", 5),
    ("OFFICE", 6),
    ("PUBLIC_SERVICE", 7),
    ("RETIRED", 8),
];
const INCOME_STATE: &[(&str, i64)] = &[("STABLE", 2), ("REDUCED", 3), ("LOST", 4)];

/// Features whose definition is not the plain input of the same name come first.
const COMPUTED: &[(&str, Feature)] = &[
    ("days_past_due", Feature::Age(Age::DaysPastDue)),
    ("days_to_next_stage", Feature::Age(Age::DaysToNextStage)),
    ("penalty_accrued_permille", Feature::Age(Age::PenaltyAccruedPermille)),
    ("late_months_6", Feature::Paying(Paying::LateMonths6)),
    ("late_months_12", Feature::Paying(Paying::LateMonths12)),
    ("deep_late_months_12", Feature::Paying(Paying::DeepLateMonths12)),
    ("worst_months_past_due_6", Feature::Paying(Paying::WorstMonths6)),
    ("worst_months_past_due_12", Feature::Paying(Paying::WorstMonths12)),
    ("on_time_permille_12", Feature::Paying(Paying::OnTimePermille12)),
    ("paid_share_permille_12", Feature::Paying(Paying::PaidSharePermille12)),
    ("months_since_payment", Feature::Paying(Paying::MonthsSincePayment)),
    ("never_paid", Feature::Paying(Paying::NeverPaid)),
    ("cured_before", Feature::Paying(Paying::CuredBefore)),
    ("arrears_trend", Feature::Paying(Paying::ArrearsTrend)),
    ("promises_kept", Feature::Dealing(Dealing::PromisesKept)),
    ("promises_broken", Feature::Dealing(Dealing::PromisesBroken)),
    ("promises_kept_permille", Feature::Dealing(Dealing::PromisesKeptPermille)),
    ("attempt_count", Feature::Dealing(Dealing::AttemptCount)),
    ("attempts_without_contact", Feature::Dealing(Dealing::AttemptsWithoutContact)),
    ("right_party_contacts", Feature::Dealing(Dealing::RightPartyContacts)),
    ("contact_points_usable", Feature::Dealing(Dealing::ContactPointsUsable)),
    ("tenure_months", Feature::Means(Means::TenureMonths)),
    ("limit_used_permille", Feature::Means(Means::LimitUsedPermille)),
    ("overdue_limit_permille", Feature::Means(Means::OverdueLimitPermille)),
    ("obligations_permille", Feature::Means(Means::ObligationsPermille)),
    ("overdue_amount_log", Feature::Means(Means::OverdueAmountLog)),
    ("debtor_kind", Feature::Given(Given::DebtorKind)),
    ("recovery_score", Feature::Score),
];

/// What a custom feature's name begins with in a scorecard.
pub(super) const CUSTOM_PREFIX: &str = "custom.";
/// What the name of a feature begins with that a scorecard defines itself.
pub(super) const DERIVED_PREFIX: &str = "derived.";

/// Whether a name is one of a custom feature: `custom.` and 1 to 64 bytes of a-z, 0-9 and _.
pub fn is_custom_feature(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.strip_prefix(CUSTOM_PREFIX)
        .is_some_and(|id| (1..=64).contains(&id.len()) && id.bytes().all(known))
}

/// Words of rights, and beginnings of such words: whoever uses a right is never
/// ranked by it.
const RIGHTS: [&str; 8] =
    ["hold", "holds", "cease", "mental", "hardship", "optout", "breathing", "deceased"];
const RIGHTS_BEGIN: [&str; 7] =
    ["disput", "complain", "represent", "bankrupt", "insolv", "litigat", "bereave"];
const RIGHTS_WITHIN: [&str; 2] = ["opt_out", "do_not_call"];

impl Feature {
    /// The feature of a name, with the kind a custom one is declared as.
    pub fn find(name: &str, custom: Option<FeatureKind>) -> Option<Feature> {
        if let Some(feature_id) = name.strip_prefix(CUSTOM_PREFIX) {
            let feature_id = Box::from(feature_id);
            return custom.map(|kind| Feature::Given(Given::Custom { feature_id, kind }));
        }
        let computed = COMPUTED.iter().find(|entry| entry.0 == name).map(|entry| entry.1.clone());
        computed.or_else(|| Input::from_name(name).map(|input| Feature::Given(Given::Input(input))))
    }

    /// The names of all features but the custom ones.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let given = INPUTS.iter().map(|input| input.name());
        let given = given.filter(|name| COMPUTED.iter().all(|entry| entry.0 != *name));
        COMPUTED.iter().map(|entry| entry.0).chain(given)
    }

    /// Whether a name speaks of a right of the debtor. A right only gates.
    pub fn is_right(name: &str) -> bool {
        let right = |word: &str| {
            RIGHTS.contains(&word) || RIGHTS_BEGIN.iter().any(|begin| word.starts_with(begin))
        };
        name.split(['_', '.']).any(right) || RIGHTS_WITHIN.iter().any(|part| name.contains(part))
    }

    /// What values the feature takes, and whether "asked and not known" is one.
    pub fn kind(&self) -> (FeatureKind, bool) {
        const NUMBER: FeatureKind = FeatureKind::Number { scale: 1 };
        match self {
            Feature::Given(Given::Input(input)) => input_kind(*input),
            Feature::Given(Given::DebtorKind) => (FeatureKind::Category(DEBTOR_KIND), false),
            Feature::Given(Given::Custom { kind, .. }) => (*kind, false),
            Feature::Given(Given::Told(_)) => (FeatureKind::Category(FLAG), false),
            Feature::Derived(derived) => (FeatureKind::Number { scale: derived.scale() }, false),
            Feature::Paying(Paying::NeverPaid) => (FeatureKind::Category(FLAG), false),
            _ => (NUMBER, false),
        }
    }

    /// The kind of a custom feature by its word in a scorecard.
    pub fn custom_kind(word: &str) -> Option<FeatureKind> {
        match word {
            "NUMBER" => Some(FeatureKind::Number { scale: 1_000_000 }),
            "TEXT" => Some(FeatureKind::Text),
            "FLAG" => Some(FeatureKind::Category(FLAG)),
            _ => None,
        }
    }

    /// Whether some jurisdictions forbid ranking by it.
    pub fn protected(&self) -> bool {
        match self {
            Feature::Given(Given::Input(input)) => input.protected(),
            Feature::Derived(derived) => derived.operands.iter().any(Feature::protected),
            _ => false,
        }
    }

    /// Whether time alone may move it.
    pub fn moves(&self) -> bool {
        match self {
            Feature::Given(_) | Feature::Paying(Paying::NeverPaid) | Feature::Score => false,
            Feature::Age(_) | Feature::Paying(_) => true,
            Feature::Dealing(dealing) => matches!(
                dealing,
                Dealing::PromisesKept | Dealing::PromisesBroken | Dealing::PromisesKeptPermille
            ),
            Feature::Means(means) => *means == Means::TenureMonths,
            Feature::Derived(derived) => derived.moves(),
        }
    }

    /// Whether it may be another one every day.
    pub fn moves_daily(&self) -> bool {
        match self {
            Feature::Age(_) => true,
            Feature::Derived(derived) => derived.operands.iter().any(Feature::moves_daily),
            _ => false,
        }
    }

    /// Who at most may read a reason from it: what speaks of the household, of
    /// standing or of a suspicion never reaches an agent.
    pub fn audience(&self) -> Audience {
        match self {
            Feature::Given(Given::Input(
                Input::FalseInformation
                | Input::AssetFlightRisk
                | Input::OverdueReasonState
                | Input::TradeReputation,
            )) => Audience::Analyst,
            Feature::Given(Given::Input(input)) if (20..40).contains(&(*input as i32)) => {
                Audience::Analyst
            }
            Feature::Derived(derived) => {
                let audiences = derived.operands.iter().map(Feature::audience);
                audiences.max().unwrap_or(Audience::Agent)
            }
            _ => Audience::Agent,
        }
    }

    /// Whether a category of the feature is a suspicion.
    pub fn suspicion(&self, category: &str) -> bool {
        matches!(self, Feature::Given(Given::Input(Input::OverdueReason)))
            && matches!(category, "GAMBLING_OR_LUXURY" | "FRAUD" | "FALSE_OR_CHANGED_ADDRESS")
    }

    /// The least and the most a number can be, by its definition.
    pub fn range(&self) -> (i64, i64) {
        const ANY: (i64, i64) = (i64::MIN, i64::MAX);
        const COUNT: (i64, i64) = (0, i64::MAX);
        match self {
            Feature::Given(Given::Input(input)) => match input.kind() {
                InputKind::Count { max } => (0, max),
                InputKind::Amount => COUNT,
                _ => ANY,
            },
            Feature::Given(_) => ANY,
            Feature::Derived(derived) => derived.range(),
            // A case that is not due yet has negative days.
            Feature::Age(Age::DaysPastDue) | Feature::Paying(Paying::ArrearsTrend) => ANY,
            Feature::Paying(Paying::LateMonths6) => (0, 6),
            Feature::Paying(Paying::LateMonths12 | Paying::DeepLateMonths12) => (0, 12),
            Feature::Paying(Paying::OnTimePermille12 | Paying::PaidSharePermille12)
            | Feature::Dealing(Dealing::PromisesKeptPermille)
            | Feature::Score => (0, 1_000),
            Feature::Means(Means::OverdueLimitPermille | Means::ObligationsPermille) => {
                (0, PERMILLE_MAX)
            }
            Feature::Age(_) | Feature::Paying(_) | Feature::Dealing(_) | Feature::Means(_) => COUNT,
        }
    }

    /// How the feature is measured; nothing for the score itself.
    pub fn measure(&self) -> Option<&dyn Measure> {
        match self {
            Feature::Given(given) => Some(given),
            Feature::Age(age) => Some(age),
            Feature::Paying(paying) => Some(paying),
            Feature::Dealing(dealing) => Some(dealing),
            Feature::Means(means) => Some(means),
            Feature::Derived(derived) => Some(derived),
            Feature::Score => None,
        }
    }

    /// The feature from whose course its values are read: itself for most.
    pub fn source(&self) -> Feature {
        match self {
            Feature::Age(Age::DaysToNextStage) => Feature::Age(Age::DaysPastDue),
            other => other.clone(),
        }
    }

    /// Whether one cannot change without the other, because both look at the same.
    pub fn shares(&self, other: &Feature) -> bool {
        match (self, other) {
            (Feature::Derived(derived), other) | (other, Feature::Derived(derived)) => {
                derived.operands.iter().any(|operand| operand.shares(other))
                    || matches!(other, Feature::Derived(other) if other == derived)
            }
            _ => self.source() == other.source(),
        }
    }

    /// A value as text; empty when missing.
    pub fn text(&self, value: &Value<'_>) -> String {
        match (value, self.kind().0) {
            (Value::Missing, _) => String::new(),
            (Value::Unknown, _) => "UNKNOWN".to_owned(),
            (Value::Number(number), FeatureKind::Number { scale }) if scale > 1 => {
                decimal(*number, scale)
            }
            (Value::Category(number), FeatureKind::Category(names)) => names
                .iter()
                .find(|entry| entry.1 == *number)
                .map_or_else(|| number.to_string(), |entry| entry.0.to_owned()),
            (Value::Number(number) | Value::Category(number), _) => number.to_string(),
            (Value::Text(text), _) => (*text).to_owned(),
        }
    }
}

/// A number of `scale` parts as a decimal without trailing zeros.
pub(super) fn decimal(number: i64, scale: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let (whole, rest) = ((number / scale).abs(), (number % scale).abs());
    let digits = format!("{:0width$}", rest, width = scale.ilog10() as usize);
    match digits.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        rest => format!("{sign}{whole}.{rest}"),
    }
}

/// What values a typed input takes, and whether "asked and not known" is one.
pub(super) fn input_kind(input: Input) -> (FeatureKind, bool) {
    let names = match input {
        Input::OverdueReason => OVERDUE_REASON,
        Input::OverdueReasonState => return (FeatureKind::Category(REASON_STATE), false),
        Input::MaritalStatus => MARITAL_STATUS,
        Input::EmploymentType => EMPLOYMENT_TYPE,
        Input::IncomeState => INCOME_STATE,
        _ => match input.kind() {
            InputKind::Level => LEVEL,
            InputKind::Answer => ANSWER,
            _ => return (FeatureKind::Number { scale: 1 }, false),
        },
    };
    (FeatureKind::Category(names), true)
}
