//! The roll-over of a day: cases whose rank changes by time alone are ranked anew,
//! against the raw library writing the rows that ours wrote, in transactions of as
//! many cases. Cases whose day has not come must cost nothing.
//!
//! `cargo bench --bench review [-- CASES DAYS [FILE]]`; 1,000,000 cases and 5 days
//! by default. FILE keeps what was pushed; it is that of the benchmark `lease`.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use arrears::model::*;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

#[path = "shared/desk.rs"]
#[expect(dead_code, reason = "what other benchmarks do with it is of no concern here")]
mod desk;
#[path = "shared/figures.rs"]
#[expect(dead_code, reason = "what other benchmarks do with it is of no concern here")]
mod figures;
#[path = "shared/plausible.rs"]
mod plausible;

use desk::{Desk, START, copy};
use figures::{arguments, median, processor_time};

/// As many cases as ours takes in one transaction.
const SLICE: usize = 200;
/// How often nothing is looked for.
const IDLE_LOOKS: u32 = 200;
const HEAD: &str = "SELECT part, case_no, state, stage, recovery_group, score, priority, \
    rule_set_id, rank_date, lane_id, review_at, overdue_amount_minor, oldest_due_date \
    FROM case_head WHERE review_at <= ?1 ORDER BY part, case_no";
const SET_HEAD: &str = "UPDATE case_head SET state = ?3, stage = ?4, recovery_group = ?5, \
    score = ?6, priority = ?7, rule_set_id = ?8, rank_date = ?9, lane_id = ?10, review_at = ?11, \
    overdue_amount_minor = ?12, oldest_due_date = ?13 WHERE part = ?1 AND case_no = ?2";
const HEAD_NOW: &str = "SELECT part, case_no, state, stage, recovery_group, score, priority, \
    rule_set_id, rank_date, lane_id, review_at, overdue_amount_minor, oldest_due_date \
    FROM case_head WHERE part = ?1 AND case_no = ?2";
const PLACE_NOW: &str = "SELECT part, case_no, state, lane_id, rank, ready_since, wake_at, \
    withheld_by FROM case_q WHERE part = ?1 AND case_no = ?2";
const SET_PLACE: &str = "UPDATE case_q SET state = ?3, lane_id = ?4, rank = ?5, ready_since = ?6, \
    wake_at = ?7, withheld_by = ?8 WHERE part = ?1 AND case_no = ?2";

/// A row by column.
type Cells = Vec<Value>;

/// One day of one side.
#[derive(Clone, Copy, Default)]
struct Figure {
    rate: f64,
    processor: f64,
}

fn main() {
    let mut arguments = arguments();
    let cases = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let days: i64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(5);
    let kept = arguments.next().map(PathBuf::from);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be built");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let [ours, raw] = ["arrears.db", "raw.db"].map(|name| folder.path().join(name));
    Desk::prepare(&runtime, folder.path(), cases, kept.as_deref());
    copy(&ours, &raw);
    let desk = runtime.block_on(Desk::open(folder.path(), START));
    let raw = open(&raw);
    let mut sides: [Vec<Figure>; 2] = Default::default();
    for day in 1..=days {
        let now = START.plus(day * Micros::DAY);
        desk.clock.set(now);
        runtime.block_on(desk.engine.sweep()).expect("a sweep runs");
        let due = due(&ours, now);
        let figure = timed(|| runtime.block_on(desk.engine.review()).expect("the roll-over runs"));
        let (heads, places) = (now_of(&ours, HEAD_NOW, &due), now_of(&ours, PLACE_NOW, &due));
        let theirs = timed(|| write(&raw, &heads, &places));
        let changed = changed(&due, &heads);
        println!(
            "day {day}: {} of {cases} cases are due, of which {changed} got another rank; {:.0} \
             re-ranks/s ours, {:.0}/s raw",
            due.len(),
            figure.rate,
            theirs.rate
        );
        sides[0].push(figure);
        sides[1].push(theirs);
    }
    let [ours, theirs] = sides.map(|side| {
        let of = |pick: fn(&Figure) -> f64| median(side.iter().map(pick).collect());
        Figure { rate: of(|one| one.rate), processor: of(|one| one.processor) }
    });
    println!("medians of {days} days:");
    for (name, side) in [("ours", ours), ("raw", theirs)] {
        println!(
            "{name:<5} {:>8.0} re-ranks/s  processor {:.0} us a case",
            side.rate,
            side.processor * 1e6
        );
    }
    println!("ratio of rates {:.2} (to reach: 20,000 re-ranks/s)", ours.rate / theirs.rate);
    let began = Instant::now();
    for _ in 0..IDLE_LOOKS {
        assert_eq!(runtime.block_on(desk.engine.review()).expect("the roll-over runs"), 0);
    }
    let look = began.elapsed() / IDLE_LOOKS;
    println!("a roll-over of {cases} cases of which none is due: {look:.1?}");
}

fn timed(work: impl FnOnce() -> usize) -> Figure {
    let (processor, began) = (processor_time(), Instant::now());
    let count = work() as f64;
    let wall: Duration = began.elapsed();
    let processor = processor_time().saturating_sub(processor);
    Figure { rate: count / wall.as_secs_f64(), processor: processor.as_secs_f64() / count }
}

fn open(file: &Path) -> Connection {
    let raw = Connection::open(file).expect("the copy opens");
    raw.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16000; \
         PRAGMA cache_size = -65536;",
    )
    .expect("the pragmas hold");
    raw
}

/// The heads of the cases that are due, as they stand.
fn due(file: &Path, now: Micros) -> Vec<Cells> {
    let file = Connection::open(file).expect("the file opens");
    let mut statement = file.prepare(HEAD).expect("it prepares");
    let columns = statement.column_count();
    let rows = statement
        .query_map([now.0], |row| (0..columns).map(|at| row.get(at)).collect())
        .expect("it runs");
    rows.collect::<Result<_, _>>().expect("the rows can be read")
}

/// The rows of some cases, as they stand.
fn now_of(file: &Path, sql: &str, cases: &[Cells]) -> Vec<Cells> {
    let file = Connection::open(file).expect("the file opens");
    let mut statement = file.prepare(sql).expect("it prepares");
    let columns = statement.column_count();
    let mut row_of = |case: &Cells| {
        statement.query_row(params_from_iter(&case[..2]), |row| {
            (0..columns).map(|at| row.get(at)).collect::<Result<Cells, _>>()
        })
    };
    cases.iter().map(|case| row_of(case).expect("the case has the row")).collect()
}

/// How many cases have another group, score or priority.
fn changed(before: &[Cells], after: &[Cells]) -> usize {
    before.iter().zip(after).filter(|(one, other)| one[4..7] != other[4..7]).count()
}

/// Writes the rows as ours has left them; says of how many cases.
fn write(raw: &Connection, heads: &[Cells], places: &[Cells]) -> usize {
    let mut head = raw.prepare(SET_HEAD).expect("it prepares");
    let mut place = raw.prepare(SET_PLACE).expect("it prepares");
    for (heads, places) in heads.chunks(SLICE).zip(places.chunks(SLICE)) {
        raw.execute_batch("BEGIN IMMEDIATE").expect("it begins");
        for row in heads {
            head.execute(params_from_iter(row)).expect("the row can be written");
        }
        for row in places {
            place.execute(params_from_iter(row)).expect("the row can be written");
        }
        raw.execute_batch("COMMIT").expect("it commits");
    }
    heads.len()
}
