//! The addresses of the settings: who listens there.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Finding;
use crate::config::Server;

/// How long a watcher may wait for an answer.
const HTTP_TIMEOUT: Duration = Duration::from_secs(3);

/// The most bytes of an answer that are looked at.
const HTTP_BYTES: usize = 64;

/// Checks that watchers get an answer from a running server, or that one could
/// start.
pub(super) async fn check(server: &Server, reached: bool) -> Vec<Finding> {
    if reached {
        return vec![http(server.http_addr).await];
    }
    vec![
        free("port of gRPC", server.grpc_addr, "--grpc-addr").await,
        free("port of HTTP", server.http_addr, "--http-addr").await,
    ]
}

/// Asks as a watcher does whether the server is ready.
async fn http(address: SocketAddr) -> Finding {
    let asked = tokio::time::timeout(HTTP_TIMEOUT, readyz(address)).await;
    let mend = "set server.http_addr here as it is where the server runs, or ask there";
    match asked {
        Ok(Ok(line)) if line.contains(" 200 ") => {
            Finding::ok("http", format!("http://{address}/readyz answers 200"))
        }
        Ok(Ok(line)) => {
            let text = format!("http://{address}/readyz answers {line:?}");
            Finding::warn("http", text, "wait until it has stopped, and start it again")
        }
        Ok(Err(error)) => Finding::warn("http", format!("http://{address}: {error}"), mend),
        Err(_) => Finding::warn("http", format!("http://{address} does not answer"), mend),
    }
}

/// The first line of the answer.
async fn readyz(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(HTTP_BYTES as u64).read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Whether a server could listen on an address.
async fn free(check: &str, address: SocketAddr, flag: &str) -> Finding {
    match TcpListener::bind(address).await {
        Ok(_) => Finding::ok(check, format!("{address} is free: a server can start")),
        Err(error) => {
            let mend = format!("end what listens there, or choose another with {flag}");
            Finding::fail(check, format!("{address}: {error}"), &mend)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[tokio::test]
    async fn a_taken_port_fails_and_a_free_one_does_not() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let server = Server {
            grpc_addr: address,
            http_addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            drain_seconds: 0,
        };
        let findings = check(&server, false).await;
        assert_eq!((findings[0].state, findings[1].state), (State::Fail, State::Ok));
        assert!(findings[0].text.contains(&address.to_string()));
    }

    #[tokio::test]
    async fn a_watcher_without_an_answer_is_worth_a_look() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for (answer, state) in [
            ("HTTP/1.1 200 OK\r\n\r\nready", State::Ok),
            ("HTTP/1.1 503 Service Unavailable\r\n\r\n", State::Warn),
            ("", State::Warn),
        ] {
            let answering = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                // Bytes left unread would break the connection off.
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(stream.read_u8().await.unwrap());
                }
                assert!(request.starts_with(b"GET /readyz"));
                stream.write_all(answer.as_bytes()).await.unwrap();
            };
            let (finding, ()) = tokio::join!(http(address), answering);
            assert_eq!(finding.state, state, "{answer:?}: {}", finding.text);
        }
        drop(listener);
        assert_eq!(http(address).await.state, State::Warn);
    }
}
