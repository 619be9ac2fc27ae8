//! `arrears serve` as a process that is killed and stopped.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// How long a process may take to start, or to end when it is told to.
pub(crate) const PROCESS_DEADLINE: Duration = Duration::from_secs(60);
/// How long a page may take: the server may stand still.
const PAGE_DEADLINE: Duration = Duration::from_secs(10);

/// The library that gives a process another clock.
const OTHER_CLOCK: &str = "ARREARS_TEST_LIBFAKETIME";

/// How a server is started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Serve {
    /// The address of its database; empty where it is in a folder.
    pub(crate) url: String,
    /// Options of the command line.
    pub(crate) options: Vec<String>,
    /// Seconds by which its clock is ahead; negative where it is behind.
    pub(crate) clock_ahead: i64,
}

impl Serve {
    /// With options.
    pub(crate) fn of(url: impl Into<String>, options: &[&str]) -> Serve {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Serve { url: url.into(), options, clock_ahead: 0 }
    }

    /// Over a folder.
    pub(crate) fn in_folder(folder: &Path) -> Serve {
        Serve::of("", &["--data-dir", folder.to_str().unwrap()])
    }

    /// The same on a clock that is ahead.
    pub(crate) fn ahead(&self, seconds: i64) -> Serve {
        Serve { clock_ahead: seconds, ..self.clone() }
    }
}

/// The library that gives a process another clock, as Debian packages it; nothing where
/// it is missing, which is said.
#[expect(clippy::print_stderr, reason = "the reason why a test does less is for people")]
fn other_clock() -> Option<PathBuf> {
    let named = std::env::var_os(OTHER_CLOCK).map(PathBuf::from);
    let found = named.filter(|library| library.exists());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "libfaketime is missing");
        eprintln!("without another clock: libfaketime is missing, or {OTHER_CLOCK} names none");
    }
    found
}

/// A running server. It is killed when it is dropped.
pub(crate) struct Replica {
    child: Child,
    /// Where gRPC is served.
    pub(crate) grpc: SocketAddr,
    http: SocketAddr,
}

/// A server that did not start.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code.
    pub(crate) code: Option<i32>,
    /// What it has logged, with what an earlier one logged into the same file.
    pub(crate) notes: String,
}

impl Replica {
    /// Starts a server and waits for its addresses.
    pub(crate) async fn start(serve: &Serve, log: &Path) -> Result<Replica, Box<Ended>> {
        let notes = OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_arrears"));
        // Settings of whoever runs the tests are of no concern.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ARREARS_") {
                command.env_remove(name);
            }
        }
        if serve.clock_ahead != 0
            && let Some(library) = other_clock()
        {
            command.env("LD_PRELOAD", library).env("FAKETIME", format!("{:+}s", serve.clock_ahead));
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        if !serve.url.is_empty() {
            command.env("ARREARS_DATABASE_URL", &serve.url);
        }
        let mut child = command
            .args(["serve", "--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"])
            .args(&serve.options)
            .current_dir(log.parent().unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(notes)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let read = tokio::time::timeout(PROCESS_DEADLINE, output.read_line(&mut line));
        read.await.expect("a server starts or ends").unwrap();
        let mut addresses =
            line.split_whitespace().filter_map(|word| word.strip_prefix("http://")?.parse().ok());
        match (addresses.next(), addresses.next()) {
            (Some(grpc), Some(http)) => Ok(Replica { child, grpc, http }),
            _ => {
                let code = child.wait().await.unwrap().code();
                let notes = std::fs::read_to_string(log).unwrap();
                Err(Box::new(Ended { code, notes }))
            }
        }
    }

    /// Kills it at once.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Stops its clock and its connections, as a machine does that is suspended.
    pub(crate) async fn suspend(&self) {
        self.signal("-STOP").await;
    }

    /// Lets it go on.
    pub(crate) async fn resume(&self) {
        self.signal("-CONT").await;
    }

    /// Tells it to end and waits until it has; returns its exit code.
    pub(crate) async fn end(&mut self) -> Option<i32> {
        self.signal("-TERM").await;
        let ended = tokio::time::timeout(PROCESS_DEADLINE, self.child.wait()).await;
        ended.expect("a server ends when it is told to").unwrap().code()
    }

    async fn signal(&self, signal: &str) {
        let process = self.child.id().expect("it has not ended").to_string();
        let sent = Command::new("kill").args([signal, &process]).status().await.unwrap();
        assert!(sent.success());
    }

    /// The first line and the body of a page.
    pub(crate) async fn page(&self, path: &str) -> String {
        let asked = async {
            let mut stream = TcpStream::connect(self.http).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut page = String::new();
            stream.read_to_string(&mut page).await.unwrap();
            page
        };
        tokio::time::timeout(PAGE_DEADLINE, asked).await.expect("a page is answered")
    }
}

/// Where a server logs to.
pub(crate) fn log_of(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("replica-{number}.log"))
}
