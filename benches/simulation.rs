//! Trying scorecards on a whole portfolio.
//!
//! `cargo bench --bench simulation [-- CASES ROUNDS]`: the shipped scorecards over cases as a
//! lender might have them; 1,000,000 and 11 by default. Reading the cases into a book (their
//! documents are at hand, no database is asked), bytes a case, another base, one bin other,
//! another day, all over all cores but one as the service does it.
//!
//! `simulation columns FOLDER CASES` serves a comparison with other programs
//! (benches/peers/scoring/compare.py): it reads columns and scorecards from a folder, and
//! then does what a line of its input says, once a line.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::fs;
use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

use arrears::model::*;
use arrears::scoring::{BUSINESS_YAML, Book, CONSUMER_YAML, RuleSet, Simulated, SimulationRequest};

#[path = "shared/figures.rs"]
#[expect(dead_code, reason = "what other benchmarks do with it is of no concern here")]
mod figures;
#[path = "shared/plausible.rs"]
#[expect(dead_code, reason = "what other benchmarks do with it is of no concern here")]
mod plausible;
#[path = "shared/ranking.rs"]
mod ranking;

use figures::{arguments, median};
use ranking::{TODAY, case, compile, millis};

/// Characteristics of the comparison.
const CHARACTERISTICS: usize = 14;

fn main() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(cores.saturating_sub(1).max(1)).build();
    let given: Vec<String> = arguments().collect();
    let number = |at: usize| given.get(at).map(|text| text.parse().expect("a number"));
    pool.expect("threads").install(|| match given.first().map(String::as_str) {
        Some("columns") => columns(Path::new(&given[1]), number(2).expect("a number of cases")),
        _ => shipped(number(0).unwrap_or(1_000_000), number(1).unwrap_or(11)),
    });
}

/// Ranks nothing, and reads a case into a book.
fn read(book: &mut Book, rules: &RuleSet, (number, facts): (usize, &Facts)) {
    let row = book.row(rules.ranking(), &case(facts, &History::default()));
    book.put(CaseNo(i64::try_from(number).expect("a number") + 1), row);
}

fn shipped(cases: usize, rounds: usize) {
    let variant = |from: &str, to: &str| {
        assert!(CONSUMER_YAML.contains(from), "{from}");
        compile(CONSUMER_YAML.replacen(from, to, 1), Some(BUSINESS_YAML.to_owned()))
    };
    let active = compile(CONSUMER_YAML.to_owned(), Some(BUSINESS_YAML.to_owned()));
    let mut book = Book::new([&active], TODAY);
    let began = Instant::now();
    for number in 0..cases {
        let mut facts = plausible::facts(number, "es", "Europe/Madrid");
        // One in eight is a business.
        facts.debtor_kind = Some(match plausible::mix(number, 99, 8) {
            0 => DebtorKind::Business,
            _ => DebtorKind::Person,
        });
        read(&mut book, &active, (number, &facts));
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{cases} cases read in {seconds:.1} s, {:.0} a second", cases as f64 / seconds);
    // Another base moves every score; the points of one bin move those in it.
    let bases = [450, 451].map(|base| variant("base_points: 500", &format!("base_points: {base}")));
    let bins = [11, 12].map(|less| variant(BIN, &BIN.replace("-45", &format!("-{less}"))));
    let _ = book.simulate(&request(&active, &bases[0], 0));
    let mut times: [Vec<f64>; 3] = Default::default();
    for round in 0..rounds {
        let [base, bin] = [&bases[round % 2], &bins[round % 2]];
        // Each finds the sums of another run, as it does while somebody drags a slider.
        times[0].push(millis(|| book.simulate(&request(&active, base, 0))));
        let _ = book.simulate(&request(&active, &bins[(round + 1) % 2], 0));
        times[1].push(millis(|| book.simulate(&request(&active, bin, 0))));
        times[2].push(millis(|| book.simulate(&request(&active, bin, 30))));
    }
    println!("{:.0} bytes a case", book.bytes() as f64 / cases as f64);
    for (name, times) in ["another base", "one bin", "in 30 days"].into_iter().zip(times) {
        println!("{name}: {:.1} ms, median of {rounds}", median(times));
    }
}

/// A bin of the shipped scorecard, which has points of its own.
const BIN: &str = "{ is: [LOW], points: -45 }";

fn request<'a>(active: &'a RuleSet, tried: &'a RuleSet, days: i32) -> SimulationRequest<'a> {
    SimulationRequest { movers: 10, ..SimulationRequest::of_all([active, tried], TODAY.plus(days)) }
}

/// Reads numbers of so many bytes each.
fn numbers<const BYTES: usize, T>(file: &Path, of: fn([u8; BYTES]) -> T) -> Vec<T> {
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let (numbers, rest) = bytes.as_chunks();
    assert!(rest.is_empty(), "{} ends within a number", file.display());
    numbers.iter().map(|bytes| of(*bytes)).collect()
}

/// Does what a line says: `all` tries a draft that differs in all points from the last one,
/// `bin` one that differs in one bin, `single N` ranks N cases one by one. Answers with
/// milliseconds and what came of it.
fn columns(folder: &Path, cases: usize) {
    let card = |name: &str| {
        let file = folder.join(name);
        let text = fs::read_to_string(&file);
        compile(text.unwrap_or_else(|error| panic!("{}: {error}", file.display())), None)
    };
    let cards = ["active.yaml", "draft.yaml", "other.yaml", "bin.yaml"].map(card);
    let [active, draft, other, bin] = &cards;
    let columns: Vec<Vec<i32>> = (0..CHARACTERISTICS)
        .map(|at| numbers(&folder.join(format!("n{at:02}.i32")), i32::from_le_bytes))
        .collect();
    let amounts = numbers(&folder.join("amount.i64"), i64::from_le_bytes);
    let facts = |row: usize| {
        let mut facts = Facts {
            overdue_amount_minor: amounts[row],
            oldest_due_date: Some(TODAY.plus(-10)),
            ..Facts::default()
        };
        for (at, column) in columns.iter().enumerate().filter(|(_, one)| one[row] != i32::MIN) {
            facts.custom_features.push(CustomFeature {
                feature_id: format!("n{at:02}"),
                value: CustomValue::Number(i64::from(column[row]) * 1_000_000),
            });
        }
        facts
    };
    let mut book = Book::new([active], TODAY);
    let took = millis(|| (0..cases).for_each(|row| read(&mut book, active, (row, &facts(row)))));
    println!("{took:.3} {:.1}", book.bytes() as f64 / cases as f64);
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let mut told = Simulated::default();
        let mut sum = 0;
        let took = match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["all"] => {
                let _ = book.simulate(&request(other, active, 0));
                millis(|| told = book.simulate(&request(active, draft, 0)).expect("it is today"))
            }
            ["bin"] => {
                let _ = book.simulate(&request(active, draft, 0));
                millis(|| told = book.simulate(&request(active, bin, 0)).expect("it is today"))
            }
            ["single", count] => {
                let count: usize = count.parse().expect("a number of cases");
                let facts: Vec<Facts> = (0..count).map(facts).collect();
                let history = History::default();
                let score =
                    |facts: &Facts| i64::from(active.rank(&case(facts, &history)).rank.score);
                millis(|| sum = facts.iter().map(score).sum::<i64>())
            }
            _ => panic!("{line:?} says nothing"),
        };
        println!("{}", answer(took, &told, sum));
    }
}

/// What came of it, as JSON: from group to group cases and amounts, the scores by range.
fn answer(took: f64, told: &Simulated, sum: i64) -> String {
    let pairs = told.migration.as_flattened();
    let cases: Vec<u64> = pairs.iter().map(|count| count.cases).collect();
    let amounts: Vec<i128> = pairs.iter().map(|count| count.overdue_amount_minor).collect();
    let [before, after] = &told.score_histograms;
    format!(
        "{{\"ms\":{took:.4},\"cases\":{cases:?},\"amounts\":{amounts:?},\
         \"before\":{before:?},\"after\":{after:?},\"sum\":{sum}}}"
    )
}
