//! Texts of statements as PostgreSQL takes them.

use std::sync::{Arc, LazyLock};

use super::super::db::{Batch, Column, Lock};
use super::super::text::{Placeholder, Texts, expand};

static PLAIN: LazyLock<Texts<(&'static str, Lock)>> = LazyLock::new(Texts::default);
static BATCHES: LazyLock<Texts<&'static str>> = LazyLock::new(Texts::default);

/// A plain statement. A list is an array.
pub(super) fn plain(sql: &'static str, lock: Lock) -> Arc<str> {
    PLAIN.get((sql, lock), || expanded(sql, lock, ""))
}

/// A batch: an array for every column, behind the fixed parameters, so that one text
/// does for any number of rows.
pub(super) fn batch(batch: Batch) -> Arc<str> {
    BATCHES.get(batch.text, || {
        let array = |(at, column): (usize, &Column)| {
            let of = match column {
                Column::Int => "bigint",
                Column::Text => "text",
                Column::Blob => "bytea",
            };
            format!("${}::{of}[]", batch.fixed + at + 1)
        };
        let arrays: Vec<String> = batch.columns.iter().enumerate().map(array).collect();
        expanded(batch.text, Lock::None, &arrays.join(", "))
    })
}

fn expanded(sql: &'static str, lock: Lock, arrays: &str) -> String {
    expand(sql, |placeholder, text| match placeholder {
        Placeholder::Rows => {
            let before = text.trim_end().strip_suffix("VALUES").map(str::len);
            text.truncate(before.expect("the rows of a batch stand behind VALUES"));
            text.push_str(&format!("SELECT * FROM UNNEST({arrays})"));
        }
        Placeholder::Ints(parameter) => list(text, parameter, "bigint"),
        Placeholder::Texts(parameter) => list(text, parameter, "text"),
        Placeholder::Sqlite(_) => {}
        Placeholder::Lock(table) => match lock {
            Lock::None => {}
            Lock::Wait => text.push_str(&format!("FOR NO KEY UPDATE OF {table}")),
            Lock::Skip => text.push_str(&format!("FOR NO KEY UPDATE OF {table} SKIP LOCKED")),
        },
    })
}

/// Behind IN a condition that an index answers, else a table of one column.
fn list(text: &mut String, parameter: &str, of: &str) {
    match text.trim_end().strip_suffix(" IN").map(str::len) {
        Some(before) => {
            text.truncate(before);
            text.push_str(&format!(" = ANY({parameter}::{of}[])"));
        }
        None => text.push_str(&format!("(SELECT UNNEST({parameter}::{of}[]) AS value)")),
    }
}

/// The texts that PostgreSQL sees of statements and batches, by name; those that can
/// lock rows do.
#[cfg(test)]
pub(in super::super) fn texts_for_tests(
    statements: &[(&'static str, &'static str, &'static str)],
    batches: &[(&'static str, Batch)],
) -> Vec<(String, Arc<str>)> {
    let texts = statements
        .iter()
        .map(|(file, name, text)| (format!("{file} {name}"), plain(text, Lock::Skip)));
    texts.chain(batches.iter().map(|(file, rows)| ((*file).to_owned(), batch(*rows)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_become_arrays_and_locks() {
        let listed = "SELECT a FROM t WHERE p = $1 AND a IN {ints:$2} ORDER BY a {lock:t}";
        assert_eq!(
            &*plain(listed, Lock::Skip),
            "SELECT a FROM t WHERE p = $1 AND a = ANY($2::bigint[]) ORDER BY a \
             FOR NO KEY UPDATE OF t SKIP LOCKED"
        );
        let joined = "SELECT a FROM {texts:$1} AS l CROSS JOIN t";
        assert_eq!(
            &*plain(joined, Lock::None),
            "SELECT a FROM (SELECT UNNEST($1::text[]) AS value) AS l CROSS JOIN t"
        );
        let rows = Batch {
            text: "WITH v(a, b) AS (VALUES {rows}) UPDATE t SET b = v.b FROM v WHERE p = $1",
            fixed: 1,
            columns: &[Column::Int, Column::Blob],
        };
        assert_eq!(
            &*batch(rows),
            "WITH v(a, b) AS (SELECT * FROM UNNEST($2::bigint[], $3::bytea[])) \
             UPDATE t SET b = v.b FROM v WHERE p = $1"
        );
    }
}
