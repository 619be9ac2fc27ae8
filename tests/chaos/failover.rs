//! The database dies, and a standby takes its place: a synchronous one has all that was
//! acknowledged; one that has not is found out, and nobody is leased twice.

use std::net::SocketAddr;

use arrears::proto;
use tonic::Status;

use crate::client::Client;
use crate::cluster::{Cluster, STANDBY};
use crate::proxy::Proxy;
use crate::pusher::document;
use crate::replica::{Replica, Serve, log_of};
use crate::world::{LEASE, LIST, PORTFOLIO, until};

const STOPPED: &str = "LEASING_STOPPED";
const CASES: i64 = 60;

/// A database with a standby, and two servers that reach whichever is in its place.
struct Scene {
    primary: Cluster,
    standby: Cluster,
    proxy: Proxy,
    replicas: Vec<Replica>,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn start(settings: &[&str]) -> Option<Scene> {
        let primary = Cluster::start(settings)?;
        let standby = tokio::task::block_in_place(|| primary.standby());
        let follows = format!(
            "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' \
            AND application_name = '{STANDBY}'"
        );
        let one = async |_: &()| (primary.number(&follows).await == 1).then_some(());
        until("the standby follows", &(), one).await;
        let proxy = Proxy::start(address(&primary)).await;
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::of(format!("postgres://arrears@{}/postgres", proxy.address), &[]);
        let mut replicas = Vec::new();
        for number in 0..2 {
            let log = log_of(folder.path(), number);
            replicas.push(Replica::start(&serve, &log).await.unwrap());
        }
        let scene = Scene { primary, standby, proxy, replicas, folder };
        scene.client(0).set_up().await;
        let request = proto::PushCasesRequest {
            portfolio_id: PORTFOLIO.to_owned(),
            // Each of a debtor of its own.
            cases: (0..CASES).map(|case| document(3 * case, 1)).collect(),
            ..Default::default()
        };
        scene.client(0).cases().push_cases(request).await.unwrap();
        Some(scene)
    }

    fn client(&self, replica: usize) -> Client {
        Client::of(&[self.replicas[replica].grpc])
    }

    /// Waits until the standby has all that was committed.
    async fn caught_up(&self) {
        let behind = format!(
            "SELECT count(*) FROM pg_stat_replication WHERE \
            application_name = '{STANDBY}' AND replay_lsn >= pg_current_wal_lsn()"
        );
        let none = async |_: &()| (self.primary.number(&behind).await == 1).then_some(());
        until("the standby has everything", &(), none).await;
    }

    /// The database dies, and the standby takes its place.
    fn switch(&self) {
        tokio::task::block_in_place(|| {
            self.primary.kill();
            self.standby.promote();
        });
        self.proxy.forward_to(address(&self.standby));
    }

    /// What a server answers to a pull, as soon as it has found the database again.
    async fn pull(&self, replica: usize) -> proto::LeaseWorkResponse {
        let client = self.client(replica);
        let ask = async |client: &Client| {
            client.work_lists().lease_work(pull()).await.map(tonic::Response::into_inner).ok()
        };
        until("a pull is answered", &client, ask).await
    }

    fn log(&self, replica: usize) -> String {
        std::fs::read_to_string(log_of(self.folder.path(), replica)).unwrap()
    }
}

fn address(cluster: &Cluster) -> SocketAddr {
    cluster.place().parse().unwrap()
}

fn pull() -> proto::LeaseWorkRequest {
    let seconds = i64::try_from(LEASE.as_secs()).unwrap();
    proto::LeaseWorkRequest {
        work_list_id: LIST.to_owned(),
        worker_id: "w".to_owned(),
        max_items: 5,
        lease_duration: Some(prost_types::Duration { seconds, nanos: 0 }),
        wait: Some(prost_types::Duration::default()),
        ..Default::default()
    }
}

fn stopped(answer: &proto::LeaseWorkResponse) -> bool {
    answer.warnings.iter().any(|warning| warning.code == STOPPED)
}

fn report(item: &proto::WorkItem) -> proto::Outcome {
    let outcome_code = "no_answer".to_owned();
    proto::Outcome { lease_token: item.lease_token.clone(), outcome_code, ..Default::default() }
}

async fn reported(client: &Client, items: &[proto::WorkItem]) -> Result<Vec<i32>, Status> {
    let request = proto::ReportOutcomesRequest { outcomes: items.iter().map(report).collect() };
    let answer = client.work_lists().report_outcomes(request).await?.into_inner();
    Ok(answer.results.iter().map(|result| result.disposition).collect())
}

/// Microseconds since 1970.
fn instant(time: Option<prost_types::Timestamp>) -> i64 {
    let time = time.unwrap();
    time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_synchronous_standby_has_all_that_was_acknowledged_and_leasing_goes_on() {
    let names = format!("synchronous_standby_names={STANDBY}");
    let Some(scene) = Scene::start(&[&names]).await else { return };
    let before = scene.pull(0).await;
    assert_eq!(before.work_items.len(), 5);
    scene.switch();
    for replica in 0..2 {
        let answer = scene.pull(replica).await;
        assert!(!stopped(&answer), "{:?}", answer.warnings);
        assert_eq!(answer.work_items.len(), 5);
    }
    let accepted = proto::OutcomeDisposition::Accepted as i32;
    let told = reported(&scene.client(1), &before.work_items).await.unwrap();
    assert_eq!(told, [accepted; 5]);
    let request = proto::ListCasesRequest {
        portfolio_id: PORTFOLIO.to_owned(),
        page_size: 1_000,
        ..Default::default()
    };
    let all = scene.client(0).cases().list_cases(request).await.unwrap().into_inner();
    assert_eq!(all.cases.len(), usize::try_from(CASES).unwrap());
    assert!(!scene.log(0).contains("may lose acknowledged writes"), "{}", scene.log(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_standby_has_not_received_is_leased_to_nobody_else_before_it_is_over() {
    let Some(scene) = Scene::start(&[]).await else { return };
    assert!(scene.log(0).contains("may lose acknowledged writes"), "{}", scene.log(0));
    let kept = scene.pull(0).await.work_items;
    scene.caught_up().await;
    assert!(scene.standby.execute("ALTER SYSTEM SET primary_conninfo = ''").await);
    assert!(scene.standby.execute("SELECT pg_reload_conf()").await);
    let deaf = async |_: &()| {
        let followers = "SELECT count(*) FROM pg_stat_replication";
        (scene.primary.number(followers).await == 0).then_some(())
    };
    until("the standby receives nothing any more", &(), deaf).await;
    let lost = scene.pull(1).await.work_items;
    assert_eq!((kept.len(), lost.len()), (5, 5));
    scene.switch();
    // Each of the servers says so, and a pull that would wait is told at once.
    for replica in 0..2 {
        let answer = scene.pull(replica).await;
        assert!(stopped(&answer), "{:?}", answer.warnings);
        assert_eq!(answer.work_items, []);
        assert!(answer.retry_after.is_some_and(|after| after.seconds > 0));
    }
    // What the standby has received goes on.
    let accepted = proto::OutcomeDisposition::Accepted as i32;
    assert_eq!(reported(&scene.client(0), &kept).await.unwrap(), [accepted; 5]);
    let again = async |scene: &Scene| {
        let answer = scene.pull(1).await;
        (!stopped(&answer)).then_some(answer.work_items)
    };
    let items = until("leasing goes on", &scene, again).await;
    assert_eq!(items.len(), 5);
    let over = lost.iter().map(|item| instant(item.lease_expire_time)).max().unwrap();
    let lease = i64::try_from(LEASE.as_micros()).unwrap();
    for item in &items {
        assert!(instant(item.lease_expire_time) - lease >= over, "{}", item.debtor_id);
    }
    let logged = (0..2).map(|replica| scene.log(replica)).collect::<String>();
    assert_eq!(logged.matches("may lack what was acknowledged").count(), 1, "{logged}");
}
