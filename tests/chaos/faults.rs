//! What goes wrong, drawn from a seed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use sqlx::{Connection as _, Executor as _};
use tokio::sync::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::cluster::Cluster;
use crate::pooler::Pooler;
use crate::proxy::{Mode, Proxy};
use crate::pusher::Pusher;
use crate::replica::{Replica, Serve, log_of};
use crate::world::{World, until};

/// Acknowledged calls between two faults.
const BETWEEN: u64 = 25;
/// Acknowledged calls while a snapshot is held.
const WITH_SNAPSHOT: u64 = 250;
/// Bytes of a server lost before answers pass again.
const LOST: usize = 4;
/// Pushes at once over what is being worked.
const STORM: usize = 8;

const RUNNING_UNTIL: &str = "SELECT COALESCE(max(expire_time), 0) FROM lease WHERE end_kind = 0";
const NOW: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)";

/// A server with what stands before it.
pub(crate) struct Slot {
    pub(crate) number: usize,
    pub(crate) serve: Serve,
    pub(crate) replica: Mutex<Replica>,
    pub(crate) proxy: Proxy,
}

/// One kind of what goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// A replica is killed and started again.
    Kill,
    /// A replica stands still until all leases of before are over.
    Suspend,
    /// The database closes some connections.
    Terminate,
    /// The database is killed and started again.
    Crash,
    /// Connections end behind the request.
    Cut,
    /// Answers are lost, and their connections later.
    Swallow,
    /// Many push the cases that are being worked.
    Storm,
    /// Somebody holds a view of the database open.
    Snapshot,
    /// The pooler before the database is killed and started again.
    Pooler,
}

/// What goes wrong one after another.
pub(crate) const QUICK: &[Fault] =
    &[Fault::Kill, Fault::Terminate, Fault::Crash, Fault::Cut, Fault::Swallow, Fault::Storm];
/// The same behind a pooler.
pub(crate) const QUICK_POOLED: &[Fault] =
    &[Fault::Kill, Fault::Terminate, Fault::Crash, Fault::Pooler, Fault::Storm];
/// What goes wrong beside it, and takes its time.
const SLOW: [Fault; 2] = [Fault::Suspend, Fault::Snapshot];

/// How long it goes on: at least so many faults, and so long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Length {
    pub(crate) faults: usize,
    pub(crate) time: Duration,
}

/// Who makes things go wrong.
pub(crate) struct Nemesis {
    pub(crate) world: Arc<World>,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) pooler: Option<Mutex<Pooler>>,
    pub(crate) quick: &'static [Fault],
    pub(crate) slots: Arc<Vec<Slot>>,
    pub(crate) client: Client,
    pub(crate) folder: PathBuf,
    pub(crate) seed: u64,
    pub(crate) made: StdMutex<BTreeMap<String, usize>>,
}

impl Nemesis {
    /// Makes things go wrong until enough has; what takes its time goes wrong beside the
    /// rest.
    ///
    /// # Errors
    /// The fault after which nothing went on.
    pub(crate) async fn run(&self, length: Length) -> Result<(), String> {
        let over = CancellationToken::new();
        let quick = async {
            let mut rng = StdRng::seed_from_u64(self.seed);
            let began = Instant::now();
            // Every kind comes up equally often, in any order.
            while self.count() < length.faults || began.elapsed() < length.time {
                let mut bag = self.quick.to_vec();
                bag.shuffle(&mut rng);
                for fault in bag {
                    self.make(fault, &mut rng).await;
                    if !self.world.goes_on(BETWEEN).await {
                        over.cancel();
                        return Err(format!("nothing was acknowledged after {fault:?}"));
                    }
                }
            }
            over.cancel();
            Ok(())
        };
        let slow = async {
            let mut rng = StdRng::seed_from_u64(!self.seed);
            while !over.is_cancelled() {
                for fault in SLOW {
                    self.make(fault, &mut rng).await;
                }
            }
        };
        tokio::join!(quick, slow).0
    }

    fn count(&self) -> usize {
        self.made.lock().unwrap().values().sum()
    }

    async fn make(&self, fault: Fault, rng: &mut StdRng) {
        match fault {
            Fault::Kill => self.kill(rng).await,
            Fault::Suspend => self.suspend(rng).await,
            Fault::Terminate => self.terminate(rng).await,
            Fault::Crash => tokio::task::block_in_place(|| self.cluster.crash()),
            Fault::Cut => self.lose(Mode::Cut, rng).await,
            Fault::Swallow => self.lose(Mode::Swallow, rng).await,
            Fault::Storm => self.storm(rng).await,
            Fault::Snapshot => self.snapshot().await,
            Fault::Pooler => self.pooler().await,
        }
        *self.made.lock().unwrap().entry(format!("{fault:?}")).or_default() += 1;
    }

    /// A replica that nobody else has in hand.
    fn free(&self, rng: &mut StdRng) -> (&Slot, MutexGuard<'_, Replica>) {
        let mut slots: Vec<&Slot> = self.slots.iter().collect();
        slots.shuffle(rng);
        let mut free =
            slots.into_iter().filter_map(|slot| Some((slot, slot.replica.try_lock().ok()?)));
        free.next().expect("two hands hold at most two of three")
    }

    async fn kill(&self, rng: &mut StdRng) {
        let (slot, mut replica) = self.free(rng);
        replica.kill().await;
        let start = async |slot: &Slot| {
            let log = log_of(&self.folder, slot.number);
            Replica::start(&slot.serve, &log).await.ok()
        };
        *replica = until("a killed server starts again", slot, start).await;
        slot.proxy.forward_to(replica.grpc);
    }

    async fn suspend(&self, rng: &mut StdRng) {
        let (_, replica) = self.free(rng);
        replica.suspend().await;
        let over = self.cluster.number(RUNNING_UNTIL).await;
        let past = async |over: &i64| (self.cluster.number(NOW).await > *over).then_some(());
        until("its leases are over", &over, past).await;
        replica.resume().await;
    }

    async fn terminate(&self, rng: &mut StdRng) {
        let count = rng.random_range(1..8);
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name = 'arrears' ORDER BY random() LIMIT {count}"
        );
        self.cluster.execute(&sql).await;
    }

    async fn lose(&self, mode: Mode, rng: &mut StdRng) {
        let proxy = &self.slots[rng.random_range(0..self.slots.len())].proxy;
        let enough = proxy.lost() + LOST;
        proxy.set(mode);
        // The server behind it may be one that stands still.
        let calls = self.world.progress() + 4 * BETWEEN;
        let lost =
            async |_: &()| (proxy.lost() >= enough || self.world.progress() >= calls).then_some(());
        until("answers are lost", &(), lost).await;
        proxy.set(Mode::Pass);
    }

    async fn storm(&self, rng: &mut StdRng) {
        let mut pushes = tokio::task::JoinSet::new();
        for _ in 0..STORM {
            let pusher = Pusher {
                client: self.client.clone(),
                world: Arc::clone(&self.world),
                rng: StdRng::seed_from_u64(rng.random()),
            };
            pushes.spawn(pusher.push_held());
        }
        while let Some(ended) = pushes.join_next().await {
            ended.unwrap();
        }
    }

    async fn snapshot(&self) {
        let mut connection = self.cluster.connect().await;
        let view = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM case_q";
        // The database may be killed meanwhile, and the view with it.
        let _ = connection.execute(sqlx::raw_sql(view)).await;
        self.world.goes_on(WITH_SNAPSHOT).await;
        let _ = connection.execute(sqlx::raw_sql("COMMIT")).await;
        let _ = connection.close().await;
    }

    async fn pooler(&self) {
        let mut pooler = self.pooler.as_ref().expect("there is a pooler").lock().await;
        tokio::task::block_in_place(|| pooler.kill());
        pooler.start_again(&self.cluster).await;
    }
}
