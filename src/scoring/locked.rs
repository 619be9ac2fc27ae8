//! Locked points: a mark by which analysts say that points are meant to stay. Nothing
//! keeps them from being changed; whoever validates a revision is told where they were.

use super::ScorecardWarning;
use super::card::{Bin, Card, Characteristic, Points, Special};

/// A characteristic or a term: its name, and all the points it has.
struct Part<'a> {
    name: &'a str,
    points: Vec<Entry>,
}

/// Points of one bin.
struct Entry {
    /// Where, within the part.
    path: String,
    /// Whom they belong to.
    whose: String,
    points: i32,
    locked: bool,
}

/// The points that are locked in a scorecard, or were in the one it was made from, and
/// differ from those there.
pub fn locked_changes(card: &Card, base: &Card) -> Vec<ScorecardWarning> {
    let [now, before] = [card, base].map(|card| characteristics(&card.characteristics));
    let mut found = compare("characteristics", &now, &before);
    for before in &base.populations {
        let now = card.populations.iter().enumerate().find(|(_, one)| one.name == before.name);
        let (path, all) = match now {
            Some((at, one)) => (
                format!("populations[{at}].characteristics"),
                characteristics(&one.characteristics),
            ),
            None => ("populations".to_owned(), Vec::new()),
        };
        found.extend(compare(&path, &all, &characteristics(&before.characteristics)));
    }
    found.extend(compare("priority.terms", &terms(card), &terms(base)));
    found
}

fn characteristics(all: &[Characteristic]) -> Vec<Part<'_>> {
    let parts = all.iter().map(|one| Part {
        name: &one.name,
        points: entries([one.missing, one.unknown, one.other], &one.bins, &one.special),
    });
    parts.collect()
}

fn terms(card: &Card) -> Vec<Part<'_>> {
    let parts = card.priority.terms.iter().map(|one| Part {
        name: &one.term,
        points: entries([one.missing, one.unknown, one.other], &one.bins, &one.special),
    });
    parts.collect()
}

fn entries(without_range: [Option<Points>; 3], bins: &[Bin], special: &[Special]) -> Vec<Entry> {
    let fields = ["missing", "unknown", "other"].into_iter().zip(without_range);
    let without_range = fields.filter_map(|(field, points)| {
        let Points { points, locked } = points?;
        Some(Entry { path: format!("{field}.points"), whose: field.to_owned(), points, locked })
    });
    let bins = bins.iter().enumerate().map(|(at, bin)| Entry {
        path: format!("bins[{at}].points"),
        whose: shown(bin),
        points: bin.points,
        locked: bin.locked,
    });
    let special = special.iter().enumerate().map(|(at, one)| Entry {
        path: format!("special[{at}].points"),
        whose: format!("the special value {}", one.value),
        points: one.points,
        locked: one.locked,
    });
    without_range.chain(bins).chain(special).collect()
}

fn shown(bin: &Bin) -> String {
    let bound = |bound: &Option<String>| bound.clone().unwrap_or_else(|| "open".to_owned());
    match &bin.is {
        Some(names) => names.join(", "),
        None => format!("from {} to {}", bound(&bin.from), bound(&bin.to)),
    }
}

fn compare(list: &str, parts: &[Part<'_>], base: &[Part<'_>]) -> Vec<ScorecardWarning> {
    let mut found = Vec::new();
    for before in base {
        let part = parts.iter().enumerate().find(|(_, one)| one.name == before.name);
        for entry in &before.points {
            let now = part.and_then(|(at, part)| {
                let same = part.points.iter().find(|one| one.whose == entry.whose)?;
                Some((at, same))
            });
            let (path, message) = match (now, part) {
                (Some((_, now)), _) if now.points == entry.points => continue,
                (Some((_, now)), _) if !now.locked && !entry.locked => continue,
                (None, _) if !entry.locked => continue,
                (Some((at, now)), _) => {
                    let (is, was) = (now.points, entry.points);
                    let message = format!("is {is}; the points are locked, and the base has {was}");
                    (format!("{list}[{at}].{}", now.path), message)
                }
                (None, part) => {
                    let (name, whose, was) = (before.name, &entry.whose, entry.points);
                    let message =
                        format!("the base has {was} locked points for {name}, {whose}: gone");
                    (part.map_or(list.to_owned(), |(at, _)| format!("{list}[{at}]")), message)
                }
            };
            found.push(ScorecardWarning { path, message });
        }
    }
    found
}
