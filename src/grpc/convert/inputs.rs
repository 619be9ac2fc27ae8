//! The typed inputs of a case: one table of fields and inputs, read both ways.

use crate::model::{Currency, Day, Input, InputKind, Inputs, Reason, Violations};
use crate::proto;

use super::money::{AmountRule, amount, money};
use super::path::Path;
use super::time;

/// A field of the contract as an input.
trait Field: Sized {
    /// The input's integer; nothing where it was not told or breaks a rule.
    fn read(
        &self,
        input: Input,
        terms: Currency,
        at: &Path<'_>,
        broken: &mut Violations,
    ) -> Option<i64>;

    /// The field of an input's integer.
    fn write(value: Option<i64>, terms: Currency) -> Self;
}

/// The bounds of an input's integer.
fn bounds(input: Input) -> (i64, i64) {
    match input.kind() {
        InputKind::Level => (1, 5),
        InputKind::Answer => (1, 3),
        InputKind::Enum(max) => (1, max),
        // A day of the month is a count that begins at 1.
        InputKind::Count { max } if input == Input::PayDay => (1, max),
        InputKind::Count { max } => (0, max),
        InputKind::Amount => (0, crate::model::AMOUNT_MINOR_MAX),
        InputKind::Date => (i64::from(Day::MIN.0), i64::from(Day::MAX.0)),
    }
}

fn within(value: i32, input: Input, at: &Path<'_>, broken: &mut Violations) -> Option<i64> {
    let (min, max) = bounds(input);
    if (min..=max).contains(&i64::from(value)) {
        return Some(i64::from(value));
    }
    let bound = match input.kind() {
        InputKind::Count { .. } => format!("{min} to {max} are allowed"),
        _ => "this server knows no such value".to_owned(),
    };
    broken.add(at.to_string(), Reason::FieldOutOfRange, value, bound);
    None
}

/// Levels, answers and other enums: 0 stands for not told.
impl Field for i32 {
    fn read(
        &self,
        input: Input,
        _: Currency,
        at: &Path<'_>,
        broken: &mut Violations,
    ) -> Option<i64> {
        if *self == 0 { None } else { within(*self, input, at, broken) }
    }

    fn write(value: Option<i64>, _: Currency) -> i32 {
        value.and_then(|value| i32::try_from(value).ok()).unwrap_or(0)
    }
}

/// Counts and ratings.
impl Field for Option<i32> {
    fn read(
        &self,
        input: Input,
        _: Currency,
        at: &Path<'_>,
        broken: &mut Violations,
    ) -> Option<i64> {
        self.and_then(|value| within(value, input, at, broken))
    }

    fn write(value: Option<i64>, _: Currency) -> Option<i32> {
        value.and_then(|value| i32::try_from(value).ok())
    }
}

impl Field for Option<proto::Money> {
    fn read(
        &self,
        _: Input,
        currency: Currency,
        at: &Path<'_>,
        broken: &mut Violations,
    ) -> Option<i64> {
        amount(self.as_ref()?, AmountRule::NotNegative, currency, at, broken)
    }

    fn write(value: Option<i64>, currency: Currency) -> Option<proto::Money> {
        value.map(|minor| money(currency, minor))
    }
}

impl Field for Option<proto::Date> {
    fn read(&self, _: Input, _: Currency, at: &Path<'_>, broken: &mut Violations) -> Option<i64> {
        time::day(self.as_ref()?, at, broken).map(|day| i64::from(day.0))
    }

    fn write(value: Option<i64>, _: Currency) -> Option<proto::Date> {
        let day = i32::try_from(value?).ok()?;
        Some(time::date(Day(day)))
    }
}

macro_rules! inputs {
    ($($group:ident: $message:ident { $($field:ident = $input:ident,)+ })+) => {
        /// Reads the inputs that a document gives.
        pub(super) fn read(
            document: &proto::CaseDocument,
            currency: Currency,
            at: &Path<'_>,
            broken: &mut Violations,
        ) -> Inputs {
            let mut inputs = Inputs::new();
            $(if let Some(facts) = &document.$group {
                let at = at.field(stringify!($group));
                $(
                    let at_field = at.field(stringify!($field));
                    if let Some(value) = facts.$field.read(Input::$input, currency, &at_field, broken)
                    {
                        inputs.set(Input::$input, value);
                    }
                )+
            })+
            inputs
        }

        /// Writes inputs into a document; a group of which nothing is known is
        /// left out.
        pub(super) fn write(
            inputs: &Inputs,
            currency: Currency,
            document: &mut proto::CaseDocument,
        ) {
            $(
                let facts = proto::$message {
                    $($field: Field::write(inputs.get(Input::$input), currency),)+
                };
                document.$group = (facts != proto::$message::default()).then_some(facts);
            )+
        }

        /// The fields of the contract and the inputs they are read as.
        #[cfg(test)]
        const FIELDS: &[(&str, Input)] = &[$($((stringify!($field), Input::$input),)+)+];
    };
}

inputs! {
    behaviour: BehaviourFacts {
        cooperation = Cooperation,
        seeks_solution = SeeksSolution,
        false_information = FalseInformation,
        promises_kept = PromisesKept,
        promises_broken = PromisesBroken,
        overdue_reason = OverdueReason,
        overdue_reason_state = OverdueReasonState,
        creditor_count = CreditorCount,
        asset_flight_risk = AssetFlightRisk,
        customer_since_date = CustomerSinceDate,
        guarantor_present = GuarantorPresent,
        guarantor_ability = GuarantorAbility,
        reachable = Reachable,
    }
    household: HouseholdFacts {
        marital_status = MaritalStatus,
        dependent_children = DependentChildren,
        owns_home = OwnsHome,
        asset_level = AssetLevel,
        residency_local = ResidencyLocal,
        social_standing = SocialStanding,
        family_standing = FamilyStanding,
        employment_type = EmploymentType,
    }
    business: BusinessFacts {
        business_months = BusinessMonths,
        months_at_location = MonthsAtLocation,
        regular_customer_dependence = RegularCustomerDependence,
        relocation_difficulty = RelocationDifficulty,
        relocation_impact = RelocationImpact,
        still_operating = StillOperating,
    }
    credit_record: CreditRecordFacts {
        bureau_reported = BureauReported,
        future_credit_need = FutureCreditNeed,
        internal_rating = InternalRating,
        repeat_borrower = RepeatBorrower,
        credit_reliance = CreditReliance,
        penalty_rate_bps = PenaltyRateBps,
        fees_contracted = FeesContracted,
        trade_reputation = TradeReputation,
    }
    ability: AbilityFacts {
        monthly_income_amount = MonthlyIncomeAmount,
        monthly_obligations_amount = MonthlyObligationsAmount,
        income_state = IncomeState,
        pay_day = PayDay,
        limit_amount = LimitAmount,
        limit_used_permille = LimitUsedPermille,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::convert::path::ROOT;
    use crate::model::INPUTS;

    fn euro() -> Currency {
        Currency::from_code("EUR").unwrap()
    }

    fn all(value: impl Fn((i64, i64)) -> i64) -> Inputs {
        let mut inputs = Inputs::new();
        for input in INPUTS {
            inputs.set(*input, value(bounds(*input)));
        }
        inputs
    }

    fn read_back(inputs: &Inputs) -> (Inputs, Violations) {
        let mut document = proto::CaseDocument::default();
        write(inputs, euro(), &mut document);
        let mut broken = Violations::new();
        let back = read(&document, euro(), &ROOT.item("cases", 4), &mut broken);
        (back, broken)
    }

    #[test]
    fn every_input_is_a_field_of_its_name() {
        assert_eq!(FIELDS.len(), INPUTS.len());
        for input in INPUTS {
            let fields: Vec<_> = FIELDS.iter().filter(|row| row.1 == *input).collect();
            assert_eq!(fields.len(), 1, "{}", input.name());
            assert_eq!(fields[0].0, input.name());
        }
    }

    #[test]
    fn every_input_comes_through_at_both_bounds() {
        for inputs in [all(|bounds| bounds.0), all(|bounds| bounds.1), Inputs::new()] {
            let (back, broken) = read_back(&inputs);
            assert!(broken.is_empty(), "{broken:?}");
            assert_eq!(back, inputs);
        }
    }

    #[test]
    fn every_input_beyond_its_bounds_is_refused_by_its_path() {
        let (back, broken) = read_back(&all(|bounds| bounds.1 + 1));
        assert!(back.is_empty(), "{back:?}");
        let fields: Vec<_> = broken.0.iter().map(|violation| violation.field.clone()).collect();
        assert_eq!(fields.len(), INPUTS.len());
        for input in INPUTS {
            let end = format!(".{}", input.name());
            let named = |field: &String| field.starts_with("cases[4].") && field.ends_with(&end);
            assert!(fields.iter().any(named), "{end} is not in {fields:?}");
        }
        assert!(fields.contains(&"cases[4].ability.pay_day".to_owned()));
        let mut zero = Inputs::new();
        zero.set(Input::PayDay, 0);
        zero.set(Input::PromisesKept, -1);
        zero.set(Input::LimitAmount, -1);
        assert_eq!(read_back(&zero).1.0.len(), 3);
    }

    #[test]
    fn the_numbers_of_enums_are_those_of_the_contract() {
        use crate::model::InputKind::{Answer, Enum, Level};
        let known = |input: Input, number: i32| match input.kind() {
            Level => proto::Level::try_from(number).is_ok(),
            Answer => proto::Answer::try_from(number).is_ok(),
            _ => match input {
                Input::OverdueReason => proto::OverdueReason::try_from(number).is_ok(),
                Input::OverdueReasonState => proto::ReasonState::try_from(number).is_ok(),
                Input::MaritalStatus => proto::MaritalStatus::try_from(number).is_ok(),
                Input::EmploymentType => proto::EmploymentType::try_from(number).is_ok(),
                Input::IncomeState => proto::IncomeState::try_from(number).is_ok(),
                other => panic!("{} is no enum", other.name()),
            },
        };
        for input in INPUTS.iter().filter(|input| matches!(input.kind(), Level | Answer | Enum(_)))
        {
            let max = i32::try_from(bounds(*input).1).unwrap();
            for number in 1..=max {
                assert!(known(*input, number), "{} {number}", input.name());
            }
            assert!(!known(*input, max + 1), "{} has more values", input.name());
        }
    }
}
