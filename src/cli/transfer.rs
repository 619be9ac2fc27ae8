//! `arrears transfer`: moves a service from a folder to PostgreSQL.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::client::Context;
use super::database;
use super::failure::{Exit, Failure};
use super::migrate;
use super::output::{self, Record};
use crate::config::DatabaseUrl;
use crate::store::Database;
use crate::store::transfer::{Progress, Step, TransferError, Transferred, transfer};

#[derive(Args, Debug)]
pub(super) struct TransferArgs {
    /// The folder of the database to move; no server may run over it
    #[arg(long, value_name = "sqlite:FOLDER", value_parser = folder)]
    from: PathBuf,
    /// The PostgreSQL database to move it to, empty or begun by an earlier transfer of
    /// the same folder [default: store.database_url; ARREARS_DATABASE_URL keeps a
    /// password out of the list of processes]
    #[arg(long, value_name = "URL")]
    to: Option<String>,
}

fn folder(text: &str) -> Result<PathBuf, String> {
    match text.strip_prefix("sqlite:") {
        Some(folder) if !folder.is_empty() => Ok(PathBuf::from(folder)),
        _ => Err("it must be sqlite: and a folder, such as sqlite:arrears-data".to_owned()),
    }
}

/// A table as it is shown.
#[derive(Debug, Serialize)]
struct TableView {
    table: String,
    rows: u64,
    content_hash: String,
}

impl Record for TableView {
    const HEADER: &'static [&'static str] = &["table", "rows", "content_hash"];

    fn cells(&self) -> Vec<String> {
        vec![self.table.clone(), self.rows.to_string(), self.content_hash.clone()]
    }
}

impl TableView {
    fn new(one: Transferred) -> TableView {
        let content_hash = one.content_hash.iter().map(|byte| format!("{byte:02x}")).collect();
        TableView { table: one.table, rows: one.rows, content_hash }
    }
}

/// Moves a service, and says what was moved.
pub(super) async fn run(context: &Context, args: TransferArgs) -> Result<(), Failure> {
    let mut settings = context.config.store.clone();
    if let Some(url) = args.to {
        settings.database_url = Some(DatabaseUrl::new(url));
    }
    let Database::Postgres(options) = database::database(&settings)? else {
        let message = "no PostgreSQL database is named";
        let next = "name one with --to or store.database_url";
        return Err(Failure::new(Exit::Usage, message).with_next(next));
    };
    let stop = CancellationToken::new();
    let told = stop.clone();
    let listening = tokio::spawn(async move {
        // Where nobody can be listened to, nobody is.
        if tokio::signal::ctrl_c().await.is_ok() {
            told.cancel();
        }
    });
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{msg:28} {wide_bar} {pos}/{len} rows {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let done = transfer(&args.from, &options, |progress| {
        show(&bar, progress);
        match stop.is_cancelled() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    let done = done.await;
    listening.abort();
    bar.finish_and_clear();
    let place = database::place(&settings);
    let done = done.map_err(|error| failure(&place, error))?;
    let rows: u64 = done.iter().map(|table| table.rows).sum();
    let views: Vec<TableView> = done.into_iter().map(TableView::new).collect();
    output::records(context.format, &views)?;
    output::note(&format!(
        "{} tables with {rows} rows are the same in {} and {place}",
        views.len(),
        args.from.display()
    ));
    output::note(
        "next: serve with store.database_url, and keep the folder until the first backup; never \
         serve both",
    );
    Ok(())
}

fn show(bar: &ProgressBar, progress: Progress<'_>) {
    let step = match progress.step {
        Step::Reading => "reading",
        Step::Copying => "copying",
        Step::Verifying => "verifying",
    };
    bar.set_message(format!("{step} {}", progress.table));
    bar.set_length(progress.total);
    bar.set_position(progress.done);
}

fn failure(place: &str, error: TransferError) -> Failure {
    let again = "run the same command again: it goes on where it is";
    let once_there = "once it can be reached, run the same command again: it goes on where it is";
    match error {
        TransferError::Refused(why) => Failure::new(Exit::Conflict, why),
        TransferError::Differs { .. } => Failure::new(Exit::Failure, error)
            .with_next("empty the target, see that nobody else writes to it, and begin anew"),
        TransferError::Stopped => Failure::new(Exit::Interrupted, "interrupted").with_next(again),
        TransferError::Store(error) => match migrate::failure(place, &error) {
            failure if failure.passing() => failure.with_next(once_there),
            failure => failure,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_says_what_it_is() {
        assert_eq!(folder("sqlite:arrears-data"), Ok(PathBuf::from("arrears-data")));
        assert_eq!(folder("sqlite:/var/lib/arrears"), Ok(PathBuf::from("/var/lib/arrears")));
        for wrong in ["arrears-data", "sqlite:", "postgres://db/arrears", ""] {
            assert!(folder(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_can_go_on_says_so() {
        let exits = [
            (TransferError::Stopped, 130, true),
            (TransferError::Store(crate::store::StoreError::Unavailable("x".into())), 6, true),
            (TransferError::Refused("x".to_owned()), 7, false),
            (TransferError::Differs { table: "t".to_owned(), rows: 1, expected: 2 }, 1, false),
        ];
        for (error, exit, goes_on) in exits {
            let failure = failure("there", error);
            assert_eq!(failure.exit(), exit);
            assert_eq!(failure.told().1.contains("goes on where it is"), goes_on);
        }
    }
}
