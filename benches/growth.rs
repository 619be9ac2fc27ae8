//! What a claim costs as the queue grows tenfold and a hundredfold: claims of 50
//! alternate between queues that differ in nothing but how often every case of the
//! smallest is in them, nine rows in ten not ready.
//!
//! `cargo bench --bench growth [-- CASES ROUNDS [FOLDER]]`; 100,000 cases, so that
//! the queues have 100,000, 1,000,000 and 10,000,000 rows, and 5 rounds by default.
//! The largest takes some 9 GB in FOLDER, else in a temporary one; FOLDER keeps the
//! three for the next run.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use arrears::model::*;
use rusqlite::Connection;

#[path = "shared/desk.rs"]
mod desk;
#[path = "shared/figures.rs"]
mod figures;
#[path = "shared/plausible.rs"]
mod plausible;

use desk::{Desk, START, copy};
use figures::{Figures, arguments};

const SIZES: [usize; 3] = [1, 10, 100];
/// What a claim reads and writes of a case. The events before it are not read, and
/// are left out of the copies.
const TABLES: [&str; 5] = ["debtor", "loan_case", "case_source", "case_head", "case_q"];

fn main() {
    let mut arguments = arguments();
    let cases = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let rounds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(5);
    let kept = arguments.next().map(PathBuf::from);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be built");
    let temporary = tempfile::tempdir().expect("a temporary folder can be made");
    let work = temporary.path();
    let base = work.join("base");
    std::fs::create_dir(&base).expect("the folder can be made");
    let keep = |times: usize| kept.as_ref().map(|folder| folder.join(format!("queue-{times}.db")));
    Desk::prepare(&runtime, &base, cases, keep(1).as_deref());
    let mut desks = Vec::new();
    for times in SIZES {
        let folder = work.join(times.to_string());
        std::fs::create_dir(&folder).expect("the folder can be made");
        let file = folder.join("arrears.db");
        match keep(times).filter(|file| file.exists()) {
            Some(kept) => copy(&kept, &file),
            None => {
                copy(&base.join("arrears.db"), &file);
                multiply(&file, times, cases);
                if let Some(kept) = keep(times) {
                    copy(&file, &kept);
                }
            }
        }
        println!("{}", census(&file));
        let desk = runtime.block_on(Desk::open(folder.as_path(), START.plus(Micros::HOUR)));
        desks.push((times, desk, Figures::default()));
    }
    let claims = (cases / 10 / 2 / desk::PULL / rounds).clamp(1, 200);
    for round in 1..=rounds {
        for claim in 0..claims {
            for (_, desk, figures) in &mut desks {
                figures.time(|| runtime.block_on(desk.pull(&format!("{round}-{claim}"))));
            }
        }
        desks.iter_mut().for_each(|(_, _, figures)| figures.end_round());
    }
    println!("claims of {}: {claims} in each of {rounds} rounds; medians", desk::PULL);
    for (times, _, figures) in &desks {
        figures.print(&format!("{} rows", times * cases));
    }
    for pair in desks.windows(2) {
        let [(small, _, of_small), (large, _, of_large)] = pair else { continue };
        println!(
            "{} rows beside {}: rate {:.2}, processor time a lease {:.2}",
            large * cases,
            small * cases,
            of_large.rate() / of_small.rate(),
            of_large.processor() / of_small.processor()
        );
    }
}

/// Puts every case and debtor into a database so many times, under numbers and
/// names of their own.
fn multiply(file: &Path, times: usize, cases: usize) {
    if times == 1 {
        return;
    }
    let began = Instant::now();
    let connection = Connection::open(file).expect("the copy opens");
    // A file that is lost is made anew.
    connection
        .execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1048576;",
        )
        .expect("the pragmas hold");
    let indexes = drop_indexes(&connection);
    // Numbers are handed out in blocks, and not all of the last one are used.
    let step = cases * 2;
    connection.execute_batch("BEGIN; DELETE FROM case_event;").expect("it begins");
    for table in TABLES {
        let columns = columns(&connection, table);
        let copied: Vec<String> = columns.iter().map(|column| copied(column)).collect();
        let sql = format!(
            "INSERT INTO {table} ({}) SELECT {} FROM {table} WHERE {} <= ?3 ORDER BY 1, 2",
            columns.join(", "),
            copied.join(", "),
            columns[1]
        );
        let mut statement = connection.prepare(&sql).expect("it prepares");
        for time in 1..times {
            let values = (time as i64 * step as i64, format!("-{time}"), step as i64);
            statement.execute(values).expect("the rows fit");
        }
    }
    connection.execute_batch("COMMIT").expect("it commits");
    for sql in indexes {
        connection.execute_batch(&sql).expect("the index can be made again");
    }
    connection.execute_batch("PRAGMA journal_mode = WAL").expect("the pragma holds");
    println!("{times} times {cases} rows made in {:.0?}", began.elapsed());
}

/// Drops the indexes of the tables; returns how they are made.
fn drop_indexes(connection: &Connection) -> Vec<String> {
    let mut statement = connection
        .prepare("SELECT tbl_name, name, sql FROM sqlite_schema WHERE type = 'index' AND sql > ''")
        .expect("it prepares");
    let found = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .expect("it runs");
    let found: Vec<(String, String, String)> =
        found.collect::<Result<_, _>>().expect("the schema can be read");
    let of_tables = found.into_iter().filter(|(table, ..)| TABLES.contains(&table.as_str()));
    of_tables
        .map(|(_, name, sql)| {
            connection.execute_batch(&format!("DROP INDEX {name}")).expect("it is there");
            sql
        })
        .collect()
}

fn columns(connection: &Connection, table: &str) -> Vec<String> {
    let mut statement = connection
        .prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")
        .expect("it prepares");
    let names = statement.query_map([table], |row| row.get(0)).expect("it runs");
    names.collect::<Result<_, _>>().expect("the columns can be read")
}

/// A column of a copy: numbers of cases and debtors move on, their names get an
/// end.
fn copied(column: &str) -> String {
    match column {
        "case_no" | "debtor_no" | "lease_case_no" => format!("{column} + ?1"),
        "case_id" | "debtor_id" => format!("{column} || ?2"),
        other => other.to_owned(),
    }
}

fn census(file: &Path) -> String {
    let connection = Connection::open(file).expect("the file opens");
    let count = |sql: &str| {
        let count: i64 = connection.query_row(sql, [], |row| row.get(0)).expect("it is counted");
        count
    };
    format!(
        "{} rows in the queue, {} ready in {} lanes, {} MiB",
        count("SELECT COUNT(*) FROM case_q"),
        count("SELECT COUNT(*) FROM case_q WHERE state = 1"),
        count("SELECT COUNT(DISTINCT lane_id) FROM case_q WHERE state = 1"),
        count("SELECT page_count * page_size / 1048576 FROM pragma_page_count, pragma_page_size"),
    )
}
