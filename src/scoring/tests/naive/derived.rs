//! The plainest reading of derived features: everything in millionths, every formula by
//! itself, again and again.

use crate::model::{CustomValue, Day, Input};
use crate::scoring::bins::Value;
use crate::scoring::card::Card;
use crate::scoring::feature::{Feature, FeatureKind};
use crate::scoring::month::Month;
use crate::scoring::subject::Subject;
use crate::scoring::value;

/// The value of a derived feature in millionths, and whether it looks at a protected input.
pub(super) fn number(card: &Card, name: &str, subject: &Subject<'_>) -> (Option<i128>, bool) {
    let one = card.derived.iter().find(|one| one.name == name).expect("it is defined");
    let names = one.looks_at();
    let looked: Vec<(Option<i128>, bool)> =
        names.iter().map(|(_, name)| look(card, name, subject)).collect();
    let protected = looked.iter().any(|one| one.1);
    let numbers: Vec<Option<i128>> = looked.iter().map(|one| one.0).collect();
    let whole = |number: i128| number * 1_000_000;
    let made = if one.ratio.is_some() {
        match (numbers[0], numbers[1]) {
            (Some(of), Some(to)) if to > 0 => {
                let up = of * 1_000;
                Some(whole(if up < 0 { -((-up + to - 1) / to) } else { up / to }))
            }
            _ => None,
        }
    } else if one.difference.is_some() {
        numbers[0].zip(numbers[1]).map(|(of, less)| of - less)
    } else if one.min.is_some() {
        numbers.into_iter().flatten().reduce(|a, b| if b < a { b } else { a })
    } else if one.max.is_some() {
        numbers.into_iter().flatten().reduce(|a, b| if b > a { b } else { a })
    } else if one.known.is_some() {
        Some(whole(numbers.into_iter().filter(Option::is_some).count() as i128))
    } else if let Some(dates) = &one.months_between {
        let month =
            |name: &str| day(name, subject).map(|day| i128::from(Month::of(day).since(Month(0))));
        month(&dates.to).zip(month(&dates.from)).map(|(to, from)| whole(to - from))
    } else {
        let change = one.change.as_ref().expect("one formula");
        let at = |shift: i32| months_behind(&change.of, subject, shift);
        at(0).zip(at(-change.months)).map(|(now, before)| whole(now - before))
    };
    (made, protected)
}

fn look(card: &Card, name: &str, subject: &Subject<'_>) -> (Option<i128>, bool) {
    if let Some(own) = name.strip_prefix("derived.") {
        return number(card, own, subject);
    }
    if let Some(feature_id) = name.strip_prefix("custom.") {
        let features = &subject.facts.custom_features;
        let value = features.iter().find(|one| one.feature_id == feature_id);
        let number = value.map(|one| match &one.value {
            CustomValue::Number(number) => i128::from(*number),
            CustomValue::Text(_) | CustomValue::Flag(_) => 0,
        });
        return (number, false);
    }
    let Some(feature) = Feature::find(name, None) else { return (None, false) };
    let number = match (value(&feature, subject), feature.kind().0) {
        (Value::Missing | Value::Unknown, _) => None,
        (Value::Number(number), FeatureKind::Number { .. }) => Some(i128::from(number) * 1_000_000),
        _ => Some(0),
    };
    (number, feature.protected())
}

fn day(name: &str, subject: &Subject<'_>) -> Option<Day> {
    match name {
        "today" => Some(subject.today),
        "oldest_due_date" => subject.served.oldest_due_date,
        "customer_since_date" => subject.facts.inputs.date(Input::CustomerSinceDate),
        custom => {
            let mut features = subject.facts.custom_features.iter();
            let found = features.find(|one| custom == format!("custom.{}", one.feature_id))?;
            match &found.value {
                CustomValue::Text(text) => Day::from_text(text),
                _ => None,
            }
        }
    }
}

/// The feature of the months as they were so many months from now, counted month by month.
fn months_behind(name: &str, subject: &Subject<'_>, shift: i32) -> Option<i128> {
    let shape = subject.shape.as_ref()?;
    let back = |months: i32| shape.behind_at((months - shift) as usize, 0).map(i128::from);
    let known: Vec<i128> = (1..=6).filter_map(back).collect();
    match name {
        "late_months_6" if known.is_empty() => None,
        "late_months_6" => Some(known.iter().filter(|behind| **behind > 0).count() as i128),
        "worst_months_past_due_6" => known.into_iter().max(),
        _ => back(1).zip(back(4)).map(|(newest, earlier)| newest - earlier),
    }
}
