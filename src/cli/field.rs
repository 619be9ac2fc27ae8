//! The fields of a case as columns of a file: which there are, and how the text
//! of a cell becomes a value of the contract.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chrono::DateTime;

use super::decimal::{Decimal, date, parse_day};
use super::word::{self, Words};
use crate::model::{CaseId, Currency, DebtorId, INPUTS, Input, InputKind, Reason};
use crate::proto;

pub(super) mod input;

/// The most contact points a document holds.
const CONTACT_POINTS_MAX: usize = 16;

/// A field that a column can fill.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    /// The currency of every amount of the row; first, because amounts need it.
    Currency,
    /// Who owes, what, since when: fields of the document itself, by name.
    Plain(Plain),
    /// A typed input.
    Input(Input),
    /// A part of a contact point, counted from 1.
    ContactPoint(usize, ContactPart),
    /// An input of the caller's own.
    Custom(String, CustomKind),
}

/// A field of the document itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Plain {
    CaseId,
    DebtorId,
    SourceSequence,
    AsOfTime,
    OverdueAmount,
    OldestDueDate,
    OutstandingAmount,
    CloseReason,
    CloseDate,
    DebtorKind,
    Language,
    Sealed,
}

const PLAIN: [(Plain, &str); 12] = [
    (Plain::CaseId, "case_id"),
    (Plain::DebtorId, "debtor_id"),
    (Plain::SourceSequence, "source_sequence"),
    (Plain::AsOfTime, "as_of_time"),
    (Plain::OverdueAmount, "overdue_amount"),
    (Plain::OldestDueDate, "oldest_due_date"),
    (Plain::OutstandingAmount, "outstanding_amount"),
    (Plain::CloseReason, "close_reason"),
    (Plain::CloseDate, "close_date"),
    (Plain::DebtorKind, "debtor_kind"),
    (Plain::Language, "language"),
    (Plain::Sealed, "sealed"),
];

/// A part of a contact point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ContactPart {
    Id,
    Kind,
    TimeZone,
    Jurisdiction,
    State,
}

const CONTACT_PARTS: [(ContactPart, &str); 5] = [
    (ContactPart::Id, "contact_point_id"),
    (ContactPart::Kind, "kind"),
    (ContactPart::TimeZone, "time_zone"),
    (ContactPart::Jurisdiction, "jurisdiction"),
    (ContactPart::State, "state"),
];

/// What a custom feature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CustomKind {
    Number,
    Text,
    Flag,
}

const CUSTOM_KINDS: [(CustomKind, &str); 3] =
    [(CustomKind::Number, "number"), (CustomKind::Text, "text"), (CustomKind::Flag, "flag")];

/// A document while its cells are being read.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// The document so far.
    pub document: proto::CaseDocument,
    /// The currency of the amounts to come.
    pub currency: Option<Currency>,
}

/// Which rule a text breaks, and what holds.
pub(super) type Refusal = (Reason, String);

impl Field {
    /// The field of a column of this name.
    pub(super) fn from_name(name: &str) -> Option<Field> {
        if name == "currency" {
            return Some(Field::Currency);
        }
        if let Some((plain, _)) = PLAIN.iter().find(|(_, known)| *known == name) {
            return Some(Field::Plain(*plain));
        }
        if let Some(rest) = name.strip_prefix("contact_points.") {
            let (number, part) = rest.split_once('.')?;
            let number = number.parse().ok().filter(|n| (1..=CONTACT_POINTS_MAX).contains(n))?;
            let (part, _) = CONTACT_PARTS.iter().find(|(_, known)| *known == part)?;
            return Some(Field::ContactPoint(number, *part));
        }
        if let Some(rest) = name.strip_prefix("custom_features.") {
            let (feature_id, kind) = rest.split_once('.')?;
            let (kind, _) = CUSTOM_KINDS.iter().find(|(_, known)| *known == kind)?;
            return Some(Field::Custom(feature_id.to_owned(), *kind));
        }
        let (group, name) = name.split_once('.').map_or((None, name), |(g, n)| (Some(g), n));
        let input = Input::from_name(name)?;
        group.is_none_or(|group| group == input::group(input)).then_some(Field::Input(input))
    }

    /// The name of the column.
    pub(super) fn name(&self) -> String {
        fn of<T: PartialEq + Copy>(table: &[(T, &'static str)], item: T) -> &'static str {
            table.iter().find(|(known, _)| *known == item).map_or("", |(_, name)| name)
        }
        match self {
            Field::Currency => "currency".to_owned(),
            Field::Plain(plain) => of(&PLAIN, *plain).to_owned(),
            Field::Input(input) => input.name().to_owned(),
            Field::ContactPoint(number, part) => {
                format!("contact_points.{number}.{}", of(&CONTACT_PARTS, *part))
            }
            Field::Custom(feature_id, kind) => {
                format!("custom_features.{feature_id}.{}", of(&CUSTOM_KINDS, *kind))
            }
        }
    }

    /// The names of all columns that are understood, for messages.
    pub(super) fn known_names() -> String {
        let plain = PLAIN.iter().map(|(_, name)| *name);
        let inputs = INPUTS.iter().map(|input| input.name());
        let fields = plain.chain(["currency"]).chain(inputs).collect::<Vec<_>>().join(", ");
        let names = |names: &[&str]| names.join("|");
        let parts = names(&CONTACT_PARTS.map(|(_, name)| name));
        let kinds = names(&CUSTOM_KINDS.map(|(_, name)| name));
        format!("{fields}, contact_points.<1 to 16>.<{parts}>, custom_features.<name>.<{kinds}>")
    }

    /// Whether the field holds a number or an amount.
    pub(super) fn is_number(&self) -> bool {
        match self {
            Field::Plain(plain) => matches!(
                plain,
                Plain::SourceSequence | Plain::OverdueAmount | Plain::OutstandingAmount
            ),
            Field::Input(input) => {
                matches!(input.kind(), InputKind::Count { .. } | InputKind::Amount)
            }
            Field::Custom(_, kind) => *kind == CustomKind::Number,
            Field::Currency | Field::ContactPoint(..) => false,
        }
    }

    /// Sets the field from the text of a cell, which is not empty.
    pub(super) fn set(&self, draft: &mut Draft, text: &str) -> Result<(), Refusal> {
        match self {
            Field::Currency => draft.currency = Some(currency(text)?),
            Field::Plain(plain) => plain.set(draft, text)?,
            Field::Input(input) => {
                let value = input::Value::parse(*input, draft.currency, text)?;
                input::set(&mut draft.document, *input, value);
            }
            Field::ContactPoint(number, part) => {
                let points = &mut draft.document.contact_points;
                points.resize_with(points.len().max(*number), Default::default);
                part.set(&mut points[number - 1], text)?;
            }
            Field::Custom(feature_id, kind) => {
                let value = Some(kind.parse(text)?);
                let feature_id = feature_id.clone();
                let feature = proto::CustomFeature { feature_id, value };
                draft.document.custom_features.push(feature);
            }
        }
        Ok(())
    }
}

impl Plain {
    fn set(self, draft: &mut Draft, text: &str) -> Result<(), Refusal> {
        let document = &mut draft.document;
        match self {
            Plain::CaseId => document.case_id = id(text, CaseId::new(text).map(drop))?,
            Plain::DebtorId => document.debtor_id = id(text, DebtorId::new(text).map(drop))?,
            Plain::SourceSequence => document.source_sequence = Some(whole(text)?),
            Plain::AsOfTime => document.as_of_time = Some(instant(text)?),
            Plain::OverdueAmount => {
                document.overdue_amount = Some(amount(text, draft.currency)?);
            }
            Plain::OldestDueDate => document.oldest_due_date = Some(day(text)?),
            Plain::OutstandingAmount => {
                document.outstanding_amount = Some(amount(text, draft.currency)?);
            }
            Plain::CloseReason => {
                let reason = word(word::CLOSE_REASON, text)?;
                document.close.get_or_insert_default().reason = reason;
            }
            Plain::CloseDate => {
                document.close.get_or_insert_default().date = Some(day(text)?);
            }
            Plain::DebtorKind => document.debtor_kind = word(word::DEBTOR_KIND, text)?,
            Plain::Language => text.clone_into(&mut document.language),
            Plain::Sealed => document.sealed = sealed(text)?,
        }
        Ok(())
    }
}

impl ContactPart {
    fn set(self, point: &mut proto::ContactPoint, text: &str) -> Result<(), Refusal> {
        match self {
            ContactPart::Id => text.clone_into(&mut point.contact_point_id),
            ContactPart::Kind => point.kind = word(word::CONTACT_POINT_KIND, text)?,
            ContactPart::TimeZone => text.clone_into(&mut point.time_zone),
            ContactPart::Jurisdiction => text.clone_into(&mut point.jurisdiction),
            ContactPart::State => point.state = word(word::CONTACT_POINT_STATE, text)?,
        }
        Ok(())
    }
}

impl CustomKind {
    fn parse(self, text: &str) -> Result<proto::custom_feature::Value, Refusal> {
        use proto::custom_feature::Value;
        Ok(match self {
            CustomKind::Number => {
                let number = decimal(text)?.to_string();
                Value::Number(number.parse().map_err(|_| number_refused())?)
            }
            CustomKind::Text => Value::Text(text.to_owned()),
            CustomKind::Flag => Value::Flag(flag(text)?),
        })
    }
}

fn id(text: &str, checked: Result<(), crate::model::InvalidId>) -> Result<String, Refusal> {
    match checked {
        Ok(()) => Ok(text.to_owned()),
        Err(error) => Err((Reason::FieldMalformed, format!("it {error}"))),
    }
}

fn sealed(text: &str) -> Result<Vec<u8>, Refusal> {
    let refused = |_| (Reason::FieldMalformed, "it must be bytes in base64".to_owned());
    BASE64_STANDARD.decode(text).map_err(refused)
}

fn currency(text: &str) -> Result<Currency, Refusal> {
    let bound = || (Reason::CurrencyUnknown, "it must be a code of ISO 4217, such as EUR".into());
    Currency::from_code(text).ok_or_else(bound)
}

fn number_refused() -> Refusal {
    let bound = "it must be a number such as 1240.50: at most 18 digits before the point and 9 \
                 behind it, no grouping";
    (Reason::FieldMalformed, bound.to_owned())
}

fn decimal(text: &str) -> Result<Decimal, Refusal> {
    Decimal::parse(text).ok_or_else(number_refused)
}

fn whole(text: &str) -> Result<i64, Refusal> {
    let bound = || (Reason::FieldMalformed, "it must be a whole number".to_owned());
    decimal(text).ok().and_then(Decimal::whole).ok_or_else(bound)
}

fn amount(text: &str, currency: Option<Currency>) -> Result<proto::Money, Refusal> {
    let number = decimal(text)?;
    let unknown = || (Reason::FieldConflict, "its row must name a valid currency".to_owned());
    number.money(currency.ok_or_else(unknown)?)
}

fn day(text: &str) -> Result<proto::Date, Refusal> {
    let bound = "it must be a day from 1970-01-01 to 2199-12-31, written like 2025-11-21";
    parse_day(text).map(date).ok_or_else(|| (Reason::FieldMalformed, bound.to_owned()))
}

/// The instant of a text: an RFC 3339 time, or a day, which means its first
/// instant in UTC.
pub(super) fn instant(text: &str) -> Result<prost_types::Timestamp, Refusal> {
    let time = match parse_day(text) {
        Some(day) => format!("{day}T00:00:00Z"),
        None => text.to_owned(),
    };
    match DateTime::parse_from_rfc3339(&time) {
        Ok(time) => Ok(prost_types::Timestamp {
            seconds: time.timestamp(),
            nanos: time.timestamp_subsec_nanos().cast_signed(),
        }),
        Err(_) => {
            let bound =
                "it must be a day such as 2025-11-21 or a time such as 2025-11-21T04:00:00Z";
            Err((Reason::FieldMalformed, bound.to_owned()))
        }
    }
}

fn flag(text: &str) -> Result<bool, Refusal> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" => Ok(true),
        "no" | "false" | "0" => Ok(false),
        _ => Err((Reason::FieldOutOfRange, "it must be yes, no, true, false, 1 or 0".to_owned())),
    }
}

fn word(words: Words, text: &str) -> Result<i32, Refusal> {
    let bound = || (Reason::FieldOutOfRange, format!("it must be one of {}", words.all()));
    words.number(text).ok_or_else(bound)
}

/// The words of an input whose kind is an enum.
fn input_words(input: Input) -> Option<Words> {
    match (input.kind(), input) {
        (InputKind::Level, _) => Some(word::LEVEL),
        (InputKind::Answer, _) => Some(word::ANSWER),
        (_, Input::OverdueReason) => Some(word::OVERDUE_REASON),
        (_, Input::OverdueReasonState) => Some(word::REASON_STATE),
        (_, Input::MaritalStatus) => Some(word::MARITAL_STATUS),
        (_, Input::EmploymentType) => Some(word::EMPLOYMENT_TYPE),
        (_, Input::IncomeState) => Some(word::INCOME_STATE),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
