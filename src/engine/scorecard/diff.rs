//! What is different in two scorecards.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::scoring::card::Card;
use crate::store::activations::RevisionName;

use super::super::{Caller, Engine, Error};
use super::{Subject, card_of, find, shipped};

/// A part of a scorecard that is different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where, such as `characteristics[overdue_age].bins[2].points`: characteristics and
    /// terms by name, bins by place.
    pub path: String,
    /// What stands there in the first scorecard, as JSON; empty where there is nothing.
    pub before: String,
    /// What stands there in the second one.
    pub after: String,
}

/// Everything in which a scorecard differs from a revision, in the order of the
/// scorecard.
///
/// # Errors
/// `NotFound` for a revision; `Invalid` for a scorecard that is too large.
pub async fn diff_revisions(
    engine: &Arc<Engine>,
    caller: &Caller,
    base: RevisionName,
    subject: Subject,
) -> Result<Vec<Difference>, Error> {
    let part = shipped::offered(engine, caller).await?;
    let mut tx = engine.store.read().await?;
    let base = find(&mut tx, part, &base).await?.card;
    let card = card_of(&mut tx, part, subject).await?;
    drop(tx);
    Ok(differences(&base, &card))
}

/// Everything in which two scorecards differ.
fn differences(before: &Card, after: &Card) -> Vec<Difference> {
    let value = |card: &Card| {
        serde_json::from_str(&card.canonical()).expect("the form of a scorecard is JSON")
    };
    let mut found = Vec::new();
    compare("", Some(&value(before)), Some(&value(after)), &mut found);
    found
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    match (before, after) {
        (one, two) if one == two => {}
        (Some(Value::Object(one)), Some(Value::Object(two))) => {
            let names = one.keys().chain(two.keys().filter(|name| !one.contains_key(*name)));
            for name in names {
                let dot = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{dot}{name}");
                compare(&path, one.get(name), two.get(name), found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(two))) => {
            found.extend(order(path, one, two));
            for (key, one, two) in paired(one, two) {
                compare(&format!("{path}[{key}]"), one, two, found);
            }
        }
        (one, two) => {
            let text = |value: Option<&Value>| value.map_or_else(String::new, Value::to_string);
            let path = path.to_owned();
            found.push(Difference { path, before: text(one), after: text(two) });
        }
    }
}

/// The name of an entry, where it has one.
fn name(value: &Value) -> Option<&str> {
    ["name", "term"].iter().find_map(|key| value.get(key)?.as_str())
}

/// The names of a list; nothing where an entry has none, or two have one.
fn names(list: &[Value]) -> Option<Vec<&str>> {
    let names: Vec<&str> = list.iter().map(name).collect::<Option<_>>()?;
    let all: BTreeSet<&str> = names.iter().copied().collect();
    (all.len() == names.len()).then_some(names)
}

/// That entries stand in another order, which tells for rules: the first that matches
/// decides.
fn order(path: &str, one: &[Value], two: &[Value]) -> Option<Difference> {
    let (one, two) = (names(one)?, names(two)?);
    let common = |these: &[&str], those: &[&str]| -> Vec<String> {
        these.iter().filter(|name| those.contains(name)).map(|name| (*name).to_owned()).collect()
    };
    let (before, after) = (common(&one, &two), common(&two, &one));
    let text = |names: &[String]| Value::from(names.to_vec()).to_string();
    (before != after).then(|| Difference {
        path: path.to_owned(),
        before: text(&before),
        after: text(&after),
    })
}

/// The entries of two lists that belong together: by name where they have one, else by
/// their place.
fn paired<'a>(
    one: &'a [Value],
    two: &'a [Value],
) -> Vec<(String, Option<&'a Value>, Option<&'a Value>)> {
    let (Some(ones), Some(twos)) = (names(one), names(two)) else {
        let places = 0..one.len().max(two.len());
        return places.map(|at| (at.to_string(), one.get(at), two.get(at))).collect();
    };
    let new = twos.iter().filter(|name| !ones.contains(name));
    let find = |list: &'a [Value], wanted: &str| list.iter().find(|one| name(one) == Some(wanted));
    let all = ones.iter().chain(new);
    all.map(|name| ((*name).to_owned(), find(one, name), find(two, name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::CONSUMER_YAML;

    #[test]
    fn differences_name_what_changed() {
        let before = Card::read(CONSUMER_YAML).expect("it is shipped");
        let mut after = before.clone();
        assert_eq!(differences(&before, &after), []);
        after.base_points += 5;
        after.characteristics[0].bins[1].points += 1;
        let gone = after.characteristics.remove(3);
        let found = differences(&before, &after);
        let paths: Vec<&str> = found.iter().map(|one| one.path.as_str()).collect();
        let name = &before.characteristics[0].name;
        let bin = format!("characteristics[{name}].bins[1].points");
        let lost = format!("characteristics[{}]", gone.name);
        assert_eq!(paths, ["base_points", bin.as_str(), lost.as_str()]);
        assert_eq!(found[0].after, after.base_points.to_string());
        assert_eq!((found[2].after.as_str(), found[2].before.is_empty()), ("", false));

        let mut after = before.clone();
        after.characteristics.swap(0, 1);
        let found = differences(&before, &after);
        assert_eq!((found.len(), &*found[0].path), (1, "characteristics"), "{found:?}");
        // A draft may have a name twice: then places are compared.
        after.characteristics[1] = after.characteristics[0].clone();
        assert!(!differences(&before, &after).is_empty());
    }
}
