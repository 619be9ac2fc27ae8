//! What a derived feature was made of, for people.

use super::super::bins::Value;
use super::super::compile::CompiledDerived;
use super::super::derived::{Derived, Formula};
use super::super::explanation::DerivedLine;
use super::super::feature::{DERIVED_PREFIX, Feature};
use super::super::subject::Subject;
use super::super::value;

/// The derived features of a card that count, of one case.
pub(super) fn lines(derived: &[CompiledDerived], subject: &Subject<'_>) -> Vec<DerivedLine> {
    let active = derived.iter().filter(|one| one.active);
    let lines = active.filter_map(|one| {
        let made = one.feature.as_ref()?;
        let feature = Feature::Derived(made.clone());
        Some(DerivedLine {
            name: format!("{DERIVED_PREFIX}{}", one.name),
            value: feature.text(&value(&feature, subject)),
            unit: unit(&made.formula),
            text: text(made, &one.looks_at, subject),
        })
    });
    lines.collect()
}

fn unit(formula: &Formula) -> &'static str {
    match formula {
        Formula::Ratio => "permille",
        Formula::Known => "features known",
        Formula::MonthsBetween(..) | Formula::Change(..) => "months",
        Formula::Difference | Formula::Min | Formula::Max => "",
    }
}

fn text(made: &Derived, names: &[String], subject: &Subject<'_>) -> String {
    let named = |name: &str, value: &str| match value {
        "" => format!("{name} (not told)"),
        value => format!("{name} ({value})"),
    };
    let of = |at: usize| {
        let feature = &made.operands[at];
        let value = match (feature, value(feature, subject)) {
            // What a custom text or flag says does not matter.
            (Feature::Given(_), Value::Category(_)) if made.formula == Formula::Known => {
                "told".to_owned()
            }
            (_, value) => feature.text(&value),
        };
        named(&names[at], &value)
    };
    let all = || (0..names.len()).map(of).collect::<Vec<_>>().join(", ");
    match &made.formula {
        Formula::Ratio => format!("{} / {}", of(0), of(1)),
        Formula::Difference => format!("{} - {}", of(0), of(1)),
        Formula::Min => format!("least of {}", all()),
        Formula::Max => format!("greatest of {}", all()),
        Formula::Known => format!("known of {}", all()),
        Formula::MonthsBetween(from, to) => {
            let day = |at: usize, date: Option<crate::model::Day>| {
                named(&names[at], &date.map_or_else(String::new, |day| day.to_string()))
            };
            format!("from {} to {}", day(0, from.day(subject)), day(1, to.day(subject)))
        }
        Formula::Change(of, months) => {
            let at = |shift| {
                let shape = subject.shape.as_ref();
                let value = shape.map_or(Value::Missing, |shape| of.at(subject, shape, shift));
                Feature::Paying(*of).text(&value)
            };
            let before = named(&format!("{months} months before"), &at(-months));
            format!("{} - {before}", named(&names[0], &at(0)))
        }
    }
}
