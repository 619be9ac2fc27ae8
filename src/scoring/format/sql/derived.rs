//! Derived features in a query: each is a step of its own, which adds a column to the
//! table of features, so that whatever looks at it reads it as any other.
//!
//! All is reckoned in whole numbers, in the parts that features are kept in. What of the
//! past or of the calendar is no column of the table, changes and months between dates,
//! is read like any other feature.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{Dialect, quoted};
use crate::scoring::compile::CompiledDerived;
use crate::scoring::derived::{Derived, Formula, HELD_WITHIN};
use crate::scoring::feature::{DERIVED_PREFIX, Feature, FeatureKind};
use crate::scoring::measure::Given;

/// The derived features that a query needs, and what they are made of.
pub(super) struct Steps<'a> {
    /// Those that are computed, in their order.
    computed: Vec<(&'a CompiledDerived, &'a Derived)>,
    /// What they look at and nothing computes, each once.
    leaves: Vec<(&'a str, &'a Feature)>,
}

impl<'a> Steps<'a> {
    /// The steps before what looks at these names.
    pub fn new(all: &'a [CompiledDerived], names: impl Iterator<Item = &'a str>) -> Steps<'a> {
        let mut wanted: BTreeSet<&str> = names.collect();
        let (mut computed, mut leaves) = (Vec::new(), Vec::<(&str, &Feature)>::new());
        for one in all.iter().rev() {
            let Some(derived) = one.feature.as_deref() else { continue };
            let is_wanted = wanted.contains(format!("{DERIVED_PREFIX}{}", one.name).as_str());
            if !is_wanted || derived.operands.is_empty() {
                continue;
            }
            computed.push((one, derived));
            for (name, feature) in one.looks_at.iter().zip(&derived.operands) {
                wanted.insert(name);
                let known = leaves.iter().any(|leaf| leaf.0 == name);
                if !known && !is_computed(feature) {
                    leaves.push((name, feature));
                }
            }
        }
        computed.reverse();
        Steps { computed, leaves }
    }

    /// The names of the columns that they read, and of those that they add.
    pub fn columns(&self) -> impl Iterator<Item = String> {
        let added = self.computed.iter().map(|(one, _)| format!("{DERIVED_PREFIX}{}", one.name));
        let read = self.leaves.iter().map(|leaf| leaf.0.to_owned());
        read.chain(added).collect::<Vec<_>>().into_iter()
    }

    /// The steps, and the name of the table that has all their columns.
    pub fn write(&self, dialect: Dialect) -> (String, String) {
        let (mut text, mut table) = (String::new(), "features".to_owned());
        for (at, (one, derived)) in self.computed.iter().enumerate() {
            let column = format!("\"{DERIVED_PREFIX}{}\"", one.name);
            let step = format!("step_{}", at + 1);
            let from = if at == 0 { table } else { format!("{table} AS features") };
            let value = value(derived, &one.looks_at, dialect);
            let _ = writeln!(
                text,
                "{step} AS (\n  SELECT features.*,\n    {value}\n    AS {column}\n  FROM {from}\n),"
            );
            table = step;
        }
        match self.computed.is_empty() {
            true => (text, table),
            false => (text, format!("{table} AS features")),
        }
    }

    /// Addends that are nothing, or NULL where a value is one that no case can have.
    pub fn guards(&self, dialect: Dialect) -> Vec<String> {
        let guard = |(name, feature): &(&str, &Feature)| {
            let wrong = super::impossible_value(&quoted("features", name), feature, dialect)?;
            Some(format!("CASE WHEN {wrong} THEN NULL ELSE 0 END"))
        };
        self.leaves.iter().filter_map(guard).collect()
    }
}

fn is_computed(feature: &Feature) -> bool {
    matches!(feature, Feature::Derived(derived) if !derived.operands.is_empty())
}

fn scale_of(feature: &Feature) -> i64 {
    match feature.kind().0 {
        FeatureKind::Number { scale } => scale,
        FeatureKind::Category(_) | FeatureKind::Text => 1,
    }
}

/// A number in the parts that it is kept in, as a whole number.
fn parts(name: &str, feature: &Feature, dialect: Dialect) -> String {
    let column = quoted("features", name);
    match (dialect, scale_of(feature)) {
        (Dialect::Sqlite, 1) => format!("CAST({column} AS INTEGER)"),
        (Dialect::Postgres, 1) => format!("CAST({column} AS NUMERIC)"),
        (Dialect::Sqlite, scale) => format!("CAST(ROUND({column} * {scale}.0) AS INTEGER)"),
        (Dialect::Postgres, scale) => format!("ROUND(CAST({column} AS NUMERIC) * {scale})"),
    }
}

fn held(number: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Sqlite => format!("MAX(-{HELD_WITHIN}, MIN({HELD_WITHIN}, {number}))"),
        Dialect::Postgres => format!("GREATEST(-{HELD_WITHIN}, LEAST({HELD_WITHIN}, {number}))"),
    }
}

/// A whole number of parts as the number that it is.
fn shown(number: &str, scale: i64, dialect: Dialect) -> String {
    match (dialect, scale) {
        (_, 1) => number.to_owned(),
        // Correctly rounded, as the literal that it is compared with.
        (Dialect::Sqlite, scale) => format!("{number} / {scale}.0"),
        (Dialect::Postgres, _) => format!("{number} * 0.000001"),
    }
}

fn value(derived: &Derived, names: &[String], dialect: Dialect) -> String {
    let scale = derived.scale();
    let operand = |at: usize| parts(&names[at], &derived.operands[at], dialect);
    let scaled = |at: usize| {
        let factor = scale / scale_of(&derived.operands[at]);
        if factor == 1 { operand(at) } else { format!("{} * {factor}", operand(at)) }
    };
    let all = 0..derived.operands.len();
    match derived.formula {
        Formula::Difference => {
            let made = shown(&held("a - b", dialect), scale, dialect);
            format!(
                "(SELECT CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE {made} END\n     \
                 FROM (SELECT {} AS a, {} AS b) AS made)",
                scaled(0),
                scaled(1)
            )
        }
        Formula::Min | Formula::Max => {
            let of = if derived.formula == Formula::Min { "MIN(n)" } else { "MAX(n)" };
            let rows = all.map(|at| format!("SELECT {} AS n", scaled(at))).collect::<Vec<_>>();
            let made = shown(&held("n", dialect), scale, dialect);
            format!(
                "(SELECT CASE WHEN n IS NULL THEN NULL ELSE {made} END\n     FROM (SELECT {of} AS n \
                 FROM ({}) AS each_one) AS made)",
                rows.join("\n       UNION ALL ")
            )
        }
        Formula::Known => {
            let known = all.map(|at| {
                let column = quoted("features", &names[at]);
                let unknown = match derived.operands[at].kind().1 {
                    true => format!(" OR {column} = 'UNKNOWN'"),
                    false => String::new(),
                };
                format!("CASE WHEN {column} IS NULL{unknown} THEN 0 ELSE 1 END")
            });
            known.collect::<Vec<_>>().join("\n    + ")
        }
        Formula::Ratio => ratio(derived, [operand(0), operand(1)], dialect),
        Formula::MonthsBetween(..) | Formula::Change(..) => {
            unreachable!("what has no operands is read from the table")
        }
    }
}

/// What holds where a ratio has no value.
const NO_RATIO: &str = "a IS NULL OR b IS NULL OR b <= 0";

/// Thousandths, rounded down.
fn ratio(derived: &Derived, [of, to]: [String; 2], dialect: Dialect) -> String {
    let [of_scale, to_scale] = [0, 1].map(|at| scale_of(&derived.operands[at]));
    let (times, by) = match of_scale > to_scale {
        true => (1, of_scale / 1_000),
        false => (1_000 * to_scale / of_scale, 1),
    };
    if dialect == Dialect::Sqlite {
        return divided_by_hand([of, to], (times, by));
    }
    let times = if times == 1 { String::new() } else { format!(" * {times}") };
    let by = if by == 1 { String::new() } else { format!(" * {by}") };
    let quotient = "DIV(a, b) - CASE WHEN MOD(a, b) < 0 THEN 1 ELSE 0 END";
    format!(
        "(SELECT CASE WHEN {NO_RATIO} THEN NULL ELSE {} END\n     \
         FROM (SELECT {of}{times} AS a, {to}{by} AS b) AS made)",
        held(quotient, dialect)
    )
}

/// The quotient of a number `times` as large and one `by` as large, both powers of a
/// thousand, rounded down. SQLite has 64 bits, and what passes them is rounded: so it
/// divides as one does by hand, a thousand at a time. `t` is the quotient so far, `r` what is
/// left; `e` is at most what a thousand times that has of the divisor, found without it.
fn divided_by_hand([of, to]: [String; 2], (times, by): (i64, i64)) -> String {
    let of = match by {
        1 => of,
        by => format!("(SELECT n / {by} - (n % {by} < 0) FROM (SELECT {of} AS n))"),
    };
    // Beyond this every quotient is held.
    let most = HELD_WITHIN / times + 1;
    let mut rows = format!(
        "SELECT b, MAX(-{most}, MIN({most}, a / b - (a % b < 0))) AS t, a % b + b * (a % b < 0) AS r \
         FROM\n      (SELECT a, CASE WHEN {NO_RATIO} THEN NULL ELSE b END AS b FROM\n      \
         (SELECT {of} AS a, {to} AS b))"
    );
    let mut left = times;
    while left > 1 {
        left /= 1_000;
        rows = format!(
            "SELECT b, t * 1000 + e + r / b AS t, r % b AS r FROM\n      \
             (SELECT b, t, e, (r - e * (b / 1000)) * 1000 - e * (b % 1000) AS r FROM\n      \
             (SELECT b, t, r, r / (b / 1000 + 1) AS e FROM\n      ({rows})))"
        );
    }
    format!("(SELECT {} FROM\n      ({rows}))", held("t", Dialect::Sqlite))
}

/// Whether a feature is one of the caller's own of whatever kind.
pub(super) fn of_any_kind(feature: &Feature) -> bool {
    matches!(feature, Feature::Given(Given::Told(_)))
}
