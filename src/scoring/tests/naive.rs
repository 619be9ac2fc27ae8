//! The plainest reading of a scorecard: bins tried one after the other, floats
//! where they are exact. What is compiled must agree with it.

mod derived;

use crate::model::{RecoveryGroup, Route, RoutingRule};
use crate::scoring::bins::Value;
use crate::scoring::card::{Bin, Card, Condition, Points, Special};
use crate::scoring::feature::Feature;
use crate::scoring::subject::Subject;
use crate::scoring::value;

use super::{Case, settings};

/// What a feature is, as text; empty where nobody told, `UNKNOWN` where asked and unknown.
fn seen(card: &Card, name: &str, kind: Option<&str>, subject: &Subject<'_>) -> (String, bool) {
    if let Some(own) = name.strip_prefix("derived.") {
        let (number, protected) = derived::number(card, own, subject);
        let text = number.map_or_else(String::new, |number| (number as f64 / 1e6).to_string());
        return (text, protected);
    }
    let feature = find(name, kind);
    let value: Value<'_> = value(&feature, subject);
    (feature.text(&value), feature.protected())
}

/// Score, group and priority.
pub(super) fn rank(yaml: &str, case: &Case) -> (i32, RecoveryGroup, i32) {
    let card: Card = Card::read(yaml).expect("a scorecard of a test");
    let mut subject = Subject::new(&case.input(), &settings());
    let mut populations = card.populations.iter();
    let population = populations.find(|one| hold(&card, &one.when, &subject));
    let (base_points, characteristics) = match population {
        Some(one) => (one.base_points, &one.characteristics),
        None => (card.base_points, &card.characteristics),
    };
    let mut sum = base_points;
    for one in characteristics {
        let (text, protected) = seen(&card, &one.feature, one.kind.as_deref(), &subject);
        if one.protected || protected {
            continue;
        }
        let without = [one.missing, one.unknown, one.other];
        let bins: Vec<&Bin> = one.bins.iter().collect();
        let points = points(&text, (without, &one.special), &bins);
        sum += (f64::from(points) * f64::from(one.weight_milli) / 1_000.0).round() as i32;
    }
    subject.score = sum.clamp(0, 1_000);
    if let Some(rule) = card.knock_outs.iter().find(|rule| hold(&card, &rule.when, &subject)) {
        subject.score = rule.score;
    }
    let mut priority = card.priority.base_points;
    for one in &card.priority.terms {
        let days = subject.days_past_due.unwrap_or(0);
        if one.only_below_days_past_due.is_some_and(|limit| days >= limit) {
            continue;
        }
        let (text, protected) = seen(&card, &one.feature, one.kind.as_deref(), &subject);
        if protected {
            continue;
        }
        let without = [one.missing, one.unknown, one.other];
        let bins: Vec<&Bin> = one.bins.iter().collect();
        priority += points(&text, (without, &one.special), &bins);
    }
    let group = if subject.score >= card.cutoffs.a {
        RecoveryGroup::A
    } else if subject.score >= card.cutoffs.b {
        RecoveryGroup::B
    } else {
        RecoveryGroup::C
    };
    (subject.score, group, priority.clamp(0, 1_000))
}

/// The route of the first rule that matches.
pub(super) fn route(yaml: &str, rules: &[RoutingRule], case: &Case) -> Route {
    let card: Card = Card::read(yaml).expect("a scorecard of a test");
    let subject = Subject::new(&case.input(), &settings());
    let rule = rules.iter().find(|rule| hold(&card, &rule.when, &subject));
    rule.map_or(Route::NONE, |rule| rule.route)
}

fn hold(card: &Card, when: &[Condition], subject: &Subject<'_>) -> bool {
    when.iter().all(|one| {
        let (text, _) = seen(card, &one.feature, one.kind.as_deref(), subject);
        let bound = |bound: &Option<String>| {
            bound.as_ref().map(|bound| bound.parse::<f64>().expect("a number"))
        };
        let in_range = || {
            let number: f64 = text.parse().expect("a number");
            bound(&one.from).is_none_or(|from| from <= number)
                && bound(&one.to).is_none_or(|to| number < to)
        };
        let holds = match (text.as_str(), &one.is) {
            ("", _) => one.missing,
            ("UNKNOWN", _) => one.unknown,
            (_, Some(names)) => names.contains(&text),
            (_, None) => (one.from.is_some() || one.to.is_some()) && in_range(),
        };
        holds && !one.protected
    })
}

fn find(name: &str, kind: Option<&str>) -> Feature {
    Feature::find(name, kind.and_then(Feature::custom_kind)).expect("a feature of a test")
}

fn points(text: &str, (special, values): ([Option<Points>; 3], &[Special]), bins: &[&Bin]) -> i32 {
    let special = |at: usize| special[at].map_or(0, |points| points.points);
    match text {
        "" => return special(0),
        "UNKNOWN" => return special(1),
        _ => {}
    }
    let number = |text: &str| text.parse::<f64>().expect("a number");
    if let Some(found) = values.iter().find(|one| number(&one.value) == number(text)) {
        return found.points;
    }
    for bin in bins {
        let found = match &bin.is {
            Some(names) => names.iter().any(|name| name == text),
            None => {
                let number: f64 = text.parse().expect("a number");
                let bound = |bound: &Option<String>| {
                    bound.as_ref().map(|bound| bound.parse::<f64>().expect("a number"))
                };
                bound(&bin.from).is_none_or(|from| from <= number)
                    && bound(&bin.to).is_none_or(|to| number < to)
            }
        };
        if found {
            return bin.points;
        }
    }
    special(2)
}
