//! A simulation drawn for a terminal: who goes where, and how scores are spread.

use std::fmt::Write;

use super::super::super::output::{Record, table};
use super::view::{HistogramView, LeaseView, MigrationView, MovementView, SimulationView};

/// How wide the longest bar is.
const BAR: i64 = 30;
/// How wide a range of a histogram is.
const RANGE: usize = 50;

/// The whole of it.
pub(super) fn of(view: &SimulationView, slices: &[String]) -> String {
    let mut text = format!(
        "{} cases, {} {} overdue, as of {}\n",
        view.cases, view.overdue_amount, view.currency, view.as_of_date
    );
    if view.pre_due_cases > 0 {
        push(&mut text, &format!("{} more are not due on that day\n", view.pre_due_cases));
    }
    push(&mut text, &format!("\n{}\n", matrix(&view.migration)));
    push(
        &mut text,
        &format!(
            "\ngroup changes: {} ({})   score changes: {} ({})   psi {:.4}, of the priorities {:.4}\n",
            view.group_changed_cases,
            percent(view.share(view.group_changed_cases)),
            view.score_changed_cases,
            percent(view.share(view.score_changed_cases)),
            view.psi,
            view.priority_psi,
        ),
    );
    push(&mut text, &format!("\nscores\n{}", histogram(&view.scores)));
    push(&mut text, &format!("\npriorities\n{}", histogram(&view.priorities)));
    for (what, slices) in slices.iter().zip(&view.slices) {
        let row = |slice: &super::view::SliceView| {
            let [before, after] = groups(&slice.migration);
            let moved = slice.migration.iter().filter(|pair| pair.before != pair.after);
            let moved: i64 = moved.map(|pair| pair.cases).sum();
            let label = if slice.label.is_empty() { "(main card)" } else { &slice.label };
            let mut cells = vec![label.to_owned()];
            for (before, after) in before.iter().zip(after) {
                cells.extend([before.to_string(), after.to_string()]);
            }
            cells.push(moved.to_string());
            cells
        };
        let header = [what.as_str(), "A", "becomes", "B", "becomes", "C", "becomes", "move"];
        push(&mut text, &format!("\n{}\n", table(&header, slices.iter().map(row))));
    }
    if !view.movements.is_empty() {
        let rows = view.movements.iter().map(MovementView::cells);
        push(&mut text, &format!("\n{}\n", table(MovementView::HEADER, rows)));
    }
    for list in &view.work_lists {
        let (now, kept) = list.kept();
        let (before, after) = (list.ready_cases_before, list.ready_cases_after);
        push(
            &mut text,
            &format!(
                "\n{}: {before} ready cases, {after} then; of the first {now} leases {kept} stay\n",
                list.work_list_id
            ),
        );
        let rows = list.leases.iter().map(LeaseView::cells);
        push(&mut text, &format!("{}\n", table(LeaseView::HEADER, rows)));
    }
    text
}

fn push(text: &mut String, more: &str) {
    text.write_str(more).expect("text never fails");
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The cases of each group, before and after.
fn groups(migration: &[MigrationView]) -> [[i64; 3]; 2] {
    let of = |group: &str, side: fn(&MigrationView) -> &str| {
        migration.iter().filter(|pair| side(pair) == group).map(|pair| pair.cases).sum()
    };
    [
        ["A", "B", "C"].map(|group| of(group, |pair| &pair.before)),
        ["A", "B", "C"].map(|group| of(group, |pair| &pair.after)),
    ]
}

/// From group to group: cases, and below what is overdue of them.
fn matrix(migration: &[MigrationView]) -> String {
    let [before, after] = groups(migration);
    let mut rows = Vec::new();
    for (group, all) in ["A", "B", "C"].into_iter().zip(before) {
        let pairs = || migration.iter().filter(move |pair| pair.before == group);
        let mut cells = vec![format!("from {group}")];
        cells.extend(pairs().map(|pair| pair.cases.to_string()));
        cells.push(all.to_string());
        rows.push(cells);
        let mut amounts = vec!["  overdue".to_owned()];
        amounts.extend(pairs().map(|pair| pair.overdue_amount.clone()));
        amounts.push(String::new());
        rows.push(amounts);
    }
    let mut cells = vec!["all".to_owned()];
    cells.extend(after.iter().map(ToString::to_string));
    cells.push(before.iter().sum::<i64>().to_string());
    rows.push(cells);
    table(&["", "to A", "to B", "to C", "all"], rows.into_iter())
}

/// Two bars a range: what is, and what would be.
fn histogram(histogram: &HistogramView) -> String {
    let all = histogram.before.iter().chain(&histogram.after);
    let most = all.copied().max().unwrap_or(0).max(1);
    let bar = |cases: i64| {
        // Whoever is there is seen.
        let width = (cases * BAR + most - 1) / most;
        "█".repeat(usize::try_from(width).unwrap_or(0))
    };
    let mut text = String::new();
    for (at, (before, after)) in histogram.before.iter().zip(&histogram.after).enumerate() {
        if *before == 0 && *after == 0 {
            continue;
        }
        let (from, to) = (at * RANGE, if at == 19 { 1_000 } else { (at + 1) * RANGE - 1 });
        let width = BAR as usize;
        writeln!(
            text,
            "{from:>4} to {to:>4} {before:>9} {:<width$} {after:>9} {}",
            bar(*before),
            bar(*after),
        )
        .expect("text never fails");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_there_are_cases() {
        let mut view = HistogramView { before: vec![0; 20], after: vec![0; 20] };
        (view.before[0], view.before[19], view.after[19]) = (300, 1, 150);
        let text = histogram(&view);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "ranges without cases are left out");
        assert_eq!(lines[0].matches('█').count(), 30);
        assert!(lines[1].starts_with(" 950 to 1000"), "{text}");
        assert_eq!(lines[1].matches('█').count(), 1 + 15);
    }
}
