//! From a scorecard as written to tables: every rule of a card is checked here,
//! and every finding is told at once.

mod calibration;
mod derived;
mod direction;
mod knock_out;
mod population;
mod reason;
mod routing;
mod special;
mod table;

use std::collections::BTreeSet;

use crate::model::{DebtorKind, RankingSettings, Stage};
use crate::yaml::Tree;

use super::InvalidScorecard;
use super::bins::{Bins, FIRST};
use super::calibration::Calibration;
use super::card::{Card, Characteristic, Cutoffs, ReasonText, Term};
use super::explanation::{Dimension, Family};
use super::feature::{DERIVED_PREFIX, Feature};
pub(super) use derived::CompiledDerived;
pub(super) use knock_out::{Condition, KnockOut};
pub(super) use population::CompiledPopulation;
pub(super) use routing::{CompiledRoute, check as check_routing};
use table::Lookup;

/// The most characteristics of a card.
pub(super) const CHARACTERISTICS_MAX: usize = 64;
const TERMS_MAX: usize = 32;
const POINTS_MAX: i32 = 1_000;
const WEIGHT_MAX: i32 = 10_000;
/// The sum of a card stays within this, so that two sums fit one table entry.
const SUM_MAX: i64 = 30_000;

/// A scorecard, compiled.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub scorecard_id: String,
    pub base_points: i32,
    /// By stage, M1 first.
    pub cutoffs: [Cutoffs; 5],
    pub low_below_permille: i64,
    pub known_from_permille: i64,
    pub reason_points_min: i32,
    /// In their order, also those that are off.
    pub derived: Vec<CompiledDerived>,
    /// In their order, also those that are off.
    pub knock_outs: Vec<KnockOut>,
    pub characteristics: Vec<CompiledCharacteristic>,
    /// In their order, also those that are off.
    pub populations: Vec<CompiledPopulation>,
    pub priority_base: i32,
    pub terms: Vec<CompiledTerm>,
    pub calibration: Option<Calibration>,
    /// Those of the portfolio, in their order, also those that are off.
    pub routing: Vec<CompiledRoute>,
}

impl Compiled {
    /// All that it looks at, also what is off.
    pub fn looked_at(&self) -> impl Iterator<Item = &Feature> {
        let characteristics = self.all_characteristics().map(|one| &one.feature);
        let terms = self.terms.iter().map(|one| &one.feature);
        let rules = self.knock_outs.iter().flat_map(|rule| &rule.conditions);
        let populations = self.populations.iter().flat_map(|one| &one.conditions);
        let routing = self.routing.iter().flat_map(|rule| &rule.conditions);
        let conditions = rules.chain(populations).chain(routing).map(|one| &one.feature);
        characteristics.chain(terms).chain(conditions)
    }

    /// Its characteristics, then those of its populations.
    pub fn all_characteristics(&self) -> impl Iterator<Item = &CompiledCharacteristic> {
        let populations = self.populations.iter().flat_map(|one| &one.characteristics);
        self.characteristics.iter().chain(populations)
    }

    /// The characteristic of a name: its own, else that of the first population that counts
    /// and has one. One that is off is found where there is no other.
    pub fn named(&self, name: &str) -> Option<&CompiledCharacteristic> {
        let populations = self.populations.iter().filter(|one| one.active);
        let populations = populations.flat_map(|one| &one.characteristics);
        let named = self.characteristics.iter().chain(populations);
        let all = || named.clone().filter(|one| one.name == name);
        all().find(|one| one.active).or_else(|| all().next())
    }
}

/// A characteristic, compiled.
#[derive(Clone, Debug)]
pub(super) struct CompiledCharacteristic {
    pub name: String,
    pub feature: Feature,
    pub family: Family,
    pub dimension: Dimension,
    pub weight_milli: i32,
    pub protected: bool,
    /// Not a protected input that is off.
    pub active: bool,
    pub bins: Bins,
    /// By the code of the bin; the special values follow the bins.
    pub by_code: Vec<CompiledBin>,
    /// The code of the first special value.
    pub special_from: u8,
    pub best_contribution: i32,
    pub worst_contribution: i32,
}

/// A bin, compiled.
#[derive(Clone, Debug)]
pub(super) struct CompiledBin {
    pub label: String,
    pub points: i32,
    pub contribution: i32,
    pub reason: ReasonText,
}

/// A term of the priority, compiled.
#[derive(Clone, Debug)]
pub(super) struct CompiledTerm {
    pub term: String,
    pub feature: Feature,
    pub only_below_days_past_due: Option<i32>,
    pub active: bool,
    pub bins: Bins,
    /// By the code of the bin.
    pub points: Vec<i32>,
}

/// weight x points / 1,000, halves away from zero.
pub(super) fn contribution(weight_milli: i32, points: i32) -> i32 {
    let product = i64::from(weight_milli) * i64::from(points);
    let rounded = (product.abs() + 500) / 1_000 * product.signum();
    i32::try_from(rounded).expect("weights and points are bounded")
}

/// The scorecards of a rule set: for persons, for businesses, and the challenger of an
/// experiment.
pub(super) type Cards<T> = [Option<T>; 3];

/// What the paths of findings in them begin with.
const PLACES: [&str; 3] = ["", "business", "challenger"];
/// What the paths of findings in the settings begin with.
const SETTINGS: &str = "ranking.";

/// Checks the scorecards of a rule set and compiles them. `challenged`: whose cases the
/// challenger ranks.
pub(super) fn compile(
    texts: Cards<&String>,
    challenged: Option<DebtorKind>,
    settings: &RankingSettings,
) -> Result<Cards<Compiled>, Vec<InvalidScorecard>> {
    let mut findings = Vec::new();
    let mut cards: Cards<Card> = [None, None, None];
    for (at, text) in texts.into_iter().enumerate() {
        match text.map(|text| Card::read(text)).transpose() {
            Ok(card) => cards[at] = card,
            Err(found) => findings.extend(found.into_iter().map(|one| placed(one, PLACES[at]))),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let marked = marked(&cards, settings);
    let compiled = std::array::from_fn(|at| {
        let scorecard_id = cards[at].as_ref().map(|card| card.scorecard_id.as_str());
        let mut compiler = Compiler::new(settings, marked.clone(), scorecard_id);
        let compiled = cards[at].as_ref().map(|card| compiler.card(card));
        for finding in located(compiler.findings, texts[at]) {
            let finding = placed(finding, PLACES[at]);
            // What is wrong with the settings themselves is found with each scorecard.
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        compiled
    });
    findings.extend(protected_names(&marked, settings));
    findings.extend(same_id(&cards, challenged));
    if findings.is_empty() { Ok(compiled) } else { Err(findings) }
}

/// Findings with where they stand in the text.
fn located(mut found: Vec<InvalidScorecard>, text: Option<&String>) -> Vec<InvalidScorecard> {
    let text = text.filter(|_| !found.is_empty());
    let Some(tree) = text.and_then(|text| Tree::parse(text).ok()) else { return found };
    for one in found.iter_mut().filter(|one| !one.path.starts_with(SETTINGS)) {
        let place = tree.place_of(&one.path);
        (one.line, one.column) = (Some(place.line), Some(place.column));
    }
    found
}

/// A finding with the place of its scorecard before its path, unless it is one of the
/// settings.
fn placed(mut finding: InvalidScorecard, place: &str) -> InvalidScorecard {
    if finding.path.starts_with(SETTINGS) {
        return finding;
    }
    finding.path = match (place.is_empty(), finding.path.is_empty()) {
        (true, _) => finding.path,
        (false, true) => place.to_owned(),
        (false, false) => format!("{place}.{}", finding.path),
    };
    finding
}

fn found(path: String, message: String) -> InvalidScorecard {
    InvalidScorecard { path, line: None, column: None, message }
}

/// Every protected input switched on must be one, in one of the cards at least.
fn protected_names(marked: &BTreeSet<&str>, settings: &RankingSettings) -> Vec<InvalidScorecard> {
    let input =
        |name: &str| crate::model::Input::from_name(name).is_some_and(|one| one.protected());
    let names = settings.protected_inputs_on.iter().enumerate();
    let wrong = names.filter(|(_, name)| !input(name) && !marked.contains(name.as_str()));
    wrong
        .map(|(at, name)| {
            let message = format!("{name:?} is not a protected input");
            found(format!("ranking.protected_inputs_on[{at}]"), message)
        })
        .collect()
}

/// All that a card looks at, but for its derived features, and whether it says that it is
/// protected.
fn looked_at(card: &Card) -> impl Iterator<Item = (bool, &str)> {
    let own = card.populations.iter().flat_map(|one| &one.characteristics);
    let characteristics = card.characteristics.iter().chain(own);
    let characteristics = characteristics.map(|one| (one.protected, one.feature.as_str()));
    let terms = card.priority.terms.iter().map(|one| (one.protected, one.feature.as_str()));
    let populations = card.populations.iter().flat_map(|one| &one.when);
    let conditions = card.knock_outs.iter().flat_map(|rule| &rule.when).chain(populations);
    let conditions = conditions.map(|one| (one.protected, one.feature.as_str()));
    characteristics.chain(terms).chain(conditions)
}

/// The features that the cards and the routing rules look at and mark as protected. Derived
/// ones are none: what they look at is.
fn marked<'a>(cards: &'a Cards<Card>, settings: &'a RankingSettings) -> BTreeSet<&'a str> {
    let routing = settings.routing_rules.iter().flat_map(|rule| &rule.when);
    let routing = routing.map(|one| (one.protected, one.feature.as_str()));
    let all = cards.iter().flatten().flat_map(looked_at).chain(routing);
    let named = all.filter(|(protected, name)| *protected && !name.starts_with(DERIVED_PREFIX));
    let mut marked = named.map(|(_, name)| name).collect();
    for card in cards.iter().flatten() {
        derived::mark(card, &mut marked);
    }
    marked
}

/// An explanation names the card it used, so cards for two kinds of debtor have two names.
/// A challenger may have that of the card it challenges.
fn same_id(cards: &Cards<Card>, challenged: Option<DebtorKind>) -> Vec<InvalidScorecard> {
    let [person, business, challenger] = cards.each_ref().map(Option::as_ref);
    let same = |one: Option<&Card>, other: Option<&Card>, (place, whose): (&str, &str)| {
        let (id, other) = (&one?.scorecard_id, &other?.scorecard_id);
        (id == other).then(|| {
            let message = format!("{id:?} is the id of the scorecard for {whose}");
            found(format!("{place}.scorecard_id"), message)
        })
    };
    let (other, whose) = match challenged {
        Some(DebtorKind::Person) => (business, "businesses"),
        // That for persons ranks businesses as well where they have none of their own.
        _ => (business.and(person), "persons"),
    };
    let pairs = [
        same(business, person, ("business", "persons")),
        same(challenger, other, ("challenger", whose)),
    ];
    pairs.into_iter().flatten().collect()
}

struct Compiler<'a> {
    settings: &'a RankingSettings,
    findings: Vec<InvalidScorecard>,
    path: String,
    /// What is marked as protected anywhere: what is off must not touch any output.
    marked: BTreeSet<&'a str>,
    /// The derived features so far.
    derived: Vec<CompiledDerived>,
    /// Whether the population in hand is one of whose conditions no agent may learn.
    withheld: bool,
    /// The scorecard in hand; nothing where settings are looked at without one.
    scorecard_id: Option<&'a str>,
}

impl<'a> Compiler<'a> {
    fn new(
        settings: &'a RankingSettings,
        marked: BTreeSet<&'a str>,
        scorecard_id: Option<&'a str>,
    ) -> Compiler<'a> {
        Compiler {
            settings,
            findings: Vec::new(),
            path: String::new(),
            marked,
            derived: Vec::new(),
            withheld: false,
            scorecard_id,
        }
    }
}

impl Compiler<'_> {
    fn find(&mut self, field: &str, message: String) {
        let path = match (self.path.is_empty(), field.is_empty()) {
            (true, _) => field.to_owned(),
            (false, true) => self.path.clone(),
            (false, false) => format!("{}.{field}", self.path),
        };
        self.findings.push(found(path, message));
    }

    fn card(&mut self, card: &Card) -> Compiled {
        if !is_name(&card.scorecard_id) {
            let id = &card.scorecard_id;
            self.find("scorecard_id", format!("{id:?} must be 1 to 64 bytes of a-z, 0-9 and _"));
        }
        self.bounded("base_points", card.base_points, -10_000, 10_000);
        let cutoffs = self.cutoffs(card);
        let rule = card.diagnosis;
        self.bounded("diagnosis.low_below_permille", rule.low_below_permille, 0, 1_000);
        self.bounded("diagnosis.known_from_permille", rule.known_from_permille, 1, 1_000);
        self.bounded("reason_points_min", card.reason_points_min, 1, 1_000);
        self.derived(card);
        let characteristics = self.characteristics(&card.characteristics, "");
        self.sums(card.base_points, &characteristics, !card.populations.is_empty());
        let populations = self.populations(card);
        let terms = self.terms(card);
        let knock_outs = self.knock_outs(card);
        let calibration = self.calibration(card);
        let routing = self.routing();
        let compiled = Compiled {
            scorecard_id: card.scorecard_id.clone(),
            base_points: card.base_points,
            cutoffs,
            low_below_permille: i64::from(rule.low_below_permille),
            known_from_permille: i64::from(rule.known_from_permille),
            reason_points_min: card.reason_points_min,
            derived: self.derived.clone(),
            knock_outs,
            characteristics,
            populations,
            priority_base: card.priority.base_points,
            terms,
            calibration,
            routing,
        };
        self.daily(&compiled);
        compiled
    }

    fn bounded(&mut self, field: &str, value: i32, low: i32, high: i32) {
        if !(low..=high).contains(&value) {
            self.find(field, format!("is {value}; {low} to {high} are allowed"));
        }
    }

    fn cutoffs(&mut self, card: &Card) -> [Cutoffs; 5] {
        self.cutoff_order("cutoffs", card.cutoffs);
        let mut by_stage = [card.cutoffs; 5];
        for (name, cutoffs) in &card.cutoffs_by_stage {
            let field = format!("cutoffs_by_stage.{name}");
            match Stage::ALL.iter().position(|stage| stage.name() == name) {
                Some(at) => by_stage[at] = *cutoffs,
                None => self.find(&field, "is not a stage; M1 to M5 are".to_owned()),
            }
            self.cutoff_order(&field, *cutoffs);
        }
        by_stage
    }

    fn cutoff_order(&mut self, field: &str, cutoffs: Cutoffs) {
        let Cutoffs { a, b } = cutoffs;
        if !(0 < b && b < a && a <= 1_000) {
            let message = format!("a is {a} and b is {b}; 0 < b < a <= 1000 must hold");
            self.find(field, message);
        }
    }

    /// Characteristics; those of a population with its path.
    fn characteristics(
        &mut self,
        written: &[Characteristic],
        path: &str,
    ) -> Vec<CompiledCharacteristic> {
        let count = written.len();
        if !(1..=CHARACTERISTICS_MAX).contains(&count) {
            let message = format!("has {count} entries; 1 to {CHARACTERISTICS_MAX} are allowed");
            self.find("characteristics", message);
        }
        let dot = if path.is_empty() { "" } else { "." };
        let mut compiled: Vec<CompiledCharacteristic> = Vec::new();
        for (at, one) in written.iter().take(CHARACTERISTICS_MAX).enumerate() {
            self.path = format!("{path}{dot}characteristics[{at}]");
            if compiled.iter().any(|other| other.name == one.name) {
                self.find("name", format!("{:?} is used twice", one.name));
            }
            compiled.extend(self.characteristic(one));
        }
        self.path.clear();
        compiled
    }

    fn characteristic(&mut self, written: &Characteristic) -> Option<CompiledCharacteristic> {
        self.bounded("weight_milli", written.weight_milli, 0, WEIGHT_MAX);
        let table = self.table(&Lookup {
            name: &written.name,
            feature: &written.feature,
            kind: written.kind.as_deref(),
            protected: written.protected,
            missing: written.missing,
            unknown: written.unknown,
            other: written.other,
            bins: &written.bins,
            special: &written.special,
        })?;
        if table.feature == Feature::Score {
            self.find("feature", "recovery_score is for the priority only".to_owned());
        }
        self.reasons(written, &table.feature);
        let weight_milli = written.weight_milli.clamp(0, WEIGHT_MAX);
        let by_code: Vec<CompiledBin> = table
            .labels
            .into_iter()
            .map(|(label, points, reason)| CompiledBin {
                label,
                points,
                contribution: contribution(weight_milli, points.clamp(-POINTS_MAX, POINTS_MAX)),
                reason: reason.unwrap_or_else(|| written.reason.clone()),
            })
            .collect();
        self.direction(written, &table.feature);
        let contributions = || by_code.iter().map(|bin| bin.contribution);
        Some(CompiledCharacteristic {
            name: written.name.clone(),
            family: written.family,
            dimension: written.dimension,
            weight_milli,
            protected: written.protected,
            active: self.active(written.protected, &table.feature, &written.feature),
            best_contribution: contributions().max().unwrap_or(0),
            worst_contribution: contributions().min().unwrap_or(0),
            feature: table.feature,
            bins: table.bins,
            special_from: FIRST + u8::try_from(written.bins.len()).expect("bins are at most 200"),
            by_code,
        })
    }

    /// Finds a protected input that does not say so, here or wherever else it is looked at.
    fn says_protected(&mut self, (feature, name): (&Feature, &str), protected: bool) {
        if let Feature::Derived(derived) = feature {
            match self.protected_input(derived) {
                Some(input) if !protected => {
                    let message = format!("{name} looks at {input}, a protected input: say so");
                    self.find("protected", message);
                }
                None if protected => {
                    let message = format!("{name} looks at no protected input");
                    self.find("protected", message);
                }
                _ => {}
            }
            return;
        }
        if protected {
            return;
        }
        if feature.protected() {
            self.find("protected", format!("{name} is a protected input: say so"));
        } else if self.marked.contains(name) {
            let message = format!("{name} is marked as protected elsewhere: say so here as well");
            self.find("protected", message);
        }
    }

    fn active(&self, protected: bool, feature: &Feature, name: &str) -> bool {
        if let Feature::Derived(derived) = feature {
            return self.is_on(derived);
        }
        let off = protected || feature.protected();
        !off || self.settings.protected_inputs_on.iter().any(|on| on == name)
    }

    fn terms(&mut self, card: &Card) -> Vec<CompiledTerm> {
        self.bounded("priority.base_points", card.priority.base_points, 0, 1_000);
        let count = card.priority.terms.len();
        if count > TERMS_MAX {
            self.find("priority.terms", format!("has {count} entries; {TERMS_MAX} are allowed"));
        }
        let mut compiled = Vec::new();
        for (at, term) in card.priority.terms.iter().take(TERMS_MAX).enumerate() {
            self.path = format!("priority.terms[{at}]");
            compiled.extend(self.term(term));
        }
        self.path.clear();
        compiled
    }

    fn term(&mut self, written: &Term) -> Option<CompiledTerm> {
        let table = self.table(&Lookup {
            name: &written.term,
            feature: &written.feature,
            kind: written.kind.as_deref(),
            protected: written.protected,
            missing: written.missing,
            unknown: written.unknown,
            other: written.other,
            bins: &written.bins,
            special: &written.special,
        })?;
        let no_reasons = "a term of the priority has no reasons";
        if written.bins.iter().any(|bin| bin.reason.is_some()) {
            self.find("bins", no_reasons.to_owned());
        }
        if written.special.iter().any(|one| one.reason.is_some()) {
            self.find("special", no_reasons.to_owned());
        }
        Some(CompiledTerm {
            term: written.term.clone(),
            only_below_days_past_due: written.only_below_days_past_due,
            active: self.active(written.protected, &table.feature, &written.feature),
            feature: table.feature,
            bins: table.bins,
            points: table.labels.into_iter().map(|label| label.1).collect(),
        })
    }

    /// The sum of the best and of the worst bins must stay within what a table entry
    /// holds; where sums of several tables stand beside each other, also without those
    /// that are off.
    fn sums(&mut self, base: i32, all: &[CompiledCharacteristic], beside_others: bool) {
        let ends = |one: &CompiledCharacteristic| {
            let (best, worst) = (one.best_contribution, one.worst_contribution);
            let off = beside_others && !one.active;
            if off { (best.max(0), worst.min(0)) } else { (best, worst) }
        };
        let best = all.iter().map(|one| i64::from(ends(one).0)).sum::<i64>() + i64::from(base);
        let worst = all.iter().map(|one| i64::from(ends(one).1)).sum::<i64>() + i64::from(base);
        if best > SUM_MAX || worst < -SUM_MAX {
            let message = format!(
                "sum up to {worst} at worst and {best} at best; -{SUM_MAX} to {SUM_MAX} are allowed"
            );
            self.find("characteristics", message);
        }
    }
}

fn is_name(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(known)
}
