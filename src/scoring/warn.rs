//! What is odd about a scorecard that can rank: nobody would have written it on purpose.

mod population;

use std::collections::{HashMap, HashSet};

use super::RuleSet;
use super::bins::Bins;
use super::compile::{Compiled, CompiledCharacteristic};
use super::feature::{DERIVED_PREFIX, Feature};
use super::scorecard::Scorecard;

/// Something odd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScorecardWarning {
    /// Where, such as `characteristics[3]`; begins with `business.` in the scorecard for
    /// businesses and with `challenger.` in that of an experiment.
    pub path: String,
    /// What.
    pub message: String,
}

impl RuleSet {
    /// What is odd about its scorecards.
    pub fn warnings(&self) -> Vec<ScorecardWarning> {
        let mut warnings = Vec::new();
        for (place, Scorecard { card, .. }) in self.scorecards() {
            warnings.extend(of_card(card).into_iter().map(|(path, message)| ScorecardWarning {
                path: format!("{place}{path}"),
                message,
            }));
        }
        warnings
    }
}

fn of_card(card: &Compiled) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (place, characteristics) in parts(card) {
        found.extend(without_effect(&place, characteristics));
        found.extend(features_twice(&place, characteristics));
    }
    found.extend(out_of_range(card));
    found.extend(looked_at_by_nobody(card));
    found.extend(population::out_of_reach(card));
    found.extend(population::rules_out_of_reach(card));
    found.extend(groups_out_of_reach(card));
    found
}

/// The characteristics of the scorecard and of each population, with what their paths
/// begin with.
fn parts(card: &Compiled) -> impl Iterator<Item = (String, &[CompiledCharacteristic])> {
    let populations = card.populations.iter().enumerate();
    let populations = populations
        .map(|(at, one)| (format!("populations[{at}]."), one.characteristics.as_slice()));
    [(String::new(), card.characteristics.as_slice())].into_iter().chain(populations)
}

/// Characteristics that add the same to every case.
fn without_effect(place: &str, all: &[CompiledCharacteristic]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, one) in all.iter().enumerate() {
        let path = format!("{place}characteristics[{at}]");
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
fn features_twice(place: &str, all: &[CompiledCharacteristic]) -> Vec<(String, String)> {
    let mut first: HashMap<String, &str> = HashMap::new();
    let mut found = Vec::new();
    for (at, one) in all.iter().enumerate() {
        let feature = format!("{:?}", one.feature);
        match first.get(&feature) {
            Some(other) => {
                let message = format!("{} looks at the same feature as {other}", one.name);
                found.push((format!("{place}characteristics[{at}].feature"), message));
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
    let characteristics = parts(card).flat_map(|(place, all)| {
        let all = all.iter().enumerate();
        all.map(|(at, one)| of(format!("{place}characteristics[{at}]"), &one.feature, &one.bins))
            .collect::<Vec<_>>()
    });
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
    let populations = card.populations.iter().filter(|one| one.active);
    let populations = populations.map(|one| (one.base_points, &one.characteristics));
    let parts = [(card.base_points, &card.characteristics)].into_iter().chain(populations);
    let ends = |(base, all): (i32, &Vec<CompiledCharacteristic>)| {
        let active = || all.iter().filter(|one| one.active).map(range);
        let worst = active().map(|range| range.0).sum::<i32>();
        (base + worst, base + active().map(|range| range.1).sum::<i32>())
    };
    let ends: Vec<(i32, i32)> = parts.map(ends).collect();
    let worst = ends.iter().map(|ends| ends.0).min().unwrap_or(0);
    let best = ends.iter().map(|ends| ends.1).max().unwrap_or(0);
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
