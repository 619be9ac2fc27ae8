//! What is different in two scorecards.

use std::sync::Arc;

use serde_json::Value;

use crate::scoring::card::Card;
use crate::store::activations::RevisionName;

use super::super::{Caller, Engine, Error};
use super::{Subject, check_text, get_revision};

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
    let base = get_revision(engine, caller, base).await?.card;
    let card = match subject {
        Subject::Given(card) => {
            check_text(&card)?;
            *card
        }
        Subject::Stored(name) => get_revision(engine, caller, name).await?.card,
    };
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

/// The entries of two lists that belong together: by name where they have one, else by
/// their place.
fn paired<'a>(
    one: &'a [Value],
    two: &'a [Value],
) -> Vec<(String, Option<&'a Value>, Option<&'a Value>)> {
    let name = |value: &'a Value| ["name", "term"].iter().find_map(|key| value.get(key)?.as_str());
    let names: Option<Vec<&str>> = one.iter().chain(two).map(name).collect();
    let Some(mut names) = names else {
        let places = 0..one.len().max(two.len());
        return places.map(|at| (at.to_string(), one.get(at), two.get(at))).collect();
    };
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    let find = |list: &'a [Value], wanted: &str| list.iter().find(|one| name(one) == Some(wanted));
    names.into_iter().map(|name| (name.to_owned(), find(one, name), find(two, name))).collect()
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
    }
}
