//! Where the values of a row come from: cells, and what is computed from them.

use std::collections::BTreeMap;

use csv::ByteRecord;

use super::columns::Columns;
use super::numbers::{DecimalMark, NumberForm};
use crate::cli::decimal::Decimal;
use crate::cli::field::Field;
use crate::cli::mapping::{self, Rule};
use crate::model::{Day, Reason, Violations};

/// What a row must be like to be a case.
#[derive(Debug)]
pub(super) struct Condition {
    column: Column,
    at_least: Option<Decimal>,
    at_most: Option<Decimal>,
    equals: Option<String>,
}

/// A column by its place, with its name for messages.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub at: usize,
    pub name: String,
    /// How its numbers are written.
    pub numbers: NumberForm,
}

/// Where the value of a field comes from.
#[derive(Debug)]
pub(super) enum Source {
    Constant(String),
    Cell(Column),
    Translate(Column, BTreeMap<String, String>),
    Ranges(Column, Vec<mapping::Range>),
    DaysBeforeToday(Option<Column>, Decimal),
    LargestPositive(Vec<Column>),
    Product(Vec<Column>, Decimal),
    FirstOf(Vec<Source>),
}

/// A cell that cannot be what it should be.
pub(super) struct Refused {
    pub value: String,
    pub reason: Reason,
    pub bound: String,
}

impl Condition {
    /// Binds a condition to a header.
    pub(super) fn new(given: &mapping::Condition, columns: &mut Columns) -> Result<Self, String> {
        Ok(Condition {
            column: columns.find(&given.column.value)?,
            at_least: given.at_least.map(|number| number.0),
            at_most: given.at_most.map(|number| number.0),
            equals: given.equals.clone(),
        })
    }

    /// The column it looks at.
    pub(super) fn column_name(&self) -> &str {
        &self.column.name
    }

    /// Whether a row fits. An empty cell is no number and fits no bound.
    pub(super) fn holds(&self, cells: &ByteRecord) -> Result<bool, Refused> {
        if let Some(text) = &self.equals
            && self.column.text(cells)?.unwrap_or_default() != text
        {
            return Ok(false);
        }
        if self.at_least.is_none() && self.at_most.is_none() {
            return Ok(true);
        }
        let Some(number) = self.column.number(cells)? else { return Ok(false) };
        let enough = self.at_least.is_none_or(|bound| number >= bound);
        Ok(enough && self.at_most.is_none_or(|bound| number <= bound))
    }
}

impl Column {
    /// The cell without spaces around it; nothing when empty.
    fn text<'a>(&self, cells: &'a ByteRecord) -> Result<Option<&'a str>, Refused> {
        let cell = cells.get(self.at).unwrap_or_default();
        let refused = |bound: String| Refused {
            value: super::cell_text(cell).into_owned(),
            reason: Reason::FieldMalformed,
            bound,
        };
        match std::str::from_utf8(cell) {
            Ok(text) if text.contains(char::REPLACEMENT_CHARACTER) => {
                Err(refused(format!("column {} must be text of the encoding named", self.name)))
            }
            Ok(text) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
            Err(_) => Err(refused(format!(
                "column {} must be UTF-8 text, or --encoding must name what it is",
                self.name
            ))),
        }
    }

    fn not_a_number(&self, text: &str) -> Refused {
        Refused {
            value: text.to_owned(),
            reason: Reason::FieldMalformed,
            bound: format!(
                "column {} must be a number such as {}",
                self.name,
                self.numbers.example()
            ),
        }
    }

    /// The text for a field: a number is written out without a power of ten.
    fn text_for(&self, field: &Field, cells: &ByteRecord) -> Result<Option<String>, Refused> {
        let Some(text) = self.text(cells)? else { return Ok(None) };
        if !field.is_number() {
            return Ok(Some(text.to_owned()));
        }
        match self.numbers.parse(text) {
            Some(number) => Ok(Some(number.to_string())),
            // What is no number by any form, the field itself refuses.
            None if self.numbers.decimal == DecimalMark::Point => Ok(Some(text.to_owned())),
            None => Err(self.not_a_number(text)),
        }
    }

    /// The cell as a number; nothing when empty.
    pub(super) fn number(&self, cells: &ByteRecord) -> Result<Option<Decimal>, Refused> {
        let Some(text) = self.text(cells)? else { return Ok(None) };
        self.numbers.parse(text).map(Some).ok_or_else(|| self.not_a_number(text))
    }
}

impl Source {
    /// Binds a rule to a header.
    pub(super) fn new(rule: &Rule, columns: &mut Columns) -> Result<Source, String> {
        let times = |factor: &Option<mapping::Number>| factor.map_or(Decimal::ONE, |n| n.0);
        Ok(match rule {
            Rule::Translate { column, values } => {
                Source::Translate(columns.find(column)?, values.clone())
            }
            Rule::Ranges { column, values } => {
                Source::Ranges(columns.find(column)?, values.clone())
            }
            Rule::DaysBeforeToday { days, column, times: factor } => {
                let column = column.as_ref().map(|name| columns.find(name)).transpose()?;
                Source::DaysBeforeToday(column, times(if days.is_some() { days } else { factor }))
            }
            Rule::LargestPositive(names) => Source::LargestPositive(columns.find_all(names)?),
            Rule::Product { columns: names, times: factor } => {
                Source::Product(columns.find_all(names)?, times(factor))
            }
            Rule::FirstOf(rules) => Source::FirstOf(
                rules.iter().map(|rule| Source::new(rule, columns)).collect::<Result<_, _>>()?,
            ),
        })
    }

    /// The text of the field; nothing if it is not given.
    pub(super) fn text(
        &self,
        field: &Field,
        cells: &ByteRecord,
        today: Day,
    ) -> Result<Option<String>, Refused> {
        match self {
            Source::Constant(text) => Ok(Some(text.clone())),
            Source::Cell(column) => column.text_for(field, cells),
            Source::Translate(column, values) => translate(column, values, cells),
            Source::Ranges(column, ranges) => {
                let Some(number) = column.number(cells)? else { return Ok(None) };
                let mut ranges = ranges.iter();
                let range = ranges.find(|range| range.below.is_none_or(|end| number < end.0));
                Ok(range.map(|range| range.value.clone()).filter(|value| !value.is_empty()))
            }
            Source::DaysBeforeToday(column, times) => {
                let day = days_before(column.as_ref(), *times, cells, today)?;
                Ok(day.map(|day| day.to_string()))
            }
            Source::LargestPositive(columns) => {
                let mut largest: Option<Decimal> = None;
                for column in columns {
                    let number = column.number(cells)?.filter(|number| number.positive());
                    largest = largest.max(number);
                }
                Ok(largest.map(|number| number.to_string()))
            }
            Source::Product(columns, times) => product(columns, *times, cells),
            Source::FirstOf(sources) => {
                for source in sources {
                    if let Some(text) = source.text(field, cells, today)? {
                        return Ok(Some(text));
                    }
                }
                Ok(None)
            }
        }
    }
}

fn translate(
    column: &Column,
    values: &BTreeMap<String, String>,
    cells: &ByteRecord,
) -> Result<Option<String>, Refused> {
    let Some(text) = column.text(cells)? else { return Ok(None) };
    let unknown = || {
        let known = values.keys().cloned().collect::<Vec<_>>().join(", ");
        let bound = format!("the mapping translates these of column {}: {known}", column.name);
        Refused { value: text.to_owned(), reason: Reason::FieldOutOfRange, bound }
    };
    let value = values.get(text).cloned().ok_or_else(unknown)?;
    Ok(Some(value).filter(|value| !value.is_empty()))
}

/// Today less a number of days: the cell of a column times so many, or without a
/// column so many.
fn days_before(
    column: Option<&Column>,
    times: Decimal,
    cells: &ByteRecord,
    today: Day,
) -> Result<Option<Day>, Refused> {
    let number = match column {
        Some(column) => column.number(cells)?,
        None => Some(Decimal::ONE),
    };
    let Some(number) = number else { return Ok(None) };
    let what = match column {
        Some(column) => format!("column {} times {times}", column.name),
        None => times.to_string(),
    };
    let refused = || Refused {
        value: number.to_string(),
        reason: Reason::FieldOutOfRange,
        bound: format!(
            "{what} must be a whole number of days that leads from {today} to a day between \
             1970-01-01 and 2199-12-31"
        ),
    };
    let days = number.times(times).and_then(Decimal::whole).ok_or_else(refused)?;
    let day = i64::from(today.0).checked_sub(days).and_then(|day| i32::try_from(day).ok());
    let day = day.map(Day).filter(|day| (Day::MIN..=Day::MAX).contains(day));
    day.map(Some).ok_or_else(refused)
}

fn product(
    columns: &[Column],
    times: Decimal,
    cells: &ByteRecord,
) -> Result<Option<String>, Refused> {
    let mut product = times;
    for column in columns {
        let Some(number) = column.number(cells)? else { return Ok(None) };
        product = product.times(number).ok_or_else(|| Refused {
            value: number.to_string(),
            reason: Reason::FieldOutOfRange,
            bound: format!("with column {} the product is too large", column.name),
        })?;
    }
    Ok(Some(product.to_string()))
}

impl Refused {
    /// Notes it as a broken rule of a field.
    pub(super) fn note(self, field: &str, violations: &mut Violations) {
        violations.add(field, self.reason, self.value, self.bound);
    }
}
