//! Tests of the whole service, one module per topic, in one program.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod audit;
mod cli;
mod equality;
mod exports;
mod grpc;
mod history;
mod ledger;
mod queue;
mod queue_model;
mod replay;
mod scorecard;
mod soak;
mod spread;
mod store;
mod support;
mod transfer;
