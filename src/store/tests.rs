//! Rules that hold for every statement, and for the writer.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use super::db::{Batch, Value, highest_parameter, params};
use super::{Class, Lock, Store, StoreError, Tx};

mod both;
mod changes;
mod citus;
mod distributed;
mod events;
mod gate;
mod inspect;
mod plans;
mod plans_postgres;
mod postgres;
mod routes;
mod rule_sets;
mod statements;
mod writer;

/// A store in a folder of its own.
async fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let store = Store::open(folder.path()).await.expect("an empty folder can be opened");
    (folder, store)
}

/// A connection past the store, to the database in a folder.
fn connection(folder: &TempDir) -> Connection {
    Connection::open(folder.path().join(super::sqlite::DATABASE_FILE)).expect("the file is there")
}

/// Every plain statement: file, name, text.
fn statements() -> Vec<(&'static str, &'static str, &'static str)> {
    let files = [
        ("activations", super::activations::STATEMENTS),
        ("audit", super::audit::STATEMENTS),
        ("case_moves", super::case_moves::STATEMENTS),
        ("case_parts", super::case_parts::STATEMENTS),
        ("case_stays", super::case_stays::STATEMENTS),
        ("cases", super::cases::STATEMENTS),
        ("changes", super::changes::STATEMENTS),
        ("source", super::cases::source::STATEMENTS),
        ("debtors", super::debtors::STATEMENTS),
        ("events", super::events::STATEMENTS),
        ("inspect", super::inspect::STATEMENTS),
        ("lanes", super::lanes::STATEMENTS),
        ("numbers", super::numbers::STATEMENTS),
        ("placing", super::placing::STATEMENTS),
        ("portfolios", super::portfolios::STATEMENTS),
        ("proposals", super::proposals::STATEMENTS),
        ("claim", super::queue::claim::STATEMENTS),
        ("count", super::queue::count::STATEMENTS),
        ("gate", super::queue::gate::STATEMENTS),
        ("guard", super::queue::guard::STATEMENTS),
        ("lease", super::queue::lease::STATEMENTS),
        ("ready", super::queue::ready::STATEMENTS),
        ("report", super::queue::report::STATEMENTS),
        ("revisions", super::revisions::STATEMENTS),
        ("sweep", super::queue::sweep::STATEMENTS),
        ("tenants", super::tenants::STATEMENTS),
        ("withhold", super::queue::withhold::STATEMENTS),
    ];
    files
        .into_iter()
        .flat_map(|(file, list)| list.iter().map(move |(name, text)| (file, *name, *text)))
        .collect()
}

/// Every batch: file and batch.
fn batches() -> Vec<(&'static str, Batch)> {
    let files = [
        ("audit", super::audit::BATCHES),
        ("case_moves", super::case_moves::BATCHES),
        ("case_parts", super::case_parts::BATCHES),
        ("case_stays", super::case_stays::BATCHES),
        ("cases", super::cases::BATCHES),
        ("source", super::cases::source::BATCHES),
        ("debtors", super::debtors::BATCHES),
        ("events", super::events::BATCHES),
        ("lanes", super::lanes::BATCHES),
        ("queue", super::queue::BATCHES),
        ("lease", super::queue::lease::BATCHES),
        ("report", super::queue::report::BATCHES),
    ];
    files
        .into_iter()
        .flat_map(|(file, list)| list.iter().map(move |batch| (file, *batch)))
        .collect()
}

/// No file of the store has statements that the tests do not see.
#[test]
fn every_file_with_statements_is_listed() {
    let listed: HashSet<&str> = statements().iter().map(|(file, ..)| *file).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let entries = [folder.clone(), folder.join("cases"), folder.join("queue")]
        .map(|folder| std::fs::read_dir(folder).expect("the store's folder can be read"));
    for entry in entries.into_iter().flatten() {
        let path = entry.expect("an entry can be read").path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_none_or(|extension| extension != "rs") || name == "db" {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source file can be read");
        let declares = text.contains("\nstatements! {");
        assert_eq!(declares, listed.contains(name.as_str()), "{name}");
    }
}
