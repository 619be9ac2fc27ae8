//! The rules of the statements: one text for two databases, and `part` first in
//! everything that a tenant owns.

use super::*;
use crate::store::sqlite::texts_for_tests;

/// Statements that read over all parts: sweeps, roll-over, start-up and looks
/// from outside. They
/// read keys and the directory only, or remove by key what is too old.
pub(super) const CROSS_PART: &[&str] = &[
    "DUE_FOR_REVIEW",
    "ALL_LANES",
    "ALL_ZONE_SETS",
    "EXPIRED",
    "DUE",
    "PRUNE_REPORTS",
    "PRUNE_PULLS",
    "PRUNE_CHANGES",
    "WAITING",
    "APPLIED",
    "ALL_PORTFOLIOS",
    "OLDEST_REVIEW",
    "PENDING",
    "DUE_PROPOSALS",
];

/// What only one of the databases knows, or what a distributed table refuses.
const BANNED: &[&str] = &[
    "NOW()",
    "CURRENT_TIMESTAMP",
    "STRFTIME",
    "DATETIME(",
    "JULIANDAY",
    "JSON_EACH",
    "UNNEST",
    "INSERT OR ",
    "REPLACE INTO",
    "ROWID",
    "MERGE ",
    "NEXTVAL",
    "GREATEST(",
    "LEAST(",
    "ILIKE",
    "GLOB ",
    "IFNULL",
    "FROM (VALUES",
    "::",
];

#[test]
fn no_statement_uses_what_one_database_lacks() {
    let plain = statements().into_iter().map(|(file, name, text)| (format!("{file} {name}"), text));
    let batch = batches().into_iter().map(|(file, batch)| (file.to_owned(), batch.text));
    for (name, text) in plain.chain(batch) {
        let upper = text.to_uppercase();
        for banned in BANNED {
            assert!(!upper.contains(banned), "{name} uses {banned}: {text}");
        }
    }
}

/// Every table that a statement reads or writes is bound to one part.
#[test]
fn every_statement_names_its_part() {
    for (file, name, text) in statements() {
        if CROSS_PART.contains(&name) {
            continue;
        }
        // Neither a subquery nor a list given as a parameter is a table.
        let none = text.matches(" FROM (SELECT").count() + text.matches(" FROM {").count();
        let tables = text.matches(" FROM ").count() + text.matches(" JOIN ").count() - none;
        let bound = text.matches("part = $1").count();
        let inserts = text.starts_with("INSERT") && text.contains("(part, ");
        let updates = text.starts_with("UPDATE") && bound == 1;
        assert!(inserts || updates || bound >= tables.max(1), "{file} {name}: {text}");
    }
    for (file, batch) in batches() {
        let inserts = batch.text.starts_with("INSERT") && batch.text.contains("(part, ");
        assert!(inserts || batch.text.contains(".part = $1"), "{file}: {}", batch.text);
    }
}

#[test]
fn a_conflict_is_on_a_key_that_begins_with_part() {
    let texts = statements().into_iter().map(|(_, _, text)| text);
    for text in texts.chain(batches().into_iter().map(|(_, batch)| batch.text)) {
        if let Some((_, conflict)) = text.split_once("ON CONFLICT (") {
            assert!(conflict.starts_with("part"), "{text}");
        }
    }
}

#[test]
fn parameters_are_numbered_without_gaps() {
    for (file, name, text) in statements() {
        for number in 1..=highest_parameter(text) {
            assert!(text.contains(&format!("${number}")), "{file} {name} lacks ${number}");
        }
    }
    for (file, batch) in batches() {
        assert_eq!(highest_parameter(batch.text), batch.fixed, "{file}: {}", batch.text);
        assert_eq!(batch.text.matches("{rows}").count(), 1, "{file}: {}", batch.text);
    }
}

/// A parameter compared with a literal only would have no type on the other
/// database.
#[test]
fn a_parameter_that_stands_alone_is_cast() {
    for (file, name, text) in statements() {
        for bare in ["($1 = ", "($2 = ", "($4 = ", "($6 = ", "($8 = ", "$1 IS NULL"] {
            assert!(!text.contains(bare), "{file} {name}: {text}");
        }
    }
}

#[tokio::test]
async fn every_statement_prepares() {
    let (folder, _store) = store().await;
    let connection = connection(&folder);
    for (name, text) in texts_for_tests(&statements(), &batches()) {
        let prepared = connection.prepare(&text);
        assert!(prepared.is_ok(), "{name}: {:?}", prepared.err());
    }
}

#[tokio::test]
async fn the_writer_syncs_every_commit() {
    let (_folder, store) = store().await;
    let synchronous = store
        .write(
            Class::Interactive,
            |tx| {
                Box::pin(async move {
                    let row = tx.fetch_optional::<(i64,)>("PRAGMA synchronous", vec![]).await?;
                    Ok::<_, StoreError>(row)
                })
            },
            |_| (),
        )
        .await
        .unwrap();
    assert_eq!(synchronous, Some((2,)));
}
