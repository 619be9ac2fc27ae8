//! The whole cycle: cases are leased 50 at a time and what came of all of them is
//! reported by one call, from a queue of which nine tenths are not ready, with all the
//! background work of a server. One cycle at a time, and four at once.
//!
//! The fourth argument is how many cycles a round has, for queues that are compared. If it is
//! `paced`, the program does what those of `benches/peers` do: it says `ready` once it is
//! filled, and does a round for every line it reads.

use std::sync::Arc;

use arrears::engine::lease::{Outcome, ReportCommand, ReportDisposition};
use arrears::engine::report::report_outcomes;
use arrears::model::Micros;

use super::desk::{Desk, PULL, START};
use super::figures::median;
use super::processor::{Spent, spent};
use super::{CLEAN, Schema, timed};

/// Cycles on their way at one time.
const AT_ONCE: [usize; 2] = [1, 4];
/// Of ten ready cases, eight are of debtors of their own.
const READY_DEBTORS_PERCENT: usize = 8;

pub(super) async fn run(server: &str, cases: usize, rounds: usize, how: Option<&str>) {
    let paced = how == Some("paced");
    let schema = Schema::fresh(server, "ours").await;
    let (filling, ()) = timed(Desk::fill(schema.database(), cases, START)).await;
    if !paced {
        println!("{cases} cases pushed and held in {filling:.0?}");
    }
    for sql in [CLEAN, "CHECKPOINT"] {
        sqlx::raw_sql(sql).execute(&schema.pool().await).await.expect("it can be cleaned");
    }
    let desk = Arc::new(Desk::open(schema.database(), START.plus(Micros::HOUR)).await);
    // Three quarters of those ready are worked in all, so that the last cycle finds as
    // many as it asks for.
    let ready = cases * READY_DEBTORS_PERCENT / 100;
    let most = (ready * 3 / 4 / PULL / rounds / AT_ONCE.len()).max(2);
    let cycles = how.and_then(|text| text.parse().ok()).unwrap_or(most).min(most);
    let mut measured = [Vec::new(), Vec::new()];
    if paced {
        println!("ready");
    }
    for round in 0..rounds {
        if paced && std::io::stdin().read_line(&mut String::new()).is_ok_and(|bytes| bytes == 0) {
            return;
        }
        for (at_once, measured) in AT_ONCE.into_iter().zip(&mut measured) {
            let taken = one_round(&desk, at_once, (round, cycles)).await;
            taken.print(at_once);
            measured.push(taken);
        }
    }
    if paced {
        return;
    }
    println!("{PULL} cases a cycle, {cycles} cycles in each of {rounds} rounds; medians");
    for (at_once, rounds) in AT_ONCE.into_iter().zip(measured) {
        let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value).collect());
        println!(
            "{at_once} at once {:>7.0} leased and reported/s  processor of 1,000: {:.3} s ours, \
             {:.3} s the database's",
            of(|round| round.spent.pace(round.items)),
            of(|round| round.spent.of_1000(round.items).0),
            of(|round| round.spent.of_1000(round.items).1),
        );
    }
}

/// What was measured of a round.
struct Round {
    items: usize,
    spent: Spent,
}

impl Round {
    /// One line, in the form that all programs compared have.
    fn print(&self, at_once: usize) {
        println!(
            "ours at_once={at_once} items={} seconds={:.6} own={:.6} database={:.6}",
            self.items,
            self.spent.wall.as_secs_f64(),
            self.spent.ours.as_secs_f64(),
            self.spent.theirs.as_secs_f64()
        );
    }
}

async fn one_round(desk: &Arc<Desk>, at_once: usize, (round, cycles): (usize, usize)) -> Round {
    let background = desk.engine.start_background();
    // Connections, and what is remembered of the portfolio.
    cycle(desk, &format!("warm-{round}-{at_once}")).await;
    let workers = (0..at_once).map(|worker| {
        let desk = Arc::clone(desk);
        tokio::spawn(async move {
            let mut items = 0;
            for number in (worker..cycles).step_by(at_once) {
                items += cycle(&desk, &format!("{round}-{at_once}-{number}")).await;
            }
            items
        })
    });
    let (spent, items) = spent(async { futures::future::join_all(workers).await }).await;
    background.stop().await;
    let items = items.into_iter().map(|items| items.expect("cycles do not panic")).sum();
    assert_eq!(items, cycles * PULL, "there was work enough for every cycle");
    Round { items, spent }
}

/// Leases cases and reports that nobody answered; says how many.
async fn cycle(desk: &Desk, name: &str) -> usize {
    let items = desk.lease(name).await;
    let outcomes = items.iter().map(|item| {
        Ok(Outcome {
            token: item.token,
            outcome_code: "no_answer".to_owned(),
            contact_time: None,
            promise: None,
            cases: Vec::new(),
        })
    });
    let command = ReportCommand { outcomes: outcomes.collect() };
    let reports = report_outcomes(&desk.engine, &desk.caller, command).await;
    let reports = reports.expect("the reports are taken");
    let taken = |report: &_| matches!(report, Ok(ReportDisposition::Accepted));
    assert!(reports.iter().all(|report| taken(&report.disposition)), "every lease was held");
    items.len()
}
