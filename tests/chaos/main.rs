//! The program as processes over a PostgreSQL that is killed, cut off and stopped:
//! what clients were told is held against the invariants of the queue.
//!
//! Every test that needs PostgreSQL has a server of its own. `ARREARS_CHAOS` says how
//! long the chaos goes on, `short` or `long`; unset, none of these run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod aftermath;
mod chaos;
mod client;
mod cluster;
mod dialer;
mod disk;
mod drain;
mod failover;
mod failures;
mod faults;
mod mover;
mod pooler;
mod proxy;
mod pusher;
mod replica;
mod world;

/// The checker and what it reads, shared with the tests of the whole service.
#[path = "../it"]
mod shared {
    pub(crate) mod history;
}

use shared::history;

/// How long the chaos goes on.
const LENGTH: &str = "ARREARS_CHAOS";
