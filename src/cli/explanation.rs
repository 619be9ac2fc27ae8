//! An explanation as text that adds up, as JSON and as CSV.

use std::fmt::Write;

use serde::Serialize;

use super::failure::Failure;
use super::output::{self, Format, Record};
use super::view::{self, CaseView};
use super::word;
use crate::proto;

mod beside;
mod movement;
mod route;

pub(super) use movement::MovementView;

use route::RouteView;

/// Why a case is ranked as it is.
#[derive(Debug, Serialize)]
pub(super) struct ExplanationView {
    case: CaseView,
    recovery_group: String,
    recovery_score: i32,
    priority: i32,
    rank_date: String,
    rule_set_id: String,
    scorecard_id: String,
    /// The experiment and the arm; both are empty where none ran.
    #[serde(skip_serializing_if = "String::is_empty")]
    experiment_id: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    arm: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<RouteView>,
    #[serde(skip_serializing_if = "String::is_empty")]
    population: String,
    cutoff_a: i32,
    cutoff_b: i32,
    base_points: i32,
    lines: Vec<LineView>,
    clamp_points: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    knock_out: Option<KnockOutView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    derived: Vec<DerivedView>,
    family_subtotals: Vec<SubtotalView>,
    dimension_subtotals: Vec<SubtotalView>,
    diagnosis: &'static str,
    reasons: Vec<ReasonView>,
    priority_lines: Vec<PriorityLineView>,
    findings: Vec<String>,
    points_to_next_group: i32,
    next_group_bins: Vec<NextGroupBinView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_recovery: Option<ExpectedRecoveryView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    served: Option<ServedView>,
}

#[derive(Debug, Serialize)]
struct ExpectedRecoveryView {
    share_permille: i32,
    amount: String,
    currency: String,
    horizon_days: i32,
    source: String,
    as_of_date: String,
}

impl ExpectedRecoveryView {
    fn new(expected: &proto::ExpectedRecovery) -> ExpectedRecoveryView {
        let (amount, currency) = view::amount(expected.amount.as_ref());
        ExpectedRecoveryView {
            share_permille: expected.share_permille,
            amount,
            currency,
            horizon_days: expected.horizon_days,
            source: expected.source.clone(),
            as_of_date: view::day(expected.as_of_date.as_ref()),
        }
    }
}

/// A rule that decided the score.
#[derive(Debug, Serialize)]
struct KnockOutView {
    name: String,
    score: i32,
    points: i32,
}

/// A feature of the scorecard's own.
#[derive(Debug, Serialize)]
struct DerivedView {
    name: String,
    value: String,
    unit: String,
    text: String,
}

impl DerivedView {
    fn new(line: &proto::DerivedLine) -> DerivedView {
        let proto::DerivedLine { name, value, unit, text } = line.clone();
        DerivedView { name, value, unit, text }
    }

    fn text(&self) -> String {
        let DerivedView { name, value, unit, text } = self;
        let value = if value.is_empty() { "cannot be computed" } else { value };
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        format!("{name} = {value}{unit}: {text}")
    }
}

/// What a lease served, as it was stored then.
#[derive(Debug, Serialize)]
struct ServedView {
    lease_seq: i64,
    worker_id: String,
    grant_time: String,
    recovery_group: String,
    recovery_score: i32,
    priority: i32,
    #[serde(skip_serializing_if = "str::is_empty")]
    arm: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    route: String,
    equal: Option<bool>,
}

#[derive(Debug, Serialize)]
struct NextGroupBinView {
    characteristic: String,
    bin: String,
    points_gained: i32,
}

#[derive(Debug, Serialize)]
struct LineView {
    characteristic: String,
    family: &'static str,
    dimension: &'static str,
    value: String,
    bin: String,
    points: i32,
    weight_milli: i32,
    contribution: i32,
    best_contribution: i32,
    missing: bool,
    protected: bool,
}

#[derive(Debug, Serialize)]
struct SubtotalView {
    name: &'static str,
    contribution: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence_permille: Option<i32>,
}

/// A reason why a score is not higher.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ReasonView {
    pub reason_code: String,
    pub text: String,
    pub characteristic: String,
    pub points_lost: i32,
    pub audience: &'static str,
}

#[derive(Debug, Serialize)]
struct PriorityLineView {
    term: String,
    value: String,
    points: i32,
}

impl ReasonView {
    pub(super) fn new(reason: &proto::Reason) -> ReasonView {
        ReasonView {
            reason_code: reason.reason_code.clone(),
            text: reason.text.clone(),
            characteristic: reason.characteristic.clone(),
            points_lost: reason.points_lost,
            audience: word::AUDIENCE.word(reason.audience),
        }
    }
}

impl LineView {
    fn new(line: &proto::ScoreLine) -> LineView {
        LineView {
            characteristic: line.characteristic.clone(),
            family: word::FAMILY.word(line.family),
            dimension: word::DIMENSION.word(line.dimension),
            value: line.value.clone(),
            bin: line.bin.clone(),
            points: line.points,
            weight_milli: line.weight_milli,
            contribution: line.contribution,
            best_contribution: line.best_contribution,
            missing: line.missing,
            protected: line.protected_input,
        }
    }
}

impl ServedView {
    fn text(&self) -> String {
        let ServedView { lease_seq, worker_id, grant_time, .. } = self;
        let granted = format!("lease {lease_seq}, granted to {worker_id} at {grant_time}");
        let ServedView { recovery_group, recovery_score, priority, .. } = self;
        let mut served = format!("{recovery_group}, score {recovery_score}, priority {priority}");
        if !self.route.is_empty() {
            let _ = write!(served, ", route {}", self.route);
        }
        match self.equal {
            Some(true) => format!("{granted}, served it as {served}: what is computed here"),
            Some(false) => format!("{granted}, served it as {served}: NOT what is computed here"),
            None => format!("{granted}; what it served was not stored then"),
        }
    }
}

impl LineView {
    /// Whether the line has nothing to say to people: not told, or protected and
    /// off, and without effect.
    fn silent(&self) -> bool {
        (self.missing || self.protected) && self.contribution == 0
    }
}

impl Record for LineView {
    const HEADER: &'static [&'static str] = &[
        "characteristic",
        "family",
        "dimension",
        "value",
        "bin",
        "points",
        "weight",
        "contribution",
        "best",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.characteristic.clone(),
            self.family.to_lowercase(),
            self.dimension.to_lowercase(),
            if self.missing { "(not told)".to_owned() } else { self.value.clone() },
            self.bin.clone(),
            self.points.to_string(),
            format!("{}.{:03}", self.weight_milli / 1_000, (self.weight_milli % 1_000).abs()),
            signed(self.contribution),
            signed(self.best_contribution),
        ]
    }
}

fn signed(number: i32) -> String {
    format!("{number:+}")
}

impl ExplanationView {
    pub(super) fn new(case: &proto::Case, explained: &proto::Explanation) -> ExplanationView {
        let rank = explained.rank.clone().unwrap_or_default();
        let families = explained.family_subtotals.iter().map(|subtotal| SubtotalView {
            name: word::FAMILY.word(subtotal.family),
            contribution: subtotal.contribution,
            confidence_permille: None,
        });
        let dimensions = explained.dimension_subtotals.iter().map(|subtotal| SubtotalView {
            name: word::DIMENSION.word(subtotal.dimension),
            contribution: subtotal.contribution,
            confidence_permille: Some(subtotal.confidence_permille),
        });
        let priority_lines = explained.priority_lines.iter().map(|line| PriorityLineView {
            term: line.term.clone(),
            value: line.value.clone(),
            points: line.points,
        });
        let next_group_bins = explained.next_group_bins.iter().map(|bin| NextGroupBinView {
            characteristic: bin.characteristic.clone(),
            bin: bin.bin.clone(),
            points_gained: bin.points_gained,
        });
        ExplanationView {
            case: CaseView::new(case),
            recovery_group: view::group(Some(&rank)),
            recovery_score: rank.recovery_score,
            priority: rank.priority,
            rank_date: view::day(rank.rank_date.as_ref()),
            arm: view::arm(Some(&rank)),
            experiment_id: explained.experiment_id.clone(),
            route: explained.route_line.as_ref().map(RouteView::new),
            rule_set_id: rank.rule_set_id,
            scorecard_id: explained.scorecard_id.clone(),
            population: explained.population.clone(),
            cutoff_a: explained.cutoff_a,
            cutoff_b: explained.cutoff_b,
            base_points: explained.base_points,
            lines: explained.lines.iter().map(LineView::new).collect(),
            clamp_points: explained.clamp_points,
            knock_out: explained.knock_out.as_ref().map(|rule| KnockOutView {
                name: rule.name.clone(),
                score: rule.score,
                points: rule.points,
            }),
            derived: explained.derived.iter().map(DerivedView::new).collect(),
            family_subtotals: families.collect(),
            dimension_subtotals: dimensions.collect(),
            diagnosis: word::DIAGNOSIS.word(explained.diagnosis),
            reasons: explained.reasons.iter().map(ReasonView::new).collect(),
            priority_lines: priority_lines.collect(),
            findings: explained.findings.clone(),
            points_to_next_group: explained.points_to_next_group,
            next_group_bins: next_group_bins.collect(),
            expected_recovery: explained.expected_recovery.as_ref().map(ExpectedRecoveryView::new),
            served: None,
        }
    }

    /// The same, beside what the lease that it explains served.
    pub(super) fn served_by(mut self, lease: Option<&proto::CaseLease>) -> ExplanationView {
        self.served = lease.map(|lease| {
            let rank = lease.served_rank.clone().unwrap_or_default();
            let recovery_group = view::group(Some(&rank));
            let arm = view::arm(Some(&rank));
            let route = view::route(Some(&rank));
            let found_route = self.route.as_ref().map_or("", RouteView::label);
            let numbers = (&recovery_group, rank.recovery_score, rank.priority, arm);
            let found = (&self.recovery_group, self.recovery_score, self.priority, self.arm);
            let same = numbers == found && route == found_route;
            ServedView {
                lease_seq: lease.lease_seq,
                worker_id: lease.worker_id.clone(),
                grant_time: view::time(lease.grant_time.as_ref()),
                equal: (rank.recovery_group != 0).then_some(same),
                recovery_score: rank.recovery_score,
                priority: rank.priority,
                arm,
                route,
                recovery_group,
            }
        });
        self
    }

    /// Writes the explanation; as CSV its score lines only.
    pub(super) fn print(&self, format: Format) -> Result<(), Failure> {
        match format {
            Format::Table => output::write_out(&self.text()),
            Format::Json | Format::Jsonl => output::json(format, self),
            Format::Csv => output::records(format, &self.lines),
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n", self.case.headline());
        text.push_str(&self.ranked_by());
        if !self.arm.is_empty() {
            let _ = writeln!(text, "in arm {} of experiment {}", self.arm, self.experiment_id);
        }
        if let Some(route) = &self.route {
            let _ = writeln!(text, "{}", route.text());
        }
        if let Some(served) = &self.served {
            let _ = writeln!(text, "{}", served.text());
        }
        text.push_str("\nScore: higher = easier to recover\n");
        text.push_str(&self.score_table());
        text.push('\n');
        let silent = self.lines.iter().filter(|line| line.silent());
        let silent: Vec<&str> = silent.map(|line| line.characteristic.as_str()).collect();
        if !silent.is_empty() {
            let _ = writeln!(text, "\nnot told or switched off, +0 each: {}", silent.join(", "));
        }
        text.push_str(&self.own_features());
        let _ = writeln!(
            text,
            "\ngroup {}: A from {}, B from {}, C below",
            self.recovery_group, self.cutoff_a, self.cutoff_b
        );
        text.push_str(&self.next_group());
        if let Some(expected) = &self.expected_recovery {
            let ExpectedRecoveryView { amount, currency, horizon_days, source, .. } = expected;
            let (whole, rest) = (expected.share_permille / 10, expected.share_permille % 10);
            let _ = writeln!(
                text,
                "expected within {horizon_days} days: {whole}.{rest} %, {amount} {currency} \
                 ({source}, {})",
                expected.as_of_date
            );
        }
        text.push_str("\nWhat the points come from\n");
        let families = self.family_subtotals.iter();
        let families = families.map(|of| vec![of.name.to_lowercase(), signed(of.contribution)]);
        text.push_str(&output::table(&["family", "points"], families));
        let dimensions = self.dimension_subtotals.iter().map(|of| {
            let known = of.confidence_permille.unwrap_or_default() / 10;
            vec![of.name.to_lowercase(), signed(of.contribution), format!("{known} %")]
        });
        text.push_str("\n\n");
        text.push_str(&output::table(&["dimension", "points", "known"], dimensions));
        text.push_str("\n\nWhy the score is not higher\n");
        let reasons = self.reasons.iter().map(|reason| {
            let lost = signed(-reason.points_lost);
            vec![
                lost,
                reason.reason_code.clone(),
                reason.text.clone(),
                reason.audience.to_lowercase(),
            ]
        });
        text.push_str(&output::table(&["points", "reason", "text", "for"], reasons));
        text.push_str("\n\nPriority: higher = sooner\n");
        text.push_str(&self.priority_table());
        text.push('\n');
        for finding in &self.findings {
            let _ = writeln!(text, "note: {finding}");
        }
        text
    }

    /// As of which day and by what the case is ranked.
    fn ranked_by(&self) -> String {
        let ExplanationView { rank_date, rule_set_id, scorecard_id, diagnosis, .. } = self;
        let population = match self.population.as_str() {
            "" => String::new(),
            name => format!(", population {name}"),
        };
        format!(
            "ranked as of {rank_date} by scorecard {scorecard_id}{population}, rule set \
             {rule_set_id}; diagnosis: {diagnosis}\n"
        )
    }

    /// The features that the scorecard defines, a line each.
    fn own_features(&self) -> String {
        let mut text = String::new();
        if !self.derived.is_empty() {
            text.push_str("\nFeatures of the scorecard's own\n");
        }
        for line in &self.derived {
            let _ = writeln!(text, "{}", line.text());
        }
        text
    }

    /// What lacks for the next easier group, and what could make up for it alone.
    fn next_group(&self) -> String {
        if self.points_to_next_group == 0 {
            return String::new();
        }
        let mut text = format!("{} more points for the next group", self.points_to_next_group);
        let bins = self.next_group_bins.iter();
        let bins: Vec<String> =
            bins.map(|bin| format!("{} in {}", bin.characteristic, bin.bin)).collect();
        let alone = if bins.is_empty() { "nothing alone suffices".into() } else { bins.join(", ") };
        let _ = writeln!(text, ": {alone}");
        text
    }

    /// The lines of the score with base, clamp and sum.
    fn score_table(&self) -> String {
        let row = |name: &str, points: i32| {
            let mut cells = vec![String::new(); LineView::HEADER.len()];
            cells[0] = name.to_owned();
            cells[7] = signed(points);
            cells
        };
        let mut rows = vec![row("base points", self.base_points)];
        rows.extend(self.lines.iter().filter(|line| !line.silent()).map(Record::cells));
        if self.clamp_points != 0 {
            rows.push(row("held within 0 to 1000", self.clamp_points));
        }
        if let Some(rule) = &self.knock_out {
            rows.push(row(&format!("decided by {}", rule.name), rule.points));
        }
        let mut sum = row("= score", 0);
        sum[7] = self.recovery_score.to_string();
        rows.push(sum);
        output::table(LineView::HEADER, rows.into_iter())
    }

    fn priority_table(&self) -> String {
        let lines = self.priority_lines.iter();
        let mut rows: Vec<Vec<String>> = lines
            .map(|line| vec![line.term.clone(), line.value.clone(), signed(line.points)])
            .collect();
        rows.push(vec!["= priority".to_owned(), String::new(), self.priority.to_string()]);
        output::table(&["term", "value", "points"], rows.into_iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explanation() -> proto::Explanation {
        let line = |characteristic: &str, contribution, missing| proto::ScoreLine {
            characteristic: characteristic.to_owned(),
            family: proto::Family::OverdueAge as i32,
            dimension: proto::Dimension::Age as i32,
            points: contribution,
            weight_milli: 1_000,
            contribution,
            missing,
            ..Default::default()
        };
        proto::Explanation {
            rank: Some(proto::Rank {
                recovery_group: proto::RecoveryGroup::B as i32,
                recovery_score: 520,
                priority: 700,
                ..Default::default()
            }),
            base_points: 500,
            lines: vec![line("days_past_due", -30, false), line("owns_home", 50, true)],
            cutoff_a: 600,
            cutoff_b: 400,
            priority_lines: vec![proto::PriorityLine {
                term: "value".to_owned(),
                value: "1240.50 EUR".to_owned(),
                points: 700,
            }],
            ..Default::default()
        }
    }

    #[test]
    fn the_printed_lines_add_up_to_the_printed_score() {
        let view = ExplanationView::new(&proto::Case::default(), &explanation());
        let text = view.score_table();
        assert!(text.contains("= score") && text.contains("520"), "{text}");
        assert!(text.contains("(not told)"), "{text}");
        let sum: i32 = view.lines.iter().map(|line| line.contribution).sum();
        assert_eq!(view.base_points + sum + view.clamp_points, view.recovery_score);
    }

    #[test]
    fn json_names_stay() {
        let view = ExplanationView::new(&proto::Case::default(), &explanation());
        let json = serde_json::to_value(&view).unwrap();
        assert_eq!(json["recovery_group"], "B");
        assert_eq!(json["lines"][1]["characteristic"], "owns_home");
        assert_eq!(json["lines"][1]["missing"], true);
        assert_eq!(json["priority_lines"][0]["points"], 700);
    }
}
