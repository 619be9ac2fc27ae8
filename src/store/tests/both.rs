//! Two databases side by side: the same statements over the same tables.

use std::collections::BTreeMap;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{
    AssertSqlSafe, Column as _, Connection as _, Either, Executor as _, Row as _, SqlSafeStr as _,
    Statement as _, TypeInfo as _,
};

use super::postgres::Schema;
use super::*;
use crate::store::{postgres, sqlite};

/// What can be read from a column, or given to a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Int,
    Text,
    Bytes,
    /// SQLite does not know before it runs the statement.
    Unknown,
}

impl Kind {
    fn of(type_name: &str) -> Option<Kind> {
        Some(match type_name.to_uppercase().as_str() {
            "INT2" | "INT4" | "INT8" | "INTEGER" | "BIGINT" | "SMALLINT" | "BOOL" | "BOOLEAN" => {
                Kind::Int
            }
            "TEXT" => Kind::Text,
            "BYTEA" | "BLOB" => Kind::Bytes,
            "NULL" => Kind::Unknown,
            _ => return None,
        })
    }
}

/// The number of parameters, and the columns.
#[derive(Debug)]
struct Shape {
    parameters: usize,
    columns: Vec<(String, Kind)>,
}

async fn shape_on_sqlite(connection: &mut SqliteConnection, name: &str, text: &str) -> Shape {
    let prepared = connection.prepare(AssertSqlSafe(text.to_owned()).into_sql_str()).await;
    let prepared = prepared.unwrap_or_else(|error| panic!("SQLite: {name}: {error}"));
    let parameters = match prepared.parameters() {
        Some(Either::Right(count)) => count,
        Some(Either::Left(known)) => known.len(),
        None => 0,
    };
    let kind = |type_name: &str| Kind::of(type_name).expect("tables are strict");
    let columns = prepared.columns().iter();
    let columns = columns.map(|c| (c.name().to_owned(), kind(c.type_info().name()))).collect();
    Shape { parameters, columns }
}

async fn shape_on_postgres(schema: &mut Schema, name: &str, text: &str) -> Shape {
    let prepared = schema.connection.prepare(AssertSqlSafe(text.to_owned()).into_sql_str()).await;
    let prepared = prepared.unwrap_or_else(|error| panic!("PostgreSQL: {name}: {error}"));
    let types: Vec<&str> = match prepared.parameters() {
        Some(Either::Left(known)) => known.iter().map(|of| of.name()).collect(),
        Some(Either::Right(_)) | None => Vec::new(),
    };
    for of in &types {
        let one = of.strip_suffix("[]").unwrap_or(of);
        assert!(Kind::of(one).is_some(), "{name} takes {of}, which is never given: {text}");
    }
    let kind = |type_name: &str| {
        Kind::of(type_name).unwrap_or_else(|| panic!("{name} gives {type_name}: {text}"))
    };
    let columns = prepared.columns().iter();
    let columns = columns.map(|c| (c.name().to_owned(), kind(c.type_info().name()))).collect();
    Shape { parameters: types.len(), columns }
}

/// SQLite calls a column without a name of its own by its text.
fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[tokio::test]
async fn every_statement_is_the_same_on_both_databases() {
    let Some(mut schema) = Schema::new().await else { return };
    let (folder, _store) = store().await;
    let options = SqliteConnectOptions::new().filename(folder.path().join(sqlite::DATABASE_FILE));
    let mut file = SqliteConnection::connect_with(&options).await.unwrap();
    let on_sqlite = sqlite::texts_for_tests(&statements(), &batches());
    let on_sqlite =
        on_sqlite.iter().filter(|(name, _)| !name.contains(" x") || name.ends_with(" x1"));
    let on_postgres = postgres::texts_for_tests(&statements(), &batches());
    assert_eq!(on_sqlite.clone().count(), on_postgres.len());
    for ((name, left), (other, right)) in on_sqlite.zip(&on_postgres) {
        assert_eq!(name.trim_end_matches(" x1"), other);
        let left = shape_on_sqlite(&mut file, name, left).await;
        let right = shape_on_postgres(&mut schema, name, right).await;
        assert_eq!(left.parameters, right.parameters, "parameters of {name}");
        assert_eq!(left.columns.len(), right.columns.len(), "columns of {name}");
        for ((one, left), (two, right)) in left.columns.iter().zip(&right.columns) {
            assert!(one == two || !is_name(one), "{name}: {one} is {two}");
            assert!(
                *left == Kind::Unknown || left == right,
                "{name}: {one} is {left:?}, {right:?}"
            );
        }
    }
    schema.end().await;
}

/// What a table is made of; equal tables have equal lines.
type Tables = BTreeMap<String, Vec<String>>;

/// A predicate as both databases write it, without the brackets around it.
fn predicate(text: &str) -> String {
    let text = text.trim().to_lowercase();
    match text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        Some(inner) => inner.to_owned(),
        None => text,
    }
}

fn column_line(name: &str, of: &str, nullable: bool, default: Option<&str>) -> String {
    let kind = Kind::of(of).unwrap_or_else(|| panic!("{name} is {of}"));
    let null = if nullable { "may be null" } else { "is there" };
    format!("column {name} {kind:?} {null} {}", default.unwrap_or("-"))
}

fn index_line(name: &str, unique: bool, columns: &str, partial: Option<&str>) -> String {
    let unique = if unique { "unique" } else { "index" };
    format!("{unique} {name} ({columns}) {}", partial.map_or("-".to_owned(), predicate))
}

fn tables_of_sqlite(connection: &Connection) -> Tables {
    let texts = |sql: &str| -> Vec<(String, String)> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    };
    let mut tables = Tables::new();
    let made = "SELECT name, sql FROM sqlite_master WHERE type = 'table' \
                AND name NOT LIKE 'sqlite%' AND name <> '_sqlx_migrations'";
    for (table, sql) in texts(made) {
        let lines = tables.entry(table.clone()).or_default();
        let mut statement = connection
            .prepare("SELECT name, type, \"notnull\", dflt_value FROM pragma_table_info(?1)")
            .unwrap();
        let mut rows = statement.query([&table]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let name: String = row.get(0).unwrap();
            let (of, there): (String, bool) = (row.get(1).unwrap(), row.get(2).unwrap());
            let default: Option<String> = row.get(3).unwrap();
            lines.push(column_line(&name, &of, !there, default.as_deref()));
        }
        lines.push(format!("checks {}", sql.matches("CHECK (").count()));
        let indexes = format!(
            "SELECT l.name || ' ' || l.\"unique\" || ' ' || l.origin, (SELECT \
             GROUP_CONCAT(i.name, ', ') FROM pragma_index_info(l.name) AS i) \
             FROM pragma_index_list('{table}') AS l"
        );
        for (index, columns) in texts(&indexes) {
            let [name, unique, origin] = index.split(' ').collect::<Vec<_>>()[..] else {
                unreachable!("three words: {index}")
            };
            if origin == "pk" {
                lines.push(format!("key ({columns})"));
                continue;
            }
            let made = format!("SELECT name, sql FROM sqlite_master WHERE name = '{name}'");
            let sql = texts(&made).remove(0).1;
            let partial = sql.split_once("WHERE").map(|(_, of)| of);
            lines.push(index_line(name, unique == "1", &columns, partial));
        }
        lines.sort();
    }
    tables
}

const COLUMNS: &str = "SELECT c.relname::text, a.attname::text, t.typname::text, \
    a.attnotnull, pg_get_expr(d.adbin, d.adrelid), COALESCE(l.collname = 'C', TRUE) \
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 \
    AND NOT a.attisdropped JOIN pg_type t ON t.oid = a.atttypid \
    LEFT JOIN pg_collation l ON l.oid = a.attcollation \
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' \
    AND c.relname <> '_sqlx_migrations'";
const INDEXES: &str = "SELECT c.relname::text, i.relname::text, x.indisprimary, x.indisunique, \
    (SELECT STRING_AGG(a.attname::text, ', ' ORDER BY k.place) \
        FROM UNNEST(x.indkey::int2[]) WITH ORDINALITY AS k(number, place) \
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number), \
    pg_get_expr(x.indpred, x.indrelid) \
    FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid \
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relname <> '_sqlx_migrations'";
const CHECKS: &str = "SELECT c.relname::text, \
    (SELECT COUNT(*) FROM pg_constraint o WHERE o.conrelid = c.oid AND o.contype = 'c') \
    FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' \
    AND c.relname <> '_sqlx_migrations'";

async fn tables_of_postgres(schema: &mut Schema) -> Tables {
    let mut tables = Tables::new();
    let mut add = |table: String, line: String| tables.entry(table).or_default().push(line);
    let flag = |row: &sqlx::postgres::PgRow, at: usize| row.get_unchecked::<String, _>(at) == "t";
    for row in schema.rows(COLUMNS).await {
        let (table, name): (String, String) = (row.get_unchecked(0), row.get_unchecked(1));
        let (of, default): (String, Option<String>) = (row.get_unchecked(2), row.get_unchecked(4));
        assert!(flag(&row, 5), "{table}.{name} is not compared byte by byte");
        add(table, column_line(&name, &of, !flag(&row, 3), default.as_deref()));
    }
    for row in schema.rows(INDEXES).await {
        let (table, name): (String, String) = (row.get_unchecked(0), row.get_unchecked(1));
        let columns: String = row.get_unchecked(4);
        let partial: Option<String> = row.get_unchecked(5);
        match flag(&row, 2) {
            true => add(table, format!("key ({columns})")),
            false => add(table, index_line(&name, flag(&row, 3), &columns, partial.as_deref())),
        }
    }
    for row in schema.rows(CHECKS).await {
        let (table, count): (String, String) = (row.get_unchecked(0), row.get_unchecked(1));
        add(table, format!("checks {count}"));
    }
    tables.values_mut().for_each(|lines| lines.sort());
    tables
}

#[tokio::test]
async fn the_tables_are_the_same_on_both_databases() {
    let Some(mut schema) = Schema::new().await else { return };
    let (folder, _store) = store().await;
    let left = tables_of_sqlite(&connection(&folder));
    let right = tables_of_postgres(&mut schema).await;
    assert!(left.len() > 20, "tables were found: {:?}", left.keys());
    assert_eq!(left.keys().collect::<Vec<_>>(), right.keys().collect::<Vec<_>>());
    for (table, lines) in &left {
        assert_eq!(lines, &right[table], "{table}");
        let keys =
            lines.iter().filter(|line| line.starts_with("key ") || line.starts_with("unique"));
        for key in keys {
            assert!(key.contains("(part, ") || key.contains("(part)"), "{table}: {key}");
        }
    }
    schema.end().await;
}

/// Tables that may be distributed take one change of theirs a migration, and nothing
/// that lives on one machine only. The first two make them and are over before that.
#[test]
fn migrations_may_run_over_distributed_tables() {
    for migration in postgres::MIGRATIONS.iter() {
        let lines = migration.sql.as_str().lines();
        let text: Vec<&str> = lines.map(|line| line.split("--").next().unwrap_or(line)).collect();
        let text = text.join("\n").to_uppercase();
        for banned in
            ["TRIGGER", "SERIAL", "CREATE SEQUENCE", "IDENTITY", "REFERENCES", "NOW()", "ENUM"]
        {
            assert!(!text.contains(banned), "{} uses {banned}", migration.version);
        }
        let statements = text.split(';').filter(|statement| !statement.trim().is_empty()).count();
        assert!(migration.version <= 2 || statements == 1, "{} has several", migration.version);
    }
}

/// A transfer copies what is in the tables now and what will be in those of tomorrow.
#[tokio::test]
async fn a_transfer_forgets_no_table() {
    let (folder, store) = store().await;
    drop(store);
    let file = connection(&folder);
    file.execute_batch(
        "CREATE TABLE tomorrow (part INTEGER NOT NULL, word TEXT NOT NULL, PRIMARY KEY (part, word))",
    )
    .unwrap();
    let known: Vec<String> = tables_of_sqlite(&file).into_keys().collect();
    let mut tx = Tx::writer(file);
    assert_eq!(crate::store::transfer::table_names(&mut tx).await.unwrap(), known);
    assert!(known.contains(&"tomorrow".to_owned()) && known.contains(&"number_block".to_owned()));
}
