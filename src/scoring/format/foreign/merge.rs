//! From a foreign table to a draft: bins and points of the table, everything else of the
//! scorecard that it is based on, or empty.

use std::collections::BTreeSet;

use super::label::Label;
use super::{Direction, Draft, ForeignBin, Table, Variable};
use crate::scoring::card::{
    Bin, Card, Characteristic, Cutoffs, DiagnosisRule, Points, Priority, ReasonText,
};
use crate::scoring::explanation::{Audience, Dimension, Family};
use crate::scoring::feature::{CUSTOM_PREFIX, Feature, FeatureKind};
use crate::scoring::format::{FormatFinding, Imported, finding};

/// Makes the draft.
pub(super) fn merge(
    table: Table,
    draft: &Draft,
    notes: Vec<String>,
) -> Result<Imported, Vec<FormatFinding>> {
    let Some(direction) = draft.direction else {
        let message = "such a table does not say what more points mean: say whether higher is \
                       easier or harder to recover";
        return Err(vec![finding(message)]);
    };
    let sign = if direction == Direction::HigherIsHarder { -1 } else { 1 };
    let mut merger = Merger { sign, notes, found: Vec::new() };
    let base = draft.base.as_ref();
    let characteristics: Vec<Characteristic> =
        table.variables.iter().map(|variable| merger.characteristic(variable, base)).collect();
    for left in base.iter().flat_map(|base| &base.characteristics) {
        if characteristics.iter().all(|one| one.name != left.name) {
            merger.notes.push(format!("{} is not in the table and was left out", left.name));
        }
    }
    for one in base.iter().flat_map(|base| &base.populations) {
        let why = "its points are on the scale of those of before";
        merger.notes.push(format!("population {} was left out: {why}", one.name));
    }
    if base.is_some_and(|base| base.calibration.is_some()) {
        let note = "calibration was left out: it was measured with the points of before";
        merger.notes.push(note.to_owned());
    }
    let base_points = table.base_points.unwrap_or(0) * sign;
    if sign < 0 {
        merger.notes.push(format!(
            "points were turned round and base_points is {base_points}: move it so that scores \
             lie between 0 and 1,000"
        ));
    }
    let card = match base {
        Some(base) => on_base(base.clone(), base_points, characteristics),
        None => merger.without_base(base_points, characteristics),
    };
    let Merger { notes, found, .. } = merger;
    if found.is_empty() { Ok(Imported { card, notes }) } else { Err(found) }
}

/// A scorecard with the points of a table. Each field says whether it is kept.
fn on_base(base: Card, base_points: i32, characteristics: Vec<Characteristic>) -> Card {
    let Card {
        scorecard_id,
        base_points: _,
        cutoffs,
        cutoffs_by_stage,
        diagnosis,
        reason_points_min,
        derived,
        knock_outs,
        characteristics: _,
        populations: _,
        priority,
        calibration: _,
    } = base;
    Card {
        scorecard_id,
        base_points,
        cutoffs,
        cutoffs_by_stage,
        diagnosis,
        reason_points_min,
        derived,
        knock_outs,
        characteristics,
        // Their points are on the scale of those that were there before.
        populations: Vec::new(),
        priority,
        // It was measured with the points that were there before.
        calibration: None,
    }
}

/// A characteristic without bins and points. Each field says whether it is kept.
fn without_points(one: Characteristic) -> Characteristic {
    let Characteristic {
        name,
        feature,
        kind,
        family,
        dimension,
        weight_milli: _,
        direction,
        protected,
        reason,
        missing: _,
        unknown: _,
        other: _,
        special: _,
        bins: _,
    } = one;
    Characteristic {
        name,
        feature,
        kind,
        family,
        dimension,
        weight_milli: 1_000,
        direction,
        protected,
        reason,
        missing: None,
        unknown: None,
        other: None,
        special: Vec::new(),
        bins: Vec::new(),
    }
}

struct Merger {
    sign: i32,
    notes: Vec<String>,
    found: Vec<FormatFinding>,
}

/// The bins of a characteristic.
#[derive(Default)]
struct Bins {
    missing: Option<Points>,
    unknown: Option<Points>,
    bins: Vec<Bin>,
}

/// The rows of a variable while they are read.
struct Rows<'a> {
    of: &'a str,
    kind: FeatureKind,
    has_unknown: bool,
    /// The categories so far.
    seen: BTreeSet<String>,
    ranges: Vec<RangeRow>,
}

/// The line, the first number, the number behind the last, and the points.
type RangeRow = (u64, Option<String>, Option<String>, i32);

impl Merger {
    fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    fn find(&mut self, line: u64, message: String) {
        self.found.push(FormatFinding { line: Some(line), column: None, message });
    }

    /// A draft with nothing to start from. Cutoffs of 0 are refused when it is checked,
    /// and so are empty reasons.
    fn without_base(&mut self, base_points: i32, characteristics: Vec<Characteristic>) -> Card {
        self.note("scorecard_id: name the scorecard".to_owned());
        self.note("cutoffs: say where groups A and B begin".to_owned());
        self.note("diagnosis: the numbers are those of the shipped scorecards".to_owned());
        self.note("priority: the work order has no terms".to_owned());
        Card {
            scorecard_id: "imported".to_owned(),
            base_points,
            cutoffs: Cutoffs { a: 0, b: 0 },
            cutoffs_by_stage: Default::default(),
            diagnosis: DiagnosisRule { low_below_permille: 450, known_from_permille: 80 },
            reason_points_min: 1,
            derived: Vec::new(),
            knock_outs: Vec::new(),
            characteristics,
            populations: Vec::new(),
            priority: Priority { base_points: 0, terms: Vec::new() },
            calibration: None,
        }
    }

    fn characteristic(&mut self, variable: &Variable, base: Option<&Card>) -> Characteristic {
        let mut known = base.iter().flat_map(|base| &base.characteristics);
        let known = known.find(|one| one.name == variable.name || one.feature == variable.name);
        let mut written = match known {
            Some(one) => {
                if one.weight_milli != 1_000 {
                    let weight = one.weight_milli;
                    self.note(format!("{}: weight_milli was {weight} and is 1000", one.name));
                }
                if one.bins.iter().any(|bin| bin.reason.is_some()) {
                    self.note(format!("{}: reasons of single bins were left out", one.name));
                }
                for special in &one.special {
                    let (name, value, label) = (&one.name, &special.value, &special.label);
                    self.note(format!("{name}: special value {value} ({label}) was left out"));
                }
                without_points(one.clone())
            }
            None => self.unknown_characteristic(variable),
        };
        let kind = written.kind.as_deref().and_then(Feature::custom_kind);
        let feature = Feature::find(&written.feature, kind);
        let Some((kind, has_unknown)) = feature.as_ref().map(Feature::kind) else {
            let line = variable.bins.first().map_or(1, |bin| bin.line);
            let message = format!("{:?} is no feature of docs/FEATURES.md", variable.name);
            self.find(line, message);
            return written;
        };
        let bins = self.bins(variable, kind, has_unknown);
        let Bins { missing, unknown, bins } = bins;
        if has_unknown && unknown.is_none() {
            self.note(format!("{}: unknown needs points; the table has none", written.name));
        }
        if missing.is_none() {
            self.note(format!("{}: missing needs points; the table has none", written.name));
        }
        if matches!(kind, FeatureKind::Text) {
            self.note(format!("{}: other needs points; the table has none", written.name));
        }
        (written.missing, written.unknown, written.bins) = (missing, unknown, bins);
        written
    }

    /// A characteristic of which only the name is known: a feature of that name, or an
    /// input of the caller's own.
    fn unknown_characteristic(&mut self, variable: &Variable) -> Characteristic {
        let name: String = variable.name.to_lowercase();
        let ranges = variable.bins.iter().flat_map(|bin| &bin.labels);
        let numbers = ranges.clone().any(|label| matches!(label, Label::Range(..)));
        let feature = Feature::find(&variable.name, None);
        let (feature_name, kind) = match &feature {
            Some(_) => (variable.name.clone(), None),
            None => {
                let kind = if numbers { "NUMBER" } else { "TEXT" };
                self.note(format!(
                    "{}: no feature has this name, so it is taken for a custom feature of kind \
                     {kind}",
                    variable.name
                ));
                (format!("{CUSTOM_PREFIX}{name}"), Some(kind.to_owned()))
            }
        };
        let protected = feature.as_ref().is_some_and(Feature::protected);
        let audience = feature.as_ref().map_or(Audience::Analyst, Feature::audience);
        self.note(format!(
            "{name}: give it a family and a dimension (custom and ABILITY hold the place) and \
             the text of its reason"
        ));
        Characteristic {
            reason: ReasonText {
                code: name.to_uppercase(),
                text: String::new(),
                audience,
                texts: Default::default(),
            },
            name,
            feature: feature_name,
            kind,
            family: Family::Custom,
            dimension: Dimension::Ability,
            weight_milli: 1_000,
            direction: None,
            protected,
            missing: None,
            unknown: None,
            other: None,
            special: Vec::new(),
            bins: Vec::new(),
        }
    }

    fn bins(&mut self, variable: &Variable, kind: FeatureKind, has_unknown: bool) -> Bins {
        let mut read = Bins::default();
        let (seen, ranges) = (BTreeSet::new(), Vec::new());
        let mut rows = Rows { of: &variable.name, kind, has_unknown, seen, ranges };
        for ForeignBin { line, labels, points } in &variable.bins {
            let points = points * self.sign;
            for label in labels {
                self.take((*line, label, points), &mut rows, &mut read);
            }
        }
        if let FeatureKind::Category(names) = kind {
            let lacking: Vec<&str> =
                names.iter().map(|name| name.0).filter(|name| !rows.seen.contains(*name)).collect();
            if !lacking.is_empty() {
                let (of, names) = (rows.of, lacking.join(", "));
                self.note(format!("{of}: other needs points, for {names}; the table has none"));
            }
        }
        if let FeatureKind::Number { scale } = kind {
            read.bins = self.ranges(rows.of, rows.ranges, scale);
        }
        read
    }

    /// Takes one label of a row with its points.
    fn take(
        &mut self,
        (line, label, points): (u64, &Label, i32),
        rows: &mut Rows<'_>,
        read: &mut Bins,
    ) {
        let of = rows.of;
        let is_number = matches!(rows.kind, FeatureKind::Number { .. });
        match label {
            Label::Missing => {
                if read.missing.replace(Points { points, locked: false }).is_some() {
                    self.find(line, format!("{of}: missing stands twice"));
                }
            }
            Label::Special(text) => self.note(format!(
                "line {line}: {of}: {text} ({points} points) was left out: single values with a \
                 meaning of their own are not read"
            )),
            Label::Range(from, to) if is_number => {
                rows.ranges.push((line, from.clone(), to.clone(), points));
            }
            Label::Range(..) => self.find(line, format!("{of}: the feature has no numbers")),
            Label::Categories(names) if is_number => self.note(format!(
                "line {line}: {of}: {} ({points} points) was left out: the feature is a number, and \
                 single values are not read",
                names.join(", ")
            )),
            Label::Categories(names) => {
                let mut is = Vec::new();
                for name in names {
                    if !rows.seen.insert(name.clone()) {
                        self.find(line, format!("{of}: {name:?} stands in two bins"));
                    } else if rows.has_unknown && name == "UNKNOWN" {
                        read.unknown = Some(Points { points, locked: false });
                    } else if self.is_category(name, rows.kind, (line, of)) {
                        is.push(name.clone());
                    }
                }
                if !is.is_empty() {
                    let (from, to, is) = (None, None, Some(is));
                    read.bins.push(Bin { from, to, is, points, locked: false, reason: None });
                }
            }
        }
    }

    fn is_category(&mut self, name: &str, kind: FeatureKind, (line, of): (u64, &str)) -> bool {
        let FeatureKind::Category(names) = kind else { return true };
        let known = names.iter().any(|entry| entry.0 == name);
        if !known {
            let names: Vec<&str> = names.iter().map(|entry| entry.0).collect();
            let message = format!("{of}: {name:?} is none of {}", names.join(", "));
            self.find(line, message);
        }
        known
    }

    /// Ranges in their order, each of which must begin where the one before it ends.
    fn ranges(&mut self, of: &str, mut ranges: Vec<RangeRow>, scale: i64) -> Vec<Bin> {
        ranges.sort_by_key(|range| range.1.as_deref().map(millionths));
        let mut bins: Vec<Bin> = Vec::new();
        let mut reached: Option<Option<String>> = None;
        for (line, from, to, points) in ranges {
            let begins =
                reached.as_ref().map_or(from.is_none(), |end| *end == from && from.is_some());
            if !begins {
                let message = format!("{of}: the range does not begin where the one before ends");
                self.find(line, message);
            }
            reached = Some(to.clone());
            let bound = |text: Option<String>| text.map(|text| at_least(&text, scale));
            let (from, to) = (bound(from), bound(to));
            if from.is_some() && from == to {
                self.note(format!(
                    "line {line}: {of}: no whole number lies in the range; left out"
                ));
                continue;
            }
            bins.push(Bin { from, to, is: None, points, locked: false, reason: None });
        }
        if let Some(Some(_)) = reached {
            let message = format!("{of}: no range goes on without an end");
            self.found.push(finding(message));
        }
        bins
    }
}

/// A number in millionths, to sort by; the table's decimals have been checked.
fn millionths(text: &str) -> i128 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let rest: String = rest.chars().chain("000000".chars()).take(6).collect();
    let digits = format!("{}{rest}", whole.trim_start_matches('-'));
    let number: i128 = digits.parse().unwrap_or(i128::MAX);
    if text.starts_with('-') { -number } else { number }
}

/// A threshold as a feature of this scale has it: "at least 2.50" of a whole number is
/// "at least 3".
fn at_least(text: &str, scale: i64) -> String {
    let number = millionths(text);
    if scale == 1 {
        return (-((-number).div_euclid(1_000_000))).to_string();
    }
    let sign = if number < 0 { "-" } else { "" };
    let (whole, rest) = (number.abs() / 1_000_000, number.abs() % 1_000_000);
    let rest = format!("{rest:06}");
    match rest.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        rest => format!("{sign}{whole}.{rest}"),
    }
}
