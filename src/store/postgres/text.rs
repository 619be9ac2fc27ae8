//! Texts of statements as PostgreSQL takes them.

use std::sync::{Arc, LazyLock};

use super::super::db::{Batch, Column, Lock};
use super::super::text::{Placeholder, Texts, expand};

static PLAIN: LazyLock<Texts<(&'static str, Lock)>> = LazyLock::new(Texts::default);
static BATCHES: LazyLock<Texts<&'static str>> = LazyLock::new(Texts::default);
static WRITTEN_OUT: LazyLock<Texts<(&'static str, usize)>> = LazyLock::new(Texts::default);

/// The most rows of a statement that is kept although every row is written out.
pub(super) const WRITTEN_OUT_KEPT: usize = 8;

/// A plain statement. A list is an array.
pub(super) fn plain(sql: &'static str, lock: Lock) -> Arc<str> {
    PLAIN.get((sql, lock), || expanded(sql, lock, Rows::None))
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
        expanded(batch.text, Lock::None, Rows::Arrays(&arrays.join(", ")))
    })
}

/// A batch that inserts, every row written out. A coordinator sends that to the node of
/// the rows, where the rows of arrays would pass through itself and cost two phases of a
/// commit.
pub(super) fn written_out(batch: Batch, rows: usize) -> Arc<str> {
    let width = batch.columns.len();
    let row = |at: usize| {
        let first = batch.fixed + at * width + 1;
        let cells: Vec<String> = (first..first + width).map(|cell| format!("${cell}")).collect();
        format!("({})", cells.join(", "))
    };
    let build = || {
        let rows: Vec<String> = (0..rows).map(row).collect();
        expanded(batch.text, Lock::None, Rows::WrittenOut(&rows.join(", ")))
    };
    match rows <= WRITTEN_OUT_KEPT {
        true => WRITTEN_OUT.get((batch.text, rows), build),
        false => build().into(),
    }
}

/// A statement with its numbers written out, to be sent in one message with others: such a
/// message takes no parameters. Numbers cannot be read as anything else. Quoted they are of
/// the type of what they are compared with, as parameters are.
pub(super) fn with_numbers(sql: &'static str, numbers: &[i64]) -> String {
    let mut text = plain(sql, Lock::None).to_string();
    // From the last one on, because $1 is also how $10 begins.
    for (at, number) in numbers.iter().enumerate().rev() {
        text = text.replace(&format!("${}", at + 1), &format!("'{number}'"));
    }
    text
}

/// What stands for the rows of a batch.
enum Rows<'t> {
    None,
    Arrays(&'t str),
    WrittenOut(&'t str),
}

fn expanded(sql: &'static str, lock: Lock, rows: Rows<'_>) -> String {
    expand(sql, |placeholder, text| match placeholder {
        Placeholder::Rows => match rows {
            Rows::None => unreachable!("only a batch has rows: {sql}"),
            Rows::WrittenOut(rows) => text.push_str(rows),
            Rows::Arrays(arrays) => {
                let before = text.trim_end().strip_suffix("VALUES").map(str::len);
                text.truncate(before.expect("the rows of a batch stand behind VALUES"));
                text.push_str(&format!("SELECT * FROM UNNEST({arrays})"));
            }
        },
        Placeholder::Ints(parameter) => list(text, parameter, "bigint"),
        Placeholder::Texts(parameter) => list(text, parameter, "text"),
        Placeholder::Pairs(first, second) => pairs(text, (first, second), "bigint"),
        Placeholder::TextPairs(first, second) => pairs(text, (first, second), "text"),
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

fn pairs(text: &mut String, (first, second): (&str, &str), of: &str) {
    text.push_str(&format!(
        "(SELECT UNNEST({first}::{of}[]) AS first, UNNEST({second}::{of}[]) AS second)"
    ));
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

/// The same as a coordinator of distributed tables sees them.
#[cfg(test)]
pub(in super::super) fn distributed_texts_for_tests(
    statements: &[(&'static str, &'static str, &'static str)],
    batches: &[(&'static str, Batch)],
) -> Vec<(String, Arc<str>)> {
    let (inserts, others): (Vec<_>, Vec<_>) =
        batches.iter().copied().partition(|(_, batch)| batch.inserts());
    let inserts = inserts.into_iter().map(|(file, rows)| (file.to_owned(), written_out(rows, 2)));
    texts_for_tests(statements, &others).into_iter().chain(inserts).collect()
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
        let numbered = "UPDATE t SET a = $2 WHERE p = $1 AND b = $10 RETURNING a";
        assert_eq!(
            with_numbers(numbered, &[i64::MIN, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
            "UPDATE t SET a = '2' WHERE p = '-9223372036854775808' AND b = '10' RETURNING a"
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
        let rows = Batch {
            text: "INSERT INTO t (a, b) VALUES {rows} ON CONFLICT (a) DO NOTHING",
            fixed: 0,
            columns: &[Column::Int, Column::Blob],
        };
        assert_eq!(
            &*written_out(rows, 2),
            "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) ON CONFLICT (a) DO NOTHING"
        );
    }
}
