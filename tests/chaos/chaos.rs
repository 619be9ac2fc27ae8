//! Three servers, one of them on a clock that is an hour off, sixteen dialers and two
//! loan systems over one database, while all that stands between them breaks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::LENGTH;
use crate::aftermath::Aftermath;
use crate::client::Client;
use crate::cluster::Cluster;
use crate::dialer::Dialer;
use crate::drain;
use crate::faults::{Fault, Length, Nemesis, QUICK, QUICK_POOLED, Slot};
use crate::history::{History, Rules, check};
use crate::mover::{self, Mover};
use crate::pooler::Pooler;
use crate::proxy::Proxy;
use crate::pusher::Pusher;
use crate::replica::{Replica, Serve, log_of};
use crate::world::World;

const REPLICAS: usize = 3;
const DIALERS: usize = 16;
const PUSHERS: usize = 2;
const MOVERS: usize = 2;
const MINUTE: i64 = 60_000_000;
/// By how many seconds the clock of one of the servers is off, ahead or behind.
const HOUR: i64 = 3_600;

const SHORT: Length = Length { faults: 26, time: Duration::ZERO };
const LONG: Length = Length { faults: 300, time: Duration::from_secs(600) };
const SHORT_SPREAD: Length = Length { faults: 12, time: Duration::ZERO };
const LONG_SPREAD: Length = Length { faults: 100, time: Duration::from_secs(200) };
const SHORT_POOLED: Length = Length { faults: 12, time: Duration::ZERO };
const LONG_POOLED: Length = Length { faults: 100, time: Duration::from_secs(200) };

/// Settings of the database.
const SETTINGS: &[&str] = &["deadlock_timeout=200ms", "log_lock_waits=on"];

/// What decides on the faults and on what clients do.
const SEED: &str = "ARREARS_CHAOS_SEED";

#[expect(clippy::print_stderr, reason = "a seed that nobody sees is of no use")]
fn say(text: &str) {
    eprintln!("{text}");
}

fn length(short: Length, long: Length) -> Length {
    match std::env::var(LENGTH).as_deref() {
        Ok("short") => short,
        Ok("long") => long,
        other => panic!("{LENGTH} is {other:?}; it must be short or long"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_held_twice() {
    let Some(cluster) = Cluster::start(SETTINGS) else { return };
    let serve = Serve::of(cluster.url(), &[]);
    let seed = seed();
    let off = if seed.is_multiple_of(2) { HOUR } else { -HOUR };
    let replicas = [serve.clone(), serve.clone(), serve.ahead(off)];
    let scene = Scene::start(("chaos", seed), cluster, None, &replicas).await;
    scene.play(QUICK, length(SHORT, LONG)).await;
}

/// The tenant lies in four parts, so that calls and claims go over several.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spread_tenant_loses_nothing_and_nothing_is_held_twice() {
    let Some(cluster) = Cluster::start(SETTINGS) else { return };
    let serve = Serve::of(cluster.url(), &["--tenant-buckets", "4"]);
    let replicas = [serve.clone(), serve.clone(), serve];
    let scene = Scene::start(("chaos-spread", seed()), cluster, None, &replicas).await;
    let parts = "SELECT COUNT(DISTINCT part) FROM portfolio";
    assert_eq!(scene.cluster.number(parts).await, 4);
    scene.play(QUICK, length(SHORT_SPREAD, LONG_SPREAD)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_is_killed_loses_nothing_and_nothing_is_held_twice() {
    let Some(cluster) = Cluster::start(SETTINGS) else { return };
    let Some(pooler) = Pooler::start(&cluster).await else { return };
    let pooled = Serve::of(pooler.url(), &["--database-pooler", "transaction"]);
    let folder = tempfile::tempdir().unwrap();
    let refused = Replica::start(&pooled, &log_of(folder.path(), 0)).await.err().unwrap();
    assert!(refused.notes.contains("arrears migrate up"), "{}", refused.notes);
    migrate(&cluster.url()).await;
    let replicas = [pooled.clone(), pooled.clone(), pooled];
    let named = ("chaos-pooled", seed());
    let scene = Scene::start(named, cluster, Some(pooler), &replicas).await;
    scene.play(QUICK_POOLED, length(SHORT_POOLED, LONG_POOLED)).await;
}

/// Makes the tables.
async fn migrate(url: &str) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_arrears"));
    let made = command.args(["migrate", "up", "--database-url", url]).output().await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn seed() -> u64 {
    let seed = match std::env::var(SEED) {
        Ok(seed) => seed.parse().expect("a seed is a number"),
        Err(_) => rand::rng().random(),
    };
    say(&format!("{SEED}={seed}"));
    seed
}

/// An empty folder for what is kept of a failure.
fn folder(name: &str, seed: u64) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{seed}"));
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

struct Scene {
    cluster: Arc<Cluster>,
    pooler: Option<Mutex<Pooler>>,
    slots: Arc<Vec<Slot>>,
    client: Client,
    world: Arc<World>,
    folder: PathBuf,
    seed: u64,
}

impl Scene {
    async fn start(
        (name, seed): (&str, u64),
        cluster: Cluster,
        pooler: Option<Pooler>,
        serve: &[Serve; REPLICAS],
    ) -> Scene {
        let folder = folder(name, seed);
        let mut slots = Vec::new();
        for (number, serve) in serve.iter().cloned().enumerate() {
            let replica = Replica::start(&serve, &log_of(&folder, number)).await.unwrap();
            let proxy = Proxy::start(replica.grpc).await;
            slots.push(Slot { number, serve, replica: Mutex::new(replica), proxy });
        }
        let addresses: Vec<_> = slots.iter().map(|slot| slot.proxy.address).collect();
        let client = Client::of(&addresses);
        client.set_up().await;
        Scene {
            cluster: Arc::new(cluster),
            pooler: pooler.map(Mutex::new),
            slots: Arc::new(slots),
            client,
            world: Arc::new(World::new()),
            folder,
            seed,
        }
    }

    /// Plays it to its end, and fails if anything is wrong then; what shows it is kept.
    async fn play(mut self, quick: &'static [Fault], length: Length) {
        let (folder, seed) = (self.folder.clone(), self.seed);
        let pooler = self.pooler.take();
        let (mut problems, told) = self.played(pooler, quick, length).await;
        say(&told);
        if problems.is_empty() {
            std::fs::remove_dir_all(&folder).unwrap();
            return;
        }
        problems.truncate(20);
        let kept = folder.display();
        panic!("{SEED}={seed}: {}\nhistory and logs lie in {kept}", problems.join("\n"));
    }

    /// What is wrong in the end, and what happened.
    async fn played(
        self,
        pooler: Option<Mutex<Pooler>>,
        quick: &'static [Fault],
        length: Length,
    ) -> (Vec<String>, String) {
        let mut clients = self.clients();
        let nemesis = Nemesis {
            world: Arc::clone(&self.world),
            cluster: Arc::clone(&self.cluster),
            pooler,
            quick,
            slots: Arc::clone(&self.slots),
            client: self.client.clone(),
            folder: self.folder.clone(),
            seed: self.seed,
            made: std::sync::Mutex::default(),
        };
        let stuck = nemesis.run(length).await.err();
        let made = nemesis.made.lock().unwrap().clone();
        self.world.stop.cancel();
        while let Some(ended) = clients.join_next().await {
            ended.unwrap();
        }
        let mut problems: Vec<String> = stuck.into_iter().chain(self.world.odd()).collect();
        let first = Client::of(&[self.slots[0].replica.lock().await.grpc]);
        let aftermath = Aftermath::read(&first, &self.world, &self.cluster).await;
        problems.extend(aftermath.problems.iter().cloned());
        problems.extend(mover::problems(&first, &self.world).await);
        drop(first);
        problems.extend(self.end_replicas().await);
        drop(nemesis);
        let drained = drain::drain(&self.cluster.url(), &self.world).await;
        problems.extend(aftermath.attempts(&drained.attempts));
        let mut closing = aftermath.closing;
        closing.drained = drained.cases;
        let history =
            History { records: self.world.records(), closing: Some(closing), ..History::default() };
        let rules = Rules { pull_kept: Some(15 * MINUTE), ..Rules::default() };
        problems.extend(check(&history, &rules).iter().map(ToString::to_string));
        problems.extend(logged(&self.cluster.log(), &self.folder));
        if !problems.is_empty() {
            std::fs::write(self.folder.join("history.jsonl"), history.to_lines()).unwrap();
            std::fs::write(self.folder.join("postgres.log"), self.cluster.log()).unwrap();
        }
        let (calls, count) = (self.world.progress(), made.values().sum::<usize>());
        let cases = history.closing.map_or(0, |closing| closing.found.len());
        let told = format!("{count} faults {made:?}; {calls} acknowledged calls, {cases} cases");
        (problems, told)
    }

    fn clients(&self) -> JoinSet<()> {
        let mut rng = StdRng::seed_from_u64(self.seed.rotate_left(32));
        let mut clients = JoinSet::new();
        for number in 0..DIALERS {
            let dialer = Dialer {
                client: self.client.clone(),
                world: Arc::clone(&self.world),
                rng: StdRng::seed_from_u64(rng.random()),
                name: format!("w{number}"),
                hand: Vec::new(),
                late: Vec::new(),
                pulls: 0,
            };
            clients.spawn(dialer.run());
        }
        for _ in 0..PUSHERS {
            let pusher = Pusher {
                client: self.client.clone(),
                world: Arc::clone(&self.world),
                rng: StdRng::seed_from_u64(rng.random()),
            };
            clients.spawn(pusher.run());
        }
        for number in 0..MOVERS {
            let mover = Mover {
                client: self.client.clone(),
                world: Arc::clone(&self.world),
                rng: StdRng::seed_from_u64(rng.random()),
                number,
            };
            clients.spawn(mover.run());
        }
        clients
    }

    /// Tells the servers to end, which they do well.
    async fn end_replicas(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for slot in &*self.slots {
            let mut replica = slot.replica.lock().await;
            let code = replica.end().await;
            if code != Some(0) {
                problems.push(format!("replica {} ended with {code:?}", slot.number));
            }
        }
        problems
    }
}

/// What must not be in the logs.
fn logged(postgres: &str, folder: &Path) -> Vec<String> {
    let mut logs = vec![("postgres".to_owned(), postgres.to_owned())];
    for number in 0..REPLICAS {
        let log = std::fs::read_to_string(log_of(folder, number)).unwrap();
        logs.push((format!("replica {number}"), log));
    }
    let bad = ["deadlock detected", "panicked", "a call failed", "waited for each other"];
    let mut problems = Vec::new();
    for (name, log) in logs {
        let lines = log.lines().filter(|line| bad.iter().any(|text| line.contains(text)));
        problems.extend(lines.take(5).map(|line| format!("{name} logged {line:.400}")));
    }
    problems
}
