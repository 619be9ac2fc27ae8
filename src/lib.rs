//! arrears stores overdue loan cases, ranks each into a recovery-difficulty
//! group A (easy), B or C (hard), and leases the work, most pressing first.
//!
//! The layers, each importing only those left of it:
//!
//! `model <- {scoring, policy, store} <- engine <- {grpc, console} <- cli <- main`
//!
//! ARCHITECTURE.md is the map.

pub mod cli;
pub mod config;
pub mod engine;
pub mod grpc;
pub mod model;
pub mod policy;
pub mod proto;
pub mod scoring;
pub mod store;
pub mod telemetry;
pub mod yaml;

/// A request makes and drops a hundred small strings; the system's allocator costs
/// an unary call a tenth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
