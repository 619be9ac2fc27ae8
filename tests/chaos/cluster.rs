//! A PostgreSQL server of the test's own, which it may stop and kill.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};

use crate::world::until;

/// The folder of PostgreSQL's programs; else they are looked for.
const PROGRAMS: &str = "ARREARS_TEST_POSTGRES_PROGRAMS";
/// The name of a server that follows another one.
pub(crate) const STANDBY: &str = "standby";
/// Where Debian puts them.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A running server. It stops when it is dropped.
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: tempfile::TempDir,
    /// Runs as somebody else: the server refuses to run as root.
    as_root: bool,
    port: u16,
    settings: Vec<String>,
}

impl Cluster {
    /// Starts a server, with settings beside the usual ones; nothing where nobody asked
    /// for it or there are no programs, which is said.
    #[expect(clippy::print_stderr, reason = "the reason why a test does nothing is for people")]
    pub(crate) fn start(settings: &[&str]) -> Option<Cluster> {
        if std::env::var_os(crate::LENGTH).is_none() {
            eprintln!("skipped: `make postgres` runs it; {} says for how long", crate::LENGTH);
            return None;
        }
        let Some(programs) = programs() else {
            assert!(std::env::var_os("CI").is_none(), "PostgreSQL's programs are missing");
            eprintln!("skipped: PostgreSQL's programs are missing, and {PROGRAMS} names none");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let as_root = text(Command::new("id").arg("-u").output().unwrap()).trim() == "0";
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let mut cluster = Cluster { programs, folder, as_root, port: 0, settings };
        cluster.give(cluster.folder.path());
        let data = cluster.data();
        let init = ["-U", "arrears", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "-D"];
        text(cluster.program("initdb").args(init).arg(&data).output().unwrap());
        cluster.start_anywhere();
        Some(cluster)
    }

    fn start_anywhere(&mut self) {
        let started = (0..5).any(|_| {
            // Somebody else may take the port meanwhile.
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            self.port = free.local_addr().unwrap().port();
            drop(free);
            self.run().status.success()
        });
        assert!(started, "PostgreSQL does not start: {}", self.log());
    }

    /// Starts a server that follows this one under the name of `standby`.
    pub(crate) fn standby(&self) -> Cluster {
        let folder = tempfile::tempdir().unwrap();
        let programs = self.programs.clone();
        let mut standby =
            Cluster { programs, folder, as_root: self.as_root, port: 0, settings: Vec::new() };
        standby.give(standby.folder.path());
        let from =
            format!("host=127.0.0.1 port={} user=arrears application_name={STANDBY}", self.port);
        let mut copy = standby.program("pg_basebackup");
        copy.args(["-R", "-X", "stream", "-c", "fast", "-d", &from, "-D"]).arg(standby.data());
        text(copy.output().unwrap());
        standby.start_anywhere();
        standby
    }

    /// Makes it a server that is written to, and follows no other any more.
    pub(crate) fn promote(&self) {
        text(self.control().arg("promote").output().unwrap());
    }

    fn run(&self) -> Output {
        let sockets = self.folder.path().display();
        let mut options = format!("-p {} -h 127.0.0.1 -k {sockets}", self.port);
        let usual = ["max_connections=100", "shared_buffers=64MB"].map(str::to_owned);
        for setting in usual.iter().chain(&self.settings) {
            options.push_str(&format!(" -c {setting}"));
        }
        let mut start = self.control();
        start.arg("-l").arg(self.folder.path().join("log"));
        start.args(["-o", options.as_str(), "start"]).output().unwrap()
    }

    /// Kills it as a power failure would, and starts it again.
    pub(crate) fn crash(&self) {
        self.kill();
        self.start_again();
    }

    /// Kills it as a power failure would.
    pub(crate) fn kill(&self) {
        text(self.control().args(["-m", "immediate", "stop"]).output().unwrap());
    }

    /// Starts it with the settings it had.
    pub(crate) fn start_again(&self) {
        text(self.run());
    }

    /// The address of its database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://arrears:not-to-be-shown@127.0.0.1:{}/postgres", self.port)
    }

    /// The address without what is not to be shown.
    pub(crate) fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A connection beside those of the service, as soon as there can be one.
    pub(crate) async fn connect(&self) -> PgConnection {
        let options: PgConnectOptions = self.url().parse().unwrap();
        let connect = async |_: &()| PgConnection::connect_with(&options).await.ok();
        until("PostgreSQL takes connections", &(), connect).await
    }

    /// Runs a statement; tells whether it succeeded.
    pub(crate) async fn execute(&self, sql: &str) -> bool {
        self.connect().await.execute(AssertSqlSafe(sql.to_owned())).await.is_ok()
    }

    /// One number, as soon as it is had.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let read = async |_: &()| {
            let row = self.connect().await.fetch_one(AssertSqlSafe(sql.to_owned())).await;
            row.ok().map(|row| row.try_get(0).unwrap())
        };
        until("PostgreSQL answers", &(), read).await
    }

    /// A text and a number a row.
    pub(crate) async fn counts(&self, sql: &str) -> Vec<(String, i64)> {
        let rows = self.connect().await.fetch_all(AssertSqlSafe(sql.to_owned())).await.unwrap();
        rows.iter().map(|row| (row.try_get(0).unwrap(), row.try_get(1).unwrap())).collect()
    }

    /// Whether the tests run as root, and the server as somebody else.
    pub(crate) fn as_root(&self) -> bool {
        self.as_root
    }

    /// Gives a folder with all in it to whoever the server runs as.
    pub(crate) fn give(&self, folder: &Path) {
        if self.as_root {
            text(Command::new("chown").args(["-R", "postgres"]).arg(folder).output().unwrap());
        }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What the server has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn control(&self) -> Command {
        let mut control = self.program("pg_ctl");
        // A disk that many others write to may hold it up for longer than a minute.
        control.arg("-D").arg(self.data()).args(["-w", "-t", "300"]);
        control
    }

    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = match self.as_root {
            false => Command::new(program),
            true => {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--"]).arg(program);
                command
            }
        };
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may be down already.
        let _ = self.control().args(["-m", "immediate", "stop"]).output();
    }
}

fn programs() -> Option<PathBuf> {
    let has = |folder: &Path| {
        ["initdb", "pg_ctl", "pg_basebackup"].iter().all(|name| folder.join(name).exists())
    };
    if let Some(named) = std::env::var_os(PROGRAMS) {
        return Some(PathBuf::from(named)).filter(|folder| has(folder));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    std::env::split_paths(&path).chain(versions.into_iter().rev()).find(|folder| has(folder))
}

/// The output of a program that has to succeed.
#[track_caller]
fn text(output: Output) -> String {
    let notes = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {notes}", output.status);
    String::from_utf8(output.stdout).unwrap()
}
