//! What became of the rows of a file.

use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output::{self, Format, Record};
use crate::proto;

/// What the table shows although it did not happen.
const ALWAYS: [&str; 6] = ["rows_read", "created", "rejected", "group_a", "group_b", "group_c"];

/// How many rows there were and what became of them. The names are those of the
/// JSON and CSV output and stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Summary {
    /// Rows that are cases, rejected ones included.
    pub rows_read: u64,
    /// Rows that are no cases by the mapping's conditions.
    pub rows_filtered: u64,
    /// Rows left out because an earlier run had taken them.
    pub rows_skipped: u64,
    pub created: u64,
    pub updated: u64,
    pub corrected: u64,
    pub unchanged: u64,
    pub stale: u64,
    pub superseded: u64,
    pub rejected: u64,
    /// Documents that were taken although something about them is odd.
    pub with_findings: u64,
    pub group_a: u64,
    pub group_b: u64,
    pub group_c: u64,
}

impl Summary {
    /// Counts what became of one document.
    pub(super) fn count(&mut self, result: &proto::PushResult) {
        use proto::PushDisposition as D;
        match result.disposition() {
            D::Created => self.created += 1,
            D::Updated => self.updated += 1,
            D::Corrected => self.corrected += 1,
            D::Unchanged => self.unchanged += 1,
            D::Stale => self.stale += 1,
            D::Superseded => self.superseded += 1,
            D::Rejected | D::Unspecified => self.rejected += 1,
        }
        if !result.findings.is_empty() {
            self.with_findings += 1;
        }
        let group = result.rank.as_ref().map(proto::Rank::recovery_group);
        match group {
            Some(proto::RecoveryGroup::A) => self.group_a += 1,
            Some(proto::RecoveryGroup::B) => self.group_b += 1,
            Some(proto::RecoveryGroup::C) => self.group_c += 1,
            Some(proto::RecoveryGroup::Unspecified) | None => {}
        }
    }

    fn numbers(&self) -> [u64; 14] {
        [
            self.rows_read,
            self.rows_filtered,
            self.rows_skipped,
            self.created,
            self.updated,
            self.corrected,
            self.unchanged,
            self.stale,
            self.superseded,
            self.rejected,
            self.with_findings,
            self.group_a,
            self.group_b,
            self.group_c,
        ]
    }

    /// Writes the summary. The table leaves out what did not happen.
    pub(super) fn print(&self, format: Format) -> Result<(), Failure> {
        match format {
            Format::Json | Format::Jsonl => output::json(format, self),
            Format::Csv => output::records(format, std::slice::from_ref(self)),
            Format::Table => {
                let rows = Self::HEADER.iter().zip(self.numbers());
                let rows = rows.filter(|(name, number)| *number > 0 || ALWAYS.contains(name));
                let rows =
                    rows.map(|(name, number)| vec![name.replace('_', " "), number.to_string()]);
                output::write_out(&format!("{}\n", output::table(&["", "cases"], rows)))
            }
        }
    }
}

impl Record for Summary {
    const HEADER: &'static [&'static str] = &[
        "rows_read",
        "rows_filtered",
        "rows_skipped",
        "created",
        "updated",
        "corrected",
        "unchanged",
        "stale",
        "superseded",
        "rejected",
        "with_findings",
        "group_a",
        "group_b",
        "group_c",
    ];

    fn cells(&self) -> Vec<String> {
        self.numbers().map(|number| number.to_string()).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_disposition_and_group_is_counted_once() {
        let mut summary = Summary::default();
        for disposition in 1..=7 {
            let mut result = proto::PushResult { disposition, ..Default::default() };
            let group = (disposition - 1) % 3 + 1;
            result.rank = Some(proto::Rank { recovery_group: group, ..Default::default() });
            summary.count(&result);
        }
        let counts = summary.numbers();
        assert_eq!(counts[3..10], [1; 7]);
        assert_eq!(counts[11..], [3, 2, 2]);
        let json = serde_json::to_value(&summary).unwrap();
        for (name, cell) in Summary::HEADER.iter().zip(summary.cells()) {
            assert_eq!(json[name].to_string(), cell, "{name} has one name in all formats");
        }
    }
}
