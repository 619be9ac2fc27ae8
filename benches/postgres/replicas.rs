//! What a lease costs when several servers work on one database: as many pulls at once,
//! spread over one, two and four servers in turn, each with all its background work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrears::model::Micros;

use super::desk::{Desk, PULL, START};
use super::figures::median;
use super::processor::{Spent, spent};
use super::{CLEAN, Schema, timed};

/// Servers.
const SERVERS: [usize; 3] = [1, 2, 4];
/// Pulls at one time, over all servers.
const PULLS: usize = 4;

pub(super) async fn run(server: &str, cases: usize, rounds: usize) {
    let schema = Schema::fresh(server, "replicas").await;
    let (filling, ()) = timed(Desk::fill(schema.database(), cases, START)).await;
    println!("{cases} cases pushed and held in {filling:.0?}");
    sqlx::raw_sql(CLEAN).execute(&schema.pool().await).await.expect("it can be cleaned");
    // At most half of what is ready is leased in all.
    let claims = (cases / 10 / 2 / PULL / rounds / SERVERS.len() / PULLS).max(1);
    let mut measured: BTreeMap<usize, Vec<Round>> = BTreeMap::new();
    for round in 0..rounds {
        for servers in SERVERS {
            let taken = one_round(&schema, servers, (round, claims)).await;
            measured.entry(servers).or_default().push(taken);
        }
    }
    println!("{PULLS} pulls of {PULL} at once, {claims} times in each of {rounds} rounds; medians");
    for (servers, rounds) in measured {
        let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value).collect());
        println!(
            "{servers} servers {:>7.0} leases/s  p50 {:.2?}  processor of 1,000 leases: {:.2} s ours, \
             {:.2} s the database's",
            of(|round| round.spent.pace(round.leased)),
            Duration::from_secs_f64(of(|round| round.p50.as_secs_f64())),
            of(|round| round.spent.of_1000(round.leased).0),
            of(|round| round.spent.of_1000(round.leased).1),
        );
    }
}

struct Round {
    leased: usize,
    spent: Spent,
    p50: Duration,
}

async fn one_round(schema: &Schema, servers: usize, (round, claims): (usize, usize)) -> Round {
    let mut desks = Vec::new();
    for _ in 0..servers {
        let desk = Desk::open(schema.database(), START.plus(Micros::HOUR)).await;
        // Connections and what is remembered of portfolios and lanes.
        desk.pull(&format!("warm-{round}-{servers}-{}", desks.len())).await;
        desks.push(Arc::new(desk));
    }
    let background: Vec<_> = desks.iter().map(|desk| desk.engine.start_background()).collect();
    let pulls = (0..PULLS).map(|puller| {
        let desk = Arc::clone(&desks[puller % servers]);
        tokio::spawn(async move {
            let mut pulls = Vec::new();
            for claim in 0..claims {
                let name = format!("{round}-{servers}-{puller}-{claim}");
                pulls.push(timed(desk.pull(&name)).await);
            }
            pulls
        })
    });
    let (spent, pulls) = spent(async { futures::future::join_all(pulls).await }).await;
    let pulls: Vec<(Duration, usize)> =
        pulls.into_iter().flat_map(|pulls| pulls.expect("pulls do not panic")).collect();
    for background in background {
        background.stop().await;
    }
    Round {
        leased: pulls.iter().map(|(_, leased)| leased).sum(),
        spent,
        p50: super::median(pulls.iter().map(|(took, _)| *took).collect()),
    }
}
