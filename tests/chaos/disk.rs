//! Disks that are full: callers are told, what is stored can still be read, nothing
//! acknowledged is lost and nothing refused is kept, and room is all it takes.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::Command;

use arrears::proto;
use tonic::Code;

use crate::client::Client;
use crate::cluster::Cluster;
use crate::failures::{Place, assert_says_so, pull, push};
use crate::replica::{Replica, Serve, log_of};
use crate::world::PORTFOLIO;

/// Room for the tables and some hundred pushes.
const SIZE: &str = "size=48m,mode=0777";
/// Cases of a push.
const PUSHED: i64 = 30;
/// Pushes after which a full disk must have been noticed: what is there may have free
/// places.
const PUSHES_MAX: i64 = 500;
const CHUNK: [u8; 4096] = [0; 4096];

/// A disk of its own that is soon full.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts one in memory; nothing where that is not allowed, which is said.
    #[expect(clippy::print_stderr, reason = "the reason why a test does nothing is for people")]
    fn mount() -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", SIZE, "arrears-test"]).arg(folder.path());
        if mount.output().is_ok_and(|output| output.status.success()) {
            return Some(SmallDisk { folder });
        }
        eprintln!("skipped: only root may mount a disk of its own, and not everywhere");
        None
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves no room at all.
    fn fill(&self) {
        let mut ballast = File::create(self.path().join("ballast")).unwrap();
        loop {
            match ballast.write(&CHUNK) {
                Ok(_) => (),
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("the disk cannot be filled: {error}"),
            }
        }
    }

    /// Makes room.
    fn free(&self) {
        std::fs::remove_file(self.path().join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whatever still has a file open there is about to be killed.
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}

/// What somebody has pushed.
struct Pushed {
    client: Client,
    /// The cases before this one were acknowledged.
    next: i64,
}

impl Pushed {
    async fn first(client: Client) -> Pushed {
        client.set_up().await;
        let mut pushed = Pushed { client, next: 0 };
        pushed.push().await.unwrap();
        pushed
    }

    async fn push(&mut self) -> Result<(), tonic::Status> {
        self.client.cases().push_cases(push(self.next)).await?;
        self.next += PUSHED;
        Ok(())
    }

    /// Pushes until that is refused, and holds what is said then.
    async fn push_until_full(&mut self) {
        for _ in 0..PUSHES_MAX {
            if let Err(refused) = self.push().await {
                return assert_says_so(Err::<(), _>(refused));
            }
        }
        panic!("the disk was not full after {PUSHES_MAX} pushes");
    }

    /// All that was acknowledged is there, and nothing else.
    async fn assert_exact(&self) {
        for case in 0..self.next {
            self.find(case).await.unwrap();
        }
        for case in self.next..self.next + PUSHED {
            assert_eq!(self.find(case).await.unwrap_err().code(), Code::NotFound);
        }
    }

    async fn find(&self, case: i64) -> Result<(), tonic::Status> {
        let (portfolio_id, case_id) = (PORTFOLIO.to_owned(), format!("c{case}"));
        let request = proto::GetCaseRequest { portfolio_id, case_id };
        self.client.cases().get_case(request).await.map(|_| ())
    }
}

/// What holds of a full disk, whatever is on it.
async fn plays_full(disk: &SmallDisk, pushed: &mut Pushed, replica: &Replica) {
    disk.fill();
    pushed.push_until_full().await;
    pushed.assert_exact().await;
    // Nobody is given what could not be noted.
    let lists = pushed.client.work_lists();
    if let Err(refused) = lists.clone().lease_work(pull(1)).await {
        assert_says_so(Err::<(), _>(refused));
    }
    assert!(replica.page("/healthz").await.starts_with("HTTP/1.1 200"));
    disk.free();
    pushed.push().await.unwrap();
    let leased = lists.clone().lease_work(pull(5)).await.unwrap().into_inner();
    assert_eq!(leased.work_items.len(), 5);
    pushed.assert_exact().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_of_postgresql_refuses_writes_and_loses_nothing() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let Some(disk) = SmallDisk::mount() else { return };
    let space = disk.path().join("space");
    std::fs::create_dir(&space).unwrap();
    cluster.give(&space);
    // The log of the database is elsewhere: without room for that it ends by itself, which
    // is a database that is away.
    let make = format!("CREATE TABLESPACE small LOCATION '{}'", space.display());
    assert!(cluster.execute(&make).await);
    assert!(cluster.execute("ALTER ROLE arrears SET default_tablespace = small").await);
    let place = Place::of(cluster.url());
    let replica = place.serve(0, &[]).await.unwrap();
    let mut pushed = Pushed::first(Client::of(&[replica.grpc])).await;
    plays_full(&disk, &mut pushed, &replica).await;
    drop(replica);
    drop(cluster);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_of_a_folder_refuses_writes_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else { return };
    let logs = tempfile::tempdir().unwrap();
    let folder = disk.path().join("data");
    let serve = Serve::in_folder(&folder);
    let mut replica = Replica::start(&serve, &log_of(logs.path(), 0)).await.unwrap();
    let mut pushed = Pushed::first(Client::of(&[replica.grpc])).await;
    plays_full(&disk, &mut pushed, &replica).await;
    disk.fill();
    pushed.push_until_full().await;
    replica.kill().await;
    disk.free();
    let mut replica = Replica::start(&serve, &log_of(logs.path(), 1)).await.unwrap();
    pushed.client = Client::of(&[replica.grpc]);
    pushed.assert_exact().await;
    pushed.push().await.unwrap();
    assert_eq!(replica.end().await, Some(0));
}
