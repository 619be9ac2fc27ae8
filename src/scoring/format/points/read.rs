//! Reading a points table back. Rows may stand in any order; none may be missing.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::{
    BIN, CHARACTERISTIC, COLUMNS, DERIVED, KNOCK_OUT, MADE_OF, POPULATION, PopulationHead, SETTING,
    SPECIAL, TERM, TERM_BIN, TERM_SPECIAL, UNRANGED,
};
use crate::scoring::card::{
    Bin, Card, Characteristic, Cutoffs, Derived, DiagnosisRule, KnockOut, Points, Population,
    Priority, ReasonText, Special, Term,
};
use crate::scoring::format::FormatFinding;
use crate::scoring::format::sheet::{Row, Sheet, header, not_a_number, unguarded, unlist, whole};

/// Reads a table.
pub(in crate::scoring::format) fn read(text: &str) -> Result<Card, Vec<FormatFinding>> {
    // Without the header there are as many findings as cells, and all of them are one.
    let header = header(text);
    let known = COLUMNS.iter().filter(|name| header.contains(name)).count();
    if known < COLUMNS.len() / 2 && !text.trim().is_empty() {
        let message = format!(
            "is no header of a points table, whose first row is {}; `scorecard export --format \
             csv` writes one",
            COLUMNS.join(",")
        );
        return Err(vec![FormatFinding { line: Some(1), column: None, message }]);
    }
    let sheet = Sheet::read(text)?;
    let mut reader = Reader { places: Vec::new(), found: Vec::new(), last: 1 };
    for name in sheet.columns().filter(|name| !COLUMNS.contains(name)) {
        let known = COLUMNS.join(", ");
        reader.find(1, name, format!("is not a column of a points table; they are {known}"));
    }
    for name in COLUMNS {
        match sheet.column(name) {
            Some(at) => reader.places.push(Some(at)),
            // Tables that were written before there were populations have none.
            None if name == POPULATION => reader.places.push(None),
            None => reader.find(1, name, "the column is missing".to_owned()),
        }
    }
    if !reader.found.is_empty() {
        return Err(reader.found);
    }
    reader.last = sheet.rows.last().map_or(1, |row| row.line);
    let card = reader.card(&sheet);
    match card {
        Some(card) if reader.found.is_empty() => Ok(card),
        _ => Err(reader.found),
    }
}

struct Reader {
    /// Where each of the columns is, if it is there.
    places: Vec<Option<usize>>,
    found: Vec<FormatFinding>,
    last: u64,
}

/// A part of the scorecard with its rows.
struct Part<'a> {
    row: &'a Row,
    bins: Vec<&'a Row>,
}

/// The bins of a part.
struct Bins {
    unranged: [Option<Points>; 3],
    bins: Vec<Bin>,
    special: Vec<Special>,
}

/// Characteristics and terms by their place, the former after that of their population, 0
/// for those of the scorecard itself.
type Rows<'a> = BTreeMap<(i32, i32), Part<'a>>;

/// The parts of the scorecard, in their order.
struct Parts {
    populations: Vec<Population>,
    derived: Vec<Derived>,
    knock_outs: Vec<KnockOut>,
    characteristics: Vec<Option<Characteristic>>,
    terms: Vec<Option<Term>>,
}

impl Reader {
    fn find(&mut self, line: u64, column: &str, message: String) {
        let column = Some(column.to_owned());
        self.found.push(FormatFinding { line: Some(line), column, message });
    }

    fn cell<'a>(&self, row: &'a Row, column: &str) -> &'a str {
        let at = COLUMNS.iter().position(|known| *known == column);
        self.places[at.expect("a column of the table")].map_or("", |at| row.cell(at))
    }

    fn text(&self, row: &Row, column: &str) -> String {
        unguarded(self.cell(row, column)).to_owned()
    }

    fn number(&mut self, row: &Row, column: &str) -> Option<i32> {
        let text = self.cell(row, column).trim();
        let read = match text {
            "" => Err("must be given".to_owned()),
            text => whole(text),
        };
        read.map_err(|why| self.find(row.line, column, why)).ok()
    }

    /// The entry of an enum by its word.
    fn word<T: DeserializeOwned>(&mut self, row: &Row, column: &str) -> Option<T> {
        let text = self.cell(row, column).trim();
        let read = serde_json::from_value(serde_json::Value::String(text.to_owned()));
        read.map_err(|error| self.find(row.line, column, error.to_string())).ok()
    }

    /// A part that stands in one cell as it is stored.
    fn json<T: DeserializeOwned>(&mut self, row: &Row, column: &str) -> Option<T> {
        let read = serde_json::from_str(unguarded(self.cell(row, column).trim()));
        read.map_err(|error| self.find(row.line, column, error.to_string())).ok()
    }

    fn card(&mut self, sheet: &Sheet) -> Option<Card> {
        let mut derived: BTreeMap<i32, Derived> = BTreeMap::new();
        let mut knock_outs: BTreeMap<i32, KnockOut> = BTreeMap::new();
        let mut settings: BTreeMap<String, &Row> = BTreeMap::new();
        let mut populations: BTreeMap<i32, PopulationHead> = BTreeMap::new();
        let mut parts: [Rows<'_>; 2] = Default::default();
        for row in &sheet.rows {
            let kind = self.cell(row, "row").trim();
            match kind {
                SETTING => {
                    let name = self.text(row, "name");
                    if settings.insert(name.clone(), row).is_some() {
                        self.find(row.line, "name", format!("the setting {name} stands twice"));
                    }
                }
                CHARACTERISTIC | TERM => {
                    let Some(place) = self.place(row) else { continue };
                    let part = Part { row, bins: Vec::new() };
                    if parts[usize::from(kind == TERM)].insert(place, part).is_some() {
                        let message = format!("two rows {kind} have the number {}", place.1);
                        self.find(row.line, "no", message);
                    }
                }
                POPULATION => self.stored(row, POPULATION, &mut populations, |one| &one.name),
                DERIVED => self.stored(row, DERIVED, &mut derived, |one| &one.name),
                KNOCK_OUT => self.stored(row, KNOCK_OUT, &mut knock_outs, |one| &one.name),
                BIN | SPECIAL | TERM_BIN | TERM_SPECIAL => {}
                _ => {
                    let known = [SETTING, DERIVED, KNOCK_OUT, CHARACTERISTIC, BIN, SPECIAL];
                    let more = [POPULATION, TERM, TERM_BIN, TERM_SPECIAL];
                    let known = [&known[..], &more[..]].concat().join(", ");
                    self.find(row.line, "row", format!("{kind:?} is none of {known}"));
                }
            }
        }
        self.lay_out_bins(sheet, &mut parts);
        let [characteristics, terms] = parts;
        let mut own: BTreeMap<i32, Vec<Option<Characteristic>>> = BTreeMap::new();
        for ((population, _), part) in &characteristics {
            if *population != 0 && !populations.contains_key(population) {
                let message = format!("no row {POPULATION} has the number {population}");
                self.find(part.row.line, POPULATION, message);
            }
            let one = self.characteristic(part);
            own.entry(*population).or_default().push(one);
        }
        let characteristics = own.remove(&0).unwrap_or_default();
        let populations = populations.into_iter().filter_map(|(no, head)| {
            let PopulationHead { name, when, base_points } = head;
            let own = own.remove(&no).unwrap_or_default();
            let characteristics = own.into_iter().collect::<Option<_>>()?;
            Some(Population { name, when, base_points, characteristics })
        });
        let populations = populations.collect();
        let terms = terms.values().map(|part| self.term(part)).collect();
        let derived = derived.into_values().collect();
        let knock_outs = knock_outs.into_values().collect();
        let parts = Parts { populations, derived, knock_outs, characteristics, terms };
        self.assemble(settings, parts)
    }

    /// The place of a characteristic or a term, after that of its population.
    fn place(&mut self, row: &Row) -> Option<(i32, i32)> {
        let population = match self.cell(row, POPULATION).trim() {
            "" => Some(0),
            _ => self.number(row, POPULATION),
        };
        population.zip(self.number(row, "no"))
    }

    /// A part that stands in one cell, beside its name.
    fn stored<T: DeserializeOwned>(
        &mut self,
        row: &Row,
        kind: &str,
        all: &mut BTreeMap<i32, T>,
        name_of: fn(&T) -> &String,
    ) {
        let (no, read) = (self.number(row, "no"), self.json::<T>(row, "value"));
        let Some((no, one)) = no.zip(read) else { return };
        let (name, own) = (self.text(row, "name"), name_of(&one));
        if name != *own {
            self.find(row.line, "name", format!("is {name:?}; the value has {own:?}"));
        }
        if all.insert(no, one).is_some() {
            self.find(row.line, "no", format!("two rows {kind} have the number {no}"));
        }
    }

    /// Gives each bin to its part, which it must name rightly.
    fn lay_out_bins<'a>(&mut self, sheet: &'a Sheet, parts: &mut [Rows<'a>; 2]) {
        for row in &sheet.rows {
            let kind = self.cell(row, "row").trim();
            let Some(at) = MADE_OF.iter().position(|kinds| kinds.contains(&kind)) else {
                continue;
            };
            let Some(place) = self.place(row) else { continue };
            let no = place.1;
            let Some(part) = parts[at].get_mut(&place) else {
                let of = [CHARACTERISTIC, TERM][at];
                self.find(row.line, "no", format!("no row {of} has the number {no}"));
                continue;
            };
            let (own, of) = (self.text(row, "name"), self.text(part.row, "name"));
            if own != of {
                self.find(row.line, "name", format!("is {own:?}; number {no} is {of:?}"));
            }
            part.bins.push(row);
        }
    }

    fn assemble(
        &mut self,
        mut settings: BTreeMap<String, &Row>,
        Parts { populations, derived, knock_outs, characteristics, terms }: Parts,
    ) -> Option<Card> {
        let last = self.last;
        let calibration = settings.remove("calibration").and_then(|row| self.json(row, "value"));
        let scorecard_id = match settings.remove("scorecard_id") {
            Some(row) => Some(self.text(row, "value")),
            None => {
                self.find(last, "name", "the setting scorecard_id is missing".to_owned());
                None
            }
        };
        let mut number = |name: &str| match settings.remove(name) {
            Some(row) => self.number(row, "value"),
            None => {
                self.find(last, "name", format!("the setting {name} is missing"));
                None
            }
        };
        let base_points = number("base_points");
        let cutoffs = (number("cutoffs.a"), number("cutoffs.b"));
        let diagnosis =
            (number("diagnosis.low_below_permille"), number("diagnosis.known_from_permille"));
        let reason_points_min = number("reason_points_min");
        let priority_base_points = number("priority.base_points");
        let cutoffs_by_stage = self.cutoffs_by_stage(settings);
        Some(Card {
            scorecard_id: scorecard_id?,
            base_points: base_points?,
            cutoffs: Cutoffs { a: cutoffs.0?, b: cutoffs.1? },
            cutoffs_by_stage,
            diagnosis: DiagnosisRule {
                low_below_permille: diagnosis.0?,
                known_from_permille: diagnosis.1?,
            },
            reason_points_min: reason_points_min?,
            derived,
            knock_outs,
            characteristics: characteristics.into_iter().collect::<Option<_>>()?,
            populations,
            priority: Priority {
                base_points: priority_base_points?,
                terms: terms.into_iter().collect::<Option<_>>()?,
            },
            calibration,
        })
    }

    /// The settings that are left: cutoffs of single stages, and nothing else.
    fn cutoffs_by_stage(&mut self, settings: BTreeMap<String, &Row>) -> BTreeMap<String, Cutoffs> {
        let mut by_stage: BTreeMap<String, [Option<i32>; 2]> = BTreeMap::new();
        for (name, row) in settings {
            let stage = name.strip_prefix("cutoffs_by_stage.");
            match stage.and_then(|rest| rest.rsplit_once('.')) {
                Some((stage, letter @ ("a" | "b"))) => {
                    let at = usize::from(letter == "b");
                    by_stage.entry(stage.to_owned()).or_default()[at] = self.number(row, "value");
                }
                _ => self.find(row.line, "name", format!("{name:?} is no setting")),
            }
        }
        let mut cutoffs = BTreeMap::new();
        for (stage, ab) in by_stage {
            let [Some(a), Some(b)] = ab else {
                let message = format!("cutoffs_by_stage.{stage} needs an a and a b");
                self.find(self.last, "name", message);
                continue;
            };
            cutoffs.insert(stage, Cutoffs { a, b });
        }
        cutoffs
    }

    fn characteristic(&mut self, part: &Part<'_>) -> Option<Characteristic> {
        let row = part.row;
        let (family, dimension) = (self.word(row, "family"), self.word(row, "dimension"));
        let weight_milli = self.number(row, "weight_milli");
        let direction = match self.cell(row, "direction").trim() {
            "" => None,
            _ => self.word(row, "direction"),
        };
        let protected = self.answer(row, "protected");
        let reason = self.reason(row);
        if reason.is_none() {
            self.find(row.line, "reason_code", "must be given".to_owned());
        }
        let Bins { unranged: [missing, unknown, other], bins, special } = self.bins(part);
        Some(Characteristic {
            name: self.text(row, "name"),
            feature: self.text(row, "feature"),
            kind: Some(self.text(row, "kind")).filter(|kind| !kind.is_empty()),
            family: family?,
            dimension: dimension?,
            weight_milli: weight_milli?,
            direction,
            protected: protected?,
            reason: reason?,
            missing,
            unknown,
            other,
            special,
            bins,
        })
    }

    fn term(&mut self, part: &Part<'_>) -> Option<Term> {
        let row = part.row;
        let protected = self.answer(row, "protected");
        let below = match self.cell(row, "below_days").trim() {
            "" => None,
            _ => self.number(row, "below_days"),
        };
        let Bins { unranged: [missing, unknown, other], bins, special } = self.bins(part);
        Some(Term {
            term: self.text(row, "name"),
            feature: self.text(row, "feature"),
            kind: Some(self.text(row, "kind")).filter(|kind| !kind.is_empty()),
            only_below_days_past_due: below,
            protected: protected?,
            missing,
            unknown,
            other,
            special,
            bins,
        })
    }

    fn answer(&mut self, row: &Row, column: &str) -> Option<bool> {
        match self.cell(row, column).trim() {
            "YES" => Some(true),
            "NO" => Some(false),
            other => {
                self.find(row.line, column, format!("{other:?} must be YES or NO"));
                None
            }
        }
    }

    /// Points are free where nothing is said.
    fn locked(&mut self, row: &Row) -> bool {
        let is_said = !self.cell(row, "locked").trim().is_empty();
        is_said && self.answer(row, "locked").unwrap_or(false)
    }

    fn reason(&mut self, row: &Row) -> Option<ReasonText> {
        let columns = ["reason_code", "reason_text", "reason_audience", "reason_texts"];
        if columns.iter().all(|column| self.cell(row, column).trim().is_empty()) {
            return None;
        }
        let texts = match self.cell(row, "reason_texts").trim() {
            "" => Some(BTreeMap::new()),
            _ => self.json(row, "reason_texts"),
        };
        Some(ReasonText {
            code: self.text(row, "reason_code"),
            text: self.text(row, "reason_text"),
            audience: self.word(row, "reason_audience")?,
            texts: texts?,
        })
    }

    fn bins(&mut self, part: &Part<'_>) -> Bins {
        let mut unranged = [None; 3];
        let mut bins: BTreeMap<i32, Bin> = BTreeMap::new();
        let mut special: BTreeMap<i32, Special> = BTreeMap::new();
        for row in &part.bins {
            let points = self.number(row, "points");
            let locked = self.locked(row);
            let name = self.cell(row, "bin").trim();
            let mut twice = false;
            if [SPECIAL, TERM_SPECIAL].contains(&self.cell(row, "row").trim()) {
                if let Some(no) = self.number(row, "bin") {
                    let one = self.special(row, points.unwrap_or(0), locked);
                    twice = special.insert(no, one).is_some();
                }
            } else if let Some(at) = UNRANGED.iter().position(|known| *known == name) {
                twice = unranged[at].is_some();
                unranged[at] = points.map(|points| Points { points, locked });
            } else if let Some(no) = self.number(row, "bin") {
                let bin = Bin {
                    from: self.bound(row, "from"),
                    to: self.bound(row, "to"),
                    is: Some(self.cell(row, "is")).filter(|cell| !cell.is_empty()).map(unlist),
                    points: points.unwrap_or(0),
                    locked,
                    reason: self.reason(row),
                };
                twice = bins.insert(no, bin).is_some();
            }
            if twice {
                self.find(row.line, "bin", format!("bin {name} stands twice"));
            }
        }
        let (bins, special) = (bins.into_values().collect(), special.into_values().collect());
        Bins { unranged, bins, special }
    }

    fn special(&mut self, row: &Row, points: i32, locked: bool) -> Special {
        let value = self.bound(row, "value");
        if value.is_none() {
            self.find(row.line, "value", "must be given".to_owned());
        }
        let (label, reason) = (self.text(row, "label"), self.reason(row));
        Special { value: value.unwrap_or_default(), points, locked, label, reason }
    }

    fn bound(&mut self, row: &Row, column: &str) -> Option<String> {
        let text = unguarded(self.cell(row, column).trim());
        if text.is_empty() {
            return None;
        }
        if let Some(why) = not_a_number(text) {
            self.find(row.line, column, why);
        }
        Some(text.to_owned())
    }
}
