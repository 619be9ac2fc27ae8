//! What is odd about a scorecard that can rank: nobody would have written it on purpose.

use std::collections::{HashMap, HashSet};

use super::RuleSet;
use super::bins::Bins;
use super::compile::{Compiled, CompiledCharacteristic};
use super::feature::{DERIVED_PREFIX, Feature};

/// Something odd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScorecardWarning {
    /// Where, such as `characteristics[3]`; begins with `business.` in the scorecard for
    /// businesses.
    pub path: String,
    /// What.
    pub message: String,
}

impl RuleSet {
    /// What is odd about its scorecards.
    pub fn warnings(&self) -> Vec<ScorecardWarning> {
        let mut warnings = Vec::new();
        let cards = [("", Some(&self.person)), ("business.", self.business.as_ref())];
        for (place, card) in cards {
            let found = card.map(|card| of_card(&card.card)).unwrap_or_default();
            warnings.extend(found.into_iter().map(|(path, message)| ScorecardWarning {
                path: format!("{place}{path}"),
                message,
            }));
        }
        warnings
    }
}

fn of_card(card: &Compiled) -> Vec<(String, String)> {
    let mut found = without_effect(card);
    found.extend(features_twice(card));
    found.extend(out_of_range(card));
    found.extend(looked_at_by_nobody(card));
    found.extend(groups_out_of_reach(card));
    found
}

/// Characteristics that add the same to every case.
fn without_effect(card: &Compiled) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, one) in card.characteristics.iter().enumerate() {
        let path = format!("characteristics[{at}]");
        let (worst, best) = range(one);
        // One that looks at a protected input is off by intent.
        if one.active && best == worst {
            let message = format!("{} adds {best} to every case, whatever its input", one.name);
            found.push((path, message));
        }
    }
    found
}

/// What a characteristic adds at worst and at best; a code that cannot occur has no label.
fn range(one: &CompiledCharacteristic) -> (i32, i32) {
    let occurring = one.by_code.iter().filter(|bin| !bin.label.is_empty());
    let added = || occurring.clone().map(|bin| bin.contribution);
    (added().min().unwrap_or(0), added().max().unwrap_or(0))
}

/// One input that counts twice.
fn features_twice(card: &Compiled) -> Vec<(String, String)> {
    let mut first: HashMap<String, &str> = HashMap::new();
    let mut found = Vec::new();
    for (at, one) in card.characteristics.iter().enumerate() {
        let feature = format!("{:?}", one.feature);
        match first.get(&feature) {
            Some(other) => {
                let message = format!("{} looks at the same feature as {other}", one.name);
                found.push((format!("characteristics[{at}].feature"), message));
            }
            None => {
                first.insert(feature, &one.name);
            }
        }
    }
    found
}

/// Derived features that nothing looks at.
fn looked_at_by_nobody(card: &Compiled) -> Vec<(String, String)> {
    let looked_at: Vec<&Feature> = card.looked_at().collect();
    let by_others: HashSet<&str> =
        card.derived.iter().flat_map(|one| &one.looks_at).map(String::as_str).collect();
    let mut found = Vec::new();
    for (at, one) in card.derived.iter().enumerate() {
        let name = format!("{DERIVED_PREFIX}{}", one.name);
        let feature = one.feature.clone().map(Feature::Derived);
        let used = feature.is_some_and(|feature| looked_at.contains(&&feature));
        if !used && !by_others.contains(name.as_str()) {
            found.push((format!("derived[{at}]"), format!("nothing looks at {name}")));
        }
    }
    found
}

/// Bins that no number of their feature falls into.
fn out_of_range(card: &Compiled) -> Vec<(String, String)> {
    let of = |path: String, feature: &Feature, bins: &Bins| -> Vec<(String, String)> {
        let (least, most) = feature.range();
        let Bins::Ranges(ranges) = bins else { return Vec::new() };
        let bins = ranges.outside(least, most).into_iter();
        let bins = bins.map(|at| format!("{path}.bins[{at}]"));
        let special = ranges.special_outside(least, most).into_iter();
        let special = special.map(|at| format!("{path}.special[{at}].value"));
        let message = format!("no case can be in it: the feature is {}", shown(least, most));
        bins.chain(special).map(|path| (path, message.clone())).collect()
    };
    let characteristics = card.characteristics.iter().enumerate();
    let characteristics = characteristics
        .map(|(at, one)| of(format!("characteristics[{at}]"), &one.feature, &one.bins));
    let terms = card.terms.iter().enumerate();
    let terms = terms.map(|(at, one)| of(format!("priority.terms[{at}]"), &one.feature, &one.bins));
    characteristics.chain(terms).flatten().collect()
}

fn shown(least: i64, most: i64) -> String {
    match most {
        i64::MAX => format!("at least {least}"),
        _ => format!("{least} to {most}"),
    }
}

/// Groups that no case can be in.
fn groups_out_of_reach(card: &Compiled) -> Vec<(String, String)> {
    let active = || card.characteristics.iter().filter(|one| one.active);
    let best = card.base_points + active().map(|one| range(one).1).sum::<i32>();
    let worst = card.base_points + active().map(|one| range(one).0).sum::<i32>();
    let rules = || card.knock_outs.iter().filter(|rule| rule.active).map(|rule| rule.score);
    let best = rules().fold(best.clamp(0, 1_000), i32::max);
    let worst = rules().fold(worst.clamp(0, 1_000), i32::min);
    let mut found = Vec::new();
    // Once, where all stages have the same.
    let mut before = None;
    for (at, cutoffs) in card.cutoffs.iter().enumerate() {
        if before.replace(*cutoffs) == Some(*cutoffs) {
            continue;
        }
        let path = match card.cutoffs.iter().all(|other| other == cutoffs) {
            true => "cutoffs".to_owned(),
            false => format!("cutoffs_by_stage.M{}", at + 1),
        };
        if cutoffs.a > best {
            let message = format!(
                "no case can be an A: the highest score is {best}, A begins at {}",
                cutoffs.a
            );
            found.push((format!("{path}.a"), message));
        }
        if cutoffs.b <= worst {
            let message = format!(
                "no case can be a C: the lowest score is {worst}, B begins at {}",
                cutoffs.b
            );
            found.push((format!("{path}.b"), message));
        }
    }
    found
}
