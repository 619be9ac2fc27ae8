//! Where each typed input stands in a case document.

use super::{Refusal, amount, day, flag, input_words, whole, word};
use crate::cli::view;
use crate::model::{Currency, Input, InputKind, Reason};
use crate::proto;

/// The value of an input as the contract holds it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// The number of an enum's value.
    Word(i32),
    /// A count or rating.
    Count(i32),
    /// An amount.
    Money(proto::Money),
    /// A day.
    Date(proto::Date),
}

impl Value {
    /// The value of a cell.
    pub(super) fn parse(
        input: Input,
        currency: Option<Currency>,
        text: &str,
    ) -> Result<Value, Refusal> {
        match input.kind() {
            InputKind::Amount => Ok(Value::Money(amount(text, currency)?)),
            InputKind::Date => Ok(Value::Date(day(text)?)),
            InputKind::Count { max } => count(text, max),
            InputKind::Answer => {
                let plain = flag(text).map(|yes| if yes { "YES" } else { "NO" });
                words(input, plain.unwrap_or(text))
            }
            InputKind::Level | InputKind::Enum(_) => words(input, text),
        }
    }

    /// The value as a cell of a file; empty for a word that this version does not
    /// know.
    pub(in crate::cli) fn text(&self, input: Input) -> String {
        match self {
            Value::Word(number) => {
                input_words(input).map_or("", |words| words.word(*number)).to_owned()
            }
            Value::Count(number) => number.to_string(),
            Value::Money(money) => view::amount(Some(money)).0,
            Value::Date(date) => view::day(Some(date)),
        }
    }

    fn word(self) -> i32 {
        if let Value::Word(number) = self { number } else { 0 }
    }

    fn count(self) -> Option<i32> {
        if let Value::Count(number) = self { Some(number) } else { None }
    }

    fn money(self) -> Option<proto::Money> {
        if let Value::Money(money) = self { Some(money) } else { None }
    }

    fn date(self) -> Option<proto::Date> {
        if let Value::Date(date) = self { Some(date) } else { None }
    }
}

fn count(text: &str, max: i64) -> Result<Value, Refusal> {
    let number = whole(text)?;
    let bound = || (Reason::FieldOutOfRange, format!("it must lie between 0 and {max}"));
    if !(0..=max).contains(&number) {
        return Err(bound());
    }
    Ok(Value::Count(i32::try_from(number).map_err(|_| bound())?))
}

fn words(input: Input, text: &str) -> Result<Value, Refusal> {
    let words = input_words(input).expect("an input of an enum kind has words");
    Ok(Value::Word(word(words, text)?))
}

/// What a field of a document holds, if anything was told.
trait Told {
    fn told(&self) -> Option<Value>;
}

impl Told for i32 {
    fn told(&self) -> Option<Value> {
        (*self != 0).then_some(Value::Word(*self))
    }
}

impl Told for Option<i32> {
    fn told(&self) -> Option<Value> {
        self.map(Value::Count)
    }
}

impl Told for Option<proto::Money> {
    fn told(&self) -> Option<Value> {
        self.clone().map(Value::Money)
    }
}

impl Told for Option<proto::Date> {
    fn told(&self) -> Option<Value> {
        self.map(Value::Date)
    }
}

macro_rules! places {
    ($($input:ident: $group:ident.$field:ident = $kind:ident;)+) => {
        /// The group of the document in which an input stands.
        pub(super) fn group(input: Input) -> &'static str {
            match input { $(Input::$input => stringify!($group),)+ }
        }

        /// Puts the value of an input into a document. A value of another kind
        /// than the input's counts as not given.
        pub(crate) fn set(document: &mut proto::CaseDocument, input: Input, value: Value) {
            match input {
                $(Input::$input => {
                    document.$group.get_or_insert_default().$field = value.$kind();
                })+
            }
        }

        /// The value of an input in a document; nothing if it was not told.
        pub(crate) fn get(document: &proto::CaseDocument, input: Input) -> Option<Value> {
            match input {
                $(Input::$input => document.$group.as_ref()?.$field.told(),)+
            }
        }
    };
}

places! {
    Cooperation: behaviour.cooperation = word;
    SeeksSolution: behaviour.seeks_solution = word;
    FalseInformation: behaviour.false_information = word;
    PromisesKept: behaviour.promises_kept = count;
    PromisesBroken: behaviour.promises_broken = count;
    OverdueReason: behaviour.overdue_reason = word;
    OverdueReasonState: behaviour.overdue_reason_state = word;
    CreditorCount: behaviour.creditor_count = count;
    AssetFlightRisk: behaviour.asset_flight_risk = word;
    CustomerSinceDate: behaviour.customer_since_date = date;
    GuarantorPresent: behaviour.guarantor_present = word;
    GuarantorAbility: behaviour.guarantor_ability = word;
    Reachable: behaviour.reachable = word;
    MaritalStatus: household.marital_status = word;
    DependentChildren: household.dependent_children = count;
    OwnsHome: household.owns_home = word;
    AssetLevel: household.asset_level = word;
    ResidencyLocal: household.residency_local = word;
    SocialStanding: household.social_standing = word;
    FamilyStanding: household.family_standing = word;
    EmploymentType: household.employment_type = word;
    BusinessMonths: business.business_months = count;
    MonthsAtLocation: business.months_at_location = count;
    RegularCustomerDependence: business.regular_customer_dependence = word;
    RelocationDifficulty: business.relocation_difficulty = word;
    RelocationImpact: business.relocation_impact = word;
    StillOperating: business.still_operating = word;
    BureauReported: credit_record.bureau_reported = word;
    FutureCreditNeed: credit_record.future_credit_need = word;
    InternalRating: credit_record.internal_rating = count;
    RepeatBorrower: credit_record.repeat_borrower = word;
    CreditReliance: credit_record.credit_reliance = word;
    PenaltyRateBps: credit_record.penalty_rate_bps = count;
    FeesContracted: credit_record.fees_contracted = word;
    TradeReputation: credit_record.trade_reputation = word;
    MonthlyIncomeAmount: ability.monthly_income_amount = money;
    MonthlyObligationsAmount: ability.monthly_obligations_amount = money;
    IncomeState: ability.income_state = word;
    PayDay: ability.pay_day = count;
    LimitAmount: ability.limit_amount = money;
    LimitUsedPermille: ability.limit_used_permille = count;
}
