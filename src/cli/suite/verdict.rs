//! What a golden case came to: whether it is as expected, and if not, what makes its
//! score.

use std::fmt::Write;

use serde::Serialize;

use super::case::Golden;
use super::written::Expected;
use crate::cli::output::Record;
use crate::model::Day;
use crate::policy::Zone;
use crate::scoring::{Explanation, KnockOutLine, RuleSet};

/// What a case came to.
pub(in crate::cli) struct Verdict {
    suite: String,
    name: String,
    line: u64,
    explanation: Explanation,
    differences: Vec<Difference>,
}

/// One thing that is not as expected.
#[derive(Clone, Debug, Serialize)]
struct Difference {
    field: &'static str,
    expected: String,
    got: String,
}

/// A verdict as it is written for programs.
#[derive(Serialize)]
pub(in crate::cli) struct VerdictView {
    suite: String,
    line: u64,
    name: String,
    passed: bool,
    scorecard_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    population: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    route: String,
    recovery_group: &'static str,
    recovery_score: i32,
    priority: i32,
    /// The knock-out rule that decided the score.
    #[serde(skip_serializing_if = "Option::is_none")]
    knock_out: Option<String>,
    reasons: Vec<String>,
    differences: Vec<Difference>,
    /// The score lines, of a case that failed.
    lines: Vec<LineView>,
}

#[derive(Serialize)]
struct LineView {
    characteristic: String,
    value: String,
    bin: String,
    points: i32,
    weight_milli: i32,
    contribution: i32,
}

impl Verdict {
    pub(super) fn new(suite: &str, case: &Golden, rules: &RuleSet, at: (Day, &Zone)) -> Verdict {
        let explanation = rules.explain(&case.input(at), None);
        Verdict {
            suite: suite.to_owned(),
            name: case.name.clone(),
            line: case.line,
            differences: differences(&case.expected, &explanation),
            explanation,
        }
    }

    /// Whether everything that was named is as expected.
    pub(in crate::cli) fn passed(&self) -> bool {
        self.differences.is_empty()
    }

    /// The name of the case.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What differs, in one line.
    pub(super) fn difference(&self) -> String {
        in_one_line(&self.differences)
    }

    /// The case for people: one line; of one that failed what differs and the score,
    /// line by line.
    pub(in crate::cli) fn text(&self) -> String {
        let rank = self.explanation.rank;
        let mut text = format!(
            "{:4}  {}:{}  {}: {} {}, priority {}\n",
            if self.passed() { "ok" } else { "FAIL" },
            self.suite,
            self.line,
            self.name,
            rank.group.letter(),
            rank.score,
            rank.priority
        );
        if !self.passed() {
            text.push_str(&self.details("      "));
        }
        text
    }

    /// What differs and what makes the score, a line each.
    pub(super) fn details(&self, indent: &str) -> String {
        let mut text = String::new();
        for Difference { field, expected, got } in &self.differences {
            let _ = writeln!(text, "{indent}{field}: expected {expected}, got {got}");
        }
        let told = &self.explanation;
        let of = match told.population.as_str() {
            "" => told.scorecard_id.clone(),
            name => format!("{}, population {name}", told.scorecard_id),
        };
        let _ = writeln!(text, "{indent}{:>6}  base of {of}", told.base_points);
        for line in &told.lines {
            let value = if line.value.is_empty() { "-" } else { &line.value };
            let weight = match line.weight_milli {
                1_000 => String::new(),
                milli => format!(", {} points x {milli} / 1000", line.points),
            };
            let _ = writeln!(
                text,
                "{indent}{:>+6}  {}: {value} is {}{weight}",
                line.contribution, line.characteristic, line.bin
            );
        }
        if told.clamp_points != 0 {
            let _ = writeln!(text, "{indent}{:>+6}  held within 0 to 1000", told.clamp_points);
        }
        if let Some(rule) = &told.knock_out {
            let KnockOutLine { name, score, points } = rule;
            let _ = writeln!(text, "{indent}{points:>+6}  knock-out rule {name} sets {score}");
        }
        let _ = writeln!(text, "{indent}{:>6}  score", told.rank.score);
        if self.differences.iter().any(|one| one.field == "priority") {
            for line in &told.priority_lines {
                let _ = writeln!(text, "{indent}{:>+6}  priority: {}", line.points, line.term);
            }
        }
        text
    }

    /// The verdict for programs.
    pub(in crate::cli) fn view(&self) -> VerdictView {
        let told = &self.explanation;
        let lines = told.lines.iter().filter(|_| !self.passed()).map(|line| LineView {
            characteristic: line.characteristic.clone(),
            value: line.value.clone(),
            bin: line.bin.clone(),
            points: line.points,
            weight_milli: line.weight_milli,
            contribution: line.contribution,
        });
        VerdictView {
            suite: self.suite.clone(),
            line: self.line,
            name: self.name.clone(),
            passed: self.passed(),
            scorecard_id: told.scorecard_id.clone(),
            population: told.population.clone(),
            route: told.rank.route.label().to_owned(),
            recovery_group: told.rank.group.letter(),
            recovery_score: told.rank.score,
            priority: told.rank.priority,
            knock_out: told.knock_out.as_ref().map(|rule| rule.name.clone()),
            reasons: codes(told),
            differences: self.differences.clone(),
            lines: lines.collect(),
        }
    }
}

impl Record for VerdictView {
    const HEADER: &'static [&'static str] =
        &["suite", "line", "case", "passed", "group", "score", "priority", "difference"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.suite.clone(),
            self.line.to_string(),
            self.name.clone(),
            if self.passed { "YES" } else { "NO" }.to_owned(),
            self.recovery_group.to_owned(),
            self.recovery_score.to_string(),
            self.priority.to_string(),
            in_one_line(&self.differences),
        ]
    }
}

fn in_one_line(differences: &[Difference]) -> String {
    let told = differences.iter();
    let told = told.map(|one| format!("{}: expected {}, got {}", one.field, one.expected, one.got));
    told.collect::<Vec<_>>().join("; ")
}

fn codes(told: &Explanation) -> Vec<String> {
    told.reasons.iter().map(|reason| reason.reason_code.clone()).collect()
}

/// A list as it is shown.
fn shown(codes: &[String]) -> String {
    format!("[{}]", codes.join(", "))
}

fn differences(expected: &Expected, told: &Explanation) -> Vec<Difference> {
    let Expected {
        recovery_group,
        recovery_score,
        priority,
        population,
        route,
        reasons,
        reasons_include,
    } = expected;
    let mut found = Vec::new();
    let mut compare = |field, expected: Option<String>, got: String| {
        if let Some(expected) = expected.filter(|expected| *expected != got) {
            found.push(Difference { field, expected, got });
        }
    };
    let number = |number: &Option<serde_saphyr::Spanned<i32>>| {
        number.as_ref().map(|number| number.value.to_string())
    };
    let group = recovery_group.as_ref().map(|group| group.value.clone());
    compare("recovery_group", group, told.rank.group.letter().to_owned());
    compare("recovery_score", number(recovery_score), told.rank.score.to_string());
    compare("priority", number(priority), told.rank.priority.to_string());
    let name = population.as_ref().map(|name| name.value.clone());
    compare("population", name, told.population.clone());
    let name = route.as_ref().map(|name| name.value.clone());
    compare("route", name, told.rank.route.label().to_owned());
    let got = codes(told);
    compare("reasons", reasons.as_deref().map(shown), shown(&got));
    if let Some(included) = reasons_include {
        let lacking: Vec<String> =
            included.value.iter().filter(|code| !got.contains(code)).cloned().collect();
        if !lacking.is_empty() {
            let expected = format!("{} among them", shown(&lacking));
            found.push(Difference { field: "reasons_include", expected, got: shown(&got) });
        }
    }
    found
}
