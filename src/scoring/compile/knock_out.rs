//! Knock-out rules: conditions as bins of their own, so that time moves them as it moves
//! those of a characteristic.

use super::super::bins::{Bins, CATEGORIES_MAX, FIRST, MISSING, OTHER, Ranges, UNKNOWN};
use super::super::card::{self, Card, ReasonText};
use super::super::explanation::Audience;
use super::super::feature::{Feature, FeatureKind};
use super::super::subject::Subject;
use super::super::value;
use super::{Compiler, is_name};

/// The most rules of a scorecard.
const KNOCK_OUTS_MAX: usize = 32;
/// The most conditions of a rule.
const CONDITIONS_MAX: usize = 16;

/// A rule, compiled.
#[derive(Clone, Debug)]
pub(in super::super) struct KnockOut {
    pub name: String,
    pub conditions: Vec<Condition>,
    /// No condition of it looks at a protected input that is off.
    pub active: bool,
    pub score: i32,
    pub reason: ReasonText,
}

/// A condition, compiled: it holds where the value falls into one bin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Condition {
    pub feature: Feature,
    pub bins: Bins,
    pub code: u8,
}

impl KnockOut {
    /// Whether the rule decides the score of a case.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        self.active && self.conditions.iter().all(|one| one.holds(subject))
    }
}

impl Condition {
    /// Whether it holds for a case.
    pub fn holds(&self, subject: &Subject<'_>) -> bool {
        self.bins.code(&value(&self.feature, subject)) == self.code
    }
}

impl Compiler<'_> {
    pub(super) fn knock_outs(&mut self, card: &Card) -> Vec<KnockOut> {
        let count = card.knock_outs.len();
        if count > KNOCK_OUTS_MAX {
            self.find("knock_outs", format!("has {count} entries; {KNOCK_OUTS_MAX} are allowed"));
        }
        let mut compiled: Vec<KnockOut> = Vec::new();
        for (at, rule) in card.knock_outs.iter().take(KNOCK_OUTS_MAX).enumerate() {
            self.path = format!("knock_outs[{at}]");
            if !is_name(&rule.name) {
                let message = format!("{:?} must be 1 to 64 bytes of a-z, 0-9 and _", rule.name);
                self.find("name", message);
            }
            if compiled.iter().any(|other| other.name == rule.name) {
                self.find("name", format!("{:?} is used twice", rule.name));
            }
            self.bounded("score", rule.score, 0, 1_000);
            compiled.push(self.knock_out(rule));
        }
        self.path.clear();
        compiled
    }

    fn knock_out(&mut self, rule: &card::KnockOut) -> KnockOut {
        let (conditions, active, withheld) = self.when(&rule.when);
        self.reason("reason", &rule.reason, withheld);
        let (name, reason) = (rule.name.clone(), rule.reason.clone());
        KnockOut { name, conditions, active, score: rule.score, reason }
    }

    /// Conditions; whether none of them looks at a protected input that is off, and whether
    /// what is said of them must not reach an agent.
    pub(super) fn when(&mut self, when: &[card::Condition]) -> (Vec<Condition>, bool, bool) {
        let count = when.len();
        if !(1..=CONDITIONS_MAX).contains(&count) {
            let message = format!("has {count} entries; 1 to {CONDITIONS_MAX} are allowed");
            self.find("when", message);
        }
        let (mut conditions, mut active, mut withheld) = (Vec::new(), true, false);
        let path = self.path.clone();
        for (at, written) in when.iter().take(CONDITIONS_MAX).enumerate() {
            self.path = format!("{path}.when[{at}]");
            let Some(condition) = self.condition(written) else { continue };
            let feature = &condition.feature;
            active &= self.active(written.protected, feature, &written.feature);
            let mut names = written.is.iter().flatten();
            withheld |= written.protected
                || feature.audience() == Audience::Analyst
                || names.any(|name| feature.suspicion(name));
            conditions.push(condition);
        }
        self.path = path;
        (conditions, active, withheld)
    }

    fn condition(&mut self, written: &card::Condition) -> Option<Condition> {
        let feature = self.feature(&written.feature, written.kind.as_deref())?;
        if feature == Feature::Score {
            self.find("feature", "recovery_score is what is decided".to_owned());
            return None;
        }
        self.says_protected((&feature, &written.feature), written.protected);
        let range = written.from.is_some() || written.to.is_some();
        let forms = [range, written.is.is_some(), written.missing, written.unknown];
        let given = forms.into_iter().filter(|form| *form).count();
        if given != 1 {
            let message =
                format!("has {given} of a range (from, to), is, missing and unknown; 1 is allowed");
            self.find("", message);
            return None;
        }
        let (kind, has_unknown) = feature.kind();
        if written.unknown && !has_unknown {
            self.find("unknown", "cannot occur with this feature".to_owned());
        }
        let (bins, code) = match kind {
            FeatureKind::Number { scale } => self.range(written, scale),
            FeatureKind::Category(names) => self.one_of(written, (names, has_unknown)),
            FeatureKind::Text => self.one_of_texts(written),
        };
        let code = match (written.missing, written.unknown) {
            (true, _) => MISSING,
            (_, true) => UNKNOWN,
            (false, false) => code,
        };
        Some(Condition { feature, bins, code })
    }

    fn range(&mut self, written: &card::Condition, scale: i64) -> (Bins, u8) {
        if written.is.is_some() {
            self.find("is", "a number has a range, from and to".to_owned());
        }
        let from = self.bound("from", written.from.as_deref(), scale);
        let to = self.bound("to", written.to.as_deref(), scale);
        if from.zip(to).is_some_and(|(from, to)| to <= from) {
            let to = written.to.as_deref().unwrap_or_default();
            self.find("to", format!("is {to}; it must be above from"));
        }
        let starts = from.into_iter().chain(to).collect();
        let code = FIRST + u8::from(from.is_some());
        (Bins::Ranges(Ranges::new(starts, Vec::new())), code)
    }

    /// Whether `is` is left out where it must be, or names nothing where it must.
    fn listed_names<'b>(&mut self, written: &'b card::Condition) -> &'b [String] {
        if written.from.is_some() || written.to.is_some() {
            self.find("from", "only numbers have a range; a category has is".to_owned());
        }
        let names = written.is.as_deref().unwrap_or_default();
        if written.is.is_some() && names.is_empty() {
            self.find("is", "must name at least one".to_owned());
        }
        names
    }

    fn one_of(
        &mut self,
        written: &card::Condition,
        (known, has_unknown): (&[(&'static str, i64)], bool),
    ) -> (Bins, u8) {
        let mut codes = [OTHER; CATEGORIES_MAX];
        for (at, name) in self.listed_names(written).iter().enumerate() {
            let unknown = "`unknown: true` is a condition of its own";
            self.category(&format!("is[{at}]"), name, (known, has_unknown), unknown);
            if let Some((_, number)) = known.iter().find(|entry| entry.0 == name) {
                codes[usize::try_from(*number).expect("categories have numbers from 0")] = FIRST;
            }
        }
        (Bins::Categories(codes), FIRST)
    }

    fn one_of_texts(&mut self, written: &card::Condition) -> (Bins, u8) {
        let names = self.listed_names(written).iter();
        let mut texts: Vec<(Box<str>, u8)> =
            names.map(|name| (Box::from(name.as_str()), FIRST)).collect();
        texts.sort();
        texts.dedup();
        (Bins::Texts(texts), FIRST)
    }
}
