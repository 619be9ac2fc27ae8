//! The cases that move most, and what moves them.

use crate::model::{CaseNo, Lot};

use super::column::Column;
use super::plan::{Plan, decided};
use super::told::{Mover, MoverLine};
use super::trial::Trial;

impl Trial<'_> {
    /// A case that moves, and what moves it.
    pub fn mover(
        &self,
        plan: &Plan,
        (case_no, overdue_amount_minor, lot): (i64, i64, Option<Lot>),
        (columns, row, sums): (&[Column], usize, [u32; 2]),
    ) -> Mover {
        let ranks = plan.ranks((columns, row, sums), lot);
        let by_rule = [0, 1].map(|at| decided(&plan.rules[at], columns, row).is_some());
        let parts = plan.parts.as_ref().map_or([0, 0], |parts| parts.of(columns, row));
        let lines = self.lines((columns, row, parts), (ranks.map(|rank| rank.score), by_rule));
        let case_no = CaseNo(case_no);
        Mover { case_no, debtor_kind: self.kind, ranks, overdue_amount_minor, lines }
    }

    /// What moves the score of a case, that which moves it most first.
    fn lines(
        &self,
        (columns, row, parts): (&[Column], usize, [usize; 2]),
        (scores, by_rule): ([i32; 2], [bool; 2]),
    ) -> Vec<MoverLine> {
        let part = |at: usize| {
            let part = self.scorecards[at].parts().nth(parts[at]);
            part.expect("a case is of one of them").1
        };
        let parts = [part(0), part(1)];
        let mut lines = vec![("base_points", parts.map(|part| part.base_points))];
        for (at, part) in parts.iter().enumerate() {
            for one in part.characteristics.iter().filter(|one| one.active) {
                let column = &columns[self.book.column(&one.feature)];
                let course = column.course(row);
                let code = one.bins.code(&course.value(&one.feature, &self.at));
                let contribution = one.by_code[usize::from(code)].contribution;
                match lines.iter_mut().find(|line| line.0 == one.name) {
                    Some(line) => line.1[at] = contribution,
                    None => {
                        let mut contributions = [0; 2];
                        contributions[at] = contribution;
                        lines.push((&one.name, contributions));
                    }
                }
            }
        }
        let sum = |at: usize| lines.iter().map(|line| line.1[at]).sum::<i32>();
        let rest = [scores[0] - sum(0), scores[1] - sum(1)];
        let of = |decided: bool| [0, 1].map(|at| if by_rule[at] == decided { rest[at] } else { 0 });
        lines.extend([("clamp", of(false)), ("knock_out", of(true))]);
        lines.retain(|(_, [before, after])| before != after);
        lines.sort_by_key(|(_, [before, after])| -(after - before).abs());
        let line = |(name, contributions): (&str, [i32; 2])| MoverLine {
            characteristic: name.to_owned(),
            contributions,
        };
        lines.into_iter().map(line).collect()
    }
}
