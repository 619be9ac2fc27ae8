//! How much a stored case takes, by table and by index, as SQLite counts its pages
//! (its virtual table `dbstat`).
//!
//! `cargo bench --bench size [-- CASES]`; 100,000 cases by default, pushed once, half
//! of their debtors held, and most of those leased that are ready, a tenth. Every
//! table is a tree by its key, so that tables and indexes are listed alike.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use rusqlite::Connection;

#[path = "shared/desk.rs"]
mod desk;
#[path = "shared/figures.rs"]
#[expect(dead_code, reason = "what other benchmarks do with it is of no concern here")]
mod figures;
#[path = "shared/plausible.rs"]
mod plausible;

use desk::{Desk, PULL, START};

/// Pages of a tree, the bytes in them that are rows, and those that are nothing.
struct Tree {
    name: String,
    rows: i64,
    bytes: i64,
    payload: i64,
    unused: i64,
}

fn main() {
    let cases: usize =
        figures::arguments().next().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be built");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    Desk::prepare(&runtime, folder.path(), cases, None);
    runtime.block_on(async {
        let desk = Desk::open(folder.path(), START.plus(arrears::model::Micros::HOUR)).await;
        for pull in 0..cases / 10 / PULL {
            desk.pull(&format!("pull-{pull}")).await;
        }
    });
    let file = Connection::open(folder.path().join("arrears.db")).expect("the file opens");
    let trees = trees(&file);
    let total: i64 = trees.iter().map(|tree| tree.bytes).sum();
    println!("{cases} cases, bytes by tree, largest first");
    println!(
        "{:<26} {:>10} {:>12} {:>10} {:>10} {:>8}",
        "", "rows", "bytes", "per case", "per row", "unused"
    );
    for tree in trees.iter().filter(|tree| tree.bytes * 1_000 >= total) {
        tree.print(cases as i64);
    }
    let rest: i64 = trees.iter().map(|tree| tree.bytes).filter(|bytes| bytes * 1_000 < total).sum();
    println!("{:<26} {:>10} {rest:>12} {:>10.1}", "all others", "", rest as f64 / cases as f64);
    println!("{:<26} {:>10} {total:>12} {:>10.1}", "sum", "", total as f64 / cases as f64);
}

impl Tree {
    fn print(&self, cases: i64) {
        let per = |count: i64| self.bytes as f64 / count.max(1) as f64;
        println!(
            "{:<26} {:>10} {:>12} {:>10.1} {:>10.1} {:>6.1} %",
            self.name,
            self.rows,
            self.bytes,
            per(cases),
            self.payload as f64 / self.rows.max(1) as f64,
            self.unused as f64 * 100.0 / self.bytes as f64,
        );
    }
}

/// Every tree, largest first. Keys live in inner pages too, so that all cells count
/// as rows where a table is a tree by its key.
fn trees(file: &Connection) -> Vec<Tree> {
    let sql = "SELECT name, SUM(ncell), SUM(pgsize), SUM(payload), SUM(unused) FROM dbstat \
        GROUP BY name ORDER BY SUM(pgsize) DESC, name";
    let mut statement = file.prepare(sql).expect("SQLite was built with dbstat");
    let rows = statement
        .query_map([], |row| {
            Ok(Tree {
                name: row.get(0)?,
                rows: row.get(1)?,
                bytes: row.get(2)?,
                payload: row.get(3)?,
                unused: row.get(4)?,
            })
        })
        .expect("it runs");
    rows.collect::<Result<_, _>>().expect("the trees can be read")
}
