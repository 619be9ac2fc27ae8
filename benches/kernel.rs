//! The scoring kernel against its yardstick, in the same run and alternating.
//!
//! Part: a book of one million cases, two scorecards of 14 characteristics, the
//! counts and amounts of groups, histograms of 20 ranges of scores and priorities, the
//! 3x3 migration, the ten cases that move most, on one thread. Once with all points
//! other than in the run before, once with those of one bin. Yardstick: adding the entry
//! of every code to a sum per case, from tables of two packed cards, and nothing else;
//! what any table kernel has to do at least; for one bin, adding one column. The sum of
//! the same bytes is printed beside it. Then the ranking of single cases from their
//! facts, in microseconds.
//!
//! `cargo bench --bench kernel`

#![allow(missing_docs, clippy::print_stdout, reason = "a program that prints its figures")]

use std::fmt::Write;
use std::hint::black_box;

use arrears::model::{
    ArrearsMonth, CaseNo, CustomFeature, CustomValue, Day, Facts, History, Input,
};
use arrears::scoring::{Book, CONSUMER_YAML, Filter, RuleSet, SimulationRequest};

#[path = "shared/ranking.rs"]
mod ranking;

use ranking::{TODAY, case, compile, millis};

const CASES: usize = 1_000_000;
const CHARACTERISTICS: usize = 14;
const ROUNDS: usize = 41;

/// A small generator with a fixed seed: the figures must not depend on luck.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn main() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    pool.install(|| {
        // Two drafts of one card, that differ in all points; and one more in one bin.
        let drafts = [1, 2, 3].map(|seed| compile(card(seed), None));
        let moved = card(2).replacen("points: -40", "points: -35", 1);
        let (mut book, columns) = cases(&drafts[0]);
        kernel(&drafts, &compile(moved, None), &mut book, &columns);
    });
    single();
}

/// A card of 14 numbers in ten bins each; another seed gives other points.
fn card(seed: u64) -> String {
    let mut random = Random(seed);
    let mut yaml = String::from(
        "scorecard_id: bench\nbase_points: 500\ncutoffs: { a: 560, b: 440 }\n\
         diagnosis: { low_below_permille: 500, known_from_permille: 100 }\ncharacteristics:\n",
    );
    for at in 0..CHARACTERISTICS {
        write!(
            yaml,
            "- name: c{at}\n  feature: custom.n{at:02}\n  kind: NUMBER\n  family: custom\n  \
             dimension: ABILITY\n  reason: {{ code: R, text: t, audience: AGENT }}\n  \
             missing: {{ points: 0 }}\n  bins:\n  - {{ to: 1, points: -40 }}\n"
        )
        .expect("text never fails");
        for from in 1..10 {
            let to = if from == 9 { String::new() } else { format!("to: {}, ", from + 1) };
            let points = random.below(80) as i64 - 40;
            writeln!(yaml, "  - {{ from: {from}, {to}points: {points} }}")
                .expect("text never fails");
        }
    }
    yaml.push_str("priority: { base_points: 0, terms: [] }\n");
    yaml
}

/// Cases whose inputs hang together and of which one in twenty is missing, in a book and
/// as bare codes.
fn cases(rules: &RuleSet) -> (Book, [Vec<u8>; CHARACTERISTICS]) {
    let mut random = Random(7);
    let mut book = Book::new([rules], TODAY);
    let mut columns: [Vec<u8>; CHARACTERISTICS] = Default::default();
    let history = History::default();
    for number in 0..CASES {
        let level = random.below(6);
        let mut facts = Facts {
            overdue_amount_minor: 100 + random.below(1_000_000) as i64,
            oldest_due_date: Some(TODAY.plus(-(random.below(150) as i32))),
            ..Facts::default()
        };
        for (at, column) in columns.iter_mut().enumerate() {
            if random.below(20) == 0 {
                column.push(0);
                continue;
            }
            let code = level + random.below(5);
            column.push(code as u8 + 3);
            facts.custom_features.push(CustomFeature {
                feature_id: format!("n{at:02}"),
                value: CustomValue::Number(code as i64 * 1_000_000),
            });
        }
        let row = book.row(rules.ranking(), &case(&facts, &history));
        book.put(CaseNo(number as i64 + 1), row);
    }
    (book, columns)
}

/// What any kernel of tables has to do: one look-up and one addition per code.
fn table_add(tables: &[[u32; 256]], columns: &[Vec<u8>]) -> u64 {
    let mut total = 0_u64;
    let mut sums = [0_u32; 2_048];
    for start in (0..CASES).step_by(sums.len()) {
        let rows = sums.len().min(CASES - start);
        let sums = &mut sums[..rows];
        sums.fill(0);
        for (tables, columns) in tables.chunks(2).zip(columns.chunks(2)) {
            if let [one, two] = columns {
                let (one, two) = (&one[start..start + rows], &two[start..start + rows]);
                for ((sum, one), two) in sums.iter_mut().zip(one).zip(two) {
                    *sum += tables[0][usize::from(*one)] + tables[1][usize::from(*two)];
                }
                continue;
            }
            for (sum, code) in sums.iter_mut().zip(&columns[0][start..start + rows]) {
                *sum += tables[0][usize::from(*code)];
            }
        }
        total += sums.iter().map(|sum| u64::from(*sum)).sum::<u64>();
    }
    total
}

fn byte_sum(columns: &[Vec<u8>]) -> u64 {
    let sum = |column: &Vec<u8>| column.iter().map(|code| u64::from(*code)).sum::<u64>();
    columns.iter().map(sum).sum()
}

fn kernel(
    drafts: &[RuleSet; 3],
    moved: &RuleSet,
    book: &mut Book,
    columns: &[Vec<u8>; CHARACTERISTICS],
) {
    let mut random = Random(3);
    let tables: [[u32; 256]; CHARACTERISTICS] = std::array::from_fn(|_| {
        std::array::from_fn(|_| random.below(80) as u32 | (random.below(80) as u32) << 16)
    });
    let request = |one, two| SimulationRequest {
        rule_sets: [one, two],
        day: TODAY,
        filter: Filter::default(),
        slices: Vec::new(),
        movers: 10,
    };
    let mut times: [Vec<f64>; 5] = Default::default();
    for _ in 0..ROUNDS {
        let [one, two, three] = drafts;
        times[0].push(millis(|| byte_sum(black_box(columns))));
        times[1].push(millis(|| table_add(black_box(&tables), black_box(columns))));
        book.simulate(&request(two, three)).expect("today is within reach");
        times[2].push(millis(|| book.simulate(black_box(&request(one, two)))));
        times[3].push(millis(|| table_add(black_box(&tables[..1]), black_box(&columns[..1]))));
        times[4].push(millis(|| book.simulate(black_box(&request(one, moved)))));
    }
    let told = book.simulate(&request(&drafts[0], moved)).expect("today is within reach");
    println!("{CASES} cases x {CHARACTERISTICS} characteristics, two scorecards, one thread");
    println!("{:.1} bytes a case", book.bytes() as f64 / CASES as f64);
    println!("groups {:?}", told.groups(1).map(|group| group.cases));
    let [bytes, table, all, column, one] = times.map(Spread::of);
    println!("sum of the same bytes            {bytes}");
    println!("yardstick: table add             {table}");
    println!("simulation, all points other     {all}");
    println!("yardstick: one column            {column}");
    println!("simulation, one bin other        {one}");
    for (name, part, yardstick) in [("all", &all, &table), ("one bin", &one, &column)] {
        println!(
            "{name}: {:.2} of the yardstick by medians, {:.2} by the quietest rounds",
            part.median / yardstick.median,
            part.low / yardstick.low,
        );
    }
}

/// Ranking single cases by the shipped scorecard: five columns, and all there is.
fn single() {
    let rules = compile(CONSUMER_YAML.to_owned(), None);
    let basic = Facts {
        overdue_amount_minor: 124_050,
        oldest_due_date: Some(TODAY.plus(-47)),
        ..Facts::default()
    };
    let mut full = basic.clone();
    for month in 0..12 {
        full.arrears_profile.push(ArrearsMonth {
            month: Day::from_ymd(2025, month + 1, 1).expect("a date"),
            months_past_due: i32::from(month > 9),
            billed_amount_minor: Some(10_000),
            paid_amount_minor: Some(9_000),
        });
    }
    for (input, value) in [
        (Input::Cooperation, 4),
        (Input::CreditorCount, 2),
        (Input::OwnsHome, 3),
        (Input::IncomeState, 2),
        (Input::CustomerSinceDate, 18_000),
    ] {
        full.inputs.set(input, value);
    }
    for (name, facts) in [("five columns", &basic), ("twelve months of history", &full)] {
        let history = History::default();
        let input = case(facts, &history);
        let times = (0..ROUNDS).map(|_| {
            millis(|| (0..10_000).map(|_| rules.rank(black_box(&input)).rank.score).sum::<i32>())
        });
        let each = Spread::of(times.collect());
        println!("rank, {name}: {:.2} us a case", each.median / 10.0);
        let times = (0..ROUNDS).map(|_| {
            millis(|| {
                (0..1_000)
                    .map(|_| rules.explain(black_box(&input), None).lines.len())
                    .sum::<usize>()
            })
        });
        println!("explain, {name}: {:.2} us a case", Spread::of(times.collect()).median);
    }
}

struct Spread {
    low: f64,
    median: f64,
    high: f64,
}

impl Spread {
    fn of(mut times: Vec<f64>) -> Spread {
        times.sort_by(f64::total_cmp);
        Spread { low: times[0], median: times[times.len() / 2], high: times[times.len() - 1] }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:8.2} ms (from {:.2} to {:.2})", self.median, self.low, self.high)
    }
}
