//! Texts of statements as a database takes them, expanded once.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Expanded texts by what they were expanded from: there are few, and building one
/// costs more than running it.
pub(super) struct Texts<K>(RwLock<HashMap<K, Arc<str>>>);

impl<K> Default for Texts<K> {
    fn default() -> Texts<K> {
        Texts(RwLock::default())
    }
}

impl<K: std::hash::Hash + Eq> Texts<K> {
    /// The text of a key, built where it is the first time.
    pub(super) fn get(&self, key: K, build: impl FnOnce() -> String) -> Arc<str> {
        if let Some(text) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(text);
        }
        let text: Arc<str> = build().into();
        let mut texts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(texts.entry(key).or_insert(text))
    }
}

/// A placeholder in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placeholder<'t> {
    /// `{rows}`.
    Rows,
    /// `{ints:$n}`: the parameter.
    Ints(&'t str),
    /// `{texts:$n}`: the parameter.
    Texts(&'t str),
    /// `{pairs:$n,$m}`: the parameters.
    Pairs(&'t str, &'t str),
    /// `{text_pairs:$n,$m}`: the parameters.
    TextPairs(&'t str, &'t str),
    /// `{lock:d}`: the name of the table.
    Lock(&'t str),
    /// `{sqlite:...}`: what only SQLite is told.
    Sqlite(&'t str),
}

/// Replaces every placeholder of a text. `replace` appends to what was built before,
/// or takes the end of that away.
pub(super) fn expand(
    sql: &'static str,
    mut replace: impl FnMut(Placeholder<'static>, &mut String),
) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(start) = rest.find('{') {
        let end = start + rest[start..].find('}').expect("a placeholder is closed");
        text.push_str(&rest[..start]);
        let name = &rest[start + 1..end];
        rest = &rest[end + 1..];
        let placeholder = match name.split_once(':') {
            None if name == "rows" => Placeholder::Rows,
            Some(("ints", parameter)) => Placeholder::Ints(parameter),
            Some(("texts", parameter)) => Placeholder::Texts(parameter),
            Some((kind @ ("pairs" | "text_pairs"), parameters)) => {
                let (first, second) = parameters.split_once(',').expect("pairs have two lists");
                match kind {
                    "pairs" => Placeholder::Pairs(first, second),
                    _ => Placeholder::TextPairs(first, second),
                }
            }
            Some(("lock", table)) => Placeholder::Lock(table),
            Some(("sqlite", text)) => Placeholder::Sqlite(text),
            _ => unreachable!("{{{name}}} is no placeholder"),
        };
        replace(placeholder, &mut text);
    }
    text.push_str(rest);
    text
}
