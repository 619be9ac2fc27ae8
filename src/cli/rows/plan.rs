//! A mapping bound to the header of one file: which cell fills what.

use csv::ByteRecord;

use super::REQUIRED;
use super::columns::Columns;
use super::numbers::NumberForm;
use super::profile::{self, ProfileMonth};
use super::source::{Condition, Source};
use crate::cli::field::{Draft, Field};
use crate::cli::mapping::Mapping;
use crate::model::{Day, Reason, Violations};
use crate::proto;

/// A mapping bound to a header.
#[derive(Debug)]
pub(super) struct Plan {
    width: usize,
    today: Day,
    conditions: Vec<Condition>,
    sources: Vec<(Field, Source)>,
    profile: Vec<ProfileMonth>,
}

impl Plan {
    /// Binds a mapping to a header; says in one sentence why it cannot.
    pub(super) fn new(header: &[String], mapping: &Mapping, today: Day) -> Result<Plan, String> {
        let numbers = NumberForm { decimal: mapping.decimal, scientific: mapping.scientific };
        let mut columns = Columns::new(header, numbers)?;
        let mut sources = Vec::new();
        for (name, text) in &mapping.constants {
            sources.push((field(name)?, Source::Constant(text.value.clone())));
        }
        for (name, column) in &mapping.columns {
            sources.push((field(name)?, Source::Cell(columns.find(&column.value)?)));
        }
        for (name, rule) in &mapping.computed {
            sources.push((field(name)?, Source::new(&rule.value, &mut columns)?));
        }
        let mut conditions = Vec::new();
        for condition in &mapping.conditions {
            conditions.push(Condition::new(condition, &mut columns)?);
        }
        let profile = profile::months(mapping, &mut columns, today)?;
        sources.extend(columns.named_like_fields(mapping, &sources)?);
        require(&sources)?;
        sources.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(Plan { width: header.len(), today, conditions, sources, profile })
    }

    /// The column that fills a field by itself.
    pub(super) fn column_of(&self, field: &str) -> Option<usize> {
        self.sources.iter().find_map(|(known, source)| match source {
            Source::Cell(column) | Source::Translate(column, _) if known.name() == field => {
                Some(column.at)
            }
            _ => None,
        })
    }

    /// The document of a row, or the rules it breaks; nothing if the row is not
    /// a case.
    pub(super) fn convert(
        &self,
        cells: &ByteRecord,
    ) -> Option<Result<proto::CaseDocument, Violations>> {
        let mut violations = Violations::new();
        if cells.len() != self.width {
            let bound = format!("the header has {}", self.width);
            let value = format!("{} cells", cells.len());
            violations.add("row", Reason::FieldMalformed, value, bound);
            return Some(Err(violations));
        }
        for condition in &self.conditions {
            match condition.holds(cells) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(refused) => {
                    refused.note(condition.column_name(), &mut violations);
                    return Some(Err(violations));
                }
            }
        }
        let mut draft = Draft::default();
        for source in &self.sources {
            self.fill(source, cells, &mut draft, &mut violations);
        }
        for month in &self.profile {
            if let Err(refused) = month.fill(cells, &mut draft) {
                refused.note("arrears_profile", &mut violations);
            }
        }
        check_given(&draft, &mut violations);
        let mut document = draft.document;
        document.contact_points.retain(|point| *point != proto::ContactPoint::default());
        Some(violations.or(document))
    }

    fn fill(
        &self,
        (field, source): &(Field, Source),
        cells: &ByteRecord,
        draft: &mut Draft,
        violations: &mut Violations,
    ) {
        let text = match source.text(field, cells, self.today) {
            Ok(Some(text)) => text,
            Ok(None) => return,
            Err(refused) => return refused.note(&field.name(), violations),
        };
        match field.set(draft, &text) {
            Ok(()) => {}
            // Without a currency no amount can be read; the currency itself is
            // what is wrong, and it has been said.
            Err((Reason::FieldConflict, _)) if draft.currency.is_none() => {}
            Err((reason, bound)) => violations.add(field.name(), reason, text, bound),
        }
    }
}

/// What the contract demands of every document and a row can show by itself.
/// Broken rules already noted are not noted again.
fn check_given(draft: &Draft, violations: &mut Violations) {
    let document = &draft.document;
    let closed = document.close.is_some();
    let given = [
        ("case_id", !document.case_id.is_empty()),
        ("debtor_id", !document.debtor_id.is_empty()),
        ("currency", draft.currency.is_some() || closed),
        ("overdue_amount", document.overdue_amount.is_some() || closed),
    ];
    let currency_missing = draft.currency.is_none();
    for (name, given) in given {
        let noted = violations.0.iter().any(|violation| violation.field == name);
        let unreadable = name == "overdue_amount" && currency_missing;
        if !(given || noted || unreadable) {
            violations.required(name);
        }
    }
}

fn field(name: &str) -> Result<Field, String> {
    Field::from_name(name).ok_or_else(|| format!("{name} is not a field of a case"))
}

fn require(sources: &[(Field, Source)]) -> Result<(), String> {
    let filled = |name: &str| sources.iter().any(|(field, _)| field.name() == name);
    let missing: Vec<&str> = REQUIRED.into_iter().filter(|name| !filled(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "nothing fills {}: a file needs the columns {}, or a mapping that fills them",
        missing.join(", "),
        REQUIRED.join(", ")
    ))
}
