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

/// A line that is not the same in both. Scorecards of two kinds of debtor do not
/// have all lines in common.
#[derive(Serialize)]
struct Change<'a> {
    now: Option<&'a LineView>,
    what_if: Option<&'a LineView>,
}

impl Record for Change<'_> {
    const HEADER: &'static [&'static str] =
        &["characteristic", "now", "bin", "points", "what if", "bin", "points", "change"];

    fn cells(&self) -> Vec<String> {
        let Change { now, what_if } = self;
        let name = now.or(*what_if).map(|line| line.characteristic.clone());
        let side = |line: Option<&LineView>| match line {
            Some(line) => [line.value.clone(), line.bin.clone(), signed(line.contribution)],
            None => Default::default(),
        };
        let points = |line: Option<&LineView>| line.map_or(0, |line| line.contribution);
        let mut cells = vec![name.unwrap_or_default()];
        cells.extend(side(*now).into_iter().chain(side(*what_if)));
        cells.push(signed(points(*what_if) - points(*now)));
        cells
    }
}

/// The lines that differ, in the order of the first and then of the second.
fn changes<'a>(now: &'a [LineView], what_if: &'a [LineView]) -> Vec<Change<'a>> {
    let named =
        |lines: &'a [LineView], name: &str| lines.iter().find(|line| line.characteristic == name);
    let first = now
        .iter()
        .map(|line| Change { now: Some(line), what_if: named(what_if, &line.characteristic) });
    let added = what_if.iter().filter(|line| named(now, &line.characteristic).is_none());
    let added = added.map(|line| Change { now: None, what_if: Some(line) });
    first.chain(added).filter(Change::differs).collect()
}

impl Change<'_> {
    fn differs(&self) -> bool {
        match (self.now, self.what_if) {
            (Some(now), Some(what_if)) => {
                let told = |line: &LineView| (line.value.clone(), line.bin.clone());
                told(now) != told(what_if) || now.contribution != what_if.contribution
            }
            (Some(line), None) | (None, Some(line)) => !line.silent(),
            (None, None) => false,
        }
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
        let changes = changes(&self.lines, &what_if.lines);
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
        let mut rows = vec![
            vec!["recovery group".to_owned(), group(self), group(what_if), String::new()],
            number("recovery score", self.recovery_score, what_if.recovery_score),
            number("priority", self.priority, what_if.priority),
        ];
        if self.scorecard_id != what_if.scorecard_id {
            let scorecard = |view: &ExplanationView| view.scorecard_id.clone();
            let label = "scorecard".to_owned();
            rows.push(vec![label, scorecard(self), scorecard(what_if), String::new()]);
        }
        let mut text = format!("{}\nas of {}\n\n", self.case.headline(), self.rank_date);
        text.push_str(&output::table(&["", "now", "what if", "change"], rows.into_iter()));
        text.push_str("\n\nLines that change\n");
        let rows = changes.iter().map(Record::cells);
        text.push_str(&output::table(Change::HEADER, rows));
        text.push('\n');
        text
    }
}
