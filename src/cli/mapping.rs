//! Mappings: how the columns of somebody's file become the fields of a case,
//! written as data (YAML).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::decimal::Decimal;
use super::field::{Draft, Field};
use super::rows::{DecimalMark, Encoding};
use crate::model::{Currency, Reason};

/// The largest `months_before` of an arrears profile: the contract holds 120
/// months.
const MONTHS_BEFORE_MAX: u32 = 119;

/// How the columns of a file become the fields of a case.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// What stands between two cells; a comma if not given.
    pub(super) delimiter: Option<char>,
    /// How the file is encoded; UTF-8 if not given.
    pub(super) encoding: Encoding,
    /// What stands before the decimal places of its numbers; a point if not given.
    /// The numbers of the mapping itself always have a point.
    pub(super) decimal: DecimalMark,
    /// Whether numbers may be written with a power of ten, like `2.00E+05`. Such
    /// numbers are refused otherwise: a spreadsheet that wrote them may have
    /// rounded them.
    pub(super) scientific: bool,
    /// Only the rows that fit all of these are cases.
    #[serde(rename = "where")]
    pub(super) conditions: Vec<Condition>,
    /// Fields that are the same in every row: field to text.
    pub(super) constants: BTreeMap<String, Spanned<String>>,
    /// Fields that are a column's cell as it stands: field to column.
    pub(super) columns: BTreeMap<String, Spanned<String>>,
    /// Fields that are computed from cells.
    pub(super) computed: BTreeMap<String, Spanned<Rule>>,
    /// The months of the arrears profile.
    pub(super) arrears_profile: Vec<Spanned<ProfileMonth>>,
    /// Columns that are not read.
    pub(super) ignore: Vec<String>,
    /// Whether every column that the mapping does not name is left unread, also
    /// one named like a field.
    pub(super) ignore_others: bool,
}

/// What a column of a row must be like for the row to be a case. All bounds
/// given must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    /// The column.
    pub column: Spanned<String>,
    /// The cell is a number and at least this one.
    pub at_least: Option<Number>,
    /// The cell is a number and at most this one.
    pub at_most: Option<Number>,
    /// The cell is exactly this text.
    pub equals: Option<String>,
}

/// How a field is computed: a small, closed set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum Rule {
    /// The cell's text by a table; a text not in the table is refused.
    Translate {
        /// The column.
        column: String,
        /// Cell to value; an empty value says that the cell tells nothing.
        values: BTreeMap<String, String>,
    },
    /// The cell's number by ranges, from the lowest up.
    Ranges {
        /// The column.
        column: String,
        /// The ranges; all but the last have an end.
        values: Vec<Range>,
    },
    /// A day: today less a number of days, the same for every row, or less the cell
    /// times a number of days.
    DaysBeforeToday {
        /// The number of days, whole, where it is the same for every row.
        days: Option<Number>,
        /// The column, a whole number.
        column: Option<String>,
        /// How many days one of it is; 1 if not given.
        times: Option<Number>,
    },
    /// The largest of the cells above 0; nothing if none is.
    LargestPositive(Vec<String>),
    /// The cells multiplied, and that with a number.
    Product {
        /// The columns.
        columns: Vec<String>,
        /// The number; 1 if not given.
        times: Option<Number>,
    },
    /// The first of several rules that gives a value.
    FirstOf(Vec<Rule>),
}

/// A range of numbers and what it stands for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Range {
    /// Where it ends, not included; the last one has no end.
    pub below: Option<Number>,
    /// The value; an empty one says that the cell tells nothing.
    pub value: String,
}

/// One month of the arrears profile.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileMonth {
    /// How many months before the month of "today": 0 is that month itself.
    pub months_before: u32,
    /// The column with the months past due; below 0 counts as 0. A row where it
    /// is empty does not have the month.
    pub months_past_due: String,
    /// The column with what was billed; below 0 counts as 0.
    pub billed_amount: Option<String>,
    /// The column with what was paid; below 0 counts as 0.
    pub paid_amount: Option<String>,
}

/// An exact number in YAML.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Number(pub Decimal);

impl TryFrom<String> for Number {
    type Error = String;

    fn try_from(text: String) -> Result<Number, String> {
        let number = Decimal::parse(&text);
        number.map(Number).ok_or_else(|| format!("{text:?} is not a number such as 0.01"))
    }
}

/// A mapping that cannot be one; the text names the line and the column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidMapping(String);

impl Mapping {
    /// Reads a mapping from YAML. What it does not know, it refuses.
    pub fn from_yaml(yaml: &str) -> Result<Mapping, InvalidMapping> {
        let mapping: Mapping = serde_saphyr::from_str(yaml)
            .map_err(|error| InvalidMapping(error.without_snippet().to_string()))?;
        mapping.check()?;
        Ok(mapping)
    }

    fn check(&self) -> Result<(), InvalidMapping> {
        let currency = self.constants.get("currency");
        let currency = currency.and_then(|code| Currency::from_code(&code.value));
        for (name, text) in &self.constants {
            let mut draft = Draft { currency, ..Draft::default() };
            match known(name, text)?.set(&mut draft, &text.value) {
                // An amount whose currency stands in the rows is checked there.
                Ok(()) | Err((Reason::FieldConflict, _)) => {}
                Err((_, bound)) => {
                    return Err(at(text, format!("{name} is {:?}; {bound}", text.value)));
                }
            }
        }
        for (name, column) in &self.columns {
            known(name, column)?;
            self.once(name, column)?;
        }
        for (name, rule) in &self.computed {
            known(name, rule)?;
            self.once(name, rule)?;
            rule.value.check().map_err(|text| at(rule, format!("{name}: {text}")))?;
        }
        for condition in &self.conditions {
            let bounds = [condition.at_least.is_some(), condition.at_most.is_some()];
            if !bounds.contains(&true) && condition.equals.is_none() {
                let text = "a condition needs at_least, at_most or equals".to_owned();
                return Err(at(&condition.column, text));
            }
        }
        let mut months = BTreeSet::new();
        for month in &self.arrears_profile {
            let before = month.value.months_before;
            if before > MONTHS_BEFORE_MAX {
                let text = format!("months_before is {before}; at most {MONTHS_BEFORE_MAX}");
                return Err(at(month, text));
            }
            if !months.insert(before) {
                return Err(at(month, format!("months_before {before} stands twice")));
            }
        }
        Ok(())
    }

    fn once<T>(&self, name: &str, place: &Spanned<T>) -> Result<(), InvalidMapping> {
        let places = [
            self.constants.contains_key(name),
            self.columns.contains_key(name),
            self.computed.contains_key(name),
        ];
        if places.iter().filter(|given| **given).count() > 1 {
            let text = format!("{name} stands in more than one of constants, columns, computed");
            return Err(at(place, text));
        }
        Ok(())
    }

    /// Whether what a row says depends on the day it is read as of: dates counted
    /// back from today, or a profile of months before it.
    pub fn counts_from_today(&self) -> bool {
        !self.arrears_profile.is_empty()
            || self.computed.values().any(|rule| rule.value.counts_from_today())
    }

    /// Every column that the mapping reads.
    pub fn columns_read(&self) -> BTreeSet<&str> {
        let mut read = BTreeSet::new();
        read.extend(self.conditions.iter().map(|condition| condition.column.value.as_str()));
        read.extend(self.columns.values().map(|column| column.value.as_str()));
        for rule in self.computed.values() {
            rule.value.columns(&mut read);
        }
        for Spanned { value: month, .. } in &self.arrears_profile {
            read.insert(&month.months_past_due);
            read.extend(month.billed_amount.iter().chain(&month.paid_amount).map(String::as_str));
        }
        read
    }
}

impl Rule {
    fn check(&self) -> Result<(), String> {
        match self {
            Rule::Translate { values, .. } if values.is_empty() => {
                Err("translate needs at least one of values".to_owned())
            }
            Rule::Ranges { values, .. } => {
                let ends: Vec<_> =
                    values.iter().map(|range| range.below.map(|end| end.0)).collect();
                let rises = ends.windows(2).all(|pair| match pair {
                    [Some(_), None] => true,
                    [one, two] => one.is_some() && one < two,
                    _ => false,
                });
                if rises && ends.last() == Some(&None) {
                    return Ok(());
                }
                Err("ranges rise by `below`, and the last one has none".to_owned())
            }
            Rule::DaysBeforeToday { days, column, times } => {
                if days.is_some() == column.is_some() || days.is_some() && times.is_some() {
                    let text = "days_before_today needs days, or a column that may have times";
                    return Err(text.to_owned());
                }
                match days.map(|days| days.0.whole()) {
                    Some(None) => Err("days must be a whole number".to_owned()),
                    _ => Ok(()),
                }
            }
            Rule::LargestPositive(columns) | Rule::Product { columns, .. }
                if columns.is_empty() =>
            {
                Err("at least one column is needed".to_owned())
            }
            Rule::FirstOf(rules) if rules.is_empty() => {
                Err("first_of needs at least one rule".to_owned())
            }
            Rule::FirstOf(rules) => rules.iter().try_for_each(Rule::check),
            _ => Ok(()),
        }
    }

    fn counts_from_today(&self) -> bool {
        match self {
            Rule::DaysBeforeToday { .. } => true,
            Rule::FirstOf(rules) => rules.iter().any(Rule::counts_from_today),
            _ => false,
        }
    }

    fn columns<'a>(&'a self, read: &mut BTreeSet<&'a str>) {
        match self {
            Rule::Translate { column, .. } | Rule::Ranges { column, .. } => {
                read.insert(column);
            }
            Rule::DaysBeforeToday { column, .. } => read.extend(column.as_deref()),
            Rule::LargestPositive(columns) | Rule::Product { columns, .. } => {
                read.extend(columns.iter().map(String::as_str));
            }
            Rule::FirstOf(rules) => rules.iter().for_each(|rule| rule.columns(read)),
        }
    }
}

fn known<T>(name: &str, place: &Spanned<T>) -> Result<Field, InvalidMapping> {
    let unknown = || {
        let known = Field::known_names();
        at(place, format!("{name} is not a field of a case; the fields are {known}"))
    };
    Field::from_name(name).ok_or_else(unknown)
}

fn at<T>(place: &Spanned<T>, text: String) -> InvalidMapping {
    let location = place.referenced;
    InvalidMapping(format!("{text} at line {}, column {}", location.line(), location.column()))
}

#[cfg(test)]
mod tests;
