//! pgbouncer before the database, as Debian packages it: it hands out few connections,
//! transaction by transaction, to many clients.

use std::fs::OpenOptions;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::cluster::Cluster;
use crate::world::until;

/// The program; else it is looked for.
const PROGRAM: &str = "ARREARS_TEST_PGBOUNCER";
/// Where Debian puts it, which is not on everybody's path.
const DEBIAN: &str = "/usr/sbin";
/// Connections to the database: fewer than there are clients by far.
const CONNECTIONS: u32 = 3;

/// A running pooler. It is killed when it is dropped.
pub(crate) struct Pooler {
    program: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    process: Option<Child>,
}

impl Pooler {
    /// Starts one; nothing where there is no such program, which is said.
    #[expect(clippy::print_stderr, reason = "the reason why a test does nothing is for people")]
    pub(crate) async fn start(cluster: &Cluster) -> Option<Pooler> {
        let Some(program) = program() else {
            assert!(std::env::var_os("CI").is_none(), "pgbouncer is missing");
            eprintln!("skipped: pgbouncer is missing, and {PROGRAM} does not name it");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        std::fs::write(folder.path().join("users"), "\"arrears\" \"\"\n").unwrap();
        let database = cluster.port();
        let settings = format!(
            "[databases]\n\
             * = host=127.0.0.1 port={database}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = trust\n\
             auth_file = users\n\
             pool_mode = transaction\n\
             default_pool_size = {CONNECTIONS}\n\
             max_client_conn = 500\n\
             server_login_retry = 1\n"
        );
        std::fs::write(folder.path().join("pgbouncer.ini"), settings).unwrap();
        cluster.give(folder.path());
        let mut pooler = Pooler { program, folder, port, process: None };
        pooler.start_again(cluster).await;
        Some(pooler)
    }

    /// Kills it with all its connections.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself.
            let _ = process.kill();
            process.wait().unwrap();
        }
    }

    /// Starts it on the port it had.
    pub(crate) async fn start_again(&mut self, cluster: &Cluster) {
        let log = self.folder.path().join("log");
        let log = OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut command = Command::new(&self.program);
        if cluster.as_root() {
            // It refuses to run as root.
            command.args(["-u", "postgres"]);
        }
        command.arg("pgbouncer.ini").current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.process = Some(command.spawn().unwrap());
        let listens = async |_: &()| TcpStream::connect(("127.0.0.1", self.port)).ok();
        until("pgbouncer takes connections", &(), listens).await;
    }

    /// The address of the database behind it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://arrears@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.kill();
    }
}

fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(PROGRAM) {
        return Some(PathBuf::from(named)).filter(|program| program.exists());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain([PathBuf::from(DEBIAN)]);
    folders.find_map(|folder| Some(folder.join("pgbouncer")).filter(|program| program.exists()))
}
