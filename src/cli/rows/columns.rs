//! The columns of a header, and what each of them is used for.

use std::collections::BTreeSet;

use super::numbers::NumberForm;
use super::source::{Column, Source};
use crate::cli::field::Field;
use crate::cli::mapping::Mapping;

/// The columns of a header, and which of them are used.
pub(super) struct Columns<'a> {
    header: &'a [String],
    used: BTreeSet<usize>,
    numbers: NumberForm,
}

impl<'a> Columns<'a> {
    /// A header in which no name stands twice.
    pub(super) fn new(header: &'a [String], numbers: NumberForm) -> Result<Columns<'a>, String> {
        let mut seen = BTreeSet::new();
        match header.iter().find(|name| !seen.insert(name.as_str())) {
            Some(twice) => Err(format!("column {twice:?} stands twice in the header")),
            None => Ok(Columns { header, used: BTreeSet::new(), numbers }),
        }
    }

    /// The column of a name; it counts as used.
    pub(super) fn find(&mut self, name: &str) -> Result<Column, String> {
        let at = self.header.iter().position(|known| known == name).ok_or_else(|| {
            let header = self.header.join(", ");
            format!("the mapping reads column {name:?}; the file has {header}")
        })?;
        self.used.insert(at);
        Ok(Column { at, name: name.to_owned(), numbers: self.numbers })
    }

    /// The columns of several names.
    pub(super) fn find_all(&mut self, names: &[String]) -> Result<Vec<Column>, String> {
        names.iter().map(|name| self.find(name)).collect()
    }

    /// The columns that no part of the mapping names and that are named like a
    /// field; any other is refused, unless it is to be ignored.
    pub(super) fn named_like_fields(
        &self,
        mapping: &Mapping,
        mapped: &[(Field, Source)],
    ) -> Result<Vec<(Field, Source)>, String> {
        let mut found: Vec<(Field, Source)> = Vec::new();
        for (at, name) in self.header.iter().enumerate() {
            let ignored = mapping.ignore.contains(name) || mapping.ignore_others;
            if self.used.contains(&at) || ignored {
                continue;
            }
            let Some(field) = Field::from_name(name) else {
                return Err(format!(
                    "column {name:?} is not a field of a case; map it, ignore it, or name it like \
                     one of {}",
                    Field::known_names()
                ));
            };
            if mapped.iter().chain(&found).any(|(taken, _)| *taken == field) {
                let name = field.name();
                return Err(format!("field {name} is filled twice; ignore one of its columns"));
            }
            found.push((
                field,
                Source::Cell(Column { at, name: name.clone(), numbers: self.numbers }),
            ));
        }
        Ok(found)
    }
}
