//! Why a rank moved, as text that adds up, as JSON and as CSV.

use serde::Serialize;

use super::{ExplanationView, Format, signed};
use crate::cli::failure::Failure;
use crate::cli::output::{self, Record};
use crate::cli::view;
use crate::cli::word;
use crate::proto;

/// Why a rank moved from one point of a case's life to another.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct MovementView {
    ranks: Vec<RankView>,
    #[serde(skip_serializing_if = "String::is_empty")]
    from_population: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    to_population: String,
    score: PartsView,
    priority: PartsView,
    base: PartsView,
    clamp: PartsView,
    knock_out: PartsView,
    lines: Vec<MovedView>,
    priority_lines: Vec<MovedView>,
    events: Vec<EventView>,
    event_count: i64,
}

/// The rank at one of the steps.
#[derive(Debug, Serialize)]
struct RankView {
    step: &'static str,
    recovery_group: String,
    recovery_score: i32,
    priority: i32,
    rank_date: String,
    case_seq: i64,
    rule_set_id: String,
    /// Empty where no experiment ran.
    #[serde(skip_serializing_if = "str::is_empty")]
    arm: &'static str,
    /// Empty where it has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    route: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct PartsView {
    data: i32,
    day: i32,
    rule_set: i32,
}

#[derive(Debug, Serialize)]
struct MovedView {
    name: String,
    from_value: String,
    from_bin: String,
    from_contribution: i32,
    to_value: String,
    to_bin: String,
    to_contribution: i32,
    moved: PartsView,
}

#[derive(Debug, Serialize)]
struct EventView {
    case_seq: i64,
    kind: &'static str,
    event_time: String,
    record_time: String,
    /// Of an attempt: in which arm of which experiment its lease was served.
    #[serde(skip_serializing_if = "String::is_empty")]
    experiment_id: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    arm: &'static str,
}

impl PartsView {
    fn new(points: Option<&proto::MovedPoints>) -> PartsView {
        let proto::MovedPoints { data, day, rule_set } = points.copied().unwrap_or_default();
        PartsView { data, day, rule_set }
    }

    fn total(self) -> i32 {
        self.data + self.day + self.rule_set
    }

    fn cells(self) -> [String; 4] {
        [self.data, self.day, self.rule_set, self.total()].map(signed)
    }
}

impl MovedView {
    fn new(line: &proto::MovedLine) -> MovedView {
        MovedView {
            name: line.name.clone(),
            from_value: line.from_value.clone(),
            from_bin: line.from_bin.clone(),
            from_contribution: line.from_contribution,
            to_value: line.to_value.clone(),
            to_bin: line.to_bin.clone(),
            to_contribution: line.to_contribution,
            moved: PartsView::new(line.moved.as_ref()),
        }
    }

    /// Whether any part of it moved, also where the parts cancel out.
    fn moved(&self) -> bool {
        self.moved != PartsView { data: 0, day: 0, rule_set: 0 }
    }
}

impl Record for MovedView {
    const HEADER: &'static [&'static str] =
        &["line", "from", "bin", "to", "bin", "data", "day", "rule set", "moved"];

    fn cells(&self) -> Vec<String> {
        let texts = [&self.name, &self.from_value, &self.from_bin, &self.to_value, &self.to_bin];
        texts.into_iter().cloned().chain(self.moved.cells()).collect()
    }
}

impl MovementView {
    pub(in crate::cli) fn new(movement: &proto::Movement) -> MovementView {
        let ranks = [
            ("from", &movement.from_rank),
            ("data", &movement.after_data_rank),
            ("day", &movement.after_day_rank),
            ("rule set", &movement.to_rank),
        ];
        let rank = |(step, rank): (&'static str, &Option<proto::Rank>)| {
            let rank = rank.clone().unwrap_or_default();
            RankView {
                step,
                recovery_group: view::group(Some(&rank)),
                recovery_score: rank.recovery_score,
                priority: rank.priority,
                rank_date: view::day(rank.rank_date.as_ref()),
                case_seq: rank.case_seq,
                arm: view::arm(Some(&rank)),
                route: view::route(Some(&rank)),
                rule_set_id: rank.rule_set_id,
            }
        };
        let event = |event: &proto::CaseEventMark| EventView {
            case_seq: event.case_seq,
            kind: word::CASE_EVENT_KIND.word(event.kind),
            event_time: view::time(event.event_time.as_ref()),
            record_time: view::time(event.record_time.as_ref()),
            experiment_id: event.experiment_id.clone(),
            arm: word::ARM.word(event.arm),
        };
        MovementView {
            ranks: ranks.map(rank).into(),
            from_population: movement.from_population.clone(),
            to_population: movement.to_population.clone(),
            score: PartsView::new(movement.score.as_ref()),
            priority: PartsView::new(movement.priority.as_ref()),
            base: PartsView::new(movement.base.as_ref()),
            clamp: PartsView::new(movement.clamp.as_ref()),
            knock_out: PartsView::new(movement.knock_out.as_ref()),
            lines: movement.lines.iter().map(MovedView::new).collect(),
            priority_lines: movement.priority_lines.iter().map(MovedView::new).collect(),
            events: movement.events.iter().map(event).collect(),
            event_count: movement.event_count,
        }
    }

    fn text(&self) -> String {
        let mut text = String::from("\nStep by step: what each change alone led to\n");
        let ranks = self.ranks.iter().map(|rank| {
            let numbers = [rank.recovery_score, rank.priority].map(|number| number.to_string());
            let mut cells = vec![rank.step.to_owned(), rank.recovery_group.clone()];
            cells.extend(numbers);
            cells.extend([rank.rank_date.clone(), rank.case_seq.to_string()]);
            cells.push(rank.rule_set_id.clone());
            cells
        });
        let header = ["step", "group", "score", "priority", "as of", "event", "rule set"];
        text.push_str(&output::table(&header, ranks));
        let named = |name: &str| match name {
            "" => "none".to_owned(),
            name => name.to_owned(),
        };
        if self.ranks.windows(2).any(|pair| pair[0].route != pair[1].route) {
            let routes: Vec<String> = self.ranks.iter().map(|rank| named(&rank.route)).collect();
            text.push_str(&format!("\n\nroute, step by step: {}", routes.join(", ")));
        }
        if self.from_population != self.to_population {
            let [from, to] = [&self.from_population, &self.to_population].map(|name| named(name));
            text.push_str(&format!("\n\npopulation: from {from} to {to}"));
        }
        text.push_str("\n\nWhy the score moved\n");
        text.push_str(&moved_table(
            &self.lines,
            &[
                ("base points", self.base),
                ("held within 0 to 1000", self.clamp),
                ("decided by a rule", self.knock_out),
            ],
            ("= score", self.score),
        ));
        text.push_str("\n\nWhy the priority moved\n");
        text.push_str(&moved_table(&self.priority_lines, &[], ("= priority", self.priority)));
        text.push_str(&format!("\n\nEvents between: {}\n", self.event_count));
        let events = self.events.iter().map(|event| {
            let case_seq = event.case_seq.to_string();
            vec![
                case_seq,
                event.kind.to_lowercase(),
                event.event_time.clone(),
                event.record_time.clone(),
            ]
        });
        if !self.events.is_empty() {
            text.push_str(&output::table(&["event", "kind", "happened", "recorded"], events));
            text.push('\n');
        }
        text
    }
}

/// The lines that moved, others beside them, and the sum.
fn moved_table(
    lines: &[MovedView],
    beside: &[(&str, PartsView)],
    sum: (&str, PartsView),
) -> String {
    let plain = |(name, parts): &(&str, PartsView)| {
        let texts = [*name, "", "", "", ""].map(str::to_owned);
        texts.into_iter().chain(parts.cells()).collect::<Vec<_>>()
    };
    let moved = lines.iter().filter(|line| line.moved()).map(Record::cells);
    let beside = beside.iter().filter(|(_, parts)| parts.cells() != PartsView::new(None).cells());
    output::table(MovedView::HEADER, moved.chain(beside.map(plain)).chain([plain(&sum)]))
}

#[derive(Serialize)]
struct Both<'a> {
    explanation: &'a ExplanationView,
    movement: &'a MovementView,
}

impl ExplanationView {
    /// Writes why the rank is another one than at the point compared with; as CSV the
    /// lines of the score.
    pub(in crate::cli) fn print_moved(
        &self,
        movement: &MovementView,
        format: Format,
    ) -> Result<(), Failure> {
        match format {
            Format::Table => {
                output::write_out(&format!("{}\n{}", self.case.headline(), movement.text()))
            }
            Format::Json | Format::Jsonl => {
                output::json(format, &Both { explanation: self, movement })
            }
            Format::Csv => output::records(format, &movement.lines),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_parts_add_up() {
        let parts = |data, day, rule_set| Some(proto::MovedPoints { data, day, rule_set });
        let line = |name: &str, moved| proto::MovedLine {
            name: name.to_owned(),
            moved,
            ..Default::default()
        };
        let movement = proto::Movement {
            score: parts(-30, -5, -160),
            base: parts(0, 0, -40),
            knock_out: parts(0, 0, -120),
            lines: vec![
                line("promises_broken", parts(-30, 0, 0)),
                line("age", parts(0, -5, 0)),
                line("same", parts(0, 0, 0)),
            ],
            ..Default::default()
        };
        let view = MovementView::new(&movement);
        let text = view.text();
        assert!(
            text.contains("= score") && text.contains("-195") && text.contains("decided by a rule"),
            "{text}"
        );
        assert!(!text.contains("same") && !text.contains("held within"), "{text}");
        let json = serde_json::to_value(&view).unwrap();
        assert_eq!(json["lines"][1]["moved"]["day"], -5);
        assert_eq!(json["ranks"][3]["step"], "rule set");
    }
}
