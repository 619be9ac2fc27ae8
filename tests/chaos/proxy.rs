//! What stands between clients and a server: it keeps its address while servers come
//! and go, and loses answers when told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of the bytes of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They reach the client.
    Pass,
    /// The first of them ends the connection: the request has been forwarded.
    Cut,
    /// They are lost until the mode ends, and with it the connection.
    Swallow,
}

/// A listener and its connections. They end when it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    mode: watch::Sender<Mode>,
    target: watch::Sender<SocketAddr>,
    lost: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Forwards to a server.
    pub(crate) async fn start(target: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (target, to) = watch::channel(target);
        let (mode, of) = watch::channel(Mode::Pass);
        let lost = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&lost);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let server = *to.borrow();
                let (of, counted) = (of.clone(), Arc::clone(&counted));
                connections.spawn(forward(client, server, of, counted));
                while connections.try_join_next().is_some() {}
            }
        });
        Proxy { address, mode, target, lost, task }
    }

    /// Forwards new connections to another server.
    pub(crate) fn forward_to(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }

    /// Changes what becomes of answers.
    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// How many times bytes of a server were lost.
    pub(crate) fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(
    client: TcpStream,
    server: SocketAddr,
    mode: watch::Receiver<Mode>,
    lost: Arc<AtomicUsize>,
) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    // Neither matters to what is forwarded.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        () = answers(from_server, to_client, mode, lost) => {}
    }
}

/// Forwards answers until the connection ends, or is ended.
async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    lost: Arc<AtomicUsize>,
) {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut bytes).await else { return };
        let now = *mode.borrow_and_update();
        match now {
            Mode::Pass if to.write_all(&bytes[..count]).await.is_ok() => {}
            Mode::Pass => return,
            Mode::Cut => {
                lost.fetch_add(1, Ordering::SeqCst);
                return;
            }
            Mode::Swallow => {
                lost.fetch_add(1, Ordering::SeqCst);
                let swallow = async {
                    while let Ok(1..) = from.read(&mut bytes).await {
                        lost.fetch_add(1, Ordering::SeqCst);
                    }
                };
                tokio::select! {
                    () = swallow => {}
                    _ = mode.changed() => {}
                }
                return;
            }
        }
    }
}
