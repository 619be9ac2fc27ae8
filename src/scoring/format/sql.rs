//! A scorecard as a query: what ranks, over a table with a row a case and a column a
//! feature. The text is for other people's databases; nothing here runs it.

mod derived;
mod number;

use std::collections::BTreeSet;
use std::fmt::Write;

use super::FormatFinding;
use crate::model::{RankingSettings, Stage};
use crate::scoring::bins::{Bins, FIRST, MISSING, OTHER, UNKNOWN};
use crate::scoring::card::{self, Card, Cutoffs};
use crate::scoring::compile::{Compiled, CompiledCharacteristic, Condition, KnockOut};
use crate::scoring::feature::{Feature, FeatureKind};
use derived::Steps;
use number::Number;

/// The words of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// PostgreSQL cuts longer names off.
const POSTGRES_NAME_BYTES_MAX: usize = 63;

/// Writes the query. A value that no case can have (a category that the feature does not
/// know, a text where a number belongs) gives no score and no group rather than a wrong
/// one.
pub(super) fn write(
    card: &Card,
    compiled: &Compiled,
    dialect: Dialect,
    settings: &RankingSettings,
) -> Result<String, Vec<FormatFinding>> {
    let parts = parts(card, compiled);
    let mut found: Vec<FormatFinding> = Vec::new();
    let own = parts.iter().flat_map(|part| part.active().map(|(name, _)| name));
    let of_parts = parts.iter().flat_map(|part| part.conditions.iter().map(|(name, _)| *name));
    let of_rules = conditions(card, compiled).map(|(name, _)| name);
    let looked_at: Vec<&str> = own.chain(of_parts).chain(of_rules).collect();
    let steps = Steps::new(&compiled.derived, looked_at.iter().copied());
    let columns = looked_at.iter().map(|name| (*name).to_owned()).chain(steps.columns());
    let columns: BTreeSet<String> = columns.filter(|_| dialect == Dialect::Postgres).collect();
    for name in columns {
        if name.len() > POSTGRES_NAME_BYTES_MAX {
            let message = format!(
                "{name:?} has {} bytes; a column of PostgreSQL has at most \
                 {POSTGRES_NAME_BYTES_MAX}",
                name.len()
            );
            found.push(super::finding(message));
        }
    }
    if !found.is_empty() {
        return Err(found);
    }
    let mut text = head(card, compiled, dialect);
    let (before, table) = steps.write(dialect);
    let _ = writeln!(text, "WITH {before}summed AS (\n  SELECT features.*,");
    match parts.as_slice() {
        [main] => text.push_str(&sum(main, dialect)),
        parts => text.push_str(&sums(parts, dialect)),
    }
    for guard in steps.guards(dialect) {
        let _ = writeln!(text, "    + {guard}");
    }
    let _ = writeln!(
        text,
        "    AS score_sum\n  FROM {table}\n),\nscored AS (\n  SELECT summed.*,\n    CASE"
    );
    if let Some(rules) = rules(card, compiled, dialect) {
        text.push_str(&rules);
    }
    text.push_str(
        "    WHEN score_sum < 0 THEN 0 WHEN score_sum > 1000 THEN 1000 ELSE score_sum END\n    \
         AS recovery_score\n  FROM summed\n)\nSELECT scored.*,\n",
    );
    let _ = writeln!(text, "  {}\n    AS recovery_group\nFROM scored;", group(compiled, settings));
    Ok(text)
}

fn head(card: &Card, compiled: &Compiled, dialect: Dialect) -> String {
    let of = match dialect {
        Dialect::Sqlite => "SQLite",
        Dialect::Postgres => "PostgreSQL",
    };
    let mut text = format!(
        "-- Scorecard {}, BLAKE3 {}, for {of}.\n\
         -- It reads a table or view named features: a row a case and a column a feature,\n\
         -- named like the features of docs/FEATURES.md. NULL is what nobody told, 'UNKNOWN'\n\
         -- what was asked and is unknown; numbers of one's own have a point, and are compared\n\
         -- in millionths, to the nearest of which the service rounds them.\n",
        card.scorecard_id,
        blake3::Hash::from(card.content_hash()).to_hex()
    );
    for one in compiled.all_characteristics().filter(|one| !one.active) {
        let _ = writeln!(text, "-- {} is a protected input and off.", one.name);
    }
    for one in compiled.populations.iter().filter(|one| !one.active) {
        let _ = writeln!(text, "-- {} looks at a protected input that is off.", one.name);
    }
    for rule in compiled.knock_outs.iter().filter(|rule| !rule.active) {
        let _ = writeln!(text, "-- {} looks at a protected input that is off.", rule.name);
    }
    text
}

/// The points by which some of the cases are ranked.
struct Part<'a> {
    /// The population; empty where it is the scorecard itself.
    name: &'a str,
    /// What must hold, each with the name of its feature.
    conditions: Vec<(&'a str, &'a Condition)>,
    base_points: i32,
    /// Each with the name of its feature.
    characteristics: Vec<(&'a str, &'a CompiledCharacteristic)>,
}

impl<'a> Part<'a> {
    fn active(&self) -> impl Iterator<Item = (&'a str, &'a CompiledCharacteristic)> {
        self.characteristics.iter().copied().filter(|(_, one)| one.active)
    }
}

/// The populations that count, in their order, then the scorecard itself.
fn parts<'a>(card: &'a Card, compiled: &'a Compiled) -> Vec<Part<'a>> {
    let populations = card.populations.iter().zip(&compiled.populations);
    let populations = populations.filter(|(_, one)| one.active).map(|(written, one)| Part {
        name: &one.name,
        conditions: named(&written.when, &one.conditions).collect(),
        base_points: one.base_points,
        characteristics: of_features(&written.characteristics, &one.characteristics),
    });
    let main = Part {
        name: "",
        conditions: Vec::new(),
        base_points: compiled.base_points,
        characteristics: of_features(&card.characteristics, &compiled.characteristics),
    };
    populations.chain([main]).collect()
}

fn of_features<'a>(
    written: &'a [card::Characteristic],
    compiled: &'a [CompiledCharacteristic],
) -> Vec<(&'a str, &'a CompiledCharacteristic)> {
    written.iter().map(|one| one.feature.as_str()).zip(compiled).collect()
}

fn named<'a>(
    written: &'a [card::Condition],
    compiled: &'a [Condition],
) -> impl Iterator<Item = (&'a str, &'a Condition)> {
    written.iter().map(|one| one.feature.as_str()).zip(compiled)
}

/// The sum of the points, a line a characteristic.
fn sum(part: &Part<'_>, dialect: Dialect) -> String {
    let mut text = format!("    {}\n", part.base_points);
    for (name, one) in part.active() {
        let _ = writeln!(text, "    -- {}", one.name);
        let _ = writeln!(text, "    + {}", case(name, one, dialect));
    }
    text
}

/// Which population a case is of, and the sum of its points. Where a condition looks at a
/// value that no case can have there is none.
fn sums(parts: &[Part<'_>], dialect: Dialect) -> String {
    let all = || parts.iter().flat_map(|part| &part.conditions);
    let impossible: BTreeSet<String> = all()
        .filter_map(|(name, one)| {
            impossible_value(&quoted("features", name), &one.feature, dialect)
        })
        .collect();
    let whens = |of: &dyn Fn(&Part<'_>) -> String| {
        let mut text = "    CASE\n".to_owned();
        for condition in &impossible {
            let _ = writeln!(text, "    WHEN {condition} THEN NULL");
        }
        for part in parts {
            let conditions = part.conditions.iter();
            let conditions = conditions
                .map(|(name, one)| condition(&quoted("features", name), one, dialect))
                .collect::<Vec<_>>();
            let _ = match conditions.is_empty() {
                true => writeln!(text, "    ELSE\n{}    END", of(part)),
                false => writeln!(text, "    WHEN {} THEN\n{}", conditions.join(" AND "), of(part)),
            };
        }
        text
    };
    let names = whens(&|part| format!("    {}\n", literal(part.name)));
    format!("{names}    AS population,\n{}", whens(&|part| sum(part, dialect)))
}

/// A column. Its table stands before it: SQLite takes a quoted name that is no column for
/// a text.
fn quoted(table: &str, name: &str) -> String {
    format!("{table}.\"{}\"", name.replace('"', "\"\""))
}

/// A text as a literal.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What a characteristic adds.
fn case(name: &str, one: &CompiledCharacteristic, dialect: Dialect) -> String {
    let column = quoted("features", name);
    let points = |code: u8| one.by_code[usize::from(code)].contribution;
    let (kind, has_unknown) = one.feature.kind();
    let mut text = format!("CASE WHEN {column} IS NULL THEN {}", points(MISSING));
    match (&one.bins, kind) {
        (Bins::Ranges(ranges), FeatureKind::Number { scale }) => {
            if dialect == Dialect::Sqlite {
                let _ = write!(text, " WHEN typeof({column}) NOT IN ('integer', 'real') THEN NULL");
            }
            let number = Number::of(&column, &one.feature, scale, dialect);
            for (special, code) in ranges.special() {
                let _ = write!(text, " WHEN {} THEN {}", number.is(*special), points(*code));
            }
            let starts = ranges.starts();
            for (code, start) in (FIRST..).zip(starts) {
                let _ = write!(text, " WHEN {} THEN {}", number.below(*start), points(code));
            }
            let last = FIRST + u8::try_from(starts.len()).expect("bins are at most 200");
            let _ = write!(text, " ELSE {} END", points(last));
        }
        (Bins::Categories(codes), FeatureKind::Category(names)) => {
            if has_unknown {
                let _ = write!(text, " WHEN {column} = 'UNKNOWN' THEN {}", points(UNKNOWN));
            }
            let by_code = names.iter().map(|(name, number)| {
                let at = usize::try_from(*number).expect("categories have numbers from 0");
                (codes[at], *name)
            });
            listed(&mut text, &column, by_code, points);
            text.push_str(" ELSE NULL END");
        }
        (Bins::Texts(texts), _) => {
            let by_code = texts.iter().map(|(text, code)| (*code, text.as_ref()));
            listed(&mut text, &column, by_code, points);
            let _ = write!(text, " ELSE {} END", points(OTHER));
        }
        _ => text.push_str(" ELSE NULL END"),
    }
    text
}

/// The knock-out rules that count.
fn active_rules<'a>(
    card: &'a Card,
    compiled: &'a Compiled,
) -> impl Iterator<Item = (&'a card::KnockOut, &'a KnockOut)> {
    card.knock_outs.iter().zip(&compiled.knock_outs).filter(|(_, rule)| rule.active)
}

/// What the knock-out rules that count look at, by the name of its feature.
fn conditions<'a>(
    card: &'a Card,
    compiled: &'a Compiled,
) -> impl Iterator<Item = (&'a str, &'a Condition)> {
    active_rules(card, compiled).flat_map(|(written, rule)| named(&written.when, &rule.conditions))
}

/// The knock-out rules in their order: the first that matches decides the score. Where
/// the points give none, or a rule looks at a value that no case can have, there is none.
fn rules(card: &Card, compiled: &Compiled, dialect: Dialect) -> Option<String> {
    let impossible: BTreeSet<String> = conditions(card, compiled)
        .filter_map(|(name, one)| impossible_value(&quoted("summed", name), &one.feature, dialect))
        .collect();
    active_rules(card, compiled).next()?;
    let mut text = "    WHEN score_sum IS NULL THEN NULL\n".to_owned();
    for condition in impossible {
        let _ = writeln!(text, "    WHEN {condition} THEN NULL");
    }
    for (written, rule) in active_rules(card, compiled) {
        let names = written.when.iter().map(|one| quoted("summed", &one.feature));
        let all: Vec<String> =
            names.zip(&rule.conditions).map(|pair| condition(&pair.0, pair.1, dialect)).collect();
        let (name, score) = (&rule.name, rule.score);
        let _ = writeln!(text, "    -- {name}\n    WHEN {} THEN {score}", all.join(" AND "));
    }
    Some(text)
}

/// What holds of a value that a feature cannot have.
fn impossible_value(column: &str, feature: &Feature, dialect: Dialect) -> Option<String> {
    if derived::of_any_kind(feature) {
        return None;
    }
    match feature.kind() {
        (FeatureKind::Number { .. }, _) => (dialect == Dialect::Sqlite)
            .then(|| format!("typeof({column}) NOT IN ('integer', 'real', 'null')")),
        (FeatureKind::Category(names), has_unknown) => {
            let unknown = has_unknown.then_some("UNKNOWN");
            let names = names.iter().map(|entry| entry.0).chain(unknown).map(literal);
            Some(format!("{column} NOT IN ({})", names.collect::<Vec<_>>().join(", ")))
        }
        (FeatureKind::Text, _) => None,
    }
}

/// A condition of a knock-out rule: its value falls into one bin.
fn condition(
    column: &str,
    Condition { feature, bins, code }: &Condition,
    dialect: Dialect,
) -> String {
    if *code == MISSING {
        return format!("{column} IS NULL");
    }
    if *code == UNKNOWN {
        return format!("{column} = 'UNKNOWN'");
    }
    let one_of = |names: Vec<String>| format!("{column} IN ({})", names.join(", "));
    match (bins, feature.kind().0) {
        (Bins::Ranges(ranges), FeatureKind::Number { scale }) => {
            let number = Number::of(column, feature, scale, dialect);
            let (starts, range) = (ranges.starts(), usize::from(code - FIRST));
            let from = range.checked_sub(1).map(|at| number.reaches(starts[at]));
            let to = starts.get(range).map(|to| number.below(*to));
            from.into_iter().chain(to).collect::<Vec<_>>().join(" AND ")
        }
        (Bins::Categories(codes), FeatureKind::Category(names)) => {
            let own = names.iter().filter(|(_, number)| {
                codes[usize::try_from(*number).expect("categories have numbers from 0")] == *code
            });
            one_of(own.map(|(name, _)| literal(name)).collect())
        }
        (Bins::Texts(texts), _) => one_of(texts.iter().map(|(text, _)| literal(text)).collect()),
        _ => unreachable!("the bins of a condition are of the kind of its feature"),
    }
}

/// A condition for each bin of names.
fn listed<'a>(
    text: &mut String,
    column: &str,
    names: impl Iterator<Item = (u8, &'a str)> + Clone,
    points: impl Fn(u8) -> i32,
) {
    let mut codes: Vec<u8> = names.clone().map(|(code, _)| code).collect();
    codes.sort_unstable();
    codes.dedup();
    for code in codes {
        let own = names.clone().filter(|(of, _)| *of == code).map(|(_, name)| literal(name));
        let own: Vec<String> = own.collect();
        let _ = write!(text, " WHEN {column} IN ({}) THEN {}", own.join(", "), points(code));
    }
}

/// The group of a score; by the stage of the days past due where cutoffs differ.
fn group(compiled: &Compiled, settings: &RankingSettings) -> String {
    let of = |Cutoffs { a, b }: Cutoffs| {
        format!(
            "CASE WHEN recovery_score >= {a} THEN 'A' WHEN recovery_score >= {b} THEN 'B' ELSE 'C' END"
        )
    };
    let cutoffs = &compiled.cutoffs;
    let known = "WHEN recovery_score IS NULL THEN NULL";
    if cutoffs.iter().all(|one| *one == cutoffs[0]) {
        return format!("CASE {known} ELSE {} END", of(cutoffs[0]));
    }
    let mut text = format!("CASE {known}\n");
    let stages = Stage::ALL.iter().zip(cutoffs).zip(settings.stage_bounds.0);
    for ((stage, cutoffs), bound) in stages {
        let days = "COALESCE(scored.\"days_past_due\", 0)";
        let of = of(*cutoffs);
        let _ = writeln!(text, "    -- {}\n    WHEN {days} <= {bound} THEN {of}", stage.name());
    }
    let _ = write!(text, "    -- {}\n    ELSE {} END", Stage::ALL[4].name(), of(cutoffs[4]));
    text
}
