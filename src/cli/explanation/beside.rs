//! Two explanations of one case side by side: as it is, and what if.

use serde::Serialize;

use super::{ExplanationView, Format, LineView, signed};
use crate::cli::failure::Failure;
use crate::cli::output::{self, Record};

#[derive(Serialize)]
struct Both<'a> {
    explanation: &'a ExplanationView,
    what_if_explanation: &'a ExplanationView,
}

/// A line that is not the same in both.
#[derive(Serialize)]
struct Change<'a> {
    now: &'a LineView,
    what_if: &'a LineView,
}

impl Record for Change<'_> {
    const HEADER: &'static [&'static str] =
        &["characteristic", "now", "bin", "points", "what if", "bin", "points", "change"];

    fn cells(&self) -> Vec<String> {
        let Change { now, what_if } = self;
        let change = what_if.contribution - now.contribution;
        vec![
            now.characteristic.clone(),
            now.value.clone(),
            now.bin.clone(),
            signed(now.contribution),
            what_if.value.clone(),
            what_if.bin.clone(),
            signed(what_if.contribution),
            signed(change),
        ]
    }
}

impl ExplanationView {
    /// Writes this explanation beside another of the same case; as CSV the lines
    /// that differ.
    pub(in crate::cli) fn print_beside(
        &self,
        what_if: &ExplanationView,
        format: Format,
    ) -> Result<(), Failure> {
        let lines = self.lines.iter().zip(&what_if.lines);
        let changes: Vec<Change<'_>> = lines
            .filter(|(now, what_if)| now.value != what_if.value || now.bin != what_if.bin)
            .map(|(now, what_if)| Change { now, what_if })
            .collect();
        match format {
            Format::Table => output::write_out(&self.beside(what_if, &changes)),
            Format::Json | Format::Jsonl => {
                output::json(format, &Both { explanation: self, what_if_explanation: what_if })
            }
            Format::Csv => output::records(format, &changes),
        }
    }

    fn beside(&self, what_if: &ExplanationView, changes: &[Change<'_>]) -> String {
        let number = |name: &str, now: i32, then: i32| {
            vec![name.to_owned(), now.to_string(), then.to_string(), signed(then - now)]
        };
        let group = |view: &ExplanationView| view.recovery_group.clone();
        let rows = [
            vec!["recovery group".to_owned(), group(self), group(what_if), String::new()],
            number("recovery score", self.recovery_score, what_if.recovery_score),
            number("priority", self.priority, what_if.priority),
        ];
        let mut text = format!("{}\nas of {}\n\n", self.case.headline(), self.rank_date);
        text.push_str(&output::table(&["", "now", "what if", "change"], rows.into_iter()));
        text.push_str("\n\nLines that change\n");
        let rows = changes.iter().map(Record::cells);
        text.push_str(&output::table(Change::HEADER, rows));
        text.push('\n');
        text
    }
}
