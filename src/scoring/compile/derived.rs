//! Features of a scorecard's own: what each of them may look at, and that none of them
//! grows without end.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::card::{self, Card};
use super::super::derived::{Date, Derived, Formula};
use super::super::feature::{CUSTOM_PREFIX, DERIVED_PREFIX, Feature, FeatureKind};
use super::super::is_custom_feature;
use super::super::measure::{Given, Paying};
use super::{Compiled, CompiledCharacteristic, Compiler, SETTINGS, is_name};
use crate::model::{Input, InputKind};

/// The most derived features of a scorecard.
const DERIVED_MAX: usize = 32;
/// The most features that a list of one names.
const LIST_MAX: usize = 16;
/// The most features that one looks at through all those that it looks at: each time it
/// is computed all of them are.
const DEEP_MAX: usize = 64;
/// The most values that a review computes for each day ahead. It looks at every day of the
/// next thirteen months, and a value takes some fifteen nanoseconds: so many take a
/// millisecond and a half whenever a case is ranked.
const DAILY_MAX: usize = 256;
/// How far back a change reaches.
const CHANGE_MONTHS_MAX: i32 = 6;

/// What a change is computed of: what the months before the window tell as well.
const CHANGING: [(&str, Paying); 3] = [
    ("late_months_6", Paying::LateMonths6),
    ("worst_months_past_due_6", Paying::WorstMonths6),
    ("arrears_trend", Paying::ArrearsTrend),
];

/// A derived feature, compiled.
#[derive(Clone, Debug)]
pub(in super::super) struct CompiledDerived {
    pub name: String,
    /// The names that it looks at, in the order of its operands.
    pub looks_at: Vec<String>,
    /// Nothing where its definition is wrong, which is told once and not wherever it is
    /// looked at.
    pub feature: Option<Arc<Derived>>,
    /// It looks at no protected input that is off.
    pub active: bool,
}

/// Adds the custom features that become protected by derived ones: those of one that says
/// so while it looks at no protected input of ours, through any depth. What others mark does
/// not matter: to mark more must not protect less. What is beyond the bounds is told as wrong
/// elsewhere, and not looked at.
pub(super) fn mark<'a>(card: &'a Card, marked: &mut BTreeSet<&'a str>) {
    let mut all: Vec<BTreeSet<&str>> = Vec::new();
    for one in card.derived.iter().take(DERIVED_MAX) {
        let mut names = BTreeSet::new();
        for (_, name) in one.looks_at().into_iter().take(LIST_MAX) {
            let earlier = card.derived.iter().zip(&all);
            let deeper = earlier.filter(|(other, _)| is_of(name, &other.name));
            names.insert(name);
            names.extend(deeper.flat_map(|(_, names)| names.iter().copied()));
        }
        let ours = |name: &&str| Input::from_name(name).is_some_and(Input::protected);
        if one.protected && !names.iter().any(ours) {
            marked.extend(names.iter().filter(|name| name.starts_with(CUSTOM_PREFIX)));
        }
        all.push(names);
    }
}

/// Whether a name is one of a protected input.
fn is_protected(name: &str, marked: &BTreeSet<&str>) -> bool {
    Input::from_name(name).is_some_and(Input::protected) || marked.contains(name)
}

/// Whether a name is that of the derived feature.
fn is_of(name: &str, derived: &str) -> bool {
    name.strip_prefix(DERIVED_PREFIX) == Some(derived)
}

/// How many features are computed for one, itself included.
fn weight(feature: &Feature) -> usize {
    match feature {
        Feature::Derived(derived) => derived.operands.iter().map(weight).sum::<usize>() + 1,
        _ => 1,
    }
}

impl Compiler<'_> {
    /// Compiles the derived features, each of which knows those before it.
    pub(super) fn derived(&mut self, card: &Card) {
        let count = card.derived.len();
        if count > DERIVED_MAX {
            self.find("derived", format!("has {count} entries; {DERIVED_MAX} are allowed"));
        }
        for (at, written) in card.derived.iter().take(DERIVED_MAX).enumerate() {
            self.path = format!("derived[{at}]");
            let name = &written.name;
            if !is_name(name) {
                let message = format!("{name:?} must be 1 to 64 bytes of a-z, 0-9 and _");
                self.find("name", message);
            }
            self.is_no_right("name", name);
            if self.derived.iter().any(|other| other.name == *name) {
                self.find("name", format!("{name:?} is used twice"));
            }
            let feature = self.formula(written);
            let mut active = true;
            if let Some(derived) = &feature {
                self.defined_as_protected(derived, written.protected);
                active = self.is_on(derived);
            }
            let looks_at = written.looks_at().into_iter().map(|(_, name)| name.to_owned());
            let looks_at = looks_at.collect();
            let name = name.clone();
            self.derived.push(CompiledDerived { name, looks_at, feature, active });
        }
        self.path.clear();
    }

    /// When a derived feature that moves every day comes into another bin is found day by
    /// day, wherever it is looked at: all of that is bounded.
    pub(super) fn daily(&mut self, compiled: &Compiled) {
        let weight = |feature: &Feature| match feature {
            Feature::Derived(derived) if feature.moves_daily() => derived.weight_of_a_day(),
            _ => 0,
        };
        // A case is of one population, if it is of any.
        let populations = compiled.populations.iter().map(|one| &one.characteristics);
        let parts = populations.chain([&compiled.characteristics]);
        let part = |all: &Vec<CompiledCharacteristic>| -> usize {
            all.iter().map(|one| weight(&one.feature)).sum()
        };
        let terms: usize = compiled.terms.iter().map(|one| weight(&one.feature)).sum();
        let rules = compiled.knock_outs.iter().flat_map(|rule| &rule.conditions);
        let routing = compiled.routing.iter().flat_map(|rule| &rule.conditions);
        let conditions = compiled.populations.iter().flat_map(|one| &one.conditions).chain(rules);
        let conditions = conditions.chain(routing);
        let conditions: usize = conditions.map(|one| weight(&one.feature)).sum();
        let sum = parts.map(part).max().unwrap_or(0) + terms + conditions;
        if sum <= DAILY_MAX {
            return;
        }
        let looked_at = |one: &&CompiledDerived| {
            let derived = one.feature.clone().map(Feature::Derived);
            derived.is_some_and(|own| {
                weight(&own) > 0 && compiled.looked_at().any(|feature| *feature == own)
            })
        };
        let names = self.derived.iter().filter(looked_at);
        let names = names.map(|one| format!("{DERIVED_PREFIX}{}", one.name)).collect::<Vec<_>>();
        let message = format!(
            "{} move every day, and {sum} values are computed of them for each day that a review \
             looks ahead, counting each place that looks at one and all that it looks at; \
             {DAILY_MAX} are allowed",
            names.join(", ")
        );
        self.find("derived", message);
    }

    fn formula(&mut self, written: &card::Derived) -> Option<Arc<Derived>> {
        let card::Derived { ratio, difference, months_between, min, max, known, change, .. } =
            written;
        let forms = [
            ratio.is_some(),
            difference.is_some(),
            months_between.is_some(),
            min.is_some(),
            max.is_some(),
            known.is_some(),
            change.is_some(),
        ];
        let given = forms.into_iter().filter(|form| *form).count();
        if given != 1 {
            let message = format!(
                "has {given} of ratio, difference, months_between, min, max, known and change; 1 \
                 is allowed"
            );
            self.find("", message);
            return None;
        }
        let named = written.looks_at();
        let (formula, operands) = if let Some(change) = change {
            (self.change(change)?, Vec::new())
        } else if months_between.is_some() {
            (self.months_between(&named)?, Vec::new())
        } else if known.is_some() {
            (Formula::Known, self.operands(&named, ("known", 1), Self::told)?)
        } else if min.is_some() {
            (Formula::Min, self.operands(&named, ("min", 2), Self::number)?)
        } else if max.is_some() {
            (Formula::Max, self.operands(&named, ("max", 2), Self::number)?)
        } else if ratio.is_some() {
            (Formula::Ratio, self.operands(&named, ("ratio", 2), Self::number)?)
        } else {
            (Formula::Difference, self.operands(&named, ("difference", 2), Self::number)?)
        };
        let deep: usize = operands.iter().map(weight).sum();
        if deep > DEEP_MAX {
            let message = format!(
                "looks at {deep} features, counting what those look at; {DEEP_MAX} are allowed"
            );
            self.find("", message);
            return None;
        }
        let mut inputs: BTreeSet<Box<str>> = BTreeSet::new();
        for (_, name) in &named {
            match self.derived.iter().find(|one| is_of(name, &one.name)) {
                Some(one) => inputs.extend(one.feature.iter().flat_map(|one| one.inputs.clone())),
                None => {
                    inputs.insert(Box::from(*name));
                }
            }
        }
        let inputs = inputs.into_iter().collect();
        Some(Arc::new(Derived { formula, operands, inputs }))
    }

    /// What a formula looks at, each once where it is a list; nothing where one is wrong.
    fn operands(
        &mut self,
        named: &[(String, &str)],
        (form, least): (&str, usize),
        of: fn(&mut Self, &str, &str) -> Option<Feature>,
    ) -> Option<Vec<Feature>> {
        if !(least..=LIST_MAX).contains(&named.len()) {
            let count = named.len();
            self.find(form, format!("has {count} entries; {least} to {LIST_MAX} are allowed"));
            return None;
        }
        let mut operands = Vec::new();
        for (at, (field, name)) in named.iter().enumerate() {
            let feature = of(self, field, name);
            if named[..at].iter().any(|before| before.1 == *name) {
                self.find(field, format!("{name:?} stands twice"));
            }
            operands.push(feature);
        }
        operands.into_iter().collect()
    }

    fn number(&mut self, field: &str, name: &str) -> Option<Feature> {
        let number = Feature::custom_kind("NUMBER").expect("it is a kind");
        let feature = self.operand(field, name, |feature_id| {
            let feature_id = Box::from(feature_id);
            Feature::Given(Given::Custom { feature_id, kind: number })
        })?;
        let is_date = |input: &Input| input.kind() == InputKind::Date;
        if matches!(&feature, Feature::Given(Given::Input(input)) if is_date(input)) {
            self.find(field, format!("{name} is a date; months_between looks at dates"));
            return None;
        }
        if !matches!(feature.kind().0, FeatureKind::Number { .. }) {
            self.find(field, format!("{name} is no number; only known looks at what is none"));
            return None;
        }
        Some(feature)
    }

    fn told(&mut self, field: &str, name: &str) -> Option<Feature> {
        self.operand(field, name, |feature_id| Feature::Given(Given::Told(Box::from(feature_id))))
    }

    /// A feature that a formula looks at. `custom` makes one of the caller's own.
    fn operand(
        &mut self,
        field: &str,
        name: &str,
        custom: impl Fn(&str) -> Feature,
    ) -> Option<Feature> {
        if !self.is_no_right(field, name) {
            return None;
        }
        if name.starts_with(DERIVED_PREFIX) {
            return self.derived_feature(field, name);
        }
        if let Some(feature_id) = name.strip_prefix(CUSTOM_PREFIX) {
            if !is_custom_feature(name) {
                let message =
                    format!("{name:?} must be `custom.` and 1 to 64 bytes of a-z, 0-9, _");
                self.find(field, message);
                return None;
            }
            return Some(custom(feature_id));
        }
        let feature = self.known_feature(field, name)?;
        if feature == Feature::Score {
            let message = "recovery_score is made of features, and none is made of it".to_owned();
            self.find(field, message);
            return None;
        }
        Some(feature)
    }

    /// The derived feature of a name that begins so, of those defined so far.
    pub(super) fn derived_feature(&mut self, field: &str, name: &str) -> Option<Feature> {
        if let Some(one) = self.derived.iter().find(|one| is_of(name, &one.name)) {
            return one.feature.clone().map(Feature::Derived);
        }
        let Some(scorecard_id) = self.scorecard_id else {
            // Whether there is one shows where a scorecard is in hand.
            if !name.strip_prefix(DERIVED_PREFIX).is_some_and(is_name) {
                let form = "`derived.` and 1 to 64 bytes of a-z, 0-9 and _";
                self.find(field, format!("{name:?} is not {form}"));
            }
            return None;
        };
        let known: Vec<String> =
            self.derived.iter().map(|one| format!("{DERIVED_PREFIX}{}", one.name)).collect();
        let defined = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let place = match &self.path {
            path if path.starts_with("derived[") => " before it".to_owned(),
            path if path.starts_with(SETTINGS) => format!(" by scorecard {scorecard_id}"),
            _ => String::new(),
        };
        self.find(field, format!("{name:?} is not defined{place}; defined are {defined}"));
        None
    }

    fn months_between(&mut self, named: &[(String, &str)]) -> Option<Formula> {
        let [from, to] = named else { return None };
        let dates = [from, to].map(|(field, name)| self.date(field, name));
        if from.1 == to.1 {
            self.find(&to.0, format!("{} is the date from which it counts", to.1));
            return None;
        }
        let [from, to] = dates;
        Some(Formula::MonthsBetween(from?, to?))
    }

    fn date(&mut self, field: &str, name: &str) -> Option<Date> {
        if !self.is_no_right(field, name) {
            return None;
        }
        match name {
            "today" => return Some(Date::Today),
            "oldest_due_date" => return Some(Date::OldestDue),
            _ => {}
        }
        if is_custom_feature(name) {
            return name.strip_prefix(CUSTOM_PREFIX).map(|id| Date::Custom(Box::from(id)));
        }
        let input = Input::from_name(name).filter(|input| input.kind() == InputKind::Date);
        if input.is_none() {
            let message = format!(
                "{name:?} is not a date; today, oldest_due_date, customer_since_date and custom \
                 texts such as 2026-03-20 are"
            );
            self.find(field, message);
        }
        input.map(Date::Given)
    }

    fn change(&mut self, written: &card::Change) -> Option<Formula> {
        let card::Change { of, months } = written;
        self.bounded("change.months", *months, 1, CHANGE_MONTHS_MAX);
        if !self.is_no_right("change.of", of) {
            return None;
        }
        let found = CHANGING.iter().find(|entry| entry.0 == of);
        if found.is_none() {
            let known = CHANGING.map(|entry| entry.0).join(", ");
            let message = format!(
                "what {of:?} was months before is not kept; {known} are computed of the months \
                 of the history"
            );
            self.find("change.of", message);
        }
        let months = (1..=CHANGE_MONTHS_MAX).contains(months).then_some(*months);
        found.zip(months).map(|(entry, months)| Formula::Change(entry.1, months))
    }

    /// The first protected input that a derived feature looks at.
    pub(super) fn protected_input<'a>(&self, derived: &'a Derived) -> Option<&'a str> {
        derived.inputs.iter().map(AsRef::as_ref).find(|name| is_protected(name, &self.marked))
    }

    /// Whether the portfolio has switched on every protected input that it looks at.
    pub(super) fn is_on(&self, derived: &Derived) -> bool {
        let on = |name: &str| self.settings.protected_inputs_on.iter().any(|one| one == name);
        derived.inputs.iter().all(|name| !is_protected(name, &self.marked) || on(name))
    }

    fn defined_as_protected(&mut self, derived: &Derived, protected: bool) {
        match self.protected_input(derived) {
            Some(name) if !protected => {
                self.find("protected", format!("{name} is a protected input: say so"));
            }
            None if protected => {
                let message = "it looks at no protected input and at no custom feature".to_owned();
                self.find("protected", message);
            }
            _ => {}
        }
    }
}
