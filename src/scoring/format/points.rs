//! The points table: one row a bin, and rows of their own for everything else, so that a
//! round trip through a spreadsheet resets nothing.

mod read;

use csv::Writer;
use serde::{Deserialize, Serialize};

use super::FormatFinding;
use super::sheet::{guarded, list};
use crate::scoring::card::{
    Bin, Card, Characteristic, Condition, Cutoffs, Derived, DiagnosisRule, KnockOut, Points,
    Population, Priority, ReasonText, Special, Term,
};

pub(super) use read::read;

/// The columns, in their order.
const COLUMNS: [&str; 24] = [
    "row",
    "name",
    "value",
    "no",
    POPULATION,
    "feature",
    "kind",
    "family",
    "dimension",
    "weight_milli",
    "direction",
    "protected",
    "below_days",
    "bin",
    "from",
    "to",
    "is",
    "label",
    "points",
    "locked",
    "reason_code",
    "reason_text",
    "reason_audience",
    "reason_texts",
];

/// What a row speaks of.
const SETTING: &str = "setting";
const CHARACTERISTIC: &str = "characteristic";
const BIN: &str = "bin";
const SPECIAL: &str = "special";
const TERM: &str = "term";
const TERM_BIN: &str = "term_bin";
const TERM_SPECIAL: &str = "term_special";
const KNOCK_OUT: &str = "knock_out";
const DERIVED: &str = "derived";
/// Also the column that says of which population a characteristic is, by its place; empty
/// in those of the scorecard itself, and a table may lack it.
const POPULATION: &str = "population";

/// The rows of which a part is made: those of characteristics, and of terms.
const MADE_OF: [[&str; 2]; 2] = [[BIN, SPECIAL], [TERM_BIN, TERM_SPECIAL]];

/// A population but for its characteristics, which are rows.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PopulationHead {
    name: String,
    when: Vec<Condition>,
    base_points: i32,
}

/// A row while it is filled: cells by the name of their column.
#[derive(Default)]
struct Cells(Vec<(&'static str, String)>);

impl Cells {
    fn of(row: &'static str, name: &str) -> Cells {
        Cells(vec![("row", row.to_owned()), ("name", guarded(name))])
    }

    fn with(mut self, column: &'static str, text: impl ToString) -> Cells {
        self.0.push((column, text.to_string()));
        self
    }

    fn with_reason(self, reason: Option<&ReasonText>) -> Cells {
        let Some(ReasonText { code, text, audience, texts }) = reason else { return self };
        let told = self.with("reason_code", guarded(code)).with("reason_text", guarded(text));
        let told = told.with("reason_audience", word(audience));
        if texts.is_empty() { told } else { told.with("reason_texts", json(texts)) }
    }

    fn with_points(self, points: i32, locked: bool) -> Cells {
        let cells = self.with("points", points);
        if locked { cells.with("locked", answer(true)) } else { cells }
    }
}

/// The word of an enum, as YAML has it.
fn word(of: &impl Serialize) -> String {
    let value = serde_json::to_value(of).expect("a plain enum is a text");
    value.as_str().unwrap_or_default().to_owned()
}

/// A part of a scorecard that no row of cells fits, as it is stored.
fn json(of: &impl Serialize) -> String {
    serde_json::to_string(of).expect("a scorecard has text keys only")
}

/// Writes the table.
pub(super) fn write(card: &Card) -> Result<String, Vec<FormatFinding>> {
    let rows = rows(card);
    let mut writer = Writer::from_writer(Vec::new());
    let mut put = |cells: Vec<String>| writer.write_record(&cells);
    let cells = |row: &Cells| -> Vec<String> {
        let cell = |column: &&str| row.0.iter().find(|cell| cell.0 == *column);
        COLUMNS
            .iter()
            .map(|column| cell(column).map_or_else(String::new, |one| one.1.clone()))
            .collect()
    };
    let written = put(COLUMNS.map(str::to_owned).to_vec())
        .and_then(|()| rows.iter().try_for_each(|row| put(cells(row))));
    written.map_err(|error| vec![super::finding(error)])?;
    let bytes = writer.into_inner().map_err(|error| vec![super::finding(error)])?;
    String::from_utf8(bytes).map_err(|error| vec![super::finding(error)])
}

fn rows(card: &Card) -> Vec<Cells> {
    let Card {
        scorecard_id,
        base_points,
        cutoffs,
        cutoffs_by_stage,
        diagnosis: DiagnosisRule { low_below_permille, known_from_permille },
        reason_points_min,
        derived,
        knock_outs,
        characteristics,
        populations,
        priority: Priority { base_points: priority_base_points, terms },
        calibration,
    } = card;
    let setting = |name: &str, value: String| Cells::of(SETTING, name).with("value", value);
    let mut rows = vec![
        setting("scorecard_id", guarded(scorecard_id)),
        setting("base_points", base_points.to_string()),
    ];
    let mut put_cutoffs = |name: &str, Cutoffs { a, b }: &Cutoffs| {
        rows.push(setting(&format!("{name}.a"), a.to_string()));
        rows.push(setting(&format!("{name}.b"), b.to_string()));
    };
    put_cutoffs("cutoffs", cutoffs);
    for (stage, cutoffs) in cutoffs_by_stage {
        put_cutoffs(&format!("cutoffs_by_stage.{stage}"), cutoffs);
    }
    for (name, value) in [
        ("diagnosis.low_below_permille", low_below_permille),
        ("diagnosis.known_from_permille", known_from_permille),
        ("reason_points_min", reason_points_min),
        ("priority.base_points", priority_base_points),
    ] {
        rows.push(setting(name, value.to_string()));
    }
    if let Some(calibration) = calibration {
        rows.push(setting("calibration", json(calibration)));
    }
    for (at, one) in derived.iter().enumerate() {
        rows.push(own(at + 1, one));
    }
    for (at, one) in knock_outs.iter().enumerate() {
        rows.push(knock_out(at + 1, one));
    }
    for (at, one) in characteristics.iter().enumerate() {
        put_characteristic((at + 1, None), one, &mut rows);
    }
    for (at, one) in populations.iter().enumerate() {
        put_population(at + 1, one, &mut rows);
    }
    for (at, one) in terms.iter().enumerate() {
        put_term(at + 1, one, &mut rows);
    }
    rows
}

/// Yes or no as a cell that no spreadsheet translates.
fn answer(yes: bool) -> &'static str {
    if yes { "YES" } else { "NO" }
}

fn own(no: usize, one: &Derived) -> Cells {
    Cells::of(DERIVED, &one.name).with("no", no).with("value", json(one))
}

fn knock_out(no: usize, one: &KnockOut) -> Cells {
    Cells::of(KNOCK_OUT, &one.name).with("no", no).with("value", json(one))
}

fn put_population(no: usize, one: &Population, rows: &mut Vec<Cells>) {
    let Population { name, when, base_points, characteristics } = one;
    let (base_points, when) = (*base_points, when.clone());
    let head = PopulationHead { name: name.clone(), when, base_points };
    rows.push(Cells::of(POPULATION, name).with("no", no).with("value", json(&head)));
    for (at, one) in characteristics.iter().enumerate() {
        put_characteristic((at + 1, Some(no)), one, rows);
    }
}

/// The rows of a characteristic, which is of a population or of the scorecard itself.
fn put_characteristic(
    (no, population): (usize, Option<usize>),
    one: &Characteristic,
    rows: &mut Vec<Cells>,
) {
    let first = rows.len();
    let Characteristic {
        name,
        feature,
        kind,
        family,
        dimension,
        weight_milli,
        direction,
        protected,
        reason,
        missing,
        unknown,
        other,
        special,
        bins,
    } = one;
    let row = Cells::of(CHARACTERISTIC, name)
        .with("no", no)
        .with("feature", guarded(feature))
        .with("kind", kind.as_deref().map(guarded).unwrap_or_default())
        .with("family", word(family))
        .with("dimension", word(dimension))
        .with("weight_milli", weight_milli)
        .with("direction", direction.as_ref().map(word).unwrap_or_default())
        .with("protected", answer(*protected))
        .with_reason(Some(reason));
    rows.push(row);
    put_bins((BIN, name, no), [*missing, *unknown, *other], bins, rows);
    put_special((SPECIAL, name, no), special, rows);
    for (row, population) in rows[first..].iter_mut().zip(std::iter::repeat(population)) {
        row.0.extend(population.map(|no| (POPULATION, no.to_string())));
    }
}

fn put_term(no: usize, one: &Term, rows: &mut Vec<Cells>) {
    let Term {
        term,
        feature,
        kind,
        only_below_days_past_due,
        protected,
        missing,
        unknown,
        other,
        special,
        bins,
    } = one;
    let days = only_below_days_past_due.map_or_else(String::new, |days| days.to_string());
    let row = Cells::of(TERM, term)
        .with("no", no)
        .with("feature", guarded(feature))
        .with("kind", kind.as_deref().map(guarded).unwrap_or_default())
        .with("protected", answer(*protected))
        .with("below_days", days);
    rows.push(row);
    put_bins((TERM_BIN, term, no), [*missing, *unknown, *other], bins, rows);
    put_special((TERM_SPECIAL, term, no), special, rows);
}

/// The bins that have no range of their own.
const UNRANGED: [&str; 3] = ["missing", "unknown", "other"];

fn put_bins(
    (row, name, no): (&'static str, &str, usize),
    unranged: [Option<Points>; 3],
    bins: &[Bin],
    rows: &mut Vec<Cells>,
) {
    for (bin, points) in UNRANGED.into_iter().zip(unranged) {
        let Some(Points { points, locked }) = points else { continue };
        let cells = Cells::of(row, name).with("no", no).with("bin", bin);
        rows.push(cells.with_points(points, locked));
    }
    for (at, Bin { from, to, is, points, locked, reason }) in bins.iter().enumerate() {
        let bound = |text: &Option<String>| text.clone().unwrap_or_default();
        let cells = Cells::of(row, name)
            .with("no", no)
            .with("bin", at + 1)
            .with("from", bound(from))
            .with("to", bound(to))
            .with("is", is.as_deref().map(list).unwrap_or_default())
            .with_points(*points, *locked);
        rows.push(cells.with_reason(reason.as_ref()));
    }
}

fn put_special(
    (row, name, no): (&'static str, &str, usize),
    special: &[Special],
    rows: &mut Vec<Cells>,
) {
    for (at, Special { value, points, locked, label, reason }) in special.iter().enumerate() {
        let cells = Cells::of(row, name)
            .with("no", no)
            .with("bin", at + 1)
            .with("value", value)
            .with("label", guarded(label))
            .with_points(*points, *locked);
        rows.push(cells.with_reason(reason.as_ref()));
    }
}
