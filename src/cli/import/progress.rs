//! An import under way: pushing rows chunk by chunk, and what is known of them.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use indicatif::{ProgressBar, ProgressBarIter};
use prost::Message;
use tokio_util::sync::CancellationToken;

use super::interrupt;
use super::limit::RejectLimit;
use super::rejects::{Reject, Rejects};
use super::summary::Summary;
use super::{AsOf, CasesArgs, Target, of_file};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{self, Format};
use crate::cli::push::{CHUNK_CASES_MAX, push};
use crate::cli::rows::{Row, Rows};
use crate::proto;

/// The most bytes of the documents of one push: the contract's limit of 4 MiB a
/// request, with room for what surrounds them.
const CHUNK_BYTES_MAX: usize = 3_500_000;

/// The rows of a file whose reading moves the bar.
pub(super) type FileRows = Rows<BufReader<ProgressBarIter<File>>>;

/// An import under way.
pub(super) struct Import {
    target: Target,
    as_of: Option<AsOf>,
    dry_run: bool,
    limit: Option<RejectLimit>,
    stop: CancellationToken,
    rejects: Rejects,
    pub(super) summary: Summary,
    chunk: Chunk,
    /// The last row behind which nothing is open: pushed and answered, rejected,
    /// or left out.
    pub(super) acknowledged: u64,
}

/// The rows of the next push.
#[derive(Default)]
struct Chunk {
    /// The rows that are documents, and the documents.
    rows: Vec<Row>,
    documents: Vec<proto::CaseDocument>,
    /// What this side found wrong with the others.
    rejects: Vec<Reject>,
    rejected: u64,
    /// The last row, of either kind.
    last_row: u64,
    bytes: usize,
}

impl Chunk {
    fn row_count(&self) -> u64 {
        self.rows.len() as u64 + self.rejected
    }

    /// Whether another document would be too much for one push.
    fn full(&self, bytes: usize) -> bool {
        self.row_count() >= CHUNK_CASES_MAX as u64 || self.bytes + bytes > CHUNK_BYTES_MAX
    }
}

impl Import {
    /// An import of a file that speaks as of an instant, or of whenever it is pushed.
    pub(super) fn new(
        target: Target,
        args: &CasesArgs,
        as_of: Option<AsOf>,
        stop: CancellationToken,
    ) -> Import {
        let default = || args.file.with_extension("rejects.csv");
        let path = args.rejects.clone().unwrap_or_else(default);
        Import {
            target,
            as_of,
            dry_run: args.dry_run,
            limit: args.max_rejects,
            stop,
            rejects: Rejects::new(path, args.resume_after > 0),
            summary: Summary::default(),
            chunk: Chunk::default(),
            acknowledged: args.resume_after,
        }
    }

    /// Pushes all rows.
    pub(super) async fn push_rows(
        &mut self,
        mut rows: FileRows,
        bar: &ProgressBar,
        path: &Path,
    ) -> Result<(), Failure> {
        while let Some(row) = rows.next() {
            if self.stop.is_cancelled() {
                return Err(interrupt::interrupted(self.acknowledged));
            }
            let mut row = row.map_err(|error| of_file(path, error))?;
            let number = row.number;
            let document = std::mem::replace(&mut row.document, Ok(proto::CaseDocument::default()));
            let bytes = document.as_ref().map_or(0, |document| document.encoded_len() + 8);
            if self.chunk.full(bytes) {
                self.push_chunk(&rows, false).await?;
                bar.set_message(format!("{} rows", self.summary.rows_read));
            }
            match document {
                Ok(document) => {
                    self.chunk.bytes += bytes;
                    self.chunk.rows.push(row);
                    self.chunk.documents.push(document);
                }
                Err(violations) => {
                    self.chunk.rejected += 1;
                    let rejects = violations.0.into_iter();
                    self.chunk.rejects.extend(rejects.map(|v| Reject::of_cell(number, v)));
                }
            }
            self.chunk.last_row = number;
        }
        self.push_chunk(&rows, true).await
    }

    /// Pushes the chunk and writes its rejects in the order of the rows. Ends the
    /// import where more was rejected than it bears; `ended` says that no more
    /// rows will come.
    async fn push_chunk(&mut self, rows: &FileRows, ended: bool) -> Result<(), Failure> {
        let chunk = std::mem::take(&mut self.chunk);
        self.summary.rows_filtered = rows.filtered_count();
        self.summary.rows_skipped = rows.skipped_count();
        self.summary.rejected += chunk.rejected;
        let read = self.summary.rows_read + chunk.row_count();
        if self.too_many(read, ended) {
            self.summary.rows_read += chunk.rejected;
            self.rejects.write(&chunk.rejects)?;
            return Err(self.given_up());
        }
        let mut rejects = chunk.rejects;
        if !chunk.documents.is_empty() {
            let request = proto::PushCasesRequest {
                portfolio_id: self.target.portfolio_id.clone(),
                cases: chunk.documents,
                as_of_time: self.as_of.as_ref().map(|as_of| as_of.time),
                validate_only: self.dry_run,
                ..Default::default()
            };
            let results = push(&self.target.client, request).await?;
            for (row, result) in chunk.rows.iter().zip(results) {
                self.summary.count(&result);
                if let Some(error) = result.error {
                    rejects.extend(Reject::of_item(row.number, error, |f| rows.cell(row, f)));
                }
            }
        }
        self.summary.rows_read = read;
        self.acknowledged = self.acknowledged.max(chunk.last_row);
        rejects.sort_by_key(|reject| reject.row);
        self.rejects.write(&rejects)?;
        if self.too_many(read, ended) { Err(self.given_up()) } else { Ok(()) }
    }

    fn too_many(&self, read: u64, ended: bool) -> bool {
        self.limit.is_some_and(|limit| limit.exceeded(self.summary.rejected, read, ended))
    }

    /// The failure of an import that bears no more rejects.
    fn given_up(&self) -> Failure {
        let (rejected, row) = (self.summary.rejected, self.acknowledged);
        let limit = self.limit.map(|limit| limit.to_string()).unwrap_or_default();
        let message = format!(
            "{rejected} rows were rejected, more than --max-rejects {limit} allows; nothing behind \
             row {row} was pushed"
        );
        Failure::new(Exit::Rejects, message).with_next(self.where_rejects_stand())
    }

    /// The same failure with the command that goes on, where another try can help.
    pub(super) fn way_on(&self, failure: Failure) -> Failure {
        let row = self.acknowledged;
        let as_of = self.as_of.as_ref().map(|as_of| as_of.text.as_str());
        let command = || interrupt::command(std::env::args(), as_of, row);
        match failure {
            failure if failure.exit() == Exit::Interrupted as u8 => failure.with_next(command()),
            failure if failure.passing() && row > 0 => {
                let next = format!("when it answers again: {}", command());
                failure.with_next(next)
            }
            failure => failure,
        }
    }

    fn where_rejects_stand(&self) -> String {
        let next = |path: &Path| format!("{} says for each what is wrong", path.display());
        self.rejects.path().map(next).unwrap_or_default()
    }

    /// Ends the import: rejects are a failure with an exit code of its own.
    pub(super) fn finish(self, format: Format) -> Result<(), Failure> {
        if self.dry_run && format == Format::Table {
            output::note("nothing was stored: this was a dry run");
        }
        let rejected = self.summary.rejected;
        if rejected == 0 {
            return Ok(());
        }
        let failure = Failure::new(Exit::Rejects, format!("{rejected} rows were rejected"));
        Err(failure.with_next(self.where_rejects_stand()))
    }
}
