//! The arrears profile of a row, month by month.

use csv::ByteRecord;

use super::columns::Columns;
use super::source::{Column, Refused};
use crate::cli::decimal::date;
use crate::cli::field::Draft;
use crate::cli::mapping::Mapping;
use crate::model::{Day, Reason};
use crate::proto;

/// The most months an account can be behind, by the contract.
const MONTHS_PAST_DUE_MAX: i64 = 120;

/// One month of the profile and the columns that fill it.
#[derive(Debug)]
pub(super) struct ProfileMonth {
    month: Day,
    months_past_due: Column,
    billed_amount: Option<Column>,
    paid_amount: Option<Column>,
}

/// The months that a mapping lays out, counted back from `today`.
pub(super) fn months(
    mapping: &Mapping,
    columns: &mut Columns,
    today: Day,
) -> Result<Vec<ProfileMonth>, String> {
    let mut months = Vec::new();
    for month in &mapping.arrears_profile {
        let month = &month.value;
        let (year, of_year, _) = today.ymd();
        let number = i64::from(year) * 12 + i64::from(of_year) - 1 - i64::from(month.months_before);
        let first = i32::try_from(number.div_euclid(12)).ok().and_then(|year| {
            Day::from_ymd(year, u32::try_from(number.rem_euclid(12)).ok()? + 1, 1)
        });
        let before = month.months_before;
        let mut optional =
            |name: &Option<String>| name.as_ref().map(|name| columns.find(name)).transpose();
        months.push(ProfileMonth {
            month: first.ok_or(format!("{before} months before {today} is before 1970"))?,
            billed_amount: optional(&month.billed_amount)?,
            paid_amount: optional(&month.paid_amount)?,
            months_past_due: columns.find(&month.months_past_due)?,
        });
    }
    Ok(months)
}

impl ProfileMonth {
    /// Adds the month to the document, unless its cell is empty.
    pub(super) fn fill(&self, cells: &ByteRecord, draft: &mut Draft) -> Result<(), Refused> {
        let Some(number) = self.months_past_due.number(cells)? else { return Ok(()) };
        let months = number.at_least_zero().whole().filter(|n| *n <= MONTHS_PAST_DUE_MAX);
        let months = months.and_then(|months| i32::try_from(months).ok());
        let months_past_due = Some(months.ok_or_else(|| Refused {
            value: number.to_string(),
            reason: Reason::FieldOutOfRange,
            bound: format!(
                "column {} must be a whole number of months, at most {MONTHS_PAST_DUE_MAX}",
                self.months_past_due.name
            ),
        })?);
        let billed_amount = money(self.billed_amount.as_ref(), cells, draft)?;
        let paid_amount = money(self.paid_amount.as_ref(), cells, draft)?;
        let month = Some(date(self.month));
        let month = proto::ArrearsMonth { month, months_past_due, billed_amount, paid_amount };
        draft.document.arrears_profile.push(month);
        Ok(())
    }
}

fn money(
    column: Option<&Column>,
    cells: &ByteRecord,
    draft: &Draft,
) -> Result<Option<proto::Money>, Refused> {
    let (Some(column), Some(currency)) = (column, draft.currency) else { return Ok(None) };
    let Some(number) = column.number(cells)? else { return Ok(None) };
    let refused = |(reason, bound)| Refused {
        value: number.to_string(),
        reason,
        bound: format!("column {}: {bound}", column.name),
    };
    number.at_least_zero().money(currency).map(Some).map_err(refused)
}
