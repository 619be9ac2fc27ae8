//! The rules by which the statements run on tables that are distributed by part, over
//! the texts that PostgreSQL sees. They stand in for a cluster where there is none.

use super::statements::CROSS_PART;
use super::*;
use crate::store::postgres::{MIGRATIONS, texts_for_tests};

/// What a distributed table refuses, or what would differ between machines.
const BANNED: &[&str] = &[
    "NOW(",
    "CURRENT_TIMESTAMP",
    "CLOCK_TIMESTAMP",
    "RANDOM(",
    "GEN_RANDOM",
    "NEXTVAL",
    "MERGE ",
    "CTID",
    "XMAX",
    "PG_ADVISORY",
    "SET_CONFIG",
    "CURRENT_SETTING",
    "NOTIFY",
    "CURRENT OF",
    "GROUPING SETS",
    "RECURSIVE",
    "LATERAL",
];

/// Words of a text, brackets and commas apart; `$1` with a cast or a sum behind it is
/// one word, so that only a bare one is found.
fn words(text: &str) -> Vec<String> {
    let mut apart = String::with_capacity(text.len() * 2);
    for letter in text.chars() {
        match letter {
            '(' | ')' | ',' => apart.extend([' ', letter, ' ']),
            _ => apart.push(letter),
        }
    }
    apart.split_whitespace().map(str::to_owned).collect()
}

/// A query, or a part of one in brackets: the tables it names, and its conditions on
/// parts.
#[derive(Debug, Default)]
struct Scope {
    /// Name and alias.
    tables: Vec<(String, String)>,
    /// Whose part is bound to a bare parameter; nothing for a part without a name
    /// before it.
    bound: Vec<String>,
    /// Whether an alternative stands beside the conditions.
    alternative: bool,
}

const NO_ALIAS: &[&str] = &[
    "WHERE", "JOIN", "LEFT", "CROSS", "ON", "SET", "ORDER", "GROUP", "LIMIT", "FOR", "(", ")",
    "AS", "USING", "UNION", "FROM",
];

/// The queries of a text that name a table.
fn scopes(words: &[String], tables: &HashSet<String>) -> Vec<Scope> {
    let mut done = Vec::new();
    let mut open = vec![Scope::default()];
    // Whether each bracket that is open began a query.
    let mut queries = Vec::new();
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    for at in 0..words.len() {
        let before = if at == 0 { "" } else { word(at - 1) };
        let scope = open.last_mut().expect("the outermost query is never closed");
        match word(at) {
            "(" => {
                let query = word(at + 1) == "SELECT";
                queries.push(query);
                if query {
                    open.push(Scope::default());
                }
            }
            ")" => done.extend(queries.pop().filter(|query| *query).and_then(|_| open.pop())),
            "UNION" => done.push(std::mem::take(scope)),
            "OR" if queries.last() != Some(&false) => scope.alternative = true,
            name if ["FROM", "JOIN", "UPDATE"].contains(&before) && tables.contains(name) => {
                let next = word(at + 1);
                let alias = if NO_ALIAS.contains(&next) || next.is_empty() { name } else { next };
                scope.tables.push((name.to_owned(), alias.to_owned()));
            }
            column if column == "part" || column.ends_with(".part") => {
                let bare = word(at + 2).strip_prefix('$');
                let bare = bare.is_some_and(|number| number.parse::<u32>().is_ok());
                let ends = [
                    "AND",
                    "ORDER",
                    "LIMIT",
                    "FOR",
                    ")",
                    "",
                    "UNION",
                    "GROUP",
                    "LEFT",
                    "RETURNING",
                ];
                if word(at + 1) == "="
                    && bare
                    && ends.contains(&word(at + 3))
                    && ["WHERE", "ON", "AND"].contains(&before)
                {
                    scope.bound.push(column.strip_suffix(".part").unwrap_or_default().to_owned());
                }
            }
            _ => {}
        }
    }
    done.extend(open);
    done.retain(|scope| !scope.tables.is_empty());
    done
}

/// What a query breaks.
fn unbound(scope: &Scope) -> Option<String> {
    if scope.alternative && scope.bound.is_empty() {
        return Some("an alternative without a part".to_owned());
    }
    let alone = scope.tables.len() == 1;
    let is_bound = |alias: &String| {
        scope.bound.contains(alias) || alone && scope.bound.contains(&String::new())
    };
    let (name, alias) = scope.tables.iter().find(|(_, alias)| !is_bound(alias))?;
    Some(format!("{name} {alias} is not bound to a part by a bare parameter"))
}

/// Tables, and the keys that no two rows share.
fn schema() -> (HashSet<String>, HashSet<String>) {
    let mut tables = HashSet::new();
    let mut keys = HashSet::new();
    for migration in MIGRATIONS.iter() {
        let mut table = String::new();
        for line in migration.sql.as_str().lines() {
            let line = line.trim();
            if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
                table = rest.split(' ').next().unwrap_or_default().to_owned();
                tables.insert(table.clone());
            }
            let key = line.strip_prefix("PRIMARY KEY (").map(|key| (table.as_str(), key));
            let unique = line
                .strip_prefix("CREATE UNIQUE INDEX ")
                .and_then(|rest| rest.split_once(" ON ")?.1.split_once(" ("));
            if let Some((table, key)) = key.or(unique) {
                keys.insert(format!("{table} {}", key.split(')').next().unwrap_or_default()));
            }
        }
    }
    (tables, keys)
}

#[test]
fn every_query_binds_every_table_to_a_part() {
    let (tables, _) = schema();
    assert!(tables.contains("case_q") && tables.len() > 20, "{tables:?}");
    for (name, text) in texts_for_tests(&statements(), &batches()) {
        if CROSS_PART.iter().any(|known| name.ends_with(&format!(" {known}"))) {
            assert!(!text.contains("FOR NO KEY UPDATE"), "{name} locks rows of all parts: {text}");
            continue;
        }
        for scope in scopes(&words(&text), &tables) {
            let broken = unbound(&scope);
            assert!(broken.is_none(), "{name}: {}: {text}", broken.unwrap_or_default());
        }
        if let Some(rest) = text.strip_prefix("INSERT INTO ") {
            let first = rest.split_once(" (").and_then(|(_, columns)| columns.split(',').next());
            assert_eq!(first, Some("part"), "{name}: {text}");
        }
    }
}

#[test]
fn no_statement_does_what_a_distributed_table_refuses() {
    let (_, keys) = schema();
    for (name, text) in texts_for_tests(&statements(), &batches()) {
        let upper = text.to_uppercase();
        for banned in BANNED {
            assert!(!upper.contains(banned), "{name} uses {banned}: {text}");
        }
        assert!(!upper.contains("SET PART ="), "{name} moves a row to another part: {text}");
        assert!(!(upper.contains("UNION") && upper.contains("FOR NO KEY")), "{name}: {text}");
        let Some((insert, conflict)) = text.split_once(" ON CONFLICT (") else { continue };
        let table = insert.trim_start_matches("INSERT INTO ").split(' ').next().unwrap_or_default();
        let (key, does) = conflict.split_once(')').unwrap_or_default();
        assert!(keys.contains(&format!("{table} {key}")), "{name}: ({key}) is no key of {table}");
        assert!(!does.contains("SELECT"), "{name} asks in a conflict: {text}");
    }
}

#[test]
fn a_query_that_names_no_part_is_found() {
    let tables = HashSet::from(["case_q".to_owned(), "case_head".to_owned()]);
    let broken =
        |text: &str| scopes(&words(text), &tables).iter().any(|one| unbound(one).is_some());
    assert!(!broken("SELECT 1 FROM case_q WHERE part = $1 AND state = 1"));
    assert!(!broken(
        "SELECT 1 FROM case_head h LEFT JOIN case_q q ON q.part = $1 AND q.case_no = h.case_no \
         WHERE h.part = $1"
    ));
    for text in [
        "SELECT 1 FROM case_q WHERE state = 1",
        "SELECT 1 FROM case_q WHERE part = $1 + 0 AND state = 1",
        "SELECT 1 FROM case_q WHERE part = $1::bigint AND state = 1",
        "SELECT 1 FROM case_q WHERE part = ANY($1::bigint[])",
        "SELECT 1 FROM case_q WHERE part = (SELECT $1) AND state = 1",
        "SELECT 1 FROM case_q WHERE state = 1 OR part = $1",
        "SELECT 1 FROM case_head h JOIN case_q q ON q.part = h.part WHERE h.part = $1",
        "SELECT 1 FROM case_q WHERE part = $1 AND case_no IN (SELECT case_no FROM case_head)",
        "UPDATE case_q SET state = 1 WHERE case_no = $1",
        "DELETE FROM case_q WHERE case_no = $1",
    ] {
        assert!(broken(text), "{text}");
    }
}
