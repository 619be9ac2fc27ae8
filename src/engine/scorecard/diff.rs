//! What is different in two scorecards.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::scoring::card::Card;
use crate::store::activations::RevisionName;

use super::super::{Caller, Engine, Error};
use super::{Subject, card_of, find, shipped};

/// The most differences that are told.
pub const DIFFERENCES_MAX: usize = 1_000;

/// In what two scorecards differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// The first ones, in the order of the scorecard.
    pub told: Vec<Difference>,
    /// How many there are.
    pub count: usize,
}

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

/// In what a scorecard differs from a revision.
///
/// # Errors
/// `NotFound` for a revision; `Invalid` for a scorecard that is too large.
pub async fn diff_revisions(
    engine: &Arc<Engine>,
    caller: &Caller,
    base: RevisionName,
    subject: Subject,
) -> Result<Differences, Error> {
    let part = shipped::offered(engine, caller).await?;
    let mut tx = engine.store.read().await?;
    let base = find(&mut tx, part, &base).await?.card;
    let card = card_of(&mut tx, part, subject).await?;
    drop(tx);
    Ok(differences(&base, &card))
}

/// In what two scorecards differ.
fn differences(before: &Card, after: &Card) -> Differences {
    let value = |card: &Card| {
        serde_json::from_str(&card.canonical()).expect("the form of a scorecard is JSON")
    };
    let mut found = Differences::default();
    found.compare("", Some(&value(before)), Some(&value(after)));
    found
}

impl Differences {
    /// Counts a difference, and tells it if it is one of the first.
    fn add(&mut self, path: &str, texts: impl FnOnce() -> [String; 2]) {
        self.count += 1;
        if self.told.len() < DIFFERENCES_MAX {
            let [before, after] = texts();
            self.told.push(Difference { path: path.to_owned(), before, after });
        }
    }

    fn compare(&mut self, path: &str, before: Option<&Value>, after: Option<&Value>) {
        match (before, after) {
            (one, two) if one == two => {}
            (Some(Value::Object(one)), Some(Value::Object(two))) => {
                let names = one.keys().chain(two.keys().filter(|name| !one.contains_key(*name)));
                for name in names {
                    let dot = if path.is_empty() { "" } else { "." };
                    self.compare(&format!("{path}{dot}{name}"), one.get(name), two.get(name));
                }
            }
            (Some(Value::Array(one)), Some(Value::Array(two))) => {
                if let Some([before, after]) = reordered(one, two) {
                    let text = |names: Vec<&str>| Value::from(names).to_string();
                    self.add(path, || [text(before), text(after)]);
                }
                for (key, one, two) in paired(one, two) {
                    self.compare(&format!("{path}[{key}]"), one, two);
                }
            }
            (one, two) => {
                let text = |value: Option<&Value>| value.map_or_else(String::new, Value::to_string);
                self.add(path, || [text(one), text(two)]);
            }
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

/// The names that both lists have, where they stand in another order. That tells for rules:
/// the first that matches decides.
fn reordered<'a>(one: &'a [Value], two: &'a [Value]) -> Option<[Vec<&'a str>; 2]> {
    let (one, two) = (names(one)?, names(two)?);
    let common = |these: &[&'a str], those: &[&str]| -> Vec<&'a str> {
        these.iter().copied().filter(|name| those.contains(name)).collect()
    };
    let (before, after) = (common(&one, &two), common(&two, &one));
    (before != after).then_some([before, after])
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
    use crate::scoring::card::Bin;

    #[test]
    fn differences_name_what_changed() {
        let before = Card::read(CONSUMER_YAML).expect("it is shipped");
        let mut after = before.clone();
        assert_eq!(differences(&before, &after), Differences::default());
        after.base_points += 5;
        after.characteristics[0].bins[1].points += 1;
        let gone = after.characteristics.remove(3);
        let found = differences(&before, &after).told;
        let paths: Vec<&str> = found.iter().map(|one| one.path.as_str()).collect();
        let name = &before.characteristics[0].name;
        let bin = format!("characteristics[{name}].bins[1].points");
        let lost = format!("characteristics[{}]", gone.name);
        assert_eq!(paths, ["base_points", bin.as_str(), lost.as_str()]);
        assert_eq!(found[0].after, after.base_points.to_string());
        assert_eq!((found[2].after.as_str(), found[2].before.is_empty()), ("", false));

        let mut after = before.clone();
        after.characteristics.swap(0, 1);
        let found = differences(&before, &after).told;
        assert_eq!((found.len(), &*found[0].path), (1, "characteristics"), "{found:?}");
        // A draft may have a name twice: then places are compared.
        after.characteristics[1] = after.characteristics[0].clone();
        assert!(differences(&before, &after).count > 0);
    }

    #[test]
    fn of_many_differences_the_first_are_told_and_all_are_counted() {
        let before = Card::read(CONSUMER_YAML).expect("it is shipped");
        let [mut less, mut more] = [before.clone(), before];
        for (card, points) in [(&mut less, 0), (&mut more, 1)] {
            let bins = &mut card.characteristics[0].bins;
            let bin = Bin { points, ..bins[0].clone() };
            *bins = vec![bin; DIFFERENCES_MAX + 7];
        }
        let found = differences(&less, &more);
        assert_eq!((found.told.len(), found.count), (DIFFERENCES_MAX, DIFFERENCES_MAX + 7));
        assert!(found.told[DIFFERENCES_MAX - 1].path.ends_with(".bins[999].points"));
    }
}
