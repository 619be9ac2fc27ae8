//! Where the service listens.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::Problem;

/// Where the service listens, and how it stops.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The address of gRPC; port 0 takes a free one. Must be a loopback address.
    /// Default 127.0.0.1:50051. `ARREARS_GRPC_ADDR`.
    pub grpc_addr: SocketAddr,
    /// The address of `/healthz`, `/readyz` and `/metrics`; port 0 takes a free
    /// one. Must be a loopback address. Default 127.0.0.1:8080.
    /// `ARREARS_HTTP_ADDR`.
    pub http_addr: SocketAddr,
    /// How many seconds open calls may take to end once the server stops, 0 to
    /// 300. Default 20. `ARREARS_DRAIN_SECONDS`.
    pub drain_seconds: u64,
}

impl Default for Server {
    fn default() -> Server {
        Server {
            grpc_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 50_051)),
            http_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 8_080)),
            drain_seconds: 20,
        }
    }
}

impl Server {
    pub(super) fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.drain_seconds > 300 {
            problems.push(Problem {
                setting: "server.drain_seconds",
                value: self.drain_seconds.to_string(),
                bound: "0 to 300 are allowed",
            });
        }
        let addresses =
            [("server.grpc_addr", self.grpc_addr), ("server.http_addr", self.http_addr)];
        for (setting, address) in addresses {
            // An IPv4 loopback address written as IPv6 is one as well.
            if !address.ip().to_canonical().is_loopback() {
                problems.push(Problem {
                    setting,
                    value: address.to_string(),
                    bound: "it must be a loopback address until there are TLS and authentication",
                });
            }
        }
        if self.grpc_addr == self.http_addr && self.grpc_addr.port() != 0 {
            problems.push(Problem {
                setting: "server.http_addr",
                value: self.http_addr.to_string(),
                bound: "it must differ from server.grpc_addr",
            });
        }
        problems
    }
}
