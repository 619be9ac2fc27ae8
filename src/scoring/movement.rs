//! Why a rank moved: the difference of two explanations of one case, split into what
//! came of what was known, of the day and of the rule set.

use crate::model::Rank;

use super::explanation::Explanation;

/// The way from one explanation to another in three steps of one change each: first what
/// is known of the case, then the day, then the rule set. The order matters where two
/// changes act on one line together, and is always this one.
#[derive(Clone, Copy, Debug)]
pub struct Steps<'a> {
    /// Where it began.
    pub from: &'a Explanation,
    /// With what is known at the end, the first day and the first rule set.
    pub after_data: &'a Explanation,
    /// With what is known at the end, the last day and the first rule set.
    pub after_day: &'a Explanation,
    /// Where it ended.
    pub to: &'a Explanation,
}

/// Points that a number moved by, by where they came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// From what became known.
    pub data: i32,
    /// From the day.
    pub day: i32,
    /// From the rule set.
    pub rule_set: i32,
}

impl Split {
    /// All together.
    pub fn total(self) -> i32 {
        self.data + self.day + self.rule_set
    }

    /// The differences of a number that a function reads, step by step.
    fn of(steps: &Steps<'_>, number: impl Fn(&Explanation) -> i32) -> Split {
        let [from, data, day, to] =
            [steps.from, steps.after_data, steps.after_day, steps.to].map(number);
        Split { data: data - from, day: day - data, rule_set: to - day }
    }
}

/// A line of the score or a term of the priority at both ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedLine {
    /// The characteristic or the term.
    pub name: String,
    /// At the beginning; nothing where the scorecard had no such line.
    pub from: Option<LineEnd>,
    /// At the end; likewise.
    pub to: Option<LineEnd>,
    /// By how much it moved.
    pub moved: Split,
}

/// What a line said at one end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineEnd {
    /// The input as text.
    pub value: String,
    /// The bin; empty for a term of the priority.
    pub bin: String,
    /// What it contributed.
    pub contribution: i32,
}

/// Why a rank moved. The lines, the base, the clamp and the knock-out rules add up to the
/// whole change of the score, the terms to that of the priority, in each of the three parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// The ranks at the beginning, after the data, after the day, and at the end.
    pub ranks: [Rank; 4],
    /// The populations at the beginning and at the end; empty where a case is of none.
    pub populations: [String; 2],
    /// Of the score.
    pub score: Split,
    /// Of the priority.
    pub priority: Split,
    /// Of the points that every case starts with.
    pub base: Split,
    /// Of what holding the sum within 0 to 1,000 adds.
    pub clamp: Split,
    /// Of what a knock-out rule adds to the score that the points would give.
    pub knock_out: Split,
    /// One for each characteristic of either scorecard: those of the last in its order,
    /// then those it no longer has.
    pub lines: Vec<MovedLine>,
    /// One for each term of the priority, `base` and `clamp` among them, and `control` where
    /// it was drawn by lot.
    pub terms: Vec<MovedLine>,
}

impl Movement {
    /// Splits the way between two explanations of one case.
    pub fn of(steps: Steps<'_>) -> Movement {
        let all = [steps.from, steps.after_data, steps.after_day, steps.to];
        Movement {
            ranks: all.map(|explanation| explanation.rank),
            populations: [steps.from, steps.to].map(|one| one.population.clone()),
            score: Split::of(&steps, |explanation| explanation.rank.score),
            priority: Split::of(&steps, |explanation| explanation.rank.priority),
            base: Split::of(&steps, |explanation| explanation.base_points),
            clamp: Split::of(&steps, |explanation| explanation.clamp_points),
            knock_out: Split::of(&steps, knock_out_points),
            lines: moved(&steps, score_lines),
            terms: moved(&steps, priority_terms),
        }
    }
}

fn knock_out_points(explanation: &Explanation) -> i32 {
    explanation.knock_out.as_ref().map_or(0, |rule| rule.points)
}

type Named = (String, LineEnd);

fn score_lines(explanation: &Explanation) -> Vec<Named> {
    let line = |line: &super::ScoreLine| {
        let (value, bin) = (line.value.clone(), line.bin.clone());
        (line.characteristic.clone(), LineEnd { value, bin, contribution: line.contribution })
    };
    explanation.lines.iter().map(line).collect()
}

fn priority_terms(explanation: &Explanation) -> Vec<Named> {
    let term = |line: &super::PriorityLine| {
        let (value, bin) = (line.value.clone(), String::new());
        (line.term.clone(), LineEnd { value, bin, contribution: line.points })
    };
    explanation.priority_lines.iter().map(term).collect()
}

/// The lines of both ends and of the steps between, each name once. A scorecard may have
/// several terms of one name; they move as one.
fn moved(steps: &Steps<'_>, lines_of: fn(&Explanation) -> Vec<Named>) -> Vec<MovedLine> {
    let ends = [steps.to, steps.from, steps.after_data, steps.after_day].map(lines_of);
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in ends.iter().flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let points = |lines: &[Named], name: &str| -> i32 {
        lines.iter().filter(|line| line.0 == name).map(|line| line.1.contribution).sum()
    };
    let end = |lines: &[Named], name: &str| {
        let found = lines.iter().find(|line| line.0 == name)?;
        Some(LineEnd { contribution: points(lines, name), ..found.1.clone() })
    };
    let [to, from, data, day] = &ends;
    let line = |name: &str| {
        let [from_points, data, day, to_points] =
            [from, data, day, to].map(|lines| points(lines, name));
        MovedLine {
            name: name.to_owned(),
            from: end(from, name),
            to: end(to, name),
            moved: Split { data: data - from_points, day: day - data, rule_set: to_points - day },
        }
    };
    names.into_iter().map(line).collect()
}
