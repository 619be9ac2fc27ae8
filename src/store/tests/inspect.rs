//! Looking at a database from outside.

use super::*;
use crate::model::Micros;
use crate::store::inspect::{self, Inspector, Schema, schema_version};

/// The folder of a store that was opened, written to and closed.
async fn closed_store() -> TempDir {
    let (folder, store) = store().await;
    change(&folder, "INSERT INTO tenant VALUES (1, 'one', 1, 0)");
    drop(store);
    folder
}

/// Changes a database behind the store's back.
fn change(folder: &TempDir, sql: &str) {
    connection(folder).execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_store_of_this_program_is_current_and_whole() {
    let folder = closed_store().await;
    let inspector = Inspector::open(folder.path()).await.unwrap();
    assert_eq!(inspector.schema().await.unwrap(), Schema::Current(schema_version()));
    assert_eq!(inspector.damage().await.unwrap(), Vec::<String>::new());
    let mut tx = inspector.read().await.unwrap();
    assert_eq!(inspect::all_portfolios(&mut tx).await.unwrap(), []);
    assert_eq!(inspect::oldest_review(&mut tx, Micros(i64::MAX)).await.unwrap(), None);
    assert!(tx.execute("DELETE FROM tenant", vec![]).await.is_err(), "it only looks");
}

#[tokio::test]
async fn tables_of_other_versions_are_told_apart() {
    let known = schema_version();
    let cases = [
        (
            "INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, \
             checksum, execution_time FROM _sqlx_migrations WHERE version = 1",
            Schema::Newer { found: 9999, known },
        ),
        ("DELETE FROM _sqlx_migrations", Schema::Older { found: 0, known }),
        ("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1", Schema::Changed(1)),
        ("UPDATE _sqlx_migrations SET success = 0 WHERE version = 1", Schema::Unfinished(1)),
    ];
    for (sql, schema) in cases {
        let folder = closed_store().await;
        change(&folder, sql);
        let inspector = Inspector::open(folder.path()).await.unwrap();
        assert_eq!(inspector.schema().await.unwrap(), schema, "{sql}");
    }
}

/// A folder with a copy of a store's database, as a backup is: one file, and no
/// log beside it.
async fn copy() -> TempDir {
    let folder = closed_store().await;
    let target = tempfile::tempdir().unwrap();
    let file = target.path().join("arrears.db");
    connection(&folder).execute("VACUUM INTO ?1", [file.to_string_lossy()]).unwrap();
    target
}

#[tokio::test]
async fn damage_is_found() {
    let folder = copy().await;
    let inspector = Inspector::open(folder.path()).await.unwrap();
    assert_eq!(inspector.damage().await.unwrap(), Vec::<String>::new());
    drop(inspector);
    let file = folder.path().join("arrears.db");
    let mut bytes = std::fs::read(&file).unwrap();
    // The head of the page of the tenant's row, and of everything behind it.
    let at = bytes.windows(3).rposition(|three| three == b"one").unwrap() / 4096 * 4096;
    bytes[at..at + 16].fill(0xEE);
    std::fs::write(&file, bytes).unwrap();
    let inspector = Inspector::open(folder.path()).await.unwrap();
    let damage = inspector.damage().await;
    assert!(!damage.as_ref().is_ok_and(Vec::is_empty), "{damage:?}");
}

#[tokio::test]
async fn what_is_no_database_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nowhere");
    assert!(matches!(Inspector::open(missing.as_path()).await, Err(StoreError::Unavailable(_))));
    assert!(!missing.exists());
    std::fs::write(folder.path().join("arrears.db"), "a letter, several hundred years old")
        .unwrap();
    let looked = match Inspector::open(folder.path()).await {
        Ok(inspector) => inspector.schema().await.map(drop),
        Err(error) => Err(error),
    };
    assert!(looked.is_err());
    let text = std::fs::read_to_string(folder.path().join("arrears.db")).unwrap();
    assert!(text.starts_with("a letter"));
}
