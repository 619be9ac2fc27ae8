//! Serves all there is, much later: every open case comes back once. The service runs
//! in this process for it, on a clock that the test moves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrears::config::Config;
use arrears::engine::Engine;
use arrears::grpc::{Listeners, serve};
use arrears::model::{Clock, Micros, SystemClock, TestClock};
use arrears::proto;
use arrears::store::{Database, PostgresOptions};
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::dialer::lease_of;
use crate::pusher::document;
use crate::world::{LIST, PORTFOLIO, World, number};

const DAY: i64 = 86_400_000_000;

/// What came back.
#[derive(Default)]
pub(crate) struct Drained {
    /// The cases, in the order in which they were served.
    pub(crate) cases: Vec<i64>,
    /// By debtor, the attempts that its first item told of.
    pub(crate) attempts: BTreeMap<i64, i64>,
}

/// Serves until nothing comes any more; what was served is closed.
pub(crate) async fn drain(url: &str, world: &World) -> Drained {
    let clock = Arc::new(TestClock::new(SystemClock.now()));
    let database = Database::Postgres(Box::new(PostgresOptions::from_url(url).unwrap()));
    let engine = Engine::open(database, clock.clone()).await.unwrap();
    let mut config = Config::default();
    config.server.grpc_addr.set_port(0);
    config.server.http_addr.set_port(0);
    let listeners = Listeners::bind(&config).await.unwrap();
    let client = Client::of(&[listeners.grpc_addr().unwrap()]);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let served = Arc::clone(&engine);
    let serving = tokio::spawn(async move { serve(served, listeners, &config, stopped).await });
    let mut drained = Drained::default();
    loop {
        clock.advance(15 * DAY);
        while engine.sweep().await.unwrap() > 0 {}
        let items = pull(&client).await;
        if items.is_empty() {
            break;
        }
        close(&client, world, &items, clock.now()).await;
        for item in &items {
            drained.cases.push(lease_of(item).case);
            let debtor = number(&item.debtor_id);
            drained.attempts.entry(debtor).or_insert(item.earlier_attempt_count.into());
        }
    }
    drop(client);
    stop.cancel();
    serving.await.unwrap().unwrap();
    drained
}

async fn pull(client: &Client) -> Vec<proto::WorkItem> {
    let request = proto::LeaseWorkRequest {
        work_list_id: LIST.to_owned(),
        worker_id: "drain".to_owned(),
        max_items: 500,
        wait: Some(prost_types::Duration::default()),
        ..Default::default()
    };
    client.work_lists().lease_work(request).await.unwrap().into_inner().work_items
}

async fn close(client: &Client, world: &World, items: &[proto::WorkItem], now: Micros) {
    let sequence = world.next_sequence.fetch_add(1, Ordering::SeqCst);
    let as_of = prost_types::Timestamp { seconds: now.0 / 1_000_000, nanos: 0 };
    let closed = |item: &proto::WorkItem| proto::CaseDocument {
        as_of_time: Some(as_of),
        close: Some(proto::CaseClose { reason: proto::CloseReason::PaidOff.into(), date: None }),
        ..document(lease_of(item).case, sequence)
    };
    let request = proto::PushCasesRequest {
        portfolio_id: PORTFOLIO.to_owned(),
        cases: items.iter().map(closed).collect(),
        atomic: true,
        ..Default::default()
    };
    client.cases().push_cases(request).await.unwrap();
}
