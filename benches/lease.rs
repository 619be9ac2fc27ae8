//! Leasing from a queue of which nine tenths are not ready, against the raw
//! library claiming as many cases from a copy of the same file.
//!
//! `cargo bench --bench lease [-- CASES ROUNDS [FILE]]`; 1,000,000 cases and 5
//! rounds by default. Pushing a million cases takes minutes: FILE keeps what was
//! pushed for the next run. Pulls of 50 and claims of the yardstick alternate;
//! rates, their ratio and the time of one are printed.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::path::PathBuf;

use arrears::model::*;

#[path = "shared/desk.rs"]
mod desk;
#[path = "shared/figures.rs"]
mod figures;
#[path = "shared/plausible.rs"]
mod plausible;
#[path = "lease/yardstick.rs"]
mod yardstick;

use desk::{Desk, PULL, START, copy};
use figures::{Figures, arguments};
use yardstick::Yardstick;

fn main() {
    let mut arguments = arguments();
    let cases = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let rounds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(5);
    let kept = arguments.next().map(PathBuf::from);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be built");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let [ours, raw] = ["arrears.db", "raw.db"].map(|name| folder.path().join(name));
    Desk::prepare(&runtime, folder.path(), cases, kept.as_deref());
    copy(&ours, &raw);
    let desk = runtime.block_on(Desk::open(folder.path(), START.plus(Micros::HOUR)));
    let mut raw = Yardstick::open(&raw);
    println!("{}", raw.census());

    // At most half of what is ready is leased, so that the last round finds the
    // queue much like the first.
    let claims = (cases / 10 / 2 / PULL / rounds).clamp(1, 200);
    let (mut ours, mut theirs) = (Figures::default(), Figures::default());
    for round in 1..=rounds {
        for claim in 0..claims {
            let name = format!("{round}-{claim}");
            ours.time(|| runtime.block_on(desk.pull(&name)));
            theirs.time(|| raw.claim(PULL, &name, desk.clock.now()));
        }
        ours.end_round();
        theirs.end_round();
    }
    println!("claims of {PULL}: {claims} in each of {rounds} rounds; medians of the rounds");
    ours.print("ours");
    theirs.print("raw");
    println!(
        "ratio of rates {:.2}, of processor time {:.2}",
        ours.rate() / theirs.rate(),
        theirs.processor() / ours.processor()
    );
}
